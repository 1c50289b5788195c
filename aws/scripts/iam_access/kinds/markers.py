"""Marks by which an account tells what is ours outside IAM, once no file names it.

A mark is a customer managed policy of its own path, which the read of an account's IAM has anyway.
It is made before the thing that it stands for and deleted once that is no longer ours, so the thing
need not be looked for. Its document names the thing and, should it be attached, allows nothing.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

from iam_access.kinds import calls, names
from iam_access.model import AnswerCheck, ApiCall, Confirm, Match, Phase, Read
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.snapshot import PolicyState, Snapshot

#: What making and deleting marks takes.
OPERATIONS: Final = ("create_policy", "delete_policy")
READS: Final = ("iam:GetPolicy",)
_MARK: Final = f":policy/{names.PREFIX}/marks/"
_PATH = re.compile(rf"/{names.PREFIX}/marks/([^/]+)/")
_OTHER = re.compile(r"[^A-Za-z0-9_+,.@-]+")
_LABEL_LIMIT: Final = 100
_REGION: Final = "aws:RequestedRegion"


class Mark(NamedTuple):
    """That a team has the thing of this ARN. `policy` is the ARN of the mark itself.

    `region` is where the thing is, if its ARN does not say that; it is no part of the mark's ARN.
    """

    team: str
    arn: str
    policy: str
    region: str = ""


# An account has few, which are looked for many times.
@lru_cache(maxsize=4_096)
def mark(team: str, arn: str, account: str = "", region: str = "") -> Mark:
    """The mark of a team's thing in an account, which is that of the ARN if it names one."""
    partition, account = arns.part_of(arn, 1), arns.part_of(arn, 4) or account
    hashed = hashlib.sha256(f"{team} {arn}".encode()).hexdigest()[:16]
    path = f"/{names.PREFIX}/marks/{team}/"
    policy = arns.policy_arn(account, f"{_label(arn)}={hashed}", path=path, partition=partition)
    return Mark(team, arn, policy, region)


def marks(snapshot: Snapshot, service: str) -> Iterator[Mark]:
    """The marks of an account for things of a service (the third part of their ARNs)."""
    return _marks(snapshot.policies_by(_kind_of_policy).get(_MARK, ()), service, snapshot)


def marks_like(snapshot: Snapshot, arn: str) -> Iterator[Mark]:
    """The marks for what this ARN names, of whatever team and in whatever region.

    In an account with many marks, they are found without a look at the others.
    """
    alike = snapshot.policies_by(_label_of_policy).get(_label(arn), ())
    found = _marks(alike, arns.part_of(arn, 2), snapshot)
    return (each for each in found if arns.part_of(each.arn, 5) == arns.part_of(arn, 5))


def _marks(policies: Iterable[str], service: str, snapshot: Snapshot) -> Iterator[Mark]:
    """Those of these policies, by ARN, that are marks for things of a service."""
    for policy in policies:
        found = _mark_in(snapshot.policies[policy], snapshot.account_id)
        if found is not None and arns.part_of(found.arn, 2) == service:
            yield found


def is_made(wanted: Mark, snapshot: Snapshot) -> bool:
    """Whether the account has a mark."""
    state = snapshot.policies.get(wanted.policy)
    return state is not None and _mark_in(state, snapshot.account_id) is not None


def _kind_of_policy(arn: str) -> str:
    """What tells the policies that may be marks from all others, by ARN."""
    return _MARK if _MARK in arn else ""


def _label_of_policy(arn: str) -> str:
    """The label in the name of a policy that may be a mark, by ARN; empty for all others."""
    return arns.arn_name(arn).rpartition("=")[0] if _MARK in arn else ""


def _label(arn: str) -> str:
    """What the name of a mark begins with, which marks of other things may share."""
    return _OTHER.sub("-", arns.part_of(arn, 5))[:_LABEL_LIMIT]


def _mark_in(state: PolicyState, account: str) -> Mark | None:
    """The mark that a policy is; None if it is none."""
    found = _PATH.fullmatch(state.path)
    if found is None:
        return None
    known = mark(found[1], _named(state), account, _region(state))
    return known if known.policy == state.arn else None


def _named(state: PolicyState) -> str:
    for statement in documents.statements_of(state.document):
        return str(next(iter(documents.as_list(statement.get("Resource", ""))), ""))
    return ""


def _region(state: PolicyState) -> str:
    for statement in documents.statements_of(state.document):
        block = statement.get("Condition", {}).get("StringEquals", {})
        return str(next(iter(documents.as_list(block.get(_REGION, ""))), ""))
    return ""


def made(wanted: Mark, tags: list[dict[str, str]] | None = None) -> ApiCall:
    """The call that makes a mark."""
    path, name = arns.path_and_name(wanted.policy)
    params: dict[str, Any] = {
        "PolicyName": name,
        "Path": path,
        "PolicyDocument": documents.to_json(_document(wanted)),
        "Description": f"Marks that {wanted.arn} is kept by team {wanted.team}. Attach it nowhere.",
    }
    if tags:
        params["Tags"] = tags
    there = AnswerCheck(("Policy", "Path"), Match.EQUALS, (path,))
    read = Read("iam", "get_policy", {"PolicyArn": wanted.policy}, expects=(there,))
    return calls.iam(
        arns.part_of(wanted.policy, 4),
        "create_policy",
        params,
        Phase.PUBLISH,
        confirm=Confirm(frozenset({"EntityAlreadyExists"}), (read,)),
    )


def _document(wanted: Mark) -> dict[str, Any]:
    service = arns.part_of(wanted.arn, 2)
    where = {"StringEquals": {_REGION: wanted.region}} if wanted.region else None
    return documents.document(
        [
            documents.statement(
                "Deny", actions=[f"{service}:*"], resources=[wanted.arn], conditions=where
            )
        ]
    )


def deleted(gone: Mark) -> ApiCall:
    """The call that deletes a mark."""
    return calls.iam(
        arns.part_of(gone.policy, 4),
        "delete_policy",
        {"PolicyArn": gone.policy},
        Phase.RELEASE,
        absent_is_done=True,
    )
