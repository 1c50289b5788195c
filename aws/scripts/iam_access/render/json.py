"""A report as one JSON document, for programs."""

import json
from datetime import UTC, datetime
from typing import Any

from iam_access.errors import AccessError
from iam_access.model import Action, Failure, Finding, Location, Report
from iam_access.render import meaning_json, timeline, view
from iam_access.render.timeline import Row
from iam_access.render.view import AccountView, Fate, Step

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
            "timeline": [_row(each, report) for each in timeline.rows(report)],
            "findings": [finding_object(each) for each in view.findings(report)],
            "accounts": [_account(each) for each in accounts],
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
            "timeline": [],
            "findings": [],
            "accounts": [],
        }
    )


def dump(document: dict[str, Any]) -> str:
    """ASCII, so that no console's encoding and no invisible character matters.

    `##[` begins a command in a GitHub log wherever it stands, so it is escaped as well; it can
    only stand in a string. A lone surrogate is not Unicode and would not survive a reader.
    """
    text = json.dumps(_whole(document), indent=2, ensure_ascii=True)
    return text.replace("##[", "#\\u0023[") + "\n"


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value


def _change(step: Step, account: AccountView) -> dict[str, Any]:
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
    left = (row.end - report.now).total_seconds() if row.end else None
    return {
        "account": row.account.id,
        "environment": view.environment(row.account, row.teams),
        "principal": str(row.principal) if row.principal else None,
        "team": row.teams[0] if row.teams else None,
        "teams": list(row.teams),
        "grant": row.grant,
        "kinds": dict(row.forms),
        "starts": instant(row.starts),
        "expires": instant(row.end),
        "seconds_left": None if left is None else int(left),
        "state": row.state.value,
        "outcome": row.fate.value if row.fate else None,
        "error": failure_object(row.failure),
    }


def instant(moment: datetime | None) -> str | None:
    """A moment in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else None


def place_object(location: Location | None) -> dict[str, Any]:
    """The members that say where something stands."""
    if location is None:
        return {"file": None, "line": None, "column": None}
    return {"file": location.file, "line": location.line, "column": location.column}


def failure_object(failure: Failure | None) -> dict[str, str] | None:
    """Why something could not be finished."""
    if failure is None:
        return None
    return {"code": failure.code, "message": failure.message, "hint": failure.hint}


def finding_object(finding: Finding) -> dict[str, Any]:
    """A finding with its place."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "hint": finding.hint,
        **place_object(finding.location),
        "team": finding.team,
        "account": finding.account,
    }


def _account(account: AccountView) -> dict[str, Any]:
    return {
        "account": account.account.id,
        "environment": account.account.label,
        "refused": account.refused,
        "failure": failure_object(account.failure),
        "owned": account.owned,
        **{action.value: account.actions(action) for action in Action},
        **{fate.value: account.fates(fate) for fate in Fate},
    }
