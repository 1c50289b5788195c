"""Reports of assertions made from plain values."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from iam_access.config.access_tests import Expectation
from iam_access.model import Failure, Finding, Location, Principal, Severity
from iam_access.policy.evaluation.evaluate import Verdict
from iam_access.simulation.questions import (
    AssertionQuestion,
    ContextValue,
    PreparedAssertion,
    RequestContextTemplate,
    TestRef,
)
from iam_access.simulation.results import (
    AccountTests,
    Assumptions,
    BackendDecision,
    BackendName,
    Basis,
    Disagreement,
    Evidence,
    TestReport,
    TestResult,
)
from iam_access.snapshot import PrincipalState
from tests.render.reports import ALICE, BATCH, NONPROD, NOW, PROD

FILE = "aws/access-tests/payments.yaml"
LEDGER = "arn:aws:dynamodb:eu-west-1:123456789012:table/ledger"
MFA = ContextValue("aws:MultiFactorAuthPresent", "boolean", ("true",))
DENIED = BackendDecision(Verdict.IMPLICIT_DENY)
ALLOWED = BackendDecision(
    Verdict.ALLOWED,
    (Evidence("arn:aws:iam::aws:policy/PowerUser", "PowerUser", "identity", "statement 1"),),
)


def question(
    principal: Principal = ALICE,
    *,
    line: int = 7,
    description: str | None = "Nobody deletes data",
    actions: tuple[str, ...] = ("dynamodb:DeleteTable",),
    expected: Expectation = Expectation.FAIL,
) -> AssertionQuestion:
    return AssertionQuestion(
        test=TestRef(Location(FILE, line, 5), description, "payments"),
        state=PrincipalState(principal, f"arn:aws:iam::123456789012:{principal}"),
        actions=actions,
        resources=(LEDGER,),
        context=(MFA,),
        expected=expected,
    )


def assertion(*questions: AssertionQuestion) -> PreparedAssertion:
    """One test, put to several."""
    one = questions[0]
    states = tuple(each.state for each in questions)
    template = RequestContextTemplate((MFA,), NOW)
    return PreparedAssertion(one.test, states, one.actions, one.resources, template, one.expected)


def results(asked: AssertionQuestion, *answers: BackendDecision) -> tuple[TestResult, ...]:
    return tuple(
        TestResult(asked, action, resource, answer)
        for (action, resource), answer in zip(asked.pairs, answers, strict=True)
    )


def report(
    *accounts: AccountTests,
    basis: Basis = Basis.PLAN,
    backends: tuple[BackendName, ...] = (BackendName.OFFLINE,),
    findings: Iterable[Finding] = (),
    dry_run: bool = False,
) -> TestReport:
    return TestReport(NOW, basis, backends, accounts, tuple(findings), dry_run)


def with_violations() -> TestReport:
    """One test that does not hold for alice in prod, and one that does not for a role."""
    many = tuple(f"dynamodb:Delete{number}" for number in range(12))
    deleting = question(actions=many)
    reading = question(
        BATCH, line=20, description=None, actions=("s3:A", "s3:B"), expected=Expectation.SUCCEED
    )
    why = BackendDecision(
        Verdict.EXPLICIT_DENY, (Evidence("x", "never", "identity", "statement 2 (No)"),)
    )
    looking = question(line=25, description=None, actions=("s3:C",))
    circumstances = (
        ContextValue("aws:CurrentTime", "date", ("2025-12-01T09:00:00Z",)),
        ContextValue("aws:UserAgent", "string", ("hi",)),
        ContextValue("aws:MultiFactorAuthPresent", "boolean", ()),
    )
    narrow = BackendDecision(Verdict.IMPLICIT_DENY, (), ("aws:SourceIp",), boundary=False)
    unmatched = Finding(
        "no-principal",
        Severity.ERROR,
        "the test matches no user or role",
        "fix its expressions",
        Location(FILE, 30, 5),
        "payments",
        NONPROD.id,
    )
    prod = AccountTests(
        PROD,
        (assertion(deleting), assertion(reading), assertion(looking)),
        (
            *results(deleting, *[ALLOWED] * 12),
            *results(reading, why, narrow),
            *results(replace(looking, assumed=circumstances), ALLOWED),
        ),
        assumed=Assumptions(
            (NOW + timedelta(days=1), NOW + timedelta(days=4)), ("aws:SourceIp", "aws:UserAgent")
        ),
    )
    return report(prod, AccountTests(NONPROD, findings=(unmatched,)))


def all_as_expected() -> TestReport:
    asked = question()
    return report(AccountTests(PROD, (assertion(asked),), results(asked, DENIED), left_out=2))


def with_disagreement() -> TestReport:
    """AWS disagrees about one thing; one account was not reached."""
    asked = question()
    offline = results(asked, DENIED)
    prod = AccountTests(
        PROD, (assertion(asked),), offline, disagreements=(Disagreement(offline[0], ALLOWED),)
    )
    failed = AccountTests(NONPROD, failure=Failure("AccessDenied", "no", "ask for it"))
    return report(prod, failed, basis=Basis.ACCOUNT, backends=tuple(BackendName))


def dry_run() -> TestReport:
    asked = (question(), question(BATCH))
    return report(AccountTests(PROD, (assertion(*asked),)), dry_run=True)


def hostile(text: str) -> TestReport:
    """This text wherever a file or AWS may say something."""
    asked = question(Principal(ALICE.type, text), description=text, actions=(text,))
    asked = replace(asked, resources=(text,), test=replace(asked.test, team=text))
    answer = BackendDecision(Verdict.ALLOWED, (Evidence(text, text, text, text),), (text,))
    found = results(asked, answer)
    account = replace(PROD, environments={text: text})
    return report(
        AccountTests(
            account, (assertion(asked),), found, disagreements=(Disagreement(found[0], DENIED),)
        ),
        basis=Basis.ACCOUNT,
        backends=tuple(BackendName),
    )
