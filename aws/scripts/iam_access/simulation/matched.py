"""Which of the actions that a pattern matches a principal may do, where it may not do them all.

As `partly`, it errs on one side: whoever may do one of the actions is told.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from iam_access.policy.actions import expand
from iam_access.policy.document import listed, statements_of
from iam_access.policy.globs import has_wildcard, overlap
from iam_access.policy.matrix import Asker
from iam_access.policy.services import is_settled_by_service
from iam_access.simulation import partly
from iam_access.simulation.partly import Way
from iam_access.simulation.world import Subject, World

# So many actions tell what kind of access it is; `search` has all of them.
_TOLD = 5


def ways(
    subject: Subject,
    asker: Asker,
    pattern: str,
    resource: str,
    world: World,
    given: Iterable[str],
) -> tuple[Way, ...]:
    """How a subject may perhaps do some actions that a pattern matches, each way with its action.

    The first few actions by name are enough. `given` is that of `partly.ways`.
    """
    if not has_wildcard(pattern):
        return ()
    context = tuple(given)

    def of(action: str) -> Iterator[Way]:
        if asker.decide(action, resource).allowed:
            yield Way(resource, action=action)
            return
        request = asker.request((action, resource, None))
        for way in partly.ways(subject, request, world, context):
            yield way._replace(action=action)

    found = (found for action in _candidates(subject, pattern, world) if (found := [*of(action)]))
    return tuple(way for each in islice(found, _TOLD) for way in each)


def _candidates(subject: Subject, pattern: str, world: World) -> list[str]:
    """The actions of a pattern that an Allow of the subject's, or a service itself, is about."""
    asked = expand(pattern)
    found = {action for action in asked if is_settled_by_service(action.lower())}
    for policy in subject.layers.identity:
        for statement in statements_of(world.written(policy)):
            if statement["Effect"] == "Allow":
                found |= _within(pattern, asked, statement)
    return sorted(found)


def _within(pattern: str, asked: frozenset[str], statement: Mapping[str, object]) -> set[str]:
    if "NotAction" in statement:
        left_out = map(str, listed(statement["NotAction"]))
        return set(asked.difference(*map(expand, left_out)))
    found: set[str] = set()
    for each in map(str, listed(statement["Action"])):
        if overlap(each.lower(), pattern.lower()):
            # Names that the data lacks are asked for as the policy writes them.
            found |= (expand(each) & asked) or {each}
    return found
