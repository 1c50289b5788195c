"""Requests to GitHub's API: pages, limits, permissions and what is never followed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from iam_access.github.client import GitHub, GitHubError, NotPermittedError
from tests.github.server import GitHubServer, github_server


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with github_server() as running:
        yield running


def client(server: GitHubServer, **permissions: str) -> GitHub:
    token = server.token(**(permissions or {"pull_requests": "write"}))
    return GitHub(server.repository, token, server.url, wait=lambda _: None)


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_all_pages_are_read(server: GitHubServer, count: int) -> None:
    pull = server.add_pull()
    for number in range(count):
        server.add_comment(pull, f"comment {number}", "ann")
    found = [each["body"] for each in client(server).pages("issues", pull, "comments")]
    assert found == [f"comment {number}" for number in range(count)]
    assert len(server.requests) == max(1, -(-count // 100))


@pytest.mark.parametrize(
    ("status", "headers", "waits"),
    [
        (502, {}, [1.0]),
        (429, {"Retry-After": "7"}, [7]),
        (403, {"Retry-After": "9999"}, [60]),
        (502, {"Retry-After": "9999"}, [1.0]),
        (403, {"X-RateLimit-Remaining": "0", "Retry-After": "soon"}, [60]),
    ],
)
def test_what_passes_is_tried_again(
    server: GitHubServer, status: int, headers: dict[str, str], waits: list[float]
) -> None:
    pull = server.add_pull()
    server.failures.append((status, headers))
    waited: list[float] = []
    github = replace(client(server), wait=waited.append)
    assert github.get("pulls", pull)["number"] == pull
    assert waited == waits


def test_what_may_have_been_created_is_not_sent_again(server: GitHubServer) -> None:
    pull = server.add_pull()
    server.failures.append((502, {}))
    with pytest.raises(GitHubError) as refused:
        client(server).post("issues", pull, "comments", body={"body": "x"})
    assert (refused.value.status, len(server.requests)) == (502, 1)


def test_a_lasting_failure_ends_after_three_tries(server: GitHubServer) -> None:
    pull = server.add_pull()
    server.failures += [(503, {})] * 5
    with pytest.raises(GitHubError):
        client(server).get("pulls", pull)
    assert len(server.requests) == 3


@pytest.mark.parametrize("permissions", [{"contents": "write"}, {"pull_requests": "read"}])
def test_a_missing_permission_is_named(server: GitHubServer, permissions: dict[str, str]) -> None:
    pull = server.add_pull()
    with pytest.raises(NotPermittedError) as refused:
        client(server, **permissions).post("issues", pull, "comments", body={"body": "x"})
    assert "issues=write, pull_requests=write" in refused.value.hint


def test_no_redirect_takes_the_token_along(server: GitHubServer) -> None:
    pull = server.add_pull()
    with github_server() as other:
        server.failures.append((307, {"Location": f"{other.url}/stolen"}))
        with pytest.raises(GitHubError, match="307"):
            client(server).get("pulls", pull)
        assert other.requests == []


def test_a_name_is_one_segment_of_a_path(server: GitHubServer) -> None:
    with pytest.raises(GitHubError) as refused:
        list(client(server, members="read").members("../../../repos?x=#"))
    assert refused.value.status == 404
    assert server.requests[0].startswith(
        "GET /orgs/acme/teams/..%2F..%2F..%2Frepos%3Fx%3D%23/members?"
    )


@pytest.mark.parametrize(
    ("repository", "token", "api"),
    [
        ("acme", "t", "https://api.github.com"),
        ("acme/..", "t", "https://api.github.com"),
        ("acme/a/b", "t", "https://api.github.com"),
        ("acme/a", "", "https://api.github.com"),
        ("acme/a", "t\r\nX: y", "https://api.github.com"),
        ("acme/a", "t", "http://api.github.com"),
        ("acme/a", "t", "file:///etc/passwd"),
        ("acme/a", "t", "https://"),
        ("acme/a", "t", "https://[api.github.com"),
    ],
)
def test_what_cannot_be_right_is_refused(repository: str, token: str, api: str) -> None:
    with pytest.raises(GitHubError):
        GitHub(repository, token, api)


def test_the_token_is_not_shown() -> None:
    assert "secret" not in repr(GitHub("acme/a", "secret"))
