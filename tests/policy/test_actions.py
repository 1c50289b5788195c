import pytest

from iam_access.policy import actions
from iam_access.policy.actions import AccessLevel, expand, unknown_action


@pytest.mark.parametrize(
    "pattern",
    ["*", "*:*", "s3:GetObject", "S3:getobject", "s3:*", "s3:Get*", "s3:?etObject", "ec2:*Inst*"],
)
def test_known_actions(pattern: str) -> None:
    assert unknown_action(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "code", "hint"),
    [
        ("s3:GetObjekt", "unknown-action", "did you mean s3:GetObject?"),
        ("S3:getobjects", "unknown-action", "did you mean s3:GetObject?"),
        ("s3:Lisst*", "unknown-action", "did you mean s3:List"),
        ("s3:Qqqqqq*", "unknown-action", "beginning of actions"),
        ("s3:Qqqqqq", "unknown-action", "Service Authorization Reference"),
        ("dynamo:GetItem", "unknown-service", "did you mean dynamodb:GetItem?"),
        ("s33:Nonsense", "unknown-service", "did you mean the service s3?"),
        ("qqqqqqqq:*", "unknown-service", "prefix"),
        ("evidently:Get*", "unknown-service", "retired"),
        ("iotevents:Describe*", "unknown-service", "retired"),
        ("codestra:Get*", "unknown-service", "prefix"),
        ("", "bad-action", "s3:GetObject"),
        ("s3", "bad-action", "s3:GetObject"),
        ("s3:", "bad-action", "s3:GetObject"),
        (":GetObject", "bad-action", "s3:GetObject"),
        ("s*:GetObject", "bad-action", "no wildcards"),
        ("s3:Get Object", "bad-action", "s3:GetObject"),
        ("s3:GetObject\n", "bad-action", "s3:GetObject"),
        ("s3:${aws:username}", "bad-action", "s3:GetObject"),
    ],
)
def test_unknown_actions(pattern: str, code: str, hint: str) -> None:
    problem = unknown_action(pattern)
    assert problem is not None
    assert problem.code == code
    assert repr(pattern) in problem.message
    assert hint in problem.hint


def test_expand_gives_names_as_aws_writes_them() -> None:
    assert expand("S3:GETOBJECT") == {"s3:GetObject"}
    assert expand("s3:GetObject?cl") == {"s3:GetObjectAcl"}
    assert expand("s3:GetObject") < expand("s3:Get*") < expand("s3:*") < expand("*")
    assert expand("s?:GetObject") == {"s3:GetObject"}
    assert expand("*") == expand("*:*") == actions.all_actions()
    assert expand("s3:None") == expand("none:*") == expand("none:None") == expand("") == frozenset()


def test_all_actions_are_those_of_all_services() -> None:
    by_service = [actions.action_names(each) for each in actions.services()]
    assert len(actions.all_actions()) == sum(map(len, by_service)) > 20_000


@pytest.mark.parametrize(
    ("action", "level"),
    [
        ("s3:ListBucket", AccessLevel.LIST),
        ("s3:GetObject", AccessLevel.READ),
        ("s3:putobject", AccessLevel.WRITE),
        ("s3:PutObjectTagging", AccessLevel.TAGGING),
        ("iam:AttachUserPolicy", AccessLevel.PERMISSIONS),
        ("s3:None", None),
        ("none:None", None),
        ("*", None),
    ],
)
def test_access_levels(action: str, level: AccessLevel | None) -> None:
    assert actions.access_level(action) is level


def test_every_service_can_be_read() -> None:
    for service in actions.services():
        for lower, action in actions.actions_of(service).items():
            assert str(action).lower() == f"{service}:{lower}"
        for name, kind in actions.resource_types(service).items():
            assert kind.name == name
            assert kind.arn.startswith("arn:")
        assert all(":" in key for key in actions.condition_keys(service))


def test_details_of_an_action() -> None:
    action = actions.find_action("IAM:PassRole")
    assert action is not None
    assert str(action) == "iam:PassRole"
    assert action.required_resource_types == action.resource_types == {"role"}
    assert "iam:PassedToService" in action.condition_keys
    launch = actions.find_action("ec2:RunInstances")
    assert launch is not None
    assert "instance" in launch.required_resource_types < launch.resource_types
    assert "aws:RequestTag/${TagKey}" in launch.condition_keys


def test_details_of_a_service() -> None:
    kind = actions.resource_types("S3")["object"]
    assert kind.arn == "arn:${Partition}:s3:::${BucketName}/${ObjectName}"
    assert actions.condition_keys("s3")["s3:max-keys"] == "Numeric"
    assert not actions.resource_types("none")
    assert not actions.condition_keys("none")
