"""Sessions of the deployer role, in the sandbox; what it cannot do, boto3 is made to answer."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError
from botocore.loaders import create_loader

from iam_access.cloud.client import CallError, CloudError
from iam_access.cloud.reader import SharedParts, read_snapshot
from iam_access.cloud.sessions import Accounts
from iam_access.model import Account, Failure
from iam_access.policy.arn import deployer_role_arn
from iam_access.sandbox import PIPELINE_ACCOUNT, PIPELINE_USER, Sandbox, SandboxAccount
from iam_access.sandbox.faults import AwsError, FaultContext

TEMPLATE = Path(__file__).parents[2] / "aws" / "bootstrap" / "deployer-role.yaml"
PROD = Account("111122223333", "aws", "self-serve-deployer", {"payments": "prod"})
TEST = Account("444455556666", "aws", "self-serve-deployer", {"payments": "test"})
STRANGE = Account("777788889999", "aws", "self-serve-deployer", {"payments": "strange"})

# Service models take most of a second to load, and once is enough.
LOADER = create_loader()


def base_session(**options: Any) -> boto3.Session:
    """A boto3 session like any other, which shares what it loads with the other tests."""
    core = botocore.session.Session()
    core.register_component("data_loader", LOADER)
    return boto3.Session(botocore_session=core, **options)


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    accounts = [SandboxAccount(PROD.id, users=("ann",)), SandboxAccount(TEST.id, users=("bob",))]
    with Sandbox(accounts, template=TEMPLATE) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(world: Sandbox) -> Sandbox:
    world.calls.clear()
    world.faults.clear()
    return world


@pytest.fixture
def accounts(sandbox: Sandbox) -> Accounts:
    return Accounts("self-serve+payments", workers=4, base=base_session())


def failure_of(accounts: Accounts, account: Account) -> Failure:
    with pytest.raises(CloudError) as caught:
        accounts.open(account)
    return caught.value.failure


def refuse(operation: str, code: str, message: str = "no") -> Callable[[FaultContext], None]:
    """A fault that answers an operation with an error."""

    def fault(call: FaultContext) -> None:
        if call.operation == operation:
            raise AwsError(code, message)

    return fault


class TestOpening:
    def test_a_session_reaches_its_account_as_the_deployer_role(self, accounts: Accounts) -> None:
        session = accounts.open(PROD)
        assert session.arn == (
            f"arn:aws:sts::{PROD.id}:assumed-role/self-serve-deployer/self-serve+payments"
        )
        assert session.call("get_user", {"UserName": "ann"})["User"]["Arn"] == (
            f"arn:aws:iam::{PROD.id}:user/ann"
        )

    def test_opening_and_reading_costs_three_calls(
        self, accounts: Accounts, sandbox: Sandbox
    ) -> None:
        session = accounts.open(PROD)
        snapshot = read_snapshot(
            PROD,
            lambda target: session.client(target.service, target.region),
            lambda _: frozenset(),
            SharedParts(),
        )
        assert "ann" in {principal.name for principal in snapshot.principals}
        assert [(call.operation, call.account_id) for call in sandbox.calls] == [
            ("AssumeRole", PIPELINE_ACCOUNT),
            ("GetAccountAuthorizationDetails", PROD.id),
            ("GetAccountSummary", PROD.id),
        ]

    def test_the_role_is_asked_for_an_hour_under_the_name_of_the_run(
        self, accounts: Accounts, sandbox: Sandbox
    ) -> None:
        accounts.open(PROD)
        assert sandbox.calls[0].params == {
            "RoleArn": deployer_role_arn(PROD),
            "RoleSessionName": "self-serve+payments",
            "DurationSeconds": 3_600,
        }

    def test_threads_open_each_account_for_itself(self, accounts: Accounts) -> None:
        with ThreadPoolExecutor(4) as pool:
            sessions = list(pool.map(accounts.open, [PROD, TEST] * 4))
        for account, session in zip([PROD, TEST] * 4, sessions, strict=True):
            assert session.account is account
            assert f"::{account.id}:" in session.arn
        names = {
            session.account.id: session.call("list_users", {})["Users"][0]["UserName"]
            for session in sessions
        }
        assert names == {PROD.id: "ann", TEST.id: "bob"}

    def test_every_request_says_which_program_sends_it(self, sandbox: Sandbox) -> None:
        agents: dict[str, str] = {}
        base = base_session()
        base.events.register(
            "request-created.*.*",
            lambda request, operation_name, **_: agents.update(
                {operation_name: request.headers["User-Agent"]}
            ),
        )
        session = Accounts("x1", workers=1, base=base).open(PROD)
        session.call("get_account_summary", {})
        assert agents.keys() == {"AssumeRole", "GetAccountSummary"}
        assert all("self-serve-iam" in str(agent) for agent in agents.values())

    def test_dates_are_what_boto3_makes_of_them(self, sandbox: Sandbox) -> None:
        read = [
            Accounts("x1", workers=1, base=base).open(PROD).call("get_user", {"UserName": "ann"})
            for base in (None, base_session())
        ]
        ours, usual = (answer["User"]["CreateDate"] for answer in read)
        assert ours == usual
        assert ours.utcoffset() == usual.utcoffset()

    def test_an_error_of_a_call_has_aws_code_and_words(self, accounts: Accounts) -> None:
        with pytest.raises(CallError, match="nobody") as caught:
            accounts.open(PROD).call("get_user", {"UserName": "nobody"})
        assert caught.value.code == "NoSuchEntity"

    def test_a_value_that_cannot_be_sent_is_an_error_of_its_call(self, accounts: Accounts) -> None:
        with pytest.raises(CallError) as caught:
            accounts.open(PROD).call("get_user", {"UserName": 7})
        assert caught.value.code == "ParamValidationError"


class TestRefusals:
    def test_a_refusal_tells_the_trust_statement_to_add(
        self, accounts: Accounts, sandbox: Sandbox
    ) -> None:
        failure = failure_of(accounts, STRANGE)
        assert failure.code == "AccessDenied"
        assert deployer_role_arn(STRANGE) in failure.message
        statement = re.search(r"\{.*\}", failure.hint)
        assert statement is not None
        pipeline = f"arn:aws:iam::{PIPELINE_ACCOUNT}:user/{PIPELINE_USER}"
        assert json.loads(statement[0]) == {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": pipeline},
        }
        assert f"sts:AssumeRole on {deployer_role_arn(STRANGE)}" in failure.hint
        assert "aws/bootstrap/deployer-role.yaml" in failure.hint

    def test_who_we_are_is_asked_once_however_many_refuse(
        self, accounts: Accounts, sandbox: Sandbox
    ) -> None:
        failure_of(accounts, STRANGE)
        failure_of(accounts, STRANGE)
        assert [call.operation for call in sandbox.calls] == [
            "AssumeRole",
            "GetCallerIdentity",
            "AssumeRole",
        ]

    def test_a_refused_account_gets_no_call_at_all(
        self, accounts: Accounts, sandbox: Sandbox
    ) -> None:
        sandbox.faults.append(refuse("AssumeRole", "AccessDenied"))
        failure_of(accounts, PROD)
        assert {call.service for call in sandbox.calls} == {"sts"}

    def test_a_refusal_is_explained_even_when_we_cannot_tell_who_we_are(
        self, accounts: Accounts, sandbox: Sandbox
    ) -> None:
        sandbox.faults.append(refuse("GetCallerIdentity", "AccessDenied"))
        assert "the ARN of the role or user that runs this" in failure_of(accounts, STRANGE).hint

    @pytest.mark.parametrize(
        ("code", "part"),
        [
            ("ExpiredToken", "log in again"),
            ("InvalidClientTokenId", "log in again"),
            ("RegionDisabledException", "AWS_REGION"),
            ("ValidationError", "3600 seconds"),
        ],
    )
    def test_other_refusals_have_advice_of_their_own(
        self, accounts: Accounts, sandbox: Sandbox, code: str, part: str
    ) -> None:
        sandbox.faults.append(refuse("AssumeRole", code))
        failure = failure_of(accounts, PROD)
        assert failure.code == code
        assert part in failure.hint

    def test_the_next_account_is_opened_all_the_same(self, accounts: Accounts) -> None:
        failure_of(accounts, STRANGE)
        assert accounts.open(TEST).arn.startswith(f"arn:aws:sts::{TEST.id}:")


def answering(send: Callable[..., Any], region: str | None = "eu-west-1") -> Accounts:
    """Accounts whose every request is answered by `send` instead of a network."""
    base = base_session(
        aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret", region_name=region
    )
    base.events.register("before-send.*.*", send)
    return Accounts("x1", workers=1, base=base)


def assumed(arn: str) -> Callable[..., AWSResponse]:
    """STS's answer to AssumeRole, in which the session has this ARN."""
    body = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
      <AssumeRoleResult>
        <AssumedRoleUser><Arn>{arn}</Arn><AssumedRoleId>AROA:x1</AssumedRoleId></AssumedRoleUser>
        <Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
          <SessionToken>t</SessionToken><Expiration>2036-01-01T00:00:00Z</Expiration></Credentials>
      </AssumeRoleResult></AssumeRoleResponse>"""

    class Raw:
        def stream(self, *args: object, **kwargs: object) -> Iterator[bytes]:
            yield body.encode()

    no_headers: Any = {}
    return lambda request, **_: AWSResponse(request.url, 200, no_headers, Raw())


class TestTheAccountOfTheAnswer:
    def test_the_expected_one_is_taken(self) -> None:
        arn = f"arn:aws:sts::{PROD.id}:assumed-role/self-serve-deployer/x1"
        assert answering(assumed(arn)).open(PROD).arn == arn

    @pytest.mark.parametrize(
        "arn",
        [
            f"arn:aws:sts::{TEST.id}:assumed-role/self-serve-deployer/x1",
            f"arn:aws-cn:sts::{PROD.id}:assumed-role/self-serve-deployer/x1",
            f"arn:aws:sts::{PROD.id}1:assumed-role/self-serve-deployer/x1",
            f"arn:aws:iam::{PROD.id}:user/self-serve-deployer",
            f"not-arn:aws:sts::{PROD.id}:assumed-role/self-serve-deployer/x1",
        ],
    )
    def test_any_other_is_refused(self, arn: str) -> None:
        failure = failure_of(answering(assumed(arn)), PROD)
        assert failure.code == "WrongAccount"
        assert PROD.id in failure.message
        assert arn in failure.message

    def test_the_account_sees_the_credentials_of_its_session_alone(self) -> None:
        sent: list[Any] = []
        answer = assumed(f"arn:aws:sts::{PROD.id}:assumed-role/self-serve-deployer/x1")

        def send(request: Any, **_: object) -> AWSResponse:
            sent.append(request)
            return answer(request)

        answering(send).open(PROD).call("delete_user", {"UserName": "ann"})
        opening, reading = (request.headers for request in sent)
        assert b"Credential=AKIAEXAMPLE/" in opening["Authorization"]
        assert b"Credential=ASIAEXAMPLE/" in reading["Authorization"]
        assert reading["X-Amz-Security-Token"] == b"t"


class TestWithoutAWorkingSetup:
    @pytest.fixture(autouse=True)
    def _no_environment(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))

    def test_no_credentials(self) -> None:
        failure = failure_of(Accounts("x1", workers=1), PROD)
        assert failure.code == "NoCredentialsError"
        assert "AWS_PROFILE" in failure.hint

    def test_a_profile_that_does_not_exist(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "nowhere")
        failure = failure_of(Accounts("x1", workers=1), PROD)
        assert failure.code == "ProfileNotFound"
        assert "nowhere" in failure.message
        assert "AWS_PROFILE" in failure.hint

    def test_an_endpoint_that_is_no_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:5000")
        failure = failure_of(Accounts("x1", workers=1), PROD)
        assert failure.code == "InvalidConfiguration"
        assert "localhost:5000" in failure.message
        assert "AWS_ENDPOINT_URL" in failure.hint

    def test_an_endpoint_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        sent: list[Any] = []

        def refuse_connection(request: Any, **_: object) -> AWSResponse:
            sent.append(request)
            raise EndpointConnectionError(endpoint_url=request.url)

        failure = failure_of(answering(refuse_connection), PROD)
        assert failure.code == "EndpointConnectionError"
        assert "AWS_ENDPOINT_URL" in failure.hint
        assert 1 < len(sent) <= 8

    def test_a_partition_that_does_not_exist(self) -> None:
        account = Account(PROD.id, "aws-moon", "self-serve-deployer", {})
        failure = failure_of(Accounts("x1", workers=1, base=base_session()), account)
        assert failure.code == "UnknownPartition"
        assert "aws-moon" in failure.message

    @pytest.mark.parametrize(
        ("own", "partition", "host"),
        [
            ("eu-west-1", "aws", "sts.eu-west-1.amazonaws.com"),
            (None, "aws", "sts.us-east-1.amazonaws.com"),
            ("eu-west-1", "aws-cn", "sts.cn-north-1.amazonaws.com.cn"),
            ("cn-northwest-1", "aws-cn", "sts.cn-northwest-1.amazonaws.com.cn"),
            ("moonbase", "aws-us-gov", "sts.us-gov-west-1.amazonaws.com"),
            (None, "aws-eusc", "sts.eusc-de-east-1.amazonaws.eu"),
            ("eu-west-1", "aws-iso-e", "sts.eu-isoe-west-1.cloud.adc-e.uk"),
        ],
    )
    def test_a_partition_is_called_in_one_of_its_regions(
        self, own: str | None, partition: str, host: str
    ) -> None:
        hosts: list[str] = []
        arn = f"arn:{partition}:sts::{PROD.id}:assumed-role/self-serve-deployer/x1"
        answer = assumed(arn)

        def send(request: Any, **_: object) -> AWSResponse:
            hosts.append(request.url.split("/")[2])
            return answer(request)

        answering(send, own).open(Account(PROD.id, partition, "self-serve-deployer", {}))
        assert hosts == [host]

    def test_each_partition_is_called_in_its_own(self) -> None:
        hosts: list[str] = []

        def refuse_connection(request: Any, **_: object) -> AWSResponse:
            hosts.append(request.url.split("/")[2])
            raise ValueError("far enough")

        accounts = answering(refuse_connection)
        for partition in ("aws", "aws-cn", "aws-us-gov"):
            with pytest.raises(ValueError, match="far enough"):
                accounts.open(Account(PROD.id, partition, "self-serve-deployer", {}))
        regions = [host.split(".")[1] for host in hosts]
        assert regions == ["eu-west-1", "cn-north-1", "us-gov-west-1"]


class TestSharing:
    def test_all_threads_have_one_session_until_half_of_its_time_is_over(
        self, sandbox: Sandbox
    ) -> None:
        seconds = 0.0
        accounts = Accounts("x1", workers=4, base=base_session(), clock=lambda: seconds)
        with ThreadPoolExecutor(4) as pool:
            assert len(set(map(id, pool.map(accounts.shared, [PROD] * 8)))) == 1
        first = accounts.shared(PROD)
        assert accounts.shared(TEST) is not first
        seconds = 1_800
        assert accounts.shared(PROD) is not first
        assert [call.operation for call in sandbox.calls] == ["AssumeRole"] * 3

    def test_what_could_not_be_opened_is_tried_again(
        self, accounts: Accounts, sandbox: Sandbox
    ) -> None:
        sandbox.faults.append(refuse("AssumeRole", "AccessDenied"))
        with pytest.raises(CloudError):
            accounts.shared(PROD)
        sandbox.faults.clear()
        assert accounts.shared(PROD).account is PROD
