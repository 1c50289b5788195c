"""What would go wrong, found while planning: guards drop changes or refuse the whole plan."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field

from iam_access.config.rules.rulebook import RequiredBoundary, Rulebook
from iam_access.kinds import KINDS, attachment, managed_policy, names, temporary_role
from iam_access.kinds.base import finding_about
from iam_access.kinds.fields import exactly
from iam_access.model import (
    Account,
    Change,
    ChangeType,
    Finding,
    Phase,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.place import Path
from iam_access.plan.deployer import deployer_of
from iam_access.plan.diff import drop_with_dependents, moved_to_reclaim
from iam_access.policy.problem import nearest
from iam_access.policy.widening import widens
from iam_access.snapshot import PrincipalState, Snapshot


@dataclass(frozen=True, slots=True)
class GuardContext:
    """Where changes are to be made: the account, what was read of it, and the rules there are."""

    account: Account
    snapshot: Snapshot
    rules: Rulebook = field(default_factory=Rulebook)


@dataclass(frozen=True, slots=True)
class GuardResult:
    """Changes that may be made, and what was found about those that may not."""

    changes: tuple[Change, ...]
    findings: tuple[Finding, ...] = ()


Guard = Callable[[tuple[Change, ...], GuardContext], GuardResult]


_TYPES = {"UserName": PrincipalType.USER, "RoleName": PrincipalType.ROLE}


def protected(changes: tuple[Change, ...], where: GuardContext) -> GuardResult:
    """Anything on a protected principal, and any role for one. What is there of ours stays."""
    refused: list[ResourceId] = []
    told: dict[tuple[Principal, frozenset[str], bool], Finding] = {}
    for change in changes:
        for principal in _touched(change):
            rule = where.rules.protection(principal)
            if rule is None:
                continue
            refused.append(change.id)
            key = (principal, change.teams, change.action is ChangeType.DELETE)
            if key not in told:
                told[key] = _protected(change, principal, rule, where)
    return GuardResult(drop_with_dependents(changes, refused), tuple(told.values()))


def _touched(change: Change) -> Iterator[Principal]:
    """The principals that a change does anything to, or grants anything to."""
    if change.id.kind == temporary_role.NAME:
        # It is ours: taking it away leaves the one it was made for as they are.
        if change.principal is not None and change.action is not ChangeType.DELETE:
            yield change.principal
        return
    found = [change.principal] if change.principal is not None else []
    for call in change.calls:
        found += [Principal(_TYPES[key], call.params[key]) for key in _TYPES if key in call.params]
    yield from dict.fromkeys(found)


def _protected(change: Change, principal: Principal, rule: Path, where: GuardContext) -> Finding:
    source = where.rules.where(*rule)
    on = f"{principal} in account {where.account.id} ({where.account.label})"
    if change.action is ChangeType.DELETE:
        return finding_about(
            change.subject,
            where.snapshot,
            "protected-principal",
            f"{change.name} stays on {on}, which is protected",
            f"take it away by hand if nobody needs it ({source})",
            severity=Severity.NOTE,
        )
    return finding_about(
        change.subject,
        where.snapshot,
        "protected-principal",
        f"{on} is protected: nothing is granted to it, and nothing on it is changed",
        f"grant to somebody else ({source})",
    )


def boundary(changes: tuple[Change, ...], where: GuardContext) -> GuardResult:
    """More access for principals without the permissions boundary that is asked for."""
    wanted = where.rules.boundary
    if wanted is None:
        return GuardResult(changes)
    refused: list[ResourceId] = []
    told: dict[tuple[Principal, frozenset[str]], Finding] = {}
    leaving = {
        (change.principal, change.subject.attributes["arn"])
        for change in changes
        if change.id.kind == attachment.NAME and change.after is None
    }
    for change in changes:
        for principal in _gaining(change, leaving, where.snapshot):
            carried = where.snapshot.principals[principal].boundary
            if wanted.is_carried(carried, where.account):
                continue
            refused.append(change.id)
            key = (principal, change.teams)
            if key not in told:
                told[key] = _missing_boundary(change, principal, wanted, where)
    return GuardResult(drop_with_dependents(changes, refused), tuple(told.values()))


def _gaining(
    change: Change, leaving: Set[tuple[Principal | None, str]], snapshot: Snapshot
) -> Iterator[Principal]:
    """Who may do more by a change: whom it is for, or who holds the policy that it changes.

    Not those who are `leaving` the policy (by its ARN): it allows more only once they are gone.
    """
    if change.after is None or not _gives_more(change.before, change.after):
        return
    if change.principal is not None:
        yield change.principal
    elif change.before is not None:
        arn = change.subject.attributes["arn"]
        for holder in snapshot.attached_to(arn):
            if (holder, arn) not in leaving:
                yield from snapshot.members(holder)


def _gives_more(before: Resource | None, after: Resource) -> bool:
    """Whether something gives what it did not give; else it puts right what is there, or takes.

    Renewed policies are new ones, a renewed role is the one there was.
    """
    if before is None:
        return True
    if before.expires is not None and after.expires is not None and before.expires < after.expires:
        return True
    if any(_has_more(before, after, name) for name in ("attached", "managed")):
        return True
    if before.document is None or after.document is None:
        return after.document is not None or before.attributes != after.attributes
    return widens(before.document, after.document)


def _has_more(before: Resource, after: Resource, name: str) -> bool:
    """Whether an attribute that grants has more in it than before: a flag, or ARNs of policies."""
    had, has = before.attributes.get(name, False), after.attributes.get(name, False)
    if isinstance(had, tuple) and isinstance(has, tuple):
        return not set(has) <= set(had)
    return bool(has) and not had


def _missing_boundary(
    change: Change, principal: Principal, wanted: RequiredBoundary, where: GuardContext
) -> Finding:
    arn = wanted.arn(where.account, where.snapshot)
    found = where.snapshot.principals[principal].boundary
    has = f"{found} in its place" if found else "none"
    return finding_about(
        change.subject,
        where.snapshot,
        "missing-boundary",
        f"{principal} in account {where.account.id} ({where.account.label}) must carry the "
        f"permissions boundary {wanted.written} to be granted anything, and has {has}",
        f"aws iam put-{principal.type}-permissions-boundary --{principal.type}-name "
        f"{principal.name} --permissions-boundary {arn} "
        f"({where.rules.where('permissions_boundary')})",
    )


# Roles that AWS manages: only AWS may change them.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html
_AWS_OWNED_PATHS = ("/aws-service-role/", "/aws-reserved/")


def guard(changes: Sequence[Change], where: GuardContext) -> GuardResult:
    """Drop what rules forbid or AWS would refuse, with the reason; make room where that helps."""
    result = GuardResult(tuple(changes))
    for check in _GUARDS:
        checked = check(result.changes, where)
        result = GuardResult(checked.changes, (*result.findings, *checked.findings))
    return result


def _principals(changes: tuple[Change, ...], where: GuardContext) -> GuardResult:
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
    return GuardResult(drop_with_dependents(changes, refused), tuple(told.values()))


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


def obstacles(changes: tuple[Change, ...], where: GuardContext) -> GuardResult:
    """What each kind knows AWS would refuse."""
    kinds = {kind.name: kind for kind in KINDS}
    found = {
        change.id: finding
        for change in changes
        if (finding := kinds[change.id.kind].obstacle(change, where.snapshot)) is not None
    }
    return GuardResult(drop_with_dependents(changes, found), tuple(found.values()))


def _policy_count(changes: tuple[Change, ...], where: GuardContext) -> GuardResult:
    """More customer managed policies than the account may have."""
    account, snapshot = where.account, where.snapshot
    new = [c for c in changes if c.id.kind == managed_policy.NAME and c.action is ChangeType.CREATE]
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
    return GuardResult(
        drop_with_dependents(changes, (change.id for change in surplus)), tuple(findings)
    )


def _attachments(changes: tuple[Change, ...], where: GuardContext) -> GuardResult:
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
    moved = tuple(moved_to_reclaim(c) if c.id in first else c for c in changes)
    return GuardResult(drop_with_dependents(moved, refused), tuple(refused.values()))


def _is_attached(change: Change, state: PrincipalState) -> bool:
    return change.subject.attributes["arn"] in state.attached


def _tags(changes: tuple[Change, ...], where: GuardContext) -> GuardResult:
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
    return GuardResult(drop_with_dependents(changes, refused), tuple(refused.values()))


def _by_principal(changes: Iterable[Change], kind: str) -> Iterable[tuple[Principal, list[Change]]]:
    grouped: dict[Principal, list[Change]] = {}
    for change in changes:
        if change.id.kind == kind and change.principal is not None:
            grouped.setdefault(change.principal, []).append(change)
    return sorted(grouped.items())


_GUARDS: tuple[Guard, ...] = (
    _principals,
    protected,
    boundary,
    obstacles,
    _policy_count,
    _attachments,
    _tags,
)
