"""Opening, configuring and leaving a sandbox."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError
from moto.core.responses import BaseResponse
from moto.iam import models
from moto.iam.responses import IamResponse

from iam_access.sandbox import (
    PIPELINE_ACCOUNT,
    UNSET,
    Sandbox,
    SandboxAccount,
    SandboxQuotas,
    SandboxServer,
    ServerError,
    TemplateError,
)
from tests.sandbox.support import ACCOUNT, DEPLOYER, TEMPLATE, assume, client

EVERYONE = ["User", "Role"]
ONE = [SandboxAccount(ACCOUNT, users=("ann",), roles=("ci",))]
PATCHED: list[tuple[Any, str]] = [
    (BaseResponse, "_dispatch"),
    (models, "get_account_id_from"),
    (models, "mark_account_as_visited"),
    (models.IAMBackend, "_init_aws_policies"),
    (IamResponse, "RESPONSE_KEY_PATH_TO_TRANSFORMER"),
]


def connect(server: SandboxServer) -> Any:
    """STS through a server, as the pipeline."""
    variables = server.environment
    key = {
        "AccessKeyId": variables["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": variables["AWS_SECRET_ACCESS_KEY"],
    }
    region = variables["AWS_DEFAULT_REGION"]
    return client("sts", key, region_name=region, endpoint_url=server.endpoint_url)


def names(details: Any) -> set[str]:
    """The names of all users and roles of an account."""
    users = {user["UserName"] for user in details["UserDetailList"]}
    return users | {role["RoleName"] for role in details["RoleDetailList"]}


def originals() -> list[object]:
    return [vars(owner)[name] for owner, name in PATCHED]


@pytest.mark.parametrize("kind", [Sandbox, SandboxServer])
def test_nothing_stays_behind(
    kind: type[Sandbox | SandboxServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "someone")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    environment, before = dict(os.environ), originals()

    def open_and_fail() -> None:
        with kind(ONE, template=TEMPLATE):
            assert originals() != before
            raise KeyError

    with pytest.raises(KeyError):
        open_and_fail()
    assert originals() == before
    assert dict(os.environ) == environment
    assert not models.iam_backends


def test_the_environment_is_the_pipelines(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in UNSET:
        monkeypatch.setenv(name, "http://example.invalid")
    with Sandbox(ONE, template=TEMPLATE) as sandbox:
        assert not set(UNSET) & set(os.environ)
        assert sandbox.environment.items() <= os.environ.items()
        arn = boto3.client("sts").get_caller_identity()["Arn"]
    assert arn == f"arn:aws:iam::{PIPELINE_ACCOUNT}:user/pipeline"


def test_a_sandbox_begins_empty_again() -> None:
    for _ in range(2):
        with Sandbox(ONE, template=TEMPLATE) as sandbox:
            found = client("iam", assume()).get_account_authorization_details(Filter=EVERYONE)
            assert names(found) == {"ann", "ci", "self-serve-deployer"}
            sandbox.backend(ACCOUNT).create_user(sandbox.region, "second")


def test_one_at_a_time() -> None:
    with Sandbox(ONE, template=TEMPLATE):
        with pytest.raises(RuntimeError), SandboxServer(ONE, template=TEMPLATE):
            pass
        # The refused one leaves this one alone.
        assume()
    with SandboxServer(ONE, template=TEMPLATE):
        pass


def test_a_failure_to_open_leaves_nothing_open(tmp_path: Path) -> None:
    before = originals()
    with pytest.raises(TemplateError), Sandbox(ONE, template=tmp_path / "missing.yaml"):
        pass
    assert originals() == before
    with Sandbox(ONE, template=TEMPLATE):
        assume()


def test_quotas_can_be_given() -> None:
    with Sandbox(ONE, template=TEMPLATE, quotas={ACCOUNT: SandboxQuotas(policies=7)}) as sandbox:
        summary = client("iam", assume()).get_account_summary()["SummaryMap"]
        assert (summary["PoliciesQuota"], sandbox.quotas(ACCOUNT).policies) == (7, 7)
        assert sandbox.quotas(PIPELINE_ACCOUNT).policies == 1500


def test_another_deployer_role() -> None:
    account = SandboxAccount(ACCOUNT, deployer_role="other-deployer")
    with Sandbox([account], template=TEMPLATE):
        arn = f"arn:aws:iam::{ACCOUNT}:role/other-deployer"
        found = client("iam", assume(arn)).get_account_authorization_details(Filter=EVERYONE)
    assert names(found) == {"other-deployer"}


def test_the_hub_may_be_an_account_like_others() -> None:
    with Sandbox([SandboxAccount(PIPELINE_ACCOUNT, users=("ann",))], template=TEMPLATE):
        iam = client("iam", assume(f"arn:aws:iam::{PIPELINE_ACCOUNT}:role/self-serve-deployer"))
        found = iam.get_account_authorization_details(Filter=EVERYONE)
    assert names(found) == {"ann", "pipeline", "self-serve-deployer"}


@pytest.mark.parametrize(
    ("partition", "region"),
    [
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-cn", "cn-north-1"),
        ("aws-eusc", "eusc-de-east-1"),
        ("aws-iso-f", "us-isof-south-1"),
    ],
)
def test_other_partitions(partition: str, region: str) -> None:
    accounts = [SandboxAccount(ACCOUNT, partition=partition, users=("ann",))]
    with Sandbox(accounts, template=TEMPLATE) as sandbox:
        assert sandbox.region == region
        iam = client("iam", assume(f"arn:{partition}:iam::{ACCOUNT}:role/self-serve-deployer"))
        [user] = iam.get_account_authorization_details(Filter=["User"])["UserDetailList"]
        assert user["Arn"] == f"arn:{partition}:iam::{ACCOUNT}:user/ann"
        read_only = f"arn:{partition}:iam::aws:policy/ReadOnlyAccess"
        iam.attach_user_policy(UserName="ann", PolicyArn=read_only)


def test_accounts_of_two_partitions_share_nothing_but_a_key() -> None:
    accounts = [SandboxAccount(ACCOUNT), SandboxAccount("2" * 12, partition="aws-us-gov")]
    with Sandbox(accounts, template=TEMPLATE) as sandbox:
        assert sandbox.region == "us-east-1"
        client("iam", assume()).get_account_summary()
        gov = client("sts", region_name="us-gov-west-1").assume_role(
            RoleArn=f"arn:aws-us-gov:iam::{'2' * 12}:role/self-serve-deployer",
            RoleSessionName="session",
        )
        assert gov["AssumedRoleUser"]["Arn"].startswith("arn:aws-us-gov:sts::")


def test_another_process_uses_the_server() -> None:
    code = (
        "import boto3, json\n"
        f"answer = boto3.client('sts').assume_role(RoleArn={DEPLOYER!r}, RoleSessionName='other')\n"
        "print(json.dumps(answer['AssumedRoleUser']['Arn']))\n"
    )
    with SandboxServer(ONE, template=TEMPLATE) as server:
        assert server.environment["AWS_ENDPOINT_URL"] == server.endpoint_url
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PATH": os.environ["PATH"], **server.environment},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        assert json.loads(done.stdout).endswith(":assumed-role/self-serve-deployer/other")
        assert [call.operation for call in server.calls] == ["AssumeRole"]
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(server.endpoint_url, timeout=5)


def test_connections_to_the_server_are_kept() -> None:
    with SandboxServer(ONE, template=TEMPLATE) as server:
        sts = connect(server)
        answers = [sts.get_caller_identity() for _ in range(3)]
        assert len(server.calls) == 3
    headers = [answer["ResponseMetadata"]["HTTPHeaders"] for answer in answers]
    assert not any("connection" in given for given in headers)
    # But not beyond the end of the server.
    with pytest.raises(BotoCoreError):
        sts.get_caller_identity()
    assert len(server.calls) == 3


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ServerError, match=str(port)),
            SandboxServer(ONE, template=TEMPLATE, port=port),
        ):
            pass
    with SandboxServer(ONE, template=TEMPLATE, port=port) as server:
        assert server.endpoint_url == f"http://127.0.0.1:{port}"


def test_the_server_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with SandboxServer(ONE, template=TEMPLATE) as server:
        connect(server).get_caller_identity()
    assert capfd.readouterr() == ("", "")
