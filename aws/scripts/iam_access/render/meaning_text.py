"""What a plan means as lines to read: one for each principal or several alike."""

import sys
from collections.abc import Iterator, Sequence

from iam_access.model import PermissionDelta, Report
from iam_access.render import meaning as words
from iam_access.render.layout import Line, Span, line
from iam_access.render.meaning import AccountMeaning, AlikeMeaning

# How many principals are named in a line, unless what they gain is dangerous.
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
        yield line(2, Span(words.nothing(report), "good"))
    else:
        yield from _accounts(found, verbose=verbose)
    held = words.held(report)
    if held:
        yield line(0, Span(words.HELD, "title"))
        yield from _accounts(held, verbose=verbose)


def _accounts(found: Sequence[AccountMeaning], *, verbose: bool) -> Iterator[Line]:
    most = sys.maxsize if verbose else _NAMED
    for account in found:
        yield line(2, Span(account.title, "title"))
        for each in account.changed:
            yield from _meaning(each, sys.maxsize if each.danger else most, verbose=verbose)
        if account.unchanged:
            yield line(4, f"no new access: {words.names(account.unchanged, most)}")


def _meaning(alike: AlikeMeaning, most: int, *, verbose: bool) -> Iterator[Line]:
    meaning = alike.meaning
    style = "warning" if meaning.escalations or meaning.denied or meaning.freed else ""
    names = words.names(alike.principals, most)
    yield line(4, Span(names, "title"), ": ", Span(words.summary(meaning), style))
    if not verbose:
        return
    yield from _differences(words.DENIES, "delete", meaning.denied)
    yield from _differences(words.FREES, "create", meaning.freed)
    yield from _differences("gains", "create", meaning.gains)
    yield from _differences("loses", "delete", meaning.losses)
    for each in meaning.escalations:
        yield line(6, Span(f"{each.code}: ", "warning"), each.explanation)
        yield line(8, ", ".join(each.actions))
        yield line(8, Span(each.url, "faint"))
    for arn in meaning.unread:
        yield line(6, f"not read: {arn}")


def _differences(verb: str, style: str, differences: Sequence[PermissionDelta]) -> Iterator[Line]:
    for each in differences:
        yield line(6, Span(f"{verb} ", style), words.actions(each))
        yield from (line(8, clause) for clause in words.manner(each, words.COMMON[verb]))
