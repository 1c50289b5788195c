"""Roles that a team's file describes whole: who may assume them, and what they may do.

Such a role has the name and path of its key, and a tag says whose it is. Everything about it is
ours: trust, policies, boundary, tags, and the instance profile of the same name.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pydantic import TypeAdapter

from iam_access.kinds import (
    entity_policies,
    instance_profile,
    names,
    role_boundary,
    role_calls,
    role_facts,
    role_faults,
    role_resource,
    switch,
    trusted_elsewhere,
)
from iam_access.kinds.base import (
    AccessEntry,
    Expansion,
    FileEntry,
    InvalidEntry,
    Item,
    TeamInAccount,
    text,
    texts,
)
from iam_access.kinds.described_principals import DescribedPrincipals
from iam_access.kinds.fields import role
from iam_access.kinds.kind import Takeover
from iam_access.kinds.operations import Operations
from iam_access.kinds.quotas import ATTACHED, INLINE_SIZE, ROLES, TAGS, Quota, Use
from iam_access.kinds.role_facts import RolesPart
from iam_access.kinds.role_file import FOLDER, KEY, RoleKey, RoleSpec
from iam_access.kinds.role_trust import trust_document, trust_statements
from iam_access.model import (
    ApiCall,
    Change,
    Finding,
    Location,
    Phase,
    PrincipalType,
    Resource,
)
from iam_access.snapshot import PrincipalState, Snapshot, SnapshotPart

NAME: Final = role_facts.NAME


class Roles(DescribedPrincipals):
    """The roles of `aws-roles/`, with all that hangs on them, and their folder."""

    name = NAME
    folder = FOLDER
    spec = RoleSpec
    keys: TypeAdapter[str] = TypeAdapter(RoleKey)
    type = PrincipalType.ROLE
    how_to_adopt = ""
    operations: Operations = role_calls.OPERATIONS
    reads = (
        *("iam:GetRole", "iam:GetInstanceProfile", "iam:ListRoles", "iam:ListInstanceProfiles"),
        "iam:GetAccountAuthorizationDetails",
    )
    quotas: tuple[Quota, ...] = (ROLES, role_facts.PROFILES, ATTACHED, INLINE_SIZE, TAGS)

    # What its files say.

    def access(self, item: Item) -> Iterable[AccessEntry]:
        found = KEY.fullmatch(item.key)
        if isinstance(item, InvalidEntry):
            written = item.written if isinstance(item.written, dict) else {}
            environments, grants = texts(written.get("environments")), texts(written.get("grants"))
            description, is_absent = text(written.get("description")), False
            boundary = text(written.get("permissions_boundary"))
        else:
            environments, grants = item.spec.environments or (), item.spec.grants
            description, is_absent = item.spec.description, item.spec.state == "absent"
            boundary = item.spec.permissions_boundary
        if is_absent:
            # It gives nothing, and its environments have to be known all the same.
            yield AccessEntry(item.place, (), (), environments, ())
        elif found is not None:
            yield AccessEntry(
                item.place,
                (),
                (found["name"],),
                environments,
                grants,
                description=description,
                valid=item.spec is not None,
                own=self.own(item),
                boundary=boundary,
                makes=self.principal(found["name"]),
                path=found["path"],
                trust=trust_statements(item) if isinstance(item, FileEntry) else (),
            )
            if not isinstance(item, InvalidEntry):
                yield from switch.access(item, found["name"], self.own(item))

    def expand(self, entries: Sequence[FileEntry[RoleSpec]], scope: TeamInAccount) -> Expansion:
        here = scope.here(entries)
        present = [each for each in here if each.spec.state == "present"]
        findings: list[Finding] = []
        wanted: list[Resource] = []
        unchanged: set[Location] = set()
        switches = switch.Switches(entries, scope)
        for entry in present:
            resource = role_resource.wanted(entry, scope)
            problems = (*role_faults.problems(resource, entry, scope), switches.unusable(entry))
            said = [scope.finding(each, entry) for each in problems if each is not None]
            findings += (each for each in said if not each.is_error)
            wrong = next((each for each in said if each.is_error), None)
            if wrong is None:
                holder = self.principal(resource.name)
                resource, kept = entity_policies.beside_others(resource, holder, scope)
                findings += kept
                wanted.append(resource)
                switches.add(entry, resource)
            else:
                findings.append(wrong)
                wanted += role_resource.as_it_is(resource, scope)
                unchanged.update(role_resource.policies_on(resource, scope))
        for found, held in self.kept_in_use(map(role_resource.name_of, here), scope):
            wanted.append(found)
            findings.append(role_faults.in_use(found, f"others put {held} on it", scope.snapshot))
        switching = switches.expanded()
        findings += switching.findings
        return Expansion(
            (*wanted, *switching.resources),
            findings=tuple(findings),
            absent=tuple(_unwanted(here, scope)),
            kept=switching.kept,
            unchanged=frozenset(unchanged),
        )

    def parts_asked(
        self, entries: Sequence[FileEntry[RoleSpec]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        if scope.here(entries):
            yield RolesPart(scope.account.id)
        for entry in scope.here(entries):
            if entry.spec.state == "present":
                holder = role(role_resource.name_of(entry))
                opened = trust_document(entry, scope)
                yield from trusted_elsewhere.parts_asked(holder, opened, scope)
        yield from switch.parts_asked(entries, scope)

    # What it is in an account.

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        if any(names.team_of_role(state) is not None for state in snapshot.principals.values()):
            yield RolesPart(snapshot.account_id)

    def team_of(self, state: PrincipalState) -> str | None:
        return names.team_of_role(state)

    def found(self, state: PrincipalState, team: str, snapshot: Snapshot) -> Resource:
        return role_resource.observed(state, team, snapshot)

    def takeover(
        self, taken: PrincipalState, wanted: Resource, snapshot: Snapshot
    ) -> Takeover | None:
        """Makes it ours, and then what its entry says."""
        if taken.arn != wanted.attributes["arn"] or role_faults.refusal(taken) is not None:
            return None
        before = self.found(taken, min(wanted.teams), snapshot)
        costs = (role_boundary.cost(before, wanted), instance_profile.cost(before, wanted))
        # First of all: the deployer role may change the trust of roles with the tag only.
        owned = role_calls.owned(wanted, snapshot.account_id, Phase.RECLAIM)
        return Takeover(
            (owned, *role_calls.update(before, wanted, snapshot)),
            f"makes {taken.arn} ours, and what its entry says",
            in_place=True,
            costs=", and ".join(filter(None, costs)),
        )

    # How it is changed.

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        holder = self.principal(resource.name)
        yield Use(ROLES, None, resource.attributes["arn"])
        for profile in resource.attributes["profiles"]:
            yield Use(role_facts.PROFILES, None, profile)
        yield from entity_policies.uses(resource, holder)
        for key, _ in resource.attributes["tags"]:
            yield Use(TAGS, holder, key)
        yield Use(TAGS, holder, names.ROLE_TAG)

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        if after is None:
            assert before is not None, "a change has a before or an after"
            return tuple(role_calls.deletion(before, snapshot))
        if before is None:
            return tuple(role_calls.creation(after, snapshot))
        if before.attributes["arn"] != after.attributes["arn"]:
            return tuple(role_calls.move(before, after, snapshot))
        return tuple(role_calls.update(before, after, snapshot))

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        found = role_faults.obstacle(change, snapshot)
        return found or entity_policies.unattachable(change, self.principal(change.name), snapshot)


def _unwanted(entries: Sequence[FileEntry[RoleSpec]], scope: TeamInAccount) -> Iterator[Resource]:
    """The roles that entries do not want, and no other entry of the team describes."""
    here = [(each, role_resource.arn_of(each, scope).lower()) for each in entries]
    described = {arn for each, arn in here if each.spec.state == "present"}
    for entry in (each for each, _ in here if each.spec.state == "absent"):
        for found in role_resource.to_delete(entry, scope):
            if found.attributes["arn"].lower() not in described:
                yield found
