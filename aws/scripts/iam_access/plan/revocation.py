"""The emergency brake: ends access at once, judged by what is in the account."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import Final

from iam_access.config.configuration import Configuration
from iam_access.config.written import NOTHING_WRITTEN, WrittenGrant, WrittenInAccount
from iam_access.kinds import given_access, is_temporary, kind_of, names, unread
from iam_access.kinds.names import label
from iam_access.model import (
    Account,
    Change,
    Finding,
    Location,
    Plan,
    Principal,
    PrincipalType,
    Report,
    Resource,
    Severity,
)
from iam_access.phrases import instant, some
from iam_access.plan.diff import (
    ResourcesById,
    is_dead,
    observed_state,
    removals,
    state_after,
    with_dependencies,
)
from iam_access.plan.foreign import Foreign, ForeignAccess
from iam_access.plan.guards import GuardContext, obstacles
from iam_access.plan.holdings import Holding, PermanentEntries, held_of_ours
from iam_access.plan.named_access import (
    Described,
    NamedAccess,
    in_words,
    is_name_of,
    letting_in,
    place_of,
)
from iam_access.plan.temporary import temporary_grants
from iam_access.policy import document as documents
from iam_access.policy.evaluation.service_exceptions import ASSUME_ROLE
from iam_access.snapshot import Document, PrincipalState, Snapshot


@dataclass(frozen=True, slots=True)
class Target:
    """Whose access, and which, is to end. What is None does not matter.

    Temporary access ends, and what is held permanently as well if the target is `permanent`.
    `other` is a second user who may be meant by the address that named the principal: an
    emergency brake ends the access of both.
    """

    principal: Principal | None = None
    grant: str | None = None
    team: str | None = None
    other: Principal | None = None
    permanent: bool = False

    @property
    def access(self) -> str:
        """What ends, for people."""
        return "access" if self.permanent else "temporary access"

    def __str__(self) -> str:
        parts = [
            f"of {self.principal}" if self.principal else "",
            f"or {self.other}" if self.other else "",
            f"to {self.grant}" if self.grant else "",
            f"of team {self.team}" if self.team else "",
        ]
        return " ".join(part for part in parts if part)

    def names(self, principal: Principal | None) -> bool:
        """Whether this is one of those whose access is to end; IAM ignores case in names."""
        meant = (each.in_iam for each in self.whom)
        return principal is not None and principal.in_iam in meant

    def is_named(self, name: str) -> bool:
        """Whether a policy that has this name lets in one of those whose access is to end."""
        return any(is_name_of(name, each) for each in self.whom)

    @property
    def whom(self) -> tuple[Principal, ...]:
        """The principals that are named."""
        return tuple(each for each in (self.principal, self.other) if each is not None)

    def matches(self, principal: Principal | None, grant: str | None, team: str) -> bool:
        """Whether this access is meant.

        `grant` is a policy key as names have it (`label`); None, if it is not known, may be any.
        """
        return (
            (self.principal is None or self.names(principal))
            and (self.grant is None or grant in (None, label(self.grant)))
            and (self.team is None or team == self.team)
        )


KEPT: Final = "keeps-permanent-access"
KEPT_FOR_A_TIME: Final = "keeps-temporary-access"
OTHERS: Final = "access-of-others"
# How many holders of a policy a message names.
_NAMED = 5


def what_stays(
    account: Account,
    snapshot: Snapshot,
    observed: ResourcesById,
    left: ResourcesById,
    target: Target,
    files: WrittenInAccount,
    now: datetime,
) -> Iterator[Finding]:
    """What of ours stays, an error if it was meant to go, and a note for each principal named.

    `left` is what is there of `observed` once the access has ended.
    """
    yield from _ours_that_stays(account, snapshot, left, target, files)
    foreign = ForeignAccess(snapshot, observed)
    for name, roles in foreign.assumed_from_elsewhere(target.is_named):
        yield _of_others_elsewhere(name, roles, account)
    for principal in map(snapshot.spelled, target.whom):
        for each in held_of_ours(principal, left, files.grants, now):
            if each.temporary:
                yield _kept_for_a_time(each, account)
        state = snapshot.principals.get(principal)
        if state is not None:
            yield _of_others(state, foreign, account)


def _ours_that_stays(
    account: Account,
    snapshot: Snapshot,
    left: ResourcesById,
    target: Target,
    files: WrittenInAccount,
) -> Iterator[Finding]:
    """What is held permanently of ours and was meant, also what lets one in by name."""
    entries = PermanentEntries.of(files.grants)
    for held in _meant(_permanent(left), target, entries).values():
        yield _kept(held, target, account, account.title, entries)
    for resource in left.values():
        if _is_described(resource, target, entries, left):
            yield _kept_as_described(resource, target, account, files.described)
    # What a role, bucket or key says itself is no grant of a team's policy.
    named = letting_in(left.values(), snapshot, files.described, target.is_named)
    for found in named if target.grant is None else ():
        if target.team is None or target.team in found.resource.teams:
            yield _lets_in(found, target, account)


def _permanent(resources: ResourcesById) -> Sequence[Resource]:
    """What is held permanently."""
    return [
        each
        for each in resources.values()
        if given_access(each).recipients and not is_temporary(each)
    ]


def _is_described(
    resource: Resource, target: Target, written: PermanentEntries, left: ResourcesById
) -> bool:
    """Whether it is what is meant itself: a role or group that a file describes whole.

    A group without members gives nothing.
    """
    given = given_access(resource)
    holder = given.holder
    if holder is None or not given.makes_holder or is_temporary(resource):
        return False
    if target.team is not None and target.team not in resource.teams:
        return False
    if target.whom:
        return target.names(holder)
    grants = {entry.grant for entry in written.asking_for(resource, (holder,))}
    if target.grant is not None and target.grant not in grants:
        return False
    is_group = holder.type is PrincipalType.GROUP
    return not is_group or any(
        each.id != resource.id and given_access(each).holder == holder for each in left.values()
    )


def _kept_as_described(
    resource: Resource, target: Target, account: Account, described: Described
) -> Finding:
    location = place_of(in_words(resource), resource, described)
    holder = given_access(resource).holder
    return Finding(
        code=KEPT,
        severity=_severity(target),
        message=f"{holder} in {account.title} stays, with the policies that a file gives it and "
        "whom it lets in: a revocation changes no role or group that a file describes",
        hint=_how_it_changes(location),
        location=location,
        team=min(resource.teams),
        account=account.id,
    )


def _lets_in(found: NamedAccess, target: Target, account: Account) -> Finding:
    """That a role, bucket or key goes on to let in a user or role by name."""
    named = some(list(found.names), _NAMED)
    return Finding(
        code=KEPT,
        severity=_severity(target),
        message=f"{found.what} in {account.title} still {found.does.format(named)}: a revocation "
        "changes no policy of a role, bucket or key that a file describes",
        hint=_OF_OTHERS if found.of_others else _how_it_changes(found.entry),
        location=found.entry,
        team=min(found.resource.teams),
        account=account.id,
    )


_OF_OTHERS: Final = (
    "the files do not say this, and no apply changes it: have the policy changed, or the grant "
    "revoked, by those who look after it"
)


def _severity(target: Target) -> Severity:
    """An error where what stays was to end."""
    return Severity.ERROR if target.permanent else Severity.WARNING


def _how_it_changes(place: Location | None) -> str:
    if place is None:
        return "no entry asks for it: the next apply removes it"
    return f"change what is written at {place}, and apply"


def _meant(
    permanent: Iterable[Resource], target: Target, written: PermanentEntries
) -> Mapping[object, list[Resource]]:
    """What is meant of permanent access; what attaches the same policies is together."""
    found: dict[object, list[Resource]] = {}
    for each in permanent:
        given = given_access(each)
        entries = written.asking_for(each, given.recipients)
        named = {grant for entry in entries for grant in entry.grants}
        own = {names.policy_name(team, target.grant or "") for team in each.teams}
        if target.whom and not any(map(target.names, given.recipients)):
            continue
        if target.team is not None and target.team not in each.teams:
            continue
        if target.grant is None or target.grant in named or names.first_part(each.name) in own:
            found.setdefault(given.attached or each.id, []).append(each)
    return found


def _kept(
    held: Sequence[Resource],
    target: Target,
    account: Account,
    where: str,
    written: PermanentEntries,
) -> Finding:
    first, recipients = held[0], dict[Principal, None]()
    entries: list[WrittenGrant] = []
    for each in held:
        whom = given_access(each).recipients
        recipients |= dict.fromkeys(whom)
        entries += written.asking_for(each, whom)
    grants = " or ".join(dict.fromkeys(each.grant for each in entries))
    granted = f" (granted as {grants})" if grants else ""
    named = [str(each) for each in recipients if not target.whom or target.names(each)]
    places = some(sorted({str(each.location) for each in entries}), _NAMED)
    return Finding(
        code=KEPT,
        severity=_severity(target),
        message=f"permanent access stays: {first.name}{granted} of "
        f"{some(named, _NAMED)} in {where}",
        hint=_how_it_ends(target, places),
        location=entries[0].location if entries else None,
        team=min(first.teams),
        account=account.id,
    )


def _how_it_ends(target: Target, places: str) -> str:
    """What ends permanent access that stays; `places` are those of the entries, "" for none."""
    if not places:
        return "no entry asks for it: the next apply removes it"
    change = f"change what is written at {places}, and apply"
    if target.permanent:
        return f"it could not be taken, or other teams give it as well: {change}"
    return f"this ends temporary access only: {change}; --permanent takes it at once"


def _kept_for_a_time(holding: Holding, account: Account) -> Finding:
    grants = " or ".join(holding.grants) or "what is not known"
    end = f"until {instant(holding.expires)}" if holding.expires else "without an end"
    places = some([str(each) for each in holding.entries], _NAMED)
    return Finding(
        code=KEPT_FOR_A_TIME,
        severity=Severity.WARNING,
        message=f"temporary access stays: {grants} of {holding.principal} in {account.title}, "
        f"{end}, by team {' and '.join(holding.teams)}",
        hint=f"it is written at {places}; --user or --role alone ends all that one holds"
        if places
        else "no entry asks for it; --user or --role alone ends all that one holds",
        location=holding.entries[0] if holding.entries else None,
        team=holding.teams[0],
        account=account.id,
    )


def _of_others(state: PrincipalState, foreign: ForeignAccess, account: Account) -> Finding:
    found = [each.label for each in foreign.of(state)]
    who = f"{state.principal} in {account.title}"
    return Finding(
        code=OTHERS,
        # Notes are shown by one example where there are many, warnings are all shown.
        severity=Severity.WARNING if found else Severity.NOTE,
        message=f"{who} keeps what others gave: {', '.join(found)}"
        if found
        else f"{who} has no policies and groups but those of the pipeline",
        hint="not looked at: policies of resources that no file describes, and which roles can be "
        "assumed whose trust policy does not name it",
        account=account.id,
    )


def _of_others_elsewhere(name: str, roles: Sequence[Foreign], account: Account) -> Finding:
    """What others gave here to a user or role of another account."""
    return Finding(
        code=OTHERS,
        severity=Severity.WARNING,
        message=f"{name} keeps what others gave in {account.title}: "
        + ", ".join(each.label for each in roles),
        hint="have the owner of the role take it out of the trust policy",
        account=account.id,
    )


def plan_revocation(
    account: Account,
    snapshot: Snapshot,
    target: Target,
    now: datetime,
    files: WrittenInAccount = NOTHING_WRITTEN,
) -> Plan:
    """What takes all matching access away that is not dead at `now` (UTC).

    The findings name what the principals keep: of ours, with its place in the files, and what
    others gave them.

    Policies that several principals share stay while any other one holds them. So does what AWS
    would refuse to delete, which the findings say; none of those it was granted to holds it any
    more.
    """
    observed = observed_state(snapshot)
    temporary = [
        resource
        for resource in observed.values()
        if is_temporary(resource)
        and given_access(resource).holder is not None
        and not is_dead(resource, now)
        and target.matches(_holder(resource, target), resource.grant, min(resource.teams))
    ]
    permanent = _permanent_to_end(observed, target, PermanentEntries.of(files.grants))
    meant = [*temporary, *permanent]
    # A team's own policy gives nothing to those who no longer hold it, and is not deleted.
    goes = [*meant, *_left_without_holders(temporary, observed.values())]
    ends = [
        replace(each, reasons=("revoked before its end",))
        if each.id not in {resource.id for resource in permanent}
        else replace(each, reasons=("revoked",))
        for each in removals(goes, snapshot, now)
    ]
    possible = obstacles(
        with_dependencies(ends, observed, snapshot, now), GuardContext(account, snapshot)
    )
    left = state_after(observed, possible.changes)
    return Plan(
        account=account,
        changes=possible.changes,
        findings=(
            *possible.findings,
            *_of_others_too(meant, target, account),
            *_open_sessions(possible.changes, snapshot, account),
            *what_stays(account, snapshot, observed, left, target, files, now),
            *_unread(account, snapshot, target),
        ),
        owned=len(observed),
        temporary=temporary_grants(left.values(), possible.changes, now),
    )


def _unread(account: Account, snapshot: Snapshot, target: Target) -> Iterator[Finding]:
    """What could not be read, and may let in those who are meant."""
    for each in unread(snapshot) if target.whom else ():
        yield each.finding(account.id, _severity(target))


def _permanent_to_end(
    observed: ResourcesById, target: Target, written: PermanentEntries
) -> Sequence[Resource]:
    """The permanent access that is meant, but what other teams than the one meant give as well."""
    if not target.permanent:
        return ()
    return [
        each
        for held in _meant(_permanent(observed), target, written).values()
        for each in held
        if target.team is None or each.teams == {target.team}
    ]


def _open_sessions(
    changes: Iterable[Change], snapshot: Snapshot, account: Account
) -> Iterator[Finding]:
    """A warning for those who may assume a role no more and may have opened sessions of it."""
    roles: dict[Principal, dict[str, None]] = {}
    for change in changes:
        given = given_access(change.before)
        managed = (snapshot.policies.get(arn) for arn in sorted(given.attached))
        written = [*given.inline.values(), *(each.document for each in managed if each)]
        for recipient in given.recipients if change.after is None else ():
            for document in written:
                roles.setdefault(recipient, {}).update(dict.fromkeys(_assumed(document)))
    for recipient, arns in roles.items():
        if arns:
            yield Finding(
                code="sessions-go-on",
                severity=Severity.WARNING,
                message=f"{recipient} in {account.title} can assume "
                f"{some(list(arns), _NAMED)} no more, but sessions opened before go on until they "
                "end",
                hint="to end them too, have an administrator of the role's account revoke the "
                "active sessions of the role, which ends those of all who use it",
                account=account.id,
            )


def _assumed(document: Document) -> Iterator[str]:
    """The roles that a policy names in statements about assuming them alone."""
    for statement in documents.statements_of(document):
        actions = [str(each).lower() for each in documents.as_list(statement.get("Action", []))]
        if statement.get("Effect") == "Allow" and actions == [ASSUME_ROLE.lower()]:
            yield from map(str, documents.as_list(statement.get("Resource", [])))


def _of_others_too(
    meant: Iterable[Resource], target: Target, account: Account
) -> Iterator[Finding]:
    """A warning for each resource that ends for principals that are not named as well."""
    for each in meant if target.whom else ():
        others = [str(p) for p in given_access(each).recipients if not target.names(p)]
        if others:
            yield Finding(
                code="ends-for-others",
                severity=Severity.WARNING,
                message=f"{each.id.kind} {each.name} in {account.title} ends for "
                f"{some(others, _NAMED)} as well",
                hint="the next apply gives it back to those whom the files still name",
                team=min(each.teams),
                account=account.id,
            )


def _holder(resource: Resource, target: Target) -> Principal | None:
    """Whose access it is. Sessions outlive the user who opened them, so a deleted one's counts."""
    recipients = given_access(resource).recipients
    if recipients:
        return next(filter(target.names, recipients), recipients[0])
    kind = kind_of(resource.id)
    return next((each for each in target.whom if kind.may_be_for(resource, each)), None)


def _left_without_holders(
    meant: Iterable[Resource], observed: Iterable[Resource]
) -> Iterable[Resource]:
    gone = {resource.id for resource in meant}
    everything = tuple(observed)
    freed = {need for resource in everything if resource.id in gone for need in resource.needs}
    held = {need for resource in everything if resource.id not in gone for need in resource.needs}
    return [
        resource
        for resource in everything
        if given_access(resource).holder is None and resource.id in freed - held
    ]


def joined_elsewhere(
    configuration: Configuration, target: Target, looked_at: Set[str]
) -> Iterator[Finding]:
    """Those meant who go on to become roles of accounts that were `looked_at` (their ids).

    The files make them members of groups of accounts that were not.
    """
    user_names = configuration.settings.user_names
    titles = {id_: account.title for id_, account in configuration.known_accounts.items()}
    for team in configuration.teams.values() if target.whom else ():
        for entry in team.access:
            joins = entry.joins
            hub = team.account_ids.get(entry.environments[0]) if joins is not None else None
            at = team.account_ids.get(joins.environment) if joins is not None else None
            if joins is None or at is None or hub is None:
                continue
            if at not in looked_at or hub in looked_at:
                continue
            named = [*map(user_names.user, entry.users), *map(user_names.other, entry.users)]
            grants = [label(each) for each in (joins.group, *joins.grants)]
            if any(
                target.matches(user, grant, team.name)
                for user, grant in product(filter(None, named), grants)
            ):
                yield Finding(
                    code=KEPT,
                    severity=_severity(target),
                    message=f"{' or '.join(map(str, target.whom))} can go on to switch into "
                    f"{joins.role.label} in {titles.get(at, at)}, by group {joins.group} in "
                    f"{titles.get(hub, hub)}, which was not looked at",
                    hint=f"name the environment {entry.environments[0]}, or none"
                    if hub in titles
                    else "have an administrator look there, since no file lists that account",
                    location=entry.place.location,
                    team=team.name,
                    account=at,
                )


def nothing_matches(
    report: Report, target: Target, named: Iterable[Finding] = ()
) -> Iterable[Finding]:
    """The refusal to guess, when no account has anything that was meant.

    `named` is what was found to stay, beside what the report has.
    """
    plans = [account.plan for account in report.accounts]
    codes = {finding.code for plan in plans if plan is not None for finding in plan.findings}
    if any(plan is None or plan.changes for plan in plans):
        return
    where = f"{len(plans)} accounts" if len(plans) != 1 else "the account"
    yield Finding(
        code="nothing-matches",
        severity=Severity.ERROR,
        message=f"no {target.access} {target} that can be revoked is alive in {where}; nothing was "
        "done"
        if plans
        else f"no account was looked at, so no {target.access} {target} was ended",
        hint=_what_else(codes | {finding.code for finding in named})
        if plans
        else "the files have to list the accounts: fix them, then run this again",
    )


def _what_else(codes: Set[str]) -> str:
    """Why there may be nothing to revoke: a name that some account knows is not misspelt."""
    if KEPT in codes:
        return "what is held permanently is named, with where it is written: it ends when that goes"
    if OTHERS in codes:
        return (
            "they are there, and hold nothing of ours that is meant; what others gave them is named"
        )
    return "check the spelling; apply.py --all --dry-run lists all temporary access"
