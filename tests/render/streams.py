"""Streams to write to, and text that means harm."""

import io
import re

HOSTILE = [
    "\x1b[31mred\x1b[0m\x1b]8;;https://example.com\x07link\x1b]8;;\x07",
    "done\rNothing to do",
    "line\n::error::made up",
    "::error file=x::made up",
    "  ::warning::made up",
    "##[error]made up",
    "###[group]made up",
    "100%0A::error::made up",
    "<script>alert(1)</script>",
    "</code></details></summary><img src=x onerror=alert(1)>",
    "<!-- hidden",
    "a | pipe | and \\| another \\\\|",
    "[text](javascript:alert(1)) ![image](https://example.com/x.png)",
    "`a` ``b`` ```c```",
    "```\n# heading\n```",
    "`",
    "hello @someone and @org/team, see #123, owner/repo#4, GH-5, https://example.com www.x.org",
    "**bold** __bold__ ~~gone~~ $x^2$ :tada: [^1] \\",
    "- list",
    "1. list",
    "# heading",
    "> quote",
    "\u202egnp.exe\u2066hidden\u2069 \u200bzero\u00adwidth\ufeff \u2028 \u3164 \ufe0f",
    "\x00\x07\x08\x7f\x9b31m",
    "\ud800 lone surrogate",
    '"quoted", \'quoted\' & more; {"json": true}',
    "   ",
    "name-" + "x" * 3_000,
]
HARMLESS_CONTROLS = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


class Narrow(io.TextIOWrapper):
    """A stream that knows ASCII only."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii")

    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode("ascii")
