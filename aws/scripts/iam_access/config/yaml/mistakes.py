"""Frequent mistakes in the lines of a file that is not valid YAML, and how to fix each."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

# https://git-scm.com/docs/git-merge#_how_conflicts_are_presented
_CONFLICT: Final = re.compile(r"(<{7}|>{7}|\|{7})( .*)?|={7}")
_EMPTY_VALUE: Final = re.compile(r"(?P<key>[\w.-]+): *(?P<empty>\[ *\]|\{ *\}) *(#.*)?")
_NO_SPACE: Final = re.compile(r" *-(?P<key>[a-z_]+):( .*)?")
_BEGINNING: Final = re.compile(r"(?P<before> *(?P<dash>- +)?)[\w.\"'-]+ *:(?P<value>.*)")
# A number or a channel, as in `fix #12`: a comment usually has a space after its #.
_CUT_OFF: Final = re.compile(
    rb"^[ -]*(?:description|ticket):(?:[ ]+[^\s'\"#|>&*\[{!][^\n]*?)?"
    rb"[ \t](?P<rest>#[^\s#][^\n]*)$",
    re.MULTILINE,
)
_ITEM: Final = re.compile(r" *- +(?=\S)")
_FURTHEST: Final = 3  # columns between where a line is and where it was meant to be


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is likely wrong in a line (from 0). `message` is None where the parser's is as good."""

    line: int
    hint: str
    message: str | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """Where (from 0) a line has its dash (None: no dash) and its key, or the text of an item."""

    dash: int | None
    key: int
    is_item: bool
    has_value: bool

    @property
    def begin(self) -> int:
        return self.key if self.dash is None else self.dash


def conflict(lines: Sequence[str]) -> Mistake | None:
    """The first conflict marker that git has left in the file."""
    for number, text in enumerate(lines):
        if _CONFLICT.fullmatch(text.rstrip()):
            return Mistake(
                number,
                "keep the lines that are right, and remove those that begin with <<<<<<<, ======= "
                "and >>>>>>>",
                "a merge conflict is not resolved here",
            )
    return None


def cut_off(data: bytes) -> Iterator[tuple[int, int, str]]:
    """Descriptions and tickets that end at a `#`: line and column (from 1), and the rest."""
    line, counted = 1, 0
    for found in _CUT_OFF.finditer(data):
        at = found.start("rest")
        line, counted = line + data.count(b"\n", counted, at), at
        begin = data.rfind(b"\n", 0, at) + 1
        column = len(data[begin:at].decode(errors="replace")) + 1
        yield line, column, found["rest"].decode(errors="replace").strip()


def in_line(lines: Sequence[str], number: int) -> Mistake | None:
    """What is likely wrong in the line at which the parser stopped, or in the one before it."""
    earlier = [each for each in range(min(number, len(lines))) if lines[each].split("#")[0].strip()]
    near = [*earlier[-1:], *([number] if number < len(lines) else [])]
    for each in near:
        if (found := _NO_SPACE.fullmatch(lines[each])) is not None:
            return Mistake(each, f"put a space after the dash: '- {found['key']}:'")
    if earlier and number < len(lines):
        return _below_empty(lines, earlier[-1], number) or _off_column(lines, earlier, number)
    return None


def _below_empty(lines: Sequence[str], before: int, number: int) -> Mistake | None:
    """An entry below a key whose value is an empty list or mapping."""
    found = _EMPTY_VALUE.fullmatch(lines[before].rstrip())
    if found is None or not lines[number].startswith((" ", "-")):
        return None
    empty = found["empty"].replace(" ", "")
    hint = f"write '{found['key']}:' without {empty}, which ends its value; entries follow below"
    return Mistake(before, hint, f"there are entries below {empty}")


def _off_column(lines: Sequence[str], earlier: Sequence[int], number: int) -> Mistake | None:
    """A key or dash that begins some columns beside those of the lines that it belongs to."""
    line = _line(lines[number])
    before = _line(lines[earlier[-1]])
    if line is None or before is None:
        return None
    if line.begin > before.key:
        meant = [before.key] if before.has_value and line.dash is None else []
    else:
        meant = _open_columns(lines, earlier, line)
    nearest = min((abs(each - line.begin) for each in meant), default=0)
    if not 0 < nearest <= _FURTHEST:
        return None
    columns = sorted(each + 1 for each in meant if abs(each - line.begin) == nearest)
    what = "dash" if line.dash is not None else "key"
    hint = (
        f"the {what} of this line is in column {line.begin + 1}, and belongs in column "
        f"{' or '.join(map(str, columns))} like those of the lines before it"
    )
    return Mistake(number, hint)


def _open_columns(lines: Sequence[str], earlier: Sequence[int], line: _Line) -> list[int]:
    """The columns in which lists (for a dash) or mappings begin that are not ended yet."""
    found: dict[int, None] = {}
    bound: int | None = None
    for each in reversed(earlier):
        other = _line(lines[each])
        if other is None or (bound is not None and other.begin >= bound):
            continue
        bound = other.begin
        if line.dash is None:
            found.update({} if other.is_item else {other.key: None})
        elif other.dash is not None:
            found[other.dash] = None
        if bound == 0:
            break
    return [] if line.begin in found else list(found)


def _line(text: str) -> _Line | None:
    found = _BEGINNING.fullmatch(text)
    item = _ITEM.match(text) if found is None else None
    if item is not None:
        return _Line(item[0].index("-"), len(item[0]), is_item=True, has_value=True)
    if found is None:
        return None
    dash = found["before"].find("-")
    value = found["value"].split(" #")[0].strip()
    where = dash if dash >= 0 else None
    return _Line(where, len(found["before"]), is_item=False, has_value=bool(value))
