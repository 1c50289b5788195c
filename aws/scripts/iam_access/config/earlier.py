"""What a team's files said before, so that a check can tell what a change brings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from iam_access.config.configuration import Configuration
from iam_access.kinds.access import AccessEntry
from iam_access.kinds.base import FileEntry
from iam_access.kinds.fields import PART_BEFORE, UserNames
from iam_access.kinds.policy_spec import PolicySpec, StatementSpec

_Grant = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...], datetime | None]


@dataclass(frozen=True)
class Earlier:
    """One team's files as they were; without entries, it had none.

    Whether a value is new does not depend on where in the team's files it stands: what was moved
    is not new. Names are compared as AWS compares them, those of actions and condition keys
    without case.
    """

    access: Sequence[AccessEntry] = ()
    policies: Mapping[str, FileEntry[PolicySpec]] = field(default_factory=dict)
    user_names: UserNames = PART_BEFORE

    def granted(self, access: AccessEntry) -> bool:
        """Whether a temporary entry asked for the same, until the same moment."""
        return self._grant(access) in self._grants

    def gave(self, access: AccessEntry, key: str, statements: Sequence[Mapping[str, Any]]) -> bool:
        """Whether a temporary entry gave the grant of the same statements, and as long."""
        before = self.policies.get(key)
        return before is not None and before.spec.statements == statements and self.granted(access)

    def named_action(self, action: str) -> bool:
        """Whether a statement named this action, or had this pattern of actions."""
        return action.lower() in self._actions

    def named_condition_key(self, key: str) -> bool:
        """Whether a condition named this key."""
        return key.lower() in self._condition_keys

    @cached_property
    def _grants(self) -> frozenset[_Grant]:
        return frozenset(self._grant(each) for each in self.access if each.temporary)

    def _grant(self, access: AccessEntry) -> _Grant:
        return (
            tuple(self.user_names.name(each).lower() for each in access.users),
            tuple(each.lower() for each in access.roles),
            tuple(access.environments),
            tuple(access.grants),
            access.until,
        )

    @cached_property
    def _actions(self) -> frozenset[str]:
        return frozenset(
            action.lower()
            for statement in self._statements()
            for action in (*(statement.actions or ()), *(statement.not_actions or ()))
        )

    @cached_property
    def _condition_keys(self) -> frozenset[str]:
        return frozenset(
            key.lower()
            for statement in self._statements()
            for keys in (statement.conditions or {}).values()
            for key in keys
        )

    def _statements(self) -> Iterator[StatementSpec]:
        for entry in self.policies.values():
            yield from entry.spec.custom_statements


def earlier(base: Configuration | None, team: str) -> Earlier | None:
    """A team's files in the base; None without a base, or if they cannot tell what is new.

    Files that were invalid may hold more than could be read: what mends them brings nothing new.
    """
    if base is None or team in base.invalid:
        return None
    found = base.teams.get(team)
    if found is None:
        return Earlier(user_names=base.settings.user_names)
    return Earlier(found.access, found.policies, base.settings.user_names)
