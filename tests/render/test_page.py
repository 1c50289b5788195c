"""The comment on a pull request, looked at as GitHub shows it in a real browser."""

import os
from dataclasses import replace
from typing import Any

import pytest

from iam_access.model import Report
from iam_access.render.markdown import report as markdown
from tests.render import reports
from tests.render.test_requests import ESCALATES, WRITES, many, report, request
from tools import look

pytestmark = pytest.mark.exhaustive

HOSTILE = (
    "<img src=x onerror=alert(1)> <script>alert(1)</script> [a](https://evil.example) @all "
    "</details></summary> <iframe src=//evil.example> | a | b | `` ` `` \u202e " + "x" * 300
)
# What a page may have; all else comes from text that is not ours.
ALLOWED = "h2 h3 p strong ul li code table thead tbody tr th td details summary pre a br blockquote"
ELEMENTS = frozenset(ALLOWED.split())
TABLES = frozenset({"table", "tr", "th", "td"})


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    """Skip without a browser, but fail on a build machine."""
    missing = look.missing()
    if missing and not os.environ.get("CI"):
        pytest.skip(f"not installed: {', '.join(missing)}")
    assert not missing


def seen(made: Report) -> dict[str, Any]:
    return look.measured(markdown.render(made))


def top(page: dict[str, Any], tag: str, text: str) -> float:
    found = (each for each in page["boxes"] if each["tag"] == tag and text in each["text"])
    return min(float(each["top"]) for each in found)


@pytest.mark.parametrize("number", [1, 3, 30, 1_000])
def test_who_asks_and_what_is_dangerous_is_in_the_first_screen(number: int) -> None:
    page = seen(many(number, one=ESCALATES))
    assert top(page, "strong", f"person_{number // 2} asks for support.break-glass") < look.HEIGHT
    assert top(page, "strong", "ways to escalate: administrator") < look.HEIGHT
    assert top(page, "li", "administrator: may do everything") < look.HEIGHT
    assert page["width"] <= look.WIDTH


def test_dangers_of_many_accounts_leave_room_for_requests_in_the_first_screen() -> None:
    made = many(30, one=ESCALATES)
    one = made.accounts[0]
    accounts = [
        replace(
            one,
            account=replace(one.account, id=f"{number:012}"),
            meanings=tuple(one.meanings or ())[number:],
        )
        for number in range(30)
    ]
    assert top(seen(replace(made, accounts=tuple(accounts))), "strong", " ask for ") < look.HEIGHT


def test_text_of_others_is_text() -> None:
    asked = replace(request("ann", description=HOSTILE), ticket=HOSTILE, previous=HOSTILE)
    page = seen(report((asked, request(f"bob {HOSTILE}"[:128])), ann=WRITES))
    assert {each["tag"] for each in page["boxes"]} <= ELEMENTS
    links = {each["href"] for each in page["boxes"] if each["href"]}
    assert all(each.startswith("https://docs.aws.amazon.com/") for each in links)
    assert page["width"] <= look.WIDTH


@pytest.mark.parametrize("name", ["dry_run", "explained", "troubled", "applied"])
def test_a_report_is_no_wider_than_the_page_and_folds_its_details(name: str) -> None:
    page = seen(getattr(reports, name)())
    assert page["width"] <= look.WIDTH
    assert {each["tag"] for each in page["boxes"]} <= ELEMENTS
    assert not any(each["open"] for each in page["boxes"])
    assert max(each["right"] for each in page["boxes"] if each["tag"] in TABLES) <= look.WIDTH
