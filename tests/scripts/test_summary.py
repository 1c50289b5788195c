"""The summary of a job, which scripts write."""

from pathlib import Path

from iam_access.cli.summary import IN_THE_LOG, append
from iam_access.github.comments import SUMMARY_BYTES


def test_pages_are_added_as_long_as_there_is_room(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    append(file, "## one\n")
    append(file, "## two\n" + ("é" * 500 + "\n") * 2_000)
    text = file.read_text()
    assert text.startswith("## one\n\n## two\n")
    assert IN_THE_LOG in text[-100:]
    assert SUMMARY_BYTES - 1_100 < file.stat().st_size <= SUMMARY_BYTES
