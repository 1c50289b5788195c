"""What an apply of merges hands to publish.py."""

import json
from pathlib import Path
from typing import Any

import pytest

from iam_access.cli import result_pages
from iam_access.cli.merged_run import Merge, MergedRun
from iam_access.github.comments import LONGEST
from iam_access.model import Change, ChangeType, Outcome, Principal, PrincipalType, Report, Status
from iam_access.runs.team_reports import Failed, part_of
from tests.render.reports import NOW, PROD, account_report, applied, change, troubled

SINCE, HEAD = "a" * 40, "b" * 40


def run(**more: Any) -> MergedRun:
    given: dict[str, Any] = {
        "before": SINCE,
        "lost": None,
        "head": HEAD,
        "arguments": ("--all",),
        "merges": (Merge(HEAD, None, 7, {}, "it was planned in a sandbox", is_new=True),),
        "waiting": {},
        "known": frozenset(),
        "by_hand": False,
        "allow_removals_of": (),
        "expect_digest": "",
        "dry_run": False,
    }
    return MergedRun(**{**given, **more})


def written(folder: Path, failed: Failed, report: Report, **more: Any) -> dict[str, Any]:
    result_pages.write(folder, run(**more), report, failed, None, {})
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


@pytest.mark.parametrize(("number", "new"), [(10, 10), (11, 0)])
def test_where_very_many_teams_fail_none_gets_an_issue(
    tmp_path: Path, number: int, new: int
) -> None:
    teams = frozenset(f"team-{each}" for each in range(number))
    waiting = {"old": SINCE, "other": SINCE}
    found = written(tmp_path, Failed(teams | {"old"}, others=False), troubled(), waiting=waiting)
    assert len(found["failed"]) == new + 1
    assert {"team": "old", "page": "team-old.md", "note": f"since={SINCE} tried={HEAD}"} in (
        found["failed"]
    )
    assert found["done"] == ["other"]


def test_a_name_that_is_no_teams_gets_no_file(tmp_path: Path) -> None:
    """An account can hold what was not made by a team."""
    found = written(tmp_path, Failed(frozenset({"../x", "ok"}), others=True), troubled())
    assert [each["team"] for each in found["failed"]] == ["ok"]
    assert found["done"] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "pull-7.md",
        "results.json",
        "team-ok.md",
    ]


def test_how_to_use_it_has_room_beside_many_changes(tmp_path: Path) -> None:
    grants = [
        change(
            ChangeType.CREATE,
            f"payments+read+{number}",
            kind="temporary-role",
            grant="read",
            principal=Principal(PrincipalType.USER, f"user-{number}"),
            expires=NOW.replace(hour=20),
            after={"Version": "2012-10-17", "Statement": [{"Sid": f"s{number}" * 200}]},
            usage=(
                "https://signin.aws.amazon.com/switchrole?account=1&roleName=x",
                "",
                "[profile]",
            ),
        )
        for number in range(100)
    ]
    report = Report("apply", NOW, (_done(grants),))
    written(tmp_path, Failed(frozenset(), others=False), report)
    page = (tmp_path / "pull-7.md").read_text()
    assert len(page) < LONGEST
    assert "[Switch to the role](https://signin.aws.amazon.com/switchrole?account=1" in page
    assert "And 80 more." in page
    assert "compared with no plan: it was planned in a sandbox" in page


def _done(grants: list[Change]) -> Any:
    return account_report(
        PROD,
        *grants,
        outcomes=tuple(Outcome(each, Status.DONE) for each in grants),
        temporary=tuple(each.after for each in grants if each.after is not None),
    )


def test_a_part_of_a_report_has_nothing_of_other_teams() -> None:
    report = applied()
    assert part_of(report, None, {}) is report
    assert part_of(report, frozenset({"payments"}), {}).accounts[0].outcomes
    (less,) = part_of(report, frozenset({"search"}), {}).accounts
    assert 0 < len(less.outcomes) < len(report.accounts[0].outcomes)
    assert all("search" in each.change.teams for each in less.outcomes)
    assert part_of(report, frozenset({"other"}), {}).accounts == ()
