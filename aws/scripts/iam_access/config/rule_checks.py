"""What the organisation's rules have against entries that are otherwise right."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from iam_access.config import accounts
from iam_access.config.access import GRANTS, NOT_TEXT, ROLES, USERS, Access
from iam_access.config.draft import POLICIES, Draft, Item, Slip
from iam_access.config.report import Report
from iam_access.config.rulebook import (
    Rulebook,
    first_match,
    names_of,
    names_of_user,
)
from iam_access.config.rules import Grantees, is_wild
from iam_access.config.syntax import shown
from iam_access.config.team_checks import Facts
from iam_access.config.words import did_you_mean, listed
from iam_access.kinds import fields
from iam_access.kinds.grant import Form, Outliving
from iam_access.kinds.temporary_access import denied_with, nothing_left
from iam_access.place import Path
from iam_access.policy import document as documents
from iam_access.policy.outliving import gives_nothing, outliving_actions

_TEMPORARY = "temporary_access"


@dataclass(frozen=True, slots=True)
class _Team:
    """Whose entries are looked at, and by which rules."""

    draft: Draft
    book: Rulebook
    report: Report
    outliving: dict[str, frozenset[str]] = field(default_factory=dict)


_Check = Callable[[Access, _Team], None]


def check(draft: Draft, facts: Facts, book: Rulebook, now: datetime, report: Report) -> None:
    """Report, `report` being the team's, entries that the rules do not allow.

    Temporary entries that have ended by `now` (UTC) are left in peace.
    """
    checks = tuple(_checks(book))
    if not checks:
        return
    team = _Team(draft, book, report)
    for entry in facts.entries:
        if entry.until is None or entry.until > now:
            for each in checks:
                each(entry, team)


def _checks(book: Rulebook) -> Iterator[_Check]:
    """What has to be looked at: most rules are off, and cost nothing then."""
    settings = book.settings
    temporary = settings.temporary_access
    if settings.protected_principals.users or settings.protected_principals.roles:
        yield _protected
    if settings.only_temporary:
        yield _only_temporary
    if settings.forbidden_grants:
        yield _forbidden
    if settings.grantees:
        yield _grantees
    if any(book.against(form) for form in Form):
        yield _form
    if temporary.require_ticket is not None:
        yield _ticket
    if temporary.require_description:
        yield _description
    match Outliving(temporary.outliving_actions):
        case Outliving.REFUSE:
            yield _outliving
        case Outliving.DENY:
            yield _denied


def _protected(entry: Access, team: _Team) -> None:
    user_of = team.book.settings.user_names.user
    for name, principal_of in ((USERS, user_of), (ROLES, fields.role)):
        for index, written in enumerate(getattr(entry, name)):
            rule = team.book.protection(principal_of(written))
            if rule is not None:
                team.report.error(
                    "protected-principal",
                    entry.at(name, index),
                    f"the {name[:-1]} {shown(written)} is protected: nothing is ever granted to it",
                    f"grant to somebody else ({team.book.where(*rule)})",
                )


def _only_temporary(entry: Access, team: _Team) -> None:
    if entry.temporary:
        return
    for index, grant in enumerate(entry.grants):
        rule = first_match(team.book.settings.only_temporary, names_of(team.draft.name, grant))
        if rule is not None:
            team.report.error(
                "only-temporary",
                entry.at(GRANTS, index),
                f"{shown(grant)} may be granted for a time only",
                "remove it here, and add an entry in temporary-access/ when it is needed "
                f"({team.book.where('only_temporary', rule)})",
            )


def _forbidden(entry: Access, team: _Team) -> None:
    for number, rule in enumerate(team.book.settings.forbidden_grants):
        environments = [
            each
            for each in entry.environments
            if rule.environments is None
            or first_match(rule.environments, team.book.names_of_account(team.draft.name, each))
            is not None
        ]
        if not environments:
            continue
        for index, grant in enumerate(entry.grants):
            if first_match(rule.grants, names_of(team.draft.name, grant)) is not None:
                where = listed(dict.fromkeys(map(shown, environments)), "or")
                team.report.error(
                    "forbidden-grant",
                    entry.at(GRANTS, index),
                    f"{shown(grant)} may not be granted in {where}",
                    "grant something less, or elsewhere "
                    f"({team.book.where('forbidden_grants', number)})",
                )


def _grantees(entry: Access, team: _Team) -> None:
    for number, rule in enumerate(team.book.settings.grantees):
        for index, grant in enumerate(entry.grants):
            if first_match(rule.grants, names_of(team.draft.name, grant)) is None:
                continue
            where = team.book.where("grantees", number)
            if rule.teams is not None and first_match(rule.teams, (team.draft.name,)) is None:
                team.report.error(
                    "not-a-grantee",
                    entry.at(GRANTS, index),
                    f"team {team.draft.name} may not grant {shown(grant)}",
                    f"it is for {_those(rule.teams, 'teams')} ({where})",
                )
            elif rule.users is not None or rule.roles is not None:
                _grantees_of(entry, grant, rule, where, team)


def _grantees_of(entry: Access, grant: str, rule: Grantees, where: str, team: _Team) -> None:
    user_names = team.book.settings.user_names
    for name, patterns in ((USERS, rule.users or ()), (ROLES, rule.roles or ())):
        for index, written in enumerate(getattr(entry, name)):
            names = names_of_user(written, user_names) if name == USERS else (written,)
            if written != NOT_TEXT and first_match(patterns, names, ignore_case=True) is None:
                team.report.error(
                    "not-a-grantee",
                    entry.at(name, index),
                    f"the {name[:-1]} {shown(written)} may not be granted {shown(grant)}",
                    f"it is for {_those(patterns, name)} ({where})",
                )


def _those(patterns: Sequence[str], what: str) -> str:
    return f"{what} like {listed(map(shown, patterns), 'or')}" if patterns else f"no {what}"


def _form(entry: Access, team: _Team) -> None:
    written = _written(entry, "via")
    rule = team.book.against(Form(written)) if written in set(Form) else None
    if rule is not None:
        allowed = [form for form in Form if team.book.against(form) is None]
        team.report.error(
            "form-not-allowed",
            entry.place.at("via").location,
            f"temporary grants may not be written as {written}",
            f"{_instead(allowed)} ({team.book.where(*rule)})",
        )


def _instead(allowed: Sequence[Form]) -> str:
    if not allowed:
        return "the rules leave no way to write a temporary grant; change them first"
    return f"write {listed(allowed, 'or')}, or leave it out: the first that fits is taken"


def _ticket(entry: Access, team: _Team) -> None:
    pattern = team.book.settings.temporary_access.require_ticket
    if not entry.temporary or pattern is None:
        return
    written = _written(entry, "ticket")
    where = team.book.where(_TEMPORARY, "require_ticket")
    if written is None:
        team.report.error(
            "missing-ticket",
            entry.place.location,
            "a temporary grant must name the ticket in which it was asked for",
            f"add 'ticket:' with one that matches {shown(pattern.pattern)} ({where})",
        )
    elif pattern.fullmatch(written) is None:
        team.report.error(
            "bad-ticket",
            entry.place.at("ticket").location,
            f"{shown(written)} is not a ticket",
            f"write one that matches {shown(pattern.pattern)} in full ({where})",
        )


def _description(entry: Access, team: _Team) -> None:
    if not entry.temporary:
        return
    least = team.book.settings.temporary_access.require_description
    length = len((_written(entry, "description") or "").strip())
    if length < least:
        team.report.error(
            "short-description",
            entry.place.at("description").location,
            f"a temporary grant must say what it is for: the description has {length:,} of "
            f"{least:,} characters",
            "describe what the access is needed for "
            f"({team.book.where(_TEMPORARY, 'require_description')})",
        )


def _written(entry: Access, key: str) -> str | None:
    """What a temporary entry says for a key; what is no text was reported when it was read."""
    item = entry.item
    if item is None:
        return None
    written = item.written.get(key) if isinstance(item, Slip) else getattr(item.spec, key)
    return written if isinstance(written, str) else None


def _outliving(entry: Access, team: _Team) -> None:
    """Of a grant's own statements. What AWS's policies allow is known when an account is read."""
    if not entry.temporary:
        return
    for index, grant in enumerate(entry.grants):
        actions = _outliving_actions(grant, team)
        if actions:
            team.report.error(
                "outlives-deadline",
                entry.at(GRANTS, index),
                f"{shown(grant)} allows {listed(sorted(actions))}: with these, access can be made "
                "that lasts beyond the deadline",
                "take the actions out of the policy, or have temporary_access.outliving_actions "
                "say deny: then exactly these are denied while the grant holds "
                f"({team.book.where(_TEMPORARY, 'outliving_actions')})",
            )


def _denied(entry: Access, team: _Team) -> None:
    """Of a grant's own statements: what is denied with it, and whether anything is left.

    The former is told once of each grant, where it is first given.
    """
    if not entry.temporary:
        return
    for index, grant in enumerate(entry.grants):
        is_first, actions = grant not in team.outliving, _outliving_actions(grant, team)
        if not actions:
            continue
        item = _policy(grant, team)
        managed = item is not None and item.spec is not None and item.spec.managed_policies
        where = team.book.where(_TEMPORARY, "outliving_actions")
        if not managed and gives_nothing(_own(grant, team), actions):
            remark = nothing_left(shown(grant), actions, where)
            team.report.error(remark.code, entry.at(GRANTS, index), remark.message, remark.hint)
        elif is_first:
            remark = denied_with(shown(grant), actions, where)
            team.report.note(remark.code, entry.at(GRANTS, index), remark.message, remark.hint)


def _outliving_actions(grant: str, team: _Team) -> frozenset[str]:
    known = team.outliving
    if grant not in known:
        known[grant] = outliving_actions(_own(grant, team))
    return known[grant]


def _own(grant: str, team: _Team) -> list[documents.Document]:
    """The document of a grant's own statements; none where they could not be read."""
    item = _policy(grant, team)
    statements = item.spec.custom_statements if item is not None and item.spec else ()
    return [documents.document([each.iam for each in statements])] if statements else []


def _policy(grant: str, team: _Team) -> Item | None:
    return next((each for each in team.draft.items[POLICIES] if each.key == grant), None)


def check_names(drafts: Sequence[Draft], book: Rulebook, report: Report) -> None:
    """Warn of rules for environments, grants and teams that there are not.

    Only of names that are spelled out: patterns may well be meant for what is still to come.
    Where some file cannot be understood, nobody can tell what there is.
    """
    unclear = {folder for draft in drafts for folder in draft.unclear}
    if not drafts:
        return
    if accounts.FOLDER not in unclear:
        environments = {item.key for draft in drafts for item in draft.accounts}
        _unknown("environment", book.environment_patterns(), environments, book, report)
    if POLICIES not in unclear:
        grants = {
            name
            for draft in drafts
            for item in draft.items[POLICIES]
            for name in names_of(draft.name, item.key)
        }
        _unknown("grant", book.grant_patterns(), grants, book, report)
    _unknown("team", book.team_patterns(), {draft.name for draft in drafts}, book, report)


def _unknown(
    what: str,
    patterns: Iterable[tuple[str, Path]],
    known: Collection[str],
    book: Rulebook,
    report: Report,
) -> None:
    for pattern, path in patterns:
        if is_wild(pattern) or pattern in known or book.place is None:
            continue
        location = book.place.key(*path) if path[-1] == pattern else book.place.at(*path).location
        candidates = [name for name in known if ("/" in name) == ("/" in pattern)]
        report.warning(
            "rule-without-effect",
            location,
            f"there is no {what} {shown(pattern)} for this rule",
            did_you_mean(pattern, candidates) or "correct the name, or remove the rule",
        )
