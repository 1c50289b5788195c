"""Lines and tables as values, and as the text that a stream gets of them."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TextIO

from iam_access.render import escape

Colours = Literal["auto", "standard"]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line, its text escaped already, with the name of a style of `terminal`."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of output. On a terminal that is too narrow it goes on in lines below.

    `indent` is how far it is indented, and `hang` how much further what goes on below. Without it
    the line is never broken up, however long: it is to be pasted, or compared.
    """

    spans: tuple[Span, ...] = ()
    indent: int = 0
    hang: int | None = None

    @property
    def plain(self) -> str:
        return escape.not_a_command("".join(span.text for span in self.spans)).rstrip()


@dataclass(frozen=True, slots=True)
class Table:
    """A table where there is room for it, else its `lines`. Cells are escaped already."""

    header: tuple[str, ...]
    rows: tuple[tuple[Span, ...], ...]
    lines: tuple[Line, ...]
    numeric: frozenset[int] = frozenset()


Layout = Sequence[Line | Table]
BLANK = Line()
_HANG = 4
_HINT = "hint: "


def line(indent: int, *pieces: str | Span, hang: int | None = _HANG) -> Line:
    """A line of pieces that may be untrusted: they are escaped here."""
    spans = (piece if isinstance(piece, Span) else Span(piece) for piece in pieces)
    safe = tuple(Span(escape.terminal(span.text), span.style) for span in spans)
    return Line((Span(" " * indent), *safe), indent, hang)


def whole_line(indent: int, *pieces: str | Span) -> Line:
    """A line that is never broken up."""
    return line(indent, *pieces, hang=None)


def hint(indent: int, text: str) -> Iterator[Line]:
    """What to do about something; nothing for no text. Lines of a file stay as they are."""
    first, *others = text.split("\n")
    if others:
        yield line(indent, _HINT.rstrip())
        yield from (whole_line(indent + 2, each) for each in (first, *others))
    elif first:
        is_of_a_file = first.startswith((" ", "- "))
        yield line(indent, _HINT, first, hang=None if is_of_a_file else len(_HINT))


def cell(text: str | int, style: str = "") -> Span:
    """A table's cell, escaped."""
    return Span(escape.not_a_command(escape.terminal(str(text))), style)


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
    """Whether it is a terminal that understands control sequences."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def written(layout: Layout, stream: TextIO) -> str:
    """The text to write to this stream.

    On terminals long lines are wrapped between words, and rows may be tables; elsewhere each line
    and row is one line, which can be searched for. Nothing is cut, at any width.
    """
    chosen, tables = colours(stream), is_terminal(stream)
    if chosen is None and not tables:
        return _plain(layout)
    from iam_access.render.text import terminal  # noqa: PLC0415

    return terminal.written(layout, stream, chosen, tables=tables)


def _plain(layout: Layout) -> str:
    lines: list[Line] = []
    for item in layout:
        lines.extend(item.lines if isinstance(item, Table) else [item])
    return "".join(f"{line.plain}\n" for line in lines)
