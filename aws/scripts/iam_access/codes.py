"""The registry of finding codes: every code, the severities it can have, and what it means.

Codes are stable and meant for programs: changing one is a breaking change. A finding with a code
or a severity that is not here cannot be made, and mypy refuses the code. The tables of the
documentation have the same severities and texts. Error codes of AWS, which failures carry, are
not among them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal, NamedTuple, TypeAlias


class Severity(StrEnum):
    """How much a finding weighs: only an error changes the exit status."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


Code: TypeAlias = Literal[
    "syntax-error",
    "duplicate-key",
    "bad-key",
    "merge-key",
    "tag",
    "multiple-documents",
    "empty-file",
    "cut-off-text",
    "code-owners",
    "unknown-alias",
    "recursive-alias",
    "alias-bomb",
    "too-deep",
    "too-large",
    "too-many-values",
    "too-many-findings",
    "not-utf8",
    "control-character",
    "bad-team-name",
    "bad-file-name",
    "unreadable-file",
    "no-teams",
    "unknown-key",
    "missing-key",
    "wrong-type",
    "bad-value",
    "bad-account-id",
    "bad-environment-name",
    "bad-policy-key",
    "bad-role",
    "bad-user",
    "bad-date",
    "bad-instant",
    "bad-duration",
    "bad-description",
    "bad-form",
    "bad-number",
    "bad-pattern",
    "bad-boundary",
    "empty-list",
    "nobody",
    "not-one-principal",
    "not-one-deadline",
    "not-from-the-merge",
    "grants-nothing",
    "empty-policy",
    "missing-accounts",
    "no-accounts",
    "account-leaves",
    "accounts-not-looked-at",
    "account-twice",
    "conflicting-account",
    "unknown-environment",
    "unknown-grant",
    "duplicate-item",
    "same-user",
    "same-role",
    "same-group",
    "name-taken",
    "duplicate-entry",
    "too-many-accounts",
    "too-many-grants",
    "overlapping-entries",
    "superseded",
    "held-permanently",
    "expired",
    "window-empty",
    "begins-with-merge",
    "start-unknown",
    "bad-request-time",
    "too-long",
    "too-short",
    "starts-too-late",
    "form-not-allowed",
    "missing-ticket",
    "bad-ticket",
    "short-description",
    "only-temporary",
    "forbidden-grant",
    "not-a-grantee",
    "account-not-for-team",
    "account-of-another",
    "unknown-domain",
    "hollow-rule",
    "forbidden-action",
    "rule-unclear",
    "rules-unknown",
    "protected-principal",
    "outlives-deadline",
    "gives-nothing",
    "denied-with-it",
    "suspends-access",
    "missing-boundary",
    "rule-without-effect",
    "unknown-team",
    "similar-environment",
    "policy-name-collision",
    "policy-name-too-long",
    "policy-too-large",
    "bad-managed-policy",
    "customer-managed-policy",
    "bad-customer-policy",
    "tag-too-long",
    "too-many-managed-policies",
    "policy-not-attachable",
    "unknown-placeholder",
    "wrong-partition",
    "bad-action",
    "unknown-action",
    "unknown-service",
    "unknown-service-principal",
    "missing-action",
    "conflicting-actions",
    "missing-resource",
    "conflicting-resources",
    "bad-arn",
    "bad-short-form",
    "unknown-account-name",
    "bad-principal",
    "no-trust",
    "bad-trust",
    "bad-role-key",
    "bad-group-key",
    "bad-group",
    "bad-region",
    "bad-key-alias",
    "bad-key-statement",
    "bad-key-grant",
    "bad-bucket-name",
    "bad-bucket",
    "not-for-groups",
    "unknown-template",
    "bad-variable",
    "bad-character",
    "bad-sid",
    "duplicate-sid",
    "unknown-condition-key",
    "condition-never-applies",
    "action-never-applies",
    "for-all-values-opens",
    "unknown-condition-operator",
    "bad-condition-key",
    "duplicate-condition-key",
    "missing-condition-value",
    "bad-condition-value",
    "not-ours",
    "not-adoptable",
    "adopted",
    "spelled-anew",
    "missing-principal",
    "bucket-unreadable",
    "key-unreadable",
    "other-region",
    "policy-lockout",
    "bucket-not-empty",
    "public-policy",
    "ambiguous-user",
    "aws-owned-role",
    "deployer-role",
    "temporary-role",
    "role-of-a-file",
    "group-of-a-file",
    "hub-unreadable",
    "unread-principal",
    "stray-keys",
    "key-state",
    "key-pending-deletion",
    "unknown-managed-policy",
    "unknown-customer-policy",
    "policies-not-listed",
    "does-not-fit",
    "attachment-quota",
    "inline-quota",
    "policy-quota",
    "role-quota",
    "profile-quota",
    "group-quota",
    "membership-quota",
    "tag-quota",
    "no-safe-order",
    "policy-in-use",
    "role-in-use",
    "group-in-use",
    "kept-of-others",
    "too-many-removals",
    "stale-removal",
    "plan-moved",
    "plan-unreviewed",
    "not-in-plan",
    "plan-done",
    "team-left-alone",
    "unconfirmed-tag",
    "no-deadline",
    "late-deadline",
    "drift",
    "not-applied-yet",
    "expired-leftover",
    "beside-ours",
    "earlier-accounts",
    "earlier-settings",
    "accounts-unknown",
    "entry-to-delete",
    "nothing-matches",
    "keeps-permanent-access",
    "keeps-temporary-access",
    "access-of-others",
    "held-elsewhere",
    "revocation-reason",
    "ends-for-others",
    "sessions-go-on",
    "verified",
    "verify-not-so",
    "verify-not-allowed",
    "verify-outlives",
    "verify-unproven",
    "assertion-failed",
    "access-test",
    "disagreement",
    "no-principal",
    "resource-mismatch",
    "missing-context",
    "unsettled-context",
    "some-resources",
    "left-out",
    "principal-gone",
    "bad-expression",
    "slow-expression",
    "no-actions",
    "bad-resource",
    "unknown-account",
    "wildcard-action",
    "no-tests",
    "not-reached",
    "incomplete-base",
    "not-explained",
    "unread-policy",
    "not-converted",
    "older-fault",
    "file-exists",
    "file-written",
]


class CodeEntry(NamedTuple):
    """The severities that findings with a code can have, and its meaning in Markdown."""

    severities: tuple[Severity, ...]
    meaning: str


_ERROR = (Severity.ERROR,)
_WARNING = (Severity.WARNING,)
_NOTE = (Severity.NOTE,)

CODES: Final[Mapping[Code, CodeEntry]] = {
    # The file
    "syntax-error": CodeEntry(_ERROR, "not YAML; the hint names the usual cause"),
    "duplicate-key": CodeEntry(_ERROR, "a key twice in one mapping"),
    "bad-key": CodeEntry(_ERROR, "a list, a mapping or nothing as a key"),
    "merge-key": CodeEntry(_ERROR, "`<<`, which merges mappings; use an alias as a whole value"),
    "tag": CodeEntry(_ERROR, "a YAML tag, such as `!!str`"),
    "multiple-documents": CodeEntry(_ERROR, "more than one YAML document in the file"),
    "empty-file": CodeEntry(_ERROR, "no YAML document in the file"),
    "cut-off-text": CodeEntry(
        _WARNING, "a description or ticket with ` #` in it, where YAML ends the text"
    ),
    "code-owners": CodeEntry(
        _ERROR + _WARNING,
        "`.github/CODEOWNERS` is not what `owners` in the settings make of it, or GitHub could not "
        "read it; a warning: these are still those of the example",
    ),
    "unknown-alias": CodeEntry(_ERROR, "an alias (`*name`) without an anchor (`&name`)"),
    "recursive-alias": CodeEntry(_ERROR, "an alias within its own anchor"),
    "alias-bomb": CodeEntry(_ERROR, "aliases that expand to far more than the file"),
    "too-deep": CodeEntry(_ERROR, "lists and mappings nested deeper than 32 levels"),
    "too-large": CodeEntry(
        _ERROR,
        "a file of more than 1 MB, or a text of more than 10,240 characters",
    ),
    "too-many-values": CodeEntry(
        _ERROR,
        "more values than a file may have; `limits` in `settings.yaml`",
    ),
    "too-many-findings": CodeEntry(
        _ERROR,
        "500 errors of a file, or between the files of a team, are reported, and no more "
        "are looked for",
    ),
    "not-utf8": CodeEntry(_ERROR, "the file is not in UTF-8"),
    "control-character": CodeEntry(
        _ERROR,
        "a character that cannot be seen, turns the direction of text, or ends a line only "
        "for YAML; in comments too",
    ),
    "bad-team-name": CodeEntry(_ERROR, "the file's name is not a team name"),
    "bad-file-name": CodeEntry(
        _ERROR,
        "a file or folder whose name is nearly one of ours; reported to the teams with files in it",
    ),
    "unreadable-file": CodeEntry(_ERROR, "the file cannot be read"),
    "no-teams": CodeEntry(_WARNING, "there are no files to check"),
    # The shape
    "unknown-key": CodeEntry(
        _ERROR + _WARNING,
        "a key that is not known there, with the nearest known key; a warning in access "
        "tests, where it does nothing",
    ),
    "missing-key": CodeEntry(_ERROR, "a required key is missing"),
    "wrong-type": CodeEntry(_ERROR, "a list, a mapping or text where another is expected"),
    "bad-value": CodeEntry(
        _ERROR,
        "none of the values that are allowed, such as an effect that is neither `Allow` nor "
        "`Deny`; in access tests also `expected_result`, and a value that is not of its "
        "condition key's type",
    ),
    "bad-account-id": CodeEntry(
        _ERROR + _WARNING,
        "not 12 digits; a warning for the landing account of access tests",
    ),
    "bad-environment-name": CodeEntry(_ERROR, "not an environment name"),
    "bad-policy-key": CodeEntry(_ERROR, "not a policy key"),
    "bad-role": CodeEntry(_ERROR, "not the name of an IAM role"),
    "bad-user": CodeEntry(_ERROR, "neither an e-mail address nor the name of an IAM user"),
    "bad-date": CodeEntry(_ERROR, "not a date, `YYYY-MM-DD`"),
    "bad-instant": CodeEntry(_ERROR, "not a time with a time zone"),
    "bad-duration": CodeEntry(_ERROR, "not a length of time, such as `90m`, `12h` or `6d`"),
    "bad-description": CodeEntry(
        _ERROR,
        "longer than 1,000 characters, or with a character that IAM refuses",
    ),
    "bad-form": CodeEntry(_ERROR, "`via` names no form of temporary access"),
    "bad-number": CodeEntry(
        _ERROR,
        "in the settings: not a whole number, or outside the allowed range",
    ),
    "bad-pattern": CodeEntry(
        _ERROR,
        "in the settings: not a pattern, or one that can match nothing",
    ),
    "bad-boundary": CodeEntry(_ERROR, "in the settings: neither a policy's name nor its ARN"),
    "empty-list": CodeEntry(_ERROR, "in the settings: a list without items"),
    "nobody": CodeEntry(_ERROR, "a permanent entry names no user, role or group"),
    "not-one-principal": CodeEntry(_ERROR, "a temporary entry needs exactly one user or role"),
    "not-one-deadline": CodeEntry(
        _ERROR,
        "a temporary entry needs exactly one of `expires_at`, `expiration_date` and `for`",
    ),
    "not-from-the-merge": CodeEntry(
        _ERROR,
        "`starts_at` beside a duration (`for`), or `requested_at` without one",
    ),
    "grants-nothing": CodeEntry(_ERROR, "an entry without environments or grants"),
    "empty-policy": CodeEntry(_ERROR, "a policy without managed policies and statements"),
    # Between entries, files and teams
    "missing-accounts": CodeEntry(_ERROR, "the team has no accounts file"),
    "no-accounts": CodeEntry(_WARNING, "the accounts file has no accounts"),
    "account-leaves": CodeEntry(
        _ERROR + _WARNING + _NOTE,
        "no file names an account any more, and the apply takes away what was granted there; an "
        "error until it could, as where the account cannot be reached. The hint has the way out",
    ),
    "accounts-not-looked-at": CodeEntry(
        _WARNING,
        "from `apply.py` and `drift.py` without `--applied`: earlier commits name accounts that "
        "are not named any more; and from the apply of a merge after main was rewritten",
    ),
    "account-twice": CodeEntry(_ERROR, "two environments of a team are one account"),
    "conflicting-account": CodeEntry(
        _ERROR,
        "teams disagree about an account's role or partition; see *Teams that contradict "
        "each other*",
    ),
    "unknown-environment": CodeEntry(
        _ERROR,
        "the team has no environment of this name; not reported when the accounts file "
        "could not be read, nor of a temporary entry that has ended",
    ),
    "unknown-grant": CodeEntry(
        _ERROR,
        "the team has no policy of this key; not reported when the policies file could not "
        "be read, nor of a temporary entry that has ended",
    ),
    "duplicate-item": CodeEntry(_ERROR, "a value twice in one list"),
    "same-user": CodeEntry(
        _ERROR,
        "two spellings of one IAM user, in a team or in an account that teams share",
    ),
    "same-role": CodeEntry(
        _ERROR,
        "two spellings of one IAM role, in a team or in an account that teams share",
    ),
    "same-group": CodeEntry(_ERROR, "two spellings of one IAM group, in a team"),
    "name-taken": CodeEntry(
        _ERROR,
        "two entries make a role or group of one name in an account: IAM ignores paths and case; "
        "or they describe one bucket or key",
    ),
    "duplicate-entry": CodeEntry(_ERROR, "two entries that grant the same, until the same moment"),
    "too-many-accounts": CodeEntry(
        _ERROR,
        "a team names more accounts than `limits` allow; accounts that no other team names "
        "are read only by `revoke.py`",
    ),
    "too-many-grants": CodeEntry(
        _ERROR,
        "the entries of a team grant more, to more users and roles, than `limits` allow; "
        "nothing else of them is checked",
    ),
    "overlapping-entries": CodeEntry(
        _WARNING,
        "two permanent entries both grant something; removing one would take nothing away",
    ),
    "superseded": CodeEntry(_NOTE, "another temporary entry grants the same for longer"),
    "held-permanently": CodeEntry(
        _NOTE,
        "a temporary entry for what the principal has permanently",
    ),
    "expired": CodeEntry(
        _ERROR + _WARNING + _NOTE,
        "the entry has ended. With `--base`: an error if the change brings it, else a note; "
        "without, a warning",
    ),
    "window-empty": CodeEntry(_ERROR, "the entry would end before it begins"),
    "begins-with-merge": CodeEntry(
        _NOTE,
        "the duration (`for`) of the entry begins with the merge, and when it would end now",
    ),
    "start-unknown": CodeEntry(
        _ERROR,
        "the history does not tell when the duration (`for`) of the entry began, so it grants "
        "nothing: no git, a clone without the whole history, no commit that has it, one that is "
        "dated ahead, or one with which the history begins",
    ),
    "bad-request-time": CodeEntry(_ERROR, "`requested_at` lies ahead"),
    # The rules of `settings.yaml`
    "too-long": CodeEntry(
        _ERROR,
        "the entry lasts longer than allowed, alone or with others that give the same",
    ),
    "too-short": CodeEntry(
        _ERROR + _WARNING,
        "the entry lasts shorter than allowed; a warning without `starts_at`",
    ),
    "starts-too-late": CodeEntry(_ERROR, "the entry begins further ahead than allowed"),
    "form-not-allowed": CodeEntry(_ERROR, "the entry asks for a form that is not allowed"),
    "missing-ticket": CodeEntry(_ERROR, "the entry has no ticket, and the rule requires one"),
    "bad-ticket": CodeEntry(_ERROR, "the ticket does not match the pattern of the rule"),
    "short-description": CodeEntry(_ERROR, "the description is shorter than the rule requires"),
    "only-temporary": CodeEntry(_ERROR, "a permanent entry for a grant that may only be temporary"),
    "forbidden-grant": CodeEntry(_ERROR, "a grant that may not be given in this environment"),
    "not-a-grantee": CodeEntry(
        _ERROR,
        "a grant that may not be given to this user or role, or not by this team",
    ),
    "account-not-for-team": CodeEntry(
        _ERROR,
        "an account that `accounts` reserves for other teams",
    ),
    "account-of-another": CodeEntry(
        _WARNING,
        "with `--base`: a team newly names an account that another team uses",
    ),
    "unknown-domain": CodeEntry(_ERROR, "an address of a domain that is not among `domains`"),
    "hollow-rule": CodeEntry(
        _ERROR,
        "in the settings: `grantees` of a domain, such as `*@example.com`, which exclude no "
        "user, since users are named by the part before the `@` and can be written "
        "with another domain that counts",
    ),
    "forbidden-action": CodeEntry(
        _ERROR,
        "a grant that allows an action that no grant may allow there",
    ),
    "rule-unclear": CodeEntry(
        _ERROR + _WARNING,
        "whether a rule for an environment applies is not known, since an accounts file "
        "cannot be read: a warning of the files, and an error in a plan, which grants "
        "nothing new by the entry",
    ),
    "rules-unknown": CodeEntry(_ERROR, "entries in a folder that the rules do not cover"),
    "protected-principal": CodeEntry(
        _ERROR + _NOTE,
        "the user or role is protected; in a plan, a note if something stays that would be removed",
    ),
    "outlives-deadline": CodeEntry(
        _ERROR + _WARNING,
        "the grant allows what could outlive its end; of AWS managed policies in a plan, "
        "where it is a warning if the rule says `warn`",
    ),
    "gives-nothing": CodeEntry(
        _ERROR + _WARNING,
        "all that a temporary grant allows is denied with it, since it could outlive its "
        "end: it is not written. With `--base` an error in something new, else a warning, "
        "as in `apply.py`; of AWS managed policies in a plan",
    ),
    "denied-with-it": CodeEntry(
        _NOTE,
        "which actions of a temporary grant are denied with it, once per grant",
    ),
    "suspends-access": CodeEntry(
        _WARNING,
        "in a plan: what is denied with a temporary grant takes away what the user or role "
        "may do by other policies, ours or others', or by a role made for another grant, "
        "while the grant holds",
    ),
    "missing-boundary": CodeEntry(
        _ERROR,
        "the entry of a role names another permissions boundary than the settings; in a plan: the "
        "user or role does not carry it, or the account has no such policy for a role that is made",
    ),
    "rule-without-effect": CodeEntry(_WARNING, "the rule applies to nothing that is in the files"),
    "unknown-team": CodeEntry(
        _ERROR, "with `--base`: `intended_removals` of a team that there is not, and was not"
    ),
    "similar-environment": CodeEntry(
        _WARNING + _NOTE,
        "no rule for environments applies to this one, and there is one for `prod` where it "
        "is called `production`; a note where it is called `PROD`, since the rule then "
        "applies",
    ),
    # Policies
    "policy-name-collision": CodeEntry(
        _ERROR,
        "two policies with one name in AWS, which ignores case and paths",
    ),
    "policy-name-too-long": CodeEntry(
        _ERROR,
        "the policy's name in AWS would have more than 128 characters",
    ),
    "policy-too-large": CodeEntry(
        _ERROR,
        "a statement that cannot be cut to fit into 6,144 characters without white space, filled "
        "in for the longest environment, or more than 25 policies of that size; in a plan, for the "
        "account",
    ),
    "bad-managed-policy": CodeEntry(_ERROR, "not the ARN of a policy that AWS manages"),
    "customer-managed-policy": CodeEntry(_ERROR, "the ARN of a policy that AWS does not manage"),
    "bad-customer-policy": CodeEntry(
        _ERROR,
        "in `customer_policies`, not the name or ARN of a policy of others: AWS's, the "
        "pipeline's own, or with characters that no tag may have; in a plan, the last two",
    ),
    "tag-too-long": CodeEntry(
        _ERROR,
        "the tag for the attachment would have more than 128 characters",
    ),
    "too-many-managed-policies": CodeEntry(_ERROR, "more than 100 managed policies in one policy"),
    "policy-not-attachable": CodeEntry(
        _ERROR,
        "a policy for service-linked roles (`aws-service-role/…`), which AWS attaches to "
        "nothing else",
    ),
    "unknown-placeholder": CodeEntry(_ERROR, "`{…}` without a value"),
    "wrong-partition": CodeEntry(
        _ERROR,
        "an ARN of another partition than that of an account where the policy is granted, or the "
        "policy of a role, bucket or key names it as a principal; in a plan, a role and the "
        "account to switch from in two partitions",
    ),
    "bad-action": CodeEntry(
        _ERROR + _WARNING,
        "not an action: `service:Name`; a warning in access tests where AWS may yet have it",
    ),
    "unknown-action": CodeEntry(
        _ERROR + _WARNING,
        "AWS has no such action, or a wildcard matches none. AWS retires names and takes "
        "them in policies all the same, so it is an error where it is new (`--base`), and a "
        "warning where it stood before, in `apply.py` and the others, and in access tests; "
        "`known_names` in the settings lists names that are right",
    ),
    "unknown-service": CodeEntry(
        _ERROR + _WARNING,
        "AWS has no such service; an error or a warning as for actions",
    ),
    "unknown-service-principal": CodeEntry(
        _ERROR + _WARNING,
        "AWS has no such service principal, and refuses a trust policy that names it; an error or "
        "a warning as for actions",
    ),
    "missing-action": CodeEntry(_ERROR, "a statement without actions"),
    "conflicting-actions": CodeEntry(_ERROR, "a statement with both `actions` and `not_actions`"),
    "missing-resource": CodeEntry(_ERROR, "a statement without resources"),
    "conflicting-resources": CodeEntry(
        _ERROR,
        "a statement with both `resources` and `not_resources`",
    ),
    "bad-arn": CodeEntry(
        _ERROR + _WARNING,
        "a resource that IAM refuses; a warning where IAM takes an ARN that matches nothing",
    ),
    "bad-short-form": CodeEntry(
        _ERROR, "a short form of a resource that names none, or that cannot stand there"
    ),
    "unknown-account-name": CodeEntry(
        _ERROR, "an account that is no environment of the team, and no name in `account_names`"
    ),
    "bad-principal": CodeEntry(
        _ERROR, "a short form of a principal that names none, or that AWS would refuse"
    ),
    "no-trust": CodeEntry(_ERROR, "a role that no service or principal may assume"),
    "bad-trust": CodeEntry(
        _ERROR, "a trust entry that AWS would refuse, or that lets in everybody"
    ),
    "bad-role-key": CodeEntry(
        _ERROR, "a key that is not the name of a role, or has a path that is kept for others"
    ),
    "bad-group-key": CodeEntry(_ERROR, "a key that is not the name of a group"),
    "bad-group": CodeEntry(_ERROR, "not the name of a group, or one that another role has"),
    "bad-region": CodeEntry(
        _ERROR, "no region of AWS, or in a plan one of another partition than the account's"
    ),
    "bad-key-alias": CodeEntry(_ERROR, "a name that cannot be the alias of a KMS key"),
    "bad-key-statement": CodeEntry(
        _ERROR, "a statement of a key with another resource than `*`, or an action of no key"
    ),
    "bad-key-grant": CodeEntry(_ERROR, "a grant of a key that AWS would refuse"),
    "bad-bucket-name": CodeEntry(_ERROR, "a key that is not the name of a bucket"),
    "bad-bucket": CodeEntry(_ERROR, "a bucket that lacks something, or that S3 would refuse"),
    "not-for-groups": CodeEntry(
        _ERROR,
        "a grant to a group, of managed policies that the pipeline does not make: groups carry "
        "no tags that would say that these attachments are ours",
    ),
    "unknown-template": CodeEntry(
        _ERROR, "a template that the file does not have, or that uses itself"
    ),
    "bad-variable": CodeEntry(_ERROR, "not a policy variable"),
    "bad-character": CodeEntry(
        _ERROR,
        "a character that IAM refuses in policies, or that cannot be seen",
    ),
    "bad-sid": CodeEntry(_ERROR, "a statement id with other characters than letters and digits"),
    "duplicate-sid": CodeEntry(_ERROR, "a statement id twice in a policy"),
    "unknown-condition-key": CodeEntry(
        _ERROR + _WARNING,
        "AWS has no such condition key: no request has it, so that a Deny denies nothing; "
        "an error or a warning as for actions",
    ),
    "condition-never-applies": CodeEntry(
        _WARNING,
        "a condition key of none of the statement's actions",
    ),
    "action-never-applies": CodeEntry(
        _WARNING,
        "an action that acts on none of its resources, such as `s3:ListBucket` on `bucket/*`",
    ),
    "for-all-values-opens": CodeEntry(
        _WARNING,
        "`ForAllValues` with a key of one value, which holds without it",
    ),
    "unknown-condition-operator": CodeEntry(_ERROR, "AWS has no such condition operator"),
    "bad-condition-key": CodeEntry(
        _ERROR + _WARNING, "not a condition key; a warning in a question of `simulate.py`"
    ),
    "duplicate-condition-key": CodeEntry(
        _ERROR,
        "a condition key twice under one operator, whatever the case",
    ),
    "missing-condition-value": CodeEntry(_ERROR, "a condition without values"),
    "bad-condition-value": CodeEntry(_ERROR, "a value that its condition operator cannot compare"),
    # In a plan
    "not-ours": CodeEntry(
        _ERROR + _NOTE,
        "something that the files ask for exists and the pipeline did not make it. Of an "
        "attachment a note: it is used, and stays when the entry goes. The hint says "
        "whether `--adopt` can take it over",
    ),
    "not-adoptable": CodeEntry(
        _ERROR + _WARNING,
        "with `--adopt`: the deployer role may not make one of the calls that takes; the "
        "hint says what to do by hand. Of an attachment, which serves as it is, a warning",
    ),
    "adopted": CodeEntry(
        _WARNING,
        "who loses what a policy of others allows, when `--adopt` puts ours in its place",
    ),
    "spelled-anew": CodeEntry(
        _ERROR,
        "a policy key changed in case only; the old name is removed first, and the next run "
        "makes the new one",
    ),
    "missing-principal": CodeEntry(
        _ERROR + _NOTE,
        "the user or role does not exist in the account, or goes with the plan while files "
        "still name it; in access tests, it is not among "
        "those tested, a note with `allow_no_match`",
    ),
    "bucket-unreadable": CodeEntry(
        _ERROR + _WARNING,
        "the bucket is in another account, or the deployer role may not read it or its region; a "
        "warning where no file names it",
    ),
    "key-unreadable": CodeEntry(
        _ERROR + _WARNING,
        "the deployer role may not read the key, by its own policy or in its region, so it stays "
        "as it is; a warning where no file names it",
    ),
    "other-region": CodeEntry(
        _ERROR, "the bucket or key is in another region than the file says, and cannot move"
    ),
    "policy-lockout": CodeEntry(
        _ERROR,
        "a policy by which the pipeline, or the account itself, could not change it any more, "
        "now or from a later time on, or of which that cannot be judged",
    ),
    "bucket-not-empty": CodeEntry(
        _ERROR, "a bucket that is to be deleted has objects, or versions of objects"
    ),
    "public-policy": CodeEntry(
        _ERROR, "a policy that lets in everybody, of a bucket that blocks public access"
    ),
    "ambiguous-user": CodeEntry(
        _ERROR,
        "the account has both users that an address may stand for; write `user/` and the "
        "name of one",
    ),
    "aws-owned-role": CodeEntry(_ERROR, "a role of AWS, to which nothing is granted"),
    "deployer-role": CodeEntry(
        _ERROR,
        "a user or role of the pipeline (the deployer role, and those with the tag "
        "`self-serve-pipeline: true`), to which nothing is granted",
    ),
    "temporary-role": CodeEntry(
        _ERROR,
        "a role that was made for a temporary grant, to which nothing is granted",
    ),
    "role-of-a-file": CodeEntry(
        _ERROR, "in a plan: nothing is granted to a role that a file describes whole"
    ),
    "group-of-a-file": CodeEntry(
        _ERROR, "nothing is granted to a group that a file describes whole"
    ),
    "hub-unreadable": CodeEntry(
        _ERROR,
        "in a plan: the account from which people switch into a role cannot be read, so the role "
        "stays as it is",
    ),
    "unread-principal": CodeEntry(
        _NOTE,
        "in a plan: a user or role of another account that a role is to trust is not looked at, as "
        "that account is none of the files' or cannot be read, or is still to be made there",
    ),
    "stray-keys": CodeEntry(
        _ERROR + _WARNING,
        "several keys that may be the one of an alias, as two runs at once may leave; a warning, "
        "of drift above all, where one of them has the alias",
    ),
    "key-state": CodeEntry(_ERROR, "a key in a state in which AWS changes nothing about it"),
    "key-pending-deletion": CodeEntry(_NOTE, "when AWS deletes a key that a file does not want"),
    "unknown-managed-policy": CodeEntry(
        _ERROR,
        "AWS has no such policy, or has withdrawn it; one that is attached already stays",
    ),
    "unknown-customer-policy": CodeEntry(
        _ERROR,
        "the account has no customer managed policy of this name, path and case, or the ARN is of "
        "another account; one that is attached already stays",
    ),
    "policies-not-listed": CodeEntry(
        _ERROR,
        "the deployer role could not list AWS's policies (`iam:ListPolicies`), so a new "
        "attachment may be refused",
    ),
    "does-not-fit": CodeEntry(
        _ERROR,
        "a temporary grant fits in no form: the sizes, and for each form that is not "
        "allowed the rule and its place",
    ),
    "attachment-quota": CodeEntry(
        _ERROR,
        "the user or role has no room for another attached policy",
    ),
    "inline-quota": CodeEntry(
        _ERROR, "the user or role has no room for another inline policy, or a longer one"
    ),
    "policy-quota": CodeEntry(
        _ERROR,
        "the account has no room for another customer managed policy",
    ),
    "role-quota": CodeEntry(_ERROR, "the account has no room for another role"),
    "profile-quota": CodeEntry(_ERROR, "the account has no room for another instance profile"),
    "group-quota": CodeEntry(_ERROR, "the account has no room for another group"),
    "membership-quota": CodeEntry(_ERROR, "the user has no room for another group"),
    "tag-quota": CodeEntry(_ERROR, "the user or role has no room for another tag"),
    "no-safe-order": CodeEntry(
        _ERROR,
        "changes that cannot be made at once: in whatever order, a user or role would have "
        "more in between than before and after. It takes policies that both allow and "
        "deny, have no room for a version in between, and change places",
    ),
    "policy-in-use": CodeEntry(_ERROR, "a policy that would be deleted is a permissions boundary"),
    "role-in-use": CodeEntry(
        _ERROR,
        "a role that no entry asks for any more stays: an instance profile of others holds it, or "
        "it has inline policies of others, which `policies_of_others` in the settings keeps",
    ),
    "group-in-use": CodeEntry(
        _ERROR,
        "a group that no entry asks for any more stays, without members: it has inline policies of "
        "others, which `policies_of_others` in the settings keeps",
    ),
    "kept-of-others": CodeEntry(
        _WARNING,
        "others put policies on a role or group that a file describes, and `policies_of_others` "
        "in the settings keeps them",
    ),
    "too-many-removals": CodeEntry(
        _ERROR,
        "teams would remove 10 or more of the grants that are held in an account, and more "
        "than 30 %: all that they would change there is held back. A line in "
        "`intended_removals` of `settings.yaml`, `--allow-removals-of TEAM`, or "
        "`--allow-removals` for all",
    ),
    "stale-removal": CodeEntry(
        _NOTE, "with `--base`: a line of `intended_removals` that was for an earlier change"
    ),
    "plan-moved": CodeEntry(
        (*_ERROR, *_WARNING),
        "the plan would be another one by now than the one that was reviewed: with `--from-plan` "
        "nothing is written in the account, after a merge nothing of the teams concerned "
        "(`on_plan_change: apply` makes it a warning); see [plan-files.md](plan-files.md)",
    ),
    "plan-unreviewed": CodeEntry(
        (*_ERROR, *_NOTE),
        "something was merged of which no plan against the account was reviewed; "
        "`without_reviewed_plan` says whether it is applied",
    ),
    "not-in-plan": CodeEntry(
        _ERROR,
        "with `--from-plan`: the plan file has no plan of the account, or the files do not "
        "have the account",
    ),
    "plan-done": CodeEntry(
        _NOTE,
        "with `--from-plan`: how many of the changes are made already",
    ),
    "team-left-alone": CodeEntry(_NOTE, "the team's files are invalid, so what it has stays"),
    "unconfirmed-tag": CodeEntry(
        _WARNING,
        "a tag claims an attachment for a team and was not written for that user or role: "
        "copied, or of an earlier version. Nothing is detached for it; the hint says how to "
        "go on",
    ),
    "no-deadline": CodeEntry(
        _ERROR,
        "from `cleanup.py` and `drift.py`: temporary access of ours was changed so that it "
        "never ends. It is repaired where the files can be read",
    ),
    "late-deadline": CodeEntry(
        _ERROR,
        "from `cleanup.py` and `drift.py`: temporary access of ours was changed so that it "
        "ends later. It is repaired where the files can be read",
    ),
    "drift": CodeEntry(
        _ERROR,
        "from `drift.py`: something that is to be ours is missing, was changed, or is there "
        "without an entry, in the account alone. `--mend` puts it right",
    ),
    "not-applied-yet": CodeEntry(
        _NOTE,
        "from `drift.py`: how many changes of the files wait for an apply, which is no drift",
    ),
    "expired-leftover": CodeEntry(
        _ERROR + _NOTE,
        "from `drift.py`: what gives nothing any more and can be taken away; an error two days "
        "after its end, when cleanups have missed it",
    ),
    "beside-ours": CodeEntry(
        _ERROR,
        "from `drift.py`: a user or role with access of ours has groups, policies or roles to "
        "assume from others. `expected_access` in the settings lists what is meant",
    ),
    "earlier-accounts": CodeEntry(
        _WARNING,
        "from `revoke.py`: accounts that today's files do not have were taken from the last "
        "commit that has them",
    ),
    "earlier-settings": CodeEntry(
        _WARNING,
        "from `revoke.py`: settings that today's files do not have were taken from the last "
        "commit that has them, or are the defaults",
    ),
    "accounts-unknown": CodeEntry(
        _ERROR,
        "from `revoke.py`: neither the file nor a commit has a team's accounts",
    ),
    "entry-to-delete": CodeEntry(
        _WARNING,
        "from `revoke.py`: the entry would bring back what was revoked",
    ),
    "nothing-matches": CodeEntry(
        _ERROR,
        "from `revoke.py`: there is no such access, or no account to look in",
    ),
    "keeps-permanent-access": CodeEntry(
        _ERROR + _WARNING,
        "from `revoke.py`: permanent access of ours that stays, and the entry that grants it: of a "
        "role, bucket or key, that its policy lets one in by name; an error with `--permanent`",
    ),
    "keeps-temporary-access": CodeEntry(
        _WARNING,
        "from `revoke.py`: temporary access of ours that stays, and the entry that grants it",
    ),
    "access-of-others": CodeEntry(
        _WARNING + _NOTE,
        "from `revoke.py`: groups and policies that others gave, and roles whose trust policy "
        "names the user or role; a note where there is none. Policies of resources, and other "
        "roles that can be assumed, are not looked at",
    ),
    "held-elsewhere": CodeEntry(
        _NOTE,
        "from `revoke.py`: accounts that `--environment` leaves out were not looked at",
    ),
    "revocation-reason": CodeEntry(_NOTE, "from `revoke.py`: the reason that was given for it"),
    "ends-for-others": CodeEntry(
        _WARNING,
        "from `revoke.py`: what ends is held by others as well, who lose it with it until the "
        "next apply",
    ),
    "sessions-go-on": CodeEntry(
        _WARNING,
        "from `revoke.py`: sessions of a role go on that one opened who may assume it no more",
    ),
    # After an apply with `--verify`
    "verified": CodeEntry(
        _NOTE,
        "of how many grants it is proven that they are allowed, and of how many temporary "
        "ones that they end. Also `verified` in JSON, as numbers",
    ),
    "verify-not-so": CodeEntry(
        _ERROR,
        "something is missing, different from the files, or still there: it was changed "
        "since it was written",
    ),
    "verify-not-allowed": CodeEntry(
        _ERROR,
        "a policy keeps a grant from being allowed, in the account as it is: a boundary, or "
        "a `Deny`; of a role made for a grant also that its person may not assume it",
    ),
    "verify-outlives": CodeEntry(
        _ERROR,
        "what the account holds of a temporary grant gives something after its end",
    ),
    "verify-unproven": CodeEntry(
        _ERROR + _NOTE,
        "no request was found that a grant allows, with the reason; a note where this "
        "concerns only some of its statements, or a policy of others that a sandbox does not know",
    ),
    "assertion-failed": CodeEntry(_ERROR, "an access test does not hold"),
    # Findings
    "access-test": CodeEntry(_ERROR, "a test does not hold, in annotations (`--output github`)"),
    "disagreement": CodeEntry(
        _ERROR,
        "with `--compare`: offline and AWS's simulator decide differently",
    ),
    "no-principal": CodeEntry(
        _ERROR + _WARNING + _NOTE,
        "a test matches no user or role in the account; a note with `allow_no_match`, a "
        "warning if it matches none in any account",
    ),
    "resource-mismatch": CodeEntry(
        _WARNING,
        "no action of the test acts on a resource, or an action on none of them",
    ),
    "missing-context": CodeEntry(
        _WARNING,
        "so many pass only because their requests lack a condition key",
    ),
    "unsettled-context": CodeEntry(
        _ERROR,
        "a policy may allow for other values of open keys what must fail, and no request "
        "was found that shows it, and there may be one; name the keys in "
        "`custom_context`",
    ),
    "some-resources": CodeEntry(
        _WARNING,
        "so many pass a test that expects `fail` though they may do it on some of the "
        "resources, since a pattern (and `*`) is asked for as it is written",
    ),
    "left-out": CodeEntry(_NOTE, "all whom a test is about are left out by an option"),
    "principal-gone": CodeEntry(_WARNING, "the user or role was deleted while the tests ran"),
    "bad-expression": CodeEntry(_ERROR, "not a regular expression"),
    "slow-expression": CodeEntry(
        _ERROR,
        "a regular expression that could take for ever, or more than 50,000 characters of "
        "them in a file",
    ),
    "no-actions": CodeEntry(_ERROR, "a test without actions"),
    "bad-resource": CodeEntry(_ERROR, "neither `*` nor an ARN"),
    "unknown-account": CodeEntry(_ERROR, "all expressions name accounts that are not the team's"),
    "wildcard-action": CodeEntry(_NOTE, "a pattern in a test that expects `fail`, see above"),
    "no-tests": CodeEntry(_WARNING, "nothing is asserted"),
    "not-reached": CodeEntry(
        _ERROR,
        "an account could not be asked, in annotations (`--output github`)",
    ),
    # Explanations
    "incomplete-base": CodeEntry(
        _WARNING,
        "files of `--base` are invalid or could not all be applied: what is missing there "
        "is shown as new, though it may not be. A change that fixes them passes",
    ),
    "not-explained": CodeEntry(
        _ERROR,
        "what the meaning needs could not be read. The plan is carried out all the same: a "
        "revocation does not wait for an explanation",
    ),
    "unread-policy": CodeEntry(
        _WARNING,
        "with `--sandbox`: what a policy of others (`customer_policies`) says is not known there",
    ),
    # Files of older tools
    "not-converted": CodeEntry(
        _ERROR, "something in the older tool's files that cannot be converted; nothing is written"
    ),
    "older-fault": CodeEntry(
        _WARNING,
        "a place where the older tool did something else than its files or its documentation say; "
        "the hint says what the pipeline does instead",
    ),
    "file-exists": CodeEntry(
        _ERROR + _NOTE,
        "a file of the team is there already; with `--overwrite` a note that it was replaced",
    ),
    "file-written": CodeEntry(_NOTE, "a file of the team that was written"),
}
