"""Questions, assertions and proofs after an apply judge alike: by the caller's side alone."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from iam_access.kinds import inline_policy, names
from iam_access.model import (
    Plan,
    Principal,
    PrincipalType,
    Resource,
)
from iam_access.policy.document import document
from iam_access.simulation.access import AccessQuestion, AskedAccount
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.assertions import find_violations, run_assertions
from iam_access.simulation.named_principals import NamedPrincipal
from iam_access.simulation.offline import OfflineBackend
from iam_access.simulation.origin import Origins
from iam_access.simulation.results import TestResult
from iam_access.simulation.selection import PrincipalFilter, select_tests
from iam_access.simulation.verification import verify
from iam_access.snapshot import PrincipalState, Snapshot
from tests.simulation.accounts import allow, deny
from tests.simulation.suites import suite
from tests.values import ACCOUNT, NOW, account_with, configuration, state_of, team, with_policy

OTHER = "444455556666"
MFA = {"aws:MultiFactorAuthPresent": "true"}
# Among them what the policy of a resource would have to allow as well.
ACTIONS = (
    "s3:PutObject",
    "kms:Decrypt",
    "sts:AssumeRole",
    "sts:GetCallerIdentity",
    "sqs:SendMessage",
    "iam:PassRole",
    "ec2:RunInstances",
)
RESOURCES = (
    "*",
    "arn:aws:s3:::bucket/key",
    f"arn:aws:kms:eu-west-1:{ACCOUNT.id}:key/abc",
    f"arn:aws:kms:eu-west-1:{OTHER}:key/abc",
    f"arn:aws:iam::{ACCOUNT.id}:role/local",
    f"arn:aws:iam::{OTHER}:role/far",
    f"arn:aws:sqs:eu-west-1:{OTHER}:orders",
    f"arn:aws:sqs:eu-west-1:{ACCOUNT.id}:orders",
)
POLICIES: dict[str, list[dict[str, Any]]] = {
    "everything": [allow("*")],
    "nothing": [],
    "mine": [
        allow("*", when={"StringEquals": {"aws:ResourceAccount": ACCOUNT.id}}),
        deny("kms:*", on=f"arn:aws:kms:*:{OTHER}:*"),
    ],
    "some": [
        allow("s3:*", "sqs:*", on=["arn:aws:s3:::bucket/*", f"arn:aws:sqs:*:{OTHER}:*"]),
        allow("kms:Decrypt", "sts:*", on="*", when={"Bool": MFA}),
        deny("sts:*", NotResource=[f"arn:aws:iam::{OTHER}:role/*"]),
    ],
    "named": [
        allow("*", when={"StringLike": {"aws:PrincipalArn": "*role/*"}}),
        allow("s3:*", when={"Bool": {"aws:ViaAWSService": "false"}}),
        allow("sqs:*", when={"Null": {"aws:TokenIssueTime": "true"}}),
        deny("ec2:*", "sts:GetCallerIdentity"),
    ],
}
BOUNDARIES: dict[str, list[dict[str, Any]]] = {
    "keys": [allow("kms:*", "sts:*")],
    "closed": [allow("*"), deny("kms:*", "sts:AssumeRole")],
}
BOUNDARY_ARNS = {key: f"arn:aws:iam::{ACCOUNT.id}:policy/{key}" for key in BOUNDARIES}
QUESTIONS = tuple(product(ACTIONS, RESOURCES))


Said = dict[tuple[Principal, str, str], bool]


def everybody() -> Iterator[PrincipalState]:
    """Users and roles with each of the policies, without and with each boundary."""
    for type_, name in product((PrincipalType.USER, PrincipalType.ROLE), POLICIES):
        for boundary in (None, *BOUNDARIES):
            state = state_of(Principal(type_, f"{name}-{boundary}"))
            inline = {"own": document(POLICIES[name])} if POLICIES[name] else {}
            yield replace(state, inline=inline, boundary=BOUNDARY_ARNS.get(boundary or ""))


def account_of(states: Iterable[PrincipalState]) -> Snapshot:
    snapshot = account_with()
    for key, arn in BOUNDARY_ARNS.items():
        snapshot = with_policy(snapshot, arn, document=document(BOUNDARIES[key]))
    return replace(snapshot, principals={each.principal: each for each in states})


def by_questions(snapshot: Snapshot, *principals: Principal) -> Said:
    asked = AccessQuestion(
        ACTIONS, RESOURCES, MFA, NOW, tuple(map(NamedPrincipal, principals)) or None
    )
    origins = Origins(configuration(team()), ACCOUNT, snapshot)
    found = AskedAccount(asked, ACCOUNT, AccountPolicies(snapshot), origins).answers()
    return {(each.principal, each.action, each.resource): each.allowed for each in found}


def by_assertions(snapshot: Snapshot) -> tuple[Said, Said]:
    """What a test says of all principals, and what the quick way to find violations says."""
    tests = suite({"actions": [*ACTIONS], "resources": [*RESOURCES]}, team=None)
    assertions = select_tests([tests], ACCOUNT, snapshot, PrincipalFilter(), NOW).assertions
    backend = OfflineBackend(AccountPolicies(snapshot))
    every = run_assertions(ACCOUNT, assertions, backend).results
    violations = find_violations(ACCOUNT, assertions, backend).results
    return _said(every), _said(violations)


def _said(results: Iterable[TestResult]) -> Said:
    return {(one.question.state.principal, one.action, one.resource): not one.ok for one in results}


def test_questions_and_assertions_say_the_same_a_thousand_times() -> None:
    account = account_of(everybody())
    named = by_questions(account, *account.principals)
    assert len(named) > 1_000
    every, violations = by_assertions(account)
    assert named == every
    allowed = {key for key, may in named.items() if may}
    assert {key for key, may in by_questions(account).items() if may} == allowed == set(violations)
    # No answer goes without saying, least of all where the policy of a resource counts, too.
    for action, resource in QUESTIONS:
        said = {may for (_, *asked), may in named.items() if asked == [action, resource]}
        assert said == ({True} if action == "sts:GetCallerIdentity" else {True, False})


def test_a_proof_after_an_apply_says_what_questions_say() -> None:
    given: dict[str, tuple[Principal, str, str]] = {}
    wanted: list[Resource] = []
    states: list[PrincipalState] = []
    for state in everybody():
        inline = dict(state.inline)
        for number, (action, resource) in enumerate(QUESTIONS):
            name = names.inline_name("payments", f"g{len(states)}-{number}", NOW)
            given[name] = state.principal, action, resource
            inline[name] = document([allow(action, on=resource)])
            granted = Resource(
                inline_policy.resource_id(state.principal, name),
                name,
                frozenset({"payments"}),
                document=inline[name],
                principal=state.principal,
            )
            wanted.append(granted)
        states.append(replace(state, inline=inline))
    account = account_of(states)
    said = by_questions(account, *account.principals)
    plan, again = Plan(ACCOUNT, (), (), wanted=tuple(wanted)), Plan(ACCOUNT, (), ())
    *found, counted = verify(account, plan, (), again, NOW).findings
    assert counted.code == "verified"
    assert {each.code for each in found} == {"verify-not-allowed"}
    refused = {each.message.partition(" is granted ")[2].partition(", but ")[0] for each in found}
    assert {given[name] for name in refused} == {key for key, may in said.items() if not may}
    assert len(said) > 1_000
