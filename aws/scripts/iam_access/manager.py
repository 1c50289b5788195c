"""IamManager: what the scripts share. Reads accounts, plans them, and carries plans out."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from iam_access.cloud.executor import Execution
from iam_access.cloud.managed import ManagedPolicyDocuments
from iam_access.cloud.parallel import Interrupted, for_each_account
from iam_access.cloud.reader import read_snapshot
from iam_access.cloud.sessions import Accounts, AccountSession
from iam_access.config.load import Configuration
from iam_access.model import Account, AccountReport, Failure, Plan
from iam_access.plan.desired import documents_needed
from iam_access.plan.planner import Request, plan_apply, plan_cleanup
from iam_access.plan.revocation import Target, plan_revocation
from iam_access.snapshot import Snapshot

# Told once per account, when its part is finished; called from any thread.
Watcher = Callable[[Account], None]


@dataclass(frozen=True, slots=True)
class Planner:
    """How a snapshot becomes a plan, and the documents that takes."""

    plan: Callable[[Account, Snapshot], Plan]
    documents: Callable[[Account], frozenset[str]] = lambda account: frozenset()


@dataclass(frozen=True, slots=True)
class IamManager:
    """One run over some accounts with one set of files, at one moment (`now`, UTC).

    Each account is on its own: sessions that cannot be opened, reads and writes that fail are
    told in its report and stop no other.
    """

    configuration: Configuration
    sessions: Accounts
    now: datetime
    watch: Watcher = lambda account: None
    _documents: ManagedPolicyDocuments = field(default_factory=ManagedPolicyDocuments)
    _stop: threading.Event = field(default_factory=threading.Event)

    def applying(self, request: Request) -> Planner:
        """Plans that make accounts what the files ask for."""
        return Planner(
            plan=lambda account, snapshot: plan_apply(
                self.configuration, account, snapshot, request, self.now
            ),
            documents=lambda account: documents_needed(self.configuration, account, self.now),
        )

    def cleaning(self, request: Request) -> Planner:
        """Plans that take away what is dead."""
        return Planner(
            plan=lambda account, snapshot: plan_cleanup(account, snapshot, request, self.now)
        )

    def revoking(self, target: Target) -> Planner:
        """Plans that end temporary access at once."""
        return Planner(
            plan=lambda account, snapshot: plan_revocation(account, snapshot, target, self.now)
        )

    def preview(self, planner: Planner, accounts: Sequence[Account]) -> tuple[AccountReport, ...]:
        """The plan of every account; nothing is written."""
        return self._side_by_side(accounts, lambda account: self._planned(planner, account)[0])

    def carry_out(self, planner: Planner, accounts: Sequence[Account]) -> tuple[AccountReport, ...]:
        """The plan of every account, and what became of each change."""

        def work(account: Account) -> AccountReport:
            report, session = self._planned(planner, account)
            assert report.plan is not None, "an account that cannot be read raises"
            if report.plan.refused:
                return report
            execution = Execution(
                report.plan.changes,
                session.call,
                sleep=self._stop.wait,
                stopped=self._stop.is_set,
            )
            return replace(report, outcomes=execution.run())

        return self._side_by_side(accounts, work)

    def _planned(self, planner: Planner, account: Account) -> tuple[AccountReport, AccountSession]:
        session = self.sessions.open(account)
        snapshot = read_snapshot(session.call, account, planner.documents(account), self._documents)
        return AccountReport(account, planner.plan(account, snapshot)), session

    def _side_by_side(
        self, accounts: Sequence[Account], work: Callable[[Account], AccountReport]
    ) -> tuple[AccountReport, ...]:
        def watched(account: Account) -> AccountReport:
            try:
                return work(account)
            finally:
                self.watch(account)

        try:
            results = for_each_account(accounts, watched, stop=self._stop)
        except Interrupted as interrupted:
            results = interrupted.results
        return tuple(
            AccountReport(account, failure=result) if isinstance(result, Failure) else result
            for account, result in zip(accounts, results, strict=True)
        )
