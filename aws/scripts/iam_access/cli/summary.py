"""The summary of a job of GitHub Actions, which takes a limited size."""

from pathlib import Path

from iam_access.cli.output_files import CannotWriteError
from iam_access.github.comments import SUMMARY_BYTES, bounded

#: For a run whose log has all of the report.
IN_THE_LOG = "**Lines are left out here. The whole report is in the log of this job.**"


def append(file: Path, page: str, left_out: str = IN_THE_LOG) -> None:
    """Add a Markdown page, cut to what GitHub takes; `left_out` says where the rest is.

    Each step has a file of its own, and GitHub drops all of one that is too large.
    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    Raises CannotWriteError.
    """
    try:
        with file.open("a", encoding="utf-8", errors="replace") as summary:
            room = max(0, SUMMARY_BYTES - summary.tell() - 1)
            summary.write(bounded(page, room, left_out, "utf-8") + "\n")
    except OSError as error:
        raise CannotWriteError(
            f"the job's summary cannot be written: {error.strerror or error}",
            f"{file} is not the file that GITHUB_STEP_SUMMARY names",
        ) from error
