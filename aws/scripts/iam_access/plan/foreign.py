"""What others than the pipeline gave users and roles in an account."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from iam_access.kinds import given_access
from iam_access.model import Principal, PrincipalType
from iam_access.plan.diff import ResourcesById
from iam_access.policy.arn import account_of
from iam_access.policy.evaluation.outsiders import let_in
from iam_access.snapshot import PrincipalState, Snapshot

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
_SESSION = re.compile(r"arn:[^:]+:sts::(\d{12}):assumed-role/([^/]+)/.+")


class ForeignType(StrEnum):
    """By what others give access."""

    GROUP = "group"
    MANAGED = "policy"
    INLINE = "inline policy"
    ROLE = "role"


@dataclass(frozen=True, slots=True)
class Foreign:
    """One thing by which others give access: its name, for a managed policy the ARN; and words."""

    type: ForeignType
    name: str
    label: str


class ForeignAccess:
    """What others gave in an account, of which `observed` is all that is ours."""

    def __init__(self, snapshot: Snapshot, observed: ResourcesById) -> None:
        self._snapshot = snapshot
        ours = [given_access(each) for each in observed.values()]
        self._made = {each.holder for each in ours if each.makes_holder}
        self._attached: dict[Principal, set[str]] = defaultdict(set)
        self._inline: dict[Principal, set[str]] = defaultdict(set)
        for each in ours:
            if each.holder is not None:
                self._attached[each.holder].update(each.attached)
                self._inline[each.holder].update(each.inline)
        # The roles of others by each ARN or id that their trust policies name.
        self._trusting: dict[str, list[Principal]] = defaultdict(list)
        # By the name of the role whose sessions they name.
        self._trusting_sessions: dict[str, list[Principal]] = defaultdict(list)
        for role, state in sorted(snapshot.principals.items()):
            is_ours = role in self._made or state.trust is None
            for named in dict.fromkeys(let_in(state.trust or {})) if not is_ours else ():
                self._trusting[named].append(role)
                session = _SESSION.fullmatch(named)
                if session and session[1] == snapshot.account_id:
                    self._trusting_sessions[session[2].casefold()].append(role)

    def of(self, state: PrincipalState) -> Iterator[Foreign]:
        """What a user or role has of others.

        Groups with their policies, managed and inline policies, and roles whose trust policy names
        it: within an account that alone lets a user assume a role. Conditions are not looked at.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
        """
        principal = state.principal
        for name in state.groups:
            group = Principal(PrincipalType.GROUP, name)
            if group not in self._made:
                yield Foreign(ForeignType.GROUP, name, _group(group, self._snapshot.principals))
        for arn in state.attached:
            if arn not in self._attached.get(principal, ()):
                yield Foreign(ForeignType.MANAGED, arn, f"policy {_short(arn)}")
        for name in state.inline:
            if name not in self._inline.get(principal, ()):
                yield Foreign(ForeignType.INLINE, name, f"inline policy {name}")
        yield from self.assumed_by(state)

    def assumed_by(self, state: PrincipalState) -> Iterator[Foreign]:
        """The roles of others whose trust policies name a user or role, or its sessions."""
        names = (state.arn, state.id or state.arn)
        named = {role for each in names for role in self._trusting.get(each, ())}
        if state.principal.type is PrincipalType.ROLE:
            named.update(self._trusting_sessions.get(state.principal.name.casefold(), ()))
        for role in sorted(named - {state.principal}):
            yield _assumed(role)

    def assumed_from_elsewhere(
        self, is_meant: Callable[[str], bool]
    ) -> Iterator[tuple[str, Sequence[Foreign]]]:
        """Yield principals of other accounts by ARN, if meant, with the roles that name them."""
        for name, roles in sorted(self._trusting.items()):
            if is_meant(name) and account_of(name) != self._snapshot.account_id:
                yield name, [_assumed(role) for role in sorted(set(roles))]


def _assumed(role: Principal) -> Foreign:
    return Foreign(ForeignType.ROLE, role.name, f"{role.label}, which it may assume")


def _group(group: Principal, principals: Mapping[Principal, PrincipalState]) -> str:
    state = principals.get(group)
    held = [*map(_short, state.attached), *state.inline] if state else []
    return f"{group.label} ({', '.join(held)})" if held else group.label


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]
