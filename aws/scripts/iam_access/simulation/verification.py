"""Proof after an apply: what was granted is allowed, what is to end ends, what went is gone.

Judged on the account as it was read again, by the evaluator, and so by what is really there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from iam_access.kinds import attachment, inline_policy, temporary_role
from iam_access.kinds.base import finding_about
from iam_access.model import (
    Finding,
    Outcome,
    Principal,
    PrincipalType,
    Resource,
    Severity,
    Status,
)
from iam_access.plan.diff import observed_state
from iam_access.policy.actions import expand
from iam_access.policy.compile import PolicySource, SourceType, compile_policy
from iam_access.policy.decision import Decision, Verdict
from iam_access.policy.document import conditions_of, listed, statements_of, text_of
from iam_access.policy.evaluate import Layers
from iam_access.policy.expiry import CURRENT_TIME
from iam_access.simulation.results import AccountTests
from iam_access.simulation.world import Context, Subject, World
from iam_access.snapshot import Document, Snapshot

_SECOND = timedelta(seconds=1)


# What requests are taken to have, as in assertions; a statement may ask for something else.
_USUAL: Context = {"aws:MultiFactorAuthPresent": "true"}
# Operators that hold for the first of the values, or for what it is a pattern of.
_MET_BY_A_VALUE = frozenset(
    {"stringequals", "stringequalsignorecase", "bool", "numericequals", "binaryequals"}
    | {"numericlessthanequals", "numericgreaterthanequals"}
)
_MET_BY_A_MATCH = frozenset({"stringlike", "arnlike", "arnequals"})
# Whoever may do all but some actions may do one of these.
_COMMON_ACTIONS = ("ec2:DescribeInstances", "s3:GetObject", "sqs:ListQueues", "iam:GetUser")


@dataclass(frozen=True, slots=True)
class _Probe:
    """One thing that a statement may allow, in a request that meets its conditions if it can."""

    action: str
    resource: str
    context: Context

    def put_to(self, subject: Subject, at: datetime) -> Decision:
        """What the evaluator says at that time (UTC)."""
        return subject.decide(self.action, self.resource, self.context, at)


def verify(snapshot: Snapshot, outcomes: Iterable[Outcome], now: datetime) -> tuple[Finding, ...]:
    """What does not hold, in the account as it is now, of what a run is said to have done.

    `snapshot` was read after the run, with the documents of all policies that count; `now` is UTC.
    """
    world = World(snapshot)
    found: list[Finding] = []
    observed = observed_state(snapshot)
    for outcome in outcomes:
        if outcome.status not in (Status.DONE, Status.ALREADY):
            continue
        wanted = outcome.change.after
        if (wanted is not None) != (outcome.change.id in observed):
            found.append(_not_so(outcome.change.subject, snapshot, there=wanted is None))
        elif wanted is not None:
            found += _held(wanted, world, now)
    return tuple(found)


def violations(tests: AccountTests) -> Iterator[Finding]:
    """The assertions that do not hold, as findings at the tests' places."""
    for result in tests.results:
        if result.ok:
            continue
        test = result.question.test
        can = "can" if result.answer.decision is Verdict.ALLOWED else "cannot"
        yield Finding(
            code="assertion-failed",
            severity=Severity.ERROR,
            message=f"{result.question.state.principal} {can} do {result.action} on "
            f"{result.resource} in account {tests.account.id} ({tests.account.label})",
            hint=test.description or "an access test says that this must not be",
            location=test.location,
            team=test.team,
            account=tests.account.id,
        )


def _not_so(resource: Resource, snapshot: Snapshot, *, there: bool) -> Finding:
    state = "is still there" if there else "is not there"
    return finding_about(
        resource,
        snapshot,
        "verify-not-so",
        f"{resource.id.kind} {resource.name} {state}, although the run was told otherwise",
        "apply again; if it stays so, somebody else changes the account at the same time",
    )


def _held(wanted: Resource, world: World, now: datetime) -> Iterator[Finding]:
    """What does not hold of one resource that is there."""
    holder = _holder(wanted)
    if holder is None:
        return  # a policy by itself gives nobody anything
    subject = world.subject(holder)
    for document in _documents(wanted, subject, world):
        alone = replace(subject, layers=_layers(wanted, document, subject))
        for probe in _probes(document):
            moments = [now, *([wanted.expires - _SECOND] if wanted.expires else [])]
            open_at = next((at for at in moments if probe.put_to(alone, at).allowed), None)
            if open_at is not None:
                decision = probe.put_to(subject, open_at)
                if not decision.allowed:
                    yield _blocked(wanted, world.snapshot, holder, probe, decision)
            if wanted.expires and _grants(probe.put_to(alone, wanted.expires)):
                yield _outlives(wanted, world.snapshot, holder, probe)


def _grants(decision: Decision) -> bool:
    """Whether policies allow it; some actions nobody needs a permission for."""
    return decision.allowed and bool(decision.deciding)


def _layers(wanted: Resource, document: Document, subject: Subject) -> Layers:
    """The document alone; for a role made for a grant all it has, since its end is apart."""
    if wanted.id.kind == temporary_role.NAME:
        return subject.layers
    source = PolicySource("grant", SourceType.IDENTITY, "grant")
    return Layers(identity=(compile_policy(document, source),))


def _holder(wanted: Resource) -> Principal | None:
    """Who may do what the resource allows: for a role made for a grant, the role."""
    if wanted.id.kind == temporary_role.NAME:
        return Principal(PrincipalType.ROLE, wanted.name)
    if wanted.id.kind in (inline_policy.NAME, attachment.NAME):
        return wanted.principal
    return None


def _documents(wanted: Resource, subject: Subject, world: World) -> Iterator[Document]:
    """The documents through which the resource gives its holder something."""
    state = subject.state
    if wanted.id.kind == inline_policy.NAME:
        yield state.inline[wanted.name]
    elif wanted.id.kind == attachment.NAME:
        yield world.document(wanted.attributes["arn"])
    else:
        yield from state.inline.values()
        yield from map(world.document, state.attached)


def _probes(document: Document) -> Iterator[_Probe]:
    """Requests for each Allow statement; what a statement allows in none of them is not proven."""
    for statement in statements_of(document):
        if statement.get("Effect") != "Allow":
            continue
        resource = next(iter(listed(statement.get("Resource", ["*"]))), "")
        if not resource or "${" in resource:
            continue
        exact = "*" if resource == "*" else _matching(resource)
        context = _context(conditions_of(statement))
        yield from (_Probe(action, exact, context) for action in _actions(statement))


def _actions(statement: Mapping[str, Any]) -> Sequence[str]:
    """An action that the statement covers, or several of which it should cover one."""
    if "NotAction" in statement:
        return _COMMON_ACTIONS
    action = next(iter(listed(statement.get("Action", []))), "")
    wild = "*" in action or "?" in action
    known = min(expand(action), default="") if wild else action
    return (known,) if known else ()


def _context(conditions: Mapping[str, Mapping[str, Any]]) -> Context:
    """Condition keys that meet what is simple among the conditions; the time is the probe's."""
    found: dict[str, str] = {}
    for operator, keys in conditions.items():
        name = operator.lower().rpartition(":")[2].removesuffix("ifexists")
        for key, values in keys.items():
            value = next((text_of(each) for each in listed(values)), "")
            if key.lower() == CURRENT_TIME.lower() or "${" in value:
                continue
            if name in _MET_BY_A_VALUE:
                found.setdefault(key, value)
            elif name in _MET_BY_A_MATCH:
                found.setdefault(key, _matching(value))
            elif name == "ipaddress":
                found.setdefault(key, value.partition("/")[0])
    known = {key.lower() for key in found}
    return {**{key: value for key, value in _USUAL.items() if key.lower() not in known}, **found}


def _matching(pattern: str) -> str:
    """A text that a pattern with wildcards matches."""
    return pattern.replace("*", "x").replace("?", "x")


def _blocked(
    wanted: Resource, snapshot: Snapshot, holder: Principal, probe: _Probe, decision: Decision
) -> Finding:
    by = "; ".join(str(each) for each in decision.blocked_by) or "no policy allows it"
    return finding_about(
        wanted,
        snapshot,
        "verify-not-allowed",
        f"{holder} is granted {probe.action} on {probe.resource} by {wanted.name}, and may not do "
        f"it all the same: {by}",
        "look at the policy that stands in the way: a boundary, or a Deny elsewhere",
    )


def _outlives(wanted: Resource, snapshot: Snapshot, holder: Principal, probe: _Probe) -> Finding:
    return finding_about(
        wanted,
        snapshot,
        "verify-outlives",
        f"{holder} may still do {probe.action} by {wanted.name} when it was to have ended",
        "revoke it: python aws/scripts/revoke.py; and report this as a defect",
    )
