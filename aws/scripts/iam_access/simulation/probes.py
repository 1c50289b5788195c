"""Requests that a statement may allow, made to meet its conditions."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from iam_access.model import Principal, PrincipalType
from iam_access.policy.actions import expand
from iam_access.policy.document import Statement, as_list, conditions_of, text_of
from iam_access.policy.evaluation.evaluate import Decision
from iam_access.policy.evaluation.request import Context
from iam_access.policy.expiry import CURRENT_TIME, EPOCH_TIME
from iam_access.policy.globs import example, has_wildcard
from iam_access.simulation.account_policies import Subject

#: The default keys of requests, as in assertions; a statement may need others.
_USUAL: Context = {"aws:MultiFactorAuthPresent": "true"}
# Operators that hold for the first value, or for a text that it matches.
_MET_BY_A_VALUE = frozenset(
    {"stringequals", "stringequalsignorecase", "bool", "numericequals", "binaryequals"}
    | {"numericlessthanequals", "numericgreaterthanequals"}
)
_MET_BY_A_MATCH = frozenset({"stringlike", "arnlike", "arnequals"})
_MET_BY_MORE = {"numericgreaterthan": 1, "numericlessthan": -1}
#: Keys that follow from the caller, which a probe must not set.
_CALLERS = frozenset(
    {"aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:username", "aws:userid"}
)
_TAGS = "aws:principaltag/"
# A NotAction statement allows one of these common actions.
_COMMON_ACTIONS = ("ec2:DescribeInstances", "s3:GetObject", "sqs:ListQueues", "iam:GetUser")
#: How many actions of one statement are tried, and how many of one pattern.
_MOST, _MOST_OF_ONE = 12, 4


@dataclass(frozen=True, slots=True)
class Probe:
    """One action that a statement may allow, in a request that meets its conditions if possible."""

    action: str
    resource: str
    context: Context

    def put_to(self, subject: Subject, at: datetime) -> Decision:
        """Decide it for a subject at that time (UTC)."""
        return subject.decide(self.action, self.resource, self.context, at)


def probes_of(
    statement: Statement, who: Principal, denied: Set[str] = frozenset()
) -> Iterator[Probe]:
    """Yield requests of a user or role for an Allow statement, the likeliest first; maybe none.

    Of the actions that a pattern matches, the `denied` ones come last.
    """
    resource = _filled(next(iter(as_list(statement.get("Resource", ["*"]))), ""), who)
    if not resource or "${" in resource:
        return
    exact = "*" if resource == "*" else example(resource, star="x")
    context = _context(conditions_of(statement), who)
    for action in islice(dict.fromkeys(_actions(statement, denied)), _MOST):
        yield Probe(action, exact, context)


def denied_by(statements: Iterable[Statement]) -> frozenset[str]:
    """Return the full names of the actions that Deny statements name."""
    denials = (each for each in statements if each.get("Effect") == "Deny")
    patterns = {text_of(each) for denial in denials for each in as_list(denial.get("Action", []))}
    return frozenset[str]().union(*map(expand, patterns - {"*"}))


def why_none(statement: Statement) -> str:
    """Return why no request can be constructed for an Allow statement."""
    resource = next(iter(as_list(statement.get("Resource", ["*"]))), "")
    if "${" in str(resource):
        return f"its resource {resource} depends on the request"
    actions = ", ".join(map(str, as_list(statement.get("Action", []))[:3]))
    return f"no action is known that {actions or 'its list'} matches"


def _actions(statement: Mapping[str, Any], denied: Set[str]) -> Iterator[str]:
    if "NotAction" in statement:
        yield from _COMMON_ACTIONS
    for pattern in map(text_of, as_list(statement.get("Action", []))):
        if pattern == "*":
            yield from _COMMON_ACTIONS
        elif has_wildcard(pattern):
            known = sorted(expand(pattern), key=lambda action: (action in denied, action))
            yield from known[:_MOST_OF_ONE]
        else:
            yield pattern


def _context(conditions: Mapping[str, Mapping[str, Any]], who: Principal) -> Context:
    """Condition keys that meet the simple conditions; the time is the probe's."""
    found: dict[str, str] = {}
    for operator, keys in conditions.items():
        name = operator.lower().rpartition(":")[2].removesuffix("ifexists")
        for key, values in keys.items():
            value = _filled(next((text_of(each) for each in as_list(values)), ""), who)
            met = _meeting(name, value)
            if met is not None and "${" not in value and not _is_settled(key.lower()):
                found.setdefault(key, met)
    known = {key.lower() for key in found}
    return {**{key: value for key, value in _USUAL.items() if key.lower() not in known}, **found}


def _meeting(operator: str, value: str) -> str | None:
    """A value for which an operator (in lower case) holds; None if none is needed or known."""
    if operator in _MET_BY_A_VALUE:
        return value
    if operator in _MET_BY_A_MATCH:
        return example(value, star="x")
    if operator == "ipaddress":
        return value.partition("/")[0]
    if operator in _MET_BY_MORE:
        try:
            return f"{float(value) + _MET_BY_MORE[operator]:g}"
        except ValueError:
            return None
    return "x" if operator == "null" and value.lower() == "false" else None


def _is_settled(key: str) -> bool:
    """Whether the time or the caller determines the value of a key (in lower case)."""
    times = (CURRENT_TIME.lower(), EPOCH_TIME.lower())
    return key in times or key in _CALLERS or key.startswith(_TAGS)


def _filled(text: Any, who: Principal) -> str:
    """The text with the name of the calling user; a role has none."""
    name = who.name if who.type is PrincipalType.USER else "${aws:username}"
    return str(text).replace("${aws:username}", name)
