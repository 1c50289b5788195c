"""What came of assertions, in every form. Golden files are written anew as in test_golden.py."""

import io
import json

import pytest

from iam_access.render import Output, document_of_tests, render_tests
from iam_access.render.assertions_markdown import render as markdown
from iam_access.simulation.results import TestReport
from tests.render import trials
from tests.render.runner import commands
from tests.render.test_golden import DATA, SUFFIXES, compare

REPORTS = {
    "tests-violated": trials.violated(),
    "tests-held": trials.held(),
    "tests-compared": trials.compared(),
    "tests-chosen": trials.chosen(),
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
    short = written(trials.violated(), Output.TEXT)
    assert "and 2 more (--verbose shows them)" in short
    assert "dynamodb:Delete11" not in short
    assert "dynamodb:Delete11" in written(trials.violated(), Output.TEXT, verbose=True)
    assert "ok" in written(trials.held(), Output.TEXT, verbose=True)
    assert len(json.loads(written(trials.held(), Output.JSON, verbose=True))["results"]) == 1
    assert json.loads(written(trials.held(), Output.JSON))["results"] == []


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
    shown = written(trials.hostile(HOSTILE), output, verbose=True)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "##[group]" not in shown
    names = [each.name for each in commands(shown)]
    assert names == (["error", "error"] if output is Output.GITHUB else [])


def test_markdown_keeps_to_its_budget() -> None:
    shown = markdown(trials.violated(), budget=2_000)
    assert len(shown) <= 2_000
    assert "Left out, for want of room" in shown
    assert "14 of 14 decisions not as expected" in shown
