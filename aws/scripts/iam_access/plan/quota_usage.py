"""What is left of an account's quotas, over a whole plan."""

from collections.abc import Iterable, Set
from dataclasses import dataclass

from iam_access.kinds import attachment, inline_policy, managed_policy, temporary_role
from iam_access.model import Principal, PrincipalType, Resource, ResourceId
from iam_access.policy.document import size
from iam_access.snapshot import Quotas, Snapshot


@dataclass(slots=True)
class QuotaUsage:
    """A running account, at its fullest: only what is dead and goes first counts as gone.

    `inline` holds the size in characters of each principal's inline policies by name, `attached`
    the ARNs on each principal, `policies` and `roles` those of the account.
    """

    quotas: Quotas
    inline: dict[Principal, dict[str, int]]
    attached: dict[Principal, set[str]]
    policies: set[str]
    roles: set[str]

    @classmethod
    def of(
        cls, snapshot: Snapshot, gone: Set[ResourceId], wanted: Iterable[Resource]
    ) -> "QuotaUsage":
        """The ledger of an account without what is `gone` and with what is `wanted` anyhow."""
        ledger = cls(
            quotas=snapshot.quotas,
            inline={
                principal: {
                    name: size(document)
                    for name, document in state.inline.items()
                    if inline_policy.resource_id(principal, name) not in gone
                }
                for principal, state in snapshot.principals.items()
            },
            attached={
                principal: {
                    arn
                    for arn in state.attached
                    if attachment.resource_id(principal, arn) not in gone
                }
                for principal, state in snapshot.principals.items()
            },
            policies=set(snapshot.policies),
            roles={
                state.arn
                for principal, state in snapshot.principals.items()
                if principal.type is PrincipalType.ROLE
            },
        )
        for resource in wanted:
            ledger.add(resource)
        return ledger

    def add(self, resource: Resource) -> None:
        """Take a resource into account that is to be there."""
        match resource.id.kind:
            case inline_policy.NAME:
                assert resource.principal is not None, "inline policies have a principal"
                mine = self.inline.setdefault(resource.principal, {})
                mine[resource.name] = size(resource.document or {})
            case attachment.NAME:
                assert resource.principal is not None, "attachments have a principal"
                arn = resource.attributes["arn"]
                self.attached.setdefault(resource.principal, set()).add(arn)
            case managed_policy.NAME:
                self.policies.add(resource.attributes["arn"])
            case temporary_role.NAME:
                self.roles.add(resource.attributes["arn"])

    def inline_used(self, principal: Principal, besides: str) -> int:
        """Characters in the principal's inline policies other than the one of this name."""
        mine = self.inline.get(principal, {})
        return sum(taken for name, taken in mine.items() if name != besides)
