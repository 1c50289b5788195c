"""The policy simulator answers as AWS's does, seen through boto3."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from iam_access.sandbox import Sandbox, throttling
from tests.sandbox.support import ACCOUNT, OTHER_ACCOUNT, Refused, assume, client, policy, trust

BUCKET = "arn:aws:s3:::reports"
OBJECTS = f"{BUCKET}/*"
DEADLINE = "2026-11-20T13:00:00Z"
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
WITH_MFA = {
    "ContextKeyName": "aws:MultiFactorAuthPresent",
    "ContextKeyType": "boolean",
    "ContextKeyValues": ["true"],
}


def arn_of(kind: str, name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:{kind}/{name}"


def entry(key: str, kind: str, *values: str) -> dict[str, Any]:
    return {"ContextKeyName": key, "ContextKeyType": kind, "ContextKeyValues": list(values)}


def results(iam: Any, arn: str, *actions: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = iam.simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=list(actions), **parameters
    )
    assert answer["IsTruncated"] is False
    found: list[dict[str, Any]] = answer["EvaluationResults"]
    return found


def result(iam: Any, arn: str, action: str, *resources: str, **parameters: Any) -> dict[str, Any]:
    """The one result about an action."""
    if resources:
        parameters["ResourceArns"] = list(resources)
    (found,) = results(iam, arn, action, **parameters)
    assert found["EvalActionName"] == action
    return found


def decision(iam: Any, arn: str, action: str, *resources: str, **parameters: Any) -> str:
    found: str = result(iam, arn, action, *resources, **parameters)["EvalDecision"]
    return found


def custom(iam: Any, document: str, action: str, **parameters: Any) -> dict[str, Any]:
    """The one result about an action under one policy."""
    answer = iam.simulate_custom_policy(
        PolicyInputList=[document], ActionNames=[action], **parameters
    )
    (found,) = answer["EvaluationResults"]
    return dict(found)


def put_user_policy(iam: Any, user: str, document: str, name: str = "inline") -> str:
    """Write an inline policy; returns the user's ARN."""
    iam.put_user_policy(UserName=user, PolicyName=name, PolicyDocument=document)
    return arn_of("user", user)


def sources(found: dict[str, Any]) -> list[str]:
    return [statement["SourcePolicyId"] for statement in found["MatchedStatements"]]


# Decisions


def test_without_policies_nothing_is_allowed(iam: Any, user: str) -> None:
    found = result(iam, arn_of("user", user), "s3:GetObject")
    assert found == {
        "EvalActionName": "s3:GetObject",
        "EvalResourceName": "*",
        "EvalDecision": "implicitDeny",
        "MatchedStatements": [],
        "MissingContextValues": [],
    }


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("s3:GetObject", "allowed"),
        ("S3:getobject", "allowed"),
        ("s3:GetBucketPolicy", "explicitDeny"),
        ("s3:PutObject", "implicitDeny"),
        # The wildcards of a question stand for themselves.
        ("s3:Get*", "allowed"),
        ("s3:*", "implicitDeny"),
        ("*:*", "implicitDeny"),
    ],
)
def test_wildcards_in_policies(iam: Any, user: str, action: str, expected: str) -> None:
    statements = [
        {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:*Policy", "Resource": "*"},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    assert decision(iam, put_user_policy(iam, user, document), action) == expected


def test_policies_are_named_as_aws_names_them(
    iam: Any, user: str, group: str, policy_arn: str
) -> None:
    iam.add_user_to_group(UserName=user, GroupName=group)
    iam.put_group_policy(GroupName=group, PolicyName="mine", PolicyDocument=policy())
    iam.attach_group_policy(GroupName=group, PolicyArn=policy_arn)
    iam.attach_user_policy(UserName=user, PolicyArn=policy_arn)
    arn = put_user_policy(iam, user, policy(), "own")
    found = result(iam, arn, "s3:GetObject", PolicyInputList=[policy("s3:*")])
    managed = policy_arn.rpartition("/")[2]
    expected = [f"user_{user}_own", managed, f"group_{group}_mine", "PolicyInputList.1"]
    # A policy attached twice counts once.
    assert sources(found) == expected
    assert {one["SourcePolicyType"] for one in found["MatchedStatements"]} == {"IAM Policy"}


def test_groups_and_roles_can_be_asked_about(iam: Any, group: str, role: str) -> None:
    iam.put_group_policy(GroupName=group, PolicyName="inline", PolicyDocument=policy())
    iam.put_role_policy(RoleName=role, PolicyName="inline", PolicyDocument=policy())
    for kind, name in (("group", group), ("role", role)):
        found = result(iam, arn_of(kind, name), "s3:GetObject")
        assert found["EvalDecision"] == "allowed"
        assert sources(found) == [f"{kind}_{name}_inline"]


def test_only_a_policys_version_in_force_counts(iam: Any, user: str, policy_arn: str) -> None:
    iam.attach_user_policy(UserName=user, PolicyArn=policy_arn)
    iam.create_policy_version(
        PolicyArn=policy_arn, PolicyDocument=policy("s3:PutObject"), SetAsDefault=True
    )
    found = results(iam, arn_of("user", user), "s3:GetObject", "s3:PutObject")
    assert [one["EvalDecision"] for one in found] == ["implicitDeny", "allowed"]


def test_aws_managed_policies_count(iam: Any, user: str) -> None:
    iam.attach_user_policy(UserName=user, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    found = result(iam, arn_of("user", user), "s3:GetObject", OBJECTS)
    assert (found["EvalDecision"], sources(found)) == ("allowed", ["ReadOnlyAccess"])


def test_a_boundary_limits(iam: Any, user: str, policy_arn: str) -> None:
    arn = put_user_policy(iam, user, policy("s3:*", "ec2:*"))
    assert "PermissionsBoundaryDecisionDetail" not in result(iam, arn, "s3:GetObject")
    iam.put_user_permissions_boundary(UserName=user, PermissionsBoundary=policy_arn)
    within, beyond = results(iam, arn, "s3:GetObject", "ec2:RunInstances")
    detail = "PermissionsBoundaryDecisionDetail"
    assert within["EvalDecision"] == "allowed"
    assert within[detail] == {"AllowedByPermissionsBoundary": True}
    assert (beyond["EvalDecision"], sources(beyond)) == ("implicitDeny", [])
    assert beyond[detail] == {"AllowedByPermissionsBoundary": False}
    # One that comes with the request takes its place.
    other = {"PermissionsBoundaryPolicyInputList": [policy("ec2:*")]}
    within, beyond = results(iam, arn, "s3:GetObject", "ec2:RunInstances", **other)
    assert (within["EvalDecision"], beyond["EvalDecision"]) == ("implicitDeny", "allowed")


def test_a_denying_boundary_is_named(iam: Any, user: str) -> None:
    arn = put_user_policy(iam, user, policy("s3:*"))
    boundary = policy("s3:GetObject", Effect="Deny")
    found = result(iam, arn, "s3:GetObject", PermissionsBoundaryPolicyInputList=[boundary])
    assert found["EvalDecision"] == "explicitDeny"
    (matched,) = found["MatchedStatements"]
    assert matched["SourcePolicyId"] == "PermissionsBoundaryPolicyInputList.1"
    assert matched["SourcePolicyType"] == "Permissions Boundary Policy"


# Context


def test_mfa_counts_only_when_given(iam: Any, user: str) -> None:
    arn = put_user_policy(iam, user, policy(Condition=MFA))
    found = result(iam, arn, "s3:GetObject")
    assert found["EvalDecision"] == "implicitDeny"
    assert found["MissingContextValues"] == ["aws:MultiFactorAuthPresent"]
    found = result(iam, arn, "s3:GetObject", ContextEntries=[WITH_MFA])
    assert (found["EvalDecision"], found["MissingContextValues"]) == ("allowed", [])


def test_the_time_counts_only_when_given(iam: Any, user: str) -> None:
    condition = {"DateLessThan": {"aws:CurrentTime": DEADLINE}}
    arn = put_user_policy(iam, user, policy(Condition=condition))
    assert decision(iam, arn, "s3:GetObject") == "implicitDeny"
    for time, expected in (("2026-11-20T12:59:59Z", "allowed"), (DEADLINE, "implicitDeny")):
        entries = [entry("aws:CurrentTime", "date", time)]
        assert decision(iam, arn, "s3:GetObject", ContextEntries=entries) == expected


@pytest.mark.parametrize(
    "key",
    [
        *("aws:CurrentTime", "aws:EpochTime", "aws:PrincipalType", "aws:PrincipalIsAWSService"),
        *("aws:PrincipalServiceName", "aws:ResourceAccount", "aws:SecureTransport"),
    ],
)
def test_nothing_else_is_assumed(iam: Any, user: str, key: str) -> None:
    arn = put_user_policy(iam, user, policy(Condition={"Null": {key: "true"}}))
    found = result(iam, arn, "s3:GetObject")
    assert (found["EvalDecision"], found["MissingContextValues"]) == ("allowed", [key])


def test_keys_that_follow_from_the_caller(iam: Any, user: str, group: str) -> None:
    document = policy(Resource=f"{BUCKET}/${{aws:username}}")
    arn = put_user_policy(iam, user, document)
    assert decision(iam, arn, "s3:GetObject", f"{BUCKET}/{user}") == "allowed"
    assert decision(iam, arn, "s3:GetObject", f"{BUCKET}/bob") == "implicitDeny"
    bob = {"CallerArn": arn_of("user", "bob")}
    assert decision(iam, arn, "s3:GetObject", f"{BUCKET}/bob", **bob) == "allowed"
    iam.put_group_policy(GroupName=group, PolicyName="inline", PolicyDocument=document)
    found = result(iam, arn_of("group", group), "s3:GetObject", f"{BUCKET}/{group}")
    assert found["EvalDecision"] == "implicitDeny"
    assert found["MissingContextValues"] == ["aws:username"]
    # What is given goes before what follows.
    entries = [entry("AWS:UserName", "string", "eve")]
    eve = f"{BUCKET}/eve"
    assert decision(iam, arn, "s3:GetObject", eve, ContextEntries=entries) == "allowed"


def test_missing_keys_are_those_of_all_policies(iam: Any) -> None:
    statements = [
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": BUCKET,
            "Condition": {"StringLike": {"aws:PrincipalTag/team": ["${aws:PrincipalTag/x, 'y'}"]}},
        },
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": f"{BUCKET}/${{aws:username}}${{*}}",
        },
        {"Effect": "Deny", "Action": "ec2:*", "Resource": "*", "Condition": MFA},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    keys = ["aws:PrincipalTag/team", "aws:PrincipalTag/x", "aws:username"]
    mfa = ["aws:MultiFactorAuthPresent"]
    found = custom(iam, document, "s3:ListBucket", ContextEntries=[WITH_MFA])
    assert found["MissingContextValues"] == keys
    names = iam.get_context_keys_for_custom_policy(PolicyInputList=[document])
    assert names["ContextKeyNames"] == [*keys, *mfa]
    old = document.replace("2012-10-17", "2008-10-17")
    names = iam.get_context_keys_for_custom_policy(PolicyInputList=[old])
    assert names["ContextKeyNames"] == [keys[0], *mfa]


def test_context_keys_of_a_principal(iam: Any, user: str, group: str) -> None:
    iam.add_user_to_group(UserName=user, GroupName=group)
    document = policy(Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}})
    iam.put_group_policy(GroupName=group, PolicyName="inline", PolicyDocument=document)
    arn = put_user_policy(iam, user, policy(Condition=MFA))
    names = iam.get_context_keys_for_principal_policy(PolicySourceArn=arn)
    assert names["ContextKeyNames"] == ["aws:MultiFactorAuthPresent", "aws:RequestedRegion"]


@pytest.mark.parametrize(
    ("operator", "value", "given"),
    [
        ("StringEquals", "a", entry("app:key", "string", "a")),
        ("ForAnyValue:StringEquals", "b", entry("app:key", "stringList", "a", "b")),
        ("NumericLessThan", "10", entry("app:key", "numeric", "9.5")),
        ("ForAllValues:NumericLessThan", "10", entry("app:key", "numericList", "1", "9")),
        ("Bool", "false", entry("app:key", "boolean", "FALSE")),
        ("ForAnyValue:Bool", "true", entry("app:key", "booleanList", "false", "true")),
        ("IpAddress", "10.0.0.0/8", entry("app:key", "ip", "10.1.2.3")),
        ("ForAllValues:IpAddress", "10.0.0.0/8", entry("app:key", "ipList", "10.1.2.3")),
        ("BinaryEquals", "QUJD", entry("app:key", "binary", "QUJD")),
        ("ForAnyValue:BinaryEquals", "QUJD", entry("app:key", "binaryList", "QUJD", "QUI=")),
        ("DateGreaterThan", "2026-01-01T00:00:00Z", entry("app:key", "date", DEADLINE)),
        ("ForAnyValue:DateLessThan", DEADLINE, entry("app:key", "dateList", "1000000000")),
    ],
)
def test_types_of_context(iam: Any, operator: str, value: str, given: dict[str, Any]) -> None:
    document = policy(Condition={operator: {"app:key": value}})
    assert custom(iam, document, "s3:GetObject")["MissingContextValues"] == ["app:key"]
    found = custom(iam, document, "s3:GetObject", ContextEntries=[given])
    assert (found["EvalDecision"], found["MissingContextValues"]) == ("allowed", [])


# Resources


def test_several_resources_have_results_of_their_own(iam: Any, user: str) -> None:
    statements = [
        {"Effect": "Allow", "Action": "s3:*", "Resource": [f"{BUCKET}/a", f"{BUCKET}/b"]},
        {"Effect": "Deny", "Action": "s3:*", "Resource": f"{BUCKET}/b"},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    arn = put_user_policy(iam, user, document)
    resources = [f"{BUCKET}/{name}" for name in "abc"]
    found = result(iam, arn, "s3:GetObject", *resources)
    specific = found["ResourceSpecificResults"]
    decisions = {one["EvalResourceName"]: one["EvalResourceDecision"] for one in specific}
    assert decisions == dict(
        zip(resources, ("allowed", "explicitDeny", "implicitDeny"), strict=True)
    )
    assert [len(one["MatchedStatements"]) for one in specific] == [1, 1, 0]
    # Taken together: the most restrictive, under a name that is none of theirs.
    assert found["EvalDecision"] == "explicitDeny"
    assert found["EvalResourceName"] == "arn:${Partition}:s3:::${BucketName}/${ObjectName}"
    assert found["MatchedStatements"] == specific[1]["MatchedStatements"]
    assert decision(iam, arn, "s3:GetObject", resources[0], resources[2]) == "implicitDeny"
    assert result(iam, arn, "s3:Nothing", *resources)["EvalResourceName"] == "*"


def test_one_resource_has_too(iam: Any, user: str) -> None:
    arn = put_user_policy(iam, user, policy(Resource=OBJECTS))
    found = result(iam, arn, "s3:GetObject", f"{BUCKET}/a")
    assert found["EvalResourceName"] == f"{BUCKET}/a"
    (specific,) = found["ResourceSpecificResults"]
    assert specific["EvalResourceName"] == f"{BUCKET}/a"
    assert specific["EvalResourceDecision"] == found["EvalDecision"] == "allowed"
    assert specific["MatchedStatements"] == found["MatchedStatements"]
    assert "ResourceSpecificResults" not in result(iam, arn, "s3:GetObject", "*")
    assert decision(iam, arn, "s3:GetObject") == "implicitDeny"


def test_whose_the_resource_is_does_not_matter(iam: Any, user: str) -> None:
    arn = put_user_policy(iam, user, policy("sqs:*", "sts:AssumeRole", "kms:Decrypt"))
    elsewhere = f"arn:aws:sqs:eu-west-1:{OTHER_ACCOUNT}:queue"
    assert decision(iam, arn, "sqs:SendMessage", elsewhere) == "allowed"
    key = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
    assert decision(iam, arn, "kms:Decrypt", key) == "allowed"


def test_trust_policies_are_ignored(iam: Any, user: str, name: str) -> None:
    arn = arn_of("user", user)
    document = trust({"AWS": arn})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    assert decision(iam, arn, "sts:AssumeRole", role) == "implicitDeny"
    given = {"ResourcePolicy": document}
    assert decision(iam, arn, "sts:AssumeRole", role, **given) == "implicitDeny"


def bucket_policy(principal: str, **statement: object) -> str:
    content = {"Effect": "Allow", "Action": "s3:*", "Principal": {"AWS": principal}}
    return json.dumps({"Statement": {"Resource": OBJECTS, **content, **statement}})


def test_a_resource_policy_counts_for_users(iam: Any, user: str) -> None:
    arn, resource = arn_of("user", user), f"{BUCKET}/a"
    document = bucket_policy(arn)
    found = result(iam, arn, "s3:GetObject", resource, ResourcePolicy=document)
    assert found["EvalDecision"] == "allowed"
    (matched,) = found["MatchedStatements"]
    assert matched["SourcePolicyId"] == "ResourcePolicy"
    assert matched["SourcePolicyType"] == "Resource Policy"
    # In another account the user's own policies must allow as well.
    given = {"ResourcePolicy": document, "ResourceOwner": f"arn:aws:iam::{OTHER_ACCOUNT}:root"}
    assert decision(iam, arn, "s3:GetObject", resource, **given) == "implicitDeny"
    put_user_policy(iam, user, policy())
    assert decision(iam, arn, "s3:GetObject", resource, **given) == "allowed"
    denying = {"ResourcePolicy": bucket_policy(arn, Effect="Deny")}
    assert decision(iam, arn, "s3:GetObject", resource, **denying) == "explicitDeny"


def test_a_resource_policy_needs_a_user_and_a_resource(
    iam: Any, role: str, user: str, refused: Refused
) -> None:
    given = {"ResourcePolicy": bucket_policy("*"), "ResourceArns": [OBJECTS]}
    with refused("InvalidInput", "Caller must be an IAM user"):
        result(iam, arn_of("role", role), "s3:GetObject", **given)
    with refused("InvalidInput", "Caller cannot be null"):
        custom(iam, policy(), "s3:GetObject", **given)
    with refused("InvalidInput", "Invalid Entity Arn: *"):
        result(iam, arn_of("user", user), "s3:GetObject", ResourcePolicy=bucket_policy("*"))
    caller = {"CallerArn": arn_of("user", "bob")}
    assert decision(iam, arn_of("role", role), "s3:GetObject", **given, **caller) == "allowed"
    assert custom(iam, policy(), "s3:GetObject", **given, **caller)["EvalDecision"] == "allowed"


# Where statements stand


def test_positions_in_a_policy_written_in_lines(iam: Any) -> None:
    statements = [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"},
    ]
    content = {"Version": "2012-10-17", "Statement": statements}
    document = json.dumps(content, indent=4)
    # A statement begins where the bracket or the statement before it ends.
    assert positions(custom(iam, document, "s3:GetObject")) == [((3, 19), (8, 10))]
    assert positions(custom(iam, document, "s3:PutObject")) == [((8, 10), (13, 10))]


def test_positions_in_a_single_line(iam: Any) -> None:
    document = policy().replace(" ", "")
    found = positions(custom(iam, document, "s3:GetObject"))
    assert found == [((1, 38), (1, len(document) - 1))]
    alone = document.replace("[{", "{").replace("}]", "}")
    found = positions(custom(iam, alone, "s3:GetObject"))
    assert found == [((1, 37), (1, len(alone)))]


def positions(found: dict[str, Any]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    return [
        (
            (one["StartPosition"]["Line"], one["StartPosition"]["Column"]),
            (one["EndPosition"]["Line"], one["EndPosition"]["Column"]),
        )
        for one in found["MatchedStatements"]
    ]


# Organisations


def test_every_level_of_an_organisation_must_allow(iam: Any) -> None:
    document = policy("s3:*")
    levels = [[policy("*")], [policy("s3:GetObject"), policy("ec2:*")]]
    given = {
        "OrderedOrganizationPolicyInputList": [
            {"ServiceControlPolicyInputList": level} for level in levels
        ]
    }
    for action, expected, allowed in (
        ("s3:GetObject", "allowed", True),
        ("s3:PutObject", "implicitDeny", False),
        ("ec2:RunInstances", "implicitDeny", True),
    ):
        found = custom(iam, document, action, **given)
        assert found["EvalDecision"] == expected
        assert found["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": allowed}
    levels[0].append(policy("s3:*", Effect="Deny"))
    found = custom(iam, document, "s3:GetObject", **given)
    assert (found["EvalDecision"], found["MatchedStatements"]) == ("explicitDeny", [])


def test_levels_of_an_organisation_that_cannot_be(iam: Any, refused: Refused) -> None:
    level = {"ServiceControlPolicyInputList": [policy()]}
    parameter = "OrderedOrganizationPolicyInputList"
    with refused("InvalidInput", "at index 2 must contain at least one"):
        custom(
            iam,
            policy(),
            "s3:GetObject",
            **{parameter: [level, {"ServiceControlPolicyInputList": []}]},
        )
    with refused("ValidationError", "less than or equal to 7"):
        custom(iam, policy(), "s3:GetObject", **{parameter: [level] * 8})
    assert custom(iam, policy(), "s3:GetObject", **{parameter: [level] * 7})


# Across accounts


def test_across_accounts_each_type_of_policy_has_its_word(iam: Any) -> None:
    caller = arn_of("user", "ann")
    given = {
        "CallerArn": caller,
        "ResourcePolicy": bucket_policy(caller, Resource=f"{BUCKET}/a"),
        "ResourceArns": [f"{BUCKET}/a", f"{BUCKET}/b"],
    }
    elsewhere = {"ResourceOwner": f"arn:aws:iam::{OTHER_ACCOUNT}:root"}
    boundary = {"PermissionsBoundaryPolicyInputList": [policy("ec2:*")]}
    found = custom(iam, policy(), "s3:GetObject", **given, **elsewhere)
    first, second = (each["EvalDecisionDetails"] for each in found["ResourceSpecificResults"])
    assert first == {"IAM Policy": "allowed", "Resource Policy": "allowed"}
    assert second == {"IAM Policy": "allowed", "Resource Policy": "implicitDeny"}
    assert found["EvalDecisionDetails"] == second
    found = custom(iam, policy(), "s3:GetObject", **given, **elsewhere, **boundary)
    limited = {"Permissions Boundary Policy": "implicitDeny", **second}
    assert found["EvalDecisionDetails"] == limited
    # Within one account there is nothing to tell; nor is there once the organisation denies.
    found = custom(iam, policy(), "s3:GetObject", **given)
    assert found["EvalDecisionDetails"] == {}
    assert not any("EvalDecisionDetails" in each for each in found["ResourceSpecificResults"])
    assert "EvalDecisionDetails" not in custom(iam, policy(), "s3:GetObject")
    level = {"ServiceControlPolicyInputList": [policy("ec2:*")]}
    levels = {"OrderedOrganizationPolicyInputList": [level]}
    found = custom(iam, policy(), "s3:GetObject", **given, **elsewhere, **levels)
    assert "EvalDecisionDetails" not in found


# Policies left out


def test_what_would_be_without_a_policy(
    iam: Any, user: str, group: str, role: str, policy_arn: str
) -> None:
    iam.add_user_to_group(UserName=user, GroupName=group)
    iam.put_group_policy(GroupName=group, PolicyName="mine", PolicyDocument=policy())
    iam.attach_user_policy(UserName=user, PolicyArn=policy_arn)
    iam.attach_user_policy(UserName=user, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    arn = put_user_policy(iam, user, policy(), "own")
    own, mine, managed = f"user_{user}_own", f"group_{group}_mine", policy_arn.rpartition("/")[2]

    def without(*identifiers: dict[str, Any]) -> set[str]:
        found = result(iam, arn, "s3:GetObject", PolicyExclusionList=list(identifiers))
        return set(sources(found))

    everything = {own, mine, managed, "ReadOnlyAccess"}
    assert without() == everything
    assert without({"PolicyType": "inline"}) == {managed, "ReadOnlyAccess"}
    assert without({"PolicyType": "aws-managed"}) == everything - {"ReadOnlyAccess"}
    assert without({"PolicyType": "user-managed"}) == everything - {managed}
    assert without({"PolicyArn": policy_arn}) == everything - {managed}
    aws = {"PolicyArn": "arn:aws:iam::aws:policy/Read?nly*"}
    assert without(aws, {"PolicyType": "scp"}) == everything - {"ReadOnlyAccess"}
    identifier = {"PolicyName": "mine", "AttachmentType": "group", "AttachmentName": f"{group}*"}
    assert without({"InlinePolicyIdentifier": identifier}) == everything - {mine}
    # What is not attached is ignored.
    other = identifier | {"AttachmentType": "user"}
    assert without({"InlinePolicyIdentifier": other}) == everything


def test_what_would_be_without_the_boundary(iam: Any, user: str, policy_arn: str) -> None:
    arn = put_user_policy(iam, user, policy("ec2:*"))
    iam.put_user_permissions_boundary(UserName=user, PermissionsBoundary=policy_arn)
    assert decision(iam, arn, "ec2:RunInstances") == "implicitDeny"
    for identifier, expected in (
        ({"PolicyType": "permission-boundary"}, "allowed"),
        ({"PolicyType": "user-managed"}, "implicitDeny"),
        ({"PolicyArn": policy_arn}, "implicitDeny"),
    ):
        left_out = {"PolicyExclusionList": [identifier]}
        assert decision(iam, arn, "ec2:RunInstances", **left_out) == expected


# Pages

ACTIONS = [f"service:Action{number}" for number in range(250)]


def test_results_come_in_pages_of_100(iam: Any, user: str) -> None:
    question = {"PolicySourceArn": arn_of("user", user), "ActionNames": ACTIONS}
    first = iam.simulate_principal_policy(**question)
    assert (len(first["EvaluationResults"]), first["IsTruncated"]) == (100, True)
    pages = iam.get_paginator("simulate_principal_policy").paginate(**question)
    lengths, names = [], []
    for page in pages:
        lengths.append(len(page["EvaluationResults"]))
        names += [one["EvalActionName"] for one in page["EvaluationResults"]]
    assert (lengths, names) == ([100, 100, 50], ACTIONS)


@pytest.mark.parametrize(("most", "lengths"), [(1000, [250]), (249, [249, 1]), (250, [250])])
def test_pages_as_large_as_asked_for(iam: Any, most: int, lengths: list[int]) -> None:
    pages = iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[policy()],
        ActionNames=ACTIONS,
        ResourceArns=[f"{BUCKET}/a", f"{BUCKET}/b"],
        PaginationConfig={"PageSize": most},
    )
    found = [page["EvaluationResults"] for page in pages]
    assert [len(page) for page in found] == lengths
    assert all(len(one["ResourceSpecificResults"]) == 2 for page in found for one in page)


# What is refused

ANN = arn_of("user", "ann")
ASSUMED = f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/session"
GET = {"PolicySourceArn": ANN, "ActionNames": ["s3:GetObject"]}

REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("NoSuchEntity", "The user with name", {"PolicySourceArn": arn_of("user", "nobody")}),
    ("NoSuchEntity", "The role with name", {"PolicySourceArn": arn_of("role", "nobody")}),
    ("NoSuchEntity", "The group with name", {"PolicySourceArn": arn_of("group", "nobody")}),
    ("NoSuchEntity", "The user with name", {"PolicySourceArn": arn_of("user", "path/ann")}),
    ("InvalidInput", "does not clearly define", {"PolicySourceArn": ASSUMED}),
    ("InvalidInput", "does not clearly define", {"PolicySourceArn": arn_of("policy", "ann")}),
    ("InvalidInput", "does not have access", {"PolicySourceArn": arn_of("user", "ann", "2" * 12)}),
    ("ValidationError", "'policySourceArn'", {"PolicySourceArn": "ann"}),
    ("ValidationError", "'policySourceArn'", {"PolicySourceArn": None}),
    ("ValidationError", "'actionNames'", {"ActionNames": None}),
    ("ValidationError", "'actionNames'", {"ActionNames": []}),
    ("ValidationError", "'actionNames.2.member'", {"ActionNames": ["s3:GetObject", "*"]}),
    ("InvalidInput", "missing names", {"ActionNames": ["GetObject"]}),
    ("InvalidInput", "format: reports.", {"ResourceArns": ["reports"]}),
    ("InvalidInput", "format: *.", {"ResourceArns": [BUCKET, "*"]}),
    ("InvalidInput", "Invalid caller", {"CallerArn": ASSUMED}),
    ("InvalidInput", "Resource Owner", {"ResourceOwner": ACCOUNT}),
    ("InvalidInput", "Invalid policy", {"PolicyInputList": ["{}"]}),
    ("InvalidInput", "Invalid policy", {"PolicyInputList": [trust("*")]}),
    ("InvalidInput", "exceed 1", {"PermissionsBoundaryPolicyInputList": [policy(), policy()]}),
    ("ValidationError", "'maxItems'", {"MaxItems": 1001}),
    ("ValidationError", "'maxItems'", {"MaxItems": 0}),
    ("ValidationError", "Invalid Marker", {"Marker": "next"}),
    ("ValidationError", "pattern", {"PolicyInputList": ["\u2603"]}),
    ("ValidationError", "'actionNames.1.member'", {"ActionNames": ["\x00"]}),
    ("InvalidInput", "resource handling", {"ResourceHandlingOption": "EC2"}),
    (
        "InvalidInput",
        "exactly one",
        {"PolicyExclusionList": [{"PolicyType": "inline", "PolicyArn": ANN}]},
    ),
    ("InvalidInput", "one of inline", {"PolicyExclusionList": [{"PolicyType": "all"}]}),
    ("InvalidInput", "managed policy", {"PolicyExclusionList": [{"PolicyArn": ANN}]}),
    (
        "InvalidInput",
        "at most one *",
        {"PolicyExclusionList": [{"PolicyArn": "arn:aws:iam::aws:policy/*a*"}]},
    ),
    (
        "InvalidInput",
        "An inline policy",
        {"PolicyExclusionList": [{"InlinePolicyIdentifier": {"PolicyName": "a*"}}]},
    ),
    (
        "ValidationError",
        "'policyExclusionList'",
        {"PolicyExclusionList": [{"PolicyType": "inline"}] * 257},
    ),
]


@pytest.mark.parametrize(("code", "message", "parameters"), REFUSED)
def test_refused(
    iam: Any, code: str, message: str, parameters: dict[str, Any], refused: Refused
) -> None:
    given = {key: value for key, value in {**GET, **parameters}.items() if value is not None}
    with refused(code, message):
        iam.simulate_principal_policy(**given)


def test_what_it_does_not_know_goes_apart(iam: Any, user: str, refused: Refused) -> None:
    arn = put_user_policy(iam, user, policy("s3:*"))
    known, unknown = "s3:PutBucketLogging", "s3:PutBucketReplication"
    resources = {"ResourceArns": [BUCKET]}
    message = f"[{known}] and [{unknown}] require different authorization information."
    with refused("InvalidInput", f"Invalid Input Actions: {message}"):
        results(iam, arn, unknown, known, **resources)
    for actions in ((known, "iam:ListUsers"), (unknown, "s3:PutObjectLockConfiguration")):
        assert len(results(iam, arn, *actions, **resources)) == 2
    assert len(results(iam, arn, known, unknown)) == 2
    assert len(results(iam, arn, known, unknown, ResourceArns=["*"])) == 2


ENTRIES: list[tuple[str, str, list[dict[str, Any]]]] = [
    ("ValidationError", "contextKeyName", [entry("a:b", "string", "x")]),
    ("ValidationError", "contextKeyType", [entry("app:key", "text", "x")]),
    ("ValidationError", "contextKeyType", [{"ContextKeyName": "app:key"}]),
    ("InvalidInput", "exactly one value", [entry("app:key", "string")]),
    ("InvalidInput", "exactly one value", [entry("app:key", "string", "a", "b")]),
    ("InvalidInput", "'x' is not a valid numeric", [entry("app:key", "numericList", "1", "x")]),
    ("InvalidInput", "not a valid boolean", [entry("app:key", "boolean", "yes")]),
    ("InvalidInput", "not a valid ip", [entry("app:key", "ip", "10.0.0.256")]),
    ("InvalidInput", "not a valid binary", [entry("app:key", "binary", "%")]),
    ("InvalidInput", "not a valid date", [entry("app:key", "date", "tomorrow")]),
    (
        "InvalidInput",
        "Duplicate context key",
        [entry("app:key", "string", "a"), entry("App:Key", "string", "b")],
    ),
]


@pytest.mark.parametrize(("code", "message", "entries"), ENTRIES)
def test_refused_context(
    iam: Any, code: str, message: str, entries: list[dict[str, Any]], refused: Refused
) -> None:
    with refused(code, message):
        iam.simulate_principal_policy(**GET, ContextEntries=entries)


def test_a_custom_simulation_needs_a_policy(iam: Any, refused: Refused) -> None:
    with refused("ValidationError", "'policyInputList'"):
        iam.simulate_custom_policy(ActionNames=["s3:GetObject"])


def test_a_stored_policy_that_cannot_be_judged(iam: Any, sandbox: Sandbox, user: str) -> None:
    sandbox.backend(ACCOUNT).users[user].policies["broken"] = "{}"
    with pytest.raises(ClientError) as caught:
        result(iam, arn_of("user", user), "s3:GetObject")
    answer = caught.value.response
    assert answer["Error"]["Code"] == "PolicyEvaluation"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 500


# Faults


@pytest.fixture
def _no_faults(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.faults.clear()


@pytest.mark.usefixtures("_no_faults")
def test_throttled_calls_are_recorded_and_can_be_repeated(
    iam: Any, sandbox: Sandbox, user: str, refused: Refused
) -> None:
    asked = 0

    def throttle_first(context: Any) -> None:
        nonlocal asked
        if context.operation == "SimulatePrincipalPolicy":
            asked += 1
            if asked == 1:
                raise throttling()

    sandbox.faults.append(throttle_first)
    arn = arn_of("user", user)
    with refused("Throttling", "Rate exceeded"):
        result(iam, arn, "s3:GetObject")
    assert decision(iam, arn, "s3:GetObject") == "implicitDeny"
    calls = [one for one in sandbox.calls if one.params.get("PolicySourceArn") == arn]
    assert [one.error for one in calls] == ["Throttling", None]
    assert calls[0].params["ActionNames"] == ["s3:GetObject"]


def test_requests_pass_boto3s_own_checks(sandbox: Sandbox) -> None:
    checked = client("iam", assume(), config=Config(parameter_validation=True))
    answer = checked.simulate_principal_policy(**GET, ContextEntries=[WITH_MFA], MaxItems=1000)
    assert answer["EvaluationResults"][0]["EvalDecision"] == "implicitDeny"
