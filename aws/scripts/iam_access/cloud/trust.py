"""The trust statement that lets a caller assume the deployer role, for error messages."""

import json
import re
from typing import Any

_ARN = re.compile(r"arn:(?P<partition>[^:]+):(?:iam|sts)::(?P<account>\d{12}):(?P<resource>.+)")
_ASSUMED = re.compile(r"assumed-role/(?P<role>[^/]+)/.+")
_SSO_ROLE = "AWSReservedSSO_"


def trust_statement(caller: str) -> str:
    """One statement of a role's trust policy, as JSON on one line.

    `caller` is the ARN that GetCallerIdentity tells. For an assumed role it becomes the ARN of
    the role itself; AWS does not tell the role's path there, so a role that has one needs it
    added. Roles of IAM Identity Center have a path nobody should rely on, so for them the
    statement names the account and compares the principal.
    https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
    """
    statement: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    found = _ARN.fullmatch(caller)
    assumed = _ASSUMED.fullmatch(found["resource"]) if found else None
    if found is None or assumed is None:
        statement["Principal"] = {"AWS": caller}
        return json.dumps(statement)
    account = f"arn:{found['partition']}:iam::{found['account']}"
    role = assumed["role"]
    if not role.startswith(_SSO_ROLE):
        statement["Principal"] = {"AWS": f"{account}:role/{role}"}
        return json.dumps(statement)
    pattern = f"{account}:role/aws-reserved/sso.amazonaws.com/*{role}"
    statement["Principal"] = {"AWS": f"{account}:root"}
    statement["Condition"] = {"ArnLike": {"aws:PrincipalArn": pattern}}
    return json.dumps(statement)
