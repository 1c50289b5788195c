"""The changes of accounts in Markdown, each account folded away."""

from collections.abc import Iterator, Mapping, Sequence

from iam_access.model import Change, ChangeType, Principal, Report
from iam_access.render import meaning, wording
from iam_access.render.documents import attribute_facts, document_diffs
from iam_access.render.escape import html, html_code, markdown, markdown_block, markdown_code
from iam_access.render.markdown_room import Room, size
from iam_access.render.view import AccountView, ChangeView, Fate

_TAIL = ("</details>", "")
_Group = tuple[Principal | None, tuple[ChangeView, ...]]

_SIGNS = {ChangeType.CREATE: "+", ChangeType.UPDATE: "~", ChangeType.DELETE: "-"}


def changes(
    accounts: Sequence[AccountView], report: Report, room: Room, *, verbose: bool
) -> tuple[list[str], Mapping[str, int]]:
    """The accounts' changes, and the numbers of what found no room, by what it is.

    Accounts, and within them principals, are in the order of danger where that is known, so that
    who gains what is dangerous is the last to be left out.
    """
    ranks = meaning.ranks(report)
    busy = [_Account(account, report, ranks) for account in accounts if account.steps]
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
        self._groups = sorted(account.groups, key=lambda group: rank(group[0]))
        result = html(wording.account_result(account))
        self._head = ["<details>", f"<summary>{html_code(account.title)}: {result}</summary>", ""]
        self._kept: list[list[str]] = []
        self.rank = min(rank(principal) for principal, _ in self._groups)
        self.without_documents = False

    def fill(self, room: Room) -> None:
        """Take the principals that fit, without documents."""
        if not room.fits([*self._head, *_TAIL, *self._brief(0)]):
            return
        room.take([*self._head, *_TAIL])
        for number in range(len(self._groups)):
            lines = self._brief(number)
            if not room.take(lines):
                break
            self._kept.append(lines)

    def fill_documents(self, room: Room, *, verbose: bool) -> None:
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
            if documents and (verbose or step.change.action is not ChangeType.DELETE):
                lines += _documents(step.change)
        return [*lines, ""]


def _principal(principal: Principal | None) -> str:
    if principal is None:
        return "In the account"
    return f"{principal.type} {markdown_code(principal.name)}"


def _documents(change: Change) -> Iterator[str]:
    for document in document_diffs(change):
        yield ""
        if document.name:
            yield from (f"{markdown_code(document.name)}:", "")
        yield from markdown_block(document.lines, "diff")


def _step(step: ChangeView, report: Report) -> Iterator[str]:
    change = step.change
    reason, *others = change.reasons or ("",)
    facts = [markdown(reason)] if reason else []
    if len(step.teams) > 1:
        facts.append(f"for {', '.join(map(markdown_code, step.teams))}")
    expires = change.subject.expires
    if expires is not None and (change.action is not ChangeType.DELETE or expires > report.now):
        verb = "would end" if change.action is ChangeType.DELETE else "ends"
        left = wording.time_left(expires, report.now)
        facts.append(f"{verb} {wording.instant(expires)} ({left})")
    if change.location is not None:
        facts.append(f"from {markdown_code(str(change.location))}")
    fate = "" if step.fate is Fate.PLANNED else f" **{step.fate}**"
    head = f"`{_SIGNS[change.action]}` {markdown(change.id.kind)} {markdown_code(change.name)}"
    yield f"- {head}{fate}{': ' if facts else ''}{'; '.join(facts)}"
    yield from (f"  - {markdown(clause)}" for clause in others)
    yield from (f"  - {markdown_code(fact)}" for fact in attribute_facts(change))
    if change.after is not None and change.after.usage:
        yield from ("", "How to use it:", "", *markdown_block(change.after.usage, ""))
