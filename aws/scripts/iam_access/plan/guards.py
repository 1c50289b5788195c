"""What would go wrong, found while planning: guards drop changes or refuse the whole plan."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from iam_access.config.rules.rulebook import RequiredBoundary, Rulebook
from iam_access.kinds import KINDS, given_access, is_temporary, kind_of, names
from iam_access.kinds.base import finding_about
from iam_access.kinds.fields import exactly
from iam_access.kinds.kind import GivenAccess
from iam_access.kinds.operations import principals_in
from iam_access.kinds.quotas import Quota, QuotaUsage, Shortage, Use
from iam_access.model import (
    Account,
    ApiCall,
    Change,
    ChangeType,
    Finding,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.phrases import listed, nearest
from iam_access.place import Path
from iam_access.plan.circles import stuck
from iam_access.plan.deployer import deployer_of
from iam_access.plan.diff import drop_with_dependents, moved_to_reclaim
from iam_access.policy.arn import AWS_ROLE_PATHS
from iam_access.policy.evaluation.outsiders import let_in
from iam_access.policy.widening import widens
from iam_access.snapshot import Document, Snapshot


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


def protected(changes: tuple[Change, ...], where: GuardContext) -> GuardResult:
    """Anything on a protected principal, and any role for one. What is there of ours stays."""
    if not where.rules.protects_principals:
        return GuardResult(changes)
    refused: list[ResourceId] = []
    told: dict[tuple[Principal, frozenset[str], bool], Finding] = {}
    for change in changes:
        for principal in _touched(change, where.snapshot):
            rule = where.rules.protecting_rule(principal)
            if rule is None:
                continue
            refused.append(change.id)
            key = (principal, change.teams, _is_leaving(change, principal))
            if key not in told:
                told[key] = _protected(change, principal, rule, where)
    return GuardResult(drop_with_dependents(changes, refused), tuple(told.values()))


def _is_leaving(change: Change, principal: Principal) -> bool:
    """Whether a change only takes something away from a principal."""
    before, after = given_access(change.before), given_access(change.after)
    has_left = principal in before.recipients and principal not in after.recipients
    return change.action is ChangeType.DELETE or has_left


def _touched(change: Change, snapshot: Snapshot) -> Iterator[Principal]:
    """The principals that a change does anything to, or grants anything to."""
    given = given_access(change.subject)
    named = _named_by(change.calls)
    # A holder that is made for temporary access has a name of ours; any other may be protected.
    if given.makes_holder and is_temporary(change.subject):
        named.discard(given.holder)
    # Deleting a role that is ours leaves those it was made for as they are.
    is_left = given.makes_holder and change.action is ChangeType.DELETE
    granted = () if is_left else (*given.recipients, *_members(given, snapshot))
    let_in = _newly_let_in(change, snapshot)
    yield from dict.fromkeys((*granted, *let_in, *sorted(named)))


def _newly_let_in(change: Change, snapshot: Snapshot) -> tuple[Principal, ...]:
    """The users and roles of the account that a resource's policy lets in by name after a change.

    Not those whom it let in before.
    """
    had, has = (_let_in(each, snapshot) for each in (change.before, change.after))
    return tuple(each for each in has if each not in had)


def _own_policies(resource: Resource | None) -> Mapping[str, Document]:
    """The policies and grants of a resource of its own, by a name for each."""
    return {
        f"{arn} {name}": document
        for arn, policy in given_access(resource).resource_policies.items()
        for name, document in {"": policy.document, **policy.grants}.items()
        if document is not None
    }


def _let_in(resource: Resource | None, snapshot: Snapshot) -> tuple[Principal, ...]:
    documents = _own_policies(resource).values()
    named = dict.fromkeys(name for each in documents for name in let_in(each))
    there = {state.arn: principal for principal, state in snapshot.principals.items()}
    return tuple(there[name] for name in named if name in there)


def _members(given: GivenAccess, snapshot: Snapshot) -> Iterator[Principal]:
    """Who is in the group that a resource is, or in groups that gain by it."""
    groups = [each for each in given.recipients if each.type is PrincipalType.GROUP]
    for group in (given.group, *groups):
        yield from snapshot.members(group) if group is not None else ()


def _protected(change: Change, principal: Principal, rule: Path, where: GuardContext) -> Finding:
    source = where.rules.cite(*rule)
    on = f"{principal} in account {where.account.id} ({where.account.label})"
    if _is_leaving(change, principal):
        return finding_about(
            change.subject,
            where.snapshot,
            "protected-principal",
            f"{change.name} stays on {on}, which is protected",
            f"remove it by hand if it is not needed ({source})",
            severity=Severity.NOTE,
        )
    return finding_about(
        change.subject,
        where.snapshot,
        "protected-principal",
        f"{on} is protected: nothing is granted to it, and nothing on it is changed",
        f"grant to another user or role ({source})",
    )


def boundary(changes: tuple[Change, ...], where: GuardContext) -> GuardResult:
    """More access for principals without the permissions boundary that is asked for."""
    wanted = where.rules.boundary
    if wanted is None:
        return GuardResult(changes)
    refused: list[ResourceId] = []
    told: dict[tuple[Principal, frozenset[str]], Finding] = {}
    leaving = {
        (principal, what)
        for change in changes
        if change.after is None
        for given in [given_access(change.before)]
        for principal in given.recipients
        for what in (given.holder, *given.attached)
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
    change: Change, leaving: Set[tuple[Principal, Principal | str | None]], snapshot: Snapshot
) -> Iterator[Principal]:
    """Who may do more by a change: whom it is for, or who holds the policy that it changes.

    Not those who are `leaving` the policy (by its ARN) or the group: it allows more only once they
    are gone.
    """
    if change.after is None:
        return
    given = given_access(change.after)
    if given.resource_policies:
        widened = _widens(_own_policies(change.before), _own_policies(change.after))
        yield from _let_in(change.after, snapshot) if widened else _newly_let_in(change, snapshot)
    if not _gives_more(change.before, change.after):
        return
    yield from (each for each in given.recipients if each.type is not PrincipalType.GROUP)
    yield from (each for each in _members(given, snapshot) if (each, given.group) not in leaving)
    for arn in given.published if change.before is not None else ():
        for holder in snapshot.attached_to(arn):
            for member in snapshot.members(holder):
                if (holder, arn) not in leaving and (member, arn) not in leaving:
                    yield member


def _gives_more(before: Resource | None, after: Resource) -> bool:
    """Whether something gives what it did not give; else it puts right what is there, or takes.

    Renewed policies are new ones, a renewed role is the one there was.
    """
    if before is None:
        return True
    if before.expires is not None and after.expires is not None and before.expires < after.expires:
        return True
    had, has = given_access(before), given_access(after)
    if not has.attached <= had.attached or not set(has.recipients) <= set(had.recipients):
        return True
    if not (has.inline or has.attached or has.published):
        # What it gives is nothing that can be compared.
        return before.attributes != after.attributes
    return _widens(had.inline, has.inline) or _widens(had.published, has.published)


def _widens(had: Mapping[str, Document], has: Mapping[str, Document]) -> bool:
    """Whether documents, by name, allow what those before did not."""
    return any(name not in had or widens(had[name], document) for name, document in has.items())


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
        f"({where.rules.cite('permissions_boundary')})",
    )


def guard(changes: Sequence[Change], where: GuardContext) -> GuardResult:
    """Drop what rules forbid or AWS would refuse, with the reason; make room where that helps."""
    result = GuardResult(tuple(changes))
    for check in _GUARDS:
        checked = check(result.changes, where)
        result = GuardResult(checked.changes, (*result.findings, *checked.findings))
    return result


def _principals(changes: tuple[Change, ...], where: GuardContext) -> GuardResult:
    """Drop changes for principals that do not exist, or that must not be changed."""
    refused: dict[ResourceId, Finding] = {}
    told: dict[tuple[Principal, frozenset[str]], Finding] = {}
    usable: set[Principal] = set()
    for change in changes:
        for principal in _gained_by_or_changed(change, where.snapshot):
            if principal in usable:
                continue
            key = (principal, change.teams)
            finding = told.get(key) or _unusable(change, principal, where.account, where.snapshot)
            if finding is not None:
                told[key] = finding
                refused[change.id] = finding
            else:
                usable.add(principal)
    return GuardResult(drop_with_dependents(changes, refused), tuple(told.values()))


def _gained_by_or_changed(change: Change, snapshot: Snapshot) -> Iterable[Principal]:
    """Who gains by a resource, and the principals of this account that its calls are made on."""
    given = given_access(change.subject)
    here = (call for call in change.calls if call.account == snapshot.account_id)
    named = _named_by(() if given.makes_holder else here)
    members = _members(given, snapshot) if change.after is not None else ()
    return dict.fromkeys((*given.recipients, *members, *sorted(named)))


def _named_by(calls: Iterable[ApiCall]) -> set[Principal]:
    """The users, roles and groups that calls of IAM name."""
    iam = (call for call in calls if call.service == "iam")
    return {principal for call in iam for principal in principals_in(call.params)}


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
    if state.path.startswith(AWS_ROLE_PATHS):
        return finding_about(
            change.subject,
            snapshot,
            "aws-owned-role",
            f"role {principal.name} in {where} belongs to AWS and cannot be changed",
            "grant to another role; permission sets are changed in IAM Identity Center",
        )
    for reason in (reason for kind in KINDS if (reason := kind.reserved(state)) is not None):
        message = f"{principal.label} in {where} {reason.message}"
        return finding_about(change.subject, snapshot, reason.code, message, reason.hint)
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
                f"there is {other}: write {exactly(other)} to name it exactly, or set in "
                "user_names of settings.yaml how users are named. Otherwise "
            )
        return f"{guess}create it: aws iam create-user --user-name {principal.name}"
    return f"{guess}have the {principal.type} created by its owner, or remove the entry"


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
    """What each kind knows AWS would refuse, and what cannot be put in an order."""
    found = {
        change.id: finding
        for change in changes
        if (finding := kind_of(change.id).obstacle(change, where.snapshot)) is not None
    }
    possible = drop_with_dependents(changes, found)
    never = stuck(possible)
    ids = {change.id for change in never}
    return GuardResult(
        tuple(change for change in possible if change.id not in ids),
        (*found.values(), *_in_no_order(never, where.snapshot)),
    )


def _in_no_order(never: Sequence[Change], snapshot: Snapshot) -> Iterator[Finding]:
    """Says of each team's changes that no order of them is safe."""
    by_team: dict[str | None, list[Change]] = {}
    for change in never:
        by_team.setdefault(min(change.teams, default=None), []).append(change)
    for changes in by_team.values():
        named = listed(dict.fromkeys(f"{each.name} ({each.id.kind})" for each in changes))
        yield finding_about(
            changes[0].subject,
            snapshot,
            "no-safe-order",
            f"{named} cannot be changed at once: in whatever order, a user or role would have "
            "more in between than before and after, since policies that allow and deny "
            "change places",
            "write it as two changes, one after the other: first what is removed, then the rest",
        )


def _quotas(changes: tuple[Change, ...], where: GuardContext) -> GuardResult:
    """More than the quotas allow that the kinds use. Removals go first where that makes room."""
    result = GuardResult(changes)
    uses = _uses_by_quota(changes, where.snapshot)
    for quota in dict.fromkeys(quota for kind in KINDS for quota in kind.quotas):
        checked = _within(quota, result.changes, uses.get(quota, {}), where)
        result = GuardResult(checked.changes, (*result.findings, *checked.findings))
    return result


def _uses_by_quota(
    changes: Iterable[Change], snapshot: Snapshot
) -> Mapping[Quota, Mapping[ResourceId, list[Use]]]:
    """What each change uses of each quota."""
    found: dict[Quota, dict[ResourceId, list[Use]]] = {}
    for change in changes:
        for use in kind_of(change.id).uses(change.subject, snapshot):
            found.setdefault(use.quota, {}).setdefault(change.id, []).append(use)
    return found


def _within(
    quota: Quota,
    changes: tuple[Change, ...],
    uses: Mapping[ResourceId, Sequence[Use]],
    where: GuardContext,
) -> GuardResult:
    """Drop the changes for which the quota has no room; `uses` is what each change takes of it."""
    usage = QuotaUsage(where.snapshot)
    demands: dict[Principal | None, list[_Demand]] = {}
    made = {change.id for change in changes if change.after is not None}
    for change in (each for each in changes if each.id in uses):
        for holder, demand in _demands(change, quota, uses[change.id], made, usage):
            demands.setdefault(holder, []).append(demand)
    first: set[ResourceId] = set()
    refused: dict[ResourceId, Finding] = {}
    for holder, theirs in sorted(demands.items(), key=lambda each: str(each[0])):
        limit, used = usage.limit(quota, holder), sum(usage.items(quota, holder).values())
        added = sum(each.amount for each in theirs if each.amount > 0)
        removed = -sum(each.amount for each in theirs if each.amount < 0)
        if used + added <= limit:
            continue
        # All of them: the parts of one grant go in an order of their own.
        first |= {each.change.id for each in theirs if each.amount < 0}
        taken = 0
        for change, amount in theirs:
            if amount > 0 and used + taken + amount - removed > limit:
                name, account = change.name, where.account.id
                short = Shortage(name, holder, account, limit, used, taken, added, removed)
                problem = quota.refusal(short)
                refused[change.id] = finding_about(
                    change.subject, where.snapshot, problem.code, problem.message, problem.hint
                )
            elif amount > 0:
                taken += amount
    moved = tuple(moved_to_reclaim(c) if c.id in first else c for c in changes)
    return GuardResult(drop_with_dependents(moved, refused), tuple(refused.values()))


class _Demand(NamedTuple):
    """How much more of a quota a change takes; less than 0: how much room its removal makes."""

    change: Change
    amount: int


def _demands(
    change: Change,
    quota: Quota,
    used: Iterable[Use],
    made: Set[ResourceId],
    usage: QuotaUsage,
) -> Iterator[tuple[Principal | None, _Demand]]:
    """What a change takes of a quota, by the principal whose quota it is.

    What waits for one of the changes `made`, such as a renewal, cannot make room for it.
    """
    uses: defaultdict[Principal | None, list[Use]] = defaultdict(list)
    for use in used:
        uses[use.holder].append(use)
    for holder, theirs in uses.items():
        there = usage.items(quota, holder)
        if change.after is not None:
            amount = sum(max(use.amount - there.get(use.item, 0), 0) for use in theirs)
        elif quota.makes_room and not change.waits_for & made:
            amount = -sum(there.get(use.item, 0) for use in theirs)
        else:
            amount = 0
        if amount:
            yield holder, _Demand(change, amount)


_GUARDS: tuple[Guard, ...] = (
    _principals,
    protected,
    boundary,
    obstacles,
    _quotas,
)
