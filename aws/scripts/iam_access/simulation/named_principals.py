"""The users and roles that a question names, found in an account."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from iam_access.kinds.fields import exactly
from iam_access.model import Account, Principal, PrincipalType
from iam_access.phrases import nearest
from iam_access.plan.named_access import is_name_of
from iam_access.policy.arn import account_of
from iam_access.snapshot import PrincipalState, Snapshot

_OPTIONS = {PrincipalType.USER: "-u", PrincipalType.ROLE: "-r"}
_OTHER = {PrincipalType.USER: PrincipalType.ROLE, PrincipalType.ROLE: PrincipalType.USER}


@dataclass(frozen=True, slots=True)
class NamedPrincipal:
    """A user or role by name; `account` and `path` (as in `/team/`) if they were given.

    `other` is a second user that an address may mean; if both exist, both are meant.
    """

    principal: Principal
    account: str | None = None
    path: str | None = None
    other: Principal | None = None

    @property
    def label(self) -> str:
        """For people: `user alice`, `user /team/alice of account 111122223333`."""
        name = f"{self.path or ''}{self.principal.name}"
        return f"{self.principal.type} {name}" + (
            f" of account {self.account}" if self.account else ""
        )

    def may_be_in(self, account: Account) -> bool:
        """Whether the account is the given one, or none was given."""
        return self.account in (None, account.id)

    def is_(self, state: PrincipalState) -> bool:
        """Whether it is this user or role of an account; IAM ignores case in names."""
        return state.principal.in_iam == self.principal.in_iam and self.path in (None, state.path)

    def is_name(self, name: str) -> bool:
        """Whether what a policy names may be this user or role, or a session of the role."""
        meant = (each for each in (self.principal, self.other) if each is not None)
        is_there = self.account in (None, account_of(name))
        return is_there and any(is_name_of(name, each) for each in meant)


@dataclass(frozen=True, slots=True)
class AbsentPrincipal:
    """A named principal that an account lacks, and a suggestion ("" if none)."""

    whom: NamedPrincipal
    hint: str

    @property
    def label(self) -> str:
        return f"{self.whom.label} here" + (f" ({self.hint})" if self.hint else "")


def find_principals(snapshot: Snapshot, asked: Iterable[NamedPrincipal]) -> Iterator[Principal]:
    """Yield the named principals that an account has, each once."""
    known = {state.principal.in_iam: state for state in snapshot.principals.values()}
    found: dict[Principal, None] = {}
    for whom in asked:
        state = known.get(whom.principal.in_iam)
        if state is not None and whom.is_(state) and whom.account in (None, snapshot.account_id):
            found.setdefault(state.principal)
            other = known.get(whom.other.in_iam) if whom.other else None
            if other is not None:
                found.setdefault(other.principal)
    yield from found


def find_absent(snapshot: Snapshot, asked: Iterable[NamedPrincipal]) -> Iterator[AbsentPrincipal]:
    """Yield the named principals that an account should have and lacks."""
    for whom in asked:
        if whom.account not in (None, snapshot.account_id):
            continue
        if not any(True for _ in find_principals(snapshot, [whom])):
            yield AbsentPrincipal(whom, _hint(snapshot, whom))


def _hint(snapshot: Snapshot, whom: NamedPrincipal) -> str:
    """A similar principal: at another path, of the other type, of a similar name."""
    states = {state.principal.in_iam: state for state in snapshot.principals.values()}
    type_, name = whom.principal.in_iam
    same = states.get((type_, name))
    if same is not None:
        return f"its path is {same.path}: {_OPTIONS[type_]} {same.path}{same.principal.name}"
    other = states.get((_OTHER[type_], name))
    if other is not None:
        option = _OPTIONS[_OTHER[type_]]
        return f"there is a {_OTHER[type_]} of this name: {option} {other.principal.name}"
    names = {key[1]: state.principal.name for key, state in states.items() if key[0] is type_}
    near = nearest(name, names)
    if near is None:
        return ""
    found = names[near]
    # A user name with an @ would be read as an address.
    is_address = type_ is PrincipalType.USER and "@" in found
    return f"did you mean {exactly(found) if is_address else found}?"
