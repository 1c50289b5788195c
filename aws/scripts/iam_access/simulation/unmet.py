"""Statements that would allow something under other conditions, or on fewer resources."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from iam_access.model import Principal, PrincipalType
from iam_access.policy.compile import PolicySource, SourceType, StatementRef, compile_policy
from iam_access.policy.conditions import compile_conditions
from iam_access.policy.context import RequestContext
from iam_access.policy.document import conditions_of, listed, statements_of, text_of
from iam_access.policy.principals import Match
from iam_access.policy.request import Request
from iam_access.simulation.world import Subject, World, inline_id
from iam_access.snapshot import Document

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
            document = _document(policy.source.id, subject, world)
            raw = statements_of(document)[statement.ref.index]
            about = _is_about(raw, document, context)
            if about or request.resource == _ALL:
                resources = () if about else tuple(_resources(raw))
                yield Unmet(statement.ref, tuple(_failing(raw, context)), resources)


def _is_about(statement: Mapping[str, Any], document: Document, context: RequestContext) -> bool:
    """Whether a statement would apply without its conditions."""
    bare = {key: value for key, value in statement.items() if key != "Condition"}
    source = PolicySource("statement", SourceType.IDENTITY, "statement")
    (compiled,) = compile_policy({**document, "Statement": [bare]}, source).statements
    return compiled.match(context) is not Match.NONE


def _resources(statement: Mapping[str, Any]) -> Iterator[str]:
    yield from map(str, listed(statement.get("Resource", [])))
    yield from (f"all but {each}" for each in listed(statement.get("NotResource", [])))


def _document(source: str, subject: Subject, world: World) -> Document:
    """The document of a policy that counts for the subject."""
    principals = world.snapshot.principals
    groups = (principals[Principal(PrincipalType.GROUP, name)] for name in subject.state.groups)
    for holder in (subject.state, *groups):
        for name, document in holder.inline.items():
            if inline_id(holder.principal, name) == source:
                return document
    return world.document(source)


def _failing(statement: Mapping[str, Any], context: RequestContext) -> Iterator[str]:
    for operator, keys in conditions_of(statement).items():
        for key, values in keys.items():
            (compiled,) = compile_conditions({operator: {key: values}}, variables=True)
            if not compiled.holds(context):
                yield f"{key} {operator} {', '.join(text_of(each) for each in listed(values))}"
