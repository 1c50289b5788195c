"""The proxy between the client and the sandboxes."""

import asyncio
from collections.abc import Sequence

import pytest

from bench import wire
from bench.floor import AccountCalls
from bench.front import HOST, Front, Tally, accounts_by_shard
from bench.scenarios import by_account
from bench.throttle import Rates
from bench.wire import Message

ACCOUNT = "111122223333"
SESSION_KEY = "ASIASESSION"


def _request(key: str, body: str) -> Message:
    head = (
        "POST / HTTP/1.1\r\n"
        f"Authorization: AWS4-HMAC-SHA256 Credential={key}/20260301/us-east-1/iam/aws4_request\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return Message(head.encode(), body.encode())


ASSUME = _request(
    "AKIAPIPELINE",
    f"Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A{ACCOUNT}%3Arole%2Fdeployer&Version=1",
)


def _call(operation: str) -> Message:
    return _request(SESSION_KEY, f"Action={operation}&Version=2010-05-08")


def test_a_request_tells_who_calls_what() -> None:
    assert ASSUME.operation == "AssumeRole"
    assert ASSUME.role_account == ACCOUNT
    assert ASSUME.access_key == "AKIAPIPELINE"
    assert _call("TagUser").operation == "TagUser"
    assert _call("TagUser").role_account == ""


def test_an_answer_tells_its_error() -> None:
    answer = wire.answer("400 Bad Request", wire.THROTTLED)
    assert (answer.status, answer.error) == (400, "Throttling")
    assert wire.answer("200 OK", b"<Code>not an error</Code>").error == ""
    assert wire.answer("502 Bad Gateway", b"").error == "502"


def test_messages_are_taken_apart_where_they_end() -> None:
    async def receive() -> list[Message | None]:
        reader = asyncio.StreamReader()
        first, second = _call("TagUser"), wire.answer("200 OK", b"<a/>")
        reader.feed_data(first.head + first.body + second.head + second.body)
        reader.feed_eof()
        return [await wire.receive(reader) for _ in range(3)]

    assert asyncio.run(receive()) == [_call("TagUser"), wire.answer("200 OK", b"<a/>"), None]


async def _sandbox(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Gives a key to each caller that assumes a role, knows no users, accepts all other calls."""
    answers = {
        "AssumeRole": wire.answer("200 OK", f"<AccessKeyId>{SESSION_KEY}</AccessKeyId>".encode()),
        "TagUser": wire.answer("404 Not Found", b"<Code>NoSuchEntity</Code>"),
    }
    try:
        while (request := await wire.receive(reader)) is not None:
            await wire.send(writer, answers.get(request.operation, wire.answer("200 OK", b"")))
    finally:
        writer.close()


async def _conversation(requests: Sequence[Message]) -> tuple[list[str], Tally]:
    """The errors that requests on one connection are answered with."""
    sandbox = await asyncio.start_server(_sandbox, HOST, 0)
    port = sandbox.sockets[0].getsockname()[1]
    front = Front({ACCOUNT: port}, latency=0.0, rates=Rates(1e-6, 1e-6, burst_seconds=2e6))
    server = await front.serve()
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    errors = []
    for request in requests:
        await wire.send(writer, request)
        answer = await wire.receive(reader)
        assert answer is not None
        errors.append(answer.error)
    writer.write_eof()
    await reader.read()
    writer.close()
    await front.close()
    server.close()
    sandbox.close()
    return errors, front.tally


def test_requests_of_a_session_reach_its_account_until_they_are_too_many() -> None:
    tag, put = _call("TagUser"), _call("PutUserPolicy")
    errors, tally = asyncio.run(_conversation([ASSUME, tag, put, put, _call("GetPolicy")]))
    assert errors == ["", "NoSuchEntity", "", "Throttling", ""]
    assert tally.calls[ACCOUNT, "PutUserPolicy", "Throttling"] == 1
    assert by_account(tally, [ACCOUNT, "444455556666"]) == (
        AccountCalls(sessions=1, reads=1, writes=1),
        AccountCalls(),
    )


def test_keys_that_nobody_handed_out_get_nowhere() -> None:
    errors, _ = asyncio.run(_conversation([_call("TagUser")]))
    assert errors == ["InvalidClientTokenId"]


@pytest.mark.parametrize("shards", [1, 3, 9])
def test_every_account_is_in_one_shard(shards: int) -> None:
    accounts = [str(number) for number in range(7)]
    dealt = accounts_by_shard(accounts, shards)
    assert sorted(account for shard in dealt for account in shard) == accounts
    assert all(dealt)
