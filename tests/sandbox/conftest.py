"""One sandbox per module; tests keep out of each other's way by unique names."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from iam_access.sandbox import Sandbox, SandboxAccount
from tests.sandbox.support import (
    ACCOUNT,
    OTHER_ACCOUNT,
    TEMPLATE,
    Clock,
    Refused,
    assume,
    client,
    policy,
    trust,
)

_numbers = count(1)


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    accounts = [
        SandboxAccount(ACCOUNT, users=("ann", "bob"), roles=("ci",)),
        SandboxAccount(OTHER_ACCOUNT, users=("ann",)),
    ]
    with Sandbox(accounts, template=TEMPLATE, clock=clock, enforce=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def iam(sandbox: Sandbox) -> Any:
    """IAM of the first account, through the deployer role."""
    return client("iam", assume())


@pytest.fixture
def refused() -> Refused:
    """`with refused(code, part of the message)`: what is done inside must fail in this way."""

    @contextmanager
    def expect(code: str, message: str = "") -> Iterator[None]:
        with pytest.raises(ClientError) as caught:
            yield
        error = caught.value.response["Error"]
        assert (error["Code"], message in error["Message"]) == (code, True), error

    return expect


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"name-{next(_numbers)}"


@pytest.fixture
def user(iam: Any, name: str) -> str:
    """A user of this test's own."""
    iam.create_user(UserName=name)
    return name


@pytest.fixture
def role(iam: Any, name: str) -> str:
    """A role of this test's own."""
    service = trust({"Service": "ec2.amazonaws.com"})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=service)
    return name


@pytest.fixture
def group(iam: Any, name: str) -> str:
    """A group of this test's own."""
    iam.create_group(GroupName=name)
    return name


@pytest.fixture
def policy_arn(iam: Any, name: str) -> str:
    """A customer managed policy of this test's own."""
    created = iam.create_policy(PolicyName=name, PolicyDocument=policy(), Path="/self-serve/t/")
    arn: str = created["Policy"]["Arn"]
    return arn
