"""What people and programs see of a run, from the command line to the streams."""

import json
import re
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from iam_access.cli import commands
from iam_access.sandbox import AwsError, FaultContext
from tests.flow.fleet import (
    PROD,
    READ_QUEUES,
    TEST,
    Files,
    Fleet,
    Run,
    account,
    opened,
    permanent,
    policy,
    refusing,
    temporary,
)
from tests.render.streams import Terminal
from tests.render.workflow_commands import commands as workflow_commands

TOP = {"digest", "command", "dry_run", "status", "changes", "findings", "accounts"}
CHANGE = {"account", "environment", "team", "kind", "action", "name", "reason"}
FINDING = {"code", "severity", "message", "hint", "file", "line", "column"}
FORMS = ("text", "markdown", "json", "github")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# What IAM itself would refuse stands where only people read it.
HOSTILE = (
    "\x1b[31mred\x1b[0m \x9b31m ::error::made up ##[error]made up <script>alert(1)</script> "
    "| pipe | `code` [link](javascript:x) @everyone\n::error file=a::made up\n::stop-commands::x"
)


@pytest.fixture
def fleet(files: Files) -> Iterator[Fleet]:
    write(files)
    with opened(files, account(PROD), account(TEST)) as found:
        yield found


def write(files: Files, **changed: Any) -> None:
    files.team(
        **{
            "accounts": {"prod": PROD, "test": TEST},
            "policies": {"read": policy(), "queues": policy(READ_QUEUES)},
            "permanent": [
                permanent("read", environments=["prod", "test"], users=["ann@example.com"])
            ],
            "temporary": [temporary("queues")],
            **changed,
        }
    )


def document(run: Run) -> dict[str, Any]:
    """The one JSON document that standard output consists of."""
    decoded, end = json.JSONDecoder().raw_decode(run.out)
    assert run.out[end:] == "\n"
    found: dict[str, Any] = decoded
    return found


class TestMarkdownBesideText:
    def test_the_log_has_all_of_it(self, fleet: Fleet, tmp_path: Path) -> None:
        # Of a new document with so many lines, text tells the size alone.
        many = policy(*({**READ_QUEUES, "resources": [f"arn:aws:sqs:*:*:{n}"]} for n in range(60)))
        write(fleet.files, policies={"read": many, "queues": policy(READ_QUEUES)})
        file = tmp_path / "plan.md"
        text = tmp_path / "plan.txt"
        files = ("--markdown-file", str(file), "--text-file", str(text))
        run = fleet.apply("--all", "--dry-run", *files)
        assert run.status == 0
        assert file.read_text(encoding="utf-8").startswith("## Access\n")
        assert text.read_text(encoding="utf-8") == run.out
        assert "arn:aws:sqs:*:*:59" in run.out
        assert "--verbose shows it" not in run.out

    def test_an_error_is_in_both(self, fleet: Fleet, tmp_path: Path) -> None:
        file = tmp_path / "plan.md"
        run = fleet.apply("paymenst", "--markdown-file", str(file))
        assert run.status == 2
        assert run.out.startswith("error: there is no team")
        assert file.read_text(encoding="utf-8").startswith("**Error:** there is no team")

    @pytest.mark.parametrize(
        ("place", "form"), [("no/such/folder.md", "text"), ("plan.md", "json")]
    )
    def test_what_cannot_be_written_is_wrong_usage_before_anything_is_done(
        self, place: str, form: str, fleet: Fleet, tmp_path: Path
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            fleet.apply("--all", "--markdown-file", str(tmp_path / place), "--output", form)
        assert ended.value.code == 2
        assert not fleet.policies()


class TestJson:
    def test_a_success(self, fleet: Fleet) -> None:
        runs = [
            fleet.apply("--all", "--output", "json", *arguments)
            for arguments in (["--dry-run"], [], [])
        ]
        for run in runs:
            told = document(run)
            assert run.status == told["status"] == 0
            assert told.keys() >= TOP
            assert told["digest"]
            assert all(change.keys() >= CHANGE for change in told["changes"])
        assert [bool(run.json["changes"]) for run in runs] == [True, True, False]

    def test_every_change_says_whose_and_where(self, fleet: Fleet) -> None:
        changes = document(fleet.apply("--all", "--output", "json"))["changes"]
        assert {(c["account"], c["environment"], c["team"]) for c in changes} == {
            (PROD, "prod", "payments"),
            (TEST, "test", "payments"),
        }
        assert {c["action"] for c in changes} == {"create"}
        assert {c["outcome"] for c in changes} == {"done"}
        assert all(c["name"] and c["reason"] and c["kind"] for c in changes)

    def test_findings(self, fleet: Fleet) -> None:
        write(fleet.files, permanent=[permanent("raed", "nothing")])
        for run in (
            fleet.validate("--output", "json"),
            fleet.apply("payments", "--output", "json"),
        ):
            told = document(run)
            assert run.status == told["status"] == 1
            assert {finding["code"] for finding in told["findings"]} == {"unknown-grant"}
            assert all(finding.keys() >= FINDING for finding in told["findings"])
            assert {finding["severity"] for finding in told["findings"]} == {"error"}
            places = [(each["line"], each["column"]) for each in told["findings"]]
            assert places == sorted(places)
            assert "read" in told["findings"][0]["hint"]

    def test_failures(self, fleet: Fleet) -> None:
        fleet.sandbox.faults.append(refusing("AccessDenied", lambda c: c.account_id == TEST))
        run = fleet.apply("--all", "--output", "json")
        told = document(run)
        assert run.status == told["status"] == 2
        assert told.keys() >= TOP
        failures = {each["account"]: each["failure"] for each in told["accounts"]}
        assert failures[PROD] is None
        assert failures[TEST]["code"] == "AccessDenied"

    @pytest.mark.parametrize(
        "arguments",
        [[], ["--all", "payments"], ["pyaments"], ["payments", "--environment", "prdo"]],
    )
    def test_a_usage_error_after_parsing(self, fleet: Fleet, arguments: list[str]) -> None:
        run = fleet.apply(*arguments, "--output", "json")
        told = document(run)
        assert (run.status, run.calls) == (2, ())
        assert told["status"] == 2
        assert {"digest", "changes", "findings"} <= told.keys()
        assert told["error"]["message"]
        assert told["error"]["hint"]

    def test_cleanup(self, fleet: Fleet) -> None:
        assert fleet.apply("--all").status == 0
        fleet.clock.move(days=1)
        told = document(fleet.cleanup("--all", "--output", "json"))
        assert told["command"] == "cleanup"
        assert [c["action"] for c in told["changes"]] == ["delete"]


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ([], "--all"),
            (["--all", "payments"], "--all"),
            (["paymets"], "did you mean payments?"),
            (["payments", "--environment", "prud"], "prod"),
        ],
    )
    @pytest.mark.parametrize("form", FORMS)
    def test_it_is_told_in_every_form(
        self, fleet: Fleet, arguments: list[str], words: str, form: str
    ) -> None:
        run = fleet.apply(*arguments, "--output", form)
        assert (run.status, run.calls) == (2, ())
        assert words in re.sub(r"[\\`]", "", run.out)

    def test_a_folder_that_is_not_there(self, fleet: Fleet, files: Files) -> None:
        missing = str(files.directory / "nowhere")
        run = fleet.run(
            lambda argv, clock: commands.validate([*argv, "--config-dir", missing], clock=clock)
        )
        assert run.status == 2
        assert missing in run.out


class TestText:
    @pytest.mark.exhaustive
    def test_names_and_arns_stay_whole_at_any_width(
        self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = "a-policy-with-quite-a-long-name-that-no-narrow-terminal-can-show-in-a-line"
        arn = "arn:aws:iam::aws:policy/service-role/AccessAnalyzerServiceRolePolicyThatIsMissing"
        write(
            fleet.files,
            policies={name: policy(), "absent": policy(managed=[arn])},
            permanent=[permanent(name, users=["ann@example.com", "somebody.missing@example.com"])],
            temporary=[temporary("absent")],
        )
        monkeypatch.setenv("COLUMNS", "20")
        monkeypatch.setenv("TERM", "xterm-256color")
        terminal = Terminal()
        run = fleet.apply("--all")
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", terminal)
            commands.apply(
                ["--all", "--dry-run", "--config-dir", str(fleet.files.directory)],
                clock=fleet.clock,
            )
        for shown in (run.out, terminal.getvalue()):
            plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
            assert arn in plain
            assert "somebody.missing" in plain
            assert PROD in plain
        assert f"payments-{name}" in run.out
        assert run.status == 1

    def test_there_is_colour_in_a_terminal_only(
        self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TERM", "xterm-256color")

        def shown(terminal: Terminal) -> str:
            with monkeypatch.context() as patch:
                patch.setattr("sys.stdout", terminal)
                commands.validate(["--config-dir", str(fleet.files.directory)], clock=fleet.clock)
            return terminal.getvalue()

        assert "\x1b[" in shown(Terminal())
        assert "\x1b" not in fleet.validate().out
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b" not in shown(Terminal())

    def test_the_plan_is_grouped_and_gives_reasons(self, fleet: Fleet) -> None:
        out = fleet.apply("--all", "--dry-run").out
        prod, test = out.index(f"prod ({PROD})"), out.index(f"test ({TEST})")
        assert prod < test
        assert out.index("user ann", prod) < test
        assert "payments grants read in prod" in out
        assert re.search(r"[0-9a-f]{64}", out)

    def test_the_summary_tells_each_account(self, fleet: Fleet) -> None:
        fleet.sandbox.faults.append(
            refusing(
                "LimitExceeded",
                lambda c: (c.operation, c.account_id) == ("AttachUserPolicy", TEST),
            )
        )
        out = fleet.apply("--all").out
        summary = out[out.index("Summary") :]
        assert re.search(rf"prod \({PROD}\): 4 done", summary)
        assert re.search(rf"test \({TEST}\): 2 done, 1 failed", summary)
        assert "LimitExceeded" in out


@pytest.fixture(scope="class")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    with chdir(tmp_path_factory.mktemp("hostile")):
        return _of_hostile_text()


def _of_hostile_text() -> list[Run]:
    """What runs say here where names, values and answers are hostile."""
    # Findings begin with the name of a file, and that with what was typed.
    files = Files(Path("::error title=x::made up \x1b[31m <script> |"))
    yaml_text = json.dumps(HOSTILE)
    files.team(
        policies={"read": policy(), "queues": policy(READ_QUEUES)},
        permanent=[permanent("read", description=HOSTILE)],
        temporary=[temporary("queues", description=HOSTILE)],
    )
    # Findings quote the value at fault, and here nothing but such values is at fault.
    files.write(
        "permanent-access/evil.yaml",
        "permanent-access:\n"
        f"  - users: [{yaml_text}]\n    environments: [{yaml_text}]\n"
        f"    grants: [{yaml_text}]\n    {yaml_text}: x\n",
    )
    files.write("aws-accounts/evil.yaml", f"aws-accounts:\n  {yaml_text}: '123'\n")
    files.write("aws-policies/evil.yaml", f"aws-policies:\n  {yaml_text}: {{}}\n")
    files.write("aws-policies/\x1b[2J\n##[error]made up.yaml", "aws-policies: {}\n")
    files.write(
        "temporary-access/evil.yaml",
        f"temporary-access:\n  - description: {yaml_text}\n    user: {yaml_text}\n"
        f"    environment: {yaml_text}\n    grant: {yaml_text}\n    expires_at: {yaml_text}\n",
    )
    with opened(files) as fleet:
        fleet.sandbox.faults.append(_hostile_answer)
        return [
            run(*arguments, "--output", form, "--verbose")
            for form in FORMS
            for run, arguments in (
                (fleet.validate, ()),
                (fleet.apply, ("--all", "--dry-run")),
                (fleet.apply, ("--all",)),
                (fleet.apply, (HOSTILE,)),
            )
        ]


class TestHostileText:
    """Whatever comes from files, from AWS or from names does no harm where it is printed."""

    def test_no_control_character_comes_through(self, hostile: list[Run]) -> None:
        assert {run.status for run in hostile} == {1, 2}
        for run in hostile:
            assert "made up" in run.out
            assert not CONTROLS.search(run.out)
            assert not CONTROLS.search(run.err)

    def test_no_workflow_command_is_smuggled_in(self, hostile: list[Run]) -> None:
        for run in hostile:
            for stream in (run.out, run.err):
                for found in workflow_commands(stream):
                    assert found.name in ("error", "warning", "notice")
                    # Ours begin with where it is, or at least with what it is.
                    assert found.properties["title"]
                    assert not found.data.startswith("made up")

    def test_no_html_comes_through_in_markdown(self, hostile: list[Run]) -> None:
        per_form = len(hostile) // len(FORMS)
        start = FORMS.index("markdown") * per_form
        for run in hostile[start : start + per_form]:
            assert "script" in run.out
            blocks = re.sub(r"^ *(`{3,}).*?^ *\1$", "", run.out, flags=re.DOTALL | re.MULTILINE)
            spans = re.sub(r"(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)", "", blocks)
            assert "<script" not in spans

    def test_json_stays_one_document(self, hostile: list[Run]) -> None:
        documents = [document(run) for run in hostile if run.out.startswith("{")]
        assert len(documents) == len(hostile) // len(FORMS)
        assert any("<script>" in json.dumps(each) for each in documents)


def _hostile_answer(call: FaultContext) -> None:
    if call.operation == "PutUserPolicy":
        raise AwsError("AccessDenied", "\n::error::made up ##[error]made up <script> | `x`")


def test_github_annotations_stand_at_the_line(fleet: Fleet) -> None:
    write(fleet.files, permanent=[permanent("raed")])
    run = fleet.validate("--output", "github")
    (found,) = [each for each in workflow_commands(run.out) if each.name == "error"]
    assert found.properties["file"].endswith("permanent-access/payments.yaml")
    assert int(found.properties["line"]) > 1
    assert found.properties["title"] == "unknown-grant"


def test_a_changed_document_is_shown_as_a_difference(fleet: Fleet) -> None:
    assert fleet.apply("--all").status == 0
    write(fleet.files, policies={"read": policy(READ_QUEUES), "queues": policy(READ_QUEUES)})
    out = fleet.apply("--all", "--dry-run").out
    assert re.search(r"^ *-.*s3:ListBucket", out, re.MULTILINE)
    assert re.search(r"^ *\+.*sqs:ReceiveMessage", out, re.MULTILINE)
