"""A role as its entry wants it, and as the account has it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from iam_access.kinds import (
    entity_policies,
    instance_profile,
    names,
    role_boundary,
    role_facts,
)
from iam_access.kinds.base import ABSENT, FileEntry, TeamInAccount
from iam_access.kinds.fields import role
from iam_access.kinds.role_facts import DEFAULT_SESSION, RoleSettings
from iam_access.kinds.role_file import RoleSpec
from iam_access.kinds.role_trust import trust_document
from iam_access.kinds.switch_file import hubs_in
from iam_access.kinds.tags import is_of_aws
from iam_access.kinds.temporary_role import TRUST
from iam_access.model import Location, Resource
from iam_access.phrases import listed
from iam_access.policy import arn as arns
from iam_access.snapshot import PrincipalState, Snapshot

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
_LOSS: Final = (
    "deletes a role that others made, for good: to policies that name it, one that is made anew is "
    "another role"
)


def name_of(entry: FileEntry[RoleSpec]) -> str:
    """The name of the role that an entry is about."""
    return entry.key.rpartition("/")[2]


def arn_of(entry: FileEntry[RoleSpec], scope: TeamInAccount) -> str:
    """The ARN of the role that an entry is about."""
    account = scope.account
    return arns.iam_arn(account.id, f"role/{entry.key}", partition=account.partition)


def wanted(entry: FileEntry[RoleSpec], scope: TeamInAccount) -> Resource:
    """The role as it is to be."""
    spec, name, arn = entry.spec, name_of(entry), arn_of(entry, scope)
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
        reasons=(f"role {entry.key} of {scope.team}", *_moved(name, arn, scope), *swapped),
        location=entry.place.location,
    )
    return entity_policies.as_asked(bare, entry, role(name), scope)


def _moved(name: str, arn: str, scope: TeamInAccount) -> Iterator[str]:
    """What a reviewer has to know of a role of the name that makes way for this one."""
    state = scope.snapshot.principals.get(scope.role(name))
    if state is not None and state.arn != arn:
        yield f"{state.arn} is deleted for it, for good: IAM moves no role"


def observed(state: PrincipalState, team: str, snapshot: Snapshot) -> Resource:
    """A role as the account has it; `team` is whose it is, or is to be."""
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


def _groups_of_hubs(state: PrincipalState, snapshot: Snapshot) -> str:
    """That groups in other accounts go by another plan than a role into which people switch."""
    found = set(hubs_in(state.trust)) - {snapshot.account_id} if state.trust else set()
    if not found:
        return ""
    return f"the group by which users switch to it goes with the plan of {listed(sorted(found))}"


def _is_own_tag(key: str) -> bool:
    """Whether a tag is among those that a file describes: neither ours nor AWS's."""
    return key != names.ROLE_TAG and not is_of_aws(key)


def as_it_is(asked: Resource, scope: TeamInAccount) -> Iterator[Resource]:
    """What the team has of a role that cannot be made as it is asked."""
    state = scope.snapshot.principals.get(scope.role(asked.name))
    if state is not None and names.team_of_role(state) == scope.team:
        found = observed(state, scope.team, scope.snapshot)
        yield replace(found, location=asked.location)


def policies_on(asked: Resource, scope: TeamInAccount) -> Iterator[Location]:
    """The places of the team's policies on a role that stays as it is.

    Those that the role would no longer let in must not gain by them.
    """
    state = scope.snapshot.principals.get(scope.role(asked.name))
    attached = frozenset(map(names.first_part, state.attached if state is not None else ()))
    for key, policy in scope.policies.items():
        account = scope.account
        if names.team_policy_arn(account.partition, account.id, scope.team, key) in attached:
            yield policy.place.location


def to_delete(entry: FileEntry[RoleSpec], scope: TeamInAccount) -> Iterator[Resource]:
    """The role that an entry does not want, as the account has it, the team's or of others."""
    arn = arn_of(entry, scope)
    state = scope.snapshot.principals.get(scope.role(name_of(entry)))
    # One at another path than the key's is another role. A name alone is that of one anywhere.
    is_meant = state is not None and ("/" not in entry.key or state.arn.lower() == arn.lower())
    if state is not None and is_meant and names.team_of_role(state) in (None, scope.team):
        found = observed(state, scope.team, scope.snapshot)
        yield replace(
            found,
            attributes={**found.attributes, ABSENT: True},
            loss=_LOSS if names.team_of_role(state) is None else "",
            location=entry.place.location,
        )
