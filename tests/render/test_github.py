"""A report as annotations."""

import io

import pytest

from iam_access.errors import UsageError
from iam_access.model import Finding, Location, Report, Severity
from iam_access.render import Output, escape, render, render_error
from tests.render import reports
from tests.render.streams import HOSTILE
from tests.render.workflow_commands import Command, commands


def written(report: Report) -> str:
    stream = io.StringIO()
    render(report, Output.GITHUB, stream)
    return stream.getvalue()


def test_a_finding_is_shown_at_its_place() -> None:
    (error, note) = commands(written(reports.validated()))
    assert error == Command(
        "error",
        {
            "file": "aws/permanent-access/payments.yaml",
            "line": "12",
            "col": "9",
            "title": "unknown-grant",
        },
        "'dev.red-only' is not a policy of team payments\ndid you mean dev.read-only?",
    )
    assert note.name == "notice"


def test_what_failed_comes_first_and_names_the_account() -> None:
    found = commands(written(reports.troubled()))
    assert [each.properties["title"] for each in found[:3]] == [
        "AccessDenied",
        "LimitExceeded",
        "not-tried",
    ]
    assert [each.name for each in found[:3]] == ["error", "error", "warning"]
    assert found[0].data.startswith("audit (333333333333): the account was not reached: ")


def test_ten_of_each_level_and_the_number_of_the_others() -> None:
    def findings(severity: Severity, number: int) -> tuple[Finding, ...]:
        return tuple(
            Finding("no-principal", severity, "m", "", Location("a.yaml", line + 1, 1))
            for line in range(number)
        )

    found = (
        *findings(Severity.ERROR, 12),
        *findings(Severity.WARNING, 10),
        *findings(Severity.NOTE, 11),
    )
    output = written(Report("validate", reports.NOW, findings=found))
    names = [each.name for each in commands(output)]
    assert {name: names.count(name) for name in names} == {"error": 10, "warning": 10, "notice": 10}
    assert output.splitlines()[-2:] == [
        "Not shown as annotations: 2 more errors, 1 more notice",
        "12 errors, 10 warnings, 11 notes in 1 file",
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_makes_no_command_and_leaves_none_out(text: str) -> None:
    output = written(reports.hostile(text))
    expected = commands(written(reports.hostile(reports.harmless(text))))
    found = commands(output)
    assert [each.name for each in found] == [each.name for each in expected]
    shown = escape.not_a_command(escape.terminal(text))
    for one, other in zip(found, expected, strict=True):
        assert set(one.properties) == set(other.properties)
        assert one.properties["title"] in (shown, "no-principal")  # of a failure, of a finding
        assert one.data.count("\n") == other.data.count("\n")
    assert len(output.splitlines()) == len(
        written(reports.hostile(reports.harmless(text))).splitlines()
    )


def test_no_finding_no_annotation() -> None:
    assert written(reports.nothing()) == "Nothing to do\n"


def test_a_hint_keeps_its_lines() -> None:
    _, warning = commands(written(reports.revoked()))
    assert warning.data.split("\n")[1:] == reports.revoked().findings[0].hint.split("\n")


def test_an_error_before_the_run_is_an_annotation() -> None:
    stream = io.StringIO()
    render_error(UsageError("no team\n::error::x", "name one"), Output.GITHUB, stream)
    assert commands(stream.getvalue()) == [
        Command("error", {"title": "usage"}, "no team\\n::error::x\nname one")
    ]
