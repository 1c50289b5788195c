"""Statements of a resource's own policy, such as that of a bucket or a key: they name principals.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_identity-vs-resource.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import model_validator

from iam_access.kinds.base import (
    STATEMENTS,
    FileEntry,
    InvalidEntry,
    Item,
    PermissionsSpec,
    StatementSpec,
)
from iam_access.kinds.principal_forms import Principals, bad_principal, element_of
from iam_access.kinds.statements import account_names
from iam_access.place import Path

#: The key of the list of statements in an entry.
RESOURCE_STATEMENTS: Final = "statements"
_NOT: Final = ("notprincipal", "notprincipals")


class ResourceStatementSpec(StatementSpec):
    """One statement of a resource's policy as the files write it."""

    principals: Principals

    @model_validator(mode="before")
    @classmethod
    def _names_principals(cls, written: Any) -> Any:
        for key in written if isinstance(written, Mapping) else ():
            if str(key).lower().replace("_", "") in _NOT:
                raise bad_principal(
                    f"{key} would mean everybody but some, and denies even some of those whom it "
                    "leaves out",
                    "write {effect: Deny, principals: '*', conditions: "
                    "{ArnNotLike: {aws:PrincipalArn: 'arn:aws:iam::*:role/x'}}}",
                )
        return written

    @property
    def iam(self) -> dict[str, Any]:
        """The statement in IAM's JSON form, with placeholders."""
        return {"Principal": element_of(self.principals), **super().iam}

    @property
    def without_principals(self) -> StatementSpec:
        """The statement as the checks and rules about policies judge it."""
        fields = {each: getattr(self, each) for each in StatementSpec.model_fields}
        return StatementSpec.model_construct(**fields)


def own(item: Item, statements: Sequence[ResourceStatementSpec]) -> Item | None:
    """What an entry gives by its statements, which are complete, for `AccessEntry.own`."""
    if isinstance(item, InvalidEntry) or not statements:
        return None
    judged = [each.without_principals for each in statements]
    place = item.place.also_at(STATEMENTS, RESOURCE_STATEMENTS)
    return FileEntry(item.key, PermissionsSpec(custom_statements=judged), place)


def named_accounts(statements: Iterable[ResourceStatementSpec]) -> Iterator[tuple[str, Path]]:
    """The names of accounts in statements, with the paths of these below the entry."""
    for index, statement in enumerate(statements):
        for written in account_names(statement.iam):
            yield written, (RESOURCE_STATEMENTS, index)


def named(statements: Iterable[ResourceStatementSpec]) -> list[tuple[Mapping[str, Any], Path]]:
    """Whom statements name, for `DescribedResource.named`."""
    return [
        (element_of(statement.principals), (RESOURCE_STATEMENTS, index, "principals"))
        for index, statement in enumerate(statements)
    ]
