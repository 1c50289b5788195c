"""Credentials to try things by hand with, which are judged like all others."""

from collections.abc import Iterator
from typing import Any

import pytest

from iam_access.sandbox import Profile, Sandbox, SandboxAccount
from tests.sandbox.support import (
    ACCOUNT,
    NOW,
    OTHER_ACCOUNT,
    TEMPLATE,
    Clock,
    Refused,
    client,
    policy,
    trust,
)

ODD = "a+=,.@_-b"
ONLY = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


@pytest.fixture(scope="module")
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    accounts = [
        SandboxAccount(ACCOUNT, users=("ann", "bob", ODD), roles=("ci",), label="prod"),
        SandboxAccount(OTHER_ACCOUNT),
    ]
    with Sandbox(accounts, template=TEMPLATE, clock=clock, enforce=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def profiles(sandbox: Sandbox) -> dict[str, Profile]:
    return {profile.name: profile for profile in sandbox.profiles()}


def client_of(profile: Profile, service: str = "iam") -> Any:
    keys = profile.credentials
    return client(
        service,
        {
            "AccessKeyId": keys.access_key_id,
            "SecretAccessKey": keys.secret_access_key,
            **({"SessionToken": keys.session_token} if keys.session_token else {}),
        },
    )


@pytest.fixture(scope="module")
def admin(profiles: dict[str, Profile]) -> Any:
    return client_of(profiles["prod-admin"])


@pytest.fixture
def allow(admin: Any) -> Iterator[Any]:
    """Lets ann do something until the test is over."""

    def allow(*actions: str, **statement: Any) -> None:
        document = policy(*actions, **statement)
        admin.put_user_policy(UserName="ann", PolicyName="trial", PolicyDocument=document)

    yield allow
    admin.delete_user_policy(UserName="ann", PolicyName="trial")


def test_there_is_one_for_each_administrator_user_and_role(profiles: dict[str, Profile]) -> None:
    assert {name: profile.owner for name, profile in profiles.items()} == {
        "default": "pipeline",
        "prod-admin": "administrator",
        "prod/ann": "user ann",
        "prod/bob": "user bob",
        f"prod/{ODD}": f"user {ODD}",
        "prod/role/ci": "role ci",
        "prod/role/self-serve-deployer": "role self-serve-deployer",
        f"{OTHER_ACCOUNT}-admin": "administrator",
        f"{OTHER_ACCOUNT}/role/self-serve-deployer": "role self-serve-deployer",
    }


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("prod-admin", f"arn:aws:iam::{ACCOUNT}:root"),
        ("prod/ann", f"arn:aws:iam::{ACCOUNT}:user/ann"),
        ("prod/role/ci", f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/sandbox"),
        (f"{OTHER_ACCOUNT}-admin", f"arn:aws:iam::{OTHER_ACCOUNT}:root"),
    ],
)
def test_each_is_known_by_its_arn(name: str, arn: str, profiles: dict[str, Profile]) -> None:
    assert client_of(profiles[name], "sts").get_caller_identity()["Arn"] == arn


def test_a_user_may_do_what_its_policies_allow_at_that_moment(
    profiles: dict[str, Profile], clock: Clock, allow: Any, refused: Refused
) -> None:
    ann = client_of(profiles["prod/ann"])
    with refused("AccessDenied", "iam:ListUsers"):
        ann.list_users()
    end = {"DateLessThan": {"aws:CurrentTime": NOW.replace(hour=13).isoformat()}}
    allow("iam:ListUsers", Condition=end)
    assert ann.list_users()["Users"]
    with clock.moved(hours=1), refused("AccessDenied", "iam:ListUsers"):
        ann.list_users()
    with refused("AccessDenied", "iam:ListRoles"):
        ann.list_roles()


def test_the_session_of_a_role_does_not_expire_and_is_temporary_all_the_same(
    profiles: dict[str, Profile], admin: Any, clock: Clock, refused: Refused
) -> None:
    since = {"DateGreaterThanEquals": {"aws:TokenIssueTime": NOW.isoformat()}}
    document = policy("iam:ListUsers", Condition=since)
    role = client_of(profiles["prod/role/ci"])
    with refused("AccessDenied"):
        role.list_users()
    admin.put_role_policy(RoleName="ci", PolicyName="x", PolicyDocument=document)
    with clock.moved(days=30):
        assert role.list_users()["Users"]


def test_a_user_can_be_deleted_and_made_anew(
    profiles: dict[str, Profile], admin: Any, refused: Refused
) -> None:
    bob = client_of(profiles["prod/bob"], "sts")
    admin.delete_user(UserName="bob")
    with refused("InvalidClientTokenId"):
        bob.get_caller_identity()
    admin.create_user(UserName="bob")
    assert bob.get_caller_identity()["Arn"].endswith(":user/bob")
    # As in AWS, a key that the user was given otherwise does keep it.
    key = admin.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
    with refused("DeleteConflict", "access keys"):
        admin.delete_user(UserName="bob")
    admin.delete_access_key(UserName="bob", AccessKeyId=key)


def test_the_administrator_assumes_no_role_and_stays_in_the_account(
    profiles: dict[str, Profile], refused: Refused
) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/ci"
    with refused("AccessDenied", "Roles may not be assumed by root accounts"):
        client_of(profiles["prod-admin"], "sts").assume_role(RoleArn=role, RoleSessionName="xx")
    other = client_of(profiles[f"{OTHER_ACCOUNT}-admin"])
    assert other.list_users()["Users"] == []


class TestSessionTokens:
    def token(self, profile: Profile, **parameters: Any) -> Any:
        answer = client_of(profile, "sts").get_session_token(**parameters)
        credentials: Any = answer["Credentials"]
        return credentials

    def test_with_a_second_factor_what_needs_one_is_allowed(
        self, profiles: dict[str, Profile], admin: Any, allow: Any, refused: Refused
    ) -> None:
        device = admin.create_virtual_mfa_device(VirtualMFADeviceName="ann")
        serial = device["VirtualMFADevice"]["SerialNumber"]
        codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "234567"}
        admin.enable_mfa_device(UserName="ann", SerialNumber=serial, **codes)
        allow("iam:ListUsers", Condition=ONLY)
        with refused("AccessDenied"):
            client_of(profiles["prod/ann"]).list_users()
        proof = {"SerialNumber": serial, "TokenCode": "123456"}
        assert client("iam", self.token(profiles["prod/ann"], **proof)).list_users()["Users"]
        with refused("AccessDenied", "MultiFactorAuthentication failed"):
            self.token(profiles["prod/ann"], SerialNumber=serial, TokenCode="1")

    def test_without_one_they_call_nothing_of_iam(
        self, profiles: dict[str, Profile], allow: Any, refused: Refused
    ) -> None:
        allow("iam:*")
        session = self.token(profiles["prod/ann"])
        assert client("sts", session).get_caller_identity()["Arn"].endswith(":user/ann")
        with refused("AccessDenied", "without MFA"):
            client("iam", session).list_users()

    def test_they_end_and_open_no_others(
        self, profiles: dict[str, Profile], clock: Clock, refused: Refused
    ) -> None:
        session = client("sts", self.token(profiles["prod/ann"], DurationSeconds=900))
        with refused("AccessDenied", "GetSessionToken"):
            session.get_session_token()
        with refused("AccessDenied", "GetSessionToken"):
            client_of(profiles["prod/role/ci"], "sts").get_session_token()
        with clock.moved(minutes=15), refused("ExpiredToken"):
            session.get_caller_identity()


def test_a_session_of_a_role_does_not_carry_the_second_factor(
    profiles: dict[str, Profile], admin: Any, refused: Refused
) -> None:
    document = trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/ann"})
    admin.create_role(RoleName="careful", AssumeRolePolicyDocument=document)
    denial = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    for name, text in (
        ("allow", policy("iam:ListUsers")),
        ("deny", policy("iam:*", Effect="Deny", Condition=denial)),
    ):
        admin.put_role_policy(RoleName="careful", PolicyName=name, PolicyDocument=text)
    arn = f"arn:aws:iam::{ACCOUNT}:role/careful"
    answer = client_of(profiles["prod/ann"], "sts").assume_role(RoleArn=arn, RoleSessionName="ann")
    with refused("AccessDenied", "explicit deny"):
        client("iam", answer["Credentials"]).list_users()


class TestOtherServices:
    def test_s3_by_prefix(self, profiles: dict[str, Profile], allow: Any, refused: Refused) -> None:
        own = {"Bucket": "trials", "Key": "mine/x"}
        client_of(profiles["prod-admin"], "s3").create_bucket(Bucket="trials")
        ann = client_of(profiles["prod/ann"], "s3")
        with refused("AccessDenied"):
            ann.put_object(**own, Body=b"x")
        allow("s3:PutObject", "s3:GetObject", Resource="arn:aws:s3:::trials/mine/*")
        ann.put_object(**own, Body=b"x")
        assert ann.get_object(**own)["Body"].read() == b"x"
        with refused("AccessDenied"):
            ann.put_object(Bucket="trials", Key="theirs/x", Body=b"x")
        with refused("AccessDenied"):
            ann.list_objects_v2(Bucket="trials")
        with refused("AccessDenied"):
            ann.list_buckets()
        with refused("AccessDenied"):
            ann.delete_object(**own)

    def test_s3_copies_what_may_be_read_and_deletes_what_may_be_deleted(
        self, profiles: dict[str, Profile], allow: Any, refused: Refused
    ) -> None:
        admin, ann = client_of(profiles["prod-admin"], "s3"), client_of(profiles["prod/ann"], "s3")
        admin.create_bucket(Bucket="more")
        for key in ("mine/x", "mine/y", "theirs/x"):
            admin.put_object(Bucket="more", Key=key, Body=b"x")
        allow("s3:*Object", Resource="arn:aws:s3:::more/mine/*")
        ann.copy_object(Bucket="more", Key="mine/z", CopySource="more/mine/x")
        with refused("AccessDenied"):
            ann.copy_object(Bucket="more", Key="mine/z", CopySource="more/theirs/x")
        for keys in (["mine/x", "theirs/x"], ["mine/x", "mine/y"]):
            wanted = {"Objects": [{"Key": key} for key in keys]}
            ann.delete_objects(Bucket="more", Delete=wanted)
        left = admin.list_objects_v2(Bucket="more")["Contents"]
        assert {each["Key"] for each in left} == {"mine/z", "theirs/x"}

    def test_a_list_of_s3_by_its_prefix(
        self, profiles: dict[str, Profile], allow: Any, refused: Refused
    ) -> None:
        client_of(profiles["prod-admin"], "s3").create_bucket(Bucket="lists")
        ann = client_of(profiles["prod/ann"], "s3")
        allow("s3:ListBucket", Condition={"StringLike": {"s3:prefix": "mine/*"}})
        ann.list_objects_v2(Bucket="lists", Prefix="mine/")
        with refused("AccessDenied"):
            ann.list_objects_v2(Bucket="lists")

    def test_the_policy_of_a_bucket_counts_beside_that_of_its_user(
        self, profiles: dict[str, Profile], allow: Any, refused: Refused
    ) -> None:
        admin, ann = client_of(profiles["prod-admin"], "s3"), client_of(profiles["prod/ann"], "s3")
        admin.create_bucket(Bucket="lent")
        admin.put_object(Bucket="lent", Key="x", Body=b"x")

        def lend(effect: str, principal: Any) -> None:
            content = {"Principal": principal, "Resource": "arn:aws:s3:::lent/*"}
            document = policy("s3:GetObject", Effect=effect, **content)
            admin.put_bucket_policy(Bucket="lent", Policy=document)

        with refused("AccessDenied"):
            ann.get_object(Bucket="lent", Key="x")
        lend("Allow", {"AWS": f"arn:aws:iam::{ACCOUNT}:user/ann"})
        assert ann.get_object(Bucket="lent", Key="x")["Body"].read() == b"x"
        lend("Allow", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
        with refused("AccessDenied"):
            ann.get_object(Bucket="lent", Key="x")
        allow("s3:GetObject")
        assert ann.get_object(Bucket="lent", Key="x")["Body"].read() == b"x"
        lend("Deny", {"AWS": f"arn:aws:iam::{ACCOUNT}:user/ann"})
        with refused("AccessDenied"):
            ann.get_object(Bucket="lent", Key="x")

    def test_a_queue_by_its_url(
        self, profiles: dict[str, Profile], allow: Any, refused: Refused
    ) -> None:
        admin = client_of(profiles["prod-admin"], "sqs")
        urls = {name: admin.create_queue(QueueName=name)["QueueUrl"] for name in ("a-1", "b-1")}
        allow("sqs:SendMessage", Resource=f"arn:aws:sqs:*:{ACCOUNT}:a-*")
        ann = client_of(profiles["prod/ann"], "sqs")
        assert ann.send_message(QueueUrl=urls["a-1"], MessageBody="x")["MessageId"]
        with refused("AccessDenied", "sqs:SendMessage on resource: arn:aws:sqs:us-east-1:"):
            ann.send_message(QueueUrl=urls["b-1"], MessageBody="x")
        with refused("AccessDenied"):
            ann.receive_message(QueueUrl=urls["a-1"])

    def test_what_cannot_be_judged_is_refused(
        self, profiles: dict[str, Profile], allow: Any, refused: Refused
    ) -> None:
        allow("*")
        with refused("AccessDenied", "simulate-principal-policy"):
            client_of(profiles["prod/ann"], "sqs").cancel_message_move_task(TaskHandle="x")
