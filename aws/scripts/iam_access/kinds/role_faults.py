"""Why a role cannot be as its entry says, or IAM would refuse it."""

from collections.abc import Iterator, Sequence

from iam_access.kinds import (
    instance_profile,
    names,
    role_boundary,
    role_calls,
    role_resource,
    trusted_elsewhere,
)
from iam_access.kinds.base import ABSENT, FileEntry, TeamInAccount, finding_about
from iam_access.kinds.fields import role
from iam_access.kinds.named_principals import NamedPrincipal, missing_principal, named_in
from iam_access.kinds.role_file import FOLDER, RoleSpec
from iam_access.kinds.temporary_role import TRUST
from iam_access.model import Change, Finding, Resource
from iam_access.phrases import listed
from iam_access.policy import document as documents
from iam_access.problem import Problem
from iam_access.snapshot import PrincipalState, Snapshot


def problems(
    wanted: Resource,
    entry: FileEntry[RoleSpec],
    present: Sequence[FileEntry[RoleSpec]],
    scope: TeamInAccount,
) -> Iterator[Problem]:
    """What is wrong about a role in the account, so that it stays as it is, or good to know.

    `present` are all entries of the team for roles that are to be there.
    """
    conflict = role_boundary.conflict(wanted, entry, scope)
    yield from filter(None, (conflict, _missing_principal(wanted, present, scope)))
    yield from trusted_elsewhere.problems(role(wanted.name), wanted.documents[TRUST], scope)


def _missing_principal(
    wanted: Resource, present: Sequence[FileEntry[RoleSpec]], scope: TeamInAccount
) -> Problem | None:
    """That the trust policy names a principal that is not there.

    What files make is there before any role is opened. Of roles of other teams the path is not
    known, so that is for AWS to compare.
    """
    own = {role_resource.arn_of(each, scope) for each in present}
    names_of_own = {role(role_resource.name_of(each)) for each in present}

    def comes(named: NamedPrincipal) -> bool:
        is_of_others = named.principal in scope.made and named.principal not in names_of_own
        return named.arn in own or is_of_others

    named = named_in(wanted.documents[TRUST], scope.account.id, lambda index: ("trust", index))
    return missing_principal(named, f"role {wanted.name} trusts", scope, comes=comes)


def refusal(state: PrincipalState) -> Problem | None:
    """Why the pipeline must not change a role."""
    if state.path.startswith(("/aws-service-role/", "/aws-reserved/")):
        return Problem(
            "aws-owned-role",
            f"{state.arn} is managed by AWS, so only AWS may change it",
            "remove the entry",
        )
    if state.tags.get(names.PIPELINE_TAG) == "true" or names.is_grant_role(state):
        return Problem(
            "deployer-role",
            f"{state.arn} is a role of the pipeline itself",
            "remove the entry; aws/bootstrap/ makes the pipeline's roles",
        )
    return None


def obstacle(change: Change, snapshot: Snapshot) -> Finding | None:
    """Why IAM would refuse a change of a role, or the pipeline must not make it."""
    before, after = change.before, change.after
    state = snapshot.principals.get(snapshot.spelled(role(change.name)))
    wrong = refusal(state) if state is not None else None
    if wrong is not None:
        return finding_about(change.subject, snapshot, wrong.code, wrong.message, wrong.hint)
    if after is None:
        return _held_in_profile(change.subject, snapshot)
    is_moved = before is not None and before.attributes["arn"] != after.attributes["arn"]
    found = _held_in_profile(before, snapshot) if before is not None and is_moved else None
    found = found or role_boundary.missing(after, snapshot)
    found = found or instance_profile.name_taken(after, snapshot)
    size, quota = documents.policy_size(after.documents[TRUST]), snapshot.quotas.trust_size
    if found is None and size > quota and not role_calls.same_trust(before, after):
        return finding_about(
            after,
            snapshot,
            "policy-too-large",
            f"the trust policy of role {after.name} has {size:,} characters; this account "
            f"allows {quota:,}",
            "trust fewer principals, an account with a condition, or have the quota raised",
        )
    return found


def _held_in_profile(found: Resource, snapshot: Snapshot) -> Finding | None:
    """That a role is in an instance profile of others, unless an entry does not want it."""
    profiles = instance_profile.others_with(found, snapshot)
    if not profiles or found.attributes.get(ABSENT):
        return None
    return in_use(found, f"the instance profile {listed(profiles)} holds it", snapshot)


def in_use(found: Resource, why: str, snapshot: Snapshot) -> Finding:
    """That a role cannot be deleted, as something of others hangs on it."""
    return finding_about(
        found,
        snapshot,
        "role-in-use",
        f"role {found.name} in account {snapshot.account_id} cannot be deleted, so it stays as it "
        f"is: {why}",
        f"take the role out of it, or that off the role, by hand; an entry with state: absent in "
        f"{FOLDER}/ takes all of it away",
    )
