"""Teams that exclude each other in an account: who wrote it first goes on."""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from iam_access.config import revisions
from iam_access.config.configuration import Configuration
from iam_access.config.load import load, load_base
from iam_access.config.revisions import Revision
from iam_access.policy.arn import deployer_role_arn
from tests.config.checks.test_fleet import entry, policies
from tests.config.repository import ACCOUNTS, NOW, VALID, write
from tests.config.test_revisions import commit, git

# Sorts before the team `pay`, and comes after it.
ROLE = "aws-accounts:\n  live: {id: 444455556666, deployer_role: taken}\n"
PARTITION = "aws-accounts:\n  live: {id: 444455556666, partition: aws-cn}\n"
FOREIGN_PLACE = {"aws-accounts/away.yaml": ROLE.replace("deployer_role: taken", "partition: aws")}
SAME_USER = {
    "aws-accounts/b.yaml": ACCOUNTS,
    "aws-policies/b.yaml": policies("any"),
    "permanent-access/b.yaml": entry("Ann@elsewhere.example, zoe@example.com"),
}
# The policy `pay-reader` in AWS, as of the team `pay` with the key `reader`; and the same by `a`.
TWIN = {"aws-accounts/a.yaml": ACCOUNTS, "aws-policies/a.yaml": policies("pay-reader")}
VICTIM = {"aws-accounts/a-pay.yaml": ACCOUNTS, "aws-policies/a-pay.yaml": policies("reader")}

CASES: dict[str, tuple[Mapping[str, str], Mapping[str, str], str, str]] = {
    "another role": ({}, {"aws-accounts/a.yaml": ROLE}, "a", "conflicting-account"),
    "another partition": ({}, {"aws-accounts/a.yaml": PARTITION}, "a", "conflicting-account"),
    "an address of the same user": ({}, SAME_USER, "b", "same-user"),
    "a name of a policy": (VICTIM, TWIN, "a", "policy-name-collision"),
    "an account newly shared": (
        {**VICTIM, **TWIN, "aws-accounts/a.yaml": 'aws-accounts:\n  x: "999988887777"\n'},
        {"aws-accounts/a.yaml": ACCOUNTS},
        "a",
        "policy-name-collision",
    ),
    "a role that is changed": (
        {"aws-accounts/a.yaml": ROLE.replace("taken", "self-serve-deployer")},
        {"aws-accounts/a.yaml": ROLE},
        "a",
        "conflicting-account",
    ),
}


def assert_only_newcomer_at_fault(configuration: Configuration, team: str, code: str) -> None:
    """Only the newcomer is at fault, and what others have stays reachable as it was."""
    errors = [each for each in configuration.findings if each.is_error]
    assert {(each.team, each.code) for each in errors} == {(team, code)}
    assert configuration.invalid == {team}
    assert "wrote it first" in errors[0].hint
    prod = configuration.known_accounts["444455556666"]
    assert deployer_role_arn(prod) == "arn:aws:iam::444455556666:role/self-serve-deployer"
    assert "pay" in configuration.accounts["444455556666"].environments


@pytest.mark.parametrize("name", CASES)
def test_the_base_tells(tmp_path: Path, name: str) -> None:
    before, after, team, code = CASES[name]
    base = load(write(tmp_path / "before", {**VALID, **before}), now=NOW)
    now = write(tmp_path / "now", {**VALID, **before, **after})
    assert_only_newcomer_at_fault(load(now, now=NOW, base=base), team, code)


@pytest.mark.parametrize("name", ["another role", "an address of the same user"])
def test_without_a_base_the_commits_tell(tmp_path: Path, name: str) -> None:
    before, after, team, code = CASES[name]
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    aws = write(tmp_path / "aws", {**VALID, **before})
    commit(tmp_path)
    # As pull requests are merged: what a branch did on its way does not count.
    git(tmp_path, "checkout", "--quiet", "-b", "branch")
    (aws / "aws-accounts" / "pay.yaml").unlink()
    write(aws, after)
    commit(tmp_path)
    write(aws, VALID)
    commit(tmp_path)
    git(tmp_path, "checkout", "--quiet", "main")
    git(tmp_path, "merge", "--quiet", "--no-ff", "branch")
    assert_only_newcomer_at_fault(load(aws, now=NOW), team, code)
    # Nor does it count that the file of who was first cannot be read for a while.
    write(aws, {"permanent-access/pay.yaml": "["})
    commit(tmp_path)
    write(aws, VALID)
    commit(tmp_path)
    assert_only_newcomer_at_fault(load(aws, now=NOW), team, code)
    assert_only_newcomer_at_fault(load_base("main", aws, now=NOW), team, code)


def test_where_nothing_tells_most_teams_are_right(tmp_path: Path) -> None:
    other = VALID["aws-accounts/pay.yaml"].replace(
        '"444455556666"', "{id: 444455556666, deployer_role: ops/deployer}"
    )
    three = {f"aws-accounts/{team}.yaml": other for team in ("pay", "web")}
    configuration = load(write(tmp_path, {**VALID, **three, **FOREIGN_PLACE}), now=NOW)
    assert configuration.invalid == {"away"}
    assert configuration.known_accounts["444455556666"].deployer_role == "ops/deployer"


def imported(root: Path, states: Sequence[Mapping[str, str]]) -> None:
    """A repository whose commits have these files, oldest first."""
    stream = []
    for files in states:
        stream.append("commit refs/heads/main\ncommitter t <t@example.com> 0 +0000\ndata 0\n")
        stream.append("deleteall\n")
        for name, text in files.items():
            stream.append(f"M 100644 inline {name}\ndata {len(text.encode())}\n{text}\n")
    git(root, "init", "--quiet", "--initial-branch=main")
    command = ["git", "fast-import", "--quiet"]
    subprocess.run(command, cwd=root, input="".join(stream).encode(), check=True)


def test_a_long_history_tells_with_few_of_its_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at(number: int) -> dict[str, str]:
        """Neither team at first, then `pay`, and `a` last of all; a change with every commit."""
        files = {"aws-accounts/a.yaml": ROLE if number >= 60 else "aws-accounts: {}\n"}
        files |= {"aws-accounts/pay.yaml": f"{ACCOUNTS}# {number}\n"} if number >= 55 else {}
        return {name: f"{text}# {number}\n" for name, text in files.items()}

    imported(tmp_path, [at(number) for number in range(100)])
    git(tmp_path, "checkout", "--quiet", "--force", "main")
    read: list[str] = []
    files_of = revisions.files_of

    def counted(at: Revision, names: Sequence[str] = ()) -> AbstractContextManager[Path]:
        read.append(at.commit)
        return files_of(at, names)

    monkeypatch.setattr(revisions, "files_of", counted)
    configuration = load(write(tmp_path, {}), now=NOW)
    assert configuration.invalid == {"a"}
    assert len(read) == len(set(read)) < 18
