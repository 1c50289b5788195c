"""The names of what we make. Ownership is read back from them, so they live in one place."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from iam_access.model import Account, Principal, PrincipalType
from iam_access.policy import arn as arns
from iam_access.snapshot import PrincipalState

PREFIX = "self-serve"
#: The inline policy of a role or group that we make, with all that it gives by itself.
INLINE_POLICY = PREFIX
#: With the value `true` on a user or role: aws/bootstrap/ forbids the deployer role to change it.
PIPELINE_TAG = f"{PREFIX}-pipeline"
#: On a role that a team's file describes whole; see `role_tag_value`.
ROLE_TAG = f"{PREFIX}:role"
#: On a KMS key that a team's file describes; see `key_tag_value`.
KEY_TAG = f"{PREFIX}:key"
#: On a bucket that a team's file describes; see `kinds.bucket_facts`.
BUCKET_TAG = f"{PREFIX}:bucket"
NAME_LIMIT = 128
ENTITY_LIMIT = 64
LAST_GENERATION = 99
_GENERATION_ROOM = len("+g99")

# With a team of 64 characters, every name that has a deadline in it stays within NAME_LIMIT.
_LABEL_LIMIT = 35
# IAM allows 128 characters; a generation takes some of them.
TAG_KEY_LIMIT = 125

# Neither a team name nor a policy key can contain a '+', so the parts cannot be confused.
_POLICY_PATH = re.compile(rf"/{PREFIX}/([^/]+)/")
_SWITCH_PATH = re.compile(rf"/{PREFIX}/([^/]+)/switch/(\d{{12}})/")
_OWNER_TAG = re.compile(rf"{PREFIX}:([^:]+):(?:([2-9]|[1-9]\d+):)?([^:]+)")
_INSTANT = r"\d{8}T\d{6}Z"
_START = r"(?:=[0-9a-z]{1,7})?"
_HASH = r"=[0-9a-z]{16}"
_GENERATION = r"\+g\d{1,2}"
_INLINE = re.compile(rf"{PREFIX}\+([^+]+)\+([^+]+)\+{_INSTANT}")
_PART = re.compile(r"([^+]+)\+([2-9]|[1-9]\d+)")
_TEMPORARY_POLICY = re.compile(rf"([^+]+)\+([^+]+)\+{_INSTANT}{_START}\+\d+")
_AMBIGUOUS = re.compile(rf"^role=|(?:\+{_INSTANT}|{_GENERATION}|{_HASH})$")
_INLINE_END = re.compile(rf"{PREFIX}\+[^+]+\+[^+]+\+({_INSTANT})")
_TEMPORARY_POLICY_END = re.compile(rf"[^+]+\+[^+]+\+({_INSTANT}){_START}\+\d+")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def policy_path(team: str) -> str:
    """The IAM path of a team's customer managed policies."""
    return f"/{PREFIX}/{team}/"


def policy_name(team: str, key: str, part: int = 1) -> str:
    """The customer managed policy with one part (from 1) of a team's policy key."""
    number = f"+{part}" if part > 1 else ""
    return f"{team}-{key.replace('.', '-')}{number}"


def switch_path(team: str, account: str) -> str:
    """The IAM path of the groups by which users become a team's roles in an account (its id)."""
    return f"/{PREFIX}/{team}/switch/{account}/"


def of_switch_path(path: str) -> tuple[str, str] | None:
    """The team and the account's id in the path of such a group; None for any other group."""
    found = _SWITCH_PATH.fullmatch(path)
    return (found[1], found[2]) if found else None


# A few policies are attached thousands of times.
@lru_cache(maxsize=4_096)
def team_policy_arn(partition: str, account_id: str, team: str, key: str, part: int = 1) -> str:
    """The ARN that one part (from 1) of the policy has, or will have."""
    name, path = policy_name(team, key, part), policy_path(team)
    return arns.policy_arn(account_id, name, path=path, partition=partition)


def first_part(policy: str) -> str:
    """The name or ARN of the first part of what this is a part of; else as it is.

    No policy's path has a '+' for us, and the parts of temporary grants have more than one.
    """
    found = _PART.fullmatch(policy)
    return found[1] if found else policy


def part_number(policy: str) -> int:
    """Which part (from 1) the policy of this name or ARN is."""
    found = _PART.fullmatch(policy)
    return int(found[2]) if found else 1


def team_of_policy_path(path: str) -> str | None:
    """The team that owns policies of this path; None when they are not ours."""
    found = _POLICY_PATH.fullmatch(path)
    return found[1] if found else None


@lru_cache(maxsize=4_096)
def team_of_policy_arn(arn: str) -> str | None:
    """The team that owns the policy of this ARN; None when it is not ours."""
    is_policy = arns.part_of(arn, 5).startswith("policy/") and arns.account_of(arn) is not None
    return team_of_policy_path(arns.path_and_name(arn)[0]) if is_policy else None


def role_boundary(account: Account) -> str:
    """The ARN of the permissions boundary that aws/bootstrap/ makes for the roles we make.

    It is not below our path, where the deployer role may change policies.
    """
    return arns.policy_arn(account.id, f"{PREFIX}-boundary", partition=account.partition)


def owner_tag(team: str, arn: str, generation: int = 1) -> str:
    """The key of a tag by which a team owns a principal's attachment of a policy of others.

    Keys of several generations name the same attachment. No policy's path or name has a ':'. That
    of a policy of the account begins with a slash, and that of an AWS managed one does not.
    """
    number = f"{generation}:" if generation > 1 else ""
    slash = "" if arns.account_of(arn) is None else "/"
    return f"{PREFIX}:{team}:{number}{slash}{arn.partition(':policy/')[2]}"


class Owner(NamedTuple):
    """What the key of an ownership tag says."""

    team: str
    arn: str
    generation: int


def owner_of_tag(key: str, partition: str, account_id: str) -> Owner | None:
    """The team and policy that an ownership tag in this account names; None for any other tag."""
    found = _OWNER_TAG.fullmatch(key)
    if found is None:
        return None
    owner = account_id if found[3].startswith("/") else "aws"
    arn = arns.policy_arn(owner, found[3].removeprefix("/"), partition=partition)
    return Owner(found[1], arn, int(found[2] or 1))


def label(key: str) -> str:
    """A policy key as the names of temporary grants have it: whole, or cut and made unique."""
    return key if len(key) <= _LABEL_LIMIT else f"{key[: _LABEL_LIMIT - 11]}={hashed(key, 10)}"


def inline_name(team: str, key: str, deadline: datetime) -> str:
    """The inline policy of a temporary grant.

    The deadline (UTC) is part of it, so that a renewal is a new policy and no cleanup that
    was late can take the renewed one for the old.
    """
    return f"{PREFIX}+{team}+{label(key)}+{compact(deadline)}"


def team_and_grant_of_inline(name: str) -> tuple[str, str] | None:
    """The team and grant an inline policy was written for; None when it is not ours."""
    found = _INLINE.fullmatch(name)
    return (found[1], found[2]) if found else None


def temporary_policy_name(
    team: str, key: str, starts: datetime | None, deadline: datetime, part: int
) -> str:
    """The customer managed policy with one part (from 1) of a temporary grant.

    All who have the same grant and window (UTC) share it. The start is written in seconds since
    1970, in base 36, for want of room. A permanent policy's name has at most one '+', so the two
    never meet.
    """
    start = f"={_base36(int(starts.timestamp()))}" if starts else ""
    return f"{team}+{label(key)}+{compact(deadline)}{start}+{part}"


def grant_of_temporary_policy(name: str) -> str | None:
    """The grant a temporary grant's policy was made for; None for a permanent policy."""
    if "+" not in name:  # as with most names, and the pattern would look at each letter to say so
        return None
    found = _TEMPORARY_POLICY.fullmatch(name)
    return found[2] if found else None


def deadline_in(name: str) -> datetime | None:
    """The deadline (UTC) in the name of a temporary grant's policy; None in any other name."""
    found = _INLINE_END.fullmatch(name) or _TEMPORARY_POLICY_END.fullmatch(name)
    try:
        return parse_compact(found[1]) if found else None
    except ValueError:  # made by others, with a date that does not exist
        return None


def part_before(arn: str) -> str | None:
    """The ARN of the part before this one of a temporary grant; None for the first one's."""
    rest, _, part = arn.rpartition("+")
    if grant_of_temporary_policy(arns.arn_name(arn)) is None or int(part) < 2:
        return None
    return f"{rest}+{int(part) - 1}"


def role_name(
    team: str, key: str, principal: Principal, starts: datetime | None, generation: int = 1
) -> str:
    """The role made for one temporary grant: names team, grant and principal.

    A renewal keeps the role, so that open sessions go on; a window of its own start has its
    own role. A dead role keeps its name until it is deleted: the next one has the next generation.
    What does not fit, or could be read in two ways, is cut and has a hash of all of it.
    """
    person = _person(principal)
    name = "+".join([team, key, person, *([compact(starts)] if starts else [])])
    number = f"+g{generation}" if generation > 1 else ""
    plain = _AMBIGUOUS.search(principal.name) is None
    if plain and len(name) <= ENTITY_LIMIT - _GENERATION_ROOM:
        return name + number
    short = "+".join([team[:12], key[:13], person[:16]])
    whole = name if plain else f"{principal} {name}"
    return f"{short}={_base36(int(hashed(whole, 24), 16))[:16]:0>16}{number}"


def grant_of_role(team: str, name: str) -> str | None:
    """The grant (`label`) for which `role_name` made a name; None if the name does not tell."""
    if re.search(rf"{_HASH}(?:{_GENERATION})?$", name):
        return None
    first, _, rest = name.partition("+")
    key, _, person = rest.partition("+")
    return label(key) if first == team and key and person else None


def is_grant_role(state: PrincipalState) -> bool:
    """Whether it is a role made for a temporary grant, with all that hangs on it."""
    return (
        state.principal.type is PrincipalType.ROLE and team_of_policy_path(state.path) is not None
    )


def team_of_group(state: PrincipalState) -> str | None:
    """The team whose file describes a group whole; None for any other principal."""
    is_group = state.principal.type is PrincipalType.GROUP
    return team_of_policy_path(state.path) if is_group else None


def is_path_of_pipeline(path: str) -> bool:
    """Whether nothing but the pipeline makes what has this path in IAM."""
    return path.startswith(f"/{PREFIX}/")


def role_tag_value(team: str, arn: str) -> str:
    """The value of ROLE_TAG: whose file describes the role of this ARN.

    It names the ARN by a hash, so that a tag that was copied with a role says nothing of the copy.
    """
    return f"{team}={hashed(f'{team} {arn}', 16)}"


def team_of_role(state: PrincipalState) -> str | None:
    """The team whose file describes a role whole; None for any other principal."""
    if state.principal.type is not PrincipalType.ROLE or is_grant_role(state):
        return None
    value = state.tags.get(ROLE_TAG, "")
    team = value.partition("=")[0]
    return team if team and value == role_tag_value(team, state.arn) else None


def key_tag_value(team: str, alias: str) -> str:
    """The value of KEY_TAG: whose file describes the key of the alias with this ARN.

    It names the alias by a hash, so that a tag that was copied says nothing of another key.
    """
    return f"{team}={hashed(f'{team} {alias}', 16)}"


def team_of_key(tags: Mapping[str, str], alias: str) -> str | None:
    """The team whose file describes the key with these tags and the alias of this ARN."""
    value = tags.get(KEY_TAG, "")
    return value.partition("=")[0] if is_key_tag(value, alias) else None


def is_key_tag(value: str, alias: str) -> bool:
    """Whether a value of KEY_TAG names the alias of this ARN, for whatever team."""
    team = value.partition("=")[0]
    return bool(team) and value == key_tag_value(team, alias)


def may_be_role_of(name: str, principal: Principal) -> bool:
    """Whether a role of this name may have been made for a user or role, if for others too.

    For a role whose trust policy does not tell: of a deleted user, IAM keeps only an id.
    """
    person = _person(principal)
    whole = rf".+\+{re.escape(person)}(\+{_INSTANT})?"
    short = rf".+\+{re.escape(person[:16])}{_HASH}"
    return re.fullmatch(f"(?:{whole}|{short})(?:{_GENERATION})?", name) is not None


def _person(principal: Principal) -> str:
    return principal.name if principal.type is PrincipalType.USER else f"role={principal.name}"


def parse_compact(text: str) -> datetime:
    """The time (UTC) in a text that `compact` wrote; ValueError for any other text."""
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def compact(moment: datetime) -> str:
    """A moment (UTC) in the letters and digits that names and values may have."""
    return f"{moment:%Y%m%dT%H%M%SZ}"


def _base36(number: int) -> str:
    text = ""
    while number or not text:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text


def hashed(text: str, length: int) -> str:
    """The first hexadecimal digits of a hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]
