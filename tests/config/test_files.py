"""Which files are read, and what is said of those that are not."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from iam_access.config.load import load
from tests.config.repository import ACCOUNTS, NOW, PERMANENT, finding_lines, loaded, only_finding


@pytest.mark.parametrize("name", ["README.md", ".gitkeep", ".pay.yaml.swp", ".x.yaml", "pay.txt"])
def test_other_files_are_left_alone(tmp_path: Path, name: str) -> None:
    assert loaded(tmp_path, {f"permanent-access/{name}": "[["}).findings == ()


@pytest.mark.parametrize(
    ("name", "team", "code"),
    [
        ("pay.yml", "pay", "bad-file-name"),
        ("pay.YAML", "pay", "bad-file-name"),
        ("Pay.yaml", "pay", "bad-team-name"),
        ("-pay.yaml", None, "bad-team-name"),
        ("pay_it.yaml", None, "bad-team-name"),
        ("pay it.yaml", None, "bad-team-name"),
        ("pay.old.yaml", None, "bad-team-name"),
        ("\u00e9.yaml", None, "bad-team-name"),
        (f"{'a' * 65}.yaml", None, "bad-team-name"),
    ],
)
def test_a_file_that_would_not_be_read_is_an_error(
    tmp_path: Path, name: str, team: str | None, code: str
) -> None:
    configuration = loaded(tmp_path, {f"permanent-access/{name}": PERMANENT})
    finding = only_finding(configuration)
    assert (finding.code, finding.team) == (code, team)
    assert name in finding.message or "\\" in finding.message
    # Its team may have meant it: nothing of that is applied.
    assert configuration.invalid == ({team} if team else set())


def test_what_may_hide_files_of_a_team_that_seems_to_have_none(tmp_path: Path) -> None:
    assert not loaded(tmp_path).may_have_files("web")
    stray = {"permanent-access/Some notes.yaml": "", "settings.yml": "", "aws_accounts": ""}
    configuration = loaded(tmp_path, stray)
    assert len(configuration.findings) == 3
    assert not configuration.may_have_files("web")
    for name in ("Web_.yaml", "the web.yaml", "we_b.yaml"):
        path = tmp_path / "permanent-access" / name
        path.write_text("")
        assert loaded(tmp_path).may_have_files("web"), name
        path.unlink()
    shutil.rmtree(tmp_path / "temporary-access")
    (tmp_path / "temporary-access").write_text("")
    assert load(tmp_path, now=NOW).may_have_files("web")


def test_the_longest_name_of_a_team_is_one(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, {f"aws-accounts/{'a' * 64}.yaml": ACCOUNTS})
    assert configuration.findings == ()


def test_a_link_within_the_directory_is_followed(tmp_path: Path) -> None:
    loaded(tmp_path)
    (tmp_path / "aws-accounts" / "web.yaml").symlink_to("pay.yaml")
    configuration = loaded(tmp_path)
    assert configuration.findings == ()
    assert sorted(configuration.teams) == ["pay", "web"]


@pytest.mark.parametrize("name", ["aws-accounts/web.yaml", "settings.yaml"])
def test_a_link_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("password: hunter2\n")
    loaded(tmp_path / "aws")
    (tmp_path / "aws" / name).symlink_to(secret)
    finding = only_finding(loaded(tmp_path / "aws"))
    assert finding.code == "unreadable-file"
    assert "link" in finding.message


@pytest.mark.parametrize(
    "target", ["elsewhere", "aws/../elsewhere", "chain", "nowhere", "aws/loop"]
)
def test_a_folder_that_is_a_link_out_or_to_nothing_blocks_every_team(
    tmp_path: Path, target: str
) -> None:
    aws = tmp_path / "aws"
    loaded(aws)
    (aws / "permanent-access").rename(tmp_path / "elsewhere")
    (tmp_path / "chain").symlink_to("elsewhere")
    (aws / "loop").symlink_to("permanent-access")
    (aws / "permanent-access").symlink_to(tmp_path / target)
    configuration = load(aws, now=NOW)
    assert [each.code for each in configuration.findings] == ["unreadable-file"]
    assert configuration.invalid == {"pay"}


def test_a_folder_that_is_a_link_within_the_directory_is_read(tmp_path: Path) -> None:
    loaded(tmp_path)
    (tmp_path / "permanent-access").rename(tmp_path / "kept")
    (tmp_path / "permanent-access").symlink_to("kept")
    configuration = load(tmp_path, now=NOW)
    assert configuration.findings == ()
    assert len(configuration.teams["pay"].entries["permanent-access"]) == 1


def test_what_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded(tmp_path)
    folder = tmp_path / "permanent-access"
    (folder / "a.yaml").mkdir()
    os.mkfifo(folder / "b.yaml")
    (folder / "c.yaml").symlink_to("nowhere.yaml")
    monkeypatch.chdir(folder)  # the path of a socket may not be long
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("d.yaml")
        configuration = loaded(tmp_path)
    unreadable = [each for each in configuration.findings if each.code == "unreadable-file"]
    assert [each.team for each in unreadable] == ["a", "b", "c", "d"]
    assert configuration.invalid == {"a", "b", "c", "d"}


def test_a_folder_that_cannot_be_listed_blocks_every_team(tmp_path: Path) -> None:
    loaded(tmp_path)
    (tmp_path / "permanent-access" / "pay.yaml").unlink()
    (tmp_path / "permanent-access").rmdir()
    (tmp_path / "permanent-access").write_text("")
    configuration = load(tmp_path, now=NOW)
    assert finding_lines(configuration) == ["permanent-access:1:1 error unreadable-file"]
    assert configuration.invalid == {"pay"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("permanet-access", "permanent-access"),
        ("aws_accounts", "aws-accounts"),
        ("Temporary-Access", "temporary-access"),
    ],
)
def test_a_folder_that_is_nearly_one_of_ours_concerns_the_teams_with_files_in_it(
    tmp_path: Path, name: str, meant: str
) -> None:
    configuration = loaded(tmp_path, {f"{name}/web.yaml": "[", f"{name}/README.md": ""})
    (finding,) = [each for each in configuration.findings if each.code == "bad-file-name"]
    assert (finding.team, meant in finding.hint) == ("web", True)
    assert configuration.invalid == {"web"}


@pytest.mark.parametrize("name", ["permanet-access", "aws_accounts"])
def test_one_without_a_teams_file_stops_no_team(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    finding = only_finding(loaded(tmp_path))
    assert (finding.code, finding.team) == ("bad-file-name", None)
    (tmp_path / name).rmdir()
    (tmp_path / name).write_text("")
    assert only_finding(loaded(tmp_path)) == finding
    assert loaded(tmp_path).invalid == set()


@pytest.mark.parametrize("name", ["settings.yml", "Settings.yaml", "setting.yaml"])
def test_rules_under_another_name_are_no_rules(tmp_path: Path, name: str) -> None:
    configuration = loaded(tmp_path, {name: "only_temporary: ['*']\n"})
    assert finding_lines(configuration) == [f"{name}:1:1 error bad-file-name"]
    assert not configuration.settings_valid


@pytest.mark.parametrize("name", ["scripts", "bootstrap", "aws-accounts-old", "policies"])
def test_other_folders_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert loaded(tmp_path).findings == ()
