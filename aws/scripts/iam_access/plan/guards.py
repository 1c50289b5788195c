"""What would go wrong, found while planning: guards drop changes or refuse the whole plan."""

from collections.abc import Iterable, Sequence

from iam_access.kinds import KINDS, attachment, managed_policy, names, temporary_role
from iam_access.kinds.base import finding_about
from iam_access.kinds.fields import exactly
from iam_access.model import (
    Account,
    Action,
    Change,
    Finding,
    Phase,
    Principal,
    PrincipalType,
    ResourceId,
)
from iam_access.plan import rule_guards
from iam_access.plan.deployer import deployer_of
from iam_access.plan.diff import hastened, without
from iam_access.plan.verdict import Circumstances, Guard, Guarded
from iam_access.policy.problem import nearest
from iam_access.snapshot import PrincipalState, Snapshot

# Roles that AWS manages: only AWS may change them.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html
_AWS_OWNED_PATHS = ("/aws-service-role/", "/aws-reserved/")


def guard(changes: Sequence[Change], where: Circumstances) -> Guarded:
    """Drop what rules forbid or AWS would refuse, with the reason; make room where that helps."""
    result = Guarded(tuple(changes))
    for check in _GUARDS:
        checked = check(result.changes, where)
        result = Guarded(checked.changes, (*result.findings, *checked.findings))
    return result


def _principals(changes: tuple[Change, ...], where: Circumstances) -> Guarded:
    """Changes for principals that do not exist, or that nobody may touch."""
    refused: dict[ResourceId, Finding] = {}
    told: dict[tuple[Principal, frozenset[str]], Finding] = {}
    for change in changes:
        if change.principal is None:
            continue
        key = (change.principal, change.teams)
        finding = told.get(key) or _unusable(
            change, change.principal, where.account, where.snapshot
        )
        if finding is not None:
            told[key] = finding
            refused[change.id] = finding
    return Guarded(without(changes, refused), tuple(told.values()))


def _unusable(
    change: Change, principal: Principal, account: Account, snapshot: Snapshot
) -> Finding | None:
    state = snapshot.principals.get(principal)
    where = f"account {account.id} ({account.label})"
    if state is None:
        return finding_about(
            change.subject,
            snapshot,
            "missing-principal",
            f"IAM {principal.label} does not exist in {where}",
            _how_to_create(principal, snapshot),
        )
    if state.path.startswith(_AWS_OWNED_PATHS):
        return finding_about(
            change.subject,
            snapshot,
            "aws-owned-role",
            f"role {principal.name} in {where} belongs to AWS, which lets nobody change it",
            "grant to another role; permission sets are changed in IAM Identity Center",
        )
    if temporary_role.is_ours(state):
        return finding_about(
            change.subject,
            snapshot,
            "temporary-role",
            f"role {principal.name} in {where} was made for a temporary grant; "
            "it gets what that grants and nothing else",
            "grant to the user or role that it was made for",
        )
    is_deployer = principal.in_iam == deployer_of(account).in_iam
    if is_deployer or state.tags.get(names.PIPELINE_TAG) == "true":
        return finding_about(
            change.subject,
            snapshot,
            "deployer-role",
            f"{principal.label} in {where} belongs to this pipeline, which never changes itself: "
            f"it is the deployer role, or has the tag {names.PIPELINE_TAG}",
            "change it where it was made, such as in aws/bootstrap",
        )
    return None


def _how_to_create(principal: Principal, snapshot: Snapshot) -> str:
    known = [p.name for p in snapshot.principals if p.type is principal.type]
    near = nearest(principal.name, known)
    guess = f"did you mean {near}? Otherwise " if near else ""
    if principal.type is PrincipalType.USER:
        if other := _named_the_other_way(principal.name, known):
            guess = (
                f"there is {other}: write {exactly(other)} to name it exactly, or have user_names "
                "in settings.yaml say how users are named. Otherwise "
            )
        return f"{guess}create it: aws iam create-user --user-name {principal.name}"
    return f"{guess}have the role created by its owner, or remove the entry"


def _named_the_other_way(name: str, known: Iterable[str]) -> str | None:
    """A user who is named by a whole address where this is the part before the @, or vice versa."""
    name = name.lower()
    return next(
        (
            each
            for each in sorted(known)
            if ("@" in each) != ("@" in name) and each.lower().split("@")[0] == name.split("@")[0]
        ),
        None,
    )


def obstacles(changes: tuple[Change, ...], where: Circumstances) -> Guarded:
    """What each kind knows AWS would refuse."""
    kinds = {kind.name: kind for kind in KINDS}
    found = {
        change.id: finding
        for change in changes
        if (finding := kinds[change.id.kind].obstacle(change, where.snapshot)) is not None
    }
    return Guarded(without(changes, found), tuple(found.values()))


def _policy_count(changes: tuple[Change, ...], where: Circumstances) -> Guarded:
    """More customer managed policies than the account may have."""
    account, snapshot = where.account, where.snapshot
    new = [c for c in changes if c.id.kind == managed_policy.NAME and c.action is Action.CREATE]
    quota, used = snapshot.quotas.policies, len(snapshot.policies)
    surplus = new[max(quota - used, 0) :]
    findings = [
        finding_about(
            change.subject,
            snapshot,
            "policy-quota",
            f"no room for policy {change.name}: account {account.id} has {used:,} of "
            f"{quota:,} customer managed policies, and the plan makes {len(new):,} more",
            "publish_policies: granted in aws/settings.yaml makes fewer; or have the quota raised",
        )
        for change in surplus
    ]
    return Guarded(without(changes, (change.id for change in surplus)), tuple(findings))


def _attachments(changes: tuple[Change, ...], where: Circumstances) -> Guarded:
    """More attachments than a principal may have. Removals go first where that makes room."""
    account, snapshot = where.account, where.snapshot
    made = {change.id for change in changes if change.after is not None}
    first: set[ResourceId] = set()
    refused: dict[ResourceId, Finding] = {}
    for principal, theirs in _by_principal(changes, attachment.NAME):
        state, quota = snapshot.principals[principal], snapshot.quotas.attached_to(principal)
        added = [c for c in theirs if c.after is not None and not _is_attached(c, state)]
        # What waits for a renewal to be there cannot make room for it.
        removed = [
            c
            for c in theirs
            if c.after is None and _is_attached(c, state) and not c.waits_for & made
        ]
        lacking = len(added) - (quota - len(state.attached))
        if lacking <= 0:
            continue
        # All of them: the parts of one grant go in an order of their own.
        first |= {change.id for change in removed}
        for change in added[len(added) - max(lacking - len(removed), 0) :]:
            refused[change.id] = finding_about(
                change.subject,
                snapshot,
                "attachment-quota",
                f"no room to attach {change.name} to {principal} in account {account.id}: "
                f"{len(state.attached)} of {quota} managed policies are attached, "
                f"the plan adds {len(added)} and takes {len(removed)} away",
                "put the statements into one policy, detach what is not needed, "
                "or have the quota raised",
            )
    moved = tuple(hastened(c) if c.id in first else c for c in changes)
    return Guarded(without(moved, refused), tuple(refused.values()))


def _is_attached(change: Change, state: PrincipalState) -> bool:
    return change.subject.attributes["arn"] in state.attached


def _tags(changes: tuple[Change, ...], where: Circumstances) -> Guarded:
    """More tags than a principal may have."""
    account, snapshot = where.account, where.snapshot
    refused: dict[ResourceId, Finding] = {}
    for principal, theirs in _by_principal(changes, attachment.NAME):
        tags, quota = snapshot.principals[principal].tags, snapshot.quotas.tags_per_principal
        used = len(tags)
        for change in theirs:
            new = sum(
                tag["Key"] not in tags
                for call in change.calls
                if call.phase is Phase.CLAIM
                for tag in call.params["Tags"]
            )
            if new and used + new > quota:
                refused[change.id] = finding_about(
                    change.subject,
                    snapshot,
                    "tag-quota",
                    f"no room for the tag that says that {change.name} on {principal} in account "
                    f"{account.id} is ours: {used} of {quota} tags are in use",
                    "remove tags that are not needed",
                )
            else:
                used += new
    return Guarded(without(changes, refused), tuple(refused.values()))


def _by_principal(changes: Iterable[Change], kind: str) -> Iterable[tuple[Principal, list[Change]]]:
    grouped: dict[Principal, list[Change]] = {}
    for change in changes:
        if change.id.kind == kind and change.principal is not None:
            grouped.setdefault(change.principal, []).append(change)
    return sorted(grouped.items())


_GUARDS: tuple[Guard, ...] = (
    _principals,
    rule_guards.protected,
    rule_guards.boundary,
    obstacles,
    _policy_count,
    _attachments,
    _tags,
)
