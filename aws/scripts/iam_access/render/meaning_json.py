"""What a plan means, for programs."""

from collections.abc import Callable, Sequence
from typing import Any

from iam_access.model import Account, AccountReport, Escalation, Meaning, PermissionDelta, Report
from iam_access.render.json_parts import instant


def objects(report: Report) -> list[dict[str, Any]] | None:
    """One object for each principal that the plan touches; None when nobody asked."""
    return _objects(report, lambda each: each.meanings or ())


def held(report: Report) -> list[dict[str, Any]] | None:
    """The same of what is held back, as if it were allowed."""
    return _objects(report, lambda each: each.held_meanings)


def _objects(
    report: Report, told: Callable[[AccountReport], Sequence[Meaning]]
) -> list[dict[str, Any]] | None:
    asked = [each for each in report.accounts if each.meanings is not None]
    if not asked:
        return None
    return [
        _meaning(meaning, each.account)
        for each in sorted(asked, key=lambda each: (each.account.label, each.account.id))
        for meaning in told(each)
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
        "starts": instant(difference.starts),
        "until": instant(difference.until),
        "via": difference.via,
    }


def _escalation(escalation: Escalation) -> dict[str, Any]:
    return {
        "code": escalation.code,
        "explanation": escalation.explanation,
        "url": escalation.url,
        "actions": list(escalation.actions),
    }
