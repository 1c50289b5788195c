"""What came of assertions, in every form. Golden files are written anew as in test_golden.py."""

import io
import json
from dataclasses import replace

import pytest

from iam_access.model import Location, Principal
from iam_access.render import Output, document_of_tests, render_tests
from iam_access.render.markdown.assertions import render as markdown
from iam_access.simulation.results import AccountTests, TestReport, TestResult
from tests.render import assertion_reports
from tests.render.reports import ALICE, PROD
from tests.render.test_golden import DATA, SUFFIXES, compare
from tests.render.workflow_commands import commands

REPORTS = {
    "tests-violated": assertion_reports.with_violations(),
    "tests-held": assertion_reports.all_as_expected(),
    "tests-compared": assertion_reports.with_disagreement(),
    "tests-chosen": assertion_reports.dry_run(),
}
HOSTILE = "x\x1b[2J\n::error file=a::b\n##[group]\u202e| <b> `` @everyone"


def written(report: TestReport, output: Output, *, verbose: bool = False) -> str:
    stream = io.StringIO()
    render_tests(report, output, stream, verbose=verbose)
    return stream.getvalue()


@pytest.mark.parametrize("output", Output)
@pytest.mark.parametrize("name", REPORTS)
def test_output_is_as_written_down(name: str, output: Output) -> None:
    compare(DATA / f"{name}.{SUFFIXES[output]}", written(REPORTS[name], output))


def test_verbose_shows_what_holds_and_what_is_folded() -> None:
    short = written(assertion_reports.with_violations(), Output.TEXT)
    assert "and 2 more (--verbose shows them)" in short
    assert "dynamodb:Delete11" not in short
    assert "dynamodb:Delete11" in written(
        assertion_reports.with_violations(), Output.TEXT, verbose=True
    )
    assert "ok" in written(assertion_reports.all_as_expected(), Output.TEXT, verbose=True)
    assert (
        len(
            json.loads(written(assertion_reports.all_as_expected(), Output.JSON, verbose=True))[
                "results"
            ]
        )
        == 1
    )
    assert json.loads(written(assertion_reports.all_as_expected(), Output.JSON))["results"] == []


def test_many_who_fail_for_one_policy_are_one_finding_with_a_count() -> None:
    people = [Principal(ALICE.type, f"user{number}") for number in range(40)]
    line, entries = Location("aws/aws-policies/payments.yaml", 4, 7), "aws/permanent-access/p.yaml"
    found: list[TestResult] = []
    for number, who in enumerate(people):
        granted = Location(entries, 3 if number < 30 else 9, 5)
        evidence = replace(assertion_reports.ALLOWED.evidence[0], written=line, granted=granted)
        asked = assertion_reports.question(who)
        found += assertion_reports.results(
            asked, replace(assertion_reports.ALLOWED, evidence=(evidence,))
        )
    other = assertion_reports.results(
        assertion_reports.question(ALICE), replace(assertion_reports.ALLOWED, missing=("aws:X",))
    )
    put_to_all = assertion_reports.assertion(*(each.question for each in (*found, *other)))
    report = assertion_reports.report(AccountTests(PROD, (put_to_all,), (*found, *other)))
    annotations = commands(written(report, Output.GITHUB))
    assert len(annotations) == 2
    assert (
        "40 principals: user user0, user user1, user user2, user user3, user user4 and 35 more: "
        in annotations[0].data
    )
    assert (
        f"statement 1, written at {line}, granted at {entries}:3:5 and 1 other"
        in annotations[0].data
    )
    assert written(report, Output.TEXT).count("dynamodb:DeleteTable on") == 2
    assert written(report, Output.MARKDOWN).count("| `aws/access-tests/payments.yaml:7:5`") == 2
    (first, *rest) = json.loads(written(report, Output.JSON))["results"]
    assert len(rest) == 40
    assert first["statements"][0]["written"] == {"file": line.file, "line": 4, "column": 7}


def test_the_file_and_standard_output_have_the_same_document() -> None:
    for report in REPORTS.values():
        assert document_of_tests(report) == written(report, Output.JSON)


def test_exit_statuses() -> None:
    assert {name: report.exit_status for name, report in REPORTS.items()} == {
        "tests-violated": 1,
        "tests-held": 0,
        "tests-compared": 2,
        "tests-chosen": 0,
    }


@pytest.mark.parametrize("output", Output)
def test_text_from_files_and_aws_is_only_text(output: Output) -> None:
    shown = written(assertion_reports.hostile(HOSTILE), output, verbose=True)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "##[group]" not in shown
    names = [each.name for each in commands(shown)]
    assert names == (["error", "error"] if output is Output.GITHUB else [])


def test_markdown_keeps_to_its_budget() -> None:
    shown = markdown(assertion_reports.with_violations(), budget=2_000)
    assert len(shown) <= 2_000
    assert "Left out, for want of room" in shown
    assert "15 of 15 decisions not as expected" in shown
