"""Requests that try what an Allow statement allows, in contexts that meet its conditions."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from iam_access.model import Principal, PrincipalType
from iam_access.policy.actions import expand
from iam_access.policy.decision import Decision
from iam_access.policy.document import Statement, conditions_of, listed, text_of
from iam_access.policy.expiry import CURRENT_TIME, EPOCH_TIME
from iam_access.simulation.world import Context, Subject

#: What requests are taken to have, as in assertions; a statement may ask for something else.
_USUAL: Context = {"aws:MultiFactorAuthPresent": "true"}
# Operators that hold for the first of the values, or for what it is a pattern of.
_MET_BY_A_VALUE = frozenset(
    {"stringequals", "stringequalsignorecase", "bool", "numericequals", "binaryequals"}
    | {"numericlessthanequals", "numericgreaterthanequals"}
)
_MET_BY_A_MATCH = frozenset({"stringlike", "arnlike", "arnequals"})
_MET_BY_MORE = {"numericgreaterthan": 1, "numericlessthan": -1}
#: What a request has by who makes it, and no probe may pretend.
_CALLERS = frozenset(
    {"aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:username", "aws:userid"}
)
_TAGS = "aws:principaltag/"
# Whoever may do all but some actions may do one of these.
_COMMON_ACTIONS = ("ec2:DescribeInstances", "s3:GetObject", "sqs:ListQueues", "iam:GetUser")
#: How many actions of one statement are tried, and how many of one pattern.
_MOST, _MOST_OF_ONE = 12, 4


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing that a statement may allow, in a request that meets its conditions if it can."""

    action: str
    resource: str
    context: Context

    def put_to(self, subject: Subject, at: datetime) -> Decision:
        """What the evaluator says at that time (UTC)."""
        return subject.decide(self.action, self.resource, self.context, at)


def probes_of(
    statement: Statement, who: Principal, denied: Set[str] = frozenset()
) -> Iterator[Probe]:
    """Requests of a user or role for an Allow statement, the likeliest first; maybe none.

    Of what a pattern matches, the `denied` actions come last.
    """
    resource = _filled(next(iter(listed(statement.get("Resource", ["*"]))), ""), who)
    if not resource or "${" in resource:
        return
    exact = "*" if resource == "*" else _matching(resource)
    context = _context(conditions_of(statement), who)
    for action in islice(dict.fromkeys(_actions(statement, denied)), _MOST):
        yield Probe(action, exact, context)


def denied_by(statements: Iterable[Statement]) -> frozenset[str]:
    """The actions, in full, that Deny statements name; where they deny all, that names none."""
    denials = (each for each in statements if each.get("Effect") == "Deny")
    patterns = {text_of(each) for denial in denials for each in listed(denial.get("Action", []))}
    return frozenset[str]().union(*map(expand, patterns - {"*"}))


def why_none(statement: Statement) -> str:
    """Why no request can be made up for an Allow statement."""
    resource = next(iter(listed(statement.get("Resource", ["*"]))), "")
    if "${" in str(resource):
        return f"its resource {resource} depends on the request"
    actions = ", ".join(map(str, listed(statement.get("Action", []))[:3]))
    return f"no action is known that {actions or 'its list'} matches"


def _actions(statement: Mapping[str, Any], denied: Set[str]) -> Iterator[str]:
    if "NotAction" in statement:
        yield from _COMMON_ACTIONS
    for pattern in map(text_of, listed(statement.get("Action", []))):
        if pattern == "*":
            yield from _COMMON_ACTIONS
        elif "*" in pattern or "?" in pattern:
            known = sorted(expand(pattern), key=lambda action: (action in denied, action))
            yield from known[:_MOST_OF_ONE]
        else:
            yield pattern


def _context(conditions: Mapping[str, Mapping[str, Any]], who: Principal) -> Context:
    """Condition keys that meet what is simple among the conditions; the time is the probe's."""
    found: dict[str, str] = {}
    for operator, keys in conditions.items():
        name = operator.lower().rpartition(":")[2].removesuffix("ifexists")
        for key, values in keys.items():
            value = _filled(next((text_of(each) for each in listed(values)), ""), who)
            met = _meeting(name, value)
            if met is not None and "${" not in value and not _is_settled(key.lower()):
                found.setdefault(key, met)
    known = {key.lower() for key in found}
    return {**{key: value for key, value in _USUAL.items() if key.lower() not in known}, **found}


def _meeting(operator: str, value: str) -> str | None:
    """A value for which an operator (in lower case) holds; None where none is needed or known."""
    if operator in _MET_BY_A_VALUE:
        return value
    if operator in _MET_BY_A_MATCH:
        return _matching(value)
    if operator == "ipaddress":
        return value.partition("/")[0]
    if operator in _MET_BY_MORE:
        try:
            return f"{float(value) + _MET_BY_MORE[operator]:g}"
        except ValueError:
            return None
    return "x" if operator == "null" and value.lower() == "false" else None


def _is_settled(key: str) -> bool:
    """Whether the time or the caller decides the value of a key (in lower case)."""
    times = (CURRENT_TIME.lower(), EPOCH_TIME.lower())
    return key in times or key in _CALLERS or key.startswith(_TAGS)


def _filled(text: Any, who: Principal) -> str:
    """The text with the name of the user who asks; roles have none there."""
    name = who.name if who.type is PrincipalType.USER else "${aws:username}"
    return str(text).replace("${aws:username}", name)


def _matching(pattern: str) -> str:
    """A text that a pattern with wildcards matches."""
    return pattern.replace("*", "x").replace("?", "x")
