"""Who can do what, and which line of the files is the reason."""

from datetime import UTC, datetime
from typing import Any

import pytest

from iam_access.config.load import Configuration
from iam_access.kinds.grant import Form
from iam_access.model import Principal, PrincipalType
from iam_access.policy.decision import Verdict
from iam_access.simulation.access import Answer, Question, answers, expanded
from iam_access.simulation.effect import after
from iam_access.simulation.origin import Origins
from iam_access.simulation.world import World
from iam_access.snapshot import Snapshot
from tests.values import (
    ACCOUNT,
    ALICE,
    BOB,
    NOW,
    RUNNER,
    account_with,
    apply_plan,
    configuration,
    permanent,
    policy,
    team,
    temporary,
    with_state,
)

READ = policy(
    "read",
    line=3,
    custom_statements=[
        {"sid": "List", "effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]},
        {"effect": "Deny", "actions": ["s3:ListBucket"], "resources": ["arn:aws:s3:::secret"]},
    ],
)


def ask(files: Configuration, snapshot: Snapshot | None = None, **question: Any) -> list[Answer]:
    """Answers in the account as the files would leave it."""
    before = snapshot or account_with()
    world = World(after(before, apply_plan(files, before).changes))
    asked = Question(
        **{
            "actions": ("s3:ListBucket",),
            "resources": ("*",),
            "context": {},
            "at": NOW,
            **question,
        }
    )
    return list(answers(asked, ACCOUNT, world, Origins(files, ACCOUNT)))


PERMANENT = configuration(
    team(
        policies=[READ],
        permanent=[permanent(line=7, roles=["runner"], users=["alice@example.com"])],
    )
)


def test_everyone_who_can_is_named_with_the_line_that_says_so() -> None:
    found = ask(PERMANENT)
    assert [answer.principal for answer in found] == [RUNNER, ALICE]
    (origin,) = found[0].origins
    assert origin.ref.sid == "List"
    assert origin.statement is not None
    assert origin.statement.line == 3
    assert origin.entry is not None
    assert origin.entry.line == 7


def test_who_is_asked_about_by_name_is_answered_either_way() -> None:
    found = ask(PERMANENT, principals=(ALICE, BOB), resources=("arn:aws:s3:::secret",))
    assert [(a.principal, a.decision.kind) for a in found] == [
        (ALICE, Verdict.EXPLICIT_DENY),
        (BOB, Verdict.IMPLICIT_DENY),
    ]


def test_who_is_not_in_the_account_has_no_answer() -> None:
    nobody = Principal(PrincipalType.USER, "nobody")
    assert ask(PERMANENT, principals=(nobody,)) == []


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        (datetime(2026, 3, 1, 17, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 1, 18, tzinfo=UTC), False),
    ],
)
def test_it_answers_for_another_time(form: Form, at: datetime, allowed: bool) -> None:
    files = configuration(
        team(policies=[policy("read")], temporary=[temporary(line=9, via=form.value)])
    )
    found = ask(files, at=at)
    assert bool(found) is allowed
    for answer in found:
        (origin,) = answer.origins
        assert origin.entry is not None
        assert origin.entry.line == 9


def test_what_others_made_has_no_line() -> None:
    theirs = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
    }
    account = with_state(account_with(), BOB, inline={"theirs": theirs})
    (answer,) = ask(configuration(team()), account)
    assert answer.principal == BOB
    assert answer.origins[0].entry is None
    assert answer.origins[0].ref.source.name == "theirs"


def test_wildcards_stand_for_the_actions_there_are() -> None:
    assert "s3:GetBucketAcl" in expanded(["s3:GetBucket*"])
    assert expanded(["nosuch:Action", "s3:ListBucket"]) == ("nosuch:Action", "s3:ListBucket")
