"""The hub: the account whose users switch into roles of others, as the plan of a role sees it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from iam_access.kinds import managed_policy
from iam_access.kinds.names import INLINE_POLICY, of_switch_path, team_of_policy_arn, team_of_role
from iam_access.kinds.role_facts import role_id
from iam_access.model import Failure, Principal, PrincipalType, ResourceId
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy.evaluation.service_exceptions import ASSUME_ROLE
from iam_access.policy.globs import mask_variables, overlap
from iam_access.snapshot import IamState, PrincipalState, Snapshot, SnapshotPart


@dataclass(frozen=True, slots=True)
class HubState:
    """IAM of a hub; `failure` says why it could not be read, and the rest is then empty."""

    iam: IamState = field(default_factory=IamState)
    failure: Failure | None = None


class HubPart(SnapshotPart[HubState]):
    """IAM of a hub, read for the roles of other accounts.

    That it cannot be read is a value, so that it stops nothing but what needs it.
    """


@dataclass(frozen=True, slots=True)
class SwitchGroup:
    """A group of ours by which users of a hub become a role of an account (`role_account`)."""

    state: PrincipalState
    team: str
    role_account: str
    members: tuple[Principal, ...]


def hub_of(snapshot: Snapshot, hub: str) -> Snapshot | None:
    """The account of this id as far as the snapshot knows it; None where it could not be read.

    Raises PartNotReadError.
    """
    if hub == snapshot.account_id:
        return snapshot
    is_read = snapshot.part(HubPart(hub)).failure is None
    return snapshot.derived(_hubs)[hub] if is_read else None


def _hubs(snapshot: Snapshot) -> Mapping[str, Snapshot]:
    """The hubs beside the account itself that were read, by id."""
    return {
        part.account: replace(
            Snapshot(part.account, snapshot.partition),
            principals=state.iam.principals,
            policies=state.iam.policies,
            quotas=state.iam.quotas,
        )
        for part, state in snapshot.parts.items()
        if isinstance(state, HubState) and state.failure is None
    }


def unread_hubs(snapshot: Snapshot) -> tuple[str, ...]:
    """The ids of the hubs that could not be read."""
    hubs = {part: state for part, state in snapshot.parts.items() if isinstance(state, HubState)}
    return tuple(sorted(part.account for part, state in hubs.items() if state.failure))


def groups_in(hub: Snapshot) -> Iterator[SwitchGroup]:
    """All groups of ours in a hub."""
    found = {
        principal: owned
        for principal, state in hub.principals.items()
        if principal.type is PrincipalType.GROUP
        and (owned := of_switch_path(state.path)) is not None
    }
    members: dict[str, list[Principal]] = {}
    for user, state in hub.principals.items() if found else ():
        for group in state.groups:
            members.setdefault(group, []).append(user)
    for principal, (team, account) in found.items():
        theirs = tuple(sorted(members.get(principal.name, ())))
        yield SwitchGroup(hub.principals[principal], team, account, theirs)


@dataclass(frozen=True, slots=True)
class SeenGroup:
    """A group of ours as the plan of one account sees it.

    That is the plan of the hub itself (`is_here`) or of the account of the role. `role` is who one
    becomes by it, and `rests_on` are the role and its policies of teams, as far as they are known.
    """

    hub: Snapshot
    group: SwitchGroup
    is_here: bool
    role: Principal
    role_ids: frozenset[ResourceId]
    rests_on: frozenset[ResourceId]


def seen(snapshot: Snapshot) -> Sequence[SeenGroup]:
    """All groups of ours that the plan of an account has to do with."""
    return snapshot.derived(_all_seen)


def roles_by_team(snapshot: Snapshot) -> Mapping[str, Sequence[PrincipalState]]:
    """The roles of an account that files of teams describe whole, or did."""
    return snapshot.derived(_roles_by_team)


def _roles_by_team(snapshot: Snapshot) -> Mapping[str, Sequence[PrincipalState]]:
    roles: dict[str, list[PrincipalState]] = {}
    for state in snapshot.principals.values():
        team = team_of_role(state)
        if team is not None:
            roles.setdefault(team, []).append(state)
    return roles


def _all_seen(snapshot: Snapshot) -> Sequence[SeenGroup]:
    roles = roles_by_team(snapshot)
    found = [(group, snapshot) for group in groups_in(snapshot)]
    for part in snapshot.parts:
        hub = hub_of(snapshot, part.account) if isinstance(part, HubPart) else None
        if hub is not None:
            theirs = (each for each in groups_in(hub) if each.role_account == snapshot.account_id)
            found += ((each, hub) for each in theirs)
    return tuple(_seen(group, hub, snapshot, roles.get(group.team, ())) for group, hub in found)


def _seen(
    group: SwitchGroup, hub: Snapshot, snapshot: Snapshot, roles: Sequence[PrincipalState]
) -> SeenGroup:
    """A group of a hub; `roles` are those of its team in the account of the snapshot."""
    is_of_account = group.role_account == snapshot.account_id
    arns_ = _roles_of(group, snapshot, roles) if is_of_account else {}
    return SeenGroup(
        hub,
        group,
        is_here=hub.account_id == snapshot.account_id,
        role=_role_named(group),
        role_ids=frozenset(role_id(group.team, arns.arn_name(each)) for each in arns_),
        rests_on=frozenset(
            managed_policy.resource_id(arn)
            for attached in arns_.values()
            for arn in attached
            if team_of_policy_arn(arn)
        ),
    )


def _roles_of(
    group: SwitchGroup, snapshot: Snapshot, roles: Iterable[PrincipalState]
) -> Mapping[str, Sequence[str]]:
    """The ARNs of the roles that a group may be for, with what is attached to each.

    By the group's policy, and by its name among the team's `roles`: what others changed about one
    is still for the other.
    """
    found: dict[str, Sequence[str]] = {}
    for arn in _allowed(group):
        if arns.iam_kind(arn) == "role" and arns.account_of(arn) == snapshot.account_id:
            state = snapshot.principals.get(_role(arns.path_and_name(arn)[1]))
            found[arn] = state.attached if state is not None and state.arn == arn else ()
    for state in roles:
        if group.state.principal.name.lower().endswith(f".{state.principal.name.lower()}"):
            found[state.arn] = state.attached
    return found


def _allowed(group: SwitchGroup) -> Iterator[str]:
    """What the policy of the group that is ours names."""
    document = group.state.inline.get(INLINE_POLICY)
    for statement in documents.statements_of(document) if document is not None else ():
        yield from map(str, documents.as_list(statement.get("Resource", [])))


def _role_named(group: SwitchGroup) -> Principal:
    """The role that the group's policy names or, without one, that its name tells."""
    named = [arns.path_and_name(arn)[1] for arn in _allowed(group) if arns.iam_kind(arn) == "role"]
    return _role(named[0] if named else group.state.principal.name.rpartition(".")[2])


def _role(name: str) -> Principal:
    return Principal(PrincipalType.ROLE, name)


def may_lead_to(group: PrincipalState, role: str) -> bool:
    """Whether a group may let its members assume the role of this ARN, by whatever policy.

    Managed policies, exceptions, conditions and denials are not looked into.
    """

    def may_be(statement: Mapping[str, Any], element: str, wanted: str) -> bool:
        written = documents.as_list(statement.get(element, ["*"]))
        patterns = (mask_variables(str(each), "*").lower() for each in written)
        return any(overlap(each, wanted.lower()) for each in patterns)

    return bool(group.attached) or any(
        each.get("Effect") == "Allow"
        and may_be(each, "Action", ASSUME_ROLE)
        and may_be(each, "Resource", role)
        for document in group.inline.values()
        for each in documents.statements_of(document)
    )
