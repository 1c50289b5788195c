"""What a request offers and says, at the terminal and in an issue alike."""

import difflib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from iam_access.cli.request.asking import Choice
from iam_access.cli.request.git import Message
from iam_access.config import entry_edits
from iam_access.config.configuration import Configuration, Team
from iam_access.config.entry_edits import Asked, Edit, End
from iam_access.config.yaml.invisible import invisible_names
from iam_access.errors import UsageError
from iam_access.github.issues import LONGEST_TITLE
from iam_access.kinds.fields import is_user
from iam_access.phrases import length, listed, local_instant, shown
from iam_access.render import escape

_ADDRESS = re.compile(r"(user/)?[A-Za-z0-9_+=,.-]*[A-Za-z0-9_]@[A-Za-z0-9.-]+")
# How Python has bytes of the command line that are no text.
_NO_TEXT = re.compile("[\ud800-\udfff]")
_STATEMENTS = 6  # of a policy that are written out
_ACTIONS = 5  # of a statement


def as_user(text: str) -> str:
    """The text, if it can stand for a user. Raises UsageError.

    It stands in titles, too, in which GitHub would take another text for a mention or reference.
    """
    if not is_user(text) or ("@" in text and _ADDRESS.fullmatch(text) is None):
        raise UsageError(
            f"{shown(text)} gives no IAM user name", "write one e-mail address, or user/NAME"
        )
    return text


def visible(text: str) -> str:
    """The text, if all of it can be seen, as a file must have it. Raises UsageError."""
    unseen = invisible_names(text) or ("bytes that are not UTF-8" if _NO_TEXT.search(text) else "")
    if unseen:
        raise UsageError(f"the text has characters that cannot be seen: {unseen}", "leave them out")
    return text


def environments(configuration: Configuration, team: Team) -> Iterator[Choice]:
    """The environments of a team, with the account and how long access may last there."""
    for name, spec in team.accounts.items():
        most = _at_most(configuration, team, [name], list(team.policies))
        yield Choice(name, ", ".join(filter(None, (spec.id, most))))


def grants(configuration: Configuration, team: Team, environment: str | None) -> Iterator[Choice]:
    """The grants of a team, with their descriptions and how long they may last (None: anywhere)."""
    places = list(team.accounts) if environment is None else [environment]
    for key, entry in team.policies.items():
        about = entry.spec.description or "(no description)"
        most = _at_most(configuration, team, places, [key])
        yield Choice(key, f"{about} ({most})" if most else about)


def _at_most(
    configuration: Configuration, team: Team, places: Sequence[str], keys: Sequence[str]
) -> str:
    """How long these grants may last in these environments."""
    limits = {
        configuration.rules.limits(team.name, place, key).longest.length
        for place in places
        for key in keys
    }
    return f"at most {' or '.join(length(each) for each in sorted(limits))}" if limits else ""


def what_it_allows(team: Team, grant: str) -> Iterator[str]:
    """What a grant allows, as its policy is written."""
    spec = team.policies[grant].spec
    yield f"{grant} is: {spec.description or '(no description)'}"
    for arn in spec.managed_policies:
        yield f"  the AWS managed policy {arn.rpartition('/')[2]}"
    for name in spec.of_others:
        yield f"  the customer managed policy {name.rpartition('/')[2]}"
    for each in spec.custom_statements[:_STATEMENTS]:
        actions = each.actions if each.actions is not None else each.not_actions or []
        what = listed([*actions[:_ACTIONS], *_more(len(actions) - _ACTIONS)])
        all_but = "" if each.actions is not None else "all but "
        only = " under conditions" if each.conditions else ""
        yield f"  {each.effect.lower()} {all_but}{what}{only}"
    for more in _more(len(spec.custom_statements) - _STATEMENTS):
        yield f"  and {more}"


def _more(count: int) -> list[str]:
    return [f"{count:,} more"] if count > 0 else []


def asked_for(asked: Asked) -> str:
    """What is requested for whom, to begin a title with."""
    return f"request {asked.grant} in {asked.environment} for {asked.user or asked.role}"


def reason_of(asked: Asked) -> str:
    """The reason of a request, after its ticket."""
    return ": ".join(filter(None, (asked.ticket, asked.description)))


def begins_at(
    configuration: Configuration, starts: datetime | None, now: datetime
) -> datetime | None:
    """From when a length of time counts (UTC); None: from the merge, which git tells."""
    if starts is None and entry_edits.has_history(configuration):
        return None
    return max(starts or now, now)


def ends_when(until: End, now: datetime, zone: tzinfo | None) -> str:
    """When access ends, in UTC and in a zone (None: the system's)."""
    ends = local_instant(until.moment(now), zone)
    if until.length is None:
        return f"ends {ends}"
    return f"lasts {length(until.length)} from its merge on; merged now, it would end {ends}"


def message(what: str, until: End | None, now: datetime, reason: str | None) -> Message:
    """What a commit and a pull request say; `now` is UTC."""
    end = ""
    if until is not None and until.length is not None:
        end = f", {length(until.length)} from the merge on"
    elif until is not None:
        end = f" until {until.moment(now):%Y-%m-%d %H:%M} UTC"
    title = escape.terminal(f"{what[0].upper()}{what[1:]}{end}")
    if len(title) > LONGEST_TITLE:
        title = f"{title[: LONGEST_TITLE - 2]} …"
    body = escape.markdown(reason) if reason else "No reason was given."
    return Message(title, body)


def diff(change: Edit) -> Iterator[str]:
    """The lines that change, as a unified diff."""
    before, after = (
        (each or b"").decode("utf-8-sig").splitlines() for each in (change.before, change.after)
    )
    yield from difflib.unified_diff(before, after, change.name, change.name, lineterm="", n=2)
