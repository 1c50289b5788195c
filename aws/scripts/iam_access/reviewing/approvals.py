"""Whether the reviews of a pull request approve the access that it brings.

The rules are those of the target branch: a pull request cannot take its own away.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from iam_access.config.rules.rulebook import first_match, names_of_grant, names_of_policy
from iam_access.config.settings import ApprovalRule, Settings
from iam_access.model import PrincipalType
from iam_access.phrases import listed
from iam_access.reviewing.new_access import NewAccess

# https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
LONGEST_DESCRIPTION = 140


class State(StrEnum):
    """A status of a commit, as GitHub calls it."""

    SUCCESS = "success"
    PENDING = "pending"
    FAILURE = "failure"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Review:
    """One review, with the name of the reviewer, what GitHub calls its state, and the commit."""

    login: str
    state: str
    commit: str


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A pull request as its reviews leave it.

    `authors` are the names of all who wrote it or a commit of it, `head` is its newest commit,
    `reviews` come oldest first, and `members` are the names in each team that a rule names; a team
    without any is one that GitHub does not know. Names ignore case.
    """

    authors: Collection[str]
    head: str
    reviews: Sequence[Review]
    members: Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Missing:
    """What one rule still asks for one grant.

    `approvers` are those whose approvals count, `not_counted` says why others do not.
    """

    rule: ApprovalRule
    access: NewAccess
    approvers: tuple[str, ...]
    not_counted: tuple[str, ...]

    @property
    def message(self) -> str:
        """For people; the text is untrusted where it is shown."""
        left = self.rule.count - len(self.approvers)
        what = "an approval" if left == 1 else f"{left} approvals"
        why = f" ({'; '.join(self.not_counted)})" if self.not_counted else ""
        return f"{self.access.label} needs {what} of {self.rule.team}{why}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status of a pull request, with what is missing. `refused_by` asked for changes."""

    needed: int = 0
    missing: tuple[Missing, ...] = ()
    refused_by: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        if self.refused_by:
            return State.FAILURE
        return State.PENDING if self.missing else State.SUCCESS

    @property
    def description(self) -> str:
        """One line for the status, as long as GitHub takes."""
        if self.refused_by:
            text = f"changes were asked for by {listed(self.refused_by)}"
        elif self.missing:
            teams = sorted({each.rule.team for each in self.missing})
            text = f"waits for approvals of {listed(teams)}"
        elif self.needed:
            text = "all approvals are there"
        else:
            text = "no approvals are needed"
        return text if len(text) <= LONGEST_DESCRIPTION else f"{text[: LONGEST_DESCRIPTION - 1]}…"


def teams_asked(access: Iterable[NewAccess], settings: Settings, *, unclear: bool) -> set[str]:
    """The teams whose members `verdict` has to know."""
    return {rule.team for each in access for rule in _rules(each, settings, unclear=unclear)}


def verdict(
    access: Sequence[NewAccess], settings: Settings, reviewed: Reviewed, *, unclear: bool = False
) -> Verdict:
    """Judge the new access by the rules of `settings`, those of the target branch.

    It is `unclear` which names accounts have while accounts files cannot be read: then a rule for
    some environments holds for all. An approval counts if it is of the newest commit, of a member
    of the team who wrote none of the pull request, and not for access of the approver.
    """
    latest = _latest(reviewed.reviews)
    needed = [(rule, each) for each in access for rule in _rules(each, settings, unclear=unclear)]
    missing = []
    for rule, each in needed:
        counted, not_counted = _count(rule, each, settings, reviewed, latest)
        if len(counted) < rule.count:
            missing.append(Missing(rule, each, counted, not_counted))
    teams = {rule.team for rule, _ in needed}
    judges = {name for team in teams for name in _lower(reviewed.members.get(team, ()))}
    refused = sorted(
        each.login
        for login, each in latest.items()
        if login in judges and each.state == "CHANGES_REQUESTED"
    )
    return Verdict(len(needed), tuple(missing), tuple(refused))


def _rules(access: NewAccess, settings: Settings, *, unclear: bool) -> Iterator[ApprovalRule]:
    """The rules that hold for a grant."""
    for rule in settings.approvals.required:
        here = (
            rule.environments is None
            or unclear
            or first_match(rule.environments, access.account, ignore_case=True) is not None
        )
        if here and _selects(rule, access):
            yield rule


def _selects(rule: ApprovalRule, access: NewAccess) -> bool:
    if rule.grants is None and rule.managed_policies is None:
        return True
    by_key = first_match(rule.grants or (), names_of_grant(access.team, access.grant))
    return by_key is not None or any(
        _names(rule.managed_policies or (), policy) for policy in access.contents
    )


def _names(patterns: Sequence[str], policy: str) -> bool:
    """Whether a pattern is for a managed policy.

    Where a file names one without its path, which only the account has, the path does not count.
    """
    if "/" not in policy:
        patterns = [each.rpartition("/")[2] for each in patterns]
    return first_match(patterns, names_of_policy(policy), ignore_case=True) is not None


def _latest(reviews: Iterable[Review]) -> Mapping[str, Review]:
    """The review that counts of each reviewer, by name: a comment leaves the one before it."""
    latest: dict[str, Review] = {}
    for each in reviews:
        login = each.login.lower()
        if each.state in ("APPROVED", "CHANGES_REQUESTED"):
            latest[login] = each
        elif each.state == "DISMISSED":
            latest.pop(login, None)
    return latest


def _count(
    rule: ApprovalRule,
    access: NewAccess,
    settings: Settings,
    reviewed: Reviewed,
    latest: Mapping[str, Review],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whose approvals count, and why others do not."""
    members = _lower(reviewed.members.get(rule.team, ()))
    authors = _lower(reviewed.authors)
    counted, not_counted = [], []
    for login, review in latest.items():
        if review.state != "APPROVED" or login not in members:
            continue
        if login in authors:
            not_counted.append(f"{review.login} wrote a part of it")
        elif review.commit != reviewed.head:
            not_counted.append(f"{review.login} approved an earlier commit")
        elif (reason := _own(login, access, settings)) is not None:
            not_counted.append(f"{review.login} {reason}")
        else:
            counted.append(review.login)
    return tuple(counted), tuple(not_counted)


def _own(login: str, access: NewAccess, settings: Settings) -> str | None:
    """Why access of a user may be that of the approver; None if it is not."""
    if access.principal.type is not PrincipalType.USER:
        return None
    people = settings.approvals.people
    written = [user for name, users in people.items() if name.lower() == login for user in users]
    if not written:
        return "is not in approvals.people, so it may be access of their own"
    users = {settings.user_names.user(each).in_iam for each in written}
    return "would approve access of their own" if access.principal.in_iam in users else None


def _lower(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)
