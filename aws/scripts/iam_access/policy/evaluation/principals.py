"""The Principal and NotPrincipal elements: whether a caller is named, and how directly.

How directly matters within one account: a policy that names the account only delegates to it,
one that names a role is limited by the role's boundary and session policies, one that names the
caller itself (or everyone) is not. Pages: IAM User Guide,
reference_policies_elements_principal.html, reference_policies_elements_notprincipal.html,
reference_policies_evaluation-logic_policy-eval-denyallow.html.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from iam_access.policy.evaluation.conditions import PolicySyntaxError
from iam_access.policy.evaluation.request import CallerType, PrincipalContext, account_of
from iam_access.policy.problem import shown

_KINDS = ("AWS", "Service", "Federated", "CanonicalUser")


class Match(IntEnum):
    """How directly a caller is named; the greater, the more it grants within one account."""

    NONE = 0
    ACCOUNT = 1  # its account: its own policies must allow as well
    ISSUER = 2  # the role or user behind the session: boundary and session policies limit
    DIRECT = 3  # the caller itself, or everyone


@dataclass(frozen=True, slots=True)
class PrincipalMatcher:
    """A compiled Principal or NotPrincipal element (`negated`).

    `accounts` and `names` come from its AWS entries; `services` and `providers` from the
    others, which know no wildcards (access-analyzer-reference-policy-checks.html, "Unsupported
    wildcard in principal"). `everyone` is "*" alone or among the AWS entries, which is the same
    (reference_policies_elements_principal.html#principal-anonymous).
    """

    everyone: bool
    accounts: frozenset[str]
    names: frozenset[str]
    services: frozenset[str]
    providers: frozenset[str]
    negated: bool

    def match(self, caller: PrincipalContext, *, allow: bool) -> Match:
        """How directly the statement applies to the caller; `allow` is its effect.

        For NotPrincipal the doubt goes against the caller: an Allow leaves out whoever is named
        in any way, a Deny spares only who is named by their own ARN.
        """
        found = self._named(caller)
        if not self.negated:
            return found
        spared = found is not Match.NONE if allow else found is Match.DIRECT
        return Match.NONE if spared else Match.DIRECT

    def _named(self, caller: PrincipalContext) -> Match:
        if self.everyone:
            return Match.DIRECT
        if caller.type is CallerType.SERVICE:
            return _direct(caller.arn in self.services)
        if caller.type in (CallerType.WEB_IDENTITY, CallerType.SAML):
            return _direct(caller.arn in self.providers)
        return self._named_in_account(caller)

    def _named_in_account(self, caller: PrincipalContext) -> Match:
        own_id = caller.unique_id if caller.type is CallerType.USER else ""
        if caller.type is CallerType.ROLE:
            if caller.arn in self.names or (caller.unique_id and caller.unique_id in self.names):
                return Match.ISSUER
        elif caller.arn in self.names or (own_id and own_id in self.names):
            return Match.DIRECT
        elif caller.issuer is not None and self._names_issuer(caller):
            return Match.ISSUER
        if caller.account is None or caller.account not in self.accounts:
            return Match.NONE
        return Match.DIRECT if caller.type is CallerType.ROOT else Match.ACCOUNT

    def _names_issuer(self, caller: PrincipalContext) -> bool:
        return caller.issuer in self.names or (
            caller.unique_id != "" and caller.unique_id in self.names
        )


def _direct(named: bool) -> Match:
    return Match.DIRECT if named else Match.NONE


def compile_principal(element: object, *, negated: bool) -> PrincipalMatcher:
    """Compile the value of Principal or NotPrincipal. Raises PolicySyntaxError."""
    what = "NotPrincipal" if negated else "Principal"
    if element == "*":
        none: frozenset[str] = frozenset()
        return PrincipalMatcher(True, none, none, none, none, negated)
    if not isinstance(element, Mapping) or not element:
        raise PolicySyntaxError(
            f'{what} is neither "*" nor a JSON object', f"Its keys are {', '.join(_KINDS)}."
        )
    values = {kind: _entries(kind, raw, what) for kind, raw in element.items()}
    aws = values.get("AWS", frozenset())
    accounts = {account for account in map(_account, aws) if account}
    return PrincipalMatcher(
        everyone="*" in aws,
        accounts=frozenset(accounts),
        names=frozenset(name for name in aws if not _account(name)),
        services=values.get("Service", frozenset()),
        providers=values.get("Federated", frozenset()),
        negated=negated,
    )


def _entries(kind: str, raw: object, what: str) -> frozenset[str]:
    values = raw if isinstance(raw, list | tuple) else (raw,)
    if kind not in _KINDS or not all(isinstance(value, str) for value in values):
        raise PolicySyntaxError(
            f"{what} has the entry {kind!r}: {shown(raw)}",
            f"Its keys are {', '.join(_KINDS)}, each with a string or a list of strings.",
        )
    return frozenset(values)


def _account(name: str) -> str | None:
    """The account that an entry names as a whole: twelve digits, or the ARN of its root."""
    if len(name) == 12 and name.isascii() and name.isdigit():
        return name
    is_root = name.startswith("arn:") and name.endswith(":root") and ":iam::" in name
    return account_of(name) if is_root else None
