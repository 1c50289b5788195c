"""`request.py` in a terminal: it asks, and what is typed there is all that decides."""

import fcntl
import os
import pty
import subprocess
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.config.repository import TEMPORARY, VALID, write
from tests.scripts.support import command, environment

pytestmark = pytest.mark.exhaustive

FILE = "temporary-access/pay.yaml"


def typed(directory: Path, answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """The exit status and the screen, if at each of the prompts in turn this is typed."""
    leader, follower = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        command("request.py", f"--config-dir={directory}", "--no-explain"),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=take_terminal,  # noqa: PLW1509 - no other thread runs
        env=environment(directory, {"GIT_CONFIG_NOSYSTEM": "1", "TERM": "dumb"}),
    )
    os.close(follower)
    screen = seen = ""
    waiting = list(answers)
    while True:
        try:
            piece = os.read(leader, 4_096).decode()
        except OSError:  # the other end is closed
            break
        screen, seen = screen + piece, seen + piece
        if waiting and seen.endswith(waiting[0][0]):
            os.write(leader, waiting.pop(0)[1].encode())
            seen = ""
    os.close(leader)
    assert waiting == []
    return process.wait(), screen.replace("\r\n", "\n")


def test_what_is_asked_for_is_written(tmp_path: Path) -> None:
    write(tmp_path, VALID)
    status, screen = typed(
        tmp_path,
        [
            ("environment: ", "moon\n"),
            ("environment: ", "prod\n"),
            ("grant: ", "1\n"),
            ("user: ", "a b\n"),
            ("user: ", "ann@example.com\n"),
            ("until: ", "soon\n"),
            ("until: ", "2h\n"),
            ("reason: ", "\n"),
            ("reason: ", "Look: \x1b[31m\n"),
            ("reason: ", "\n"),
        ],
    )
    # An escape sequence is refused, and after three answers nothing is written.
    assert status == 2
    assert "\x1b[31m" not in screen
    assert (tmp_path / FILE).read_text() == TEMPORARY
    good = ["prod\n", "1\n", "ann@example.com\n", "2h\n", "Look: #1\n", "y\n"]
    prompts = ["environment: ", "grant: ", "user: ", "until: ", "reason: ", "Write it? [y/N] "]
    status, screen = typed(tmp_path, list(zip(prompts, good, strict=True)))
    assert status == 0
    assert "team: pay, the only one\n" in screen
    assert '    description: "Look: #1"\n' in (tmp_path / FILE).read_text()


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_who_stops_has_written_nothing(tmp_path: Path, key: str) -> None:
    write(tmp_path, VALID)
    status, screen = typed(tmp_path, [("environment: ", "prod\n"), ("grant: ", key)])
    assert status == 2
    assert ("interrupted" if key == "\x03" else "there was no answer") in screen
    assert "Traceback" not in screen
    assert (tmp_path / FILE).read_text() == TEMPORARY
