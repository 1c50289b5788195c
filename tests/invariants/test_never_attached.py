"""The watch over all writes sees what it is there for, and only that."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.flow.fleet import (
    DEPLOYER,
    PROD,
    READ_ONLY,
    Files,
    Fleet,
    opened,
    permanent,
    policy,
    temporary,
)
from tests.write_log import WriteLog

AUDIT = "arn:aws:iam::aws:policy/SecurityAudit"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """An account with the users ann and bob and the role runner."""
    with opened(Files(tmp_path_factory.mktemp("watch") / "aws")) as found:
        yield found


def _pipeline() -> Any:
    """IAM in a session of the deployer role, as the pipeline has it."""
    arn = f"arn:aws:iam::{PROD}:role/{DEPLOYER}"
    answer = boto3.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return boto3.client(
        "iam",
        aws_access_key_id=answer["AccessKeyId"],
        aws_secret_access_key=answer["SecretAccessKey"],
        aws_session_token=answer["SessionToken"],
    )


@pytest.mark.parametrize("principal", ["user/ann", "role/runner"])
@pytest.mark.parametrize(
    "tag", [None, "team", "self-serve:payments:SecurityAudit", "self-serve:payments:ReadOnly"]
)
def test_an_attachment_without_its_tag_is_found(
    fleet: Fleet, write_log: WriteLog, principal: str, tag: str | None
) -> None:
    kind, _, name = principal.partition("/")
    who = {"UserName" if kind == "user" else "RoleName": name}
    if tag:
        getattr(fleet.admin(), f"tag_{kind}")(**who, Tags=[{"Key": tag, "Value": ""}])

    getattr(_pipeline(), f"attach_{kind}_policy")(**who, PolicyArn=READ_ONLY)

    assert [each.principal for each in write_log.wrong] == [principal]
    write_log.seen.clear()


def test_what_others_attach_is_no_concern_of_ours(fleet: Fleet, write_log: WriteLog) -> None:
    fleet.admin().attach_user_policy(UserName="bob", PolicyArn=READ_ONLY)
    assert write_log.seen == []


def test_an_attachment_that_was_refused_gave_nobody_anything(
    fleet: Fleet, write_log: WriteLog
) -> None:
    iam = _pipeline()
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.attach_user_policy(UserName="bob", PolicyArn=f"{READ_ONLY}NoMore")
    assert write_log.seen == []


def test_permanent_grants_and_roles_of_temporary_ones_are_seen_and_allowed(
    fleet: Fleet, write_log: WriteLog
) -> None:
    fleet.files.team(
        policies={"read": policy(managed=[READ_ONLY]), "audit": policy(managed=[AUDIT])},
        permanent=[permanent("read", users=["ann@example.com"], roles=["runner"])],
        temporary=[temporary("audit", via="role")],
    )
    iam = fleet.admin()
    for each in (iam.detach_user_policy, iam.detach_role_policy):
        who = {"UserName": "ann"} if each == iam.detach_user_policy else {"RoleName": "runner"}
        each(**who, PolicyArn=READ_ONLY)

    assert fleet.apply("--all").status == 0

    seen = {(each.principal, each.policy) for each in write_log.seen}
    assert seen == {
        ("user/ann", READ_ONLY),
        ("role/runner", READ_ONLY),
        ("role/payments+audit+ann", AUDIT),
    }
    assert write_log.wrong == []
