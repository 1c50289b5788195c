"""Findings, and what could not be finished, as rows of a table in Markdown."""

from collections.abc import Sequence

from iam_access.model import Finding, Notice, Severity
from iam_access.render import view, wording
from iam_access.render.escape import markdown, markdown_block, markdown_code
from iam_access.render.markdown_room import row
from iam_access.render.view import AccountView, Folded

HEAD = ("### Findings", "", row(("Severity", "Where", "What")), row(["---"] * 3))


# Told before all else: who reviews a change decides by it.
_FIRST = frozenset({"account-of-another"})
# How many of these are told in full.
_TOLD = 5


def first(found: Sequence[Finding]) -> list[str]:
    """Lines that stand before all else, with an empty one after them; or none."""
    told = [each for each in found if each.code in _FIRST]
    lines = [f"> **{each.severity}:** {markdown(each.message)}" for each in told[:_TOLD]]
    if len(told) > _TOLD:
        lines.append(f"> and {len(told) - _TOLD:,} more like it")
    return [*"\n>\n".join(lines).split("\n"), ""] if lines else []


def folded(
    found: Sequence[Notice], accounts: Sequence[AccountView], *, verbose: bool
) -> list[Folded]:
    """What failed, then the findings, the heaviest first."""
    weights = {severity: weight for weight, severity in enumerate(Severity)}
    shown = sorted(
        view.folded(found, verbose=verbose),
        key=lambda fold: weights[fold.finding.severity],
    )
    return [*(Folded(each) for each in wording.troubles(accounts)), *shown]


def rows(found: Sequence[Folded], accounts: Sequence[AccountView]) -> list[str]:
    """Rows of the table, without the hints that have several lines."""
    titles = {each.account.id: each.title for each in accounts}
    return [_row(fold, titles) for fold in found]


def blocks(found: Sequence[Folded]) -> list[str]:
    """The hints that have several lines, which no cell of a table can hold."""
    wide = [fold.finding for fold in found if "\n" in fold.finding.hint]
    return [
        "\n".join([*([""] if number else []), *_block(each)]) for number, each in enumerate(wide)
    ]


def _row(fold: Folded, titles: dict[str, str]) -> str:
    finding = fold.finding
    account = titles.get(finding.account or "", finding.account or "")
    what = [f"{markdown(finding.message)} ({markdown_code(finding.code)})"]
    if finding.hint and "\n" not in finding.hint:
        what.append(markdown(finding.hint))
    if fold.more:
        what.append(f"and {wording.count(fold.more, f'more {fold.finding.severity}')} like it")
    where = [markdown_code(text) for text in (_place(finding), account) if text]
    return row((finding.severity, "<br>".join(where), "<br>".join(what)))


def _block(finding: Notice) -> tuple[str, ...]:
    about = ", ".join(markdown_code(text) for text in (finding.code, _place(finding)) if text)
    return (f"{about}:", "", *markdown_block(finding.hint.split("\n"), ""))


def _place(finding: Notice) -> str:
    return str(finding.location) if finding.location else ""
