"""The changes of accounts in Markdown, each account folded away."""

from collections.abc import Iterator, Sequence

from iam_access.model import Action, Change, Principal, Report
from iam_access.render import wording
from iam_access.render.documents import attribute_facts, document_diffs
from iam_access.render.escape import html, html_code, markdown, markdown_block, markdown_code
from iam_access.render.markdown_room import Room, size
from iam_access.render.view import AccountView, Fate, Step

_SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-"}


def changes(
    accounts: Sequence[AccountView], report: Report, room: Room, *, verbose: bool
) -> tuple[list[str], int, int]:
    """The accounts' changes, how many accounts lost their documents, and how many all of it."""
    busy = [account for account in accounts if account.steps]
    blocks = {}
    for account in busy:
        brief = _account(account, report, documents=False, verbose=verbose)
        if room.take(brief):
            blocks[account.account.id] = brief
    without_documents = 0
    for account in busy:
        brief = blocks.get(account.account.id, [])
        whole = _account(account, report, documents=True, verbose=verbose)
        more = size(whole) - size(brief)
        if brief and more <= room.left:
            room.left -= more
            blocks[account.account.id] = whole
        elif brief:
            without_documents += 1
    lines = [line for block in blocks.values() for line in block]
    return lines, without_documents, len(busy) - len(blocks)


def _account(account: AccountView, report: Report, *, documents: bool, verbose: bool) -> list[str]:
    result = html(wording.account_result(account))
    lines = ["<details>", f"<summary>{html_code(account.title)}: {result}</summary>", ""]
    for principal, steps in account.groups:
        lines += [f"**{_principal(principal)}**", ""]
        for step in steps:
            lines += _step(step, report)
            if documents and (verbose or step.change.action is not Action.DELETE):
                lines += _documents(step.change)
        lines.append("")
    return [*lines, "</details>", ""]


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


def _step(step: Step, report: Report) -> Iterator[str]:
    change = step.change
    reason, *others = wording.clauses(change.reason) or [""]
    facts = [markdown(reason)] if reason else []
    if len(step.teams) > 1:
        facts.append(f"for {', '.join(map(markdown_code, step.teams))}")
    expires = change.subject.expires
    if expires is not None and (change.action is not Action.DELETE or expires > report.now):
        verb = "would end" if change.action is Action.DELETE else "ends"
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
