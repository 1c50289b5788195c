"""What the rows of the timeline say, for text and Markdown. Untrusted: names and failures."""

from iam_access.kinds import kind_named
from iam_access.model import GrantChange
from iam_access.render import view
from iam_access.render.timeline import Row
from iam_access.render.view import Fate

_DONE = {
    GrantChange.UNCHANGED: "",
    GrantChange.ENDED: "removed",
}
_TO_DO = {
    GrantChange.REVOKED: "to be revoked",
    GrantChange.ENDED: "to be removed",
}
_FAILED = {
    GrantChange.NEW: "not in place",
    GrantChange.ENDED: "not removed",
}


def who(row: Row) -> str:
    """`user alice`."""
    return row.status.principal.label if row.status.principal else "nobody (deleted)"


def what(row: Row) -> str:
    """`support.break-glass of payments`."""
    return f"{row.status.grant or 'unknown grant'} of {', '.join(row.teams)}"


def where(row: Row) -> str:
    """`prod (123456789012)`."""
    environment = view.environment(row.account, row.teams)
    return f"{environment} ({row.account.id})" if environment else row.account.id


def form(row: Row) -> str:
    """`inline policy`, `role`, `2 policies`."""
    return " and ".join(kind_named(kind).in_words(number) for kind, number in row.status.kinds)


def state(row: Row) -> str:
    """What this run does to it, or did, or could not do; empty where it stays as it is."""
    if row.went_wrong:
        return _FAILED.get(row.change, f"not {row.change}")
    words = _TO_DO if row.fate is Fate.PLANNED else _DONE
    return words.get(row.change, row.change)


def trouble(row: Row) -> str:
    """Why the run could not do it, and whether that matters; empty where it could."""
    if not row.went_wrong:
        return ""
    failure = row.failure
    why = f"{failure.code}: {failure.message}" if failure else "no reason was given"
    if row.change is GrantChange.ENDED:
        return f"{why}; this is harmless: IAM denies all of it already"
    return why
