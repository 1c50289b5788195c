"""Which known ways to escalate a change opens, judged by what all permissions come to together."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from iam_access.meaning import resource_scopes
from iam_access.meaning.assuming import ASSUME, Roles
from iam_access.meaning.condition_windows import Conditions
from iam_access.meaning.escalation_paths import (
    ADMINISTRATOR,
    ASSUME_ROLE_URL,
    PASSING,
    WAYS,
    EscalationPath,
)
from iam_access.meaning.permissions import (
    ActionCatalog,
    EffectivePermissions,
    Permission,
    PermissionBlock,
    permitted,
)
from iam_access.meaning.resource_scopes import ResourceScope
from iam_access.model import Escalation, Principal, PrincipalType
from iam_access.phrases import some
from iam_access.policy import document as documents
from iam_access.policy.actions import find_action, resource_types
from iam_access.policy.arn import account_of, account_of_root, iam_arn, part_of
from iam_access.policy.condition_keys import can_have
from iam_access.policy.globs import GlobMode, compile_patterns, no_variables
from iam_access.snapshot import PrincipalState, Snapshot

_PASSED_TO = "iam:passedtoservice"
# In names of what is the caller's own: of users, and of their sessions.
_OWN = ("${aws:username}", "${aws:userid}")
# Reading more is no way to more access; what a role may read is told as what it gives.
_HARMLESS = ("List", "Read")
# How many roles are named.
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class BeforeAndAfter:
    """One principal before and after a change, and the accounts around it.

    `gains` is what it gained.
    """

    principal: Principal
    before: EffectivePermissions
    after: EffectivePermissions
    gains: tuple[Permission, ...]
    universe: ActionCatalog
    old: Snapshot
    new: Snapshot
    roles_before: Roles
    roles_after: Roles


def escalations(sides: BeforeAndAfter) -> tuple[Escalation, ...]:
    """The ways that the change opens to the principal or widens.

    One is told of when all that an alternative takes is allowed after the change, and it was not
    before or its decisive action is gained on something more. What is allowed under conditions
    counts, since those may be met; where a role may be passed only to some services, they count.
    """
    state = sides.new.principals.get(sides.principal)
    if state is None:
        return ()
    if _becomes_administrator(sides, state):
        return (_told(ADMINISTRATOR, ADMINISTRATOR.alternatives[0]), *_taken_by(state))
    found = [_opened(way, sides, state) for way in WAYS] if sides.gains else []
    return (
        *_roles(sides, state),
        *_unknown_roles(sides, state),
        *(each for each in found if each is not None),
    )


def _told(way: EscalationPath, actions: tuple[str, ...]) -> Escalation:
    return Escalation(way.code, way.explanation, way.url, actions)


def _taken_by(state: PrincipalState) -> Iterator[Escalation]:
    """Who may assume a role that becomes an administrator, by its trust policy.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    account = account_of(state.arn) or ""
    found = {
        _in_words(str(each), account)
        for statement in (documents.statements_of(state.trust) if state.trust else ())
        if statement.get("Effect") == "Allow"
        for each in _principals(statement.get("Principal"))
    }
    if found:
        yield Escalation(
            "assumed-administrator",
            "makes administrators of those that its trust policy names: "
            f"{some(sorted(found), _SHOWN)}",
            ASSUME_ROLE_URL,
            (ASSUME,),
        )


def _principals(written: object) -> Iterable[object]:
    if isinstance(written, Mapping):
        return (each for named in written.values() for each in documents.as_list(named))
    return documents.as_list(written) if written else ()


def _in_words(named: str, account: str) -> str:
    """A principal of a trust policy, for people."""
    if named == "*":
        return "anyone"
    if account in (named, account_of_root(named)):
        return "those of the account whose own policies allow it"
    return named.partition(f"::{account}:")[2] or named


def _becomes_administrator(sides: BeforeAndAfter, state: PrincipalState) -> bool:
    """Whether anything in IAM is allowed now, and was not or not as long or as freely."""
    wanted = sides.universe.bits("iam:*")
    (all_of_iam,) = resource_scopes.including(
        [iam_arn(part_of(state.arn, 4), "*", partition=part_of(state.arn, 1))], variables=False
    )
    if not _has_all(sides.after, wanted, all_of_iam):
        return False
    return not _has_all(sides.before, wanted, all_of_iam) or any(
        atom.bits & wanted and resource_scopes.covers(atom.scope, all_of_iam)
        for atom in sides.gains
    )


def _has_all(reach: EffectivePermissions, wanted: int, scope: ResourceScope) -> bool:
    """Whether one region allows these actions on all of a scope, under whatever conditions."""
    for region in reach:
        bits = 0
        for atom in region.allows:
            if atom.bits & wanted and resource_scopes.covers(atom.scope, scope):
                for part in permitted(replace(atom, bits=atom.bits & wanted), region.denies):
                    bits |= part.bits if resource_scopes.covers(part.scope, scope) else 0
        if bits == wanted:
            return True
    return False


def _opened(way: EscalationPath, sides: BeforeAndAfter, state: PrincipalState) -> Escalation | None:
    may_after = _Permissions(sides.after, sides.universe, state)
    may_before = _Permissions(sides.before, sides.universe, state)
    gained = _Permissions((PermissionBlock(sides.gains),), sides.universe, state)
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

    reach: EffectivePermissions
    universe: ActionCatalog
    holder: PrincipalState

    def allow(self, action: str, way: EscalationPath) -> bool:
        """Whether the action may be allowed on something that serves the way."""
        return any(True for _ in self.atoms(action, way))

    def atoms(self, action: str, way: EscalationPath | None = None) -> Iterator[Permission]:
        """Where the action is allowed on something that it works on, and that serves the way."""
        bit = self.universe.bits(action)
        targets = way.targets.get(action, ()) if way else ()
        for region in self.reach:
            for atom in region.allows:
                if not atom.bits & bit or not _can_concern(action, atom.scope, targets):
                    continue
                if not _may_hold(action, atom.conditions):
                    continue
                if way and action == PASSING and not _passes_to(way.service, atom.conditions):
                    continue
                if way and way.others and self._is_own(atom.scope):
                    continue
                yield from permitted(replace(atom, bits=bit), region.denies)

    def _is_own(self, scope: ResourceScope) -> bool:
        """Whether only the holder itself is in a scope."""
        patterns = [each.patterns for each in scope if not each.excluded]
        return any(
            all(each == self.holder.arn or any(own in each for own in _OWN) for each in its)
            for its in patterns
        )


@lru_cache(maxsize=16384)
def _can_concern(action: str, scope: ResourceScope, targets: tuple[str, ...]) -> bool:
    """Whether there can be resources in a scope on which the action works.

    `targets` are the resource types that count, all without any. An action for which AWS names no
    kind of resource may work on any.
    """
    known = find_action(action)
    types = resource_types(known.service) if known else {}
    names = targets or (known.resource_types if known else ())
    kinds = [types[each].arn for each in names if each in types]
    if not kinds:
        return True
    shapes = [re.sub(r"\$\{[^}]*\}", "*", each) for each in kinds]
    return any(
        not resource_scopes.apart(scope, each)
        for each in resource_scopes.including(shapes, variables=True)
    )


@lru_cache(maxsize=16384)
def _may_hold(action: str, conditions: Conditions) -> bool:
    """Whether requests for an action can have the keys that conditions need.

    Keys of another service never come with it, unless AWS documents them for the action.
    """
    return all(
        each.negated
        or each.operator.removeprefix("foranyvalue:").endswith("ifexists")
        or each.operator.startswith("forallvalues:")
        or each.operator == "null"
        or _may_have(action, each.key)
        for each in conditions
    )


def _may_have(action: str, key: str) -> bool:
    return key.partition(":")[0] == action.partition(":")[0].lower() or can_have(action, key)


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
        (each.lower() for each in values), GlobMode.TEXT, wildcards=like == "stringlike"
    )
    return patterns.matches(text, no_variables)


def _roles(sides: BeforeAndAfter, state: PrincipalState) -> Iterator[Escalation]:
    """The roles that the principal may newly assume and that may do more than it may by itself."""
    bit = sides.universe.bits(ASSUME)
    old = sides.old.principals.get(sides.principal)
    known = {Principal(PrincipalType.ROLE, via) for via in _entered(sides.after)}
    if old is not None:
        known.update(sides.roles_before.assumable(old, sides.before, bit))
    new = [r for r in sides.roles_after.assumable(state, sides.after, bit) if r not in known]
    harmless = sides.universe.of_levels(_HARMLESS)
    bits, found = 0, []
    for role, more in sides.roles_after.beyond(sides.after, new).items():
        weighty = None if more is None else more & ~harmless
        if weighty != 0:
            found.append(role.name)
            bits |= weighty or 0
    if found:
        yield Escalation("assume-role", _assuming(found, bits, sides), ASSUME_ROLE_URL, (ASSUME,))


def _unknown_roles(sides: BeforeAndAfter, state: PrincipalState) -> Iterator[Escalation]:
    """Roles that the principal may newly assume and of which nothing is known here.

    They may be in other accounts, or come to be later; whether they trust the principal is theirs.
    """
    gained = _Permissions((PermissionBlock(sides.gains),), sides.universe, state)
    known = {each.arn for each in sides.new.principals.values()}
    names = {resource_scopes.words(atom.scope) for atom in gained.atoms(ASSUME)}
    found = sorted(names - known)
    if found:
        said = some(["any" if each == "*" else each for each in found], _SHOWN)
        yield Escalation(
            "assume-unknown-role",
            f"may assume roles that are not known here, as far as those let them in: {said}",
            ASSUME_ROLE_URL,
            (ASSUME,),
        )


def _entered(reach: EffectivePermissions) -> set[str]:
    """The roles whose access counts as the principal's own."""
    return {atom.via for region in reach for atom in region.allows[:1] if atom.via is not None}


def _assuming(roles: Sequence[str], bits: int, sides: BeforeAndAfter) -> str:
    said = some(roles, _SHOWN)
    parts = [f"{part.bit_count():,} {level}" for level, part in sides.universe.split(bits)]
    more = f"may do more: {', '.join(parts)}" if parts else "has policies that were not read"
    return f"may assume {'roles' if len(roles) > 1 else 'role'} {said}, which {more}"
