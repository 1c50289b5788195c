"""Errors for people: what went wrong and how to fix it."""

from iam_access.model import Failure


class AccessError(Exception):
    """Base of every error that this package raises on purpose.

    `message` says what is wrong, `hint` what was expected or what to do. Both may contain text
    from files or from AWS, so callers escape them before they print them. `code` is one of ours,
    or AWS's error code; it is not a finding code.
    """

    code = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def failure(self) -> Failure:
        """The error as a value for reports."""
        return Failure(self.code, self.message, self.hint)


class UsageError(AccessError):
    """The options do not go together, or name something that does not exist (exit status 2)."""

    code = "usage"
