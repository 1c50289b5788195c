"""changed_teams.py: the arguments of `apply.py` after a merge."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import changed_teams
from iam_access import kinds

SCRIPT = Path(__file__).parents[2] / "aws" / "scripts" / "changed_teams.py"
PACKAGE = SCRIPT.parent / "iam_access" / "__init__.py"
ZEROS = "0" * 40


def copy_script(script: Path) -> None:
    """The script, and what of the package it needs."""
    package = script.parent / "iam_access"
    package.mkdir(parents=True)
    shutil.copy(PACKAGE, package)
    shutil.copy(SCRIPT, script)


class Repository:
    """A git repository with a copy of the script and two teams in all four folders."""

    def __init__(self, root: Path, config_dir: Path) -> None:
        self.root = root
        self.config_dir = config_dir
        self.script = config_dir / "scripts" / "changed_teams.py"
        copy_script(self.script)
        self._git("init", "--quiet", "--initial-branch=main")
        for team in ("alpha", "beta"):
            for folder in ("aws-accounts", "aws-policies", "permanent-access", "temporary-access"):
                self.write(f"{folder}/{team}.yaml", f"{folder}: {team}\n")
        self.first = self.commit()

    def write(self, path: str, text: str = "changed\n") -> None:
        file = self.config_dir / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def delete(self, path: str) -> None:
        (self.config_dir / path).unlink()

    def rename(self, old: str, new: str) -> None:
        (self.config_dir / old).rename(self.config_dir / new)

    def commit(self) -> str:
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message=change")
        return self._git("rev-parse", "HEAD").strip()

    def run(self, before: str, after: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, self.script, before, after],
            # Not the repository: it must be found from the script, wherever one stands.
            cwd=self.root.parent,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def arguments(self, before: str, after: str = "HEAD") -> list[str]:
        done = self.run(before, after)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout.splitlines()

    def _git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com", *arguments]
        return subprocess.run(
            command,
            cwd=self.root,
            env=self._environment(),
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        return {**kept, **nobody, "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    root = tmp_path / "repository"
    return Repository(root, root / "aws")


def test_nothing_changed_prints_nothing(repository: Repository) -> None:
    assert repository.arguments(repository.first, repository.first) == []


@pytest.mark.parametrize("folder", ["aws-policies", "permanent-access", "temporary-access"])
def test_a_changed_file_names_its_team(repository: Repository, folder: str) -> None:
    repository.write(f"{folder}/beta.yaml")
    repository.commit()
    assert repository.arguments(repository.first) == ["beta"]


def test_a_new_team_is_named(repository: Repository) -> None:
    repository.write("temporary-access/gamma-2.yaml")
    repository.commit()
    assert repository.arguments(repository.first) == ["gamma-2"]


def test_each_team_is_named_once_and_sorted(repository: Repository) -> None:
    for folder in ("temporary-access", "aws-policies"):
        for team in ("beta", "alpha"):
            repository.write(f"{folder}/{team}.yaml")
    repository.commit()
    assert repository.arguments(repository.first) == ["alpha", "beta"]


def test_everything_since_the_older_commit_counts(repository: Repository) -> None:
    repository.write("aws-policies/alpha.yaml")
    repository.commit()
    repository.write("aws-policies/beta.yaml")
    newest = repository.commit()
    assert repository.arguments(repository.first, newest) == ["alpha", "beta"]


def test_what_came_after_the_newer_commit_does_not_count(repository: Repository) -> None:
    repository.write("aws-policies/alpha.yaml")
    second = repository.commit()
    repository.write("aws-policies/beta.yaml")
    repository.commit()
    assert repository.arguments(repository.first, second) == ["alpha"]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda r: r.write("settings.yaml"), id="settings"),
        pytest.param(lambda r: r.write("scripts/iam_access/model.py"), id="scripts"),
        pytest.param(lambda r: r.write("scripts/requirements.txt"), id="requirements"),
        pytest.param(lambda r: r.write("aws-accounts/alpha.yaml"), id="an account"),
        pytest.param(lambda r: r.write("aws-accounts/gamma.yaml"), id="a new account"),
        pytest.param(lambda r: r.delete("permanent-access/alpha.yaml"), id="a deleted file"),
        pytest.param(
            lambda r: r.rename("aws-policies/alpha.yaml", "aws-policies/gamma.yaml"),
            id="a renamed file",
        ),
        pytest.param(lambda r: r.write("aws-policies/--adopt.yaml"), id="a name like an option"),
        pytest.param(lambda r: r.write("aws-policies/two\nlines.yaml"), id="a name of two lines"),
        pytest.param(lambda r: r.write("aws-policies/é.yaml"), id="a name git would quote"),
        pytest.param(lambda r: r.write(f"aws-policies/{'a' * 65}.yaml"), id="no team's name"),
        pytest.param(lambda r: r.write("permanent-access/sub/alpha.yaml"), id="a sub-folder"),
        pytest.param(lambda r: r.write("permanent-access/alpha.yml"), id="another ending"),
        pytest.param(lambda r: r.write("iam-groups/alpha.yaml"), id="an unknown folder"),
        pytest.param(lambda r: r.write("setings.yaml"), id="an unknown file"),
    ],
)
def test_what_a_team_alone_cannot_tell_means_all(
    repository: Repository, change: Callable[[Repository], None]
) -> None:
    change(repository)
    repository.write("aws-policies/beta.yaml")
    repository.commit()
    assert repository.arguments(repository.first) == ["--all"]


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "bootstrap/hub-role.yaml",
        "access-tests/beta.yaml",
        "schemas/settings.schema.json",
    ],
)
def test_files_that_are_not_applied_do_not_count(repository: Repository, path: str) -> None:
    repository.write(path)
    repository.commit()
    assert repository.arguments(repository.first) == []


def test_it_knows_every_registered_folder() -> None:
    assert set(changed_teams.FOLDERS) == {folder.folder for folder in kinds.FOLDERS}


def test_files_outside_the_config_folder_do_not_count(repository: Repository) -> None:
    repository.write("../aws-policies/beta.yaml")
    repository.write("../settings.yaml")
    repository.commit()
    assert repository.arguments(repository.first) == []


def test_the_config_folder_may_stand_anywhere(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", tmp_path / "repository" / "infra" / "iam")
    repository.write("aws-policies/beta.yaml")
    repository.commit()
    assert repository.arguments(repository.first) == ["beta"]


@pytest.mark.parametrize("before", [ZEROS, "f" * 40, "unknown", "", "--all", "-n", "HEAD^{tree}"])
def test_an_unknown_older_commit_means_all(repository: Repository, before: str) -> None:
    answer = subprocess.run(
        [sys.executable, repository.script, "--", before, "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (0, "--all\n")


def test_what_was_changed_back_counts_for_a_failed_run_may_have_applied_it(
    repository: Repository,
) -> None:
    repository.write("temporary-access/alpha.yaml", "a grant\n")
    repository.commit()
    repository._git("revert", "--no-edit", "HEAD")
    assert repository.arguments(repository.first) == ["alpha"]


def test_a_file_that_came_and_went_means_all(repository: Repository) -> None:
    repository.write("permanent-access/gamma.yaml")
    repository.commit()
    repository._git("revert", "--no-edit", "HEAD")
    assert repository.arguments(repository.first) == ["--all"]


def test_a_merge_counts_with_its_branch_and_with_what_it_did_itself(
    repository: Repository,
) -> None:
    repository._git("switch", "--quiet", "--create", "branch")
    repository.write("aws-policies/alpha.yaml")
    repository.commit()
    repository._git("switch", "--quiet", "main")
    repository.write("README.md")
    repository.commit()
    repository._git("merge", "--quiet", "--no-commit", "--no-ff", "branch")
    repository.write("aws-policies/beta.yaml")
    repository.commit()
    assert repository.arguments(repository.first) == ["alpha", "beta"]


def test_a_merged_branch_does_not_bring_up_what_was_applied_while_it_was_open(
    repository: Repository,
) -> None:
    repository._git("switch", "--quiet", "--create", "branch")
    repository.write("aws-policies/alpha.yaml")
    repository.commit()
    repository._git("switch", "--quiet", "main")
    repository.write("settings.yaml")
    applied = repository.commit()
    repository._git("merge", "--quiet", "--no-ff", "--message=merge", "branch")
    assert repository.arguments(applied) == ["alpha"]


def test_a_history_that_was_rewritten_means_all(repository: Repository) -> None:
    repository.write("aws-policies/alpha.yaml")
    abandoned = repository.commit()
    repository._git("reset", "--quiet", "--hard", repository.first)
    repository.write("aws-policies/beta.yaml")
    repository.commit()
    assert repository.arguments(abandoned) == ["--all"]


@pytest.mark.parametrize("after", [ZEROS, "no-such-branch"])
def test_an_unknown_newer_commit_is_an_error(repository: Repository, after: str) -> None:
    done = repository.run(repository.first, after)
    assert done.returncode == 2
    assert done.stdout == ""
    assert after in done.stderr
    assert "Traceback" not in done.stderr


def test_no_repository_at_all_is_an_error(tmp_path: Path) -> None:
    script = tmp_path / "aws" / "scripts" / "changed_teams.py"
    copy_script(script)
    done = subprocess.run(
        [sys.executable, script, ZEROS, "HEAD"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
