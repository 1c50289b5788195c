"""Principals that only policies of resources name: those of other accounts, services, everyone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from iam_access.policy import document as documents
from iam_access.policy.arn import (
    account_of,
    account_of_root,
    assumed_role,
    iam_arn,
    iam_kind,
    part_of,
    role_arn,
)
from iam_access.policy.evaluation.request import CallerType, PrincipalContext
from iam_access.snapshot import Document

EVERYONE = "everyone"
#: What the name of a service begins with.
SERVICE = "service "
_SAML = ":saml-provider/"
_TYPES: Mapping[str | None, CallerType] = {"user": CallerType.USER, "role": CallerType.ROLE}


@dataclass(frozen=True, slots=True)
class Outsider:
    """A principal that a resource's policy names and that is no user or role of the account.

    `name` is for people. `account` is the account whose own policies must allow it as well, None if
    there is none. A session of a role here has that `role` (its name). The caller of a whole
    account has the ARN of its root, and that of everyone is anonymous.
    """

    name: str
    caller: PrincipalContext
    account: str | None = None
    role: str | None = None


_OF_ONE = frozenset(
    {
        *("aws:principalarn", "aws:principaltype", "aws:username", "aws:userid"),
        *("aws:principalisawsservice", "aws:principalservicename"),
    }
)


def may_have_any(caller: PrincipalContext, key: str) -> bool:
    """Whether a caller stands for many, who have different values of a key of the principal."""
    if caller.type is CallerType.ANONYMOUS:
        return True
    is_account = caller.type is CallerType.USER and account_of_root(caller.arn) is not None
    return is_account and (key in _OF_ONE or key.startswith("aws:principaltag/"))


def outsiders_in(document: Document, account: str) -> Iterator[Outsider]:
    """Yield whom Allow statements name beside the account, its users and its roles.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    for statement in documents.statements_of(document):
        if statement.get("Effect") == "Allow":
            for kind, name in _named(statement):
                outsider = _outsider(kind, name, account)
                if outsider is not None:
                    yield outsider


def let_in(document: Document) -> Iterator[str]:
    """Yield the names of all principals that Allow statements have, as they are written."""
    for statement in documents.statements_of(document):
        if statement.get("Effect") == "Allow":
            yield from (name for _, name in _named(statement))


def _named(statement: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    principal = statement.get("Principal")
    if "NotPrincipal" in statement or principal == "*":
        yield "AWS", "*"
    elif isinstance(principal, Mapping):
        for kind, names in principal.items():
            yield from ((str(kind), str(name)) for name in documents.as_list(names))


def _outsider(kind: str, name: str, account: str) -> Outsider | None:
    """Return whom an entry of Principal names; None for the account, its users and its roles."""
    if kind == "AWS":
        return (
            Outsider(EVERYONE, PrincipalContext.anonymous())
            if name == "*"
            else _of_account(name, account)
        )
    if kind == "Service":
        return Outsider(f"{SERVICE}{name}", PrincipalContext.service(name))
    if kind == "Federated":
        is_saml = _SAML in name
        make = PrincipalContext.saml if is_saml else PrincipalContext.web_identity
        return Outsider(f"identity provider {name}", make(name))
    return Outsider(f"canonical user {name}", PrincipalContext(CallerType.ANONYMOUS, name))


def _of_account(name: str, account: str) -> Outsider | None:
    """Whom an AWS entry names; the unique id of a principal says nothing of its account."""
    is_whole = account_of_root(name) is not None or name.isdigit()
    theirs = name if name.isdigit() else account_of(name)
    if theirs is None or (theirs == account and (is_whole or iam_kind(name) is not None)):
        return None
    elsewhere = None if theirs == account else theirs
    if is_whole:
        # Some user of it, since the root user cannot do all that an account may be let do.
        root = iam_arn(theirs, "root", partition=part_of(name, 1) or "aws")
        some = PrincipalContext(CallerType.USER, root, theirs)
        return Outsider(f"account {theirs}", some, elsewhere)
    session = assumed_role(name)
    if session is not None:
        role = role_arn(theirs, session.role, partition=session.partition)
        caller = PrincipalContext(CallerType.ROLE_SESSION, name, theirs, role)
        return Outsider(name, caller, elsewhere, None if elsewhere else session.role)
    type_ = _TYPES.get(iam_kind(name), CallerType.FEDERATED_USER)
    return Outsider(name, PrincipalContext(type_, name, theirs), elsewhere)
