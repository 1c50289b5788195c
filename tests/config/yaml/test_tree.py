"""YAML read as plain values with marks; every trap has a name and a place."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from iam_access.config.yaml.events import ALIAS_LIMIT, DEPTH_LIMIT
from iam_access.config.yaml.tree import SIZE_LIMIT, Tree, parse
from iam_access.place import Path
from tests.config.marks import keys, places


def codes(tree: Tree) -> list[tuple[str, int, int]]:
    return [(each.problem.code, each.line, each.column) for each in tree.problems]


@pytest.fixture(params=["c", "python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything holds with PyYAML's own parser, too, for systems without libyaml."""
    monkeypatch.setattr(yaml, "__with_libyaml__", request.param == "c")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("012345670123", "012345670123"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("2025-11-30", "2025-11-30"),
        ("true", "true"),
        ("no", "no"),
        ("1.50", "1.50"),
        ("", None),
        ("~", None),
        ("null", None),
        ('""', ""),
        ('"null"', "null"),
        ("'~'", "~"),
        ("!!str ~", "~"),
        ("!!str 12", "12"),
        ("[]", []),
        ("{}", {}),
        ("[~, 'x', 1]", [None, "x", "1"]),
    ],
)
def test_scalars_are_the_text_as_written(text: str, value: Any) -> None:
    tree = parse(f"a: {text}\n".encode())
    assert (tree.value, tree.problems) == ({"a": value}, ())


def test_marks_lead_to_every_key_and_value() -> None:
    tree = parse(b"# first\na:\n  - b: c\n    d: [e, f]\n")
    assert places(tree) == {
        (): (2, 1),
        ("a",): (3, 3),
        ("a", 0): (3, 5),
        ("a", 0, "b"): (3, 8),
        ("a", 0, "d"): (4, 8),
        ("a", 0, "d", 0): (4, 9),
        ("a", 0, "d", 1): (4, 12),
    }
    assert keys(tree) == {("a",): (2, 1), ("a", 0, "b"): (3, 5), ("a", 0, "d"): (4, 5)}


@pytest.mark.parametrize(
    "text",
    [
        "a:\n- b: [c, {d: e}]\n  f:\n  - - g\n    - h\n  -\n    i: |\n      j\n- k\n",
        "a: [[b, [c]], {d: [e, {f: [g]}]}, [h: i, j: {k: l}]]\n",
        "? a\n: ? b\n  : - c: 1\n      d: [2]\n    - - - - e: f\n",
        "a: {b: {c: {d: {e: [f, 'g', \"h\", ~, {}]}}}}\n",
        "a:\n  b:\n    - c: é\n      ü: [ß, {ö: x}]\n    - {é: [{ü: y}, z]}\n",
        "a:\n  b: !!str c\n  d: [!!str e, {f: !!str g}]\n",
        'a:\r\n  - b: "\\t"\r\n    c: [d,\r\n      {e: f}]\r\n',
    ],
)
def test_marks_are_those_of_the_nodes_that_pyyaml_composes(text: str) -> None:
    node = yaml.compose(text, yaml.SafeLoader)
    assert node is not None
    tree = parse(text.encode())
    assert places(tree) == dict(nodes(node, ()))
    assert keys(tree) == dict(key_nodes(node, ()))


def nodes(node: yaml.Node, path: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    yield path, (node.start_mark.line + 1, node.start_mark.column + 1)
    for step, _, below in within(node):
        yield from nodes(below, (*path, step))


def key_nodes(node: yaml.Node, path: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    for step, key, below in within(node):
        if key is not None:
            yield (*path, step), (key.start_mark.line + 1, key.start_mark.column + 1)
        yield from key_nodes(below, (*path, step))


def within(node: yaml.Node) -> Iterator[tuple[str | int, yaml.Node | None, yaml.Node]]:
    """What lies in a list or mapping: how it is reached, its key, and itself."""
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, key, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from ((index, None, each) for index, each in enumerate(node.value))


def test_what_stands_in_a_key_has_no_place_and_takes_none() -> None:
    tree = parse(b"a:\n  - [[x]: y]\n  - [{b: [c]}: d, e: [f]]\n")
    assert codes(tree) == [("bad-key", 2, 6), ("bad-key", 3, 6)]
    assert places(tree) == {
        (): (1, 1),
        ("a",): (2, 3),
        ("a", 0): (2, 5),
        ("a", 0, 0): (2, 6),
        ("a", 1): (3, 5),
        ("a", 1, 0): (3, 6),
        ("a", 1, 1): (3, 19),
        ("a", 1, 1, "e"): (3, 22),
        ("a", 1, 1, "e", 0): (3, 23),
    }


def test_the_operator_null_is_told_to_stand_in_quotes() -> None:
    (problem,) = (each.problem for each in parse(b"a: {Null: {b: c}}\n").problems)
    assert (problem.code, problem.hint) == ("bad-key", 'put it in quotes: "Null"')


def test_columns_count_letters_not_bytes() -> None:
    tree = parse("é: {ü: x}\n".encode())
    assert tree.mark == (1, 1, {"é": (1, 1, (1, 4, {"ü": (1, 5, (1, 8, None))}))})


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_byte_order_mark_and_line_ends_change_nothing(start: bytes, end: bytes) -> None:
    tree = parse(start + end.join([b"a: 1", b"b: |", b"  x", b"  y", b""]))
    assert tree.value == {"a": "1", "b": "x\ny\n"}
    assert tree.mark == (1, 1, {"a": (1, 1, (1, 4, None)), "b": (2, 1, (2, 4, None))})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: 1\na: 2\nb: 3\nb: 4\n", [("duplicate-key", 2, 1), ("duplicate-key", 4, 1)]),
        (b"a: &x {b: 1}\nc:\n  <<: *x\n", [("merge-key", 3, 3)]),
        (b"? [a]\n: b\n? {c: d}\n: e\n", [("bad-key", 1, 3), ("bad-key", 3, 3)]),
        (b"~: a\n", [("bad-key", 1, 1)]),
        (b"a: !!int 3\nb: !mine {c: d}\n", [("tag", 1, 4), ("tag", 2, 4)]),
        (b"a: !!python/object/apply:os.system [x]\n", [("tag", 1, 4)]),
        (b'a: "\\e[31m"\n', [("control-character", 1, 4)]),
        (b'a: "x\\0"\n', [("control-character", 1, 4)]),
        ("a: b\n\u00e9: x\u202ey\n".encode(), [("control-character", 2, 5)]),
        (b"# one\n# a\xe2\x80\x8bb\na: b\n", [("control-character", 2, 4)]),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_is_read(
    data: bytes, expected: list[tuple[str, int, int]]
) -> None:
    tree = parse(data)
    assert codes(tree) == expected
    assert isinstance(tree.value, dict)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: 1\n---\nb: 2\n", ("multiple-documents", 2, 1)),
        (b"a: \x01\n", ("control-character", 1, 4)),
        ("ä: 1\nb: ü\x07\n".encode(), ("control-character", 2, 5)),
        (b"a: 1\nb: \xff\n", ("not-utf8", 2, 4)),
        (b"\r\n\xc3\x28", ("not-utf8", 2, 1)),
        ("a: 1\n".encode("utf-16"), ("not-utf8", 1, 1)),
        (b"a: *b\n", ("unknown-alias", 1, 4)),
        (b"a: &x [*x]\n", ("recursive-alias", 1, 8)),
        (b"a: " + b"[" * (DEPTH_LIMIT + 1), ("too-deep", 1, DEPTH_LIMIT + 3)),
        (b"a: " + b"[" * 100_000, ("too-deep", 1, DEPTH_LIMIT + 3)),
        (b"a: b: c\n", ("syntax-error", 1, 5)),
        (b"a:\n\tb: c\n", ("syntax-error", 2, 1)),
        (b"a:\n  b: 'c\n  d: e\n", ("syntax-error", 2, 6)),
        (b"- " * 40, ("too-deep", 1, 2 * DEPTH_LIMIT + 1)),
        (b"x" * (SIZE_LIMIT + 1), ("too-large", 1, 1)),
    ],
)
def test_what_cannot_be_read_has_no_value(data: bytes, expected: tuple[str, int, int]) -> None:
    tree = parse(data)
    assert tree.mark is None
    assert codes(tree)[-1] == expected


BREAKS = ("\r", "\x85", "\u2028", "\u2029")
UNSEEN = (
    *(
        "\x00",
        "\x0b",
        "\x0c",
        "\x1b",
        "\x7f",
        "\x9f",
        "\xad",
        "\u034f",
        "\u061c",
        "\u115f",
        "\u17b4",
    ),
    *(
        "\u180e",
        "\u200b",
        "\u200d",
        "\u200f",
        "\u202a",
        "\u202e",
        "\u2060",
        "\u2066",
        "\u206f",
        "\u3164",
    ),
    *("\ufe00", "\ufe0f", "\ufeff", "\uffa0", "\ufff9", "\ufffe", "\U0001d173", "\U000e0001"),
    *("\U000e0041", "\U000e0fff"),
)


@pytest.mark.parametrize("char", BREAKS)
def test_no_entry_can_stand_in_a_comment(char: str) -> None:
    tree = parse(f"a:\n  # ä {char}  - grant: admin\n  - b\n".encode())
    assert codes(tree) == [("control-character", 2, 7)]
    assert tree.value is None
    assert f"U+{ord(char):04X}" in tree.problems[0].problem.message


@pytest.mark.parametrize("char", UNSEEN)
@pytest.mark.parametrize("before", ["", "ä"])
def test_what_cannot_be_seen_is_told_in_comments_too(char: str, before: str) -> None:
    tree = parse(f"a: b\r\n# {before}x{char}\nc: d\n".encode())
    assert codes(tree) == [("control-character", 2, 4 + len(before))]
    assert f"U+{ord(char):04X}" in tree.problems[0].problem.message


@pytest.mark.parametrize("escape", ["\\L", "\\P", "\\N", "\\u200B", "\\U000E0041", "\\uFEFF"])
def test_what_cannot_be_seen_is_told_where_it_is_escaped(escape: str) -> None:
    assert codes(parse(f'a: "x{escape}"\n'.encode())) == [("control-character", 1, 4)]


@pytest.mark.parametrize(
    "text", ["\u26a0\ufe0f", "\u2714\ufe0e", "\U0001f6e1\ufe0f", "é\xa0日本", "\t"]
)
def test_emoji_and_other_scripts_are_text(text: str) -> None:
    assert parse(f"a: b # {text}\n".encode()).problems == ()


def test_of_many_that_cannot_be_seen_the_first_are_told_once() -> None:
    text = "# " + "".join(map(chr, range(0xE0000, 0xE0100))) * 50 + "\na: b\n"
    assert len(parse(text.encode()).problems) == 10


def test_an_error_of_syntax_does_not_hide_what_was_found_before() -> None:
    assert codes(parse(b"a: 1\na: 2\nb: ]\n")) == [("duplicate-key", 2, 1), ("syntax-error", 3, 4)]


def test_tabs_are_named_in_the_hint() -> None:
    (marked,) = parse(b"a:\n\tb: c\n").problems
    assert "tabs" in marked.problem.hint


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("*", 'put text that begins with * in quotes, such as "*"'),
        ("[s3:Get*, *]", "begins with * in"),
        ("**", "begins with * in"),
        ("*.example.com", "begins with * in"),
        ("& more", "begins with & in"),
        ("%x", "begins with % in"),
        ("[@bob]", "begins with @ in"),
        ("`x`", "begins with ` in"),
        ("|x", "begins with | in"),
        ("{account_id}/x", "put text with { or } in quotes"),
        ("[${aws:username}]", "put text with { or } in quotes"),
        ("[arn:aws:s3:::{team}/*]", "in quotes"),
        ("'x' y", "put all of the text in quotes"),
        ("Fix: it", "put the text in quotes"),
        ("- x", "on a line of its own"),
    ],
)
def test_the_hint_names_what_to_quote(value: str, hint: str) -> None:
    (marked,) = parse(f"description: {value}\n".encode()).problems
    assert marked.problem.code == "syntax-error"
    assert hint in marked.problem.hint


def test_a_bracket_that_is_not_closed_is_told_by_its_line() -> None:
    (marked,) = parse(b"a: [b,\nc: d\n").problems
    assert "line 1" in marked.problem.message


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# nothing\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_neither_value_nor_problem(data: bytes) -> None:
    assert parse(data) == Tree(None, None)


def test_an_alias_is_its_own_place_and_leads_to_the_anchor_s() -> None:
    tree = parse(b"a: &x [b]\nc: *x\n")
    assert tree.value == {"a": ["b"], "c": ["b"]}
    assert places(tree)["c",] == (2, 4)
    assert places(tree)["c", 0] == (1, 8)


def test_an_alias_leads_to_the_anchor_s_however_deep_either_stands() -> None:
    tree = parse(b"a:\n  - b: &x {c: [d]}\n  - *x\n  - {e: {f: [*x]}}\n")
    found = places(tree)
    assert found["a", 1] == (3, 5)
    assert found["a", 2, "e", "f", 0] == (4, 14)
    for path in (("a", 0, "b"), ("a", 1), ("a", 2, "e", "f", 0)):
        assert found[*path, "c"] == (2, 15)
        assert found[*path, "c", 0] == (2, 16)


def test_aliases_may_add_so_many_values_and_no_more() -> None:
    def doubled(times: int) -> bytes:
        lines = [b"a0: &a0 [x]"]
        lines += [b"a%d: &a%d [*a%d, *a%d]" % (i, i, i - 1, i - 1) for i in range(1, times)]
        return b"\n".join(lines)

    assert parse(doubled(10)).problems == ()
    (marked,) = parse(doubled(60)).problems
    assert marked.problem.code == "alias-bomb"
    assert f"{ALIAS_LIMIT:,}" in marked.problem.message
    # The nth line adds about 2^n values.
    assert marked.line <= 16


def test_one_large_anchor_used_often_is_a_bomb_too() -> None:
    data = b"a: &a [" + b"x," * 5_000 + b"]\nb: [" + b"*a," * 5 + b"]\n"
    assert [code for code, *_ in codes(parse(data))] == ["alias-bomb"]


def test_a_file_holds_no_more_values_than_it_may() -> None:
    for text, number in (("a: [b, c, {d: e}]\n", 8), ("a: &x [b]\nc: *x\nd: ~\n", 9)):
        assert parse(text.encode() + b" " * 20_000, number).problems == ()
        (marked,) = parse(text.encode() + b" " * 20_000, number - 1).problems
        assert marked.problem.code == "too-many-values"


def test_what_stands_for_an_alias_counts_each_time() -> None:
    text = "a: &x " + "b" * 10_000 + "\nc: [" + "*x, " * 300 + "]\n"
    assert codes(parse(text.encode())) == [("alias-bomb", 1, 1)]


@pytest.mark.parametrize("text", ["a: {}\n", "a: '{}'\n", "a:\n- ? {}\n", "a:\n- |\n  {}\n"])
def test_no_text_is_longer_than_anything_may_be(text: str) -> None:
    assert parse(text.format("x" * 10_239).encode()).problems == ()
    (marked,) = parse(text.format("x" * 10_241).encode()).problems
    assert marked.problem.code == "too-large"
    assert "10,241" in marked.problem.message or "10,242" in marked.problem.message
    assert marked.line == (2 if "-" in text else 1)


def test_a_file_of_mistakes_is_not_read_to_its_end() -> None:
    assert len(parse(b"a: b\n" * 5_000).problems) <= 501
