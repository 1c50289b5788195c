"""What the steps of a workflow share that install nothing: their output, input files and run.

It needs the standard library alone, as the jobs do that hold a token.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from iam_access.errors import AccessError, UsageError
from iam_access.render.escape import not_a_command, terminal

#: The exit status of what could not be finished.
UNFINISHED = 2


def say(text: str, *, is_error: bool = False) -> None:
    """Print a line of untrusted text to the log; an error to standard error."""
    # The runner takes commands from both streams.
    stream = sys.stderr if is_error else sys.stdout
    stream.write(not_a_command(terminal(text)) + "\n")


def told(error: AccessError) -> str:
    """The message of an error, with its hint."""
    return f"{error.message} ({error.hint})" if error.hint else error.message


def read(file: Path, most: int) -> bytes:
    """The content of a file of at most so many bytes. Raises UsageError."""
    try:
        with file.open("rb") as opened:
            content = opened.read(most + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    if len(content) > most:
        raise UsageError(f"{file} has more than {most:,} bytes")
    return content


def run_address(environment: Mapping[str, str]) -> str:
    """The page of the workflow's run; empty outside of GitHub Actions."""
    server = environment.get("GITHUB_SERVER_URL", "")
    repository, run = environment.get("GITHUB_REPOSITORY", ""), environment.get("GITHUB_RUN_ID", "")
    if not (server.startswith("https://") and repository and run.isdecimal()):
        return ""
    return f"{server}/{repository}/actions/runs/{run}"


def set_outputs(environment: Mapping[str, str], **values: object) -> None:
    """Make values, each of one line, the outputs of the step; nothing outside of a job."""
    file = environment.get("GITHUB_OUTPUT")
    if file:
        lines = (f"{name}={value}\n" for name, value in values.items())
        with Path(file).open("a", encoding="utf-8") as output:
            output.writelines(lines)
