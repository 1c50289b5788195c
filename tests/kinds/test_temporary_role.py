"""Roles for one grant: how they are made, ended and taken apart, judged by the evaluator."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iam_access.kinds import temporary_role
from iam_access.kinds.grant import TemporaryAccessRules, TemporaryGrant
from iam_access.kinds.temporary_access import TemporaryAccess
from iam_access.kinds.temporary_role import TemporaryRoles
from iam_access.model import Phase, Principal, PrincipalType
from iam_access.plan.confirmation import holds
from iam_access.snapshot import ManagedDocument, Snapshot
from tests.values import (
    ACCOUNT,
    ALICE,
    NOW,
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


def grant(
    *,
    rules: TemporaryAccessRules = TemporaryAccessRules(),  # noqa: B008 - frozen
    snapshot: Snapshot | None = None,
    now: datetime = NOW,
    **written: Any,
) -> TemporaryGrant:
    both = policy(
        "read",
        managed_policies=[POWER_USER],
        custom_statements=[{"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}],
    )
    (found,) = (
        TemporaryAccess()
        .expand([temporary(**written)], scope(both, rules=rules, snapshot=snapshot, now=now))
        .grants
    )
    return found


def account_with_role_for(found: TemporaryGrant) -> Snapshot:
    return carried_out(
        account_with(), KIND.calls(None, temporary_role.resource(found), account_with())
    )


def test_what_was_made_is_observed_as_it_was_wanted() -> None:
    wanted = temporary_role.resource(grant())
    (observed,) = KIND.observed(account_with_role_for(grant()))

    assert observed.id == wanted.id
    assert observed.attributes == wanted.attributes
    assert observed.document == wanted.document
    assert observed.documents == wanted.documents
    assert observed.expires == wanted.expires == DEADLINE
    assert observed.principal == wanted.principal == ALICE
    assert observed.grant == wanted.grant


def test_a_role_that_opens_later_is_observed_to_start_then() -> None:
    found = grant(starts_at="2026-03-01T17:00:00Z")
    (observed,) = KIND.observed(account_with_role_for(found))
    assert observed.starts == temporary_role.resource(found).starts == found.starts


def test_its_end_stands_before_anything_is_granted() -> None:
    calls = KIND.calls(None, temporary_role.resource(grant()), account_with())
    assert [call.operation for call in calls] == [
        "create_role",
        "put_role_policy",
        "attach_role_policy",
        "update_assume_role_policy",
    ]
    assert calls[0].params["MaxSessionDuration"] == 3600
    assert '"Allow"' not in calls[0].params["AssumeRolePolicyDocument"]
    assert "DateLessThan" in calls[-1].params["PolicyDocument"]


def test_it_is_denied_what_could_outlive_its_end() -> None:
    found = grant()
    assert found.denials
    statements = temporary_role.permissions(found)["Statement"]
    assert all(denial in statements for denial in found.denials)


@pytest.mark.parametrize("asked", [False, True])
def test_who_takes_it_has_to_use_mfa_where_the_rules_say_so(*, asked: bool) -> None:
    trust = temporary_role.trust_policy(grant(rules=TemporaryAccessRules(require_mfa=asked)))
    (statement,) = trust["Statement"]
    wanted = {"aws:MultiFactorAuthPresent": "true"} if asked else None
    assert statement["Condition"].get("Bool") == wanted


def test_nobody_can_take_it_until_what_policies_of_aws_deny_is_attached() -> None:
    deny = {"Effect": "Deny", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::secret"}
    copy = ManagedDocument("v1", {"Version": "2012-10-17", "Statement": [deny]})
    account = account_with(managed={POWER_USER: copy})
    calls = KIND.calls(None, temporary_role.resource(grant()), account)
    assert [call.operation for call in calls][-2:] == [
        "attach_role_policy",
        "update_assume_role_policy",
    ]


@pytest.mark.parametrize("count", range(1, 4))
def test_half_made_it_is_finished_and_opened_last(count: int) -> None:
    wanted = temporary_role.resource(grant())
    whole = KIND.calls(None, wanted, account_with())
    stopped = carried_out(account_with(), whole[:count])
    assert grant(snapshot=stopped).generation == 1
    (left,) = KIND.observed(stopped)
    calls = KIND.calls(left, wanted, stopped)
    assert [call.operation for call in calls] == [call.operation for call in whole[count:]]
    assert carried_out(stopped, calls) == account_with_role_for(grant())


def test_what_it_is_denied_stands_before_it_is_granted_more() -> None:
    statements = [{"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}]
    less = scope(policy("read", custom_statements=statements))
    (found,) = TemporaryAccess().expand([temporary()], less).grants
    account = account_with_role_for(found)
    (before,) = KIND.observed(account)
    calls = KIND.calls(before, temporary_role.resource(grant()), account)
    assert [call.operation for call in calls] == ["put_role_policy", "attach_role_policy"]


def reclaimed(account: Snapshot, now: datetime, *, cleaning: bool = True) -> Snapshot:
    """The account after what a cleanup, or an apply, does at this moment with the dead role."""
    (dead,) = KIND.observed(account)
    return carried_out(account, KIND.reclaiming(dead, account, now, cleaning=cleaning))


def silenced() -> Snapshot:
    """An account in which the role was ended before its time."""
    account = account_with_role_for(grant())
    (before,) = KIND.observed(account)
    return carried_out(account, KIND.calls(before, None, account))


HOUR = timedelta(hours=1)
INSTANT = timedelta(seconds=1)


def test_ended_before_its_time_it_is_silenced_and_closed_and_stays() -> None:
    account = account_with_role_for(grant())
    (before,) = KIND.observed(account)
    calls = KIND.calls(before, None, account)
    assert [call.operation for call in calls] == [
        "put_role_policy",
        "update_assume_role_policy",
        "detach_role_policy",
    ]
    (left,) = KIND.observed(silenced())
    assert left.expires is not None
    assert left.expires.year == 1
    assert left.attributes["managed"] == ()
    assert KIND.calls(left, None, silenced()) == ()
    assert reclaimed(silenced(), NOW + 24 * HOUR, cleaning=False) == silenced()


def test_its_deny_goes_with_the_role_once_no_session_can_be_open() -> None:
    noticed = reclaimed(silenced(), NOW)
    assert noticed != silenced()
    for cleaning in (True, False):
        assert reclaimed(noticed, NOW + HOUR - INSTANT, cleaning=cleaning) == noticed
        assert reclaimed(noticed, NOW + HOUR, cleaning=cleaning) == account_with()


def test_ended_by_itself_it_goes_an_hour_later() -> None:
    account = account_with_role_for(grant())
    assert reclaimed(account, DEADLINE + HOUR - INSTANT) == account
    (dead,) = KIND.observed(account)
    calls = KIND.reclaiming(dead, account, DEADLINE + HOUR, cleaning=False)
    assert [call.operation for call in calls] == [
        "update_assume_role_policy",
        "detach_role_policy",
        "delete_role_policy",
        "delete_role",
    ]
    assert carried_out(account, calls) == account_with()


def test_opened_again_by_others_it_is_closed_and_the_hour_begins_anew() -> None:
    trust = account_with_role_for(grant()).principals[ROLE].trust
    opened = with_state(reclaimed(silenced(), NOW), ROLE, trust=trust)
    late = NOW + 2 * HOUR
    assert reclaimed(opened, late) == silenced()
    never_closing = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]}
    endless = with_state(account_with_role_for(grant()), ROLE, trust=never_closing)
    assert reclaimed(endless, DEADLINE + 2 * HOUR) == silenced()


@pytest.mark.parametrize("sid", ["Noticed", "Noticed20260301", "Noticed99999999T999999Z", "Other"])
def test_a_moment_that_others_wrote_is_none(sid: str) -> None:
    document = silenced().principals[ROLE].inline["self-serve"]
    (statement,) = document["Statement"]
    noticed = {**document, "Statement": [{**statement, "Sid": sid}]}
    account = with_state(silenced(), ROLE, inline={"self-serve": noticed})
    assert ROLE in reclaimed(account, NOW + 24 * HOUR).principals


@pytest.mark.parametrize("count", range(1, 3))
def test_half_ended_the_rest_is_done_by_the_next_run(count: int) -> None:
    account = account_with_role_for(grant())
    (before,) = KIND.observed(account)
    stopped = carried_out(account, KIND.calls(before, None, account)[:count])
    assert reclaimed(stopped, NOW, cleaning=False) == silenced()


def test_a_dead_role_is_not_written_to_and_the_grant_gets_another_one() -> None:
    for account, now in (
        (silenced(), NOW),
        (reclaimed(silenced(), NOW), NOW),
        (account_with_role_for(grant()), DEADLINE),
    ):
        renewed = grant(snapshot=account, now=now, expires_at="2026-03-02T18:00:00Z")
        assert renewed.generation == 2
        wanted = temporary_role.resource(renewed)
        assert wanted.name == "payments+read+alice+g2"
        after = carried_out(account, KIND.calls(None, wanted, account))
        assert after.principals[ROLE] == account.principals[ROLE]
        again = grant(snapshot=after, now=now, expires_at="2026-03-02T20:00:00Z")
        assert again.generation == 2


def test_without_its_end_it_gets_that_before_it_is_let_in_to_or_given_anything() -> None:
    robbed = with_state(account_with_role_for(grant()), ROLE, attached=(), inline={})
    open_to = {**(robbed.principals[ROLE].trust or {}), "Statement": [{"Effect": "Allow"}]}
    robbed = with_state(robbed, ROLE, trust=open_to)
    (before,) = KIND.observed(robbed)
    calls = KIND.calls(before, temporary_role.resource(grant(snapshot=robbed)), robbed)
    assert [call.operation for call in calls] == [
        "put_role_policy",
        "attach_role_policy",
        "update_assume_role_policy",
    ]


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize(
    "left",
    [{"attached": (POWER_USER,)}, {"inline": {"extra": {"Statement": []}}}],
    ids=["attached", "inline"],
)
def test_without_its_end_it_is_not_dead_while_anything_hangs_on_it(
    left: dict[str, Any], *, closed: bool
) -> None:
    account = account_with_role_for(grant())
    (before,) = KIND.observed(account)
    nobody_may_take_it = KIND.calls(before, None, account)[1]
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
    (found,) = KIND.observed(
        with_state(account_with_role_for(grant()), ROLE, inline={"self-serve": document})
    )
    assert found.expires is None


@pytest.mark.parametrize("count", range(2, 4))
def test_half_made_it_ends_all_the_same(count: int) -> None:
    calls = KIND.calls(None, temporary_role.resource(grant()), account_with())
    (left,) = KIND.observed(carried_out(account_with(), calls[:count]))
    assert left.expires == DEADLINE


def test_a_renewal_keeps_the_role_and_moves_both_ends() -> None:
    account = account_with_role_for(grant())
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
        account_with_role_for(grant()),
        ROLE,
        attached=(admin, POWER_USER),
        inline={
            **account_with_role_for(grant()).principals[ROLE].inline,
            "extra": {"Statement": []},
        },
    )
    (before,) = KIND.observed(account)
    after = carried_out(account, KIND.calls(before, temporary_role.resource(grant()), account))
    assert after == account_with_role_for(grant())


def test_what_the_role_loses_is_gone_before_it_lasts_longer() -> None:
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    inline = {**account_with_role_for(grant()).principals[ROLE].inline, "extra": {"Statement": []}}
    account = with_state(
        account_with_role_for(grant()), ROLE, attached=(admin, POWER_USER), inline=inline
    )
    (before,) = KIND.observed(account)
    renewed = temporary_role.resource(grant(expires_at="2026-03-01T20:00:00Z"))
    calls = sorted(KIND.calls(before, renewed, account), key=lambda call: call.phase)

    for count in range(len(calls) + 1):
        (found,) = KIND.observed(carried_out(account, calls[:count]))
        if (found.expires, found.documents) != (DEADLINE, before.documents):
            assert found.attributes["managed"] == (POWER_USER,)
            assert found.attributes["others"] == ()


def test_a_user_made_anew_is_let_in_again() -> None:
    """IAM stores a user's unique id in a trust policy and shows the id once the user is gone."""
    account = account_with_role_for(grant())
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
    lines = temporary_role.resource(grant(rules=TemporaryAccessRules(require_mfa=True))).usage
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
    assert holds(create.confirm, lambda read, params: answer) is is_ours


@pytest.mark.parametrize(("last", "is_gone"), [("arn:aws:iam::1:role/other", True), ("", False)])
def test_a_role_is_gone_only_if_no_page_has_it(last: str, *, is_gone: bool) -> None:
    account = account_with_role_for(grant())
    (before,) = KIND.observed(account)
    arn = last or before.attributes["arn"]
    pages = iter(
        [
            {"RoleDetailList": [], "IsTruncated": True, "Marker": "m"},
            {"RoleDetailList": [{"Arn": arn}], "IsTruncated": False},
        ]
    )
    delete = KIND.reclaiming(before, account, DEADLINE + HOUR, cleaning=True)[-1]
    assert delete.confirm is not None
    assert holds(delete.confirm, lambda read, params: next(pages)) is is_gone


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
    found = KIND.unmanaged(temporary_role.resource(grant()), account)
    assert found is not None
    assert (found.finding.code, found.finding.is_error) == (code, True)
    assert name in found.finding.message
    assert (found.is_equivalent, found.adopt) == (False, None)


def test_a_user_of_that_name_takes_nothing() -> None:
    taken = Principal(PrincipalType.USER, ROLE.name)
    assert KIND.unmanaged(temporary_role.resource(grant()), account_with(ALICE, taken)) is None


def test_phases_leave_the_role_itself_for_last() -> None:
    account = account_with_role_for(grant())
    (before,) = KIND.observed(account)
    calls = KIND.reclaiming(before, account, DEADLINE + HOUR, cleaning=True)
    phases = [call.phase for call in calls]
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
