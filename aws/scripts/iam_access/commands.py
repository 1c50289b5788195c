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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from iam_access import arguments
from iam_access.errors import AccessError, UsageError
from iam_access.model import Account, AccountReport, Finding, Report
from iam_access.render import Output, progress, render, render_error

if TYPE_CHECKING:
    from iam_access.config.load import Configuration
    from iam_access.manager import IamManager, Planner
    from iam_access.plan.planner import Request

Clock = Callable[[], datetime]

DEPLOYER_TEMPLATE = arguments.AWS_FOLDER / "bootstrap" / "deployer-role.yaml"

UNFINISHED = 2


def utc_now() -> datetime:
    """The current time; the only clock there is."""
    return datetime.now(UTC)


def validate(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`validate.py`: check the files, without AWS."""
    parser = arguments.common("Check the access files. Needs no AWS credentials and no network.")
    parser.add_argument("teams", metavar="TEAM", nargs="*", help="check these teams (default: all)")
    return _run(parser, argv, _validate, clock)


def apply(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`apply.py`: make the accounts what the files say."""
    parser = arguments.common("Make the AWS accounts what the access files say.")
    arguments.add_scope(parser, dry_run="read, print the plan, and write nothing")
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
    parser = arguments.common("Remove temporary access that has ended. What is alive stays.")
    arguments.add_scope(parser, dry_run="read, print what would be removed, and write nothing")
    return _run(parser, argv, _cleanup, clock)


def revoke(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`revoke.py`: the emergency brake for temporary access."""
    parser = arguments.common(
        "End temporary access at once, in all accounts, judged by what is in them and without "
        "waiting for a merge. Several options mean: where all of them hold."
    )
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--user", metavar="USER", help="of this IAM user or e-mail address")
    whose.add_argument("--role", metavar="ROLE", help="of this IAM role")
    parser.add_argument("--grant", metavar="GRANT", help="to this policy key")
    parser.add_argument("--team", metavar="TEAM", help="granted by this team")
    arguments.add_dry_run(parser, "read, print what would end, and write nothing")
    return _run(parser, argv, _revoke, clock)


def sandbox(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`sandbox.py`: serve an AWS made from the files on loopback until told to stop."""
    parser = argparse.ArgumentParser(
        description="Serve an AWS of your own on 127.0.0.1, with the accounts, users and roles "
        "that the access files name. It forgets everything when it stops.",
        allow_abbrev=False,
    )
    arguments.add_config_dir(parser)
    parser.add_argument(
        "--port", type=int, default=5000, metavar="N", help="0 takes a free one (default: 5000)"
    )
    parser.set_defaults(output=Output.TEXT)
    return _run(parser, argv, _serve, clock)


def _run(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    command: Callable[[argparse.Namespace, Clock], int],
    clock: Clock,
) -> int:
    """Parse and run; every way to end has its exit status."""
    options = parser.parse_args(argv)
    try:
        return command(options, clock)
    except AccessError as error:
        render_error(error, options.output, sys.stdout)
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


def _show(report: Report, options: argparse.Namespace) -> int:
    render(report, options.output, sys.stdout, verbose=options.verbose)
    return report.exit_status


def _validate(options: argparse.Namespace, clock: Clock) -> int:
    now = clock()
    configuration = _load(options, now)
    teams = _teams(options.teams, configuration) if options.teams else None
    return _show(Report("validate", now, findings=_findings(configuration, teams)), options)


def _apply(options: argparse.Namespace, clock: Clock) -> int:
    from iam_access.plan.planner import Request  # noqa: PLC0415

    run = _Run("apply", options, clock, _load(options, clock()))
    request = Request(
        teams=_asked(options, run.configuration),
        adopt=options.adopt,
        allow_removals=options.allow_removals,
    )
    accounts = _accounts(run, request, run.configuration.accounts)
    report = run.over(accounts, request.teams, lambda its: its.applying(request))
    return _show(report, options)


def _cleanup(options: argparse.Namespace, clock: Clock) -> int:
    from iam_access.plan.planner import Request  # noqa: PLC0415

    run = _Run("cleanup", options, clock, _load(options, clock()))
    request = Request(teams=_asked(options, run.configuration))
    accounts = _accounts(run, request, run.configuration.known_accounts)
    report = run.over(accounts, request.teams, lambda its: its.cleaning(request))
    return _show(report, options)


def _revoke(options: argparse.Namespace, clock: Clock) -> int:
    from iam_access.config.entries import entries_to_delete  # noqa: PLC0415
    from iam_access.kinds import fields  # noqa: PLC0415
    from iam_access.plan.planner import Request  # noqa: PLC0415
    from iam_access.plan.revocation import Target, nothing_matches  # noqa: PLC0415

    principal = (
        fields.user(options.user)
        if options.user
        else fields.role(options.role)
        if options.role
        else None
    )
    target = Target(principal, options.grant, options.team)
    if target == Target():
        raise UsageError(
            "say what to revoke: --user, --role, --grant or --team",
            "several of them mean: where all of them hold",
        )
    run = _Run("revoke", options, clock, _load(options, clock()))
    accounts = _accounts(run, Request(), run.configuration.known_accounts)
    report = run.over(
        accounts,
        frozenset({options.team}) if options.team else None,
        lambda its: its.revoking(target),
    )
    bringing_back = entries_to_delete(
        run.configuration, target.matches, frozenset(options.environment), clock()
    )
    findings = (*bringing_back, *nothing_matches(report, target))
    return _show(replace(report, findings=findings), options)


def _serve(options: argparse.Namespace, clock: Clock) -> int:
    configuration = _load(options, clock())
    with _needs_moto():
        from iam_access.sandbox import UNSET, SandboxServer  # noqa: PLC0415
        from iam_access.sandbox.seed import accounts_of  # noqa: PLC0415
    server = SandboxServer(
        accounts_of(configuration),
        template=DEPLOYER_TEMPLATE,
        port=options.port,
        clock=clock,
        enforce=True,
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


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a command over accounts."""

    command: str
    options: argparse.Namespace
    clock: Clock
    configuration: "Configuration"

    def over(
        self,
        accounts: Sequence[Account],
        teams: frozenset[str] | None,
        planner_of: Callable[["IamManager"], "Planner"],
    ) -> Report:
        """Plan, and unless it is a dry run carry out, in each of the accounts."""
        from iam_access.plan.digest import digest  # noqa: PLC0415

        reports: tuple[AccountReport, ...] = ()
        if self.configuration.settings_valid and accounts:
            with (
                _aws(self.options, self.configuration, self.clock),
                progress(
                    len(accounts),
                    self.command,
                    stream=sys.stderr,
                    verbose=self.options.verbose,
                ) as bar,
            ):
                manager = _manager(self.configuration, teams, self.clock(), bar.advance)
                work = manager.preview if self.options.dry_run else manager.carry_out
                reports = work(planner_of(manager), accounts)
        return Report(
            command=self.command,
            now=self.clock(),
            accounts=reports,
            findings=_findings(self.configuration, teams),
            digest=digest(report.plan for report in reports if report.plan is not None),
            dry_run=self.options.dry_run,
        )


def _manager(
    configuration: "Configuration",
    teams: frozenset[str] | None,
    now: datetime,
    advance: Callable[[str], None],
) -> "IamManager":
    from iam_access.cloud.parallel import DEFAULT_WORKERS  # noqa: PLC0415
    from iam_access.cloud.session_name import session_name  # noqa: PLC0415
    from iam_access.cloud.sessions import Accounts  # noqa: PLC0415
    from iam_access.manager import IamManager  # noqa: PLC0415

    name = session_name(teams or ["all"], os.environ)
    return IamManager(
        configuration,
        Accounts(name, workers=DEFAULT_WORKERS),
        now,
        watch=lambda account: advance(f"{account.label} ({account.id})"),
    )


@contextmanager
def _aws(
    options: argparse.Namespace, configuration: "Configuration", clock: Clock
) -> Iterator[None]:
    """The AWS to work with: whatever boto3 finds, or a sandbox made from the files."""
    if not options.sandbox:
        yield
        return
    with _needs_moto():
        from iam_access.sandbox import Sandbox  # noqa: PLC0415
        from iam_access.sandbox.seed import accounts_of  # noqa: PLC0415
    with Sandbox(accounts_of(configuration), template=DEPLOYER_TEMPLATE, clock=clock, enforce=True):
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


def _load(options: argparse.Namespace, now: datetime) -> "Configuration":
    from iam_access.config.load import load  # noqa: PLC0415

    return load(options.config_dir, now=now)


def _asked(options: argparse.Namespace, configuration: "Configuration") -> frozenset[str] | None:
    """The teams a run is for; None for all there are and all that were."""
    if bool(options.teams) == options.all:
        raise UsageError(
            "say for whom: either team names or --all",
            f"there are files of {', '.join(sorted(configuration.teams)) or 'no team'}",
        )
    return None if options.all else _teams(options.teams, configuration)


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


def _accounts(run: _Run, request: "Request", accounts: Mapping[str, Account]) -> list[Account]:
    """Those of the accounts that the run's teams and environments mean, in order of their ids."""
    wanted = set(run.options.environment)
    known = {
        environment
        for account in accounts.values()
        for team, environment in account.environments.items()
        if request.concerns(frozenset({team}))
    }
    unknown = sorted(wanted - known)
    # An environment may be that of a team whose files are invalid; those say so themselves.
    if unknown and not run.configuration.invalid:
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


def _findings(configuration: "Configuration", teams: frozenset[str] | None) -> tuple[Finding, ...]:
    """What is to be told of the files: of the teams asked for, and of what is nobody's."""
    return tuple(
        finding
        for finding in configuration.findings
        if teams is None or finding.team is None or finding.team in teams
    )
