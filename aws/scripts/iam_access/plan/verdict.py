"""What guards are given, and what they return."""

from collections.abc import Callable
from dataclasses import dataclass, field

from iam_access.config.rulebook import Rulebook
from iam_access.model import Account, Change, Finding
from iam_access.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where changes are to be made: the account, what was read of it, and the rules there are."""

    account: Account
    snapshot: Snapshot
    rules: Rulebook = field(default_factory=Rulebook)


@dataclass(frozen=True, slots=True)
class Guarded:
    """Changes that may be made, and what was found about those that may not."""

    changes: tuple[Change, ...]
    findings: tuple[Finding, ...] = ()


Guard = Callable[[tuple[Change, ...], Circumstances], Guarded]
