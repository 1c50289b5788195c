"""Inline policies that end by themselves: temporary access."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any


from iam_access.kinds import fields
from iam_access.kinds.fields import (
    Contradiction,
    Day,
    Instant,
    PolicyKey,
    RoleName,
    Spec,
    UserAddress,
)

NAME = "inline-policy"


class TemporaryAccessSpec(Spec):
    """One user or role that holds one grant in one environment until a deadline."""

    description: str | None = None
    user: UserAddress | None = None
    role: RoleName | None = None
    environment: str
    grant: PolicyKey
    expiration_date: Day | None = None
    expires_at: Instant | None = None

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Contradiction]:
        if ("user" in written) == ("role" in written):
            yield Contradiction(
                "not-one-principal",
                "a temporary grant is for exactly one user or role",
                "write user: name@example.com or role: role-name, and one entry per person",
            )
        if ("expiration_date" in written) == ("expires_at" in written):
            yield Contradiction(
                "not-one-deadline",
                "a temporary grant ends at exactly one moment",
                "write expiration_date: YYYY-MM-DD (that whole day, UTC) "
                "or expires_at: YYYY-MM-DDTHH:MM:SSZ",
            )

    @property
    def deadline(self) -> datetime:
        """The first instant (UTC) at which the grant is dead."""
        if self.expires_at is not None:
            return self.expires_at
        assert self.expiration_date is not None, "validated above"
        return fields.end_of_day(self.expiration_date)
