"""A progress bar that redraws itself on a terminal and is gone at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from iam_access.render import escape, paint

_BAR_WIDTH = 30
_OTHERS = _BAR_WIDTH + 16  # the bar, the numbers and the spaces between


class _Live:
    """Forwards to rich, which may be called from any thread."""

    def __init__(self, bar: Progress, task: TaskID, label: str, room: int) -> None:
        self._bar, self._task, self._label, self._room = bar, task, label, room

    def advance(self, label: str) -> None:
        """One step further; the label is shown where there is room for all of it."""
        text = f"{self._label} {escape.terminal(label)}"
        if cell_len(text) > self._room:
            text = self._label
        self._bar.update(self._task, advance=1, description=text)


@contextmanager
def live_bar(total: int, label: str, stream: TextIO) -> Iterator[_Live]:
    """A bar on `stream`, which must be a terminal."""
    chosen = paint.colours(stream)
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
        yield _Live(bar, bar.add_task(safe, total=total), safe, console.width - _OTHERS)
