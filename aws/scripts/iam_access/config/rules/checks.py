"""Check entries against the organisation's rules."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from iam_access.config import accounts
from iam_access.config.checks.team import TeamIndex
from iam_access.config.configuration import TeamFiles
from iam_access.config.earlier import Earlier
from iam_access.config.findings import FindingCollector
from iam_access.config.rules import grants as grant_rules
from iam_access.config.rules.grants import Contents, GrantRules
from iam_access.config.rules.rulebook import Rulebook, first_match, names_of_grant
from iam_access.config.settings import FILE, is_wild
from iam_access.kinds import fields
from iam_access.kinds.base import GRANTS, ROLES, USERS, AccessEntry, Item, PermissionsSpec, key_name
from iam_access.kinds.fields import is_exact
from iam_access.kinds.grant import Form, Outliving, denied_with, nothing_left
from iam_access.model import Severity
from iam_access.phrases import did_you_mean, listed, shown
from iam_access.place import Path
from iam_access.policy import document as documents
from iam_access.policy.actions import expand
from iam_access.policy.arn import path_and_name
from iam_access.policy.outliving import gives_nothing, outliving_actions
from iam_access.snapshot import Document

_TEMPORARY = "temporary_access"
# Names in rules that ignore case.
_NAMED = ("environment", "account")
# Shorter names are not compared by how they begin.
_LIKE = 3


@dataclass(frozen=True, slots=True)
class _Team:
    """The team whose entries are checked, and the rules."""

    team_files: TeamFiles
    book: Rulebook
    report: FindingCollector
    grants: GrantRules
    before: Earlier | None
    otherwise: Severity
    withheld: dict[str, frozenset[str]] = field(default_factory=dict)


_Check = Callable[[AccessEntry, _Team], None]


def check(
    team_files: TeamFiles,
    index: TeamIndex,
    book: Rulebook,
    otherwise: Severity,
    now: datetime,
    report: FindingCollector,
) -> None:
    """Report entries that the rules do not allow; `report` is the team's.

    `otherwise` is the severity of an entry without effect if it is not known whether it is new.
    Temporary entries that ended by `now` (UTC) are not checked.
    """
    checks = (_known, *_checks(book))
    policies = {each.key: each.spec for each in team_files.policies if each.spec is not None}
    grants = GrantRules(book, team_files.name, policies, _contents)
    team = _Team(team_files, book, report, grants, index.before, otherwise)
    for entry in index.entries:
        if not entry.has_ended(now):
            for each in checks:
                each(entry, team)


def _checks(book: Rulebook) -> Iterator[_Check]:
    """The checks for the rules that are in use."""
    settings = book.settings
    temporary = settings.temporary_access
    if settings.protected_principals.users or settings.protected_principals.roles:
        yield _protected
    if settings.domains:
        yield _domains
    if settings.permissions_boundary is not None:
        yield _boundary
    if grant_rules.are_any(book):
        yield _grants
    if any(book.forbidding_rule(form) for form in Form):
        yield _form
    if temporary.require_ticket is not None:
        yield _ticket
    if temporary.require_description:
        yield _description
    if Outliving(temporary.outliving_actions) is Outliving.REFUSE:
        yield _outliving
    yield _denied


def _known(entry: AccessEntry, team: _Team) -> None:
    """Refuse an entry that gives something to no principal: no rule can be checked for it.

    The policy of a resource may name none of the account.
    """
    named = entry.users or entry.roles or entry.groups
    if entry.valid and entry.given and not named and entry.resource is None:
        team.report.error(
            "rules-unknown",
            entry.place.location,
            f"no rule of {FILE} can be checked for an entry that names no user, role or group",
            "name whom it is for, or remove the entry",
        )


def _protected(entry: AccessEntry, team: _Team) -> None:
    user_of = team.book.settings.user_names.user
    for name, principal_of in ((USERS, user_of), (ROLES, fields.role)):
        for index, written in enumerate(getattr(entry, name)):
            rule = team.book.protecting_rule(principal_of(written))
            if rule is not None:
                team.report.error(
                    "protected-principal",
                    entry.at(name, index),
                    f"the {name[:-1]} {shown(written)} is protected: nothing can be granted to it",
                    f"grant to another user or role ({team.book.cite(*rule)})",
                )


def _boundary(entry: AccessEntry, team: _Team) -> None:
    """Refuse another boundary than that of the settings; whose path it has, a plan tells."""
    needed, own = team.book.settings.permissions_boundary, entry.boundary
    if own is not None and needed is not None and own != needed:
        names = {path_and_name(each)[1] if ":" in each else each for each in (own, needed)}
        if len(names) > 1 or (":" in own and ":" in needed):
            team.report.error(
                "missing-boundary",
                entry.place.at("permissions_boundary").location,
                f"{shown(own)} is another permissions boundary than {shown(needed)}, which all "
                "with a grant must carry",
                f"remove it from the entry ({team.book.cite('permissions_boundary')})",
            )


def _domains(entry: AccessEntry, team: _Team) -> None:
    domains = team.book.settings.domains
    for index, written in enumerate(entry.users):
        _, at, domain = written.partition("@")
        if (
            at
            and not is_exact(written)
            and first_match(domains, [domain], ignore_case=True) is None
        ):
            team.report.error(
                "unknown-domain",
                entry.at(USERS, index),
                f"{shown(written)} is an address of a domain that is not allowed here",
                f"write one in {listed(map(shown, domains), 'or')} ({team.book.cite('domains')})",
            )


def _grants(entry: AccessEntry, team: _Team) -> None:
    for breach in team.grants.breaches(entry, entry.environments):
        # A plan refuses what is not known, since it knows what the account has.
        problem = breach.problem
        if problem.code == grant_rules.UNCLEAR:
            problem = replace(problem, severity=Severity.WARNING)
        team.report.problem(problem, breach.location)


def _form(entry: AccessEntry, team: _Team) -> None:
    written = entry.via
    rule = team.book.forbidding_rule(Form(written)) if written in set(Form) else None
    if rule is not None:
        allowed = [form for form in Form if team.book.forbidding_rule(form) is None]
        team.report.error(
            "form-not-allowed",
            entry.place.at(*entry.keys.via).location,
            f"temporary grants may not be written as {written}",
            f"{_instead(allowed)} ({team.book.cite(*rule)})",
        )


def _instead(allowed: Sequence[Form]) -> str:
    if not allowed:
        return "the rules leave no way to write a temporary grant; change them first"
    return f"write {listed(allowed, 'or')}, or leave it out: the first that fits is taken"


def _ticket(entry: AccessEntry, team: _Team) -> None:
    pattern = team.book.settings.temporary_access.require_ticket
    if not entry.temporary or pattern is None:
        return
    written = entry.ticket
    where = team.book.cite(_TEMPORARY, "require_ticket")
    if written is None:
        team.report.error(
            "missing-ticket",
            entry.place.location,
            "a temporary grant must name its ticket",
            f"add '{key_name(entry.keys.ticket)}:' with one that matches "
            f"{shown(pattern.expression)} ({where})",
        )
    elif not pattern.is_all_of(written):
        team.report.error(
            "bad-ticket",
            entry.place.at(*entry.keys.ticket).location,
            f"{shown(written)} is not a ticket",
            f"write one that matches {shown(pattern.expression)} in full ({where})",
        )


def _description(entry: AccessEntry, team: _Team) -> None:
    if not entry.temporary:
        return
    least = team.book.settings.temporary_access.require_description
    length = len((entry.description or "").strip())
    if length < least:
        team.report.error(
            "short-description",
            entry.place.at(*entry.keys.description).location,
            f"the description of a temporary grant is too short: it has {length:,} of "
            f"{least:,} characters",
            "describe what the access is needed for "
            f"({team.book.cite(_TEMPORARY, 'require_description')})",
        )


def _outliving(entry: AccessEntry, team: _Team) -> None:
    """Check a grant's own statements; those of AWS managed policies are checked in a plan."""
    if not entry.temporary:
        return
    for index, grant in enumerate(entry.grants):
        actions = outliving_actions(_own(grant, team))
        if actions:
            team.report.error(
                "outlives-deadline",
                entry.at(GRANTS, index),
                f"{shown(grant)} allows {listed(sorted(actions))}: with these, access can be made "
                "that lasts beyond the deadline",
                "take the actions out of the policy, or have temporary_access.outliving_actions "
                "say deny: then exactly these are denied while the grant holds "
                f"({team.book.cite(_TEMPORARY, 'outliving_actions')})",
            )


def _denied(entry: AccessEntry, team: _Team) -> None:
    """Report what is denied with a grant of its own statements, and a grant that gives nothing.

    The former is reported once for each grant, at its first entry.
    """
    if not entry.temporary:
        return
    for index, grant in enumerate(entry.grants):
        is_first, actions = grant not in team.withheld, _withheld(grant, team)
        if not actions:
            continue
        managed = team.grants.contents(grant).managed
        outliving = actions & outliving_actions(_own(grant, team))
        rule = "outliving_actions" if outliving else "resource_policies"
        where = team.book.cite(_TEMPORARY, rule)
        if not managed and gives_nothing(_own(grant, team), actions):
            problem = nothing_left(shown(grant), actions, where)
            problem = replace(problem, severity=_weight(entry, grant, team))
            team.report.problem(problem, entry.at(GRANTS, index))
        elif is_first:
            team.report.problem(denied_with(shown(grant), actions, where), entry.at(GRANTS, index))


def _weight(entry: AccessEntry, grant: str, team: _Team) -> Severity:
    """The severity of an entry that gives nothing: a warning if it is not new."""
    if team.before is None:
        return team.otherwise
    item = next(each for each in team.team_files.policies if each.key == grant)
    statements = item.spec.statements if item.spec is not None else ()
    return Severity.WARNING if team.before.gave(entry, grant, statements) else Severity.ERROR


def _withheld(grant: str, team: _Team) -> frozenset[str]:
    known = team.withheld
    if grant not in known:
        known[grant] = team.book.withheld(_own(grant, team))
    return known[grant]


def _own(grant: str, team: _Team) -> tuple[Document, ...]:
    return team.grants.contents(grant).documents


def _contents(spec: PermissionsSpec) -> Contents:
    """The contents of a grant by the files."""
    own = (documents.document(spec.statements),) if spec.statements else ()
    return Contents((*spec.managed_policies, *spec.of_others), own)


def check_names(
    all_team_files: Sequence[TeamFiles], book: Rulebook, report: FindingCollector
) -> None:
    """Warn of rules whose patterns match nothing, and of environments they may be meant for.

    Names are not checked while a file that may have them cannot be read.
    """
    unclear = {folder for team_files in all_team_files for folder in team_files.unclear}
    if not all_team_files:
        return
    if accounts.FOLDER not in unclear:
        # By each name of an account, and by its id.
        known: frozenset[str] = frozenset().union(*set(book.aliases.values()))
        _unknown("environment", book.environment_patterns(), known, book, report)
        named = ((each, path) for each, path in book.account_patterns() if not each.isdigit())
        _unknown("account", named, known, book, report)
        _closed(known, book, report)
    if all(team_files.policies_are_known for team_files in all_team_files):
        grants = {
            name
            for team_files in all_team_files
            for item in team_files.policies
            for name in names_of_grant(team_files.name, item.key)
        }
        _unknown("grant", book.grant_patterns(), grants, book, report)
    _unknown(
        "team",
        book.team_patterns(),
        {team_files.name for team_files in all_team_files},
        book,
        report,
    )
    for pattern, path in book.action_patterns():
        if not expand(pattern):
            _without_effect("action", pattern, path, "", book, report)
    _alike(all_team_files, dict(book.environment_patterns()), "environments", book, report)
    _alike(all_team_files, dict(book.account_patterns()), "accounts", book, report)


def _closed(known: Collection[str], book: Rulebook, report: FindingCollector) -> None:
    """Warn of closed accounts that some file names."""
    for index, number in enumerate(book.settings.closed_accounts):
        if number in known and book.place is not None:
            report.warning(
                "rule-without-effect",
                book.place.at("closed_accounts", index).location,
                f"account {number} is not closed: a file names it, so it is looked at",
                f"take it out of {accounts.FOLDER}/, or out of closed_accounts",
            )


def _unknown(
    what: str,
    patterns: Iterable[tuple[str, Path]],
    known: Collection[str],
    book: Rulebook,
    report: FindingCollector,
) -> None:
    for pattern, path in patterns:
        if first_match([pattern], known, ignore_case=what in _NAMED) is None:
            candidates = [name for name in known if ("/" in name) == ("/" in pattern)]
            guess = "" if is_wild(pattern) else did_you_mean(pattern, candidates)
            _without_effect(what, pattern, path, guess, book, report)


def _without_effect(
    what: str, pattern: str, path: Path, guess: str, book: Rulebook, report: FindingCollector
) -> None:
    if book.place is None:
        return
    report.warning(
        "rule-without-effect",
        book.place.key(*path) if path[-1] == pattern else book.place.at(*path).location,
        f"there is no {what} {shown(pattern)} for this rule",
        guess or "correct the name, or remove the rule",
    )


def _alike(
    all_team_files: Sequence[TeamFiles],
    patterns: Mapping[str, Path],
    what: str,
    book: Rulebook,
    report: FindingCollector,
) -> None:
    """Warn of an environment that no pattern matches while one begins in the same way."""
    plain = {each.lower(): each for each in patterns if not is_wild(each) and len(each) >= _LIKE}
    for team_files in all_team_files if plain else ():
        for item in team_files.account_items:
            names = book.names_of_account(team_files.name, item.key)
            name = item.key.lower()
            if first_match(tuple(patterns), names, ignore_case=True) is not None:
                if plain.get(name, item.key) != item.key:
                    _spelled(team_files.name, item, plain[name], report)
                continue
            near = [plain[each] for each in plain if _begin_alike(each, name)]
            if near:
                report.of(team_files.name).warning(
                    "similar-environment",
                    item.place.location,
                    f"no rule for {what} is for {shown(item.key)}, but there is one for "
                    f"{shown(near[0])}",
                    f"if it is meant here, too, have it name {shown(item.key)}, a pattern or the "
                    f"account's id ({book.cite(*patterns[near[0]])})",
                )


def _spelled(team: str, item: Item, pattern: str, report: FindingCollector) -> None:
    report.of(team).note(
        "similar-environment",
        item.place.location,
        f"the rules for {shown(pattern)} are for {shown(item.key)}, too: case does not count",
        "use the same case in both",
    )


def _begin_alike(one: str, other: str) -> bool:
    return len(other) >= _LIKE and (one.startswith(other) or other.startswith(one))
