"""IamManager: what the scripts share. Reads accounts, plans them, and carries plans out."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from iam_access.cloud.errors import CloudError
from iam_access.cloud.executor import Execution
from iam_access.cloud.explanation import explained
from iam_access.cloud.managed import ManagedPolicyDocuments, completed
from iam_access.cloud.parallel import Interrupted, for_each_account
from iam_access.cloud.reader import read_snapshot
from iam_access.cloud.sessions import Accounts, AccountSession
from iam_access.cloud.simulator import AwsBackend
from iam_access.config.load import Configuration
from iam_access.config.suites import Suite
from iam_access.model import Account, AccountReport, Failure, Finding, Plan, Severity
from iam_access.plan.desired import documents_needed
from iam_access.plan.planner import Request, plan_apply, plan_cleanup
from iam_access.plan.revocation import Target, plan_revocation
from iam_access.policy.conditions import PolicySyntaxError
from iam_access.policy.document import DocumentError
from iam_access.simulation import access
from iam_access.simulation.assertions import ask, disagreements, find_violations
from iam_access.simulation.choosing import Choice, choose
from iam_access.simulation.effect import after
from iam_access.simulation.offline import OfflineBackend
from iam_access.simulation.origin import Origins
from iam_access.simulation.questions import Inquiry, count, first
from iam_access.simulation.results import AccountTests, BackendName
from iam_access.simulation.verification import verify, violations
from iam_access.simulation.world import World
from iam_access.snapshot import Snapshot

T = TypeVar("T")

# How long IAM may take until everybody sees what was written; seconds between looks.
_SETTLING = (2.0, 5.0, 10.0)

# Told once per account, when its part is finished; called from any thread.
Watcher = Callable[[Account], None]


@dataclass(frozen=True, slots=True)
class Planner:
    """How a snapshot becomes a plan, and the documents that takes.

    With `explain`, reports also tell what the plan means; that reads more of the account. With
    `suites` (even none), what was carried out is verified on the account, these among it.
    """

    plan: Callable[[Account, Snapshot], Plan]
    documents: Callable[[Account], frozenset[str]] = lambda account: frozenset()
    explain: bool = False
    suites: tuple[Suite, ...] | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """Assertions to run: whose, about whom, judged by whom, and after which plan if any.

    `limit` is how many questions (one test put to one principal) an account is asked at most.
    With several back ends the first one's answers count, and disagreements are told. With
    `details` results that are as expected are told with their reasons, too.
    """

    suites: tuple[Suite, ...]
    backends: tuple[BackendName, ...] = (BackendName.OFFLINE,)
    choice: Choice = field(default_factory=Choice)
    planner: Planner | None = None
    limit: int | None = None
    details: bool = False


@dataclass(frozen=True, slots=True)
class _Hearing:
    """One account's questions, and everything needed to answer them."""

    session: AccountSession
    snapshot: Snapshot
    inquiries: tuple[Inquiry, ...]
    left_out: int
    findings: tuple[Finding, ...]


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

    def applying(
        self,
        request: Request,
        *,
        explain: bool = False,
        suites: tuple[Suite, ...] | None = None,
    ) -> Planner:
        """Plans that make accounts what the files ask for."""
        return Planner(
            plan=lambda account, snapshot: plan_apply(
                self.configuration, account, snapshot, request, self.now
            ),
            documents=lambda account: documents_needed(self.configuration, account, self.now),
            explain=explain,
            suites=suites,
        )

    def cleaning(self, request: Request, *, explain: bool = False) -> Planner:
        """Plans that take away what is dead."""
        return Planner(
            plan=lambda account, snapshot: plan_cleanup(
                account, snapshot, request, self.now, self.configuration.rules
            ),
            explain=explain,
        )

    def revoking(self, target: Target, *, explain: bool = False) -> Planner:
        """Plans that end temporary access at once."""
        return Planner(
            plan=lambda account, snapshot: plan_revocation(account, snapshot, target, self.now),
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
            if report.plan.refused:
                return report
            execution = Execution(
                report.plan.changes,
                session.call,
                sleep=self._stop.wait,
                stopped=self._stop.is_set,
            )
            report = replace(report, outcomes=execution.run())
            if planner.suites is None:
                return report
            return replace(report, verified=self._verified(report, planner.suites, session))

        return self._side_by_side(accounts, work)

    def _verified(
        self, report: AccountReport, suites: tuple[Suite, ...], session: AccountSession
    ) -> tuple[Finding, ...]:
        """What does not hold in the account as it is now, once IAM had time to settle."""
        account = report.account
        snapshot = self._complete(session)
        found = verify(snapshot, report.outcomes, self.now)
        for pause in _SETTLING:
            if not found:
                break
            self._stop.wait(pause)
            snapshot = self._complete(session)
            found = verify(snapshot, report.outcomes, self.now)
        chosen = choose(suites, account, snapshot, Choice(), self.now)
        tests = find_violations(account, chosen.inquiries, OfflineBackend(World(snapshot)))
        return (*found, *chosen.findings, *tests.findings, *violations(tests))

    def _complete(self, session: AccountSession) -> Snapshot:
        """The account as it is now, with every policy that counts in it."""
        snapshot = read_snapshot(session.call, session.account, (), self._documents)
        return completed(session.call, snapshot, self._documents)

    def choose_tests(self, trial: Trial, accounts: Sequence[Account]) -> tuple[AccountTests, ...]:
        """What the assertions would ask in each account; nobody is asked."""

        def work(account: Account) -> AccountTests:
            hearing = self._hearing(trial, account)
            return AccountTests(
                account, hearing.inquiries, findings=hearing.findings, left_out=hearing.left_out
            )

        return self._tested(accounts, work)

    def run_tests(self, trial: Trial, accounts: Sequence[Account]) -> tuple[AccountTests, ...]:
        """What the assertions come to in each account."""

        def work(account: Account) -> AccountTests:
            hearing = self._hearing(trial, account)
            tests, *others = [self._judged(name, hearing, trial) for name in trial.backends]
            return replace(
                tests,
                findings=(
                    *hearing.findings,
                    *tests.findings,
                    *(each for other in others for each in other.findings),
                ),
                disagreements=tuple(
                    each for other in others for each in disagreements(tests, other)
                ),
                left_out=hearing.left_out,
            )

        return self._tested(accounts, work)

    def answer(
        self, question: access.Question, accounts: Sequence[Account], planner: Planner | None
    ) -> tuple[access.AccountAnswers, ...]:
        """Who can do what in each account, as it is or as the plan would leave it."""

        def work(account: Account) -> access.AccountAnswers:
            session, snapshot, _ = self._read(account, planner)
            world = World(completed(session.call, snapshot, self._documents))
            origins = Origins(self.configuration, account)
            found = tuple(access.answers(question, account, world, origins))
            return access.AccountAnswers(account, found)

        return tuple(
            access.AccountAnswers(account, failure=result)
            if isinstance(result, Failure)
            else result
            for account, result in self._each(accounts, work)
        )

    def _read(
        self, account: Account, planner: Planner | None
    ) -> tuple[AccountSession, Snapshot, tuple[Finding, ...]]:
        """The account as it is, or taken through a plan; then with what the plan found wrong."""
        session = self.sessions.open(account)
        documents = planner.documents(account) if planner else frozenset[str]()
        snapshot = read_snapshot(session.call, account, documents, self._documents)
        if planner is None:
            return session, snapshot, ()
        plan = planner.plan(account, snapshot)
        findings = tuple(finding for finding in plan.findings if finding.is_error)
        return session, after(snapshot, plan.changes), findings

    def _hearing(self, trial: Trial, account: Account) -> _Hearing:
        """Read the account, take it through the plan, and choose what to ask."""
        session, snapshot, findings = self._read(account, trial.planner)
        chosen = choose(trial.suites, account, snapshot, trial.choice, self.now)
        inquiries = tuple(first(chosen.inquiries, trial.limit))
        return _Hearing(
            session,
            snapshot,
            inquiries,
            count(chosen.inquiries) - count(inquiries),
            (*findings, *chosen.findings),
        )

    def _judged(self, name: BackendName, hearing: _Hearing, trial: Trial) -> AccountTests:
        account, call = hearing.session.account, hearing.session.call
        if name is BackendName.AWS:
            return ask(account, hearing.inquiries, AwsBackend(call, self._stop.wait))
        backend = OfflineBackend(World(completed(call, hearing.snapshot, self._documents)))
        # Back ends are compared by all that they say.
        judge = ask if trial.details or len(trial.backends) > 1 else find_violations
        return judge(account, hearing.inquiries, backend)

    def _planned(self, planner: Planner, account: Account) -> tuple[AccountReport, AccountSession]:
        session = self.sessions.open(account)
        snapshot = read_snapshot(session.call, account, planner.documents(account), self._documents)
        plan = planner.plan(account, snapshot)
        if not planner.explain:
            return AccountReport(account, plan), session
        try:
            meanings = explained(session.call, self._documents, snapshot, plan.changes, self.now)
        except (CloudError, DocumentError, PolicySyntaxError) as error:
            # Words are no reason to leave the work undone, least of all to end access.
            plan = replace(plan, findings=(*plan.findings, _unexplained(account, error)))
            return AccountReport(account, plan), session
        return AccountReport(account, plan, meanings=meanings), session

    def _tested(
        self, accounts: Sequence[Account], work: Callable[[Account], AccountTests]
    ) -> tuple[AccountTests, ...]:
        return tuple(
            AccountTests(account, failure=result) if isinstance(result, Failure) else result
            for account, result in self._each(accounts, work)
        )

    def _side_by_side(
        self, accounts: Sequence[Account], work: Callable[[Account], AccountReport]
    ) -> tuple[AccountReport, ...]:
        return tuple(
            AccountReport(account, failure=result) if isinstance(result, Failure) else result
            for account, result in self._each(accounts, work)
        )

    def _each(
        self, accounts: Sequence[Account], work: Callable[[Account], T]
    ) -> "Iterator[tuple[Account, T | Failure]]":
        """What became of each account, in their order; an interrupt leaves out the rest."""

        def watched(account: Account) -> T:
            try:
                return work(account)
            finally:
                self.watch(account)

        try:
            results = for_each_account(accounts, watched, stop=self._stop)
        except Interrupted as interrupted:
            results = interrupted.results
        return zip(accounts, results, strict=True)


def _unexplained(account: Account, error: Exception) -> Finding:
    """That what a plan means could not be told, which is not to be taken for nothing."""
    return Finding(
        code="not-explained",
        severity=Severity.ERROR,
        message=f"what the plan means could not be told: {error}",
        hint="who gains or loses what by it is not known here; the plan itself is not concerned",
        account=account.id,
    )
