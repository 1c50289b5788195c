"""The policy of a KMS key, and whether those who must administer the key still could.

https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any, Final

from iam_access.kinds.key_file import ADMINS_SID, ROOT_SID, KeySpec
from iam_access.kinds.principal_forms import element_of, in_partition
from iam_access.model import Account
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy.evaluation.compile import PolicySource, SourceType, compile_policy
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, decide
from iam_access.policy.evaluation.request import Context, PrincipalContext, Request
from iam_access.policy.locking import OVER_TLS, WITHOUT_MFA, times_told_apart
from iam_access.snapshot import Document

#: Characters, white space included.
#: https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
SIZE_LIMIT: Final = 32_768
#: What administrators may do: not use the key, unless they give themselves a grant.
#: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-default-allow-administrators
ADMINISTERS: Final = (
    *("kms:CancelKeyDeletion", "kms:Create*", "kms:Delete*", "kms:Describe*", "kms:Disable*"),
    *("kms:Enable*", "kms:Get*", "kms:List*", "kms:Put*", "kms:Revoke*", "kms:RotateKeyOnDemand"),
    *("kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:Update*"),
)
_ANY_KEY: Final = "key/00000000-0000-0000-0000-000000000000"
# What each request about a key of ours has, and what some of them have.
# https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
_OF_KEYS: Final[Context] = {
    **OVER_TLS,
    "kms:KeyOrigin": "AWS_KMS",
    "kms:KeySpec": "SYMMETRIC_DEFAULT",
    "kms:KeyUsage": "ENCRYPT_DECRYPT",
    "kms:MultiRegion": "false",
}
_OF_CALLS: Final[Mapping[str, Context]] = {
    "kms:PutKeyPolicy": {"kms:BypassPolicyLockoutSafetyCheck": "false"},
    "kms:CreateGrant": {"kms:GrantIsForAWSResource": "false"},
}
_EVERYTHING: Final = documents.document(
    [documents.statement("Allow", actions=["*"], resources=["*"])]
)


def root_policy(partition: str, account: str) -> dict[str, Any]:
    """The policy of a key whose use only the account's own policies decide."""
    return documents.document([_root(partition, account)])


def _root(partition: str, account: str) -> dict[str, Any]:
    return documents.statement(
        "Allow",
        sid=ROOT_SID,
        actions=["kms:*"],
        resources=["*"],
        principal={"AWS": arns.iam_arn(account, "root", partition=partition)},
    )


def statements_of(spec: KeySpec) -> list[dict[str, Any]]:
    """The statements that a file asks for beside the account's own, with placeholders."""
    admins = documents.statement(
        "Allow",
        sid=ADMINS_SID,
        actions=ADMINISTERS,
        resources=["*"],
        principal=element_of(spec.admins) if spec.admins else None,
    )
    return [*([admins] if spec.admins else []), *(each.iam for each in spec.statements)]


def key_policy(account: Account, filled: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The policy with these statements, after the one that keeps the key administrable."""
    root = _root(account.partition, account.id)
    return in_partition(documents.document([root, *filled]), account.partition)


def locked_out(
    policy: Document,
    account: Account,
    region: str,
    actions: Sequence[str],
    of_key: Context,
    now: datetime,
) -> tuple[str, str] | None:
    """Who could not administer a key with this policy, now or later, and the action that it lacks.

    `actions` are those that the deployer role makes, `of_key` the condition keys of requests that
    say which key it is. Whatever else its own policies and those of the account say, a Deny of the
    key policy wins. Raises PolicySyntaxError.
    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#prevent-unmanageable-key
    """
    key = f"arn:{account.partition}:kms:{region}:{account.id}:{_ANY_KEY}"
    layers = ApplicablePolicies(
        identity=(compile_policy(_EVERYTHING, _source("everything", SourceType.IDENTITY)),),
        resource=compile_policy(policy, _source("key policy", SourceType.RESOURCE)),
    )
    deployer = PrincipalContext.role_session(
        arns.deployer_role_arn(account), arns.DEPLOYER_SESSION, "AROADEPLOYER"
    )
    root = PrincipalContext.root(account.id, account.partition)
    of_account = {"kms:CallerAccount": account.id, "aws:RequestedRegion": region}
    times = times_told_apart(policy, now)
    without_mfa = WITHOUT_MFA if documents.denies(policy) else WITHOUT_MFA[:1]
    for who, caller, wanted, contexts in (
        ("the deployer role", deployer, actions, without_mfa),
        ("the root user of the account", root, ("kms:PutKeyPolicy",), WITHOUT_MFA[:1]),
    ):
        for when, mfa, action in product(times, contexts, wanted):
            context = {**of_account, **_OF_KEYS, **of_key, **_OF_CALLS.get(action, {}), **mfa}
            request = Request(caller, action, key, account.id, context, now=when)
            if not decide(request, layers).allowed:
                return who, action
    return None


def _source(name: str, type_: SourceType) -> PolicySource:
    return PolicySource(name, type_, name)
