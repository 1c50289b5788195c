"""Frequent mistakes in the lines of a file that is not valid YAML, and how to fix each."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

# https://git-scm.com/docs/git-merge#_how_conflicts_are_presented
_CONFLICT: Final = re.compile(r"(<{7}|>{7}|\|{7})( .*)?|={7}")
_KEY: Final = r"(?:[\w.*?/-]+|\"[^\"]+\"|'[^']+')"
_EMPTY_VALUE: Final = re.compile(
    rf"(?P<before> *(?:- +)?)(?P<key>{_KEY}): *(?P<empty>\[ *\]|\{{ *\}}) *(#.*)?"
)
_NO_SPACE: Final = re.compile(r" *-(?P<text>[^\s-].*)")
_NO_COLON: Final = re.compile(rf"(?P<before> *(?P<dash>- +)?)(?P<key>{_KEY})(?P<value> +\S.*)?")
_WORD: Final = re.compile(rf" *{_KEY}")
_NO_SPACE_AFTER_COLON: Final = re.compile(
    r"(?P<before> *(?P<dash>- +)?)(?P<key>(?!arn:)[a-zA-Z_][\w.-]*):\S(?:(?!: ).)*(?<!:)"
)
# White space that is none for YAML, and signs that look like a dash.
_ODD: Final = re.compile("[ -]*(?P<odd>[^\\S \\t]|[\u2010-\u2015\u2212\u2022\u00b7])")
_BEGINNING: Final = re.compile(
    rf"(?P<before> *(?P<dash>- +)?)(?P<key>{_KEY}(?::{_KEY})*) *:(?P<value>(?: .*)?)"
)
# A plain text, or nothing before its comment.
_TEXT: Final = re.compile(
    rb"^(?P<before> *(?:- +)?)(?:description|ticket):(?=[ \t]+[^\s'\"|>&*\[{!])", re.MULTILINE
)
_GOES_ON: Final = re.compile(rb"\n(?P<indent> +)(?![-#?]|[\w.-]+:(?:[ \n]|$))[^\n]*")
# A number or a channel, as in `fix #12`: a comment usually has a space after its #.
_COMMENT: Final = re.compile(rb"[ \t]#(?P<is_text>[^\s#])?")
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
    """Where (from 0) a line has its dash (None: no dash) and its key, or the text of an item.

    `name` is the key as it is written; an item that is a text has none.
    """

    dash: int | None
    key: int
    name: str | None
    has_value: bool

    @property
    def begin(self) -> int:
        return self.key if self.dash is None else self.dash

    @property
    def is_item(self) -> bool:
        return self.name is None


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
    for text in _TEXT.finditer(data):
        comment = _COMMENT.search(data, text.end(), _end_of_text(data, text))
        if comment is None or comment["is_text"] is None:
            continue
        at = comment.start() + 1
        line, counted = line + data.count(b"\n", counted, at), at
        begin = data.rfind(b"\n", 0, at) + 1
        column = len(data[begin:at].decode(errors="replace")) + 1
        yield line, column, data[at : _end_of_line(data, at)].decode(errors="replace").strip()


def _end_of_line(data: bytes, at: int) -> int:
    end = data.find(b"\n", at)
    return len(data) if end < 0 else end


def _end_of_text(data: bytes, begin: re.Match[bytes]) -> int:
    """Where a plain text ends that may go on in lines that are indented further than its key."""
    end = _end_of_line(data, begin.end())
    while (found := _GOES_ON.match(data, end)) and len(found["indent"]) > len(begin["before"]):
        end = found.end()
    return end


def in_line(lines: Sequence[str], number: int, key: int | None = None) -> Mistake | None:
    """What is likely wrong in the line at which the parser stopped, or in the one before it.

    `key` is the line in which the parser took the beginning for a key and found no `:`.
    """
    earlier = [each for each in range(min(number, len(lines))) if lines[each].split("#")[0].strip()]
    near = [*earlier[-1:], *([number] if number < len(lines) else [])]
    for each in near:
        if (found := _at_beginning(lines, each)) is not None:
            return found
    before = key if key is not None else _last_without_colon(lines, earlier)
    if before is not None:
        found = _no_colon(lines, before, number, wants_colon=key is not None)
        if found is not None:
            return found
    if earlier and number < len(lines):
        return (
            _below_empty(lines, earlier[-1], number)
            or _left_of_key(lines, earlier, number)
            or _dash(lines, earlier, number)
            or _off_column(lines, earlier, number)
        )
    return None


def _at_beginning(lines: Sequence[str], number: int) -> Mistake | None:
    """A dash without a space, or a character that only looks like a space or a dash."""
    text = lines[number]
    odd = _ODD.match(text)
    if odd is not None:
        looks_like = "space" if odd["odd"].isspace() else "dash"
        return Mistake(
            number,
            f"write a {looks_like} of the keyboard in its place",
            f"U+{ord(odd['odd']):04X} looks like a {looks_like} and is none",
        )
    found = _NO_SPACE.fullmatch(text)
    if found is None or text.startswith("---"):
        return None
    key, colon, _ = found["text"].partition(": ")
    return Mistake(number, f"put a space after the dash: '- {key}{colon.strip()}'")


def _last_without_colon(lines: Sequence[str], earlier: Sequence[int]) -> int | None:
    """The line before, or the word alone above the items before."""
    items = 0
    for each in reversed(earlier):
        line = _line(lines[each])
        if line is None or not line.is_item:
            break
        items += 1
    rest = earlier[: len(earlier) - items]
    if items and rest and _WORD.fullmatch(lines[rest[-1]].rstrip()):
        return rest[-1]
    return earlier[-1] if earlier else None


def _no_colon(lines: Sequence[str], before: int, number: int, wants_colon: bool) -> Mistake | None:
    """A key without a colon, or a colon without a space, in a line before another."""
    follows = _line(lines[number]) if number < len(lines) else None
    text = lines[before].split(" #")[0].rstrip()
    joined = _NO_SPACE_AFTER_COLON.fullmatch(text)
    if joined is not None and (
        joined["dash"] is None or (follows is not None and follows.begin == len(joined["before"]))
    ):
        return Mistake(before, f"put a space after the ':' of '{joined['key']}:'")
    found = _NO_COLON.fullmatch(text)
    if found is None or found["key"] == "-" or (found["dash"] and found["value"] is None):
        return None
    column = len(found["before"])
    is_beside = follows is not None and (
        follows.begin == column or (found["value"] is None and follows.begin > column)
    )
    if not is_beside and not (wants_colon and not found["dash"]):
        return None
    return Mistake(before, f"put a ':' after '{found['key']}'")


def _below_empty(lines: Sequence[str], before: int, number: int) -> Mistake | None:
    """An entry below a key whose value is an empty list or mapping."""
    found = _EMPTY_VALUE.fullmatch(lines[before].rstrip())
    if found is None:
        return None
    rest = lines[number].lstrip(" ")
    column, begin = len(found["before"]), len(lines[number]) - len(rest)
    if begin < column or (begin == column and not rest.startswith("- ")):
        return None
    empty = found["empty"].replace(" ", "")
    hint = f"write '{found['key']}:' without {empty}, which ends its value; entries follow below"
    return Mistake(before, hint, f"there are entries below {empty}")


def _left_of_key(lines: Sequence[str], earlier: Sequence[int], number: int) -> Mistake | None:
    """An item that begins left of the key that it is a value of; this line has the next key."""
    if len(earlier) < 2:
        return None
    line, item, above = (_line(lines[each]) for each in (number, earlier[-1], earlier[-2]))
    if line is None or item is None or above is None or line.dash is not None:
        return None
    if not item.is_item or above.has_value or not above.key == line.key == item.key:
        return None
    hint = f"begin its dash in column {line.key + 1}, or further right"
    return Mistake(earlier[-1], hint, f"this item begins left of '{above.name}'")


def _dash(lines: Sequence[str], earlier: Sequence[int], number: int) -> Mistake | None:
    """A dash where those before it at this place have none: one of both is wrong."""
    line = _line(lines[number])
    if line is None or line.dash is None or line.name is None:
        return None
    keys: dict[str, int] = {}  # those where this line has its key, last first
    other = None
    for each in reversed(earlier):
        other = _line(lines[each])
        if other is None or other.begin > line.key:
            continue
        if other.begin < line.key or other.dash is not None or other.name is None:
            break
        keys[other.name] = each
    if not keys or (other is not None and other.dash == line.dash):
        return None
    first, number_of_first = [*keys.items()][-1]
    if line.name in keys:
        hint = f"put '- ' before '{first}:', in column {line.dash + 1}"
        return Mistake(number_of_first, hint, "an item of a list begins here without a dash")
    return Mistake(
        number,
        f"write '{line.name}:' without the dash, in column {line.key + 1}; or, if it begins "
        f"another item, put '- ' before '{first}:' in line {number_of_first + 1}, too",
    )


def _off_column(lines: Sequence[str], earlier: Sequence[int], number: int) -> Mistake | None:
    """A key or dash that begins some columns beside those of the lines that it belongs to."""
    line = _line(lines[number])
    before = _line(lines[earlier[-1]])
    if line is None or before is None:
        return None
    if (found := _first_off_column(lines, earlier, number)) is not None:
        return found
    if line.is_item and not before.has_value:
        meant = [before.key]
    elif line.begin > before.key:
        meant = [before.key] if before.has_value and line.dash is None else []
    else:
        meant = _open_columns(lines, earlier, line)
    nearest = min((abs(each - line.begin) for each in meant), default=0)
    if nearest > _FURTHEST and line.begin > before.key and before.dash is None:
        return Mistake(earlier[-1], _belongs(before, [line.begin + 1], "after"))
    if not 0 < nearest <= _FURTHEST:
        return None
    columns = sorted(each + 1 for each in meant if abs(each - line.begin) == nearest)
    return Mistake(number, _belongs(line, columns, "before"))


def _first_off_column(lines: Sequence[str], earlier: Sequence[int], number: int) -> Mistake | None:
    """The first of several keys, of which those that follow are all in another column."""
    first, line = _line(lines[earlier[-1]]), _line(lines[number])
    above = _line(lines[earlier[-2]]) if len(earlier) > 1 else None
    after = _next_beside(lines, number)
    if first is None or line is None or after is None or first.is_item or not first.has_value:
        return None
    is_within = above is not None and (above.has_value or above.key >= first.key)
    if first.dash is None and is_within:
        return None
    by = line.key - first.key
    if line.dash is not None or after.dash is not None or line.key != after.key:
        return None
    if not 0 < abs(by) <= _FURTHEST or (above is not None and above.key >= line.key):
        return None
    hint = _belongs(first, [first.begin + 1 + by], "after")
    return Mistake(earlier[-1], hint, f"'{first.name}' is not in one column with '{line.name}'")


def _next_beside(lines: Sequence[str], number: int) -> _Line | None:
    """The next line that is not below this one."""
    line = _line(lines[number])
    for text in lines[number + 1 :]:
        other = _line(text)
        if line is None or (other is not None and other.begin <= line.begin):
            return other
    return None


def _belongs(line: _Line, columns: Sequence[int], where: str) -> str:
    what = "dash" if line.dash is not None else "key"
    below = "" if line.has_value or line.dash is not None else "; what is below it moves along"
    return (
        f"the {what} of this line is in column {line.begin + 1}, and belongs in column "
        f"{' or '.join(map(str, columns))} like those of the lines {where} it{below}"
    )


def _open_columns(lines: Sequence[str], earlier: Sequence[int], line: _Line) -> list[int]:
    """The columns in which lists (for a dash) or mappings begin that are not ended yet."""
    found: dict[int, None] = {}
    bound, in_list = len(lines[earlier[-1]]), True
    for each in reversed(earlier):
        other = _line(lines[each])
        if other is None or other.begin > bound or (other.begin == bound and not in_list):
            continue
        # The key of a list may be in the column of its dashes.
        in_list = other.dash is not None
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
        return _Line(item[0].index("-"), len(item[0]), name=None, has_value=True)
    if found is None:
        return None
    dash = found["before"].find("-")
    value = found["value"].split(" #")[0].strip()
    where = dash if dash >= 0 else None
    return _Line(where, len(found["before"]), name=found["key"], has_value=bool(value))
