"""Who can do what, and which line of the files is the reason."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.kinds.grant import Form
from iam_access.model import Principal, PrincipalType
from iam_access.place import SourcePosition
from iam_access.plan.account_after import after
from iam_access.policy.evaluation.evaluate import Verdict
from iam_access.simulation.access import AccessAnswer, AccessQuestion, AskedAccount, Judge, expanded
from iam_access.simulation.access_report import AccessReport, AccountAnswers
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.named_principals import NamedPrincipal, find_absent
from iam_access.simulation.origin import Origins
from iam_access.simulation.questions import AssertionQuestion as Asked
from iam_access.simulation.results import BackendDecision as Judged
from iam_access.simulation.results import GaveUpError
from iam_access.snapshot import Quotas, Snapshot
from tests.values import (
    ACCOUNT,
    ALICE,
    BOB,
    NOW,
    POWER_USER,
    RUNNER,
    account_with,
    apply_plan,
    configuration,
    permanent,
    policy,
    team,
    temporary,
    with_policy,
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


def ask(
    files: Configuration, snapshot: Snapshot | None = None, **question: Any
) -> list[AccessAnswer]:
    """Answers in the account as the files would leave it."""
    before = snapshot or account_with()
    account_policies = AccountPolicies(after(before, apply_plan(files, before).changes))
    whom = question.pop("principals", None)
    asked = AccessQuestion(
        **{
            "actions": ("s3:ListBucket",),
            "resources": ("*",),
            "context": {},
            "at": NOW,
            "principals": tuple(map(NamedPrincipal, whom)) if whom else None,
            **question,
        }
    )
    return list(
        AskedAccount(
            asked, ACCOUNT, account_policies, Origins(files, ACCOUNT, account_policies.snapshot)
        ).answers()
    )


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
@pytest.mark.parametrize("starts", [None, "2026-03-01T13:00:00Z"])
def test_it_answers_for_another_time(
    form: Form, starts: str | None, at: datetime, allowed: bool
) -> None:
    entry = temporary(line=9, via=form.value, starts_at=starts)
    files = configuration(team(policies=[policy("read")], temporary=[entry]))
    found = ask(files, at=at)
    assert bool(found) is allowed
    for answer in found:
        (origin,) = answer.origins
        assert origin.entry is not None
        assert origin.entry.line == 9


def document_allowing(action: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": action, "Resource": "*"},
    }


def test_what_others_made_has_no_line() -> None:
    account = with_state(account_with(), BOB, inline={"theirs": document_allowing("s3:*")})
    (answer,) = ask(configuration(team()), account)
    assert answer.principal == BOB
    assert answer.origins[0].entry is None
    assert answer.origins[0].ref.source.name == "theirs"


def test_wildcards_stand_for_the_actions_there_are() -> None:
    assert "s3:GetBucketAcl" in expanded(["s3:GetBucket*"])
    assert expanded(["nosuch:Action", "s3:ListBucket"]) == ("nosuch:Action", "s3:ListBucket")


QUEUES = [
    f"arn:aws:sqs:eu-west-1:{ACCOUNT.id}:a-queue-with-quite-a-long-name-{n}" for n in range(4)
]
# The ids sort otherwise than the statements, one has no id, and AWS's policy comes on top.
VARIED = policy(
    "varied",
    managed_policies=[POWER_USER],
    custom_statements=[
        {"sid": "Z", "effect": "Allow", "actions": ["sqs:SendMessage"], "resources": QUEUES[:2]},
        {"effect": "Allow", "actions": ["iam:GetUser"], "resources": ["*"]},
        {"sid": "A", "effect": "Allow", "actions": ["iam:ListUsers"], "resources": ["*"]},
    ],
)
BELOW = {
    "custom_statements": (10, 1, (10, 1, [(11, 1, None), (12, 1, None), (13, 1, None)])),
    "managed_policies": (20, 1, (21, 1, [(21, 1, None)])),
}
VARIED_ENTRY = VARIED._replace(place=SourcePosition("policies.yaml", (1, 1, BELOW)))


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize(
    ("action", "resource", "line"),
    [
        ("sqs:SendMessage", QUEUES[1], 11),
        ("iam:GetUser", "*", 12),
        ("iam:ListUsers", "*", 13),
        ("ec2:StopInstances", "*", 21),
    ],
)
def test_a_statement_is_found_whatever_was_cut_and_added(
    form: Form, action: str, resource: str, line: int
) -> None:
    files = configuration(
        team(policies=[VARIED_ENTRY], temporary=[temporary(grant="varied", via=form.value)])
    )
    # What is attached has to be cut, and loses its ids and order; what is inline has room.
    account = account_with(quotas=Quotas(policy_size=500, user_inline_size=3_000))
    (answer,) = ask(files, account, actions=(action,), resources=(resource,))
    places = {origin.statement.line for origin in answer.origins if origin.statement}
    assert line in places
    assert places <= {line, 21}


def test_what_would_allow_it_at_another_time_is_told() -> None:
    files = configuration(team(policies=[policy("read")], temporary=[temporary(line=9)]))
    later = datetime(2026, 3, 2, tzinfo=UTC)
    (answer,) = ask(files, principals=(ALICE,), at=later)
    (found,) = answer.near_allows
    assert found.conditions == ("aws:CurrentTime DateLessThan 2026-03-01T18:00:00Z",)
    assert found.origin.entry is not None
    assert found.origin.entry.line == 9
    assert ask(files, principals=(BOB,), at=later)[0].near_allows == ()


def test_what_would_allow_it_elsewhere_is_told_of_a_question_about_everything() -> None:
    written = {"effect": "Allow", "actions": ["sqs:*"], "resources": QUEUES}
    files = configuration(
        team(
            policies=[policy("read", custom_statements=[written])],
            permanent=[permanent(users=["alice@example.com"])],
        )
    )
    (answer,) = ask(files, principals=(ALICE,), actions=("sqs:SendMessage",))
    assert [each.resources for each in answer.near_allows] == [tuple(QUEUES)]
    (answer,) = ask(
        files, principals=(ALICE,), actions=("sqs:SendMessage",), resources=("arn:aws:sqs:::x",)
    )
    assert answer.near_allows == ()


def test_what_a_boundary_keeps_from_counting_is_told() -> None:
    limit = f"arn:aws:iam::{ACCOUNT.id}:policy/limit"
    account = with_policy(account_with(), limit, document={**document_allowing("sqs:*")})
    account = with_state(account, RUNNER, boundary=limit)
    (answer,) = ask(PERMANENT, account, principals=(RUNNER,))
    assert answer.decision.kind is Verdict.IMPLICIT_DENY
    assert answer.boundary == limit
    assert [origin.ref.sid for origin in answer.ineffective_allows] == ["List"]


def test_a_role_made_for_somebody_answers_with_them() -> None:
    files = configuration(
        team(policies=[policy("read")], temporary=[temporary(line=9, via="role")])
    )
    own, made = ask(files, principals=(ALICE,))
    assert (own.principal, own.allowed) == (ALICE, False)
    assert (made.made_for, made.allowed) == (ALICE, True)
    assert made.origins[0].entry is not None
    assert made.origins[0].entry.line == 9
    ended = ask(files, principals=(ALICE,), at=datetime(2026, 3, 1, 18, tzinfo=UTC))
    assert [answer.principal for answer in ended] == [ALICE]
    assert len(ask(files, principals=(BOB,))) == 1


class Organization:
    """A back end that knows of a service control policy against everything of S3."""

    def ask(self, question: Asked) -> dict[tuple[str, str], Judged]:
        closed = Judged(Verdict.IMPLICIT_DENY, organization=False)
        return dict.fromkeys(question.pairs, closed)


def test_aws_knows_what_the_evaluator_here_does_not() -> None:
    before = account_with()
    account_policies = AccountPolicies(after(before, apply_plan(PERMANENT, before).changes))
    whom = (NamedPrincipal(ALICE), NamedPrincipal(BOB))
    question = AccessQuestion(("s3:ListBucket",), ("arn:aws:s3:::b",), {}, NOW, whom)
    judge = Judge(question, Organization(), account_policies, ACCOUNT)
    alice, bob = AskedAccount(
        question,
        ACCOUNT,
        account_policies,
        Origins(PERMANENT, ACCOUNT, account_policies.snapshot),
    ).answers(judge)
    assert (alice.allowed, alice.disputed, alice.decision.allowed) == (False, True, True)
    assert (bob.allowed, bob.disputed) == (False, False)
    anybody = replace(question, principals=None)
    assert [
        *AskedAccount(
            anybody,
            ACCOUNT,
            account_policies,
            Origins(PERMANENT, ACCOUNT, account_policies.snapshot),
        ).answers(judge)
    ] == []


class Forgetful:
    """A back end that knows no principal any more."""

    def ask(self, question: Asked) -> None:
        return None


def test_who_is_deleted_meanwhile_is_no_nobody() -> None:
    account_policies = AccountPolicies(account_with())
    question = AccessQuestion(("s3:ListBucket",), ("*",), {}, NOW, (NamedPrincipal(ALICE),))
    judge = Judge(question, Forgetful(), account_policies, ACCOUNT)
    with pytest.raises(GaveUpError, match="was deleted"):
        [
            *AskedAccount(
                question,
                ACCOUNT,
                account_policies,
                Origins(PERMANENT, ACCOUNT, account_policies.snapshot),
            ).answers(judge)
        ]


def test_names_are_those_of_iam_whatever_their_case() -> None:
    (answer,) = ask(PERMANENT, principals=(Principal(PrincipalType.USER, "ALICE"),))
    assert (answer.principal, answer.allowed) == (ALICE, True)


def test_whom_no_account_has_is_no_proof_of_anything() -> None:
    nobody = Principal(PrincipalType.USER, "nobody")
    question = AccessQuestion(("s3:ListBucket",), ("*",), {}, NOW, (NamedPrincipal(nobody),))
    account = AccountAnswers(
        ACCOUNT, absent=tuple(find_absent(account_with(), [NamedPrincipal(nobody)]))
    )
    report = AccessReport(question, (account,), on_plan=False)
    assert report.unknown == (NamedPrincipal(nobody),)
    assert report.exit_status == 2
    anybody = AccessReport(replace(question, principals=None), (account,), False)
    assert anybody.exit_status == 1
    assert replace(anybody, unread=("the files of team payments",)).exit_status == 2
