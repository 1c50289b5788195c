"""Roles made for temporary grants, found by their trust policies."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from iam_access.kinds import names
from iam_access.meaning.condition_windows import Conditions, ConditionWindow, condition_terms
from iam_access.policy import document as documents
from iam_access.snapshot import PrincipalState, Snapshot

_SESSION_NAME = "sts:rolesessionname"


class GrantRole(NamedTuple):
    """A role made for a grant, and the window and conditions of its trust policy."""

    role: PrincipalState
    conditions: Conditions
    window: ConditionWindow


@dataclass(frozen=True, slots=True)
class GrantRoles:
    """The roles of one account that were made for temporary grants."""

    by_arn: Mapping[str, tuple[GrantRole, ...]]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "GrantRoles":
        found: defaultdict[str, list[GrantRole]] = defaultdict(list)
        for state in snapshot.principals.values():
            if names.is_grant_role(state) and state.trust:
                for arn, entry in _entries(state):
                    found[arn].append(entry)
        return cls({arn: tuple(each) for arn, each in found.items()})

    def roles_for(self, state: PrincipalState) -> tuple[GrantRole, ...]:
        """Return the roles made for a user or role."""
        return self.by_arn.get(state.arn, ())

    def grantees(self, role: PrincipalState) -> frozenset[str]:
        """Return the ARNs of the principals that a role was made for; empty for other roles."""
        return frozenset(
            arn
            for arn, entries in self.by_arn.items()
            if any(each.role.principal == role.principal for each in entries)
        )


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
