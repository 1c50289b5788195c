"""Answers to "who can do what" as a JSON document."""

from typing import Any

from iam_access.model import Location
from iam_access.render.json.assertions import judged_object
from iam_access.render.json.objects import dump, finding_object, place_object, utc_text
from iam_access.simulation.access import AccessAnswer
from iam_access.simulation.access_report import AccessReport
from iam_access.simulation.origin import Origin


def render(report: AccessReport) -> str:
    """One document, with a line feed at its end."""
    question = report.question
    return dump(
        {
            "command": "access",
            "status": report.exit_status,
            "at": utc_text(question.at),
            "on": "plan" if report.on_plan else "account",
            "backend": "aws" if report.by_aws else "offline",
            "answers": [_answer_object(answer) for answer in report.answers],
            "absent": [
                {
                    "account": account.account.id,
                    "environment": account.account.label,
                    "principal": str(each.whom.principal),
                    "hint": each.hint,
                }
                for account in report.accounts
                for each in account.absent
            ],
            "unknown": [each.label for each in report.unknown],
            "caveats": list(report.caveats),
            "unread": list(report.unread),
            "findings": [finding_object(each) for each in report.findings],
            "failures": [
                {
                    "account": account.account.id,
                    "environment": account.account.label,
                    "code": account.failure.code,
                    "message": account.failure.message,
                    "hint": account.failure.hint,
                }
                for account in report.accounts
                if account.failure
            ],
        }
    )


def _answer_object(answer: AccessAnswer) -> dict[str, Any]:
    return {
        "account": answer.account.id,
        "environment": answer.account.label,
        "principal": str(answer.principal),
        "arn": answer.arn,
        "action": answer.action,
        "resource": answer.resource,
        "allowed": answer.allowed,
        "partly": [
            {
                "action": each.action or answer.action,
                "resource": each.resource,
                "conditions": list(each.conditions),
            }
            for each in answer.near_misses
        ],
        "decision": answer.kind.value,
        "aws": None if answer.aws is None else judged_object(answer.aws),
        "statements": [_origin_object(each) for each in answer.origins],
        "although_allowed_by": [_origin_object(each) for each in answer.ineffective_allows],
        "unmet": [
            {
                **_origin_object(each.origin),
                "conditions": list(each.conditions),
                "resources": list(each.resources),
            }
            for each in answer.near_allows
        ],
        "blocked_by": [str(layer) for layer in answer.decision.blocked_by],
        "also_needed": answer.needed,
        "by_resource": answer.by_resource,
        "permissions_boundary": answer.boundary,
        "made_for": None if answer.made_for is None else str(answer.made_for),
        "assumed": None
        if answer.assumed is None
        else {
            "by": answer.assumed.arn,
            "through": list(answer.assumed.through),
            "conditions": list(answer.assumed.conditions),
        },
        "missing_context": list(answer.decision.missing_context),
    }


def _origin_object(origin: Origin) -> dict[str, Any]:
    ref = origin.ref
    return {
        "policy": ref.source.id,
        "name": ref.source.name,
        "type": ref.source.type.value,
        "statement": ref.index,
        "sid": ref.sid,
        "effect": "Allow" if ref.allows else "Deny",
        "written": _place_object(origin.statement),
        "granted": _place_object(origin.entry),
    }


def _place_object(place: Location | None) -> dict[str, Any] | None:
    return place_object(place) if place else None
