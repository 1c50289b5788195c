"""Roles that a team's file describes whole: who may assume them, and what they may do.

Such a role has the name and path of its key, and a tag says whose it is. Everything about it is
ours: trust, policies, boundary, tags, and the instance profile of the same name. It is made closed
and opened last; where both trust and permissions change, only those whom both trust policies let in
can assume it in between.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter

from iam_access.kinds import calls, entity_policies, names, role_facts, short_forms, switch, trust
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
from iam_access.kinds.kind import (
    GivenAccess,
    Kind,
    Lifetime,
    SharedLimit,
    Takeover,
    UnmanagedResource,
)
from iam_access.kinds.named_principals import missing_principal, named_in
from iam_access.kinds.operations import Operation, Operations, iam_operations
from iam_access.kinds.principal_forms import in_partition
from iam_access.kinds.quotas import ATTACHED, INLINE_SIZE, ROLES, TAGS, Quota, Use
from iam_access.kinds.role_facts import DEFAULT_SESSION, InstanceProfile, RoleSettings, RolesPart
from iam_access.kinds.role_file import KEY, RoleKey, RoleSpec
from iam_access.kinds.switch_file import hubs_in
from iam_access.kinds.tags import as_list, is_of_aws
from iam_access.kinds.temporary_role import CLOSED_TRUST, TRUST
from iam_access.model import (
    AnswerCheck,
    ApiCall,
    Change,
    Confirm,
    Finding,
    Location,
    Match,
    Phase,
    Principal,
    PrincipalType,
    Read,
    Resource,
    ResourceId,
)
from iam_access.phrases import listed
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy.globs import shell
from iam_access.problem import Problem
from iam_access.snapshot import Document, PrincipalState, Snapshot, SnapshotPart

NAME: Final = role_facts.NAME
FOLDER: Final = "aws-roles"


class Roles(Kind):
    """The roles of `aws-roles/`, with all that hangs on them, and their folder."""

    name = NAME
    folder = FOLDER
    spec = RoleSpec
    keys: TypeAdapter[str] = TypeAdapter(RoleKey)
    temporary = False
    operations: Operations = {
        **iam_operations(
            "update_assume_role_policy",
            "put_role_permissions_boundary",
            "put_role_policy",
            "delete_role_policy",
            "attach_role_policy",
            "detach_role_policy",
            "tag_role",
            "untag_role",
        ),
        ("iam", "delete_role"): Operation(role_facts.role_deleted, ("iam:DeleteRole",)),
        ("iam", "create_role"): Operation(
            role_facts.role_created, ("iam:CreateRole", "iam:TagRole")
        ),
        ("iam", "update_role"): Operation(role_facts.role_updated, ("iam:UpdateRole",)),
        ("iam", "create_instance_profile"): Operation(
            role_facts.profile_created, ("iam:CreateInstanceProfile", "iam:TagInstanceProfile")
        ),
        ("iam", "delete_instance_profile"): Operation(
            role_facts.profile_deleted, ("iam:DeleteInstanceProfile",)
        ),
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
        ("iam", "add_role_to_instance_profile"): Operation(
            role_facts.profile_filled, ("iam:AddRoleToInstanceProfile", "iam:PassRole")
        ),
        ("iam", "remove_role_from_instance_profile"): Operation(
            role_facts.profile_emptied, ("iam:RemoveRoleFromInstanceProfile",)
        ),
    }
    reads = (
        *("iam:GetRole", "iam:GetInstanceProfile", "iam:ListRoles", "iam:ListInstanceProfiles"),
        "iam:GetAccountAuthorizationDetails",
    )
    quotas: tuple[Quota, ...] = (ROLES, role_facts.PROFILES, ATTACHED, INLINE_SIZE, TAGS)
    limits: tuple[SharedLimit, ...] = ()

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
            yield AccessEntry(item.place, (), (), environments, (), of_resource=True)
        elif found is not None:
            yield AccessEntry(
                item.place,
                (),
                (found["name"],),
                environments,
                grants,
                description=description,
                valid=item.spec is not None,
                own=_own(item),
                boundary=boundary,
                makes=_role(found["name"]),
                trust=_trust_statements(item) if isinstance(item, FileEntry) else (),
            )
            if not isinstance(item, InvalidEntry):
                yield from switch.access(item, found["name"], _own(item))

    def expand(self, entries: Sequence[FileEntry[RoleSpec]], scope: TeamInAccount) -> Expansion:
        here = scope.here(entries)
        present = [each for each in here if each.spec.state == "present"]
        findings: list[Finding] = []
        wanted: list[Resource] = []
        unchanged: set[Location] = set()
        switches = switch.Switches(entries, scope, trust_document)
        for entry in present:
            resource = _resource(entry, scope)
            finding = _other_boundary(resource, entry, scope)
            finding = finding or _missing_principal(resource, entry, scope)
            finding = finding or switches.unusable(entry)
            if finding is None:
                resource, kept = entity_policies.beside_others(
                    resource, _role(resource.name), scope
                )
                findings += kept
                wanted.append(resource)
                switches.add(entry, resource)
            else:
                findings.append(finding)
                wanted += _as_it_is(resource, scope)
                unchanged.update(_policies_on(resource, scope))
        for resource, finding in _in_use(here, scope):
            wanted.append(resource)
            findings.append(finding)
        switching = switches.expanded()
        findings += switching.findings
        return Expansion(
            (*wanted, *switching.resources),
            findings=tuple(findings),
            absent=tuple(
                found
                for each in here
                if each.spec.state == "absent"
                for found in _to_delete(each, scope)
            ),
            kept=switching.kept,
            unchanged=frozenset(unchanged),
        )

    def parts_asked(
        self, entries: Sequence[FileEntry[RoleSpec]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        if scope.here(entries):
            yield RolesPart(scope.account.id)
        yield from switch.parts_asked(entries, scope, trust_document)

    def documents(
        self, entries: Sequence[FileEntry[RoleSpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        """Those of AWS that a role gets or has: what denies is attached first."""
        for entry in scope.here(entries):
            yield from entity_policies.managed_by_aws(entry.spec, scope)

    def unproven(
        self, entries: Sequence[FileEntry[RoleSpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        return self.documents(entries, scope)

    # What it is in an account.

    def in_words(self, count: int) -> str:
        return "role" if count == 1 else f"{count:,} roles"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        if any(names.team_of_role(state) is not None for state in snapshot.principals.values()):
            yield RolesPart(snapshot.account_id)

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        for state in snapshot.principals.values():
            team = names.team_of_role(state)
            if team is not None:
                yield _observed(state, team, snapshot)

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        return _role(resource.name) in snapshot.principals

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        taken = snapshot.principals.get(snapshot.spelled(_role(wanted.name)))
        if taken is None:
            return None
        team = names.team_of_role(taken)
        can = taken.arn == wanted.attributes["arn"] and team is None and _refusal(taken) is None
        owner = f"is of team {team}" if team else "was not made by the pipeline"
        return UnmanagedResource(
            finding_about(
                wanted,
                snapshot,
                "not-ours",
                f"the role name {wanted.name} is taken by {taken.arn}, which {owner}",
                "rename the role, or have the other one renamed or deleted by its owner",
            ),
            is_equivalent=False,
            adopt=_takeover(taken, wanted, snapshot) if can else None,
        )

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        return ()

    def reserved(self, state: PrincipalState) -> Problem | None:
        team = names.team_of_role(state)
        if team is None:
            return None
        return Problem(
            "role-of-a-file",
            f"is described whole in {FOLDER}/{team}.yaml; nothing else is attached to it",
            f"add it to grants of the role in {FOLDER}/{team}.yaml",
        )

    # What it gives.

    def gives(self, resource: Resource) -> GivenAccess:
        return GivenAccess(
            _role(resource.name),
            (),
            inline=entity_policies.inline(resource),
            attached=frozenset(resource.attributes["managed"]),
        )

    def lifetime(self, resource: Resource) -> Lifetime | None:
        return None

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return False

    # How it is changed.

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        role = _role(resource.name)
        yield Use(ROLES, None, resource.attributes["arn"])
        for profile in resource.attributes["profiles"]:
            yield Use(role_facts.PROFILES, None, profile)
        yield from entity_policies.uses(resource, role)
        for key, _ in resource.attributes["tags"]:
            yield Use(TAGS, role, key)
        yield Use(TAGS, role, names.ROLE_TAG)

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        if after is None:
            assert before is not None, "a change has a before or an after"
            return tuple(_deletion(before, snapshot))
        if before is None:
            return tuple(_creation(after, snapshot))
        if before.attributes["arn"] != after.attributes["arn"]:
            return tuple(_made_anew(before, after, snapshot))
        return tuple(_update(before, after, snapshot))

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        before, after = change.before, change.after
        state = snapshot.principals.get(snapshot.spelled(_role(change.name)))
        refusal = _refusal(state) if state is not None else None
        if refusal is not None:
            return finding_about(
                change.subject, snapshot, refusal.code, refusal.message, refusal.hint
            )
        if after is None:
            return _held_in_profile(change.subject, snapshot)
        is_moved = before is not None and before.attributes["arn"] != after.attributes["arn"]
        found = _held_in_profile(before, snapshot) if before is not None and is_moved else None
        found = found or _missing_boundary(after, snapshot) or _profile_obstacle(after, snapshot)
        size, quota = documents.policy_size(after.documents[TRUST]), snapshot.quotas.trust_size
        if found is None and size > quota and not _same_trust(before, after):
            return finding_about(
                after,
                snapshot,
                "policy-too-large",
                f"the trust policy of role {after.name} has {size:,} characters; this account "
                f"allows {quota:,}",
                "trust fewer principals, an account with a condition, or have the quota raised",
            )
        return found


def _trust_statements(entry: FileEntry[RoleSpec]) -> tuple[dict[str, Any], ...]:
    """The statements of a role's trust policy, with placeholders."""
    own = short_forms.iam_text(f"role/{entry.key}", short_forms.OWN_ACCOUNT)
    switching = [entry.spec.switch.trust] if entry.spec.switch is not None else []
    return (*(trust.statement(each, own) for each in entry.spec.trust), *switching)


def _own(item: Item) -> Item | None:
    """What a role gives by what it says itself."""
    if isinstance(item, InvalidEntry):
        return item
    own = item.spec.own(item.key)
    if not (own.managed_policies or own.custom_statements):
        return None
    return FileEntry(item.key, own, item.place)


def _role(name: str) -> Principal:
    return Principal(PrincipalType.ROLE, name)


def _same_trust(before: Resource | None, after: Resource) -> bool:
    had = before.documents.get(TRUST) if before else None
    return documents.alike(had, after.documents[TRUST])


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


def _missing_boundary(wanted: Resource, snapshot: Snapshot) -> Finding | None:
    missing = (
        arn
        for arn in wanted.attributes["boundary"]
        if not arns.is_aws_managed_policy(arn) and arn not in snapshot.policies
    )
    arn = next(missing, None)
    if arn is None:
        return None
    return finding_about(
        wanted,
        snapshot,
        "missing-boundary",
        f"role {wanted.name} must carry the permissions boundary {arn}, and account "
        f"{snapshot.account_id} has no such policy",
        "update the stack of aws/bootstrap/deployer-role.yaml, which makes self-serve-boundary; "
        "if permissions_boundary names another policy, have its owner make it, or correct the name",
    )


def _other_boundary(
    wanted: Resource, entry: FileEntry[RoleSpec], scope: TeamInAccount
) -> Finding | None:
    """That the role is to carry another boundary than the settings say who has grants must."""
    needed, own = scope.rules.boundary, entry.spec.permissions_boundary
    if needed is None or own is None or wanted.attributes["boundary"] == (needed,):
        return None
    found = finding_about(
        wanted,
        scope.snapshot,
        "missing-boundary",
        f"role {wanted.name} says another permissions boundary than {needed}, which the settings "
        f"ask for in account {scope.account.id} ({scope.account.label})",
        "remove permissions_boundary from the role",
    )
    return replace(found, location=entry.place.at("permissions_boundary").location)


def _missing_principal(
    wanted: Resource, entry: FileEntry[RoleSpec], scope: TeamInAccount
) -> Finding | None:
    """That the trust policy names a principal that is not there.

    What files make, of whatever team, is there before any role is opened.
    """
    named = named_in(wanted.documents[TRUST], scope.account.id, lambda index: ("trust", index))
    found = missing_principal(named, f"role {wanted.name} trusts", scope, made=scope.made)
    return scope.finding(found, entry) if found is not None else None


# From an entry to the role as it is to be.


def _arn(key: str, scope: TeamInAccount) -> str:
    account = scope.account
    return arns.iam_arn(account.id, f"role/{key}", partition=account.partition)


def trust_document(entry: FileEntry[RoleSpec], scope: TeamInAccount) -> dict[str, Any]:
    """The trust policy of a role, its statements in the order of the file."""
    filled: dict[str, Any] = scope.fill(documents.document(_trust_statements(entry)))
    return in_partition(filled, scope.account.partition)


def _boundary(entry: FileEntry[RoleSpec], name: str, scope: TeamInAccount) -> tuple[str, ...]:
    """The ARN of the boundary that the role is to carry, if any."""
    state = scope.snapshot.principals.get(_role(name))
    patterns = (shell(each, ignore_case=True) for each in scope.rules.unbounded)
    if (
        state is not None
        and state.arn == _arn(entry.key, scope)
        and entry.spec.permissions_boundary is None
        and any(each.match(name) for each in patterns)
    ):
        return (state.boundary,) if state.boundary else ()
    return (_boundary_arn(entry, scope),)


def _boundary_arn(entry: FileEntry[RoleSpec], scope: TeamInAccount) -> str:
    """The ARN of the boundary: the role's own, that of the settings, or that of aws/bootstrap/."""
    written = entry.spec.permissions_boundary
    if written is None:
        return scope.rules.boundary or names.role_boundary(scope.account)
    if written.startswith("arn:"):
        return str(scope.fill(written))
    account = scope.account
    known = (arn for arn, each in sorted(scope.snapshot.policies.items()) if each.name == written)
    return next(known, arns.policy_arn(account.id, written, partition=account.partition))


def _resource(entry: FileEntry[RoleSpec], scope: TeamInAccount) -> Resource:
    spec, arn = entry.spec, _arn(entry.key, scope)
    _, name = arns.path_and_name(arn)
    managed = entity_policies.managed(spec, scope, _role(name))
    statements = spec.own(entry.key).statements
    own = documents.document(scope.fill(statements)) if statements else None
    seconds = int(spec.max_session.total_seconds()) if spec.max_session else DEFAULT_SESSION
    return Resource(
        id=role_facts.role_id(scope.team, name),
        name=name,
        teams=frozenset({scope.team}),
        attributes={
            "arn": arn,
            "managed": managed,
            "others": (),
            "boundary": _boundary(entry, name, scope),
            "tags": tuple(sorted(scope.tagged(spec.tags).items())),
            "profiles": (name,) if spec.instance_profile else (),
            "max_session": seconds,
            "description": spec.description or "",
        },
        document=own,
        documents={TRUST: trust_document(entry, scope)},
        tags=scope.tags,
        aside={entity_policies.DENYING: entity_policies.denying(spec, scope)},
        needs=entity_policies.policies_of_teams(managed),
        reasons=(f"role {entry.key} of {scope.team}", *_out_of_use(spec, name, scope)),
        location=entry.place.location,
    )


def _out_of_use(spec: RoleSpec, name: str, scope: TeamInAccount) -> Iterator[str]:
    """What a reviewer has to know of another role that loses its instance profile."""
    profiles = role_facts.facts(scope.snapshot).profiles if spec.instance_profile else {}
    found = profiles.get(name)
    for other in found.roles if found is not None else ():
        if other != name:
            yield f"role {other} leaves the instance profile {name}, and EC2 instances that use it"


def _as_it_is(wanted: Resource, scope: TeamInAccount) -> Iterator[Resource]:
    """What the team has of a role that cannot be made as it is wanted."""
    state = scope.snapshot.principals.get(_role(wanted.name))
    if state is not None and names.team_of_role(state) == scope.team:
        found = _observed(state, scope.team, scope.snapshot)
        yield replace(found, location=wanted.location)


def _policies_on(wanted: Resource, scope: TeamInAccount) -> Iterator[Location]:
    """The places of the team's policies on a role that stays as it is.

    Those that the role would no longer let in must not gain by them.
    """
    state = scope.snapshot.principals.get(_role(wanted.name))
    attached = frozenset(map(names.first_part, state.attached if state is not None else ()))
    for key, policy in scope.policies.items():
        account = scope.account
        if names.team_policy_arn(account.partition, account.id, scope.team, key) in attached:
            yield policy.place.location


def _in_use(
    named: Iterable[FileEntry[RoleSpec]], scope: TeamInAccount
) -> Iterator[tuple[Resource, Finding]]:
    """The roles of the team that no entry names, and that hold what the settings keep."""
    if not scope.keeps_others:
        return
    asked = {_role(arns.path_and_name(_arn(each.key, scope))[1]).in_iam for each in named}
    for principal, state in sorted(scope.snapshot.principals.items()):
        if names.team_of_role(state) != scope.team or principal.in_iam in asked:
            continue
        found = _observed(state, scope.team, scope.snapshot)
        held = entity_policies.held_of_others(found, principal, scope)
        if held:
            yield found, _role_in_use(found, f"others put {held} on it", scope.snapshot)


def _held_in_profile(before: Resource, snapshot: Snapshot) -> Finding | None:
    """That a role is in an instance profile of others, unless an entry does not want it."""
    profiles = [
        profile
        for profile, found in sorted(role_facts.facts(snapshot).profiles.items())
        if before.name in found.roles and profile != before.name
    ]
    if not profiles or before.attributes.get(ABSENT):
        return None
    return _role_in_use(before, f"the instance profile {listed(profiles)} holds it", snapshot)


def _profile_obstacle(wanted: Resource, snapshot: Snapshot) -> Finding | None:
    """That an instance profile has the name in another case: IAM takes that for the same."""
    there = role_facts.facts(snapshot).profiles
    for name in wanted.attributes["profiles"]:
        taken = next((each for each in there if each.lower() == name.lower() != each), None)
        if taken is not None and name not in there:
            return finding_about(
                wanted,
                snapshot,
                "not-ours",
                f"the name of the instance profile {name} is taken by {taken} in account "
                f"{snapshot.account_id}: IAM ignores the case of names",
                "spell the role like it, or have the other one deleted by its owner",
            )
    return None


def _role_in_use(role: Resource, why: str, snapshot: Snapshot) -> Finding:
    return finding_about(
        role,
        snapshot,
        "role-in-use",
        f"role {role.name} in account {snapshot.account_id} cannot be deleted, so it stays as it "
        f"is: {why}",
        f"take the role out of it, or that off the role, by hand; an entry with state: absent in "
        f"{FOLDER}/ takes all of it away",
    )


def _to_delete(entry: FileEntry[RoleSpec], scope: TeamInAccount) -> Iterator[Resource]:
    """The role that an entry does not want, as the account has it, of the team or of others."""
    arn = _arn(entry.key, scope)
    state = scope.snapshot.principals.get(scope.snapshot.spelled(_role(arns.arn_name(arn))))
    # One at another path than the key's is another role. A name alone is that of one anywhere.
    is_meant = state is not None and ("/" not in entry.key or state.arn.lower() == arn.lower())
    if state is not None and is_meant and names.team_of_role(state) in (None, scope.team):
        found = _observed(state, scope.team, scope.snapshot)
        attributes = {**found.attributes, ABSENT: True}
        yield replace(found, location=entry.place.location, attributes=attributes)


def _observed(state: PrincipalState, team: str, snapshot: Snapshot) -> Resource:
    name = state.principal.name
    facts = role_facts.facts(snapshot)
    settings = facts.settings.get(name, RoleSettings())
    return Resource(
        id=role_facts.role_id(team, name),
        name=name,
        teams=frozenset({team}),
        attributes={
            "arn": state.arn,
            "managed": tuple(sorted(state.attached)),
            "others": tuple(sorted(set(state.inline) - {names.INLINE_POLICY})),
            "boundary": (state.boundary,) if state.boundary else (),
            "tags": tuple(sorted(each for each in state.tags.items() if _is_own_tag(each[0]))),
            "profiles": _profiles_of(state, facts.profiles),
            "max_session": settings.max_session,
            "description": settings.description,
        },
        document=state.inline.get(names.INLINE_POLICY),
        documents={TRUST: state.trust} if state.trust else {},
        needs=entity_policies.policies_of_teams(state.attached),
        leaves=_groups_of_hubs(state, snapshot),
    )


def _groups_of_hubs(state: PrincipalState, snapshot: Snapshot) -> str:
    """That groups in other accounts go by another plan than a role into which people switch."""
    found = set(hubs_in(state.trust)) - {snapshot.account_id} if state.trust else set()
    if not found:
        return ""
    return f"the group by which users switch to it goes with the plan of {listed(sorted(found))}"


def _profiles_of(state: PrincipalState, profiles: Mapping[str, InstanceProfile]) -> tuple[str, ...]:
    """The instance profile of the role's name: that it holds the role, or is empty.

    An empty one at the role's path is what an interrupted run leaves.
    """
    name = state.principal.name
    found = profiles.get(name)
    if found is None or not (name in found.roles or (not found.roles and found.path == state.path)):
        return ()
    return (name,) if found.roles else (f"{name} (empty)",)


def _is_own_tag(key: str) -> bool:
    """Whether a tag is among those that a file describes: neither ours nor AWS's."""
    return key != names.ROLE_TAG and not is_of_aws(key)


# The calls.


def _creation(wanted: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    """Makes the role closed, and opens it last."""
    account, name = snapshot.account_id, wanted.name
    yield _create(account, wanted)
    yield from entity_policies.written(_role(name), None, wanted, snapshot)
    yield from _profile(None, wanted, snapshot)
    yield _trust(account, name, wanted.documents[TRUST], Phase.GRANT)


def _made_anew(before: Resource, after: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    """Deletes the role, and makes it at another path: IAM can move none."""
    deletion = tuple(_deletion(before, snapshot))
    yield from (replace(call, phase=Phase.RECLAIM) for call in deletion)
    facts = role_facts.facts(snapshot)
    left = {name: each for name, each in facts.profiles.items() if name != before.name}
    part = RolesPart(snapshot.account_id)
    gone = replace(snapshot, parts={**snapshot.parts, part: replace(facts, profiles=left)})
    yield from _creation(after, gone)


def _create(account: str, wanted: Resource) -> ApiCall:
    path, _ = arns.path_and_name(wanted.attributes["arn"])
    boundary = wanted.attributes["boundary"]
    owned = _ownership(wanted)
    params = {
        "RoleName": wanted.name,
        "Path": path,
        "AssumeRolePolicyDocument": documents.to_json(CLOSED_TRUST),
        "MaxSessionDuration": wanted.attributes["max_session"],
        "Tags": as_list({**dict(wanted.attributes["tags"]), **owned}),
        **({"PermissionsBoundary": boundary[0]} if boundary else {}),
    }
    if wanted.attributes["description"]:
        params["Description"] = wanted.attributes["description"]
    return calls.iam(
        account,
        "create_role",
        params,
        Phase.PUBLISH,
        confirm=_made(wanted.name, path, wanted.documents[TRUST], boundary, owned),
    )


def _ownership(role: Resource) -> dict[str, str]:
    """The tag that says whose file describes the role."""
    return {names.ROLE_TAG: names.role_tag_value(min(role.teams), role.attributes["arn"])}


def _made(
    name: str, path: str, opened: Document, boundary: Iterable[str], owned: Mapping[str, str]
) -> Confirm:
    """Whether the role is there as it was to be made and is the team's, opened already or not."""
    carried = ("Role", "PermissionsBoundary", "PermissionsBoundaryArn")
    expects = (
        AnswerCheck(("Role", "Path"), Match.EQUALS, (path,)),
        AnswerCheck(("Role", "AssumeRolePolicyDocument"), Match.MEANS, (CLOSED_TRUST, opened)),
        *(AnswerCheck(carried, Match.EQUALS, (arn,)) for arn in boundary),
        *(
            AnswerCheck(("Role", "Tags"), Match.CONTAINS, ({"Key": key, "Value": value},))
            for key, value in owned.items()
        ),
    )
    read = Read("iam", "get_role", {"RoleName": name}, expects=expects)
    return Confirm(frozenset({"EntityAlreadyExists"}), (read,))


def _trust(account: str, role: str, document: Document, phase: Phase) -> ApiCall:
    params = {"RoleName": role, "PolicyDocument": documents.to_json(document)}
    return calls.iam(account, "update_assume_role_policy", params, phase)


def _update(before: Resource, after: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    account, name = snapshot.account_id, after.name
    permissions = tuple(entity_policies.written(_role(name), before, after, snapshot))
    opens = not _same_trust(before, after)
    if opens and (permissions or before.attributes["managed"]):
        narrow = _common_trust(before.documents.get(TRUST), after.documents[TRUST])
        if not documents.alike(narrow, before.documents.get(TRUST)):
            yield _trust(account, name, narrow, Phase.RECLAIM)
        opens = not documents.alike(narrow, after.documents[TRUST])
    for boundary in after.attributes["boundary"]:
        if boundary in before.attributes["boundary"]:
            continue
        params = {"RoleName": name, "PermissionsBoundary": boundary}
        yield calls.iam(account, "put_role_permissions_boundary", params, Phase.CLAIM)
    yield from permissions
    yield from _profile(before, after, snapshot)
    yield from _described(before, after, account)
    yield from _tagged(before, after, account)
    if opens:
        # Whom it opens to must not have what is still to be taken off.
        last = max((Phase.GRANT, *(call.phase for call in permissions)))
        yield _trust(account, name, after.documents[TRUST], last)


def _common_trust(before: Document | None, after: Document) -> Document:
    """What lets in only those whom both let in: the Allows that both have, the Denies of either.

    The ids of statements make no difference.
    """
    had = documents.statements_of(before) if before else []
    has = documents.statements_of(after)
    same = set(map(_without_id, had))
    kept = [each for each in has if each.get("Effect") == "Deny" or _without_id(each) in same]
    there = set(map(_without_id, kept))
    denies = [
        {name: value for name, value in each.items() if name != "Sid"}  # which may be taken
        for each in had
        if each.get("Effect") == "Deny" and _without_id(each) not in there
    ]
    if not any(each.get("Effect") == "Allow" for each in kept):
        return CLOSED_TRUST
    return documents.document([*kept, *denies])


def _without_id(statement: Mapping[str, Any]) -> documents.CanonicalStatement:
    return replace(documents.canonical_statement(statement), sid="")


def _profile(before: Resource | None, after: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    """Makes the instance profile with the role in it, or takes it away."""
    had = before.attributes["profiles"] if before else ()
    if had == after.attributes["profiles"]:
        return
    account, name = snapshot.account_id, after.name
    if not after.attributes["profiles"]:
        yield from _without_profile(account, name, name)
        return
    known = role_facts.facts(snapshot).profiles.get(name)
    path, _ = arns.path_and_name(after.attributes["arn"])
    if known is None:
        params: dict[str, Any] = {"InstanceProfileName": name, "Path": path}
        if after.tags:
            params["Tags"] = as_list(after.tags)
        there = AnswerCheck(("InstanceProfile", "Path"), Match.EQUALS, (path,))
        read = Read("iam", "get_instance_profile", {"InstanceProfileName": name}, expects=(there,))
        confirm = Confirm(frozenset({"EntityAlreadyExists"}), (read,))
        yield calls.iam(account, "create_instance_profile", params, Phase.GRANT, confirm=confirm)
    for other in known.roles if known else ():
        yield _out_of_profile(account, other, name, Phase.GRANT)
    holds = AnswerCheck(("InstanceProfile", "Roles", "RoleName"), Match.CONTAINS, (name,))
    read = Read("iam", "get_instance_profile", {"InstanceProfileName": name}, expects=(holds,))
    yield calls.iam(
        account,
        "add_role_to_instance_profile",
        {"InstanceProfileName": name, "RoleName": name},
        Phase.GRANT,
        # A profile holds one role.
        confirm=Confirm(frozenset({"LimitExceeded"}), (read,)),
    )


def _out_of_profile(account: str, role: str, profile: str, phase: Phase) -> ApiCall:
    return calls.iam(
        account,
        "remove_role_from_instance_profile",
        {"InstanceProfileName": profile, "RoleName": role},
        phase,
        absent_is_done=True,
    )


def _without_profile(account: str, role: str, profile: str) -> Iterator[ApiCall]:
    yield _out_of_profile(account, role, profile, Phase.REVOKE)
    params = {"InstanceProfileName": profile}
    yield calls.iam(account, "delete_instance_profile", params, Phase.RETIRE, absent_is_done=True)


def _described(before: Resource, after: Resource, account: str) -> Iterator[ApiCall]:
    facts = ("max_session", "description")
    if all(before.attributes[each] == after.attributes[each] for each in facts):
        return
    params = {
        "RoleName": after.name,
        "Description": after.attributes["description"],
        "MaxSessionDuration": after.attributes["max_session"],
    }
    yield calls.iam(account, "update_role", params, Phase.GRANT)


def _tagged(before: Resource, after: Resource, account: str) -> Iterator[ApiCall]:
    role = _role(after.name)
    had, has = dict(before.attributes["tags"]), dict(after.attributes["tags"])
    changed = {key: value for key, value in has.items() if had.get(key) != value}
    # To IAM a key in another case is the same one, which it then has anew.
    kept = {key.lower() for key in has}
    gone = sorted(key for key in had if key.lower() not in kept)
    if changed:
        yield calls.tag(account, role, changed, Phase.CLAIM)
    if gone:
        yield calls.untag(account, role, gone)


def _deletion(before: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    """Closes the role, takes it out of its profiles and takes all off it, what denies last."""
    account, name, role = snapshot.account_id, before.name, _role(before.name)
    state = snapshot.principals.get(role)
    if state is not None and names.team_of_role(state) is None:
        # The deployer role may change only roles with the tag.
        tag = calls.tag(account, role, _ownership(before), Phase.CLAIM)
        yield replace(tag, absent_is_done=True)
    if not documents.alike(before.documents.get(TRUST), CLOSED_TRUST):
        closing = _trust(account, name, CLOSED_TRUST, Phase.REVOKE)
        yield replace(closing, absent_is_done=True)
    for profile, found in sorted(role_facts.facts(snapshot).profiles.items()):
        if profile == name and before.attributes["profiles"]:
            yield from _without_profile(account, name, profile)
        elif name in found.roles:
            yield _out_of_profile(account, name, profile, Phase.REVOKE)
    inline = dict(state.inline) if state else {}
    yield from entity_policies.taken_off(role, before.attributes["managed"], inline, snapshot)
    yield calls.iam(
        account,
        "delete_role",
        {"RoleName": name},
        Phase.RETIRE,
        absent_is_done=True,
        # What is allowed by a tag of a role is denied once there is no such role.
        confirm=calls.gone(PrincipalType.ROLE, before.attributes["arn"]),
    )


def _takeover(taken: PrincipalState, wanted: Resource, snapshot: Snapshot) -> Takeover:
    """Makes a role of others ours, and then what its entry says."""
    before = _observed(taken, min(wanted.teams), snapshot)
    # First of all: the deployer role may change the trust of roles with the tag only.
    owned = calls.tag(snapshot.account_id, taken.principal, _ownership(wanted), Phase.RECLAIM)
    return Takeover(
        (owned, *_update(before, wanted, snapshot)),
        f"makes {taken.arn} ours, and what its entry says",
        in_place=True,
        costs=_cost(before, wanted),
    )


def _cost(before: Resource, wanted: Resource) -> str:
    """What a role that is adopted loses beside what its entry does not say; empty for nothing."""
    boundary = wanted.attributes["boundary"]
    if not boundary or boundary == before.attributes["boundary"]:
        return ""
    has = "another one" if before.attributes["boundary"] else "none"
    return (
        f"it gets the permissions boundary {boundary[0]} and has {has} today, so that it loses "
        "what that does not allow (unbounded_roles in settings.yaml keeps it without one)"
    )
