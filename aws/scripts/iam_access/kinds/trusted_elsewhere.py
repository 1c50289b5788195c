"""Users and roles of other accounts that a trust policy names: AWS refuses what is not there.

They are looked up only while the role in the account does not trust them yet.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from iam_access.kinds.base import TeamInAccount
from iam_access.kinds.policy_principals import PolicyPrincipal, named_elsewhere
from iam_access.model import Failure, Principal, Severity
from iam_access.problem import Problem
from iam_access.snapshot import SnapshotPart


@dataclass(frozen=True, slots=True)
class OtherEntities:
    """The users and roles of another account, by ARN; `failure` says why they are not known."""

    arns: frozenset[str] = frozenset()
    failure: Failure | None = None


class OtherEntitiesPart(SnapshotPart[OtherEntities]):
    """The users and roles of another account.

    That it cannot be read is a value, so that it stops nothing.
    """


def parts_asked(
    role: Principal, trust: Mapping[str, Any], scope: TeamInAccount
) -> Iterator[OtherEntitiesPart]:
    """The accounts of those that a role is to trust and does not yet, once the account is read."""
    if scope.snapshot.principals:
        for each in _newly_named(role, trust, scope):
            yield OtherEntitiesPart(each.account)


def problems(role: Principal, trust: Mapping[str, Any], scope: TeamInAccount) -> Iterator[Problem]:
    """Which of those that a role is to trust are not there, or are not known to be there."""
    for each in _newly_named(role, trust, scope):
        found = scope.snapshot.part(OtherEntitiesPart(each.account))
        if not any(map(each.is_at, found.arns)):
            yield _problem(role, each, found, scope)


def _newly_named(
    role: Principal, trust: Mapping[str, Any], scope: TeamInAccount
) -> Iterator[PolicyPrincipal]:
    state = scope.snapshot.principals.get(scope.snapshot.spelled(role))
    there = _elsewhere(state.trust if state is not None else None, scope)
    known = {each.arn for each in there}
    return (each for each in _elsewhere(trust, scope) if each.arn not in known)


def _elsewhere(trust: Mapping[str, Any] | None, scope: TeamInAccount) -> Iterator[PolicyPrincipal]:
    return named_elsewhere(trust, scope.account.id, lambda index: ("trust", index))


def _problem(
    role: Principal, named: PolicyPrincipal, found: OtherEntities, scope: TeamInAccount
) -> Problem:
    trusts = f"role {role.name} trusts {named.arn}"
    if found.failure is not None:
        return Problem(
            "unread-principal",
            f"{trusts}, and whether that exists was not looked at: {found.failure.message}",
            "nothing to do if it does; if not, AWS refuses the trust policy, and the role stays "
            "closed",
            named.path,
            Severity.NOTE,
        )
    if any(named.is_made_by(each) for each in scope.entries_in(named.account)):
        return Problem(
            "unread-principal",
            f"{trusts}, which files make in account {named.account}, and which is not there yet",
            "a run for both accounts makes it first; alone, the role stays closed, since AWS "
            "refuses the trust policy",
            named.path,
            Severity.NOTE,
        )
    return Problem(
        "missing-principal",
        f"{trusts}, which does not exist in account {named.account}, so AWS would refuse it",
        "correct the name, with its path, or have it created first; until then what is there stays "
        "as it is",
        named.path,
    )
