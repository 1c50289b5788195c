"""The pull request of a branch."""

from collections.abc import Mapping
from typing import Any

from iam_access.github.client import GitHub


def find_pull(
    github: GitHub, owner: str, branch: str, commit: str, base: str
) -> Mapping[str, Any] | None:
    """The open pull request of a branch of `owner`'s whose newest commit it is. Raises GitHubError.

    An event about a fork's branch does not name it. A branch can have one for each `base`.
    """
    of_branch = github.pages("pulls", state="open", head=f"{owner}:{branch}", base=base)
    return next((each for each in of_branch if each["head"]["sha"] == commit), None)
