"""The changes of accounts in Markdown, each account folded away."""

from collections.abc import Iterator, Mapping, Sequence

from iam_access import phrases
from iam_access.model import Principal, Report
from iam_access.render.escape import html, html_code, markdown, markdown_block, markdown_code
from iam_access.render.markdown.budget import Budget, size
from iam_access.render.view import meaning, summary
from iam_access.render.view.changes import AccountView, ChangeStatus, ChangeView, attribute_facts

_TAIL = ("</details>", "")
_Group = tuple[Principal | None, tuple[ChangeView, ...]]


def changes(
    accounts: Sequence[AccountView], report: Report, room: Budget, *, verbose: bool
) -> tuple[list[str], Mapping[str, int]]:
    """The accounts' changes, and the numbers of what found no room, by what it is.

    Accounts, and within them principals, are in the order of danger where that is known, so that
    who gains what is dangerous is the last to be left out.
    """
    ranks = meaning.ranks(report)
    busy = [_Account(account, report, ranks) for account in accounts if account.changes]
    by_danger = sorted(busy, key=lambda each: each.rank)
    for each in by_danger:
        each.fill(room)
    for each in by_danger:
        each.fill_documents(room, verbose=verbose)
    left_out = {
        "documents of accounts": sum(each.without_documents for each in busy),
        "changes": sum(each.left_out for each in busy),
    }
    return [line for each in busy for line in each.lines], left_out


class _Account:
    """One account's changes: as many principals as there is room for, the worst first."""

    def __init__(
        self, account: AccountView, report: Report, ranks: Mapping[tuple[str, Principal], int]
    ) -> None:
        def rank(principal: Principal | None) -> int:
            known = ranks.get((account.account.id, principal)) if principal else None
            return meaning.SAFE if known is None else known

        self._report = report
        self._groups = sorted(account.by_principal, key=lambda group: rank(group[0]))
        result = html(summary.account_result(account))
        self._head = ["<details>", f"<summary>{html_code(account.title)}: {result}</summary>", ""]
        self._kept: list[list[str]] = []
        self.rank = min(rank(principal) for principal, _ in self._groups)
        self.without_documents = False

    def fill(self, room: Budget) -> None:
        """Take the principals that fit, without documents."""
        if not room.fits([*self._head, *_TAIL, *self._brief(0)]):
            return
        room.take([*self._head, *_TAIL])
        for number in range(len(self._groups)):
            lines = self._brief(number)
            if not room.take(lines):
                break
            self._kept.append(lines)

    def fill_documents(self, room: Budget, *, verbose: bool) -> None:
        """Add the documents of all of them, or of none."""
        whole = [self._group(each, documents=True, verbose=verbose) for each in self._shown]
        more = sum(map(size, whole)) - sum(map(size, self._kept))
        self.without_documents = more > max(room.left, 0)
        if not self.without_documents:
            room.left -= more
            self._kept = whole

    @property
    def left_out(self) -> int:
        """How many changes found no room."""
        return sum(len(steps) for _, steps in self._groups[len(self._kept) :])

    @property
    def lines(self) -> list[str]:
        """What there was room for; nothing without any."""
        if not self._kept:
            return []
        return [*self._head, *(line for lines in self._kept for line in lines), *_TAIL]

    @property
    def _shown(self) -> Sequence[_Group]:
        return self._groups[: len(self._kept)]

    def _brief(self, number: int) -> list[str]:
        return self._group(self._groups[number], documents=False, verbose=False)

    def _group(self, group: _Group, *, documents: bool, verbose: bool) -> list[str]:
        principal, steps = group
        lines = [f"**{_principal(principal)}**", ""]
        for step in steps:
            lines += _step(step, self._report)
            if documents:
                lines += _documents(step, verbose=verbose)
        return [*lines, ""]


def _principal(principal: Principal | None) -> str:
    if principal is None:
        return "In the account"
    return f"{principal.type} {markdown_code(principal.name)}"


def _documents(step: ChangeView, *, verbose: bool) -> Iterator[str]:
    for document in step.documents(verbose=verbose):
        yield ""
        if document.name:
            yield from (f"{markdown_code(document.name)}:", "")
        yield from markdown_block(document.lines, "diff")


def _step(step: ChangeView, report: Report) -> Iterator[str]:
    change = step.change
    reason, *others = step.reasons
    facts = [markdown(reason)] if reason else []
    if len(step.teams) > 1:
        facts.append(f"for {', '.join(map(markdown_code, step.teams))}")
    end = step.end(report.now)
    if end is not None:
        verb, moment = end
        left = phrases.time_left(moment, report.now)
        facts.append(f"{verb} {phrases.instant(moment)} ({left})")
    if change.location is not None:
        facts.append(f"from {markdown_code(str(change.location))}")
    status = "" if step.status is ChangeStatus.PLANNED else f" **{step.status}**"
    head = f"`{step.sign}` {markdown(change.id.kind)} {markdown_code(change.name)}"
    yield f"- {head}{status}{': ' if facts else ''}{'; '.join(facts)}"
    yield from (f"  - {markdown(clause)}" for clause in others)
    yield from (f"  - {markdown_code(fact)}" for fact in attribute_facts(change))
    if step.usage:
        yield from ("", "How to use it:", "", *markdown_block(step.usage, ""))
