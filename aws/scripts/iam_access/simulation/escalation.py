"""Which known ways to escalate a change opens, judged by what all permissions come to together."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from iam_access.model import Escalation, Principal, PrincipalType
from iam_access.policy import document as documents
from iam_access.policy.actions import actions_of, resource_types
from iam_access.policy.match import Mode, compile_patterns
from iam_access.policy.request import account_of
from iam_access.simulation import scopes
from iam_access.simulation.moments import Conditions
from iam_access.simulation.reach import Atom, Reach, Region, difference, permitted
from iam_access.simulation.scopes import Scope
from iam_access.simulation.universe import UNKNOWN, Universe
from iam_access.simulation.ways import ADMINISTRATOR, ASSUME_ROLE_URL, PASSING, WAYS, Way
from iam_access.snapshot import PrincipalState, Snapshot

_ASSUME = "sts:AssumeRole"
_PASSED_TO = "iam:passedtoservice"
_OWN_NAME = "${aws:username}"
# Reading more is no way to more access; what a role may read is told as what it gives.
_HARMLESS = ("List", "Read", UNKNOWN)


@dataclass(frozen=True, slots=True)
class Sides:
    """One principal before and after a change, and the accounts around it.

    `gains` is what it gained. `region_of_role` tells what a role may do after the change, None if
    that is not known.
    """

    principal: Principal
    before: Reach
    after: Reach
    gains: tuple[Atom, ...]
    universe: Universe
    old: Snapshot
    new: Snapshot
    region_of_role: Callable[[Principal], Region | None]


def escalations(sides: Sides) -> tuple[Escalation, ...]:
    """The ways that the change opens to the principal or widens.

    One is told of when all that an alternative takes is allowed after the change, and it was not
    before or its decisive action is gained on something more. What is allowed under conditions
    counts, since those may be met; where a role may be passed only to some services, they count.
    """
    state = sides.new.principals.get(sides.principal)
    if state is None:
        return ()
    if _everything_in_iam(sides.gains, sides.universe):
        return (_told(ADMINISTRATOR, ADMINISTRATOR.alternatives[0]),)
    found = [_opened(way, sides, state) for way in WAYS] if sides.gains else []
    return (*(each for each in found if each is not None), *_roles(sides, state))


def _told(way: Way, actions: tuple[str, ...]) -> Escalation:
    return Escalation(way.code, way.explanation, way.url, actions)


def _everything_in_iam(gains: Iterable[Atom], universe: Universe) -> bool:
    wanted = universe.bits("iam:*")
    return any(
        not each.conditions and not each.scope and each.bits & wanted == wanted for each in gains
    )


def _opened(way: Way, sides: Sides, state: PrincipalState) -> Escalation | None:
    may_after = _Permissions(sides.after, sides.universe, state)
    may_before = _Permissions(sides.before, sides.universe, state)
    gained = _Permissions((Region(sides.gains),), sides.universe, state)
    for actions in way.alternatives:
        if not all(may_after.allow(action, way) for action in actions):
            continue
        was_closed = not all(may_before.allow(action, way) for action in actions)
        if was_closed or gained.allow(actions[0], way):
            return _told(way, actions)
    return None


@dataclass(frozen=True, slots=True)
class _Permissions:
    """A reach, asked for single actions."""

    reach: Reach
    universe: Universe
    holder: PrincipalState

    def allow(self, action: str, way: Way) -> bool:
        """Whether the action may be allowed on something that serves the way."""
        return any(True for _ in self._atoms(action, way))

    def _atoms(self, action: str, way: Way) -> Iterator[Atom]:
        bit = self.universe.bits(action)
        for region in self.reach:
            for atom in region.allows:
                if not atom.bits & bit or not _can_concern(action, atom.scope):
                    continue
                if action == PASSING and not _passes_to(way.service, atom.conditions):
                    continue
                if way.others and self._is_own(atom.scope):
                    continue
                yield from permitted(replace(atom, bits=bit), region.denies)

    def _is_own(self, scope: Scope) -> bool:
        """Whether only the holder itself is in a scope."""
        patterns = [each.patterns for each in scope if not each.excluded]
        return any(
            all(each == self.holder.arn or _OWN_NAME in each for each in its) for its in patterns
        )


@lru_cache(maxsize=16384)
def _can_concern(action: str, scope: Scope) -> bool:
    """Whether there can be resources in a scope on which the action works.

    An action for which AWS names no kind of resource may work on any.
    """
    service, _, name = action.partition(":")
    known = actions_of(service).get(name.lower())
    types = resource_types(service)
    kinds = [types[each].arn for each in known.resource_types if each in types] if known else []
    if not kinds:
        return True
    shapes = [re.sub(r"\$\{[^}]*\}", "*", each) for each in kinds]
    return any(not scopes.apart(scope, each) for each in scopes.including(shapes, variables=True))


def _passes_to(service: str | None, conditions: Conditions) -> bool:
    """Whether conditions let a role be passed to this service."""
    return service is None or all(
        _may_equal(each.operator, each.values, service)
        for each in conditions
        if each.key == _PASSED_TO and not each.qualified
    )


def _may_equal(operator: str, values: Iterable[str], text: str) -> bool:
    like = operator.removesuffix("ifexists")
    if like not in ("stringequals", "stringlike", "stringequalsignorecase"):
        return True
    patterns = compile_patterns(
        (each.lower() for each in values), Mode.TEXT, wildcards=like == "stringlike"
    )
    return patterns.matches(text, lambda _key, _written: None)


def _roles(sides: Sides, state: PrincipalState) -> Iterator[Escalation]:
    """Roles that the principal may newly assume and that may do more than it may by itself."""
    bit = sides.universe.bits(_ASSUME)
    asked = any(each.bits & bit for each in sides.gains)
    entered = {region.allows[0].via for region in sides.after if region.allows}
    for role, its in sorted(sides.new.principals.items()):
        old = sides.old.principals.get(role)
        retrusted = old is None or old.trust != its.trust
        if role.type is not PrincipalType.ROLE or role == sides.principal:
            continue
        if not (asked or retrusted) or role.name in entered:
            continue
        if not _may_assume(sides.after, state, its, bit):
            continue
        before = sides.old.principals.get(sides.principal)
        if old is not None and before and _may_assume(sides.before, before, old, bit):
            continue
        more = _more(sides, role)
        if more:
            yield Escalation(
                "assume-role",
                f"may assume role {role.name}, which {more}",
                ASSUME_ROLE_URL,
                (_ASSUME,),
            )


def _more(sides: Sides, role: Principal) -> str:
    """What a role may do beyond the principal, in words; nothing if it is nothing that counts."""
    region = sides.region_of_role(role)
    if region is None:
        return "has policies whose contents were not read"
    bits = 0
    for atom in difference((region,), sides.after):
        bits |= atom.bits
    parts = [
        f"{part.bit_count():,} {level}"
        for level, part in sides.universe.split(bits)
        if level not in _HARMLESS
    ]
    return f"may do more: {', '.join(parts)}" if parts else ""


def _may_assume(reach: Reach, who: PrincipalState, role: PrincipalState, bit: int) -> bool:
    """Whether a role trusts somebody of its account, and they are allowed where that is needed.

    A trust policy that names them is enough by itself; one that names the account is not.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
    """
    account = account_of(role.arn) or ""
    root = role.arn.partition(":role/")[0] + ":root"
    for statement in documents.statements_of(role.trust) if role.trust else ():
        named = _named(statement)
        if who.arn in named or (who.id and who.id in named):
            return True
        if named & {"*", account, root} and _is_allowed(reach, role.arn, bit):
            return True
    return False


def _named(statement: Mapping[str, object]) -> set[str]:
    """Those whom an Allow statement of a trust policy lets assume the role."""
    actions = map(str, documents.listed(statement.get("Action", [])))
    patterns = compile_patterns((each.lower() for each in actions), Mode.TEXT)
    assumes = patterns.matches(_ASSUME.lower(), lambda _key, _written: None)
    if statement.get("Effect") != "Allow" or not assumes:
        return set()
    principal = statement.get("Principal")
    if principal == "*":
        return {"*"}
    found = documents.listed(principal.get("AWS", [])) if isinstance(principal, Mapping) else []
    return set(map(str, found))


def _is_allowed(reach: Sequence[Region], role: str, bit: int) -> bool:
    (target,) = scopes.including([role], variables=False)
    return any(
        permitted(replace(atom, bits=bit, scope=scopes.both(atom.scope, target)), region.denies)
        for region in reach
        for atom in region.allows
        if atom.bits & bit and not scopes.apart(atom.scope, target)
    )
