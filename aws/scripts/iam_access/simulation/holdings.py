"""The answer to "what does a user or role hold, everywhere, until when, from which line"."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from iam_access.model import Account, Failure, Finding
from iam_access.plan.holdings import Holding
from iam_access.simulation.named_principals import AbsentPrincipal, NamedPrincipal


@dataclass(frozen=True, slots=True)
class AccountHoldings:
    """What is held in one account; `failure` is why it could not be read.

    `absent` are named principals that it lacks. `findings` are errors of the plan.
    """

    account: Account
    held: tuple[Holding, ...] = ()
    absent: tuple[AbsentPrincipal, ...] = ()
    failure: Failure | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class HoldingsReport:
    """What the principals `asked` about hold at a time (`at`, UTC).

    `on_plan`: in the accounts as a plan would leave them. `findings` are what keeps the plan from
    being complete, `unread` the parts of the files that cannot be read, so that accounts, or the
    lines that grant something, may be missing. `left_out` are accounts that they may be in and that
    the caller did not want to be looked at.
    """

    asked: tuple[NamedPrincipal, ...]
    at: datetime
    accounts: tuple[AccountHoldings, ...]
    on_plan: bool = False
    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()
    left_out: tuple[Account, ...] = ()

    @property
    def held(self) -> Sequence[tuple[Account, Holding]]:
        """All that is held, by account in their order."""
        return [(each.account, held) for each in self.accounts for held in each.held]

    @property
    def unknown(self) -> tuple[NamedPrincipal, ...]:
        """Named principals that no account has."""
        return tuple(
            whom
            for whom in self.asked
            if not any(
                each.failure is None
                and whom.may_be_in(each.account)
                and whom not in {absent.whom for absent in each.absent}
                for each in self.accounts
            )
        )

    @property
    def exit_status(self) -> int:
        """0 if anything is held, 1 if nothing is, 2 if something could not be looked at.

        A name that no account has counts as not looked at: it may be misspelled.
        """
        failed = not self.accounts or any(each.failure for each in self.accounts)
        if failed or self.unread or self.unknown:
            return 2
        return 0 if self.held else 1
