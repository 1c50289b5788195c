"""What importing costs those who render nothing."""

import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "aws" / "scripts"


def imported(code: str) -> set[str]:
    """Top-level modules that are loaded after running this in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules, file=sys.stderr)"],
        env={"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split())


def test_naming_the_outputs_imports_nothing_heavy() -> None:
    found = imported("from iam_access.render import Output, progress, render")
    assert not found & {"rich", "pydantic", "difflib", "iam_access.render.view.changes"}


def test_a_pipe_needs_no_rich_and_an_early_error_nothing_else_heavy() -> None:
    found = imported(
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from iam_access.model import Report\n"
        "from iam_access.render import Output, render\n"
        "for output in Output:\n"
        "    render(Report('validate', datetime.now(UTC)), output, sys.stdout)"
    )
    assert "iam_access.render.view.changes" in found
    assert not found & {"rich", "pydantic", "iam_access.kinds"}
