"""What can be granted: the policies of a team's file in `aws-policies/`."""

from functools import cached_property
from typing import Any, Final, Literal

from pydantic import Field

from iam_access.kinds.fields import PolicyDescription, Spec, Texts

FOLDER: Final = "aws-policies"


class StatementSpec(Spec):
    """One statement as the files write it."""

    sid: str | None = None
    effect: Literal["Allow", "Deny"]
    actions: Texts | None = None
    not_actions: Texts | None = None
    resources: Texts | None = None
    not_resources: Texts | None = None
    conditions: dict[str, dict[str, str | list[str]]] | None = None

    @property
    def iam(self) -> dict[str, Any]:
        """The statement in IAM's JSON form, exactly as written."""
        elements = {
            "Sid": self.sid,
            "Effect": self.effect,
            "Action": self.actions,
            "NotAction": self.not_actions,
            "Resource": self.resources,
            "NotResource": self.not_resources,
            "Condition": self.conditions,
        }
        return {name: value for name, value in elements.items() if value is not None}


class PolicySpec(Spec):
    """A policy that entries can grant: AWS managed policies by ARN, and statements."""

    description: PolicyDescription | None = None
    managed_policies: list[str] = Field(default_factory=list)
    custom_statements: list[StatementSpec] = Field(default_factory=list)

    @cached_property
    def statements(self) -> list[dict[str, Any]]:
        """The custom statements in IAM's JSON form, exactly as written."""
        return [statement.iam for statement in self.custom_statements]
