"""`drift_issues.py`: one issue for each account, by what drift.py has written."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iam_access.cli.drift_issues import drift_issues
from tests.github.server import GitHubServer, github_server

PROD, TEST = "111122223333", "444455556666"


class Issues:
    """The repository's issues, and runs of the script on what was written."""

    def __init__(self, server: GitHubServer, file: Path) -> None:
        self.server, self.file = server, file

    def run(
        self,
        pages: dict[str, str],
        looked_at: tuple[str, ...] = (),
        named: tuple[str, ...] | None = (PROD, TEST),
        login: str = "github-actions[bot]",
    ) -> int:
        written = {
            "pages": {id_: {"title": f"x ({id_})", "page": page} for id_, page in pages.items()},
            "looked_at": looked_at,
            "named": named,
        }
        self.file.write_text(json.dumps(written))
        return self.on_file(login)

    def on_file(self, login: str = "github-actions[bot]") -> int:
        environment = {
            "GITHUB_REPOSITORY": self.server.repository,
            "GITHUB_TOKEN": self.server.token(login, issues="write"),
            "GITHUB_API_URL": self.server.url,
        }
        return drift_issues([str(self.file)], environment)

    @property
    def all(self) -> list[tuple[str, str, str]]:
        """State, title and last line of each."""
        found: list[dict[str, Any]] = [*self.server.issues.values()]
        return [(each["state"], each["title"], each["body"].splitlines()[-1]) for each in found]


@pytest.fixture
def issues(tmp_path: Path) -> Iterator[Issues]:
    with github_server() as server:
        yield Issues(server, tmp_path / "drift.json")


def test_one_is_opened_updated_in_place_and_closed_when_it_is_gone(issues: Issues) -> None:
    assert issues.run({PROD: "one"}, looked_at=(TEST,)) == 0
    assert issues.run({PROD: "two", TEST: "three"}) == 0
    assert issues.all == [
        ("open", f"Drift in x ({PROD})", "two"),
        ("open", f"Drift in x ({TEST})", "three"),
    ]
    assert issues.run({TEST: "three"}, looked_at=(PROD,)) == 0
    assert [state for state, *_ in issues.all] == ["closed", "open"]
    assert issues.run({PROD: "again"}) == 0
    assert [state for state, *_ in issues.all] == ["closed", "open", "open"]


def test_none_is_closed_for_an_account_that_was_not_looked_at(issues: Issues) -> None:
    assert issues.run({PROD: "one"}) == 0
    assert issues.run({}, looked_at=(TEST,)) == 0
    assert issues.run({}, named=None) == 0
    assert [state for state, *_ in issues.all] == ["open"]


def test_it_is_closed_for_an_account_that_is_not_known_any_more(issues: Issues) -> None:
    assert issues.run({PROD: "one"}) == 0
    assert issues.run({}, named=(TEST,)) == 0
    assert [state for state, *_ in issues.all] == ["closed"]


def test_issues_of_others_are_left_alone(issues: Issues) -> None:
    assert issues.run({PROD: "theirs"}, login="mallory") == 0
    assert issues.run({}, looked_at=(PROD,)) == 0
    assert issues.run({PROD: "ours"}) == 0
    assert [(state, last) for state, _, last in issues.all] == [
        ("open", "theirs"),
        ("open", "ours"),
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pages": {"1": []}}', '{"pages": {}}'])
def test_a_file_of_something_else_changes_nothing(issues: Issues, text: str) -> None:
    issues.file.write_text(text)
    assert issues.on_file() == 2
    assert issues.server.requests == []


def test_a_page_of_any_size_is_cut_to_what_github_takes(issues: Issues) -> None:
    assert issues.run({PROD: "| `x` | y |\n" * 9_000}) == 0
    (issue,) = issues.server.issues.values()
    assert len(issue["body"]) <= 65_536
    assert "Lines are left out here" in issue["body"].splitlines()[-1]
    assert "Run it with *mend*" in issue["body"]
