"""Roles made for temporary grants, and those that users switch into."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from iam_access.kinds import names
from iam_access.meaning.condition_windows import Conditions, ConditionWindow, condition_terms
from iam_access.meaning.switching import POLICY
from iam_access.policy import document as documents
from iam_access.snapshot import PrincipalState, Snapshot

_SESSION_NAME = "sts:rolesessionname"


class GrantRole(NamedTuple):
    """A role that a principal has, and the window and conditions of its trust policy."""

    role: PrincipalState
    conditions: Conditions
    window: ConditionWindow


@dataclass(frozen=True, slots=True)
class GrantRoles:
    """The roles of one account that were made for temporary grants, and `switched` ones.

    Both by the ARNs of those who have them.
    """

    by_arn: Mapping[str, tuple[GrantRole, ...]]
    switched: Mapping[str, tuple[GrantRole, ...]]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "GrantRoles":
        found: defaultdict[str, list[GrantRole]] = defaultdict(list)
        for state in snapshot.principals.values():
            if names.is_grant_role(state) and state.trust:
                for arn, entry in _entries(state):
                    found[arn].append(entry)
        made = {arn: tuple(each) for arn, each in found.items()}
        return cls(made, {arn: tuple(each) for arn, each in _switched(snapshot).items()})

    def roles_for(self, state: PrincipalState) -> tuple[GrantRole, ...]:
        """Return the roles made for a user or role, or that a user switches into."""
        return (*self.by_arn.get(state.arn, ()), *self.switched.get(state.arn, ()))

    def switchers(self, role: PrincipalState) -> frozenset[str]:
        """Return the ARNs of the users who switch into a role."""
        return _having(role, self.switched)

    def grantees(self, role: PrincipalState) -> frozenset[str]:
        """Return the ARNs of the principals that a role was made for; empty for other roles."""
        return _having(role, self.by_arn)


def _having(role: PrincipalState, by_arn: Mapping[str, tuple[GrantRole, ...]]) -> frozenset[str]:
    return frozenset(
        arn
        for arn, entries in by_arn.items()
        if any(each.role.principal == role.principal for each in entries)
    )


def _switched(snapshot: Snapshot) -> Mapping[str, list[GrantRole]]:
    """The roles of users who may switch into some, see `meaning.switching`."""
    by_arn = {state.arn: state for state in snapshot.principals.values() if state.trust}
    found: defaultdict[str, list[GrantRole]] = defaultdict(list)
    for state in snapshot.principals.values():
        document = state.inline.get(POLICY)
        for statement in documents.statements_of(document) if document is not None else ():
            for role in (by_arn[arn] for arn in statement["Resource"] if arn in by_arn):
                hub = f"{state.arn.partition(':user/')[0]}:root"
                found[state.arn] += [entry for arn, entry in _entries(role) if arn == hub]
    return found


def _entries(role: PrincipalState) -> Iterator[tuple[str, GrantRole]]:
    for statement in documents.statements_of(role.trust or {}):
        named = statement.get("Principal")
        if statement.get("Effect") != "Allow" or not isinstance(named, Mapping):
            continue
        conditions, window = condition_terms(documents.conditions_of(statement), variables=True)
        # The caller chooses the session name, so a condition on it is not reported.
        kept = frozenset(each for each in conditions if each.key != _SESSION_NAME)
        for arn in documents.as_list(named.get("AWS", [])):
            yield str(arn), GrantRole(role, kept, window)
