"""A report as one JSON document."""

from collections.abc import Callable, Sequence
from typing import Any

from iam_access.errors import AccessError
from iam_access.model import (
    Account,
    AccountReport,
    ChangeType,
    Escalation,
    Meaning,
    PermissionDelta,
    Report,
)
from iam_access.render.json.objects import (
    dump,
    failure_object,
    finding_object,
    place_object,
    utc_text,
)
from iam_access.render.json.requests import request_objects
from iam_access.render.view import summary, timeline
from iam_access.render.view.changes import (
    AccountView,
    ChangeStatus,
    ChangeView,
    account_views,
    environment_of,
)
from iam_access.render.view.timeline import Row

_UNFINISHED = 2


def render(report: Report) -> str:
    """The document and a line end. All ASCII; nothing in it depends on chance."""
    accounts = account_views(report)
    return dump(
        {
            "digest": report.digest,
            "command": report.command,
            "dry_run": report.dry_run,
            "sandbox": report.sandbox,
            "status": report.exit_status,
            "requests": request_objects(report),
            "changes": [_change(step, account) for account in accounts for step in account.changes],
            "meaning": _meanings(report, lambda each: each.meanings or ()),
            "meaning_if_allowed": _meanings(report, lambda each: each.held_meanings),
            "timeline": [_grant(each, report) for each in timeline.rows(report)],
            "findings": [finding_object(each) for each in summary.findings(report)],
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
            "requests": [],
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
        "environment": environment_of(account.account, step.teams),
        "team": step.teams[0] if step.teams else None,
        "teams": list(step.teams),
        "kind": change.id.kind,
        "action": change.action.value,
        "name": change.name,
        "principal": str(change.principal) if change.principal else None,
        "reason": change.reason,
        "ticket": step.why.ticket,
        "description": step.why.description,
        "called_in": sorted({call.account for call in change.calls}),
        "expires": utc_text(subject.expires),
        "usage": list(change.after.usage) if change.after else [],
        **place_object(change.location),
        "outcome": step.status.value,
        "error": failure_object(step.failure),
    }


def _grant(row: Row, report: Report) -> dict[str, Any]:
    """Temporary access; `seconds_left` is negative for how long ago it ended."""
    grant = row.grant
    left = (row.end - report.now).total_seconds() if row.end else None
    return {
        "account": row.account.id,
        "environment": environment_of(row.account, row.teams),
        "principal": str(grant.principal) if grant.principal else None,
        "team": row.teams[0] if row.teams else None,
        "teams": list(row.teams),
        "grant": grant.grant,
        "kinds": dict(grant.kinds),
        "starts": utc_text(grant.starts),
        "expires": utc_text(row.end),
        "seconds_left": None if left is None else int(left),
        "state": row.change.value,
        "outcome": row.status.value if row.status else None,
        "error": failure_object(row.failure),
    }


def _verified(report: Report) -> list[dict[str, Any]] | None:
    """How many grants were proven in each account after the run; None without a proof.

    The findings say what was not, and why.
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
        **{action.value: account.count_of(action) for action in ChangeType},
        **{status.value: account.count_with(status) for status in ChangeStatus},
    }


def _meanings(
    report: Report, meanings_of: Callable[[AccountReport], Sequence[Meaning]]
) -> list[dict[str, Any]] | None:
    """One object for each principal that the plan touches; None where it was not asked."""
    asked = [each for each in report.accounts if each.meanings is not None]
    if not asked:
        return None
    return [
        _meaning(meaning, each.account)
        for each in sorted(asked, key=lambda each: (each.account.label, each.account.id))
        for meaning in meanings_of(each)
    ]


def _meaning(meaning: Meaning, account: Account) -> dict[str, Any]:
    return {
        "account": account.id,
        "environment": account.label,
        "principal": str(meaning.principal),
        "new_access": bool(meaning.gains),
        "gained": dict(meaning.gained),
        "lost": dict(meaning.lost),
        "gains": [_difference(each) for each in meaning.gains],
        "losses": [_difference(each) for each in meaning.losses],
        "escalations": [_escalation(each) for each in meaning.escalations],
        "unread": list(meaning.unread),
        "known": meaning.is_known,
        "denied": [_difference(each) for each in meaning.denied],
        "freed": [_difference(each) for each in meaning.freed],
    }


def _difference(difference: PermissionDelta) -> dict[str, Any]:
    return {
        "level": difference.level,
        "count": difference.count,
        "actions": list(difference.actions),
        "resources": list(difference.resources),
        "conditions": list(difference.conditions),
        "unless": list(difference.unless),
        "common": list(difference.common),
        "starts": utc_text(difference.starts),
        "until": utc_text(difference.until),
        "via": difference.via,
    }


def _escalation(escalation: Escalation) -> dict[str, Any]:
    return {
        "code": escalation.code,
        "explanation": escalation.explanation,
        "url": escalation.url,
        "actions": list(escalation.actions),
    }
