"""Where a long line may be broken: between words, and never within what people paste."""

import re
from collections.abc import Callable, Iterator

# Anything in backticks; and commands, an option with the word after it that may be its value.
_TOGETHER = re.compile(
    r"`[^`]*`"
    r"|(?<![\w./-])(?:aws [a-z][\w-]* [a-z][\w-]*|git [a-z][\w-]*|(?:[\w./-]*\bpip|pip) install"
    r"|(?:[\w./-]*python[\d.]* )?[\w./-]+\.py)(?: -\S+(?: [^\s-]\S*)?)*"
)


def broken(
    text: str, first: int, following: int, measure: Callable[[str], int]
) -> Iterator[tuple[int, int]]:
    """The pieces of a text, by their beginnings and ends, without the spaces between them.

    `first` and `following` are how wide the first piece and the others may be, as `measure` tells;
    a word, an ARN, an address or a command that is wider stays whole.
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
    """Where a line may be broken, by beginnings and ends."""
    for found in re.finditer(r"(?<=\S) +(?=\S)", text):
        if not any(begin < found.end() and found.start() < end for begin, end in together):
            yield found.span()
