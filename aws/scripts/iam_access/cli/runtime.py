"""What every command runs on: the files, the clock, the AWS to work with, and the ways to end."""

import argparse
import gc
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from iam_access.cli import arguments
from iam_access.errors import AccessError, UsageError
from iam_access.model import Account, Finding
from iam_access.policy.problem import nearest
from iam_access.render import Output, render_error

if TYPE_CHECKING:
    from iam_access.config.load import Configuration
    from iam_access.plan.planner import RunOptions
    from iam_access.runs.manager import IamManager
    from iam_access.sandbox import SandboxAccount

Clock = Callable[[], datetime]

DEPLOYER_TEMPLATE = arguments.AWS_FOLDER / "bootstrap" / "deployer-role.yaml"

UNFINISHED = 2

# How many objects more there are before garbage is looked for: some 100 MB of them.
_COLLECT_AFTER = 500_000


def utc_now() -> datetime:
    """The current time; the only clock there is."""
    return datetime.now(UTC)


def run_script(command: Callable[[], int]) -> NoReturn:
    """Run a command as all that this process does, and end with its exit status.

    Garbage is hardly looked for: what is imported and read stays to the end, and goes with the
    process. To look through it meanwhile, and to take it apart then, takes a tenth of a plan.
    """
    gc.set_threshold(_COLLECT_AFTER)
    try:
        with _installed(sandbox=True):
            status = command()
    except _NotInstalledError as error:
        # Raised by an import of the command itself: the form of the output is not known yet.
        render_error(error, Output.TEXT, sys.stderr)
        status = UNFINISHED
    finally:
        gc.freeze()
    sys.exit(status)


def run_command(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    command: Callable[[argparse.Namespace, Clock], int],
    clock: Clock,
) -> int:
    """Parse and run; every way to end has its exit status."""
    options = parser.parse_args(argv)
    if options.markdown_file is not None and options.output is not Output.TEXT:
        parser.error("--markdown-file goes beside --output text, which tells all of it")
    try:
        with _installed(sandbox=options.sandbox):
            return command(options, clock)
    except AccessError as error:
        _tell(error, options)
        return UNFINISHED
    except BrokenPipeError:
        # Whoever read this went away (a pager, head): what was not told counts as not done.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNFINISHED
    except KeyboardInterrupt:
        _tell(_InterruptError(), options)
        return UNFINISHED
    except Exception:  # noqa: BLE001 - a bug must not end in Python's status 1, which has a meaning
        traceback.print_exc()
        print("This is a bug in the pipeline, not in your files.", file=sys.stderr)
        with suppress(Exception):  # it may be one in what prints
            _tell(_BugError(), options)
        return UNFINISHED


def _tell(error: AccessError, options: argparse.Namespace) -> None:
    """Write an error that ended a run wherever its report would have gone."""
    render_error(error, options.output, sys.stdout)
    if options.markdown_file is not None:
        with options.markdown_file.open("w", encoding="utf-8") as file:
            render_error(error, Output.MARKDOWN, file)


@contextmanager
def _installed(*, sandbox: bool) -> Iterator[None]:
    """Turn a failed import of what the locks install into an error that says how to install it."""
    try:
        yield
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", __package__) or package in sys.stdlib_module_names:
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
        super().__init__("a bug in the pipeline", "standard error tells more; please report it")


def load(options: argparse.Namespace, now: datetime, *, standing: bool = True) -> "Configuration":
    """The files that the options name, as of `now` (UTC), compared with those of `--base`.

    `standing` files are to be used as they stand, see config.load.
    """
    from iam_access.config import load as files  # noqa: PLC0415

    source = getattr(options, "base", None)
    if source is None:
        return files.load(options.config_dir, now=now, standing=standing)
    from iam_access.config.base import load_base  # noqa: PLC0415

    base = load_base(source, options.config_dir, now=now)
    return files.load(options.config_dir, now=now, base=base)


def teams_named(names: Sequence[str], configuration: "Configuration") -> frozenset[str]:
    """The teams of these names, which must have files."""
    for name in names:
        if name not in configuration.teams:
            near = nearest(name, configuration.teams)
            guess = f"did you mean {near}? A" if near else "a"
            raise UsageError(
                f"there is no team {name!r} in {configuration.directory}",
                f"{guess} team whose files are gone is taken care of by --all",
            )
    return frozenset(names)


def accounts_of(
    options: argparse.Namespace,
    configuration: "Configuration",
    request: "RunOptions",
    accounts: Mapping[str, Account],
) -> list[Account]:
    """Those of the accounts that the run's teams and environments mean, in order of their ids."""
    wanted = set(options.environment)
    known = {
        environment
        for account in configuration.known_accounts.values()
        for team, environment in account.environments.items()
        if request.concerns(frozenset({team}))
    }
    unknown = sorted(wanted - known)
    # It may be that of a team of this run whose files cannot be read; those say so themselves.
    if unknown and not (configuration.invalid and request.concerns(configuration.invalid)):
        raise UsageError(
            f"there is no environment {unknown[0]!r}",
            f"there are {', '.join(sorted(known)) or 'none'}",
        )
    return [
        account
        for _, account in sorted(accounts.items())
        if any(
            request.concerns(frozenset({team})) and (not wanted or environment in wanted)
            for team, environment in account.environments.items()
        )
    ]


def findings_of(
    configuration: "Configuration", teams: frozenset[str] | None
) -> tuple[Finding, ...]:
    """What is to be told of the files: of the teams asked for, and of what is nobody's."""
    return concerning(teams, configuration.findings)


def concerning(teams: frozenset[str] | None, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings about these teams (None: all), and those about no team."""
    return tuple(
        finding
        for finding in findings
        if teams is None or finding.team is None or finding.team in teams
    )


def manager_of(
    configuration: "Configuration",
    teams: frozenset[str] | None,
    now: datetime,
    advance: Callable[[str], None],
) -> "IamManager":
    """The run of these teams (None: all) over accounts; `advance` is told of each that is done."""
    from iam_access.cloud.parallel import DEFAULT_WORKERS  # noqa: PLC0415
    from iam_access.cloud.sessions import Accounts, session_name  # noqa: PLC0415
    from iam_access.runs.manager import IamManager  # noqa: PLC0415

    name = session_name(teams or ["all"], os.environ)
    return IamManager(
        configuration,
        Accounts(name, workers=DEFAULT_WORKERS),
        now,
        watch=lambda account: advance(account.title),
    )


@contextmanager
def aws(
    options: argparse.Namespace,
    configuration: "Configuration",
    clock: Clock,
    *,
    also: Callable[["SandboxAccount"], "SandboxAccount"] = lambda account: account,
) -> Iterator[None]:
    """The AWS to work with: whatever boto3 finds, or a sandbox made from the files.

    `also` may put more into the sandbox's accounts than the files name.
    """
    if not options.sandbox:
        yield
        return
    from iam_access.sandbox import Sandbox  # noqa: PLC0415
    from iam_access.sandbox.seed import accounts_of as seeded  # noqa: PLC0415

    accounts = map(also, seeded(configuration))
    with Sandbox(accounts, template=DEPLOYER_TEMPLATE, clock=clock, enforce=True):
        yield
