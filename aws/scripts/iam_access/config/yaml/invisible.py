"""Find characters that are not visible in a review and change the meaning of a file."""

import re
import unicodedata

from iam_access.config.yaml.syntax import MarkedProblem
from iam_access.problem import Problem

_MOST = 10  # reported of one file

# They end a line, and so a comment, for YAML, but not in editors and on GitHub.
# https://yaml.org/spec/1.1/#id871136
_BREAKS = re.compile("\r(?!\n)|[\x85\u2028\u2029]")

# Controls except tabs and line ends, and characters that change direction or have no width (the
# property Default_Ignorable_Code_Point). A variation selector may follow a symbol, as in an emoji.
# https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe"
    "\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    "|(?<![\xa9\xae\u203c-\u3299\U0001f000-\U0001faff])[\ufe0e\ufe0f]"
)
_ASCII_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32), 127])
_WHY = "remove it; it can hide the file's content from reviewers"


def found_in(data: bytes, text: str) -> tuple[tuple[MarkedProblem, ...], bool]:
    """Return the problems with a file's characters, and whether YAML ends lines elsewhere.

    Each character is reported once. `text` is the decoded `data`.
    """
    if len(data) == len(text) and _is_plain(data):
        return (), False
    firsts: dict[str, int] = {}
    for match in (*_BREAKS.finditer(text), *_UNSEEN.finditer(text)):
        firsts.setdefault(match.group(), match.start())
    places = sorted((start, char) for char, start in firsts.items())
    problems = tuple(_problem(char, text, start) for start, char in places[:_MOST])
    return problems, any(map(_BREAKS.match, firsts))


def invisible_names(text: str) -> str:
    """The invisible characters of a value, by code point; empty without any."""
    return ", ".join(map(_name, sorted(set(_UNSEEN.findall(text)))))


def _is_plain(data: bytes) -> bool:
    has_control = len(data.translate(None, _ASCII_CONTROLS)) < len(data)
    return not has_control and data.count(b"\r") == data.count(b"\r\n")


def _problem(char: str, text: str, start: int) -> MarkedProblem:
    before = text.rfind("\n", 0, start)
    what = (
        "a character that ends a line for YAML and not for those who read it"
        if _BREAKS.match(char)
        else "a character that cannot be seen"
    )
    problem = Problem("control-character", f"the file contains {what}: {_name(char)}", _WHY)
    return MarkedProblem(problem, text.count("\n", 0, start) + 1, start - before)


def _name(char: str) -> str:
    return f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip()
