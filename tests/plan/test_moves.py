"""What moves from one part of a policy to another is there before it goes."""

from typing import Any

import pytest

from iam_access.kinds import calls
from iam_access.kinds.managed_policy import resource_id
from iam_access.model import ApiCall, Change, ChangeType, Phase, Resource, ResourceId
from iam_access.plan.moves import moves
from iam_access.policy import document as documents
from iam_access.snapshot import Document, Snapshot
from tests.values import ACCOUNT, ALICE, account_with, with_policy, with_state

ONE = f"arn:aws:iam::{ACCOUNT.id}:policy/self-serve/payments/payments-read"
TWO = f"{ONE}+2"
HELD = ResourceId("policy-attachment", "alice")


def said(*actions: str, effect: str = "Allow") -> Document:
    statements = [documents.statement(effect, actions=[each], resources=["*"]) for each in actions]
    return documents.document(statements)


def part(arn: str, document: Document) -> Resource:
    attributes = {"arn": arn}
    return Resource(
        resource_id(arn),
        arn[-6:],
        frozenset({"payments"}),
        attributes=attributes,
        document=document,
    )


def change(
    id_: ResourceId, before: Resource | None, after: Resource | None, *made: ApiCall
) -> Change:
    action = ChangeType.UPDATE if before and after else ChangeType.CREATE
    return Change(action, id_, id_.key, frozenset({"payments"}), (), before, after, made)


def rewritten(arn: str, before: Document | None, after: Document) -> Change:
    had = part(arn, before) if before is not None else None
    return change(resource_id(arn), had, part(arn, after))


_HELD = Resource(
    HELD,
    "alice",
    frozenset({"payments"}),
    attributes={"arn": TWO, "attached": True},
    principal=ALICE,
)


def held(*made: ApiCall) -> Change:
    """A change of what alice holds, by these calls."""
    return change(HELD, None, _HELD, *made)


ATTACH = calls.attach(ACCOUNT.id, ALICE, TWO)
DETACH = calls.detach(ACCOUNT.id, ALICE, ONE, Phase.REVOKE)


def account(*attached: str) -> Snapshot:
    """Alice has these parts."""
    return with_state(account_with(ALICE), ALICE, attached=attached)


def test_a_part_loses_a_statement_once_its_holders_have_that_which_gets_it() -> None:
    changes = (
        rewritten(ONE, said("s3:A", "s3:B"), said("s3:A")),
        rewritten(TWO, None, said("s3:B")),
    )
    found = moves((*changes, held(ATTACH)), account(ONE))
    assert found.needs[resource_id(ONE)] == {HELD, resource_id(TWO)}
    # Who has the other part already has its statement once that is rewritten.
    changes = (changes[0], rewritten(TWO, said("s3:C"), said("s3:B", "s3:C")))
    assert moves(changes, account(ONE, TWO)).needs[resource_id(ONE)] == {resource_id(TWO)}


def test_a_part_that_an_earlier_run_made_is_attached_first_as_well() -> None:
    known = with_policy(account(ONE), TWO, document=said("s3:B"))
    narrowed = rewritten(ONE, said("s3:A", "s3:B"), said("s3:A"))
    assert moves((narrowed, held(ATTACH)), known).needs[narrowed.id] == {HELD}


def test_from_a_part_that_no_principal_has_nothing_moves() -> None:
    """An earlier run made it, and stopped before it was attached."""
    changes = [
        rewritten(ONE, said("s3:A", "s3:B"), said("s3:A", "s3:C")),
        rewritten(TWO, said("s3:C"), said("s3:B")),
        held(ATTACH),
    ]
    found = moves(changes, account(ONE))
    assert found.needs == {resource_id(ONE): {resource_id(TWO), HELD}}


def test_a_part_is_taken_off_once_the_other_is_there_and_attached() -> None:
    attached = change(ResourceId("policy-attachment", "two"), None, _HELD, ATTACH)
    made = rewritten(TWO, None, said("s3:A"))
    gone = change(resource_id(ONE), part(ONE, said("s3:A")), None)
    found = moves((made, gone, attached, held(DETACH)), account(ONE))
    assert found.needs[HELD] == {attached.id, made.id}


def test_what_is_not_moved_waits_for_nothing() -> None:
    changes = (
        rewritten(ONE, said("s3:A", "s3:B"), said("s3:A")),
        rewritten(TWO, None, said("s3:C")),
    )
    assert moves((*changes, held(ATTACH)), account(ONE)).needs == {}


@pytest.mark.parametrize("in_two_steps", [True, False])
def test_a_part_stops_to_deny_once_all_have_lost_what_it_limits(*, in_two_steps: bool) -> None:
    """By a version of its own, if it has one, and else altogether."""
    denying = said("s3:A", effect="Deny")
    narrowed = rewritten(TWO, said("s3:A", "s3:B"), said("s3:B"))
    last = calls.iam(ACCOUNT.id, "create_policy_version", {"PolicyArn": ONE}, Phase.RELEASE)
    freed: Any = change(
        resource_id(ONE),
        part(ONE, denying),
        part(ONE, said("s3:C")),
        *([last] if in_two_steps else []),
    )
    found = moves((freed, narrowed), account(ONE, TWO))
    waits = found.last_after if in_two_steps else found.needs
    assert waits[freed.id] == {narrowed.id}
