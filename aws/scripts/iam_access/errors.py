"""Errors for people: what is wrong, and what to do about it."""


class AccessError(Exception):
    """Base of every error this package raises on purpose.

    `message` says what is wrong, `hint` what was expected or what to do about it. Both may
    contain text from files or from AWS: escape it before printing.
    """

    code = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AccessError):
    """The command line asks for something that cannot be meant (exit status 2)."""

    code = "usage"
