"""Grants of KMS keys, as policies say the same.

KMS evaluates a grant beside the key policy: it only allows, and a Deny of any policy wins.
https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from iam_access.policy import document as documents

# Constraints apply to cryptographic operations with a symmetric key only.
# https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html
_WITH_ENCRYPTION_CONTEXT = frozenset(
    {
        *("Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo"),
        *("GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
        *("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"),
    }
)
_SUBSET, _EQUALS = "EncryptionContextSubset", "EncryptionContextEquals"
_KNOWN = frozenset({_SUBSET, _EQUALS})
_PAIR, _KEYS = "kms:EncryptionContext:", "kms:EncryptionContextKeys"


def document_of_grant(
    grantee: str,
    operations: Iterable[str],
    constraints: Mapping[str, Any] | None = None,
    retiree: str | None = None,
) -> dict[str, Any]:
    """Return the resource policy that allows what a grant does.

    `grantee` and `retiree` are ARNs of principals or names of services, `operations` as KMS names
    them (`Decrypt`), `constraints` as KMS has them. One that is not known here limits everything,
    as a condition on a key that no request has.
    """
    found = dict(constraints or {})
    unknown = {f"kms:{key}": str(found.pop(key)) for key in sorted(found.keys() - _KNOWN)}
    always = {"StringEquals": unknown} if unknown else {}
    subset, equal = found.get(_SUBSET, {}), found.get(_EQUALS)
    wanted = set(operations)
    limited = wanted & _WITH_ENCRYPTION_CONTEXT if found else set()
    is_possible = equal is None or subset.items() <= equal.items()
    conditions = _conditions(subset, equal)
    both = {**conditions, **{key: {**conditions.get(key, {}), **always[key]} for key in always}}
    return documents.document(
        [
            *_allow(grantee, limited if is_possible else (), both),
            *_allow(grantee, wanted - limited, always),
            # https://docs.aws.amazon.com/kms/latest/APIReference/API_RetireGrant.html
            *(_allow(retiree, ["RetireGrant"], {}) if retiree else ()),
        ]
    )


def _allow(
    principal: str, operations: Iterable[str], conditions: Mapping[str, Any]
) -> Iterator[documents.Statement]:
    actions = [f"kms:{each}" for each in sorted(operations)]
    if actions:
        yield documents.statement(
            "Allow",
            actions=actions,
            resources=("*",),
            conditions=conditions,
            principal={"Service" if _is_service(principal) else "AWS": principal},
        )


def _is_service(principal: str) -> bool:
    """Whether a grantee is a service, as in grants that services make for themselves."""
    return not principal.startswith("arn:") and "." in principal


def _conditions(subset: Mapping[str, str], equal: Mapping[str, str] | None) -> dict[str, Any]:
    """The conditions that say the same as constraints, of which `equal` has all of `subset`.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    """
    pairs = {_PAIR + key: value for key, value in sorted((equal or subset).items())}
    conditions: dict[str, Any] = {"StringEquals": pairs} if pairs else {}
    if equal:
        # No key besides these.
        conditions["ForAllValues:StringEquals"] = {_KEYS: sorted(equal)}
    elif equal is not None:
        conditions["Null"] = {_KEYS: "true"}
    return conditions
