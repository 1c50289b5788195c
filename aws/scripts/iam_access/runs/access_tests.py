"""Access tests in accounts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from iam_access.cloud.sessions import AccountSession
from iam_access.cloud.simulator import AwsBackend
from iam_access.config.suites import Suite
from iam_access.errors import AccessError
from iam_access.model import Account, Failure, Finding
from iam_access.runs.evaluated import (
    EvaluatedAccount,
    evaluated,
    origins,
    unread_failure,
    with_switches,
)
from iam_access.runs.planning import Planner
from iam_access.runs.run import Run
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.assertions import disagreements, find_violations, run_assertions
from iam_access.simulation.offline import OfflineBackend
from iam_access.simulation.proving import lacking_context, only_on_some
from iam_access.simulation.questions import PreparedAssertion, limit_questions, question_count
from iam_access.simulation.results import AccountTests, BackendName
from iam_access.simulation.selection import PrincipalFilter, select_tests
from iam_access.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class AssertionOptions:
    """What a run of assertions is asked: whose, about whom, by which back ends, after which plan.

    `limit` bounds the questions (one test put to one principal) per account. Of several back ends
    the first one's answers count, and disagreements are reported. With `details`, results that are
    as expected come with their reasons, too.
    """

    suites: tuple[Suite, ...]
    backends: tuple[BackendName, ...] = (BackendName.OFFLINE,)
    choice: PrincipalFilter = field(default_factory=PrincipalFilter)
    planner: Planner | None = None
    limit: int | None = None
    details: bool = False


@dataclass(frozen=True, slots=True)
class _Selection:
    """One account's questions, and everything needed to answer them."""

    session: AccountSession
    snapshot: Snapshot
    assertions: tuple[PreparedAssertion, ...]
    left_out: int
    findings: tuple[Finding, ...]

    @property
    def unread(self) -> Failure | None:
        """Why the answers may be wrong: a policy of ours that counts for them is not known."""
        return unread_failure(
            self.snapshot, [action for each in self.assertions for action in each.actions]
        )


def choose_tests(
    run: Run, asked: AssertionOptions, accounts: Sequence[Account]
) -> tuple[AccountTests, ...]:
    """What the assertions would ask in each account, unanswered."""

    def work(account: Account) -> AccountTests:
        selection = _select(run, asked, evaluated(run, account, asked.planner))
        return AccountTests(
            account, selection.assertions, findings=selection.findings, left_out=selection.left_out
        )

    return _tested(run, accounts, work)


def run_tests(
    run: Run, asked: AssertionOptions, accounts: Sequence[Account]
) -> tuple[AccountTests, ...]:
    """What the assertions come to in each account.

    By a plan, users may switch into the roles of other accounts as the plans of these say, so all
    accounts are planned before any is judged.
    """

    def judged(found: EvaluatedAccount) -> AccountTests:
        selection = _select(run, asked, found)
        tests, *others = [_judged(run, name, selection, asked) for name in asked.backends]
        return replace(
            tests,
            findings=(
                *selection.findings,
                *tests.findings,
                *(each for other in others for each in other.findings),
            ),
            disagreements=tuple(each for other in others for each in disagreements(tests, other)),
            failure=next((each.failure for each in (tests, *others) if each.failure), None)
            or selection.unread,
            left_out=selection.left_out,
        )

    def work(account: Account) -> AccountTests:
        return judged(evaluated(run, account, None))

    def planned(account: Account) -> EvaluatedAccount | AccountTests:
        return evaluated(run, account, asked.planner)

    if asked.planner is None:
        return _tested(run, accounts, work)
    found = run.each(accounts, planned, _failed)
    read = [each for each in found if isinstance(each, EvaluatedAccount)]
    done = {each.account.id: _kept(judged, each) for each in with_switches(read)}
    return tuple(
        done[each.account.id] if isinstance(each, EvaluatedAccount) else each for each in found
    )


def _failed(account: Account, failure: Failure) -> AccountTests:
    return AccountTests(account, failure=failure)


def _kept(
    judged: Callable[[EvaluatedAccount], AccountTests], found: EvaluatedAccount
) -> AccountTests:
    """What the tests come to in an account; an error is its failure."""
    try:
        return judged(found)
    except AccessError as error:
        return _failed(found.account, error.failure)


def _select(run: Run, asked: AssertionOptions, found: EvaluatedAccount) -> _Selection:
    """Choose what to ask in an account."""
    account, snapshot = found.account, found.snapshot
    chosen = select_tests(asked.suites, account, snapshot, asked.choice, run.now)
    assertions = tuple(limit_questions(chosen.assertions, asked.limit))
    return _Selection(
        found.session,
        snapshot,
        assertions,
        question_count(chosen.assertions) - question_count(assertions),
        (*found.findings, *chosen.findings),
    )


def _judged(
    run: Run, name: BackendName, selection: _Selection, asked: AssertionOptions
) -> AccountTests:
    account, call = selection.session.account, selection.session.call
    if name is BackendName.AWS:
        return run_assertions(account, selection.assertions, AwsBackend(call, run.stop.wait))
    account_policies = AccountPolicies(run.complete(selection.session, selection.snapshot))
    backend = OfflineBackend(account_policies, origins(run, account, account_policies.snapshot))
    # Back ends are compared by all their answers.
    judge = run_assertions if asked.details or len(asked.backends) > 1 else find_violations
    found = judge(account, selection.assertions, backend)
    lacking = lacking_context(account, selection.assertions, account_policies)
    narrow = only_on_some(account, selection.assertions, account_policies)
    return replace(found, findings=(*found.findings, *lacking, *narrow))


def _tested(
    run: Run, accounts: Sequence[Account], work: Callable[[Account], AccountTests]
) -> tuple[AccountTests, ...]:
    return run.each(accounts, work, _failed)
