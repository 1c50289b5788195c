"""What a plan means as lines to read: one for each principal, and more with `verbose`."""

from collections.abc import Iterator, Sequence

from iam_access.model import Difference, Meaning, Report
from iam_access.render import meaning as words
from iam_access.render.layout import Line, Span, line

# How many principals for whom nothing changes are named.
_NAMED = 10


def meaning_lines(report: Report, *, verbose: bool) -> Iterator[Line]:
    """Nothing where nobody asked."""
    found = words.accounts(report)
    if found is None:
        return
    yield line(0, Span("What it means", "title"))
    unknown = words.unknown(report)
    if unknown:
        yield line(2, Span(unknown, "warning"))
    if not any(each.changed for each in found):
        yield line(2, Span(words.ELSEWHERE if unknown else words.NOTHING, "good"))
        return
    for account in found:
        yield line(2, Span(account.title, "title"))
        for each in account.changed:
            yield from _meaning(each, verbose=verbose)
        if account.unchanged:
            yield line(4, f"no new access: {_named(account.unchanged, verbose=verbose)}")


def _named(meanings: Sequence[Meaning], *, verbose: bool) -> str:
    shown = meanings if verbose else meanings[:_NAMED]
    said = ", ".join(map(words.who, shown))
    more = len(meanings) - len(shown)
    return f"{said} and {more:,} more" if more else said


def _meaning(meaning: Meaning, *, verbose: bool) -> Iterator[Line]:
    style = "warning" if meaning.escalations else ""
    yield line(4, Span(words.who(meaning), "title"), ": ", Span(words.summary(meaning), style))
    if not verbose:
        return
    yield from _differences("gains", "create", meaning.gains)
    yield from _differences("loses", "delete", meaning.losses)
    for each in meaning.escalations:
        yield line(6, Span(f"{each.code}: ", "warning"), each.explanation)
        yield line(8, ", ".join(each.actions))
        yield line(8, Span(each.url, "faint"))
    for arn in meaning.unread:
        yield line(6, f"not read: {arn}")


def _differences(verb: str, style: str, differences: Sequence[Difference]) -> Iterator[Line]:
    for each in differences:
        yield line(6, Span(f"{verb} ", style), words.actions(each))
        yield from (line(8, clause) for clause in words.manner(each, words.COMMON[verb]))
