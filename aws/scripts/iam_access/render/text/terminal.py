"""Lines and tables as a terminal shows them. Styles only repeat what words and signs say.

Long lines are broken between words, and never within what is meant to be pasted.
"""

import io
import re
from collections.abc import Callable, Iterator
from typing import TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from iam_access.render import escape
from iam_access.render.text.layout import Colours, Layout, Line, Span, Table

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
# Anything in backticks; and commands, an option with the word after it that may be its value.
_TOGETHER = re.compile(
    r"`[^`]*`"
    r"|(?<![\w./-])(?:aws [a-z][\w-]* [a-z][\w-]*|git [a-z][\w-]*|(?:[\w./-]*\bpip|pip) install"
    r"|(?:[\w./-]*python[\d.]* )?[\w./-]+\.py)(?: -\S+(?: [^\s-]\S*)?)*"
)


def written(layout: Layout, stream: TextIO, chosen: Colours | None, *, tables: bool) -> str:
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
    # Lines in a pipe can be searched for.
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
    # Half of a narrow terminal stays for words.
    below = min(line.indent + line.hang, width // 2)
    margin = line.indent
    for begin, end in _broken(text.plain, width - line.indent, width - below, cell_len):
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


def _broken(
    text: str, first: int, following: int, measure: Callable[[str], int]
) -> Iterator[tuple[int, int]]:
    """The pieces of a text by start and end, without the spaces between them.

    `first` and `following` are the widths of the first piece and of the others, by `measure`; a
    word, an ARN, an address or a command that is wider stays whole.
    """
    together = [found.span() for found in _TOGETHER.finditer(text)]
    begin, end, room = 0, 0, first
    after = begin
    for gap in (*_gaps(text, together), (len(text), len(text))):
        if end > begin and measure(text[begin : gap[0]]) > room:
            yield begin, end
            begin, room = after, following
        end, after = gap
    yield begin, end


def _gaps(text: str, together: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The gaps at which a line may be broken, by start and end."""
    for found in re.finditer(r"(?<=\S) +(?=\S)", text):
        if not any(begin < found.end() and found.start() < end for begin, end in together):
            yield found.span()
