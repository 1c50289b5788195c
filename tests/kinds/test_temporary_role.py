"""Roles for one grant: how they are made, ended and taken apart, judged by the evaluator."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iam_access.kinds import temporary_role
from iam_access.kinds.grant import Rules, TemporaryGrant
from iam_access.kinds.temporary_access import TemporaryAccess
from iam_access.kinds.temporary_role import TemporaryRoles
from iam_access.model import Phase, Principal, PrincipalType
from iam_access.snapshot import ManagedDocument, Snapshot
from tests.values import (
    ACCOUNT,
    ALICE,
    POWER_USER,
    READ_ONLY,
    ROLE_BOUNDARY,
    account_with,
    carried_out,
    policy,
    scope,
    temporary,
    with_state,
)

KIND = TemporaryRoles()
DEADLINE = datetime(2026, 3, 1, 18, tzinfo=UTC)
ROLE = Principal(PrincipalType.ROLE, "payments+read+alice")


def grant(*, rules: Rules = Rules(), **written: Any) -> TemporaryGrant:  # noqa: B008 - frozen
    both = policy(
        "read",
        managed_policies=[POWER_USER],
        custom_statements=[{"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}],
    )
    (found,) = TemporaryAccess().expand([temporary(**written)], scope(both, rules=rules)).grants
    return found


def made(found: TemporaryGrant) -> Snapshot:
    return carried_out(
        account_with(), KIND.calls(None, temporary_role.resource(found), account_with())
    )


def test_what_was_made_is_observed_as_it_was_wanted() -> None:
    wanted = temporary_role.resource(grant())
    (observed,) = KIND.observed(made(grant()))

    assert observed.id == wanted.id
    assert observed.attributes == wanted.attributes
    assert observed.document == wanted.document
    assert observed.expires == wanted.expires == DEADLINE
    assert observed.principal == wanted.principal == ALICE
    assert observed.grant == wanted.grant


def test_its_end_stands_before_anything_is_granted() -> None:
    calls = KIND.calls(None, temporary_role.resource(grant()), account_with())
    assert [call.operation for call in calls] == [
        "create_role",
        "put_role_policy",
        "attach_role_policy",
    ]
    assert calls[0].params["MaxSessionDuration"] == 3600
    assert "DateLessThan" in calls[0].params["AssumeRolePolicyDocument"]


def test_it_is_denied_what_could_outlive_its_end() -> None:
    found = grant()
    assert found.denials
    statements = temporary_role.permissions(found)["Statement"]
    assert all(denial in statements for denial in found.denials)


@pytest.mark.parametrize("asked", [False, True])
def test_who_takes_it_has_to_use_mfa_where_the_rules_say_so(*, asked: bool) -> None:
    trust = temporary_role.trust_policy(grant(rules=Rules(require_mfa=asked)))
    (statement,) = trust["Statement"]
    wanted = {"aws:MultiFactorAuthPresent": "true"} if asked else None
    assert statement["Condition"].get("Bool") == wanted


def test_what_a_policy_of_aws_denies_stands_before_anything_is_granted() -> None:
    deny = {"Effect": "Deny", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::secret"}
    copy = ManagedDocument("v1", {"Version": "2012-10-17", "Statement": [deny]})
    account = account_with(managed={POWER_USER: copy})
    calls = KIND.calls(None, temporary_role.resource(grant()), account)
    assert [call.operation for call in calls] == [
        "create_role",
        "put_role_policy",
        "attach_role_policy",
        "put_role_policy",
    ]
    assert '"Allow"' not in calls[1].params["PolicyDocument"]
    (found,) = KIND.observed(carried_out(account, calls))
    assert found.document == temporary_role.resource(grant()).document


def test_half_made_it_stays_silent_until_the_denials_of_aws_are_attached() -> None:
    deny = {"Effect": "Deny", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::secret"}
    copy = ManagedDocument("v1", {"Version": "2012-10-17", "Statement": [deny]})
    account = account_with(managed={POWER_USER: copy})
    wanted = temporary_role.resource(grant())
    stopped = carried_out(account, KIND.calls(None, wanted, account)[:2])
    (left,) = KIND.observed(stopped)
    calls = KIND.calls(left, wanted, stopped)
    assert [call.operation for call in calls] == ["attach_role_policy", "put_role_policy"]


def test_what_it_is_denied_stands_before_it_is_granted_more() -> None:
    statements = [{"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}]
    less = scope(policy("read", custom_statements=statements))
    (found,) = TemporaryAccess().expand([temporary()], less).grants
    account = made(found)
    (before,) = KIND.observed(account)
    calls = KIND.calls(before, temporary_role.resource(grant()), account)
    assert [call.operation for call in calls] == ["put_role_policy", "attach_role_policy"]


def test_nobody_can_take_it_before_it_is_taken_apart() -> None:
    account = made(grant())
    (before,) = KIND.observed(account)

    calls = KIND.calls(before, None, account)

    assert [call.operation for call in calls] == [
        "put_role_policy",
        "update_assume_role_policy",
        "detach_role_policy",
        "delete_role_policy",
        "delete_role",
    ]
    assert ROLE not in carried_out(account, calls).principals


@pytest.mark.parametrize("count", range(1, 5))
def test_half_taken_apart_it_is_dead_and_the_rest_goes(count: int) -> None:
    account = made(grant())
    (before,) = KIND.observed(account)
    stopped = carried_out(account, KIND.calls(before, None, account)[:count])

    (left,) = KIND.observed(stopped)

    if count > 1:
        assert left.expires is not None
        assert left.expires.year == 1
    assert ROLE not in carried_out(stopped, KIND.calls(left, None, stopped)).principals


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize(
    "left",
    [{"attached": (POWER_USER,)}, {"inline": {"extra": {"Statement": []}}}],
    ids=["attached", "inline"],
)
def test_without_its_end_it_is_not_dead_while_anything_hangs_on_it(
    left: dict[str, Any], *, closed: bool
) -> None:
    account = made(grant())
    (before,) = KIND.observed(account)
    _, nobody_may_take_it, *_ = KIND.calls(before, None, account)
    account = carried_out(account, [nobody_may_take_it] if closed else [])
    bare = with_state(account, ROLE, **{"attached": (), "inline": {}, **left})
    (found,) = KIND.observed(bare)
    assert found.expires is None


FROM_THEN_ON = {"aws:CurrentTime": "2026-03-01T18:00:00Z"}
END = {"Effect": "Deny", "Action": "*", "Resource": "*"}


@pytest.mark.parametrize(
    ("conditions", "changed"),
    [
        ({"DateGreaterThanEquals": FROM_THEN_ON}, {"Effect": "Allow"}),
        ({"DateGreaterThanEquals": FROM_THEN_ON}, {"Action": "s3:*"}),
        ({"DateGreaterThanEquals": FROM_THEN_ON}, {"Resource": "arn:aws:s3:::one"}),
        ({"DateLessThan": FROM_THEN_ON}, {}),
        ({"DateGreaterThanEquals": FROM_THEN_ON, "Bool": {"aws:SecureTransport": "true"}}, {}),
        ({"DateGreaterThanEquals": {**FROM_THEN_ON, "aws:TokenIssueTime": "2026-01-01"}}, {}),
        ({"DateGreaterThanEquals": {"aws:CurrentTime": ["2026-03-01", "2026-03-02"]}}, {}),
        ({"DateGreaterThanEquals": {"aws:CurrentTime": "2026"}}, {}),
    ],
)
def test_what_only_looks_like_its_end_is_none(
    conditions: dict[str, Any], changed: dict[str, Any]
) -> None:
    statement = {**END, "Condition": conditions, **changed}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    (found,) = KIND.observed(with_state(made(grant()), ROLE, inline={"self-serve": document}))
    assert found.expires is None


@pytest.mark.parametrize("count", range(1, 3))
def test_half_made_it_ends_all_the_same(count: int) -> None:
    calls = KIND.calls(None, temporary_role.resource(grant()), account_with())
    (left,) = KIND.observed(carried_out(account_with(), calls[:count]))
    assert left.expires == DEADLINE


def test_a_renewal_keeps_the_role_and_moves_both_ends() -> None:
    account = made(grant())
    (before,) = KIND.observed(account)
    renewed = temporary_role.resource(grant(expires_at="2026-03-01T20:00:00Z"))

    calls = KIND.calls(before, renewed, account)

    assert renewed.id == before.id
    assert [call.operation for call in calls] == ["update_assume_role_policy", "put_role_policy"]
    (after,) = KIND.observed(carried_out(account, calls))
    assert after.expires == DEADLINE + timedelta(hours=2)


def test_what_somebody_added_to_the_role_is_taken_off() -> None:
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    account = with_state(
        made(grant()),
        ROLE,
        attached=(admin, POWER_USER),
        inline={**made(grant()).principals[ROLE].inline, "extra": {"Statement": []}},
    )
    (before,) = KIND.observed(account)
    after = carried_out(account, KIND.calls(before, temporary_role.resource(grant()), account))
    assert after == made(grant())


def test_what_the_role_loses_is_gone_before_it_lasts_longer() -> None:
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    inline = {**made(grant()).principals[ROLE].inline, "extra": {"Statement": []}}
    account = with_state(made(grant()), ROLE, attached=(admin, POWER_USER), inline=inline)
    (before,) = KIND.observed(account)
    renewed = temporary_role.resource(grant(expires_at="2026-03-01T20:00:00Z"))
    calls = sorted(KIND.calls(before, renewed, account), key=lambda call: call.phase)

    for count in range(len(calls) + 1):
        (found,) = KIND.observed(carried_out(account, calls[:count]))
        if (found.expires, found.attributes["trust"]) != (DEADLINE, before.attributes["trust"]):
            assert found.attributes["managed"] == (POWER_USER,)
            assert found.attributes["others"] == ()


def test_a_user_made_anew_is_let_in_again() -> None:
    """IAM stores a user's unique id in a trust policy and shows the id once the user is gone."""
    account = made(grant())
    trust = account.principals[ROLE].trust
    assert trust is not None
    (statement,) = trust["Statement"]
    stale = {**trust, "Statement": [{**statement, "Principal": {"AWS": "AIDAEXAMPLE"}}]}
    drifted = with_state(account, ROLE, trust=stale)
    (before,) = KIND.observed(drifted)

    calls = KIND.calls(before, temporary_role.resource(grant()), drifted)

    assert [call.operation for call in calls] == ["update_assume_role_policy"]
    assert carried_out(drifted, calls) == account


def test_the_trust_names_the_user_with_their_path() -> None:
    arn = f"arn:aws:iam::{ACCOUNT.id}:user/people/alice"
    account = account_with()
    state = replace(account.principals[ALICE], arn=arn)
    account = replace(account, principals={**account.principals, ALICE: state})
    power = scope(policy("read", managed_policies=[POWER_USER]), snapshot=account)
    (found,) = TemporaryAccess().expand([temporary()], power).grants
    assert temporary_role.trust_policy(found)["Statement"][0]["Principal"] == {"AWS": arn}


def test_the_person_is_told_how_to_use_it() -> None:
    lines = temporary_role.resource(grant(rules=Rules(require_mfa=True))).usage
    assert lines[0] == (
        "https://signin.aws.amazon.com/switchrole?account=111122223333"
        "&roleName=self-serve%2Fpayments%2Fpayments%2Bread%2Balice&displayName=read"
    )
    assert f"role_arn = arn:aws:iam::{ACCOUNT.id}:role/self-serve/payments/{ROLE.name}" in lines
    assert "role_session_name = alice" in lines
    assert f"mfa_serial = arn:aws:iam::{ACCOUNT.id}:mfa/alice" in lines


def test_a_user_has_to_name_the_session_like_themselves() -> None:
    (statement,) = temporary_role.trust_policy(grant())["Statement"]
    assert statement["Condition"]["StringEquals"] == {"sts:RoleSessionName": "alice"}


def test_a_role_may_take_it_too() -> None:
    found = temporary_role.resource(grant(role="runner"))
    assert found.name == "payments+read+role=runner"
    assert "role_session_name" not in " ".join(found.usage)


def test_roles_elsewhere_are_not_ours_nor_is_a_user_in_their_place() -> None:
    assert list(KIND.observed(account_with())) == []
    account = with_state(account_with(), ALICE, path="/self-serve/payments/")
    assert list(KIND.observed(account)) == []


def role_as(**changed: Any) -> dict[str, Any]:
    """What IAM tells of the role, but for what is changed."""
    wanted = {
        "Path": "/self-serve/payments/",
        "AssumeRolePolicyDocument": temporary_role.trust_policy(grant()),
        "PermissionsBoundary": {"PermissionsBoundaryArn": ROLE_BOUNDARY.arn},
    }
    return {"Role": {**wanted, **changed}}


@pytest.mark.parametrize(
    ("answer", "is_ours"),
    [
        (role_as(), True),
        (role_as(Path="/"), False),
        (role_as(PermissionsBoundary={}), False),
        (role_as(AssumeRolePolicyDocument={"Version": "2012-10-17", "Statement": []}), False),
    ],
)
def test_a_role_that_is_there_after_all_is_taken_for_ours_only_as_it_was_wanted(
    answer: dict[str, Any], *, is_ours: bool
) -> None:
    create, *_ = KIND.calls(None, temporary_role.resource(grant()), account_with())
    assert create.confirm is not None
    assert create.confirm.holds(lambda operation, params: answer) is is_ours


@pytest.mark.parametrize(("last", "is_gone"), [("arn:aws:iam::1:role/other", True), ("", False)])
def test_a_role_is_gone_only_if_no_page_has_it(last: str, *, is_gone: bool) -> None:
    account = made(grant())
    (before,) = KIND.observed(account)
    arn = last or before.attributes["arn"]
    pages = iter(
        [
            {"RoleDetailList": [], "IsTruncated": True, "Marker": "m"},
            {"RoleDetailList": [{"Arn": arn}], "IsTruncated": False},
        ]
    )
    delete = KIND.calls(before, None, account)[-1]
    assert delete.confirm is not None
    assert delete.confirm.holds(lambda operation, params: next(pages)) is is_gone


def test_of_policies_of_aws_those_that_deny_are_attached_first() -> None:
    effects = {POWER_USER: "Allow", READ_ONLY: "Deny"}
    managed = {
        arn: ManagedDocument(
            "v1",
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": effect, "Action": "s3:ListBucket", "Resource": "*"}],
            },
        )
        for arn, effect in effects.items()
    }
    account = account_with(managed=managed)
    both = scope(policy("read", managed_policies=list(effects)), snapshot=account)
    (found,) = TemporaryAccess().expand([temporary()], both).grants
    calls = KIND.calls(None, temporary_role.resource(found), account)
    attached = [call.params["PolicyArn"] for call in calls if "PolicyArn" in call.params]
    assert attached == [READ_ONLY, POWER_USER]


@pytest.mark.parametrize(
    ("path", "code"), [("/", "not-ours"), ("/other/self-serve/payments/", "not-ours"),
                       ("/self-serve/payments/", "spelled-anew")]
)  # fmt: skip
@pytest.mark.parametrize("name", ["payments+read+alice", "Payments+Read+Alice"])
def test_a_name_that_is_taken_is_left_alone_whatever_its_case(
    name: str, path: str, code: str
) -> None:
    taken = Principal(PrincipalType.ROLE, name)
    account = with_state(account_with(ALICE, taken), taken, path=path)
    found = KIND.foreign(temporary_role.resource(grant()), account)
    assert found is not None
    assert (found.finding.code, found.finding.is_error) == (code, True)
    assert name in found.finding.message
    assert (found.serves, found.adopt) == (False, None)


def test_a_user_of_that_name_takes_nothing() -> None:
    taken = Principal(PrincipalType.USER, ROLE.name)
    assert KIND.foreign(temporary_role.resource(grant()), account_with(ALICE, taken)) is None


def test_phases_leave_the_role_itself_for_last() -> None:
    account = made(grant())
    (before,) = KIND.observed(account)
    phases = [call.phase for call in KIND.calls(before, None, account)]
    assert phases == sorted(phases)
    assert phases[-1] is Phase.RETIRE


def test_what_denies_comes_to_a_role_in_use_first_and_leaves_it_last() -> None:
    """Even where nothing but the names of AWS's policies is known."""
    deny = "arn:aws:iam::aws:policy/AWSDenyAll"
    wanted = temporary_role.resource(grant())
    bare = replace(wanted, attributes={**wanted.attributes, "managed": ()})
    both = replace(
        wanted,
        attributes={**wanted.attributes, "managed": (deny, READ_ONLY)},
        document={**(wanted.document or {}), "Statement": []},
    )
    coming = KIND.calls(bare, both, account_with())
    assert [call.params.get("PolicyArn") for call in coming] == [deny, None, READ_ONLY]
    leaving = KIND.calls(both, bare, account_with())
    assert [call.params.get("PolicyArn") for call in leaving][-2:] == [READ_ONLY, deny]
