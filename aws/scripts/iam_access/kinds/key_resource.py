"""A key as its entry wants it, and as the account has it.

It has one id, of whatever team it is: where its entry moves, the next team takes it over.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from iam_access.kinds import key_calls, key_facts, key_policy, markers, names
from iam_access.kinds.base import ABSENT, FileEntry, TeamInAccount
from iam_access.kinds.data_kind import MARKED, handed_over, id_of_mark
from iam_access.kinds.key_facts import ENABLED, PENDING, KeyPart, KeyState
from iam_access.kinds.key_file import GrantSpec, KeySpec
from iam_access.kinds.policy_principals import PolicyPrincipal, is_named_in, made_first, named_in
from iam_access.kinds.resource_policy import RESOURCE_STATEMENTS
from iam_access.kinds.tags import is_of_aws
from iam_access.model import Resource, ResourceId
from iam_access.place import Path
from iam_access.snapshot import Snapshot

NAME: Final = "kms-key"
_LEAVES: Final = (
    "the key stays, with its alias and all that it encrypts; the account's own policies decide "
    "who may use it"
)
_LOSS: Final = (
    f"the key cannot be used from then on, and AWS deletes it after {key_calls.WAITING_DAYS} days: "
    "what it encrypts is lost for good"
)


def part_of(entry: FileEntry[KeySpec], scope: TeamInAccount) -> KeyPart:
    return KeyPart(scope.account.id, entry.spec.region, entry.key)


def resource_id(part: KeyPart) -> ResourceId:
    """The id of a key, of whatever team: where its entry moves, the next team takes it over."""
    return ResourceId(NAME, f"{part.region} {part.alias}")


def owner_of(key: KeyState | None, part: KeyPart, snapshot: Snapshot) -> str | None:
    """The team whose file describes the key of an alias, by its tag."""
    if key is None:
        return None
    return names.team_of_key(key.tags, key_facts.arn_of_part(snapshot, part))


def marked_by(part: KeyPart, snapshot: Snapshot) -> list[str]:
    """The teams that have a mark for the key of an alias."""
    arn = key_facts.arn_of_part(snapshot, part)
    return sorted(each.team for each in markers.marks_like(snapshot, arn) if each.arn == arn)


def named(
    wanted: Resource, entry: FileEntry[KeySpec], scope: TeamInAccount
) -> Iterator[PolicyPrincipal]:
    """The users and roles of the account that the policy and the grants name, with the places."""
    first = 2 if entry.spec.admins else 1

    def path(index: int) -> Path:
        own = index - first
        return ("admins",) if own < 0 else (RESOURCE_STATEMENTS, own, "principals")

    yield from named_in(wanted.document, scope.account.id, path)
    for index, grant in enumerate(entry.spec.grants):
        params = _grant_params(grant, scope)
        for key, name in (("grantee", "GranteePrincipal"), ("retiree", "RetiringPrincipal")):
            if is_named_in(scope.account.id, params.get(name, "")):
                yield PolicyPrincipal(params[name], ("grants", index, key))


def wanted(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Resource:
    spec, part, snapshot = entry.spec, part_of(entry, scope), scope.snapshot
    known = key_facts.key_of(part, snapshot).key
    new = key_facts.new_key(snapshot, part.region, part.alias)
    policy = key_policy.key_policy(scope.account, scope.fill(key_policy.statements_of(spec)))
    # In another spelling, a grant may be there twice.
    given = {_grant_name(each): each for each in (_grant_params(g, scope) for g in spec.grants)}
    wanted = Resource(
        id=resource_id(part),
        name=entry.key,
        teams=frozenset({scope.team}),
        attributes={
            "region": part.region,
            "alias": True,
            MARKED: True,
            "owner": scope.team,
            "state": ENABLED,
            "rotation": True,
            "description": spec.description or "",
            "tags": tuple(sorted(scope.tagged(spec.tags).items())),
            "grants": tuple(each for _, each in sorted(given.items())),
        },
        document=policy,
        reasons=(
            *handed_over(owner_of(known, part, snapshot), scope.team),
            f"key {entry.key} of {scope.team}, in {spec.region}",
        ),
        location=entry.place.location,
        arn=(known or new).arn,
    )
    return replace(wanted, needs=made_first(named(wanted, entry, scope), scope))


def _grant_params(grant: GrantSpec, scope: TeamInAccount) -> dict[str, Any]:
    """A grant as CreateGrant takes it, without the key; its name follows from all the rest.

    A second call of the same name and content makes no second grant.
    https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html
    """
    found: dict[str, Any] = {
        "GranteePrincipal": scope.fill(grant.grantee.names()[0]),
        "Operations": grant.operations,
    }
    if grant.retiree is not None:
        found["RetiringPrincipal"] = scope.fill(grant.retiree.names()[0])
    if grant.constraints is not None and grant.constraints.in_kms:
        found["Constraints"] = grant.constraints.in_kms
    hashed = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:16]
    return {"Name": f"{key_calls.GRANT_PREFIX}{hashed}", **found}


def _grant_name(params: Mapping[str, Any]) -> str:
    return str(params["Name"])


def all_observed(snapshot: Snapshot) -> Iterator[Resource]:
    """The keys of the account that are ours, and the marks without one."""
    for part, _ in key_facts.parts_read(snapshot):
        yield from _ours(part, snapshot)


def _ours(part: KeyPart, snapshot: Snapshot) -> Iterator[Resource]:
    """What is ours of an alias: its key, others with its tag, and marks of who does not have it."""
    key = key_facts.key_of(part, snapshot).key
    owner = owner_of(key, part, snapshot)
    if owner is not None:
        yield observed(owner, part, snapshot)
    yield from strays(part, snapshot)
    for team in marked_by(part, snapshot) if key is None or key.failure is None else ():
        if team != owner:
            yield _mark_alone(team, part, key)


def observed(team: str, part: KeyPart, snapshot: Snapshot) -> Resource:
    """The key of an alias as the account has it; `team` is whose it is, or is to be."""
    key = key_facts.key_of(part, snapshot).key
    assert key is not None, "only a key that is there is observed"
    return _as_read(team, part, key, snapshot)


def _as_read(team: str, part: KeyPart, key: KeyState, snapshot: Snapshot) -> Resource:
    return Resource(
        id=resource_id(part),
        name=part.alias,
        teams=frozenset({team}),
        attributes={
            "region": part.region,
            "alias": key_facts.key_of(part, snapshot).has_alias,
            MARKED: team in marked_by(part, snapshot),
            "owner": owner_of(key, part, snapshot),
            "state": key.state,
            "rotation": key.rotates,
            "description": key.description,
            "tags": tuple(sorted(each for each in key.tags.items() if _is_own_tag(each[0]))),
            "grants": tuple(
                sorted(
                    (each.params for each in key.grants if key_calls.is_ours(each)), key=_grant_name
                )
            ),
        },
        document=key.policy or None,
        arn=key.arn,
        leaves=_left(key),
    )


def strays(part: KeyPart, snapshot: Snapshot) -> Iterator[Resource]:
    """The keys with the tag of an alias that is not theirs: two runs, or another hand, left them.

    Each goes by its id. One that the alias is for, and will get, is none of them.
    """
    found = key_facts.key_of(part, snapshot)
    for key in key_facts.strays_of(part, snapshot):
        if key != found.key:
            team = names.team_of_key(key.tags, key_facts.arn_of_part(snapshot, part))
            assert team is not None, "it has the tag"
            seen = _as_read(team, part, key, snapshot)
            of_its_own = {"alias": False, MARKED: False, key_facts.STRAY: key.id}
            yield replace(
                seen,
                id=ResourceId(NAME, f"{resource_id(part).key} {key.id}"),
                attributes={**seen.attributes, **of_its_own},
                # By the mark it is found, so that this goes last.
                needs=frozenset({id_of_mark(resource_id(part), team)}),
                leaves=f"the key {key.arn} stays, without an alias",
            )


def _mark_alone(team: str, part: KeyPart, key: KeyState | None) -> Resource:
    """A mark of a team whose tag the key of the alias does not have, or that has no key."""
    stays = "only the mark goes: the key of this alias is not the team's, and stays as it is"
    return Resource(
        id=id_of_mark(resource_id(part), team),
        name=part.alias,
        teams=frozenset({team}),
        attributes={"region": part.region, "owner": None, MARKED: True},
        leaves=stays if key is not None else "",
    )


def _left(key: KeyState) -> str:
    """What stays of a key that is let go."""
    if key.state != PENDING:
        return _LEAVES
    return "AWS deletes the key" + (f" on {key.deleted_on}" if key.deleted_on else "")


def _is_own_tag(key: str) -> bool:
    """Whether a tag is among those that a file describes: neither ours nor AWS's."""
    return key != names.KEY_TAG and not is_of_aws(key)


def as_it_is(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Iterator[Resource]:
    """A key that cannot be as it is wanted: the team's, or that of which it takes it over."""
    for part, _ in key_facts.parts_read(scope.snapshot):
        for each in _ours(part, scope.snapshot) if part.alias == entry.key else ():
            if scope.team in each.teams or each.id == resource_id(part_of(entry, scope)):
                yield replace(each, location=entry.place.location)


def beside(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Iterator[Resource]:
    """What stays for now beside a key that is wanted.

    The mark of the team, where the key is not its own yet, and keys that were left behind.
    """
    for each in as_it_is(entry, scope):
        is_mark = each.id == id_of_mark(resource_id(part_of(entry, scope)), scope.team)
        is_stray = each.attributes.get(key_facts.STRAY) is not None
        if is_mark or (is_stray and each.attributes["region"] == entry.spec.region):
            yield each


def to_delete(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Iterator[Resource]:
    """The key that an entry does not want, as the account has it, of the team or of others."""
    part = part_of(entry, scope)
    key = key_facts.key_of(part, scope.snapshot).key
    if key is None or key.state == PENDING or key.failure is not None:
        return
    arn = key_facts.arn_of_part(scope.snapshot, part)
    owner = names.team_of_key(key.tags, arn)
    if owner in (None, scope.team):
        found = observed(scope.team, part, scope.snapshot)
        # The mark of a key that is not the team's goes by itself.
        marked = found.attributes[MARKED] and owner is not None
        yield replace(
            found,
            attributes={**found.attributes, MARKED: marked, ABSENT: True},
            leaves="",
            loss=_LOSS,
            location=entry.place.location,
        )
