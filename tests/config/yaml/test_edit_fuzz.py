"""Edits of generated files: whatever their style, an edit takes place and keeps all else."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iam_access.config.yaml import edit, tree

pytestmark = pytest.mark.exhaustive

KEY = "temporary-access"
ENTRY = {"user": "new@example.com", "description": "a: b", "grant": "g", "expires_at": "E"}
ALL = settings(max_examples=800, deadline=None, suppress_health_check=list(HealthCheck))

_SCALARS = st.sampled_from(
    ["x", '"x: y"', "'it''s # no comment'", "2026-03-01", "2026-03-01T10:00:00Z", "a b", "é", "''"]
)
_COMMENT = st.sampled_from(["", "", "  # c", " #c: [", "\t# - x"])
_NAMES = ("user", "expires_at", "grant", "description")


@st.composite
def _comments(draw: st.DrawFn, indent: str) -> str:
    lines = st.sampled_from(["", f"{indent}# of it", "# top", f"{indent}  # - deeper: {{"])
    return "".join(f"{each}\n" for each in draw(st.lists(lines, max_size=2)))


@st.composite
def _in_braces(draw: st.DrawFn) -> str:
    gap = draw(st.sampled_from(["", " "]))
    names = draw(st.permutations(_NAMES))
    pairs = f",{gap or ' '}".join(f"{each}: {draw(_SCALARS)}" for each in names)
    return f"{{{gap}{pairs}{gap}}}"


@st.composite
def _in_lines(draw: st.DrawFn, indent: str, gap: str) -> str:
    names = draw(st.permutations(_NAMES))
    below = " " * (len(indent) + 1 + len(gap))
    lines = []
    for name in names:
        is_block = name == "description" and draw(st.booleans())
        style = draw(st.sampled_from(["|", ">-", "|+"]))
        value = f"{style}\n{below}  text # no\n{below}  - more" if is_block else draw(_SCALARS)
        lines.append(f"{name}: {value}{'' if is_block else draw(_COMMENT)}\n")
        if not is_block and draw(st.integers(0, 4)) == 0:
            lines[-1] += f"{below}# within\n"
    return f"{indent}-{gap}" + below.join(lines)


@st.composite
def _block(draw: st.DrawFn) -> str:
    indent = draw(st.sampled_from(["", "  ", "    "]))
    gap = draw(st.sampled_from([" ", " ", "   "]))
    text = ""
    for _ in range(draw(st.integers(1, 4))):
        text += draw(_comments(indent))
        if draw(st.booleans()):
            text += draw(_in_lines(indent, gap))
        else:
            text += f"{indent}-{gap}{draw(_in_braces())}{draw(_COMMENT)}\n"
    return f"\n{text}{draw(_comments(indent))}"


@st.composite
def _flow(draw: st.DrawFn) -> str:
    items = draw(st.lists(_in_braces(), max_size=3))
    comma = draw(st.sampled_from(["", ","])) if items else ""
    if draw(st.booleans()):
        return f" [{', '.join(items)}{comma}]{draw(_COMMENT)}\n"
    # In YAML a comment follows white space; after a comma, too.
    lines = [
        f"  {each}{',' if number < len(items) else comma}" for number, each in enumerate(items, 1)
    ]
    return " [\n" + "".join(f"{each}{draw(_COMMENT)}\n" for each in lines) + "]\n"


@st.composite
def _files(draw: st.DrawFn) -> bytes:
    head = draw(st.sampled_from(["", "# head\n\n", "---\n", "# a\n--- # b\n", "\n"]))
    value = draw(
        _block() | _flow() | st.sampled_from(["\n", " ~\n", " null # none\n", " # c\n", " []\n"])
    )
    tail = draw(st.sampled_from(["", "", "# tail\n", "\n\n", "...\n", "\n# tail\n...\n# after\n"]))
    text = f"{head}{KEY}:{value}{tail}"
    if draw(st.integers(0, 5)) == 0:
        text = draw(st.sampled_from(["", "# only\n", "---\n", "\n", "---\n...\n"]))
    if draw(st.integers(0, 3)) == 0 and text.endswith("\n"):
        text = text.removesuffix("\n")
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return (b"\xef\xbb\xbf" if draw(st.integers(0, 3)) == 0 else b"") + text.encode()


def _entries(data: bytes) -> list[object]:
    found = tree.parse(data)
    assert not found.problems
    return list((found.value or {}).get(KEY) or ())


def _is_within(part: bytes, whole: bytes) -> bool:
    """Whether a text is what is left of another where some of its characters are taken out."""
    rest = iter(whole)
    return all(each in rest for each in part)


def _cut(before: bytes, after: bytes) -> bytes | None:
    """The one piece that is taken out of a text; None if it is not one piece."""
    same = (a == b for a, b in zip(before, after, strict=False))
    start = next((place for place, each in enumerate(same) if not each), len(after))
    rest = after[start:]
    return before[start : len(before) - len(rest)] if before.endswith(rest) else None


@ALL
@given(_files())
def test_an_entry_is_added_to_any_file(before: bytes) -> None:
    old = _entries(before)
    after = edit.added(before, KEY, ENTRY)
    assert _entries(after) == [*old, ENTRY]
    kept = before
    if not old:
        for each in (b"[]", b"~", b"null", b"[\n]", b"[\r\n]"):
            kept = kept.replace(b"access: " + each, b"access:")
        kept = kept.rstrip()
    assert _is_within(kept, after)
    assert (b"\r\n" in after) is (b"\r\n" in before)
    assert after.count(b"\r\n") in (0, after.count(b"\n"))
    if old:
        again = edit.removed(after, KEY, len(old))
        # A comma that was needed stays where a comment follows it, and so does a blank line.
        assert again.replace(b",", b"").split() == before.replace(b",", b"").split()


@ALL
@given(_files(), st.data())
def test_any_entry_is_removed(before: bytes, data: st.DataObject) -> None:
    old = _entries(before)
    if not old:
        return
    index = data.draw(st.integers(0, len(old) - 1))
    after = edit.removed(before, KEY, index)
    assert _entries(after) == old[:index] + old[index + 1 :]
    cut = _cut(before, after)
    assert cut is not None
    for comment in (b"# head", b"# top", b"# of it", b"# tail", b"# deeper"):
        assert comment not in cut


@ALL
@given(_files(), st.data())
def test_any_end_is_changed(before: bytes, data: st.DataObject) -> None:
    old = _entries(before)
    if not old:
        return
    index = data.draw(st.integers(0, len(old) - 1))
    new = data.draw(st.sampled_from(["expires_at", "expiration_date"]))
    value = data.draw(st.sampled_from(["2026-04-01", "2026-04-01T10:00:00Z"]))
    after = edit.changed(before, KEY, index, "expires_at", new, value)
    found = _entries(after)
    assert found[index][new] == value  # type: ignore[index]
    assert [each for place, each in enumerate(found) if place != index] == (
        old[:index] + old[index + 1 :]
    )
    lines = [(a, b) for a, b in zip(before.split(b"\n"), after.split(b"\n"), strict=True) if a != b]
    assert len(lines) == int(after != before)


@ALL
@given(_files(), st.data())
def test_any_key_is_added_and_taken_away(before: bytes, data: st.DataObject) -> None:
    old = _entries(before)
    if not old:
        return
    index = data.draw(st.integers(0, len(old) - 1))
    beside = data.draw(st.sampled_from([each for each in _NAMES if each != "description"]))
    after = edit.with_key(before, KEY, index, beside, "requested_at", "2026-04-01T10:00:00Z")
    assert _is_within(before, after)
    assert _entries(after)[index] == {**old[index], "requested_at": "2026-04-01T10:00:00Z"}  # type: ignore[dict-item]
    assert edit.without(after, KEY, index, "requested_at").rstrip() == before.rstrip()
    less = edit.without(before, KEY, index, beside)
    assert _cut(before, less) is not None
