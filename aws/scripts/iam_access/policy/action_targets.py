"""What actions act on, and which condition keys requests for them may have.

By the Service Authorization Reference, which may lack something: what it does not know is possible.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle
from math import inf

from iam_access.policy.actions import Action, expand, find_action, resource_types
from iam_access.policy.condition_keys import find_condition_key, is_global
from iam_access.policy.globs import has_wildcard, overlap
from iam_access.policy.variables import mask_variables

_FIELDS = 6
_BLANK = re.compile(r"\$\{([^}]*)\}")
# Blanks in the form of an ARN whose values have no /, so that what follows a / is something else.
_WITHOUT_SLASH = frozenset({"BucketName", "TableName"})


@lru_cache(maxsize=4_096)
def acts_on(pattern: str) -> tuple[str, ...]:
    """The forms of ARNs, with `${…}` for what varies, that an action or any of a pattern acts on.

    None for an action that is not known, and for one that acts on no single resource.
    """
    return tuple(sorted({f for each in map(find_action, expand(pattern)) for f in _forms(each)}))


@lru_cache(maxsize=65_536)
def can_act_on(pattern: str, resource: str) -> bool:
    """Whether an action, or any of a pattern, may act on a resource or one of a pattern.

    True in doubt. An action that acts on no single resource is asked for on `*` alone
    (reference_policies_actions-resources-contextkeys.html, "Resource types column").
    """
    parts = mask_variables(resource, "*").split(":", _FIELDS - 1)
    actions = expand(pattern)
    if len(parts) < _FIELDS or not actions:
        return True
    return any(_acts(name, tuple(parts)) for name in actions)


def _acts(name: str, parts: tuple[str, ...]) -> bool:
    return any(_fits(form, parts) for form in _forms(find_action(name)))


def _forms(action: Action | None) -> tuple[str, ...]:
    """The forms of ARNs that an action acts on; without any it acts on `*` alone."""
    if action is None:
        return ()
    known = resource_types(action.service)
    return tuple(sorted(known[each].arn for each in action.resource_types if each in known))


def _fits(arn: str, parts: tuple[str, ...]) -> bool:
    _, _, service, region, account, resource = parts
    form = _form(arn)
    if form is None or form.service != service:
        return form is None
    if not (overlap(form.region, region) and overlap(form.account, account)):
        return False
    # Nearly always the pattern, read as a plain text, is a resource of the form.
    if form.example.fullmatch(resource):
        return True
    return resource.count("/") <= form.most_slashes and overlap(form.resource, resource)


@dataclass(frozen=True, slots=True)
class _Form:
    """The ARNs of one type of resource, part by part as patterns.

    `example` matches resources of the type. `most_slashes` is how many the last part may have.
    """

    service: str
    region: str
    account: str
    resource: str
    example: re.Pattern[str]
    most_slashes: float


@lru_cache(maxsize=8_192)
def _form(arn: str) -> _Form | None:
    """None for an ARN that has not all parts, or names no service."""
    parts = _BLANK.sub("*", arn).split(":", _FIELDS - 1)
    if len(parts) < _FIELDS or has_wildcard(parts[2]):
        return None
    _, _, service, region, account, resource = parts
    # Fixed text and the names of blanks take turns.
    pieces = _BLANK.split(arn.split(":", _FIELDS - 1)[-1])
    blanks = pieces[1::2]
    example = "".join(
        re.escape(piece) if fixed else ("[^/]+" if piece in _WITHOUT_SLASH else ".+")
        for piece, fixed in zip(pieces, cycle((True, False)), strict=False)
    )
    slashes = resource.count("/") if _WITHOUT_SLASH.issuperset(blanks) else inf
    return _Form(service, region, account, resource, re.compile(example, re.DOTALL), slashes)


@lru_cache(maxsize=16_384)
def can_have(pattern: str, key: str) -> bool:
    """Whether requests for an action of a pattern may have a condition key; true in doubt."""
    found = find_condition_key(key)
    actions = expand(pattern)
    if found is None or is_global(key) or not actions:
        return True
    prefix, _, name = found.name.lower().partition(":")
    if name.startswith("resourcetag/"):
        # Services list them under one spelling, or under that of all services.
        return any(each.startswith(f"{prefix}:") for each in actions)
    return any(found.name.lower() in _keys_of(each) for each in actions)


@lru_cache(maxsize=32_768)
def _keys_of(name: str) -> frozenset[str]:
    """The keys of one action and of what it acts on, in lower case."""
    action = find_action(name)
    if action is None:
        return frozenset()
    types = resource_types(action.service)
    lists = (types[each].condition_keys for each in action.resource_types if each in types)
    return frozenset(key.lower() for keys in (action.condition_keys, *lists) for key in keys)
