"""What users and roles hold as a JSON document."""

from iam_access.render.json.objects import (
    dump,
    failure_object,
    finding_object,
    place_object,
    utc_text,
)
from iam_access.render.view.holdings import CAVEAT
from iam_access.simulation.holdings import HoldingsReport


def render(report: HoldingsReport) -> str:
    """One document, with a line feed at its end."""
    return dump(
        {
            "command": "access",
            "status": report.exit_status,
            "at": utc_text(report.at),
            "on": "plan" if report.on_plan else "account",
            "held": [
                {
                    "account": account.id,
                    "environment": account.label,
                    "principal": str(each.principal),
                    "what": each.what,
                    "teams": list(each.teams),
                    "grants": list(each.grants),
                    "temporary": each.temporary if each.is_ours else None,
                    "starts": utc_text(each.starts),
                    "expires": utc_text(each.expires),
                    "entries": [place_object(place) for place in each.entries],
                }
                for account, each in report.held
            ],
            "absent": [
                {
                    "account": each.account.id,
                    "environment": each.account.label,
                    "principal": str(absent.whom.principal),
                    "hint": absent.hint,
                }
                for each in report.accounts
                for absent in each.absent
            ],
            "unknown": [each.label for each in report.unknown],
            "unread": list(report.unread),
            "left_out": [each.id for each in report.left_out],
            "caveats": [CAVEAT],
            "findings": [finding_object(each) for each in report.findings],
            "failures": [
                {
                    "account": each.account.id,
                    "environment": each.account.label,
                    **(failure_object(each.failure) or {}),
                }
                for each in report.accounts
                if each.failure
            ],
        }
    )
