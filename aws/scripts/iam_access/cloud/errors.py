"""Calls of AWS and what can go wrong with them, as values without any AWS library."""

from collections.abc import Callable, Mapping
from typing import Any

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

    @property
    def failure(self) -> Failure:
        """The same as a value for reports."""
        return Failure(self.code, self.message, self.hint)


# Why a call that was to come is not made: the run is to end.
INTERRUPTED = Failure(
    "Interrupted",
    "the run was stopped before this was complete",
    "run the same command again: it finishes what was begun",
)


class CallError(CloudError):
    """AWS refused one call or never answered it. `code` is AWS's, or the client's error class."""
