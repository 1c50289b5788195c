"""Untrusted text, made safe for each place it can be shown in."""

import html
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from iam_access.render import escape
from tests.render.streams import HOSTILE
from tests.render.workflow_commands import commands

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
ANY_TEXT = st.one_of(
    st.text(st.characters(), max_size=60),
    st.text(st.sampled_from("`|\\*_[]()<>&#@:!~$ -+=1.)\n\r\x1b%,ab"), max_size=30),
    st.sampled_from(HOSTILE),
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("arn:aws:iam::123456789012:user/zoë", "arn:aws:iam::123456789012:user/zoë"),
        ("C:\\temp 日本語 🙂", "C:\\temp 日本語 🙂"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\r\n\tb", "a\\r\\n\\tb"),
        ("\x9b31m", "\\x9b31m"),
        ("user\u202ecod.exe", "user\\u202ecod.exe"),
        ("ad\u200bmin", "ad\\u200bmin"),
        ("ad\u00admin", "ad\\xadmin"),
        ("ad\u3164min", "ad\\u3164min"),
        ("ad\U000e0041min", "ad\\U000e0041min"),
        ("a\u00a0b", "a\\xa0b"),
        ("\ud800", "\\ud800"),
    ],
)
def test_terminal_shows_what_cannot_be_seen(text: str, shown: str) -> None:
    assert escape.terminal(text) == shown


@given(ANY_TEXT)
def test_terminal_text_is_one_line_of_visible_characters(text: str) -> None:
    shown = escape.terminal(text)
    unseen = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not [each for each in shown if unicodedata.category(each) in unseen]
    assert len(shown.splitlines()) <= 1
    assert escape.terminal(shown) == shown
    shown.encode("utf-8")


@pytest.mark.parametrize(
    "line",
    [
        "::error::x",
        "   ::error file=a::x",
        "\t::set-env name=A::b",
        "see ##[error]x",
        "####[add-mask]x",
    ],
)
def test_a_line_is_never_a_command(line: str) -> None:
    assert commands(line)
    assert not commands(escape.not_a_command(line))


@pytest.mark.parametrize("line", ["a::b", "iam::123456789012", "## [code]", "issue #1", ""])
def test_a_harmless_line_stays_as_it_is(line: str) -> None:
    assert escape.not_a_command(line) == line


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_a_command_says_what_was_meant_and_no_more(title: str, one: str, two: str) -> None:
    value, data = escape.command_property(title), escape.command_data([one, two])
    (found,) = commands(f"::error title={value},line=1::{data}")
    assert found.name == "error"
    assert found.properties["line"] == "1"
    said = [escape.not_a_command(escape.terminal(each)) for each in (title, one, two)]
    assert found.properties["title"] == said[0]
    assert found.data == "\n".join(said[1:])


def test_command_properties_keep_their_separators() -> None:
    assert escape.command_property("a,b:c%") == "a%2Cb%3Ac%25"


@given(ANY_TEXT)
def test_html_is_text_only(text: str) -> None:
    for shown in (escape.html(text), escape.html_code(text)[len("<code>") : -len("</code>")]):
        assert not set(shown) & set("<>\"'\n")
        assert html.unescape(shown) == escape.terminal(text)


def inline(source: str) -> list[Token]:
    tokens = MARKDOWN.parse(f"x {source} y\n")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children
    assert children is not None
    return children


def words(tokens: list[Token]) -> str:
    """What a reader sees; fails for anything but text, code spans and <code>."""
    assert {token.type for token in tokens} <= {
        "text",
        "text_special",
        "code_inline",
        "html_inline",
    }
    tags = {token.content for token in tokens if token.type == "html_inline"}
    assert tags <= {"<code>", "</code>"}
    return "".join(token.content for token in tokens if token.type != "html_inline")


@given(ANY_TEXT)
def test_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    shown = words(inline(escape.markdown(text)))
    assert shown == f"x {escape.terminal(text).strip(' ')} y"


@given(ANY_TEXT)
def test_markdown_begins_no_block(text: str) -> None:
    tokens = MARKDOWN.parse(f"{escape.markdown(text)}\n")
    kinds = [token.type for token in tokens]
    assert kinds in ([], ["paragraph_open", "inline", "paragraph_close"])


@given(ANY_TEXT)
def test_code_spans_hold_the_text(text: str) -> None:
    assert words(inline(escape.markdown_code(text))) == f"x {escape.terminal(text)} y"


@given(ANY_TEXT, ANY_TEXT)
def test_cells_of_a_table_hold_the_text(one: str, two: str) -> None:
    row = f"| {escape.markdown(one)} | {escape.markdown_code(two)} | end |"
    tokens = MARKDOWN.parse(f"| a | b | c |\n| --- | --- | --- |\n{row}\n")
    cells = [token.children or [] for token in tokens if token.type == "inline"]
    assert len(cells) == 6
    assert words(cells[3]).strip() == escape.terminal(one).strip(" ")
    assert words(cells[4]).strip() == escape.terminal(two).strip(" ")
    assert words(cells[5]) == "end"


@pytest.mark.parametrize(
    "text",
    [
        "@someone",
        "(@org/team)",
        "#123",
        "owner/repo#4",
        "gh-5",
        "https://example.com",
        "www.example.com",
        "user@example.com",
        ":tada:",
        ":100:",
        "$x^2$",
        "3d3c42e5aac5",
    ],
)
def test_what_github_would_link_is_code(text: str) -> None:
    tokens = inline(escape.markdown(f"see {text} there"))
    assert [token.content for token in tokens if token.type == "code_inline"] == [text]


def test_ordinary_words_stay_readable() -> None:
    text = "role deployer (123456789012): dev.read-only, 2025-11-30 18:00:00; it's on"
    assert escape.markdown(text) == text


@given(st.lists(ANY_TEXT, max_size=5))
def test_a_block_holds_its_lines(lines: list[str]) -> None:
    written = escape.markdown_block(lines, "diff")
    tokens = MARKDOWN.parse("\n".join([*written, "", "after"]))
    assert tokens[0].type == "fence"
    assert len(tokens) == 4
    expected = [escape.not_a_command(escape.terminal(line)) for line in lines]
    assert tokens[0].content == "".join(f"{line}\n" for line in expected)
    assert not commands("\n".join(written))


def test_a_fence_is_longer_than_what_it_holds() -> None:
    opening = escape.markdown_block(["````"], "diff")[0]
    assert re.fullmatch("`{5}diff", opening)


@pytest.mark.parametrize("mark", [",", ":", ";"])
def test_a_code_span_leaves_out_the_punctuation_of_the_sentence(mark: str) -> None:
    arn = "arn:aws:iam::111122223333:role/x"
    assert escape.markdown(f"cannot assume {arn}{mark} no") == f"cannot assume `{arn}`{mark} no"
    # What is only a reference with it stays whole.
    assert escape.markdown(":smile: or") == "`:smile:` or"


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("aws/settings.yaml:6:5)", "aws/settings.yaml:6:5)"),
        ("(the", "(the"),
        ("aws/settings.yaml:100:5),", "`aws/settings.yaml:100:5`),"),
        ("https://en.example/a_(b)", "`https://en.example/a_(b)`"),
    ],
)
def test_a_bracket_that_a_sentence_ends_with_is_none_of_the_word(word: str, told: str) -> None:
    assert escape.markdown(word) == told
