"""Users and roles of an account that its policies name: AWS refuses to name what is not there.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from iam_access.kinds.base import AccessEntry, TeamInAccount
from iam_access.model import Principal, PrincipalType, ResourceId
from iam_access.place import Path
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.problem import Problem


class PolicyPrincipal(NamedTuple):
    """A user or role that is named by ARN, and the path of the place below the entry.

    The ARN of a session names its role, whatever the path of that.
    """

    arn: str
    path: Path

    @property
    def account(self) -> str:
        """The id of its account."""
        return arns.part_of(self.arn, 4)

    @property
    def principal(self) -> Principal:
        session = arns.assumed_role(self.arn)
        if session is not None:
            return Principal(PrincipalType.ROLE, session.role)
        type_ = PrincipalType.USER if arns.iam_kind(self.arn) == "user" else PrincipalType.ROLE
        return Principal(type_, arns.arn_name(self.arn))

    def is_made_by(self, entry: AccessEntry) -> bool:
        """Whether an entry for its account makes it, with its path."""
        return entry.makes == self.principal and self.is_at(
            arns.iam_arn(
                self.account,
                f"{self.principal.type}/{entry.path}{self.principal.name}",
                partition=arns.part_of(self.arn, 1),
            )
        )

    def is_at(self, arn: str) -> bool:
        """Whether the user or role with this ARN is the one that is named."""
        session = arns.assumed_role(self.arn)
        if session is None:
            return arn == self.arn
        is_role = arns.iam_kind(arn) == "role" and arns.account_of(arn) == session.account
        return is_role and arns.arn_name(arn) == session.role


def is_named_in(account_id: str, text: str) -> bool:
    """Whether a text names a user or role of the account by ARN."""
    return _is_principal(text) and arns.part_of(text, 4) == account_id


def _is_principal(text: str) -> bool:
    return arns.iam_kind(text) in ("user", "role") or arns.assumed_role(text) is not None


def named_in(
    document: Mapping[str, Any] | None, account_id: str, path: Callable[[int], Path]
) -> Iterator[PolicyPrincipal]:
    """The users and roles of an account that a policy names, in the order of its statements.

    `path` is that of the statement with this index.
    """
    return (each for each in _named(document, path) if each.account == account_id)


def named_elsewhere(
    document: Mapping[str, Any] | None, account_id: str, path: Callable[[int], Path]
) -> Iterator[PolicyPrincipal]:
    """Those of other accounts, likewise."""
    return (each for each in _named(document, path) if each.account != account_id)


def _named(
    document: Mapping[str, Any] | None, path: Callable[[int], Path]
) -> Iterator[PolicyPrincipal]:
    for index, statement in enumerate(documents.statements_of(document) if document else ()):
        named = statement.get("Principal")
        texts = documents.as_list(named.get("AWS", [])) if isinstance(named, Mapping) else []
        for text in map(str, texts):
            if _is_principal(text):
                yield PolicyPrincipal(text, path(index))


def _absent(named: Iterable[PolicyPrincipal], scope: TeamInAccount) -> Iterator[PolicyPrincipal]:
    """Those that the account does not have."""
    for each in named:
        state = scope.snapshot.principals.get(each.principal)
        if state is None or not each.is_at(state.arn):
            yield each


def missing_principal(
    named: Iterable[PolicyPrincipal],
    names: str,
    scope: TeamInAccount,
    *,
    comes: Callable[[PolicyPrincipal], bool] | None = None,
) -> Problem | None:
    """That the account does not have one of these, and no file makes it in time.

    `names` says what names it, such as `key app names`. What `comes` is made before it is named:
    what `scope` has coming, if that is not given.
    """
    is_made = comes or (lambda each: any(map(each.is_at, scope.coming)))
    first = next((each for each in _absent(named, scope) if not is_made(each)), None)
    if first is None:
        return None
    return Problem(
        "missing-principal",
        f"{names} {first.arn}, which does not exist in account {scope.account.id} "
        f"({scope.account.label}), so AWS would refuse it",
        "correct the name, with its path, or have it created first; until then what is there "
        "stays as it is",
        first.path,
    )


def made_first(named: Iterable[PolicyPrincipal], scope: TeamInAccount) -> frozenset[ResourceId]:
    """The resources that make those of them that the account does not have."""
    absent = [*_absent(named, scope)]
    return frozenset(
        id_ for arn, id_ in scope.coming.items() if any(each.is_at(arn) for each in absent)
    )
