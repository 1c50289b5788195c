"""Trust policies: which principals exist, and who may assume a role."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from iam_access.sandbox.documents import (
    Statement,
    check_trust_policy,
    malformed,
    principals,
    statements_of,
    strings,
)
from iam_access.sandbox.world import Caller, World, principal_exists, role_exists

Context = Mapping[str, str | datetime]
"""Condition keys in lower case → the value of the request."""

_ACCOUNT = re.compile(r"(\d{12})|arn:[\w-]+:iam::(\d{12}):root")
_ENTITY = re.compile(r"arn:[\w-]+:iam::\d{12}:(user|role)/.+")
_SESSION = re.compile(r"arn:[\w-]+:sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/[^/]+")
_FEDERATED = re.compile(r"arn:[\w-]+:iam::\d{12}:(oidc|saml)-provider/.+|[\w.-]+\.[a-z]+")
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com(\.cn)?|amazon\.com|internal)")


def check(document: str) -> None:
    """Refuse a trust policy with bad syntax, or one naming a principal that does not exist."""
    for kind, value in check_trust_policy(document):
        if not _exists(kind, value):
            label = "SERVICE" if kind == "Service" else kind
            raise malformed(f'Invalid principal in policy: "{label}":"{value}"')


def _exists(kind: str, value: str) -> bool:
    if kind == "Service":
        return _SERVICE.fullmatch(value) is not None
    if kind == "Federated":
        return _FEDERATED.fullmatch(value) is not None
    if value == "*" or _ACCOUNT.fullmatch(value):
        return True
    if _ENTITY.fullmatch(value):
        return principal_exists(value)
    session = _SESSION.fullmatch(value)
    # What is left is wrong, ids of deleted users and roles among it: IAM shows those in place of an
    # ARN, but does not take them back.
    return session is not None and role_exists(session["account"], session["role"])


def forget_principal(world: World, arn: str, unique_id: str) -> None:
    """A user or role is being deleted: trust policies go on naming its id, which none has again.

    IAM stores the id from the start and shows the ARN only while it exists, hence a user deleted
    and made anew is not trusted until the policy is written again.
    """
    for backend in world.existing_iam():
        for role in backend.roles.values():
            quoted = f'"{arn}"'
            if quoted in role.assume_role_policy_document:
                role.assume_role_policy_document = role.assume_role_policy_document.replace(
                    quoted, f'"{unique_id}"'
                )


def allows(document: str, caller: Caller, context: Context) -> bool:
    """Whether a trust policy lets `caller` assume the role.

    Whether the caller's own policies allow it, too (needed in another account, or where the trust
    policy names an account), is not looked at. A statement that is not understood never allows,
    and always denies.
    """
    allowed = False
    for statement in statements_of(document):
        if not any(
            _like("sts:assumerole", action.lower()) for action in strings(statement["Action"])
        ):
            continue
        if not _names(statement, caller):
            continue
        holds = conditions_hold(statement.get("Condition", {}), context)
        if statement["Effect"] == "Deny" and holds is not False:
            return False
        allowed = allowed or (statement["Effect"] == "Allow" and holds is True)
    return allowed


def _names(statement: Statement, caller: Caller) -> bool:
    return any(
        kind == "AWS"
        and (
            value in ("*", caller.principal_arn, caller.arn, caller.entity_id)
            or ((account := _ACCOUNT.fullmatch(value)) and caller.account_id in account.groups())
        )
        for kind, value in principals(statement)
    )


def conditions_hold(condition: Mapping[str, Mapping[str, Any]], context: Context) -> bool | None:
    """Whether all conditions hold; None if there is one that this sandbox does not understand."""
    results = [
        _holds(operator, context.get(key.lower()), values)
        for operator, block in condition.items()
        for key, values in block.items()
    ]
    if False in results:
        return False
    return None if None in results else True


def _holds(operator: str, actual: str | datetime | None, values: object) -> bool | None:
    wanted = values if isinstance(values, list) else [values]
    base = operator.removesuffix("IfExists")
    if base == "Null":
        return all((str(value).lower() == "true") == (actual is None) for value in wanted)
    if base not in _TESTS:
        return None
    if actual is None:
        return operator.endswith("IfExists")
    return any(_TESTS[base](actual, _text(value)) for value in wanted)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _date(text: str) -> datetime:
    if text.isdecimal():
        return datetime.fromtimestamp(int(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _like(actual: str, pattern: str) -> bool:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), actual, re.DOTALL) is not None


def _moment(actual: str | datetime) -> datetime:
    return actual if isinstance(actual, datetime) else _date(actual)


_TESTS: Mapping[str, Any] = {
    "DateLessThan": lambda actual, value: _moment(actual) < _date(value),
    "DateLessThanEquals": lambda actual, value: _moment(actual) <= _date(value),
    "DateGreaterThan": lambda actual, value: _moment(actual) > _date(value),
    "DateGreaterThanEquals": lambda actual, value: _moment(actual) >= _date(value),
    "StringEquals": lambda actual, value: actual == value,
    "StringLike": lambda actual, value: _like(str(actual), value),
    "ArnEquals": lambda actual, value: _like(str(actual), value),
    "ArnLike": lambda actual, value: _like(str(actual), value),
    "Bool": lambda actual, value: str(actual).lower() == value.lower(),
}


def request_context(
    caller: Caller, params: Mapping[str, Any], now: datetime, *, mfa: bool
) -> Context:
    """The condition keys of an AssumeRole request."""
    no_mfa = None if caller.kind == "user" else "false"
    context: dict[str, str | datetime | None] = {
        "aws:currenttime": now,
        "aws:epochtime": str(int(now.timestamp())),
        "aws:principalarn": caller.principal_arn,
        "aws:principalaccount": caller.account_id,
        "aws:username": caller.name if caller.kind == "user" else None,
        "aws:userid": caller.entity_id
        if caller.kind == "user"
        else f"{caller.entity_id}:{caller.name}",
        # Long-term keys do not carry this key at all, unless a code comes with the request.
        "aws:multifactorauthpresent": "true" if mfa else no_mfa,
        "sts:rolesessionname": params.get("RoleSessionName"),
        "sts:externalid": params.get("ExternalId"),
        "sts:sourceidentity": params.get("SourceIdentity"),
    }
    return {key: value for key, value in context.items() if value is not None}
