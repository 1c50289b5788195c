"""Check whom entries trust or let in: services, partitions, condition keys, and the size."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from iam_access.config.checks.policies import Partitions, Unknown, check_placeholders, samples
from iam_access.config.checks.team import TeamIndex
from iam_access.config.configuration import TeamFiles
from iam_access.config.findings import FindingCollector
from iam_access.config.settings import Settings
from iam_access.kinds.base import AccessEntry
from iam_access.kinds.fields import fill
from iam_access.kinds.principal_forms import ELEMENTS
from iam_access.kinds.short_forms import account_names_in, with_some_account
from iam_access.kinds.switch_file import TRUST_SID
from iam_access.model import Location, Severity
from iam_access.phrases import listed, shown
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy.lint.conditions import unknown_key
from iam_access.policy.service_principals import unknown_principal

TRUST: Final = "trust"
#: Characters without white space that AWS can be asked to allow; 2,048 unless it was.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_LONGEST: Final = 4_096
_IN_CHINA: Final = ".amazonaws.com.cn"
_PROVIDER: Final = ":oidc-provider/"


def check(
    team_files: TeamFiles,
    index: TeamIndex,
    settings: Settings,
    otherwise: Severity,
    report: FindingCollector,
) -> None:
    """Report what AWS would refuse, or never matches, in the trust of a team's entries.

    `otherwise` is the severity of unknown names if the team's earlier files are not known.
    """
    unknown = Unknown(settings.known_names, index.before, otherwise)
    known = samples(team_files, settings.account_names)
    partitions = Partitions(team_files, index)
    for entry in index.entries:
        for number, statement in enumerate(entry.trust):
            _placeholders(entry, number, statement, known, report)
            # Where people switch from is judged in the plan, at its own place.
            trusted = {} if statement.get("Sid") == TRUST_SID else statement["Principal"]
            for key, element in ELEMENTS.items():
                location = entry.place.at(TRUST, number, key).location
                part = {element: trusted.get(element, [])}
                _named(part, location, entry, partitions, unknown, report)
            _keys(entry, number, statement, unknown, report)
        if entry.trust:
            _size(entry, known, report)
        for named, path in entry.resource.named if entry.resource is not None else ():
            location = entry.place.at(*path).location
            _named(named, location, entry, partitions, unknown, report)


def _placeholders(
    entry: AccessEntry,
    number: int,
    statement: Mapping[str, Any],
    known: Mapping[str, str],
    report: FindingCollector,
) -> None:
    conditions = statement.get("Condition")
    if conditions:
        check_placeholders(conditions, entry.place, (TRUST, number, "conditions"), known, report)


def _named(
    named: Mapping[str, Any],
    location: Location,
    entry: AccessEntry,
    partitions: Partitions,
    unknown: Unknown,
    report: FindingCollector,
) -> None:
    """Services and ARNs that AWS does not take in a `Principal`."""
    used = partitions.of([entry])
    for service in documents.as_list(named.get("Service", [])):
        _service(service, location, used, unknown, report)
    for element in ("AWS", "Federated"):
        for text in documents.as_list(named.get(element, [])):
            _partition(text, _partition_of(text, partitions), used, location, report)


def _partition_of(principal: str, partitions: Partitions) -> str | None:
    """The partition of a principal: that in its ARN, or that of an account of the team."""
    written = arns.part_of(principal, 1)
    if written in arns.PARTITIONS:
        return written
    name = next(iter(account_names_in(principal)), arns.part_of(principal, 4))
    return partitions.of_account(name)


def _partition(
    text: str,
    partition: str | None,
    used: frozenset[str],
    location: Location,
    report: FindingCollector,
) -> None:
    """Report a principal of another partition: accounts of two cannot trust each other.

    https://repost.aws/knowledge-center/iam-trust-policy-error
    """
    others = used - {partition}
    if partition is not None and others:
        report.error(
            "wrong-partition",
            location,
            f"{shown(text)} is of the partition {partition}, and this is for accounts of "
            f"{listed(sorted(others))}, which cannot name it",
            "name one of that partition; in a short form, such as {iam: role/NAME}, it is that of "
            "each account",
        )


def _service(
    service: str,
    location: Location,
    partitions: frozenset[str],
    unknown: Unknown,
    report: FindingCollector,
) -> None:
    problem = unknown_principal(service)
    if problem is not None:
        severity = unknown.severity(service, problem.code)
        if severity is not None:
            report.problem(replace(problem, severity=severity), location)
    elif service.endswith(_IN_CHINA) and partitions - {"aws-cn"}:
        report.error(
            "wrong-partition",
            location,
            f"{shown(service)} is a service of the partition aws-cn, and this is for accounts of "
            "another one",
            f"write {service.partition('.')[0]}, which is completed for each account",
        )


def _keys(
    entry: AccessEntry,
    number: int,
    statement: Mapping[str, Any],
    unknown: Unknown,
    report: FindingCollector,
) -> None:
    """Condition keys that no request has; those of the trusted provider are its claims."""
    hosts = tuple(f"{each}:" for each in _providers(statement))
    for operator, block in statement.get("Condition", {}).items():
        for key in block:
            problem = None if key.startswith(hosts) else unknown_key(key)
            severity = (
                unknown.severity(problem.unknown, problem.code)
                if problem is not None and problem.unknown is not None
                else None
            )
            if problem is not None and severity is not None:
                location = entry.place.key(TRUST, number, "conditions", operator, key)
                report.problem(replace(problem, severity=severity), location)


def _providers(statement: Mapping[str, Any]) -> Iterator[str]:
    """The providers that a statement trusts by host or domain, as condition keys name them."""
    for provider in documents.as_list(statement["Principal"].get("Federated", [])):
        _, found, host = provider.partition(_PROVIDER)
        if found or not provider.startswith("arn:"):
            yield host or provider


def _size(entry: AccessEntry, known: Mapping[str, str], report: FindingCollector) -> None:
    filled = with_some_account(fill(list(entry.trust), known), known["account_id"])
    size = documents.policy_size(documents.document(filled))
    if size > _LONGEST:
        report.error(
            "policy-too-large",
            entry.place.at(TRUST).location,
            f"the trust policy would have {size:,} characters, and IAM allows {_LONGEST:,} at most",
            "trust fewer principals, or an account with a condition on aws:PrincipalArn",
        )
