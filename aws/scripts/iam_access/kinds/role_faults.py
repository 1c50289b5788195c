"""Why a role cannot be as its entry says, or IAM would refuse it."""

from collections.abc import Iterator

from iam_access.kinds import (
    instance_profile,
    names,
    role_boundary,
    role_calls,
    trusted_elsewhere,
)
from iam_access.kinds.base import ABSENT, FileEntry, TeamInAccount, finding_about
from iam_access.kinds.fields import role
from iam_access.kinds.policy_principals import PolicyPrincipal, missing_principal, named_in
from iam_access.kinds.role_file import FOLDER, RoleSpec
from iam_access.kinds.temporary_role import TRUST
from iam_access.model import Change, Finding, Resource
from iam_access.phrases import listed
from iam_access.policy import document as documents
from iam_access.policy.arn import AWS_ROLE_PATHS
from iam_access.problem import Problem
from iam_access.snapshot import PrincipalState, Snapshot


def problems(
    wanted: Resource, entry: FileEntry[RoleSpec], scope: TeamInAccount
) -> Iterator[Problem]:
    """What is wrong about a role in the account, so that it stays as it is, or good to know."""
    conflict = role_boundary.conflict(wanted, entry, scope)
    yield from filter(None, (conflict, _missing_principal(wanted, scope)))
    yield from trusted_elsewhere.problems(role(wanted.name), wanted.documents[TRUST], scope)


def _missing_principal(wanted: Resource, scope: TeamInAccount) -> Problem | None:
    """That the trust policy names a principal that is not there.

    What files make, of whatever team, is there before any role is opened.
    """
    account = scope.account.id

    def comes(named: PolicyPrincipal) -> bool:
        return any(named.is_made_by(each) for each in scope.entries_in(account))

    named = named_in(wanted.documents[TRUST], account, lambda index: ("trust", index))
    return missing_principal(named, f"role {wanted.name} trusts", scope, comes=comes)


def refusal(state: PrincipalState) -> Problem | None:
    """Why the pipeline must not change a role."""
    if state.path.startswith(AWS_ROLE_PATHS):
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
    found = found or _swapped_out(after, snapshot)
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


def _swapped_out(wanted: Resource, snapshot: Snapshot) -> Finding | None:
    """That the role would take the place of one of the pipeline in its instance profile."""
    for name in wanted.attributes["profiles"]:
        for other in instance_profile.others_in(name, snapshot):
            state = snapshot.principals.get(role(other))
            wrong = refusal(state) if state is not None else None
            if wrong is not None:
                return finding_about(
                    wanted,
                    snapshot,
                    wrong.code,
                    f"the instance profile {name} is in use: {wrong.message}",
                    "rename the role, or leave instance_profile out",
                )
    return None


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
