"""Which roles people can come to, and which only services and machines."""

from collections.abc import Iterator
from typing import Any

from iam_access.snapshot import Document, PrincipalState

# https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html
_LINKED = "/aws-service-role/"


def is_service_linked(state: PrincipalState) -> bool:
    """Whether a role belongs to an AWS service, which alone can use and change it."""
    return state.path.startswith(_LINKED)


def is_for_people(state: PrincipalState, accounts: frozenset[str]) -> bool:
    """Whether principals of these accounts, or people signed in through SAML, may assume a role.

    Judged by whom the trust policy names, whatever its conditions.
    """
    for principal in _allowed(state.trust or {}):
        if principal == "*":
            return True
        if not isinstance(principal, dict):
            continue
        named = _listed(principal.get("AWS"))
        if any(name == "*" or _account(name) in accounts for name in named):
            return True
        if any(":saml-provider/" in name for name in _listed(principal.get("Federated"))):
            return True
    return False


def _allowed(trust: Document) -> Iterator[Any]:
    statements = trust.get("Statement", ())
    for statement in [statements] if isinstance(statements, dict) else statements:
        if statement.get("Effect") == "Allow" and "Principal" in statement:
            yield statement["Principal"]


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _account(name: str) -> str:
    """The account of a principal: its twelve digits alone mean the same as its root's ARN."""
    parts = name.split(":")
    return parts[4] if len(parts) > 5 else name
