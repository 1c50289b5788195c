"""Marks: how an account tells what is ours outside IAM."""

import json
from dataclasses import replace

from iam_access.kinds import markers
from iam_access.kinds.managed_policy import CustomerManagedPolicies
from iam_access.kinds.operations import iam_operations
from iam_access.snapshot import Snapshot
from tests import values
from tests.values import ACCOUNT

KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT.id}:alias/payments/data"
OPERATIONS = iam_operations(*markers.OPERATIONS)


def marked() -> Snapshot:
    call = markers.made(markers.mark("payments", KEY))
    return OPERATIONS["iam", call.operation].effect(values.account_with(), call.params)


def test_a_mark_says_whose_a_thing_is_and_is_no_policy_of_the_team() -> None:
    assert list(markers.marks(marked(), "kms")) == [markers.mark("payments", KEY)]
    assert list(markers.marks(marked(), "s3")) == []
    assert list(CustomerManagedPolicies().observed(marked())) == []


def test_it_allows_nothing_and_goes_without_a_trace() -> None:
    made = markers.made(markers.mark("payments", KEY))
    statements = json.loads(made.params["PolicyDocument"])["Statement"]
    assert [each["Effect"] for each in statements] == ["Deny"]
    gone = markers.deleted(markers.mark("payments", KEY))
    effect = OPERATIONS["iam", gone.operation].effect
    assert effect(marked(), gone.params) == values.account_with()


def test_what_is_at_the_place_of_a_mark_and_names_another_thing_is_none() -> None:
    snapshot = marked()
    arn = markers.mark("payments", KEY).policy
    other = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Resource": f"{KEY}-2"}]}
    changed = replace(snapshot.policies[arn], document=other)
    moved = replace(snapshot, policies={**snapshot.policies, arn: changed})
    assert list(markers.marks(moved, "kms")) == []


def test_marks_of_one_thing_are_those_of_any_team_and_region() -> None:
    region = KEY.replace("eu-west-1", "us-east-1")
    like = KEY.replace("payments/data", "payments-data")
    snapshot = marked()
    for team, arn in (("search", KEY), ("payments", region), ("payments", like)):
        call = markers.made(markers.mark(team, arn))
        snapshot = OPERATIONS["iam", call.operation].effect(snapshot, call.params)
    found = {(each.team, each.arn) for each in markers.marks_like(snapshot, KEY)}
    assert found == {("payments", KEY), ("search", KEY), ("payments", region)}
