"""A proxy between the client and the sandboxes: latency, throttling, and a tally of calls.

A request is passed on at once and its answer held back until the latency is over, so that the time
of the sandbox is hidden unless it is longer (`slow` counts these answers).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench import wire
from bench.throttle import Rates, Throttle
from bench.wire import Message

HOST = "127.0.0.1"


@dataclass(slots=True)
class Tally:
    """The number of answers by (account, operation, error code or ""); `slow` as above."""

    calls: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    slow: int = 0
    own_seconds: float = 0.0


class Front:
    """A server on loopback in front of sandboxes, each of which holds some of the accounts.

    `ports` are those of the sandboxes, by account. Access keys that no sandbox has issued are the
    pipeline's own: AssumeRole goes to the sandbox of the role.
    """

    def __init__(self, ports: Mapping[str, int], latency: float, rates: Rates) -> None:
        self.tally = Tally()
        self._ports = ports
        self._latency = latency
        self._accounts_of_keys: dict[str, str] = {}
        self._throttles = {account: Throttle(rates, time.monotonic) for account in ports}
        self._idle: dict[int, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}

    async def serve(self) -> asyncio.Server:
        """Start to listen on a free port."""
        return await asyncio.start_server(self._connection, HOST, 0, limit=2**26, backlog=1024)

    async def close(self) -> None:
        """Let go of the sandboxes."""
        for connections in self._idle.values():
            for _, writer in connections:
                writer.close()
                await writer.wait_closed()
        self._idle.clear()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await wire.receive(reader)) is not None:
                await wire.send(writer, await self._answer(request))
                if request.closes:
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client went away, or the benchmark is over
        finally:
            writer.close()

    async def _answer(self, request: Message) -> Message:
        began = time.monotonic()
        account = request.role_account or self._accounts_of_keys.get(request.access_key, "")
        if account not in self._ports:
            answer = wire.answer("403 Forbidden", b"<Code>InvalidClientTokenId</Code>")
        elif not request.role_account and not self._throttles[account].allows(request.operation):
            answer = wire.answer("400 Bad Request", wire.THROTTLED)
        else:
            answer = await self._forward(self._ports[account], request)
            if key := answer.new_key:
                self._accounts_of_keys[key] = account
            spent = time.monotonic() - began
            self.tally.own_seconds += spent
            self.tally.slow += spent > self._latency
        self.tally.calls[account, request.operation, answer.error] += 1
        await asyncio.sleep(max(0.0, began + self._latency - time.monotonic()))
        return answer

    async def _forward(self, port: int, request: Message) -> Message:
        idle = self._idle.setdefault(port, [])
        connection = idle.pop() if idle else await asyncio.open_connection(HOST, port, limit=2**26)
        reader, writer = connection
        await wire.send(writer, request)
        answer = await wire.receive(reader)
        if answer is None:
            raise ConnectionError("a sandbox closed its connection")
        if answer.closes:
            writer.close()
        else:
            idle.append(connection)
        return answer


def accounts_by_shard(accounts: Sequence[str], shards: int) -> list[list[str]]:
    """The accounts of each sandbox; fewer than `shards` if there are fewer accounts."""
    return [list(accounts[n::shards]) for n in range(min(shards, len(accounts)))]
