"""What the tests of the sandbox share: documents, clients and a clock."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

TEMPLATE = Path(__file__).parents[2] / "aws" / "bootstrap" / "deployer-role.yaml"
ACCOUNT = "111111111111"
OTHER_ACCOUNT = "222222222222"
DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/self-serve-deployer"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

# Parameters go out as they are, and every answer is seen at once.
CONFIG = Config(parameter_validation=False, retries={"max_attempts": 0})

Refused = Callable[..., AbstractContextManager[None]]


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    @contextmanager
    def moved(self, **by: float) -> Iterator[None]:
        self.now += timedelta(**by)
        try:
            yield
        finally:
            self.now = NOW


def policy(*actions: str, **statement: object) -> str:
    """The text of an identity policy."""
    content = {"Effect": "Allow", "Action": list(actions or ("s3:GetObject",)), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**content, **statement}]})


def policy_of_size(size: int) -> str:
    """A policy of exactly `size` characters, none of them white space, plus some that are."""
    text = policy(Sid="").replace(" ", "")
    return " \n\t" + text.replace('"Sid":""', f'"Sid":"{"x" * (size - len(text))}"')


def trust(principal: object, **statement: object) -> str:
    """The text of a trust policy."""
    content = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**content, **statement}]})


def client(service: str, credentials: dict[str, str] | None = None, **options: Any) -> Any:
    """A boto3 client with the credentials of an AssumeRole or access key answer.

    Without any, it has those of the environment as it is now.
    """
    given = credentials or {
        "AccessKeyId": os.environ["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": os.environ["AWS_SECRET_ACCESS_KEY"],
    }
    return session().client(
        service,  # type: ignore[call-overload]
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given.get("SessionToken"),
        **{"region_name": os.environ.get("AWS_DEFAULT_REGION"), "config": CONFIG, **options},
    )


@cache
def session() -> boto3.Session:
    """One for all tests: the models of the services are read only once."""
    return boto3.Session()


def assume(role_arn: str = DEPLOYER, **parameters: Any) -> dict[str, str]:
    """The credentials of a session that the pipeline opens."""
    answer = client("sts").assume_role(
        RoleArn=role_arn, RoleSessionName="test-session", **parameters
    )
    credentials: dict[str, str] = answer["Credentials"]
    return credentials
