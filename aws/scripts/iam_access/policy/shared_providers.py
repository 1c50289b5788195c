"""Identity providers of OpenID Connect that many customers of AWS share.

Every customer of such a provider gets tokens of it, so a claim has to say whose are let in.
IAM refuses a trust policy that does not look at that claim.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from iam_access.policy import document as documents
from iam_access.policy.arn import REGION_NAME

_OIDC: Final = ":oidc-provider/"
_SUB: Final = (
    "agent.buildkite.com",
    "app.terraform.io",
    "gitlab.com",
    "oidc-configuration.audit-log.githubusercontent.com",
    "oidc.codefresh.io",
    "proidc.upbound.io",
    "scalr.io",
    "studio.datachain.ai/api",
    "token.actions.githubusercontent.com",
    "tokens.cloud.shisho.dev",
    "vstoken.actions.githubusercontent.com",
)
_AUD: Final = (
    "api.pulumi.com/oidc",
    "oidc.vercel.com",
    "sandboxes.cloud",
)
#: By the provider: the condition key that says whose tokens are let in.
_KEYS: Final = {
    **{provider: f"{provider}:sub" for provider in _SUB},
    **{provider: f"{provider}:aud" for provider in _AUD},
}
# Pools of identities of Amazon Cognito, by region in some of them.
# https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html
_COGNITO: Final = re.compile(
    rf"cognito-identity(-us-gov|\.{REGION_NAME.pattern})?\.amazonaws\.com(\.cn)?"
)


def is_cognito(domain: str) -> bool:
    """Whether this is Amazon Cognito, by the name that it has in some region."""
    return _COGNITO.fullmatch(domain) is not None


def missing_claim(provider: str, conditions: Mapping[str, Any] | None) -> str | None:
    """The condition key that a statement which lets in a provider lacks, if any.

    `provider` is the ARN or domain that it names. What is compared with nothing but wildcards, or
    only with what it must not be, lets in anyone.
    """
    name = provider.partition(_OIDC)[2] or provider
    key = f"{name}:aud" if is_cognito(name) else _KEYS.get(name)
    if key is None or any(_limits(value) for value in _compared(key, conditions or {})):
        return None
    return key


def _compared(key: str, conditions: Mapping[str, Any]) -> Iterator[Any]:
    for operator, block in conditions.items():
        name = operator.rpartition(":")[2].lower()
        if name.startswith("string") and "not" not in name and isinstance(block, Mapping):
            yield from (value for each, value in block.items() if each.lower() == key)


def _limits(value: Any) -> bool:
    texts = documents.as_list(value)
    return bool(texts) and all(str(each).strip("*?") for each in texts)
