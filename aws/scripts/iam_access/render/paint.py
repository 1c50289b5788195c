"""Lines on a stream: coloured on a terminal, plain elsewhere."""

import os
from typing import Literal, TextIO

from iam_access.render.layout import Layout, Line, Table

Colours = Literal["auto", "standard"]


def colours(stream: TextIO) -> Colours | None:
    """Whether to colour: never with NO_COLOR, always with FORCE_COLOR, else on a terminal.

    https://no-color.org
    """
    if os.environ.get("NO_COLOR"):
        return None
    if os.environ.get("FORCE_COLOR"):
        return "standard"
    return "auto" if is_terminal(stream) else None


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody is looking, on something that understands control sequences."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def painted(layout: Layout, stream: TextIO) -> str:
    """The text to write to this stream.

    On terminals long lines are wrapped between words, and rows may be tables; elsewhere each line
    and row is one line, which can be searched for. Nothing is cut, at any width.
    """
    chosen, tables = colours(stream), is_terminal(stream)
    if chosen is None and not tables:
        return _plain(layout)
    from iam_access.render import terminal  # noqa: PLC0415

    return terminal.painted(layout, stream, chosen, tables=tables)


def _plain(layout: Layout) -> str:
    lines: list[Line] = []
    for item in layout:
        lines.extend(item.lines if isinstance(item, Table) else [item])
    return "".join(f"{line.plain}\n" for line in lines)
