"""What the roles of a team's file ask for of those who switch into them from a hub."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import cached_property
from typing import Any

from iam_access.kinds import names, switch_group, switch_member
from iam_access.kinds.base import (
    AccessEntry,
    EntryKeys,
    Expansion,
    FileEntry,
    Item,
    Joining,
    TeamInAccount,
)
from iam_access.kinds.role_file import RoleSpec
from iam_access.kinds.role_trust import trust_document
from iam_access.kinds.switch_facts import HubPart, SeenGroup, hub_of, roles_by_team, seen
from iam_access.kinds.switch_file import SWITCH_FROM, SwitchSpec, hubs_in, lets_in, permission
from iam_access.kinds.switch_room import SwitchRoom
from iam_access.model import (
    Account,
    Finding,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
)
from iam_access.place import Path
from iam_access.policy import arn as arns
from iam_access.problem import Problem
from iam_access.snapshot import IamState, SnapshotPart

Entry = FileEntry[RoleSpec]


def access(entry: Entry, role: str, own: Item | None) -> Iterator[AccessEntry]:
    """Who may become the role of this name, and what users the hub must have for that.

    `own` is what the role gives by what it says itself.
    """
    switch = entry.spec.switch
    if switch is None:
        return
    for environment in entry.spec.environments or ():
        users = switch.members.get(environment, ())
        members = EntryKeys(users=(SWITCH_FROM, "members", environment))
        becoming = AccessEntry(
            entry.place,
            users,
            (),
            (environment,),
            entry.spec.grants,
            description=entry.spec.description,
            keys=members,
            own=own,
            becomes=role,
        )
        if users:
            yield becoming
        at_hub = members._replace(environments=(SWITCH_FROM, "environment"))
        yield AccessEntry(
            entry.place,
            users,
            (),
            (switch.environment,),
            (),
            description=entry.spec.description,
            keys=at_hub,
            joins=Joining(
                switch.group_in(environment, role),
                Principal(PrincipalType.ROLE, role),
                environment,
                becoming.given,
            ),
        )


def parts_asked(entries: Iterable[Entry], scope: TeamInAccount) -> Iterator[SnapshotPart[Any]]:
    """The hubs, beside the account itself, of roles that are in the scope's environment.

    Also those of the team's roles in the account that no entry asks for: their going takes access
    from those who switch into them.
    """
    for entry in scope.here(entries):
        if entry.spec.state != "absent":
            hub = _hub_id(entry, scope)
            hubs = {hub} - {None, scope.account.id} | _former_hubs(entry, scope)
            yield from (HubPart(each) for each in hubs if each is not None)
    asked = {_name(each) for each in scope.here(entries) if each.spec.state != "absent"}
    for state in roles_by_team(scope.snapshot).get(scope.team, ()):
        if state.trust and state.principal.name not in asked:
            known = set(hubs_in(state.trust)) & {*scope.account_ids.values()}
            yield from map(HubPart, known - {scope.account.id})


def _hub_id(entry: Entry, scope: TeamInAccount) -> str | None:
    """The id of the account from which people switch into a role; None if they do not."""
    switch = entry.spec.switch
    return scope.account_ids.get(switch.environment) if switch is not None else None


def _former_hubs(entry: Entry, scope: TeamInAccount) -> Set[str]:
    """The other accounts from which people switch into the team's role as it is, and no more.

    Those that the role is to trust all the same: whom the others have as members, it lets in no
    more.
    """
    state = scope.snapshot.principals.get(scope.role(_name(entry)))
    if state is None or not state.trust or names.team_of_role(state) != scope.team:
        return frozenset()
    former = set(hubs_in(state.trust)) - {scope.account.id, _hub_id(entry, scope)}
    wanted = trust_document(entry, scope) if former else {}
    return {each for each in former if lets_in(wanted, each)}


def _name(entry: Entry) -> str:
    """The name of an entry's role, without path."""
    return entry.key.rpartition("/")[2]


def _partition(iam: IamState) -> str | None:
    """The partition of an account, by the users and roles in it."""
    state = next(iter(iam.principals.values()), None)
    return arns.part_of(state.arn, 1) if state is not None else None


def _no_member(user: Principal, hub: TeamInAccount) -> Problem | None:
    """Why a user cannot be a member, if that is so."""
    account, state = hub.account, hub.snapshot.principals.get(user)
    if state is None:
        return Problem(
            "missing-principal",
            f"IAM {user.label} does not exist in account {account.id} ({account.label}), from "
            "which people switch",
            f"correct the name, or create it: aws iam create-user --user-name {user.name}",
        )
    if state.tags.get(names.PIPELINE_TAG) != "true":
        return None
    return Problem(
        "deployer-role",
        f"{user.label} in account {account.id} ({account.label}) belongs to this pipeline, which "
        f"never changes itself: it has the tag {names.PIPELINE_TAG}",
        "name another user",
    )


class Switches:
    """The groups and members that a team's roles ask for, as the plan of one account sees them."""

    def __init__(self, entries: Sequence[Entry], scope: TeamInAccount) -> None:
        self._entries = entries
        self._scope = scope
        self._wanted: dict[ResourceId, Resource] = {}
        self._findings: list[Finding] = []
        self._rooms: dict[str, SwitchRoom] = {}
        self._leaving: set[ResourceId] = set()

    @cached_property
    def _asked(self) -> Mapping[ResourceId, Entry]:
        """The entries that ask for groups for roles of the account, made or not, by their ids."""
        scope, found = self._scope, dict[ResourceId, Entry]()
        for entry in scope.here(self._entries):
            switch, hub = entry.spec.switch, _hub_id(entry, scope)
            if switch is not None and hub is not None:
                name = switch.group_in(scope.environment, _name(entry))
                id_ = switch_group.group_id(scope.team, hub, scope.account.id, name)
                found.setdefault(id_, entry)
        return found

    @property
    def _seen(self) -> Sequence[SeenGroup]:
        """The groups of all teams that lead to roles of the account."""
        return seen(self._scope.snapshot)

    def unusable(self, entry: Entry) -> Problem | None:
        """Why nothing can be changed about a role, if that is so.

        No user of its hub can switch into it; or it is to trust an account that is its hub no more,
        and it is not known whose groups there still lead to it.
        """
        for each in sorted(_former_hubs(entry, self._scope)):
            failure = self._scope.snapshot.part(HubPart(each)).failure
            if failure is not None:
                return Problem(
                    "hub-unreadable",
                    f"account {each}, which the role still trusts, cannot be read, so it is not "
                    "known who switches into the role from there, and the role stays as it is: "
                    f"{failure.message}",
                    f"{failure.hint}; or apply the role without that trust first",
                    ("trust",),
                )
        switch, hub = entry.spec.switch, _hub_id(entry, self._scope)
        if switch is None or hub is None:
            return None
        at_hub = (SWITCH_FROM, "environment")
        if hub == self._scope.account.id:
            return self._of_another_team(entry)
        found = self._scope.snapshot.part(HubPart(hub))
        if found.failure is not None:
            return Problem(
                "hub-unreadable",
                f"account {hub} ({switch.environment}), from which people switch into this role, "
                f"cannot be read, so the role stays as it is: {found.failure.message}",
                found.failure.hint,
                at_hub,
            )
        own, other = self._scope.account.partition, _partition(found.iam)
        if other in (None, own):
            return self._of_another_team(entry)
        return Problem(
            "wrong-partition",
            f"account {hub} ({switch.environment}) is in partition {other}, and no user of it can "
            f"switch into a role in account {self._scope.account.id}, which is in {own}",
            "name a hub in the same partition, or leave the environment out of the role",
            at_hub,
        )

    def _of_another_team(self, entry: Entry) -> Problem | None:
        """That a group of another team leads to a role of this ARN, as that team had one."""
        account = self._scope.account
        role = arns.iam_arn(account.id, f"role/{entry.key}", partition=account.partition)
        for found in self._seen:
            team, state = found.group.team, found.group.state
            if team != self._scope.team and switch_group.leads_to(state, role):
                return Problem(
                    "not-ours",
                    f"members of {state.arn}, a group of team {team}, may assume {role}, so the "
                    "role stays as it is",
                    "run this again once that group is gone: the plan of its account takes away "
                    "what no file asks for",
                    (SWITCH_FROM,),
                )
        return None

    def add(self, entry: Entry, role: Resource) -> None:
        """Ask for the group of a role that is made here, and for its members."""
        switch, scope = entry.spec.switch, self._scope
        hub = self._hub_of(switch) if switch is not None else None
        if switch is None or hub is None:
            self._leaving.update(self._of_other_groups(role))
            return
        name = switch.group_in(scope.environment, role.name)
        written = switch.members.get(scope.environment, ())
        group = self._group(entry, role, hub, name, written)
        problem = self._no_group(group, hub)
        if problem is not None:
            self._findings.append(scope.finding(problem, entry))
            return
        self._wanted[group.id] = group
        self._leaving.update(self._of_other_groups(role, group, map(hub.user, written)))
        for index, each in enumerate(written):
            path = (SWITCH_FROM, "members", scope.environment, index)
            for member in self._members(entry, path, each, group, role, hub):
                self._wanted[member.id] = member

    def _no_group(self, group: Resource, hub: TeamInAccount) -> Problem | None:
        """Why a group cannot be made, if that is so."""
        if group.id in self._wanted:
            return Problem(
                "bad-group",
                f"another role of the team has the group {group.name}, too",
                "add group to switch_from, with a name of its own",
                (SWITCH_FROM, "group"),
            )
        full = self._room(hub).none_for_group(group.name)
        return replace(full, path=(SWITCH_FROM, "environment")) if full is not None else None

    def expanded(self) -> Expansion:
        """All that was asked for, and what is not for this plan to change."""
        return Expansion(
            tuple(self._wanted.values()), findings=tuple(self._findings), kept=tuple(self._kept())
        )

    def _hub_of(self, switch: SwitchSpec) -> TeamInAccount | None:
        """The team in the hub; None where it cannot be read."""
        scope = self._scope
        number = scope.account_ids.get(switch.environment)
        snapshot = hub_of(scope.snapshot, number) if number is not None else None
        if number is None or snapshot is None:
            return None
        named = {scope.team: switch.environment}
        account = Account(number, scope.account.partition, "", named)
        return replace(scope, account=account, environment=switch.environment, snapshot=snapshot)

    def _group(
        self, entry: Entry, role: Resource, hub: TeamInAccount, name: str, users: Iterable[str]
    ) -> Resource:
        scope = self._scope
        account, is_here = scope.account, hub.account.id == scope.account.id
        path = f"group{names.switch_path(scope.team, account.id)}{name}"
        arn = arns.iam_arn(hub.account.id, path, partition=account.partition)
        members = [hub.user(each).name for each in users]
        taken = hub.snapshot.principals.get(Principal(PrincipalType.GROUP, name))
        # One of others that leads to the role already is put right before the role is.
        leads = taken is not None and switch_group.leads_to(taken, role.attributes["arn"])
        return Resource(
            id=switch_group.group_id(scope.team, hub.account.id, account.id, name),
            name=name,
            teams=role.teams,
            attributes={"managed": (), "others": ()},
            aside=switch_group.aside(
                hub.snapshot, account.id, arn, is_here=is_here, members=members
            ),
            document=permission(role.attributes["arn"]),
            principal=None if is_here else Principal(PrincipalType.ROLE, role.name),
            needs=frozenset() if leads else frozenset({role.id}),
            reasons=(f"to switch into role {entry.key} of {scope.team}",),
            location=entry.place.location,
        )

    def _members(
        self,
        entry: Entry,
        path: Path,
        written: str,
        group: Resource,
        role: Resource,
        hub: TeamInAccount,
    ) -> Iterator[Resource]:
        """The membership of one user; of those that an address may mean, those that are there."""
        user, rival = hub.user(written), hub.rival(written)
        if rival is not None:
            location = entry.place.at(*path).location
            self._findings.append(hub.doubt(written, rival, location))
            for each in (user, rival):
                if group.name in hub.snapshot.principals[each].groups:
                    yield self._member(entry, each, group, role, hub)
            return
        problem = _no_member(user, hub) or self._room(hub).none_for_member(group.name, user)
        if problem is None:
            yield self._member(entry, user, group, role, hub)
        else:
            self._findings.append(self._scope.finding(replace(problem, path=path), entry))

    def _member(
        self, entry: Entry, user: Principal, group: Resource, role: Resource, hub: TeamInAccount
    ) -> Resource:
        assert group.document is not None, "a group to switch allows to assume a role"
        found = switch_member.member(
            group,
            hub.snapshot.principals[user],
            inline={names.INLINE_POLICY: group.document},
            more={role.id, *role.needs},
        )
        reason = f"{user.name} may switch into role {entry.key} of {self._scope.team}"
        return replace(found, reasons=(reason,))

    def _of_other_groups(
        self, role: Resource, wanted: Resource | None = None, members: Iterable[Principal] = ()
    ) -> Iterator[ResourceId]:
        """The memberships by which users become the role, and that are to be no more.

        They are of groups that no entry asks for. Those who are `members` of the group that is
        `wanted` for the role stay. The hub's own plan, which takes other groups away, does not know
        what the role gets.
        """
        stay = {each.name for each in members}
        for found in self._seen:
            group = switch_group.observed(found)
            if role.id not in found.role_ids or group.id in self._asked:
                continue
            in_hub = wanted is not None and group.aside["hub"] == wanted.aside["hub"]
            for each in switch_member.observed(found):
                if not (in_hub and each.aside["user"] in stay):
                    yield each.id

    def _room(self, hub: TeamInAccount) -> SwitchRoom:
        number = hub.account.id
        if number not in self._rooms:
            self._rooms[number] = SwitchRoom(hub)
        return self._rooms[number]

    def _kept(self) -> Iterator[Resource]:
        """What stays as it is: what files ask for and another plan makes, or is not to be changed.

        In the account of a role, also what no file asks for: the plan of the hub takes it away. Who
        is no member any more leaves a role that cannot be changed, too.
        """
        scope = self._scope
        asked = {
            (scope.account_ids.get(environment), name): entry
            for _, environment, entry, name in self._asked_in(scope.account.id)
        }
        for found in self._seen:
            group = switch_group.observed(found)
            if found.group.team != scope.team or group.id in self._wanted:
                continue
            entry = asked.get((found.group.role_account, group.name))
            if entry is not None or not found.is_here:
                location = entry.place.location if entry is not None else None
                members = filter(self._may_stay(group), switch_member.observed(found))
                for each in (group, *members):
                    if each.id not in self._leaving:
                        # The role does not stay for what no file asks for.
                        needs = each.needs if entry is not None else frozenset[ResourceId]()
                        yield replace(each, location=location, needs=needs)

    def _may_stay(self, group: Resource) -> Callable[[Resource], bool]:
        """Which members of a group that is not to be changed may stay: all, if no entry says it."""
        entry = self._asked.get(group.id)
        switch = entry.spec.switch if entry is not None else None
        hub = self._hub_of(switch) if switch is not None else None
        if switch is None or hub is None:
            return lambda member: True
        written = switch.members.get(self._scope.environment, ())
        meant = [*map(hub.user, written), *filter(None, map(hub.rival, written))]
        users = {each.name for each in meant}
        return lambda member: member.aside["user"] in users

    def _asked_in(self, hub: str) -> Iterator[tuple[SwitchSpec, str, Entry, str]]:
        """What the team's roles ask for in a hub: with the environment and the group's name."""
        ids = self._scope.account_ids
        for entry in self._entries:
            switch = entry.spec.switch
            if switch is None or ids.get(switch.environment) != hub:
                continue
            for environment in entry.spec.environments or ():
                yield switch, environment, entry, switch.group_in(environment, _name(entry))
