"""What is asked of accounts about access, and what they answer: assertions, and who can do what.

It works on a run's manager, which opens the accounts and plans them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from iam_access.cloud.reader import read_snapshot
from iam_access.cloud.sessions import AccountSession
from iam_access.cloud.simulator import AwsBackend
from iam_access.config.suites import Suite
from iam_access.errors import AccessError
from iam_access.model import Account, Failure, Finding
from iam_access.plan.account_after import after
from iam_access.runs.complete_snapshot import completed
from iam_access.simulation import access
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.assertions import ask, disagreements, find_violations
from iam_access.simulation.offline import OfflineBackend
from iam_access.simulation.origin import Origins
from iam_access.simulation.proving import lacking_context, only_on_some
from iam_access.simulation.questions import PreparedAssertion, count, first
from iam_access.simulation.results import AccountTests, BackendName
from iam_access.simulation.selection import PrincipalFilter, select_tests
from iam_access.simulation.whom import absence
from iam_access.snapshot import Snapshot

if TYPE_CHECKING:
    from iam_access.runs.manager import IamManager, Planner


@dataclass(frozen=True, slots=True)
class AssertionRun:
    """Assertions to run: whose, about whom, judged by whom, and after which plan if any.

    `limit` is how many questions (one test put to one principal) an account is asked at most.
    With several back ends the first one's answers count, and disagreements are told. With
    `details` results that are as expected are told with their reasons, too.
    """

    suites: tuple[Suite, ...]
    backends: tuple[BackendName, ...] = (BackendName.OFFLINE,)
    choice: PrincipalFilter = field(default_factory=PrincipalFilter)
    planner: "Planner | None" = None
    limit: int | None = None
    details: bool = False


@dataclass(frozen=True, slots=True)
class _Selection:
    """One account's questions, and everything needed to answer them."""

    session: AccountSession
    snapshot: Snapshot
    inquiries: tuple[PreparedAssertion, ...]
    left_out: int
    findings: tuple[Finding, ...]


def choose_tests(
    manager: "IamManager", run: AssertionRun, accounts: Sequence[Account]
) -> tuple[AccountTests, ...]:
    """What the assertions would ask in each account; nobody is asked."""

    def work(account: Account) -> AccountTests:
        selection = _select(manager, run, account)
        return AccountTests(
            account, selection.inquiries, findings=selection.findings, left_out=selection.left_out
        )

    return _tested(manager, accounts, work)


def run_tests(
    manager: "IamManager", run: AssertionRun, accounts: Sequence[Account]
) -> tuple[AccountTests, ...]:
    """What the assertions come to in each account."""

    def work(account: Account) -> AccountTests:
        selection = _select(manager, run, account)
        tests, *others = [_judged(manager, name, selection, run) for name in run.backends]
        return replace(
            tests,
            findings=(
                *selection.findings,
                *tests.findings,
                *(each for other in others for each in other.findings),
            ),
            disagreements=tuple(each for other in others for each in disagreements(tests, other)),
            failure=next((each.failure for each in (tests, *others) if each.failure), None),
            left_out=selection.left_out,
        )

    return _tested(manager, accounts, work)


def answer(
    manager: "IamManager",
    question: access.AccessQuestion,
    accounts: Sequence[Account],
    planner: "Planner | None",
    by: BackendName,
) -> tuple[access.AccountAnswers, ...]:
    """Who can do what in each account, as it is or as the plan would leave it."""

    def work(account: Account) -> access.AccountAnswers:
        session, snapshot, findings = _read(manager, account, planner)
        world = AccountPolicies(completed(session.call, snapshot, manager.documents))
        origins = Origins(manager.configuration, account)
        judge = None
        if by is BackendName.AWS:
            backend = AwsBackend(session.call, manager.stop.wait)
            judge = access.Judge(question, backend, world, account)
        found, failure = _kept(access.answers(question, account, world, origins, judge))
        absent = tuple(absence(world.snapshot, question.principals or ()))
        return access.AccountAnswers(account, found, absent, failure, findings)

    return tuple(
        access.AccountAnswers(account, failure=result) if isinstance(result, Failure) else result
        for account, result in manager.each(accounts, work)
    )


def _kept(
    answers: Iterator[access.AccessAnswer],
) -> tuple[tuple[access.AccessAnswer, ...], Failure | None]:
    """All answers that are given, and why there are no more if something goes wrong."""
    found = []
    try:
        for each in answers:
            found.append(each)  # noqa: PERF402 - what was found before an error is kept
    except AccessError as error:
        return tuple(found), Failure(error.code, error.message, error.hint)
    return tuple(found), None


def _read(
    manager: "IamManager", account: Account, planner: "Planner | None"
) -> tuple[AccountSession, Snapshot, tuple[Finding, ...]]:
    """The account as it is, or taken through a plan; then with what the plan found wrong."""
    if planner is None:
        session = manager.sessions.open(account)
        return session, read_snapshot(session.call, account, (), manager.documents), ()
    session, snapshot, plan = manager.read_and_plan(planner, account)
    findings = tuple(finding for finding in plan.findings if finding.is_error)
    return session, after(snapshot, plan.changes), findings


def _select(manager: "IamManager", run: AssertionRun, account: Account) -> _Selection:
    """Read the account, take it through the plan, and choose what to ask."""
    session, snapshot, findings = _read(manager, account, run.planner)
    chosen = select_tests(run.suites, account, snapshot, run.choice, manager.now)
    inquiries = tuple(first(chosen.inquiries, run.limit))
    return _Selection(
        session,
        snapshot,
        inquiries,
        count(chosen.inquiries) - count(inquiries),
        (*findings, *chosen.findings),
    )


def _judged(
    manager: "IamManager", name: BackendName, selection: _Selection, run: AssertionRun
) -> AccountTests:
    account, call = selection.session.account, selection.session.call
    if name is BackendName.AWS:
        return ask(account, selection.inquiries, AwsBackend(call, manager.stop.wait))
    world = AccountPolicies(completed(call, selection.snapshot, manager.documents))
    backend = OfflineBackend(world, Origins(manager.configuration, account))
    # Back ends are compared by all that they say.
    judge = ask if run.details or len(run.backends) > 1 else find_violations
    found = judge(account, selection.inquiries, backend)
    lacking = lacking_context(account, selection.inquiries, world)
    narrow = only_on_some(account, selection.inquiries, world)
    return replace(found, findings=(*found.findings, *lacking, *narrow))


def _tested(
    manager: "IamManager", accounts: Sequence[Account], work: Callable[[Account], AccountTests]
) -> tuple[AccountTests, ...]:
    return tuple(
        AccountTests(account, failure=result) if isinstance(result, Failure) else result
        for account, result in manager.each(accounts, work)
    )
