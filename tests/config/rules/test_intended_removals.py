"""Removals that the settings call intended: for the change that brings the line alone."""

from dataclasses import replace
from pathlib import Path

from iam_access.config.configuration import Configuration
from iam_access.config.load import load
from iam_access.config.rules.intended_removals import allowed_teams
from tests.config.repository import NOW, VALID, finding_lines, write

LINE = "intended_removals:\n  - {team: pay, reason: OPS-1}\n"


def compared(folder: Path, before: str, after: str) -> Configuration:
    """The valid repository with other settings, compared with itself as it was."""
    base = load(write(folder / "old", {**VALID, "settings.yaml": before}), now=NOW)
    return load(write(folder / "new", {**VALID, "settings.yaml": after}), now=NOW, base=base)


def test_a_line_holds_in_the_change_that_brings_it(tmp_path: Path) -> None:
    found = compared(tmp_path, "domains: [example.com]", LINE)
    assert allowed_teams(found) == {"pay"}
    assert finding_lines(found) == []


def test_it_holds_for_no_later_change_and_is_told_as_old(tmp_path: Path) -> None:
    found = compared(tmp_path, LINE, LINE + "  - {team: pay, reason: OPS-2}\n")
    assert allowed_teams(found) == {"pay"}
    found = compared(tmp_path, LINE, LINE)
    assert allowed_teams(found) == frozenset()
    assert finding_lines(found) == ["settings.yaml:2:5 note stale-removal"]


def test_without_earlier_files_that_can_be_read_it_allows_nothing(tmp_path: Path) -> None:
    assert allowed_teams(replace(compared(tmp_path / "a", LINE, LINE), base=None)) == frozenset()
    assert allowed_teams(compared(tmp_path / "b", "limits: 5", LINE)) == frozenset()


def test_a_team_has_to_be_one_or_have_been_one(tmp_path: Path) -> None:
    found = compared(tmp_path, "domains: [example.com]", LINE.replace("pay", "pai"))
    assert finding_lines(found) == ["settings.yaml:2:5 error unknown-team"]
    assert not found.invalid


def test_it_names_one_team_and_tells_why(tmp_path: Path) -> None:
    for line in ("{team: 'p*', reason: OPS-1}", "{team: pay, reason: ' '}", "{team: pay}"):
        found = compared(tmp_path / line[:16], "limits: {}", f"intended_removals: [{line}]")
        assert not found.settings_valid
