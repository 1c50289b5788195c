"""Resources whose own policies are known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from iam_access.policy.evaluation.compile import CompiledPolicy


@dataclass(frozen=True, slots=True, eq=False)
class KnownResource:
    """A resource of an account with its policy, one without statements if it has none.

    `grants` are what it allows besides. Hashable by identity, so that callers can share it.
    """

    arn: str
    account: str
    policy: CompiledPolicy
    grants: tuple[CompiledPolicy, ...] = ()

    @property
    def policies(self) -> tuple[CompiledPolicy, ...]:
        return (self.policy, *self.grants)


ResourceFinder: TypeAlias = Callable[[str, str], KnownResource | None]
"""Finds the resource whose policy decides about an action on an ARN; None if it is not known."""
