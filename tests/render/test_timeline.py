"""Temporary access over time: what is alive, what goes, what could not be done."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest

from iam_access.model import (
    AccountReport,
    Change,
    ChangeType,
    Failure,
    Outcome,
    Report,
    Resource,
    Status,
)
from iam_access.render import Output, render
from tests.render import reports

NOW = reports.NOW
HOUR = timedelta(hours=1)
CET = timezone(HOUR, "CET")


def report(
    *changes: Change,
    temporary: tuple[Resource, ...] = (),
    outcomes: tuple[Outcome, ...] = (),
    refused: bool = False,
    dry_run: bool = False,
    command: str = "apply",
) -> Report:
    plan = reports.account_report(
        reports.PROD, *changes, temporary=temporary, outcomes=outcomes, refused=refused
    )
    return Report(command, NOW, accounts=(plan,), dry_run=dry_run)


def text(source: Report, *, verbose: bool = False, zone: tzinfo = UTC) -> list[str]:
    """The lines about temporary access."""
    stream = io.StringIO()
    render(source, Output.TEXT, stream, verbose=verbose, zone=zone)
    lines = stream.getvalue().splitlines()
    starts = [number for number, each in enumerate(lines) if "emporary access" in each]
    return lines[starts[0] : lines.index("Summary") - 1] if starts else []


def rows(source: Report) -> list[dict[str, Any]]:
    stream = io.StringIO()
    render(source, Output.JSON, stream)
    found: list[dict[str, Any]] = json.loads(stream.getvalue())["timeline"]
    return found


def states(source: Report) -> list[str]:
    return [row["state"] for row in rows(source)]


def creation(name: str = "p", *, hours: float = 3, grant: str = "dev.break-glass") -> Change:
    return reports.change(ChangeType.CREATE, name, expires=NOW + hours * HOUR, grant=grant)


def removal(name: str = "old", *, hours: float = 1, grant: str = "dev.break-glass") -> Change:
    return reports.change(ChangeType.DELETE, name, expires=NOW + hours * HOUR, grant=grant)


def test_nothing_temporary_nothing_told() -> None:
    source = report(reports.UPDATED_POLICY, *reports.NEW_ATTACHMENTS)
    assert (text(source), rows(source)) == ([], [])


def test_a_row_says_who_what_where_how_and_until_when() -> None:
    assert text(report(temporary=(reports.temporary_resource("p"),))) == [
        "Temporary access",
        "  user alice: dev.break-glass of payments in prod (123456789012), inline policy",
        "    ends 2025-11-27 17:00:00 UTC, in 3 hours",
    ]


def test_rows_are_in_the_order_of_their_ends_wherever_they_are() -> None:
    plans = tuple(
        reports.account_report(
            account, temporary=(reports.temporary_resource(name, expires=NOW + hours * HOUR),)
        )
        for account, name, hours in ((reports.PROD, "a", 5), (reports.NONPROD, "b", 2))
    )
    source = Report("apply", NOW, accounts=plans)
    assert [row["environment"] for row in rows(source)] == ["nonprod", "prod"]


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        (UTC, "2025-11-27 17:00:00 UTC, in"),
        (CET, "2025-11-27 17:00:00 UTC (18:00:00 CET), in"),
        (timezone(7 * HOUR, "X"), "2025-11-27 17:00:00 UTC (2025-11-28 00:00:00 X), in"),
        (timezone(-9 * HOUR), "2025-11-27 17:00:00 UTC (08:00:00 UTC-09:00), in"),
    ],
)
def test_the_reader_s_own_time_is_told_where_it_differs(zone: tzinfo, told: str) -> None:
    assert told in text(report(temporary=(reports.temporary_resource("p"),)), zone=zone)[2]


def test_markdown_and_json_are_in_utc_only() -> None:
    for output in (Output.MARKDOWN, Output.JSON):
        one, other = io.StringIO(), io.StringIO()
        render(reports.dry_run(), output, one, zone=UTC)
        render(reports.dry_run(), output, other, zone=CET)
        assert one.getvalue() == other.getvalue()


def test_the_pieces_of_a_grant_are_one_row() -> None:
    parts = tuple(
        reports.temporary_resource(f"part{number}", kind="policy-attachment") for number in range(3)
    )
    policy = reports.temporary_resource(
        "policy", kind="customer-managed-policy", principal=None, grant=None
    )
    assert [row["kinds"] for row in rows(report(temporary=(*parts, policy)))] == [
        {"policy-attachment": 3}
    ]
    assert text(report(temporary=parts))[1].endswith("(123456789012), 3 policies")


def test_a_role_whose_user_is_gone_is_nobody_s() -> None:
    role = reports.change(
        ChangeType.DELETE, "role", kind="temporary-role", principal=None, grant="dev.admin"
    )
    assert text(report(role))[1] == (
        "  deleted user or role: dev.admin of payments in prod (123456789012), role, to be revoked"
    )


def test_a_window_that_is_not_open_yet_says_when_it_opens() -> None:
    opens, ends = NOW + 2 * HOUR, NOW + 5 * HOUR
    inline = replace(reports.temporary_resource("p", expires=ends), starts=opens)
    assert [row["starts"] for row in rows(report(temporary=(inline,)))] == ["2025-11-27T16:00:00Z"]
    assert text(report(temporary=(inline,)))[2:] == [
        "    starts 2025-11-27 16:00:00 UTC, in 2 hours",
        "    ends 2025-11-27 19:00:00 UTC, in 5 hours",
    ]


@pytest.mark.parametrize("starts", [NOW - HOUR, NOW, None])
def test_a_window_that_is_open_says_only_when_it_ends(starts: datetime | None) -> None:
    lines = text(report(temporary=(replace(reports.temporary_resource("p"), starts=starts),)))
    assert lines[2:] == ["    ends 2025-11-27 17:00:00 UTC, in 3 hours"]


def test_what_a_plan_makes_is_new() -> None:
    source = report(
        creation(),
        temporary=(
            reports.resource_after(creation()),
            reports.temporary_resource("other", grant="b"),
        ),
    )
    assert states(source) == ["unchanged", "new"]
    assert text(source)[3].endswith("inline policy, new")


def test_what_lost_its_deadline_is_revoked_too() -> None:
    change = reports.change(ChangeType.DELETE, "p", grant="dev.break-glass")
    assert text(report(change))[1:] == [
        (
            "  user alice: dev.break-glass of payments in prod (123456789012), inline policy, "
            "to be revoked"
        ),
        "    has no deadline",
    ]


@pytest.mark.parametrize(
    ("status", "said"),
    [(None, "to be revoked"), (Status.DONE, "revoked"), (Status.FAILED, "not revoked")],
)
def test_a_revocation_says_how_far_it_came(status: Status | None, said: str) -> None:
    outcomes = (Outcome(removal(), status),) if status else ()
    lines = text(report(removal(), outcomes=outcomes, command="revoke"))
    assert lines[0] == "Revoked temporary access"
    assert lines[1].endswith(f"inline policy, {said}")
    assert lines[2] == "    would have ended 2025-11-27 15:00:00 UTC, in 1 hour"
    assert not any("harmless" in line for line in lines)


def test_cleanup_tells_per_person_what_ended_and_that_what_remains_is_harmless() -> None:
    lines = text(reports.cleaned())
    assert lines[lines.index("Temporary access that has ended") + 1 :] == [
        (
            "  role batch: dev.break-glass of payments in prod (123456789012), inline policy, "
            "not removed"
        ),
        "    ended 2025-11-27 13:00:00 UTC, 1 hour ago",
        (
            "    AccessDenied: not authorized to perform: iam:DeleteRolePolicy; this is harmless: "
            "IAM denies all of it already"
        ),
        "  user alice: dev.break-glass of payments in prod (123456789012), inline policy, removed",
        "    ended 2025-11-26 18:00:00 UTC, 20 hours ago",
    ]


def test_the_worst_of_several_changes_is_told() -> None:
    failure = Failure("Throttling", "slow down")
    changes = (
        reports.removal_of_ended("one"),
        reports.removal_of_ended("two"),
        reports.removal_of_ended("three"),
    )
    outcomes = (
        Outcome(changes[0], Status.DONE),
        Outcome(changes[1], Status.FAILED, failure),
        Outcome(changes[2], Status.SKIPPED, failure),
    )
    (row,) = rows(report(*changes, outcomes=outcomes))
    assert (row["outcome"], row["error"]["code"]) == ("failed", "Throttling")


def test_what_is_held_back_does_nothing_to_temporary_access() -> None:
    (row,) = rows(report(creation(), temporary=(reports.resource_after(creation()),), refused=True))
    assert (row["state"], row["outcome"]) == ("unchanged", None)


def test_an_account_that_was_not_read_has_no_rows() -> None:
    unread = AccountReport(reports.PROD, failure=reports.ACCESS_DENIED)
    assert rows(Report("apply", NOW, accounts=(unread,))) == []


def test_a_moment_before_all_time_is_not_told() -> None:
    change = reports.change(
        ChangeType.DELETE, "p", grant="g", expires=datetime.min.replace(tzinfo=UTC)
    )
    lines = text(report(change), zone=timezone(-9 * HOUR))
    assert lines[2] == "    its end is not known"
    assert rows(report(change))[0]["expires"] is None


def test_only_twenty_rows_are_shown_and_those_that_matter_first() -> None:
    held = tuple(
        reports.temporary_resource(f"p{number}", grant=f"g{number:02}") for number in range(30)
    )
    new = creation("new", hours=50, grant="last")
    source = report(new, temporary=(*held, reports.resource_after(new)))
    lines = text(source)
    assert lines[-1] == "  and 11 more (--verbose shows them)"
    assert sum("inline policy" in line for line in lines) == 20
    assert lines[-3].endswith("last of payments in prod (123456789012), inline policy, new")
    assert sum("inline policy" in line for line in text(source, verbose=True)) == 31
    assert len(rows(source)) == 31


def test_what_could_not_be_removed_is_always_shown() -> None:
    changes = tuple(
        reports.change(
            ChangeType.DELETE,
            f"p{number}",
            grant=f"g{number:02}",
            expires=NOW - HOUR,
        )
        for number in range(30)
    )
    failed = Outcome(changes[-1], Status.FAILED, reports.ACCESS_DENIED)
    outcomes = (*(Outcome(each, Status.DONE) for each in changes[:-1]), failed)
    lines = text(report(*changes, outcomes=outcomes, command="cleanup"))
    assert lines[-1] == "  and 10 more (--verbose shows them)"
    assert sum("not removed" in line for line in lines) == 1
