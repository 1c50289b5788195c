"""Roles made for temporary grants carry a permissions boundary: ours or the settings' own."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from iam_access.cli import commands
from tests.flow.fleet import (
    DEPLOYER,
    NOW,
    PROD,
    READ_ONLY,
    Files,
    Fleet,
    account,
    document,
    opened,
    policy,
    temporary,
    text,
)
from tests.sandbox.support import assume, client

EDGE = f"arn:aws:iam::{PROD}:policy/ops/edge"
SHIPPED = f"arn:aws:iam::{PROD}:policy/self-serve-boundary"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
ROLE = "payments+buckets+ann"
ONLY_QUEUES = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}'
)
QUEUES = {"effect": "Allow", "actions": ["sqs:ListQueues"], "resources": ["*"]}
BUCKETS = {"effect": "Allow", "actions": ["s3:ListAllMyBuckets"], "resources": ["*"]}


def carried(fleet: Fleet) -> str | None:
    boundary = fleet.admin().get_role(RoleName=ROLE)["Role"].get("PermissionsBoundary", {})
    arn: str | None = boundary.get("PermissionsBoundaryArn")
    return arn


def grant(fleet: Fleet) -> None:
    fleet.files.team(
        policies={"buckets": policy(QUEUES, BUCKETS)},
        temporary=[temporary("buckets", via="role")],
    )


def test_roles_carry_the_boundary_that_bootstrap_ships_and_get_it_back(fleet: Fleet) -> None:
    grant(fleet)
    assert fleet.apply("--all").status == 0
    assert carried(fleet) == SHIPPED
    assert fleet.apply("--all").writes == ()

    fleet.admin().delete_role_permissions_boundary(RoleName=ROLE)
    assert fleet.apply("--all").status == 0
    assert carried(fleet) == SHIPPED


def test_without_the_boundary_no_role_is_made(fleet: Fleet) -> None:
    grant(fleet)
    fleet.admin().delete_policy(PolicyArn=SHIPPED)
    run = fleet.apply("--all", "--output", "json")
    assert (run.status, run.codes) == (1, ["missing-boundary"])
    (finding,) = run.json["findings"]
    assert "aws/bootstrap/deployer-role.yaml" in finding["hint"]


def test_roles_carry_the_boundary_of_the_settings_instead(files: Files) -> None:
    with opened(files, replace(account(), boundary=EDGE)) as fleet:
        version = {"PolicyDocument": ONLY_QUEUES, "SetAsDefault": True}
        fleet.admin().create_policy_version(PolicyArn=EDGE, **version)
        fleet.files.write("settings.yaml", "permissions_boundary: edge\n")
        grant(fleet)

        made = fleet.apply("--all", "--explain", "--output", "json")
        assert (made.status, carried(fleet)) == (0, EDGE)
        (meaning,) = made.json["meaning"]
        assert [gain["actions"] for gain in meaning["gains"]] == [["sqs:ListQueues"]]

        # The template asks for the one, and the settings no longer do.
        fleet.files.write("settings.yaml", "")
        refused = fleet.apply("--all")
        assert (refused.status, carried(fleet)) == (2, EDGE)


def test_a_sandbox_made_from_the_files_has_the_boundary(files: Files) -> None:
    files.team(policies={"all": policy(managed=[ADMIN])}, temporary=[temporary("all", via="role")])
    for boundary in (EDGE, READ_ONLY, "edge"):
        files.write("settings.yaml", f"permissions_boundary: {boundary}\n")
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(io.StringIO()):
            status = commands.apply(
                ["--all", "--sandbox", "--config-dir", str(files.directory)], clock=lambda: NOW
            )
        assert status == 0, out.getvalue()
        assert boundary in out.getvalue()


# What an attacker with the credentials of the deployer role would try.
_SELF = f"arn:aws:iam::{PROD}:role/self-serve-deployer"
_TRUST = json.dumps(
    document({"Effect": "Allow", "Principal": {"AWS": _SELF}, "Action": "sts:AssumeRole"})
)
_ROLE = {"Path": "/self-serve/x/", "AssumeRolePolicyDocument": _TRUST}


def test_what_the_deployer_role_makes_cannot_raise_anybody(fleet: Fleet) -> None:
    own = assume(_SELF)
    deployer = client("iam", own)
    for boundary in ({}, {"PermissionsBoundary": ADMIN}, {"PermissionsBoundary": EDGE}):
        with pytest.raises(ClientError, match="AccessDenied"):
            deployer.create_role(RoleName="free", **_ROLE, **boundary)
    bounded = {"RoleName": "made", "PermissionsBoundary": SHIPPED}
    made = deployer.create_role(**_ROLE, **bounded)["Role"]["Arn"]
    deployer.attach_role_policy(RoleName="made", PolicyArn=ADMIN)
    version = {"PolicyDocument": text("*"), "SetAsDefault": True}
    for who, operation, parameters in (
        (deployer, "delete_role_permissions_boundary", {"RoleName": "made"}),
        (deployer, "put_role_permissions_boundary", {**bounded, "PermissionsBoundary": ADMIN}),
        (deployer, "create_policy_version", {"PolicyArn": SHIPPED, **version}),
        # The trust of the role alone lets the deployer in; its own policy does not.
        (client("sts", own), "assume_role", {"RoleArn": made, "RoleSessionName": "up"}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(who, operation)(**parameters)


def test_nor_does_whoever_it_lets_into_what_it_makes(fleet: Fleet) -> None:
    deployer = client("iam", assume(_SELF))
    trust = {"AssumeRolePolicyDocument": _TRUST.replace(_SELF, PROD)}
    made = deployer.create_role(RoleName="made", PermissionsBoundary=SHIPPED, **{**_ROLE, **trust})[
        "Role"
    ]["Arn"]
    deployer.attach_role_policy(RoleName="made", PolicyArn=ADMIN)
    deployer.put_user_policy(UserName="ann", PolicyName="up", PolicyDocument=text("sts:AssumeRole"))
    ann = client("sts", fleet.admin().create_access_key(UserName="ann")["AccessKey"])
    up = ann.assume_role(RoleArn=made, RoleSessionName="up")["Credentials"]
    iam = client("iam", up)
    assert iam.list_users()["Users"]
    inline = {"PolicyName": "up", "PolicyDocument": text("*")}
    for operation, parameters in (
        ("create_user", {"UserName": "new"}),
        ("put_role_policy", {"RoleName": DEPLOYER, **inline}),
        ("delete_role_permissions_boundary", {"RoleName": "made"}),
        ("update_assume_role_policy", {"RoleName": "runner", "PolicyDocument": _TRUST}),
    ):
        with pytest.raises(ClientError, match="because no permissions boundary allows"):
            getattr(iam, operation)(**parameters)
    with pytest.raises(ClientError, match="AccessDenied"):
        client("sts", up).assume_role(RoleArn=_SELF, RoleSessionName="up")
