"""What a file says of a group: its model, and what is wrong about one."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from iam_access.kinds import short_forms
from iam_access.kinds.base import STATEMENTS, EverywhereSpec, PermissionsSpec
from iam_access.kinds.fields import PolicyDescription, UserAddress, problem, written_as
from iam_access.phrases import shown
from iam_access.problem import Problem

# https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateGroup.html
_KEY: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")
_KEYS: Final = "write its name, without a path: 1 to 128 letters, digits or _+=,.@-"


def _group_key(value: str) -> str:
    if not _KEY.fullmatch(value):
        raise problem("bad-group-key", f"{shown(value)} is not the name of a group", _KEYS)
    return value


GroupKey = Annotated[str, AfterValidator(_group_key), written_as(_KEY.pattern, _KEYS)]


class GroupSpec(EverywhereSpec, PermissionsSpec):
    """A group with exactly these members, in all environments of the team unless it names some."""

    description: PolicyDescription | None = None
    members: list[UserAddress]
    grants: list[str] = Field(default_factory=list)

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Problem]:
        if not any(written.get(each) for each in ("grants", "managed_policies", STATEMENTS)):
            yield Problem(
                "grants-nothing",
                "the group has no policies, so its members gain nothing by it",
                f"add grants: [key of a policy], managed_policies or {STATEMENTS}, or remove it",
            )
        yield from short_forms.problems(written.get(STATEMENTS), (STATEMENTS,))

    def own(self, key: str) -> PermissionsSpec:
        """What the group of this key gives by what it says itself."""
        return PermissionsSpec.model_construct(
            managed_policies=self.managed_policies, custom_statements=self.custom_statements
        )
