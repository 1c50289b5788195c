"""What the steps of the workflow Apply share, without anything installed: names, and the run."""

import re
from collections.abc import Mapping

#: What merges.py writes for apply.py.
FILE = "merges.json"
#: What apply.py writes for publish.py.
RESULTS = "results.json"
#: The name of the issue about a team that is not applied begins with it.
TEAM_ISSUE = "apply-"
#: The name of the comment with the result on a pull request.
RESULT_COMMENT = "applied"

_SINCE = re.compile(r"since=([0-9a-f]{40,64})")


def plan_name(pull: int) -> str:
    """The name of the plan file of a pull request."""
    return f"plan-{pull}.json"


def since_of(note: str) -> str | None:
    """The commit, applied last before, from which a team is tried again."""
    found = _SINCE.fullmatch(note)
    return found[1] if found else None


def note_of(since: str | None) -> str:
    """The note that says so."""
    return f"since={since}" if since else ""


def run_address(environment: Mapping[str, str]) -> str:
    """The page of the workflow's run; empty outside of GitHub Actions."""
    server = environment.get("GITHUB_SERVER_URL", "")
    repository, run = environment.get("GITHUB_REPOSITORY", ""), environment.get("GITHUB_RUN_ID", "")
    if not (server.startswith("https://") and repository and run.isdecimal()):
        return ""
    return f"{server}/{repository}/actions/runs/{run}"
