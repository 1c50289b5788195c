"""Promises 5, 7 and 8: what cannot be trusted gets nothing, one failure stops no other account."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from iam_access.model import Account
from iam_access.sandbox import AwsError, FaultContext
from tests.flow.fleet import (
    DEPLOYER,
    LIVE,
    PROD,
    READ_ONLY,
    READ_QUEUES,
    TEST,
    Files,
    Fleet,
    account,
    document,
    opened,
    permanent,
    policy,
    refusing,
    temporary,
)

ACCOUNTS = {"prod": PROD, "test": TEST, "live": LIVE}
OTHERS = (PROD, LIVE)
PIPELINE = "arn:aws:iam::000000000001:user/pipeline"


@pytest.fixture
def fleet(files: Files) -> Iterator[Fleet]:
    files.team(
        accounts=ACCOUNTS,
        policies={"read": policy(), "queues": policy(READ_QUEUES)},
        permanent=[permanent("read", environments=list(ACCOUNTS), users=["ann@example.com"])],
        temporary=[temporary("queues", environment=name) for name in ACCOUNTS],
    )
    with opened(files, account(PROD), account(TEST), account(LIVE)) as found:
        yield found


def write_trust(fleet: Fleet, principal: Any) -> None:
    """Let another principal assume the deployer role in the account test."""
    allow = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    fleet.admin(TEST).update_assume_role_policy(
        RoleName=DEPLOYER, PolicyDocument=json.dumps(document(allow))
    )


def role_missing(fleet: Fleet) -> None:
    iam = fleet.admin(TEST)
    iam.delete_role_policy(RoleName=DEPLOYER, PolicyName=DEPLOYER)
    iam.delete_role(RoleName=DEPLOYER)


def role_trusts_nobody_we_are(fleet: Fleet) -> None:
    write_trust(fleet, {"Service": "ec2.amazonaws.com"})


def role_trusts_another_user(fleet: Fleet) -> None:
    write_trust(fleet, {"AWS": f"arn:aws:iam::{TEST}:user/ann"})


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    "spoil", [role_missing, role_trusts_nobody_we_are, role_trusts_another_user]
)
def test_an_account_that_lets_nobody_in_gets_nothing(
    fleet: Fleet, spoil: Any, dry: tuple[str, ...]
) -> None:
    spoil(fleet)
    before = fleet.dump(TEST)
    run = fleet.apply("--all", "--output", "json", *dry)
    assert run.status == 2
    assert TEST not in {call.account_id for call in run.calls}
    assert fleet.dump(TEST) == before

    by_account = {each["account"]: each for each in run.json["accounts"]}
    failure = by_account[TEST]["failure"]
    assert failure["code"] == "AccessDenied"
    assert f"arn:aws:iam::{TEST}:role/{DEPLOYER}" in failure["message"]
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": PIPELINE}}
    assert json.dumps(statement) in failure["hint"]

    assert all(by_account[account_id]["failure"] is None for account_id in OTHERS)
    assert {call.account_id for call in run.writes} == (set() if dry else set(OTHERS))
    for account_id in OTHERS:
        assert fleet.attached("user/ann", account_id) == (set() if dry else {"payments-read"})


def test_the_trust_statement_that_is_told_is_the_one_that_mends_it(fleet: Fleet) -> None:
    role_trusts_nobody_we_are(fleet)
    refused = fleet.apply("--all", "--output", "json")
    hint = next(
        each["failure"]["hint"] for each in refused.json["accounts"] if each["account"] == TEST
    )
    statement, _ = json.JSONDecoder().raw_decode(hint, hint.index("{"))
    fleet.admin(TEST).update_assume_role_policy(
        RoleName=DEPLOYER, PolicyDocument=json.dumps(document(statement))
    )
    assert fleet.apply("--all").status == 0
    assert fleet.attached("user/ann", TEST) == {"payments-read"}


def test_the_trust_statement_is_told_in_text_as_well(fleet: Fleet) -> None:
    role_trusts_nobody_we_are(fleet)
    lines = fleet.apply("--all").out.splitlines()
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": PIPELINE}}
    assert any(json.dumps(statement) in line for line in lines)


def test_a_session_of_another_account_is_not_used(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever sits at the endpoint answers for test with a session of live."""
    from iam_access.cloud import sessions  # noqa: PLC0415

    original = sessions.Accounts._assume

    def elsewhere(self: Any, sts: Any, account_: Any) -> Any:
        return original(self, sts, accounts[LIVE] if account_.id == TEST else account_)

    accounts = {
        id_: Account(id_, "aws", DEPLOYER, {"payments": "live"}) for id_ in ACCOUNTS.values()
    }
    monkeypatch.setattr(sessions.Accounts, "_assume", elsewhere)
    before = fleet.dump(TEST)
    run = fleet.apply("--all", "--output", "json")
    assert run.status == 2
    failures = {each["account"]: each["failure"] for each in run.json["accounts"]}
    assert failures[TEST]["code"] == "WrongAccount"
    assert failures[PROD] is failures[LIVE] is None
    assert fleet.dump(TEST) == before
    # What live was sent is for live alone: as many calls as prod got.
    sent = [call.account_id for call in run.calls if call.service == "iam"]
    assert sent.count(LIVE) == sent.count(PROD)


def test_without_credentials_nothing_happens_anywhere(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    run = fleet.apply("--all", "--output", "json")
    assert (run.status, run.calls) == (2, ())
    assert {each["failure"]["code"] for each in run.json["accounts"]} == {"NoCredentialsError"}
    assert "Traceback" not in run.err


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("GetAccountAuthorizationDetails", "AccessDenied"),
        ("GetAccountSummary", "ServiceUnavailable"),
        ("CreatePolicy", "AccessDenied"),
        ("AttachUserPolicy", "ExpiredToken"),
        ("PutUserPolicy", "LimitExceeded"),
    ],
)
def test_a_failing_account_stops_no_other(fleet: Fleet, operation: str, code: str) -> None:
    fault = refusing(code, lambda call: (call.operation, call.account_id) == (operation, TEST))
    fleet.sandbox.faults.append(fault)
    run = fleet.apply("--all", "--output", "json")
    assert run.status == 2
    told = json.dumps(run.json)
    assert code in told
    assert TEST in told
    for account_id in OTHERS:
        assert fleet.attached("user/ann", account_id) == {"payments-read"}
        assert len(fleet.inline("user/ann", account_id)) == 1

    fleet.sandbox.faults.clear()
    assert fleet.apply("--all").status == 0
    assert fleet.dump(TEST).keys() == {arn.replace(PROD, TEST) for arn in fleet.dump(PROD)}


def test_a_failing_principal_stops_no_other(files: Files) -> None:
    files.team(
        policies={"read": policy(), "queues": policy(READ_QUEUES)},
        permanent=[
            permanent("read", users=["ann@example.com", "bob@example.com"], roles=["runner"])
        ],
        temporary=[temporary("queues"), temporary("queues", user="bob@example.com")],
    )

    def is_about_ann(call: FaultContext) -> bool:
        return call.params.get("UserName") == "ann"

    with opened(files) as fleet:
        fleet.sandbox.faults.append(refusing("UnmodifiableEntity", is_about_ann))
        run = fleet.apply("--all", "--output", "json")
        assert run.status == 2
        failed = {c["principal"] for c in run.json["changes"] if c["outcome"] == "failed"}
        assert failed == {"user/ann"}
        assert fleet.attached("user/bob") == fleet.attached("role/runner") == {"payments-read"}
        assert len(fleet.inline("user/bob")) == 1
        for change in run.json["changes"]:
            if change["outcome"] == "failed":
                assert change["error"]["code"] == "UnmodifiableEntity"
                assert change["error"]["hint"]


def test_what_needs_something_that_failed_is_skipped_and_says_so(fleet: Fleet) -> None:
    def is_read(call: FaultContext) -> bool:
        return call.params.get("PolicyName") == "payments-read" and call.account_id == TEST

    fleet.sandbox.faults.append(refusing("AccessDenied", is_read))
    run = fleet.apply("--all", "--output", "json")
    assert run.status == 2
    outcomes = {
        (change["kind"], change["name"]): change["outcome"]
        for change in run.json["changes"]
        if change["account"] == TEST
    }
    assert outcomes["customer-managed-policy", "payments-read"] == "failed"
    assert outcomes["policy-attachment", "payments-read"] == "skipped"
    assert outcomes["customer-managed-policy", "payments-queues"] == "done"


@pytest.mark.exhaustive
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_missing_principal_blocks_its_own_entries_only(
    files: Files, dry: tuple[str, ...]
) -> None:
    files.team(
        policies={"read": policy(managed=[READ_ONLY]), "queues": policy(READ_QUEUES)},
        permanent=[
            permanent("read", users=["ann@example.com", "zoe@example.com"], roles=["ruiner"])
        ],
        temporary=[temporary("queues", user="zoe@example.com"), temporary("queues")],
    )
    with opened(files) as fleet:
        run = fleet.apply("--all", "--output", "json", *dry)
        assert run.status == 1
        missing = [f for f in run.json["findings"] if f["code"] == "missing-principal"]
        assert {(f["severity"], f["account"]) for f in missing} == {("error", PROD)}
        told = " ".join(f"{f['message']} {f['hint']}" for f in missing)
        assert "aws iam create-user --user-name zoe" in told
        assert "did you mean runner?" in told
        assert all(f["line"] for f in missing)
        assert bool(run.writes) is not bool(dry)
        if not dry:
            assert fleet.attached("user/ann") == {"ReadOnlyAccess"}
            assert len(fleet.inline("user/ann")) == 1

        # Once they are there, the next apply does what was left.
        fleet.admin().create_user(UserName="zoe")
        fleet.admin().create_role(
            RoleName="ruiner",
            AssumeRolePolicyDocument=json.dumps(
                document(
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "ec2.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                )
            ),
        )
        assert fleet.apply("--all").status == 0
        assert fleet.attached("user/zoe") == {"ReadOnlyAccess"}


def test_an_invalid_team_ends_in_status_one_and_stops_no_other(fleet: Fleet) -> None:
    fleet.files.team("platform", accounts=ACCOUNTS, permanent=[permanent("nothing")])
    run = fleet.apply("--all", "--output", "json")
    assert run.status == 1
    assert "unknown-grant" in run.codes
    assert fleet.attached("user/ann") == {"payments-read"}


def test_invalid_settings_apply_nothing(fleet: Fleet) -> None:
    fleet.files.write("settings.yaml", "deployer_roll: x\n")
    run = fleet.apply("--all", "--output", "json")
    assert (run.status, run.calls) == (1, ())


def test_a_failure_outweighs_a_finding(fleet: Fleet) -> None:
    fleet.files.team("platform", accounts=ACCOUNTS, permanent=[permanent("nothing")])
    role_missing(fleet)
    assert fleet.apply("--all").status == 2


def test_an_entry_that_has_ended_is_no_error(fleet: Fleet) -> None:
    assert fleet.apply("--all").status == 0
    fleet.clock.move(days=400)
    checked = fleet.validate("--output", "json")
    assert checked.status == 0
    assert [(f["code"], f["severity"]) for f in checked.json["findings"]] == [
        ("expired", "warning")
    ] * len(ACCOUNTS)
    applied = fleet.apply("payments")
    assert applied.status == 0
    assert [call.operation for call in applied.writes] == ["DeleteUserPolicy"] * len(ACCOUNTS)
    assert fleet.apply("payments").writes == ()


@pytest.mark.parametrize(
    ("via", "operation"),
    [("inline", "PutUserPolicy"), ("policy", "CreatePolicy"), ("policy", "AttachUserPolicy")],
)
def test_a_renewal_that_fails_leaves_what_was_there(files: Files, via: str, operation: str) -> None:
    files.team(policies={"read": policy()}, temporary=[temporary("read", via=via)])
    with opened(files) as fleet:
        assert fleet.apply("--all").status == 0
        ann = f"arn:aws:iam::{PROD}:user/ann"
        before = fleet.dump()[ann]
        later = temporary("read", via=via, expires_at="2026-03-02T18:00:00Z")
        files.team(policies={"read": policy()}, temporary=[later])
        fleet.sandbox.faults.append(
            refusing("AccessDenied", lambda call: call.operation == operation)
        )
        assert fleet.apply("--all").status == 2
        assert fleet.dump()[ann] == before
        fleet.sandbox.faults.clear()
        assert fleet.apply("--all").status == 0
        assert fleet.dump()[ann] != before


def test_a_bug_in_one_account_is_not_hidden(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    from iam_access.runs import planning  # noqa: PLC0415

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(planning, "plan_apply", broken)
    run = fleet.apply("--all", "--output", "json")
    assert run.status == 2
    assert "This is a bug in the pipeline" in run.err
    assert run.json["error"]["code"] == "bug"
    assert run.writes == ()


def test_an_interrupt_before_there_is_a_report(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from iam_access.runs import apply  # noqa: PLC0415

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(apply, "carry_out", interrupted)
    run = fleet.apply("--all", "--output", "json")
    assert run.status == 2
    assert run.json["error"]["code"] == "interrupted"
    assert "interrupted" in fleet.apply("--all").out


def test_throttling_that_does_not_end_is_told(fleet: Fleet, slept: list[float]) -> None:
    def fault(call: FaultContext) -> None:
        if call.operation == "PutUserPolicy" and call.account_id == TEST:
            raise AwsError("Throttling", "Rate exceeded")

    fleet.sandbox.faults.append(fault)
    run = fleet.apply("--all", "--output", "json")
    assert run.status == 2
    errors = [c["error"]["code"] for c in run.json["changes"] if c["error"]]
    assert errors == ["Throttling"]
    # Bounded: a handful of tries, not for ever.
    assert 2 <= len([c for c in run.calls if c.error == "Throttling"]) <= 10
    assert slept
