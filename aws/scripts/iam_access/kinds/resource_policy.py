"""Statements of a resource's own policy, such as that of a bucket or a key: they name principals.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_identity-vs-resource.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Self

from pydantic import model_validator

from iam_access.kinds.base import (
    STATEMENTS,
    FileEntry,
    InvalidEntry,
    Item,
    PermissionsSpec,
    StatementSpec,
    TeamInAccount,
)
from iam_access.kinds.principal_forms import Principals, bad_principal, element_of
from iam_access.kinds.statements import account_names
from iam_access.model import Principal, PrincipalType, ResourceId
from iam_access.place import Path
from iam_access.policy import arn as arns
from iam_access.policy import document as documents

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


def named_services(statements: Iterable[ResourceStatementSpec]) -> list[tuple[str, Path]]:
    """The services of AWS in statements, for `AccessEntry.services`."""
    return [
        (service, (RESOURCE_STATEMENTS, index, "principals"))
        for index, statement in enumerate(statements)
        for form in statement.principals
        for service in form.service or ()
    ]


class NamedEntity(NamedTuple):
    """A user or role that a policy names, by ARN, and the index of the statement."""

    statement: int
    arn: str

    @property
    def principal(self) -> Principal:
        type_ = PrincipalType.USER if arns.iam_kind(self.arn) == "user" else PrincipalType.ROLE
        return Principal(type_, arns.arn_name(self.arn))


def entities(document: Mapping[str, Any], account_id: str) -> Iterator[NamedEntity]:
    """The users and roles of an account that a policy names, in the order of its statements."""
    for index, statement in enumerate(documents.statements_of(document)):
        named = statement.get("Principal")
        texts = documents.as_list(named.get("AWS", [])) if isinstance(named, Mapping) else []
        for text in map(str, texts):
            if arns.iam_kind(text) in ("user", "role") and arns.account_of(text) == account_id:
                yield NamedEntity(index, text)


class Named(NamedTuple):
    """What a policy names of its account that is not there: AWS refuses to name it.

    The first that nothing makes, None without one; and the resources that make the others.
    """

    missing: NamedEntity | None
    needs: frozenset[ResourceId]

    @classmethod
    def of(cls, document: Mapping[str, Any], scope: TeamInAccount) -> Self:
        known = {state.arn for state in scope.snapshot.principals.values()}
        absent = [each for each in entities(document, scope.account.id) if each.arn not in known]
        missing = (each for each in absent if each.principal not in scope.coming)
        made = (scope.coming[each.principal] for each in absent if each.principal in scope.coming)
        return cls(next(missing, None), frozenset(made))
