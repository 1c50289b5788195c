"""What a terminal shows, and what a pipe gets."""

import io
import re
from dataclasses import replace
from datetime import UTC, timedelta, tzinfo

import pytest

from iam_access import phrases
from iam_access.codes import Code
from iam_access.errors import UsageError
from iam_access.model import (
    Account,
    AccountReport,
    ChangeType,
    Finding,
    Location,
    Outcome,
    Plan,
    Report,
    Severity,
    Status,
)
from iam_access.render import Output, escape, render, render_error
from tests.render import reports
from tests.render.streams import HARMLESS_CONTROLS, HOSTILE, Narrow, Terminal
from tests.render.workflow_commands import commands

LONG = f"arn:aws:iam::123456789012:policy/self-serve/payments/{'n' * 100}"


def shown(
    report: Report,
    stream: io.StringIO | None = None,
    *,
    verbose: bool = False,
    zone: tzinfo | None = UTC,
) -> str:
    stream = io.StringIO() if stream is None else stream
    render(report, Output.TEXT, stream, verbose=verbose, zone=zone)
    return stream.getvalue()


def last_line(report: Report) -> str:
    return shown(report).splitlines()[-1]


def with_long_names() -> Report:
    account = replace(reports.PROD, environments={"payments": "e" * 90})
    finding = Finding(
        "no-principal", Severity.ERROR, f"look at {LONG}", f"see {LONG}", account=account.id
    )
    changes = (
        reports.change(ChangeType.CREATE, LONG, reason=f"because of {LONG}"),
        reports.change(
            ChangeType.UPDATE,
            "p",
            before=reports.document("a:B"),
            after={**reports.document("a:B"), "Id": LONG},
        ),
    )
    plan = reports.account_report(account, *changes, findings=(finding,))
    return Report(command="apply", now=reports.NOW, accounts=(plan,), dry_run=True)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("colour", ["NO_COLOR", "FORCE_COLOR"])
def test_names_are_whole_at_any_width(
    width: int, colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv(colour, "1")
    report = with_long_names()
    lines = HARMLESS_CONTROLS.sub("", shown(report, Terminal())).splitlines()
    for text in (LONG, "e" * 90):
        assert [line for line in lines if text in line], text
    assert sum(LONG in line for line in lines) >= 4
    assert [line for line in lines if f'"Id": "{LONG}"' in line]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_terminal_gets_the_lines_of_a_pipe_but_for_the_summary(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    report = reports.troubled()
    plain = shown(report).partition("Summary")[0]
    text = HARMLESS_CONTROLS.sub("", shown(report, Terminal()))
    assert text.split()[: len(plain.split())] == plain.split()
    if width == 200:
        assert [line.rstrip() for line in text.splitlines()[: plain.count("\n")]] == (
            plain.splitlines()
        )


WORDS = (
    "user ann in account 123456789012 (prod) must carry a permissions boundary to be granted "
    "anything at all, and has none of those that are allowed there"
)
COMMAND = "aws iam put-user-permissions-boundary --user-name ann --permissions-boundary " + LONG


def wide(finding: Finding) -> Report:
    account = reports.account_report(reports.PROD, reports.NEW_GRANT, findings=(finding,))
    return Report("apply", reports.NOW, accounts=(account,), dry_run=True)


@pytest.mark.parametrize("width", [80, 120])
def test_long_lines_wrap_between_words_and_are_indented(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    place = Location("aws/permanent-access/payments.yaml", 12, 7)
    hint = f"{COMMAND} (or see https://example.com/{'x' * 100}), or `run this --all of it` here"
    report = wide(Finding("missing-boundary", Severity.ERROR, WORDS, hint, place))
    lines = shown(report, Terminal()).splitlines()
    start = next(number for number, text in enumerate(lines) if text.startswith(str(place)))
    assert lines[start + 1].startswith("    ")
    assert not lines[start + 1].startswith("     ")
    told = lines[start : next(n for n, text in enumerate(lines) if "hint:" in text)]
    assert " ".join(text.strip() for text in told) == f"{place}: error: {WORDS} [missing-boundary]"
    assert all(len(text) <= width for text in told)
    assert not any(len(text.strip()) < width // 3 for text in told[:-1])
    below = lines[start + len(told) :]
    for kept in (COMMAND, "`run this --all of it`", f"https://example.com/{'x' * 100}"):
        assert [text for text in below if kept in text], kept
    assert [text for text in below if text.startswith(f"{' ' * 10}{COMMAND}")]


def test_what_is_to_be_pasted_or_compared_is_never_wrapped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    for report in (reports.dry_run(), reports.revoked()):
        text = shown(report, Terminal())
        usage = reports.ROLE_USAGE if report.command == "apply" else ()
        block = report.findings[0].hint.split("\n") if report.command == "revoke" else ()
        lines = text.splitlines()
        assert all(each in lines for each in usage)
        assert all(f"      {each}" in lines for each in block)


@pytest.mark.parametrize(
    "command",
    [
        "aws iam create-user --user-name ann",
        "apply.py --all --dry-run",
        "python aws/scripts/apply.py payments",
        ".venv/bin/pip install --no-deps -r aws/scripts/requirements.txt",
    ],
)
def test_commands_stay_whole(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("NO_COLOR", "1")
    for before in range(11):  # up to a whole line
        finding = Finding("no-principal", Severity.ERROR, "x", f"{'y ' * before}{command} and more")
        kept = command.removesuffix(" payments")
        assert kept in shown(wide(finding), Terminal())


def test_a_pipe_gets_whole_lines_whatever_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    for colour in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv(colour, "1")
        text = HARMLESS_CONTROLS.sub(
            "", shown(wide(Finding("no-principal", Severity.ERROR, WORDS)))
        )
        assert f"error: {WORDS} [no-principal]\n" in text


def test_the_summary_is_a_table_where_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    text = shown(reports.dry_run(), Terminal())
    assert re.search(r"^│ 123456789012 │ live/prod   │      4 │      1 │      1 │", text, re.M)
    assert max(map(len, re.findall("^[│╭╰├].*", text, re.M))) <= 80


def test_the_summary_is_lines_where_a_table_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text = HARMLESS_CONTROLS.sub("", shown(reports.dry_run(), Terminal()))
    assert "│" not in text
    assert "  live/prod (123456789012): 4 to create, 1 to update, 1 to\n      delete\n" in text


@pytest.mark.parametrize(
    ("environment", "stream", "coloured"),
    [
        ({}, io.StringIO, False),
        ({}, Terminal, True),
        ({"NO_COLOR": "1"}, Terminal, False),
        ({"NO_COLOR": ""}, Terminal, True),
        ({"FORCE_COLOR": "1"}, io.StringIO, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, Terminal, False),
        ({"TERM": "dumb"}, Terminal, False),
    ],
)
def test_colours_are_for_those_who_want_them(
    environment: dict[str, str],
    stream: type[io.StringIO],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b" in shown(reports.troubled(), stream())) is coloured


def test_colour_says_nothing_that_words_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = HARMLESS_CONTROLS.sub("", shown(reports.troubled()))
    monkeypatch.delenv("FORCE_COLOR")
    plain = shown(reports.troubled())
    assert [line.rstrip() for line in coloured.splitlines()] == plain.splitlines()


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("colour", ["NO_COLOR", "FORCE_COLOR"])
def test_hostile_text_is_only_text(text: str, colour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(colour, "1")
    monkeypatch.setenv("COLUMNS", "20000")
    output = shown(reports.hostile(text), Terminal(), verbose=True)
    plain = HARMLESS_CONTROLS.sub("", output)
    for line in plain.split("\n"):
        assert escape.terminal(line) == line
    assert not commands(output)
    assert not commands(plain)
    harmless = shown(reports.hostile(reports.harmless(text)), verbose=True)
    assert abs(plain.count("\n") - harmless.count("\n")) <= 20  # the table and its lines


def test_the_stream_need_not_know_unicode() -> None:
    stream = Narrow()
    finding = Finding("no-principal", Severity.ERROR, "zoë 🙂")
    render(Report("validate", reports.NOW, findings=(finding,)), Output.TEXT, stream)
    assert "zo\\xeb \\U0001f642" in stream.text()


def notes(number: int, code: Code = "expired") -> tuple[Finding, ...]:
    places = (Location("aws/temporary-access/a.yaml", line + 1, 5) for line in range(number))
    return tuple(Finding(code, Severity.NOTE, "it ended", "", place) for place in places)


@pytest.mark.parametrize(("number", "code"), [(10, "no-principal"), (3, "expired")])
def test_a_few_notes_of_a_kind_are_all_shown(number: int, code: Code) -> None:
    text = shown(Report("validate", reports.NOW, findings=notes(number, code)))
    assert text.count(f"it ended [{code}]") == number


@pytest.mark.parametrize(("number", "code"), [(11, "no-principal"), (4, "expired")])
def test_with_one_more_they_are_folded(number: int, code: Code) -> None:
    text = shown(Report("validate", reports.NOW, findings=notes(number, code)))
    assert text.count(f"it ended [{code}]") == 1
    assert f"and {number - 1} more notes like it (--verbose shows them)" in text


def test_more_notes_of_a_kind_are_folded() -> None:
    report = Report("validate", reports.NOW, findings=(*notes(40), *notes(2, "no-principal")))
    text = shown(report)
    assert text.count("[expired]") == 1
    assert "and 39 more notes like it (--verbose shows them)" in text
    assert text.count("[no-principal]") == 2
    assert text.endswith("No problems found, 42 notes in 1 file\n")
    assert shown(report, verbose=True).count("[expired]") == 40


def test_warnings_are_folded_where_they_are_about_entries_that_are_over() -> None:
    times: dict[Code, int] = {"expired": 1, "no-principal": 40}
    for code, shown_of in times.items():
        found = tuple(replace(each, severity=Severity.WARNING) for each in notes(40, code))
        text = shown(Report("validate", reports.NOW, findings=found))
        assert text.count(f"[{code}]") == shown_of
        assert ("and 39 more warnings like it" in text) is (code == "expired")


def test_errors_are_never_folded() -> None:
    errors = tuple(replace(each, severity=Severity.ERROR) for each in notes(40))
    assert shown(Report("validate", reports.NOW, findings=errors)).count("[expired]") == 40


def test_a_finding_is_told_once() -> None:
    plan = reports.account_report(reports.PROD, findings=(reports.EXPIRED_ENTRY,))
    report = Report("apply", reports.NOW, accounts=(plan,), findings=(reports.EXPIRED_ENTRY,))
    assert shown(report).count("[expired]") == 1


def test_attributes_that_change_are_shown() -> None:
    change = reports.change(
        ChangeType.UPDATE,
        "role",
        attributes_before={"boundary": "one", "hours": 1, "same": "x"},
        attributes_after={
            "hours": 2,
            "same": "x",
            "names": frozenset({"b", "a"}),
            "tags": (("app", "pay"), ("x", "")),
        },
    )
    text = shown(
        Report("apply", reports.NOW, accounts=(reports.account_report(reports.PROD, change),))
    )
    for expected in (
        "boundary: one -> none",
        "hours: 1 -> 2",
        "names: none -> a, b",
        "tags: none -> app=pay, x=",
    ):
        assert f"      {expected}\n" in text
    assert "same" not in text


def test_a_document_that_is_no_policy_is_shown_as_it_is() -> None:
    change = reports.change(
        ChangeType.UPDATE, "p", before={"Statement": "odd"}, after={"Statement": 1}
    )
    text = shown(
        Report("apply", reports.NOW, accounts=(reports.account_report(reports.PROD, change),))
    )
    assert '-  "Statement": "odd"' in text


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(seconds=30), "in less than a minute"),
        (timedelta(minutes=1, seconds=59), "in 1 minute"),
        (timedelta(hours=2, minutes=3), "in 2 hours 3 minutes"),
        (timedelta(days=1, minutes=3), "in 1 day"),
        (timedelta(days=6, hours=1, minutes=3), "in 6 days 1 hour"),
        (timedelta(0), "now"),
        (timedelta(hours=-30), "1 day 6 hours ago"),
    ],
)
def test_time_left_is_told_in_two_units(left: timedelta, said: str) -> None:
    assert phrases.time_left(reports.NOW + left, reports.NOW) == said


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (reports.nothing(), "Nothing to do"),
        (replace(reports.nothing(), dry_run=True), "Dry run: nothing to do"),
        (
            replace(reports.nothing(), environments=("prod", "test")),
            "Nothing to do in prod and test; no other environment was looked at",
        ),
        (reports.applied(), "3 changes in 1 account applied"),
        (
            reports.dry_run(),
            "Dry run: 6 changes in 1 account would be made, nothing was written",
        ),
        (
            reports.troubled(),
            (
                "Not finished: 1 change in 1 account already so, 1 failed, 1 skipped, "
                "1 held back, 1 account not reached; 3 errors"
            ),
        ),
        (reports.validated(), "1 error, 1 note in 2 files"),
        (reports.cleaned(), "Not finished: 1 change in 1 account applied, 1 failed"),
        (reports.revoked(), "1 change in 1 account applied"),
        (Report("revoke", reports.NOW, findings=reports.revoked().findings), "Nothing to do"),
        (Report("validate", reports.NOW), "No problems found"),
        (
            replace(reports.nothing(), findings=(reports.UNKNOWN_GRANT,)),
            "Nothing was done; 1 error",
        ),
        (
            Report(
                "apply",
                reports.NOW,
                accounts=(
                    reports.account_report(reports.NONPROD, reports.UPDATED_POLICY, refused=True),
                    reports.account_report(
                        reports.PROD,
                        reports.NEW_GRANT,
                        outcomes=(Outcome(reports.NEW_GRANT, Status.DONE),),
                    ),
                ),
            ),
            "Refused: 1 change in 1 account applied, 1 held back",
        ),
    ],
)
def test_the_last_line_says_how_it_ended(report: Report, said: str) -> None:
    assert last_line(report) == said


def test_a_hint_of_several_lines_is_an_indented_block() -> None:
    finding = Finding("entry-to-delete", Severity.WARNING, "delete", "- user: a\x1b[2J\n  role: b")
    lines = shown(Report("revoke", reports.NOW, findings=(finding,))).splitlines()
    assert lines[1:4] == ["    hint:", "      - user: a\\x1b[2J", "        role: b"]


@pytest.mark.parametrize("entry", ["  - {user: ann, grant: read}", "- {user: ann, grant: read}"])
def test_so_is_one_of_one_line_of_a_file(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    finding = Finding("entry-to-delete", Severity.WARNING, "delete", entry)
    text = shown(Report("revoke", reports.NOW, findings=(finding,)), Terminal())
    assert f"hint: {entry}\n" in HARMLESS_CONTROLS.sub("", text)


def test_the_digest_of_nothing_is_not_told() -> None:
    assert "Digest" in shown(reports.dry_run())
    assert reports.nothing().digest is not None
    assert "Digest" not in shown(reports.nothing())


def test_an_error_before_the_run_is_told_with_its_hint() -> None:
    stream = io.StringIO()
    render_error(UsageError("no team\x1b[2J", "name one"), Output.TEXT, stream)
    assert stream.getvalue() == "error: no team\\x1b[2J\n  hint: name one\n"


def test_an_account_that_no_valid_team_names_is_told_by_its_id_alone() -> None:
    nameless = Account("333333333333", "aws", "deployer", {})
    plan = Plan(nameless, changes=(), findings=())
    text = shown(Report("apply", reports.NOW, accounts=(AccountReport(nameless, plan),)))
    assert "  333333333333: nothing to do" in text


def test_of_an_account_with_errors_the_report_does_not_say_that_there_is_nothing_to_do() -> None:
    """Neither where the error is the account's own, nor where it is one of files."""
    about = replace(reports.UNKNOWN_GRANT, location=None)
    own = AccountReport(reports.PROD, Plan(reports.PROD, changes=(), findings=(about,)))
    other = AccountReport(reports.NONPROD, Plan(reports.NONPROD, changes=(), findings=()))
    text = shown(Report("apply", reports.NOW, accounts=(own, other)))
    assert f"  {reports.PROD.title}: no change, with errors" in text
    assert f"  {reports.NONPROD.title}: nothing to do" in text
    text = shown(Report("apply", reports.NOW, accounts=(other,), findings=(about,)))
    assert f"  {reports.NONPROD.title}: no change, with errors" in text
