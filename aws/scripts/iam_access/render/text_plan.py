"""The changes of one account as lines to read, by principal."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from itertools import zip_longest

from iam_access.model import Change, ChangeType, Principal, Report
from iam_access.render import wording
from iam_access.render.documents import DocumentDiff, attribute_facts, document_diffs
from iam_access.render.layout import BLANK, Line, Span, hint, line, whole_line
from iam_access.render.view import AccountView, ChangeView, Fate

# A longer document is told by its size, unless verbose.
MOST_LINES = 40

_SIGNS = {ChangeType.CREATE: "+", ChangeType.UPDATE: "~", ChangeType.DELETE: "-"}
_SAID = {Fate.DONE: "done", Fate.ALREADY: "already so", Fate.HELD: "held back"}


@dataclass(frozen=True, slots=True)
class _Told:
    """The lines of one change. Neighbours with the same `facts` share them."""

    head: Line
    trouble: tuple[Line, ...]
    facts: tuple[Line, ...]
    content: tuple[Line, ...]


def account_lines(
    account: AccountView, report: Report, *, verbose: bool, zone: tzinfo | None
) -> Iterator[Line]:
    """What is to be changed, or was, in one account; nothing where there is nothing to tell."""
    if account.failure is None and not account.refused and not account.steps:
        return
    yield line(0, Span(account.title, "title"))
    if account.failure is not None:
        failure = account.failure
        yield line(2, Span("not reached: ", "error"), f"{failure.code}: {failure.message}")
        yield from hint(4, failure.hint)
    if account.refused:
        why = "what is held back is not written; the findings say why"
        yield line(2, Span("refused: ", "error"), why)
    for principal, steps in account.groups:
        yield line(2, Span(_principal(principal), "title"))
        told = [_told(step, report, verbose=verbose, zone=zone) for step in steps]
        for one, following in zip_longest(told, told[1:]):
            yield one.head
            yield from one.trouble
            shared = following is not None and following.facts == one.facts
            if one.trouble or one.content or not shared:
                yield from one.facts
            yield from one.content


def _principal(principal: Principal | None) -> str:
    return principal.label if principal else "in the account"


def _told(step: ChangeView, report: Report, *, verbose: bool, zone: tzinfo | None) -> _Told:
    change = step.change
    sign = Span(f"{_SIGNS[change.action]} {change.id.kind} ", change.action)
    said = f" ({_SAID[step.fate]})" if step.fate in _SAID else ""
    return _Told(
        head=line(4, sign, Span(change.name, "title"), said),
        trouble=tuple(_trouble(step)),
        facts=tuple(_facts(change, report, zone)),
        content=tuple(_content(step, verbose=verbose)),
    )


def _trouble(step: ChangeView) -> Iterator[Line]:
    failure = step.failure
    if failure is None and step.fate not in (Fate.FAILED, Fate.SKIPPED):
        return
    words = Span(f"{step.fate}: ", "error" if step.fate is Fate.FAILED else "warning")
    if failure is None:
        yield line(6, words, "no reason was given")
        return
    yield line(6, words, ": ".join(filter(None, (failure.code, failure.message))))
    yield from hint(6, failure.hint)


def _facts(change: Change, report: Report, zone: tzinfo | None) -> Iterator[Line]:
    place = f"({change.location})" if change.location is not None else ""
    first, *others = change.reasons or ("",)
    if others:
        yield line(6, first)
        for clause in others:
            yield line(8, clause)
        if place:
            yield line(8, Span(place, "faint"))
    elif first or place:
        yield line(6, first, " " if first and place else "", Span(place, "faint"))
    if len(change.teams) > 1:
        yield line(6, f"for {', '.join(sorted(change.teams))}")
    expires = change.subject.expires
    # Of what goes because it has ended, the reason says when.
    if expires is not None and (change.action is not ChangeType.DELETE or expires > report.now):
        verb = "would end" if change.action is ChangeType.DELETE else "ends"
        yield line(6, wording.moment(verb, expires, report.now, zone))


def _content(step: ChangeView, *, verbose: bool) -> Iterator[Line]:
    change = step.change
    for fact in attribute_facts(change):
        yield line(6, fact)
    if verbose or change.action is not ChangeType.DELETE:
        for document in document_diffs(change):
            yield from _document(document, change, verbose=verbose)
    usage = change.after.usage if change.after is not None else ()
    if usage and step.fate not in (Fate.FAILED, Fate.SKIPPED, Fate.HELD):
        # At the margin, as an indented line means something else in a file of AWS profiles.
        yield line(6, "How to use it:")
        yield BLANK
        yield from (whole_line(0, text) for text in usage)
        yield BLANK


def _document(document: DocumentDiff, change: Change, *, verbose: bool) -> Iterator[Line]:
    number = len(document.lines)
    if change.action is ChangeType.CREATE and number > MOST_LINES and not verbose:
        name = document.name or "document"
        size = f"{number:,} lines, {document.size:,} characters"
        yield line(8, f"{name}: {size} (--verbose shows it)")
        return
    if document.name:
        yield line(6, f"{document.name}:")
    for text in document.lines:
        yield whole_line(8, Span(text, _diff_style(text)))


def _diff_style(text: str) -> str:
    return {"+": "added", "-": "removed", "@": "note"}.get(text[:1], "")
