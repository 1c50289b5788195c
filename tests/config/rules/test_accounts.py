"""Which teams may use which accounts, and what is found about one that another team has."""

from pathlib import Path

import pytest

from iam_access.config.load import load
from tests.config.repository import NOW, VALID, finding_lines, write

MINE = {"aws-accounts/pay.yaml": 'aws-accounts: {prod: "444455556666"}'}
NO_ENTRIES = {"permanent-access/pay.yaml": "permanent-access: []"}


def new(name: str, number: str = "444455556666") -> dict[str, str]:
    return {"aws-accounts/new.yaml": f'aws-accounts:\n  {name}: "{number}"\n'}


def finding_lines_of(tmp_path: Path, *files: dict[str, str]) -> list[str]:
    folder = tmp_path
    for each in ({**VALID, **NO_ENTRIES, **MINE}, *files):
        write(folder, each)
    return finding_lines(load(folder, now=NOW))


class TestTeamsOfAnAccount:
    @pytest.mark.parametrize("pattern", ["444455556666", "4444*", "prod", "PROD", "pr?d", "mine"])
    @pytest.mark.parametrize("name", ["mine", "PROD"])
    def test_others_may_not_use_it_whatever_they_call_it(
        self, tmp_path: Path, pattern: str, name: str
    ) -> None:
        rules = f"accounts: [{{accounts: ['{pattern}'], teams: [pay, 'p*']}}]"
        codes = finding_lines_of(tmp_path, {"settings.yaml": rules}, new(name))
        is_meant = pattern != "mine" or name == "mine"
        error = "aws-accounts/new.yaml:2:9 error account-not-for-team"
        assert [each for each in codes if "error" in each] == [error] * is_meant

    def test_a_name_that_others_give_takes_nothing_from_who_has_it(self, tmp_path: Path) -> None:
        rules = "accounts: [{accounts: [vault], teams: [security]}]"
        codes = finding_lines_of(tmp_path, {"settings.yaml": rules}, new("vault"))
        assert [each for each in codes if "error" in each] == [
            "aws-accounts/new.yaml:2:10 error account-not-for-team"
        ]

    def test_where_several_rules_match_a_team_is_in_each(self, tmp_path: Path) -> None:
        rules = "accounts: [{accounts: '*', teams: '*'}, {accounts: prod, teams: [pay]}]"
        assert finding_lines_of(tmp_path, {"settings.yaml": rules}) == []
        assert finding_lines_of(tmp_path, {"settings.yaml": rules}, new("mine")) == [
            "aws-accounts/new.yaml:2:9 error account-not-for-team"
        ]
        assert (
            finding_lines_of(tmp_path, {"settings.yaml": rules}, new("mine", "111111111111")) == []
        )

    def test_while_names_are_not_known_nothing_is_granted(self, tmp_path: Path) -> None:
        rules = "accounts: [{accounts: prod, teams: [web]}]"
        broken = {"aws-accounts/web.yaml": "aws-accounts: ["}
        entry = {
            **new("mine", "777788889999"),
            "aws-policies/new.yaml": "aws-policies: {x: {managed_policies: "
            "['arn:aws:iam::aws:policy/ReadOnlyAccess']}}",
            "permanent-access/new.yaml": "permanent-access:\n"
            "  - {roles: [ci], environments: [mine], grants: [x]}\n",
        }
        codes = finding_lines_of(tmp_path, {"settings.yaml": rules}, broken, entry)
        assert "permanent-access/new.yaml:2:34 warning rule-unclear" in codes
        for_new = rules.replace("web", "web, new")
        codes = finding_lines_of(tmp_path, {"settings.yaml": for_new}, broken, entry)
        assert not [each for each in codes if "rule-unclear" in each and "new.yaml" in each]


class TestAccountsOfOthers:
    def findings_since(
        self, tmp_path: Path, before: dict[str, str], now: dict[str, str]
    ) -> list[str]:
        folder = write(tmp_path / "before", {**VALID, **before})
        base = load(folder, now=NOW, standing=True)
        changed = load(write(tmp_path / "now", {**VALID, **now}), now=NOW, base=base)
        return [each for each in finding_lines(changed) if "account-of-another" in each]

    @pytest.mark.parametrize(
        ("before", "now", "expected"),
        [
            ({}, new("mine"), True),
            (new("mine", "777788889999"), new("mine"), True),
            (new("mine"), new("yours"), False),
            ({}, new("mine", "777788889999"), False),
        ],
    )
    def test_a_team_that_newly_names_one_says_so(
        self, tmp_path: Path, before: dict[str, str], now: dict[str, str], *, expected: bool
    ) -> None:
        place = "aws-accounts/new.yaml:2:9 warning account-of-another"
        assert self.findings_since(tmp_path, before, now) == [place] * expected

    def test_who_comes_first_with_one_that_is_new_to_all_has_it(self, tmp_path: Path) -> None:
        both = {**new("mine", "777788889999"), "aws-accounts/web.yaml": "aws-accounts: {}"}
        more = {**both, "aws-accounts/web.yaml": 'aws-accounts: {x: "777788889999"}'}
        assert self.findings_since(tmp_path, {}, more) == []
        assert self.findings_since(tmp_path / "later", both, more) == [
            "aws-accounts/web.yaml:1:19 warning account-of-another"
        ]
