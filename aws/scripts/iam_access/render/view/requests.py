"""What a change asks for, in sentences: who wants what until when and why, and what it leads to.

All text in it may be untrusted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from iam_access import phrases
from iam_access.model import (
    Meaning,
    Principal,
    PrincipalType,
    Report,
    Request,
    RequestType,
    SettingChange,
)
from iam_access.policy.arn import account_of_root, path_and_name
from iam_access.render.view import meaning as meanings
from iam_access.render.view.dangers import cut, name_of, pattern
from iam_access.render.view.meaning import SAFE, Danger

TITLE = "What is asked for"
# How many names a sentence has, and how many meanings that differ are told.
_NAMED = 5
_MEANINGS = 3
_ABOVE = "what it leads to is told above, together with what else they ask for there"
_ACTIONS = 8
# How many keys of the settings have a line, and of how many items it tells.
_SETTINGS = 20
_ITEMS = 10
# From how many on requests that differ in who and why alone are told as one, where they are folded.
_FOLDED = 5
# What concerns all requests of a team or of all teams comes first. Those that newcomers or guarded
# environments make weighty come after those that are dangerous by what they allow.
_GENERAL = -1
_OF_ALL = frozenset(
    {
        RequestType.SETTINGS,
        RequestType.ACCOUNT_ROLE,
        RequestType.REMOVALS,
        RequestType.INVALID_FILES,
    }
)
_WEIGHTY = SAFE
_PLAIN = SAFE + 1
_LEAST = SAFE + 2
# What changes names alone, or takes away.
_LEADS_TO_LITTLE = frozenset(
    {
        RequestType.END,
        RequestType.POLICY_NAME,
        RequestType.ENVIRONMENT_NAME,
        RequestType.TEAM_NAME,
    }
)
# What takes away what users and roles have.
_TAKES = frozenset(
    {
        RequestType.END,
        RequestType.MOVE,
        RequestType.TEAM_LEAVES,
        RequestType.ACCOUNT_LEAVES,
    }
)
# What is about users and roles who may gain by it.
_GIVES = frozenset(
    {RequestType.ACCESS, RequestType.RENEWAL, RequestType.WINDOW, RequestType.POLICY}
)


class RequestDanger(NamedTuple):
    """A finding code or an access level, and what stands behind it."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


@dataclass(frozen=True, slots=True)
class RequestView:
    """What is asked for and why, what it lets the principals do, and what is dangerous about it.

    `dangers` are in what they gain, `marks` in who gains it, where and for how long. It may be
    several requests `together`, see `folded`.
    """

    request: Request
    headline: str
    reason: str
    leads_to: tuple[str, ...]
    dangers: tuple["RequestDanger", ...]
    marks: tuple[str, ...]
    rank: int
    together: tuple["RequestView", ...] = ()

    @property
    def sentence(self) -> str:
        """All of what is asked for, without a full stop."""
        return f"{self.headline}{self.reason}"


_Subject: TypeAlias = tuple[str, tuple[PrincipalType, str]]


@dataclass(frozen=True, slots=True)
class _Explained:
    """What the plan means for each principal, in the accounts in which that is known.

    `held` is what that would be which is held back, `teams` are those with requests, and `given`
    those for whom some request may give something. `switchers` are users of other accounts.
    """

    accounts: frozenset[str]
    teams: frozenset[str]
    meanings: Mapping[_Subject, Meaning]
    held: Mapping[_Subject, Meaning]
    switchers: Mapping[_Subject, Sequence[_Subject]]
    given: frozenset[_Subject]

    @classmethod
    def of(cls, report: Report) -> "_Explained":
        found = [each for each in report.accounts if each.meanings is not None]
        meanings_ = {
            (each.account.id, meaning.principal.in_iam): meaning
            for each in found
            for meaning in each.meanings or ()
        }
        held = {
            (each.account.id, meaning.principal.in_iam): meaning
            for each in found
            for meaning in each.held_meanings
        }
        switchers = _switchers((*meanings_, *held))
        return cls(
            frozenset(each.account.id for each in found),
            frozenset(each.team for each in report.requests),
            meanings_,
            held,
            switchers,
            frozenset(
                subject
                for each in report.requests
                if each.type in _GIVES
                for _, account in each.places
                for subject in _subjects(each, account, switchers)
            ),
        )

    def meant(self, request: Request) -> Iterator["_Meant"]:
        """What the whole change means for those who ask, where they ask for it."""
        for environment, account in request.places:
            for subject in _subjects(request, account, self.switchers):
                meaning = self.meanings.get(subject)
                held = self.held.get(subject)
                # What is taken away may have denied something: nothing else gives it then.
                gives = request.type in _GIVES or subject not in self.given
                if held is not None and (meaning is None or meaning.is_nothing):
                    yield _Meant(held, environment, account, request, gives, is_held=True)
                elif meaning is not None:
                    yield _Meant(meaning, environment, account, request, gives)


def _switchers(subjects: Iterable[_Subject]) -> Mapping[_Subject, Sequence[_Subject]]:
    """The users of other accounts, who go by their ARNs, as files name them: without account."""
    found: dict[_Subject, list[_Subject]] = {}
    for account, (type_, name) in dict.fromkeys(subjects):
        if type_ is PrincipalType.USER and name.startswith("arn:"):
            written = account, (type_, path_and_name(name)[1])
            found.setdefault(written, []).append((account, (type_, name)))
    return found


def _subjects(
    request: Request, account: str, switchers: Mapping[_Subject, Sequence[_Subject]]
) -> Iterator[_Subject]:
    """Those who ask in an account, as what the plan means names them."""
    for principal in request.principals:
        subject = account, principal.in_iam
        yield from [subject] if request.becomes is None else switchers.get(subject, ())


class _Meant(NamedTuple):
    """What a change means for one principal in one account.

    `gives` tells whether what the principal gains may come from the request.
    """

    meaning: Meaning
    environment: str
    account: str
    request: Request
    gives: bool
    is_held: bool = False

    @property
    def rank(self) -> int:
        """See `Danger.rank`; what is taken away, or held back, is not dangerous."""
        if self.is_held or not self.gives:
            return SAFE
        danger = Danger.of(self.meaning)
        # What is denied with less is no reason to look at it first.
        return danger.rank if self.request.type in _GIVES or self._gains else SAFE

    @property
    def text(self) -> str:
        held = "held back; if it were allowed: " if self.is_held else ""
        return f"{held}{self._what}"

    @property
    def _what(self) -> str:
        if self.request.type in _TAKES and not (self.gives and self._gains):
            return meanings.losses(self.meaning)
        if self.meaning.is_nothing:
            return "nothing that they cannot do already"
        until = self.request.until
        text = meanings.summary(self.meaning)
        # The sentence has the end already.
        return text if until is None else text.replace(f", until {phrases.instant(until)}", "")

    @property
    def _gains(self) -> bool:
        """Whether something is gained, or no longer denied."""
        found = self.meaning
        return bool(found.gains or found.freed or found.escalations or found.unread)

    @property
    def pattern(self) -> str:
        """The same with placeholders, as in the files, for what differs by account."""
        return pattern(self.text, self.account, [self.environment])


def requests(report: Report) -> tuple[RequestView, ...]:
    """All requests of a run, the most dangerous first."""
    explained = _Explained.of(report)
    views = [_view(each, explained, report.now) for each in report.requests]
    return tuple(sorted(views, key=lambda each: each.rank))


def told(report: Report) -> tuple[RequestView, ...]:
    """The same for a reader, with what several lead to together told at the first of them."""
    return tuple(_told_once(requests(report)))


def _told_once(views: Iterable[RequestView]) -> Iterator[RequestView]:
    """Refer to what an earlier request of the same principals in the same places leads to.

    It is what the whole change means for them, and so the same.
    """
    known: dict[Principal, set[tuple[str, str]]] = {}
    for view in views:
        places, who = set(view.request.places), view.request.principals
        if view.dangers and all(places <= known.get(each, set()) for each in who):
            yield replace(view, leads_to=(_ABOVE,), dangers=())
            continue
        for each in who if view.leads_to else ():
            known.setdefault(each, set()).update(places)
        yield view


def folded(report: Report) -> tuple[RequestView, ...]:
    """The same for a page that cannot hold all: those that differ in who and why alone are one.

    Each of them leads to the same, and is no more dangerous than the others.
    """
    alike: dict[tuple[object, ...], list[RequestView]] = {}
    for view in told(report):
        each = view.request
        what = (each.type, each.team, each.grants, each.places, each.previous)
        when = (each.starts, each.until, each.lasts, each.previous_until)
        marks = (bool(each.newcomers), each.guarded)
        alike.setdefault((what, when, marks, view.leads_to, view.rank), []).append(view)
    explained = _Explained.of(report)
    return tuple(
        view
        for views in alike.values()
        for view in (views if len(views) < _FOLDED else [_fold(views, explained, report.now)])
    )


def _fold(views: Sequence[RequestView], explained: _Explained, now: datetime) -> RequestView:
    found = [view.request for view in views]
    principals = sorted({each for request in found for each in request.principals})
    newcomers = sorted({each for request in found for each in request.newcomers})
    one = replace(
        found[0],
        principals=tuple(principals),
        newcomers=tuple(newcomers),
        ticket=None,
        description=None,
        number=sum(each.number for each in found),
    )
    view = _view(one, explained, now)
    entries = phrases.count(len(found), "request")
    reason = f"{view.reason}: {entries} with reasons of their own"
    return replace(view, reason=reason, together=tuple(views))


def _view(request: Request, explained: _Explained, now: datetime) -> RequestView:
    if request.settings or request.type is RequestType.SETTINGS:
        changes, headline = tuple(_setting_lines(request.settings)), _headline(request, now)
        return RequestView(request, headline, "", changes, (), (), _rank(request))
    concerns = request.type in _GIVES or request.type in _TAKES
    worst = sorted(explained.meant(request), key=lambda each: each.rank) if concerns else []
    rank = worst[0].rank if worst else SAFE
    return RequestView(
        request,
        _headline(request, now),
        f"{_team(request, explained)}{_reason(request)}",
        tuple(_leads_to(worst, request, explained)) if concerns else (),
        tuple(_dangers(each for each in worst if each.rank < SAFE)),
        tuple(_marks(request)),
        rank if rank < SAFE else _rank(request),
    )


def _setting_lines(changes: Sequence[SettingChange]) -> Iterator[str]:
    """What comes into each setting, and what goes out of it; a list without items has none."""
    for each in changes[:_SETTINGS]:
        before, after = (phrases.some([*map(cut, texts)], _ITEMS) for texts in each[1:])
        words = [f"{each.key}:"]
        if before and after:
            words.append(f"{before} becomes {after}")
        else:
            words.append(f"{before} is taken out" if before else f"{after} is added")
        yield " ".join(words)
    if len(changes) > _SETTINGS:
        yield f"and {len(changes) - _SETTINGS:,} more settings"


def _rank(request: Request) -> int:
    if request.type in _OF_ALL:
        return _GENERAL
    if request.newcomers or request.guarded or request.type is RequestType.NEW_ACCOUNT:
        return _WEIGHTY
    return _LEAST if request.type in _LEADS_TO_LITTLE else _PLAIN


def _leads_to(worst: Sequence[_Meant], request: Request, explained: _Explained) -> Iterator[str]:
    """What they can do that they could not do before; that of the worst where it differs.

    That they gain nothing is said only of accounts that were looked at.
    """
    if not explained.accounts:
        return
    texts = dict.fromkeys(each.text for each in worst)
    patterns = dict.fromkeys(each.pattern for each in worst)
    told = list(texts if len(texts) == 1 else patterns)
    yield from map(cut, told[:_MEANINGS])
    if len(told) > _MEANINGS:
        yield f"and {len(told) - _MEANINGS:,} more that differ"
    unknown = [name for name, id_ in request.places if id_ not in explained.accounts]
    if unknown:
        yield f"what it means is not known in {phrases.some(unknown, _NAMED)}"
    elif not told and request.principals and request.places:
        yield "the plan changes nothing for them"


def _dangers(found: Iterable[_Meant]) -> Iterator[RequestDanger]:
    worst = list(found)
    yield from dict.fromkeys(
        RequestDanger(each.code, cut(each.explanation))
        for meant in worst
        for each in meant.meaning.escalations
    )
    for level in meanings.CHANGING:
        actions = {
            action
            for meant in worst
            for each in meant.meaning.gains
            if each.level == level
            for action in each.actions
        }
        if actions:
            yield RequestDanger(level, cut(phrases.some(sorted(actions), _ACTIONS)))


def _marks(request: Request) -> Iterator[str]:
    if request.newcomers:
        yield f"new here: {_who(request.newcomers)}"
    if request.guarded and request.type is RequestType.ENVIRONMENT_NAME:
        old = phrases.listed(request.guarded)
        yield f"rules in the settings for {old} do not hold for it any more"
    elif request.guarded:
        one = len(request.guarded) == 1
        guarded = phrases.some(request.guarded, _NAMED)
        yield f"{guarded} {'is' if one else 'are'} protected by rules in the settings"
    if request.type in _GIVES and request.until is None and request.type is not RequestType.POLICY:
        yield "permanent: it does not end by itself"


def sentence(request: Request, now: datetime) -> str:
    """One request as a sentence without its full stop; times are in UTC."""
    return f"{_headline(request, now)}{_reason(request)}"


def _headline(request: Request, now: datetime) -> str:
    timed = _TIMED.get(request.type)
    return timed(request, now) if timed else _SENTENCES[request.type](request)


def _team(request: Request, explained: _Explained) -> str:
    """Whose grants it is about, where that is not told by what is asked for."""
    is_told = request.type not in {*_GIVES, RequestType.END} - {RequestType.POLICY}
    return "" if is_told or len(explained.teams) == 1 else f", team {request.team}"


def _reason(request: Request) -> str:
    why = f": {cut(request.description)}" if request.description else ""
    ticket = f", {cut(request.ticket)}" if request.ticket else ""
    return f"{ticket}{why}"


def _access(request: Request, now: datetime) -> str:
    what = f"{_verb(request, 'ask')} for {_what(request)}"
    if request.until is None:
        before = request.previous_until
        so_far = f" (so far until {phrases.instant(before)})" if before is not None else ""
        return f"{what} permanently{so_far}{_by(request)}"
    return f"{what} {_window(request, request.until, now)}"


def _renewal(request: Request, now: datetime) -> str:
    what = f"{_verb(request, 'renew')} {_what(request)}"
    return f"{what} {_window(request, request.until or now, now)}{_so_far(request)}"


def _other_window(request: Request, now: datetime) -> str:
    what = f"{_verb(request, 'change')} when they have {_what(request)}"
    return f"{what}: {_window(request, request.until or now, now)}{_so_far(request)}"


def _so_far(request: Request) -> str:
    before = request.previous_until
    return f", so far until {phrases.instant(before)}" if before is not None else ""


def _by(request: Request) -> str:
    return f", by switching into role {request.becomes}" if request.becomes is not None else ""


def _end(request: Request) -> str:
    return f"{_verb(request, 'lose')} {_what(request)}{_by(request)}"


def _policy(request: Request) -> str:
    if request.own:
        whose = (
            f" for {_who(request.principals)} in {_where(request)}" if request.principals else ""
        )
        return f"Changed{whose}: {_grants(request)} of team {request.team}"
    what = f"Policy {_grants(request)} of team {request.team} has another content"
    if not request.principals:
        return f"{what}; no entry grants it so far"
    return f"{what}, for all who hold it in {_where(request)}: {_who(request.principals)}"


def _trust(request: Request) -> str:
    by = phrases.some([*map(_trusted, request.trusted)], _NAMED)
    under = ", under conditions" if request.conditional else ""
    return f"{_who(request.principals)} in {_where(request)} may be assumed by {by}{under}"


def _trusted(name: str) -> str:
    """A whole account as people call it, anything else as the policy names it."""
    account = account_of_root(name)
    return name if account is None else f"account {account}"


def _policy_name(request: Request) -> str:
    what = f"Policy {request.previous} of team {request.team} is renamed {_grants(request)}"
    keep = f", and {phrases.count(request.number, 'grant')} of it" if request.number else ""
    return f"{what}; its content stays{keep}"


def _environment_name(request: Request) -> str:
    names = [f"{name}, account {id_}" for name, id_ in request.places]
    renamed = phrases.listed(names)
    return f"Environment {request.previous} of team {request.team} is renamed {renamed}"


def _team_name(request: Request) -> str:
    what = f"Team {request.previous} is renamed {request.team}"
    return f"{what}; its accounts, policies and access stay, under new names in AWS"


def _move(request: Request) -> str:
    ends = phrases.count(request.number, "grant")
    what = f"{_verb(request, 'move')} from team {request.previous} to team {request.team}"
    return f"{what}; all that they had there goes: {ends}"


def _new_team(request: Request) -> str:
    where = f" with accounts {_where(request)}" if request.places else ""
    return f"Team {request.team} is new{where}"


def _team_leaves(request: Request) -> str:
    what = f"Team {request.team} leaves the files"
    if not request.principals:
        return f"{what}; it had granted nothing"
    ends = phrases.count(request.number, "grant")
    return f"{what}, and all that it granted with it: {ends} to {_who(request.principals)}"


def _new_account(request: Request) -> str:
    noun = "Account" if len(request.places) == 1 else "Accounts"
    return f"{noun} new in the files: {_where(request)}; deploy the bootstrap there first"


def _account_leaves(request: Request) -> str:
    noun = "Account" if len(request.places) == 1 else "Accounts"
    what = f"{noun} no longer in the files: {_where(request)}"
    if not request.principals:
        return what
    return f"{what}, where {_who(request.principals)} had {phrases.count(request.number, 'grant')}"


def _account_role(request: Request) -> str:
    noun = "Account" if len(request.places) == 1 else "Accounts"
    named = [f"{name} ({id_})" for name, id_ in request.places]
    return f"{noun} reached in another way: {phrases.some(named, _NAMED)}"


def _settings(_: Request) -> str:
    return "The organisation's settings change: they are the rules for all that is asked for"


def _removals(request: Request) -> str:
    return f"Team {request.team} may take away however much with this change"


def _invalid_files(request: Request) -> str:
    return f"The files of team {request.team} have errors: what they ask for is not known here"


_TIMED = {
    RequestType.ACCESS: _access,
    RequestType.RENEWAL: _renewal,
    RequestType.WINDOW: _other_window,
}
_SENTENCES = {
    RequestType.END: _end,
    RequestType.POLICY: _policy,
    RequestType.TRUST: _trust,
    RequestType.POLICY_NAME: _policy_name,
    RequestType.ENVIRONMENT_NAME: _environment_name,
    RequestType.TEAM_NAME: _team_name,
    RequestType.MOVE: _move,
    RequestType.NEW_TEAM: _new_team,
    RequestType.TEAM_LEAVES: _team_leaves,
    RequestType.NEW_ACCOUNT: _new_account,
    RequestType.ACCOUNT_LEAVES: _account_leaves,
    RequestType.ACCOUNT_ROLE: _account_role,
    RequestType.SETTINGS: _settings,
    RequestType.REMOVALS: _removals,
    RequestType.INVALID_FILES: _invalid_files,
}


def who(request: Request) -> str:
    """The users and roles of a request, the first of many."""
    return _who(request.principals)


def _verb(request: Request, verb: str) -> str:
    return f"{_who(request.principals)} {verb}{'s' if len(request.principals) == 1 else ''}"


def _who(principals: Sequence[Principal]) -> str:
    return phrases.some([name_of(each) for each in principals], _NAMED)


def _what(request: Request) -> str:
    return f"{_grants(request)} in {_where(request)}"


def _grants(request: Request) -> str:
    return phrases.some(request.grants, _NAMED)


def _where(request: Request) -> str:
    """Environments, with the account's id where several accounts share the name."""
    names = [name for name, _ in request.places]
    once = len(set(names)) == len(names) and request.type is not RequestType.NEW_ACCOUNT
    return phrases.some(
        [name if once else f"{name} ({id_})" for name, id_ in request.places], _NAMED
    )


def _window(request: Request, until: datetime, now: datetime) -> str:
    if request.lasts is not None:
        lasts = phrases.duration(request.lasts)
        return f"for {lasts} from the merge on (merged now, until {phrases.instant(until)})"
    later = request.starts is not None and request.starts > now
    begins = request.starts if later and request.starts is not None else now
    start = f"from {phrases.instant(begins)} " if later else ""
    # To the minute, rounded up: the run itself takes some seconds of a window that has begun.
    minutes = -(-(until - begins) // timedelta(minutes=1))
    length = phrases.duration(timedelta(minutes=minutes))
    return f"{start}until {phrases.instant(until)} ({length})"
