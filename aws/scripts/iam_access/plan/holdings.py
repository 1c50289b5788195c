"""What users and roles hold in an account: ours with its entry and its end, and that of others."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from iam_access import phrases
from iam_access.config.written import WrittenGrant
from iam_access.kinds import given_access, is_temporary, kind_named
from iam_access.kinds.names import first_part, label
from iam_access.model import Location, Principal, PrincipalType, Resource
from iam_access.plan.diff import ResourcesById, is_dead
from iam_access.plan.foreign import ForeignAccess
from iam_access.plan.named_access import Described, letting_in, place_of
from iam_access.snapshot import Snapshot

# How many names of one principal a holding has.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Holding:
    """One thing that a user or role holds.

    `what` says in words what holds it. `teams` are those that give it; none: others than the
    pipeline do. `grants` are the teams' policies that it stands for, as far as that is known.
    `starts` and `expires` (UTC) are the window of a `temporary` one; `expires` is None where it has
    lost its end. `entries` are the places in the files that ask for it; none: no file does.
    """

    principal: Principal
    what: str
    teams: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    temporary: bool = False
    starts: datetime | None = None
    expires: datetime | None = None
    entries: tuple[Location, ...] = ()

    @property
    def is_ours(self) -> bool:
        return bool(self.teams)


@dataclass(frozen=True, slots=True)
class PermanentEntries:
    """What the files grant permanently in an account, by `Principal.in_iam`."""

    _by_principal: Mapping[object, Sequence[WrittenGrant]]

    @classmethod
    def of(cls, written: Iterable[WrittenGrant]) -> "PermanentEntries":
        found: dict[object, list[WrittenGrant]] = {}
        for each in written:
            if not each.temporary:
                found.setdefault(each.principal.in_iam, []).append(each)
        return cls(found)

    def asking_for(
        self, resource: Resource, principals: Iterable[Principal]
    ) -> Sequence[WrittenGrant]:
        """The entries that ask for a permanent resource, to give something to these principals.

        Of one that attaches no policies and does not say which grant it is, all that its teams
        grant to them: one of those asks for it. Of a membership, those that ask for it. Of what a
        file describes whole, and of a membership in it, its entry.
        """
        given = given_access(resource)
        attached = frozenset(map(first_part, given.attached))

        def asks(each: WrittenGrant) -> bool:
            if each.joins is not None:
                is_of_team = each.team in resource.teams
                return is_of_team and given.holder == Principal(
                    PrincipalType.GROUP, each.joins.group
                )
            if attached:
                return not attached.isdisjoint(each.arns)
            return each.team in resource.teams and resource.grant in (None, label(each.grant))

        granted = (self._by_principal.get(each.in_iam, ()) for each in principals)
        found = [each for grants in granted for each in grants if asks(each)]
        holder = given.holder.in_iam if given.holder is not None else None
        described = [each for each in found if each.makes and each.makes.in_iam == holder]
        return described or [each for each in found if each.joins is not None] or found


def holdings(
    principal: Principal,
    snapshot: Snapshot,
    observed: ResourcesById,
    written: Sequence[WrittenGrant],
    now: datetime,
) -> tuple[Holding, ...]:
    """What a user or role holds at `now` (UTC): of ours, then of others.

    `observed` is all that is ours in the account, `written` what the files grant there.
    """
    state = snapshot.principals.get(snapshot.spelled(principal))
    others = ForeignAccess(snapshot, observed).of(state) if state else ()
    return (
        *held_of_ours(principal, observed, written, now),
        *_of_itself(principal, observed, written, now),
        *(Holding(principal, each.label) for each in others),
    )


def let_in_by(
    principal: Principal,
    is_meant: Callable[[str], bool],
    snapshot: Snapshot,
    observed: ResourcesById,
    described: Described,
) -> Iterator[Holding]:
    """What of ours lets in a user or role by a meant name.

    With roles of others that let in one of another account.
    """
    for each in letting_in(observed.values(), snapshot, described, is_meant):
        named = phrases.some(list(each.names), _NAMED)
        what = f"{each.what}, which {each.does.format(named)}"
        entries = (each.entry,) if each.entry is not None else ()
        teams = () if each.of_others else tuple(sorted(each.resource.teams))
        yield Holding(principal, what, teams, entries=entries)
    for name, roles in ForeignAccess(snapshot, observed).assumed_from_elsewhere(is_meant):
        yield from (Holding(principal, f"{each.label} as {name}") for each in roles)


def switched_to_by(
    principal: Principal,
    is_meant: Callable[[str], bool],
    resources: Iterable[Resource],
    described: Described,
) -> Iterator[Holding]:
    """The roles that resources of an account let a user of another one, by a meant ARN, become."""
    for each in resources:
        switching = given_access(each).switching
        for user in filter(is_meant, switching.users if switching is not None else ()):
            assert switching is not None, "it has users"
            what = switching.role.label
            entry = place_of(what, each, described)
            words = f"{what}, into which {user} may switch"
            entries = (entry,) if entry is not None else ()
            yield Holding(principal, words, tuple(sorted(each.teams)), entries=entries)


def _of_itself(
    principal: Principal,
    resources: ResourcesById,
    written: Sequence[WrittenGrant],
    now: datetime,
) -> Iterator[Holding]:
    """What a role that is ours itself holds: what its file gives it, or a temporary grant."""
    mine = [
        each
        for each in resources.values()
        if _gives_itself(principal, each) and not is_dead(each, now)
    ]
    yield from _temporary(principal, filter(is_temporary, mine), ())
    permanent = PermanentEntries.of(written)
    for each in mine:
        if not is_temporary(each):
            held = _permanent(principal, each, permanent.asking_for(each, (principal,)))
            # A role has each of its grants, and not one of them.
            yield from [replace(held, grants=(one,)) for one in held.grants] or [held]


def _gives_itself(principal: Principal, resource: Resource) -> bool:
    """Whether a resource is this role, and has policies."""
    given = given_access(resource)
    is_it = given.holder is not None and given.holder.in_iam == principal.in_iam
    return is_it and given.is_assumed and bool(given.inline or given.attached)


def held_of_ours(
    principal: Principal,
    resources: ResourcesById,
    written: Sequence[WrittenGrant],
    now: datetime,
) -> Iterator[Holding]:
    """What of these resources of ours a user or role holds at `now` (UTC), temporary ones first."""
    mine = [
        each
        for each in sorted(resources.values(), key=lambda each: (each.name, each.id))
        if _is_recipient(principal, each) and not is_dead(each, now)
    ]
    asked = [each for each in written if each.principal.in_iam == principal.in_iam]
    yield from _temporary(principal, filter(is_temporary, mine), asked)
    permanent = PermanentEntries.of(asked)
    for each in mine:
        if not is_temporary(each):
            yield _permanent(principal, each, permanent.asking_for(each, (principal,)))


def _is_recipient(principal: Principal, resource: Resource) -> bool:
    return any(each.in_iam == principal.in_iam for each in given_access(resource).recipients)


def _temporary(
    principal: Principal, resources: Iterable[Resource], asked: Sequence[WrittenGrant]
) -> Iterator[Holding]:
    """One for all the resources that write a grant together."""
    found: dict[object, list[Resource]] = {}
    for each in resources:
        found.setdefault((each.teams, each.grant, each.expires), []).append(each)
    for pieces in found.values():
        first = pieces[0]
        entries = [
            each
            for each in asked
            if each.temporary and each.team in first.teams and label(each.grant) == first.grant
        ]
        # A renewal and what it renews have entries of their own.
        exact = [each for each in entries if each.until == first.expires]
        kinds = sorted(Counter(each.id.kind for each in pieces).items())
        yield Holding(
            principal,
            " and ".join(kind_named(kind).in_words(count) for kind, count in kinds),
            tuple(sorted(first.teams)),
            _grants(exact or entries) or ((first.grant,) if first.grant else ()),
            temporary=True,
            starts=max((each.starts for each in pieces if each.starts), default=None),
            expires=first.expires,
            entries=_places(exact or entries),
        )


def _permanent(
    principal: Principal, resource: Resource, entries: Sequence[WrittenGrant]
) -> Holding:
    return Holding(
        principal,
        f"{resource.id.kind} {resource.name}",
        tuple(sorted(resource.teams)),
        _grants(entries),
        entries=_places(entries),
    )


def _grants(entries: Iterable[WrittenGrant]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.grant for each in entries))


def _places(entries: Iterable[WrittenGrant]) -> tuple[Location, ...]:
    return tuple(dict.fromkeys(each.location for each in entries))
