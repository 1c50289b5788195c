"""The commands behind the scripts: arguments in, a report out, an exit status back.

Each takes its arguments, a clock (now, UTC) and the streams to write to, so that a demo or a
test runs exactly what a user runs. Modules that need an AWS library are imported on use:
checking files needs none of them.
"""

import argparse
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from iam_access.cli import arguments, base_sandbox
from iam_access.cli.runtime import (
    DEPLOYER_TEMPLATE,
    Clock,
    accounts_of,
    concerning,
    findings_of,
    load,
    manager_of,
    run_command,
    teams_named,
    utc_now,
)
from iam_access.errors import UsageError
from iam_access.model import Account, AccountReport, Finding, Report
from iam_access.render import Output, markdown_beside_text, progress, render

if TYPE_CHECKING:
    from iam_access.config.load import Configuration
    from iam_access.plan.revocation import Target
    from iam_access.runs.manager import IamManager, Planner
    from iam_access.sandbox import Profile, SandboxServer
    from iam_access.simulation.whom import Whom


def validate(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`validate.py`: check the files, without AWS."""
    parser = arguments.common("Check the access files. Needs no AWS credentials and no network.")
    parser.add_argument("teams", metavar="TEAM", nargs="*", help="check these teams (default: all)")
    arguments.add_markdown_file(parser)
    arguments.add_base(
        parser,
        "compare with the files at this commit (origin/main), or in this folder: what is wrong "
        "only in something new is an error then",
    )
    return run_command(parser, argv, _validate, clock)


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
        help="carry out a plan even if it takes suspiciously much away",
    )
    parser.add_argument(
        "--allow-removals-of",
        action="append",
        default=[],
        metavar="TEAM",
        help="the same for this team alone (may be repeated)",
    )
    arguments.add_explain(parser, "also say what everybody gains and loses by the plan")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="afterwards read the accounts again and prove that grants are allowed, temporary "
        "ones end, and the access tests hold",
    )
    base_sandbox.add_base(parser)
    arguments.add_markdown_file(parser)
    return run_command(parser, argv, _apply, clock)


def cleanup(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`cleanup.py`: take away temporary access that is dead."""
    parser = arguments.common("Remove temporary access that has ended. What is alive stays.")
    arguments.add_scope(parser, dry_run="read, print what would be removed, and write nothing")
    arguments.add_explain(parser, "also show that nobody loses anything by it")
    arguments.add_markdown_file(parser)
    return run_command(parser, argv, _cleanup, clock)


def revoke(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`revoke.py`: the emergency brake for temporary access."""
    parser = arguments.common(
        "End temporary access at once, in all accounts, judged by what is in them and without "
        "waiting for a merge. Several options mean: where all of them hold."
    )
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument(
        "--user",
        metavar="USER",
        help="of this IAM user: name, e-mail address, path or ARN (then in its account alone)",
    )
    whose.add_argument(
        "--role",
        metavar="ROLE",
        help="of this IAM role: name, path or ARN (then in its account alone)",
    )
    parser.add_argument("--grant", metavar="GRANT", help="to this policy key")
    parser.add_argument("--team", metavar="TEAM", help="granted by this team")
    arguments.add_dry_run(parser, "read, print what would end, and write nothing")
    arguments.add_explain(parser, "also say what everybody loses by it")
    arguments.add_markdown_file(parser)
    return run_command(parser, argv, _revoke, clock)


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
    parser.set_defaults(output=Output.TEXT, markdown_file=None, sandbox=True)
    return run_command(parser, argv, _serve, clock)


def _show(report: Report, options: argparse.Namespace) -> int:
    if options.markdown_file is not None:
        told = markdown_beside_text(report, verbose=options.verbose)
        options.markdown_file.write_text(told, encoding="utf-8")
    complete = options.verbose or options.markdown_file is not None
    render(report, options.output, sys.stdout, verbose=complete)
    return report.exit_status


def _validate(options: argparse.Namespace, clock: Clock) -> int:
    from iam_access.config import suites  # noqa: PLC0415

    now = clock()
    configuration = load(options, now, standing=False)
    teams = teams_named(options.teams, configuration) if options.teams else None
    findings = (
        *findings_of(configuration, teams),
        *suites.of_teams(configuration, teams).findings,
    )
    return _show(Report("validate", now, findings=findings), options)


def _apply(options: argparse.Namespace, clock: Clock) -> int:
    from iam_access.config.suites import of_teams  # noqa: PLC0415
    from iam_access.plan.planner import RunOptions  # noqa: PLC0415

    base_sandbox.check_base(options)
    run = _Run("apply", options, clock, load(options, clock()))
    request = RunOptions(
        teams=_asked(options, run.configuration),
        adopt=options.adopt,
        allow_removals_of=_allowed(options, run.configuration),
    )
    accounts = accounts_of(options, run.configuration, request, run.configuration.accounts)
    if request.teams is None and not options.environment:
        accounts += run.configuration.deserted.values()
    found = of_teams(run.configuration, request.teams) if options.verify else None
    report = run.over(
        accounts,
        request.teams,
        lambda its: its.applying(
            request, explain=options.explain, suites=found.suites if found else None
        ),
    )
    # Assertions that cannot be read cannot hold.
    unread = [each for each in found.findings if each.is_error] if found else []
    return _show(replace(report, findings=(*report.findings, *unread)), options)


def _cleanup(options: argparse.Namespace, clock: Clock) -> int:
    from iam_access.plan.planner import RunOptions  # noqa: PLC0415

    run = _Run("cleanup", options, clock, load(options, clock()))
    request = RunOptions(teams=_asked(options, run.configuration))
    accounts = accounts_of(options, run.configuration, request, run.configuration.known_accounts)
    report = run.over(
        accounts, request.teams, lambda its: its.cleaning(request, explain=options.explain)
    )
    return _show(report, options)


def _revoke(options: argparse.Namespace, clock: Clock) -> int:
    from iam_access.config.emergency import load_for_revoking  # noqa: PLC0415
    from iam_access.config.entries import entries_to_delete, what_hides_access  # noqa: PLC0415
    from iam_access.plan.planner import RunOptions  # noqa: PLC0415
    from iam_access.plan.revocation import nothing_matches  # noqa: PLC0415

    for name in ("user", "role", "grant", "team"):
        # Not the same as leaving it out, which would end more than was asked for.
        if getattr(options, name) == "":
            raise UsageError(f"--{name} is empty", "say whose access is to end, or leave it out")
    if not any((options.user, options.role, options.grant, options.team)):
        raise UsageError(
            "say what to revoke: --user, --role, --grant or --team",
            "several of them mean: where all of them hold",
        )
    configuration, unread = load_for_revoking(options.config_dir)
    run = _Run("revoke", options, clock, configuration)
    whom, target = _target(options, configuration)
    accounts = [
        account
        for account in accounts_of(
            options, configuration, RunOptions(), configuration.known_accounts
        )
        if whom is None or whom.may_be_in(account)
    ]
    report = run.over(
        accounts,
        frozenset({options.team}) if options.team else None,
        lambda its: its.revoking(target, explain=options.explain),
    )
    bringing_back = entries_to_delete(
        run.configuration, target.matches, frozenset(each.id for each in accounts), clock()
    )
    findings = (
        *unread,
        *what_hides_access(run.configuration),
        *bringing_back,
        *nothing_matches(report, target),
    )
    return _show(replace(report, findings=findings), options)


def _target(
    options: argparse.Namespace, configuration: "Configuration"
) -> "tuple[Whom | None, Target]":
    """Who was named, and what of theirs is to end. A name is unique in IAM, whatever the path."""
    from iam_access.cli import principals  # noqa: PLC0415
    from iam_access.plan.revocation import Target  # noqa: PLC0415

    target = Target(grant=options.grant, team=options.team)
    if options.role:
        (whom,) = principals.roles([options.role])
        return whom, replace(target, principal=whom.principal)
    if options.user:
        (whom,) = principals.users([options.user], configuration.settings.user_names)
        return whom, replace(target, principal=whom.principal, other=whom.other)
    return None, target


def _serve(options: argparse.Namespace, clock: Clock) -> int:
    from iam_access.sandbox import SandboxServer  # noqa: PLC0415
    from iam_access.sandbox.seed import accounts_of as seeded  # noqa: PLC0415

    configuration = load(options, clock())
    server = SandboxServer(
        seeded(configuration),
        template=DEPLOYER_TEMPLATE,
        port=options.port,
        clock=clock,
        enforce=True,
    )
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with server, TemporaryDirectory(prefix="self-serve-") as folder:
        profiles = server.profiles()
        print(
            "\n".join(
                _invitation(server, profiles, server.environment_with(profiles, Path(folder)))
            )
        )
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            stop.wait()
    return 0


_SHOWN_PROFILES = 30


def _invitation(
    server: "SandboxServer", profiles: Sequence["Profile"], environment: Mapping[str, str]
) -> Iterator[str]:
    """What to paste into another shell, and as whom commands can be run there."""
    from iam_access.sandbox import UNSET  # noqa: PLC0415

    default, *others = profiles
    shown = [(shlex.quote(each.name), each) for each in others[:_SHOWN_PROFILES]]
    width = max((len(name) for name, _ in shown), default=0)
    yield f"# An AWS of your own at {server.endpoint_url}, until Ctrl-C."
    yield f"# Commands run as the {default.whose}; with `aws --profile NAME` or AWS_PROFILE=NAME as"
    for name, each in shown:
        yield f"#   {name:<{width}}  {each.whose} in {each.account}"
    if len(others) > len(shown):
        yield f"#   and {len(others) - len(shown):,} more: aws configure list-profiles"
    yield "# Users and roles may do what their policies allow at that moment, administrators may do"
    yield "# everything: run as one of them what a hint says, such as `aws iam create-user ...`."
    yield "# Paste this into another shell:"
    spoiling = [name for name in (*UNSET, *sorted(server.environment)) if name not in environment]
    yield f"unset {' '.join(spoiling)}"
    for name, value in sorted(environment.items()):
        yield f"export {name}={shlex.quote(value)}"


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
        found: tuple[Finding, ...] = ()
        if self.configuration.settings_valid and accounts:
            with (
                base_sandbox.aws_with_base(self.options, self.configuration, self.clock) as found,
                progress(
                    len(accounts),
                    self.command,
                    stream=sys.stderr,
                    verbose=self.options.verbose,
                ) as bar,
            ):
                manager = manager_of(self.configuration, teams, self.clock(), bar.advance)
                manager = replace(manager, invented=self.options.sandbox)
                work = manager.preview if self.options.dry_run else manager.carry_out
                reports = work(planner_of(manager), accounts)
        return Report(
            command=self.command,
            now=self.clock(),
            accounts=reports,
            findings=(*findings_of(self.configuration, teams), *concerning(teams, found)),
            digest=digest(report.plan for report in reports if report.plan is not None),
            dry_run=self.options.dry_run,
        )


def _allowed(options: argparse.Namespace, configuration: "Configuration") -> frozenset[str] | None:
    """The teams that may take away however much; None for all of them."""
    if options.allow_removals:
        return None
    if options.all:  # which is also for teams whose files are gone
        return frozenset(options.allow_removals_of)
    return teams_named(options.allow_removals_of, configuration)


def _asked(options: argparse.Namespace, configuration: "Configuration") -> frozenset[str] | None:
    """The teams a run is for; None for all there are and all that were."""
    if bool(options.teams) == options.all:
        raise UsageError(
            "say for whom: either team names or --all",
            f"there are files of {', '.join(sorted(configuration.teams)) or 'no team'}",
        )
    return None if options.all else teams_named(options.teams, configuration)
