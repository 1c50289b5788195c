"""Who holds what in a sandbox's account at one moment, read behind the API."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from moto.iam.models import Role

from iam_access.sandbox import Sandbox

Texts = frozenset[str]

_BEGINNING = re.compile(r'"DateGreaterThanEquals": {"aws:CurrentTime": "([^"]+)"}')


@dataclass(frozen=True)
class Holding:
    """Something `holder` may do: an Allow statement, limited by Deny statements.

    `through` is the trust statement by which the holder takes a role, if it needs one.
    """

    holder: str
    allow: str
    through: str
    denies: Texts


def holdings(sandbox: Sandbox, account_id: str) -> frozenset[Holding]:
    """Everything that every user and role of an account may do."""
    iam = sandbox.backend(account_id)
    found: set[Holding] = set()
    entities: list[Any] = [*iam.users.values(), *iam.roles.values()]
    for entity in entities:
        groups = [each for each in iam.groups.values() if entity in each.users]
        allows, denies = _statements(entity, *groups)
        found |= {Holding(entity.arn, allow, "", denies) for allow in allows}
        if not isinstance(entity, Role):
            continue
        for trust in _listed(json.loads(entity.assume_role_policy_document)):
            principal = trust.get("Principal")
            arns = principal.get("AWS", []) if isinstance(principal, dict) else []
            if trust["Effect"] != "Allow":
                continue
            for arn in [arns] if isinstance(arns, str) else arns:
                found |= {Holding(arn, allow, _text(trust), denies) for allow in allows}
    return frozenset(found)


def beyond(
    now: Iterable[Holding], before: Iterable[Holding], after: Iterable[Holding]
) -> list[Holding]:
    """What is held now that was not held before and is not to be held: it must be nothing.

    A holding with more Deny statements is less.
    """
    limits: dict[tuple[str, str, str], list[Texts]] = {}
    for each in (*before, *after):
        limits.setdefault((each.holder, each.allow, each.through), []).append(each.denies)
    return [
        each
        for each in now
        if not any(
            all(any(_implies(has, needed) for has in each.denies) for needed in denies)
            for denies in limits.get((each.holder, each.allow, each.through), ())
        )
    ]


def _implies(deny: str, other: str) -> bool:
    """Whether one Deny statement denies all that another one does.

    That is so if they are the same, or differ only in the moment they begin at.
    """
    begins, others = (_BEGINNING.search(each) for each in (deny, other))
    if deny == other or begins is None or others is None:
        return deny == other
    same = _BEGINNING.sub("", deny) == _BEGINNING.sub("", other)
    return same and begins[1] <= others[1]


def lacking(
    now: Iterable[Holding], before: Iterable[Holding], after: Iterable[Holding]
) -> list[tuple[str, str, bool]]:
    """What was held and is to be held in the same way, but is not held now: a gap."""
    has, had, shall = (
        {(each.holder, each.allow, bool(each.through)) for each in moment}
        for moment in (now, before, after)
    )
    return sorted((had & shall) - has)


def _statements(*entities: Any) -> tuple[Texts, Texts]:
    """The Allow and the Deny statements that hang on a user or role, and on its groups."""
    found = [
        _by_effect(text)
        for entity in entities
        for text in (*entity.policies.values(), *_managed(entity))
    ]
    allows = frozenset[str]().union(*(each for each, _ in found))
    denies = frozenset[str]().union(*(each for _, each in found))
    return (frozenset() if _EVERYTHING in denies else allows), denies


@cache
def _by_effect(document: str) -> tuple[Texts, Texts]:
    """The Allow and the Deny statements of a document."""
    statements = _listed(json.loads(document))
    allows = frozenset(_text(each) for each in statements if each["Effect"] == "Allow")
    return allows, frozenset(_text(each) for each in statements if each["Effect"] == "Deny")


_EVERYTHING = json.dumps({"Action": "*", "Effect": "Deny", "Resource": "*"})


def _managed(entity: Any) -> Iterator[str]:
    for policy in entity.managed_policies.values():
        yield next(v.document for v in policy.versions if v.is_default)


def _listed(document: Any) -> list[dict[str, Any]]:
    statements = document["Statement"]
    return [statements] if isinstance(statements, dict) else list(statements)


def _text(statement: dict[str, Any]) -> str:
    return json.dumps(statement, sort_keys=True)
