"""What a reviewer has to see of a change whatever the size: dangers, and all whom they concern.

All text in it may be untrusted.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from iam_access import phrases
from iam_access.model import Principal, PrincipalType, Report, RequestType
from iam_access.render.view import meaning as meanings

# How many characters of a description, ticket or clause are shown; JSON has the first two whole.
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class DangerView:
    """A danger, the titles of the accounts where that is known, and all whom it concerns."""

    what: str
    where: tuple[str, ...]
    names: tuple[str, ...]


def dangers(report: Report) -> tuple[DangerView, ...]:
    """What a reviewer has to see whatever the size, by accounts, the worst first."""
    gained = (
        DangerView(cut(str(danger)), tuple(map(cut, titles)), _names(principals))
        for titles, danger, principals in meanings.dangers(report)
    )
    return (*gained, *first(report))


def together(found: Iterable[DangerView]) -> tuple[DangerView, ...]:
    """The same without the accounts: each danger once, with all whom it concerns anywhere."""
    names: dict[str, dict[str, None]] = {}
    for each in found:
        names.setdefault(each.what, {}).update(dict.fromkeys(each.names))
    return tuple(DangerView(what, (), tuple(them)) for what, them in names.items())


def first(report: Report) -> tuple[DangerView, ...]:
    """The dangers that are not in what the plan means: what is held back, and what files tell."""
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
        *_lost(report),
        *_held(report),
        DangerView("the organisation's rules change", (), tuple(map(cut, settings))),
        DangerView("accounts reached in another way", (), tuple(reached)),
        DangerView("environments whose rules do not hold under the new name", (), tuple(freed)),
        DangerView("removals without a limit", (), tuple(f"team {team}" for team in intended)),
        DangerView("new people, whom the files did not name before", (), _names(newcomers)),
        *(
            DangerView(f"access to {name}, which is protected by rules", (), _names(principals))
            for name, principals in sorted(guarded.items())
        ),
    ]
    return tuple(each for each in found if each.names)


def _lost(report: Report) -> Iterator[DangerView]:
    """By account, what a plan takes away for good."""
    for each in sorted(report.accounts, key=lambda each: (each.account.label, each.account.id)):
        names: dict[str, list[str]] = {}
        for change in each.plan.changes if each.plan is not None else ():
            if change.after is None and change.subject.loss:
                names.setdefault(change.subject.loss, []).append(change.name)
        for loss, them in names.items():
            yield DangerView(cut(loss), (cut(each.account.title),), tuple(them))


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
