"""What came of assertions: one form, whoever answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
    """For what tests were judged besides requests as they give them, made now.

    `moments` (UTC) are later ones at which policies turn, `keys` are open keys that policies ask
    for.
    """

    moments: tuple[datetime, ...] = ()
    keys: tuple[str, ...] = ()


class Ground(StrEnum):
    """What is judged: accounts as a plan would leave them, or as they are."""

    PLAN = "plan"
    ACCOUNT = "account"


class BackendName(StrEnum):
    """Who judges: our evaluator, or AWS's policy simulator."""

    OFFLINE = "offline"
    AWS = "aws"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A statement that made a decision: its policy's name, and where in it, as the judge tells.

    `written` and `granted` are where the files say it and grant it; None for what they do not, and
    where the result is as expected.
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
    """A decision on one action and resource.

    `missing` are condition keys that were asked for in vain. `boundary` and `organization` say
    whether the permissions boundary and the service control policies allow it; None where there
    are none, or nobody knows. `because` is why no policy has a say, where the service itself
    decides.
    """

    decision: Verdict
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[str, ...] = ()
    boundary: bool | None = None
    organization: bool | None = None
    because: str = ""


class GaveUpError(AccessError):
    """A back end answers no more for now, although it was waited for. `code` is its own."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.code = code

    def failure(self, missing: int, total: int, what: str) -> Failure:
        """As a failure, with how many of all answers are missing; `what` they are about."""
        return Failure(self.code, f"{self.message}; {missing:,} of {total:,} {what}", self.hint)


class Backend(Protocol):
    """Somebody who answers questions about one account."""

    def ask(self, question: AssertionQuestion) -> Mapping[tuple[str, str], BackendDecision] | None:
        """The answer to each pair of the question; None if the principal is gone.

        Raises AccessError when there is no answer to be had, GaveUpError when none is for now.
        """


@dataclass(frozen=True, slots=True)
class TestResult:
    """What one test says of one principal, action and resource."""

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
        """The principal's."""
        return self.question.state.arn


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A result of the offline evaluator, and what AWS says."""

    result: TestResult
    aws: BackendDecision


@dataclass(frozen=True, slots=True)
class AccountTests:
    """One account's part of a run of assertions.

    `inquiries` are all that was chosen; `results` are what was judged, as far as it was kept:
    `held` counts decisions beyond them that are as expected. Nothing was judged in a dry run.
    `left_out` counts the questions beyond the limit that was asked for. `failure` says why the
    account could not be judged, or not to the end: what was judged before counts. `assumed` is None
    where only requests as the tests give them were judged, made now.
    """

    account: Account
    inquiries: tuple[PreparedAssertion, ...] = ()
    results: tuple[TestResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    held: int = 0
    left_out: int = 0
    failure: Failure | None = None
    assumed: Assumptions | None = None
    violations: tuple[TestResult, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # There may be a million results, and everybody asks for those that are not as expected.
        violations = tuple([result for result in self.results if not result.ok])
        object.__setattr__(self, "violations", violations)

    @property
    def questions(self) -> Iterator[AssertionQuestion]:
        """All that was chosen, one by one."""
        for each in self.inquiries:
            yield from each.questions

    @property
    def decisions(self) -> int:
        """How many were judged."""
        return len(self.results) + self.held


@dataclass(frozen=True, slots=True)
class TestReport:
    """All there is to tell about a run of assertions. `now` is the run's time (UTC)."""

    __test__ = False

    now: datetime
    ground: Ground
    backends: tuple[BackendName, ...]
    accounts: tuple[AccountTests, ...] = ()
    findings: tuple[Finding, ...] = ()
    dry_run: bool = False

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Findings of the files and of every account, sorted, each once."""
        found = [*self.findings, *(each for one in self.accounts for each in one.findings)]
        return tuple(dict.fromkeys(sorted(found, key=lambda finding: finding.sort_key)))

    @property
    def exit_status(self) -> int:
        """0 nothing found, 1 something was found, 2 it could not finish."""
        if any(account.failure is not None for account in self.accounts):
            return 2
        found = any(account.violations or account.disagreements for account in self.accounts)
        return 1 if found or any(finding.is_error for finding in self.all_findings) else 0
