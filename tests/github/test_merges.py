"""What GitHub tells of merges: the last apply, the pull request of a commit, its reviewed plan."""

from typing import Any

import pytest

from iam_access.github.client import GitHub, GitHubError
from iam_access.github.comments import Note, put_comment
from iam_access.github.merges import (
    MergedPull,
    NoPlanError,
    last_applied,
    pull_of,
    reviewed_plan,
)
from tests.github.server import GitHubServer, github_server

HEAD, MERGE = "a" * 40, "b" * 40
DIGEST = "d" * 64


def client(server: GitHubServer) -> GitHub:
    token = server.token(actions="read", pull_requests="write")
    return GitHub(server.repository, token, server.url, wait=lambda _: None)


def planned(server: GitHubServer, *, commit: str = HEAD, **run: Any) -> MergedPull:
    """A merged pull request with a plan."""
    number = server.add_pull(head=HEAD)
    what = {"workflow": "plan.yaml", "event": "pull_request_target", **run}
    run_id = server.add_run(commit=MERGE, **what)
    server.add_artifact(run_id, "plan", {"plan.md": "page", "plan.json": "{}"})
    note = Note(DIGEST, commit, str(run_id))
    put_comment(client(server), number, "plan", "page", "cut", note=note)
    server.merge(number, MERGE)
    return MergedPull(number, HEAD)


def test_only_pushes_to_this_main_that_succeeded_count() -> None:
    with github_server() as server:
        github = client(server)
        assert last_applied(github) is None
        server.add_run("apply.yaml", "push", MERGE)
        server.add_run("apply.yaml", "push", HEAD, conclusion="failure")
        server.add_run("apply.yaml", "push", HEAD, head_repository={"id": 2})
        server.add_run("apply.yaml", "push", HEAD, head_repository=None)
        server.add_run("apply.yaml", "workflow_dispatch", HEAD)
        server.add_run("apply.yaml", "push", HEAD, head_branch="other")
        server.add_run("validate.yaml", "push", HEAD)
        assert last_applied(github) == MERGE


def test_a_commit_has_the_pull_request_that_was_merged_to_main() -> None:
    with github_server() as server:
        github = client(server)
        server.add_pull(head=MERGE)  # open, with the same commit
        elsewhere = server.add_pull(head=HEAD)
        server.merge(elsewhere, MERGE, branch="release")
        assert pull_of(github, MERGE) is None
        number = server.add_pull(head=HEAD)
        server.merge(number, MERGE)
        assert pull_of(github, MERGE) == MergedPull(number, HEAD)


def test_the_plan_is_the_one_of_the_comment() -> None:
    with github_server() as server:
        pull = planned(server)
        plan = reviewed_plan(client(server), pull)
        assert (plan.text, plan.digest) == ("{}", DIGEST)


def test_a_comment_of_others_is_none() -> None:
    with github_server() as server:
        number = server.add_pull(head=HEAD)
        pull = planned(server)
        (comment,) = server.comments.values()
        server.add_comment(number, comment["body"], "mallory")
        with pytest.raises(NoPlanError, match="no comment"):
            reviewed_plan(client(server), MergedPull(number, HEAD))
        assert reviewed_plan(client(server), pull).digest == DIGEST


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"commit": "c" * 40}, "earlier commit"),
        ({"workflow": "validate.yaml"}, "another workflow"),
        ({"event": "pull_request"}, "another workflow"),
    ],
)
def test_what_a_branch_could_make_is_no_plan(changed: dict[str, str], why: str) -> None:
    with github_server() as server:
        pull = planned(server, **changed)
        with pytest.raises(NoPlanError, match=why):
            reviewed_plan(client(server), pull)


def test_a_plan_that_is_gone_or_broken_is_none() -> None:
    with github_server() as server:
        pull = planned(server)
        github = client(server)
        (artifact,) = server.artifacts.values()
        for changed, why in (
            ({"content": b"no archive"}, "cannot be read"),
            ({"expired": True}, "any more"),
            ({"name": "other"}, "any more"),
        ):
            before = dict(artifact)
            artifact.update(changed)
            with pytest.raises(NoPlanError, match=why):
                reviewed_plan(github, pull)
            artifact.update(before)
        server.add_artifact(artifact["run"], "plan", {"plan.md": "no plan could be made"})
        with pytest.raises(NoPlanError, match="could not be planned"):
            reviewed_plan(github, pull)
        server.runs.clear()
        with pytest.raises(NoPlanError, match="any more"):
            reviewed_plan(github, pull)


def test_a_damaged_archive_is_no_plan_and_stops_no_other_merge() -> None:
    with github_server() as server:
        pull = planned(server)
        (artifact,) = server.artifacts.values()
        whole = artifact["content"]
        entry = whole.rindex(b"PK\x01\x02")
        for damaged in (
            b"",
            whole[:-30],
            # More is said to be there than is, and the list of files before the beginning.
            whole[: entry + 20] + b"\xff\xff\0\0" * 2 + whole[entry + 28 :],
            whole[:-6] + b"\xff\xff\xff\0" + whole[-2:],
        ):
            artifact["content"] = damaged
            with pytest.raises(NoPlanError, match="cannot be read"):
                reviewed_plan(client(server), pull)


@pytest.mark.exhaustive
def test_an_archive_that_is_too_large_is_no_plan() -> None:
    with github_server() as server:
        pull = planned(server)
        (artifact,) = server.artifacts.values()
        artifact["content"] = bytes(100_000_001)
        with pytest.raises(NoPlanError, match="100,000,000 bytes"):
            reviewed_plan(client(server), pull)


def test_the_path_of_a_run_may_name_its_branch() -> None:
    with github_server() as server:
        pull = planned(server, workflow="plan.yaml@main")
        assert reviewed_plan(client(server), pull).digest == DIGEST


def test_a_github_that_does_not_answer_is_no_missing_plan() -> None:
    """Which settings may have applied without comparison."""
    with github_server() as server:
        pull = planned(server)
        github = client(server)
        server.failures += [(500, {})] * 3
        with pytest.raises(GitHubError):
            reviewed_plan(github, pull)


def test_a_file_is_downloaded_without_the_token_and_up_to_a_size() -> None:
    with github_server() as server:
        run = server.add_run("plan.yaml", "push", MERGE)
        id_ = server.add_artifact(run, "plan", {"plan.json": "x" * 5_000})
        github = client(server)
        assert github.download("actions", "artifacts", id_, "zip", most=10_000)[:2] == b"PK"
        with pytest.raises(GitHubError, match="more than"):
            github.download("actions", "artifacts", id_, "zip", most=100)
        server.artifacts[id_]["expired"] = True
        with pytest.raises(GitHubError) as refused:
            github.download("actions", "artifacts", id_, "zip", most=100)
        assert refused.value.status == 410
