"""Lines and tables as a terminal shows them. Styles only repeat what words and signs say."""

import io
from typing import TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from iam_access.render import escape
from iam_access.render.layout import Layout, Line, Span, Table
from iam_access.render.paint import Colours
from iam_access.render.wrapping import broken

_STYLES = {
    "title": "bold",
    "error": "bold red",
    "warning": "yellow",
    "note": "cyan",
    "create": "green",
    "update": "yellow",
    "delete": "red",
    "added": "green",
    "removed": "red",
    "faint": "dim",
    "good": "bold green",
}
_UNBOUNDED = 1_000_000


def painted(layout: Layout, stream: TextIO, chosen: Colours | None, *, tables: bool) -> str:
    """The text for a stream, with control sequences if colours were chosen."""
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        force_terminal=chosen is not None,
        color_system=chosen,
        no_color=chosen is None,
        width=Console(file=stream).width,
        legacy_windows=False,
    )
    unicode = (stream.encoding or "utf-8").lower().startswith("utf")
    # Whoever reads from a pipe searches for lines.
    show = _show_wrapped if tables else _show
    for item in layout:
        if isinstance(item, Line):
            show(item, console)
        elif not (tables and _draw(item, console, box.ROUNDED if unicode else box.ASCII)):
            for line in item.lines:
                show(line, console)
    return buffer.getvalue()


def _show(line: Line, console: Console) -> None:
    console.print(_whole(line), soft_wrap=True)


def _show_wrapped(line: Line, console: Console) -> None:
    if line.hang is None:
        _show(line, console)
        return
    text, width = _whole(line)[line.indent :], console.width
    # However narrow it is, half of it is for words.
    below = min(line.indent + line.hang, width // 2)
    margin = line.indent
    for begin, end in broken(text.plain, width - line.indent, width - below, cell_len):
        piece = Text(" " * margin) + text[begin:end]
        safe = escape.not_a_command(piece.plain)
        console.print(piece if safe == piece.plain else Text(safe), soft_wrap=True)
        margin = below


def _whole(line: Line) -> Text:
    text = Text.assemble(*map(_text, line.spans))
    return text if text.plain.rstrip() == line.plain else Text(line.plain)


def _text(span: Span) -> Text:
    return Text(span.text, _STYLES.get(span.style, ""))


def _draw(table: Table, console: Console, frame: box.Box) -> bool:
    """Draw a table if all of it fits; rich would cut cells otherwise."""
    drawn = RichTable(box=frame)
    for number, name in enumerate(table.header):
        drawn.add_column(name, no_wrap=True)
        if number in table.numeric:
            drawn.columns[number].justify = "right"
    for row in table.rows:
        drawn.add_row(*map(_text, row))
    unbounded = console.options.update(max_width=_UNBOUNDED)
    if Measurement.get(console, unbounded, drawn).maximum > console.width:
        return False
    console.print(drawn)
    return True
