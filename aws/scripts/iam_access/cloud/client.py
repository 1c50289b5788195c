"""From boto3's clients and exceptions to plain calls and CallErrors."""

from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from iam_access.cloud.errors import Answer, Call, CallError, Params

# Everything that botocore raises for a call that was properly made.
BOTO_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
# Of what botocore says; of an answer that it cannot parse it tells the whole.
_LONGEST = 400


def client_caller(client: BaseClient) -> Call:
    """A boto3 client as a plain function of operation and parameters; raises CallError."""

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
