"""Profiles as files of AWS's own, and what the accounts are called in them."""

import configparser
import json
from pathlib import Path

import boto3
import pytest

from iam_access.config.load import load
from iam_access.sandbox import SandboxAccount, SandboxServer
from iam_access.sandbox.seed import sandbox_accounts
from tests.config.repository import write
from tests.sandbox.support import ACCOUNT, NOW, TEMPLATE

ODD = "a+=,.@_-b"


def test_they_are_found_by_name_in_aws_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [SandboxAccount(ACCOUNT, users=(ODD,), roles=("ci",), label="prod")]
    with SandboxServer(accounts, template=TEMPLATE, enforce=True) as server:
        environment = server.environment_with(server.profiles(), tmp_path)
        assert "AWS_ACCESS_KEY_ID" not in environment
        # For profiles that are added by hand, such as those that a plan prints.
        assert environment["AWS_DEFAULT_REGION"] == "us-east-1"
        # A sandbox in this process sets keys, which boto3 prefers to profiles.
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        arns = [
            boto3.Session(profile_name=name).client("sts").get_caller_identity()["Arn"]
            for name in (None, "prod-admin", f"prod/{ODD}", "prod/role/ci")
        ]
    assert [arn.partition(":")[2].rpartition(":")[2] for arn in arns] == [
        "user/pipeline",
        "root",
        f"user/{ODD}",
        "assumed-role/ci/sandbox",
    ]
    assert (tmp_path / "credentials").stat().st_mode & 0o077 == 0


def test_accounts_of_several_partitions_have_their_own_regions(tmp_path: Path) -> None:
    accounts = [
        SandboxAccount(ACCOUNT, users=("ann",), label="world"),
        SandboxAccount("222222222222", users=("ann",), partition="aws-cn", label="china"),
    ]
    with SandboxServer(accounts, template=TEMPLATE, enforce=True) as server:
        environment = server.environment_with(server.profiles(), tmp_path)
    assert "AWS_DEFAULT_REGION" not in environment
    config = configparser.ConfigParser()
    config.read(tmp_path / "config")
    assert config["profile world/ann"]["region"] == "us-east-1"
    assert config["profile china/ann"]["region"] == "cn-north-1"


def test_a_role_that_a_file_makes_is_not_there_whoever_names_it(tmp_path: Path) -> None:
    key = {
        "region": "eu-west-1",
        "grants": [{"grantee": {"iam": "role/ci"}, "operations": ["Decrypt"]}],
    }
    sessions = {"iam": ["assumed-role/ci", "assumed-role/sso"], "users": ["ann"]}
    entries = {
        "aws-accounts": {"prod": ACCOUNT},
        "aws-roles": {"ci": {"trust": [{"iam": "user", "users": ["ann"]}, sessions]}},
        "aws-keys": {"data": key},
    }
    files = {f"{name}/payments.yaml": json.dumps({name: each}) for name, each in entries.items()}
    (account,) = sandbox_accounts(load(write(tmp_path, files), now=NOW))
    assert (account.users, account.roles) == (("ann",), ("sso",))


def test_accounts_are_called_like_their_environments_and_never_alike(tmp_path: Path) -> None:
    teams = {
        "one": {"prod": "111111111111", "test": "222222222222"},
        "two": {"prod": "333333333333", "live": "222222222222"},
    }
    write(
        tmp_path,
        {
            f"aws-accounts/{team}.yaml": json.dumps({"aws-accounts": accounts})
            for team, accounts in teams.items()
        },
    )
    labels = {each.id: each.label for each in sandbox_accounts(load(tmp_path, now=NOW))}
    assert labels == {
        "111111111111": "one+prod",
        "222222222222": "test",
        "333333333333": "two+prod",
    }
