"""The layers together, for all combinations, against the order as AWS's pages tell it in prose.

IAM User Guide: reference_policies_evaluation-logic_policy-eval-denyallow.html and
reference_policies_evaluation-logic-cross-account.html. The expectation is worked out here from
words about the layers ("allow", "deny"), never from policies.
"""

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest

from iam_access.policy.evaluation.batch import BatchEvaluator
from iam_access.policy.evaluation.compile import CompiledPolicy, SourceType
from iam_access.policy.evaluation.decision_cache import DecisionCache
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, decide
from iam_access.policy.evaluation.request import PrincipalContext, Request
from tests.policy.evaluation.test_evaluate import ACCOUNT, ALICE, ROLE, compiled

OTHER = "444455556666"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
LINKED = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"
CALLERS = {
    "user": PrincipalContext.user(ALICE),
    "session": PrincipalContext.role_session(ROLE, "s"),
    "linked": PrincipalContext.role_session(LINKED, "s"),
    "federated": PrincipalContext.federated_user(ALICE, "f"),
    "federated root": PrincipalContext.federated_user(ROOT, "f"),
    "root": PrincipalContext.root(ACCOUNT),
    "service": PrincipalContext.service("ec2.amazonaws.com"),
    "anonymous": PrincipalContext.anonymous(),
}
OUTSIDE = ("service", "anonymous")
SESSIONS = ("session", "linked", "federated", "federated root")

# What a layer says of the request: nothing at all, an Allow, a Deny beside an Allow. None: no such
# policy.
SAYS = {"nothing": (), "allow": ("Allow",), "deny": ("Allow", "Deny")}
WORDS = (None, *SAYS)
LEVELS = ((), ("allow", "allow"), ("allow", "nothing"), ("deny",))
# How the policy of the resource names the caller.
NAMES: dict[str, Any] = {
    "nobody else": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/zed"},
    "account": {"AWS": ACCOUNT},
    "everybody": "*",
    "issuer": {"AWS": [ALICE, ROLE, LINKED]},
    "itself": {
        "AWS": [CALLERS[name].arn for name in CALLERS if name not in OUTSIDE and name != "root"],
        "Service": "ec2.amazonaws.com",
    },
}


@cache
def policy(word: str, kind: SourceType, name: str = "") -> CompiledPolicy:
    principal = {"Principal": NAMES[name or "everybody"]} if kind.has_principal else {}
    body = [
        {"Effect": e, "Action": ["s3:*", "kms:*"], "Resource": "*", **principal} for e in SAYS[word]
    ]
    return compiled(body, kind)


def directness(who: str, name: str) -> str:
    """How the caller is named: directly, by its issuer or account, or not at all."""
    if name == "everybody":
        return "direct"
    if name == "issuer":
        return {"user": "direct", "session": "issuer", "linked": "issuer"}.get(
            who, "issuer" if who == "federated" else ""
        )
    if who in OUTSIDE:
        return "direct" if (who, name) == ("service", "itself") else ""
    if name == "account":
        return "direct" if who == "root" else "account"
    return "direct" if name == "itself" and who != "root" else ""


def expected(
    who: str,
    identity: str | None,
    boundary: str | None,
    session: str | None,
    scps: tuple[str, ...],
    resource: tuple[str, str] | None,
    same_account: bool,
    *,
    is_key: bool,
) -> tuple[str, set[str]]:
    """The decision, and for an explicit deny all the layers that make it.

    A key has to allow as well, be it by naming the account alone (KMS Developer Guide,
    key-policies.html).
    """
    is_root = who in ("root", "federated root")
    has_own = who not in OUTSIDE and not is_root
    named = directness(who, resource[1]) if resource else ""
    words = {
        "identity": identity if has_own else None,
        "boundary": boundary if has_own and who != "linked" else None,
        "session": session if who in SESSIONS else None,
        "resource": resource[0] if resource and named else None,
    }
    levels = () if who in (*OUTSIDE, "linked") else scps
    denying = {layer for layer, word in words.items() if word == "deny"}
    denying |= {f"scp level {number}" for number, word in enumerate(levels, 1) if word == "deny"}
    if denying:
        return "explicitDeny", denying
    granted = words["identity"] == "allow" or is_root
    within_boundary = words["boundary"] in (None, "allow")
    needs_session = who in ("federated", "federated root")
    within_session = words["session"] == "allow" or (words["session"] is None and not needs_session)
    by_resource = words["resource"] == "allow"
    own = granted and within_boundary and within_session
    if who in OUTSIDE:
        may = by_resource
    elif not same_account:
        may = own and by_resource
    elif by_resource and named == "direct":
        may = True
    elif by_resource and named == "issuer":
        may = within_boundary and within_session
    else:
        may = own and (by_resource or not is_key)
    may = may and all(word == "allow" for word in levels)
    return ("allowed" if may else "implicitDeny"), set()


def combinations() -> Iterator[tuple[Any, ...]]:
    resources = [None, *product(SAYS, NAMES)]
    return product(WORDS, WORDS, WORDS, LEVELS, resources, (True, False))


@pytest.mark.exhaustive
@pytest.mark.parametrize("who", CALLERS)
def test_all_combinations_of_layers(who: str) -> None:
    for identity, boundary, session, scps, resource, same_account in combinations():
        layers = ApplicablePolicies(
            identity=() if identity is None else (policy(identity, SourceType.IDENTITY),),
            boundary=None if boundary is None else policy(boundary, SourceType.BOUNDARY),
            session=None if session is None else (policy(session, SourceType.SESSION),),
            scps=tuple((policy(word, SourceType.SCP),) for word in scps),
            resource=None
            if resource is None
            else policy(resource[0], SourceType.RESOURCE, resource[1]),
        )
        owner = ACCOUNT if same_account else OTHER
        told = (identity, boundary, session, scps, resource, same_account)
        for action, arn in (
            ("s3:GetObject", "arn:aws:s3:::b/k"),
            ("kms:Decrypt", f"arn:aws:kms:eu-west-1:{owner}:key/k"),
        ):
            decision = decide(Request(CALLERS[who], action, arn, owner), layers)
            kind, denying = expected(who, *told, is_key=action.startswith("kms"))
            assert decision.kind == kind, (action, told)
            blocking = {one.label for one in decision.blocked_by}
            is_so = blocking == denying if denying else bool(blocking) == (kind != "allowed")
            assert is_so, (action, told)


def test_a_crowd_and_a_matrix_know_what_no_policy_decides() -> None:
    cache = DecisionCache()
    deny = policy("deny", SourceType.IDENTITY)
    callers = [CALLERS["user"], CALLERS["session"], CALLERS["linked"]]
    evaluators = [
        cache.evaluator(caller, ApplicablePolicies(identity=(deny,)), {}) for caller in callers
    ]
    assert BatchEvaluator.of(evaluators).allowed("sts:GetCallerIdentity", "*") == 0b111
    assert BatchEvaluator.of(evaluators).allowed("sts:GetAccessKeyInfo", "*") == 0
    root = compiled([{"Effect": "Allow", "Action": "sts:AssumeRoot", "Resource": "*"}])
    opening = [
        cache.evaluator(caller, ApplicablePolicies(identity=(root,)), {}) for caller in callers
    ]
    elsewhere = f"arn:aws:iam::{OTHER}:root"
    assert BatchEvaluator.of(opening).allowed("sts:AssumeRoot", elsewhere) == 0b111
    assert BatchEvaluator.of(evaluators).allowed("sts:AssumeRoot", elsewhere) == 0
    layers = ApplicablePolicies(session=(policy("allow", SourceType.SESSION),))
    asked = "s3:GetObject", "arn:aws:s3:::b/k"
    for who, allowed in (("federated", False), ("federated root", True)):
        assert cache.evaluator(CALLERS[who], layers, {}).decide(*asked).allowed is allowed
