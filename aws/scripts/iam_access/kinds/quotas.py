"""Quotas of IAM: how much of each is in use, and the message when one is used up.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from iam_access.model import Principal, PrincipalType
from iam_access.policy.document import policy_size
from iam_access.problem import Problem
from iam_access.snapshot import Quotas, Snapshot

#: What takes how much of a quota, by an id of its own.
Items = Mapping[str, int]


class Shortage(NamedTuple):
    """A change for which there is no room in a quota.

    `subject` is the name of what it makes. `used` counts what is in use before the plan, `taken`
    what its earlier changes take beyond that, `added` all that it adds and `removed` what it takes
    away first.
    """

    subject: str
    holder: Principal | None
    account: str
    limit: int
    used: int
    taken: int
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Quota:
    """One quota, of each principal that it counts for or of the whole account (holder None).

    `limit` is what the account allows and `in_use` what is there, made by any hand. What is removed
    counts as room for what is added if it `makes_room`: its removal can go first. `refusal` says
    that there is no room.
    """

    name: str
    limit: Callable[[Quotas, Principal | None], int]
    in_use: Callable[[Snapshot, Principal | None], Items]
    makes_room: bool
    refusal: Callable[[Shortage], Problem]


class Use(NamedTuple):
    """How much of a quota one item takes; one that is in use already takes no more room."""

    quota: Quota
    holder: Principal | None
    item: str
    amount: int = 1


@dataclass(slots=True)
class QuotaUsage:
    """What is in use of an account's quotas over a whole plan, at its fullest.

    Of `reclaimed`, which goes first, only what makes room counts as gone.
    """

    snapshot: Snapshot
    reclaimed: Iterable[Use] = ()
    _items: dict[tuple[str, Principal | None], dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for use in self.reclaimed:
            if use.quota.makes_room:
                self._of(use.quota, use.holder).pop(use.item, None)

    def add(self, uses: Iterable[Use]) -> None:
        """Take into account what is to be there."""
        for use in uses:
            self._of(use.quota, use.holder)[use.item] = use.amount

    def limit(self, quota: Quota, holder: Principal | None = None) -> int:
        """What the account allows."""
        return quota.limit(self.snapshot.quotas, holder)

    def items(self, quota: Quota, holder: Principal | None = None) -> Items:
        """What takes how much of the quota."""
        return self._of(quota, holder)

    def free(self, quota: Quota, holder: Principal | None = None, *, excluding: str = "") -> int:
        """How much is left of the quota, without what the item `excluding` takes."""
        items = self._of(quota, holder)
        used = sum(items.values()) - items.get(excluding, 0)
        return max(self.limit(quota, holder) - used, 0)

    def _of(self, quota: Quota, holder: Principal | None) -> dict[str, int]:
        key = quota.name, holder
        if key not in self._items:
            self._items[key] = dict(quota.in_use(self.snapshot, holder))
        return self._items[key]


def _principal(holder: Principal | None) -> Principal:
    assert holder is not None, "the quota is one of principals"
    return holder


def _attached(snapshot: Snapshot, holder: Principal | None) -> Items:
    state = snapshot.principals.get(_principal(holder))
    return dict.fromkeys(state.attached, 1) if state else {}


def _inline(snapshot: Snapshot, holder: Principal | None) -> Items:
    state = snapshot.principals.get(_principal(holder))
    return {name: policy_size(document) for name, document in state.inline.items()} if state else {}


def _tags(snapshot: Snapshot, holder: Principal | None) -> Items:
    state = snapshot.principals.get(_principal(holder))
    return dict.fromkeys(state.tags, 1) if state else {}


def _policies(snapshot: Snapshot, _: Principal | None) -> Items:
    return dict.fromkeys(snapshot.policies, 1)


def _roles(snapshot: Snapshot, _: Principal | None) -> Items:
    return {
        state.arn: 1
        for principal, state in snapshot.principals.items()
        if principal.type is PrincipalType.ROLE
    }


def _groups(snapshot: Snapshot, _: Principal | None) -> Items:
    groups = (each for each in snapshot.principals if each.type is PrincipalType.GROUP)
    return {each.name: 1 for each in groups}


def _groups_of_user(snapshot: Snapshot, holder: Principal | None) -> Items:
    state = snapshot.principals.get(_principal(holder))
    return dict.fromkeys(state.groups, 1) if state else {}


def _no_attachment(short: Shortage) -> Problem:
    return Problem(
        "attachment-quota",
        f"no room to attach {short.subject} to {short.holder} in account {short.account}: "
        f"{short.used} of {short.limit} managed policies are attached, "
        f"the plan adds {short.added} and removes {short.removed}",
        "grant less, or in fewer characters, which takes fewer policies; detach what is not "
        "needed, or have the quota raised",
    )


def _no_characters(short: Shortage) -> Problem:
    return Problem(
        "inline-quota",
        f"no room for the inline policy {short.subject} on {short.holder} in account "
        f"{short.account}: {short.used:,} of {short.limit:,} characters are in use, "
        f"the plan adds {short.added:,} and removes {short.removed:,}",
        "delete inline policies that are not needed; the quota cannot be raised",
    )


def _no_tag(short: Shortage) -> Problem:
    return Problem(
        "tag-quota",
        f"no room for the tag that records that {short.subject} on {short.holder} in account "
        f"{short.account} is ours: {short.used + short.taken} of {short.limit} tags are in use",
        "remove tags that are not needed",
    )


def _no_policy(short: Shortage) -> Problem:
    return Problem(
        "policy-quota",
        f"no room for policy {short.subject}: account {short.account} has {short.used:,} of "
        f"{short.limit:,} customer managed policies, and the plan makes {short.added:,} more",
        "publish_policies: granted in aws/settings.yaml makes fewer; or have the quota raised",
    )


def _no_role(short: Shortage) -> Problem:
    return Problem(
        "role-quota",
        f"no room for role {short.subject}: account {short.account} has {short.used:,} of "
        f"{short.limit:,} roles, and the plan makes {short.added:,} more",
        "delete roles that are not needed, or have the quota raised",
    )


def _no_group(short: Shortage) -> Problem:
    return Problem(
        "group-quota",
        f"no room for group {short.subject}: account {short.account} has {short.used:,} of "
        f"{short.limit:,} groups, and the plan makes {short.added:,} more",
        "delete groups that are not needed, or have the quota raised",
    )


def _no_membership(short: Shortage) -> Problem:
    return Problem(
        "membership-quota",
        f"no room for {short.holder} in group {short.subject} in account {short.account}: it is in "
        f"{short.used} of {short.limit} groups, the plan adds {short.added} and removes "
        f"{short.removed}",
        "put what it needs into one group, or grant it by permanent access; AWS raises this quota "
        "for no account",
    )


ATTACHED = Quota(
    "attached policies",
    lambda quotas, holder: quotas.attached_to(_principal(holder)),
    _attached,
    makes_room=True,
    refusal=_no_attachment,
)
INLINE_SIZE = Quota(
    "inline size",
    lambda quotas, holder: quotas.inline_size(_principal(holder)),
    _inline,
    makes_room=True,
    refusal=_no_characters,
)
TAGS = Quota(
    "tags", lambda quotas, _: quotas.tags_per_principal, _tags, makes_room=False, refusal=_no_tag
)
# What takes a policy or a role away does so last.
POLICIES = Quota(
    "policies", lambda quotas, _: quotas.policies, _policies, makes_room=False, refusal=_no_policy
)
GROUPS = Quota(
    "groups", lambda quotas, _: quotas.groups, _groups, makes_room=False, refusal=_no_group
)
GROUPS_OF_USER = Quota(
    "groups of a user",
    lambda quotas, _: quotas.groups_per_user,
    _groups_of_user,
    makes_room=True,
    refusal=_no_membership,
)
ROLES = Quota("roles", lambda quotas, _: quotas.roles, _roles, makes_room=False, refusal=_no_role)
