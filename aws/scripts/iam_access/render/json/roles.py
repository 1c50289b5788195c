"""Which roles there are and who can switch to them as a JSON document."""

from iam_access.render.json.objects import dump, failure_object, finding_object
from iam_access.render.view.roles import CAVEAT
from iam_access.simulation.roles import RolesReport


def render(report: RolesReport) -> str:
    """One document, with a line feed at its end."""
    return dump(
        {
            "command": "roles",
            "status": report.exit_status,
            "on": "plan" if report.on_plan else "account",
            "roles": [
                {
                    "account": account.id,
                    "environment": account.label,
                    "arn": role.arn,
                    "teams": list(role.teams),
                    "switch_page": role.page,
                    "users": list(role.users),
                }
                for account, role in report.roles
            ],
            "unread": list(report.unread),
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
