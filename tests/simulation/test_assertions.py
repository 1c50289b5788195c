"""Tests become questions to principals, and answers become results."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from iam_access.config.suites import Suite
from iam_access.model import Account, Principal, PrincipalType
from iam_access.plan.account_after import after
from iam_access.policy.evaluation.evaluate import PolicyType, Verdict, decide_for_caller
from iam_access.policy.evaluation.request import Request
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.assertions import disagreements, run_assertions
from iam_access.simulation.offline import OfflineBackend
from iam_access.simulation.proving import lacking_context
from iam_access.simulation.questions import AssertionQuestion
from iam_access.simulation.results import (
    AccountTests,
    BackendDecision,
    BackendName,
    Basis,
    TestReport,
)
from iam_access.simulation.selection import (
    PrincipalFilter,
    SelectedTests,
    matched_nowhere,
    select_tests,
)
from iam_access.snapshot import Snapshot
from tests.simulation.suites import suite
from tests.values import (
    ACCOUNT,
    ALICE,
    BOB,
    NOW,
    RUNNER,
    account_with,
    apply_plan,
    configuration,
    permanent,
    policy,
    state_of,
    team,
    with_policy,
    with_state,
)

OTHER = "999988887777"


def allow(*actions: str, **statement: Any) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Some", "Effect": "Allow", "Action": list(actions), "Resource": "*"} | statement
        ],
    }


def trust(**principal: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return {"Version": "2012-10-17", "Statement": [statement]}


ROOT = f"arn:aws:iam::{ACCOUNT.id}:root"


def names(chosen: SelectedTests) -> list[str]:
    return [question.state.principal.name for question in questions(chosen)]


def questions(chosen: SelectedTests) -> list[AssertionQuestion]:
    return [question for assertion in chosen.assertions for question in assertion.questions]


def chosen(
    *suites: Suite,
    snapshot: Snapshot | None = None,
    choice: PrincipalFilter = PrincipalFilter(),  # noqa: B008 - a frozen value
    account: Account = ACCOUNT,
) -> SelectedTests:
    return select_tests(suites, account, snapshot or account_with(), choice, NOW)


def run(snapshot: Snapshot, *suites: Suite) -> AccountTests:
    assertions = chosen(*suites, snapshot=snapshot).assertions
    return run_assertions(ACCOUNT, assertions, OfflineBackend(AccountPolicies(snapshot)))


# Who is tested.


def test_everybody_is_tested_unless_a_test_says_otherwise() -> None:
    assert names(chosen(suite({}))) == ["runner", "alice", "bob"]
    assert names(chosen(suite({}), choice=PrincipalFilter(roles=False))) == ["alice", "bob"]
    assert names(chosen(suite({}), choice=PrincipalFilter(users=False))) == ["runner"]


@pytest.mark.parametrize(
    ("test", "top", "expected"),
    [
        ({"exemptions": [".*alice"]}, {}, ["runner", "bob"]),
        ({}, {"global_exemptions": [".*user/b"]}, ["runner", "alice"]),
        ({"exemptions": [".*alice"]}, {"global_exemptions": [".*user/b"]}, ["runner"]),
        ({}, {"global_limit_to": [".*user/"]}, ["alice", "bob"]),
        ({"exemptions": [".*bob"]}, {"global_limit_to": [".*user/"]}, ["alice"]),
        # What a test limits itself to counts whatever the exemptions say.
        ({"limit_to": [".*alice"], "exemptions": [".*alice"]}, {}, ["alice"]),
        ({"limit_to": [".*alice"]}, {"global_exemptions": [".*alice"]}, ["alice"]),
        ({"limit_to": [".*(alice|runner)$"]}, {"global_limit_to": [".*role/"]}, ["runner"]),
        # From the beginning, as re.match has it, and not to the end.
        ({"limit_to": ["arn:aws:iam::[0-9]*:user/ali"]}, {}, ["alice"]),
        # Names.
        ({"users": ["alice@example.com"]}, {"global_exemptions": [".*"]}, ["alice"]),
        ({"users": ["Alice"], "roles": ["runner"]}, {}, ["runner", "alice"]),
        ({"users": ["bob"], "limit_to": [".*runner"]}, {}, ["runner", "bob"]),
    ],
)
def test_whom_a_test_is_about(test: Any, top: Any, expected: list[str]) -> None:
    found = chosen(suite(test, **top))
    assert names(found) == expected
    assert found.findings == ()


def test_an_expression_in_the_middle_of_an_arn_matches_nobody_and_that_is_a_finding() -> None:
    found = chosen(suite({"limit_to": ["user/alice"]}))
    assert found.assertions == ()
    ((code, line, team_),) = [
        (each.code, each.location.line, each.team) for each in found.findings if each.location
    ]
    assert (code, line, team_) == ("no-principal", 10, "payments")
    assert found.findings[0].is_error


def test_a_test_about_other_accounts_is_not_asked_and_that_is_no_finding() -> None:
    there, here = (f"^arn:aws:iam::{each}:user/.*" for each in (OTHER, ACCOUNT.id))
    for suite_ in (suite({"limit_to": [there]}), suite({}, global_limit_to=[there])):
        assert chosen(suite_) == SelectedTests()
    assert names(chosen(suite({"limit_to": [there, here]}))) == ["alice", "bob"]
    # A name is meant for this account all the same.
    assert names(chosen(suite({"limit_to": [there], "users": ["bob"]}))) == ["bob"]
    assert chosen(suite({"limit_to": [here.replace("user", "usr")]})).findings != ()


@pytest.mark.parametrize(
    ("test", "choice"),
    [
        ({"limit_to": [".*role/"]}, PrincipalFilter(roles=False)),
        ({"roles": ["runner"]}, PrincipalFilter(roles=False)),
        ({"roles": ["runner"]}, PrincipalFilter(system_roles=False)),
        ({"users": ["alice"]}, PrincipalFilter(users=False)),
    ],
)
def test_whom_an_option_leaves_out_is_no_error(test: Any, choice: PrincipalFilter) -> None:
    found = chosen(suite(test), choice=choice)
    assert found.assertions == ()
    assert [(each.code, each.is_error) for each in found.findings] == [("left-out", False)]


def test_options_hide_no_name_that_is_nobodys() -> None:
    tests = suite({"roles": ["runner", "walker"], "users": ["alice"]})
    found = chosen(tests, choice=PrincipalFilter(roles=False))
    assert names(found) == ["alice"]
    assert [each.code for each in found.findings] == ["missing-principal"]


def test_a_name_that_is_nobodys_is_a_finding() -> None:
    found = chosen(suite({"users": ["alice", "carol"], "roles": ["walker"]}))
    assert names(found) == ["alice"]
    assert [each.code for each in found.findings] == ["missing-principal"] * 2


@pytest.mark.parametrize(
    ("principal", "landing", "expected"),
    [
        ({"AWS": ROOT}, None, True),
        ({"AWS": ACCOUNT.id}, None, True),
        ({"AWS": [f"arn:aws:iam::{ACCOUNT.id}:user/alice"]}, None, True),
        ({"AWS": f"arn:aws:iam::{OTHER}:root"}, None, False),
        ({"AWS": f"arn:aws:iam::{OTHER}:root"}, OTHER, True),
        ({"AWS": "*"}, None, True),
        ({"Service": "ec2.amazonaws.com"}, None, False),
        ({"Federated": f"arn:aws:iam::{ACCOUNT.id}:saml-provider/sso"}, None, True),
        ({"Federated": f"arn:aws:iam::{ACCOUNT.id}:oidc-provider/ci"}, None, False),
    ],
)
def test_roles_that_no_person_can_assume_can_be_left_out(
    principal: Any, landing: str | None, expected: bool
) -> None:
    snapshot = with_state(account_with(), RUNNER, trust=trust(**principal))
    tests = suite({}, user_landing_account=landing)
    without = chosen(tests, snapshot=snapshot, choice=PrincipalFilter(system_roles=False))
    assert ("runner" in names(without)) is expected
    assert "runner" in names(chosen(tests, snapshot=snapshot))


def test_who_is_denied_in_a_trust_policy_cannot_assume_the_role() -> None:
    denied = trust(AWS=ROOT)
    denied["Statement"][0]["Effect"] = "Deny"
    snapshot = with_state(account_with(), RUNNER, trust=denied)
    found = chosen(suite({}), snapshot=snapshot, choice=PrincipalFilter(system_roles=False))
    assert "runner" not in names(found)


def test_roles_of_services_and_groups_are_never_tested() -> None:
    linked = Principal(PrincipalType.ROLE, "AWSServiceRoleForSupport")
    group = Principal(PrincipalType.GROUP, "people")
    snapshot = account_with(ALICE, linked, group)
    snapshot = with_state(
        snapshot, linked, path="/aws-service-role/support.amazonaws.com/", trust=trust(AWS=ROOT)
    )
    assert names(chosen(suite({}), snapshot=snapshot)) == ["alice"]


def test_the_deployer_role_is_never_tested() -> None:
    deployer = Principal(PrincipalType.ROLE, "self-serve-deployer")
    assert names(chosen(suite({}), snapshot=account_with(ALICE, deployer))) == ["alice"]


def test_tests_are_for_the_environments_they_name() -> None:
    shared = replace(ACCOUNT, environments={"payments": "prod", "search": "live"})
    assert names(chosen(suite({"environments": ["prod"]}), account=shared))
    assert not names(chosen(suite({"environments": ["live"]}), account=shared))
    assert names(chosen(suite({"environments": ["live"]}, team="search"), account=shared))
    assert not names(chosen(suite({}, team="data"), account=shared))
    assert names(chosen(suite({"environments": ["live"]}, team=None), account=shared))
    assert names(chosen(suite({}, team=None), account=shared))
    assert chosen(suite({"environments": ["live"]}), account=shared).findings == ()


def test_a_name_that_is_nobodys_is_an_error_with_the_nearest() -> None:
    named = {"users": ["alise@example.com"], "roles": ["walker"]}
    found = chosen(suite(named, {"users": ["alice"]}))
    assert [(each.code, each.severity.value) for each in found.findings] == [
        ("missing-principal", "error")
    ] * 2
    hints = [each.hint for each in found.findings]
    assert hints[0].startswith("did you mean 'alice'? fix the name")
    assert not hints[1].startswith("did you mean")


def test_a_test_may_match_nobody_in_some_accounts_but_not_in_all() -> None:
    lenient = suite({"roles": ["walker"], "allow_no_match": True}, {"users": ["alice"]})
    limited = suite({"limit_to": [".*:role/walker"], "allow_no_match": True}, team=None)
    here = chosen(lenient, limited)
    assert [(each.code, each.severity.value) for each in here.findings] == [
        ("missing-principal", "note"),
        ("no-principal", "note"),
    ]
    nowhere = AccountTests(ACCOUNT, here.assertions, findings=here.findings)
    assert [(each.code, each.severity.value) for each in matched_nowhere([nowhere])] == [
        ("no-principal", "warning"),
    ]
    walker = Principal(PrincipalType.ROLE, "walker")
    there = chosen(lenient, limited, snapshot=account_with(ALICE, walker))
    assert there.findings == ()
    assert [*matched_nowhere([nowhere, AccountTests(ACCOUNT, there.assertions)])] == []


@pytest.mark.parametrize(
    ("actions", "resources", "said"),
    [
        (
            ["s3:GetObject"],
            ["arn:aws:s3:::b"],
            ["s3:GetObject cannot act on arn:aws:s3:::b, so no request"],
        ),
        (["s3:ListAllMyBuckets"], ["arn:aws:s3:::b"], ["s3:ListAllMyBuckets cannot act on"]),
        (["s3:ListBucket"], ["arn:aws:s3:::b/*"], ["s3:ListBucket cannot act on"]),
        (["sqs:*"], ["arn:aws:sns:*:{account_id}:t"], ["sqs:* cannot act on"]),
        (
            ["s3:GetObject"],
            ["arn:aws:s3:::b/k", "arn:aws:s3:::b"],
            ["none of the test's actions can act on arn:aws:s3:::b, so no request"],
        ),
        (["s3:GetObject", "s3:ListBucket"], ["arn:aws:s3:::b/*", "arn:aws:s3:::b"], []),
        (["s3:ListAllMyBuckets", "s3:GetObject"], [], []),
        (["x:Unknown"], ["arn:aws:s3:::b"], []),
    ],
)
def test_what_no_request_can_be_proves_nothing(
    actions: list[str], resources: list[str], said: list[str]
) -> None:
    found = chosen(suite({"actions": actions, "resources": resources})).findings
    assert [each.code for each in found] == ["resource-mismatch"] * len(said)
    for finding, text in zip(found, said, strict=True):
        assert finding.message.startswith(text)
    wanted = {"actions": actions, "resources": resources, "expected_result": "succeed"}
    assert chosen(suite(wanted)).findings == ()


def lacking(snapshot: Snapshot, **test: Any) -> list[str]:
    found = chosen(suite(test), snapshot=snapshot)
    return [
        each.message
        for each in lacking_context(ACCOUNT, found.assertions, AccountPolicies(snapshot))
    ]


def test_who_passes_only_for_want_of_a_condition_key_is_told_once() -> None:
    office = allow("s3:Get*", Condition={"StringEquals": {"aws:ResourceTag/place": "office"}})
    arn = f"arn:aws:iam::{ACCOUNT.id}:policy/office"
    snapshot = with_policy(account_with(), arn, document=office)
    for who in (ALICE, BOB):
        snapshot = with_state(snapshot, who, attached=(arn,))
    (said,) = lacking(snapshot)
    assert said.startswith(
        "2 of 3 principals pass only because their requests have no aws:ResourceTag/place; with "
        "it office statement 1 (Some) would allow s3:GetObject on *"
    )
    given = {"context_key_name": "AWS:resourcetag/place", "context_key_values": "home"}
    assert not lacking(snapshot, custom_context=[given])
    assert not lacking(snapshot, actions=["s3:PutObject"])
    assert not lacking(snapshot, expected_result="succeed")
    denied = {"deny": allow("s3:*", Effect="Deny")}
    assert not lacking(with_state(with_state(snapshot, ALICE, inline=denied), BOB, inline=denied))


@pytest.mark.parametrize(
    "condition",
    [
        {"DateLessThan": {"aws:CurrentTime": "2020-01-01"}},
        {"Bool": {"aws:MultiFactorAuthPresent": "false"}},
        {"StringEquals": {"s3:prefix": "a"}, "DateLessThan": {"aws:CurrentTime": "2020-01-01"}},
        {"StringEquals": {"aws:PrincipalAccount": "444455556666"}},
    ],
)
def test_conditions_that_do_not_hold_anyway_prove_something(condition: dict[str, Any]) -> None:
    inline = {"own": allow("s3:Get*", Condition=condition)}
    assert not lacking(with_state(account_with(), ALICE, inline=inline))


# What they are asked.


def test_requests_have_what_those_of_their_callers_have() -> None:
    sso = Principal(PrincipalType.ROLE, "AWSReservedSSO_x")
    snapshot = account_with(ALICE, RUNNER, sso)
    snapshot = with_state(snapshot, sso, path="/aws-reserved/sso.amazonaws.com/")
    snapshot = with_state(snapshot, RUNNER, id="AROA1")
    asked = {each.state.principal: each for each in questions(chosen(suite({}), snapshot=snapshot))}
    keys = {who: {each.key: each.values for each in one.context} for who, one in asked.items()}
    for found in keys.values():
        assert found["redshift:DbUser"] == ("admin",)
        assert found["aws:ViaAWSService"] == ("false",)
        assert found["aws:EpochTime"] == (str(int(NOW.timestamp())),)
    assert keys[ALICE]["aws:MultiFactorAuthPresent"] == ("true",)
    assert "aws:TokenIssueTime" not in keys[ALICE]
    assert keys[RUNNER]["aws:TokenIssueTime"] == keys[RUNNER]["aws:CurrentTime"]
    assert keys[RUNNER]["aws:userid"] == ("AROA1:some-session",)
    # People of Identity Center are federated: nothing tells of their second factor.
    assert "aws:MultiFactorAuthPresent" not in keys[sso]
    own = suite({"custom_context": [{"context_key_name": "s3:prefix", "context_key_values": "a"}]})
    (one, *_) = questions(chosen(own))
    assert not {"redshift:DbUser", "aws:MultiFactorAuthPresent"} & {k.key for k in one.context}


def test_resources_are_filled_in_and_policy_variables_left_alone() -> None:
    resources = ["arn:aws:s3:::{account_id}-x/${aws:username}", "arn:aws:s3:::{environment}"]
    (question, *_) = questions(chosen(suite({"resources": resources})))
    assert question.resources == (
        f"arn:aws:s3:::{ACCOUNT.id}-x/${{aws:username}}",
        "arn:aws:s3:::prod",
    )
    (question, *_) = questions(chosen(suite({"resources": []})))
    assert question.resources == ("*",)


def test_patterns_are_asked_as_they_stand_or_expanded() -> None:
    actions = ["s3:*Object", "nothing:Known*", "s3:*Object"]
    (question, *_) = questions(chosen(suite({"actions": actions})))
    assert question.actions == ("s3:*Object", "nothing:Known*")
    (question, *_) = questions(chosen(suite({"actions": actions, "wildcards": "expand"})))
    assert "s3:GetObject" in question.actions
    assert "s3:*Object" not in question.actions
    assert question.actions[-1] == "nothing:Known*"


def decisions(snapshot: Snapshot, **test: Any) -> list[Verdict]:
    found = run(snapshot, suite({"users": ["alice"], **test}))
    return [result.answer.decision for result in found.results]


def test_a_pattern_is_allowed_to_who_may_do_all_that_it_matches() -> None:
    all_of = with_state(account_with(), ALICE, inline={"x": allow("iam:*")})
    one_of = with_state(account_with(), ALICE, inline={"x": allow("iam:AttachUserPolicy")})
    assert decisions(all_of, actions=["iam:Attach*"]) == [Verdict.ALLOWED]
    assert decisions(one_of, actions=["iam:Attach*"]) == [Verdict.IMPLICIT_DENY]
    each = decisions(one_of, actions=["iam:Attach*"], wildcards="expand")
    assert each.count(Verdict.ALLOWED) == 1
    assert decisions(all_of, actions=["*:*"]) == [Verdict.IMPLICIT_DENY]
    admin = with_state(account_with(), ALICE, inline={"x": allow("*")})
    assert decisions(admin, actions=["*:*"]) == [Verdict.ALLOWED]


def test_there_is_a_second_factor_unless_the_test_says_otherwise() -> None:
    condition = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    snapshot = with_state(account_with(), ALICE, inline={"x": allow("s3:*", Condition=condition)})
    key = {"context_key_name": "aws:MultiFactorAuthPresent", "context_key_type": "boolean"}
    assert decisions(snapshot) == [Verdict.ALLOWED]
    absent = [{**key, "context_key_values": "False"}]
    assert decisions(snapshot, custom_context=absent) == [Verdict.IMPLICIT_DENY]
    other = [{"context_key_name": "aws:SourceVpc", "context_key_values": ["vpc-1"]}]
    # There is none, but the caller may have one.
    either = [Verdict.IMPLICIT_DENY, Verdict.ALLOWED]
    assert decisions(snapshot, custom_context=other) == either


def test_the_time_the_tags_and_the_name_of_the_principal_count() -> None:
    for condition in (
        {"DateLessThan": {"aws:CurrentTime": "2026-03-01T12:00:01Z"}},
        {"StringEquals": {"aws:PrincipalTag/team": "payments"}},
        {"StringEquals": {"aws:username": "alice", "aws:PrincipalType": "User"}},
        {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT.id}:user/a*"}},
    ):
        inline = {"x": allow("s3:*", Condition=condition)}
        snapshot = with_state(account_with(), ALICE, inline=inline, tags={"team": "payments"})
        assert decisions(snapshot) == [Verdict.ALLOWED], condition
    over = {"DateLessThan": {"aws:CurrentTime": "2026-03-01T12:00:00Z"}}
    snapshot = with_state(account_with(), ALICE, inline={"x": allow("s3:*", Condition=over)})
    assert decisions(snapshot) == [Verdict.IMPLICIT_DENY]


def test_groups_boundaries_and_denials_count_and_are_named() -> None:
    group = Principal(PrincipalType.GROUP, "people")
    snapshot = account_with(ALICE, group)
    snapshot = with_state(snapshot, group, inline={"all": allow("s3:*")})
    snapshot = with_state(snapshot, ALICE, groups=("people",))
    (result,) = run(snapshot, suite({})).results
    assert not result.ok
    assert [str(each) for each in result.answer.evidence] == ["all statement 1 (Some)"]
    assert result.answer.boundary is None

    arn = f"arn:aws:iam::{ACCOUNT.id}:policy/limits"
    bounded = with_policy(with_state(snapshot, ALICE, boundary=arn), arn, document=allow("sqs:*"))
    (result,) = run(bounded, suite({})).results
    assert result.ok
    assert result.answer.boundary is False

    denial = allow("s3:GetObject", Effect="Deny")
    denied = with_state(snapshot, ALICE, inline={"never": denial})
    (result,) = run(denied, suite({"expected_result": "succeed"})).results
    assert result.answer.decision is Verdict.EXPLICIT_DENY
    assert not result.ok


def test_results_come_in_the_order_of_the_files() -> None:
    test = {"actions": ["s3:b", "s3:a"], "resources": ["arn:aws:s3:::b", "arn:aws:s3:::a"]}
    found = run(account_with(BOB, ALICE), suite({"roles": [], **test}, {}))
    seen = [
        (each.question.test.location.line, each.arn[-3:], each.action[-1], each.resource[-1])
        for each in found.results
    ]
    assert seen[:4] == [
        (10, "ice", "b", "b"),
        (10, "ice", "b", "a"),
        (10, "ice", "a", "b"),
        (10, "ice", "a", "a"),
    ]
    assert [each[0] for each in seen] == [10] * 8 + [20] * 2


# On a plan.


def test_what_a_plan_would_grant_is_judged() -> None:
    files = configuration(team(policies=[policy("read")], permanent=[permanent()]))
    before = account_with()
    planned = after(before, apply_plan(files, before).changes)
    tests = suite({"users": ["alice"], "actions": ["s3:ListBucket"]})
    assert run(before, tests).violations == ()
    (violation,) = run(planned, tests).violations
    assert violation.answer.evidence[0].policy.endswith("policy/self-serve/payments/payments-read")


# Two back ends.


class Fixed:
    """A back end that says one thing; nothing at all of bob, who is gone."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict

    def ask(self, question: AssertionQuestion) -> Mapping[tuple[str, str], BackendDecision] | None:
        if question.state.principal == BOB:
            return None
        return dict.fromkeys(question.pairs, BackendDecision(self.verdict))


def test_a_principal_that_is_gone_is_one_warning() -> None:
    assertions = chosen(suite({}, {})).assertions
    found = run_assertions(ACCOUNT, assertions, Fixed(Verdict.IMPLICIT_DENY))
    assert [each.code for each in found.findings] == ["principal-gone"]
    assert not found.findings[0].is_error
    assert {result.arn[-3:] for result in found.results} == {"ice", "ner"}


def test_disagreements_are_told_where_both_have_an_answer() -> None:
    assertions = chosen(suite({})).assertions
    yes, no = (
        run_assertions(ACCOUNT, assertions, Fixed(v))
        for v in (Verdict.ALLOWED, Verdict.IMPLICIT_DENY)
    )
    offline = run(account_with(), suite({}))
    assert disagreements(offline, no) == ()
    found = disagreements(offline, yes)
    assert [(each.result.arn[-3:], each.aws.decision) for each in found] == [
        ("ner", Verdict.ALLOWED),
        ("ice", Verdict.ALLOWED),
    ]
    report = TestReport(
        NOW,
        Basis.ACCOUNT,
        tuple(BackendName),
        (replace(offline, disagreements=found),),
    )
    assert report.exit_status == 1


def test_no_answer_for_a_principal_that_the_snapshot_lacks() -> None:
    (question,) = questions(chosen(suite({"users": ["alice"]})))
    gone = replace(question, state=state_of(Principal(PrincipalType.USER, "carol")))
    assert OfflineBackend(AccountPolicies(account_with())).ask(gone) is None


@pytest.mark.parametrize("boundary", [None, allow("sqs:*"), allow("*")])
@pytest.mark.parametrize(
    "policy_",
    [
        allow("s3:Get*"),
        allow("sqs:*"),
        allow("s3:*", Condition={"StringEquals": {"aws:SourceVpc": "vpc-1"}}),
        allow("s3:*", Effect="Deny"),
        {"Version": "2012-10-17", "Statement": []},
    ],
)
def test_answers_are_those_of_the_evaluator(policy_: Any, boundary: Any) -> None:
    arn = f"arn:aws:iam::{ACCOUNT.id}:policy/limits"
    snapshot = with_state(account_with(ALICE), ALICE, inline={"x": policy_})
    if boundary:
        snapshot = with_policy(with_state(snapshot, ALICE, boundary=arn), arn, document=boundary)
    account_policies = AccountPolicies(snapshot)
    (question,) = questions(
        chosen(suite({"actions": ["s3:GetObject", "ec2:*"]}), snapshot=snapshot)
    )
    answers = OfflineBackend(account_policies).ask(question)
    assert answers is not None
    subject = account_policies.subject(ALICE)
    for (action, resource), answer in answers.items():
        context = {each.key: each.values for each in question.context}
        request = Request(subject.caller, action, resource, context=context)
        decision = decide_for_caller(request, subject.policies)
        assert answer.decision is decision.kind
        assert answer.missing == decision.missing_context
        assert len(answer.evidence) == len(decision.deciding)
        assert (answer.boundary is None) == (decision.layer(PolicyType.BOUNDARY) is None)
