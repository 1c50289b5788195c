"""Roles made for temporary grants where the settings ask for a permissions boundary."""

import io
from contextlib import redirect_stderr, redirect_stdout

from iam_access import commands
from tests.flow.fleet import NOW, PROD, READ_ONLY, Files, Fleet, policy, temporary

EDGE = f"arn:aws:iam::{PROD}:policy/edge"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
ROLE = "payments+buckets+ann"
ONLY_QUEUES = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}'
)
QUEUES = {"effect": "Allow", "actions": ["sqs:ListQueues"], "resources": ["*"]}
BUCKETS = {"effect": "Allow", "actions": ["s3:ListAllMyBuckets"], "resources": ["*"]}


def test_the_deployer_makes_bounded_roles_and_puts_the_boundary_back(fleet: Fleet) -> None:
    admin = fleet.admin()
    admin.create_policy(PolicyName="edge", PolicyDocument=ONLY_QUEUES)
    admin.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=EDGE)
    fleet.files.write("settings.yaml", "permissions_boundary: edge\n")
    fleet.files.team(
        policies={"buckets": policy(QUEUES, BUCKETS)},
        temporary=[temporary("buckets", via="role")],
    )

    def carried() -> object:
        boundary = admin.get_role(RoleName=ROLE)["Role"].get("PermissionsBoundary", {})
        return boundary.get("PermissionsBoundaryArn")

    made = fleet.apply("--all", "--explain", "--output", "json")
    assert (made.status, carried()) == (0, EDGE)
    (meaning,) = made.json["meaning"]
    assert [gain["actions"] for gain in meaning["gains"]] == [["sqs:ListQueues"]]
    assert fleet.apply("--all").writes == ()

    admin.delete_role_permissions_boundary(RoleName=ROLE)
    assert fleet.apply("--all").status == 0
    assert carried() == EDGE

    fleet.files.write("settings.yaml", "")
    assert fleet.apply("--all").status == 0
    assert carried() is None


def test_a_sandbox_made_from_the_files_has_the_boundary(files: Files) -> None:
    files.team(policies={"all": policy(managed=[ADMIN])}, temporary=[temporary("all", via="role")])
    for boundary in (f"arn:aws:iam::{PROD}:policy/ops/edge", READ_ONLY, "edge"):
        files.write("settings.yaml", f"permissions_boundary: {boundary}\n")
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(io.StringIO()):
            status = commands.apply(
                ["--all", "--sandbox", "--config-dir", str(files.directory)], clock=lambda: NOW
            )
        assert status == 0, out.getvalue()
        assert boundary in out.getvalue()
