"""HTTP/1.1 as far as needed to pass on requests of boto3 and to read them."""

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import unquote

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_KEY = re.compile(rb"Credential=([^/]+)/")
_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z]+)")
_ROLE = re.compile(rb"(?:^|&)RoleArn=([^&]+)")
_NEW_KEY = re.compile(rb"<AccessKeyId>([^<]+)</AccessKeyId>")
_CODE = re.compile(rb"<Code>([^<]+)</Code>")

THROTTLED = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>"
    b"<Message>Rate exceeded</Message></Error>"
    b"<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
)


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: its first line and headers, and its body."""

    head: bytes
    body: bytes

    @property
    def closes(self) -> bool:
        return _CLOSE.search(self.head) is not None

    @property
    def status(self) -> int:
        """An answer's status."""
        return int(self.head.split(b" ", 2)[1])

    @property
    def access_key(self) -> str:
        """The access key that a request is signed with; empty for none."""
        return _found(_KEY, self.head)

    @property
    def operation(self) -> str:
        return _found(_ACTION, self.body)

    @property
    def role_account(self) -> str:
        """The account of the role of an AssumeRole request; empty for other requests."""
        arn = unquote(_found(_ROLE, self.body)).split(":")
        return arn[4] if len(arn) > 4 else ""

    @property
    def new_key(self) -> str:
        """The access key that an answer issues; empty for none."""
        return _found(_NEW_KEY, self.body)

    @property
    def error(self) -> str:
        """The error code of an answer; empty for success."""
        if self.status < 400:
            return ""
        return _found(_CODE, self.body) or str(self.status)


def answer(status: str, body: bytes) -> Message:
    """An answer that the front makes."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return Message(head.encode(), body)


async def receive(reader: asyncio.StreamReader) -> Message | None:
    """The next message of a connection; None when the other side has closed it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return Message(head, body)


async def send(writer: asyncio.StreamWriter, message: Message) -> None:
    writer.write(message.head + message.body)
    await writer.drain()


def _found(pattern: re.Pattern[bytes], text: bytes) -> str:
    match = pattern.search(text)
    return match[1].decode() if match else ""
