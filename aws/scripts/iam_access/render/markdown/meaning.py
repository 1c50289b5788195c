"""What a plan means in Markdown: a line for each principal or several alike, details folded."""

import re
from collections.abc import Iterator, Sequence

from iam_access import phrases
from iam_access.model import PermissionDelta, Principal, Report
from iam_access.render.escape import html_code, markdown, markdown_code
from iam_access.render.view import meaning as meanings
from iam_access.render.view.meaning import AccountMeaning, GroupedMeaning

HEAD = ("### What it means", "")
HELD_HEAD = (f"### {meanings.HELD}", "")
_ADDRESS = re.compile(r"https://[A-Za-z0-9./_-]+")
# How many differences and principals a fold holds; JSON has them all.
_MOST = 20
_IN_FOLD = 200
# How many characters the details of one principal have; the log has all of them.
_CHARACTERS = 8_000
# How many principals its summary names.
_IN_SUMMARY = 3


def rows(report: Report) -> list[str]:
    """A block of lines for each principal for whom something changes; none if it was not asked."""
    found = meanings.accounts(report)
    if found is None:
        return []
    unknown = meanings.unknown(report)
    # An empty line, for otherwise the next one would belong to it.
    first = [f"{markdown(unknown)}\n"] if unknown else []
    if not any(each.changed for each in found):
        return [*first, meanings.nothing(report)]
    return [*first, *_accounts(found)]


def held(report: Report) -> list[str]:
    """The same of what is held back, as if it were allowed; none where it changes nothing."""
    return _accounts(meanings.held(report))


def _accounts(found: Sequence[AccountMeaning]) -> list[str]:
    return [
        *("\n".join(_meaning(alike, account)) for alike, account in meanings.by_danger(found)),
        *(
            f"No new access in {markdown_code(account.title)}: {_names(account.unchanged, 10)}\n"
            for account in found
            if account.unchanged
        ),
    ]


def _names(principals: Sequence[Principal], most: int) -> str:
    return phrases.some([markdown_code(each.label) for each in principals], most)


def _meaning(alike: GroupedMeaning, account: AccountMeaning) -> Iterator[str]:
    meaning = alike.meaning
    # In code nothing is taken for a mention or a reference.
    summary = html_code(meanings.summary(meaning))
    name = html_code(f"{meanings.names(alike.principals, _IN_SUMMARY)} in {account.title}")
    yield from ("<details>", f"<summary>{name}: {summary}</summary>", "")
    left = _CHARACTERS
    for line in _details(alike):
        left -= len(line) + 1
        if left < 0:
            yield "- and more"
            break
        yield line
    yield from ("", "</details>", "")


def _details(alike: GroupedMeaning) -> Iterator[str]:
    """What is dangerous comes first."""
    meaning = alike.meaning
    if len(alike.principals) > _IN_SUMMARY:
        yield f"- {_names(alike.principals, _IN_FOLD)}"
    for each in meaning.escalations:
        yield f"- **{markdown(each.code)}**: {markdown(each.explanation)} ({_page(each.url)})"
        yield f"  - {', '.join(map(markdown_code, each.actions))}"
    yield from (f"- not read: {markdown_code(arn)}" for arn in meaning.unread)
    yield from _differences(meanings.DENIES, meaning.denied)
    yield from _differences(meanings.FREES, meaning.freed)
    yield from _differences("gains", meaning.gains)
    yield from _differences("loses", meaning.losses)


def _page(url: str) -> str:
    return f"[page]({url})" if _ADDRESS.fullmatch(url) else markdown_code(url)


def _differences(verb: str, differences: Sequence[PermissionDelta]) -> Iterator[str]:
    for each in differences[:_MOST]:
        yield f"- {verb} {markdown(meanings.actions(each))}"
        yield from (
            f"  - {markdown(clause)}" for clause in meanings.manner(each, meanings.COMMON[verb])
        )
    if len(differences) > _MOST:
        yield f"- and {len(differences) - _MOST:,} more"
