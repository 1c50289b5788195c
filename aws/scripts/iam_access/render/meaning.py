"""What a plan means, in words that renderers share. All text in it may be untrusted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from iam_access.model import Account, Difference, Meaning, Report
from iam_access.render import view

NOTHING = "Nobody gains or loses anything."
# How many resources or actions a line names.
_NAMED = 3
_ACTIONS = 8


@dataclass(frozen=True, slots=True)
class AccountMeaning:
    """One account's principals: those for whom something changes, and the others."""

    account: Account
    changed: tuple[Meaning, ...]
    unchanged: tuple[Meaning, ...]

    @property
    def title(self) -> str:
        return view.title(self.account)


def accounts(report: Report) -> tuple[AccountMeaning, ...] | None:
    """The accounts in which the plan touches somebody; None when nobody asked what it means."""
    asked = [each for each in report.accounts if each.meanings is not None]
    if not asked:
        return None
    found = [
        AccountMeaning(
            each.account,
            tuple(one for one in each.meanings or () if not one.is_nothing),
            tuple(one for one in each.meanings or () if one.is_nothing),
        )
        for each in asked
        if each.meanings
    ]
    return tuple(sorted(found, key=lambda each: (each.account.label, each.account.id)))


def who(meaning: Meaning) -> str:
    """`user alice`."""
    return f"{meaning.principal.type} {meaning.principal.name}"


def summary(meaning: Meaning) -> str:
    """One line: how much is gained and lost, what narrows it, and what it may lead to."""
    clauses = []
    if meaning.gains:
        clauses.append(f"gains {_numbers(meaning.gained)}{_extent(meaning.gains)}")
    elif not meaning.is_nothing:
        clauses.append("no new access")
    if meaning.losses:
        clauses.append(f"loses {_numbers(meaning.lost)}{_extent(meaning.losses)}")
    if meaning.escalations:
        codes = ", ".join(each.code for each in meaning.escalations)
        clauses.append(f"ways to escalate: {codes}")
    if meaning.unread:
        clauses.append(f"and what {_some(meaning.unread)} says, which was not read")
    return "; ".join(clauses) or "no new access"


def actions(difference: Difference) -> str:
    """`3 Write: s3:PutObject, …`, not all of them where they are many."""
    return f"{difference.count:,} {difference.level}: {_some(difference.actions, _ACTIONS)}"


def manner(difference: Difference) -> tuple[str, ...]:
    """On what, when, how long and how: a clause for each."""
    said = [f"on {', '.join(map(_everything, difference.resources))}"]
    said += (f"when {each}" for each in difference.conditions)
    said += (f"not when {each}" for each in difference.unless)
    if difference.starts is not None:
        said.append(f"from {_instant(difference.starts)}")
    if difference.until is not None:
        said.append(f"until {_instant(difference.until)}")
    if difference.via is not None:
        said.append(f"by assuming role {difference.via}")
    return tuple(said)


def _numbers(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {level}" for level, number in counts.items())


def _extent(differences: Sequence[Difference]) -> str:
    """What narrows all of it, or that some of it is narrowed."""
    wide: set[str] = set()
    narrow: set[str] = set()
    for each in differences:
        (wide if "*" in each.resources else narrow).update(each.resources)
    said = " on all resources" if wide else ""
    if narrow:
        said += f"{', some only' if wide else ''} on {_some(sorted(narrow))}"
    said += _shared(differences, lambda each: "; ".join(each.conditions), "when", "conditions")
    said += _shared(differences, lambda each: "; ".join(each.unless), "not when", "exceptions")
    said += _shared(differences, lambda each: _instant(each.starts), "from", "a start")
    said += _shared(differences, lambda each: _instant(each.until), "until", "an end")
    said += _shared(differences, lambda each: each.via or "", "by assuming role", "another role")
    return said


def _shared(
    differences: Iterable[Difference], say: Callable[[Difference], str], word: str, noun: str
) -> str:
    found = {say(each) for each in differences}
    if found == {""}:
        return ""
    return f", {word} {found.pop()}" if len(found) == 1 else f", some with {noun}"


def _some(texts: Sequence[str], most: int = _NAMED) -> str:
    said = ", ".join(texts[:most])
    return f"{said} and {len(texts) - most:,} more" if len(texts) > most else said


def _everything(resource: str) -> str:
    return "all resources" if resource == "*" else resource


def _instant(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment is not None else ""
