"""AWS's policy simulator as a back end: batches, pages, throttles, and what it says."""

from collections.abc import Mapping
from typing import Any

import pytest

from iam_access.cloud.client import Answer, CallError, CloudError, Params
from iam_access.cloud.simulator import PAIRS_PER_CALL, PAUSES, RESOURCES_PER_CALL, AwsBackend
from iam_access.config.access_tests import Expectation
from iam_access.model import Location
from iam_access.policy.evaluation.evaluate import Verdict
from iam_access.simulation.questions import AssertionQuestion, ContextValue, TestRef
from iam_access.simulation.results import GaveUpError
from tests.cloud.fakes import NO_SUCH_ENTITY, FakeIam
from tests.values import ALICE, state_of

BUCKETS = tuple(f"arn:aws:s3:::bucket-{number}" for number in range(RESOURCES_PER_CALL + 1))
THROTTLED = CallError("Throttling", "Rate exceeded")


def question(
    actions: tuple[str, ...] = ("s3:GetObject",),
    resources: tuple[str, ...] = ("*",),
    context: tuple[ContextValue, ...] = (),
) -> AssertionQuestion:
    test = TestRef(Location("tests.yaml", 1, 1), None, None)
    return AssertionQuestion(test, state_of(ALICE), actions, resources, context, Expectation.FAIL)


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


def ask(iam: FakeIam, asked: AssertionQuestion) -> Mapping[tuple[str, str], Any] | None:
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


@pytest.mark.parametrize("asked", ["*", BUCKETS[0]])
def test_a_result_may_name_a_form_of_arn_in_place_of_what_was_asked(asked: str) -> None:
    form = result("s3:GetObject", "arn:${Partition}:s3:::${BucketName}/${KeyName}", "allowed")
    answers = ask(
        FakeIam({"simulate_principal_policy": [page(form)]}), question(resources=(asked,))
    )
    assert answers is not None
    assert answers["s3:GetObject", asked].decision is Verdict.ALLOWED


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
    with pytest.raises(GaveUpError) as given_up:
        ask(iam, question())
    assert given_up.value.code == "Throttling"
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


KNOWN = ("s3:CreateBucket", "iam:PassRole", "s3:PutBucketLogging")
UNKNOWN = ("s3:PutBucketReplication", "s3:PutObjectLockConfiguration")
MIXED = (KNOWN[0], UNKNOWN[0], *KNOWN[1:], UNKNOWN[1])
# Word for word as AWS says it.
REFUSAL = (
    "Invalid Input Actions: [{}] and [{}] require different authorization information. Please "
    "refer to the documentation for more details: "
    "https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html"
)


class Particular(Denying):
    """Takes the one kind of actions and the other only apart, where a resource is named."""

    def __init__(self, message: str = REFUSAL) -> None:
        super().__init__()
        self.message = message

    def _reply(self, operation: str, params: Params) -> Answer:
        actions = params["ActionNames"]
        kinds = [[a for a in actions if a in kind] for kind in (KNOWN, UNKNOWN)]
        if all(kinds) and params["ResourceArns"] != ["*"]:
            raise CallError("InvalidInput", self.message.format(*map(",".join, kinds)))
        return super()._reply(operation, params)

    @property
    def asked(self) -> list[tuple[str, ...]]:
        return [tuple(params["ActionNames"]) for _, params in self.calls]


def test_actions_that_aws_takes_only_apart_are_asked_apart() -> None:
    iam = Particular()
    backend = AwsBackend(iam, iam.sleep)
    asked = question(MIXED, ("*", *BUCKETS[:2]))
    answers = backend.ask(asked)
    assert answers is not None
    assert tuple(answers) == asked.pairs
    assert iam.asked == [MIXED, MIXED, KNOWN, UNKNOWN]
    # The next principal is asked apart at once.
    assert backend.ask(asked) == answers
    assert iam.asked[4:] == [MIXED, KNOWN, UNKNOWN]


@pytest.mark.parametrize(
    "message",
    [
        "These require different authorization information.",
        "Actions [s3:CreateBucket] and [iam:PassRole] require different authorization information",
        "[{0},{1}] require different authorization information",
    ],
)
def test_a_refusal_that_does_not_name_them_is_halved_until_it_works(message: str) -> None:
    iam = Particular(message)
    asked = question(MIXED, BUCKETS[:1])
    answers = ask(iam, asked)
    assert answers is not None
    assert tuple(answers) == asked.pairs
    assert iam.asked == [
        *(MIXED, MIXED[:2], MIXED[:1], MIXED[1:2]),
        *(MIXED[2:], MIXED[2:3], MIXED[3:], MIXED[3:4], MIXED[4:]),
    ]


def test_an_action_that_is_refused_by_itself_is_an_error() -> None:
    refused = CallError("InvalidInput", "These require different authorization information.")
    with pytest.raises(CloudError, match="different authorization information") as raised:
        ask(FakeIam({"simulate_principal_policy": [refused]}), question(KNOWN, BUCKETS[:1]))
    assert raised.value.code == "InvalidInput"


def test_another_invalid_input_is_not_asked_again() -> None:
    iam = FakeIam({"simulate_principal_policy": [CallError("InvalidInput", "Invalid policy")]})
    with pytest.raises(CloudError, match="Invalid policy"):
        ask(iam, question(KNOWN, BUCKETS[:1]))
    assert len(iam.calls) == 1
