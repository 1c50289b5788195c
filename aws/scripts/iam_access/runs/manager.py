"""IamManager: what the scripts share. Reads accounts, plans them, and carries plans out."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from iam_access.cloud.errors import Call, Clients, CloudError
from iam_access.cloud.executor import Execution
from iam_access.cloud.managed import ManagedPolicyDocuments
from iam_access.cloud.parallel import Interrupted, for_each_account
from iam_access.cloud.reader import read_snapshot
from iam_access.cloud.sessions import Accounts, AccountSession
from iam_access.config.emergency import permanent_entries
from iam_access.config.load import Configuration
from iam_access.config.suites import Suite
from iam_access.model import Account, AccountReport, CallTarget, Failure, Finding, Plan, Severity
from iam_access.plan.desired import documents_needed, unproven
from iam_access.plan.mending import documents_to_mend
from iam_access.plan.planner import RunOptions, plan_apply, plan_cleanup
from iam_access.plan.revocation import Target, plan_revocation
from iam_access.snapshot import Snapshot

# What judges access takes longer to import than a plan takes to make: only who asks for it pays.
if TYPE_CHECKING:
    from iam_access.runs.questions import AssertionRun
    from iam_access.simulation import access
    from iam_access.simulation.results import AccountTests, BackendName

T = TypeVar("T")

# Told once per account, when its part is finished; called from any thread.
Watcher = Callable[[Account], None]


@dataclass(frozen=True, slots=True)
class Planner:
    """How a snapshot becomes a plan, and the documents that takes.

    `unproven` tells for which AWS managed policies those that can be attached have to be listed.
    With `explain`, reports also tell what the plan means; that reads more of the account. With
    `suites` (even none), what was carried out is verified on the account, these among it.
    """

    plan: Callable[[Account, Snapshot], Plan]
    documents: Callable[[Account, Snapshot], frozenset[str]] = lambda account, at: frozenset()
    unproven: Callable[[Account, Snapshot], frozenset[str]] = lambda account, at: frozenset()
    explain: bool = False
    suites: tuple[Suite, ...] | None = None

    def read(self, call: Call, account: Account, cache: ManagedPolicyDocuments) -> Snapshot:
        """The account with the documents that its plan takes; asks as `read_snapshot` does."""
        unread = Snapshot(account.id, account.partition)
        snapshot = read_snapshot(call, account, self.documents(account, unread), cache)
        # Who holds what is known by now, and with it whose policies count as well.
        more = self.documents(account, snapshot) - snapshot.managed.keys()
        if not more:
            return snapshot
        return replace(snapshot, managed={**snapshot.managed, **cache.read(call, more)})


@dataclass(frozen=True, slots=True)
class IamManager:
    """One run over some accounts with one set of files, at one moment (`now`, UTC).

    Each account is on its own: sessions that cannot be opened, reads and writes that fail are
    told in its report and stop no other. `documents` were read once for all; `stop` is set when
    the run is to end early. `invented` accounts are made from files, and have nothing else.
    """

    configuration: Configuration
    sessions: Accounts
    now: datetime
    watch: Watcher = lambda account: None
    documents: ManagedPolicyDocuments = field(default_factory=ManagedPolicyDocuments)
    stop: threading.Event = field(default_factory=threading.Event)
    invented: bool = False

    def applying(
        self,
        request: RunOptions,
        *,
        explain: bool = False,
        suites: tuple[Suite, ...] | None = None,
    ) -> Planner:
        """Plans that make accounts what the files ask for."""
        return Planner(
            plan=lambda account, snapshot: plan_apply(
                self.configuration, account, snapshot, request, self.now
            ),
            documents=lambda account, read: documents_needed(
                self.configuration, account, read, self.now
            ),
            unproven=lambda account, snapshot: unproven(
                self.configuration, account, snapshot, request.concerns, self.now
            ),
            explain=explain,
            suites=suites,
        )

    def cleaning(self, request: RunOptions, *, explain: bool = False) -> Planner:
        """Plans that take away what is dead."""
        return Planner(
            plan=lambda account, snapshot: plan_cleanup(
                account, snapshot, request, self.now, self.configuration
            ),
            documents=lambda account, read: documents_to_mend(
                self.configuration, account, read, self.now
            ),
            explain=explain,
        )

    def revoking(self, target: Target, *, explain: bool = False) -> Planner:
        """Plans that end temporary access at once."""
        return Planner(
            plan=lambda account, snapshot: plan_revocation(
                account,
                snapshot,
                target,
                self.now,
                permanent_entries(self.configuration, account, snapshot),
            ),
            explain=explain,
        )

    def preview(self, planner: Planner, accounts: Sequence[Account]) -> tuple[AccountReport, ...]:
        """The plan of every account; nothing is written."""
        return self._side_by_side(accounts, lambda account: self._planned(planner, account)[0])

    def carry_out(self, planner: Planner, accounts: Sequence[Account]) -> tuple[AccountReport, ...]:
        """The plan of every account, and what became of each change."""

        def work(account: Account) -> AccountReport:
            report, session = self._planned(planner, account)
            assert report.plan is not None, "an account that cannot be read raises"
            execution = Execution(
                account.id,
                report.plan.changes,
                self._clients(session),
                sleep=self.stop.wait,
                stopped=self.stop.is_set,
            )
            report = replace(report, outcomes=execution.run())
            return report if planner.suites is None else self._verified(report, planner, session)

        return self._side_by_side(accounts, work)

    def choose_tests(
        self, run: "AssertionRun", accounts: Sequence[Account]
    ) -> "tuple[AccountTests, ...]":
        """What the assertions would ask in each account; nobody is asked."""
        from iam_access.runs import questions  # noqa: PLC0415

        return questions.choose_tests(self, run, accounts)

    def run_tests(
        self, run: "AssertionRun", accounts: Sequence[Account]
    ) -> "tuple[AccountTests, ...]":
        """What the assertions come to in each account."""
        from iam_access.runs import questions  # noqa: PLC0415

        return questions.run_tests(self, run, accounts)

    def answer(
        self,
        question: "access.AccessQuestion",
        accounts: Sequence[Account],
        planner: Planner | None,
        by: "BackendName",
    ) -> "tuple[access.AccountAnswers, ...]":
        """Who can do what in each account, as it is or as the plan would leave it."""
        from iam_access.runs import questions  # noqa: PLC0415

        return questions.answer(self, question, accounts, planner, by)

    def read_and_plan(
        self, planner: Planner, account: Account
    ) -> tuple[AccountSession, Snapshot, Plan]:
        """The account as it was read, and the plan of it. Raises CloudError."""
        session = self.sessions.open(account)
        return session, *self._read_and_plan(planner, session)

    def _read_and_plan(self, planner: Planner, session: AccountSession) -> tuple[Snapshot, Plan]:
        account = session.account
        snapshot = planner.read(session.call, account, self.documents)
        unproven = planner.unproven(account, snapshot)
        if not unproven:
            return snapshot, planner.plan(account, snapshot)
        try:
            attachable = self.documents.attachable(session.call, account.partition)
        except CloudError as error:
            plan = planner.plan(account, snapshot)
            findings = (*plan.findings, _unlisted(account, unproven, error))
            return snapshot, replace(plan, findings=findings)
        snapshot = replace(snapshot, attachable=attachable)
        return snapshot, planner.plan(account, snapshot)

    def _clients(self, session: AccountSession) -> Clients:
        """The calls that changes about the session's account need, there and in other accounts.

        Sessions of those are opened on use, and only in accounts that the files name.
        """
        sessions = {session.account.id: session}

        def client(target: CallTarget) -> Call:
            if target.account not in sessions:
                account = self.configuration.known_accounts.get(target.account)
                if account is None:
                    raise CloudError(
                        "UnknownAccount",
                        f"no file names account {target.account}",
                        "add the account to a file in aws-accounts/",
                    )
                sessions[target.account] = self.sessions.open(account)
            return sessions[target.account].client(target.service, target.region)

        return client

    def _planned(self, planner: Planner, account: Account) -> tuple[AccountReport, AccountSession]:
        session, snapshot, plan = self.read_and_plan(planner, account)
        report = AccountReport(account, plan)
        return self._explained(report, session, snapshot) if planner.explain else report, session

    def _explained(
        self, report: AccountReport, session: AccountSession, snapshot: Snapshot
    ) -> AccountReport:
        """The report with what its plan means, or with why that could not be told."""
        from iam_access.policy.document import DocumentError  # noqa: PLC0415
        from iam_access.policy.evaluation.conditions import PolicySyntaxError  # noqa: PLC0415
        from iam_access.runs.explanation import explained  # noqa: PLC0415

        plan = report.plan
        assert plan is not None, "an account that cannot be read raises"
        try:
            meanings, held = explained(
                session.call,
                self.documents,
                snapshot,
                plan,
                self.now,
                invented=self.invented,
            )
        except (CloudError, DocumentError, PolicySyntaxError) as error:
            # Words are no reason to leave the work undone, least of all to end access.
            findings = (*plan.findings, _unexplained(report.account, error))
            return replace(report, plan=replace(plan, findings=findings))
        return replace(report, meanings=meanings, held_meanings=held)

    def _verified(
        self, report: AccountReport, planner: Planner, session: AccountSession
    ) -> AccountReport:
        """The report with what holds in the account as it is now, and what does not."""
        from iam_access.runs.verification import verified  # noqa: PLC0415

        found = verified(
            session.call,
            report,
            self.documents,
            lambda: self._read_and_plan(planner, session),
            planner.suites or (),
            self.now,
            self.stop.wait,
        )
        return replace(report, verified=found)

    def _side_by_side(
        self, accounts: Sequence[Account], work: Callable[[Account], AccountReport]
    ) -> tuple[AccountReport, ...]:
        return tuple(
            AccountReport(account, failure=result) if isinstance(result, Failure) else result
            for account, result in self.each(accounts, work)
        )

    def each(
        self, accounts: Sequence[Account], work: Callable[[Account], T]
    ) -> "Iterator[tuple[Account, T | Failure]]":
        """What became of each account, in their order; an interrupt leaves out the rest."""

        def watched(account: Account) -> T:
            try:
                return work(account)
            finally:
                self.watch(account)

        try:
            results = for_each_account(accounts, watched, stop=self.stop)
        except Interrupted as interrupted:
            results = interrupted.results
        return zip(accounts, results, strict=True)


def _unlisted(account: Account, unproven: frozenset[str], error: CloudError) -> Finding:
    """That what AWS has to offer could not be told, while the plan attaches some of it."""
    return Finding(
        code="policies-not-listed",
        severity=Severity.ERROR,
        message=f"the AWS managed policies could not be listed in account {account.id}, so it is "
        f"not known whether AWS has {', '.join(sorted(unproven))}: {error}",
        hint=error.hint,
        account=account.id,
    )


def _unexplained(account: Account, error: Exception) -> Finding:
    """That what a plan means could not be told, which is not to be taken for nothing."""
    return Finding(
        code="not-explained",
        severity=Severity.ERROR,
        message=f"what the plan means could not be told: {error}",
        hint="who gains or loses what by it is not known here; the plan itself is not concerned",
        account=account.id,
    )
