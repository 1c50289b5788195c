"""Check the policies of one team for what AWS would refuse, or what cannot be meant."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from iam_access.codes import Code
from iam_access.config.checks.team import TeamIndex, how_to_name_an_account
from iam_access.config.configuration import TeamFiles
from iam_access.config.earlier import Earlier
from iam_access.config.findings import FindingCollector
from iam_access.config.rules.rulebook import first_match
from iam_access.config.settings import Settings
from iam_access.kinds import customer_policies, names, ownership
from iam_access.kinds.base import (
    POLICIES_FOLDER,
    STATEMENT_KEYS,
    STATEMENTS,
    AccessEntry,
    InvalidEntry,
    Item,
    StatementSpec,
)
from iam_access.kinds.fields import account_placeholder, fill, may_have_any, unknown_in
from iam_access.kinds.short_forms import account_name, with_some_account
from iam_access.model import Severity
from iam_access.phrases import did_you_mean, listed, shown
from iam_access.place import Path, SourcePosition
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy import lint
from iam_access.policy.arn import PARTITIONS
from iam_access.policy.globs import has_wildcard, matching
from iam_access.problem import Problem
from iam_access.snapshot import Quotas

MANAGED, CUSTOMER = "managed_policies", customer_policies.KEY

# AWS managed policies of one policy. A user or role can have at most 20 attached.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_MOST = 100

# Only the partition can be a placeholder in the ARN of an AWS managed policy.
_FILL: Mapping[str, str] = {
    "account_id": "{}",
    "environment": "{}",
    "partition": "aws",
    "team": "{}",
}


class Partitions:
    """The partitions in which a team's policies are granted."""

    def __init__(self, team_files: TeamFiles, index: TeamIndex) -> None:
        self._of = {
            item.key: item.spec.partition
            for item in team_files.account_items
            if item.spec is not None
        }
        self._of_id = {
            item.spec.id: item.spec.partition
            for item in team_files.account_items
            if item.spec is not None
        }
        self._all = frozenset(self._of.values())
        self._entries = index.entries

    def of_account(self, name: str) -> str | None:
        """The partition of an account of the team, by its environment or id."""
        return self._of.get(name) or self._of_id.get(name)

    def used_by(self, key: str) -> frozenset[str]:
        """The partitions in which a policy is granted; that of the team if it has only one."""
        return self.of(entry for entry in self._entries if key in entry.grants)

    def of(self, entries: Iterable[AccessEntry]) -> frozenset[str]:
        """The partitions of the entries' environments; that of the team if it has only one."""
        if len(self._all) <= 1:
            return self._all
        named = (each for entry in entries for each in entry.environments)
        return frozenset(self._of[each] for each in named if each in self._of)


def check_aws_managed(
    item: Item, partitions: frozenset[str], report: FindingCollector, tagged_by: str | None = None
) -> None:
    """Report ARNs among the managed policies of one policy or entry that cannot be attached.

    `tagged_by` is the team that a tag of each attachment names, if one does.
    """
    seen: set[str] = set()
    policies = _written(item)
    if len(policies) > _MOST:
        report.error(
            "too-many-managed-policies",
            item.place.at(MANAGED, _MOST).location,
            f"{shown(item.key)} has {len(policies):,} managed policies; {_MOST} are allowed, and "
            f"no user or role can have more than {lint.MOST_PARTS} attached",
            "grant what is needed, or a policy that includes others",
        )
        return
    for index, text in enumerate(policies):
        if not isinstance(text, str):
            continue
        wrong = _fault(text)
        if text in seen:
            wrong = Problem(
                "duplicate-item", f"{shown(text)} is listed twice", "remove one of the two"
            )
        seen.add(text)
        if wrong is not None:
            report.problem(wrong, item.place.at(MANAGED, index).location)
        else:
            _fits(item, index, text, partitions, report)
            _tag(text, tagged_by, item.place, (MANAGED, index), report)


def _written(item: Item) -> Sequence[Any]:
    if not isinstance(item, InvalidEntry):
        policies: Sequence[Any] = item.spec.managed_policies
        return policies
    written = item.written.get(MANAGED) if isinstance(item.written, dict) else None
    return written if isinstance(written, list) else ()


@lru_cache(maxsize=4096)
def _fault(text: str) -> Problem | None:
    """The error in the ARN of a managed policy, or None."""
    filled = fill(text, _FILL)
    if arns.is_service_linked_policy(filled):
        return Problem(
            "policy-not-attachable",
            f"{shown(text)} is for a service-linked role of AWS, and AWS attaches it to no other "
            "role",
            "grant another policy, or write the needed part as custom_statements",
        )
    if arns.is_aws_managed_policy(filled):
        return None
    if arns.is_managed_policy(filled):
        return Problem(
            "customer-managed-policy",
            f"{shown(text)} is not a policy that AWS manages",
            f"name it in {CUSTOMER} of a policy in {POLICIES_FOLDER}, or write its statements as "
            "custom_statements: others can change or remove their policy",
        )
    return Problem(
        "bad-managed-policy",
        f"{shown(text)} is not the ARN of a policy that AWS manages",
        "write it in full: arn:aws:iam::aws:policy/ReadOnlyAccess, or arn:{partition}:iam::…",
    )


def _customer_policies(
    item: Item,
    partitions: frozenset[str],
    known: Mapping[str, str],
    team: str,
    report: FindingCollector,
) -> None:
    """Report what cannot name a policy of the account, as far as the files tell."""
    seen: set[str] = set()
    for index, text in enumerate(item.spec.of_others if item.spec is not None else ()):
        place = item.place.at(CUSTOMER, index)
        if text in seen:
            message, hint = f"{shown(text)} is listed twice", "remove one of the two"
            report.error("duplicate-item", place.location, message, hint)
            continue
        seen.add(text)
        if may_have_any(fill(text, known)):
            check_placeholders(text, place, (), known, report)
            continue
        wrong = customer_policies.fault(text)
        if wrong is not None:
            report.problem(wrong, place.location)
            continue
        if text.startswith("arn:"):
            _fits(item, index, text, partitions, report, key=CUSTOMER)
        _tag(f"arn:aws:iam::{'0' * 12}:policy/{_path_of(text, known)}", team, place, (), report)


def _path_of(text: str, known: Mapping[str, str]) -> str:
    filled = str(fill(text, known))
    return filled.partition(":policy/")[2] or filled.removeprefix("/")


def _tag(
    arn: str, team: str | None, place: SourcePosition, path: Path, report: FindingCollector
) -> None:
    problem = ownership.untaggable(team, arn) if team is not None else None
    if problem is not None:
        report.problem(problem, place.at(*path).location)


def _fits(
    item: Item,
    index: int,
    text: str,
    partitions: frozenset[str],
    report: FindingCollector,
    key: str = MANAGED,
) -> None:
    partition = arns.arn_parts(text)[1]
    others = partitions - {partition}
    if others and partition != "{partition}":
        report.error(
            "wrong-partition",
            item.place.at(key, index).location,
            f"{shown(text)} is of the partition {partition}, but the policy is for accounts "
            f"of {listed(sorted(others))}",
            "write {partition} in its place",
        )


_SIZE = Quotas().policy_size
_ABOUT = documents.policy_size(
    documents.document(())
)  # characters of a document without statements

# In the place of a role that is not known, since its entry cannot be read.
_SOME_ROLE = "role/some"
_NEEDED = (("actions", "not_actions"), ("resources", "not_resources"))
_FILLED = ("Resource", "NotResource", "Condition")
_ABOUT_KEYS = frozenset(
    {
        *("unknown-condition-operator", "bad-condition-key", "duplicate-condition-key"),
        *("unknown-condition-key", "condition-never-applies", "for-all-values-opens"),
    }
)


@dataclass(frozen=True, slots=True)
class Unknown:
    """The severity of names that AWS does not have: a warning for those that are not new.

    AWS retires services and actions, and still accepts their names in policies. `known` are
    patterns of names that are right. `before` are the team's earlier files; if they are not known,
    the severity is `otherwise`.
    """

    known: Sequence[str]
    before: Earlier | None
    otherwise: Severity

    def severity(self, name: str, code: Code) -> Severity | None:
        """The severity of an unknown name, None if it is right."""
        if first_match(self.known, [name], ignore_case=True) is not None:
            return None
        if self.before is None:
            return self.otherwise
        before = {
            "unknown-condition-key": self.before.named_condition_key,
            "unknown-service-principal": self.before.named_service,
        }
        named = before.get(code, self.before.named_action)
        return Severity.WARNING if named(name) else Severity.ERROR


def check(
    team_files: TeamFiles,
    index: TeamIndex,
    settings: Settings,
    otherwise: Severity,
    report: FindingCollector,
) -> None:
    """Report the errors in a team's policies, and in what entries say as policies do.

    `otherwise` is the severity of unknown names if the team's earlier files are not known.
    """
    unknown = Unknown(settings.known_names, index.before, otherwise)
    _names(team_files, report)
    known = samples(team_files, settings.account_names)
    partitions = Partitions(team_files, index)
    for item in team_files.policies:
        _empty(item, report)
        used = partitions.used_by(item.key)
        check_aws_managed(item, used, report, tagged_by=team_files.name)
        _customer_policies(item, used, known, team_files.name, report)
        _statements(item, known, used, unknown, report)
    for entry in index.entries:
        if entry.own is not None and entry.becomes is None:
            used = partitions.of([entry])
            check_aws_managed(entry.own, used, report)
            _statements(entry.own, known, used, unknown, report)


def _empty(item: Item, report: FindingCollector) -> None:
    if not isinstance(item, InvalidEntry):
        spec = item.spec
        given = [spec.managed_policies, spec.of_others, spec.custom_statements]
    elif isinstance(item.written, dict):
        given = [item.written.get(key) for key in (MANAGED, CUSTOMER, STATEMENTS)]
    else:
        return  # reported when it was read
    if not any(given):
        report.error(
            "empty-policy",
            item.place.location,
            f"the policy {shown(item.key)} grants nothing",
            "give it managed_policies, customer_policies or custom_statements",
        )


def _names(team_files: TeamFiles, report: FindingCollector) -> None:
    """Report names of policies that are too long, or differ in case and dots only."""
    first: dict[str, str] = {}
    labels: dict[str, str] = {}
    for item in team_files.policies:
        name = names.policy_name(team_files.name, item.key)
        longest = names.policy_name(team_files.name, item.key, _parts_of(item))
        if len(longest) > names.NAME_LIMIT:
            report.error(
                "policy-name-too-long",
                item.place.location,
                f"the policy's name in AWS, {shown(longest)}, would have {len(longest)} characters",
                f"shorten the key: with the team's name and a '-' it may have {names.NAME_LIMIT}",
            )
        other = first.setdefault(name.lower(), item.key)
        if other != item.key:
            report.error(
                "policy-name-collision",
                item.place.location,
                f"{shown(item.key)} and {shown(other)} would both be the policy {name} in AWS",
                "rename one of the two: keys must differ in more than '-', '.' and case",
            )
        label = names.label(item.key)
        other = labels.setdefault(label, item.key)
        if other != item.key:
            report.error(
                "policy-name-collision",
                item.place.location,
                f"temporary grants of {shown(item.key)} and {shown(other)} would both be called "
                f"{label} in AWS",
                "rename one of the two, best with a short key",
            )


def _parts_of(item: Item) -> int:
    """As many parts as a policy may be written as, or more."""
    is_large = not isinstance(item, InvalidEntry) and item.spec.most_characters > _SIZE
    return lint.MOST_PARTS if is_large else 1


def _statements(
    item: Item,
    samples: Mapping[str, str],
    partitions: frozenset[str],
    unknown: Unknown,
    report: FindingCollector,
) -> None:
    """Check every statement that is well formed, also beside others that are not."""
    positions: list[int] = []
    statements: list[dict[str, Any]] = []
    for position, statement in _well_formed(item):
        _partitions(statement, item, position, partitions, report)
        positions.append(position)
        statements.append(_filled(statement, item, (STATEMENTS, position), samples, report))
    if not statements:
        return
    for problem in _problems(statements, item.key):
        severity: Severity | None = problem.severity
        if problem.unknown is not None:
            severity = unknown.severity(problem.unknown, problem.code)
        if severity is None:
            continue
        path = _path(problem.path, positions)
        about_a_key = problem.code in _ABOUT_KEYS
        location = item.place.key(*path) if about_a_key else item.place.at(*path).location
        report.problem(replace(problem, severity=severity), location)


def _partitions(
    statement: Mapping[str, Any],
    item: Item,
    position: int,
    partitions: frozenset[str],
    report: FindingCollector,
) -> None:
    """Report resources of another partition: `Partition "aws" is not valid for resource`."""
    for element in ("Resource", "NotResource"):
        found = statement.get(element)
        is_list = isinstance(found, list)
        for index, text in enumerate(documents.as_list(found)):
            partition = _partition_of(text) if isinstance(text, str) else None
            if partition is None or not (others := _others(partition, partitions)):
                continue
            path = (STATEMENTS, position, STATEMENT_KEYS[element], *((index,) if is_list else ()))
            report.error(
                "wrong-partition",
                item.place.at(*path).location,
                f"{shown(text)} is of the partition {partition}, but the policy is for accounts "
                f"of {listed(sorted(others))}",
                "write {partition} in its place",
            )


def _partition_of(text: str) -> str | None:
    """The partition in an ARN; None if it is a placeholder or does not exist."""
    found = arns.arn_parts(text)
    if len(found) < 3 or found[0] != "arn":
        return None
    known = found[1] in PARTITIONS or has_wildcard(found[1])
    return found[1] if known else None


def _others(partition: str, used: frozenset[str]) -> frozenset[str]:
    if not has_wildcard(partition):
        return used - {partition}
    return frozenset(each for each in used if not matching(partition).fullmatch(each))


def _problems(statements: list[dict[str, Any]], name: str) -> Iterator[Problem]:
    ids = [statement["Sid"] for statement in statements if "Sid" in statement]
    # A character takes up to six in JSON. The whole document is checked only if it may be too
    # large or repeats an id, which is rare.
    if len(repr(statements)) * 6 + _ABOUT > _SIZE or len(set(ids)) < len(ids):
        yield from lint.check_document(documents.document(statements), quota=_SIZE, name=name)
        return
    for position, statement in enumerate(statements):
        yield from lint.check_statement(statement, ("Statement", position))


def _well_formed(item: Item) -> Iterator[tuple[int, dict[str, Any]]]:
    if not isinstance(item, InvalidEntry):
        for position, statement in enumerate(item.spec.custom_statements):
            yield position, statement.iam
        return
    written = item.written.get(STATEMENTS) if isinstance(item.written, dict) else None
    for position, each in enumerate(written if isinstance(written, list) else ()):
        statement = _as_far_as_read(each)
        if statement is not None:
            yield position, statement


def _as_far_as_read(written: Any) -> dict[str, Any] | None:
    """A statement without the fields that are wrong; None if too little is left to check."""
    try:
        return StatementSpec.model_validate(written).with_self(_SOME_ROLE).iam
    except ValidationError as error:
        if not isinstance(written, dict):
            return None
        wrong = {each["loc"][0] for each in error.errors(include_url=False)}
    rest = {"effect": "Allow"} | {key: written[key] for key in written.keys() - wrong}
    if any(all(rest.get(key) is None for key in pair) for pair in _NEEDED):
        return None
    return StatementSpec.model_validate(rest).with_self(_SOME_ROLE).iam


def _filled(
    statement: dict[str, Any],
    item: Item,
    path: Path,
    samples: Mapping[str, str],
    report: FindingCollector,
) -> dict[str, Any]:
    """Fill in placeholders with the longest values; report those that are not known."""
    for element in _FILLED:
        value = statement.get(element)
        if value is not None and may_have_any(value):
            filled = fill(value, samples)
            if may_have_any(filled):  # it has variables of IAM, or unknown placeholders
                below = (*path, STATEMENT_KEYS[element])
                check_placeholders(value, item.place, below, samples, report)
                filled = with_some_account(filled, samples["account_id"])
            statement[element] = filled
    return statement


def samples(team_files: TeamFiles, account_names: Mapping[str, str]) -> dict[str, str]:
    """A value for every placeholder: the longest of the team.

    `account_names` are ids of further accounts, by name.
    """
    specs = list(team_files.accounts.values())
    some = specs[0].id if specs else "123456789012"
    return {
        **{account_placeholder(name): number for name, number in account_names.items()},
        **{account_placeholder(item.key): some for item in team_files.account_items},
        "account_id": some,
        "environment": max(
            (item.key for item in team_files.account_items), key=len, default="prod"
        ),
        "partition": max((spec.partition for spec in specs), key=len, default="aws"),
        "team": team_files.name,
    }


def check_placeholders(
    value: Any,
    place: SourcePosition,
    path: Path,
    known: Collection[str],
    report: FindingCollector,
) -> None:
    """Report every placeholder that is not known in the value at a path below the place."""
    for name, below, is_key in unknown_in(value, known):
        at = (*path, *below)
        account = account_name(name)
        if account is not None:
            environments = [each for each in map(account_name, known) if each is not None]
            report.error(
                "unknown-account-name",
                place.at(*at).location,
                f"there is no account {shown(account)}",
                how_to_name_an_account(account, environments),
            )
            continue
        report.error(
            "unknown-placeholder",
            place.key(*at) if is_key else place.at(*at).location,
            f"there is no value for {shown('{' + name + '}')}",
            did_you_mean(name, known)
            or f"there are {listed(['{' + each + '}' for each in known if ':' not in each])}; "
            "IAM's own variables begin with '${'",
        )


def _path(path: Path, positions: list[int]) -> Path:
    """Translate a path in the document to one in the policy's YAML."""
    if len(path) < 2 or not isinstance(path[1], int):
        return ()
    element = STATEMENT_KEYS.get(str(path[2]), "") if len(path) > 2 else ""
    return (STATEMENTS, positions[path[1]], element, *path[3:])
