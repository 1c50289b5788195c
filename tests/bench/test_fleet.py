"""The generated organisation."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.fleet import Fleet, write
from iam_access.config.load import load
from iam_access.kinds.fields import UserNames

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SMALL = Fleet(accounts=3, teams=2, policies_per_team=5, users=20)


def _contents(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_the_files_are_valid_and_as_many_as_asked_for(tmp_path: Path) -> None:
    write(SMALL, tmp_path, NOW)
    found = load(tmp_path, now=NOW)
    assert found.findings == ()
    assert set(found.accounts) == set(SMALL.account_ids)
    assert set(found.teams) == {"team-01", "team-02"}
    for team in found.teams.values():
        own = [e for e in team.entries["aws-policies"] if e.spec.custom_statements]
        assert len(own) == 5
        granted = (each for each in team.access if not each.temporary)
        users = {p.name for each in granted for p in each.principals(UserNames())}
        assert len(users) == 10
        assert len(team.entries["temporary-access"]) == 3


def test_one_seed_gives_one_fleet_and_another_seed_another(tmp_path: Path) -> None:
    write(SMALL, tmp_path / "a", NOW)
    write(SMALL, tmp_path / "b", NOW)
    write(Fleet(accounts=3, teams=2, policies_per_team=5, users=20, seed=2), tmp_path / "c", NOW)
    assert _contents(tmp_path / "a") == _contents(tmp_path / "b")
    assert _contents(tmp_path / "a") != _contents(tmp_path / "c")


@pytest.mark.parametrize("accounts", [1, 50])
def test_account_ids_are_distinct_and_of_twelve_digits(accounts: int) -> None:
    ids = Fleet(accounts).account_ids
    assert len(set(ids)) == accounts
    assert all(len(id_) == 12 and id_.isdecimal() for id_ in ids)


def test_every_user_is_in_one_team() -> None:
    fleet = Fleet(accounts=1, teams=3, users=10)
    users = [user for team in range(3) for user in fleet.users_of(team)]
    assert len(users) == len(set(users)) == 10
