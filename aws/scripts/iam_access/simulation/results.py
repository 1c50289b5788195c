"""Results of assertions, in one form for all back ends."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from iam_access.config.access_tests import Expectation
from iam_access.errors import AccessError
from iam_access.model import Account, Failure, Finding, Location
from iam_access.policy.evaluation.evaluate import Verdict
from iam_access.simulation.questions import AssertionQuestion, PreparedAssertion


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What tests were evaluated for, besides their requests as given, now.

    `moments` (UTC) are later times at which policies change, `keys` are open keys that policies
    read.
    """

    moments: tuple[datetime, ...] = ()
    keys: tuple[str, ...] = ()


class Basis(StrEnum):
    """What is evaluated: the accounts as they are, or as a plan would leave them."""

    PLAN = "plan"
    ACCOUNT = "account"


class BackendName(StrEnum):
    """The back end: the offline evaluator, or AWS's policy simulator."""

    OFFLINE = "offline"
    AWS = "aws"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A statement that made a decision: its policy's name and its place there.

    `written` and `granted` are where the files write and grant it; None if they do not, and for
    expected results.
    """

    policy: str
    name: str
    type: str
    place: str
    written: Location | None = None
    granted: Location | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.place}" if self.place else self.name


@dataclass(frozen=True, slots=True)
class BackendDecision:
    """The decision on one action and resource.

    `missing` are condition keys that policies read and the request lacks. `boundary` and
    `organization` are whether the permissions boundary and the SCPs allow it; None if there are
    none, or unknown. `because` is the reason if the service itself decides. `alone` is the decision
    without the resource's own policy, where that counts: what AWS's simulator is asked.
    """

    decision: Verdict
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[str, ...] = ()
    boundary: bool | None = None
    organization: bool | None = None
    because: str = ""
    alone: Verdict | None = None


class GaveUpError(AccessError):
    """A back end does not answer for now, even after waiting. `code` is the back end's."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.code = code

    def partial_failure(self, missing: int, total: int, what: str) -> Failure:
        """The failure, with how many of all answers are missing; `what` they are about."""
        return replace(self.failure, message=f"{self.message}; {missing:,} of {total:,} {what}")


class Backend(Protocol):
    """Answers questions about one account."""

    def ask(self, question: AssertionQuestion) -> Mapping[tuple[str, str], BackendDecision] | None:
        """Return the decision for each pair of the question; None if the principal is gone.

        Raises AccessError if there is no answer, GaveUpError if there is none for now.
        """


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of one test for one principal, action and resource."""

    __test__ = False

    question: AssertionQuestion
    action: str
    resource: str
    answer: BackendDecision

    @property
    def ok(self) -> bool:
        succeeds = self.question.expected is Expectation.SUCCEED
        return (self.answer.decision is Verdict.ALLOWED) == succeeds

    @property
    def arn(self) -> str:
        """The principal's ARN."""
        return self.question.state.arn


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A result of the offline evaluator, and AWS's decision."""

    result: TestResult
    aws: BackendDecision


@dataclass(frozen=True, slots=True)
class AccountTests:
    """One account's part of a run of assertions.

    `assertions` are all that were selected; `results` are the decisions, as far as they were kept:
    `held` counts further ones that are as expected. A dry run has none. `left_out` counts the
    questions beyond the limit. `failure` is why the account was not, or not completely, evaluated:
    earlier results count. `assumed` is None if only requests as given were evaluated, now.
    """

    account: Account
    assertions: tuple[PreparedAssertion, ...] = ()
    results: tuple[TestResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    held: int = 0
    left_out: int = 0
    failure: Failure | None = None
    assumed: Assumptions | None = None
    violations: tuple[TestResult, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Computed once: there may be a million results.
        violations = tuple([result for result in self.results if not result.ok])
        object.__setattr__(self, "violations", violations)

    @property
    def questions(self) -> Iterator[AssertionQuestion]:
        """Yield all selected questions."""
        for each in self.assertions:
            yield from each.questions

    @property
    def decisions(self) -> int:
        """The number of decisions."""
        return len(self.results) + self.held


@dataclass(frozen=True, slots=True)
class TestReport:
    """The result of a run of assertions. `now` is the run's time (UTC)."""

    __test__ = False

    now: datetime
    basis: Basis
    backends: tuple[BackendName, ...]
    accounts: tuple[AccountTests, ...] = ()
    findings: tuple[Finding, ...] = ()
    dry_run: bool = False

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """The findings of the files and of every account, sorted, without repetitions."""
        found = [*self.findings, *(each for one in self.accounts for each in one.findings)]
        return tuple(dict.fromkeys(sorted(found, key=lambda finding: finding.sort_key)))

    @property
    def exit_status(self) -> int:
        """0 nothing found, 1 something found, 2 not finished."""
        if any(account.failure is not None for account in self.accounts):
            return 2
        found = any(account.violations or account.disagreements for account in self.accounts)
        return 1 if found or any(finding.is_error for finding in self.all_findings) else 0
