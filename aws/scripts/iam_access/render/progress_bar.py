"""How much of a run is done: a bar on a terminal, or a line for each step."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from iam_access.render import Progress, escape
from iam_access.render.text.layout import colours, is_terminal

_BAR_WIDTH = 30
_OTHERS = _BAR_WIDTH + 16  # the bar, the numbers and the spaces between


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


class _Live:
    """Forwards to rich, which may be called from any thread."""

    def __init__(
        self, advance: Callable[[str], None], label: str, fits: Callable[[str], bool]
    ) -> None:
        self._advance, self._label, self._fits = advance, label, fits

    def advance(self, label: str) -> None:
        """One step further; the label is shown where there is room for all of it."""
        text = f"{self._label} {escape.terminal(label)}"
        self._advance(text if self._fits(text) else self._label)


@contextmanager
def _live_bar(total: int, label: str, stream: TextIO) -> Iterator[_Live]:
    """A bar on `stream`, which must be a terminal."""
    from rich.cells import cell_len  # noqa: PLC0415 - loaded only for a terminal
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    chosen = colours(stream)
    console = Console(
        file=stream, force_terminal=True, color_system=chosen, no_color=chosen is None
    )
    safe = escape.terminal(label)
    bar = Progress(
        BarColumn(_BAR_WIDTH),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
    )
    with bar:
        task, room = bar.add_task(safe, total=total), console.width - _OTHERS
        yield _Live(
            lambda text: bar.update(task, advance=1, description=text),
            safe,
            lambda text: cell_len(text) <= room,
        )


@contextmanager
def progress(
    total: int, label: str, *, stream: TextIO, enabled: bool, verbose: bool
) -> Iterator[Progress]:
    """See `iam_access.render.progress`."""
    if enabled and total > 1 and is_terminal(stream):
        with _live_bar(total, label, stream) as bar:
            yield bar
    elif verbose:
        yield _Lines(total, label, stream)
    else:
        yield _Silent()
