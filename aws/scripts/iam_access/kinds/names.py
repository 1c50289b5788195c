"""The names of what we make. Ownership is read back from them, so they live in one place."""

import hashlib
import re
from datetime import datetime

PREFIX = "self-serve"
NAME_LIMIT = 128
TAG_KEY_LIMIT = 128

# Neither a team name nor a policy key can contain a '+', so the parts cannot be confused.
_SEPARATOR = "+"
_POLICY_PATH = re.compile(rf"/{PREFIX}/([^/]+)/")
_POLICY_ARN = re.compile(rf"arn:[^:]+:iam::\d{{12}}:policy/{PREFIX}/([^/]+)/[^/]+")
_OWNER_TAG = re.compile(rf"{PREFIX}:([^:]+):(.+)")
_INLINE = re.compile(rf"{PREFIX}\+([^+]+)\+([^+]+)\+\d{{8}}T\d{{6}}Z")


def policy_path(team: str) -> str:
    """The IAM path of a team's customer managed policies."""
    return f"/{PREFIX}/{team}/"


def policy_name(team: str, key: str) -> str:
    """The customer managed policy of a team's policy key."""
    return f"{team}-{key.replace('.', '-')}"


def policy_arn(partition: str, account_id: str, team: str, key: str) -> str:
    """The ARN that the policy has, or will have."""
    return f"arn:{partition}:iam::{account_id}:policy{policy_path(team)}{policy_name(team, key)}"


def team_of_policy_path(path: str) -> str | None:
    """The team that owns policies of this path; None when they are not ours."""
    found = _POLICY_PATH.fullmatch(path)
    return found[1] if found else None


def team_of_policy_arn(arn: str) -> str | None:
    """The team that owns the policy of this ARN; None when it is not ours."""
    found = _POLICY_ARN.fullmatch(arn)
    return found[1] if found else None


def owner_tag(team: str, arn: str) -> str:
    """The key of the tag by which a team owns a principal's attachment of an AWS managed policy."""
    return f"{PREFIX}:{team}:{arn.partition(':policy/')[2]}"


def owner_of_tag(key: str, partition: str) -> tuple[str, str] | None:
    """The team and policy ARN an ownership tag speaks of; None for any other tag."""
    found = _OWNER_TAG.fullmatch(key)
    return (found[1], f"arn:{partition}:iam::aws:policy/{found[2]}") if found else None


def inline_name(team: str, key: str, deadline: datetime) -> str:
    """The inline policy of a temporary grant.

    The deadline (UTC) is part of it, so that a renewal is a new policy and no cleanup that
    was late can take the renewed one for the old.
    """
    ending = f"{_SEPARATOR}{deadline:%Y%m%dT%H%M%SZ}"
    start = f"{PREFIX}{_SEPARATOR}{team}{_SEPARATOR}"
    room = NAME_LIMIT - len(start) - len(ending)
    if len(key) > room:
        key = f"{key[: room - 11]}={hashlib.sha256(key.encode()).hexdigest()[:10]}"
    return f"{start}{key}{ending}"


def team_and_grant_of_inline(name: str) -> tuple[str, str] | None:
    """The team and grant an inline policy was written for; None when it is not ours."""
    found = _INLINE.fullmatch(name)
    return (found[1], found[2]) if found else None
