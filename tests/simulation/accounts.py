"""Accounts in which one thing changes."""

from dataclasses import replace
from typing import Any

from iam_access.meaning.meaning import meaning
from iam_access.meaning.principal_policies import affected_principals
from iam_access.model import Meaning, PermissionDelta, Principal
from iam_access.policy.document import document
from iam_access.snapshot import Snapshot
from tests.values import ALICE, NOW, account_with, state_of, with_state

EMPTY = account_with()


def allow(
    *actions: str, on: Any = "*", when: Any = None, effect: str = "Allow", **more: Any
) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": effect, **more}
    if actions:
        statement["Action"] = list(actions)
    if "NotResource" not in more:
        statement["Resource"] = on
    if when:
        statement["Condition"] = when
    return statement


def deny(*actions: str, **more: Any) -> dict[str, Any]:
    return allow(*actions, effect="Deny", **more)


def until(moment: str) -> dict[str, Any]:
    return {"DateLessThan": {"aws:CurrentTime": moment}}


def holding(
    *statements: dict[str, Any],
    principal: Principal = ALICE,
    account: Snapshot = EMPTY,
    **state: Any,
) -> Snapshot:
    """The account with these statements in an inline policy."""
    inline = {"inline": document(statements)} if statements else {}
    return with_state(account, principal, inline=inline, **state)


def with_role(account: Snapshot, role: Principal, *statements: Any, **state: Any) -> Snapshot:
    """The account with one more role."""
    inline = {"inline": document(statements)} if statements else {}
    made = replace(state_of(role, inline=inline), **state)
    return replace(account, principals={**account.principals, role: made})


def change(before: Snapshot, after: Snapshot, principal: Principal = ALICE) -> Meaning:
    """What a change means for one principal, touched or not."""
    found, *_ = meaning(before, after, [principal], NOW)
    return found


def changed(before: Snapshot, after: Snapshot) -> tuple[Meaning, ...]:
    """What a change means for all it touches."""
    return meaning(before, after, affected_principals(before, after, ()), NOW)


def levels_actions_resources(
    differences: tuple[PermissionDelta, ...],
) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return [(each.level, each.actions, each.resources) for each in differences]
