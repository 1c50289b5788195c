"""One comment on a pull request: found again, updated in place, never longer than GitHub takes."""

from collections.abc import Iterator

import pytest

from iam_access.github.client import GitHub, GitHubError
from iam_access.github.comments import Put, bounded, put_comment
from tests.github.server import BODY, BOT, GitHubServer, github_server

MARKER = "<!-- self-serve-iam: plan -->"
LEFT_OUT = "**left out**"


@pytest.fixture(scope="module")
def running() -> Iterator[GitHubServer]:
    with github_server() as server:
        yield server


@pytest.fixture
def server(running: GitHubServer) -> GitHubServer:
    running.comments.clear()
    running.requests.clear()
    return running


def put(server: GitHubServer, pull: int, page: str, name: str = "plan") -> Put:
    github = GitHub(server.repository, server.token(pull_requests="write"), server.url)
    return put_comment(github, pull, name, page, LEFT_OUT)


def bodies(server: GitHubServer, login: str = BOT) -> list[str]:
    return [each["body"] for each in server.comments.values() if each["user"]["login"] == login]


def test_the_second_page_takes_the_place_of_the_first(server: GitHubServer) -> None:
    pull = server.add_pull()
    assert put(server, pull, "one") is Put.CREATED
    assert put(server, pull, "two") is Put.UPDATED
    assert put(server, pull, "two\n") is Put.UNCHANGED
    assert bodies(server) == [f"{MARKER}\ntwo"]


def test_it_is_found_behind_a_hundred_others(server: GitHubServer) -> None:
    pull = server.add_pull()
    for _ in range(150):
        server.add_comment(pull, "hello", "ann")
    put(server, pull, "one")
    put(server, pull, "two")
    assert bodies(server) == [f"{MARKER}\ntwo"]


@pytest.mark.parametrize(
    ("login", "body"),
    [
        ("mallory", f"{MARKER}\nmine"),
        (BOT, f"hello\n{MARKER}"),
        (BOT, f"> {MARKER}"),
        (BOT, "<!-- self-serve-iam: result -->\nanother of ours"),
        (BOT, ""),
    ],
)
def test_what_others_wrote_stays(server: GitHubServer, login: str, body: str) -> None:
    pull = server.add_pull()
    server.add_comment(pull, body, login)
    assert put(server, pull, "page") is Put.CREATED
    assert body in bodies(server, login)


@pytest.mark.parametrize("line", ["x" * 100, "😀" * 50, "ä"])
def test_a_long_page_is_cut_at_a_line(server: GitHubServer, line: str) -> None:
    pull = server.add_pull()
    put(server, pull, f"{line}\n" * 40_000)
    (body,) = bodies(server)
    assert len(body.encode("utf-16-le")) // 2 <= BODY
    first, *lines, nothing, notice = body.splitlines()
    assert (first, set(lines), nothing, notice) == (MARKER, {line}, "", LEFT_OUT)
    assert len(body.encode("utf-16-le")) // 2 > BODY - 300


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("```json", ["```"]),
        ("````", ["````"]),
        ("<details><summary>a</summary>\n<details>", ["", "</details></details>"]),
        ("<details>\n\n```", ["```", "", "</details>"]),
        ("```\n```", []),
        ("```\n<details>", ["```"]),
        ("<details>\n- asks: `</details>@x`", ["", "</details>"]),
        ("- asks: `<details>@x`", []),
    ],
)
def test_what_is_open_where_it_is_cut_is_closed(opening: str, closing: list[str]) -> None:
    page = bounded(f"{opening}\n" + "row\n" * 100, 200, LEFT_OUT)
    lines = page.splitlines()
    rows = lines.count("row")
    assert rows > 20
    assert lines[len(opening.splitlines()) + rows :] == [*closing, "", LEFT_OUT]
    assert len(page) <= 200


def test_a_name_cannot_end_the_marker(server: GitHubServer) -> None:
    with pytest.raises(GitHubError):
        put(server, server.add_pull(), "page", name="--> @all")
    assert server.requests == []
