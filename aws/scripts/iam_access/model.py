"""The values that all parts of the pipeline share. No behaviour beyond what follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from iam_access.codes import CODES, Code
from iam_access.codes import Severity as Severity  # noqa: PLC0414 - it is used with findings


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file. `file` is a path as people would type it; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a report shows with a code, a severity and a place: a finding, or a failure.

    The code of a failure is AWS's or one of ours, see `Failure`. `team` and `account` (its 12
    digits) are those it is about, where they are known. A hint that `quotes` is lines of a file, as
    one of several lines always is.
    """

    code: str
    severity: Severity
    message: str
    hint: str = ""
    location: Location | None = None
    team: str | None = None
    account: str | None = None
    quotes: bool = False

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR

    @property
    def quoted(self) -> Sequence[str]:
        """The lines of a file that the hint is; none if it is words."""
        return self.hint.split("\n") if self.quotes or "\n" in self.hint else ()

    @property
    def sort_key(self) -> tuple[str, int, int, str, str, str]:
        """Files first in order of place, then what has no place, by account."""
        place = self.location or Location("\uffff", 0, 0)
        return (
            place.file,
            place.line,
            place.column,
            self.account or "",
            self.code,
            self.message,
        )


@dataclass(frozen=True, slots=True)
class Finding(Notice):
    """Something that is wrong, or good to know, about a file or an account.

    `code` is one of `codes.CODES`, with one of its severities: ValueError otherwise.
    """

    code: Code

    def __post_init__(self) -> None:
        entry = CODES.get(self.code)
        if entry is None or self.severity not in entry.severities:
            raise ValueError(f"no finding has the code {self.code!r} as {self.severity}")


class PrincipalType(StrEnum):
    """The IAM entities that policies attach to, and whom policies of resources name beside them."""

    USER = "user"
    ROLE = "role"
    GROUP = "group"
    OUTSIDER = "outsider"


@dataclass(frozen=True, slots=True, order=True)
class Principal:
    """An IAM user, role or group of one account, by name (without its path).

    The name of an outsider says what it is: `account 111122223333`, `everyone`, or an ARN.
    """

    type: PrincipalType
    name: str

    def __str__(self) -> str:
        if self.type is PrincipalType.OUTSIDER:
            return self.name
        return f"{self.type}/{self.name}"

    @property
    def label(self) -> str:
        """For people: `user alice`."""
        if self.type is PrincipalType.OUTSIDER:
            return self.name
        return f"{self.type} {self.name}"

    @property
    def in_iam(self) -> tuple[PrincipalType, str]:
        """What identifies a principal in its account: IAM ignores the case of names."""
        return self.type, self.name.lower()


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account that the files name.

    `environments` maps each team that uses the account to its own name for it.
    """

    id: str
    partition: str
    deployer_role: str
    environments: Mapping[str, str]

    @property
    def label(self) -> str:
        """The environment names in use for it, for people: `prod`, or `live/prod`; else its id."""
        return "/".join(sorted(set(self.environments.values()))) or self.id

    @property
    def title(self) -> str:
        """For people: `prod (123456789012)`; the id alone where no team has a name for it."""
        return f"{self.label} ({self.id})" if self.environments else self.id


class Phase(IntEnum):
    """When, within one account, an API call is made. Stopping after any call is safe."""

    RECLAIM = 0  # what is dead already, or must make room
    PUBLISH = 1  # customer managed policies: created, updated
    CLAIM = 2  # ownership tags, before what they own exists
    GRANT = 3  # attach and put
    REVOKE = 4  # detach and delete inline
    RETIRE = 5  # customer managed policies: deleted
    RELEASE = 6  # ownership tags, after what they owned is gone


class CallTarget(NamedTuple):
    """Where an API call goes: which account's role makes it, to which service, in which region."""

    account: str
    service: str
    region: str | None = None


class Match(StrEnum):
    """How the value at a path of an answer compares with the values that are expected."""

    EQUALS = "equals"  # it is one of them
    MEANS = "means"  # it is a policy document that means the same as one of them
    CONTAINS = "contains"  # it is a list with one of them
    LACKS = "lacks"  # it is a list without any of them
    ABSENT = "absent"  # there is no value
    PARAMETER = "parameter"  # it is the value of the call's own parameter of this name


@dataclass(frozen=True, slots=True)
class AnswerCheck:
    """What an answer must hold. `path` are keys; a step into a list is taken into each element."""

    path: tuple[str, ...]
    match: Match
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """One read of an AWS API in the account of the call that it is about.

    `takes` are further parameters with the paths of their values in the answer of the read before.
    `pages` names the parameter and the part of the answer that lead to the next page; lists then
    count with all their pages. One of the error codes `absent` means that what was to go is gone.
    """

    service: str
    operation: str
    params: Mapping[str, Any]
    expects: tuple[AnswerCheck, ...] = ()
    takes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    pages: tuple[str, str] | None = None
    absent: frozenset[str] = frozenset()
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Confirm:
    """How to tell, after an error, that a call had in fact been carried out.

    AWS may carry out a call and lose the answer; the retry then fails with one of `codes`. It was
    carried out if every read finds what it expects: what was wanted is there or, for a call with
    `absent_is_done`, what was to go is gone. If it is to be done `always`, an answer of AWS that it
    was carried out is no proof either.
    """

    codes: frozenset[str]
    reads: tuple[Read, ...]
    always: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """How to find out when AWS has carried out a call that it accepts first and carries out later.

    `status` is the path of the status in the answer of the call, where that has one, and of `read`,
    which takes from the call's answer what identifies it. AWS is still at it while the status is
    one of `going`, and has carried it out when it is one of `done`; any other one is a failure, and
    `reason` the path of AWS's words for it, if there are any.
    """

    read: Read
    status: tuple[str, ...]
    done: frozenset[str]
    going: frozenset[str]
    reason: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A parameter whose value is in the answer of an earlier call of the same change.

    `operation` is that call's, and `path` leads to the value.
    """

    parameter: str
    operation: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call of an AWS API, as a value.

    `service` and `operation` are boto3's names (`iam`, `attach_user_policy`), `params` the
    arguments. `account` (12 digits) is the account whose deployer role makes the call: not always
    the one that the change is about. `region` is None for a service with one endpoint for the whole
    partition. `action` is the IAM action of the operation where it does not follow from the names.
    `taken` parameters are known only when the change is carried out: `params` have a stand-in.
    Calls of one phase that differ only in the list named by `merge` are sent as one. With
    `absent_is_done`, an error that says that it does not exist counts as done. A call with a
    `completion` is made only once AWS has carried it out; a code of its `confirm` then says that
    the same may be under way already.
    """

    service: str
    operation: str
    params: Mapping[str, Any]
    _: KW_ONLY
    account: str
    phase: Phase
    region: str | None = None
    action: str | None = None
    merge: str | None = None
    absent_is_done: bool = False
    confirm: Confirm | None = None
    completion: Completion | None = None
    taken: tuple[Taken, ...] = ()

    @property
    def target(self) -> CallTarget:
        """Where the call goes."""
        return CallTarget(self.account, self.service, self.region)

    @property
    def permission(self) -> str:
        """The IAM action that the call takes: `iam:AttachUserPolicy`."""
        return self.action or permission(self.service, self.operation)


def permission(service: str, operation: str) -> str:
    """The IAM action of an operation (boto3's names) for which the two have one name."""
    return f"{service}:" + "".join(word.capitalize() for word in operation.split("_"))


@dataclass(frozen=True, slots=True, order=True)
class ResourceId:
    """The identity of a resource within an account: its kind, and a key that the kind defines."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


@dataclass(frozen=True, slots=True)
class Resource:
    """Something of ours in an account, as it is or as it is to be.

    Two resources with one id are alike when `document` and `documents` (by meaning), `attributes`
    and `owners` are. `document` is the policy that it is or carries; `documents` are others that
    belong to it, by name, such as a role's trust policy. `tags` are those that it is made with,
    where they are not among the `attributes`. `aside` is what else its kind has to know of it, and
    what other resources write. `teams` are those whose files ask for it or that own it; `owners`
    those whose ownership is recorded apart from it, in tags, so that several can share it. `needs`
    names resources it cannot exist without. `starts` (UTC) is the moment before which its documents
    allow nothing, None where they allow something at once.
    `expires` (UTC) is the moment from which it gives nothing, None for what is permanent; `grant`
    then names the team's policy that it grants, and resources of one principal, team and grant
    succeed each other. `description` is sent to AWS when it is made and cannot change afterwards.
    `relative_end` says in words when it expires if that counts from a merge, as the digest does.
    `reasons` say why it is to be, for the reviewer. `usage` says, line by line, how to
    make use of it. `arn` is its ARN where AWS chooses that, and it has one. Of one that goes,
    `leaves` says what stays, and `loss` what is lost for good, which a reviewer has to see.
    """

    id: ResourceId
    name: str
    teams: frozenset[str]
    owners: frozenset[str] = frozenset()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] | None = None
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    aside: Mapping[str, Any] = field(default_factory=dict)
    principal: Principal | None = None
    needs: frozenset[ResourceId] = frozenset()
    starts: datetime | None = None
    expires: datetime | None = None
    relative_end: str | None = None
    grant: str | None = None
    description: str | None = None
    reasons: tuple[str, ...] = ()
    usage: tuple[str, ...] = ()
    location: Location | None = None
    arn: str | None = None
    leaves: str = ""
    loss: str = ""


# The end of what was dead from the start, or was taken apart before it could end.
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class ChangeType(StrEnum):
    """What a change does to a resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One reviewed step from what is to what is to be, with the calls that make it.

    `teams` are all whose files or ownership it touches; a run for any of them includes it.
    `reasons` say why it is made, the first of them first of all.
    `needs` are the ids of other changes of the same plan that must succeed first, or it is not
    made; `follows` those that must succeed first if they are part of the plan, and `last_after`
    those before its calls in Phase.RELEASE. Changes that are `between` come after its calls in
    Phase.RECLAIM, and before all others that it makes. `of_others` are the customer managed
    policies of others that it attaches, by ARN, each with a fingerprint of what it says.
    """

    action: ChangeType
    id: ResourceId
    name: str
    teams: frozenset[str]
    reasons: tuple[str, ...]
    before: Resource | None
    after: Resource | None
    calls: tuple[ApiCall, ...]
    needs: frozenset[ResourceId] = frozenset()
    follows: frozenset[ResourceId] = frozenset()
    last_after: frozenset[ResourceId] = frozenset()
    between: frozenset[ResourceId] = frozenset()
    of_others: Mapping[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """All the reasons in one text."""
        return "; ".join(self.reasons)

    @property
    def waits_for(self) -> frozenset[ResourceId]:
        return self.needs | self.follows

    def call_waits_for(self, call: ApiCall) -> frozenset[ResourceId]:
        """The ids of the changes that come before one of the calls."""
        if call.phase is Phase.RECLAIM:
            return self.waits_for - self.between
        return self.waits_for | self.last_after if call.phase is Phase.RELEASE else self.waits_for

    @property
    def subject(self) -> Resource:
        """The resource as it will be, or as it was where it goes."""
        resource = self.after or self.before
        assert resource is not None, "a change has a before or an after"
        return resource

    @property
    def principal(self) -> Principal | None:
        return self.subject.principal

    @property
    def location(self) -> Location | None:
        return self.subject.location


class GrantChange(StrEnum):
    """What a plan does to a temporary grant."""

    UNCHANGED = "unchanged"
    NEW = "new"
    RENEWED = "renewed"  # it ends later than before
    SHORTENED = "shortened"  # it ends earlier than before
    CHANGED = "changed"  # it ends as before, and something else about it differs
    REVOKED = "revoked"  # it was alive and goes
    ENDED = "ended"  # it was dead and goes

    @property
    def is_removal(self) -> bool:
        return self in (GrantChange.REVOKED, GrantChange.ENDED)


@dataclass(frozen=True, slots=True)
class TemporaryGrantStatus:
    """One temporary grant of one principal in one account, and what a plan does to it.

    `principal` is None if it was deleted, `grant` if the policy that it grants is not known.
    `starts` (UTC) is None for one that holds already or goes, `expires` (UTC) for one that has lost
    its end. `kinds` counts the resources that write it by kind, and `form` says so in words:
    `inline policy`, `2 policies`. `changes` are the ids of the plan's changes that touch them or
    what they need.
    """

    principal: Principal | None
    teams: frozenset[str]
    grant: str | None
    starts: datetime | None
    expires: datetime | None
    kinds: tuple[tuple[str, int], ...]
    form: str
    change: GrantChange = GrantChange.UNCHANGED
    changes: tuple[ResourceId, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All that one run would change in one account.

    `held` are changes that are not made, since a guard found what some teams would change unsafe
    as a whole; an error among `findings` says why. `owned` counts what was ours in the account
    before. `temporary` are the temporary grants that are alive once the plan is carried out, and
    those that it removes. `wanted` is all that the files of the run's teams ask for and
    that the account has once the plan is carried out, with what stays as it is.
    """

    account: Account
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    held: tuple[Change, ...] = ()
    owned: int = 0
    temporary: tuple[TemporaryGrantStatus, ...] = ()
    wanted: tuple[Resource, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether a part of it is not made."""
        return bool(self.held)


class Status(StrEnum):
    """What became of a change."""

    DONE = "done"
    ALREADY = "already"  # the account was so already
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something could not be finished: AWS's error code, its words, and what to do."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change when it was carried out."""

    change: Change
    status: Status
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class PermissionDelta:
    """Actions of one access level that a principal gains or loses, all in the same way.

    `level` is one of AWS's, or `Unknown` for actions that its documentation lacks. `actions` are
    full names; `s3:*` stands for all of this level that the service has, `*` for all of AWS's;
    `count` counts each. They are for any of the `resources`, whenever all `conditions` hold, but
    not when one of `unless` does. `common` are the parts of it that are the same before and after:
    so far, or still, allowed. `starts` and `until` (UTC) limit the time; None: no limit. `via`
    names the role that has to be assumed for it.
    """

    level: str
    count: int
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    conditions: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    common: tuple[str, ...] = ()
    starts: datetime | None = None
    until: datetime | None = None
    via: str | None = None


@dataclass(frozen=True, slots=True)
class Escalation:
    """A known escalation path that a principal gains: a way to more access than was granted.

    `code` is stable and meant for programs, `actions` are the permissions that together make it
    possible, `url` the page that describes it.
    """

    code: str
    explanation: str
    url: str
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a plan gives to one user or role, and what it takes away.

    `gained` and `lost` count the different actions by access level. `unread` are ARNs of
    policies held before or after whose contents are not known, and so not in any of the rest.
    Unless it `is_known` what else the principal holds, it may lose more than `losses`: `denied`
    is what the plan newly denies it, `freed` what was denied and is no more, each counted, too.
    """

    principal: Principal
    gains: tuple[PermissionDelta, ...] = ()
    losses: tuple[PermissionDelta, ...] = ()
    gained: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)
    escalations: tuple[Escalation, ...] = ()
    unread: tuple[str, ...] = ()
    is_known: bool = True
    denied: tuple[PermissionDelta, ...] = ()
    freed: tuple[PermissionDelta, ...] = ()
    denied_counts: Mapping[str, int] = field(default_factory=dict)
    freed_counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_nothing(self) -> bool:
        """Whether the principal may do exactly what it could before."""
        changes = self.gains or self.losses or self.denied or self.freed
        return not (changes or self.escalations or self.unread)


@dataclass(frozen=True, slots=True)
class Verification:
    """What was proven of an account that was read again after a run, and what was not.

    Of all `grants` that the files ask for, those that are `alive` are allowed what they are to
    allow; of the `temporary` ones among them, those that are `ending` give nothing from their end
    on. `findings` say what does not hold, what could not be proven and why, and the counts.
    """

    findings: tuple[Finding, ...] = ()
    grants: int = 0
    alive: int = 0
    temporary: int = 0
    ending: int = 0


@dataclass(frozen=True, slots=True)
class AccountReport:
    """One account's part of a run.

    `failure` says why the account could not be read at all (then there is no plan).
    `outcomes` is empty when nothing was carried out (dry run, refused, nothing to do).
    `meanings` are those of each principal that the plan touches; None if they were not asked.
    `held_meanings` are what the changes that are held back would mean beyond that, if allowed.
    `verified` is the result of reading the account again afterwards; None without that.
    """

    account: Account
    plan: Plan | None = None
    outcomes: tuple[Outcome, ...] = ()
    failure: Failure | None = None
    meanings: tuple[Meaning, ...] | None = None
    held_meanings: tuple[Meaning, ...] = ()
    verified: Verification | None = None

    @property
    def unfinished(self) -> bool:
        """Whether something could not be done in AWS; this decides the exit status first."""
        return self.failure is not None or any(
            outcome.status in (Status.FAILED, Status.SKIPPED) for outcome in self.outcomes
        )


class RequestType(StrEnum):
    """What a change of the files asks for."""

    ACCESS = "access"
    RENEWAL = "renewal"  # the same grant, until later
    WINDOW = "window"  # the same grant, in another window that ends no later
    END = "end"
    POLICY = "policy"  # other content of a policy
    TRUST = "trust"  # who may assume a role
    POLICY_NAME = "policy-name"
    ENVIRONMENT_NAME = "environment-name"
    TEAM_NAME = "team-name"
    MOVE = "move"  # a user or role from one team to another
    NEW_TEAM = "new-team"
    TEAM_LEAVES = "team-leaves"
    NEW_ACCOUNT = "new-account"
    ACCOUNT_LEAVES = "account-leaves"
    ACCOUNT_ROLE = "account-role"  # an account is reached by another role, or in another partition
    SETTINGS = "settings"
    REMOVALS = "removals"  # that a team takes away however much is intended
    INVALID_FILES = "invalid-files"  # what they ask for is not known


class SettingChange(NamedTuple):
    """A setting that changes: what is taken out of it, and what comes in, as texts."""

    key: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a change of the files asks for, read from them alone.

    `principals` get, keep or lose `grants` (keys of policies of `team`) in `places`: environments,
    each with the account's id. `starts` and `until` (UTC) are the window of temporary access, both
    None for permanent access; if it `lasts` for a duration from a merge to come, `until` is its end
    if that were now. `previous_until` is when it ended before. `previous` is the name
    before, of what has another one now. `newcomers` are principals that the files did not name
    before, `guarded` environments that have rules of their own, or the name before of one whose
    rules do not hold under its new name. `number` counts the grants concerned, each to one
    principal in one account. `settings` are the settings that change, or those of accounts.
    Principals that get something by what it `becomes`, a role, are users of another account. What
    is `own` is not the content of a policy but what an entry says itself. `trusted` are the
    services and principals that may assume a role, as the policy names them, which is `conditional`
    if a condition must hold for one of them.
    """

    type: RequestType
    team: str = ""
    principals: tuple[Principal, ...] = ()
    grants: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()
    starts: datetime | None = None
    until: datetime | None = None
    lasts: timedelta | None = None
    previous_until: datetime | None = None
    previous: str = ""
    ticket: str | None = None
    description: str | None = None
    newcomers: tuple[Principal, ...] = ()
    guarded: tuple[str, ...] = ()
    number: int = 0
    location: Location | None = None
    settings: tuple[SettingChange, ...] = ()
    becomes: str | None = None
    own: bool = False
    trusted: tuple[str, ...] = ()
    conditional: bool = False


class EntryReason(NamedTuple):
    """Why an entry of the files asks for access, in its own words."""

    ticket: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one run of a command. `now` is the run's time (UTC).

    `requests` are what the files ask for beyond those of `--base`, if the run compares them.
    `reasons` are those of entries, by the location that changes of theirs have. `sandbox` tells
    that the accounts were those of a sandbox, `has_base` that there were earlier files to compare.
    `environments` are those that the run was limited to; none is no limit.
    """

    command: str
    now: datetime
    accounts: tuple[AccountReport, ...] = ()
    findings: tuple[Finding, ...] = ()
    digest: str | None = None
    dry_run: bool = False
    requests: tuple[Request, ...] = ()
    reasons: Mapping[Location, EntryReason] = field(default_factory=dict)
    sandbox: bool = False
    has_base: bool = False
    environments: tuple[str, ...] = ()

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Findings of the files, of every account's plan and of its outcome, sorted."""
        plans = [report.plan for report in self.accounts if report.plan is not None]
        found = [
            *self.findings,
            *(finding for plan in plans for finding in plan.findings),
            *(
                finding
                for account in self.accounts
                if account.verified is not None
                for finding in account.verified.findings
            ),
        ]
        return tuple(sorted(found, key=lambda finding: finding.sort_key))

    @property
    def exit_status(self) -> int:
        """0 done, 1 it found something, 2 it could not finish."""
        if any(account.unfinished for account in self.accounts):
            return 2
        refused = any(
            account.plan is not None and account.plan.refused for account in self.accounts
        )
        return 1 if refused or any(finding.is_error for finding in self.all_findings) else 0
