"""The deployer role: what the sandbox makes of the template, and what the template allows."""

import json
from pathlib import Path
from typing import Any

import pytest
from moto.iam.models import Role

from iam_access.sandbox import PIPELINE_ACCOUNT, Sandbox, SandboxAccount, TemplateError
from iam_access.sandbox.authorize import default_version
from tests.sandbox.support import ACCOUNT, TEMPLATE

PIPELINE = f"arn:aws:iam::{PIPELINE_ACCOUNT}:user/pipeline"
BOOTSTRAP = TEMPLATE.parent


BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/self-serve-boundary"


def contents(role: Role) -> dict[str, Any]:
    policies: dict[str, Any] = dict(role.policies)
    return {
        "arn": role.arn,
        "trust": json.loads(role.assume_role_policy_document),
        "policies": {
            name: json.loads(text if isinstance(text, str) else json.dumps(text))
            for name, text in policies.items()
        },
        "tags": role.tags,
        "description": role.description,
        "max_session_duration": role.max_session_duration,
    }


@pytest.mark.exhaustive
def test_the_same_as_through_moto_cloudformation() -> None:
    # Half of moto comes with it: only the worker that runs this test is to pay for that.
    from moto.cloudformation.models import cloudformation_backends  # noqa: PLC0415

    with Sandbox([SandboxAccount(ACCOUNT)], template=TEMPLATE) as sandbox:
        iam = sandbox.backend(ACCOUNT)
        made = contents(iam.get_role("self-serve-deployer"))
        boundary = default_version(iam, BOUNDARY)
        iam.roles.clear()
        del iam.managed_policies[BOUNDARY]
        cloudformation_backends[ACCOUNT]["us-east-1"].create_stack(
            name="deployer",
            template=TEMPLATE.read_text(encoding="utf-8"),
            parameters={"TrustedPrincipalArn": PIPELINE},
            notification_arns=[],
            tags={},
            role_arn=None,
        )
        assert contents(iam.get_role("self-serve-deployer")) == made
        assert json.loads(default_version(iam, BOUNDARY)) == json.loads(boundary)
    assert made["trust"]["Statement"][0]["Principal"] == {"AWS": PIPELINE}
    assert f"arn:aws:iam::{ACCOUNT}:policy/self-serve/*" in json.dumps(made["policies"])


LARGE = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": f"s3:{'x' * 6_144}", "Resource": "*"},
    }
)
BAD_TEMPLATES = {
    "no-yaml": ("Resources: [", "cannot be read"),
    "no-template": ("just text", "is not a CloudFormation template"),
    "no-resources": ("Parameters: {}", "is not a CloudFormation template"),
    "other-type": ("Resources: {B: {Type: AWS::S3::Bucket}}", "is of type AWS::S3::Bucket"),
    "unknown-function": (
        "Resources: {R: !Select [0, []]}",
        "does not know the function Fn::Select",
    ),
    "unknown-name": ("Resources: {R: !Ref Other}", "Other is neither a parameter nor known"),
    "no-value": ("{Parameters: {P: {Type: String}}, Resources: {}}", "nothing is known for"),
    "large-policy": (
        "Resources: {B: {Type: AWS::IAM::ManagedPolicy, Properties: {PolicyDocument: "
        + LARGE
        + "}}}",
        "IAM would refuse B: LimitExceeded",
    ),
    "bad-role": (
        "Resources: {R: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}}",
        "IAM would refuse R: MalformedPolicyDocument",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD_TEMPLATES.values(), ids=BAD_TEMPLATES.keys())
def test_templates_that_cannot_be_deployed(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(text, encoding="utf-8")
    with (
        pytest.raises(TemplateError, match=message),
        Sandbox([SandboxAccount(ACCOUNT)], template=path),
    ):
        pass


def test_functions_in_templates(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(
        """
Parameters: {DeployerRoleName: {Type: String}, TrustedPrincipalArn: {Type: String}}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: {"Fn::Join": ["-", [!Ref DeployerRoleName, !Ref AWS::AccountId]]}
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          Effect: Allow
          Principal: {Service: !Sub "ec2.${AWS::URLSuffix}", AWS: {Ref: TrustedPrincipalArn}}
          Action: sts:AssumeRole
""",
        encoding="utf-8",
    )
    with Sandbox([SandboxAccount(ACCOUNT)], template=path) as sandbox:
        role = sandbox.backend(ACCOUNT).get_role(f"self-serve-deployer-{ACCOUNT}")
        statement = json.loads(role.assume_role_policy_document)["Statement"]
    assert statement["Principal"] == {"Service": "ec2.amazonaws.com", "AWS": PIPELINE}
