"""Whole outputs, as people will see them.

After a change that is meant, write them anew and read the difference:
`REGENERATE=1 python -m pytest tests/render/test_golden.py`
"""

import io
import os
from datetime import UTC
from pathlib import Path

import pytest

from iam_access.model import Report
from iam_access.render import Output, render
from tests.render import reports

DATA = Path(__file__).parents[1] / "data" / "render"
SUFFIXES = {
    Output.TEXT: "txt",
    Output.MARKDOWN: "md",
    Output.JSON: "json",
    Output.GITHUB: "log",
}
REPORTS = {
    "dry-run": reports.dry_run(),
    "applied": reports.applied(),
    "troubled": reports.troubled(),
    "validated": reports.validated(),
    "nothing": reports.nothing(),
    "cleaned": reports.cleaned(),
    "revoked": reports.revoked(),
    "explained": reports.explained(),
}


@pytest.mark.parametrize("output", Output)
@pytest.mark.parametrize("name", REPORTS)
def test_output_is_as_written_down(name: str, output: Output) -> None:
    stream = io.StringIO()
    render(REPORTS[name], output, stream, zone=UTC)
    compare(DATA / f"{name}.{SUFFIXES[output]}", stream.getvalue())


@pytest.mark.parametrize("name", ["cleaned", "explained"])
def test_verbose_text_is_as_written_down(name: str) -> None:
    stream = io.StringIO()
    render(REPORTS[name], Output.TEXT, stream, verbose=True, zone=UTC)
    compare(DATA / f"{name}-verbose.txt", stream.getvalue())


@pytest.mark.parametrize("output", Output)
def test_output_does_not_depend_on_the_order_of_arrival(output: Output) -> None:
    report = reports.troubled()
    turned = Report(
        command=report.command,
        now=report.now,
        accounts=report.accounts[::-1],
        findings=report.findings[::-1],
        digest=report.digest,
    )
    one, other = io.StringIO(), io.StringIO()
    render(report, output, one)
    render(turned, output, other)
    assert one.getvalue() == other.getvalue()


def compare(path: Path, text: str) -> None:
    if os.environ.get("REGENERATE"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    assert text == path.read_bytes().decode()
