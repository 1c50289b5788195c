"""Statements that would allow something under other conditions, or on fewer resources."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from iam_access.policy.compile import StatementRef
from iam_access.policy.conditions import AnyCondition, compile_conditions
from iam_access.policy.context import RequestContext
from iam_access.policy.document import (
    VERSION,
    conditions_of,
    listed,
    statements_of,
    text_of,
    version_of,
)
from iam_access.policy.principals import Match
from iam_access.policy.request import Request
from iam_access.simulation.world import Subject, World

_ALL = "*"


@dataclass(frozen=True, slots=True)
class Unmet:
    """An Allow statement of an identity's policy that covers an action, and why it does not count.

    `conditions` are those that do not hold. `resources` are those that it is about, when it is
    not about all of them and all were asked for.
    """

    ref: StatementRef
    conditions: tuple[str, ...]
    resources: tuple[str, ...] = ()


def unmet(subject: Subject, request: Request, world: World) -> Iterator[Unmet]:
    """The statements that nearly allow what is asked of a subject and does not get."""
    context = RequestContext(request)
    for policy in subject.layers.identity:
        for statement in policy.covering(request.action.lower()):
            if not statement.ref.allows or statement.match(context) is not Match.NONE:
                continue
            document = world.written(policy)
            raw = statements_of(document)[statement.ref.index]
            about = statement._replace(conditions=()).match(context) is not Match.NONE
            if about or request.resource == _ALL:
                resources = () if about else tuple(_resources(raw))
                variables = version_of(document) == VERSION
                failing = (
                    text
                    for condition, text in conditions_in_words(raw, variables=variables)
                    if not condition.holds(context)
                )
                yield Unmet(statement.ref, tuple(failing), resources)


def _resources(statement: Mapping[str, Any]) -> Iterator[str]:
    yield from map(str, listed(statement.get("Resource", [])))
    yield from (f"all but {each}" for each in listed(statement.get("NotResource", [])))


def conditions_in_words(
    statement: Mapping[str, Any], *, variables: bool
) -> Iterator[tuple[AnyCondition, str]]:
    """Each condition of a statement by itself, ready to be asked, and as it is written."""
    for operator, keys in conditions_of(statement).items():
        for key, values in keys.items():
            (compiled,) = compile_conditions({operator: {key: values}}, variables=variables)
            yield (
                compiled,
                f"{key} {operator} {', '.join(text_of(each) for each in listed(values))}",
            )
