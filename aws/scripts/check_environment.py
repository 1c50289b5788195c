"""Refuse a GitHub environment to which any branch can deploy.

    python aws/scripts/check_environment.py NAME

For a job of a workflow: users who can push a branch can write a job that names the environment, and
so get its secrets and its identity, unless the environment's own rules refuse the branch. Calls
`gh api`, which needs the permission `actions: read` and the variables that GitHub sets,
GITHUB_REPOSITORY and GH_TOKEN among them.

Exit status 1 if the environment is open. If GitHub does not answer, that is a warning.

https://docs.github.com/en/rest/deployments/environments#get-an-environment
https://docs.github.com/en/actions/reference/workflows-and-actions/deployments-and-environments
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import iam_access  # noqa: F401 - an older Python is refused there

BRANCH = "main"

Answer = Mapping[str, Any]


class NoAnswerError(Exception):
    """GitHub did not answer a request."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Refuse a GitHub environment to which any branch can deploy.",
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME", help="the environment")
    options = parser.parse_args(arguments)
    name = quote(options.name, safe="")
    try:
        why = what_is_open(name, _ask)
    except NoAnswerError as error:
        print(f"::warning::whether the environment {name} is protected is not known: {error}")
        return 0
    if why is None:
        return 0
    print(
        f"::error::{why}. In the settings of the repository, under Environments, allow deployments "
        f"to {name} from the branch {BRANCH} only."
    )
    return 1


def what_is_open(name: str, ask: Callable[[str], Answer]) -> str | None:
    """Why other branches than the main one can deploy to the environment; None if they cannot.

    Required reviewers are no substitute: they approve a run without seeing its code. `ask` returns
    the answer for a path below the repository's, or raises NoAnswerError.
    """
    policy = ask(f"environments/{name}").get("deployment_branch_policy")
    if not policy:
        return f"any branch can deploy to the environment {name}"
    if policy.get("protected_branches"):
        # Who makes a branch chooses its name, so that a rule for protected branches matches it;
        # without any such rule all branches are let in.
        return f"the environment {name} takes every protected branch"
    found = ask(f"environments/{name}/deployment-branch-policies?per_page=100")
    policies = found["branch_policies"]
    allowed = {f"{each.get('type', 'branch')} {each.get('name')}" for each in policies}
    others = sorted(quote(each, safe=" */") for each in allowed - {f"branch {BRANCH}"})
    return f"the environment {name} also takes {', '.join(others)}" if others else None


def _ask(path: str) -> Answer:
    try:
        command = ["gh", "api", f"repos/{os.environ['GITHUB_REPOSITORY']}/{path}"]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode != 0:
            raise NoAnswerError(f"gh api ended with {done.returncode}")
        answer = json.loads(done.stdout)
    except (OSError, ValueError, KeyError) as error:
        raise NoAnswerError(type(error).__name__) from error
    if not isinstance(answer, dict):
        raise NoAnswerError("the answer is no object")
    return answer


if __name__ == "__main__":
    sys.exit(main())
