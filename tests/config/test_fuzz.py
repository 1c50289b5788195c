"""No text makes loading raise: it makes findings."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iam_access.config.load import load
from iam_access.config.yaml.tree import parse
from tests.config.marks import places
from tests.config.repository import NOW, VALID, write

NAMES = sorted(VALID)
PIECES = [
    *(": ", "- ", "\n", "\n  ", "{", "}", "[", "]", "*a", "&a ", "<<: *a", "? ", "!!str ", "~"),
    *("null", "''", '"', "|", ">", "#", "\t", "---\n", "...\n", "\x00", "\x1b", "\ufeff", "\u202e"),
    *("012", "${aws:username}", "{team}", "{nobody}", "\U0001f600", "9999-12-31", "0001-01-01"),
    *("expires_at: 0001-01-01T00:00:00+14:00", "expiration_date: 9999-12-31", "é", "x" * 70),
]


def load_changed(name: str, content: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        repository = write(Path(directory), {**VALID, name: content})
        configuration = load(repository, now=NOW)
    errors = {each.team for each in configuration.findings if each.is_error}
    assert configuration.invalid == errors - {None}
    for finding in configuration.findings:
        assert finding.message
        assert finding.hint
        assert finding.location is not None
        assert finding.location.line >= 1
        assert finding.location.column >= 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_can_be_parsed(data: bytes | str) -> None:
    tree = parse(data if isinstance(data, bytes) else data.encode("utf-8", "ignore"))
    assert tree.mark is not None or tree.value is None
    assert all(line >= 1 and column >= 1 for line, column in places(tree).values())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=30).map("".join),
)
def test_any_text_can_be_loaded(name: str, text: str) -> None:
    load_changed(name, text.encode("utf-8", "ignore"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(NAMES), st.data())
def test_a_valid_file_can_be_changed_anywhere(name: str, data: st.DataObject) -> None:
    text = VALID[name]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 25, len(text))))
        piece = data.draw(st.sampled_from(["", *PIECES, text[end : end + 20]]))
        text = text[:start] + piece + text[end:]
    load_changed(name, text)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(NAMES),
    st.recursive(
        st.sampled_from(["ann@example.com", "nonprod", "reader", "~", "'*'", "Allow", "id"]),
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]")
            | st.dictionaries(
                st.sampled_from(
                    [
                        *("users", "roles", "environments", "grants", "user", "environment"),
                        *("grant", "id", "reader", "managed_policies", "custom_statements"),
                        *("effect", "actions", "resources", "conditions", "expires_at"),
                    ]
                ),
                inner,
                max_size=4,
            ).map(lambda each: "{" + ", ".join(f"{k}: {v}" for k, v in each.items()) + "}")
        ),
        max_leaves=12,
    ),
)
def test_any_structure_can_be_loaded(name: str, structure: str) -> None:
    load_changed(name, f"{name.partition('/')[0]}: {structure}\n")
