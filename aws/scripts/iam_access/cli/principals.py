"""Users and roles in `--user` and `--role`: by name, address, path or ARN."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from iam_access.config.configuration import Configuration
from iam_access.errors import UsageError
from iam_access.kinds import fields
from iam_access.kinds.fields import UserNames
from iam_access.model import Account, Principal, PrincipalType
from iam_access.policy.arn import ArnError, parse_arn
from iam_access.simulation.named_principals import NamedPrincipal

_OPTIONS = {PrincipalType.USER: "--user", PrincipalType.ROLE: "--role"}


def users(texts: Sequence[str], user_names: UserNames) -> tuple[NamedPrincipal, ...]:
    """Users by address, name, path with name, or ARN; raises UsageError for anything else.

    `user_names` resolves addresses; a path and an ARN have the name itself.
    """

    def user(name: str, *, alone: bool) -> _Meant:
        written = _fitting(fields.UserAddress, name if alone else fields.exactly(name))
        return user_names.user(written), user_names.other(written)

    return _named(texts, PrincipalType.USER, user)


def roles(texts: Sequence[str]) -> tuple[NamedPrincipal, ...]:
    """Roles by name, path with name, or ARN; raises UsageError for anything else."""

    def role(name: str, *, alone: bool) -> _Meant:  # noqa: ARG001 - a role has one kind of name
        return fields.role(_fitting(fields.RoleName, name)), None

    return _named(texts, PrincipalType.ROLE, role)


def left_out(
    asked: Sequence[NamedPrincipal], accounts: Iterable[Account], configuration: Configuration
) -> Iterator[Account]:
    """Accounts of the files that the principals may be in, without those looked at (`accounts`)."""
    looked_at = {each.id for each in accounts}
    for _, account in sorted(configuration.known_accounts.items()):
        if account.id not in looked_at and any(each.may_be_in(account) for each in asked):
            yield account


#: The principal of a name, and a second user that it may stand for.
_Meant = tuple[Principal, Principal | None]


class _Meaning(Protocol):
    """Resolves a name, which is `alone` or part of a path or an ARN."""

    def __call__(self, name: str, *, alone: bool) -> _Meant: ...


def _named(
    texts: Sequence[str], type_: PrincipalType, meaning: _Meaning
) -> tuple[NamedPrincipal, ...]:
    found: dict[NamedPrincipal, None] = {}
    for text in texts:
        account, path, name = _parts(text, type_)
        principal, other = meaning(name, alone=name == text)
        found.setdefault(NamedPrincipal(principal, account, path, other))
    return tuple(found)


def _parts(text: str, type_: PrincipalType) -> tuple[str | None, str | None, str]:
    """The account and the path, where the text has them, and the name.

    `user/ann` is the form of answers, without a path. Raises UsageError for an ARN, or for that
    form, of something else.
    """
    account, rest = _in_account(text, type_) if text.startswith("arn:") else (None, text)
    kind, slash, name = rest.partition("/")
    if slash and kind in tuple(PrincipalType):
        if kind != type_:
            raise _other(text, kind)
        rest = f"/{name}" if account else name
    path, slash, name = rest.rpartition("/")
    if not slash:
        return account, None, name
    return account, f"/{path.strip('/')}/".replace("//", "/"), name


def _in_account(text: str, type_: PrincipalType) -> tuple[str, str]:
    """The account of an ARN, and its last part: `user/team/ann`."""
    try:
        arn = parse_arn(text)
    except ArnError:
        raise _other(text, "") from None
    kind = arn.resource.partition("/")[0]
    if (arn.service, kind) != ("iam", type_):
        raise _other(text, kind)
    return arn.account, arn.resource


def _other(text: str, kind: str) -> UsageError:
    hints = {
        "user": f"it is a user: {_OPTIONS[PrincipalType.USER]}",
        "role": f"it is a role: {_OPTIONS[PrincipalType.ROLE]}",
        "assumed-role": "a session may do what its role may: --role and the name of the role",
    }
    return UsageError(
        f"{text!r} is not a user or role that this option takes",
        hints.get(
            kind, "write a name, a path with a name, or the ARN of a user (--user) or role (--role)"
        ),
    )


def _fitting(form: Any, text: str) -> str:
    """A name in the form of the files; UsageError otherwise."""
    try:
        return str(TypeAdapter(form).validate_python(text))
    except ValidationError as error:
        problem = error.errors()[0]["ctx"][fields.PROBLEM]
        raise UsageError(f"{text!r} {problem.message}", problem.hint) from None
