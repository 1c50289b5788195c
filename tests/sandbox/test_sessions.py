"""Who may assume which role, for how long, and how sessions end."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from iam_access.sandbox import PIPELINE_ACCOUNT, PIPELINE_USER, Sandbox
from tests.sandbox.support import (
    ACCOUNT,
    DEPLOYER,
    OTHER_ACCOUNT,
    Clock,
    Refused,
    assume,
    client,
    trust,
)

PIPELINE = f"arn:aws:iam::{PIPELINE_ACCOUNT}:user/{PIPELINE_USER}"
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"


@pytest.fixture(scope="module")
def ann(iam: Any) -> Iterator[Any]:
    """STS with an access key of the user ann."""
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    yield client("sts", key)
    iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])


@pytest.fixture
def trusting(iam: Any, name: str) -> Any:
    """Makes a role with a trust policy; gives its ARN."""

    def make(principal: object, **statement: object) -> str:
        created = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=trust(principal, **statement)
        )
        arn: str = created["Role"]["Arn"]
        return arn

    return make


def open_session(sts: Any, role: str, **parameters: Any) -> dict[str, Any]:
    answer: dict[str, Any] = sts.assume_role(
        **{"RoleArn": role, "RoleSessionName": "session"} | parameters
    )
    return answer


def test_the_pipeline_lands_in_the_account(iam: Any) -> None:
    credentials = assume()
    identity = client("sts", credentials).get_caller_identity()
    assert identity["Account"] == ACCOUNT
    assert identity["Arn"] == (
        f"arn:aws:sts::{ACCOUNT}:assumed-role/self-serve-deployer/test-session"
    )
    other = assume(f"arn:aws:iam::{OTHER_ACCOUNT}:role/self-serve-deployer")
    listed = client("iam", other).list_users()["Users"]
    assert [user["Arn"] for user in listed] == [f"arn:aws:iam::{OTHER_ACCOUNT}:user/ann"]


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:iam::{ACCOUNT}:role/missing",
        f"arn:aws:iam::{ACCOUNT}:role/path/self-serve-deployer",
        "arn:aws:iam::999999999999:role/self-serve-deployer",
        f"arn:aws-cn:iam::{ACCOUNT}:role/self-serve-deployer",
    ],
)
def test_a_role_that_does_not_exist(sandbox: Sandbox, arn: str, refused: Refused) -> None:
    with refused(
        "AccessDenied",
        f"User: {PIPELINE} is not authorized to perform: sts:AssumeRole on resource: {arn}",
    ):
        assume(arn)


def test_a_role_that_trusts_others(sandbox: Sandbox, ann: Any, refused: Refused) -> None:
    with refused("AccessDenied", "sts:AssumeRole"):
        assume(f"arn:aws:iam::{ACCOUNT}:role/ci")
    with refused("AccessDenied", f"User: {ANN} is not authorized"):
        open_session(ann, DEPLOYER)


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": ANN},
        {"AWS": [f"arn:aws:iam::{ACCOUNT}:user/bob", ANN]},
        {"AWS": ACCOUNT},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        {"AWS": "*"},
        "*",
    ],
)
def test_who_is_trusted(trusting: Any, ann: Any, principal: object) -> None:
    assert open_session(ann, trusting(principal))["Credentials"]["SessionToken"]


@pytest.mark.parametrize(
    ("principal", "statement"),
    [
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, {}),
        ({"AWS": OTHER_ACCOUNT}, {}),
        ({"Service": "ec2.amazonaws.com"}, {}),
        ({"AWS": ANN}, {"Action": "sts:TagSession"}),
        ({"AWS": ANN}, {"Effect": "Deny"}),
    ],
)
def test_who_is_not_trusted(
    trusting: Any, ann: Any, principal: object, statement: dict[str, object], refused: Refused
) -> None:
    with refused("AccessDenied"):
        open_session(ann, trusting(principal, **statement))


def test_a_deny_wins(iam: Any, trusting: Any, ann: Any, name: str, refused: Refused) -> None:
    arn = trusting({"AWS": ANN})
    document = json.loads(trust({"AWS": ANN}))
    document["Statement"].append({**document["Statement"][0], "Effect": "Deny"})
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))
    with refused("AccessDenied"):
        open_session(ann, arn)


def test_a_trust_ends_at_its_instant(
    trusting: Any, ann: Any, clock: Clock, refused: Refused
) -> None:
    deadline = {"DateLessThan": {"aws:CurrentTime": "2026-11-20T13:00:00Z"}}
    arn = trusting({"AWS": ANN}, Condition=deadline)
    with clock.moved(seconds=3599):
        open_session(ann, arn)
    with clock.moved(seconds=3600), refused("AccessDenied"):
        open_session(ann, arn)


CONDITIONS: dict[str, tuple[dict[str, dict[str, object]], bool]] = {
    "after": ({"DateGreaterThan": {"aws:CurrentTime": "2026-11-20"}}, True),
    "not-yet": ({"DateGreaterThan": {"aws:CurrentTime": "2026-11-21"}}, False),
    "epoch": ({"DateLessThan": {"aws:EpochTime": "1999999999"}}, True),
    "zone": ({"DateLessThan": {"aws:CurrentTime": "2026-11-20T12:30:00+01:00"}}, False),
    "session-name": ({"StringEquals": {"sts:RoleSessionName": ["other", "session"]}}, True),
    "other-name": ({"StringEquals": {"sts:RoleSessionName": "sess*"}}, False),
    "like-name": ({"StringLike": {"sts:RoleSessionName": "s?ss*"}}, True),
    "user-name": ({"StringEquals": {"AWS:UserName": "ann"}}, True),
    "no-external-id": ({"StringEquals": {"sts:ExternalId": "some"}}, False),
    "if-exists": ({"StringEqualsIfExists": {"sts:ExternalId": "some"}}, True),
    "null": ({"Null": {"sts:ExternalId": "true"}}, True),
    "mfa": ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, False),
    "principal": ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/a*"}}, True),
    "two": (
        {
            "StringEquals": {"aws:username": "ann"},
            "DateLessThan": {"aws:CurrentTime": "2026-11-01"},
        },
        False,
    ),
    "address": ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
    "other-address": ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
    "not-in-the-request": ({"StringEquals": {"aws:SourceVpc": "vpc-1"}}, False),
}


@pytest.mark.parametrize(("condition", "allowed"), CONDITIONS.values(), ids=CONDITIONS.keys())
def test_conditions(
    trusting: Any, ann: Any, condition: dict[str, Any], allowed: bool, refused: Refused
) -> None:
    arn = trusting({"AWS": ANN}, Condition=condition)
    if allowed:
        open_session(ann, arn)
    else:
        with refused("AccessDenied"):
            open_session(ann, arn)


def test_external_ids(trusting: Any, ann: Any) -> None:
    arn = trusting({"AWS": ANN}, Condition={"StringEquals": {"sts:ExternalId": "some"}})
    open_session(ann, arn, ExternalId="some")


TAGS = [{"Key": "team", "Value": "payments"}]


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("sts:TagSession", {"Tags": TAGS}),
        ("sts:TagSession", {"Tags": TAGS, "TransitiveTagKeys": ["team"]}),
        ("sts:SetSourceIdentity", {"SourceIdentity": "ann"}),
    ],
)
def test_tags_and_source_identities_need_actions_of_their_own(
    iam: Any, trusting: Any, ann: Any, name: str, refused: Refused, action: str, parameters: Any
) -> None:
    role = trusting({"AWS": ANN})
    open_session(ann, role)
    with refused("AccessDenied", f"not authorized to perform: {action} on"):
        open_session(ann, role, **parameters)
    document = trust({"AWS": ANN}, Action=["sts:AssumeRole", action])
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=document)
    open_session(ann, role, **parameters)


def test_which_tags_a_session_may_have(trusting: Any, ann: Any, refused: Refused) -> None:
    condition = {
        "StringEquals": {"aws:RequestTag/team": "payments"},
        "ForAllValues:StringEquals": {"aws:TagKeys": "team"},
    }
    actions = ["sts:AssumeRole", "sts:TagSession"]
    role = trusting({"AWS": ANN}, Action=actions, Condition=condition)
    open_session(ann, role, Tags=TAGS)
    for tags in ([{"Key": "team", "Value": "data"}], [*TAGS, {"Key": "more", "Value": "x"}]):
        with refused("AccessDenied"):
            open_session(ann, role, Tags=tags)


def test_mfa(iam: Any, trusting: Any, ann: Any, name: str, refused: Refused) -> None:
    arn = trusting({"AWS": ANN}, Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    serial = device["SerialNumber"]
    with refused("AccessDenied", "MultiFactorAuthentication failed"):
        open_session(ann, arn, SerialNumber=serial, TokenCode="123456")
    iam.enable_mfa_device(
        UserName="ann",
        SerialNumber=serial,
        AuthenticationCode1="123456",
        AuthenticationCode2="654321",
    )
    open_session(ann, arn, SerialNumber=serial, TokenCode="123456")
    iam.deactivate_mfa_device(UserName="ann", SerialNumber=serial)


@pytest.mark.parametrize("kind", ["user", "role"])
def test_who_is_made_anew_is_not_trusted(
    iam: Any, trusting: Any, name: str, kind: str, refused: Refused
) -> None:
    entity = f"{name}-trusted"
    if kind == "user":
        made = iam.create_user(UserName=entity)["User"]
        delete, owner = iam.delete_user, {"UserName": entity}
    else:
        service = trust({"Service": "ec2.amazonaws.com"})
        made = iam.create_role(RoleName=entity, AssumeRolePolicyDocument=service)["Role"]
        delete, owner = iam.delete_role, {"RoleName": entity}
    arn = trusting({"AWS": made["Arn"]})
    delete(**owner)
    document = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    [gone] = [document["Statement"][0]["Principal"]["AWS"]]
    assert gone == made.get("UserId", made.get("RoleId"))
    # The id is shown, but not taken back.
    with refused("MalformedPolicyDocument", f'"AWS":"{gone}"'):
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))
    if kind == "user":
        iam.create_user(UserName=entity)
        key = iam.create_access_key(UserName=entity)["AccessKey"]
        with refused("AccessDenied"):
            open_session(client("sts", key), arn)
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust({"AWS": made["Arn"]}))
        open_session(client("sts", key), arn)


@pytest.mark.parametrize("session_name", ["x", "x" * 65, "a b", "a/b", ""])
def test_session_names(sandbox: Sandbox, session_name: str, refused: Refused) -> None:
    with refused("ValidationError", "roleSessionName"):
        client("sts").assume_role(RoleArn=DEPLOYER, RoleSessionName=session_name)


def test_durations(
    iam: Any, trusting: Any, ann: Any, name: str, clock: Clock, refused: Refused
) -> None:
    arn = trusting({"AWS": ANN})
    for seconds in (899, 43201):
        with refused("ValidationError", "at 'durationSeconds'"):
            open_session(ann, arn, DurationSeconds=seconds)
    with refused("ValidationError", "exceeds the MaxSessionDuration set for this role"):
        open_session(ann, arn, DurationSeconds=3601)
    iam.update_role(RoleName=name, MaxSessionDuration=7200)
    credentials = open_session(ann, arn, DurationSeconds=7200)["Credentials"]
    assert (credentials["Expiration"] - clock.now).total_seconds() == 7200


def test_chained_sessions_last_an_hour(
    iam: Any, trusting: Any, name: str, refused: Refused
) -> None:
    arn = trusting({"AWS": DEPLOYER})
    iam.update_role(RoleName=name, MaxSessionDuration=7200)
    chained = client("sts", assume())
    open_session(chained, arn, DurationSeconds=3600)
    with refused("ValidationError", "role chaining"):
        open_session(chained, arn, DurationSeconds=3601)


def test_sessions_end(sandbox: Sandbox, clock: Clock, refused: Refused) -> None:
    session = client("iam", assume(DurationSeconds=900))
    with clock.moved(seconds=899):
        session.list_users()
    with clock.moved(seconds=900), refused("ExpiredToken"):
        session.list_users()


def test_unknown_and_inactive_keys(iam: Any, user: str, refused: Refused) -> None:
    unknown = {"AccessKeyId": "AKIA0000000000000000", "SecretAccessKey": "x"}
    for service, operation in (("iam", "list_users"), ("sts", "get_caller_identity")):
        with refused("InvalidClientTokenId", "security token included in the request is invalid"):
            getattr(client(service, unknown), operation)()
    key = iam.create_access_key(UserName=user)["AccessKey"]
    own = client("sts", key)
    assert own.get_caller_identity()["Arn"].endswith(f":user/{user}")
    iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with refused("InvalidClientTokenId"):
        own.get_caller_identity()


def test_sessions_die_with_their_role(
    iam: Any, trusting: Any, ann: Any, name: str, refused: Refused
) -> None:
    session = client("sts", open_session(ann, trusting({"AWS": ANN}))["Credentials"])
    session.get_caller_identity()
    iam.delete_role(RoleName=name)
    with refused("InvalidClientTokenId"):
        session.get_caller_identity()


def test_web_identities_are_not_simulated(sandbox: Sandbox, refused: Refused) -> None:
    with refused("AccessDenied"):
        client("sts").assume_role_with_web_identity(
            RoleArn=DEPLOYER, RoleSessionName="session", WebIdentityToken="token"
        )
