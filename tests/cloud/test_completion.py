"""Calls that AWS accepts and carries out later, in the way of IAM Identity Center."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from iam_access.cloud.client import Answer, Call, CallError, Params
from iam_access.cloud.executor import Execution, steps_of
from iam_access.cloud.retry import COMPLETION_SECONDS, SharedLimits
from iam_access.kinds.kind import SharedLimit
from iam_access.model import (
    AnswerCheck,
    ApiCall,
    CallTarget,
    Change,
    Completion,
    Confirm,
    Match,
    Outcome,
    Phase,
    Read,
    Status,
)
from tests.cloud.fakes import ACCOUNT, attach, change

HUB, REGION = "444455556666", "eu-central-1"
TARGET = CallTarget(HUB, "sso-admin", REGION)
CREATE = "create_account_assignment"
DESCRIBE = "describe_account_assignment_creation_status"
LIST = "list_account_assignments"
CONFLICT = CallError("ConflictException", "a previous write has not propagated")

STATUS = ("AccountAssignmentCreationStatus", "Status")
COMPLETION = Completion(
    Read(
        "sso-admin",
        DESCRIBE,
        {"InstanceArn": "i"},
        takes=(
            (
                "AccountAssignmentCreationRequestId",
                ("AccountAssignmentCreationStatus", "RequestId"),
            ),
        ),
        region=REGION,
    ),
    STATUS,
    done=frozenset({"SUCCEEDED"}),
    going=frozenset({"IN_PROGRESS"}),
    reason=("AccountAssignmentCreationStatus", "FailureReason"),
)


class IdentityCenter:
    """Takes a request for each assignment, and carries it out after it was looked at some times.

    `fault` is called before each call, and `lost` is how many answers to accepted requests get
    lost, so that the client's own retry meets what it had begun.
    """

    def __init__(self, *, looks: int = 2, ends: str = "SUCCEEDED", lost: int = 0) -> None:
        self.looks = looks
        self.ends = ends
        self.lost = lost
        self.calls: list[tuple[str, Params]] = []
        self.slept: list[float] = []
        self.requests: dict[str, tuple[str, int]] = {}
        self.assigned: set[str] = set()
        self.interrupt_at: int | None = None
        self.replies: dict[str, list[CallError]] = {}

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]

    def client(self, _: CallTarget) -> Call:
        return self

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def __call__(self, operation: str, params: Params) -> Answer:
        if len(self.calls) == self.interrupt_at:
            raise KeyboardInterrupt
        self.calls.append((operation, params))
        if self.replies.get(operation):
            raise self.replies[operation].pop(0)
        if operation == CREATE:
            return self._accept(str(params["PrincipalId"]))
        if operation == DESCRIBE:
            return self._look(str(params["AccountAssignmentCreationRequestId"]))
        if operation == LIST:
            self._carry_on()
            return {"AccountAssignments": [{"PrincipalId": name} for name in sorted(self.assigned)]}
        return {}

    def _accept(self, name: str) -> Answer:
        if any(who == name and left for who, left in self.requests.values()):
            raise CONFLICT
        id_ = f"request-{len(self.requests)}"
        self.requests[id_] = (name, self.looks)
        if self.lost:
            self.lost -= 1
            raise CONFLICT
        return self._status(id_)

    def _look(self, id_: str) -> Answer:
        self._carry_on()
        return self._status(id_)

    def _carry_on(self) -> None:
        """AWS goes on by itself, whether or not it is asked."""
        for id_, (name, left) in self.requests.items():
            self.requests[id_] = (name, max(0, left - 1))
            if left <= 1 and self.ends == "SUCCEEDED":
                self.assigned.add(name)

    def _status(self, id_: str) -> Answer:
        status = "IN_PROGRESS" if self.requests[id_][1] else self.ends
        failed: dict[str, Any] = {"FailureReason": "1,000 roles"} if status == "FAILED" else {}
        return {"AccountAssignmentCreationStatus": {"Status": status, "RequestId": id_, **failed}}


def assign(name: str, *, confirmed: bool = True) -> ApiCall:
    found = AnswerCheck(("AccountAssignments", "PrincipalId"), Match.CONTAINS, (name,))
    return ApiCall(
        "sso-admin",
        CREATE,
        {"InstanceArn": "i", "PrincipalId": name, "TargetId": ACCOUNT},
        account=HUB,
        region=REGION,
        phase=Phase.GRANT,
        completion=COMPLETION,
        confirm=Confirm(
            frozenset({"ConflictException"}),
            (Read("sso-admin", LIST, {"AccountId": ACCOUNT}, (found,), region=REGION),),
        )
        if confirmed
        else None,
    )


def run(center: IdentityCenter, *changes: Change, **options: Any) -> Sequence[Outcome]:
    return Execution(ACCOUNT, changes, center.client, sleep=center.sleep, **options).run()


def codes(outcomes: Sequence[Outcome]) -> list[str | None]:
    return [each.failure.code if each.failure else None for each in outcomes]


def test_an_accepted_call_is_waited_for() -> None:
    center = IdentityCenter(looks=3)
    first = change("ann", assign("ann"))
    outcomes = run(center, change("after", attach("ann", "p"), needs=(first,)), first)
    assert [each.status for each in outcomes] == [Status.DONE] * 2
    # What rests on it is made once AWS has carried it out.
    assert center.operations == [CREATE, *[DESCRIBE] * 3, "attach_user_policy"]
    assert center.calls[1][1] == {
        "InstanceArn": "i",
        "AccountAssignmentCreationRequestId": "request-0",
    }
    assert center.slept == [1, 2, 4]


def test_what_is_carried_out_at_once_is_not_asked_for() -> None:
    center = IdentityCenter(looks=0)
    assert codes(run(center, change("ann", assign("ann")))) == [None]
    assert (center.operations, center.slept) == ([CREATE], [])


@pytest.mark.parametrize("ends", ["FAILED", "GONE_ASTRAY", ""])
def test_what_aws_does_not_carry_out_has_failed(ends: str) -> None:
    center = IdentityCenter(looks=1, ends=ends)
    first = change("ann", assign("ann"))
    outcomes = run(center, first, change("after", attach("ann", "p"), needs=(first,)))
    assert codes(outcomes) == ["NotCarriedOut", "NeedNotMet"]
    failure = outcomes[0].failure
    assert failure is not None
    assert HUB in failure.message
    assert ("1,000 roles" in failure.message) == (ends == "FAILED")


def test_an_answer_without_what_it_is_asked_for_by_is_a_failure() -> None:
    class Silent(IdentityCenter):
        def _status(self, id_: str) -> Answer:
            return {}

    assert codes(run(Silent(), change("ann", assign("ann")))) == ["NotCarriedOut"]


def test_an_answer_without_a_status_is_a_failure() -> None:
    class Silent(IdentityCenter):
        def _look(self, id_: str) -> Answer:
            return {"AccountAssignmentCreationStatus": {}}

    assert codes(run(Silent(), change("ann", assign("ann")))) == ["NotCarriedOut"]


def test_patience_is_bounded_and_shared_by_all_that_would_wait() -> None:
    center = IdentityCenter(looks=1_000)
    outcomes = run(
        center,
        change("ann", assign("ann")),
        change("bob", assign("bob")),
        change("cid", attach("cid", "p")),
    )
    assert codes(outcomes) == ["StillInProgress", "StillInProgress", None]
    assert [each.status for each in outcomes] == [Status.FAILED, Status.SKIPPED, Status.DONE]
    assert sum(center.slept) == COMPLETION_SECONDS
    assert center.operations.count(CREATE) == 1


@pytest.mark.parametrize("code", ["ThrottlingException", "ReadTimeoutError"])
def test_a_status_that_cannot_be_read_for_once_is_asked_for_again(code: str) -> None:
    center = IdentityCenter()
    center.replies[DESCRIBE] = [CallError(code, "")]
    assert codes(run(center, change("ann", assign("ann")))) == [None]
    assert center.operations.count(CREATE) == 1


def test_a_status_that_may_not_be_read_is_a_failure_that_names_the_permission() -> None:
    center = IdentityCenter()
    center.replies[DESCRIBE] = [CallError("AccessDeniedException", "no")]
    assert codes(run(center, change("ann", assign("ann")))) == ["AccessDeniedException"]


def test_waiting_ends_when_stopped() -> None:
    center = IdentityCenter(looks=100)
    outcomes = run(center, change("ann", assign("ann")), stopped=lambda: len(center.slept) > 1)
    assert codes(outcomes) == ["Interrupted"]
    assert len(center.slept) == 2


@pytest.mark.parametrize("looks", [1, 3])
def test_a_run_killed_after_any_call_is_finished_by_the_next_and_nothing_starts_twice(
    looks: int,
) -> None:
    whole = IdentityCenter(looks=looks)
    run(whole, *(change(name, assign(name)) for name in ("ann", "bob")))
    for killed_at in range(len(whole.calls)):
        center = IdentityCenter(looks=looks)
        center.interrupt_at = killed_at
        with pytest.raises(KeyboardInterrupt):
            run(center, *(change(name, assign(name)) for name in ("ann", "bob")))
        center.interrupt_at = None
        # The next plan has what the account does not show yet.
        left = [name for name in ("ann", "bob") if name not in center.assigned]
        assert codes(run(center, *(change(name, assign(name)) for name in left))) == [None] * len(
            left
        )
        assert center.assigned == {"ann", "bob"}
        assert sorted(name for name, _ in center.requests.values()) == ["ann", "bob"]


def test_an_accepted_call_whose_answer_was_lost_is_found() -> None:
    center = IdentityCenter(looks=3, lost=1)
    assert codes(run(center, change("ann", assign("ann")))) == [None]
    assert center.assigned == {"ann"}
    assert len(center.requests) == 1


def test_a_conflict_with_something_else_is_sent_again() -> None:
    center = IdentityCenter()
    center.replies[CREATE] = [CONFLICT, CONFLICT]
    assert codes(run(center, change("ann", assign("ann")))) == [None]
    assert center.operations.count(CREATE) == 3


def test_a_conflict_that_does_not_end_is_a_failure() -> None:
    center = IdentityCenter()
    center.replies[CREATE] = [CONFLICT] * 1_000
    assert codes(run(center, change("ann", assign("ann")))) == ["ConflictException"]
    assert sum(center.slept) == COMPLETION_SECONDS


def test_calls_that_are_waited_for_are_never_sent_as_one() -> None:
    several = replace(assign("ann", confirmed=False), params={"Names": ["ann"]}, merge="Names")
    changes = [change("ann", several), change("bob", replace(several, params={"Names": ["bob"]}))]
    assert len(steps_of(changes)) == 2
    assert (
        len(steps_of([replace(c, calls=(replace(c.calls[0], completion=None),)) for c in changes]))
        == 1
    )


def test_without_a_way_to_confirm_a_conflict_is_a_failure_at_once() -> None:
    center = IdentityCenter(lost=1)
    ann = change("ann", assign("ann", confirmed=False))
    assert codes(run(center, ann)) == ["ConflictException"]
    assert center.operations == [CREATE]


class TestSharedLimits:
    OUTSTANDING = SharedLimit("sso-admin", frozenset({CREATE}), outstanding=2)
    RATE = SharedLimit("sso-admin", per_second=20)

    def test_no_more_calls_are_outstanding_than_may_be(self) -> None:
        center, limits = IdentityCenter(), SharedLimits([self.OUTSTANDING])
        # Other accounts have begun as many.
        assert [limits.begin(TARGET, CREATE) for _ in range(3)] == [True, True, False]
        assert limits.begin(TARGET, "provision_permission_set")
        assert limits.begin(TARGET._replace(region="us-east-1"), CREATE)

        def sleep(seconds: float) -> None:
            center.slept.append(seconds)
            if len(center.slept) == 3:
                assert center.calls == []
                limits.end(TARGET, CREATE)

        changes = [change("ann", assign("ann")), change("bob", assign("bob"))]
        execution = Execution(ACCOUNT, changes, center.client, limits=limits, sleep=sleep)
        assert codes(execution.run()) == [None, None]
        assert center.slept[:4] == [1, 2, 4, 1]
        # Its own do not count any more.
        assert [limits.begin(TARGET, CREATE) for _ in range(2)] == [True, False]

    @pytest.mark.parametrize("ends", ["FAILED", "SUCCEEDED"])
    def test_what_ends_in_any_way_is_outstanding_no_more(self, ends: str) -> None:
        center, limits = IdentityCenter(ends=ends), SharedLimits([self.OUTSTANDING])
        run(center, *(change(name, assign(name)) for name in "abcde"), limits=limits)
        assert len(center.requests) == 5
        assert limits.begin(TARGET, CREATE)

    def test_calls_are_begun_no_faster_than_the_rate_whoever_makes_them(self) -> None:
        now, pauses, made = 100.0, list[float](), list[str]()
        limits = SharedLimits([self.RATE], clock=lambda: now)

        def call(operation: str, _: Params) -> Answer:
            made.append(operation)
            return {}

        accounts = [
            limits.paced(TARGET, call, sleep=pauses.append, stopped=lambda: False) for _ in range(3)
        ]
        for paced in accounts:
            paced(CREATE, {})
            paced(DESCRIBE, {})
        assert pauses == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.25])
        # Another account, or region, has its own.
        elsewhere = TARGET._replace(account=ACCOUNT)
        limits.paced(elsewhere, call, sleep=pauses.append, stopped=lambda: False)(CREATE, {})
        assert len(pauses) == 5
        now = 200.0
        accounts[0](CREATE, {})
        assert len(pauses) == 5
        assert len(made) == 8

    def test_where_nothing_is_limited_nothing_comes_between(self) -> None:
        def call(operation: str, _: Params) -> Answer:
            return {"made": operation}

        limits = SharedLimits([self.RATE, self.OUTSTANDING])
        iam = CallTarget(ACCOUNT, "iam")
        paced = limits.paced(iam, call, sleep=lambda _: None, stopped=lambda: False)
        assert paced is call

    def test_who_waits_when_the_run_is_stopped_makes_no_call(self) -> None:
        made, stopped = list[str](), False

        def call(operation: str, _: Params) -> Answer:
            made.append(operation)
            return {}

        limits = SharedLimits([self.RATE], clock=lambda: 0.0)
        paced = limits.paced(TARGET, call, sleep=lambda _: None, stopped=lambda: stopped)
        paced(CREATE, {})
        stopped = True
        with pytest.raises(CallError, match="stopped"):
            paced(CREATE, {})
        assert made == [CREATE]
