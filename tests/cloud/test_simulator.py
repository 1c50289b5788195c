"""AWS's policy simulator as a back end: batches, pages, throttles, and what it says."""

from collections.abc import Mapping
from typing import Any

import pytest

from iam_access.cloud.errors import Answer, CallError, CloudError, Params
from iam_access.cloud.simulator import PAIRS_PER_CALL, PAUSES, RESOURCES_PER_CALL, AwsBackend
from iam_access.config.access_tests import Expectation
from iam_access.model import Location
from iam_access.policy.decision import Verdict
from iam_access.simulation.results import ContextValue, Question, TestRef
from tests.cloud.fakes import NO_SUCH_ENTITY, FakeIam
from tests.values import ALICE, state_of

BUCKETS = tuple(f"arn:aws:s3:::bucket-{number}" for number in range(RESOURCES_PER_CALL + 1))
THROTTLED = CallError("Throttling", "Rate exceeded")


def question(
    actions: tuple[str, ...] = ("s3:GetObject",),
    resources: tuple[str, ...] = ("*",),
    context: tuple[ContextValue, ...] = (),
) -> Question:
    test = TestRef(Location("tests.yaml", 1, 1), None, None)
    return Question(test, state_of(ALICE), actions, resources, context, Expectation.FAIL)


def result(action: str, resource: str, decision: str = "implicitDeny", **more: Any) -> Answer:
    return {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": decision,
        **more,
    }


def page(*results: Answer, marker: str | None = None) -> Answer:
    more = {"IsTruncated": True, "Marker": marker} if marker else {"IsTruncated": False}
    return {"EvaluationResults": list(results), **more}


class Denying(FakeIam):
    """Denies every action on every resource, `size` results to a page."""

    def __init__(self, size: int = PAIRS_PER_CALL) -> None:
        super().__init__()
        self.size = size

    def _reply(self, operation: str, params: Params) -> Answer:
        results = [
            result(action, resource)
            for action in params["ActionNames"]
            for resource in params["ResourceArns"]
        ]
        start = int(params.get("Marker", "0"))
        end = start + self.size
        return page(*results[start:end], marker=str(end) if end < len(results) else None)


def ask(iam: FakeIam, asked: Question) -> Mapping[tuple[str, str], Any] | None:
    return AwsBackend(iam, iam.sleep).ask(asked)


def test_a_decision_comes_with_what_it_rests_on() -> None:
    statement = {
        "SourcePolicyId": "buckets",
        "SourcePolicyType": "IAM Policy",
        "StartPosition": {"Line": 3, "Column": 17},
        "EndPosition": {"Line": 8, "Column": 6},
    }
    iam = FakeIam(
        {
            "simulate_principal_policy": [
                page(
                    result(
                        "S3:getobject",
                        "*",
                        "allowed",
                        MatchedStatements=[statement],
                        MissingContextValues=["aws:SourceIp"],
                        PermissionsBoundaryDecisionDetail={"AllowedByPermissionsBoundary": True},
                        OrganizationsDecisionDetail={"AllowedByOrganizations": False},
                    )
                )
            ]
        }
    )
    answers = ask(iam, question())
    assert answers is not None
    answer = answers["s3:GetObject", "*"]
    assert answer.decision is Verdict.ALLOWED
    assert [str(each) for each in answer.evidence] == ["buckets 3:17 to 8:6"]
    assert answer.missing == ("aws:SourceIp",)
    assert (answer.boundary, answer.organization) == (True, False)


def test_one_call_holds_many_actions_and_resources() -> None:
    actions = tuple(f"s3:Do{number}" for number in range(60))
    iam = Denying()
    answers = ask(iam, question(actions, ("*", *BUCKETS)))
    assert answers is not None
    assert len(answers) == len(actions) * (1 + len(BUCKETS))
    sent = [(len(p["ActionNames"]), p["ResourceArns"]) for _, p in iam.calls]
    assert sent[0] == (60, ["*"])  # no ARN, so it goes by itself
    assert all("*" not in resources for _, resources in sent[1:])
    assert all(number * len(resources) <= PAIRS_PER_CALL for number, resources in sent)
    assert len(sent) == 4


def test_all_pages_are_read() -> None:
    actions = tuple(f"s3:Do{number}" for number in range(250))
    iam = Denying(size=100)
    answers = ask(iam, question(actions))
    assert answers is not None
    assert len(answers) == 250
    assert [params.get("Marker") for _, params in iam.calls] == [None, "100", "200"]


def test_resources_have_their_own_decisions_where_aws_tells_them() -> None:
    one, other = BUCKETS[:2]
    specific = [
        {"EvalResourceName": one, "EvalResourceDecision": "allowed"},
        {"EvalResourceName": other, "EvalResourceDecision": "explicitDeny"},
    ]
    summed = result("s3:GetObject", one, "explicitDeny", ResourceSpecificResults=specific)
    iam = FakeIam({"simulate_principal_policy": [page(summed)]})
    answers = ask(iam, question(resources=(one, other)))
    assert answers is not None
    assert {key[1]: answer.decision for key, answer in answers.items()} == {
        one: Verdict.ALLOWED,
        other: Verdict.EXPLICIT_DENY,
    }


def test_context_is_passed_with_its_types() -> None:
    iam = Denying()
    context = (
        ContextValue("aws:MultiFactorAuthPresent", "boolean", ("true",)),
        ContextValue("aws:TagKeys", "string", ("a", "b")),
    )
    ask(iam, question(context=context))
    ((_, params),) = iam.calls
    assert params["PolicySourceArn"] == state_of(ALICE).arn
    assert [tuple(each.values()) for each in params["ContextEntries"]] == [
        ("aws:MultiFactorAuthPresent", "boolean", ["true"]),
        ("aws:TagKeys", "stringList", ["a", "b"]),
    ]


def test_a_throttle_is_waited_for_and_not_for_ever() -> None:
    allowed = page(result("s3:GetObject", "*", "allowed"))
    iam = FakeIam({"simulate_principal_policy": [THROTTLED, THROTTLED, allowed]})
    assert ask(iam, question()) is not None
    assert iam.slept == list(PAUSES[:2])

    iam = FakeIam({"simulate_principal_policy": [THROTTLED]})
    with pytest.raises(CloudError) as raised:
        ask(iam, question())
    assert raised.value.code == "Throttling"
    assert iam.slept == list(PAUSES)


def test_a_principal_that_was_deleted_has_no_answers() -> None:
    assert ask(FakeIam({"simulate_principal_policy": [NO_SUCH_ENTITY]}), question()) is None


def test_another_refusal_is_told_with_the_permission_that_lacks() -> None:
    refused = CallError("AccessDenied", "not authorized to perform this")
    iam = FakeIam({"simulate_principal_policy": [refused]})
    with pytest.raises(CloudError) as raised:
        ask(iam, question())
    assert "iam:SimulatePrincipalPolicy" in raised.value.hint
    assert iam.slept == []


def test_an_action_that_is_not_answered_is_an_error_and_no_denial() -> None:
    iam = FakeIam({"simulate_principal_policy": [page(result("s3:GetObject", "*"))]})
    with pytest.raises(CloudError, match="s3:PutObject"):
        ask(iam, question(("s3:GetObject", "s3:PutObject")))
