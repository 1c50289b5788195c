"""What a plan means, in words that all outputs share. All text in it may be untrusted."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from iam_access import phrases
from iam_access.model import (
    Account,
    Meaning,
    PermissionDelta,
    Principal,
    PrincipalType,
    Report,
)
from iam_access.policy.evaluation.outsiders import EVERYONE, SERVICE

_NOTHING = "No user or role gains or loses anything."
_ELSEWHERE = "Elsewhere no user or role gains or loses anything."
_BY_THE_REST = "By what is not held back no user or role gains or loses anything."
HELD = "What is held back would mean, if it were allowed"
DENIES, FREES = "denies", "no longer denies"
#: The word, by verb, before what is the same before and after.
COMMON = {"gains": "so far only", "gain": "so far only", "loses": "still", DENIES: "", FREES: ""}
# Before what is denied, and no longer denied, to a principal of whom not all access is known.
_NOT_KNOWN = "existing access not known here, of which the plan"
# How many resources and actions a line names, and how many resources and exceptions the details.
_NAMED = 3
_ACTIONS = 8
# How many ways to escalate a line names.
_WAYS = 6
_CLAUSES = 10
#: Of AWS's access levels those with which something can be changed, the most dangerous first.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_understand-policy-summary-access-level-summaries.html
CHANGING = ("Permissions management", "Write", "Unknown")
# What a service gains by the trust policy of a role.
_ASSUMING = {"sts:AssumeRole", "sts:SetContext", "sts:SetSourceIdentity", "sts:TagSession"}
# What anyone else gains by one.
_BECOMING = {*_ASSUMING, "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"}
# The code of the escalation path that leads to everything.
_ALL_OF_IAM = "administrator"
# The ranks of danger: first who gains from outside the account, then what may take or give access
# that is not known here, then escalation paths, then levels that can change something, then
# policies that were not read.
_OUTSIDE, _UNKNOWN, _ADMINISTRATOR, _ESCALATING, _LEVELS = range(5)
_UNREAD = _LEVELS + len(CHANGING)
#: The rank of what is not dangerous.
SAFE = _UNREAD + 1


@dataclass(frozen=True, slots=True)
class GroupedMeaning:
    """Principals of one account, at least one, for whom a plan means the same."""

    meaning: Meaning
    principals: tuple[Principal, ...]

    @property
    def danger(self) -> "Danger":
        return Danger.of(self.meaning)

    @property
    def order(self) -> tuple[int, bool, int]:
        """The worst first; among equals everyone, then who gains, or may lose, most."""
        rank, meaning = self.danger.rank, self.meaning
        counts = meaning.denied_counts if rank == _UNKNOWN else meaning.gained
        is_limited = all(each.name != EVERYONE for each in self.principals)
        return rank, is_limited, -sum(counts.get(level, 0) for level in CHANGING)


@dataclass(frozen=True, slots=True)
class AccountMeaning:
    """The principals of one account: those for whom something changes, and the others."""

    account: Account
    changed: tuple[GroupedMeaning, ...]
    unchanged: tuple[Principal, ...]

    @property
    def title(self) -> str:
        return self.account.title

    @property
    def rank(self) -> int:
        """That of the worst; see `Danger.rank`."""
        return min((each.danger.rank for each in self.changed), default=SAFE)


@dataclass(frozen=True, slots=True)
class Danger:
    """What is dangerous in what a principal gains or may lose.

    `levels` are the access levels gained with which something can be changed. `denied` and `freed`
    are what is newly denied, and no longer denied, to a principal of whom not all access is known:
    numbers of actions by access level, and on what. `outside` is the same of what a principal
    gains that is no user or role of the account.
    """

    escalations: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    unread: bool = False
    denied: tuple[str, ...] = ()
    freed: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()

    @classmethod
    def of(cls, meaning: Meaning) -> "Danger":
        """That of one principal's gains."""
        codes = tuple(dict.fromkeys(each.code for each in meaning.escalations))
        levels = tuple(level for level in CHANGING if meaning.gained.get(level))
        denied = _clauses(DENIES, meaning.denied, meaning.denied_counts)
        freed = _clauses(FREES, meaning.freed, meaning.freed_counts)
        if meaning.principal.type is PrincipalType.OUTSIDER:
            return cls(outside=() if _is_of_service(meaning) else tuple(_gained(meaning, "gain")))
        return cls(codes, levels, bool(meaning.unread), tuple(denied), tuple(freed))

    def __bool__(self) -> bool:
        return self.rank < SAFE

    def __str__(self) -> str:
        words = [f"from outside the account: {', '.join(self.outside)}"] if self.outside else []
        words += _of_unknown(self.denied, self.freed)
        words += [_ways(self.escalations)] if self.escalations else []
        words += [f"gain {', '.join(self.levels)}"] if self.levels else []
        words += ["gain what was not read"] if self.unread else []
        return "; ".join(words)

    @property
    def rank(self) -> int:
        """0 for the worst; the same for all that is not dangerous."""
        if self.outside:
            return _OUTSIDE
        if self.denied or self.freed:
            return _UNKNOWN
        if self.escalations:
            return _ADMINISTRATOR if _ALL_OF_IAM in self.escalations else _ESCALATING
        if self.levels:
            return _LEVELS + CHANGING.index(self.levels[0])
        return _UNREAD if self.unread else SAFE


def _gained(meaning: Meaning, verb: str) -> Iterator[str]:
    """What is gained, with the roles first that trust a principal from outside of their account."""
    assumed: list[PermissionDelta] = []
    if meaning.principal.type is PrincipalType.OUTSIDER:
        assumed += (each for each in meaning.gains if _BECOMING.issuperset(each.actions))
    if assumed:
        yield f"may assume {_extent(assumed).removeprefix(' on ')}{_exceptions(assumed)}"
    counts = dict(meaning.gained)
    for level in {each.level for each in assumed}:
        counts[level] -= len({name for each in assumed for name in each.actions})
    rest = [each for each in meaning.gains if each not in assumed]
    yield from _clauses(verb, rest, {level: number for level, number in counts.items() if number})


def _is_of_service(meaning: Meaning) -> bool:
    """Whether all that a principal gains is a service's use of roles that trust it."""
    names_ = {action for each in meaning.gains for action in each.actions}
    return meaning.principal.name.startswith(SERVICE) and names_ <= _ASSUMING


def _ways(codes: Sequence[str]) -> str:
    """The first of many, what leads to everything before all, so that the rest has room."""
    first = sorted(codes, key=lambda code: code != _ALL_OF_IAM)
    return f"ways to escalate: {phrases.some(first, _WAYS)}"


def accounts(report: Report) -> tuple[AccountMeaning, ...] | None:
    """The accounts in which the plan touches a principal; None if its meaning was not asked.

    They are in the order of danger, the worst first, and so are the changes in each: among equals,
    the principal that gains more of what can change something.
    """
    asked = [each for each in report.accounts if each.meanings is not None]
    if not asked:
        return None
    return _of_accounts((each.account, each.meanings or ()) for each in asked)


def held(report: Report) -> tuple[AccountMeaning, ...]:
    """The accounts in which what is held back would change something, if it were allowed."""
    found = _of_accounts((each.account, each.held_meanings) for each in report.accounts)
    return tuple(each for each in found if each.changed)


def nothing(report: Report) -> str:
    """A sentence for a plan that means nothing, as far as that is known and it is made."""
    if any(each.plan is not None and each.plan.held for each in report.accounts):
        return _BY_THE_REST
    return _ELSEWHERE if unknown(report) else _NOTHING


def _of_accounts(
    meanings: Iterable[tuple[Account, Sequence[Meaning]]],
) -> tuple[AccountMeaning, ...]:
    found = [
        AccountMeaning(
            account,
            _worst_first(_alike(one for one in each if not one.is_nothing)),
            tuple(one.principal for one in each if one.is_nothing),
        )
        for account, each in meanings
        if each
    ]
    return tuple(sorted(found, key=lambda each: (each.rank, each.account.label, each.account.id)))


def _alike(meanings: Iterable[Meaning]) -> Iterator[GroupedMeaning]:
    """Group those that differ in their names only, in the order of the first ones."""
    found: dict[object, list[Meaning]] = {}
    for each in meanings:
        counts = (tuple(each.gained.items()), tuple(each.lost.items()))
        denials = (each.is_known, each.denied, each.freed)
        outside = Danger.of(each).outside
        key = (each.gains, each.losses, *counts, each.escalations, each.unread, *denials, outside)
        found.setdefault(key, []).append(each)
    for first, *others in found.values():
        yield GroupedMeaning(first, tuple(each.principal for each in (first, *others)))


def _worst_first(found: Iterable[GroupedMeaning]) -> tuple[GroupedMeaning, ...]:
    return tuple(sorted(found, key=lambda each: each.order))


def unknown(report: Report) -> str:
    """A sentence about accounts of which the meaning is not known, empty if there are none."""
    missing = sorted(each.account.title for each in report.accounts if each.meanings is None)
    return f"What it means is not known in {phrases.some(missing, _NAMED)}." if missing else ""


def names(principals: Sequence[Principal], most: int) -> str:
    """`user alice, role batch and 3 more`: at most `most` of them by name."""
    return phrases.some([each.label for each in principals], most)


def summary(meaning: Meaning) -> str:
    """One line: how much is gained and lost, what narrows it, and what it may lead to."""
    danger = Danger.of(meaning)
    clauses = list(_of_unknown(danger.denied, danger.freed))
    if meaning.gains:
        clauses += _gained(meaning, "gains")
    elif not (meaning.is_nothing or meaning.freed):
        clauses.append("no new access")
    if meaning.losses:
        clauses += _clauses("loses", meaning.losses, meaning.lost)
    if meaning.escalations:
        clauses.append(f"ways to escalate: {', '.join(danger.escalations)}")
    if meaning.unread:
        clauses.append(f"and what {phrases.some(meaning.unread, _NAMED)} says, which was not read")
    return "; ".join(clauses) or "no new access"


def losses(meaning: Meaning) -> str:
    """One line: how much is lost, or that nothing is."""
    clauses = [*_clauses("loses", meaning.losses, meaning.lost)]
    clauses += _of_unknown(Danger.of(meaning).denied, ())
    return "; ".join(clauses) or "loses nothing: they hold the same otherwise"


def actions(difference: PermissionDelta) -> str:
    """`3 Write: s3:PutObject, …`, not all of them where they are many."""
    return f"{difference.count:,} {difference.level}: {phrases.some(difference.actions, _ACTIONS)}"


def manner(difference: PermissionDelta, common: str) -> tuple[str, ...]:
    """On what, when, how long and how: a clause for each; `common` is what those begin with."""
    words = [f"on {phrases.some([*map(_everything, difference.resources)], _CLAUSES)}"]
    words += (f"when {each}" for each in difference.conditions)
    words += (f"not when {each}" for each in difference.unless[:_CLAUSES])
    if len(difference.unless) > _CLAUSES:
        words.append(f"not when something else holds: {len(difference.unless) - _CLAUSES:,} more")
    if difference.common:
        words.append(f"{common} {_either(difference.common)}")
    if difference.starts is not None:
        words.append(f"from {_instant(difference.starts)}")
    if difference.until is not None:
        words.append(f"until {_instant(difference.until)}")
    if difference.via is not None:
        words.append(f"by assuming role {difference.via}")
    return tuple(words)


def _clauses(
    verb: str, differences: Sequence[PermissionDelta], counts: Mapping[str, int]
) -> Iterator[str]:
    """One clause for all levels that are on the same resources, in the same manner."""
    numbers: dict[str, list[str]] = {}
    members: dict[str, list[PermissionDelta]] = {}
    for level, number in counts.items():
        of_level = [each for each in differences if each.level == level]
        for count, part in _parts(of_level, number):
            extent = _extent(part)
            numbers.setdefault(extent, []).append(f"{count:,} {level}")
            members.setdefault(extent, []).extend(part)
    for extent, counted in numbers.items():
        rest = _exceptions(members[extent]) + _common(members[extent], COMMON[verb])
        yield f"{verb} {', '.join(counted)}{extent}{rest}"


def _of_unknown(denied: Sequence[str], freed: Sequence[str]) -> Iterator[str]:
    """What may be lost or gained of what is not known here."""
    if denied or freed:
        yield f"{_NOT_KNOWN} {', '.join((*denied, *freed))}"


def _parts(
    differences: Sequence[PermissionDelta], number: int
) -> Iterator[tuple[int, Sequence[PermissionDelta]]]:
    """What is on all resources apart from the rest, unless some actions are in both."""
    wide = [each for each in differences if "*" in each.resources]
    narrow = [each for each in differences if "*" not in each.resources]
    if wide and narrow and number == sum(each.count for each in differences):
        yield sum(each.count for each in wide), wide
        yield sum(each.count for each in narrow), narrow
    else:
        yield number, differences


def _extent(differences: Sequence[PermissionDelta]) -> str:
    """What narrows all of it, or that some of it is narrowed."""
    wide: set[str] = set()
    narrow: set[str] = set()
    for each in differences:
        (wide if "*" in each.resources else narrow).update(each.resources)
    words = " on all resources" if wide else ""
    if narrow:
        words += f"{', some only' if wide else ''} on {phrases.some(sorted(narrow), _NAMED)}"
    words += _shared(differences, lambda each: " and ".join(each.conditions), "when", "conditions")
    words += _shared(differences, lambda each: _instant(each.starts), "from", "a start")
    words += _shared(differences, lambda each: _instant(each.until), "until", "an end")
    words += _shared(differences, lambda each: each.via or "", "by assuming role", "another role")
    return words


def _exceptions(differences: Sequence[PermissionDelta]) -> str:
    """When it is denied nevertheless; of many such cases, that there are some."""
    if max(len(each.unless) for each in differences) > _NAMED:
        return ", some with exceptions"
    return _shared(differences, lambda each: " or ".join(each.unless), "not when", "exceptions")


def _common(differences: Sequence[PermissionDelta], word: str) -> str:
    """What is the same before and after for all of it, if a few words say it."""
    first, *others = sorted({each.common for each in differences})
    return f", {word} {_either(first)}" if first and not others and len(first) <= _NAMED else ""


def _either(texts: Sequence[str]) -> str:
    more = len(texts) - _CLAUSES
    return " or ".join([*texts[:_CLAUSES], *([f"{more:,} more"] if more > 0 else [])])


def _shared(
    differences: Iterable[PermissionDelta],
    say: Callable[[PermissionDelta], str],
    word: str,
    noun: str,
) -> str:
    found = {say(each) for each in differences}
    if found == {""}:
        return ""
    return f", {word} {found.pop()}" if len(found) == 1 else f", some with {noun}"


def _everything(resource: str) -> str:
    return "all resources" if resource == "*" else resource


def _instant(moment: datetime | None) -> str:
    return phrases.instant(moment) if moment is not None else ""


def ranks(report: Report) -> Mapping[tuple[str, Principal], int]:
    """By account id and principal, how dangerous what they gain is, 0 for the worst."""
    return {
        (each.account.id, meaning.principal): Danger.of(meaning).rank
        for each in report.accounts
        for meaning in each.meanings or ()
    }


def by_danger(
    found: Iterable[AccountMeaning],
) -> tuple[tuple[GroupedMeaning, AccountMeaning], ...]:
    """What changes in all accounts, each with its account, the worst first."""
    pairs = ((alike, account) for account in found for alike in account.changed)
    return tuple(sorted(pairs, key=lambda each: each[0].order))


def dangers(
    report: Report,
) -> tuple[tuple[tuple[Account, ...], "Danger", tuple[Principal, ...]], ...]:
    """Each danger with all who gain it and the accounts, the worst first."""
    where: dict[tuple[Danger, tuple[Principal, ...]], list[Account]] = {}
    for account in accounts(report) or ():
        who: dict[Danger, list[Principal]] = {}
        for alike in account.changed:
            if alike.danger:
                who.setdefault(alike.danger, []).extend(alike.principals)
        for danger, principals in who.items():
            where.setdefault((danger, tuple(principals)), []).append(account.account)
    found = ((tuple(those), *what) for what, those in where.items())
    return tuple(sorted(found, key=lambda each: each[1].rank))
