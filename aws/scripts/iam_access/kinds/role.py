"""Roles that a team's file describes whole: who may assume them, and what they may do.

Such a role has the name and path of its key, and a tag says whose it is. Everything about it is
ours: trust, policies, boundary, tags, and the instance profile of the same name.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import TypeAdapter

from iam_access.kinds import (
    entity_policies,
    instance_profile,
    names,
    role_boundary,
    role_calls,
    role_facts,
    switch,
    trusted_elsewhere,
)
from iam_access.kinds.base import (
    ABSENT,
    AccessEntry,
    Expansion,
    FileEntry,
    InvalidEntry,
    Item,
    TeamInAccount,
    finding_about,
    text,
    texts,
)
from iam_access.kinds.described_principals import DescribedPrincipals
from iam_access.kinds.fields import role
from iam_access.kinds.kind import Takeover
from iam_access.kinds.named_principals import NamedPrincipal, missing_principal, named_in
from iam_access.kinds.operations import Operations
from iam_access.kinds.quotas import ATTACHED, INLINE_SIZE, ROLES, TAGS, Quota, Use
from iam_access.kinds.role_facts import DEFAULT_SESSION, RoleSettings, RolesPart
from iam_access.kinds.role_file import KEY, RoleKey, RoleSpec
from iam_access.kinds.role_trust import trust_document, trust_statements
from iam_access.kinds.switch_file import hubs_in
from iam_access.kinds.tags import is_of_aws
from iam_access.kinds.temporary_role import TRUST
from iam_access.model import (
    ApiCall,
    Change,
    Finding,
    Location,
    Phase,
    PrincipalType,
    Resource,
)
from iam_access.phrases import listed
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.problem import Problem
from iam_access.snapshot import PrincipalState, Snapshot, SnapshotPart

NAME: Final = role_facts.NAME
FOLDER: Final = "aws-roles"

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
_LOSS: Final = (
    "deletes a role that others made, for good: to policies that name it, one that is made anew is "
    "another role"
)


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
            resource = _resource(entry, scope)
            problems = (*_problems(resource, entry, present, scope), switches.unusable(entry))
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
                wanted += self._as_it_is(resource, scope)
                unchanged.update(_policies_on(resource, scope))
        named = (arns.arn_name(_arn(each.key, scope)) for each in here)
        for found, held in self.kept_in_use(named, scope):
            wanted.append(found)
            findings.append(_in_use(found, f"others put {held} on it", scope.snapshot))
        switching = switches.expanded()
        findings += switching.findings
        return Expansion(
            (*wanted, *switching.resources),
            findings=tuple(findings),
            absent=tuple(self._unwanted(here, wanted, scope)),
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
                name, opened = arns.arn_name(_arn(entry.key, scope)), trust_document(entry, scope)
                yield from trusted_elsewhere.parts_asked(role(name), opened, scope)
        yield from switch.parts_asked(entries, scope)

    # What it is in an account.

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        if any(names.team_of_role(state) is not None for state in snapshot.principals.values()):
            yield RolesPart(snapshot.account_id)

    def team_of(self, state: PrincipalState) -> str | None:
        return names.team_of_role(state)

    def found(self, state: PrincipalState, team: str, snapshot: Snapshot) -> Resource:
        name = state.principal.name
        settings = role_facts.facts(snapshot).settings.get(name, RoleSettings())
        bare = Resource(
            id=role_facts.role_id(team, name),
            name=name,
            teams=frozenset({team}),
            attributes={
                "arn": state.arn,
                "boundary": (state.boundary,) if state.boundary else (),
                "tags": tuple(sorted(each for each in state.tags.items() if _is_own_tag(each[0]))),
                "profiles": instance_profile.of(state, snapshot),
                "max_session": settings.max_session,
                "description": settings.description,
            },
            documents={TRUST: state.trust} if state.trust else {},
            leaves=_groups_of_hubs(state, snapshot),
        )
        return entity_policies.as_found(bare, state)

    def takeover(
        self, taken: PrincipalState, wanted: Resource, snapshot: Snapshot
    ) -> Takeover | None:
        """Makes it ours, and then what its entry says."""
        if taken.arn != wanted.attributes["arn"] or _refusal(taken) is not None:
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

    def _as_it_is(self, wanted: Resource, scope: TeamInAccount) -> Iterator[Resource]:
        """What the team has of a role that cannot be made as it is wanted."""
        state = scope.snapshot.principals.get(scope.role(wanted.name))
        if state is not None and self.team_of(state) == scope.team:
            found = self.found(state, scope.team, scope.snapshot)
            yield replace(found, location=wanted.location)

    def _unwanted(
        self,
        entries: Iterable[FileEntry[RoleSpec]],
        wanted: Iterable[Resource],
        scope: TeamInAccount,
    ) -> Iterator[Resource]:
        """The roles that entries do not want, and no other entry does."""
        there = {(each.id, each.attributes["arn"]) for each in wanted}
        for entry in (each for each in entries if each.spec.state == "absent"):
            for found in self._to_delete(entry, scope):
                if (found.id, found.attributes["arn"]) not in there:
                    yield found

    def _to_delete(self, entry: FileEntry[RoleSpec], scope: TeamInAccount) -> Iterator[Resource]:
        """The role that an entry does not want, as the account has it, the team's or of others."""
        arn = _arn(entry.key, scope)
        state = scope.snapshot.principals.get(scope.role(arns.arn_name(arn)))
        # One at another path than the key's is another role. A name alone is that of one anywhere.
        is_meant = state is not None and ("/" not in entry.key or state.arn.lower() == arn.lower())
        if state is not None and is_meant and self.team_of(state) in (None, scope.team):
            found = self.found(state, scope.team, scope.snapshot)
            yield replace(
                found,
                attributes={**found.attributes, ABSENT: True},
                loss=_LOSS if self.team_of(state) is None else "",
                location=entry.place.location,
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
        before, after = change.before, change.after
        state = snapshot.principals.get(snapshot.spelled(self.principal(change.name)))
        refusal = _refusal(state) if state is not None else None
        if refusal is not None:
            return finding_about(
                change.subject, snapshot, refusal.code, refusal.message, refusal.hint
            )
        if after is None:
            return _held_in_profile(change.subject, snapshot)
        is_moved = before is not None and before.attributes["arn"] != after.attributes["arn"]
        found = _held_in_profile(before, snapshot) if before is not None and is_moved else None
        found = found or role_boundary.missing(after, snapshot)
        found = found or instance_profile.name_taken(after, snapshot)
        size, quota = documents.policy_size(after.documents[TRUST]), snapshot.quotas.trust_size
        if found is None and size > quota and not role_calls.same_trust(before, after):
            return finding_about(
                after,
                snapshot,
                "policy-too-large",
                f"the trust policy of role {after.name} has {size:,} characters; this account "
                f"allows {quota:,}",
                "trust fewer principals, an account with a condition, or have the quota raised",
            )
        return found


def _refusal(state: PrincipalState) -> Problem | None:
    """Why the pipeline must not change a role."""
    if state.path.startswith(("/aws-service-role/", "/aws-reserved/")):
        return Problem(
            "aws-owned-role",
            f"{state.arn} is managed by AWS, so only AWS may change it",
            "remove the entry",
        )
    if state.tags.get(names.PIPELINE_TAG) == "true" or names.is_grant_role(state):
        return Problem(
            "deployer-role",
            f"{state.arn} is a role of the pipeline itself",
            "remove the entry; aws/bootstrap/ makes the pipeline's roles",
        )
    return None


def _problems(
    wanted: Resource,
    entry: FileEntry[RoleSpec],
    present: Iterable[FileEntry[RoleSpec]],
    scope: TeamInAccount,
) -> Iterator[Problem]:
    """What is wrong about a role in the account, so that it stays as it is, or good to know.

    `present` are all entries of the team for roles that are to be there.
    """
    conflict = role_boundary.conflict(wanted, entry, scope)
    yield from filter(None, (conflict, _missing_principal(wanted, present, scope)))
    yield from trusted_elsewhere.problems(role(wanted.name), wanted.documents[TRUST], scope)


def _missing_principal(
    wanted: Resource, present: Iterable[FileEntry[RoleSpec]], scope: TeamInAccount
) -> Problem | None:
    """That the trust policy names a principal that is not there.

    What files make is there before any role is opened. Of roles of other teams the path is not
    known, so that is for AWS to compare.
    """
    own = {_arn(each.key, scope) for each in present}
    names_of_own = {role(arns.arn_name(each)) for each in own}

    def comes(named: NamedPrincipal) -> bool:
        is_of_others = named.principal in scope.made and named.principal not in names_of_own
        return named.arn in own or is_of_others

    named = named_in(wanted.documents[TRUST], scope.account.id, lambda index: ("trust", index))
    return missing_principal(named, f"role {wanted.name} trusts", scope, comes=comes)


# From an entry to the role as it is to be.


def _arn(key: str, scope: TeamInAccount) -> str:
    account = scope.account
    return arns.iam_arn(account.id, f"role/{key}", partition=account.partition)


def _resource(entry: FileEntry[RoleSpec], scope: TeamInAccount) -> Resource:
    spec, arn = entry.spec, _arn(entry.key, scope)
    name = arns.arn_name(arn)
    seconds = int(spec.max_session.total_seconds()) if spec.max_session else DEFAULT_SESSION
    swapped = instance_profile.out_of_use(name, scope.snapshot) if spec.instance_profile else ()
    bare = Resource(
        id=role_facts.role_id(scope.team, name),
        name=name,
        teams=frozenset({scope.team}),
        attributes={
            "arn": arn,
            "boundary": role_boundary.of(entry, arn, scope),
            "tags": tuple(sorted(scope.tagged(spec.tags).items())),
            "profiles": (name,) if spec.instance_profile else (),
            "max_session": seconds,
            "description": spec.description or "",
        },
        documents={TRUST: trust_document(entry, scope)},
        tags=scope.tags,
        reasons=(f"role {entry.key} of {scope.team}", *swapped),
        location=entry.place.location,
    )
    return entity_policies.as_asked(bare, entry, role(name), scope)


def _policies_on(wanted: Resource, scope: TeamInAccount) -> Iterator[Location]:
    """The places of the team's policies on a role that stays as it is.

    Those that the role would no longer let in must not gain by them.
    """
    state = scope.snapshot.principals.get(scope.role(wanted.name))
    attached = frozenset(map(names.first_part, state.attached if state is not None else ()))
    for key, policy in scope.policies.items():
        account = scope.account
        if names.team_policy_arn(account.partition, account.id, scope.team, key) in attached:
            yield policy.place.location


def _held_in_profile(found: Resource, snapshot: Snapshot) -> Finding | None:
    """That a role is in an instance profile of others, unless an entry does not want it."""
    profiles = instance_profile.others_with(found, snapshot)
    if not profiles or found.attributes.get(ABSENT):
        return None
    return _in_use(found, f"the instance profile {listed(profiles)} holds it", snapshot)


def _in_use(found: Resource, why: str, snapshot: Snapshot) -> Finding:
    return finding_about(
        found,
        snapshot,
        "role-in-use",
        f"role {found.name} in account {snapshot.account_id} cannot be deleted, so it stays as it "
        f"is: {why}",
        f"take the role out of it, or that off the role, by hand; an entry with state: absent in "
        f"{FOLDER}/ takes all of it away",
    )


def _groups_of_hubs(state: PrincipalState, snapshot: Snapshot) -> str:
    """That groups in other accounts go by another plan than a role into which people switch."""
    found = set(hubs_in(state.trust)) - {snapshot.account_id} if state.trust else set()
    if not found:
        return ""
    return f"the group by which users switch to it goes with the plan of {listed(sorted(found))}"


def _is_own_tag(key: str) -> bool:
    """Whether a tag is among those that a file describes: neither ours nor AWS's."""
    return key != names.ROLE_TAG and not is_of_aws(key)
