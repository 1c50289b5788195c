"""Calls are recorded, and faults come between a call and its handling."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.config import Config

from iam_access.sandbox import (
    PIPELINE_ACCOUNT,
    AwsError,
    FaultContext,
    LostAnswer,
    RecordedCall,
    Sandbox,
    SandboxAccount,
    SandboxServer,
    throttling,
)
from tests.sandbox.support import ACCOUNT, DEPLOYER, TEMPLATE, Refused, client, policy

ANY_SANDBOX = Sandbox | SandboxServer


@pytest.fixture(scope="module", params=[Sandbox, SandboxServer])
def sandbox(request: pytest.FixtureRequest) -> Iterator[ANY_SANDBOX]:
    """Both ways to reach a sandbox."""
    accounts = [SandboxAccount(ACCOUNT, users=("ann",))]
    with request.param(accounts, template=TEMPLATE, enforce=False) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _no_faults(sandbox: ANY_SANDBOX) -> Iterator[None]:
    yield
    sandbox.faults.clear()


def connect(sandbox: ANY_SANDBOX, service: str, retries: int = 0) -> Any:
    """A client with the credentials in the sandbox's environment."""
    variables = sandbox.environment
    key = {
        "AccessKeyId": variables["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": variables["AWS_SECRET_ACCESS_KEY"],
    }
    config = Config(retries={"total_max_attempts": retries + 1, "mode": "standard"})
    endpoint = variables.get("AWS_ENDPOINT_URL")
    region = variables["AWS_DEFAULT_REGION"]
    return client(service, key, config=config, region_name=region, endpoint_url=endpoint)


@pytest.fixture
def iam(sandbox: ANY_SANDBOX) -> Any:
    return connect(sandbox, "iam")


def once(operation: str, error: Exception) -> Callable[[FaultContext], None]:
    """A fault at the first call of an operation."""
    waiting = [error]

    def fault(context: FaultContext) -> None:
        if context.operation == operation and waiting:
            raise waiting.pop()

    return fault


def test_calls_are_recorded(sandbox: ANY_SANDBOX, iam: Any, name: str, refused: Refused) -> None:
    before = len(sandbox.calls)
    tags = [{"Key": "k", "Value": "v"}]
    iam.create_policy(PolicyName=name, PolicyDocument=policy(), Path="/p/", Tags=tags)
    with refused("EntityAlreadyExists"):
        iam.create_policy(PolicyName=name, PolicyDocument=policy())
    connect(sandbox, "sts").assume_role(RoleArn=DEPLOYER, RoleSessionName="session")
    parameters = {"PolicyName": name, "PolicyDocument": policy()}
    assert sandbox.calls[before:] == [
        RecordedCall(
            "iam", "CreatePolicy", PIPELINE_ACCOUNT, {**parameters, "Path": "/p/", "Tags": tags}
        ),
        RecordedCall("iam", "CreatePolicy", PIPELINE_ACCOUNT, parameters, "EntityAlreadyExists"),
        RecordedCall(
            "sts",
            "AssumeRole",
            PIPELINE_ACCOUNT,
            {"RoleArn": DEPLOYER, "RoleSessionName": "session"},
        ),
    ]


def test_a_fault_sees_whose_account_is_called(sandbox: ANY_SANDBOX, refused: Refused) -> None:
    seen: list[FaultContext] = []
    sandbox.faults.append(seen.append)
    answer = connect(sandbox, "sts").assume_role(RoleArn=DEPLOYER, RoleSessionName="session")
    endpoint = sandbox.environment.get("AWS_ENDPOINT_URL")
    client(
        "iam", answer["Credentials"], endpoint_url=endpoint, region_name="us-east-1"
    ).list_users()
    assert [(c.service, c.operation, c.account_id) for c in seen] == [
        ("sts", "AssumeRole", PIPELINE_ACCOUNT),
        ("iam", "ListUsers", ACCOUNT),
    ]


def test_an_error_is_sent_and_nothing_done(
    sandbox: ANY_SANDBOX, iam: Any, name: str, refused: Refused
) -> None:
    sandbox.faults.append(once("CreateUser", AwsError("ServiceUnavailable", "Try <later>", 503)))
    with refused("ServiceUnavailable", "Try <later>"):
        iam.create_user(UserName=name)
    assert sandbox.calls[-1].error == "ServiceUnavailable"
    with refused("NoSuchEntity"):
        iam.get_user(UserName=name)
    iam.create_user(UserName=name)


def test_a_lost_answer_has_its_effect(
    sandbox: ANY_SANDBOX, iam: Any, name: str, refused: Refused
) -> None:
    sandbox.faults.append(once("CreateUser", LostAnswer()))
    with refused("ServiceFailure"):
        iam.create_user(UserName=name)
    assert iam.get_user(UserName=name)["User"]["UserName"] == name
    assert sandbox.calls[-2].error == "ServiceFailure"


def test_throttling_is_retried_by_botocore(sandbox: ANY_SANDBOX, name: str) -> None:
    sandbox.faults.append(once("CreateUser", throttling()))
    retrying = connect(sandbox, "iam", retries=1)
    answer = retrying.create_user(UserName=name)
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1
    assert [call.error for call in sandbox.calls[-2:]] == ["Throttling", None]


def test_a_lost_answer_is_retried_by_botocore(
    sandbox: ANY_SANDBOX, name: str, refused: Refused
) -> None:
    sandbox.faults.append(once("CreateUser", LostAnswer()))
    with refused("EntityAlreadyExists"):
        connect(sandbox, "iam", retries=1).create_user(UserName=name)


def test_calls_from_many_threads(sandbox: ANY_SANDBOX, iam: Any, name: str) -> None:
    before = len(sandbox.calls)
    names = [f"{name}-{number}" for number in range(24)]

    def make(user: str) -> None:
        iam.create_user(UserName=user)
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy())
        iam.get_account_authorization_details(Filter=["User"], MaxItems=1000)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(make, names))
    details = iam.get_account_authorization_details(Filter=["User"], MaxItems=1000)
    assert set(names) <= {user["UserName"] for user in details["UserDetailList"]}
    assert len(sandbox.calls) - before == 3 * len(names) + 1
    assert not any(call.error for call in sandbox.calls[before:])
