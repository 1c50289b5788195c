"""Make untrusted text safe for where it is shown: one pure function per destination.

Every value goes through `terminal` first, whatever the destination: nothing of it can then
move a cursor, end a line, reverse the reading order or hide.
"""

import html as _html
import re
from collections.abc import Iterable

# Printable by Unicode's general category, and yet nothing is seen of them.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def terminal(text: str) -> str:
    r"""One line for a terminal or a log.

    Control characters (ANSI and OSC sequences begin with one), line ends, bidirectional
    overrides, white space other than the space, unassigned and invisible characters and
    lone surrogates become escapes such as `\x1b` or `\u202e`. All else stays as it is.
    """
    if text.isprintable() and _UNSEEN.search(text) is None:
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character.isprintable() and _UNSEEN.match(character) is None:
        return character
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def not_a_command(line: str) -> str:
    """A line of standard output that a GitHub Actions runner does not take for a command.

    The runner looks for `::name::` at the beginning, after white space, and for `##[name]`
    anywhere. A backslash breaks them; Markdown does not show it.
    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    body = line.lstrip()
    if body.startswith("::"):
        line = f"{line[: len(line) - len(body)]}\\{body}"
    return line.replace("##[", "#\\#[")


def command_data(lines: Iterable[str]) -> str:
    """The message of a workflow command; it shows the lines as lines."""
    text = "\n".join(not_a_command(terminal(line)) for line in lines)
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """The value of a workflow command's property, such as `title`."""
    return command_data([text]).replace(":", "%3A").replace(",", "%2C")


def html(text: str) -> str:
    """Text or an attribute's value in HTML."""
    return _html.escape(terminal(text))


# All that can mean something in HTML or anywhere in a line of Markdown; `.` and `:` make links.
_MEANING = re.compile(r"""[\\`*_{}\[\]<>&"'#!|~@:.$^]""")


def html_code(text: str) -> str:
    """A `<code>` element, for HTML and for inside of Markdown.

    Nothing in it is Markdown, and GitHub looks for no mentions or references in it.
    """
    safe = _MEANING.sub(lambda found: f"&#{ord(found[0])};", terminal(text))
    return f"<code>{safe}</code>"


# What GitHub would turn into something else even where Markdown leaves it alone: mentions
# and e-mail addresses, references to issues and commits, links, emoji names (never one or two
# digits, as in times of day and places in files), formulas.
_REFERENCE = re.compile(
    r"@|#\d|\bgh-\d|://|www\.|:(?!\d\d?:)[\w+-]+:|\$"
    r"|\b(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{7,64}\b",
    re.IGNORECASE,
)
_PUNCTUATION = re.compile(r"[\\`*_\[\]#~]")
_AS_ENTITY = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"})
_BLOCK = re.compile(r"([-+=]|\d+(?=[.)]))")


def markdown(text: str) -> str:
    """Running text of one line in Markdown, in a table's cell or out of it.

    Words that GitHub would make a link, a mention or a reference of become code spans.
    """
    words = terminal(text).strip(" ").split(" ")
    line = " ".join(_word(word) for word in words)
    found = _BLOCK.match(line)
    if found is None:
        return line
    marker = found[1]
    if marker.isdigit():
        return f"{marker}\\{line[len(marker) :]}"
    return f"\\{line}"


def _word(word: str) -> str:
    if _REFERENCE.search(word) is not None:
        # A copied word comes without the sentence's comma, and without its bracket.
        plain = word.rstrip(",:;" if "(" in word else ",:;)")
        if _REFERENCE.search(plain) is None:
            return markdown_code(word)
        return markdown_code(plain) + word[len(plain) :]
    return _PUNCTUATION.sub(r"\\\g<0>", word).translate(_AS_ENTITY)


def markdown_code(text: str) -> str:
    """A code span, in a table's cell or out of it; nothing for nothing."""
    text = terminal(text)
    if "|" in text or "##[" in text or (text and not text.strip(" ")):
        # Cells end at pipes even in code spans, and outside of tables a backslash would show.
        return html_code(text)
    if not text:
        return ""
    fence = "`" * (_longest_run(text) + 1)
    padded = f" {text} " if text[0] in "` " or text[-1] in "` " else text
    return f"{fence}{padded}{fence}"


def markdown_block(lines: Iterable[str], language: str) -> tuple[str, ...]:
    """A fenced code block. The fence is longer than any run of backticks within."""
    safe = [not_a_command(terminal(line)) for line in lines]
    fence = "`" * max(3, 1 + max((_longest_run(line) for line in safe), default=0))
    return (f"{fence}{language}", *safe, fence)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
