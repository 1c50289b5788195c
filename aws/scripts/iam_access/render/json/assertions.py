"""The results of assertions as one JSON document, for programs."""

from collections.abc import Iterable
from typing import Any

from iam_access.render.json.objects import (
    dump,
    failure_object,
    finding_object,
    place_object,
    utc_text,
)
from iam_access.render.view import assertions
from iam_access.simulation.questions import AssertionQuestion, ContextValue, question_count
from iam_access.simulation.results import (
    AccountTests,
    Assumptions,
    BackendDecision,
    Disagreement,
    Evidence,
    TestReport,
    TestResult,
)


def render(report: TestReport, *, verbose: bool = False) -> str:
    """The document and a line end. All ASCII; nothing in it depends on chance.

    `results` are what does not hold, with `verbose` everything; `sources` whom they are about;
    `questions` what a dry run would ask.
    """
    accounts = assertions.accounts_of(report)
    results = [
        (tests, result)
        for tests in accounts
        for result in (tests.results if verbose else tests.violations)
    ]
    return dump(
        {
            "command": "test",
            "status": report.exit_status,
            "dry_run": report.dry_run,
            "now": utc_text(report.now),
            "on": report.basis.value,
            "backends": [name.value for name in report.backends],
            "results": [_result(result, tests) for tests, result in results],
            "sources": sorted({result.arn for _, result in results if not result.ok}),
            "disagreements": [
                _disagreement(each, tests) for tests in accounts for each in tests.disagreements
            ],
            "questions": [
                _question(each, tests)
                for tests in accounts
                for each in (tests.questions if report.dry_run else ())
            ],
            "findings": [finding_object(each) for each in report.all_findings],
            "accounts": [_account(each) for each in accounts],
        }
    )


def _result(result: TestResult, tests: AccountTests) -> dict[str, Any]:
    return {
        **_asked(result.question, tests),
        "action": result.action,
        "resource": result.resource,
        "ok": result.ok,
        "assumed": _context(result.question.assumed),
        **judged_object(result.answer),
    }


def _disagreement(each: Disagreement, tests: AccountTests) -> dict[str, Any]:
    result = each.result
    return {
        **_asked(result.question, tests),
        "action": result.action,
        "resource": result.resource,
        "offline": judged_object(result.answer),
        "aws": judged_object(each.aws),
    }


def _question(question: AssertionQuestion, tests: AccountTests) -> dict[str, Any]:
    return {
        **_asked(question, tests),
        "actions": list(question.actions),
        "resources": list(question.resources),
        "context": _context(question.context),
    }


def _context(values: Iterable[ContextValue]) -> list[dict[str, Any]]:
    return [{"key": each.key, "type": each.type, "values": list(each.values)} for each in values]


def _asked(question: AssertionQuestion, tests: AccountTests) -> dict[str, Any]:
    return {
        "account": tests.account.id,
        "environment": tests.account.label,
        "team": question.test.team,
        "source": question.state.arn,
        "principal": str(question.state.principal),
        "expected": question.expected.value,
        "description": question.test.description,
        **place_object(question.test.location),
    }


def judged_object(answer: BackendDecision) -> dict[str, Any]:
    """What a back end says of an action on a resource."""
    return {
        "decision": answer.decision.value,
        "statements": [_evidence(each) for each in answer.evidence],
        "missing_context": list(answer.missing),
        "allowed_by_boundary": answer.boundary,
        "allowed_by_organization": answer.organization,
    } | ({"because": answer.because} if answer.because else {})


def _evidence(each: Evidence) -> dict[str, Any]:
    found = {"policy": each.policy, "name": each.name, "type": each.type, "place": each.place}
    places = {"written": each.written, "granted": each.granted}
    return found | {name: place_object(place) for name, place in places.items() if place}


def _account(tests: AccountTests) -> dict[str, Any]:
    return {
        "account": tests.account.id,
        "environment": tests.account.label,
        "questions": question_count(tests.assertions),
        "left_out": tests.left_out,
        "decisions": tests.decisions,
        "violations": len(tests.violations),
        "disagreements": len(tests.disagreements),
        "assumed": None if tests.assumed is None else _assumed(tests.assumed),
        "failure": failure_object(tests.failure),
    }


def _assumed(assumed: Assumptions) -> dict[str, Any]:
    return {"moments": list(map(utc_text, assumed.moments)), "keys": list(assumed.keys)}
