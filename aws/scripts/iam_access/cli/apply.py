"""`apply.py`: make the accounts what the access files ask for."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from iam_access.cli import merged_run, output_files, result_pages
from iam_access.cli.account_run import AccountRun, teams_of_run
from iam_access.cli.files import accounts_of, load, merging_of, teams_named
from iam_access.cli.job import say
from iam_access.cli.merged_run import MergedRun
from iam_access.cli.notifying import notify_of_report
from iam_access.cli.report import show
from iam_access.cli.runtime import Clock
from iam_access.config import left_accounts
from iam_access.config.configuration import Configuration
from iam_access.config.load import load_base, load_standing
from iam_access.config.rules.intended_removals import allowed_teams
from iam_access.config.suites import of_teams
from iam_access.errors import UsageError
from iam_access.model import Account, Finding, Report, Severity
from iam_access.phrases import shown
from iam_access.plan import plan_file
from iam_access.plan.plan_file import AccountPlan, PlanFile, PlanFileError, PlannedRun, account_plan
from iam_access.plan.planner import RunOptions
from iam_access.runs.planning import applying
from iam_access.runs.team_reports import failed

# The options that a plan file takes the place of, and their names on the command line.
_SCOPE = {
    "teams": "TEAM",
    "all": "--all",
    "environment": "--environment",
    "adopt": "--adopt",
    "allow_removals": "--allow-removals",
    "allow_removals_of": "--allow-removals-of",
    "plan_file": "--plan-file",
}
_ALL = "--all"
_ANOTHER = "name another file with --plan-file"
# Of a message in a plan file.
_LONGEST = 500


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Plan, and unless it is a dry run apply; return the exit status."""
    _check_options(options)
    merged = None if options.merges is None else merged_run.read(options.merges)
    if merged is not None:
        options = _merged_options(options, merged)
    reviewed = None if options.from_plan is None else _read(options.from_plan)
    if reviewed is not None:
        options = _planned_options(options, reviewed)
    run = AccountRun("apply", options, clock, _files(options, clock()))
    with _scope_of(options):
        request = RunOptions(
            teams=teams_of_run(options, run.configuration),
            adopt=options.adopt,
            allow_removals_of=_allowed(options, run.configuration, merged, clock()),
        )
        accounts = _accounts(options, run.configuration, request)
    report = _applied(run, request, accounts, reviewed, merged)
    if options.plan_file is not None and run.configuration.settings_valid:
        _write(report, request, options)
    status = show(report, options)
    if merged is not None:
        status = _finished(report, options, merged, request.teams, run.configuration)
    if not (options.dry_run or options.sandbox):
        settings = run.configuration.settings.notifications
        notify_of_report(settings, report, is_failed=status != 0)
    return status


def _applied(
    run: AccountRun,
    request: RunOptions,
    accounts: list[Account],
    reviewed: PlanFile | None,
    merged: MergedRun | None,
) -> Report:
    """The report of the run, unless its plan has another digest than is expected."""
    left_out: tuple[Finding, ...] = ()
    plans = None if reviewed is None else {each.account.id: each for each in reviewed.accounts}
    if plans is not None:
        accounts, left_out = _in_plan(accounts, plans)
    settings = run.configuration.settings
    tests = of_teams(run.configuration, request.teams) if run.options.verify else None

    def over(run: AccountRun, plans: Mapping[str, AccountPlan] | None) -> Report:
        return run.over(
            accounts,
            request.teams,
            lambda now: applying(
                run.configuration,
                request,
                now,
                reviewed=plans,
                expected=lambda at: merged.expectation(at, settings) if merged else None,
            ),
            suites=tests.suites if tests else None,
        )

    digest = run.options.expect_digest
    if digest:
        planned = over(replace(run, options=_with(run.options, dry_run=True)), plans)
        if planned.digest != digest or run.options.dry_run:
            differs = () if planned.digest == digest else (_another_digest(planned, digest),)
            return replace(
                planned,
                dry_run=run.options.dry_run,
                findings=(*planned.findings, *left_out, *differs),
            )
        plans = {each.account.id: account_plan(each) for each in planned.accounts}
        accounts, left_out = _in_plan(accounts, plans)
    report = over(run, plans)
    if reviewed is not None:
        report = replace(report, digest=reviewed.digest)
    # Assertions that cannot be read cannot hold.
    unread = [each for each in tests.findings if each.is_error] if tests else []
    left = () if run.options.sandbox else tuple(_told_of_left(run, report, request, merged))
    return replace(report, findings=(*report.findings, *left, *left_out, *unread))


def _another_digest(planned: Report, expected: str) -> Finding:
    return Finding(
        code="plan-moved",
        severity=Severity.ERROR,
        message=f"the digest of what would be done now is {planned.digest}, and "
        f"{shown(expected)} is expected, so nothing is done",
        hint="look at this plan, and run again with its digest if it is what is intended",
    )


def _finished(
    report: Report,
    options: argparse.Namespace,
    merged: MergedRun,
    teams: frozenset[str] | None,
    configuration: Configuration,
) -> int:
    """Write the results of merges; return the exit status.

    The failure of a team that an open issue reports already does not fail the run of other teams.
    """
    is_done = any(each.outcomes for each in report.accounts)
    is_other = bool(options.expect_digest) and report.digest != options.expect_digest
    # Where an account moves between the comparison of digests and its change, others are changed.
    if options.dry_run or (is_other and not is_done):
        if options.results is not None:
            result_pages.write_nothing(options.results)
        return report.exit_status
    left = configuration.departures
    had = frozenset(team for each in left.values() for team in each.environments)
    every = frozenset(configuration.teams) | merged.waiting.keys() | had
    asked = every if teams is None else teams
    found = failed(report, asked, left)
    if options.results is not None:
        result_pages.write(options.results, merged, report, found, teams, left)
    is_known = found.teams and found.teams <= merged.known
    if not report.exit_status or not is_known or found.others or merged.by_hand:
        return report.exit_status
    names = ", ".join(sorted(found.teams))
    say(f"warning: not applied: {names}; as an open issue says already", is_error=True)
    return 0


def _merged_options(options: argparse.Namespace, merged: MergedRun) -> argparse.Namespace:
    """The options with what was merged. Raises UsageError where that contradicts them."""
    for name, written in {**_SCOPE, "from_plan": "--from-plan", "base": "--applied"}.items():
        if getattr(options, name):
            raise UsageError(
                f"{written} and --merges exclude each other", "merges.py finds what is applied"
            )
    scope = {
        "teams": [each for each in merged.arguments if each != _ALL],
        "all": _ALL in merged.arguments,
        "allow_removals_of": list(merged.allow_removals_of),
        "base": merged.before,
        "expect_digest": merged.expect_digest or options.expect_digest,
        "dry_run": merged.dry_run or options.dry_run,
    }
    return _with(options, **scope)


def _with(options: argparse.Namespace, **changed: object) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(options), **changed})


def _files(options: argparse.Namespace, now: datetime) -> Configuration:
    """The files that the options name, with those that were applied last as their base.

    Only where a change is judged, in a sandbox, are they also checked against these.
    """
    if options.sandbox:
        return load(options, now, preview=True)
    merging = merging_of(options, preview=options.dry_run)
    return load_standing(options.config_dir, options.base, now=now, merging=merging)


def _told_of_left(
    run: AccountRun, report: Report, request: RunOptions, merged: MergedRun | None
) -> Iterator[Finding]:
    """What becomes of the accounts that left the files."""
    configuration = run.configuration
    if merged is not None and merged.lost is not None:
        yield left_accounts.rewritten(merged.lost)
    if configuration.base is None:
        yield from left_accounts.unknown(configuration, request.teams)
    yield from left_accounts.results(configuration, report.accounts)


def _accounts(
    options: argparse.Namespace, configuration: Configuration, request: RunOptions
) -> list[Account]:
    """The accounts of the run's teams, and those in which these have to be taken away.

    Raises UsageError for an environment that none of the teams has or had.
    """
    named = accounts_of(options, configuration, request, configuration.accounts)
    found = {account.id: account for account in named}
    if request.teams is None and not options.environment:
        found |= configuration.deserted
    for account in accounts_of(options, configuration, request, configuration.departures):
        without = replace(account, environments={})
        today = {**configuration.deserted, **configuration.accounts}.get(account.id, without)
        found.setdefault(account.id, today)
    return [account for _, account in sorted(found.items())]


def _allowed(
    options: argparse.Namespace,
    configuration: Configuration,
    merged: MergedRun | None,
    now: datetime,
) -> frozenset[str] | None:
    """The teams whose removals have no limit; None for all teams."""
    if options.allow_removals:
        return None
    intended = _intended(options, configuration, merged, now)
    if options.all:  # which includes teams whose files are gone
        return intended.union(options.allow_removals_of)
    return intended | teams_named(options.allow_removals_of, configuration, has_all=True)


def _intended(
    options: argparse.Namespace,
    configuration: Configuration,
    merged: MergedRun | None,
    now: datetime,
) -> frozenset[str]:
    """The teams whose removals are called intended by the change that the run applies.

    The base of a run for merges is the oldest commit that some team waits for. What an earlier run
    has applied since then holds for the teams alone that still wait.
    """
    found = allowed_teams(configuration)
    if merged is None or found <= merged.waiting.keys():
        return found
    new = next((each.commit for each in merged.merges if each.is_new), None)
    base = None if new is None else load_base(f"{new}^1", options.config_dir, now=now)
    return found.intersection(merged.waiting) | allowed_teams(replace(configuration, base=base))


def _check_options(options: argparse.Namespace) -> None:
    """Raise UsageError for options about plan files that contradict others.

    Empties the file of `--plan-file`: a dry run that fails leaves no earlier plan there.
    """
    if options.read_only and not options.dry_run:
        raise UsageError("--read-only works only with --dry-run", "add --dry-run")
    if options.results is not None and options.merges is None:
        raise UsageError("--results works only with --merges", "add --merges, or leave it out")
    if options.plan_file is not None and not options.dry_run:
        raise UsageError("--plan-file works only with --dry-run", "add --dry-run")
    for name, written in _SCOPE.items() if options.from_plan is not None else ():
        if getattr(options, name):
            raise UsageError(
                f"{written} and --from-plan exclude each other",
                "the plan file holds which teams, environments and options it is for",
            )
    if options.plan_file is not None:
        output_files.write(options.plan_file, "", _ANOTHER)


def _planned_options(options: argparse.Namespace, plan: PlanFile) -> argparse.Namespace:
    """The options with those of the run that was planned. Raises PlanFileError."""
    run = plan.run
    if run.sandbox != options.sandbox:
        where = "in a sandbox" if run.sandbox else "of accounts of AWS"
        raise PlanFileError(
            f"{options.from_plan}: this plan was made {where}",
            f"run it {'with' if run.sandbox else 'without'} --sandbox",
        )
    scope = {
        "teams": sorted(run.teams or ()),
        "all": run.teams is None,
        "environment": sorted(run.environments),
        "adopt": run.adopt,
        "allow_removals": run.allow_removals_of is None,
        "allow_removals_of": sorted(run.allow_removals_of or ()),
    }
    return _with(options, **scope)


@contextmanager
def _scope_of(options: argparse.Namespace) -> Iterator[None]:
    """Where teams and environments are looked up: with a plan file, it is what names them.

    Raises PlanFileError in the place of UsageError then.
    """
    try:
        yield
    except UsageError as error:
        if options.from_plan is None:
            raise
        raise PlanFileError(f"{options.from_plan}: {error.message[:_LONGEST]}") from error


def _read(path: Path) -> PlanFile:
    """The plan in a file. Raises PlanFileError."""
    try:
        if not path.is_file():
            raise PlanFileError(f"{path} is not a file", "name a file that --plan-file has written")
        if path.stat().st_size > plan_file.LARGEST_FILE:
            raise PlanFileError(f"{path} has more than {plan_file.LARGEST_FILE:,} bytes")
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise PlanFileError(f"{path} is not a plan file: it is not UTF-8") from error
    except OSError as error:
        raise PlanFileError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return plan_file.read(text)
    except PlanFileError as error:
        raise PlanFileError(f"{path}: {error.message}", error.hint) from error


def _write(report: Report, request: RunOptions, options: argparse.Namespace) -> None:
    """Write what a dry run planned into the file that `--plan-file` names."""
    run = PlannedRun(
        teams=request.teams,
        environments=frozenset(options.environment),
        adopt=request.adopt,
        allow_removals_of=request.allow_removals_of,
        sandbox=options.sandbox,
    )
    plan = plan_file.plan_file(report.now, run, report.accounts)
    output_files.write(options.plan_file, plan_file.write(plan), _ANOTHER)


def _in_plan(
    accounts: Sequence[Account], reviewed: Mapping[str, AccountPlan]
) -> tuple[list[Account], tuple[Finding, ...]]:
    """The accounts of a run that a plan file has a plan of, and findings about all others."""
    planned = [a for a in accounts if a.id in reviewed and reviewed[a.id].failure is None]
    return planned, tuple(_left_out({account.id for account in accounts}, reviewed))


def _left_out(run: set[str], reviewed: Mapping[str, AccountPlan]) -> Iterator[Finding]:
    for id_ in sorted(run | reviewed.keys()):
        plan = reviewed.get(id_)
        if plan is None:
            yield _not_in_plan(id_, f"account {id_} is not in the plan file")
        elif id_ not in run:
            yield _not_in_plan(
                id_, f"account {id_} is in the plan file, but not among the accounts of this run"
            )
        elif plan.failure is not None:
            yield _not_in_plan(
                id_,
                f"account {id_} could not be read when the plan file was written: "
                f"{plan.failure.message[:_LONGEST]}",
            )


def _not_in_plan(account: str, message: str) -> Finding:
    return Finding(
        code="not-in-plan",
        severity=Severity.ERROR,
        message=message,
        hint="nothing is read or written there; make a new plan with --dry-run --plan-file "
        "FILE, and have it reviewed",
        account=account,
    )
