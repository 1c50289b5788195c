"""Whose temporary access is to end at once."""

from dataclasses import dataclass

from iam_access.kinds.names import label
from iam_access.model import Principal


@dataclass(frozen=True, slots=True)
class Target:
    """Whose temporary access, and which, is to end. What is None does not matter.

    `other` is a second user who may be meant by the address that named the principal: an
    emergency brake ends the access of both.
    """

    principal: Principal | None = None
    grant: str | None = None
    team: str | None = None
    other: Principal | None = None

    def __str__(self) -> str:
        parts = [
            f"of {self.principal}" if self.principal else "",
            f"or {self.other}" if self.other else "",
            f"to {self.grant}" if self.grant else "",
            f"of team {self.team}" if self.team else "",
        ]
        return " ".join(part for part in parts if part)

    def names(self, principal: Principal | None) -> bool:
        """Whether this is one of those whose access is to end; IAM ignores case in names."""
        meant = (each.in_iam for each in self.whom)
        return principal is not None and principal.in_iam in meant

    @property
    def whom(self) -> tuple[Principal, ...]:
        """The principals that are named."""
        return tuple(each for each in (self.principal, self.other) if each is not None)

    def matches(self, principal: Principal | None, grant: str | None, team: str) -> bool:
        """Whether this access is meant; `grant` is a policy key as names have it (`label`)."""
        return (
            (self.principal is None or self.names(principal))
            and (self.grant is None or grant == label(self.grant))
            and (self.team is None or team == self.team)
        )
