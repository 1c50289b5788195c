"""Standing access that a temporary grant takes away while it holds.

What could outlive a grant is denied with it, beside what its own statements deny. On the
principal's own policies a denial also counts for what other policies allow; in a role made for the
grant it does not.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from iam_access.kinds import attachment, managed_policy, names
from iam_access.kinds.grant import TemporaryGrant
from iam_access.model import Finding, Principal, ResourceId, Severity
from iam_access.plan.diff import Resources
from iam_access.policy.document import Document, document, statement
from iam_access.policy.outliving import in_words, is_absolute, suspended
from iam_access.snapshot import Snapshot

_TAKING_A_ROLE = document([statement("Allow", actions=["sts:AssumeRole"], resources=["*"])])


@dataclass(frozen=True, slots=True)
class Standing:
    """What people hold for good once a plan is carried out: of ours what is `wanted`."""

    wanted: Resources
    snapshot: Snapshot
    #: Attachments of ours that go, and the ARNs that are to be attached to each principal.
    going: frozenset[ResourceId]
    coming: Mapping[Principal, Sequence[str]]
    #: The grants for which each principal has to take a role.
    roles: Mapping[Principal, Sequence[TemporaryGrant]] = field(default_factory=dict)

    @classmethod
    def of(cls, wanted: Resources, observed: Resources, snapshot: Snapshot) -> "Standing":
        """What people hold in an account for good, once it is what is wanted."""
        coming: defaultdict[Principal, list[str]] = defaultdict(list)
        for resource in wanted.values():
            if resource.id.kind == attachment.NAME and resource.principal is not None:
                coming[resource.principal].append(resource.attributes["arn"])
        ours = (id_ for id_ in observed if id_.kind == attachment.NAME)
        return cls(wanted, snapshot, frozenset(ours) - wanted.keys(), coming)

    def with_roles(self, grants: Iterable[TemporaryGrant]) -> "Standing":
        """The same with roles that people have to take for these grants."""
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
            f"{grant.account.id} ({grant.environment}) may not do {in_words(actions)} "
            f"either{limits}, which {', '.join(by)} otherwise allows: what is denied with "
            "the grant is denied whatever else allows it",
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
        arns = list(self.coming.get(principal, ()))
        for state in self.snapshot.holders(principal):
            for name, written in state.inline.items():
                if names.team_and_grant_of_inline(name) is None:
                    yield name, written
            arns += (
                arn
                for arn in state.attached
                if attachment.resource_id(state.principal, arn) not in self.going
            )
        for arn in arns:
            name, found = arn.rpartition("/")[2], self._document(arn)
            if found is not None and names.grant_of_ending_policy(name) is None:
                yield name, found

    def _document(self, arn: str) -> Document | None:
        wanted = self.wanted.get(managed_policy.resource_id(arn))
        if wanted is not None:
            return wanted.document
        local = self.snapshot.policies.get(arn)
        if local is not None:
            return local.document
        copy = self.snapshot.managed.get(arn)
        return copy.document if copy is not None else None
