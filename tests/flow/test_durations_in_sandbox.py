"""Durations (`for: 2h`) in a command's own sandbox."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import timedelta
from pathlib import Path

from iam_access.cli import commands
from iam_access.cli.simulate import simulate
from tests.flow.fleet import LIST_BUCKETS, NOW, READ_QUEUES, Clock, Files, policy, temporary
from tests.history import History

HOUR = timedelta(hours=1)


def read() -> dict[str, object]:
    return temporary("read", **{"for": "2h"})


def test_a_sandbox_begins_with_the_base(tmp_path: Path) -> None:
    history, files, clock = History(tmp_path), Files(tmp_path / "aws"), Clock()
    history.begin(NOW - 900 * HOUR)
    policies = {"read": policy(LIST_BUCKETS), "queue": policy(READ_QUEUES)}
    files.team(policies=policies, temporary=[read()])
    history.commit(NOW)
    files.team(policies=policies, temporary=[read(), temporary("queue", **{"for": "2h"})])
    history.commit(NOW + HOUR / 2)
    clock.move(hours=1)

    def printed(command: Callable[..., int], *arguments: str) -> tuple[int, str]:
        out = io.StringIO()
        with redirect_stdout(out):
            status = command(
                [*arguments, "--sandbox", "--config-dir", str(files.directory)], clock=clock
            )
        return status, out.getvalue()

    pull_request = ("--all", "--dry-run", "--base", "HEAD^1", "--output", "json")
    status, planned = printed(commands.apply, *pull_request)
    assert status == 0
    assert [each["name"] for each in json.loads(planned)["changes"]] == [
        "self-serve+payments+queue+20260301T150000Z"
    ]
    question = ("access", "-u", "ann@example.com", "-a", "s3:ListBucket")
    for second, allowed in ((7_199, True), (7_200, False)):
        at = f"{NOW + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}"
        status, _ = printed(simulate, *question, "--at", at)
        assert status == (0 if allowed else 1)
