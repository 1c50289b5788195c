"""The names of what we make. Ownership is read back from them, so they live in one place."""

import hashlib
import re
from datetime import UTC, datetime

from iam_access.model import Account, Principal, PrincipalType
from iam_access.policy import arn as arns

PREFIX = "self-serve"
NAME_LIMIT = 128
ENTITY_LIMIT = 64

# With a team of 64 characters, every name that has a deadline in it stays within NAME_LIMIT.
_LABEL_LIMIT = 35
TAG_KEY_LIMIT = 128

# Neither a team name nor a policy key can contain a '+', so the parts cannot be confused.
_POLICY_PATH = re.compile(rf"/{PREFIX}/([^/]+)/")
_POLICY_ARN = re.compile(rf"arn:[^:]+:iam::\d{{12}}:policy/{PREFIX}/([^/]+)/[^/]+")
_OWNER_TAG = re.compile(rf"{PREFIX}:([^:]+):(.+)")
_INSTANT = r"\d{8}T\d{6}Z"
_INLINE = re.compile(rf"{PREFIX}\+([^+]+)\+([^+]+)\+{_INSTANT}")
_ENDING_POLICY = re.compile(rf"([^+]+)\+([^+]+)\+{_INSTANT}(?:=[0-9a-f]{{7}})?\+\d+")
_AMBIGUOUS = re.compile(rf"^role=|\+{_INSTANT}$")
_INLINE_END = re.compile(rf"{PREFIX}\+[^+]+\+[^+]+\+({_INSTANT})")
_ENDING_POLICY_END = re.compile(rf"[^+]+\+[^+]+\+({_INSTANT})(?:=[0-9a-f]{{7}})?\+\d+")


def policy_path(team: str) -> str:
    """The IAM path of a team's customer managed policies."""
    return f"/{PREFIX}/{team}/"


def policy_name(team: str, key: str) -> str:
    """The customer managed policy of a team's policy key."""
    return f"{team}-{key.replace('.', '-')}"


def policy_arn(partition: str, account_id: str, team: str, key: str) -> str:
    """The ARN that the policy has, or will have."""
    name, path = policy_name(team, key), policy_path(team)
    return arns.policy_arn(account_id, name, path=path, partition=partition)


def team_of_policy_path(path: str) -> str | None:
    """The team that owns policies of this path; None when they are not ours."""
    found = _POLICY_PATH.fullmatch(path)
    return found[1] if found else None


def team_of_policy_arn(arn: str) -> str | None:
    """The team that owns the policy of this ARN; None when it is not ours."""
    found = _POLICY_ARN.fullmatch(arn)
    return found[1] if found else None


def role_boundary(account: Account) -> str:
    """The ARN of the permissions boundary that aws/bootstrap/ makes for the roles we make.

    It is not below our path, where the deployer role may change policies.
    """
    return arns.policy_arn(account.id, f"{PREFIX}-boundary", partition=account.partition)


def owner_tag(team: str, arn: str) -> str:
    """The key of the tag by which a team owns a principal's attachment of an AWS managed policy."""
    return f"{PREFIX}:{team}:{arn.partition(':policy/')[2]}"


def owner_of_tag(key: str, partition: str) -> tuple[str, str] | None:
    """The team and policy ARN an ownership tag speaks of; None for any other tag."""
    found = _OWNER_TAG.fullmatch(key)
    return (found[1], f"arn:{partition}:iam::aws:policy/{found[2]}") if found else None


def label(key: str) -> str:
    """A policy key as the names of temporary grants have it: whole, or cut and made unique."""
    return key if len(key) <= _LABEL_LIMIT else f"{key[: _LABEL_LIMIT - 11]}={_hashed(key, 10)}"


def inline_name(team: str, key: str, deadline: datetime) -> str:
    """The inline policy of a temporary grant.

    The deadline (UTC) is part of it, so that a renewal is a new policy and no cleanup that
    was late can take the renewed one for the old.
    """
    return f"{PREFIX}+{team}+{label(key)}+{_compact(deadline)}"


def team_and_grant_of_inline(name: str) -> tuple[str, str] | None:
    """The team and grant an inline policy was written for; None when it is not ours."""
    found = _INLINE.fullmatch(name)
    return (found[1], found[2]) if found else None


def ending_policy_name(
    team: str, key: str, starts: datetime | None, deadline: datetime, part: int
) -> str:
    """The customer managed policy with one part (from 1) of a temporary grant.

    Everybody with the same grant and window (UTC) shares it. The start has only the room of a
    hash. No permanent policy's name has a '+', so the two never meet.
    """
    start = f"={_hashed(_compact(starts), 7)}" if starts else ""
    return f"{team}+{label(key)}+{_compact(deadline)}{start}+{part}"


def grant_of_ending_policy(name: str) -> str | None:
    """The grant a temporary grant's policy was made for; None for a permanent policy."""
    if "+" not in name:  # as with most names, and the pattern would look at each letter to say so
        return None
    found = _ENDING_POLICY.fullmatch(name)
    return found[2] if found else None


def deadline_in(name: str) -> datetime | None:
    """The deadline (UTC) in the name of a temporary grant's policy; None in any other name."""
    found = _INLINE_END.fullmatch(name) or _ENDING_POLICY_END.fullmatch(name)
    try:
        return _instant(found[1]) if found else None
    except ValueError:  # somebody made up a name with a day that is none
        return None


def part_before(arn: str) -> str | None:
    """The ARN of the part before this one of a temporary grant; None for the first one's."""
    rest, _, part = arn.rpartition("+")
    if grant_of_ending_policy(arn.rpartition("/")[2]) is None or int(part) < 2:
        return None
    return f"{rest}+{int(part) - 1}"


def role_name(team: str, key: str, principal: Principal, starts: datetime | None) -> str:
    """The role made for one temporary grant: tells team, grant and person.

    A renewal keeps the role, so that open sessions go on; a window of its own start has its
    own role.
    """
    person = _person(principal)
    name = "+".join([team, key, person, *([_compact(starts)] if starts else [])])
    # Somebody may be called like another one's role, or like another one with a beginning.
    plain = _AMBIGUOUS.search(principal.name) is None
    if plain and len(name) <= ENTITY_LIMIT:
        return name
    short = "+".join([team[:14], key[:18], person[:20]])
    return f"{short}={_hashed(name if plain else f'{principal} {name}', 8)}"


def may_be_role_of(name: str, principal: Principal) -> bool:
    """Whether a role of this name may have been made for a user or role, if for anybody else too.

    For a role whose trust policy no longer tells: of who is deleted, IAM keeps only an id.
    """
    person = _person(principal)
    whole = rf".+\+{re.escape(person)}(\+{_INSTANT})?"
    short = rf".+\+{re.escape(person[:20])}=[0-9a-f]{{8}}"
    return re.fullmatch(f"{whole}|{short}", name, re.IGNORECASE) is not None


def _person(principal: Principal) -> str:
    return principal.name if principal.type is PrincipalType.USER else f"role={principal.name}"


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _compact(instant: datetime) -> str:
    return f"{instant:%Y%m%dT%H%M%SZ}"


def _hashed(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
