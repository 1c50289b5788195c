"""The name that a run's role sessions have in CloudTrail."""

import re
from collections.abc import Iterable, Mapping

# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
LIMIT = 64
_FORBIDDEN = re.compile(r"[^\w+=,.@-]", re.ASCII)
_PULL_REQUEST = re.compile(r"refs/pull/(\d+)/(?:merge|head)")
_COMMIT = re.compile(r"[0-9a-f]{12,64}")
_PREFIX = "self-serve"


def session_name(teams: Iterable[str], environ: Mapping[str, str]) -> str:
    """A role session name, 2 to 64 of `[A-Za-z0-9_+=,.@-]`: the teams and what is applied.

    `environ` are the process's variables: in GitHub Actions the pull request or the commit is
    added, as in `self-serve+payments@pr-42` or `self-serve+payments@1a2b3c4d5e6f`. Teams that
    find no room are counted: `self-serve+a+b+7-more`.
    """
    source = _source(environ)
    room = LIMIT - len(_PREFIX) - len(source)
    name = _PREFIX + _listed(sorted(set(teams)), room) + source
    return _FORBIDDEN.sub("-", name)


def _source(environ: Mapping[str, str]) -> str:
    pull_request = _PULL_REQUEST.fullmatch(environ.get("GITHUB_REF", ""))
    if pull_request:
        return f"@pr-{pull_request[1][:12]}"
    commit = environ.get("GITHUB_SHA", "")
    return f"@{commit[:12]}" if _COMMIT.fullmatch(commit) else ""


def _listed(teams: list[str], room: int) -> str:
    """The teams, each after a `+`, in at most `room` characters."""
    for shown in range(len(teams), -1, -1):
        left = len(teams) - shown
        text = "".join(f"+{team}" for team in teams[:shown]) + (f"+{left}-more" if left else "")
        if len(text) <= room and (shown or not left):
            return text
    # Not even the first team fits whole.
    more = f"+{len(teams) - 1}-more" if len(teams) > 1 else ""
    return f"+{teams[0][: room - len(more) - 1]}{more}"
