"""How much of a run is done."""

import io
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from iam_access.render import progress
from tests.render.streams import HARMLESS_CONTROLS, HOSTILE, Terminal
from tests.render.workflow_commands import commands


def shown(stream: io.StringIO, *, verbose: bool = False, enabled: bool = True) -> str:
    with progress(2, "apply", stream=stream, enabled=enabled, verbose=verbose) as bar:
        bar.advance("nonprod (210987654321)")
        bar.advance("prod (123456789012)")
    return stream.getvalue()


def test_a_terminal_sees_a_bar() -> None:
    text = shown(Terminal())
    assert "2/2" in text
    assert "prod (123456789012)" in text
    assert "\x1b[2K" in text  # it takes its line away again


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"COLUMNS": "60"}])
def test_a_bar_without_colours_or_room_is_a_bar(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    text = shown(Terminal())
    assert "2/2" in text
    assert bool(HARMLESS_CONTROLS.search(text)) is ("NO_COLOR" not in environment)


def test_a_label_is_shown_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert "prod (" not in shown(Terminal())


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_nothing_is_shown_where_it_was_not_asked(stream: type[io.StringIO]) -> None:
    assert shown(stream(), enabled=False) == ""
    assert shown(io.StringIO()) == ""


def test_verbose_gives_lines_to_a_log() -> None:
    assert shown(io.StringIO(), verbose=True) == (
        "apply: 1 of 2, nonprod (210987654321)\napply: 2 of 2, prod (123456789012)\n"
    )


class Exclusive(io.StringIO):
    """A stream that must not be written to by two threads at once, and takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self._free = threading.Lock()
        self.overlaps = 0

    def write(self, text: str) -> int:
        if not self._free.acquire(blocking=False):
            self.overlaps += 1
            return 0
        try:
            for _ in range(2_000):
                pass
            return super().write(text)
        finally:
            self._free.release()


def test_lines_are_whole_and_counted_whoever_writes_them() -> None:
    stream = Exclusive()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with (
            progress(100, "apply", stream=stream, verbose=True) as bar,
            ThreadPoolExecutor(8) as pool,
        ):
            list(pool.map(bar.advance, map(str, range(100))))
    finally:
        sys.setswitchinterval(interval)
    assert stream.overlaps == 0
    numbers = [line.split()[1] for line in stream.getvalue().splitlines()]
    assert numbers == [str(number + 1) for number in range(100)]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_labels_are_only_text(text: str) -> None:
    stream = io.StringIO()
    with progress(2, text, stream=stream, verbose=True) as bar:
        bar.advance(text)
    assert stream.getvalue().count("\n") == 1
    assert not commands(stream.getvalue())
    looked_at = Terminal()
    with progress(2, "apply", stream=looked_at) as bar:
        bar.advance(text)
    assert not set(looked_at.getvalue()) & set("\x07\x08\x9b\u202e\u2066\u200b")
