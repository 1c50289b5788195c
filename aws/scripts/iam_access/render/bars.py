"""How much of a run is done, for people who wait at a terminal."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from iam_access.render import Progress, escape, paint


class _Silent:
    """Shows nothing."""

    def advance(self, label: str) -> None:
        """Nothing is shown, so nothing changes."""


class _Lines:
    """A line for each step."""

    def __init__(self, total: int, label: str, stream: TextIO) -> None:
        self._total, self._label, self._stream = total, label, stream
        self._done = 0
        self._lock = threading.Lock()

    def advance(self, label: str) -> None:
        """Say which is done and how many are."""
        with self._lock:
            self._done += 1
            text = f"{self._label}: {self._done} of {self._total}, {label}"
            print(
                escape.not_a_command(escape.terminal(text)),
                file=self._stream,
                flush=True,
            )


@contextmanager
def progress(
    total: int, label: str, *, stream: TextIO, enabled: bool, verbose: bool
) -> Iterator[Progress]:
    """See `iam_access.render.progress`."""
    if enabled and total > 1 and paint.is_terminal(stream):
        from iam_access.render.livebar import live_bar  # noqa: PLC0415

        with live_bar(total, label, stream) as bar:
            yield bar
    elif verbose:
        yield _Lines(total, label, stream)
    else:
        yield _Silent()
