"""A report as a comment on a pull request."""

import io
import re
from dataclasses import replace
from functools import cache

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from iam_access.errors import UsageError
from iam_access.model import (
    Account,
    ChangeType,
    Escalation,
    Finding,
    Location,
    Meaning,
    Outcome,
    PermissionDelta,
    Principal,
    PrincipalType,
    Report,
    Severity,
    Status,
)
from iam_access.render import Output, markdown_beside_text, render, render_error
from iam_access.render.markdown.report import BUDGET
from tests.render import reports
from tests.render.streams import HOSTILE
from tests.render.workflow_commands import commands

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TAGS = {"<code>", "</code>", "<br>"}
BLOCK = re.compile(
    r"(<details>|</details>|<summary><code>[^<>]*</code>: [^<>]*</summary>|\n)*", re.ASCII
)


def shown(report: Report, *, verbose: bool = False) -> str:
    stream = io.StringIO()
    render(report, Output.MARKDOWN, stream, verbose=verbose)
    return stream.getvalue()


def flat(tokens: list[Token]) -> list[Token]:
    return [one for token in tokens for one in (token, *flat(token.children or []))]


@cache
def blocks_of(text: str) -> list[str]:
    tokens = flat(PARSER.parse(shown(reports.hostile(text), verbose=True)))
    return [token.type for token in tokens if token.block]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text: str) -> None:
    output = shown(reports.hostile(text), verbose=True)
    assert not commands(output)
    tokens = flat(PARSER.parse(output))
    blocks = [token.type for token in tokens if token.block]
    if "Left out" not in output and text.strip():
        assert blocks == blocks_of(reports.harmless(text))
    assert not {"link_open", "image", "s_open", "em_open"} & {token.type for token in tokens}
    for token in tokens:
        if token.type == "html_inline":
            assert token.content in TAGS
        if token.type == "html_block":
            assert BLOCK.fullmatch(token.content)


@pytest.mark.parametrize("text", HOSTILE)
def test_every_row_has_the_cells_of_its_table(text: str) -> None:
    output = shown(reports.hostile(text))
    tokens = PARSER.parse(output)
    tables: list[list[int]] = []
    for token in tokens:
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append(0)
        elif token.type in ("td_open", "th_open"):
            tables[-1][-1] += 1
    assert all(len(set(rows)) == 1 for rows in tables)
    cells = {rows[0] for rows in tables}
    assert 3 in cells
    assert 7 in cells or "rows of temporary access" in output
    # The row of dashes is no row; a cell too many would end in an empty or a lost one.
    last = [token for token in tokens if token.type == "inline" and token.content == "not finished"]
    assert len(last) == 1


def test_mentions_are_code() -> None:
    finding = Finding("no-principal", Severity.ERROR, "ask @someone about #12", "or @org/team")
    output = shown(Report("validate", reports.NOW, findings=(finding,)))
    assert "ask `@someone` about `#12`" in output
    assert "or `@org/team`" in output


def test_creations_show_their_documents_and_removals_only_if_verbose() -> None:
    gone = reports.change(ChangeType.DELETE, "gone", before=reports.document("s3:Gone"))
    new = reports.change(ChangeType.CREATE, "new", after=reports.document("s3:New"))
    report = Report(
        "apply", reports.NOW, accounts=(reports.account_report(reports.PROD, gone, new),)
    )
    assert "s3:New" in shown(report)
    assert "s3:Gone" not in shown(report)
    assert "s3:Gone" in shown(report, verbose=True)


def large(
    accounts: int, changes: int, statements: int, findings: int = 1, environment: str = "prod"
) -> Report:
    actions = [f"s3:Action{number}" for number in range(statements)]
    plans = []
    for number in range(accounts):
        account = Account(f"{number:012}", "aws", "deployer", {"payments": environment})
        made = (
            reports.change(ChangeType.CREATE, f"grant-{each}", after=reports.document(*actions))
            for each in range(changes)
        )
        plans.append(reports.account_report(account, *made))
    found = (
        Finding("expired", Severity.ERROR, "it ended", "", Location("aws/a.yaml", line + 1, 1))
        for line in range(findings)
    )
    return Report(
        "apply",
        reports.NOW,
        accounts=tuple(plans),
        findings=tuple(found),
        digest="5f2c" * 16,
        dry_run=True,
    )


def checked(report: Report) -> str:
    """The output, which fits and has what is never left out."""
    output = shown(report)
    assert len(output) <= BUDGET
    assert "**Dry run: " in output
    assert f"Findings: {len(report.findings):,} error" in output
    assert f"`{report.digest}`" in output
    assert output.count("<details>") == output.count("</details>")
    return output


def test_all_is_there_while_it_fits() -> None:
    output = checked(large(3, 3, 3))
    assert "Left out" not in output
    assert output.count("s3:Action2") == 9


def test_documents_go_first() -> None:
    output = checked(large(4, 10, 100))
    assert len(re.findall("^- `[+]`", output, re.M)) == 40
    left_out = re.search(r"Left out.*documents of accounts: (\d+)", output)
    assert left_out is not None
    assert 0 < int(left_out[1]) == 4 - output.count("s3:Action99") / 10
    assert "; changes: " not in output


def test_then_changes_go() -> None:
    output = checked(large(12, 200, 1))
    kept = len(re.findall("^- `[+]`", output, re.M))
    assert 0 < kept < 2_400
    assert f" changes: {2_400 - kept:,}." in output
    assert "`--output text --verbose` shows all of it" in output
    assert output.count("| planned |") == 12


def users(number: int) -> list[Principal]:
    return [
        Principal(PrincipalType.USER, f"someone-with-a-long-name-{n:05}") for n in range(number)
    ]


def meaning(principal: Principal, level: str, *ways: str) -> Meaning:
    gain = PermissionDelta(
        level, 1, ("iam:CreateUser",), (f"arn:aws:iam::*:user/{principal.name}",)
    )
    found = tuple(Escalation(way, "it can", "https://example.com/", ("iam:*",)) for way in ways)
    return Meaning(principal, (gain,), gained={level: 1}, escalations=found)


def test_the_one_way_to_escalate_among_a_thousand_changes_is_at_the_top() -> None:
    all_users = users(1_000)
    made = [
        reports.change(
            ChangeType.CREATE, f"grant-{n}", principal=each, after=reports.document("s3:X")
        )
        for n, each in enumerate(all_users)
    ]
    bad = all_users[700]
    told = [meaning(each, "Read") for each in all_users]
    told[700] = meaning(bad, "Read", "create-access-key")
    account = replace(reports.account_report(reports.PROD, *made), meanings=tuple(told))
    safe = replace(reports.account_report(reports.NONPROD, *made), meanings=tuple(told[:700]))
    output = shown(Report("apply", reports.NOW, accounts=(safe, account), dry_run=True))
    assert len(output) <= BUDGET
    assert "Left out" in output
    first = output.index("create-access-key")
    assert first < 400
    assert bad.name in output[first : first + 300]
    assert output.index("<details>") == output.index(f"<details>\n<summary><code>user {bad.name} ")
    assert f"**user `{bad.name}`**" in output


@pytest.mark.parametrize("level", ["Write", "Permissions management"])
def test_all_who_can_change_something_are_named_however_many_they_are(level: str) -> None:
    all_users = users(1_500)
    told = tuple(meaning(each, level) for each in all_users)
    account = replace(reports.account_report(reports.PROD), meanings=told)
    report = Report("apply", reports.NOW, accounts=(account,), dry_run=True)
    for output in (shown(report), plain(report)):
        assert all(each.name in output for each in all_users)
    assert len(shown(report)) <= BUDGET


@pytest.mark.exhaustive
def test_names_beyond_what_a_comment_holds_are_counted() -> None:
    told = tuple(meaning(each, "Write") for each in users(6_000))
    account = replace(reports.account_report(reports.PROD), meanings=told)
    output = shown(Report("apply", reports.NOW, accounts=(account,), dry_run=True))
    assert len(output) <= BUDGET
    assert "**gain Write** (6,000): " in output
    assert re.search(r"Left out, for want of room: names: [1-5],\d{3}", output)


@pytest.mark.exhaustive
def test_a_text_beside_it_is_where_the_rest_is_and_has_all_of_it() -> None:
    report = large(6, 100, 20, findings=300)
    assert "Left out, for want of room" in markdown_beside_text(report)
    assert "The run's log has all of it." in markdown_beside_text(report)
    log = plain(report, verbose=True)
    counts = tuple(log.count(each) for each in ("grant-99", "s3:Action19", "[expired]"))
    assert counts == (6, 600, 300)


def plain(report: Report, *, verbose: bool = False) -> str:
    stream = io.StringIO()
    render(report, Output.TEXT, stream, verbose=verbose)
    return stream.getvalue()


def test_then_findings_and_accounts_go() -> None:
    output = checked(large(2_000, 1, 1, findings=3_000))
    rows = output.count("| planned |")
    assert 0 < rows < 2_000
    assert f"accounts of the summary: {2_000 - rows:,}" in output
    found = output.count("| error |")
    assert 0 < found < 3_000
    assert f"findings: {3_000 - found:,}" in output


def test_one_value_too_long_for_a_comment_does_not_break_it() -> None:
    output = checked(large(1, 1, 1, environment="x" * 100_000))
    assert "accounts of the summary: 1" in output


@pytest.mark.parametrize(("status", "times"), [(Status.DONE, 1), (Status.FAILED, 0)])
def test_how_to_use_it_is_shown_of_what_was_made_only(status: Status, times: int) -> None:
    outcome = Outcome(reports.NEW_ROLE, status)
    plan = reports.account_report(reports.PROD, reports.NEW_ROLE, outcomes=(outcome,))
    output = shown(Report("apply", reports.NOW, accounts=(plan,)))
    assert output.count("How to use it:") == times


def test_a_hint_of_several_lines_is_a_block() -> None:
    output = shown(reports.revoked())
    blocks = [token.content for token in flat(PARSER.parse(output)) if token.type == "fence"]
    assert reports.revoked().findings[0].hint + "\n" in blocks
    assert output.count("Look into") == 1


def test_a_hint_without_room_is_told_of() -> None:
    lines = "\n".join(["x" * 200] * 100)
    finding = Finding("no-principal", Severity.WARNING, "delete", lines)
    found = tuple(replace(finding, message=f"delete {number}") for number in range(5))
    output = shown(Report("revoke", reports.NOW, findings=found))
    kept = output.count("\n`no-principal`:\n")
    assert 0 < kept < 5
    assert f"hints: {5 - kept}" in output
    assert output.count("| warning |") == 5
    assert len(output) <= BUDGET


def test_how_to_use_it_is_a_block() -> None:
    fences = [token for token in flat(PARSER.parse(shown(reports.dry_run()))) if token.markup]
    assert "\n".join(reports.ROLE_USAGE) + "\n" in [each.content for each in fences]


def test_temporary_access_is_a_table() -> None:
    rows = [each for each in shown(reports.cleaned()).splitlines() if "dev.break-glass" in each]
    assert rows[0] == (
        "| user `alice` | `dev.break-glass` of `payments` | `prod (123456789012)` "
        "| 2025-11-27 17:00:00 | in 3 hours | inline policy |  |"
    )
    assert rows[1].endswith(
        "| 2025-11-27 13:00:00 | 1 hour ago | inline policy | not removed<br>AccessDenied: not "
        "authorized to perform: iam:DeleteRolePolicy; this is harmless: IAM denies all of it "
        "already |"
    )


def test_rows_of_temporary_access_are_left_out_if_there_are_many() -> None:
    held = tuple(
        reports.temporary_resource(f"p{number}", grant=f"g{number}") for number in range(30)
    )
    report = Report(
        "apply", reports.NOW, accounts=(reports.account_report(reports.PROD, temporary=held),)
    )
    assert shown(report).count("| inline policy |") == 20
    assert "| and 10 more |  |  |  |  |  |  |" in shown(report)
    assert shown(report, verbose=True).count("| inline policy |") == 30


def test_errors_come_before_notes() -> None:
    report = replace(reports.validated(), findings=(reports.EXPIRED_ENTRY, reports.UNKNOWN_GRANT))
    output = shown(report)
    assert output.index("unknown-grant") < output.index("expired")


def test_an_error_before_the_run_is_told_with_its_hint() -> None:
    stream = io.StringIO()
    render_error(UsageError("no <team> `x`", "ask @someone"), Output.MARKDOWN, stream)
    assert stream.getvalue() == "**Error:** no &lt;team&gt; \\`x\\`\n\nask `@someone`\n"


def test_what_a_review_turns_on_stands_before_all_else() -> None:
    found = [
        Finding("account-of-another", Severity.WARNING, f"team <b>{n}</b> names it", "agree")
        for n in range(7)
    ]
    broken = Finding("syntax-error", Severity.ERROR, "not YAML", "mend it")
    text = shown(Report("apply", reports.NOW, findings=(broken, *found)))
    lines = text.splitlines()
    assert lines[4].startswith("> **warning:** team &lt;b&gt;0")
    assert "> and 2 more like it" in lines
    assert lines.index("> and 2 more like it") < lines.index("### Findings")
