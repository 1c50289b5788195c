"""Whether the caller's policies allow a call, judged by the pipeline's own evaluator."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

from moto.iam.models import IAMBackend, Role, User

from iam_access.policy.arn import iam_arn, part_of
from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    PolicySource,
    SourceType,
    compile_policy,
)
from iam_access.policy.evaluation.evaluate import (
    ApplicablePolicies,
    Decision,
    PolicyType,
    Verdict,
    decide,
)
from iam_access.policy.evaluation.request import Context, PrincipalContext, Request
from iam_access.sandbox.call import Entity, SandboxCall
from iam_access.sandbox.faults import AwsError
from iam_access.sandbox.world import Caller

# The action that tags in a request need besides the operation itself.
_TAGGING = {
    "CreateInstanceProfile": "TagInstanceProfile",
    "CreatePolicy": "TagPolicy",
    "CreateRole": "TagRole",
    "CreateUser": "TagUser",
}
# Condition keys that every request has.
_ALWAYS = {"aws:SourceIp": "127.0.0.1", "aws:SecureTransport": "true"}
_TYPES = {
    PolicyType.IDENTITY: ("an", "identity-based policy"),
    PolicyType.BOUNDARY: ("a", "permissions boundary"),
    PolicyType.SESSION: ("a", "session policy"),
}
_EVERYTHING = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """The parameter that names an IAM resource, and the first part of its ARN's resource."""

    parameter: str
    prefix: str


# The first kind whose parameter a request has is the kind of the request's resource.
_KINDS = (
    _Kind("GroupName", "group"),
    _Kind("InstanceProfileName", "instance-profile"),
    _Kind("UserName", "user"),
    _Kind("RoleName", "role"),
    _Kind("PolicyName", "policy"),
)
_ARNS = ("PolicyArn", "PolicySourceArn")


def require_permission(call: SandboxCall) -> None:
    """Refuse (AccessDenied) an IAM call that the caller's policies do not allow.

    Credentials of GetSessionToken without a second factor may call nothing of IAM (STS API
    Reference, API_GetSessionToken.html).
    """
    if call.caller.kind != "session" and call.caller.issued is not None and not call.caller.mfa:
        raise AwsError("AccessDenied", "Cannot call IAM with session credentials without MFA")
    actions = [call.operation]
    if call.params.get("Tags") and call.operation in _TAGGING:
        actions.append(_TAGGING[call.operation])
    subject = _subject(call)
    resources = [subject.arn if subject else _named(call), *_new_arns(call, subject)]
    context = {**_context(call), **dict(_subject_context(call, subject))}
    for action, resource in product(actions, resources):
        request = Request(
            principal(call.caller),
            f"iam:{action}",
            resource,
            resource_account=call.account_id,
            context=context,
            now=call.world.clock(),
        )
        decision = decide(request, caller_layers(call))
        if not decision.allowed:
            raise _denied(call.caller, request, decision)


@dataclass(frozen=True, slots=True)
class ResourceSide:
    """The account of a resource, and its policy as JSON, if it has one."""

    account_id: str
    policy: str | None = None


def may(
    call: SandboxCall,
    action: str,
    resource: str,
    context: Context | None = None,
    owner: ResourceSide | None = None,
) -> bool:
    """Whether an action of another service is allowed, by the caller's policies and the resource's.

    `context`: condition keys of the request beside those that every request has. The resource is of
    the caller's account and has no policy unless its `owner` says otherwise.
    """
    layers = caller_layers(call)
    if owner is not None and owner.policy is not None:
        theirs = _compiled(owner.policy, SourceType.RESOURCE, resource)
        layers = replace(layers, resource=theirs)
    request = Request(
        principal(call.caller),
        action,
        resource,
        resource_account=owner.account_id if owner else call.account_id,
        context={
            **_ALWAYS,
            "aws:RequestedRegion": call.region,
            **dict(session_context(call)),
            **(context or {}),
        },
        now=call.world.clock(),
    )
    return decide(request, layers).allowed


def lacking_to_assume(call: SandboxCall, role: Role, context: Context) -> str | None:
    """The action that a role's trust policy, or if needed the caller's own policies, do not allow.

    None if the caller may assume the role. Tags of a session and a source identity need actions
    of their own (IAM User Guide, id_session-tags.html and
    id_credentials_temp_control-access_monitor.html).
    """
    layers = caller_layers(call)
    trust = _compiled(role.assume_role_policy_document, SourceType.TRUST, role.arn)
    both = replace(layers, resource=trust)
    given = {**_context(call), **context}
    transitive = call.params.get("TransitiveTagKeys")
    if transitive:
        given["sts:TransitiveTagKeys"] = transitive
    for action in _actions_of_assuming(call.params):
        request = Request(
            principal(call.caller), action, role.arn, context=given, now=call.world.clock()
        )
        if not decide(request, both).allowed:
            return action
    return None


def _actions_of_assuming(params: Mapping[str, Any]) -> Iterator[str]:
    yield "sts:AssumeRole"
    if params.get("Tags") or params.get("TransitiveTagKeys"):
        yield "sts:TagSession"
    if params.get("SourceIdentity"):
        yield "sts:SetSourceIdentity"


def principal(caller: Caller) -> PrincipalContext:
    """The caller in the evaluator's terms."""
    if caller.kind == "root":
        return PrincipalContext.root(caller.account_id, part_of(caller.arn, 1))
    if caller.kind == "user":
        return PrincipalContext.user(caller.arn, caller.entity_id)
    return PrincipalContext.role_session(caller.principal_arn, caller.name, caller.entity_id)


def caller_layers(call: SandboxCall) -> ApplicablePolicies:
    """The policies of the caller: inline, attached, those of groups, boundary and session."""
    if not call.world.enforce:
        return ApplicablePolicies(
            identity=(_compiled(_EVERYTHING, SourceType.IDENTITY, "everything"),)
        )
    caller = call.caller
    iam = call.world.iam(caller.account_id, call.partition)
    owner = _owner(iam, caller)
    if owner is None:
        return ApplicablePolicies()
    groups = [group for group in iam.groups.values() if owner in group.users]
    boundary: str | None = getattr(owner, "permissions_boundary_arn", None)
    session = caller.session_policy
    return ApplicablePolicies(
        identity=tuple(policy for source in (owner, *groups) for policy in _policies(iam, source)),
        boundary=_compiled(default_version(iam, boundary), SourceType.BOUNDARY, boundary)
        if boundary
        else None,
        session=(_compiled(session, SourceType.SESSION, "session policy"),) if session else None,
    )


def _owner(iam: IAMBackend, caller: Caller) -> User | Role | None:
    """The user or role whose policies apply to a caller; None for the root user."""
    if caller.kind == "root":
        return None
    if caller.kind == "user":
        return iam.users[caller.name]
    return iam.get_role_by_arn(caller.principal_arn)


def _policies(iam: IAMBackend, source: Entity) -> Iterator[CompiledPolicy]:
    for name, text in source.policies.items():
        yield _compiled(text, SourceType.IDENTITY, f"{source.arn} {name}")
    for arn in source.managed_policies:
        yield _compiled(default_version(iam, arn), SourceType.IDENTITY, arn)


def default_version(iam: IAMBackend, arn: str) -> str:
    """The document of a managed policy's default version."""
    policy = iam.managed_policies[arn]
    return next(v.document for v in policy.versions if v.version_id == policy.default_version_id)


@lru_cache(maxsize=4096)
def _compiled(text: str, kind: SourceType, name: str) -> CompiledPolicy:
    return compile_policy(text, PolicySource(name, kind, name))


def _subject(call: SandboxCall) -> Any:
    """The user, role, group, instance profile or policy that a call names; None without one."""
    for kind in _KINDS:
        name = call.params.get(kind.parameter)
        if name is not None:
            return _existing(call.iam, kind, name)
    for parameter in _ARNS:
        if parameter in call.params:
            return call.iam.managed_policies.get(call.params[parameter])
    return None


def _named(call: SandboxCall) -> str:
    """The ARN of a resource that does not exist yet; * for a call that names none."""
    start = iam_arn(call.account_id, "", partition=call.partition)
    for kind in _KINDS:
        name = call.params.get(kind.parameter)
        if name is not None:
            return f"{start}{kind.prefix}{call.params.get('Path', '/')}{name}"
    for parameter in _ARNS:
        if parameter in call.params:
            arn: str = call.params[parameter]
            return arn
    if call.operation == "GetUser":
        return call.caller.arn
    return "*"


def _new_arns(call: SandboxCall, subject: Any) -> Iterator[str]:
    """The ARN that a user or group is to have: changing its name or path takes both permissions.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateGroup.html
    """
    for kind in ("User", "Group") if subject else ():
        if call.operation == f"Update{kind}":
            path = call.params.get("NewPath", subject.path)
            name = call.params.get(f"New{kind}Name", subject.name)
            resource = f"{kind.lower()}{path}{name}"
            yield iam_arn(call.account_id, resource, partition=call.partition)


def _existing(iam: IAMBackend, kind: _Kind, name: str) -> Any:
    """The existing resource of a request, which does not contain its path."""
    known: Mapping[str, Iterable[Any]] = {
        "user": iam.users.values(),
        "group": iam.groups.values(),
        "role": iam.roles.values(),
        "instance-profile": iam.instance_profiles.values(),
    }
    found = known.get(kind.prefix, ())
    return next((each for each in found if each.name == name), None)


def _subject_context(call: SandboxCall, subject: Any) -> Iterator[tuple[str, str]]:
    """The tags of the resource of a call, and the permissions boundary of a user or role.

    A request that sets a boundary has that one instead (IAM User Guide,
    reference_policies_iam-condition-keys.html).
    """
    tags = getattr(subject, "tags", None) or ()
    for tag in tags.values() if isinstance(tags, dict) else tags:
        for service in ("aws", "iam"):
            yield f"{service}:ResourceTag/{tag['Key']}", tag.get("Value", "")
    boundary = getattr(subject, "permissions_boundary_arn", None)
    if boundary and "PermissionsBoundary" not in call.params:
        yield "iam:PermissionsBoundary", boundary


def tag_context(tags: Mapping[str, str], keys: Iterable[str] = ()) -> Context:
    """The condition keys of a request with tags, and with keys of tags alone.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    all_keys = (*tags, *keys)
    of_each = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return {**of_each, "aws:TagKeys": all_keys} if all_keys else {}


def _context(call: SandboxCall) -> Context:
    tags = {tag["Key"]: tag.get("Value", "") for tag in call.params.get("Tags", [])}
    context: dict[str, str | Sequence[str]] = dict(_ALWAYS)
    context.update(session_context(call))
    context.update(tag_context(tags, call.params.get("TagKeys", [])))
    if "PolicyArn" in call.params:
        context["iam:PolicyARN"] = call.params["PolicyArn"]
    if "PermissionsBoundary" in call.params:
        context["iam:PermissionsBoundary"] = call.params["PermissionsBoundary"]
    return context


def session_context(call: SandboxCall) -> Iterator[tuple[str, str]]:
    """Condition keys from the caller's credentials: tags, and those of temporary credentials.

    Long-term credentials carry no aws:MultiFactorAuthPresent, and sessions of roles do not carry
    the second factor with which they were opened (IAM User Guide,
    reference_policies_condition-keys.html#condition-keys-multifactorauthpresent and
    id_credentials_mfa_configure-api-require.html).
    """
    caller = call.caller
    owner = _owner(call.world.iam(caller.account_id, call.partition), caller)
    for tag in (owner.tags if owner else None) or ():
        yield f"aws:PrincipalTag/{tag['Key']}", tag["Value"]
    if caller.issued is not None:
        yield "aws:TokenIssueTime", caller.issued.strftime("%Y-%m-%dT%H:%M:%SZ")
        yield "aws:MultiFactorAuthPresent", "true" if caller.mfa else "false"


def _denied(caller: Caller, request: Request, decision: Decision) -> AwsError:
    """IAM User Guide, troubleshoot_access-denied.html: the type of one policy that is the cause."""
    article, kind = _TYPES[decision.blocked_by[0].layer]
    reason = (
        f"with an explicit deny in {article} {kind}"
        if decision.kind is Verdict.EXPLICIT_DENY
        else f"because no {kind} allows the {request.action} action"
    )
    return AwsError(
        "AccessDenied",
        f"User: {caller.arn} is not authorized to perform: {request.action} "
        f"on resource: {request.resource} {reason}",
    )
