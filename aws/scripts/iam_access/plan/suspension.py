"""Standing access that a temporary grant takes away while it holds.

What could outlive a grant is denied with it, beside what its own statements deny. On the
principal's own policies a denial also counts for what other policies allow; in a role made for the
grant it does not.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from iam_access.kinds import given_access, is_temporary
from iam_access.kinds.grant import TemporaryGrant
from iam_access.kinds.kind import GivenAccess
from iam_access.model import Finding, Principal, Severity
from iam_access.plan.diff import ResourcesById, published
from iam_access.policy.arn import arn_name
from iam_access.policy.document import document, statement
from iam_access.policy.outliving import describe_actions, is_absolute, suspended
from iam_access.snapshot import Document, Snapshot

_TAKING_A_ROLE = document([statement("Allow", actions=["sts:AssumeRole"], resources=["*"])])


@dataclass(frozen=True, slots=True)
class Standing:
    """What people hold for good once a plan is carried out.

    `policies` are the documents of the managed policies that are wanted, by ARN, and `coming` is
    what is to be given to each principal for good. `going` are inline policies, by name, and
    attached ones, by ARN, that are ours on a principal or group and do not stay for good, or are
    among what comes. `roles` are the grants for which each principal has to assume a role.
    """

    snapshot: Snapshot
    policies: Mapping[str, Document]
    coming: Mapping[Principal, Sequence[GivenAccess]]
    going: frozenset[tuple[Principal | None, str]]
    roles: Mapping[Principal, Sequence[TemporaryGrant]] = field(default_factory=dict)

    @classmethod
    def of(cls, wanted: ResourcesById, observed: ResourcesById, snapshot: Snapshot) -> "Standing":
        """What people hold in an account for good, once it is what is wanted."""
        coming: defaultdict[Principal, list[GivenAccess]] = defaultdict(list)
        for resource in wanted.values():
            given = given_access(resource)
            for principal in given.recipients if not is_temporary(resource) else ():
                coming[principal].append(given.given_to(principal))
        going: set[tuple[Principal | None, str]] = set()
        for resource in observed.values():
            given = given_access(resource)
            going |= {(given.holder, name) for name in given.inline}
            if resource.id not in wanted or is_temporary(resource):
                going |= {(given.holder, arn) for arn in given.attached}
        return cls(snapshot, published(wanted), coming, frozenset(going))

    def with_roles(self, grants: Iterable[TemporaryGrant]) -> "Standing":
        """The same with the roles that principals have to assume for these grants."""
        roles: defaultdict[Principal, list[TemporaryGrant]] = defaultdict(list)
        for grant in grants:
            roles[grant.principal].append(grant)
        return replace(self, roles=roles)

    def suspended_by(self, grant: TemporaryGrant) -> Finding | None:
        """What the denials of a grant on its principal's own policies take away, if anything."""
        denials = grant.denying
        if not denials:
            return None
        held = dict(self._held(grant.principal))
        actions = suspended(held.values(), denials)
        if not actions:
            return None
        by = [name for name, each in held.items() if suspended([each], denials)]
        limits = "" if all(map(is_absolute, denials)) else ", as far as its statements deny it"
        return Finding(
            code="suspends-access",
            severity=Severity.WARNING,
            message=f"while the temporary grant of {grant.key} holds, {grant.principal} in account "
            f"{grant.account.id} ({grant.environment}) may not do {describe_actions(actions)} "
            f"either{limits}, which {', '.join(by)} otherwise allows: a denial with the "
            "grant outweighs every Allow",
            hint="write via: role, whose denial is the role's own, or take the actions out of the "
            "policy that is granted",
            location=grant.location,
            team=grant.team,
            account=grant.account.id,
        )

    def _held(self, principal: Principal) -> Iterator[tuple[str, Document]]:
        """Names and documents of the principal's and its groups' policies, not of what ends."""
        for grant in self.roles.get(principal, ()):
            yield f"the role for {grant.key}", _TAKING_A_ROLE
        arns: list[str] = []
        for given in self.coming.get(principal, ()):
            yield from given.inline.items()
            arns += sorted(given.attached)
        for state in self.snapshot.holders(principal):
            for name, written in state.inline.items():
                if (state.principal, name) not in self.going:
                    yield name, written
            arns += (arn for arn in state.attached if (state.principal, arn) not in self.going)
        for arn in arns:
            found = self._document(arn)
            if found is not None:
                yield arn_name(arn), found

    def _document(self, arn: str) -> Document | None:
        wanted = self.policies.get(arn)
        if wanted is not None:
            return wanted
        local = self.snapshot.policies.get(arn)
        if local is not None:
            return local.document
        copy = self.snapshot.managed.get(arn)
        return copy.document if copy is not None else None
