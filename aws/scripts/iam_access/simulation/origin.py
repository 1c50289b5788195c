"""Trace a deciding statement back to the lines of the files that wrote and granted it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any, TypeAlias

from iam_access.config.configuration import Configuration
from iam_access.kinds import customer_policies, given_access, names
from iam_access.kinds.base import AccessEntry, FileEntry
from iam_access.kinds.fields import fill, values_of
from iam_access.model import Account, Location, Principal, Resource, ResourceId
from iam_access.plan.diff import observed_state
from iam_access.policy import document as documents
from iam_access.policy.evaluation.compile import (
    PolicySource,
    SourceType,
    StatementRef,
    compile_policy,
)
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Verdict, decide_for_caller
from iam_access.policy.evaluation.request import Request
from iam_access.simulation.account_policies import inline_id
from iam_access.snapshot import Document, Snapshot

_OF_RESOURCES = frozenset({SourceType.RESOURCE, SourceType.TRUST})

# Whether a document alone allows or denies the request.
Counts: TypeAlias = Callable[[Document], bool]


def has_a_say(document: Document, request: Request) -> bool:
    """Whether a document alone allows or denies the request."""
    layers = ApplicablePolicies(identity=(compile_policy(document, _ALONE),))
    return decide_for_caller(request, layers).kind is not Verdict.IMPLICIT_DENY


_ALONE = PolicySource("statement", SourceType.IDENTITY, "statement")


@dataclass(frozen=True, slots=True)
class Origin:
    """A statement, and its place in the files if it is ours.

    `statement` is where the files write it, or name the AWS managed policy that contains it; None
    if others made it, and for what no file says, such as the end of a grant. `entry` is where they
    grant it to the principal.
    """

    ref: StatementRef
    statement: Location | None = None
    entry: Location | None = None


@dataclass(frozen=True, slots=True)
class _Grant:
    """An entry that gives a principal a policy; `managed` is set for one of AWS or others.

    `values` are those of the policy's placeholders.
    """

    entry: AccessEntry
    policy: FileEntry[Any]
    values: Mapping[str, str]
    managed: str | None = None


class Origins:
    """The origins of the statements in one account with this `snapshot`.

    `places` returns where the files ask for what, for statements of resources, and `elsewhere`
    where they describe a resource or role of another account, by its ARN.
    """

    def __init__(
        self,
        configuration: Configuration,
        account: Account,
        snapshot: Snapshot,
        places: Callable[[], Mapping[ResourceId, Location]] = dict,
        elsewhere: Callable[[str], Location | None] = lambda arn: None,
    ) -> None:
        self._account, self._snapshot = account.id, snapshot
        self._places, self._elsewhere = places, elsewhere
        self._grants: dict[tuple[object, str], _Grant] = {}
        self._found: dict[object, Location | None] = {}
        temporary: dict[object, list[_Grant]] = {}
        for team, principal, grant in _granted(configuration, account, snapshot):
            if grant.entry.temporary:
                key = (team, principal.in_iam, names.label(grant.policy.key))
                temporary.setdefault(key, []).append(grant)
                continue
            self._add(principal, _source(grant, team, account), grant)
            for arn, of_others in self._of_others(grant):
                self._add(principal, arn, of_others)
        for resource in observed_state(snapshot).values():
            for team, recipient in product(resource.teams, given_access(resource).recipients):
                grants = temporary.get((team, recipient.in_iam, resource.grant))
                if grants is not None:
                    self._add_temporary(resource, recipient, grants)

    def _add(self, principal: Principal, source: str, grant: _Grant) -> None:
        self._grants.setdefault(_key(principal, source), grant)

    def _add_temporary(
        self, resource: Resource, recipient: Principal, grants: Sequence[_Grant]
    ) -> None:
        """Add the policies that write a temporary grant, by the entry that has their end."""
        given = given_access(resource)
        assert given.holder is not None, "what has recipients has a holder"
        ends = (grant for grant in grants if grant.entry.until == resource.expires)
        grant = next(ends, grants[0])
        principal = given.holder if given.is_assumed else recipient
        of_others = dict(self._of_others(grant))
        for name in given.inline:
            self._add(principal, inline_id(given.holder, name), grant)
        for arn in given.attached:
            self._add(principal, arn, of_others.get(arn, grant))

    def _of_others(self, grant: _Grant) -> Iterator[tuple[str, _Grant]]:
        """The managed policies of a grant that AWS or others made, by ARN."""
        spec = grant.policy.spec
        for written in spec.managed_policies:
            yield fill(written, grant.values), replace(grant, managed=written)
        if spec.of_others:
            texts = fill(spec.of_others, grant.values)
            for each in customer_policies.look_up(texts, self._account, self._snapshot):
                if each.arn is not None:
                    written = spec.of_others[each.number]
                    yield each.arn, replace(grant, managed=written)

    @cached_property
    def _of_resources(self) -> Mapping[str, Location]:
        """The places of entries, by the ARN of the resource or role that they describe."""
        places, found = self._places(), dict[str, Location]()
        for id_, resource in observed_state(self._snapshot).items():
            given = given_access(resource)
            made = given.holder if given.makes_holder else None
            role = self._snapshot.principals.get(made) if made is not None else None
            for arn in (*given.resource_policies, *([role.arn] if role is not None else [])):
                if id_ in places:
                    found[arn] = places[id_]
        return found

    def of_resource(self, arn: str) -> Location | None:
        """Return where the files describe a resource or role of the account, by its ARN."""
        return self._of_resources.get(arn)

    def _of_resource(self, ref: StatementRef) -> Origin:
        arn = ref.source.id
        return Origin(ref, entry=self.of_resource(arn) or self._elsewhere(arn))

    def deciding(self, principal: Principal, ref: StatementRef, request: Request) -> Origin:
        """Return where a deciding statement is written and granted.

        The place is computed once for all holders of the policy.
        """
        if ref.source.type in _OF_RESOURCES:
            return self._of_resource(ref)
        grant = self._grants.get(_key(principal, names.first_part(ref.source.id)))
        if grant is None:
            return Origin(ref)
        where = grant.policy.place.location, grant.managed, ref.index, ref.sid, ref.allows
        key = *where, request.action, request.resource
        if key not in self._found:
            self._found[key] = _written(grant, ref, lambda each: has_a_say(each, request))
        return Origin(ref, self._found[key], grant.entry.place.location)

    def of(self, principal: Principal, ref: StatementRef, counts: Counts) -> Origin:
        """Return where a statement that `counts` for the principal is written and granted."""
        if ref.source.type in _OF_RESOURCES:
            return self._of_resource(ref)
        grant = self._grants.get(_key(principal, names.first_part(ref.source.id)))
        if grant is None:
            return Origin(ref)
        return Origin(ref, _written(grant, ref, counts), grant.entry.place.location)


def _key(principal: Principal, source: str) -> tuple[object, str]:
    """Names in IAM are unique without regard to case."""
    return principal.in_iam, source.lower()


def _granted(
    configuration: Configuration, account: Account, snapshot: Snapshot
) -> Iterator[tuple[str, Principal, _Grant]]:
    """The grants of each team in an account, as far as its files are valid.

    Those to a group are to each of its members.
    """
    for name, environment in sorted(account.environments.items()):
        if name in configuration.invalid:
            continue
        team, user_names = configuration.teams[name], configuration.settings.user_names
        values = values_of(account, environment, name, configuration.teams[name].account_ids)
        for entry in team.access_in(environment):
            policies = (team.given.get(key) for key in entry.given)
            # The policy of an entry that has ended may be gone.
            grants = [_Grant(entry, policy, values) for policy in policies if policy is not None]
            for principal, grant in product(entry.local(user_names), grants):
                for each in snapshot.members(snapshot.spelled(principal)):
                    yield name, each, grant


def _source(grant: _Grant, team: str, account: Account) -> str:
    """What an account calls the policy with a permanent grant's own statements."""
    made = grant.entry.makes
    if made is not None and grant.policy is grant.entry.own:
        return inline_id(made, names.INLINE_POLICY)
    return names.team_policy_arn(account.partition, account.id, team, grant.policy.key)


def _written(grant: _Grant, ref: StatementRef, counts: Counts) -> Location | None:
    """Where the files write a statement.

    Its id or position alone is insufficient: a split grant has lost its ids and order, and AWS's
    own statements may stand beside it. So the statement must count for the request.
    """
    policy = grant.policy
    managed, of_others = policy.spec.managed_policies, policy.spec.of_others
    if grant.managed in of_others:
        return policy.place.at(customer_policies.KEY, of_others.index(grant.managed)).location
    if grant.managed is not None:
        index = managed.index(grant.managed)
        return policy.place.at("managed_policies", index).location
    written = fill(policy.spec.statements, grant.values)
    found = [
        index
        for index, statement in enumerate(written)
        if (statement["Effect"] == "Allow") == ref.allows
        and counts(documents.document([statement]))
    ]
    if found:
        named = [n for n in found if ref.sid is not None and written[n].get("Sid") == ref.sid]
        index = next(iter(named), ref.index if ref.index in found else found[0])
        return policy.place.at("custom_statements", index).location
    return policy.place.at("managed_policies").location if managed and ref.allows else None
