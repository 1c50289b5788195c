"""The AWS managed policies that a team's policies name."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from iam_access.config.draft import Draft, Item, Slip
from iam_access.config.report import Report
from iam_access.config.syntax import shown
from iam_access.config.team_checks import Facts
from iam_access.config.words import listed
from iam_access.kinds import names
from iam_access.kinds.placeholders import fill
from iam_access.policy import arn as arns

MANAGED = "managed_policies"

# Of one policy. Attached to a user or role are at most 20.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_MOST = 100

# An ARN with anything else to be filled in is none of a policy that AWS manages.
_FILL: Mapping[str, str] = {
    "account_id": "{}",
    "environment": "{}",
    "partition": "aws",
    "team": "{}",
}


class Partitions:
    """In which partitions a team's policies are granted."""

    def __init__(self, draft: Draft, facts: Facts) -> None:
        self._of = {
            item.key: item.spec.partition for item in draft.accounts if item.spec is not None
        }
        self._all = frozenset(self._of.values())
        self._entries = facts.entries

    def used_by(self, key: str) -> frozenset[str]:
        """The partitions where a policy is granted; all of the team's if nowhere in particular."""
        if len(self._all) <= 1:
            return self._all
        return frozenset(
            self._of[environment]
            for entry in self._entries
            if key in entry.grants
            for environment in entry.environments
            if environment in self._of
        )


def check(team: str, item: Item, partitions: Partitions, report: Report) -> None:
    """Report what cannot be attached among the managed policies of one policy."""
    seen: set[str] = set()
    policies = _written(item)
    if len(policies) > _MOST:
        report.error(
            "too-many-managed-policies",
            item.place.at(MANAGED, _MOST).location,
            f"{shown(item.key)} has {len(policies):,} managed policies; {_MOST} are allowed, and "
            "nobody can have more than 20 attached",
            "grant what is needed, or a policy that includes others",
        )
        return
    for index, text in enumerate(policies):
        if not isinstance(text, str):
            continue
        wrong = _fault(text)
        if text in seen:
            wrong = ("duplicate-item", f"{shown(text)} stands twice", "remove one of the two")
        seen.add(text)
        if wrong is not None:
            code, message, hint = wrong
            report.error(code, item.place.at(MANAGED, index).location, message, hint)
        else:
            _fits(team, item, index, text, partitions, report)


def _written(item: Item) -> Sequence[Any]:
    if not isinstance(item, Slip):
        policies: Sequence[Any] = item.spec.managed_policies
        return policies
    written = item.written.get(MANAGED) if isinstance(item.written, dict) else None
    return written if isinstance(written, list) else ()


@lru_cache(maxsize=4096)
def _fault(text: str) -> tuple[str, str, str] | None:
    """What is wrong with an ARN: code, message, hint."""
    filled = fill(text, _FILL)
    if arns.is_service_linked_policy(filled):
        return (
            "policy-not-attachable",
            f"{shown(text)} is for a service-linked role of AWS, and AWS attaches it to no other",
            "grant another policy, or write what is needed of it as custom_statements",
        )
    if arns.is_aws_managed_policy(filled):
        return None
    if arns.is_managed_policy(filled):
        return (
            "customer-managed-policy",
            f"{shown(text)} is not a policy that AWS manages",
            "write its statements as custom_statements: others can change or remove their policy",
        )
    return (
        "bad-managed-policy",
        f"{shown(text)} is not the ARN of a policy that AWS manages",
        "write it in full: arn:aws:iam::aws:policy/ReadOnlyAccess, or arn:{partition}:iam::…",
    )


def _fits(
    team: str, item: Item, index: int, text: str, partitions: Partitions, report: Report
) -> None:
    tag = names.owner_tag(team, text)
    if len(tag) > names.TAG_KEY_LIMIT:
        report.error(
            "tag-too-long",
            item.place.at(MANAGED, index).location,
            f"the tag that says whose this attachment is, {shown(tag)}, would have "
            f"{len(tag)} characters; {names.TAG_KEY_LIMIT} are allowed",
            "write what the policy allows as custom_statements",
        )
    partition = text.split(":", 2)[1]
    others = partitions.used_by(item.key) - {partition}
    if others and partition != "{partition}":
        report.error(
            "wrong-partition",
            item.place.at(MANAGED, index).location,
            f"{shown(text)} is of the partition {partition}, but the policy is for accounts "
            f"of {listed(sorted(others))}",
            "write {partition} in its place",
        )
