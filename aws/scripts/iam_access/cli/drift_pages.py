"""The file with a page on each account, from which `drift_issues.py` makes issues."""

import json
from dataclasses import replace
from pathlib import Path

from iam_access.cli import output_files
from iam_access.config.configuration import Configuration
from iam_access.model import AccountReport, Report
from iam_access.render import markdown_beside_text


def write(file: Path, report: Report, configuration: Configuration, *, whole: bool) -> None:
    """Write a page of Markdown for each account with drift, by id.

    `looked_at` are the accounts that are known to have none, and `named` all that some file names;
    these are only known after a run that was for the `whole` of all teams and environments.
    Raises CannotWriteError.
    """
    pages = {
        account.account.id: {"title": account.account.title, "page": _page(report, account)}
        for account in report.accounts
        if has_drift(account)
    }
    base = configuration.base
    doubted_all = any(each.is_error and not each.team for each in configuration.findings)
    whole = whole and not doubted_all and (base is None or base.settings_valid)
    known = {**configuration.departures, **configuration.known_accounts}
    doubted = _teams_not_judged(configuration)
    clean = (
        each.account.id
        for each in report.accounts
        if not each.unfinished and doubted.isdisjoint(known[each.account.id].environments)
    )
    content = {
        "pages": pages,
        "looked_at": sorted({*clean} - pages.keys()) if whole else [],
        "named": sorted(known) if whole else None,
    }
    output_files.write(file, json.dumps(content, indent=1) + "\n", "name another --issues-file")


def _teams_not_judged(configuration: Configuration) -> frozenset[str]:
    """The teams whose files cannot be read, or could not when they were applied last."""
    base = configuration.base
    return configuration.invalid | (base.invalid if base is not None else frozenset())


def has_drift(account: AccountReport) -> bool:
    """Whether something in an account differs, or was put right by this run."""
    return account.plan is not None and any(each.is_error for each in account.plan.findings)


def _page(report: Report, account: AccountReport) -> str:
    """The report on one account; what the files of all teams have is left out."""
    return markdown_beside_text(replace(report, accounts=(account,), findings=()))
