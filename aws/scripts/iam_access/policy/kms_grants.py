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
_PAIR, _KEYS = "kms:EncryptionContext:", "kms:EncryptionContextKeys"


def document_of_grant(
    grantee: str,
    operations: Iterable[str],
    constraints: Mapping[str, Mapping[str, str]] | None = None,
    retiree: str | None = None,
) -> dict[str, Any]:
    """Return the resource policy that allows what a grant does.

    `grantee` and `retiree` are ARNs of principals, `operations` as KMS names them (`Decrypt`),
    `constraints` as KMS has them. Raises ValueError for another constraint than those that KMS has,
    so that none is lost.
    """
    found = dict(constraints or {})
    unknown = found.keys() - {_SUBSET, _EQUALS}
    if unknown:
        raise ValueError(f"{min(unknown)} is no constraint of a grant: {_SUBSET}, {_EQUALS}")
    subset, equal = found.get(_SUBSET, {}), found.get(_EQUALS)
    wanted = set(operations)
    limited = wanted & _WITH_ENCRYPTION_CONTEXT if found else set()
    is_possible = equal is None or subset.items() <= equal.items()
    return documents.document(
        [
            *_allow(grantee, limited if is_possible else (), _conditions(subset, equal)),
            *_allow(grantee, wanted - limited, {}),
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
            principal={"AWS": principal},
        )


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
