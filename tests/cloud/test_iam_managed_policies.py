"""AWS managed policies are read once, by the thread that asks first."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from iam_access.cloud.client import Answer, CallError, CloudError, Params
from iam_access.cloud.iam_reader import ManagedPolicyDocuments
from iam_access.snapshot import ManagedDocument
from tests.cloud.fakes import FakeIam
from tests.values import ALICE, account_with, with_state

ARN = "arn:aws:iam::aws:policy/ReadOnlyAccess"
OTHER = "arn:aws:iam::aws:policy/ViewOnlyAccess"
DOCUMENT = {"Version": "2012-10-17", "Statement": []}
POLICY: Answer = {"Policy": {"DefaultVersionId": "v7"}}
VERSION: Answer = {"PolicyVersion": {"Document": DOCUMENT}}


def test_the_default_version_is_read() -> None:
    iam = FakeIam({"get_policy": [POLICY], "get_policy_version": [VERSION]})
    assert ManagedPolicyDocuments().read(iam, [ARN]) == {ARN: ManagedDocument("v7", DOCUMENT)}
    assert iam.calls == [
        ("get_policy", {"PolicyArn": ARN}),
        ("get_policy_version", {"PolicyArn": ARN, "VersionId": "v7"}),
    ]


def test_every_policy_is_read_once_for_all_accounts() -> None:
    first, second = (
        FakeIam({"get_policy": [POLICY], "get_policy_version": [VERSION]}) for _ in range(2)
    )
    documents = ManagedPolicyDocuments()
    documents.read(first, [ARN, ARN])
    documents.read(first, [ARN])
    assert documents.read(second, [ARN, OTHER]).keys() == {ARN, OTHER}
    assert first.operations == ["get_policy", "get_policy_version"]
    assert [params["PolicyArn"] for _, params in second.calls] == [OTHER, OTHER]


@pytest.mark.parametrize("code", ["NoSuchEntity", "InvalidInput", "ParamValidationError"])
def test_a_policy_that_does_not_exist_is_none_and_asked_for_once(code: str) -> None:
    iam = FakeIam({"get_policy": [CallError(code, "")]})
    documents = ManagedPolicyDocuments()
    assert documents.read(iam, [ARN]) == documents.read(iam, [ARN]) == {ARN: None}
    assert len(iam.calls) == 1


def test_a_failure_is_told_and_the_next_account_asks_again() -> None:
    denied = FakeIam({"get_policy": [CallError("AccessDenied", "not authorized")]})
    allowed = FakeIam({"get_policy": [POLICY], "get_policy_version": [VERSION]})
    documents = ManagedPolicyDocuments()
    with pytest.raises(CloudError) as caught:
        documents.read(denied, [ARN])
    assert caught.value.failure.code == "AccessDenied"
    assert "iam:GetPolicy" in caught.value.failure.hint
    assert documents.read(allowed, [ARN])[ARN] is not None


def test_what_another_thread_is_reading_does_not_hold_up_the_rest() -> None:
    first_asked, other_read = threading.Event(), threading.Event()
    answers = {"get_policy": POLICY, "get_policy_version": VERSION}

    def first_waits(operation: str, params: Params) -> Answer:
        if params["PolicyArn"] == ARN:
            first_asked.set()
            assert other_read.wait(10)
        elif operation == "get_policy_version":
            other_read.set()
        return answers[operation]

    documents = ManagedPolicyDocuments()
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(documents.read, first_waits, [ARN])
        assert first_asked.wait(10)
        both = pool.submit(documents.read, first_waits, [ARN, OTHER])
        assert both.result(10).keys() == {ARN, OTHER}
        assert slow.result(10) == {ARN: ManagedDocument("v7", DOCUMENT)}


def test_threads_that_want_one_policy_make_one_read() -> None:
    asked, answered = threading.Event(), threading.Event()
    calls: list[str] = []

    def slow(operation: str, params: Params) -> Answer:
        calls.append(operation)
        asked.set()
        assert answered.wait(10)
        return {"get_policy": POLICY, "get_policy_version": VERSION}[operation]

    documents = ManagedPolicyDocuments()
    with ThreadPoolExecutor(4) as pool:
        reads = [pool.submit(documents.read, slow, [ARN]) for _ in range(4)]
        assert asked.wait(10)
        answered.set()
        results = [read.result(10) for read in reads]

    assert results == [{ARN: ManagedDocument("v7", DOCUMENT)}] * 4
    assert calls == ["get_policy", "get_policy_version"]


def test_what_can_be_attached_is_listed_in_pages_once_for_each_partition() -> None:
    def page(*names: str, attachable: bool = True, **more: object) -> Answer:
        arns = [f"arn:aws:iam::aws:policy/{name}" for name in names]
        return {"Policies": [{"Arn": a, "IsAttachable": attachable} for a in arns], **more}

    pages = [
        page("One", "Two", IsTruncated=True, Marker="next"),
        page("Three", attachable=False),
    ]
    first, second = FakeIam({"list_policies": [*pages]}), FakeIam({"list_policies": [page("Cn")]})
    policies = ManagedPolicyDocuments()
    expected = {"arn:aws:iam::aws:policy/One", "arn:aws:iam::aws:policy/Two"}
    assert policies.attachable(first, "aws") == policies.attachable(second, "aws") == expected
    assert first.calls == [
        ("list_policies", {"Scope": "AWS", "MaxItems": 1000}),
        ("list_policies", {"Scope": "AWS", "MaxItems": 1000, "Marker": "next"}),
    ]
    assert policies.attachable(second, "aws-cn") == {"arn:aws:iam::aws:policy/Cn"}
    assert len(second.calls) == 1


def test_a_list_that_fails_is_asked_of_the_next_account() -> None:
    denied = FakeIam({"list_policies": [CallError("AccessDenied", "not authorized")]})
    policies = ManagedPolicyDocuments()
    with pytest.raises(CloudError) as caught:
        policies.attachable(denied, "aws")
    assert "iam:ListPolicies" in caught.value.failure.hint
    allowed = FakeIam({"list_policies": [{"Policies": [{"Arn": ARN, "IsAttachable": True}]}]})
    assert policies.attachable(allowed, "aws") == {ARN}


def test_a_snapshot_is_completed_with_what_is_held_and_not_known() -> None:
    known, held, other = (
        f"arn:aws:iam::aws:policy/{name}" for name in ("ReadOnlyAccess", "Held", "Other")
    )
    document = {"Version": "2012-10-17", "Statement": []}
    iam = FakeIam(
        {
            "get_policy": [{"Policy": {"DefaultVersionId": "v3"}}],
            "get_policy_version": [{"PolicyVersion": {"Document": document}}],
        }
    )
    before = account_with(ALICE, managed={known: None, other: None})
    before = with_state(before, ALICE, attached=(held, known))
    after = ManagedPolicyDocuments().added_to(before, iam, before.aws_policies())
    assert after.managed == {
        known: None,
        other: None,
        held: ManagedDocument("v3", document),
    }
    assert iam.operations == ["get_policy", "get_policy_version"]
    assert after.principals == before.principals
