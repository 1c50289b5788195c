"""Customer managed policies: what a policies file comes to, and the calls that get there."""

import json
from dataclasses import replace
from typing import Any

import pytest

from iam_access.kinds.managed_policy import CustomerManagedPolicies
from iam_access.model import Change, ChangeType, Phase, Principal, Read, Resource
from iam_access.plan import confirmation
from tests.values import (
    ACCOUNT,
    ALICE,
    BOB,
    account_with,
    carried_out,
    policy,
    published,
    scope,
    with_policy,
    with_state,
)

KIND = CustomerManagedPolicies()
ARN = f"arn:aws:iam::{ACCOUNT.id}:policy/self-serve/payments/payments-dev-read"
STATEMENT = {"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}


def wanted(**statement: Any) -> Resource:
    entry = policy("dev.read", custom_statements=[{**STATEMENT, **statement}])
    (resource,) = KIND.expand([entry], scope(entry)).resources
    return resource


def test_every_element_is_carried_through_exactly() -> None:
    entry = policy(
        "dev.read",
        custom_statements=[
            {
                "sid": "One",
                "effect": "Deny",
                "not_actions": ["s3:Get*"],
                "not_resources": ["arn:aws:s3:::a/*"],
                "conditions": {"StringLike": {"aws:PrincipalTag/x": ["a", "b"]}},
            }
        ],
    )

    (resource,) = KIND.expand([entry], scope(entry)).resources

    assert resource.document == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "One",
                "Effect": "Deny",
                "NotAction": ["s3:Get*"],
                "NotResource": ["arn:aws:s3:::a/*"],
                "Condition": {"StringLike": {"aws:PrincipalTag/x": ["a", "b"]}},
            }
        ],
    }


def test_placeholders_are_filled_and_iam_variables_left_alone() -> None:
    resource = wanted(
        resources=["arn:aws:s3:::{team}-{environment}-{account_id}/${aws:username}/${team}"]
    )

    assert resource.document is not None
    assert resource.document["Statement"][0]["Resource"] == [
        f"arn:aws:s3:::payments-prod-{ACCOUNT.id}/${{aws:username}}/${{team}}"
    ]


def test_a_policy_of_aws_managed_ones_alone_publishes_nothing() -> None:
    entry = policy("dev", managed_policies=["arn:aws:iam::aws:policy/ReadOnlyAccess"])
    assert KIND.expand([entry], scope(entry)).resources == ()


def test_publish_granted_leaves_out_what_nobody_holds() -> None:
    entries = [policy("one"), policy("two")]
    expansion = KIND.expand(entries, scope(*entries, granted=["two"], everywhere=False))
    assert [resource.name for resource in expansion.resources] == ["payments-two"]


def test_creating_it_makes_what_is_observed_afterwards() -> None:
    resource = wanted()
    account = carried_out(account_with(), KIND.calls(None, resource, account_with()))

    (observed,) = KIND.observed(account)

    assert observed.id == resource.id
    assert observed.document == resource.document


def test_policies_on_other_paths_are_not_ours() -> None:
    account = with_policy(account_with(), f"arn:aws:iam::{ACCOUNT.id}:policy/payments-dev-read")
    assert list(KIND.observed(account)) == []


def test_an_update_makes_room_by_deleting_the_oldest_version_that_is_not_the_default() -> None:
    account = with_policy(
        account_with(), ARN, versions=("v2", "v3", "v5", "v6", "v9"), default_version="v2"
    )
    (before,) = KIND.observed(account)

    calls = KIND.calls(before, wanted(), account)

    assert [call.operation for call in calls] == ["delete_policy_version", "create_policy_version"]
    assert calls[0].params["VersionId"] == "v3"
    assert calls[1].params["SetAsDefault"] is True
    assert carried_out(account, calls).policies[ARN].default_version == "v10"


def test_an_update_with_room_is_one_call() -> None:
    account = with_policy(account_with(), ARN, versions=("v1", "v2"), default_version="v2")
    (before,) = KIND.observed(account)
    assert len(KIND.calls(before, wanted(), account)) == 1


def test_a_part_that_gets_more_keeps_what_it_denied_until_the_others_are_off() -> None:
    denied = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}
    account = with_policy(
        with_policy(account_with(), f"{ARN}+2"),
        ARN,
        document={"Version": "2012-10-17", "Statement": [denied]},
        versions=("v1", "v2", "v3", "v4", "v5"),
        default_version="v5",
    )
    before = next(each for each in KIND.observed(account) if each.attributes["arn"] == ARN)
    # What nobody holds denies nothing.
    idle = [call.operation for call in KIND.calls(before, wanted(), account)]
    assert idle == ["delete_policy_version", "create_policy_version"]
    account = with_state(account, ALICE, attached=frozenset({ARN}))

    calls = KIND.calls(before, wanted(), account)

    assert [(call.operation, call.params.get("VersionId"), call.phase) for call in calls] == [
        ("delete_policy_version", "v1", Phase.PUBLISH),
        ("delete_policy_version", "v2", Phase.PUBLISH),
        ("create_policy_version", None, Phase.PUBLISH),
        ("create_policy_version", None, Phase.RELEASE),
    ]
    first, last = (json.loads(call.params["PolicyDocument"]) for call in calls[2:])
    assert [each["Effect"] for each in first["Statement"]] == ["Allow", "Deny"]
    assert [each["Effect"] for each in last["Statement"]] == ["Allow"]
    carried_out(account, calls)


def test_deleting_takes_the_other_versions_first_and_comes_last() -> None:
    account = with_policy(account_with(), ARN, versions=("v1", "v2"), default_version="v2")
    (before,) = KIND.observed(account)

    calls = KIND.calls(before, None, account)

    assert {call.phase for call in calls} == {Phase.RETIRE}
    assert published(carried_out(account, calls)) == []


def test_a_name_that_somebody_else_took_is_refused_and_says_whose_it_is() -> None:
    theirs = f"arn:aws:iam::{ACCOUNT.id}:policy/legacy/Payments-Dev-Read"
    account = with_policy(account_with(), theirs)

    unmanaged = KIND.unmanaged(wanted(), account)

    assert unmanaged is not None
    assert not unmanaged.is_equivalent
    assert theirs in unmanaged.finding.message
    assert unmanaged.finding.is_error


def test_adopting_makes_way_for_ours() -> None:
    theirs = f"arn:aws:iam::{ACCOUNT.id}:policy/legacy/payments-dev-read"
    account = with_policy(account_with(), theirs, versions=("v1", "v2"), default_version="v2")
    for holder in (ALICE, BOB):
        account = with_state(account, holder, attached=(theirs,))
    unmanaged = KIND.unmanaged(wanted(), account)
    assert unmanaged is not None
    assert unmanaged.adopt is not None

    after = carried_out(account, (*unmanaged.adopt.calls, *KIND.calls(None, wanted(), account)))

    assert [each.arn for each in published(after)] == [ARN]


def test_a_policy_of_another_team_is_not_adopted() -> None:
    theirs = f"arn:aws:iam::{ACCOUNT.id}:policy/self-serve/data/payments-dev-read"
    unmanaged = KIND.unmanaged(wanted(), with_policy(account_with(), theirs))
    assert unmanaged is not None
    assert unmanaged.adopt is None


def test_a_policy_that_is_a_boundary_is_not_adopted() -> None:
    theirs = f"arn:aws:iam::{ACCOUNT.id}:policy/legacy/payments-dev-read"
    unmanaged = KIND.unmanaged(wanted(), with_policy(account_with(), theirs, boundary_uses=1))
    assert unmanaged is not None
    assert unmanaged.adopt is None


def change(before: Resource | None, after: Resource | None) -> Change:
    subject = after or before
    assert subject is not None
    return Change(ChangeType.UPDATE, subject.id, subject.name, subject.teams, (), before, after, ())


@pytest.mark.parametrize(
    ("holders", "uses", "whose"),
    [
        ([ALICE], 1, "user/alice"),
        ([ALICE, BOB], 2, "user/alice and user/bob"),
        ([ALICE], 0, "user/alice"),
        ([ALICE, BOB], 4, "user/alice, user/bob and 2 more"),
        ([], 2, "2 principals"),
    ],
)
def test_what_serves_as_a_boundary_cannot_be_deleted(
    holders: list[Principal], uses: int, whose: str
) -> None:
    account = with_policy(account_with(), ARN, boundary_uses=uses)
    for principal in holders:
        account = with_state(account, principal, boundary=ARN)
    (before,) = KIND.observed(account)
    finding = KIND.obstacle(change(before, None), account)
    assert finding is not None
    assert finding.code == "policy-in-use"
    assert f"boundary of {whose}, so" in finding.message


def test_the_accounts_own_size_quota_counts() -> None:
    account = account_with()
    small = replace(account, quotas=replace(account.quotas, policy_size=50))
    assert KIND.obstacle(change(None, wanted()), account) is None
    finding = KIND.obstacle(change(None, wanted()), small)
    assert finding is not None
    assert finding.code == "policy-too-large"


@pytest.mark.parametrize(("found", "holds"), [("s3:ListBucket", True), ("s3:GetObject", False)])
def test_a_lost_answer_is_confirmed_by_meaning(found: str, holds: bool) -> None:
    (create,) = KIND.calls(None, wanted(), account_with())
    document = {
        "Version": "2012-10-17",
        "Statement": {"Resource": "*", "Action": found, "Effect": "Allow"},
    }

    def ask(read: Read, params: Any) -> Any:
        if read.operation == "get_policy":
            return {"Policy": {"DefaultVersionId": "v7"}}
        assert params == {"PolicyArn": ARN, "VersionId": "v7"}
        return {"PolicyVersion": {"Document": document}}

    assert create.confirm is not None
    assert create.confirm.codes == {"EntityAlreadyExists"}
    assert confirmation.holds(create.confirm, ask) is holds


def test_the_description_is_given_to_aws() -> None:
    entry = policy("dev.read", description="Lists buckets", custom_statements=[STATEMENT])
    (resource,) = KIND.expand([entry], scope(entry)).resources
    (create,) = KIND.calls(None, resource, account_with())
    assert create.params["Description"] == "Lists buckets"
    assert json.loads(create.params["PolicyDocument"]) == resource.document
