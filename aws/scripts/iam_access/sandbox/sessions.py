"""STS: AssumeRole and GetSessionToken: who may open a session, its duration and name."""

from datetime import timedelta
from typing import Any

from moto.core.responses import ActionResult

from iam_access.policy.arn import account_of
from iam_access.sandbox import trust
from iam_access.sandbox.authorize import lacking_to_assume
from iam_access.sandbox.call import OperationHandler, SandboxCall
from iam_access.sandbox.documents import check_identity_policy
from iam_access.sandbox.faults import AwsError
from iam_access.sandbox.parameters import check_assume_role, check_range
from iam_access.sandbox.profiles import lend
from iam_access.sandbox.world import KeyOwner

_CHAINING_LIMIT = 3600


def _assume_role(call: SandboxCall) -> ActionResult:
    params = call.params
    if call.caller.kind == "root":
        raise AwsError("AccessDenied", "Roles may not be assumed by root accounts.")
    check_assume_role(params)
    if "Policy" in params:
        check_identity_policy(params["Policy"], call.partition)
    role_arn = params["RoleArn"]
    account_id = account_of(role_arn)
    now = call.world.clock()
    role = next(
        (
            role
            for backend in call.world.existing_iam()
            if backend.account_id == account_id and backend.partition == call.partition
            for role in backend.roles.values()
            if role.arn == role_arn
        ),
        None,
    )
    context = trust.request_context(call.caller, params, mfa=_proves_mfa(call))
    lacking = lacking_to_assume(call, role, context) if role else "sts:AssumeRole"
    if role is None or lacking:
        raise AwsError(
            "AccessDenied",
            f"User: {call.caller.arn} is not authorized to perform: {lacking} "
            f"on resource: {role_arn}",
        )
    duration = int(params.get("DurationSeconds", 3600))
    if call.caller.kind == "session" and duration > _CHAINING_LIMIT:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining.",
        )
    if duration > int(role.max_session_duration or _CHAINING_LIMIT):
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    session = call.world.sts(call.account_id, call.partition).assume_role(
        region_name=call.region,
        role_session_name=params["RoleSessionName"],
        role_arn=role_arn,
        policy=params.get("Policy", ""),
        duration=duration,
        external_id=params.get("ExternalId", ""),
    )
    session.expiration = now + timedelta(seconds=duration)
    call.world.issued[session.access_key_id] = now
    return ActionResult(
        {
            "Credentials": session,
            "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.arn},
        }
    )


def _proves_mfa(call: SandboxCall) -> bool:
    serial = call.params.get("SerialNumber")
    if serial is None:
        return False
    code = call.params.get("TokenCode", "")
    if serial in call.caller.mfa_devices and len(code) == 6 and code.isdecimal():
        return True
    raise AwsError(
        "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code."
    )


def require_signature(operation: str) -> None:
    """Refuse the operations without credentials: the sandbox has no identity providers."""
    if operation in ("AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"):
        raise AwsError("AccessDenied", f"Not authorized to perform sts:{operation}")


def _get_session_token(call: SandboxCall) -> dict[str, Any]:
    """Issue temporary credentials to a user or the root user, which need no permission for it.

    STS API Reference, API_GetSessionToken.html.
    """
    caller = call.caller
    if caller.kind == "session" or caller.issued is not None:
        raise AwsError("AccessDenied", "Cannot call GetSessionToken with session credentials")
    check_range("durationSeconds", call.params.get("DurationSeconds"), 900, 129_600)
    now = call.world.clock()
    limit, default = (3600, 3600) if caller.kind == "root" else (129_600, 43_200)
    duration = int(call.params.get("DurationSeconds", default))
    owner = KeyOwner(
        kind=caller.kind,
        account_id=caller.account_id,
        partition=call.partition,
        name=caller.name,
        issued=now,
        expires=now + timedelta(seconds=min(duration, limit)),
        mfa=_proves_mfa(call),
    )
    lent = lend(call.world, owner)
    return {
        "Credentials": {
            "AccessKeyId": lent.access_key_id,
            "SecretAccessKey": lent.secret_access_key,
            "SessionToken": lent.session_token,
            "Expiration": owner.expires,
        }
    }


def _get_caller_identity(call: SandboxCall) -> dict[str, Any]:
    caller = call.caller
    is_session = caller.kind == "session"
    user_id = f"{caller.entity_id}:{caller.name}" if is_session else caller.entity_id
    return {"UserId": user_id, "Account": caller.account_id, "Arn": caller.arn}


OPERATIONS: dict[str, OperationHandler] = {
    "AssumeRole": _assume_role,
    "GetSessionToken": _get_session_token,
    "GetCallerIdentity": _get_caller_identity,
}
