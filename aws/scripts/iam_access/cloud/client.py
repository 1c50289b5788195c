"""Calls of AWS as plain functions, and their errors."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from iam_access.errors import AccessError
from iam_access.model import CallTarget, Failure

Params = Mapping[str, Any]
Answer = Mapping[str, Any]

# One call of one service in one account: boto3's method name and its arguments. Raises CallError.
Call = Callable[[str, Params], Answer]
# The calls of one service in one account and region. Raises CloudError where they cannot be made.
Clients = Callable[[CallTarget], Call]


class CloudError(AccessError):
    """An account could not be reached or read. `code` is AWS's error code or one of ours."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


# The failure of a call that is not made because the run is to end.
INTERRUPTED = Failure(
    "Interrupted",
    "the run was stopped before this was complete",
    "run the same command again: it finishes what was begun",
)


class CallError(CloudError):
    """AWS refused one call or never answered it. `code` is AWS's, or the client's error class."""


# All that botocore raises for a call with a known operation.
BOTO_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
# Characters of a message; for an answer that botocore cannot parse, the message holds all of it.
_LONGEST = 400


def client_caller(client: BaseClient) -> Call:
    """The calls of a boto3 client; they raise CallError."""

    def call(operation: str, params: Params) -> Answer:
        method = getattr(client, operation)
        try:
            answer: Answer = method(**params)
        except BOTO_ERRORS as error:
            raise call_error(error) from error
        return answer

    return call


def call_error(error: Exception) -> CallError:
    """One of `BOTO_ERRORS` as a CallError: AWS's code and message, or the error's class."""
    if isinstance(error, ClientError):
        details: Any = error.response.get("Error", {})
        return CallError(str(details.get("Code", "Unknown")), str(details.get("Message") or error))
    return CallError(type(error).__name__, _short(str(error)))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text):,} characters)"
