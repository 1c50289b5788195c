"""Decisions against tables of cases, the proofs of temporary grants, and properties of all."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    PolicySource,
    SourceType,
    compile_policy,
)
from iam_access.policy.evaluation.conditions import PolicySyntaxError
from iam_access.policy.evaluation.evaluate import (
    ApplicablePolicies,
    Decision,
    PolicyType,
    Verdict,
    decide,
    decide_for_caller,
)
from iam_access.policy.evaluation.request import PrincipalContext, Request

DATA = Path(__file__).parents[2] / "data" / "evaluator"
TABLES = ("one_account", "services", "peculiarities")
ACCOUNT = "111122223333"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
DEADLINE = datetime(2025, 12, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def compiled(
    statements: Sequence[Mapping[str, Any]],
    kind: SourceType = SourceType.IDENTITY,
    version: str | None = "2012-10-17",
) -> CompiledPolicy:
    document: dict[str, Any] = {"Statement": list(statements)}
    if version is not None:
        document["Version"] = version
    return compile_policy(document, PolicySource(f"{kind}-id", kind, str(kind)))


def caller(spec: Mapping[str, Any]) -> PrincipalContext:
    makers: dict[str, Callable[[Any], PrincipalContext]] = {
        "user": lambda value: PrincipalContext.user(value, spec.get("id", "")),
        "role": lambda value: PrincipalContext.role(value, spec.get("id", "")),
        "session": lambda value: PrincipalContext.role_session(*value),
        "federated": lambda value: PrincipalContext.federated_user(*value),
        "root": PrincipalContext.root,
        "service": PrincipalContext.service,
        "web": PrincipalContext.web_identity,
        "anonymous": lambda _: PrincipalContext.anonymous(),
    }
    kind = next(key for key in spec if key != "id")
    return makers[kind](spec[kind])


def layers_of(policies: Mapping[str, Any], version: str | None) -> ApplicablePolicies:
    def one(name: str, kind: SourceType) -> CompiledPolicy | None:
        return compiled(policies[name], kind, version) if name in policies else None

    def levels(name: str, kind: SourceType) -> tuple[tuple[CompiledPolicy, ...], ...]:
        return tuple(
            tuple(compiled(policy, kind, version) for policy in level)
            for level in policies.get(name, [])
        )

    session = one("session", SourceType.SESSION)
    return ApplicablePolicies(
        identity=tuple(filter(None, [one("identity", SourceType.IDENTITY)])),
        boundary=one("boundary", SourceType.BOUNDARY),
        session=None if session is None else (session,),
        scps=levels("scps", SourceType.SCP),
        rcps=levels("rcps", SourceType.RCP),
        resource=one("resource", SourceType.RESOURCE) or one("trust", SourceType.TRUST),
    )


def _cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in (DATA / f"{name}.yaml" for name in TABLES)
        for case in yaml.load(path.read_bytes(), yaml.CSafeLoader)
    ]


@pytest.mark.parametrize("case", _cases())
def test_case(case: Mapping[str, Any]) -> None:
    request = Request(
        caller(case.get("caller", {"user": ALICE})),
        case.get("action", "s3:GetObject"),
        case.get("resource", "arn:aws:s3:::b/k"),
        case.get("owner"),
        case.get("context", {}),
    )
    decision = decide(request, layers_of(case["policies"], case.get("version", "2012-10-17")))
    assert decision.kind == case["expect"], decision
    assert decision.allowed is (case["expect"] == "allowed")
    if "deciding" in case:
        assert [ref.sid for ref in decision.deciding] == case["deciding"]
    if "blocked_by" in case:
        assert [one.label for one in decision.blocked_by] == case["blocked_by"]
    if "missing" in case:
        assert list(decision.missing_context) == case["missing"]


def _temporary(effect: str = "Allow") -> dict[str, Any]:
    return {
        "Sid": "Grant",
        "Effect": effect,
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"DateLessThan": {"aws:CurrentTime": "2025-12-01T00:00:00Z"}},
    }


def _at(
    moment: datetime, principal: PrincipalContext, action: str = "s3:GetObject", **more: Any
) -> Request:
    resource = more.pop("resource", "arn:aws:s3:::b/k")
    return Request(principal, action, resource, now=moment, **more)


def test_a_conditioned_grant_ends_at_its_deadline() -> None:
    layers = ApplicablePolicies(identity=(compiled([_temporary()]),))
    user = PrincipalContext.user(ALICE)
    assert decide(_at(DEADLINE - SECOND, user), layers).allowed
    after = decide(_at(DEADLINE, user), layers)
    assert after.kind is Verdict.IMPLICIT_DENY
    assert [one.layer for one in after.blocked_by] == [PolicyType.IDENTITY]


def test_a_window_opens_at_its_start() -> None:
    statement = _temporary()
    statement["Condition"]["DateGreaterThanEquals"] = {"aws:CurrentTime": "2025-11-30T00:00:00Z"}
    layers = ApplicablePolicies(identity=(compiled([statement]),))
    start = datetime(2025, 11, 30, tzinfo=UTC)
    user = PrincipalContext.user(ALICE)
    moments = (start - SECOND, start, DEADLINE - SECOND, DEADLINE)
    answers = [decide(_at(moment, user), layers).allowed for moment in moments]
    assert answers == [False, True, True, False]


def test_a_conditioned_deny_ends_too() -> None:
    standing = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    layers = ApplicablePolicies(identity=(compiled([standing]), compiled([_temporary("Deny")])))
    user = PrincipalContext.user(ALICE)
    assert decide(_at(DEADLINE - SECOND, user), layers).kind is Verdict.EXPLICIT_DENY
    assert decide(_at(DEADLINE, user), layers).allowed


def test_a_role_for_a_grant_ends_for_the_sessions_that_are_open() -> None:
    trust = compiled(
        [
            {
                "Effect": "Allow",
                "Principal": {"AWS": ALICE},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "DateLessThan": {"aws:CurrentTime": "2025-12-01T00:00:00Z"},
                    "StringEquals": {"sts:RoleSessionName": "alice"},
                },
            }
        ],
        SourceType.TRUST,
    )
    end = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"DateGreaterThanEquals": {"aws:CurrentTime": "2025-12-01T00:00:00Z"}},
    }
    standing = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    role = ApplicablePolicies(identity=(compiled([standing]), compiled([end])))
    session = PrincipalContext.role_session(ROLE, "alice")
    named = compiled(
        [{"Effect": "Allow", "Principal": {"AWS": session.arn}, "Action": "*", "Resource": "*"}],
        SourceType.RESOURCE,
    )
    with_bucket_policy = ApplicablePolicies(identity=role.identity, resource=named)

    def assume(user: str, moment: datetime, name: str = "alice") -> Decision:
        request = _at(
            moment,
            PrincipalContext.user(user),
            "sts:AssumeRole",
            resource=ROLE,
            context={"sts:RoleSessionName": name},
        )
        return decide(request, ApplicablePolicies(resource=trust))

    assert assume(ALICE, DEADLINE - SECOND).allowed
    assert not assume(ALICE, DEADLINE).allowed
    assert not assume(ALICE, DEADLINE - SECOND, "bob").allowed
    assert not assume(ALICE.replace("alice", "bob"), DEADLINE - SECOND).allowed
    for layers in (role, with_bucket_policy):
        assert decide(_at(DEADLINE - SECOND, session), layers).allowed
        assert decide(_at(DEADLINE, session), layers).kind is Verdict.EXPLICIT_DENY


def test_a_boundary_in_place_of_the_deny_would_not_end_what_a_bucket_policy_grants() -> None:
    standing = compiled([{"Effect": "Allow", "Action": "*", "Resource": "*"}])
    session = PrincipalContext.role_session(ROLE, "alice")
    named = compiled(
        [{"Effect": "Allow", "Principal": {"AWS": session.arn}, "Action": "*", "Resource": "*"}],
        SourceType.RESOURCE,
    )
    boundary = compiled([_temporary()], SourceType.BOUNDARY)
    layers = ApplicablePolicies(identity=(standing,), boundary=boundary)
    assert not decide(_at(DEADLINE, session), layers).allowed
    layers = ApplicablePolicies(identity=(standing,), boundary=boundary, resource=named)
    assert decide(_at(DEADLINE, session), layers).allowed


def test_an_explanation_names_all_that_counted() -> None:
    identity = compiled(
        [
            {"Sid": "Reads", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": "s3:*",
                "Resource": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ]
    )
    boundary = compiled(
        [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}], SourceType.BOUNDARY
    )
    request = Request(PrincipalContext.user(ALICE), "s3:GetObject", "arn:aws:s3:::b/k")
    decision = decide(request, ApplicablePolicies(identity=(identity,), boundary=boundary))
    assert [str(ref) for ref in decision.deciding] == ["identity statement 2"]
    assert [ref.index for ref in decision.matched] == [1, 0]
    assert decision.missing_context == ("aws:SecureTransport",)
    own = decision.layer(PolicyType.BOUNDARY)
    assert own is not None
    assert own.verdict is Verdict.IMPLICIT_DENY
    assert decision.layer(PolicyType.SCP, 1) is None
    assert [str(each) for each in decision.layers] == [
        "identity: explicitDeny by identity statement 2",
        "boundary: implicitDeny",
        "resource: implicitDeny (no policy)",
    ]


def test_the_caller_s_side_alone() -> None:
    allow = compiled([{"Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*"}])
    level = (compiled([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}], SourceType.SCP),)
    foreign = Request(
        PrincipalContext.user(ALICE), "sts:AssumeRole", "arn:aws:iam::444455556666:role/r"
    )
    decision = decide_for_caller(foreign, ApplicablePolicies(identity=(allow,)))
    assert decision.allowed
    assert [ref.sid for ref in decision.deciding] == ["A"]
    assert not decide(foreign, ApplicablePolicies(identity=(allow,))).allowed
    limited = decide_for_caller(foreign, ApplicablePolicies(identity=(allow,), scps=(level,)))
    assert [one.label for one in limited.blocked_by] == ["scp level 1"]
    denied = decide_for_caller(
        foreign, ApplicablePolicies(identity=(allow, compiled([ALLOW | {"Effect": "Deny"}])))
    )
    assert denied.kind is Verdict.EXPLICIT_DENY
    outside = Request(PrincipalContext.service("ec2.amazonaws.com"), "s3:GetObject", "*")
    assert not decide_for_caller(outside, ApplicablePolicies(identity=(allow,))).allowed


def test_layers_are_found_by_level() -> None:
    levels = tuple(
        (compiled([ALLOW | {"Sid": f"S{number}"}], SourceType.SCP),) for number in (1, 2)
    )
    request = Request(PrincipalContext.user(ALICE), "s3:GetObject", "arn:aws:s3:::b/k")
    second = decide(request, ApplicablePolicies(scps=levels)).layer(PolicyType.SCP, 2)
    assert second is not None
    assert [ref.sid for ref in second.statements] == ["S2"]


def test_a_refusal_by_the_service_is_not_laid_to_a_statement() -> None:
    body = [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}]
    request = Request(PrincipalContext.root(ACCOUNT), "sts:AssumeRole", ROLE)
    decision = decide(request, ApplicablePolicies(resource=compiled(body, SourceType.TRUST)))
    assert [(one.layer, one.statements) for one in decision.blocked_by] == [
        (PolicyType.RESOURCE, ())
    ]
    assert decision.blocked_by[0].note == "the root user cannot assume a role"


def test_a_single_statement_need_not_be_in_a_list() -> None:
    document = '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
    policy = compile_policy(document, PolicySource("x", SourceType.IDENTITY, "x"))
    request = Request(PrincipalContext.user(ALICE), "made:Up", "*")
    assert decide(request, ApplicablePolicies(identity=(policy,))).allowed


ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ("{", SourceType.IDENTITY),
        ("[]", SourceType.IDENTITY),
        ("[" * 100_000, SourceType.IDENTITY),
        ({}, SourceType.IDENTITY),
        ({"Statement": "x"}, SourceType.IDENTITY),
        ({"Version": "2020-01-01", "Statement": [ALLOW]}, SourceType.IDENTITY),
        ({"Version": ["2012-10-17"], "Statement": [ALLOW]}, SourceType.IDENTITY),
        ({"Statement": [ALLOW | {"Effect": "allow"}]}, SourceType.IDENTITY),
        ({"Statement": [ALLOW | {"Effect": ["Allow"]}]}, SourceType.IDENTITY),
        ({"Statement": [ALLOW | {"NotAction": "s3:*"}]}, SourceType.IDENTITY),
        ({"Statement": [ALLOW | {"NotResource": "*"}]}, SourceType.IDENTITY),
        ({"Statement": [ALLOW | {"Action": 1}]}, SourceType.IDENTITY),
        ({"Statement": [ALLOW | {"Action": [["s3:*"]]}]}, SourceType.IDENTITY),
        ({"Statement": [{"Effect": "Allow", "Resource": "*"}]}, SourceType.IDENTITY),
        ({"Statement": [{"Effect": "Allow", "Action": "*"}]}, SourceType.IDENTITY),
        ({"Statement": [ALLOW | {"Principal": "*"}]}, SourceType.IDENTITY),
        ({"Statement": [ALLOW | {"Principal": "*"}]}, SourceType.SCP),
        ({"Statement": [ALLOW]}, SourceType.RESOURCE),
        ({"Statement": [ALLOW | {"Principal": "*"}]}, SourceType.TRUST),
        ({"Statement": [ALLOW | {"Principal": "alice"}]}, SourceType.RESOURCE),
        ({"Statement": [ALLOW | {"Principal": {}}]}, SourceType.RESOURCE),
        ({"Statement": [ALLOW | {"Principal": {"User": "x"}}]}, SourceType.RESOURCE),
        ({"Statement": [ALLOW | {"Principal": {"AWS": 1}}]}, SourceType.RESOURCE),
        ({"Statement": [ALLOW | {"Principal": "*", "NotPrincipal": "*"}]}, SourceType.RESOURCE),
        ({"Statement": [ALLOW | {"Condition": []}]}, SourceType.IDENTITY),
        ({"Statement": [ALLOW | {"Condition": None}]}, SourceType.IDENTITY),
    ],
)
def test_what_is_no_policy_is_refused(document: Any, kind: SourceType) -> None:
    with pytest.raises(PolicySyntaxError) as caught:
        compile_policy(document, PolicySource("id", kind, "team.policy"))
    assert caught.value.message
    assert caught.value.hint
    assert isinstance(caught.value, ValueError)


def test_a_refusal_names_the_policy_and_the_statement() -> None:
    document = {"Statement": [ALLOW, ALLOW | {"Condition": {"StringIs": {"k": "v"}}}]}
    with pytest.raises(PolicySyntaxError, match=r"^team\.policy statement 2: .*'StringIs'"):
        compile_policy(document, PolicySource("id", SourceType.IDENTITY, "team.policy"))
