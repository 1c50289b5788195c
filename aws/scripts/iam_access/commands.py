"""The commands behind the scripts: arguments in, a report out, an exit status back.

Each takes its arguments, a clock (now, UTC) and the streams to write to, so that a demo or a
test runs exactly what a user runs. Modules that need an AWS library are imported on use:
checking files needs none of them.
"""

import argparse
import os
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from iam_access.errors import AccessError, UsageError
from iam_access.model import Account, AccountReport, Finding, Report
from iam_access.render import Output, progress, render, render_error

if TYPE_CHECKING:
    from iam_access.config.load import Configuration
    from iam_access.manager import IamManager, Planner
    from iam_access.plan.planner import Request

Clock = Callable[[], datetime]

AWS_FOLDER = Path(__file__).resolve().parents[2]
DEPLOYER_TEMPLATE = AWS_FOLDER / "bootstrap" / "deployer-role.yaml"

UNFINISHED = 2


def utc_now() -> datetime:
    """The current time; the only clock there is."""
    return datetime.now(UTC)


def validate(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`validate.py`: check the files, without AWS."""
    parser = _parser("Check the access files. Needs no AWS credentials and no network.")
    parser.add_argument("teams", metavar="TEAM", nargs="*", help="check these teams (default: all)")
    return _run(parser, argv, _validate, clock)


def apply(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`apply.py`: make the accounts what the files say."""
    parser = _parser("Make the AWS accounts what the access files say.")
    _add_scope(parser, dry_run="read, print the plan, and write nothing")
    parser.add_argument(
        "--adopt",
        action="store_true",
        help="take ownership of what the files ask for and somebody else made",
    )
    parser.add_argument(
        "--allow-removals",
        action="store_true",
        help="carry out a plan even if it removes suspiciously much",
    )
    return _run(parser, argv, _apply, clock)


def cleanup(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`cleanup.py`: take away temporary access that is dead."""
    parser = _parser("Remove temporary access that has ended. What is alive stays.")
    _add_scope(parser, dry_run="read, print what would be removed, and write nothing")
    return _run(parser, argv, _cleanup, clock)


def sandbox(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`sandbox.py`: serve an AWS made from the files on loopback until told to stop."""
    parser = argparse.ArgumentParser(
        description="Serve an AWS of your own on 127.0.0.1, with the accounts, users and roles "
        "that the access files name. It forgets everything when it stops.",
        allow_abbrev=False,
    )
    _add_config_dir(parser)
    parser.add_argument(
        "--port", type=int, default=5000, metavar="N", help="0 takes a free one (default: 5000)"
    )
    parser.set_defaults(output=Output.TEXT)
    return _run(parser, argv, _serve, clock)


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description,
        epilog="Exit status: 0 nothing to report, 1 something was found, 2 it could not finish.",
        allow_abbrev=False,
    )
    _add_config_dir(parser)
    parser.add_argument(
        "--output",
        type=Output,
        choices=list(Output),
        default=Output.TEXT,
        help="how to print (default: text)",
    )
    parser.add_argument(
        "--sandbox",
        action="store_true",
        help="use a fresh AWS inside this process, made from the files; no credentials needed",
    )
    parser.add_argument("--verbose", action="store_true", help="print every detail")
    return parser


def _add_config_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config-dir",
        type=Path,
        default=AWS_FOLDER,
        metavar="DIR",
        help="the folder that holds aws-accounts/ and the others (default: the one above scripts/)",
    )


def _add_scope(parser: argparse.ArgumentParser, *, dry_run: str) -> None:
    parser.add_argument("teams", metavar="TEAM", nargs="*", help="only these teams")
    parser.add_argument(
        "--all", action="store_true", help="all teams, also those whose files are gone"
    )
    parser.add_argument("--dry-run", action="store_true", help=dry_run)
    parser.add_argument(
        "--environment",
        action="append",
        default=[],
        metavar="ENV",
        help="only in this environment (may be repeated)",
    )


def _run(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    command: Callable[[argparse.Namespace, Clock], int],
    clock: Clock,
) -> int:
    """Parse and run; every way to end has its exit status."""
    arguments = parser.parse_args(argv)
    try:
        return command(arguments, clock)
    except AccessError as error:
        render_error(error, arguments.output, sys.stdout)
        return UNFINISHED
    except BrokenPipeError:
        # Whoever read this went away (a pager, head): what was not told counts as not done.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNFINISHED
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return UNFINISHED
    except Exception:  # noqa: BLE001 - a bug must not end in Python's status 1, which has a meaning
        traceback.print_exc()
        print("This is a bug in the pipeline, not in your files.", file=sys.stderr)
        return UNFINISHED


def _show(report: Report, arguments: argparse.Namespace) -> int:
    render(report, arguments.output, sys.stdout, verbose=arguments.verbose)
    return report.exit_status


def _validate(arguments: argparse.Namespace, clock: Clock) -> int:
    now = clock()
    configuration = _load(arguments, now)
    teams = _teams(arguments.teams, configuration) if arguments.teams else None
    return _show(Report("validate", now, findings=_findings(configuration, teams)), arguments)


def _apply(arguments: argparse.Namespace, clock: Clock) -> int:
    from iam_access.plan.planner import Request  # noqa: PLC0415

    now = clock()
    configuration = _load(arguments, now)
    request = Request(
        teams=_asked(arguments, configuration),
        adopt=arguments.adopt,
        allow_removals=arguments.allow_removals,
    )
    report = _over_accounts(
        "apply", arguments, configuration, request, clock, lambda manager: manager.applying(request)
    )
    return _show(report, arguments)


def _cleanup(arguments: argparse.Namespace, clock: Clock) -> int:
    from iam_access.plan.planner import Request  # noqa: PLC0415

    now = clock()
    configuration = _load(arguments, now)
    request = Request(teams=_asked(arguments, configuration))
    report = _over_accounts(
        "cleanup",
        arguments,
        configuration,
        request,
        clock,
        lambda manager: manager.cleaning(request),
    )
    return _show(report, arguments)


def _serve(arguments: argparse.Namespace, clock: Clock) -> int:
    configuration = _load(arguments, clock())
    with _needs_moto():
        from iam_access.sandbox import UNSET, SandboxServer  # noqa: PLC0415
        from iam_access.sandbox.seed import accounts_of  # noqa: PLC0415
    server = SandboxServer(
        accounts_of(configuration), template=DEPLOYER_TEMPLATE, port=arguments.port, clock=clock
    )
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with server:
        print(f"# An AWS of your own at {server.endpoint_url}, until Ctrl-C. In another shell:")
        print(f"unset {' '.join(name for name in UNSET if name not in server.environment)}")
        for name, value in sorted(server.environment.items()):
            print(f"export {name}={shlex.quote(value)}")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            stop.wait()
    return 0


def _over_accounts(
    command: str,
    arguments: argparse.Namespace,
    configuration: "Configuration",
    request: "Request",
    clock: Clock,
    planner_of: Callable[["IamManager"], "Planner"],
) -> Report:
    """Plan, and unless it is a dry run carry out, in every account the run is about."""
    from iam_access.plan.digest import digest  # noqa: PLC0415

    accounts = _accounts(arguments, configuration, request)
    reports: tuple[AccountReport, ...] = ()
    if configuration.settings_valid and accounts:
        with (
            _aws(arguments, configuration, clock),
            progress(len(accounts), command, stream=sys.stderr) as bar,
        ):
            manager = _manager(configuration, request, clock(), bar.advance)
            run = manager.preview if arguments.dry_run else manager.carry_out
            reports = run(planner_of(manager), accounts)
    return Report(
        command=command,
        now=clock(),
        accounts=reports,
        findings=_findings(configuration, request.teams),
        digest=digest(report.plan for report in reports if report.plan is not None),
        dry_run=arguments.dry_run,
    )


def _manager(
    configuration: "Configuration",
    request: "Request",
    now: datetime,
    advance: Callable[[str], None],
) -> "IamManager":
    from iam_access.cloud.parallel import DEFAULT_WORKERS  # noqa: PLC0415
    from iam_access.cloud.session_name import session_name  # noqa: PLC0415
    from iam_access.cloud.sessions import Accounts  # noqa: PLC0415
    from iam_access.manager import IamManager  # noqa: PLC0415

    name = session_name(request.teams or ["all"], os.environ)
    return IamManager(
        configuration,
        Accounts(name, workers=DEFAULT_WORKERS),
        now,
        watch=lambda account: advance(f"{account.label} ({account.id})"),
    )


@contextmanager
def _aws(
    arguments: argparse.Namespace, configuration: "Configuration", clock: Clock
) -> Iterator[None]:
    """The AWS to work with: whatever boto3 finds, or a sandbox made from the files."""
    if not arguments.sandbox:
        yield
        return
    with _needs_moto():
        from iam_access.sandbox import Sandbox  # noqa: PLC0415
        from iam_access.sandbox.seed import accounts_of  # noqa: PLC0415
    with Sandbox(accounts_of(configuration), template=DEPLOYER_TEMPLATE, clock=clock):
        yield


@contextmanager
def _needs_moto() -> Iterator[None]:
    """Around imports of the sandbox, which a runtime installation does not have."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the sandbox needs {error.name}, which is not installed",
            "pip install --require-hashes -r aws/scripts/requirements-sandbox.txt",
        ) from error


def _load(arguments: argparse.Namespace, now: datetime) -> "Configuration":
    from iam_access.config.load import load  # noqa: PLC0415

    return load(arguments.config_dir, now=now)


def _asked(arguments: argparse.Namespace, configuration: "Configuration") -> frozenset[str] | None:
    """The teams a run is for; None for all there are and all that were."""
    if bool(arguments.teams) == arguments.all:
        raise UsageError(
            "say for whom: either team names or --all",
            f"there are files of {', '.join(sorted(configuration.teams)) or 'no team'}",
        )
    return None if arguments.all else _teams(arguments.teams, configuration)


def _teams(names: Sequence[str], configuration: "Configuration") -> frozenset[str]:
    """The teams of these names, which must have files."""
    for name in names:
        if name not in configuration.teams:
            near = get_close_matches(name, configuration.teams, n=1)
            guess = f"did you mean {near[0]}? " if near else ""
            raise UsageError(
                f"there is no team {name!r} in {configuration.directory}",
                f"{guess}A team whose files are gone is taken care of by --all",
            )
    return frozenset(names)


def _accounts(
    arguments: argparse.Namespace, configuration: "Configuration", request: "Request"
) -> list[Account]:
    """The accounts of the teams and environments a run is about, in order of their ids."""
    wanted = set(arguments.environment)
    known = {
        environment
        for account in configuration.accounts.values()
        for team, environment in account.environments.items()
        if request.concerns(frozenset({team}))
    }
    for environment in sorted(wanted - known):
        if not configuration.invalid:
            raise UsageError(
                f"there is no environment {environment!r}",
                f"there are {', '.join(sorted(known)) or 'none'}",
            )
    return [
        account
        for _, account in sorted(configuration.accounts.items())
        if any(
            request.concerns(frozenset({team})) and (not wanted or environment in wanted)
            for team, environment in account.environments.items()
        )
    ]


def _findings(configuration: "Configuration", teams: frozenset[str] | None) -> tuple[Finding, ...]:
    """What is to be told of the files: of the teams asked for, and of what is nobody's."""
    return tuple(
        finding
        for finding in configuration.findings
        if teams is None or finding.team is None or finding.team in teams
    )
