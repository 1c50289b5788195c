"""What lets a user or role in by name: roles that it may assume, and buckets and keys."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from iam_access.kinds import given_access, is_temporary, kind_of, policies_there
from iam_access.model import Location, Principal, PrincipalType, Resource
from iam_access.policy.arn import arn_name, assumed_role, iam_kind
from iam_access.policy.evaluation.outsiders import let_in
from iam_access.snapshot import Document, Snapshot


@dataclass(frozen=True, slots=True)
class NamedAccess:
    """A resource of ours that lets in principals by these `names`, as its policy has them.

    `what` is the resource in words, `does` what it lets them do. `entry` is where a file describes
    it; None if no file does, and where it is others who let them in (`of_others`).
    """

    resource: Resource
    what: str
    does: str
    names: tuple[str, ...]
    entry: Location | None = None
    of_others: bool = False


#: Where files describe things, by the team and the thing in words (`config.written.described`).
Described = Mapping[tuple[str, str], Location]


def letting_in(
    resources: Iterable[Resource],
    snapshot: Snapshot,
    described: Described,
    is_meant: Callable[[str], bool],
) -> Iterator[NamedAccess]:
    """Yield the resources whose trust policy, policy or grants allow something to meant names.

    Conditions are not looked at. Roles made for temporary grants are left out.
    """
    for resource in resources:
        what = in_words(resource)
        entry = place_of(what, resource, described)
        for document, does, of_others in _letting_in(resource, snapshot):
            names = tuple(dict.fromkeys(filter(is_meant, let_in(document))))
            if names:
                said = None if of_others else entry
                yield NamedAccess(resource, what, does, names, said, of_others)


def place_of(what: str, resource: Resource, described: Described) -> Location | None:
    """Where a file of a resource's team describes a thing in these words; None if none does."""
    places = (described.get((team, what)) for team in sorted(resource.teams))
    return next((each for each in places if each is not None), None)


def in_words(resource: Resource) -> str:
    """A resource that a file may describe whole, in the words of its entry."""
    given = given_access(resource)
    if given.makes_holder and given.holder is not None:
        return given.holder.label
    return f"{kind_of(resource.id).in_words(1)} {resource.name}"


def is_name_of(name: str, principal: Principal) -> bool:
    """Whether what a policy names is a user or role of this name, in any account, or a session."""
    session = assumed_role(name)
    if session is not None:
        found = Principal(PrincipalType.ROLE, session.role)
    elif (kind := iam_kind(name)) in (PrincipalType.USER, PrincipalType.ROLE):
        found = Principal(PrincipalType(kind), arn_name(name))
    else:
        return False
    return found.in_iam == principal.in_iam


def _letting_in(resource: Resource, snapshot: Snapshot) -> Iterator[tuple[Document, str, bool]]:
    """What lets in, how in words, and whether others wrote it."""
    given = given_access(resource)
    role = snapshot.principals.get(given.holder) if given.holder is not None else None
    if given.makes_holder and not is_temporary(resource) and role is not None and role.trust:
        yield role.trust, "lets {} assume it", False
    for policy in policies_there(resource, snapshot).values():
        if policy.document is not None:
            yield policy.document, "names {} in its policy", policy.is_of_others
        for document in policy.grants.values():
            yield document, "has a grant for {}", False
        for name, document in policy.grants_of_others.items():
            yield document, f"has a grant of others ({name}) for {{}}", True
