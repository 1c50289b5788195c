"""The permissions boundary of a role that a file describes."""

from iam_access.kinds import names
from iam_access.kinds.base import FileEntry, TeamInAccount, finding_about
from iam_access.kinds.fields import role
from iam_access.kinds.role_file import RoleSpec
from iam_access.model import Finding, Resource
from iam_access.policy import arn as arns
from iam_access.policy.globs import shell
from iam_access.problem import Problem
from iam_access.snapshot import Snapshot


def of(entry: FileEntry[RoleSpec], arn: str, scope: TeamInAccount) -> tuple[str, ...]:
    """The ARN of the boundary that the role with this ARN is to carry, if any."""
    name = arns.arn_name(arn)
    state = scope.snapshot.principals.get(role(name))
    patterns = (shell(each, ignore_case=True) for each in scope.rules.unbounded)
    if (
        state is not None
        and state.arn == arn
        and entry.spec.permissions_boundary is None
        and any(each.match(name) for each in patterns)
    ):
        return (state.boundary,) if state.boundary else ()
    return (_arn(entry, scope),)


def _arn(entry: FileEntry[RoleSpec], scope: TeamInAccount) -> str:
    """The ARN of the boundary: the role's own, that of the settings, or that of aws/bootstrap/."""
    written = entry.spec.permissions_boundary
    if written is None:
        return scope.rules.boundary or names.role_boundary(scope.account)
    if written.startswith("arn:"):
        return str(scope.fill(written))
    account = scope.account
    known = (arn for arn, each in sorted(scope.snapshot.policies.items()) if each.name == written)
    return next(known, arns.policy_arn(account.id, written, partition=account.partition))


def conflict(wanted: Resource, entry: FileEntry[RoleSpec], scope: TeamInAccount) -> Problem | None:
    """That the role is to carry another boundary than the settings say who has grants must."""
    needed, own = scope.rules.boundary, entry.spec.permissions_boundary
    if needed is None or own is None or wanted.attributes["boundary"] == (needed,):
        return None
    return Problem(
        "missing-boundary",
        f"role {wanted.name} says another permissions boundary than {needed}, which the settings "
        f"ask for in account {scope.account.id} ({scope.account.label})",
        "remove permissions_boundary from the role",
        ("permissions_boundary",),
    )


def missing(wanted: Resource, snapshot: Snapshot) -> Finding | None:
    """That the account does not have the policy."""
    absent = (
        arn
        for arn in wanted.attributes["boundary"]
        if not arns.is_aws_managed_policy(arn) and arn not in snapshot.policies
    )
    arn = next(absent, None)
    if arn is None:
        return None
    return finding_about(
        wanted,
        snapshot,
        "missing-boundary",
        f"role {wanted.name} must carry the permissions boundary {arn}, and account "
        f"{snapshot.account_id} has no such policy",
        "update the stack of aws/bootstrap/deployer-role.yaml, which makes self-serve-boundary; "
        "if permissions_boundary names another policy, have its owner make it, or correct the name",
    )


def cost(before: Resource, wanted: Resource) -> str:
    """What a role that is adopted loses by its boundary; empty for nothing."""
    boundary = wanted.attributes["boundary"]
    if not boundary or boundary == before.attributes["boundary"]:
        return ""
    has = "another one" if before.attributes["boundary"] else "none"
    return (
        f"it gets the permissions boundary {boundary[0]} and has {has} today, so that it loses "
        "what that does not allow (unbounded_roles in settings.yaml keeps it without one)"
    )
