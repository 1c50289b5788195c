"""The accounts file of a team: an account for each of its environments."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, TypeAdapter, WithJsonSchema

from iam_access.kinds.fields import Spec, problem, written_as
from iam_access.kinds.tags import Tags
from iam_access.phrases import did_you_mean, listed, shown
from iam_access.policy.arn import DEFAULT_PARTITION, PARTITIONS

FOLDER = "aws-accounts"
#: The key beside it, for the tags of what is made for the team.
TAGS = "tags"

_ID = re.compile(r"[0-9]{12}")
_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# A role's name, perhaps with its path: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
_ROLE = re.compile(r"([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}")

_ENVIRONMENTS = "use up to 64 letters, digits, '_', '.' and '-', beginning with a letter or digit"
_ROLES = "write its name, with its path if it has one: self-serve-deployer or ops/deployer"


def _account_id(value: str) -> str:
    if _ID.fullmatch(value):
        return value
    digits = re.sub(r"[ _,.-]", "", value)
    if _ID.fullmatch(digits):
        hint = f'write the digits alone: "{digits}"'
    elif re.fullmatch(r"[0-9]+", value):
        hint = f"an account id has 12 digits, this has {len(value)}; it may begin with zeros"
    else:
        hint = 'write the 12 digits of the account in quotes, for example "123456789012"'
    raise problem("bad-account-id", f"{value!r} is not an AWS account id", hint)


def _role(value: str) -> str:
    if _ROLE.fullmatch(value) is None or len(value) > 512:
        raise problem(
            "bad-role",
            f"{value!r} is not the name of a role",
            _ROLES,
        )
    return value


def _environment(value: str) -> str:
    if _ENVIRONMENT.fullmatch(value) is None:
        raise problem(
            "bad-environment-name",
            f"{value!r} cannot name an environment",
            _ENVIRONMENTS,
        )
    return value


def _partition(value: str) -> str:
    if value not in PARTITIONS:
        hints = (did_you_mean(value, PARTITIONS), f"write {listed(PARTITIONS, 'or')}")
        text = f"partition cannot be {shown(value)}"
        raise problem("bad-value", text, " ".join(filter(None, hints)))
    return value


AccountId = Annotated[
    str,
    AfterValidator(_account_id),
    written_as(
        _ID.pattern,
        "write the 12 digits of the account in quotes",
        numbers=True,
        maximum=999_999_999_999,
    ),
]
DeployerRole = Annotated[str, AfterValidator(_role), written_as(_ROLE.pattern, _ROLES)]
PartitionName = Annotated[str, AfterValidator(_partition), WithJsonSchema({"enum": [*PARTITIONS]})]
EnvironmentName = Annotated[
    str, AfterValidator(_environment), written_as(_ENVIRONMENT.pattern, _ENVIRONMENTS)
]
ENVIRONMENT: TypeAdapter[str] = TypeAdapter(EnvironmentName)


class AccountSpec(Spec):
    """One AWS account. `deployer_role` (None: that of the settings) may include a path."""

    id: AccountId
    deployer_role: DeployerRole | None = None
    partition: PartitionName = DEFAULT_PARTITION


class TeamTags(Spec):
    """What stands beside the accounts of a team: tags for all that is made for it."""

    tags: Tags | None


def written_out(value: Any) -> Any:
    """Expand the short form of an account, its id alone, to a mapping."""
    return {"id": value} if isinstance(value, str) else value
