"""What a file says of those who switch into a role from another account, the hub."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from iam_access.kinds.fields import Flag, Spec, UserAddress, problem, written_as
from iam_access.kinds.short_forms import account_text, iam_text
from iam_access.phrases import shown
from iam_access.place import Path
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy.evaluation.outsiders import let_in
from iam_access.problem import Problem
from iam_access.snapshot import Document

SWITCH_FROM: Final = "switch_from"
#: The id of the statement in a trust policy that lets in the hub: by it a role in an account tells
#: where its users switch from.
TRUST_SID: Final = "SelfServeSwitch"
#: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateGroup.html
GROUP_LIMIT: Final = 128
_GROUP = re.compile(r"[A-Za-z0-9_+=,.@-]{1,126}")
_GROUPS: Final = "write up to 126 letters, digits or _+=,.@-; the environment stands before them"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html
_WITH_MFA: Final = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def _group(value: str) -> str:
    if _GROUP.fullmatch(value) is None:
        raise problem("bad-group", f"{shown(value)} cannot name a group", _GROUPS)
    return value


SwitchGroupName = Annotated[str, AfterValidator(_group), written_as(_GROUP.pattern, _GROUPS)]


class SwitchSpec(Spec):
    """Who may switch into a role, by its environments, from the account of another environment.

    `group` is what the groups are called after the environment, if not as the role.
    """

    environment: str
    mfa: Flag = True
    group: SwitchGroupName | None = None
    members: dict[str, list[UserAddress]] = Field(default_factory=dict)

    @property
    def trust(self) -> dict[str, Any]:
        """The statement of the role's trust policy that lets in the hub, with placeholders."""
        found: dict[str, Any] = {
            "Sid": TRUST_SID,
            "Effect": "Allow",
            "Principal": {"AWS": iam_text("root", account_text(self.environment))},
            "Action": "sts:AssumeRole",
        }
        return {**found, "Condition": _WITH_MFA} if self.mfa else found

    def group_in(self, environment: str, role: str) -> str:
        """The name of the group in the hub for the role of this name in an environment."""
        return f"{environment}.{self.group or role}"

    def named_environments(self) -> Iterator[tuple[str, Path]]:
        for name in self.members:
            yield name, (SWITCH_FROM, "members", name)


def permission(role: str) -> Document:
    """What a group of the hub allows: to assume the role of this ARN."""
    return documents.document(
        [documents.statement("Allow", actions=["sts:AssumeRole"], resources=[role])]
    )


def hubs_in(trust: Document) -> Iterator[str]:
    """The ids of the accounts whose users switch into the role with this trust policy."""
    for statement in documents.statements_of(trust):
        if statement.get("Sid") == TRUST_SID:
            names = let_in(documents.document([statement]))
            yield from filter(None, map(arns.account_of_root, names))


def lets_in(trust: Document, account: str) -> bool:
    """Whether a trust policy lets in principals of this account (its id)."""
    return any(each in ("*", account) or arns.account_of(each) == account for each in let_in(trust))


def problems(written: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong between a role's `switch_from` and the rest of the role."""
    trust = written.get("trust")
    for index, entry in enumerate(trust if isinstance(trust, list) else ()):
        if isinstance(entry, Mapping) and entry.get("sid") == TRUST_SID:
            yield Problem(
                "duplicate-sid",
                f"{TRUST_SID} is the id of the statement that switch_from makes",
                "give the statement another, or none",
                ("trust", index, "sid"),
            )
    switch, environments = written.get(SWITCH_FROM), written.get("environments")
    members = switch.get("members") if isinstance(switch, Mapping) else None
    if not isinstance(switch, Mapping) or not isinstance(members, Mapping):
        return
    for environment in members:
        if isinstance(environments, list):
            is_out = environment not in environments
        else:
            is_out = environment == switch.get("environment")
        if is_out:
            yield Problem(
                "unknown-environment",
                f"the role is not in {shown(environment)}, so nothing can be switched into there",
                "add it to environments of the role, or remove it here",
                (SWITCH_FROM, "members", environment),
            )
