"""The CODEOWNERS file: who owns which path by the settings, and whether the file says so."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from iam_access import kinds
from iam_access.cli.commands import codeowners, validate
from iam_access.config import code_owners
from iam_access.config.load import load
from iam_access.config.settings import OwnerSettings
from iam_access.model import Severity
from tests.config.repository import NOW, VALID, finding_lines, loaded, write

OWNERS = """\
owners:
  guards: "@org/platform"
  others: [dev@example.com, "@octocat"]
  paths: {/docs/: "@org/writers", /docs/security.md: "@org/security"}
  teams: {"*": "@org/leads", pay: ["@org/pay", "@org/leads"]}
  folders: {aws-policies: "@org/security"}
"""


def repository(directory: Path, settings: str = OWNERS) -> Path:
    """A repository with the files in `aws/`, which it returns."""
    (directory / ".git").mkdir()
    return write(directory / "aws", {**VALID, "settings.yaml": settings})


def owners(text: str, path: str) -> list[str]:
    """Who owns a path, as GitHub reads the file: by the last line that matches."""
    found: list[str] = []
    for line in text.splitlines():
        pattern, *who = line.partition("#")[0].split() or [""]
        if pattern and re.fullmatch(expression(pattern), f"/{path}"):
            found = who
    return found


def expression(pattern: str) -> str:
    """A pattern without ** as a regular expression."""
    if pattern == "*":
        return ".*"
    escaped = re.escape(pattern).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return f"{escaped}.*" if pattern.endswith("/") else f"{escaped}(/.*)?"


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("aws/settings.yaml", "@org/platform"),
        ("aws/aws-accounts/pay.yaml", "@org/platform"),
        ("aws/scripts/apply.py", "@org/platform"),
        ("aws/bootstrap/hub-role.yaml", "@org/platform"),
        (".github/workflows/apply.yaml", "@org/platform"),
        (".github/CODEOWNERS", "@org/platform"),
        ("aws/aws-policies/pay.yaml", "@org/security"),
        ("aws/permanent-access/pay.yaml", "@org/pay @org/leads"),
        ("aws/temporary-access/pay.yaml", "@org/pay @org/leads"),
        ("aws/access-tests/pay.yaml", "@org/pay @org/leads"),
        ("aws/temporary-access/data.yaml", "@org/leads"),
        ("docs/files.md", "@org/writers"),
        ("docs/security.md", "@org/security"),
        ("Makefile", "dev@example.com @octocat"),
    ],
)
def test_who_owns_a_path(tmp_path: Path, path: str, who: str) -> None:
    aws = repository(tmp_path)
    assert codeowners(["--config-dir", str(aws)]) == 0
    assert owners((tmp_path / ".github/CODEOWNERS").read_text(), path) == who.split()


def test_without_others_the_guards_own_everything() -> None:
    made = code_owners.text(OwnerSettings(guards=["@a/b"]), ".")
    assert owners(made, "x/y") == ["@a/b"]
    assert owners(made, "settings.yaml") == ["@a/b"]
    assert "/settings.yaml @a/b\n" in made


def test_every_folder_of_teams_has_lines_of_a_team(tmp_path: Path) -> None:
    made = code_owners.text(OwnerSettings(guards=["@g"], teams={"t": ["@t"]}), "aws")
    for folder in kinds.FOLDERS:
        assert owners(made, f"aws/{folder.folder}/t.yaml") == ["@t"]


def test_validation_holds_the_file_to_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--config-dir", str(repository(tmp_path))]
    assert validate(options) == 1
    assert "is not there" in capsys.readouterr().out
    codeowners(options)
    capsys.readouterr()
    assert validate(options) == 0
    file = tmp_path / ".github/CODEOWNERS"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert validate(options) == 0
    file.write_text(file.read_text() + "/aws/ @someone\n")
    capsys.readouterr()
    assert validate(options) == 1
    said = capsys.readouterr().out
    assert f"{file}:1:1: error: " in said
    assert "python aws/scripts/codeowners.py" in said


def test_a_file_that_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aws = repository(tmp_path)
    (tmp_path / ".github").write_text("")
    assert codeowners(["--config-dir", str(aws)]) == 2
    assert "CODEOWNERS cannot be written: " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["my aws", "#aws", "a[w]s", "aws*", "!aws"])
def test_a_folder_that_github_cannot_read_there_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    aws = repository(tmp_path).rename(tmp_path / name)
    assert codeowners(["--config-dir", str(aws)]) == 2
    assert validate(["--config-dir", str(aws)]) == 1
    assert capsys.readouterr().out.count("GitHub passes over such lines") == 2


@pytest.mark.parametrize("link", [".github", ".github/CODEOWNERS"])
def test_a_link_is_not_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], link: str
) -> None:
    options = ["--config-dir", str(repository(tmp_path))]
    codeowners(options)
    target = (tmp_path / link).rename(tmp_path / "other")
    (tmp_path / link).symlink_to(target)
    assert validate(options) == 1
    assert codeowners(options) == 2
    assert capsys.readouterr().out.count("is a link, and GitHub follows none") == 2


def test_settings_that_are_not_valid_write_nothing(tmp_path: Path) -> None:
    aws = repository(tmp_path, f"{OWNERS}nothing: here\n")
    assert codeowners(["--config-dir", str(aws)]) == 2
    assert not (tmp_path / ".github").exists()


def test_files_outside_of_a_repository_have_no_owners(tmp_path: Path) -> None:
    found = loaded(tmp_path, {"settings.yaml": OWNERS})
    assert [*code_owners.check(found)] == []
    assert codeowners(["--config-dir", str(tmp_path)]) == 2


def test_a_file_that_github_would_not_read_is_refused(tmp_path: Path) -> None:
    found = loaded(repository(tmp_path))
    one = [f"@{'o' * 100}/{'t' * 255}"]
    many = OwnerSettings(guards=one, teams={f"{number:064}": one for number in range(1_800)})
    settings = found.settings.model_copy(update={"owners": many})
    (finding,) = code_owners.check(replace(found, settings=settings))
    assert "GitHub reads none of 3 MB" in finding.message


@pytest.mark.parametrize(
    ("owner", "line"),
    [
        ('{guards: "@org/platform team"}', "2:11 error bad-value"),
        ('{guards: "platform"}', "2:11 error bad-value"),
        ('{guards: "@org/a/b"}', "2:11 error bad-value"),
        ('{guards: "@org/x\\n* @me"}', "2:11 error bad-value"),
        ("{guards: []}", "2:11 error empty-list"),
        ("{others: '@a'}", "2:2 error missing-key"),
        ("{guards: '@a', folders: {aws-policy: '@b'}}", "2:27 error bad-value"),
        ("{guards: '@a', folders: {aws-accounts: '@b'}}", "2:27 error bad-value"),
        ("{guards: '@a', teams: {Pay: '@b'}}", "2:25 error bad-pattern"),
        ("{guards: '@a', paths: {'!docs': '@b'}}", "2:25 error bad-pattern"),
        ("{guards: '@a', paths: {'/a b': '@b'}}", "2:25 error bad-pattern"),
    ],
)
def test_what_github_could_not_read_is_an_error(tmp_path: Path, owner: str, line: str) -> None:
    found = loaded(tmp_path, {"settings.yaml": f"owners:\n {owner}\n"})
    assert finding_lines(found) == [f"settings.yaml:{line}"]


def test_the_owners_of_the_example_are_a_warning(tmp_path: Path) -> None:
    aws = repository(tmp_path, 'owners: {guards: "@YOUR-ORG/platform-team"}\n')
    codeowners(["--config-dir", str(aws)])
    (finding,) = code_owners.check(load(aws, now=NOW))
    assert finding.severity is Severity.WARNING
    assert "write your organisation and team" in finding.hint
    assert str(finding.location).endswith("settings.yaml:1:9")


def test_owners_of_a_team_that_is_not_there_are_told(tmp_path: Path) -> None:
    text = "owners:\n  guards: '@a'\n  teams: {'p*': '@b', pya: '@c'}\n"
    found = loaded(tmp_path, {"settings.yaml": text})
    assert finding_lines(found) == ["settings.yaml:3:23 warning rule-without-effect"]
    assert found.findings[0].hint == "did you mean 'pay'?"


def test_owners_are_off_without_the_setting(tmp_path: Path) -> None:
    aws = repository(tmp_path, "owners:\n")
    assert validate(["--config-dir", str(aws)]) == 0
    assert codeowners(["--config-dir", str(aws)]) == 2
