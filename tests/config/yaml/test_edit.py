"""Edits of one entry leave every other byte of a file as it is."""

import pytest

from iam_access.config.yaml import edit, tree
from iam_access.config.yaml.edit import CannotEditError

KEY = "temporary-access"
ENTRY = {"user": "ann@example.com", "environment": "prod", "grant": "reader", "expires_at": "E"}
BLOCK = """\
  - user: ann@example.com
    environment: prod
    grant: reader
    expires_at: E
"""
BRACES = "{user: ann@example.com, environment: prod, grant: reader, expires_at: E}"


def added(text: str) -> str:
    return edit.added(text.encode(), KEY, ENTRY).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", f"{KEY}:\n{BLOCK}", id="empty"),
        pytest.param("# why", f"# why\n{KEY}:\n{BLOCK}", id="comment alone, no line end"),
        pytest.param("---\n", f"---\n{KEY}:\n{BLOCK}", id="document marker"),
        pytest.param("---\n...", f"---\n{KEY}:\n{BLOCK}...", id="no document"),
        pytest.param(
            f"{KEY}: ~\n...\n# c\n", f"{KEY}:\n{BLOCK}...\n# c\n", id="end of the document"
        ),
        pytest.param(f"{KEY}:", f"{KEY}:\n{BLOCK}", id="no value"),
        pytest.param(f"{KEY}: ~\n", f"{KEY}:\n{BLOCK}", id="null"),
        pytest.param(f"{KEY}: &a\n", f"{KEY}: &a\n{BLOCK}", id="anchor alone"),
        pytest.param(f"{KEY}: &a null # c\n", f"{KEY}: &a # c\n{BLOCK}", id="anchor and null"),
        pytest.param(f"{KEY}:  # c\n  # d\n", f"{KEY}:  # c\n  # d\n{BLOCK}", id="comments"),
        pytest.param(f"{KEY}: []\n", f"{KEY}:\n{BLOCK}", id="empty brackets"),
        pytest.param(f"{KEY}: []", f"{KEY}:\n{BLOCK}", id="empty brackets, no line end"),
        pytest.param(
            f"{KEY}: []  # none\n# end\n", f"{KEY}:  # none\n{BLOCK}# end\n", id="brackets, comment"
        ),
        pytest.param(f"{KEY}: [\n]\n", f"{KEY}:\n{BLOCK}", id="brackets on two lines"),
        pytest.param(f"{KEY}: [{{user: x}}]\n", f"{KEY}: [{{user: x}}, {BRACES}]\n", id="flow"),
        pytest.param(
            f"{KEY}: [{{user: x}},]\n", f"{KEY}: [{{user: x}}, {BRACES}]\n", id="flow, comma"
        ),
        pytest.param(
            f"{KEY}: [\n  {{user: x}}  # c\n]\n",
            f"{KEY}: [\n  {{user: x}},  # c\n  {BRACES}\n]\n",
            id="flow in lines",
        ),
        pytest.param(
            f"{KEY}: [\n  {{user: x}},  # c\n]\n",
            f"{KEY}: [\n  {{user: x}},  # c\n  {BRACES},\n]\n",
            id="flow in lines, comma",
        ),
        pytest.param(
            f"{KEY}:\n- {{user: x}}", f"{KEY}:\n- {{user: x}}\n- {BRACES}\n", id="braces, column 0"
        ),
        pytest.param(
            f"{KEY}:\n  - user: x  # c\n    # of x\n\n# end\n",
            f"{KEY}:\n  - user: x  # c\n    # of x\n{BLOCK}\n# end\n",
            id="comments after the last entry",
        ),
        pytest.param(
            f"{KEY}:\n  - user: x\n    grant: y\n",
            f"{KEY}:\n  - user: x\n    grant: y\n\n"
            "  - user: ann@example.com\n    grant: reader\n    environment: prod\n"
            "    expires_at: E\n",
            id="the order of the last entry, blank line",
        ),
        pytest.param(
            f"{KEY}:\n    -   user: x\n    -   user: y\n",
            f"{KEY}:\n    -   user: x\n    -   user: y\n    -   user: ann@example.com\n"
            "        environment: prod\n        grant: reader\n        expires_at: E\n",
            id="indentation",
        ),
        pytest.param(
            f"{KEY}:\n  - &a {{user: x}}\n  - *a\n",
            f"{KEY}:\n  - &a {{user: x}}\n  - *a\n{BLOCK}",
            id="alias",
        ),
        pytest.param(
            f"{KEY}:\n  - description: |\n      a\n      # b\n\n# end\n",
            f"{KEY}:\n  - description: |\n      a\n      # b\n\n{BLOCK}\n# end\n",
            id="block text",
        ),
    ],
)
def test_added(before: str, after: str) -> None:
    assert added(before) == after


@pytest.mark.parametrize("before", ["\ufeff", "\ufeff# c\n", f"\ufeff{KEY}:\n  - user: x\n"])
def test_byte_order_mark_stays(before: str) -> None:
    assert added(before).startswith(before)


def test_line_ends_stay() -> None:
    assert added(f"{KEY}: ~\r\n") == f"{KEY}:\n{BLOCK}".replace("\n", "\r\n")
    after = added(f"{KEY}:\r\n  - user: x\r\n  - user: y\r\n# end\r\n")
    assert after.count("\n") == after.count("\r\n") == 8


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(f"{KEY}:\n\t- user: x\n", id="tab"),
        pytest.param(f"{KEY}: [", id="open bracket"),
        pytest.param(f"{KEY}: text\n", id="no list"),
        pytest.param("other: []\n", id="another key"),
        pytest.param(f"{KEY}: []\nother: []\n", id="two keys"),
        pytest.param(f"{KEY}: []\n...\n---\na: b\n", id="two documents"),
        pytest.param("- a\n", id="a list"),
        pytest.param(f"<<<<<<< HEAD\n{KEY}: []\n", id="conflict"),
        pytest.param(f"{KEY}:\n  - user: x\n    user: y\n", id="duplicate key"),
        pytest.param(f"# \u202e\n{KEY}: []\n", id="reading order"),
    ],
)
def test_what_is_wrong_already_is_not_edited(before: str) -> None:
    with pytest.raises(CannotEditError):
        added(before)


@pytest.mark.parametrize(
    "text",
    ["a: b", "x #y", "- a", "*", "{a}", "[", "'", '"', "yes", "123", "~", "", " a", "é", "%", "!x",
     "a, b", "a]", "@x", "`", "1:30", "\\n"],
)  # fmt: skip
@pytest.mark.parametrize("before", [f"{KEY}: []", f"{KEY}:\n- {{user: x}}\n"])
def test_any_text_is_read_as_it_was_given(before: str, text: str) -> None:
    after = edit.added(before.encode(), KEY, {"description": text})
    assert tree.parse(after).value[KEY][-1] == {"description": text}


@pytest.mark.parametrize("text", ["a\u2028b", "a\x1bb", "a\u202eb"])
def test_text_that_cannot_be_seen_is_refused(text: str) -> None:
    with pytest.raises(CannotEditError):
        edit.added(b"", KEY, {"description": text})


LIST = f"""\
# top
{KEY}:
  # first
  - user: x   # c
    expires_at: "1"  # d

  - {{expiration_date: 2, user: y}}
# end"""


@pytest.mark.parametrize(
    ("index", "old", "new", "line", "changed"),
    [
        (0, "expires_at", "expires_at", '    expires_at: "1"  # d', '    expires_at: "9"  # d'),
        (0, "expires_at", "expiration_date", '    expires_at: "1"', '    expiration_date: "9"'),
        (1, "expiration_date", "expires_at", "{expiration_date: 2,", '{expires_at: "9",'),
    ],
)
def test_changed(index: int, old: str, new: str, line: str, changed: str) -> None:
    after = edit.changed(LIST.encode(), KEY, index, old, new, "9").decode()
    assert after == LIST.replace(line, changed)


@pytest.mark.parametrize(
    ("index", "lines"),
    [
        (0, '  - user: x   # c\n    expires_at: "1"  # d\n'),
        (1, "  - {expiration_date: 2, user: y}\n"),
    ],
)
def test_removed(index: int, lines: str) -> None:
    assert edit.removed(LIST.encode(), KEY, index).decode() == LIST.replace(lines, "")


@pytest.mark.parametrize(
    ("before", "index", "after"),
    [
        ("[{a: b}]", 0, "[]"),
        ("[{a: b}, {c: d}]", 0, "[{c: d}]"),
        ("[{a: b}, {c: d}]", 1, "[{a: b}]"),
        ("[{a: b},]", 0, "[]"),
        ("[\n  {a: b},  # c\n  {c: d}\n]", 1, "[\n  {a: b},  # c\n]"),
        ("[\n  {a: b},\n  # c\n  {c: d}]", 0, "[\n  # c\n  {c: d}]"),
        ("[\n  {a: b},\n  {c: d}\n]", 1, "[\n  {a: b}\n]"),
    ],
)
def test_removed_from_brackets(before: str, index: int, after: str) -> None:
    data = edit.removed(f"{KEY}: {before}\n".encode(), KEY, index)
    assert data.decode() == f"{KEY}: {after}\n"


@pytest.mark.parametrize(
    "items",
    ["  - &a {end: 1}\n  - *a\n", "  - {end: &a 1}\n  - {end: *a}\n"],
)
def test_a_value_that_others_share_is_not_changed(items: str) -> None:
    with pytest.raises(CannotEditError):
        edit.changed(f"{KEY}:\n{items}".encode(), KEY, 0, "end", "end", "9")


def test_an_alias_alone_is_changed() -> None:
    before = f"{KEY}:\n  - {{end: &a x}}\n  - {{end: *a}}\n"
    after = edit.changed(before.encode(), KEY, 1, "end", "end", "y").decode()
    assert after == before.replace("*a", "y")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  - a: 1  # c\n    b: 2\n", "  - a: 1  # c\n    new: v\n    b: 2\n"),
        ("  - a: 1", "  - a: 1\n    new: v\n"),
        ("  - b: 2\n    a: 1\n", "  - b: 2\n    a: 1\n    new: v\n"),
        ("  - {a: 1, b: 2}\n", "  - {a: 1, new: v, b: 2}\n"),
        ("-   a: 1\n", "-   a: 1\n    new: v\n"),
    ],
)
def test_a_key_more_and_less(before: str, after: str) -> None:
    head = f"{KEY}:\n"
    data = edit.with_key(f"{head}{before}".encode(), KEY, 0, "a", "new", "v")
    assert data.decode() == f"{head}{after}"
    again = edit.without(data, KEY, 0, "new").decode()
    assert again.rstrip("\n") == f"{head}{before}".rstrip("\n")


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        ("  - a: 1\n    b: 2\n", "a", "  - b: 2\n"),
        ("  - a: 1  # c\n    b: 2\n", "a", "  -   # c\n    b: 2\n"),
        ("  - {a: 1, b: 2}\n", "a", "  - {b: 2}\n"),
        ("  - {a: 1, b: 2 }\n", "b", "  - {a: 1 }\n"),
        ("  - a: 1\n    b: 2  # c\n    d: 3\n", "b", "  - a: 1\n    d: 3\n"),
    ],
)
def test_a_key_is_taken_away(before: str, name: str, after: str) -> None:
    head = f"{KEY}:\n"
    assert edit.without(f"{head}{before}".encode(), KEY, 0, name).decode() == f"{head}{after}"
