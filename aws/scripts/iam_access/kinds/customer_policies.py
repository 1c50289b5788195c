"""Customer managed policies of others that files name: granted as they are, and never owned."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from iam_access import phrases
from iam_access.kinds import names, ownership
from iam_access.kinds.base import FileEntry, PermissionsSpec, PolicySpec, TeamInAccount
from iam_access.kinds.fields import fill
from iam_access.kinds.statements import SAMPLES
from iam_access.model import Finding
from iam_access.phrases import shown
from iam_access.policy import arn as arns
from iam_access.problem import Problem
from iam_access.snapshot import PolicyState, Snapshot

#: The key in the files.
KEY: Final = "customer_policies"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_NAME = re.compile(r"/?([!-.0-~]+/)*[A-Za-z0-9_+=,.@-]{1,128}")


class Named(NamedTuple):
    """A policy as a file names it, and what the account has of that name.

    `number` is its place in the list, from 0. With a `problem` it is not granted anew; `arn` is
    then that of the policy that may be meant.
    """

    number: int
    arn: str | None
    problem: Problem | None


def fault(written: str) -> Problem | None:
    """The error in what names a policy, whatever the account."""
    text = fill(written, SAMPLES)
    if arns.is_aws_managed_policy(text):
        return Problem(
            "bad-customer-policy",
            f"{shown(written)} is managed by AWS",
            "write it in managed_policies",
        )
    if text.lower().startswith("arn:") and not arns.is_managed_policy(text):
        return Problem(
            "bad-customer-policy",
            f"{shown(written)} is not the ARN of a policy",
            "write arn:{partition}:iam::{account_id}:policy/NAME, or the name alone",
        )
    path = "".join(arns.path_and_name(text)) if text.startswith("arn:") else text
    if not text.startswith("arn:") and not _NAME.fullmatch(text):
        return Problem(
            "bad-customer-policy",
            f"{shown(written)} is not the name of a policy",
            "write its name, with its path if it has one: boundary or ops/boundary; or its ARN",
        )
    return _of_the_pipeline(written) if _is_ours(path) else None


def look_up(written: Sequence[str], account: str, snapshot: Snapshot) -> Iterator[Named]:
    """What the account of this id has of the policies that texts without placeholders name."""
    by_name = {policy.name.lower(): policy for policy in snapshot.policies.values()}
    for index, text in enumerate(written):
        if text.startswith("arn:") and arns.account_of(text) != account:
            problem = _problem(
                f"{text} is a policy of another account than {account}",
                "write its name, or {account_id} in the place of the account, and have the policy "
                "made in each account where it is granted",
            )
            yield Named(index, None, problem)
            continue
        path = "".join(arns.path_and_name(text)) if text.startswith("arn:") else text
        found = by_name.get(path.rpartition("/")[2].lower())
        if found is None:
            yield Named(index, None, _missing(text, account, snapshot))
        else:
            yield Named(index, found.arn, _wrong(path, text, found, account))


def in_scope(spec: PermissionsSpec, scope: TeamInAccount) -> Iterator[Named]:
    """What the account of the scope has of the policies that a policy of a team names."""
    if not spec.of_others:
        return
    for each in look_up(scope.fill(spec.of_others), scope.account.id, scope.snapshot):
        if each.problem is None and each.arn is not None:
            yield each._replace(problem=ownership.untaggable(scope.team, each.arn))
        else:
            yield each


def arns_of(
    spec: PermissionsSpec, scope: TeamInAccount, held: Iterable[str] = ()
) -> tuple[str, ...]:
    """The ARNs to grant: those without a problem, and those that are `held` in spite of one."""
    keep = frozenset(held)
    return tuple(
        dict.fromkeys(
            each.arn
            for each in in_scope(spec, scope)
            if each.arn is not None and (each.problem is None or each.arn in keep)
        )
    )


def findings(policy: FileEntry[PolicySpec], scope: TeamInAccount) -> Iterator[Finding]:
    """What keeps the policies that a team's policy names from being granted in the account."""
    for each in in_scope(policy.spec, scope):
        if each.problem is not None:
            location = policy.place.at(KEY, each.number).location
            yield each.problem.at(location, scope.team, scope.account.id)


def without_policies_of_others(snapshot: Snapshot) -> Snapshot:
    """The snapshot without the documents of policies that others made, but for boundaries."""
    bounding = {state.boundary for state in snapshot.principals.values()}
    kept = {
        arn: policy
        for arn, policy in snapshot.policies.items()
        if arn in bounding or _is_ours(_path(policy))
    }
    return replace(snapshot, policies=kept)


def _missing(text: str, account: str, snapshot: Snapshot) -> Problem:
    known = [policy.name for policy in snapshot.policies.values() if not _is_ours(_path(policy))]
    near = phrases.nearest(text.rpartition("/")[2], known)
    return _problem(
        f"account {account} has no customer managed policy {shown(text)}",
        (f"did you mean {near}? Else " if near else "")
        + "have it made there by its owner, or correct the name",
    )


def _wrong(path: str, text: str, found: PolicyState, account: str) -> Problem | None:
    """Why the policy of this name, whatever the case, is not the one that a file means."""
    if _is_ours(_path(found)):
        return _of_the_pipeline(text)
    meant = path.removeprefix("/")
    has_path = "/" in meant or text.startswith("arn:")
    if meant == (_path(found) if has_path else found.name):
        return None
    return _problem(
        f"account {account} has no customer managed policy {shown(text)}: it has "
        f"{_path(found)}, and path and case count",
        f"write {_path(found)}",
    )


def _path(policy: PolicyState) -> str:
    return f"{policy.path}{policy.name}".removeprefix("/")


def _is_ours(path: str) -> bool:
    """Whether a policy, by path and name, is the pipeline's: a team's, or of aws/bootstrap/."""
    return path.lstrip("/").lower().startswith(names.PREFIX)


def _of_the_pipeline(text: str) -> Problem:
    return Problem(
        "bad-customer-policy",
        f"{shown(text)} is a policy of the pipeline, which is granted by its key alone",
        "name its key in grants, or another policy",
    )


def _problem(message: str, hint: str) -> Problem:
    return Problem("unknown-customer-policy", message, hint)
