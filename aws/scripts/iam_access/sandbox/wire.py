"""Answers as bytes on the wire: the XML of AWS's query protocol, and errors.

moto can write the XML of any result, but takes half a second for an account of a thousand users.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from iam_access.sandbox.faults import AwsError

WireAnswer = tuple[int, dict[str, Any], Any]
"""HTTP status, headers and body, as moto's handlers return them."""

_NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
_CODE = re.compile(r'<Code>([^<]+)</Code>|"__type": ?"([^"#]+)"')
_SCOPE = re.compile(
    r"Credential=[^/,]+/\d{8}/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request"
)
# Characters that XML cannot hold in any form.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REQUEST_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class SignedScope:
    """The region and service that a request is signed for."""

    region: str
    service: str


def signed_scope(authorization: str) -> SignedScope | None:
    """The scope in an Authorization header; None for a request that is not signed."""
    found = _SCOPE.search(authorization)
    return SignedScope(found["region"], found["service"]) if found else None


class Entries(dict[str, object]):
    """A map: its keys are data, not names of members."""


def success(
    service: str, operation: str, result: Mapping[str, Any], *, as_json: bool = False
) -> WireAnswer:
    """The answer with a result of dictionaries, lists, texts, numbers, booleans and datetimes."""
    if as_json:
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(result)
    parts = [f'<{operation}Response xmlns="{_NAMESPACES[service]}">']
    _write(parts, f"{operation}Result", result)
    parts.append(f"<ResponseMetadata><RequestId>{_REQUEST_ID}</RequestId></ResponseMetadata>")
    parts.append(f"</{operation}Response>")
    return 200, {"Content-Type": "text/xml"}, "".join(parts)


def failure(service: str, error: AwsError, *, as_json: bool) -> WireAnswer:
    """The answer with an error, in the protocol of the request."""
    headers = {"x-amzn-errortype": error.code}
    if as_json:
        text = json.dumps({"__type": error.code, "message": error.message})
        return error.status, {**headers, "Content-Type": "application/x-amz-json-1.1"}, text
    fault = "Sender" if error.status < 500 else "Receiver"
    text = (
        f'<ErrorResponse xmlns="{_NAMESPACES.get(service, "")}"><Error><Type>{fault}</Type>'
        f"<Code>{escape(error.code)}</Code><Message>{_escaped(error.message)}</Message></Error>"
        f"<RequestId>{_REQUEST_ID}</RequestId></ErrorResponse>"
    )
    return error.status, {**headers, "Content-Type": "text/xml"}, text


def error_code(answer: WireAnswer) -> str | None:
    """The error code of an answer of moto; None if it is no error."""
    status, _, body = answer
    if int(status) < 400:
        return None
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    found = _CODE.search(text)
    return found[1] or found[2] if found else str(status)


def _write(parts: list[str], tag: str, value: object) -> None:
    parts.append(f"<{tag}>")
    if isinstance(value, Entries):
        for key, item in value.items():
            _write(parts, "entry", {"key": key, "value": item})
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _write(parts, key, item)
    elif isinstance(value, list):
        for item in value:
            _write(parts, "member", item)
    else:
        parts.append(_escaped(_text(value)))
    parts.append(f"</{tag}>")


def _escaped(text: str) -> str:
    return escape(_NO_XML.sub("\ufffd", text))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        # moto's datetimes are naive and UTC.
        moment = value.astimezone(UTC) if value.tzinfo else value
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)
