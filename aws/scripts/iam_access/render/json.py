"""A report as one JSON document, for programs."""

from typing import Any

from iam_access.errors import AccessError
from iam_access.model import ChangeType, Report
from iam_access.render import meaning_json, timeline, view
from iam_access.render.json_parts import (
    dump,
    failure_object,
    finding_object,
    instant,
    place_object,
)
from iam_access.render.timeline import Row
from iam_access.render.view import AccountView, ChangeView, Fate

_UNFINISHED = 2


def render(report: Report) -> str:
    """The document and a line end. All ASCII; nothing in it depends on chance."""
    accounts = view.accounts(report)
    return dump(
        {
            "digest": report.digest,
            "command": report.command,
            "dry_run": report.dry_run,
            "status": report.exit_status,
            "changes": [_change(step, account) for account in accounts for step in account.steps],
            "meaning": meaning_json.objects(report),
            "meaning_if_allowed": meaning_json.held(report),
            "timeline": [_row(each, report) for each in timeline.rows(report)],
            "findings": [finding_object(each) for each in view.findings(report)],
            "accounts": [_account(each) for each in accounts],
            "verified": _verified(report),
        }
    )


def render_error(error: AccessError) -> str:
    """The document of a run that could not begin."""
    return dump(
        {
            "digest": None,
            "status": _UNFINISHED,
            "error": {"code": error.code, "message": error.message, "hint": error.hint},
            "changes": [],
            "meaning": None,
            "meaning_if_allowed": None,
            "timeline": [],
            "findings": [],
            "accounts": [],
            "verified": None,
        }
    )


def _change(step: ChangeView, account: AccountView) -> dict[str, Any]:
    change = step.change
    subject = change.subject
    return {
        "account": account.account.id,
        "environment": view.environment(account.account, step.teams),
        "team": step.teams[0] if step.teams else None,
        "teams": list(step.teams),
        "kind": change.id.kind,
        "action": change.action.value,
        "name": change.name,
        "principal": str(change.principal) if change.principal else None,
        "reason": change.reason,
        "expires": instant(subject.expires),
        "usage": list(change.after.usage) if change.after else [],
        **place_object(change.location),
        "outcome": step.fate.value,
        "error": failure_object(step.failure),
    }


def _row(row: Row, report: Report) -> dict[str, Any]:
    """Temporary access; `seconds_left` is negative for how long ago it ended."""
    status = row.status
    left = (row.end - report.now).total_seconds() if row.end else None
    return {
        "account": row.account.id,
        "environment": view.environment(row.account, row.teams),
        "principal": str(status.principal) if status.principal else None,
        "team": row.teams[0] if row.teams else None,
        "teams": list(row.teams),
        "grant": status.grant,
        "kinds": dict(status.kinds),
        "starts": instant(status.starts),
        "expires": instant(row.end),
        "seconds_left": None if left is None else int(left),
        "state": row.change.value,
        "outcome": row.fate.value if row.fate else None,
        "error": failure_object(row.failure),
    }


def _verified(report: Report) -> list[dict[str, Any]] | None:
    """How many grants were proven in each account after the run; None if nobody asked.

    The findings tell what was not, and why.
    """
    found = [
        {
            "account": each.account.id,
            "grants": each.verified.grants,
            "alive": each.verified.alive,
            "temporary": each.verified.temporary,
            "ending": each.verified.ending,
        }
        for each in report.accounts
        if each.verified is not None
    ]
    return found or None


def _account(account: AccountView) -> dict[str, Any]:
    return {
        "account": account.account.id,
        "environment": account.account.label,
        "refused": account.refused,
        "failure": failure_object(account.failure),
        "owned": account.owned,
        **{action.value: account.actions(action) for action in ChangeType},
        **{fate.value: account.fates(fate) for fate in Fate},
    }
