"""The server of these tests refuses what GitHub refuses."""

import json
from typing import Any

import pytest

from tests.github.server import GitHubServer, github_server

HEADERS = {
    "User-Agent": "test",
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
    "Content-Type": "application/json",
}
ALL = dict.fromkeys(("issues", "pull_requests", "statuses", "checks"), "write")


def ask(
    server: GitHubServer, operation: str, body: Any = None, /, **permissions: str
) -> tuple[int, Any]:
    method, _, path = operation.partition(" ")
    token = server.token(**permissions)
    headers = {**HEADERS, "Authorization": f"Bearer {token}"}
    content = b"" if body is None else json.dumps(body).encode()
    status, _, value = server.answer(method, f"/repos/acme/access{path}", headers, content)
    return status, value


@pytest.mark.parametrize(
    ("operation", "body", "permissions", "status"),
    [
        ("POST /issues/1/comments", {"body": "x" * 65_536}, ALL, 201),
        ("POST /issues/1/comments", {"body": "x" * 65_537}, ALL, 422),
        ("POST /issues/1/comments", {"body": " "}, ALL, 422),
        ("POST /issues/1/comments", {"body": "x"}, {"issues": "write"}, 201),
        ("POST /issues/1/comments", {"body": "x"}, {"issues": "read"}, 403),
        ("POST /issues/99/comments", {"body": "x"}, ALL, 404),
        ("GET /pulls/1/reviews", None, {"issues": "write"}, 403),
        ("GET /pulls/1/reviews", None, {"pull_requests": "read"}, 200),
        ("POST /statuses/abc", {"state": "success", "description": "x" * 140}, ALL, 201),
        ("POST /statuses/abc", {"state": "success", "description": "x" * 141}, ALL, 422),
        ("POST /statuses/abc", {"state": "done"}, ALL, 422),
        ("POST /statuses/abc", {"state": "success"}, {"checks": "write"}, 403),
        ("POST /check-runs", {"name": "n", "head_sha": "a" * 40}, {"checks": "write"}, 201),
        ("POST /issues", {"title": "x" * 257}, ALL, 422),
        ("POST /issues", {"title": "Drift", "labels": ["drift"]}, ALL, 201),
        ("PATCH /issues/1", {"state": "closed"}, ALL, 200),
        ("PATCH /issues/1", {"state": "gone"}, ALL, 422),
        ("POST /issues/1/labels", {"labels": ["x" * 51]}, ALL, 422),
        ("DELETE /issues/1/labels/none", None, ALL, 404),
        ("POST /pulls", {"title": "t", "head": "none", "base": "main"}, ALL, 422),
        ("POST /pulls", {"title": "t", "head": "none", "base": "main"}, {"issues": "write"}, 403),
        ("GET /pulls?state=all&head=acme:none", None, {"pull_requests": "read"}, 200),
        ("PATCH /pulls/1", {"title": "x" * 257}, ALL, 422),
        ("PATCH /pulls/1", {"title": "t", "body": ""}, ALL, 200),
        ("GET /commits/aaa/pulls", None, {"pull_requests": "read"}, 200),
    ],
)
def test_refusals(operation: str, body: Any, permissions: dict[str, str], status: int) -> None:
    server = GitHubServer()
    assert server.add_pull() == 1
    assert ask(server, operation, body, **permissions)[0] == status
    assert server.mistakes == []


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("PUT /issues/1/comments", {"body": "x"}),
        ("POST /issues/1/comments", {"body": "x", "text": "y"}),
        ("GET /issues?label=drift", None),
        ("GET /nothing", None),
    ],
)
def test_what_would_be_passed_over_is_a_mistake(operation: str, body: Any) -> None:
    server = GitHubServer()
    server.add_pull()
    assert ask(server, operation, body, **ALL)[0] >= 400
    assert len(server.mistakes) == 1


def test_a_block_with_mistakes_fails() -> None:
    with pytest.raises(AssertionError), github_server() as server:
        ask(server, "GET /nothing", **ALL)


def test_issues_are_listed_by_state_and_label() -> None:
    server = GitHubServer()
    for title in ("one", "two"):
        ask(server, "POST /issues", {"title": title, "labels": ["drift", title]}, **ALL)
    ask(server, "PATCH /issues/1", {"state": "closed"}, **ALL)
    listed = ask(server, "GET /issues?labels=drift", **ALL)[1]
    assert [each["title"] for each in listed] == ["two"]
    assert len(ask(server, "GET /issues?labels=drift&state=all", **ALL)[1]) == 2
