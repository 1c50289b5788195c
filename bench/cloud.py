"""The made-up AWS of a benchmark: sandboxes in their own processes, behind a front."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.front import HOST, Front, Tally, accounts_by_shard
from bench.throttle import Rates

TEMPLATE = Path(__file__).resolve().parents[1] / "aws" / "bootstrap" / "deployer-role.yaml"

# Every sandbox has this key, whichever of them holds an account.
_KEY = "AKIABENCHMARKBENCHMA"
_ACCOUNTS_PER_SANDBOX = 15
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Expired:
    """A temporary grant that ended and was never reclaimed: an inline policy of a user."""

    account: str
    user: str
    name: str
    document: str


class Cloud:
    """A context manager; while it is open, `environment` leads boto3 to it.

    Requests take `latency` seconds at least and every account is throttled at `rates`.
    """

    def __init__(
        self, accounts: Sequence[str], users: Sequence[str], *, latency: float, rates: Rates
    ) -> None:
        # The benchmark's client has one core, its servers the others.
        most = max(1, (os.cpu_count() or 2) - 1)
        wanted = -(-len(accounts) // _ACCOUNTS_PER_SANDBOX)
        self._shards = accounts_by_shard(accounts, min(most, wanted))
        self._users = tuple(users)
        self._latency = latency
        self._rates = rates
        self._resources = ExitStack()
        self._sandboxes: list[Connection] = []
        self._front: Connection | None = None
        self._port = 0

    @property
    def sandboxes(self) -> int:
        """The number of processes that hold the accounts."""
        return len(self._shards)

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for processes that use it."""
        return {
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": "unchecked",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ENDPOINT_URL": f"http://{HOST}:{self._port}",
            "NO_PROXY": HOST,
        }

    def tally(self) -> Tally:
        """The calls since the last call of this method."""
        assert self._front is not None, "enter the cloud first"
        self._front.send("tally")
        tally: Tally = self._front.recv()
        return tally

    def seed(self, expired: Iterable[Expired]) -> None:
        """Put grants into the accounts without calls of the API."""
        expired = tuple(expired)
        for accounts, sandbox in zip(self._shards, self._sandboxes, strict=True):
            sandbox.send(tuple(grant for grant in expired if grant.account in accounts))
            sandbox.recv()

    def __enter__(self) -> Self:
        with ExitStack() as resources:
            for accounts in self._shards:
                pipe = _process(resources, _serve_sandbox, accounts, self._users)
                self._sandboxes.append(pipe)
            ports = [pipe.recv() for pipe in self._sandboxes]
            by_account = {
                account: port
                for accounts, port in zip(self._shards, ports, strict=True)
                for account in accounts
            }
            self._front = _process(resources, _serve_front, by_account, self._latency, self._rates)
            self._port = self._front.recv()
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._resources.close()


def _process(resources: ExitStack, serve: Any, *arguments: Any) -> Connection:
    """Start a process that ends with this one; the pipe is its last argument."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=serve, args=(*arguments, theirs), daemon=True)
    process.start()
    theirs.close()
    resources.callback(process.join)
    resources.callback(process.terminate)
    return ours


def _serve_sandbox(accounts: Sequence[str], users: Sequence[str], pipe: Connection) -> None:
    """The process of a sandbox, which adds the grants that come through the pipe."""
    # Only this process imports moto.
    from iam_access.sandbox import (  # noqa: PLC0415
        PIPELINE_ACCOUNT,
        PIPELINE_USER,
        SandboxAccount,
        SandboxServer,
    )

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    made = [SandboxAccount(account, users=tuple(users)) for account in accounts]
    with SandboxServer(made, template=TEMPLATE) as sandbox:
        iam = sandbox.backend(PIPELINE_ACCOUNT)
        key = iam.create_access_key(PIPELINE_USER)
        key.access_key_id = _KEY
        iam.access_keys[_KEY] = key
        pipe.send(int(sandbox.endpoint_url.rpartition(":")[2]))
        with suppress(EOFError):  # the benchmark has ended
            while True:
                for grant in pipe.recv():
                    user = sandbox.backend(grant.account).users[grant.user]
                    user.put_policy(grant.name, grant.document)
                pipe.send(None)


def _serve_front(ports: Mapping[str, int], latency: float, rates: Rates, pipe: Connection) -> None:
    """The process of the front, which sends its tally on request through the pipe."""

    async def serve() -> None:
        front = Front(ports, latency, rates)
        server = await front.serve()
        pipe.send(server.sockets[0].getsockname()[1])
        while True:
            await asyncio.to_thread(pipe.recv)
            pipe.send(front.tally)
            front.tally = Tally()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError):  # the benchmark has ended
        asyncio.run(serve())
