"""A report for programs."""

import io
import json
from typing import Any

import pytest

from iam_access.errors import UsageError
from iam_access.model import Finding, Report, Severity
from iam_access.render import Output, render, render_error
from tests.render import reports
from tests.render.streams import HOSTILE
from tests.render.workflow_commands import commands


def written(report: Report) -> str:
    stream = io.StringIO()
    render(report, Output.JSON, stream)
    return stream.getvalue()


def parsed(report: Report) -> Any:
    return json.loads(written(report))


def test_a_change_has_all_that_is_known_of_it() -> None:
    change = next(
        each for each in parsed(reports.troubled())["changes"] if each["outcome"] == "failed"
    )
    assert change == {
        "account": "123456789012",
        "environment": "prod",
        "team": "payments",
        "teams": ["payments"],
        "kind": "inline-policy",
        "action": "create",
        "name": "self-serve+payments+dev.break-glass+20251130T180000Z",
        "principal": "user/alice",
        "reason": reports.NEW_GRANT.reason,
        "ticket": None,
        "description": None,
        "called_in": [],
        "expires": "2025-11-30T18:00:00Z",
        "usage": [],
        "file": "aws/temporary-access/payments.yaml",
        "line": 2,
        "column": 5,
        "outcome": "failed",
        "error": {
            "code": "LimitExceeded",
            "message": "Maximum policy size exceeded",
            "hint": "shorten the grant",
        },
    }


def test_what_several_teams_share_has_the_account_s_label_and_their_first() -> None:
    change = next(each for each in parsed(reports.dry_run())["changes"] if len(each["teams"]) == 2)
    assert change["environment"] == "live/prod"
    assert (change["team"], change["teams"]) == ("payments", ["payments", "search"])
    assert change["outcome"] == "planned"


def test_accounts_are_counted() -> None:
    accounts = {each["environment"]: each for each in parsed(reports.troubled())["accounts"]}
    prod, audit = accounts["live/prod"], accounts["audit"]
    assert [prod[name] for name in ("already", "failed", "skipped", "done")] == [1, 1, 1, 0]
    assert [prod[name] for name in ("create", "update", "delete")] == [1, 1, 1]
    assert accounts["nonprod"]["refused"]
    assert audit["failure"]["code"] == "AccessDenied"


def test_how_to_use_what_is_created_is_told_line_by_line() -> None:
    told = {each["name"]: each["usage"] for each in parsed(reports.dry_run())["changes"]}
    assert told[reports.NEW_ROLE.name] == list(reports.ROLE_USAGE)
    assert told[reports.NEW_GRANT.name] == []


def test_the_timeline_has_a_row_for_each_grant() -> None:
    row = next(each for each in parsed(reports.troubled())["timeline"])
    assert row == {
        "account": "123456789012",
        "environment": "prod",
        "principal": "user/alice",
        "team": "payments",
        "teams": ["payments"],
        "grant": "dev.break-glass",
        "kinds": {"inline-policy": 1},
        "starts": None,
        "expires": "2025-11-30T18:00:00Z",
        "seconds_left": (3 * 24 + 4) * 3_600,
        "state": "new",
        "outcome": "failed",
        "error": {
            "code": "LimitExceeded",
            "message": "Maximum policy size exceeded",
            "hint": "shorten the grant",
        },
    }


def test_what_ended_is_in_the_timeline_too() -> None:
    rows = parsed(reports.cleaned())["timeline"]
    assert [(each["principal"], each["state"], each["outcome"]) for each in rows] == [
        ("user/alice", "unchanged", None),
        ("role/batch", "ended", "failed"),
        ("user/alice", "ended", "done"),
    ]
    assert [each["seconds_left"] for each in rows] == [3 * 3_600, -3_600, -20 * 3_600]


def test_status_is_the_exit_status() -> None:
    for report in (reports.troubled(), reports.validated(), reports.nothing()):
        assert parsed(report)["status"] == report.exit_status


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_carried_exactly(text: str) -> None:
    output = written(reports.hostile(text))
    assert output.endswith("}\n")
    assert output.isascii()
    assert not commands(output)
    assert not set(output) & {chr(code) for code in range(32) if code != 10}
    expected = text.replace("\ud800", "\ufffd")
    document = json.loads(output)
    assert {change["name"] for change in document["changes"]} == {expected}
    assert {finding["message"] for finding in document["findings"]} == {expected}


def test_a_pair_of_surrogates_is_one_character() -> None:
    finding = Finding("no-principal", Severity.NOTE, "\ud83d\ude42")
    report = Report("validate", reports.NOW, findings=(finding,))
    assert parsed(report)["findings"][0]["message"] == "🙂"


def test_an_error_before_the_run_is_a_document_too() -> None:
    stream = io.StringIO()
    render_error(UsageError("no team", "name one"), Output.JSON, stream)
    assert json.loads(stream.getvalue()) == {
        "digest": None,
        "status": 2,
        "error": {"code": "usage", "message": "no team", "hint": "name one"},
        "requests": [],
        "changes": [],
        "meaning": None,
        "meaning_if_allowed": None,
        "timeline": [],
        "findings": [],
        "accounts": [],
        "verified": None,
    }
