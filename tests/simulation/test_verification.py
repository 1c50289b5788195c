"""After an apply: what was said to be done must be so, judged by what is there."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.settings import Settings
from iam_access.kinds.grant import Form
from iam_access.model import (
    Finding,
    Outcome,
    Plan,
    Principal,
    PrincipalType,
    Severity,
    Status,
    Verification,
)
from iam_access.plan.account_after import after
from iam_access.simulation.verification import MadeUp, verify
from iam_access.snapshot import ManagedDocument, Snapshot
from tests.values import (
    ALICE,
    NOW,
    account_with,
    applied,
    apply_plan,
    configuration,
    permanent,
    policy,
    team,
    temporary,
    with_policy,
    with_state,
)


def document(action: str, effect: str = "Allow") -> dict[str, Any]:
    statement = {"Effect": effect, "Action": action, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


PERMANENT = configuration(team(policies=[policy("read")], permanent=[permanent()]))


def temporarily(form: Form, **written: Any) -> Configuration:
    return configuration(
        team(policies=[policy("read")], temporary=[temporary(via=form.value, **written)])
    )


@dataclass(frozen=True)
class Run:
    """An apply of files to an account, and what the apply says of itself."""

    files: Configuration
    plan: Plan
    snapshot: Snapshot
    outcomes: list[Outcome]

    def verified(self, snapshot: Snapshot | None = None, now: datetime = NOW) -> Verification:
        """What comes out when the account is read again; as the run left it, if not given."""
        there = snapshot or self.snapshot
        again = apply_plan(self.files, there, now=now)
        return verify(there, self.plan, self.outcomes, again, now)

    def problems(self, snapshot: Snapshot | None = None, now: datetime = NOW) -> list[Finding]:
        """All findings but the counts."""
        findings = self.verified(snapshot, now).findings
        return [finding for finding in findings if finding.code != "verified"]


def run(files: Configuration, *, now: datetime = NOW, start: Snapshot | None = None) -> Run:
    before = start or account_with()
    plan = apply_plan(files, before, now=now)
    outcomes = [Outcome(change, Status.DONE) for change in plan.changes]
    return Run(files, plan, after(before, plan.changes), outcomes)


def codes(findings: list[Finding]) -> set[str]:
    return {finding.code for finding in findings}


@pytest.mark.parametrize("files", [PERMANENT, *(temporarily(form) for form in Form)])
def test_a_run_that_did_what_it_says_is_fine(files: Configuration) -> None:
    done = run(files)
    assert done.outcomes
    for each in (done, run(files, start=done.snapshot)):
        assert each.problems() == []
        found = each.verified()
        ending = int(files is not PERMANENT)
        assert (found.grants, found.alive) == (1, 1)
        assert (found.temporary, found.ending) == (ending, ending)


@pytest.mark.parametrize("form", list(Form))
def test_a_window_that_opens_later_is_fine(form: Form) -> None:
    done = run(temporarily(form, starts_at="2026-03-01T15:00:00Z"))
    assert done.problems() == []
    assert (done.verified().alive, done.verified().ending) == (1, 1)


def test_an_entry_that_has_ended_asks_for_no_proof() -> None:
    files = temporarily(Form.INLINE, expires_at="2026-03-01T11:00:00Z")
    found = run(files).verified()
    assert (found.grants, found.alive, found.temporary) == (0, 0, 0)


@pytest.mark.parametrize("files", [PERMANENT, *(temporarily(form) for form in Form)])
def test_what_is_not_there_is_told(files: Configuration) -> None:
    done = run(files)
    found = done.verified(account_with())
    assert codes(done.problems(account_with())) == {"verify-not-so"}
    assert (found.grants, found.alive, found.ending) == (1, 0, 0)


def test_what_should_be_gone_and_is_not_is_told() -> None:
    there = applied(PERMANENT, account_with())
    done = run(configuration(team()), start=there)
    assert codes(done.problems(there)) == {"verify-not-so"}


READ = "arn:aws:iam::111122223333:policy/self-serve/payments/payments-read"


def narrowed(snapshot: Snapshot) -> Snapshot:
    return with_policy(snapshot, READ, document=document("s3:GetObject"), default_version="v2")


def widened(snapshot: Snapshot) -> Snapshot:
    return with_policy(snapshot, READ, document=document("s3:*"))


def detached(snapshot: Snapshot) -> Snapshot:
    return with_state(snapshot, ALICE, attached=())


@pytest.mark.parametrize("by_another_hand", [narrowed, widened, detached])
def test_a_permanent_grant_is_judged_by_the_files(
    by_another_hand: Callable[[Snapshot], Snapshot],
) -> None:
    done = run(PERMANENT)
    assert "verify-not-so" in codes(done.problems(by_another_hand(done.snapshot)))


def test_an_inline_policy_that_another_hand_replaced_is_told() -> None:
    done = run(temporarily(Form.INLINE))
    ((name, written),) = done.snapshot.principals[ALICE].inline.items()
    (statement,) = written["Statement"]
    for action in ("s3:GetObject", "s3:*"):
        inline = {name: {**written, "Statement": [{**statement, "Action": action}]}}
        assert "verify-not-so" in codes(
            done.problems(with_state(done.snapshot, ALICE, inline=inline))
        )


def test_a_role_that_trusts_another_is_told() -> None:
    done = run(temporarily(Form.ROLE))
    role = Principal(PrincipalType.ROLE, "payments+read+alice")
    trust = done.snapshot.principals[role].trust or {}
    text = json.dumps(trust).replace("user/alice", "user/bob")
    tampered = with_state(done.snapshot, role, trust=json.loads(text))
    assert {"verify-not-so", "verify-not-allowed"} <= codes(done.problems(tampered))
    assert done.verified(tampered).alive == 0


def test_who_may_not_take_their_role_is_told() -> None:
    """As where another grant of theirs comes with a denial of all jumps."""
    done = run(temporarily(Form.ROLE))
    deny = document("sts:AssumeRole", effect="Deny")
    (finding,) = done.problems(with_state(done.snapshot, ALICE, inline={"other": deny}))
    assert finding.code == "verify-not-allowed"
    assert "user/alice may not do sts:AssumeRole" in finding.message


def test_a_user_who_is_gone_meanwhile_is_told() -> None:
    done = run(PERMANENT)
    left = {p: state for p, state in done.snapshot.principals.items() if p != ALICE}
    assert codes(done.problems(replace(done.snapshot, principals=left))) == {"missing-principal"}


@pytest.mark.parametrize("form", list(Form))
def test_a_pattern_is_proven_by_what_is_not_denied_with_it(form: Form) -> None:
    """Of `sts:*` the jumps to other roles are denied, and these come first by name."""
    everything = {"effect": "Allow", "actions": ["sts:*"], "resources": ["*"]}
    files = team(
        policies=[policy("read", custom_statements=[everything])],
        temporary=[temporary(via=form.value)],
    )
    done = run(configuration(files)).verified()
    assert (done.grants, done.alive, done.ending) == (1, 1, 1)


def test_a_grant_that_denies_what_it_allows_is_not_proven() -> None:
    jump = policy(
        "read",
        custom_statements=[
            {"effect": "Allow", "actions": ["sts:AssumeRole"], "resources": ["*"]},
            {"effect": "Deny", "actions": ["sts:*"], "resources": ["*"]},
        ],
    )
    done = run(configuration(team(policies=[jump], permanent=[permanent()])))
    (finding,) = done.problems()
    assert (finding.code, finding.is_error) == ("verify-unproven", True)
    assert "the grant itself denies sts:AssumeRole" in finding.message
    assert done.verified().alive == 0


UNPROVEN: list[tuple[dict[str, Any], str]] = [
    ({"resources": ["arn:aws:s3:::${aws:PrincipalTag/team}/*"]}, "depends on the request"),
    ({"actions": ["news:NoSuch*"]}, "no action is known"),
    ({"conditions": {"StringEquals": {"aws:PrincipalTag/team": "x"}}}, "meets its conditions"),
]


@pytest.mark.parametrize(("written", "why"), UNPROVEN)
def test_what_could_not_be_tried_is_named_with_the_reason(
    written: dict[str, Any], why: str
) -> None:
    plain = {"effect": "Allow", "actions": ["s3:GetObject"], "resources": ["*"]}
    other = {**plain, "actions": ["sqs:ListQueues"]}
    for others, is_error in (([], True), ([other], False)):
        read = policy("read", custom_statements=[{**plain, **written}, *others])
        done = run(configuration(team(policies=[read], permanent=[permanent()])))
        (finding,) = done.problems()
        assert (finding.code, finding.is_error) == ("verify-unproven", is_error)
        assert why in finding.message
        assert done.verified().alive == len(others)


def test_more_than_the_first_action_of_a_statement_is_tried() -> None:
    keys = policy(
        "read",
        custom_statements=[
            {
                "effect": "Allow",
                "actions": ["iam:CreateAccessKey", "iam:*LoginProfile", "iam:ListAccessKeys"],
                "resources": ["arn:aws:iam::{account_id}:user/${aws:username}"],
            }
        ],
    )
    done = run(configuration(team(policies=[keys], temporary=[temporary()])))
    assert done.problems() == []
    assert done.verified().alive == 1


def test_a_boundary_that_blocks_a_grant_is_named() -> None:
    done = run(PERMANENT)
    boundary = "arn:aws:iam::aws:policy/Narrow"
    bounded = replace(
        with_state(done.snapshot, ALICE, boundary=boundary),
        managed={boundary: ManagedDocument("v1", document("ec2:*"))},
    )
    (finding,) = done.problems(bounded)
    assert finding.code == "verify-not-allowed"
    assert "boundary" in finding.message


def test_what_the_boundary_of_a_role_takes_away_is_told() -> None:
    edge = "arn:aws:iam::111122223333:policy/edge"
    account = with_policy(account_with(), edge, document=document("ec2:*"))
    account = with_state(account, ALICE, boundary=edge)
    settings = Settings.model_validate({"permissions_boundary": "edge"})
    done = run(replace(temporarily(Form.ROLE), settings=settings), start=account)
    (finding,) = done.problems()
    assert finding.code == "verify-not-allowed"
    assert "boundary" in finding.message


MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
ASKING_MORE: list[dict[str, Any]] = [
    {"conditions": MFA},
    {"conditions": {"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-central-1"]}}},
    {"conditions": {"StringLike": {"aws:RequestTag/team": "pay*"}, **MFA}},
    {"conditions": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}},
    {"conditions": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}},
    {"conditions": {"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}},
    {"conditions": {"BoolIfExists": {"aws:SecureTransport": "true"}}},
    {"conditions": {"NumericLessThanEquals": {"s3:max-keys": "10"}}},
    {"actions": None, "not_actions": ["iam:*"]},
    {"resources": None, "not_resources": ["arn:aws:s3:::secret"]},
]


@pytest.mark.parametrize("written", [{}, *ASKING_MORE])
def test_a_deadline_that_does_not_hold_is_told(written: dict[str, Any]) -> None:
    """Whatever else a statement asks for."""
    statement = {"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"], **written}
    files = configuration(
        team(
            policies=[policy("read", custom_statements=[statement])],
            temporary=[temporary(via="inline")],
        )
    )
    done = run(files)
    assert done.problems() == []
    ((name, held),) = done.snapshot.principals[ALICE].inline.items()
    endless = [
        {**each, "Condition": statement.get("conditions", {})}
        if each["Effect"] == "Allow"
        else each
        for each in held["Statement"]
    ]
    inline = {name: {**held, "Statement": endless}}
    tampered = with_state(done.snapshot, ALICE, inline=inline)
    found = done.problems(tampered, NOW + timedelta(minutes=1))
    assert codes(found) == {"verify-outlives", "verify-not-so"}
    assert done.verified(tampered).ending == 0


def test_a_deny_without_a_second_factor_stands_in_nobodys_way() -> None:
    """The usual policy that asks all users for a second factor is no reason for a finding."""
    done = run(PERMANENT)
    without = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    deny = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": without},
    }
    assert done.problems(with_state(done.snapshot, ALICE, inline={"mfa": deny})) == []


def test_what_failed_is_not_told_again() -> None:
    done = run(PERMANENT)
    failed = [replace(outcome, status=Status.FAILED) for outcome in done.outcomes]
    assert replace(done, outcomes=failed).problems(account_with()) == []


def test_the_counts_are_told_in_a_note() -> None:
    (finding,) = run(temporarily(Form.INLINE)).verified().findings
    assert (finding.code, finding.severity) == ("verified", Severity.NOTE)
    assert "1 of 1 grants proven to be allowed, 1 of 1 temporary ones to end" in finding.message
    assert "service control policies" in finding.hint


@pytest.mark.parametrize("ending", [False, True])
def test_what_a_made_up_policy_says_proves_nothing(*, ending: bool) -> None:
    arn = "arn:aws:iam::111122223333:policy/ops"
    there = with_policy(account_with(), arn, document=document("sqs:SendMessage"))
    grants: dict[str, Any] = (
        {"temporary": [temporary()]} if ending else {"permanent": [permanent()]}
    )
    files = configuration(team(policies=[policy("read", customer_policies=["ops"])], **grants))
    done = run(files, start=there)
    assert done.verified().alive == 1
    again = apply_plan(files, done.snapshot)
    made_up = MadeUp(frozenset({arn}), frozenset({("payments", "read")}))
    found = verify(done.snapshot, done.plan, done.outcomes, again, NOW, made_up)
    assert (found.grants, found.alive, found.ending) == (1, 0, int(ending))
    (told, _) = found.findings
    assert (told.code, told.severity) == ("verify-unproven", Severity.NOTE)
    assert "only the name is known" in told.message
