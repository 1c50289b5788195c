"""What a reviewer has to see of a change whatever the size: dangers, and all whom they concern.

All text in it may be untrusted.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from iam_access import phrases
from iam_access.model import Account, Principal, PrincipalType, Report, RequestType
from iam_access.render.view import meaning as meanings

# How many characters of a description, ticket or clause are shown; JSON has the first two whole.
_LONGEST = 400

# A danger in words, and the names of all whom it concerns.
_Told: TypeAlias = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class DangerView:
    """A danger, the titles of the accounts where that is known, and all whom it concerns."""

    what: str
    where: tuple[str, ...]
    names: tuple[str, ...]


def dangers(report: Report) -> tuple[tuple[DangerView, ...], ...]:
    """What a reviewer has to see whatever the size, in parts, each with the worst first.

    What is lost for good comes first, then what is gained, then what else is seen `first`.
    """
    return lost(report), tuple(_gained(report)), _others(report)


def first(report: Report) -> tuple[DangerView, ...]:
    """The dangers that are not in what the plan means."""
    return (*lost(report), *_others(report))


def pattern(text: str, account: str, environments: Iterable[str]) -> str:
    """A text with placeholders, as in the files, for what differs by account."""
    text = text.replace(account, "{account_id}")
    for each in environments:
        name = rf"(?<![A-Za-z0-9]){re.escape(each)}(?![A-Za-z0-9])"
        text = re.sub(name, "{environment}", text)
    return text


def together(found: Iterable[DangerView]) -> tuple[DangerView, ...]:
    """The same without the accounts: each danger once, with all whom it concerns anywhere."""
    names: dict[str, dict[str, None]] = {}
    for each in found:
        names.setdefault(each.what, {}).update(dict.fromkeys(each.names))
    return tuple(DangerView(what, (), tuple(them)) for what, them in names.items())


def _gained(report: Report) -> Iterator[DangerView]:
    """What the plan gives, once for accounts that differ in their ids and names alone."""
    alike: dict[_Told, list[tuple[_Told, Sequence[Account]]]] = {}
    for accounts, danger, principals in meanings.dangers(report):
        told = str(danger), _names(principals)
        alike.setdefault(_pattern(told, accounts), []).append((told, accounts))
    for common, found in alike.items():
        what, names = found[0][0] if len(found) == 1 else common
        titles = tuple(cut(each.title) for _, accounts in found for each in accounts)
        yield DangerView(cut(what), titles, names)


def _pattern(told: _Told, accounts: Sequence[Account]) -> _Told:
    if len(accounts) != 1:
        return told
    (what, names), (account,) = told, accounts
    environments = sorted(set(account.environments.values()))
    texts = [pattern(each, account.id, environments) for each in (what, *names)]
    return texts[0], tuple(texts[1:])


def _others(report: Report) -> tuple[DangerView, ...]:
    """What is held back, and what files tell."""
    newcomers = (each for request in report.requests for each in request.newcomers)
    guarded: dict[str, list[Principal]] = {}
    for request in report.requests:
        for environment in request.guarded:
            guarded.setdefault(environment, []).extend(request.principals)
    freed = [
        f"{environment} of team {each.team}, {each.previous} before"
        for each in report.requests
        if each.type is RequestType.ENVIRONMENT_NAME and each.guarded
        for environment, _ in each.places
    ]
    settings = dict.fromkeys(
        change.key
        for each in report.requests
        if each.type is RequestType.SETTINGS
        for change in each.settings
    )
    reached = [
        f"{name} ({id_})"
        for each in report.requests
        if each.type is RequestType.ACCOUNT_ROLE
        for name, id_ in each.places
    ]
    intended = [each.team for each in report.requests if each.type is RequestType.REMOVALS]
    found = [
        *_held(report),
        DangerView("the organisation's rules change", (), tuple(map(cut, settings))),
        DangerView("accounts reached in another way", (), tuple(reached)),
        DangerView("environments whose rules do not hold under the new name", (), tuple(freed)),
        DangerView("removals without a limit", (), tuple(f"team {team}" for team in intended)),
        DangerView("new, whom the files did not name before", (), _names(newcomers)),
        *(
            DangerView(f"access to {name}, which is protected by rules", (), _names(principals))
            for name, principals in sorted(guarded.items())
        ),
    ]
    return tuple(each for each in found if each.names)


def lost(report: Report) -> tuple[DangerView, ...]:
    """What a plan takes away for good, in all accounts."""
    names: dict[str, dict[str, None]] = {}
    titles: dict[str, dict[str, None]] = {}
    for each in sorted(report.accounts, key=lambda each: (each.account.label, each.account.id)):
        for change in each.plan.changes if each.plan is not None else ():
            if change.after is None and change.subject.loss:
                names.setdefault(change.subject.loss, {})[cut(change.name)] = None
                titles.setdefault(change.subject.loss, {})[cut(each.account.title)] = None
    return tuple(
        DangerView(cut(loss), tuple(titles[loss]), tuple(them)) for loss, them in names.items()
    )


def _held(report: Report) -> Iterator[DangerView]:
    """By account, whose changes are held back."""
    for each in sorted(report.accounts, key=lambda each: (each.account.label, each.account.id)):
        held = each.plan.held if each.plan is not None else ()
        names = dict.fromkeys(
            name_of(change.principal) if change.principal else change.name for change in held
        )
        changes = phrases.count(len(held), "change")
        what = f"held back: {changes} (the findings say how to go on)"
        yield DangerView(what, (cut(each.account.title),), tuple(names))


def _names(principals: Iterable[Principal]) -> tuple[str, ...]:
    return tuple(name_of(each) for each in sorted(set(principals)))


def name_of(principal: Principal) -> str:
    """A user's name alone, and what another principal is before its name."""
    return principal.name if principal.type is PrincipalType.USER else principal.label


def cut(text: str) -> str:
    """A text of no more than so many characters, so that none keeps others from being shown."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
