"""What the digest of a plan depends on."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from iam_access.kinds import calls
from iam_access.model import ChangeType, Phase, Plan
from iam_access.plan.digest import digest
from tests.cloud.fakes import change
from tests.values import ACCOUNT, ALICE

CALL = calls.attach(ACCOUNT.id, ALICE, "arn:aws:iam::aws:policy/ReadOnlyAccess")
GRANT = change("a", CALL)


def digest_of(**different: Any) -> str:
    """The digest of a plan of one call, with some of the call replaced."""
    made = replace(GRANT, calls=(replace(CALL, **different),))
    return digest([Plan(ACCOUNT, (made,), ())])


@pytest.mark.parametrize(
    "different",
    [
        {"service": "sso-admin"},
        {"operation": "detach_user_policy"},
        {"params": {"UserName": "bob"}},
        {"account": "444455556666"},
        {"region": "eu-central-1"},
        {"phase": Phase.RECLAIM},
    ],
    ids=lambda different: next(iter(different)),
)
def test_it_covers_what_is_called_where_and_when(different: dict[str, Any]) -> None:
    assert digest_of(**different) != digest_of()


def test_it_covers_which_account_a_change_is_about() -> None:
    other = replace(ACCOUNT, id="444455556666")
    assert digest([Plan(other, (GRANT,), ())]) != digest([Plan(ACCOUNT, (GRANT,), ())])


def test_it_covers_what_a_change_does() -> None:
    update = replace(GRANT, action=ChangeType.UPDATE)
    assert digest([Plan(ACCOUNT, (update,), ())]) != digest_of()


def test_it_does_not_depend_on_words_or_order() -> None:
    other = change("b", replace(CALL, params={"UserName": "bob"}))
    worded = replace(GRANT, reasons=("why",))
    plans = [Plan(ACCOUNT, (GRANT, other), ()), Plan(ACCOUNT, (other, worded), (), held=(GRANT,))]
    assert len({digest([plan]) for plan in plans}) == 1


def test_an_end_that_counts_from_a_merge_is_in_it_as_that() -> None:
    def ending(hour: int, words: str | None) -> str:
        ends = datetime(2026, 3, 1, hour, tzinfo=UTC)
        call = calls.put_inline(
            ACCOUNT.id,
            ALICE,
            f"x+{ends:%Y%m%dT%H%M%SZ}",
            f'{{"until": "{ends:%Y-%m-%dT%H:%M:%SZ}"}}',
        )
        written = replace(GRANT.subject, expires=ends, relative_end=words)
        return digest([Plan(ACCOUNT, (replace(GRANT, after=written, calls=(call,)),), ())])

    assert ending(14, "2 hours from the merge on") == ending(15, "2 hours from the merge on")
    assert ending(14, "2 hours from the merge on") != ending(14, "3 hours from the merge on")
    assert ending(14, None) != ending(15, None)
