"""Issues that are opened, updated in place and closed."""

import pytest

from iam_access.github.client import GitHub, GitHubError
from iam_access.github.comments import LONGEST, Put
from iam_access.github.issues import close_issue, open_issues, put_issue, unfinished_issues
from tests.github.server import GitHubServer, github_server


def client(server: GitHubServer, login: str = "github-actions[bot]") -> GitHub:
    return GitHub(server.repository, server.token(login, issues="write"), server.url)


def test_an_issue_is_opened_updated_and_closed() -> None:
    with github_server() as server:
        github = client(server)

        def put(page: str, note: str = "since=abc") -> Put:
            known = open_issues(github)
            return put_issue(github, known, "apply-payments", "Not applied", page, "cut", note)

        assert [put("one"), put("one"), put("two")] == [Put.CREATED, Put.UNCHANGED, Put.UPDATED]
        (issue,) = open_issues(github).values()
        assert (issue.title, issue.note) == ("Not applied", "since=abc")
        assert issue.body.endswith("\ntwo")
        close_issue(github, issue)
        assert open_issues(github) == {}
        assert put("one") == Put.CREATED
        assert [each["state"] for each in server.issues.values()] == ["closed", "open"]


def test_one_that_a_person_closed_is_not_done_and_is_opened_again() -> None:
    with github_server() as server:
        github = client(server)

        def put() -> Put:
            known = unfinished_issues(github)
            return put_issue(github, known, "apply-payments", "t", "page", "cut", "since=abc")

        put()
        (written,) = server.issues.values()
        written["state"] = "closed"
        assert open_issues(github) == {}
        assert unfinished_issues(github)["apply-payments"].note == "since=abc"
        assert put() == Put.UPDATED
        assert written["state"] == "open"
        close_issue(github, unfinished_issues(github)["apply-payments"])
        assert unfinished_issues(github) == {}
        assert written["body"].endswith("\npage")
        assert put() == Put.CREATED


def test_those_of_others_are_no_issues_of_ours() -> None:
    """Others can copy the first line."""
    with github_server() as server:
        put_issue(client(server, "mallory"), {}, "apply-payments", "t", "page", "cut")
        server.add_pull()
        assert open_issues(client(server)) == {}


def test_a_page_and_title_are_cut_to_what_github_takes() -> None:
    with github_server() as server:
        put_issue(client(server), {}, "drift", "t" * 999, "🦀 line\n" * 20_000, "cut")
        (issue,) = server.issues.values()
        assert len(issue["title"]) == 256
        assert len(issue["body"].encode("utf-16-le")) // 2 <= LONGEST
        assert issue["body"].rstrip().endswith("cut")


@pytest.mark.parametrize(("name", "note"), [("Drift", ""), ("drift", "-->\n<b>"), ("", "x")])
def test_a_name_or_note_that_could_be_more_is_refused(name: str, note: str) -> None:
    with github_server() as server, pytest.raises(GitHubError):
        put_issue(client(server), {}, name, "t", "page", "cut", note)


def test_a_repository_may_have_no_issues() -> None:
    with github_server() as server:
        server.failures.append((410, {}))
        assert open_issues(client(server)) == {}
        server.failures.append((404, {}))
        with pytest.raises(GitHubError):
            open_issues(client(server))
