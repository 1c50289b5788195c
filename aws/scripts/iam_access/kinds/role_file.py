"""What a file says of a role: its model, and what is wrong about one."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from iam_access.kinds import names, short_forms, switch_file, trust
from iam_access.kinds.base import (
    STATEMENTS,
    EverywhereSpec,
    PermissionsSpec,
    TemplatedSpec,
)
from iam_access.kinds.fields import (
    BoundaryName,
    Duration,
    Flag,
    PolicyDescription,
    problem,
    written_as,
)
from iam_access.kinds.role_facts import DEFAULT_SESSION
from iam_access.kinds.statements import account_names
from iam_access.kinds.switch_file import SwitchSpec
from iam_access.kinds.tags import Tags
from iam_access.kinds.trust import TrustSpec
from iam_access.phrases import duration, listed, shown
from iam_access.place import Path
from iam_access.policy.arn import AWS_ROLE_PATHS
from iam_access.problem import Problem

FOLDER: Final = "aws-roles"
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
_LONGEST_SESSION: Final = 43_200
KEY = re.compile(r"(?P<path>([!-.0-~]+/)*)(?P<name>[A-Za-z0-9_+=,.@-]{1,64})")
# Of a path with the slash that it begins with.
_PATH_LIMIT: Final = 512
_RESERVED_PATHS: Final = (f"{names.PREFIX}/", *(each.removeprefix("/") for each in AWS_ROLE_PATHS))
_KEYS: Final = "write its name, with its path if it has one: ci or deploy/ci"


def _role_key(value: str) -> str:
    found = KEY.fullmatch(value)
    if found is None or len(found["path"]) >= _PATH_LIMIT:
        raise problem("bad-role-key", f"{shown(value)} is not the name of a role", _KEYS)
    if found["path"].startswith(_RESERVED_PATHS):
        raise problem(
            "bad-role-key",
            f"{shown(value)} has a path that is kept for others",
            f"roles below {listed(_RESERVED_PATHS)} are made by the pipeline or AWS: write another",
        )
    return value


RoleKey = Annotated[str, AfterValidator(_role_key), written_as(KEY.pattern, _KEYS)]


def _session(value: timedelta) -> timedelta:
    seconds = value.total_seconds()
    if not DEFAULT_SESSION <= seconds <= _LONGEST_SESSION:
        raise problem(
            "bad-duration",
            f"max_session cannot be {duration(value)}",
            "write 1h to 12h, the longest that sessions of a role may be",
        )
    return value


SessionLength = Annotated[Duration, AfterValidator(_session)]


class RoleSpec(TemplatedSpec, EverywhereSpec, PermissionsSpec):
    """A role, in all environments of the team unless it names some."""

    state: Literal["present", "absent"] = "present"
    description: PolicyDescription | None = None
    trust: list[TrustSpec] = Field(default_factory=list)
    switch_from: SwitchSpec | None = None
    grants: list[str] = Field(default_factory=list)
    instance_profile: Flag = False
    max_session: SessionLength | None = None
    permissions_boundary: BoundaryName | None = None
    tags: Tags = Field(default_factory=dict)

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Problem]:
        is_whole = "use" not in written  # else its template is missing, and reported
        is_trusting = written.get("trust") or written.get(switch_file.SWITCH_FROM)
        if is_whole and not is_trusting and written.get("state") != "absent":
            yield Problem(
                "no-trust",
                "the role has no trust, so nothing could assume it",
                "add trust: [{service: ec2}], or whom it is for, or switch_from; state: absent "
                "deletes it",
            )
        yield from switch_file.problems(written)
        yield from trust.problems(written.get("trust"), ("trust",))
        yield from short_forms.problems(written.get(STATEMENTS), (STATEMENTS,), selves=("iam",))

    def own(self, key: str) -> PermissionsSpec:
        """What the role of this key gives by what it says itself."""
        role = f"role/{key}"
        return PermissionsSpec.model_construct(
            managed_policies=self.managed_policies,
            custom_statements=[each.with_self(role) for each in self.custom_statements],
        )

    @property
    def switch(self) -> SwitchSpec | None:
        """How people switch into the role; None if they do not, or it is to go."""
        return self.switch_from if self.state == "present" else None

    def everywhere(self, environments: list[str]) -> list[str]:
        """All of the team's, but the one that people switch from."""
        hub = self.switch_from.environment if self.switch_from else None
        return [each for each in environments if each != hub]

    def named_environments(self) -> Iterator[tuple[str, Path]]:
        if self.switch_from is not None:
            if not self.environments or self.switch is None:
                # Else the access entry of the hub names it.
                yield self.switch_from.environment, (switch_file.SWITCH_FROM, "environment")
            yield from self.switch_from.named_environments()

    def named_accounts(self) -> Iterator[tuple[str, Path]]:
        for index, entry in enumerate(self.trust):
            for written in account_names([*(entry.account or ()), entry.federated or ""]):
                yield written, ("trust", index)
