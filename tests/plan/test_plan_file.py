"""A plan written to a file is the plan that is read back, and nothing else is."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_access.model import (
    AnswerCheck,
    ApiCall,
    Completion,
    Failure,
    Match,
    Phase,
    Plan,
    Read,
    ResourceId,
    Severity,
)
from iam_access.plan import plan_file
from iam_access.plan.digest import digest
from iam_access.plan.encoding import decode, encode
from iam_access.plan.plan_file import AccountPlan, PlanFile, PlanFileError, PlannedRun
from tests.plan.plans import BEFORE, LATER, reviewed
from tests.values import BOB, NOW, account_with

RUN = PlannedRun(
    teams=frozenset({"payments", "platform"}),
    environments=frozenset({"prod"}),
    adopt=True,
    allow_removals_of=None,
    sandbox=True,
)
#: Every kind is made, changed and removed; one account is made from nothing, one was not read.
PLANS = (
    reviewed(),
    replace(
        reviewed(BEFORE, account_with()),
        account=replace(reviewed().account, id="444455556666"),
        held=reviewed().changes[:2],
    ),
    AccountPlan(
        replace(reviewed().account, id="777788889999"), failure=Failure("AccessDenied", "no", "yes")
    ),
)
FILE = PlanFile(LATER, RUN, PLANS)
TEXT = plan_file.write(FILE)


def test_what_is_written_is_read_back() -> None:
    assert plan_file.read(TEXT) == FILE
    # What leaves no trace in the types is the same as well.
    assert plan_file.write(plan_file.read(TEXT)) == TEXT


def test_all_kinds_of_calls_and_findings_are_among_them() -> None:
    """Or the test above would say little."""
    changes = [change for plan in PLANS for change in plan.changes]
    assert {change.id.kind for change in changes} == {
        "customer-managed-policy",
        "policy-attachment",
        "inline-policy",
        "temporary-role",
    }
    calls = [call for change in changes for call in change.calls]
    assert any(call.confirm for call in calls)
    assert any(call.merge for call in calls)
    assert any(change.needs for change in changes)


def test_the_digest_is_that_of_the_plans() -> None:
    plans = [Plan(each.account, each.changes, ()) for each in PLANS]
    assert json.loads(TEXT)["digest"] == digest(plans) == FILE.digest


COMPLETION = Completion(
    Read(
        "sso-admin",
        "describe_account_assignment_creation_status",
        {"InstanceArn": "i"},
        expects=(AnswerCheck(("a", "b"), Match.MEANS, ({"Statement": []},)),),
        takes=(("RequestId", ("Status", "RequestId")),),
        pages=("NextToken", "NextToken"),
        absent=frozenset({"ResourceNotFoundException"}),
        region="eu-central-1",
    ),
    status=("Status", "Status"),
    done=frozenset({"SUCCEEDED"}),
    going=frozenset({"IN_PROGRESS"}),
)
_VALUES = st.recursive(
    st.sampled_from([BOB, BOB.type, ResourceId("a", "b"), NOW, frozenset({BOB})])
    | st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=3)
    | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(_VALUES, st.sampled_from(Phase), st.booleans(), st.text(max_size=3) | st.none())
@settings(max_examples=60, deadline=None)
def test_any_call_survives(value: Any, phase: Phase, gone: bool, region: str | None) -> None:
    call = ApiCall(
        "iam",
        "tag_user",
        {"Tags": value},
        account="111122223333",
        phase=phase,
        region=region,
        absent_is_done=gone,
        completion=COMPLETION if gone else None,
    )
    again = decode(ApiCall, json.loads(json.dumps(encode(ApiCall, call))))
    assert again == call
    # Equality takes True for 1, and 1 for 1.0.
    assert repr(again) == repr(call)


def test_what_json_has_no_word_for_is_not_written_as_something_else() -> None:
    for value in (object(), {1: "a"}, b"x", {"a": {"b"}}, Severity.ERROR):
        with pytest.raises(TypeError):
            encode(Any, value)


def edited(change: Callable[[dict[str, Any]], object], *, signed: bool = True) -> str:
    """The file after a hand has changed it; `signed`: with the checksum and digest it then has."""
    document = json.loads(TEXT)
    change(document)
    if signed and isinstance(document.get("plan"), dict):
        document["checksum"] = plan_file.checksum(document["plan"])
    return json.dumps(document)


def first_call(document: dict[str, Any]) -> dict[str, Any]:
    call: dict[str, Any] = document["plan"]["accounts"][0]["changes"][0]["calls"][0]
    return call


def first_change(document: dict[str, Any]) -> dict[str, Any]:
    change: dict[str, Any] = document["plan"]["accounts"][0]["changes"][0]
    return change


NESTED: Any = []
for _ in range(700):
    NESTED = [NESTED]


def with_finding(code: str) -> str:
    finding = {"code": code, "severity": "error", "message": "m"}
    return edited(lambda d: d["plan"]["accounts"][0].update(findings=[finding]))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "not whole"),
        (TEXT[: len(TEXT) // 2], "not whole"),
        (TEXT + "x", "not whole"),
        ("[" * 100_000, "nested too deeply"),
        (edited(lambda d: first_call(d).update(params={"a": NESTED})), "nested too deeply"),
        ("[]", "not a plan file"),
        ("null", "not a plan file"),
        ('{"digest": "", "changes": []}', "not a plan file"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"a": NaN}', "NaN"),
        ('{"a": ' + "9" * 5_000 + "}", "not whole"),
        (edited(lambda d: d.update(version=2)), "version 2"),
        (edited(lambda d: d.update(version=True)), "version True"),
        (edited(lambda d: d.update(version="1")), "version '1'"),
        (edited(lambda d: d.pop("version")), "version None"),
        (edited(lambda d: d.update(more=1)), "other parts"),
        (edited(lambda d: d.update(plan=[])), "checksum"),
        (
            edited(lambda d: d["plan"].update(made="2026-03-01T13:00:01+00:00"), signed=False),
            "chec",
        ),
        (edited(lambda d: first_call(d).update(phase=0), signed=False), "checksum"),
        (edited(lambda d: first_call(d).update(phase=0)), "its digest"),
        (edited(lambda d: d.update(digest="")), "its digest"),
        (
            edited(lambda d: first_call(d).update(operation="create_access_key")),
            "create_access_key",
        ),
        (edited(lambda d: first_call(d).update(service="s3")), "call 's3 "),
        (edited(lambda d: first_call(d).update(phase=7)), "7 is none of 0, 1"),
        (edited(lambda d: first_call(d).update(phase=True)), "True is none of"),
        (edited(lambda d: first_call(d).update(params=[])), "params: [] where an object"),
        (edited(lambda d: first_call(d).update(params={"a": {"$set": [[]]}})), "unhashable"),
        (
            edited(lambda d: first_call(d).update(params={"a": {"$Principal": {}}})),
            "type is missing",
        ),
        (edited(lambda d: first_call(d).update(params={"a": {"$tuple": 1}})), "where a list is"),
        (edited(lambda d: first_call(d).update(params={"a": {"$set": [1]}})), "are no JSON"),
        (
            edited(lambda d: first_change(d)["after"]["document"].update(a={"$set": []})),
            "are no JSON",
        ),
        (edited(lambda d: first_call(d).update(account=None)), "account: None where text"),
        (edited(lambda d: first_call(d).update(holds="lambda: 1")), "'holds' is not a field"),
        (edited(lambda d: first_call(d).pop("account")), "account is missing"),
        (
            edited(lambda d: first_change(d)["id"].update(kind="iam-user")),
            "'iam-user' is not a kind",
        ),
        (edited(lambda d: first_change(d).update(before=None, after=None)), "neither a before"),
        (edited(lambda d: first_change(d).update(teams=["a", "a"])), "twice"),
        (edited(lambda d: first_change(d).update(teams="a")), "'a' where a list"),
        (edited(lambda d: first_change(d).update(calls=[7])), "calls[0]: 7 where an object"),
        (with_finding("no-such-code"), "'no-such-code' is none of"),
        (with_finding("plan-done"), "no finding has the code 'plan-done' as error"),
        (edited(lambda d: d["plan"].update(made="now")), "'now' where a time"),
        (edited(lambda d: d["plan"].update(made="2026-03-01T13:00:00")), "no time zone"),
        (edited(lambda d: d["plan"].update(made=0)), "0 where a time"),
        (edited(lambda d: d["plan"]["accounts"].append(d["plan"]["accounts"][0])), "twice"),
        (
            edited(lambda d: d["plan"]["accounts"][0]["changes"].append(first_change(d))),
            "changed twice",
        ),
    ],
    ids=lambda value: value[:20] if len(value) < 60 else "",
)
def test_any_other_text_is_refused_and_says_why(text: str, part: str) -> None:
    with pytest.raises(PlanFileError) as refused:
        plan_file.read(text)
    assert part in refused.value.message
    assert "--plan-file" in refused.value.hint


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(version="x" * 10_000),
        lambda d: first_call(d).update(service="x" * 10_000, params=7),
        lambda d: first_call(d).update(service="x" * 10_000),
        lambda d: first_change(d)["id"].update(kind="x" * 10_000),
        lambda d: d["plan"].update(**{"x" * 10_000: 1}),
    ],
)
def test_long_values_are_not_repeated(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(PlanFileError) as refused:
        plan_file.read(edited(change))
    assert len(refused.value.message) < 300
