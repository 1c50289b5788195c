"""People with keys of their own in a sandbox, and what they are granted in each form."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.flow.fleet import PROD, Clock, Files, Fleet, account, opened, policy, temporary
from tests.invariants.cases import ENDS, STARTS

AUDIT = "arn:aws:iam::aws:policy/SecurityAudit"
FORMS = ("inline", "policy", "role")
USERS = (*FORMS, *(f"{form}.later" for form in FORMS), "stranger")
LIST_USERS = {"effect": "Allow", "actions": ["iam:ListUsers"], "resources": ["*"]}


@contextmanager
def granted(directory: Path) -> Iterator[tuple[Fleet, dict[str, Any]]]:
    """A user for every form, to whom it is granted, and what there was before that.

    Other users have the same with a window that opens later.
    """
    files = Files(directory / "aws")
    files.team(
        policies={"inline": policy(LIST_USERS), "large": policy(managed=[AUDIT])},
        temporary=[
            temporary(
                "inline" if form == "inline" else "large",
                user=f"{form}{suffix}@example.com",
                via=form,
                expires_at=f"{ENDS:%Y-%m-%dT%H:%M:%SZ}",
                **({"starts_at": f"{STARTS:%Y-%m-%dT%H:%M:%SZ}"} if suffix else {}),
            )
            for form in FORMS
            for suffix in ("", ".later")
        ],
    )
    with opened(files, account(users=USERS), clock=Clock()) as fleet:
        before = holdings(fleet)
        for user in USERS:
            assert refusal(as_user(fleet, user).list_users) == "AccessDenied"
        assert fleet.apply("--all").status == 0
        yield fleet, before


def as_user(fleet: Fleet, user: str, service: str = "iam") -> Any:
    """A client with a user's own keys."""
    # Made behind the API, so that no one needs permissions for keys.
    iam = fleet.sandbox.backend(PROD)
    key = next(iter(iam.list_access_keys(user)), None) or iam.create_access_key(user)
    return _client(service, key.access_key_id, key.secret_access_key)


def assume(fleet: Fleet, user: str, *, role_of: str, session: str | None = None) -> Any:
    """IAM in a session of the role made for a principal."""
    role = f"arn:aws:iam::{PROD}:role/self-serve/payments/payments+large+{role_of}"
    (arn,) = (arn for arn in fleet.dump() if arn == role or arn.startswith(f"{role}+"))
    sts = as_user(fleet, user, "sts")
    answer = sts.assume_role(RoleArn=arn, RoleSessionName=session or user)["Credentials"]
    return _client("iam", answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])


def _client(service: str, key: str, secret: str, token: str | None = None) -> Any:
    session = boto3.Session(key, secret, token)
    return session.client("sts") if service == "sts" else session.client("iam")


def refusal(call: Any) -> str | None:
    """The code of the error that AWS answers with, if it does."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def holdings(fleet: Fleet) -> dict[str, tuple[Any, ...]]:
    """What each user and role has, by ARN."""
    return {
        arn: (each["AttachedManagedPolicies"], each.get("UserPolicyList"))
        for arn, each in fleet.dump().items()
        if "AttachedManagedPolicies" in each
    }
