"""The story of pull requests, played by the workflows' own steps: see tests/story/runner.py."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.story.world import HUB_ROLE, PLAN_ROLE, PROD, TEST, World, world

pytestmark = pytest.mark.exhaustive

LISTS = "aws-policies/data.yaml"
ANOTHER = """\
aws-policies:
  list:
    custom_statements: [{effect: Allow, actions: ["s3:ListBucket"], resources: ["*"]}]
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[World]:
    """A world whose files are applied."""
    with world(tmp_path) as found:
        first = found.apply_first()
        assert first.conclusion == "success", first.log
        assert found.held("bob") == {"payments-read"}
        yield found


def conclusions(place: World) -> dict[str, str]:
    return {name: run.conclusion for name, run in place.runs.items()}


def ask(place: World, *length: str) -> int:
    """Have ann ask for break-glass in prod by the script, and open the pull request."""
    place.begin_branch()
    asked = {
        "team": "payments",
        "user": "ann@example.com",
        "environment": "prod",
        "grant": "break-glass",
        "reason": "The settlement run is stuck",
    }
    options = [each for name, text in asked.items() for each in (f"--{name}", text)]
    place.script("request.py", *options, *(length or ("--until", "2026-03-01T18:00:00Z")))
    return place.open("ann")


def test_what_is_asked_for_is_reviewed_merged_applied_and_ends(place: World) -> None:
    pull = ask(place)
    assert conclusions(place) == {"validate": "success", "plan": "success", "approvals": "success"}
    comment = place.comment(pull)
    assert "against the accounts in AWS" in comment
    assert "ann asks for break-glass in prod until 2026-03-01 18:00:00 UTC" in comment
    assert "The settlement run is stuck" in comment
    assert "user `bob`" not in comment
    assert place.roles == [HUB_ROLE, PLAN_ROLE]
    # Nobody approves their own access, nor counts after a push.
    assert place.status(pull) == "pending"
    place.review(pull, "ann")
    assert place.status(pull) == "pending"
    place.review(pull, "sec")
    assert place.status(pull) == "success"
    place.push(pull, "ann", {"temporary-access/payments.yaml": _shorter(place)})
    assert place.status(pull) == "pending"
    assert "until 2026-03-01 16:00:00 UTC" in place.comment(pull)
    place.review(pull, "sec")
    assert place.status(pull) == "success"
    # In between, another team's change is merged.
    other = place.change("dan", {LISTS: ANOTHER})
    assert place.status(other) == "success"
    place.merge(other)
    assert conclusions(place) == {"apply": "success"}
    assert not place.can_list_users("ann")
    place.merge(pull)
    assert conclusions(place) == {"apply": "success"}, place.runs["apply"].log
    assert place.can_list_users("ann")
    assert "ann" in place.result(pull)
    assert "ann" not in place.result(other)
    assert place.held("bob") == {"payments-read"}
    # IAM itself ends it, and a cleanup takes away what is left.
    place.later(hours=4, seconds=1)
    assert not place.can_list_users("ann")
    assert place.held("ann") != set()
    cleaned = place.schedule("cleanup")
    assert cleaned.conclusion == "success", cleaned.log
    assert place.held("ann") == set()


def _shorter(place: World) -> str:
    text = (place.clone / "aws" / "temporary-access" / "payments.yaml").read_text()
    assert text.count("18:00") == 1
    return text.replace("18:00", "16:00")


def test_a_fork_is_planned_in_a_sandbox_and_gets_no_identity(place: World) -> None:
    before = list(place.roles)
    pull = place.change("mallory", {LISTS: ANOTHER}, branch="patch", fork="mallory")
    assert conclusions(place) == {"validate": "success", "plan": "skipped", "approvals": "success"}
    assert place.comment(pull) == ""
    summary = place.runs["validate"].jobs["comment"].summary
    assert "against a sandbox that has what the target branch asks for" in summary
    assert "s3:ListBucket" in summary
    assert place.roles == before
    assert place.status(pull) == "success"


def test_what_a_branch_makes_of_the_workflows_gains_nothing(place: World) -> None:
    before = list(place.roles)
    place.begin_branch()
    for name in ("plan", "approvals", "reviewed", "validate"):
        path = place.clone / ".github" / "workflows" / f"{name}.yaml"
        path.write_text(path.read_text().replace("python aws/scripts/", "echo mine; python x/"))
    for name in ("apply.py", "approvals.py", "iam_access/cli/merged_files.py"):
        (place.clone / "aws" / "scripts" / name).write_text("raise SystemExit('mine')")
    place.write({"temporary-access/payments.yaml": _break_glass("ann")})
    pull = place.open("ann")
    assert "mine" in place.runs["validate"].log
    for name in ("plan", "approvals"):
        assert place.runs[name].conclusion == "success", place.runs[name].log
        assert "mine" not in place.runs[name].log
    assert place.roles == [*before, PLAN_ROLE]
    assert "ann asks for break-glass" in place.comment(pull)
    assert place.status(pull) == "pending"


def _break_glass(user: str, description: str = "x") -> str:
    return f"""\
temporary-access:
  - description: {description}
    expires_at: 2026-03-01T18:00:00Z
    user: {user}@example.com
    environment: prod
    grant: break-glass
"""


def test_hostile_text_does_nothing_anywhere(place: World) -> None:
    text = '"$(touch /tmp/owned) `id` @acme/all <img src=x> ](https://evil.example) ::error::x"'
    branch = "$(touch${IFS}owned);`id`"
    pull = place.change(
        "ann", {"temporary-access/payments.yaml": _break_glass("ann", text)}, branch=branch
    )
    assert conclusions(place) == {"validate": "success", "plan": "success", "approvals": "success"}
    # A reader sees it, and GitHub takes none of it for more than text.
    (line,) = (each for each in place.comment(pull).splitlines() if "ann asks for" in each)
    for part in ("/tmp/owned", "@acme/all", "https://evil.example", "::error::x"):
        assert part in line
    plain = re.sub(r"`[^`]*`", "", line.replace("\\`", ""))
    assert not re.search(r"@acme|<img|https:|::", plain)
    place.review(pull, "sec")
    assert place.status(pull) == "success"
    place.merge(pull)
    assert conclusions(place) == {"apply": "success"}
    logs = "\n".join(run.log for run in place.runs.values())
    assert "\n::error::x" not in logs
    assert not list(place.folder.rglob("owned"))
    assert not Path("/tmp/owned").exists()


def test_accounts_that_are_not_named_any_more_are_emptied(place: World) -> None:
    assert place.held("bob", TEST) == {"payments-read"}
    entry = """\
permanent-access:
  - {description: All read, users: [bob@example.com], environments: [prod], grants: [read]}
"""
    pull = place.change(
        "ann",
        {
            "aws-accounts/payments.yaml": f'aws-accounts:\n  prod: "{PROD}"\n',
            "permanent-access/payments.yaml": entry,
            **{f"{folder}/data.yaml": None for folder in DATA},
        },
    )
    assert conclusions(place)["plan"] == "success", place.runs["plan"].log
    assert "user `bob`" in place.comment(pull)
    place.merge(pull)
    assert conclusions(place) == {"apply": "success"}, place.runs["apply"].log
    assert place.held("bob", TEST) == place.held("dan", TEST) == set()
    assert place.held("bob") == {"payments-read"}


DATA = ("aws-accounts", "aws-policies", "permanent-access")


def test_what_was_not_reviewed_is_not_applied_until_a_person_has_looked(place: World) -> None:
    pull = ask(place)
    place.review(pull, "sec")
    place.detach("bob", "payments-read")
    place.merge(pull)
    assert conclusions(place) == {"apply": "failure"}
    assert not place.can_list_users("ann")
    assert place.held("bob") == set()
    assert "bob" in place.result(pull)
    assert len(place.issues()) == 1
    # The other team is not held up.
    other = place.change("dan", {LISTS: ANOTHER})
    place.merge(other)
    assert "Not applied" not in place.result(other)
    looked = place.dispatch("apply")
    assert looked.conclusion == "success", looked.log
    assert place.can_list_users("ann")
    assert place.held("bob") == {"payments-read"}
    assert place.issues() == []


def test_a_leaver_loses_all_at_once_and_for_good(place: World) -> None:
    brake = place.dispatch(
        "revoke", whose="user", name="bob@example.com", permanent="true", reason="Left"
    )
    assert brake.conclusion == "success", brake.log
    assert place.held("bob") == place.held("bob", TEST) == set()
    assert "permanent-access/payments.yaml" in brake.summary
    pull = place.change("ann", {"permanent-access/payments.yaml": "permanent-access: []\n"})
    assert "nothing to do" in place.comment(pull)
    place.merge(pull)
    assert conclusions(place) == {"apply": "success"}, place.runs["apply"].log
    assert place.held("bob") == place.held("bob", TEST) == set()


def test_a_duration_begins_with_the_merge_and_ends_whatever_is_run_again(place: World) -> None:
    pull = ask(place, "--for", "2h")
    assert conclusions(place) == {"validate": "success", "plan": "success", "approvals": "success"}
    place.review(pull, "sec")
    place.later(hours=1)
    place.merge(pull)
    assert conclusions(place) == {"apply": "success"}, place.runs["apply"].log
    place.later(hours=1, minutes=59)
    assert place.can_list_users("ann")
    again = place.dispatch("apply")
    assert again.conclusion == "success", again.log
    place.later(minutes=1)
    assert not place.can_list_users("ann")


def test_an_issue_becomes_a_pull_request_and_is_answered(place: World) -> None:
    asked = {
        "team": "payments",
        "environment": "prod",
        "grant": "break-glass",
        "for_whom": "ann@example.com",
        "until_when": "2026-03-01T18:00Z",
        "reason": "`$(touch owned)` @acme/all <img>",
    }
    place.github.workflows_may_open_pulls = True
    issue = place.fill_in("ann", **asked)
    assert conclusions(place) == {"request": "success"}, place.runs["request"].log
    assert place.github.pulls, place.answers(issue)
    (pull,) = place.github.pulls
    assert f"#{pull} asks for it" in place.answers(issue)[-1]
    place.approve_runs(pull)
    assert conclusions(place) == {"validate": "success", "plan": "success", "approvals": "success"}
    assert "ann asks for break-glass in prod until 2026-03-01 18:00:00 UTC" in place.comment(pull)
    # Who asks does not approve.
    place.review(pull, "ann")
    assert place.status(pull) == "pending"
    place.review(pull, "sec")
    place.merge(pull)
    assert conclusions(place) == {"apply": "success"}, place.runs["apply"].log
    assert place.can_list_users("ann")
    assert not list(place.folder.rglob("owned"))


def test_what_is_changed_by_hand_is_found_told_and_mended(place: World) -> None:
    assert place.schedule("drift").conclusion == "success", place.runs["drift"].log
    assert place.issues() == []
    place.detach("bob", "payments-read")
    for _ in range(2):
        assert place.schedule("drift").conclusion == "failure"
        (title,) = place.issues()
        assert PROD in title
    mended = place.dispatch("drift", mend="true")
    assert place.held("bob") == {"payments-read"}, mended.log
    assert place.schedule("drift").conclusion == "success"
    assert place.issues() == []
