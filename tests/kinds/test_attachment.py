"""Attachments: permanent access, and ownership through tags."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from iam_access.kinds import aws_policies, given_access, ownership, temporary_role
from iam_access.kinds.attachment import PolicyAttachments
from iam_access.model import ApiCall, Phase, Principal, PrincipalType, Resource, Severity
from iam_access.plan.diff import observed_state
from iam_access.plan.planner import RunOptions
from iam_access.policy.document import statements_of
from iam_access.snapshot import PrincipalState, Snapshot
from tests.invariants.replay import moments
from tests.values import (
    ACCOUNT,
    ALICE,
    NOW,
    READ_ONLY,
    RUNNER,
    account_with,
    applied,
    apply_plan,
    carried_out,
    configuration,
    permanent,
    policy,
    scope,
    team,
    with_policy,
    with_state,
)

KIND = PolicyAttachments()
OURS = f"arn:aws:iam::{ACCOUNT.id}:policy/self-serve/payments/payments-read"
BOTH = policy(
    "read",
    managed_policies=[READ_ONLY],
    custom_statements=[{"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}],
)
TAG = "self-serve:payments:ReadOnlyAccess"
SECOND = "self-serve:payments:2:ReadOnlyAccess"


def managed(*owners: str) -> Resource:
    """ReadOnlyAccess on alice as these teams want it."""
    entry = permanent(grants=["read"])
    (resource,) = KIND.expand(
        [entry], scope(policy("read", managed_policies=[READ_ONLY]))
    ).resources
    return replace(resource, owners=frozenset(owners), teams=frozenset(owners))


def tags(
    *keys: str, gone: bool = False, noticed: datetime | None = None, of: Snapshot | None = None
) -> dict[str, str]:
    """Tags with these keys as we write them on alice."""
    account = of or account_with()
    state = account.principals[ALICE]
    if gone or noticed:
        return dict(ownership.released(keys, state, account, noticed))
    return dict(ownership.held(keys, state, account))


def operations(calls: tuple[ApiCall, ...]) -> list[str]:
    return [call.operation for call in calls]


def test_a_grant_is_our_policy_and_each_managed_one_for_everybody_named() -> None:
    entry = permanent(users=["alice@example.com"], roles=["runner"])

    expansion = KIND.expand([entry], scope(BOTH))

    assert {(str(r.principal), r.attributes["arn"]) for r in expansion.resources} == {
        ("user/alice", OURS),
        ("user/alice", READ_ONLY),
        ("role/runner", OURS),
        ("role/runner", READ_ONLY),
    }


def test_entries_for_other_environments_ask_for_nothing_here() -> None:
    entry = permanent(environments=["nonprod"])
    assert KIND.expand([entry], scope(BOTH)).resources == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("AWSLambdaBasicExecutionRole", "service-role/AWSLambdaBasicExecutionRole"),
        ("readonlyaccess", "ReadOnlyAccess"),
        ("job-function/ReadOnlyAccess", "ReadOnlyAccess"),
        ("AWSLambdaFullAccess", "AWSLambda_FullAccess"),
        ("Quite-Another", None),
    ],
)
def test_a_policy_that_cannot_be_attached_is_told_with_the_nearest_name(
    written: str, meant: str | None
) -> None:
    aws = "arn:aws:iam::aws:policy/"
    names = ("ReadOnlyAccess", "service-role/AWSLambdaBasicExecutionRole", "AWSLambda_FullAccess")
    account = replace(account_with(), attachable=frozenset(aws + name for name in names))
    read = policy("read", line=7, managed_policies=[aws + written])
    expansion = KIND.expand(
        [permanent(roles=["runner"], users=["alice@example.com"])], scope(read, snapshot=account)
    )
    assert expansion.resources == ()
    [finding] = expansion.findings
    assert (finding.code, finding.is_error) == ("unknown-managed-policy", True)
    assert finding.location
    assert (finding.location.line, aws + written in finding.message) == (7, True)
    if meant:
        assert f"did you mean {aws}{meant}?" in finding.hint
    else:
        assert "did you mean" not in finding.hint


def test_attachments_of_a_role_made_for_a_grant_belong_to_the_role() -> None:
    """Not one by one, whatever the policy and the role's tags say."""
    role = Principal(PrincipalType.ROLE, "payments+read+alice")
    account = with_policy(account_with(ALICE, role), OURS)
    claimed = ownership.held([TAG], account.principals[role], account)
    state = {"attached": (OURS, READ_ONLY), "tags": claimed, "trust": temporary_role.CLOSED_TRUST}
    outside = with_state(account, role, **state)
    assert names_of(outside, role) == {"payments-read", "ReadOnlyAccess"}
    ours = with_state(account, role, path="/self-serve/payments/", **state)
    assert names_of(ours, role) == {role.name}


def names_of(account: Snapshot, holder: Principal) -> set[str]:
    """The names of all that is ours and writes the policies of a user or role."""
    observed = observed_state(account).values()
    return {each.name for each in observed if given_access(each).holder == holder}


def test_an_attachment_of_an_aws_managed_policy_is_claimed_first() -> None:
    calls = KIND.calls(None, managed("payments"), account_with())

    assert [(call.operation, call.phase) for call in calls] == [
        ("tag_user", Phase.CLAIM),
        ("attach_user_policy", Phase.GRANT),
    ]
    after = carried_out(account_with(), calls).principals[ALICE]
    assert after.tags == tags(TAG)
    assert after.attached == (READ_ONLY,)


def test_it_is_released_last() -> None:
    account = with_state(account_with(), ALICE, attached=(READ_ONLY,), tags=tags(TAG))
    (before,) = KIND.observed(account)

    calls = KIND.calls(before, None, account)

    assert [(call.operation, call.phase) for call in calls] == [
        ("detach_user_policy", Phase.REVOKE),
        ("untag_user", Phase.RELEASE),
    ]


def test_attachments_without_our_tag_are_not_ours() -> None:
    account = with_state(account_with(), ALICE, attached=(READ_ONLY,), tags={"team": "payments"})
    assert list(KIND.observed(account)) == []


def test_attachments_of_our_policies_are_ours_whoever_made_them() -> None:
    group = Principal(PrincipalType.GROUP, "ops")
    account = with_policy(account_with(ALICE, RUNNER), OURS)
    account = with_state(account, RUNNER, attached=(OURS,))
    state = PrincipalState(
        principal=group, arn="arn:aws:iam::111122223333:group/ops", attached=(OURS,)
    )
    account = replace(account, principals={**account.principals, group: state})

    observed = {resource.principal: resource for resource in KIND.observed(account)}

    assert set(observed) == {RUNNER, group}
    (detach,) = KIND.calls(observed[group], None, account)
    assert (detach.operation, detach.params["GroupName"]) == ("detach_group_policy", "ops")


def test_a_tag_without_its_attachment_may_be_going_so_another_one_is_written() -> None:
    account = with_state(account_with(), ALICE, tags=tags(TAG))
    (before,) = KIND.observed(account)
    calls = KIND.calls(before, managed("payments"), account)
    assert operations(calls) == ["tag_user", "attach_user_policy"]
    after = carried_out(account, calls)
    assert after.principals[ALICE].tags == tags(TAG, SECOND)
    (owned,) = KIND.observed(after)
    assert owned.owners == {"payments"}
    gone = carried_out(after, KIND.calls(owned, None, after))
    assert gone.principals[ALICE] == account_with().principals[ALICE]


def test_a_tag_without_its_attachment_goes_when_no_run_can_be_about_to_attach() -> None:
    account = with_state(account_with(), ALICE, tags=tags(TAG))
    (dead,) = KIND.observed(account)
    assert KIND.calls(dead, None, account) == ()
    assert KIND.reclaiming(dead, account, NOW, cleaning=False) == ()
    noticed = carried_out(account, KIND.reclaiming(dead, account, NOW, cleaning=True))
    assert noticed.principals[ALICE].tags == tags(TAG, noticed=NOW)
    hour = timedelta(hours=1)
    (dead,) = KIND.observed(noticed)
    assert KIND.reclaiming(dead, noticed, NOW + hour / 2, cleaning=True) == ()
    assert operations(KIND.reclaiming(dead, noticed, NOW + hour, cleaning=True)) == ["untag_user"]
    # One that attaches meanwhile uses another key, so nothing it owns is taken off.
    calls = KIND.calls(dead, managed("payments"), noticed)
    assert [tag["Key"] for tag in calls[0].params["Tags"]] == [SECOND]


def test_a_second_team_adds_its_own_tag_and_keeps_the_attachment_when_the_first_leaves() -> None:
    account = with_state(account_with(), ALICE, attached=(READ_ONLY,), tags=tags(TAG))
    (before,) = KIND.observed(account)

    handed_over = KIND.calls(before, managed("data"), account)

    assert operations(handed_over) == ["tag_user", "tag_user"]
    after = carried_out(account, handed_over)
    assert after.principals[ALICE].tags == {
        **tags("self-serve:data:ReadOnlyAccess"),
        **tags(TAG, gone=True),
    }
    assert after.principals[ALICE].attached == (READ_ONLY,)
    (left,) = KIND.observed(after)
    assert left.owners == {"data"}
    again = carried_out(after, KIND.calls(left, managed("data", "payments"), after))
    assert again.principals[ALICE].tags == tags("self-serve:data:ReadOnlyAccess", TAG)


def test_a_team_that_has_let_go_keeps_nothing_though_its_files_are_invalid() -> None:
    released = {**tags(TAG, gone=True), **tags("self-serve:data:ReadOnlyAccess")}
    account = with_state(account_with(), ALICE, attached=(READ_ONLY,), tags=released)
    nothing = configuration(team("data"), invalid=["payments"])
    assert applied(nothing, account) == account_with()


def test_what_all_owners_have_let_go_is_ours_to_detach() -> None:
    released = tags(TAG, gone=True)
    account = with_state(account_with(), ALICE, attached=(READ_ONLY,), tags=released)
    (left,) = KIND.observed(account)
    assert left.owners == frozenset()
    assert left.teams == {"payments"}
    assert left.expires is None
    assert operations(KIND.calls(left, None, account)) == ["detach_user_policy", "untag_user"]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yes",
        tags(TAG)[TAG].upper(),
        tags(SECOND)[SECOND],
        tags("self-serve:data:ReadOnlyAccess")["self-serve:data:ReadOnlyAccess"],
        tags(TAG, of=with_state(account_with(), ALICE, id="AIDAMADEANEW"))[TAG],
        tags(TAG, of=replace(account_with(), account_id="444455556666"))[TAG],
        f"{tags(TAG, gone=True)[TAG]}:20261301T000000Z",
    ],
)
def test_a_tag_that_was_not_written_for_the_principal_is_told_and_nothing_is_detached(
    value: str,
) -> None:
    account = with_state(account_with(), ALICE, attached=(READ_ONLY,), tags={TAG: value})
    assert list(KIND.observed(account)) == []
    plan = apply_plan(configuration(team()), account)
    assert plan.changes == ()
    [told] = plan.findings
    assert (told.code, told.severity) == ("unconfirmed-tag", Severity.WARNING)
    assert f"--user-name alice --policy-arn {READ_ONLY}" in told.hint
    assert f"--tag-keys {TAG}" in told.hint
    # Where the files ask for it, it is used like all that others attached, until it is adopted.
    asking = configuration(
        team(policies=[policy("read", managed_policies=[READ_ONLY])], permanent=[permanent()])
    )
    plan = apply_plan(asking, account)
    assert (plan.changes, [each.code for each in plan.findings]) == ((), ["not-ours"])
    assert TAG in plan.findings[0].hint
    adopted = applied(asking, account, RunOptions(adopt=True))
    assert adopted.principals[ALICE].tags == tags(TAG)
    assert applied(configuration(team()), adopted) == account_with()


def test_a_tag_in_doubt_alone_says_nothing() -> None:
    account = with_state(account_with(), ALICE, tags={TAG: ""})
    plan = apply_plan(configuration(team()), account)
    assert (plan.changes, plan.findings) == ((), ())


def test_what_somebody_else_attached_is_used_and_adopting_only_tags() -> None:
    account = with_state(account_with(), ALICE, attached=(READ_ONLY,))

    unmanaged = KIND.unmanaged(managed("payments"), account)

    assert unmanaged is not None
    assert unmanaged.is_equivalent
    assert not unmanaged.finding.is_error
    assert unmanaged.adopt is not None
    assert operations(unmanaged.adopt.calls) == ["tag_user"]


def test_one_person_named_twice_gets_one_attachment() -> None:
    entry = permanent(users=["alice@example.com", "alice@example.com"], grants=["read", "read"])
    assert len(KIND.expand([entry], scope(BOTH)).resources) == 2


def test_what_denies_among_the_policies_of_aws_is_known() -> None:
    denying: set[str] = set()
    only: set[str] = set()
    for name, policy_ in json.loads(aws_managed_policies_data).items():
        effects = {each["Effect"] for each in statements_of(policy_["Document"])}
        if "Deny" in effects and policy_["Path"] != "/aws-service-role/":
            whole = f"{policy_['Path'][1:]}{name}"
            (only if effects == {"Deny"} else denying).add(whole)
    assert denying <= aws_policies.DENY_TOO
    assert only <= aws_policies.DENY_ONLY


def test_a_policy_of_aws_that_denies_comes_first_and_goes_last() -> None:
    """Whatever the order in the files, and without reading any of them."""
    arns = [f"arn:aws:iam::aws:policy/{name}" for name in ("PowerUserAccess", "AWSDenyAll")]
    both = configuration(
        team(policies=[policy("read", managed_policies=arns)], permanent=[permanent()])
    )
    before = account_with(managed={READ_ONLY: None})
    granted = moments(apply_plan(both, before), before)
    gone = moments(apply_plan(configuration(team()), granted[-1]), granted[-1])
    for moment in (*granted, *gone):
        attached = moment.principals[ALICE].attached
        assert arns[0] not in attached or arns[1] in attached
    assert granted[-1].principals[ALICE].attached
    assert gone[-1].principals[ALICE].attached == ()
