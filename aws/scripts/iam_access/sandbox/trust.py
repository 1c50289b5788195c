"""Trust policies: whether principals exist, and the context of a request to assume a role."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from iam_access.policy import document as documents
from iam_access.policy.arn import account_of_root, assumed_role, iam_kind, part_of
from iam_access.policy.service_principals import is_known
from iam_access.policy.shared_providers import missing_claim
from iam_access.sandbox.documents import check_trust_policy, malformed
from iam_access.sandbox.world import Caller, SandboxState, principal_exists, role_exists

_ACCOUNT_ID = re.compile(r"\d{12}", re.ASCII)
_DOMAIN = re.compile(r"[\w.-]+\.[a-z]+")
# A session is named, without wildcards.
_SESSION = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
_ENTITIES = ("user", "role")
_PROVIDERS = ("oidc-provider", "saml-provider")
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com(\.cn)?|amazon\.com|internal)")


def check(document: str, partition: str) -> None:
    """Refuse a trust policy with bad syntax, or with a principal that a partition does not have."""
    for kind, value in check_trust_policy(document):
        if not exists(kind, value, partition):
            label = "SERVICE" if kind == "Service" else kind
            raise malformed(f'Invalid principal in policy: "{label}":"{value}"')
    for statement in documents.statements_of(json.loads(document)):
        named = statement.get("Principal")
        providers = named.get("Federated", []) if isinstance(named, Mapping) else []
        for provider in documents.as_list(providers):
            claim = missing_claim(provider, statement.get("Condition"))
            if claim is not None and statement["Effect"] == "Allow":
                raise malformed(f"Missing Required Condition for {provider}: {claim}")


def exists(kind: str, value: str, partition: str) -> bool:
    """Whether a policy in an account of a partition may name this principal.

    Accounts of another partition cannot be named, nor what is in them.
    https://repost.aws/knowledge-center/iam-trust-policy-error
    """
    if part_of(value, 1) not in ("", partition):
        return False
    if kind == "Service":
        return _SERVICE.fullmatch(value) is not None and is_known(value)
    if kind == "Federated":
        return iam_kind(value) in _PROVIDERS or _DOMAIN.fullmatch(value) is not None
    if value == "*" or _ACCOUNT_ID.fullmatch(value) or account_of_root(value):
        return True
    if iam_kind(value) in _ENTITIES:
        return principal_exists(value)
    session = assumed_role(value)
    # Anything else is invalid, also the ids of deleted users and roles: IAM shows them in place of
    # an ARN, but does not accept them.
    if session is None or not _SESSION.fullmatch(session.session):
        return False
    return role_exists(session.account, session.role)


def forget_principal(world: SandboxState, arn: str, unique_id: str) -> None:
    """Replace a deleted user or role in trust policies and those of keys by its unique id.

    IAM stores the id from the start and shows the ARN only while it exists, hence a user deleted
    and created again is not trusted until the policy is written again.
    """
    quoted = f'"{arn}"'
    for key in _keys():
        key.policy = key.policy.replace(quoted, f'"{unique_id}"')
        for grant in key.grants.values():
            if grant.grantee_principal == arn:
                grant.grantee_principal = unique_id
    for backend in world.existing_iam():
        for role in backend.roles.values():
            if quoted in role.assume_role_policy_document:
                role.assume_role_policy_document = role.assume_role_policy_document.replace(
                    quoted, f'"{unique_id}"'
                )


def _keys() -> Iterator[Any]:
    """Every key of KMS, as moto has it; most sandboxes never load its module."""
    kms = sys.modules.get("moto.kms.models")
    for account in list(kms.kms_backends.values()) if kms is not None else ():
        for backend in list(account.values()):
            yield from backend.keys.values()


def request_context(caller: Caller, params: Mapping[str, Any], *, mfa: bool) -> dict[str, str]:
    """The condition keys of an AssumeRole request itself."""
    # Long-term keys do not carry the key about MFA at all, unless a code comes with the request.
    no_mfa = None if caller.issued is None else "false"
    context = {
        "aws:MultiFactorAuthPresent": "true" if mfa or caller.mfa else no_mfa,
        "sts:RoleSessionName": params.get("RoleSessionName"),
        "sts:ExternalId": params.get("ExternalId"),
        "sts:SourceIdentity": params.get("SourceIdentity"),
    }
    return {key: value for key, value in context.items() if value is not None}
