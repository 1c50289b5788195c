"""What a file says of a bucket: its name, its model, and what S3 would refuse about one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, ValidationError

from iam_access.kinds import resource_policy, short_forms
from iam_access.kinds.base import EverywhereSpec
from iam_access.kinds.fields import NAMES, problem, written_as
from iam_access.kinds.regions import Region
from iam_access.kinds.resource_policy import RESOURCE_STATEMENTS, ResourceStatementSpec
from iam_access.kinds.short_forms import SELF
from iam_access.kinds.statements import with_samples
from iam_access.kinds.tags import Tags
from iam_access.phrases import count, listed, shown
from iam_access.place import Path
from iam_access.policy import document as documents
from iam_access.policy import lint
from iam_access.problem import Problem

#: The largest policy of a bucket, in bytes.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
POLICY_LIMIT: Final = 20_480
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")
_PREFIXES: Final = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES: Final = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "-an")
_KEY: Final = (
    "write 3 to 63 small letters, digits, dots and hyphens; "
    f"{listed([f'{{{each}}}' for each in NAMES])} are filled in"
)


def name_fault(name: str) -> str | None:
    """Why S3 takes no bucket of this name, where all placeholders are filled in; None if it does.

    Buckets of older times whose names follow other rules are not described in files.
    """
    if not 3 <= len(name) <= 63:
        return f"has {count(len(name), 'character')}, and 3 to 63 are allowed"
    if not _NAME.fullmatch(name):
        return "has other characters than small letters, digits, dots and hyphens, or ends with one"
    if ".." in name or _ADDRESS.fullmatch(name):
        return "has two dots in a row, or is an IP address"
    reserved = [each for each in _PREFIXES if name.startswith(each)]
    reserved += [each for each in _SUFFIXES if name.endswith(each)]
    return f"has {shown(reserved[0])}, which S3 keeps for itself" if reserved else None


def _key(value: str) -> str:
    name = str(with_samples(value))
    fault = "has a placeholder without a value" if "{" in name else name_fault(name)
    if fault is not None:
        raise problem(
            "bad-bucket-name", f"{shown(value)} is not the name of a bucket: {fault}", _KEY
        )
    return value


BucketKey = Annotated[str, AfterValidator(_key), written_as(r"[a-z0-9{][a-z0-9._{}-]*", _KEY)]


class BucketSpec(EverywhereSpec):
    """A bucket, in all environments of the team unless it names some."""

    state: Literal["present", "absent"] = "present"
    region: Region | None = None
    tags: Tags = Field(default_factory=dict)
    statements: list["BucketStatementSpec"] = Field(default_factory=list)

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Problem]:
        # Beside an unknown key, which may be a misspelling, its absence is nothing to report.
        is_known = written.keys() <= cls.model_fields.keys()
        if is_known and not written.get("region") and written.get("state") != "absent":
            hint = "add it: region: eu-west-1"
            yield Problem("bad-bucket", "the bucket has no region", hint)
        yield from short_forms.problems(
            written.get(RESOURCE_STATEMENTS), (RESOURCE_STATEMENTS,), selves=("s3",)
        )
        yield from _actions(written.get(RESOURCE_STATEMENTS))

    def problems_under(self, key: str) -> Iterator[Problem]:
        yield from _in_several_accounts(key, self.environments or ())
        if self.statements and self.state == "present":
            yield from _foreign_resources(key, self.statements)
            yield from _too_large(self.of(key))

    def named_accounts(self) -> Iterator[tuple[str, Path]]:
        return resource_policy.named_accounts(self.statements)

    def of(self, name: str) -> list[ResourceStatementSpec]:
        """The statements of the bucket of this name, which may have placeholders."""
        return [each.of(name) for each in self.statements]


class BucketStatementSpec(ResourceStatementSpec):
    """A statement of a bucket's policy; without resources, about the bucket and its objects."""

    def of(self, name: str) -> ResourceStatementSpec:
        """The statement in the bucket of this name, which may have placeholders."""
        found = self
        if self.resources is None and self.not_resources is None:
            texts = short_forms.resource_texts({"s3": SELF})
            found = self.model_copy(update={"resources": [texts]})
        complete = found.with_self(name)
        assert isinstance(complete, ResourceStatementSpec), "a copy is of the same class"
        return complete


BucketSpec.model_rebuild()


def _in_several_accounts(key: str, environments: Sequence[str]) -> Iterator[Problem]:
    """A name that is wanted in more than one account: AWS has one bucket of each name."""
    differs = any(f"{{{each}}}" in key for each in ("environment", "account_id"))
    if len(set(environments)) > 1 and not differs:
        yield Problem(
            "bad-bucket",
            f"a bucket of the name {shown(key)} can be in one account only, and this one is for "
            f"{listed(environments)}",
            f"name one of them in environments, or put {{environment}} into the key: "
            f"{key[:40]}-{{environment}}",
        )


def _actions(statements: Any) -> Iterator[Problem]:
    """Actions that S3 refuses in the policy of a bucket, in statements that can be read."""
    for index, written in enumerate(statements if isinstance(statements, list) else ()):
        try:
            statement = BucketStatementSpec.model_validate(written)
        except ValidationError:
            continue  # reported where it is read
        foreign = list(_foreign_actions(statement, (RESOURCE_STATEMENTS, index)))
        yield from foreign or _idle_parts(statement, (RESOURCE_STATEMENTS, index))


def _foreign_actions(statement: ResourceStatementSpec, path: Path) -> Iterator[Problem]:
    for key in ("actions", "not_actions"):
        for index, action in enumerate(getattr(statement, key) or ()):
            if action != "*" and action.partition(":")[0].lower() != "s3":
                yield Problem(
                    "bad-bucket",
                    f"{shown(action)} is no action of S3, and the policy of a bucket has no other",
                    "write s3:GetObject or the like",
                    (*path, key, index),
                )


def _idle_parts(statement: "BucketStatementSpec", path: Path) -> Iterator[Problem]:
    """Actions on none of the resources, and conditions of S3 for no action: S3 refuses them.

    https://repost.aws/knowledge-center/s3-bucket-policy-error
    """
    filled = with_samples(statement.of("a-bucket").without_principals.iam)
    for found in lint.check_scope(filled, (), resources_are_sound=True):
        if found.code == "action-never-applies":
            at = (*path, "actions", *found.path[1:])
            hint = f"leave resources out, write {{s3: {SELF}}}, or remove the action"
            yield Problem("bad-bucket", found.message, hint, at)
        elif found.code == "condition-never-applies":
            key = str(found.path[-1])
            if key.lower().startswith("s3:"):
                at = (*path, "conditions", *found.path[1:])
                hint = "remove it, or give the actions that have it a statement of their own"
                yield Problem("bad-bucket", f"{found.message}, so S3 refuses it", hint, at)


def _foreign_resources(key: str, statements: Sequence["BucketStatementSpec"]) -> Iterator[Problem]:
    """Resources outside the bucket: S3 refuses a policy that names any."""
    name = str(with_samples(key))
    for index, statement in enumerate(statements):
        complete = statement.of(key)
        for element in ("resources", "not_resources"):
            for number, item in enumerate(getattr(complete, element) or ()):
                text = next(
                    (each for each in with_samples(list(item.texts)) if _bucket_of(each) != name),
                    None,
                )
                if text is not None:
                    yield Problem(
                        "bad-bucket",
                        f"{shown(text)} is not in the bucket {name}, and its policy is about "
                        "nothing else",
                        f"write {{s3: {SELF}}} or {{s3: {SELF}/some/key*}}; without resources, a "
                        "statement is about the bucket and all its objects",
                        (RESOURCE_STATEMENTS, index, element, number),
                    )


def _bucket_of(arn: str) -> str:
    """The bucket that an ARN of S3 names, as it is written."""
    return arn.partition(":s3:::")[2].partition("/")[0]


def _too_large(statements: Sequence[ResourceStatementSpec]) -> Iterator[Problem]:
    document = documents.document([with_samples(each.iam) for each in statements])
    size = len(documents.to_json(document).encode())
    if size > POLICY_LIMIT:
        yield Problem(
            "policy-too-large",
            f"the policy of the bucket has {size:,} bytes; S3 takes {POLICY_LIMIT:,}",
            "use wildcards or conditions, or name accounts in place of many principals",
            (RESOURCE_STATEMENTS,),
        )
