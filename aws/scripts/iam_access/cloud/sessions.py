"""Sessions of the deployer role: one AssumeRole per account, and clients of its services."""

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import boto3
import botocore.session
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import UnknownRegionError
from botocore.handlers import json_decode_policies
from botocore.model import OperationModel
from botocore.utils import parse_timestamp

from iam_access.cloud import hints
from iam_access.cloud.client import (
    BOTO_ERRORS,
    Answer,
    Call,
    CallError,
    CloudError,
    Params,
    call_error,
    client_caller,
)
from iam_access.cloud.hints import BOOTSTRAP, PLANNER, trust_statement
from iam_access.model import Account
from iam_access.policy.arn import DEPLOYER_SESSION, PARTITIONS, assumed_role, role_arn

DURATION_SECONDS = 3_600

_ATTEMPTS = 8
# What makes one more thing each time that it is sent, and so is never repeated without a look.
_MADE_ANEW: Mapping[str, frozenset[str]] = {"kms": frozenset({"create_key"})}
_STS_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class AccountSession:
    """An open session of the deployer role. `arn` is the session's own ARN.

    `call` reaches IAM of this account with the role's temporary credentials.
    """

    account: Account
    arn: str
    call: Call
    _client: Callable[[str, str | None], Call]

    def client(self, service: str, region: str | None) -> Call:
        """The calls of one service (boto3's name), with the same credentials. Raises CloudError.

        `region` is None for a service with a single endpoint for the partition. Each call makes a
        client with a connection of its own, but for IAM.
        """
        return self.call if (service, region) == ("iam", None) else self._client(service, region)


@dataclass(slots=True)
class _SharedSession:
    """A session of several threads and until when (seconds of the clock) it is used."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    session: AccountSession | None = None
    until: float = 0.0


class Accounts:
    """Opens sessions, one per account, from the credentials that boto3's own chain finds.

    Threads may share it. `workers` is how many of them open accounts at the same time. `base` is
    the boto3 session to start from; None makes one from the environment at the first use. `role`
    is assumed in each account instead of its deployer role (None: that role), by its name, perhaps
    with a path. `clock` returns seconds that never go back.
    """

    def __init__(
        self,
        session_name: str,
        *,
        workers: int,
        base: boto3.Session | None = None,
        role: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session_name = session_name
        self._role = role
        self._workers = workers
        self._base = base
        self._sts: dict[str, BaseClient] = {}
        self._caller: str | None = None
        self._clock = clock
        self._shared: dict[str, _SharedSession] = {}
        # Neither boto3 sessions nor the making of clients are safe between threads.
        self._lock = threading.Lock()

    def open(self, account: Account) -> AccountSession:
        """Assume the role in the account; raises CloudError, never tries anything else."""
        sts = self._sts_client(account.partition)
        answer = self._assume(sts, account)
        arn = str(answer["AssumedRoleUser"]["Arn"])
        _check_account(arn, account, self._role_arn(account))
        client = partial(self._client_of, account, answer["Credentials"])
        return AccountSession(account, arn, client("iam", None), client)

    def shared(self, account: Account) -> AccountSession:
        """A session for all threads that need the account beside their own; as `open` does.

        Opened at the first use, and again when half of its time is over.
        """
        with self._lock:
            shared = self._shared.setdefault(account.id, _SharedSession())
        with shared.lock:
            now = self._clock()
            if shared.session is None or now >= shared.until:
                shared.session = self.open(account)
                shared.until = now + DURATION_SECONDS / 2
            return shared.session

    def _role_in(self, account: Account) -> str:
        return account.deployer_role if self._role is None else self._role

    def _role_arn(self, account: Account) -> str:
        return role_arn(account.id, self._role_in(account), partition=account.partition)

    def _assume(self, sts: BaseClient, account: Account) -> dict[str, Any]:
        call = client_caller(sts)
        try:
            answer = call(
                "assume_role",
                {
                    "RoleArn": self._role_arn(account),
                    "RoleSessionName": self._session_name,
                    "DurationSeconds": DURATION_SECONDS,
                },
            )
        except CallError as error:
            raise CloudError(
                error.code,
                f"cannot assume {self._role_arn(account)}: {error.message}",
                self._assume_hint(error, account, call),
            ) from error
        return dict(answer)

    def _assume_hint(self, error: CallError, account: Account, sts: Call) -> str:
        template = BOOTSTRAP if self._role is None else PLANNER
        if error.code in hints.DENIED:
            return _trust_hint(account, self._role_arn(account), template, self._caller_arn(sts))
        if error.code in hints.NO_CREDENTIALS:
            return (
                "give boto3 credentials that may assume the role: aws sso login, "
                "AWS_PROFILE, or configure-aws-credentials in a workflow"
            )
        if error.code == "RegionDisabledException":
            return "enable STS for this region in the account, or set AWS_REGION to another one"
        if error.code == "ValidationError":
            return (
                f"the role must allow sessions of {DURATION_SECONDS} seconds: "
                f"update its stack from {template}"
            )
        return hints.hint(error, "sts:AssumeRole", {"RoleName": self._role_in(account)})

    def _caller_arn(self, sts: Call) -> str | None:
        """The ARN of the caller, None where AWS refuses it. Only read to explain a refusal."""
        with self._lock:
            if self._caller is None:
                try:
                    self._caller = str(sts("get_caller_identity", {})["Arn"])
                except CallError:
                    return None
            return self._caller

    def _sts_client(self, partition: str) -> BaseClient:
        with self._lock:
            if partition not in self._sts:
                self._sts[partition] = self._client(
                    "sts", partition, attempts=_STS_ATTEMPTS, connections=self._workers
                )
            return self._sts[partition]

    def _client_of(
        self, account: Account, credentials: dict[str, Any], service: str, region: str | None
    ) -> Call:
        def made(attempts: int) -> Call:
            with self._lock:
                client = self._client(
                    service,
                    account.partition,
                    region,
                    attempts=attempts,
                    connections=1,
                    aws_access_key_id=credentials["AccessKeyId"],
                    aws_secret_access_key=credentials["SecretAccessKey"],
                    aws_session_token=credentials["SessionToken"],
                )
            return client_caller(client)

        call = made(_ATTEMPTS)
        anew = _MADE_ANEW.get(service, frozenset())

        def sent(operation: str, params: Params) -> Answer:
            return (made(1) if operation in anew else call)(operation, params)

        return sent if anew else call

    def _client(
        self,
        service: str,
        partition: str,
        region: str | None = None,
        *,
        attempts: int,
        connections: int,
        **keys: str,
    ) -> BaseClient:
        """A client of the base session, which shares its service models between them all."""
        try:
            if self._base is None:
                self._base = _base_session()
            # The stubs know services by literal names only.
            client: BaseClient = self._base.client(  # type: ignore[call-overload]
                service,
                region_name=region or _region(self._base, partition),
                config=_config(attempts, connections),
                **keys,
            )
        except BOTO_ERRORS as error:
            translated = call_error(error)
            raise CloudError(translated.code, translated.message, _SETUP_HINT) from error
        except ValueError as error:  # an endpoint or a region that is no name at all
            raise CloudError("InvalidConfiguration", str(error), _SETUP_HINT) from error
        return client


_SETUP_HINT = (
    "check AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL, and the AWS config and credentials files"
)


def _base_session() -> boto3.Session:
    """A session of boto3's own chain with a faster parser of dates, of which accounts have many."""
    core = botocore.session.Session()
    factory = core.get_component("response_parser_factory")
    factory.set_parser_defaults(timestamp_parser=_timestamp)
    # The stubs know handlers of any arguments only.
    core.unregister("after-call.iam", json_decode_policies)  # type: ignore[arg-type]
    core.register("after-call.iam", _decode_documents)  # type: ignore[arg-type]
    return boto3.Session(botocore_session=core)


def _decode_documents(parsed: dict[str, Any], model: OperationModel, **rest: Any) -> None:
    """As botocore does, except in the answer that has every version of every policy.

    The reader decodes the few of those that count.
    """
    if model.name != "GetAccountAuthorizationDetails":
        json_decode_policies(parsed, model, **rest)


def _timestamp(value: Any) -> datetime:
    """A date as botocore parses it, in a hundredth of the time for the form that IAM uses."""
    if isinstance(value, str) and value.endswith("Z"):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    return parse_timestamp(value)


def _config(attempts: int, connections: int) -> Config:
    return Config(
        retries={"mode": "adaptive", "total_max_attempts": attempts},
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=connections,
        tcp_keepalive=True,
        user_agent_extra="self-serve-iam",
    )


def _region(base: boto3.Session, partition: str) -> str:
    """The region to sign for: the session's own where it lies in the account's partition."""
    if base.region_name and _partition(base, base.region_name) == partition:
        return base.region_name
    if partition not in PARTITIONS:
        raise CloudError(
            "UnknownPartition",
            f"there is no AWS partition {partition!r}",
            f"write one of {', '.join(PARTITIONS)} in the accounts file",
        )
    return PARTITIONS[partition].region


def _partition(base: boto3.Session, region: str) -> str | None:
    try:
        return base.get_partition_for_region(region)
    except UnknownRegionError:
        return None


def _check_account(arn: str, account: Account, role: str) -> None:
    """Raise CloudError for a session that is not in the account."""
    found = assumed_role(arn)
    if found is None or (found.partition, found.account) != (account.partition, account.id):
        raise CloudError(
            "WrongAccount",
            f"the session of {role} is {arn}, which is not in account "
            f"{account.id} of partition {account.partition}",
            "check the endpoint (AWS_ENDPOINT_URL); nothing was sent to the account",
        )


def _trust_hint(account: Account, role: str, template: str, caller: str | None) -> str:
    who = caller or "the ARN of the role or user that runs this"
    return (
        f"the role must exist and its trust policy must contain {trust_statement(who)} "
        f"(deploy or update {template} in account {account.id}), and {who} must itself be "
        f"allowed sts:AssumeRole on {role}"
    )


# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
LIMIT = 64
_FORBIDDEN = re.compile(r"[^\w+=,.@-]", re.ASCII)
_PULL_REQUEST = re.compile(r"refs/pull/(\d+)/(?:merge|head)")
_COMMIT = re.compile(r"[0-9a-f]{12,64}")


def session_name(teams: Iterable[str], environ: Mapping[str, str]) -> str:
    """A role session name, 2 to 64 of `[A-Za-z0-9_+=,.@-]`: the teams and what is applied.

    `environ` are the process's variables: in GitHub Actions the pull request or the commit is
    added, as in `self-serve+payments@pr-42` or `self-serve+payments@1a2b3c4d5e6f`. Teams that
    find no room are counted: `self-serve+a+b+7-more`.
    """
    source = _source(environ)
    room = LIMIT - len(DEPLOYER_SESSION) - len(source)
    name = DEPLOYER_SESSION + _listed(sorted(set(teams)), room) + source
    return _FORBIDDEN.sub("-", name)


def _source(environ: Mapping[str, str]) -> str:
    pull_request = _PULL_REQUEST.fullmatch(environ.get("GITHUB_REF", ""))
    if pull_request:
        return f"@pr-{pull_request[1][:12]}"
    commit = environ.get("GITHUB_SHA", "")
    return f"@{commit[:12]}" if _COMMIT.fullmatch(commit) else ""


def _listed(teams: list[str], room: int) -> str:
    """The teams, each after a `+`, in at most `room` characters."""
    for shown in range(len(teams), -1, -1):
        left = len(teams) - shown
        text = "".join(f"+{team}" for team in teams[:shown]) + (f"+{left}-more" if left else "")
        if len(text) <= room and (shown or not left):
            return text
    # Not even the first team fits whole.
    more = f"+{len(teams) - 1}-more" if len(teams) > 1 else ""
    return f"+{teams[0][: room - len(more) - 1]}{more}"
