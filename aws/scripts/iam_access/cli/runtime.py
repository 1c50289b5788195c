"""How every script and command runs: the clock, the parsed options, and the ways to end."""

import argparse
import gc
import io
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from typing import NoReturn, Protocol

from iam_access.cli import arguments, output_files
from iam_access.cli.job import UNFINISHED
from iam_access.errors import AccessError
from iam_access.render import Output, render_error

# Returns the current time (UTC).
Clock = Callable[[], datetime]
Command = Callable[[argparse.Namespace, Clock], int]

DEPLOYER_TEMPLATE = arguments.AWS_FOLDER / "bootstrap" / "deployer-role.yaml"

# New objects before the garbage collector runs: some 100 MB of them.
_COLLECT_AFTER = 500_000


def utc_now() -> datetime:
    """The current time. Nothing else reads a clock."""
    return datetime.now(UTC)


def run_script(command: Callable[[], int]) -> NoReturn:
    """Run a command as the only work of this process, and exit with its status.

    The garbage collector rarely runs: modules and files stay in use to the end, and scanning them
    takes a tenth of the time of a plan.
    """
    gc.set_threshold(_COLLECT_AFTER)
    try:
        with _installed(sandbox=True):
            status = command()
    except _NotInstalledError as error:
        # Raised by an import of the command itself, before --output is parsed.
        render_error(error, Output.TEXT, sys.stderr)
        status = UNFINISHED
    finally:
        gc.freeze()
    sys.exit(status)


class _Module(Protocol):
    """A module with the work of a command."""

    def run(self, options: argparse.Namespace, clock: Clock) -> int:
        """Carry the command out and return its exit status. Raises AccessError."""


def in_module(name: str) -> Command:
    """The `run` of a module that is imported only when the command is carried out."""

    def run(options: argparse.Namespace, clock: Clock) -> int:
        module: _Module = import_module(name)
        return module.run(options, clock)

    return run


def run_command(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    command: Command,
    clock: Clock,
) -> int:
    """Parse the arguments and run the command; return the exit status, whatever happens."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What its encoding lacks becomes an escape, not an error.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = parser.parse_args(argv)
    for option in ("markdown_file", "summary_file"):
        if getattr(options, option) is not None and options.output is not Output.TEXT:
            parser.error(
                f"--{option.replace('_', '-')} needs --output text, which has what the Markdown "
                "leaves out"
            )
    unusable = output_files.problem(options)
    if unusable is not None:
        parser.error(unusable)
    try:
        with _installed(sandbox=options.sandbox):
            return command(options, clock)
    except AccessError as error:
        _report(error, options)
        return UNFINISHED
    except BrokenPipeError:
        # The reader (a pager, head) has closed the pipe: the report is not whole.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNFINISHED
    except KeyboardInterrupt:
        _report(_InterruptError(), options)
        return UNFINISHED
    except Exception:  # noqa: BLE001 - a bug must not end in Python's status 1, which has a meaning
        traceback.print_exc()
        print("This is a bug in the pipeline, not in your files.", file=sys.stderr)
        with suppress(Exception):  # it may be one in what prints
            _report(_BugError(), options)
        return UNFINISHED


def _report(error: AccessError, options: argparse.Namespace) -> None:
    """Write an error that ended a run to the places of its report."""
    render_error(error, options.output, sys.stdout)
    for path, mode in ((options.markdown_file, "w"), (options.summary_file, "a")):
        if path is not None:
            # It may be the file that cannot be written.
            with suppress(OSError), path.open(mode, encoding="utf-8") as file:
                render_error(error, Output.MARKDOWN, file)


@contextmanager
def _installed(*, sandbox: bool) -> Iterator[None]:
    """Turn the failed import of a locked package into an error with the command to install it."""
    try:
        yield
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", __name__.partition(".")[0]) or package in sys.stdlib_module_names:
            raise
        raise _NotInstalledError(package, error, sandbox=sandbox) from error


class _NotInstalledError(AccessError):
    code = "not-installed"

    def __init__(self, package: str, error: ImportError, *, sandbox: bool) -> None:
        """`sandbox`: whether the command needs what only the sandbox's lock installs."""
        lock = f"requirements{'-sandbox' if sandbox else ''}.txt"
        path = shlex.quote(os.path.relpath(arguments.AWS_FOLDER / "scripts" / lock))
        python = shlex.quote(sys.executable)
        is_missing = isinstance(error, ModuleNotFoundError)
        super().__init__(
            f"the Python package {package} is not installed for {sys.executable}"
            if is_missing
            else f"another version of the Python package {package} is installed: {error}",
            "`make demo` and `make test` install everything into .venv: run the script with "
            f".venv/bin/python. Without make: {python} -m pip install --no-deps --require-hashes "
            f"-r {path}",
        )


class _InterruptError(AccessError):
    code = "interrupted"

    def __init__(self) -> None:
        super().__init__("interrupted", "run the same command again")


class _BugError(AccessError):
    code = "bug"

    def __init__(self) -> None:
        super().__init__("a bug in the pipeline", "please report it with what standard error shows")
