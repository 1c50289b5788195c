"""The organisation's rules about grants, by key and by content.

The files have a grant's key, its own statements and the ARNs of its AWS managed policies. The
documents of these are known in a plan.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from iam_access import kinds
from iam_access.codes import Code
from iam_access.config.rules.rulebook import (
    Concern,
    Rulebook,
    first_match,
    names_of_grant,
    names_of_policy,
    names_of_user,
)
from iam_access.config.settings import Grantees, Selection
from iam_access.kinds.base import (
    ENVIRONMENTS,
    GRANTS,
    GROUPS,
    NOT_TEXT,
    ROLES,
    USERS,
    AccessEntry,
    PermissionsSpec,
)
from iam_access.model import Location
from iam_access.phrases import listed, shown
from iam_access.place import Path
from iam_access.policy.allowing import AllowedActions, allowed_actions, named
from iam_access.problem import Problem
from iam_access.snapshot import Document

UNCLEAR: Final = "rule-unclear"
# Actions that a message names; the rest is counted.
_SHOWN = 3
_TEMPORARY_ENVIRONMENTS = ("temporary_access", "environments")


@dataclass(frozen=True, slots=True)
class Contents:
    """The ARNs of a grant's AWS managed policies, and all of its documents that were read."""

    managed: tuple[str, ...] = ()
    documents: tuple[Document, ...] = ()


class _Given(NamedTuple):
    """One thing that an entry gives: a policy of the team, or what the entry says itself.

    `grant` is the policy's key, None for the latter. `names` are those that patterns match, and
    `subject` is what messages call it.
    """

    grant: str | None
    location: Location
    names: tuple[str, ...]
    subject: str
    contents: Contents


@dataclass(frozen=True, slots=True)
class Breach:
    """An entry does what a rule forbids or, with the code UNCLEAR, may do it.

    `location` is that of the value in the entry. `grant` is the policy key that is granted, where
    the rule is about it.
    """

    problem: Problem
    location: Location
    grant: str | None = None


def are_any(book: Rulebook) -> bool:
    """Whether the settings have a rule about grants, or one for environments that is unclear."""
    settings = book.settings
    return bool(
        settings.only_temporary
        or settings.forbidden_grants
        or settings.forbidden_actions
        or settings.grantees
        or (book.unread and (settings.temporary_access.environments or settings.accounts))
    )


@dataclass(frozen=True, slots=True)
class GrantRules:
    """The rules about grants for one team.

    `policies` are the valid ones of the team, by key; `contents_of` gives the contents of one, and
    of what an entry says itself.
    """

    book: Rulebook
    team: str
    policies: Mapping[str, PermissionsSpec]
    contents_of: Callable[[PermissionsSpec], Contents]
    _known: dict[str, Contents] = field(default_factory=dict, init=False, repr=False, compare=False)
    _allowed: dict[tuple[str | Location, bool, tuple[str, ...]], AllowedActions] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def breaches(self, entry: AccessEntry, environments: Sequence[str]) -> Iterator[Breach]:
        """Yield the breaches of an entry in some of its environments."""
        yield from self._only_temporary(entry)
        yield from self._forbidden_grants(entry, environments)
        yield from self._forbidden_actions(entry, environments)
        yield from self._grantees(entry)
        yield from self._unclear_limits(entry, environments)
        yield from self._unclear_accounts(entry, environments)

    def ask_what_is_allowed(self, entry: AccessEntry, environment: str) -> bool:
        """Whether a rule about the actions of grants may apply to an entry in this environment."""
        settings = self.book.settings
        return any(
            self.book.concern(environments, self.team, environment) is not Concern.NO
            for environments in (
                *(None for each in settings.only_temporary if each.allows and not entry.temporary),
                *(None for each in settings.grantees if each.allows),
                *(each.environments for each in settings.forbidden_grants if each.allows),
                *(each.environments for each in settings.forbidden_actions),
            )
        )

    def _only_temporary(self, entry: AccessEntry) -> Iterator[Breach]:
        if entry.temporary:
            return
        for number, rule in enumerate(self.book.settings.only_temporary):
            for location, grant, subject in self._selected(rule, entry):
                problem = Problem(
                    "only-temporary",
                    f"{subject} may be granted for a time only",
                    f"remove it here, and add an entry in {_temporary_folders()} when it is needed "
                    f"({self.book.cite('only_temporary', number)})",
                )
                yield Breach(problem, location, grant)

    def _forbidden_grants(
        self, entry: AccessEntry, environments: Sequence[str]
    ) -> Iterator[Breach]:
        for number, rule in enumerate(self.book.settings.forbidden_grants):
            path = ("forbidden_grants", number)
            meant, doubtful = self._meant(rule.environments, environments)
            if meant or doubtful:
                for location, grant, subject in self._selected(rule, entry):
                    yield from self._forbidden(
                        "forbidden-grant", location, grant, subject, meant, doubtful, path
                    )

    def _forbidden_actions(
        self, entry: AccessEntry, environments: Sequence[str]
    ) -> Iterator[Breach]:
        for number, rule in enumerate(self.book.settings.forbidden_actions):
            path = ("forbidden_actions", number)
            meant, doubtful = self._meant(rule.environments, environments)
            if not (meant or doubtful):
                continue
            for given in self._given(entry):
                actions = self._allows(rule.actions, given, temporary=entry.temporary)
                if actions.count:
                    yield from self._forbidden(
                        "forbidden-action",
                        given.location,
                        given.grant,
                        _allowing(given.subject, actions),
                        meant,
                        doubtful,
                        path,
                    )

    def _forbidden(
        self,
        code: Code,
        location: Location,
        grant: str | None,
        subject: str,
        meant: Sequence[str],
        doubtful: Sequence[str],
        path: Path,
    ) -> Iterator[Breach]:
        where = self.book.cite(*path)
        if meant:
            places = listed(dict.fromkeys(map(shown, meant)), "or")
            hint = f"grant something less, or elsewhere ({where})"
            problem = Problem(code, f"{subject} may not be granted in {places}", hint)
            yield Breach(problem, location, grant)
        else:
            yield self._doubt(location, f"{subject} may be granted", doubtful, where, grant)

    def _grantees(self, entry: AccessEntry) -> Iterator[Breach]:
        for number, rule in enumerate(self.book.settings.grantees):
            where = self.book.cite("grantees", number)
            for location, grant, subject in self._selected(rule, entry):
                if rule.teams is not None and first_match(rule.teams, (self.team,)) is None:
                    problem = Problem(
                        "not-a-grantee",
                        f"team {self.team} may not grant {subject}".removesuffix(","),
                        f"it is for {_those(rule.teams, 'teams')} ({where})",
                    )
                    yield Breach(problem, location, grant)
                elif rule.users is not None or rule.roles is not None:
                    yield from self._grantees_of(entry, grant, subject, rule, where)

    def _grantees_of(
        self, entry: AccessEntry, grant: str | None, subject: str, rule: Grantees, where: str
    ) -> Iterator[Breach]:
        user_names = self.book.settings.user_names
        for name, patterns in ((USERS, rule.users or ()), (ROLES, rule.roles or ())):
            for index, written in enumerate(getattr(entry, name)):
                names = names_of_user(written, user_names) if name == USERS else (written,)
                if written != NOT_TEXT and first_match(patterns, names, ignore_case=True) is None:
                    what = f"the {name[:-1]} {shown(written)} may not be granted {subject}"
                    problem = Problem(
                        "not-a-grantee",
                        what.removesuffix(","),
                        f"it is for {_those(patterns, name)} ({where})",
                    )
                    yield Breach(problem, entry.at(name, index), grant)
        for index, written in enumerate(entry.groups if entry.makes is None else ()):
            problem = Problem(
                "not-a-grantee",
                f"the group {shown(written)} may not be granted {subject}".removesuffix(","),
                f"it is for some users and roles, and who is in the group is not known ({where})",
            )
            yield Breach(problem, entry.at(GROUPS, index), grant)

    def _unclear_limits(self, entry: AccessEntry, environments: Sequence[str]) -> Iterator[Breach]:
        """Doubt a temporary entry to which stricter limits may apply than those that are known."""
        if not entry.temporary or not self.book.unread:
            return
        for pattern in self.book.settings.temporary_access.environments:
            _, doubtful = self._meant([pattern], environments)
            if doubtful:
                where = self.book.cite(*_TEMPORARY_ENVIRONMENTS, pattern)
                what = f"the limits of {shown(pattern)} hold for this grant"
                yield self._doubt(entry.at(ENVIRONMENTS, 0), what, doubtful, where, None)

    def _unclear_accounts(
        self, entry: AccessEntry, environments: Sequence[str]
    ) -> Iterator[Breach]:
        """Doubt an entry in an account that may be one for other teams."""
        for number, rule in enumerate(self.book.settings.accounts):
            if first_match(rule.teams, [self.team]) is None:
                for each in environments:
                    if self.book.concern(rule.accounts, self.team, each) is Concern.UNCLEAR:
                        where = self.book.cite("accounts", number)
                        place = entry.at(ENVIRONMENTS, list(entry.environments).index(each))
                        what = f"team {self.team} may grant anything"
                        yield self._doubt(place, what, [each], where, None)

    def _doubt(
        self,
        location: Location,
        what: str,
        environments: Sequence[str],
        where: str,
        grant: str | None,
    ) -> Breach:
        files = listed(self.book.unread)
        problem = Problem(
            UNCLEAR,
            f"whether {what} in {listed(map(shown, environments), 'or')} is not known: {files} "
            "cannot be read, and may give the account another name",
            f"fix {files}; until then nothing new is granted by this entry, and what was granted "
            f"stays ({where})",
        )
        return Breach(problem, location, grant)

    def _meant(
        self, patterns: Sequence[str] | None, environments: Iterable[str]
    ) -> tuple[list[str], list[str]]:
        """The environments that a rule applies to, and those that it may apply to."""
        concerns = [(each, self.book.concern(patterns, self.team, each)) for each in environments]
        return (
            [each for each, concern in concerns if concern is Concern.YES],
            [each for each, concern in concerns if concern is Concern.UNCLEAR],
        )

    def _given(self, entry: AccessEntry) -> Iterator[_Given]:
        """All that an entry gives.

        What it says itself has the name of no policy, so only patterns for all grants match it.
        """
        for index, grant in enumerate(entry.grants):
            names, contents = names_of_grant(self.team, grant), self.contents(grant)
            yield _Given(grant, entry.at(GRANTS, index), names, shown(grant), contents)
        own = entry.own.spec if entry.own is not None else None
        if own is not None:
            place, names = entry.place.location, names_of_grant(self.team, "")
            yield _Given(None, place, names, "what this entry says itself", self.contents_of(own))

    def _selected(
        self, rule: Selection, entry: AccessEntry
    ) -> Iterator[tuple[Location, str | None, str]]:
        """Yield location, key and name in messages of all given that a rule applies to."""
        for given in self._given(entry):
            subject = self._subject(rule, given, temporary=entry.temporary)
            if subject is not None:
                yield given.location, given.grant, subject

    def _subject(self, rule: Selection, given: _Given, *, temporary: bool) -> str | None:
        if first_match(rule.grants or (), given.names) is not None:
            return given.subject
        if rule.managed_policies:
            for arn in given.contents.managed:
                names = names_of_policy(arn)
                if first_match(rule.managed_policies, names, ignore_case=True) is not None:
                    return f"{given.subject}, which holds {names[-1]},"
        actions = self._allows(rule.allows or (), given, temporary=temporary)
        return _allowing(given.subject, actions) if actions.count else None

    def contents(self, grant: str) -> Contents:
        """The contents of a grant of the team, as far as they are known."""
        if grant not in self._known:
            policy = self.policies.get(grant)
            self._known[grant] = self.contents_of(policy) if policy else Contents()
        return self._known[grant]

    def _allows(self, patterns: Sequence[str], given: _Given, *, temporary: bool) -> AllowedActions:
        """The matching actions that are allowed, as far as the documents were read."""
        if not patterns:
            return AllowedActions()
        key = (given.grant or given.location, temporary, tuple(patterns))
        if key not in self._allowed:
            documents = given.contents.documents
            denied = self.book.withheld(documents) if temporary else ()
            self._allowed[key] = allowed_actions(documents, patterns) - named(denied)
        return self._allowed[key]


def _allowing(subject: str, actions: AllowedActions) -> str:
    left = actions.count - _SHOWN
    more = [f"{left:,} more"] if left > 0 else []
    return f"{subject}, which allows {listed([*actions.first(_SHOWN), *more])},"


def _those(patterns: Sequence[str], what: str) -> str:
    return f"{what} like {listed(map(shown, patterns), 'or')}" if patterns else f"no {what}"


def _temporary_folders() -> str:
    return listed([f"{each.folder}/" for each in kinds.FOLDERS if each.temporary], "or")
