"""The calls to a sandbox, for tests and benchmarks to observe and to disturb."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

HTTP_STATUS = {
    "AccessDenied": 403,
    "DeleteConflict": 409,
    "EntityAlreadyExists": 409,
    "ExpiredToken": 403,
    "InvalidClientTokenId": 403,
    "LimitExceeded": 409,
    "NoSuchEntity": 404,
    "PolicyEvaluation": 500,
    "ServiceFailure": 500,
    "ServiceUnavailable": 503,
}


class AwsError(Exception):
    """An error answer of AWS: its code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status if status is not None else HTTP_STATUS.get(code, 400)


class LostAnswer(Exception):  # noqa: N818 (not an error: an instruction to the sandbox)
    """Raised by a fault: the call is carried out, but the answer is HTTP status 500."""


@dataclass(frozen=True, slots=True)
class FaultContext:
    """A call about to be handled.

    `service` and `operation` as AWS spells them (`iam`, `CreatePolicy`), `account_id` the account
    of the credentials it was signed with, `params` the request as boto3 takes it, `region` the one
    that it was signed for.
    """

    service: str
    operation: str
    account_id: str
    params: Mapping[str, Any]
    region: str


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call that was handled; `error` is the code of the error answer, if any."""

    service: str
    operation: str
    account_id: str
    params: Mapping[str, Any]
    error: str | None = None


Fault = Callable[[FaultContext], None]
"""Called before each call, from the thread that serves it, without any lock held: it may sleep.

It may raise `AwsError` (sent instead of handling the call) or `LostAnswer`.
"""


def throttling() -> AwsError:
    """The error that AWS returns when calls are throttled."""
    return AwsError("Throttling", "Rate exceeded", 400)
