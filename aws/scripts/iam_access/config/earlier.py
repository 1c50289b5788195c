"""A team's earlier files, for checks that apply to new entries alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from iam_access.config.configuration import Configuration
from iam_access.kinds.base import AccessEntry, FileEntry, PolicySpec, StatementSpec
from iam_access.kinds.fields import PART_BEFORE, UserNames
from iam_access.policy.document import as_list

_End = datetime | tuple[timedelta, datetime | None] | None
_Grant = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...], _End]


@dataclass(frozen=True)
class Earlier:
    """The content of one team's earlier files, empty if it had none.

    A value that moved within the team's files is not new. Names are compared as AWS compares them:
    those of actions and condition keys ignore case.
    """

    access: Sequence[AccessEntry] = ()
    policies: Mapping[str, FileEntry[PolicySpec]] = field(default_factory=dict)
    user_names: UserNames = PART_BEFORE

    def granted(self, access: AccessEntry) -> bool:
        """Whether a temporary entry granted the same until the same time, or for as long."""
        return self._grant(access) in self._grants

    def gave(self, access: AccessEntry, key: str, statements: Sequence[Mapping[str, Any]]) -> bool:
        """Whether a temporary entry granted the same, of a policy with the same statements."""
        before = self.policies.get(key)
        return before is not None and before.spec.statements == statements and self.granted(access)

    def named_action(self, action: str) -> bool:
        """Whether a statement named this action, or had this pattern of actions."""
        return action.lower() in self._actions

    def named_condition_key(self, key: str) -> bool:
        """Whether a condition named this key."""
        return key.lower() in self._condition_keys

    def named_service(self, name: str) -> bool:
        """Whether an entry's trust named this service principal."""
        return name in self._services

    @cached_property
    def _services(self) -> frozenset[str]:
        return frozenset(
            name
            for access in self.access
            for statement in access.trust
            for name in as_list(statement["Principal"].get("Service", []))
        )

    @cached_property
    def _grants(self) -> frozenset[_Grant]:
        return frozenset(self._grant(each) for each in self.access if each.temporary)

    def _grant(self, access: AccessEntry) -> _Grant:
        return (
            tuple(self.user_names.name(each).lower() for each in access.users),
            tuple(each.lower() for each in access.roles),
            tuple(access.environments),
            tuple(access.grants),
            access.until if access.lasts is None else (access.lasts, access.requested),
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
        ).union(
            key.lower()
            for access in self.access
            for statement in access.trust
            for keys in statement.get("Condition", {}).values()
            for key in keys
        )

    def _statements(self) -> Iterator[StatementSpec]:
        for entry in self.policies.values():
            yield from entry.spec.custom_statements
        for access in self.access:
            if access.own is not None and access.own.spec is not None:
                yield from access.own.spec.custom_statements


def earlier(base: Configuration | None, team: str) -> Earlier | None:
    """Return a team's files in the base; None without a base, or if they were invalid there.

    Invalid files may have more entries than could be read, so they cannot tell what is new.
    """
    if base is None or team in base.invalid:
        return None
    found = base.teams.get(team)
    if found is None:
        return Earlier(user_names=base.settings.user_names)
    return Earlier(found.access, found.policies, base.settings.user_names)
