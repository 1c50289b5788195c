"""The access files that the options name, and the teams and accounts that a run is for."""

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from iam_access.config import load as config
from iam_access.config import revisions
from iam_access.config.configuration import Configuration
from iam_access.config.duration_starts import Merging
from iam_access.config.load import load_base
from iam_access.errors import UsageError
from iam_access.model import Account, Finding
from iam_access.phrases import listed, nearest

if TYPE_CHECKING:
    from iam_access.plan.planner import RunOptions


def load(
    options: argparse.Namespace, now: datetime, *, preview: bool, standing: bool = True
) -> Configuration:
    """The files that the options name, as of `now` (UTC), compared with those of `--base`.

    `preview`: see `merging_of`; `standing`: see `config.load.load`.
    """
    source, merging = getattr(options, "base", None), merging_of(options, preview=preview)
    if source is None:
        return config.load(options.config_dir, now=now, standing=standing, merging=merging)
    base = load_base(source, options.config_dir, now=now)
    return config.load(options.config_dir, now=now, base=base, merging=merging)


def merging_of(options: argparse.Namespace, *, preview: bool) -> Merging:
    """What the options say of a merge that is still to come.

    What writes to AWS comes after it, and is no `preview`.

    Raises UsageError for a commit to merge into where none is possible, or that is not there.
    """
    name: str | None = getattr(options, "merge_into", None)
    if name is not None and not preview:
        raise UsageError(
            "--merge-into works only with --dry-run or --sandbox: what is applied is merged",
            "add one of them, or leave --merge-into out",
        )
    into = revisions.find(name, options.config_dir) if name is not None else None
    if name is not None and into is None:
        raise UsageError(
            f"--merge-into: {name!r} is no commit that git knows",
            "name the newest commit of the branch, such as origin/main (fetch it first)",
        )
    return Merging(preview, into)


def teams_named(
    names: Sequence[str], configuration: Configuration, *, has_all: bool = False
) -> frozenset[str]:
    """The teams of these names. Raises UsageError for one that has no files.

    `has_all` is whether the command takes `--all` in their place.
    """
    for name in names:
        if name not in configuration.teams:
            stem = _stem(name)
            near = stem if stem in configuration.teams else nearest(stem, configuration.teams)
            there = f"there are {listed(configuration.teams) or 'none'}"
            gone = "--all includes teams whose files are gone"
            guess = f"did you mean {near}?" if near else "" if has_all else there
            is_path = "; this is a path, and a team is named without folder and ending"
            why = is_path if stem != name else ""
            raise UsageError(
                f"there is no team {name!r} in {configuration.directory}{why}",
                " ".join(filter(None, (guess, gone if has_all else ""))),
            )
    return frozenset(names)


def _stem(name: str) -> str:
    """The team that a path of a file would be of; a name that is no path as it is."""
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    return re.sub(r"\.ya?ml$", "", last, flags=re.IGNORECASE) or name


def accounts_of(
    options: argparse.Namespace,
    configuration: Configuration,
    request: "RunOptions",
    accounts: Mapping[str, Account],
) -> list[Account]:
    """Those of the accounts that the run is for, in order of their ids.

    Raises UsageError for an environment that none of the run's teams has.
    """
    wanted = set(options.environment)
    known = {
        environment
        for account in (*configuration.known_accounts.values(), *configuration.departures.values())
        for team, environment in account.environments.items()
        if request.concerns(frozenset({team}))
    }
    unknown = sorted(wanted - known)
    # A team of this run whose files cannot be read may have it; that is an error of its own.
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


def findings_of(configuration: Configuration, teams: frozenset[str] | None) -> tuple[Finding, ...]:
    """The findings in the files of these teams (None: all), and those about no team."""
    return concerning(teams, configuration.findings)


def concerning(teams: frozenset[str] | None, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings about these teams (None: all), and those about no team."""
    return tuple(
        finding
        for finding in findings
        if teams is None or finding.team is None or finding.team in teams
    )
