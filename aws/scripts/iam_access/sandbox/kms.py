"""Keys of KMS: who may do what, and what AWS refuses that moto forgives.

Codes and wording follow AWS: https://docs.aws.amazon.com/kms/latest/APIReference/
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from moto.kms.models import Grant, Key, KmsBackend, kms_backends

from iam_access.policy.arn import part_of
from iam_access.policy.document import to_json
from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    PolicySource,
    SourceType,
    compile_policy,
)
from iam_access.policy.evaluation.conditions import PolicySyntaxError
from iam_access.policy.evaluation.evaluate import PolicyType, Verdict, decide
from iam_access.policy.evaluation.request import Context, Request
from iam_access.policy.kms_grants import document_of_grant
from iam_access.sandbox import trust
from iam_access.sandbox.authorize import caller_layers, principal, session_context, tag_context
from iam_access.sandbox.call import OperationHandler, Result, SandboxCall
from iam_access.sandbox.documents import check_resource_policy
from iam_access.sandbox.faults import AwsError

_WHOLE_REGION = ("ListKeys", "ListAliases", "GenerateRandom")
_NAMING = ("KeyId", "TargetKeyId", "AliasName")
_SIZE = 32_768
_TAGS = 50
_ALIAS = re.compile(r"alias/[a-zA-Z0-9/_-]{1,250}")
_GRANT_NAME = re.compile(r"[a-zA-Z0-9:/_-]{1,256}")
_PUNCTUATION = frozenset("_.:/=+-@")
_BYPASS = "BypassPolicyLockoutSafetyCheck"
_OF_SYMMETRIC = frozenset(
    {
        *("Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
        *("ReEncryptFrom", "ReEncryptTo", "CreateGrant", "RetireGrant", "DescribeKey"),
        *("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"),
    }
)
# https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
_NOT_DISABLED = frozenset({"CreateGrant", "EnableKeyRotation", "DisableKeyRotation"})
_NOT_PENDING = _NOT_DISABLED | {
    *("CreateAlias", "UpdateAlias", "EnableKey", "DisableKey", "ScheduleKeyDeletion"),
    *("TagResource", "UntagResource", "UpdateKeyDescription"),
}


def require_permission(call: SandboxCall) -> None:
    """Refuse (AccessDeniedException) what the caller's policies and the key's do not allow.

    A key policy always has to allow, by naming the caller or the account. Grants are not evaluated.
    https://docs.aws.amazon.com/kms/latest/developerguide/control-access-overview.html
    """
    if not call.world.enforce:
        return
    asked = list(_asked(call))
    if not asked and not any(call.params.get(each) for each in _NAMING):
        raise AwsError(
            "AccessDeniedException",
            f"The sandbox cannot determine the key of kms:{call.operation}: name it by KeyId",
        )
    for action, resource, key in asked:
        _require(call, action, resource, key)


def _asked(call: SandboxCall) -> Iterator[tuple[str, str, Key | None]]:
    """The actions that a call takes, each with its resource and, if that is a key, the key."""
    start = f"arn:{call.partition}:kms:{call.region}:{call.account_id}:"
    action = f"kms:{call.operation}"
    if call.operation == "CreateKey":
        yield action, "*", None
        if call.params.get("Tags"):
            yield "kms:TagResource", f"{start}key/00000000-0000-0000-0000-000000000000", None
        return
    if call.operation in _WHOLE_REGION:
        yield action, "*", None
        return
    if "AliasName" in call.params:
        yield action, f"{start}{call.params['AliasName']}", None
    key = _key(call)
    if key is not None:
        yield action, key.arn, key


def _require(call: SandboxCall, action: str, resource: str, key: Key | None) -> None:
    layers = _layers(call, key)
    if key is None and ":key/" in resource:
        layers = replace(layers, resource=_compiled(_of_account(call), "new key"))
    decision = decide(_request(call, action, resource, key), layers)
    if decision.allowed:
        return
    layers = {each.layer for each in decision.blocked_by}
    kind = "resource-based" if layers == {PolicyType.RESOURCE} else "identity-based"
    reason = (
        f"with an explicit deny in a {kind} policy"
        if decision.kind is Verdict.EXPLICIT_DENY
        else f"because no {kind} policy allows the {action} action"
    )
    raise AwsError(
        "AccessDeniedException",
        f"User: {call.caller.arn} is not authorized to perform: {action} on resource: {resource} "
        f"{reason}",
    )


def _of_account(call: SandboxCall) -> str:
    """The policy by which the account's own policies decide alone, as of a key to be made."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{call.partition}:iam::{call.account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _request(call: SandboxCall, action: str, resource: str, key: Key | None) -> Request:
    return Request(
        principal(call.caller),
        action,
        resource,
        resource_account=call.account_id,
        context={**_context(call), **(_context_of(key, call) if key is not None else {})},
        now=call.world.clock(),
    )


def _layers(call: SandboxCall, key: Key | None) -> Any:
    layers = caller_layers(call)
    if key is None:
        return layers
    grants = tuple(_grants_of(key))
    return replace(layers, resource=_compiled(key.policy or "", key.arn), grants=grants)


def _grants_of(key: Key) -> Iterator[CompiledPolicy]:
    """What the grants of a key allow, as policies."""
    for grant in key.grants.values():
        document = document_of_grant(
            grant.grantee_principal,
            grant.operations,
            grant.constraints,
            grant.retiring_principal or None,
        )
        yield _compiled(to_json(document), f"{key.arn} grant {grant.id}")


def _compiled(policy: str, name: str) -> CompiledPolicy:
    return compile_policy(policy, PolicySource(name, SourceType.RESOURCE, name))


def _context(call: SandboxCall) -> Context:
    """The condition keys of a request.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    """
    params = call.params
    found: dict[str, str | Sequence[str]] = {
        "aws:SourceIp": "127.0.0.1",
        "aws:SecureTransport": "true",
        "aws:RequestedRegion": call.region,
        "kms:CallerAccount": call.caller.account_id,
        **dict(session_context(call)),
    }
    tags = {each["TagKey"]: each["TagValue"] for each in params.get("Tags") or []}
    found.update(tag_context(tags, params.get("TagKeys") or []))
    encryption: Mapping[str, str] = params.get("EncryptionContext") or {}
    if encryption:
        found |= {f"kms:EncryptionContext:{name}": value for name, value in encryption.items()}
        found["kms:EncryptionContextKeys"] = list(encryption)
    # Where the parameter is left out, the key is not there.
    # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-bypass-policy-lockout-safety-check
    if call.operation in ("CreateKey", "PutKeyPolicy") and _BYPASS in params:
        found[f"kms:{_BYPASS}"] = str(bool(params[_BYPASS])).lower()
    if call.operation == "CreateGrant":
        found["kms:GrantOperations"] = params.get("Operations", [])
        found["kms:GranteePrincipal"] = params.get("GranteePrincipal", "")
        found["kms:GrantIsForAWSResource"] = "false"
    if call.operation == "ScheduleKeyDeletion":
        days = str(params.get("PendingWindowInDays", 30))
        found["kms:ScheduleKeyDeletionPendingWindowInDays"] = days
    return found


def _context_of(key: Key, call: SandboxCall) -> Mapping[str, str | Sequence[str]]:
    tags = _backend(call).tagger.get_tag_dict_for_resource(key.id)
    named = str(call.params.get("KeyId", ""))
    return {
        **{f"aws:ResourceTag/{name}": value for name, value in tags.items()},
        **({"kms:ResourceAliases": list(key.aliases)} if key.aliases else {}),
        **({"kms:RequestAlias": named} if named.startswith("alias/") else {}),
        "kms:KeySpec": key.key_spec,
        "kms:KeyUsage": key.key_usage or "ENCRYPT_DECRYPT",
        "kms:KeyOrigin": key.origin,
        "kms:MultiRegion": str(bool(key.multi_region)).lower(),
    }


def _backend(call: SandboxCall) -> KmsBackend:
    return kms_backends[call.account_id][call.region]


def _key(call: SandboxCall) -> Key | None:
    """The key that a call names by id, ARN or alias; None if there is none."""
    backend = _backend(call)
    named = str(call.params.get("KeyId") or call.params.get("TargetKeyId") or "")
    if not named and call.operation in ("DeleteAlias", "UpdateAlias"):
        named = str(call.params.get("AliasName"))
    if ":alias/" in named:
        named = part_of(named, 5)
    if named.startswith("alias/"):
        keys = (each for each in backend.keys.values() if named in each.aliases)
        return next(keys, None)
    return backend.keys.get(named.rpartition("key/")[2])


def _existing(call: SandboxCall) -> Key:
    """The key of a call that takes no alias for it, in a state in which the call can be made."""
    by_id = str(call.params.get("KeyId", ""))
    if "alias/" in by_id:
        raise AwsError("NotFoundException", f"Invalid keyId {by_id}")
    key = _key(call)
    if key is None:
        named = call.params.get("KeyId") or call.params.get("TargetKeyId")
        raise AwsError("NotFoundException", f"Key '{named}' does not exist")
    if key.key_state == "PendingDeletion" and call.operation in _NOT_PENDING:
        raise AwsError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    if key.key_state == "Disabled" and call.operation in _NOT_DISABLED:
        raise AwsError("DisabledException", f"{key.arn} is disabled.")
    return key


def _only_existing(call: SandboxCall) -> None:
    _existing(call)


def _describe(call: SandboxCall) -> None:
    named = str(call.params.get("KeyId", ""))
    if _key(call) is None and "alias/" in named and "alias/aws/" not in named:
        raise AwsError("NotFoundException", f"Alias {named} is not found.")


def _create_key(call: SandboxCall) -> None:
    params = call.params
    _check_description(params.get("Description"))
    _check_tags(params.get("Tags") or [], 0)
    if params.get("Policy") is not None:
        _check_policy(call, params["Policy"], "*", None)


def _put_policy(call: SandboxCall) -> None:
    key = _existing(call)
    _check_policy(call, call.params["Policy"], key.arn, key)


def _check_policy(call: SandboxCall, policy: str, resource: str, key: Key | None) -> None:
    if len(policy.encode()) > _SIZE:
        raise AwsError("LimitExceededException", "The key policy exceeds the size limit.")
    try:
        named = check_resource_policy(policy)
    except AwsError as refusal:
        raise _malformed(refusal.message) from refusal
    if not all(trust.exists(kind, value, call.partition) for kind, value in named):
        raise _malformed("Policy contains a statement with one or more invalid principals.")
    if call.params.get(_BYPASS) or not call.world.enforce:
        return
    arn = resource if key else f"arn:{call.partition}:kms:{call.region}:{call.account_id}:key/new"
    request = _request(call, "kms:PutKeyPolicy", arn, key)
    if key is None:
        tags = {
            f"aws:ResourceTag/{each['TagKey']}": each["TagValue"]
            for each in call.params.get("Tags") or []
        }
        request = replace(request, context={**request.context, **tags})
    try:
        layers = replace(caller_layers(call), resource=_compiled(policy, arn))
    except PolicySyntaxError as error:
        raise _malformed(str(error)) from error
    if not decide(request, layers).allowed:
        raise _malformed(
            "The new key policy will not allow you to update the key policy in the future."
        )


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocumentException", message)


def _create_alias(call: SandboxCall) -> None:
    name = call.params["AliasName"]
    if name.startswith("alias/aws/"):
        raise AwsError("NotAuthorizedException", "alias/aws/ is reserved.")
    if not _ALIAS.fullmatch(name):
        raise _invalid("aliasName", name)
    if "alias/" in call.params["TargetKeyId"]:
        raise AwsError("ValidationException", "Aliases must refer to keys. Not aliases")
    key = _existing(call)
    if len(key.aliases) >= _TAGS:
        raise AwsError("LimitExceededException", "Cannot exceed 50 aliases of a key.")


def _tag(call: SandboxCall) -> None:
    key = _existing(call)
    known = _backend(call).tagger.get_tag_dict_for_resource(key.id)
    added = call.params.get("Tags") or []
    _check_tags(added, len(known.keys() - {each["TagKey"] for each in added}))


def _check_tags(tags: Sequence[Mapping[str, str]], others: int) -> None:
    if len(tags) + others > _TAGS:
        raise AwsError("LimitExceededException", f"Cannot exceed {_TAGS} tags.")
    keys = [each["TagKey"] for each in tags]
    if len(set(keys)) < len(keys):
        raise AwsError("TagException", "Duplicate tag keys")
    for each in tags:
        for text, shortest, longest in ((each["TagKey"], 1, 128), (each["TagValue"], 0, 256)):
            if not shortest <= len(text) <= longest or not all(map(_is_in_tags, text)):
                raise AwsError("TagException", f"{text!r} is not valid in a tag")
        if each["TagKey"].lower().startswith("aws:"):
            raise AwsError("TagException", "aws: prefixed tag key names are not allowed")


def _is_in_tags(letter: str) -> bool:
    return letter in _PUNCTUATION or unicodedata.category(letter)[0] in "LZN"


def _update_description(call: SandboxCall) -> None:
    _existing(call)
    _check_description(call.params.get("Description"))


def _check_description(text: str | None) -> None:
    if text is not None and len(text) > 8_192:
        raise _invalid("description", text[:20])


def _invalid(member: str, value: object) -> AwsError:
    return AwsError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint",
    )


def _enable_rotation(call: SandboxCall) -> None:
    key = _existing(call)
    if key.key_spec != "SYMMETRIC_DEFAULT" or key.origin != "AWS_KMS":
        raise AwsError("UnsupportedOperationException", "The key does not support rotation.")


def _create_grant(call: SandboxCall) -> Result | None:
    """A grant with the name and the content of one that is there is that one."""
    key, params = _existing(call), call.params
    _check_grant(key, params, call.partition)
    for grant in key.grants.values():
        if params.get("Name") and _is_same(grant, params):
            return {"GrantId": grant.id, "GrantToken": grant.token}
    return None


def _can_have_grant(principal: str, partition: str) -> bool:
    return principal != "*" and trust.exists("AWS", principal, partition)


def _check_grant(key: Key, params: Mapping[str, Any], partition: str) -> None:
    if "Name" in params and not _GRANT_NAME.fullmatch(params["Name"]):
        raise _invalid("name", params["Name"])
    operations = set(params.get("Operations") or [])
    if not operations:
        raise _invalid("operations", "[]")
    if key.key_spec == "SYMMETRIC_DEFAULT" and not operations <= _OF_SYMMETRIC:
        raise AwsError("ValidationException", "The operations are not supported by the key.")
    constraints: Mapping[str, Any] = params.get("Constraints") or {}
    if len(constraints) > 1 or any(len(each) > 8 for each in constraints.values()):
        raise AwsError("ValidationException", "The grant has an invalid constraint.")
    for name in ("GranteePrincipal", "RetiringPrincipal"):
        if name in params and not _can_have_grant(params[name], partition):
            raise AwsError("InvalidArnException", f"{params[name]} is not a valid principal.")


def _is_same(grant: Grant, params: Mapping[str, Any]) -> bool:
    return (
        grant.name == params["Name"]
        and grant.grantee_principal == params["GranteePrincipal"]
        and grant.retiring_principal == params.get("RetiringPrincipal")
        and sorted(grant.operations) == sorted(params["Operations"])
        and (grant.constraints or {}) == (params.get("Constraints") or {})
    )


def _cancel(call: SandboxCall) -> None:
    key = _existing(call)
    if key.key_state != "PendingDeletion":
        raise AwsError("KMSInvalidStateException", f"{key.arn} is not pending deletion.")


def _schedule(call: SandboxCall) -> None:
    _existing(call)
    days = call.params.get("PendingWindowInDays", 30)
    if not 7 <= int(days) <= 30:
        raise _invalid("pendingWindowInDays", days)


OPERATIONS: Mapping[str, OperationHandler] = {
    "CancelKeyDeletion": _cancel,
    "CreateAlias": _create_alias,
    "CreateGrant": _create_grant,
    "CreateKey": _create_key,
    "DescribeKey": _describe,
    "EnableKey": _only_existing,
    "EnableKeyRotation": _enable_rotation,
    "GetKeyPolicy": _only_existing,
    "GetKeyRotationStatus": _only_existing,
    "ListGrants": _only_existing,
    "ListResourceTags": _only_existing,
    "PutKeyPolicy": _put_policy,
    "RevokeGrant": _only_existing,
    "ScheduleKeyDeletion": _schedule,
    "TagResource": _tag,
    "UntagResource": _only_existing,
    "UpdateKeyDescription": _update_description,
}
