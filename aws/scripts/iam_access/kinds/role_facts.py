"""What roles have beside the details of an account's IAM, and what calls do to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from iam_access.kinds.operations import CallParams, iam_operations
from iam_access.kinds.quotas import Quota, Shortage
from iam_access.model import ResourceId
from iam_access.problem import Problem
from iam_access.snapshot import Snapshot, SnapshotPart

NAME: Final = "iam-role"
#: Seconds that a session of a role lasts at most, where the role says nothing.
#: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
DEFAULT_SESSION: Final = 3_600


@dataclass(frozen=True, slots=True)
class RoleSettings:
    """What only a list of roles tells: the longest session in seconds, and the description."""

    max_session: int = DEFAULT_SESSION
    description: str = ""


@dataclass(frozen=True, slots=True)
class InstanceProfile:
    """An instance profile, and the names of the roles in it: one or none."""

    path: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RolesState:
    """The settings of all roles and all instance profiles of an account, by name."""

    settings: Mapping[str, RoleSettings] = field(default_factory=dict)
    profiles: Mapping[str, InstanceProfile] = field(default_factory=dict)


class RolesPart(SnapshotPart[RolesState]):
    """What `GetAccountAuthorizationDetails` leaves out of roles; two lists of an account."""


def role_id(team: str, name: str) -> ResourceId:
    """The id of a team's role, whatever its path: a role of this name of another team is not it.

    IAM ignores case and path where it compares the names of roles.
    """
    return ResourceId(NAME, f"{team} {name.lower()}")


def facts(snapshot: Snapshot) -> RolesState:
    return snapshot.part(RolesPart(snapshot.account_id))


def _no_profile(short: Shortage) -> Problem:
    return Problem(
        "profile-quota",
        f"no room for the instance profile of role {short.subject}: account {short.account} has "
        f"{short.used:,} of {short.limit:,}, and the plan makes {short.added:,} more",
        "delete instance profiles that are not needed, or have the quota raised",
    )


#: Instance profiles of an account. One that goes does so last.
PROFILES: Final = Quota(
    "instance profiles",
    lambda quotas, _: quotas.instance_profiles,
    lambda snapshot, _: dict.fromkeys(_profiles_of(snapshot), 1),
    makes_room=False,
    refusal=_no_profile,
)


def _with_facts(snapshot: Snapshot, **changed: Any) -> Snapshot:
    """The account with other facts; as it is if they were not read."""
    part = RolesPart(snapshot.account_id)
    known = snapshot.parts.get(part)
    if not isinstance(known, RolesState):
        return snapshot
    return replace(snapshot, parts={**snapshot.parts, part: replace(known, **changed)})


def _settings_of(snapshot: Snapshot) -> Mapping[str, RoleSettings]:
    found = snapshot.parts.get(RolesPart(snapshot.account_id))
    return found.settings if isinstance(found, RolesState) else {}


def _profiles_of(snapshot: Snapshot) -> Mapping[str, InstanceProfile]:
    found = snapshot.parts.get(RolesPart(snapshot.account_id))
    return found.profiles if isinstance(found, RolesState) else {}


def role_updated(at: Snapshot, params: CallParams) -> Snapshot:
    settings = RoleSettings(params["MaxSessionDuration"], params["Description"])
    return _with_facts(at, settings={**_settings_of(at), params["RoleName"]: settings})


def role_created(at: Snapshot, params: CallParams) -> Snapshot:
    made = iam_operations("create_role")["iam", "create_role"].effect(at, params)
    described = {"Description": "", **params}
    return role_updated(made, described)


def profile_created(at: Snapshot, params: CallParams) -> Snapshot:
    profile = InstanceProfile(params["Path"])
    return _with_facts(at, profiles={**_profiles_of(at), params["InstanceProfileName"]: profile})


def profile_deleted(at: Snapshot, params: CallParams) -> Snapshot:
    name = params["InstanceProfileName"]
    return _with_facts(at, profiles={k: v for k, v in _profiles_of(at).items() if k != name})


def profile_filled(at: Snapshot, params: CallParams) -> Snapshot:
    return _profile_changed(at, params["InstanceProfileName"], (params["RoleName"],))


def profile_emptied(at: Snapshot, params: CallParams) -> Snapshot:
    return _profile_changed(at, params["InstanceProfileName"], ())


def _profile_changed(at: Snapshot, name: str, roles: tuple[str, ...]) -> Snapshot:
    known = _profiles_of(at).get(name)
    if known is None:
        return at
    return _with_facts(at, profiles={**_profiles_of(at), name: replace(known, roles=roles)})


def role_deleted(at: Snapshot, params: CallParams) -> Snapshot:
    gone = iam_operations("delete_role")["iam", "delete_role"].effect(at, params)
    name = params["RoleName"]
    return _with_facts(gone, settings={k: v for k, v in _settings_of(at).items() if k != name})
