"""The known escalation paths that a change opens, judged by all permissions together."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from iam_access.meaning import resource_scopes
from iam_access.meaning.assuming import Roles
from iam_access.meaning.condition_windows import Conditions
from iam_access.meaning.escalation_paths import (
    ADMINISTRATOR,
    ASSUME_ROLE_URL,
    PASSROLE,
    PATHS,
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
from iam_access.policy.evaluation.service_exceptions import ASSUME_ROLE
from iam_access.policy.globs import GlobMode, compile_patterns, no_variables
from iam_access.snapshot import PrincipalState, Snapshot

_PASSED_TO = "iam:passedtoservice"
# Variables in the names of the caller's own resources.
_OWN = ("${aws:username}", "${aws:userid}")
# Read access opens no path; the permissions of an assumed role are reported as such.
_HARMLESS = ("List", "Read")
# How many roles are named.
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class BeforeAndAfter:
    """One principal before and after a change, with the accounts around it.

    `gains` are the permissions gained.
    """

    principal: Principal
    before: EffectivePermissions
    after: EffectivePermissions
    gains: tuple[Permission, ...]
    catalog: ActionCatalog
    old: Snapshot
    new: Snapshot
    roles_before: Roles
    roles_after: Roles


def escalations(comparison: BeforeAndAfter) -> tuple[Escalation, ...]:
    """Return the paths that the change opens to the principal or widens.

    A path is reported if everything that one of its alternatives needs is allowed after the change,
    and was not before, or its decisive action is gained on more. Permissions under conditions
    count, since the conditions may be met; services that a role may be passed to are compared.
    """
    state = comparison.new.principals.get(comparison.principal)
    if state is None:
        return ()
    if _becomes_administrator(comparison, state):
        return (_escalation(ADMINISTRATOR, ADMINISTRATOR.alternatives[0]), *_assumed_by(state))
    found = [_opened(path, comparison, state) for path in PATHS] if comparison.gains else []
    return (
        *_roles(comparison, state),
        *_unknown_roles(comparison, state),
        *(each for each in found if each is not None),
    )


def _escalation(path: EscalationPath, actions: tuple[str, ...]) -> Escalation:
    return Escalation(path.code, path.explanation, path.url, actions)


def _assumed_by(state: PrincipalState) -> Iterator[Escalation]:
    """The principals that may assume a role that becomes an administrator, by its trust policy.

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
            (ASSUME_ROLE,),
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


def _becomes_administrator(comparison: BeforeAndAfter, state: PrincipalState) -> bool:
    """Whether all of IAM is allowed now, and was not, not as long or not as freely before."""
    wanted = comparison.catalog.bits("iam:*")
    (all_of_iam,) = resource_scopes.including(
        [iam_arn(part_of(state.arn, 4), "*", partition=part_of(state.arn, 1))], variables=False
    )
    if not _has_all(comparison.after, wanted, all_of_iam):
        return False
    return not _has_all(comparison.before, wanted, all_of_iam) or any(
        permission.bits & wanted and resource_scopes.is_superset(permission.scope, all_of_iam)
        for permission in comparison.gains
    )


def _has_all(effective: EffectivePermissions, wanted: int, scope: ResourceScope) -> bool:
    """Whether one block allows these actions on all of a scope, under any conditions."""
    for block in effective:
        bits = 0
        for permission in block.allows:
            if permission.bits & wanted and resource_scopes.is_superset(permission.scope, scope):
                for part in permitted(
                    replace(permission, bits=permission.bits & wanted), block.denies
                ):
                    bits |= part.bits if resource_scopes.is_superset(part.scope, scope) else 0
        if bits == wanted:
            return True
    return False


def _opened(
    path: EscalationPath, comparison: BeforeAndAfter, state: PrincipalState
) -> Escalation | None:
    may_after = _Permissions(comparison.after, comparison.catalog, state)
    may_before = _Permissions(comparison.before, comparison.catalog, state)
    gained = _Permissions((PermissionBlock(comparison.gains),), comparison.catalog, state)
    for actions in path.alternatives:
        if not all(may_after.allow(action, path) for action in actions):
            continue
        was_closed = not all(may_before.allow(action, path) for action in actions)
        if was_closed or gained.allow(actions[0], path):
            return _escalation(path, actions)
    return None


@dataclass(frozen=True, slots=True)
class _Permissions:
    """Effective permissions, queried by single actions."""

    effective: EffectivePermissions
    catalog: ActionCatalog
    holder: PrincipalState

    def allow(self, action: str, path: EscalationPath) -> bool:
        """Whether the action may be allowed on a resource that is useful for the path."""
        return any(True for _ in self.permissions(action, path))

    def permissions(self, action: str, path: EscalationPath | None = None) -> Iterator[Permission]:
        """Yield where the action is allowed on a resource that is useful for the path."""
        bit = self.catalog.bits(action)
        targets = path.targets.get(action, ()) if path else ()
        for block in self.effective:
            for permission in block.allows:
                if not permission.bits & bit or not _can_concern(action, permission.scope, targets):
                    continue
                if not _may_hold(action, permission.conditions):
                    continue
                if (
                    path
                    and action == PASSROLE
                    and not _passes_to(path.service, permission.conditions)
                ):
                    continue
                if path and path.needs_other_user and self._is_own(permission.scope):
                    continue
                yield from permitted(replace(permission, bits=bit), block.denies)

    def _is_own(self, scope: ResourceScope) -> bool:
        """Whether a scope contains only the holder itself."""
        patterns = [each.patterns for each in scope if not each.excluded]
        return any(
            all(each == self.holder.arn or any(own in each for own in _OWN) for each in its)
            for its in patterns
        )


@lru_cache(maxsize=16384)
def _can_concern(action: str, scope: ResourceScope, targets: tuple[str, ...]) -> bool:
    """Whether a scope may contain resources that the action works on.

    `targets` are the resource types that count, without any all. An action without resource types
    may work on any resource.
    """
    known = find_action(action)
    types = resource_types(known.service) if known else {}
    names = targets or (known.resource_types if known else ())
    kinds = [types[each].arn for each in names if each in types]
    if not kinds:
        return True
    shapes = [re.sub(r"\$\{[^}]*\}", "*", each) for each in kinds]
    return any(
        not resource_scopes.disjoint(scope, each)
        for each in resource_scopes.including(shapes, variables=True)
    )


@lru_cache(maxsize=16384)
def _may_hold(action: str, conditions: Conditions) -> bool:
    """Whether requests for an action can have the keys that the conditions need.

    A request never has keys of another service, unless AWS documents them for the action.
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
    """Whether the conditions allow passing a role to this service."""
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


def _roles(comparison: BeforeAndAfter, state: PrincipalState) -> Iterator[Escalation]:
    """The roles that the principal may newly assume and that allow more than it has."""
    bit = comparison.catalog.bits(ASSUME_ROLE)
    old = comparison.old.principals.get(comparison.principal)
    known = {Principal(PrincipalType.ROLE, via) for via in _entered(comparison.after)}
    if old is not None:
        known.update(comparison.roles_before.assumable(old, comparison.before, bit))
    new = [
        r for r in comparison.roles_after.assumable(state, comparison.after, bit) if r not in known
    ]
    harmless = comparison.catalog.of_levels(_HARMLESS)
    bits, found = 0, []
    for role, more in comparison.roles_after.beyond(comparison.after, new).items():
        weighty = None if more is None else more & ~harmless
        if weighty != 0:
            found.append(role.name)
            bits |= weighty or 0
    if found:
        yield Escalation(
            "assume-role", _assuming(found, bits, comparison), ASSUME_ROLE_URL, (ASSUME_ROLE,)
        )


def _unknown_roles(comparison: BeforeAndAfter, state: PrincipalState) -> Iterator[Escalation]:
    """Roles that the principal may newly assume and that are unknown here.

    They may be in other accounts or created later; whether they trust the principal is unknown.
    """
    gained = _Permissions((PermissionBlock(comparison.gains),), comparison.catalog, state)
    known = {each.arn for each in comparison.new.principals.values()}
    names = {
        resource_scopes.describe(permission.scope) for permission in gained.permissions(ASSUME_ROLE)
    }
    found = sorted(names - known)
    if found:
        roles = some(["any" if each == "*" else each for each in found], _SHOWN)
        yield Escalation(
            "assume-unknown-role",
            f"may assume roles that are not known here, as far as those let them in: {roles}",
            ASSUME_ROLE_URL,
            (ASSUME_ROLE,),
        )


def _entered(effective: EffectivePermissions) -> set[str]:
    """The roles whose permissions count as the principal's own."""
    return {
        permission.via
        for block in effective
        for permission in block.allows[:1]
        if permission.via is not None
    }


def _assuming(roles: Sequence[str], bits: int, comparison: BeforeAndAfter) -> str:
    names = some(roles, _SHOWN)
    parts = [f"{part.bit_count():,} {level}" for level, part in comparison.catalog.split(bits)]
    more = f"may do more: {', '.join(parts)}" if parts else "has policies that were not read"
    return f"may assume {'roles' if len(roles) > 1 else 'role'} {names}, which {more}"
