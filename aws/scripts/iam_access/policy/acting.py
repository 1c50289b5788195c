"""What actions act on: whether there can be a request for an action on a resource at all.

By the resource types that the Service Authorization Reference lists for each action.
"""

import re
from functools import lru_cache

from iam_access.policy.actions import expand, find_action, resource_types
from iam_access.policy.match import is_whole_arn
from iam_access.policy.variables import mask_variables

_BLANK = re.compile(r"\$\{([^}]*)\}")
# Names that AWS lets have no slash, which tells these types from others of the same service.
_WITHOUT_SLASH = frozenset({"BucketName", "TableName"})
_STAR, _ONE, _NAME = "*", "?", "\0"
_EVERYTHING = re.compile(r"\*+")
_COLONS = 5


@lru_cache(maxsize=4096)
def acts_on(action: str) -> tuple[str, ...]:
    """The ARNs, with `*` for what varies, that an action acts on; those of all that a pattern is.

    None for an action that is not known, and for one that acts on no single resource.
    """
    return tuple(sorted({shape.replace(_NAME, _STAR) for shape in _shapes(action)}))


@lru_cache(maxsize=16384)
def can_act_on(action: str, resource: str) -> bool:
    """Whether a request for an action can name a resource, or one that a pattern matches.

    `action` may be a pattern, too: then whether any that it matches can. True for what is not
    known. An action that acts on no single resource is asked for on `*` alone
    (reference_policies_actions-resources-contextkeys.html, "Resource types column").
    """
    if not expand(action) or _EVERYTHING.fullmatch(resource):
        return True
    asked = mask_variables(resource, _STAR)
    return any(_meet(shape, asked) for shape in _shapes(action))


def _shapes(action: str) -> frozenset[str]:
    known = filter(None, map(find_action, expand(action)))
    return frozenset(
        _BLANK.sub(lambda name: _NAME if name[1] in _WITHOUT_SLASH else _STAR, types[each].arn)
        for one in known
        for types in (resource_types(one.service),)
        for each in one.resource_types
        if each in types
    )


def _meet(shape: str, asked: str) -> bool:
    """Whether some ARN matches both; part by part, as they are matched, where both have all."""
    if not is_whole_arn(asked):
        return _overlap(shape, asked)
    parts = zip(shape.split(":", _COLONS), asked.split(":", _COLONS), strict=True)
    return all(_overlap(a, b) for a, b in parts)


@lru_cache(maxsize=65536)
def _overlap(one: str, other: str) -> bool:
    """Whether some text matches both patterns."""
    states, seen = [(0, 0)], {(0, 0)}
    while states:
        i, j = states.pop()
        if i == len(one) and j == len(other):
            return True
        for state in _next(one[i : i + 1], other[j : j + 1]):
            after = i + state[0], j + state[1]
            if after not in seen:
                seen.add(after)
                states.append(after)
    return False


def _next(a: str, b: str) -> list[tuple[int, int]]:
    """How far both patterns can go, given what is next in each; "" is the end."""
    found = []
    if a in (_STAR, _NAME) and a:
        found += [(1, 0), (0, 1)] if _takes(a, b) else [(1, 0)]
    if b in (_STAR, _NAME) and b:
        found += [(0, 1), (1, 0)] if _takes(b, a) else [(0, 1)]
    if a and b and _STAR not in (a, b) and _NAME not in (a, b) and (a == b or _ONE in (a, b)):
        found.append((1, 1))
    return found


def _takes(star: str, char: str) -> bool:
    """Whether a `*` may stand for a character of the other pattern."""
    return bool(char) and char not in (_STAR, _NAME) and (star == _STAR or char not in "/:")
