"""Policies of resources in questions and access tests: what AWS's pages say of each case.

IAM User Guide: reference_policies_evaluation-logic_policy-eval-denyallow.html and
reference_policies_evaluation-logic-cross-account.html; KMS Developer Guide: key-policies.html,
grants.html.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_access.kinds.kind import ResourcePolicy
from iam_access.model import Plan, Principal, PrincipalType
from iam_access.policy.document import document
from iam_access.policy.evaluation.batch import BatchEvaluator, set_bits
from iam_access.policy.evaluation.evaluate import Verdict
from iam_access.policy.kms_grants import document_of_grant
from iam_access.simulation.access import (
    AccessAnswer,
    AccessQuestion,
    AskedAccount,
    Judge,
)
from iam_access.simulation.access_report import AccessReport, AccountAnswers
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.assertions import disagreements, find_violations, run_assertions
from iam_access.simulation.named_principals import NamedPrincipal
from iam_access.simulation.offline import OfflineBackend
from iam_access.simulation.origin import Origins
from iam_access.simulation.proving import lacking_context, only_on_some
from iam_access.simulation.questions import AssertionQuestion
from iam_access.simulation.results import BackendDecision
from iam_access.simulation.selection import PrincipalFilter, select_tests
from iam_access.simulation.verification import verify
from iam_access.snapshot import Snapshot
from tests.resources import BUCKET, KEY, OBJECT, bucket, having, key, known, naming, resource
from tests.simulation.accounts import allow, deny, holding
from tests.simulation.suites import suite
from tests.values import (
    ACCOUNT,
    ALICE,
    BOB,
    NOW,
    RUNNER,
    account_with,
    applied,
    apply_plan,
    configuration,
    policy,
    team,
    temporary,
    with_policy,
    with_state,
)

ID, OTHER = ACCOUNT.id, "444455556666"
BOUNDARY = f"arn:aws:iam::{ID}:policy/limit"
ARN = {who: account_with().principals[who].arn for who in (ALICE, BOB, RUNNER)}
SESSION = f"arn:aws:sts::{ID}:assumed-role/runner/nightly"
Policies = Mapping[str, ResourcePolicy]


@pytest.fixture(autouse=True)
def _known() -> Iterator[None]:
    with known():
        yield


def ask(
    account: Snapshot, policies: Policies, action: str, resource: str, *whom: Principal, **more: Any
) -> list[AccessAnswer]:
    account = having(account, policies)
    asked = AccessQuestion(
        (action,), (resource,), more, NOW, tuple(map(NamedPrincipal, whom)) or None
    )
    origins = Origins(configuration(team()), ACCOUNT, account)
    return list(AskedAccount(asked, ACCOUNT, AccountPolicies(account), origins).answers())


def allowed(account: Snapshot, policies: Policies, action: str, resource: str, who: Any) -> bool:
    """Whether a user or role may do it: questions, tests and all at once agree on it."""
    (answer,) = ask(account, policies, action, resource, who)
    account = having(account, policies)
    account_policies = AccountPolicies(account)
    evaluator = account_policies.subject(who).evaluator({}, NOW)
    assert evaluator.decide(action, resource).allowed is answer.allowed
    batch = BatchEvaluator.of([evaluator])
    assert [*set_bits(batch.allowed(action, resource))] == ([0] if answer.allowed else [])
    return answer.allowed


S3 = {"all": [allow("s3:*")], "none": [], "denied": [allow("s3:*"), deny("s3:GetObject")]}
#: For a user: identity policy, boundary, whom the bucket allows and denies, and the decision.
USERS = [
    ("none", None, None, None, False),
    ("all", None, None, None, True),
    ("none", None, "user", None, True),
    ("none", None, "*", None, True),
    ("none", None, "root", None, False),
    ("all", None, "root", None, True),
    ("denied", None, "user", None, False),
    ("all", None, None, "user", False),
    ("all", None, None, "*", False),
    ("none", None, "user", "*", False),
    # A boundary's implicit deny does not limit what the user's own ARN is given.
    ("all", "none", None, None, False),
    ("none", "none", "user", None, True),
    ("none", "none", "root", None, False),
    ("all", "none", "root", None, False),
    ("none", "denied", "user", None, False),
    ("all", "all", None, None, True),
]
#: The same for a role, which acts in a session.
ROLES = [
    ("none", None, "role", None, True),
    ("none", None, "root", None, False),
    ("all", None, "root", None, True),
    # The ARN of the role is limited by its boundary, that of everyone is not.
    ("none", "none", "role", None, False),
    ("all", "none", "role", None, False),
    ("none", "all", "role", None, True),
    ("none", "none", "*", None, True),
    ("none", "denied", "role", None, False),
    ("all", None, "role", "role", False),
]
NAMED: dict[str, Any] = {
    "user": {"AWS": ARN[ALICE]},
    "role": {"AWS": ARN[RUNNER]},
    "root": {"AWS": f"arn:aws:iam::{ID}:root"},
    "*": "*",
}


@pytest.mark.parametrize(
    ("who", "own", "limit", "allows", "denies", "expected"),
    [(ALICE, *row) for row in USERS] + [(RUNNER, *row) for row in ROLES],
)
def test_a_bucket_in_the_same_account(
    who: Principal,
    own: str,
    limit: str | None,
    allows: str | None,
    denies: str | None,
    expected: bool,
) -> None:
    account = holding(*S3[own], principal=who, boundary=BOUNDARY if limit else None)
    if limit:
        within = document(S3[limit] or [allow("sqs:*")])
        account = with_policy(account, BOUNDARY, document=within)
    statements = [naming(NAMED[allows], "s3:*", on=f"{BUCKET}/*")] if allows else []
    statements += [naming(NAMED[denies], "s3:*", effect="Deny")] if denies else []
    found = {BUCKET: bucket(*statements)}
    assert allowed(account, found, "s3:GetObject", OBJECT, who) is expected


ROOT = naming(NAMED["root"], "kms:*")
KMS = [
    # Without the key policy no policy of the user counts.
    ([allow("kms:*")], [], {}, False),
    ([allow("kms:*")], [ROOT], {}, True),
    ([], [ROOT], {}, False),
    ([], [naming(NAMED["user"], "kms:Decrypt")], {}, True),
    # IAM counts only as far as the key delegates to the account.
    ([allow("kms:*")], [naming(NAMED["root"], "kms:Describe*")], {}, False),
    ([deny("kms:*")], [naming(NAMED["user"], "kms:Decrypt")], {}, False),
    # A grant allows by itself, and a Deny wins over it.
    ([], [], {"app": document_of_grant(ARN[ALICE], ["Decrypt"])}, True),
    ([], [], {"app": document_of_grant(ARN[BOB], ["Decrypt"])}, False),
    ([], [], {"app": document_of_grant(ARN[ALICE], ["Encrypt"])}, False),
    ([deny("kms:*")], [], {"app": document_of_grant(ARN[ALICE], ["Decrypt"])}, False),
]


@pytest.mark.parametrize(("own", "statements", "grants", "expected"), KMS)
def test_a_key_in_the_same_account(
    own: list[Any], statements: list[Any], grants: Any, expected: bool
) -> None:
    ours = key(*statements, **grants)
    of_others = replace(key(*statements), grants_of_others=grants)
    for each in (ours, of_others):
        assert allowed(holding(*own), {KEY: each}, "kms:Decrypt", KEY, ALICE) is expected


def test_a_bucket_without_a_policy_is_looked_at_and_a_foreign_one_is_not() -> None:
    account = holding(allow("s3:*"))
    (own,) = ask(account, {BUCKET: bucket()}, "s3:GetObject", OBJECT, ALICE)
    (foreign,) = ask(account, {}, "s3:GetObject", OBJECT, ALICE)
    assert (own.allowed, own.by_resource) == (True, True)
    assert (foreign.allowed, foreign.by_resource) == (True, False)


def test_who_can_names_everyone_whom_the_bucket_lets_in() -> None:
    statements = [
        naming({"AWS": [ARN[BOB], f"arn:aws:iam::{OTHER}:root", SESSION]}, "s3:GetObject"),
        naming({"Service": "logging.s3.amazonaws.com"}, "s3:GetObject"),
        naming({"AWS": "arn:aws:iam::777788889999:role/r"}, "s3:PutObject"),
    ]
    found = ask(account_with(), {BUCKET: bucket(*statements)}, "s3:GetObject", OBJECT)
    assert [each.whom for each in found] == [
        ARN[BOB],
        f"account {OTHER}",
        SESSION,
        "service logging.s3.amazonaws.com",
    ]
    assert all(each.allowed for each in found)
    assert [bool(each.needed) for each in found] == [False, True, False, False]
    assert f"policies of account {OTHER}" in found[1].needed


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, "aws:PrincipalOrgID StringEquals o-1"),
        ({"StringEquals": {"aws:PrincipalAccount": OTHER}}, "aws:PrincipalAccount StringEquals"),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, "aws:SourceIp IpAddress 192.0.2.0/24"),
    ],
)
def test_everyone_under_a_condition_is_told_with_it(condition: Any, told: str) -> None:
    policy = bucket(naming("*", "s3:GetObject", Condition=condition))
    found = ask(account_with(), {BUCKET: policy}, "s3:GetObject", OBJECT)
    (everyone,) = (each for each in found if each.whom == "everyone")
    assert not everyone.allowed
    assert [told in " ".join(way.conditions) for way in everyone.near_misses] == [True]


def test_everyone_without_a_condition_is_told() -> None:
    policy = bucket(naming("*", "s3:GetObject"))
    found = ask(account_with(), {BUCKET: policy}, "s3:GetObject", OBJECT)
    assert ("everyone", True) in [(each.whom, each.allowed) for each in found]
    assert {each.principal for each in found} >= {ALICE, BOB, RUNNER}


def test_who_can_on_all_resources_tells_what_policies_of_resources_allow() -> None:
    policies = {BUCKET: bucket(naming({"AWS": ARN[BOB]}, "s3:GetObject", on=f"{BUCKET}/a/*"))}
    (bob,) = ask(account_with(), policies, "s3:GetObject", "*")
    assert (bob.principal, bob.allowed) == (BOB, False)
    assert [way.resource for way in bob.near_misses] == [f"{BUCKET}/a/*"]
    (outside,) = ask(
        account_with(),
        {KEY: key(naming({"AWS": OTHER}, "kms:Decrypt"))},
        "kms:Decrypt",
        "arn:aws:kms:*:*:key/*",
    )
    assert (outside.whom, outside.allowed) == (f"account {OTHER}", False)
    assert [way.resource for way in outside.near_misses] == [KEY]


def test_a_pattern_of_actions_is_told_as_far_as_the_bucket_allows_it() -> None:
    policies = {BUCKET: bucket(naming({"AWS": [ARN[BOB], OTHER]}, "s3:GetObject"))}
    found = ask(account_with(), policies, "s3:Get*", OBJECT)
    told = {each.whom: [way.action for way in each.near_misses] for each in found}
    assert told == {ARN[BOB]: ["s3:GetObject"], f"account {OTHER}": ["s3:GetObject"]}


@pytest.mark.parametrize(
    ("own", "statements"),
    [
        # Delegation to the account is no permission by itself.
        ([], [ROOT]),
        # Without the key policy the user's condition does not matter.
        ([allow("kms:*", when={"Bool": {"aws:SecureTransport": "true"}})], []),
        ([allow("kms:*", when={"Bool": {"aws:SecureTransport": "true"}})], [
            ROOT, naming("*", "kms:*", effect="Deny")
        ]),
    ],
)  # fmt: skip
def test_nobody_can_is_a_proof(own: list[Any], statements: list[Any]) -> None:
    assert ask(holding(*own), {KEY: key(*statements)}, "kms:Decrypt", KEY) == []


def test_a_condition_of_the_user_or_the_key_is_told() -> None:
    secure = {"Bool": {"aws:SecureTransport": "true"}}
    (found,) = ask(holding(allow("kms:*", when=secure)), {KEY: key(ROOT)}, "kms:Decrypt", KEY)
    assert [way.conditions for way in found.near_misses] == [("aws:SecureTransport Bool true",)]
    lent = key(naming(NAMED["root"], "kms:*", Condition=secure))
    (found,) = ask(holding(allow("kms:*")), {KEY: lent}, "kms:Decrypt", KEY)
    assert [way.conditions for way in found.near_misses] == [("aws:SecureTransport Bool true",)]


def test_a_role_is_asked_for_by_its_trust_policy() -> None:
    trust = document(
        [
            naming({"AWS": ARN[ALICE]}, "sts:AssumeRole"),
            naming({"Service": "ec2.amazonaws.com"}, "sts:AssumeRole"),
            naming({"AWS": f"arn:aws:iam::{ID}:root"}, "sts:TagSession"),
        ]
    )
    for statement in trust["Statement"]:
        del statement["Resource"]
    account = with_state(holding(allow("sts:*"), principal=BOB), RUNNER, trust=trust)
    found = ask(account, {}, "sts:AssumeRole", ARN[RUNNER])
    assert [each.whom for each in found] == [ARN[ALICE], "service ec2.amazonaws.com"]
    assert [each.whom for each in ask(account, {}, "sts:TagSession", ARN[RUNNER])] == [ARN[BOB]]


def test_what_was_not_looked_at_is_said() -> None:
    def caveats(policies: Policies, resource: str) -> str:
        account = having(account_with(), policies)
        asked = AccessQuestion(("s3:GetObject",), (resource,), {}, NOW)
        origins = Origins(configuration(team()), ACCOUNT, account)
        place = AskedAccount(asked, ACCOUNT, AccountPolicies(account), origins)
        found = tuple(place.answers())
        one = AccountAnswers(ACCOUNT, found, known_resources=place.known_resources)
        return " ".join(AccessReport(asked, (one,), on_plan=False).caveats)

    open_ = {BUCKET: bucket(naming({"AWS": ARN[BOB]}, "s3:GetObject"))}
    assert caveats(open_, OBJECT) == "service control policies were not looked at"
    assert "buckets, keys and other resources that no file" in caveats(open_, "*")
    assert "that no file here describes, or that others made, and" in caveats({}, OBJECT)


# Access tests.


def violations(account: Snapshot, policies: Policies, **test: Any) -> list[str]:
    """Whom a test fails for, as all are decided at once and one by one."""
    account = having(account, policies)
    tests = suite({"resources": [OBJECT], **test})
    found = select_tests([tests], ACCOUNT, account, PrincipalFilter(), NOW).assertions
    backend = OfflineBackend(AccountPolicies(account))
    quick = find_violations(ACCOUNT, found, backend)
    whole = run_assertions(ACCOUNT, found, backend)
    failing = [
        [(each.arn, each.question.circumstances) for each in one.results if not each.ok]
        for one in (quick, whole)
    ]
    assert failing[0] == failing[1]
    assert quick.findings == ()
    return [f"{arn}{how}" for arn, how in failing[0]]


def test_an_access_test_counts_what_a_bucket_allows_and_denies() -> None:
    lets_bob = {BUCKET: bucket(naming({"AWS": ARN[BOB]}, "s3:GetObject"))}
    assert violations(account_with(), lets_bob) == [ARN[BOB]]
    shut = {BUCKET: bucket(naming("*", "s3:*", effect="Deny"))}
    assert violations(holding(allow("s3:*")), shut) == []
    assert violations(holding(allow("s3:*")), {BUCKET: bucket()}) == [ARN[ALICE]]
    wanted = {"expected_result": "succeed", "users": ["bob@example.com"]}
    assert violations(account_with(), lets_bob, **wanted) == []
    assert violations(account_with(), shut, **wanted) == [ARN[BOB]]


def test_what_must_fail_must_fail_for_all_that_a_bucket_allows() -> None:
    by_agent = {"StringEquals": {"aws:UserAgent": "tool"}}
    later = {"DateGreaterThan": {"aws:CurrentTime": "2090-01-01T00:00:00Z"}}
    policies = {BUCKET: bucket(naming({"AWS": ARN[BOB]}, "s3:GetObject", Condition=by_agent))}
    assert violations(account_with(), policies) == [f"{ARN[BOB]} with aws:UserAgent tool"]
    policies = {BUCKET: bucket(naming({"AWS": ARN[BOB]}, "s3:GetObject", Condition=later))}
    assert violations(account_with(), policies) == [f"{ARN[BOB]} at 2090-01-01T00:00:01Z"]
    lent = naming(NAMED["root"], "kms:*", Condition=by_agent)
    on_key = {"actions": ["kms:Decrypt"], "resources": [KEY]}
    account = holding(allow("kms:*"))
    assert violations(account, {KEY: key(lent)}, **on_key) == [
        f"{ARN[ALICE]} with aws:UserAgent tool"
    ]
    assert violations(account, {KEY: key()}, **on_key) == []


@pytest.mark.parametrize("pattern", ["arn:aws:s3:::*/2026/*", "arn:aws:s3:::rep*/may"])
def test_a_pattern_for_objects_of_buckets_means_those_of_a_bucket(pattern: str) -> None:
    policies = {BUCKET: bucket(naming({"AWS": ARN[BOB]}, "s3:GetObject", on=f"{BUCKET}/*"))}
    (answer,) = ask(account_with(), policies, "s3:GetObject", pattern, BOB)
    assert answer.possible
    account = having(account_with(), policies)
    (asked,) = select_tests(
        [suite({"resources": [pattern]})], ACCOUNT, account, PrincipalFilter(), NOW
    ).assertions
    (found,) = only_on_some(ACCOUNT, [asked], AccountPolicies(account))
    assert ARN[BOB] in found.message


def test_a_test_that_proves_nothing_of_a_bucket_says_so() -> None:
    vpce = {"StringEquals": {"aws:CalledViaFirst": "athena.amazonaws.com"}}
    policy = bucket(naming({"AWS": ARN[BOB]}, "s3:GetObject", Condition=vpce))
    account = having(account_with(), {BUCKET: policy})
    at = AccountPolicies(account)
    (asked,) = select_tests(
        [suite({"resources": [OBJECT]})], ACCOUNT, account, PrincipalFilter(), NOW
    ).assertions
    (found,) = lacking_context(ACCOUNT, [asked], at)
    assert "aws:CalledViaFirst" in found.message
    account = having(account_with(), {BUCKET: bucket(naming({"AWS": ARN[BOB]}, "s3:GetObject"))})
    (asked,) = select_tests(
        [suite({"resources": ["*"]})], ACCOUNT, account, PrincipalFilter(), NOW
    ).assertions
    (found,) = only_on_some(ACCOUNT, [asked], AccountPolicies(account))
    assert f"{ARN[BOB]} may do s3:GetObject on" in found.message


def test_the_simulator_is_compared_without_policies_that_it_is_not_given() -> None:
    policies = {BUCKET: bucket(naming({"AWS": ARN[BOB]}, "s3:GetObject"))}
    account = having(account_with(), policies)
    found = select_tests(
        [suite({"resources": [OBJECT]})], ACCOUNT, account, PrincipalFilter(), NOW
    ).assertions
    here = run_assertions(ACCOUNT, found, OfflineBackend(AccountPolicies(account)))
    there = run_assertions(ACCOUNT, found, OfflineBackend(AccountPolicies(account_with())))
    assert {each.arn for each in here.violations} == {ARN[BOB]}
    assert disagreements(here, there) == ()


def test_an_outsider_is_no_principal_of_iam() -> None:
    assert str(Principal(PrincipalType.OUTSIDER, "everyone")) == "everyone"
    assert Principal(PrincipalType.OUTSIDER, "account 1").label == "account 1"


# Proof after an apply.


def proof(
    wanted: Policies, there: Policies, account: Snapshot | None = None
) -> tuple[list[tuple[str, str]], str]:
    """The findings with code and severity, and the sentence that counts."""
    asked = tuple(resource(arn, policy) for arn, policy in wanted.items())
    plan = Plan(ACCOUNT, (), (), wanted=asked)
    found = verify(having(account or account_with(), there), plan, (), plan, NOW).findings
    *others, counted = found
    return [(each.code, str(each.severity)) for each in others], counted.message


def test_it_is_proven_whom_a_resource_lets_in() -> None:
    principals = {"AWS": [ARN[ALICE], OTHER, SESSION], "Service": "logging.s3.amazonaws.com"}
    in_org = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    policies = {
        BUCKET: bucket(
            naming(principals, "s3:GetObject", on=f"{BUCKET}/*"),
            naming("*", "s3:ListBucket", on=BUCKET, Condition=in_org),
        ),
        KEY: key(ROOT, app=document_of_grant(ARN[BOB], ["Decrypt"])),
    }
    findings, counted = proof(policies, policies)
    assert findings == []
    assert counted.endswith("6 of 6 times that a resource lets a principal in")
    assert proof({}, {}) == ([], "0 of 0 grants proven to be allowed, 0 of 0 temporary ones to end")


@pytest.mark.parametrize("what", [{"Action": "*"}, {"NotAction": ["kms:D*", "kms:GetKeyPolicy"]}])
def test_all_actions_of_a_resource_are_those_of_its_service(what: dict[str, Any]) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": ARN[BOB]}, "Resource": "*", **what}
    findings, counted = proof({KEY: key(statement)}, {KEY: key(statement)})
    assert findings == []
    assert counted.endswith("1 of 1 times that a resource lets a principal in")


@pytest.mark.parametrize(
    ("account", "there"),
    [
        (holding(deny("s3:*"), principal=BOB), [naming({"AWS": ARN[BOB]}, "s3:GetObject")]),
        (account_with(), [naming({"AWS": ARN[BOB]}, "s3:PutObject")]),
        (
            account_with(),
            [naming({"AWS": ARN[BOB]}, "s3:GetObject"), naming("*", "s3:*", effect="Deny")],
        ),
    ],
)
def test_who_is_let_in_and_may_not_is_an_error(account: Snapshot, there: list[Any]) -> None:
    wanted = {BUCKET: bucket(naming({"AWS": ARN[BOB]}, "s3:GetObject", on=f"{BUCKET}/*"))}
    findings, counted = proof(wanted, {BUCKET: bucket(*there)}, account)
    assert findings == [("verify-not-allowed", "error")]
    assert counted.endswith("0 of 1 times that a resource lets a principal in")


def test_what_depends_on_the_request_is_not_taken_for_proven() -> None:
    on_own = naming("*", "s3:GetObject", on=f"{BUCKET}/${{aws:PrincipalTag/x}}")
    findings, counted = proof({BUCKET: bucket(on_own)}, {BUCKET: bucket(on_own)})
    assert findings == [("verify-unproven", "note")]
    assert counted.endswith("0 of 1 times that a resource lets a principal in")


def test_a_grant_of_ours_is_not_proven_by_a_bucket_nor_outlived_by_it() -> None:
    reading = {"effect": "Allow", "actions": ["s3:ListBucket"], "resources": [BUCKET]}
    grants = policy("read", custom_statements=[reading])
    files = configuration(team(policies=[grants], temporary=[temporary()]))
    account = applied(files, account_with())
    plan = apply_plan(files, account)
    lists = {BUCKET: bucket(naming({"AWS": ARN[ALICE]}, "s3:*"))}
    found = verify(having(account, lists), plan, (), plan, NOW)
    assert (found.alive, found.temporary, found.ending) == (1, 1, 1)


def test_another_account_is_let_in_under_conditions_on_its_principals() -> None:
    only = {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{OTHER}:role/deploy/*"}}
    policy_ = bucket(naming({"AWS": OTHER}, "s3:GetObject", Condition=only))
    (found,) = ask(account_with(), {BUCKET: policy_}, "s3:GetObject", OBJECT)
    assert (found.whom, found.allowed) == (f"account {OTHER}", False)
    (way,) = found.near_misses
    assert way.conditions == (f"aws:PrincipalArn ArnLike arn:aws:iam::{OTHER}:role/deploy/*",)


def test_a_role_lets_another_account_in_and_not_its_root_user() -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "sts:AssumeRole"}
    account = with_state(account_with(), RUNNER, trust=document([statement]))
    (found,) = ask(account, {}, "sts:AssumeRole", ARN[RUNNER])
    assert (found.whom, found.allowed) == (f"account {OTHER}", True)


def test_what_a_key_leaves_to_its_account_is_not_said_to_allow_it() -> None:
    (found,) = ask(account_with(), {KEY: key(ROOT)}, "kms:Decrypt", KEY, BOB)
    assert not found.ineffective_allows


@pytest.mark.parametrize("said", [Verdict.ALLOWED, Verdict.EXPLICIT_DENY])
def test_aws_is_not_believed_about_what_only_a_resource_decides(said: Verdict) -> None:
    shut = naming({"AWS": ARN[ALICE]}, "s3:*", effect="Deny")
    account = having(holding(allow("s3:*")), {BUCKET: bucket(shut)})
    asked = AccessQuestion(("s3:GetObject",), (OBJECT,), {}, NOW, (NamedPrincipal(ALICE),))

    class Simulator:
        def ask(self, question: AssertionQuestion) -> dict[tuple[str, str], BackendDecision]:
            return {pair: BackendDecision(said) for pair in question.pairs}

    at = AccountPolicies(account)
    judge = Judge(asked, Simulator(), at, ACCOUNT)
    origins = Origins(configuration(team()), ACCOUNT, account)
    (found,) = AskedAccount(asked, ACCOUNT, at, origins).answers(judge)
    assert not found.allowed
    assert (found.aws is None) is (said is Verdict.ALLOWED)
    one = AccountAnswers(ACCOUNT, (found,))
    caveats = AccessReport(asked, (one,), on_plan=False, by_aws=True).caveats
    assert any("judges no policies of resources" in each for each in caveats) is (
        said is Verdict.ALLOWED
    )


STATEMENTS = st.lists(
    st.builds(
        lambda who, action, effect, when: naming(who, action, effect=effect, **when),
        st.sampled_from(["*", NAMED["root"], NAMED["user"], NAMED["role"], {"AWS": OTHER}]),
        st.sampled_from(["s3:GetObject", "s3:*", "kms:Decrypt", "kms:*"]),
        st.sampled_from(["Allow", "Allow", "Deny"]),
        st.sampled_from([{}, {}, {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}]),
    ),
    max_size=3,
)
OWN = st.lists(
    st.builds(
        lambda action, effect: allow(action, effect=effect),
        st.sampled_from(["s3:*", "kms:*", "kms:Decrypt"]),
        st.sampled_from(["Allow", "Allow", "Deny"]),
    ),
    max_size=2,
)


@pytest.mark.exhaustive
@settings(max_examples=500)
@given(STATEMENTS, STATEMENTS, OWN, st.sampled_from([None, "s3:*", "kms:*", "*"]))
def test_questions_leave_out_no_one_who_can_and_tests_name_no_one_else(
    on_bucket: list[Any], on_key: list[Any], own: list[Any], limit: str | None
) -> None:
    account = with_policy(account_with(), BOUNDARY, document=document([allow(limit or "*")]))
    for who in (ALICE, RUNNER):
        boundary = BOUNDARY if limit else None
        account = holding(*own, principal=who, account=account, boundary=boundary)
    policies = {BUCKET: bucket(*on_bucket), KEY: key(*on_key)}
    at = AccountPolicies(having(account, policies))
    contexts: tuple[dict[str, str], ...] = (
        {},
        *({"aws:SecureTransport": each} for each in ("true", "false")),
    )
    for action, on in (("s3:GetObject", OBJECT), ("kms:Decrypt", KEY), ("kms:Encrypt", KEY)):
        told = [{each.arn for each in ask(account, policies, action, one)} for one in (on, "*")]
        failing = {
            each.partition(" ")[0]
            for each in violations(account, policies, actions=[action], resources=[on])
        }
        for who in (ALICE, RUNNER):
            subject = at.subject(who)
            can = any(subject.decide(action, on, each, NOW).allowed for each in contexts)
            assert (ARN[who] in failing) is can
            assert not can or all(ARN[who] in each for each in told)
