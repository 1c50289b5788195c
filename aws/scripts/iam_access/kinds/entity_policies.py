"""The policies of a role or group that a file describes whole.

They are the managed policies that its resource has among its attributes as `managed`, and the
inline policy `names.INLINE_POLICY` with the statements of its own, which are the resource's
document. Inline policies of others are among the attributes as `others`. These, and managed
policies that others attached, are taken off, unless the settings keep them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from iam_access.kinds import aws_policies, calls, customer_policies, managed_policy, names
from iam_access.kinds.base import FileEntry, PermissionsSpec, TeamInAccount, finding_about
from iam_access.kinds.quotas import ATTACHED, INLINE_SIZE, Use
from iam_access.model import (
    ApiCall,
    Change,
    Finding,
    Phase,
    Principal,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.phrases import some
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.snapshot import Document, PrincipalState, Snapshot

#: What a resource has aside: the ARNs of those of the team's policies that deny something.
_DENYING: Final = "denying"
# Policies that a message names.
_NAMED: Final = 5


class PoliciesSpec(Protocol):
    """What an entry says of policies: keys of the team's policies, and ARNs of managed ones."""

    @property
    def grants(self) -> list[str]: ...
    @property
    def managed_policies(self) -> list[str]: ...


class DescribedSpec(PoliciesSpec, Protocol):
    """What an entry says of a role or group that it describes whole."""

    def own(self, key: str) -> PermissionsSpec:
        """What the principal of this key gives by what the entry says itself."""


def as_asked(
    wanted: Resource, entry: FileEntry[Any], holder: Principal, scope: TeamInAccount
) -> Resource:
    """What is wanted, with the policies that the entry, whose spec is a DescribedSpec, asks for."""
    spec: DescribedSpec = entry.spec
    attached, own = _managed(spec, scope, holder), spec.own(entry.key).statements
    return replace(
        wanted,
        attributes={**wanted.attributes, "managed": attached, "others": ()},
        document=documents.document(scope.fill(own)) if own else None,
        aside={**wanted.aside, _DENYING: _denying(spec, scope)},
        needs=policies_of_teams(attached),
    )


def as_found(resource: Resource, state: PrincipalState) -> Resource:
    """The resource with the policies that the principal has in the account."""
    of_account = {
        "managed": tuple(sorted(state.attached)),
        "others": tuple(sorted(set(state.inline) - {names.INLINE_POLICY})),
    }
    return replace(
        resource,
        attributes={**resource.attributes, **of_account},
        document=state.inline.get(names.INLINE_POLICY),
        needs=policies_of_teams(state.attached),
    )


def _managed(
    spec: PoliciesSpec, scope: TeamInAccount, holder: Principal | None = None
) -> tuple[str, ...]:
    """The ARNs of the managed policies that an entry asks for, each once.

    `holder` has them already, or some; what cannot be granted anew stays on it.
    """
    state = scope.snapshot.principals.get(holder) if holder else None
    held = state.attached if state else ()
    found = set(scope.fill(spec.managed_policies))
    for key in spec.grants:
        policy = scope.policies[key]
        found.update(managed_policy.arns_of(policy, scope))
        found.update(scope.fill(policy.spec.managed_policies))
        found.update(customer_policies.arns_of(policy.spec, scope, held))
    return tuple(sorted(found))


def _denying(spec: PoliciesSpec, scope: TeamInAccount) -> frozenset[str]:
    """Those of the team's own policies among them that deny something."""
    return frozenset(
        managed_policy.arn_of_part(key, number, scope)
        for key in spec.grants
        for number, document in managed_policy.parts_of(scope.policies[key], scope).items()
        if documents.denies(document)
    )


def managed_by_aws(spec: PoliciesSpec, scope: TeamInAccount) -> Iterator[str]:
    """The ARNs of those of them that are AWS's."""
    return filter(arns.is_aws_managed_policy, _managed(spec, scope))


def inline(resource: Resource) -> Mapping[str, Document]:
    """The inline policy of its own statements, by name, if it has any."""
    return {names.INLINE_POLICY: resource.document} if resource.document is not None else {}


def policies_of_teams(policies: Iterable[str]) -> frozenset[ResourceId]:
    """The ids of those managed policies, by ARN, that are made by the pipeline."""
    return frozenset(map(managed_policy.resource_id, filter(names.team_of_policy_arn, policies)))


def beside_others(
    wanted: Resource, holder: Principal, scope: TeamInAccount
) -> tuple[Resource, tuple[Finding, ...]]:
    """What is wanted, with the policies of others that the settings keep on it, and a finding.

    A managed policy of AWS or of a team is never one of others: who attached it is not known.
    """
    state = scope.snapshot.principals.get(scope.snapshot.spelled(holder))
    if state is None or not scope.keeps_others:
        return wanted, ()
    managed = wanted.attributes["managed"]
    attached = sorted(arn for arn in state.attached if arn not in managed and _is_of_others(arn))
    others = sorted(set(state.inline) - {names.INLINE_POLICY})
    if not (attached or others):
        return wanted, ()
    both = {"managed": tuple(sorted((*managed, *attached))), "others": tuple(others)}
    kept = replace(wanted, attributes={**wanted.attributes, **both})
    names_ = [*(f"policy {arns.arn_name(each)}" for each in attached)]
    names_ += [f"inline policy {each}" for each in others]
    finding = finding_about(
        wanted,
        scope.snapshot,
        "kept-of-others",
        f"{holder.label} in account {scope.account.id} ({scope.account.label}) has what its entry "
        f"does not say, and the settings keep: {some(names_, _NAMED)}",
        "take it off by hand, also a policy that the entry granted before (customer_policies), or "
        "write it into the entry; policies_of_others: remove in settings.yaml has an apply take it "
        "off",
        severity=Severity.WARNING,
    )
    return kept, (finding,)


def _is_of_others(arn: str) -> bool:
    return not arns.is_aws_managed_policy(arn) and names.team_of_policy_arn(arn) is None


def unattachable(change: Change, holder: Principal, snapshot: Snapshot) -> Finding | None:
    """That a policy of AWS that is to be attached cannot be, as far as that was looked up."""
    if change.after is None or snapshot.attachable is None:
        return None
    state = snapshot.principals.get(holder)
    known = snapshot.attachable.union(state.attached if state is not None else ())
    for arn in filter(arns.is_aws_managed_policy, change.after.attributes["managed"]):
        if arn not in known:
            found = aws_policies.not_attachable(arn, snapshot)
            return finding_about(change.after, snapshot, found.code, found.message, found.hint)
    return None


def uses(resource: Resource, holder: Principal) -> Iterator[Use]:
    """What its policies take of the quotas of the role or group."""
    for arn in resource.attributes["managed"]:
        yield Use(ATTACHED, holder, arn)
    for name, document in inline(resource).items():
        yield Use(INLINE_SIZE, holder, name, documents.policy_size(document))


def written(
    holder: Principal, before: Resource | None, after: Resource, snapshot: Snapshot
) -> Iterator[ApiCall]:
    """Writes its own statements, and attaches and takes off policies.

    What denies comes first and goes last; what allows goes first where the statements that are
    replaced deny something.
    """
    account = snapshot.account_id
    had = before.attributes["managed"] if before else ()
    new = [arn for arn in after.attributes["managed"] if arn not in had]
    gone = [arn for arn in had if arn not in after.attributes["managed"]]
    denies = {
        arn: arn in after.aside.get(_DENYING, ()) or aws_policies.denies(arn, snapshot)
        for arn in (*new, *gone)
    }
    own = before.document if before else None
    early = Phase.RECLAIM if own is not None and documents.denies(own) else Phase.REVOKE
    yield from (calls.detach(account, holder, arn, early) for arn in gone if not denies[arn])
    had_others = before.attributes["others"] if before else ()
    for other in (each for each in had_others if each not in after.attributes["others"]):
        yield calls.delete_inline(account, holder, other, Phase.REVOKE)
    yield from (calls.attach(account, holder, arn) for arn in new if denies[arn])
    yield from _own_statements(account, holder, own, after.document)
    yield from (calls.attach(account, holder, arn) for arn in new if not denies[arn])
    yield from (calls.detach(account, holder, arn, Phase.REVOKE) for arn in gone if denies[arn])


def _own_statements(
    account: str, holder: Principal, before: Document | None, after: Document | None
) -> Iterator[ApiCall]:
    if documents.alike(before, after):
        return
    if after is None:
        yield calls.delete_inline(account, holder, names.INLINE_POLICY, Phase.REVOKE)
    else:
        yield calls.put_inline(account, holder, names.INLINE_POLICY, documents.to_json(after))


def taken_off(holder: Principal, policies: Iterable[str], snapshot: Snapshot) -> Iterator[ApiCall]:
    """Takes these managed and all inline policies off a role or group, what denies last."""
    account, state = snapshot.account_id, snapshot.principals.get(holder)
    own = state.inline if state is not None else {}
    denies = {arn: aws_policies.denies(arn, snapshot) for arn in policies}
    yield from (
        calls.detach(account, holder, arn, Phase.REVOKE) for arn in denies if not denies[arn]
    )
    for policy in sorted(own, key=lambda each: documents.denies(own[each])):
        yield calls.delete_inline(account, holder, policy, Phase.REVOKE)
    yield from (calls.detach(account, holder, arn, Phase.REVOKE) for arn in denies if denies[arn])
