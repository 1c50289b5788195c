"""Customer managed policies: what a team's policy file publishes in its accounts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from iam_access.kinds import names
from iam_access.kinds.base import Entry, Expansion, Foreign, Scope
from iam_access.kinds.fields import Contradiction, Spec, Texts
from iam_access.model import (
    ApiCall,
    Change,
    Confirm,
    Finding,
    Phase,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.policy import document as documents
from iam_access.snapshot import PolicyState, Snapshot

NAME = "customer-managed-policy"


class StatementSpec(Spec):
    """One statement as people write it; `iam` is the same as IAM reads it."""

    sid: str | None = None
    effect: Literal["Allow", "Deny"]
    actions: Texts | None = None
    not_actions: Texts | None = None
    resources: Texts | None = None
    not_resources: Texts | None = None
    conditions: Mapping[str, Mapping[str, str | list[str]]] | None = None

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
    """A policy that entries grant: AWS managed policies by ARN, and statements of its own."""

    description: str | None = Field(default=None, max_length=1_000)
    managed_policies: list[str] = []
    custom_statements: list[StatementSpec] = []

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Contradiction]:
        if not written.get("managed_policies") and not written.get("custom_statements"):
            yield Contradiction(
                "empty-policy",
                "the policy grants nothing",
                "give it managed_policies, custom_statements, or both",
            )
