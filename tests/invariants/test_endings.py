"""Every temporary grant ends by itself, judged by what an apply really wrote."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from iam_access.policy.evaluation.evaluate import Verdict
from iam_access.policy.expiry import deadline_of
from iam_access.snapshot import Document
from tests.invariants.cases import (
    BUCKET,
    ENDS,
    GET_OBJECT,
    NOW,
    POLICIES,
    SECOND,
    WORDS,
    Case,
    expected_form,
)
from tests.invariants.reach import OURS, Entity, Probe
from tests.invariants.written import CASES, STANDING, STANDING_INLINE, Written

LAST = ENDS - SECOND
AFTERWARDS = (ENDS, ENDS + SECOND, ENDS + timedelta(days=400))

for_every_case = pytest.mark.parametrize("case", CASES, ids=str)
later_cases = pytest.mark.parametrize("case", [case for case in CASES if case.starts], ids=str)


def who(written: Written, case: Case) -> Entity:
    return written.reach(case)[case.arn]


def roles_of(written: Written, case: Case) -> list[Entity]:
    """The roles made by the run that the principal of a case may take at the last second."""
    reach, one = written.reach(case), who(written, case)
    return [role for role in reach.roles_of_ours if reach.may_assume(one, role, LAST)]


def new_documents(written: Written, case: Case) -> dict[str, Document]:
    """What the run gave to the principal itself."""
    had = written.before[case.account][case.arn].documents
    has = who(written, case).documents
    return {name: each for name, each in has.items() if name not in had}


def temporary_documents(written: Written, case: Case) -> dict[str, Document]:
    """The same without the permanent grant."""
    permanent = f"arn:aws:iam::{case.account}:policy/self-serve/payments/payments-standing"
    return {name: d for name, d in new_documents(written, case).items() if name != permanent}


def form_of(written: Written, case: Case) -> str:
    """The form by what is in the account."""
    forms = {
        "policy" if name.startswith("arn:") else "inline"
        for name in temporary_documents(written, case)
    }
    forms |= {"role" for _ in roles_of(written, case)}
    (form,) = forms
    return form


def ways(written: Written, case: Case) -> Iterator[Entity]:
    """As whom the principal uses the grant: as themselves, or as the role they may take."""
    roles = roles_of(written, case)
    yield from roles or [who(written, case)]


def test_everything_was_written_at_once_and_nothing_is_left_to_do(written: Written) -> None:
    assert written.apply.status == 0
    assert set(written.apply.codes) == {"denied-with-it", "suspends-access"}
    assert [call for call in written.apply.writes if call.error] == []
    assert (written.again.status, written.again.writes) == (0, ())


def test_the_cases_cover_what_was_promised() -> None:
    plain = {
        (case.policy.key, case.environment, case.full)
        for case in CASES
        if not (case.starts or case.via or case.is_role)
    }
    assert len(plain) == len(POLICIES) * 3 * 2 == 36


@for_every_case
def test_the_grant_has_the_first_form_that_fits_and_the_plan_says_so(
    written: Written, case: Case
) -> None:
    form = expected_form(case, written.document(case))
    assert form_of(written, case) == form
    words = written.reason(case).removeprefix(
        f"payments grants {case.policy.key} in {case.environment}, "
    )
    assert words.startswith(WORDS[form])


@for_every_case
def test_it_is_allowed_until_the_second_before_the_deadline(written: Written, case: Case) -> None:
    reach = written.reach(case)
    for way in ways(written, case):
        for at in (case.starts or NOW, LAST):
            assert not way.is_ours or reach.may_assume(who(written, case), way, at)
            for probe in case.probes(allowed=True):
                assert reach.may(way, probe, at), probe


@for_every_case
def test_nothing_else_is_allowed(written: Written, case: Case) -> None:
    reach = written.reach(case)
    for way in ways(written, case):
        standing = way.arn == case.arn and case.environment != "none"
        for probe in case.probes(allowed=False):
            if not (standing and probe in STANDING):
                assert not reach.may(way, probe, LAST), probe


@for_every_case
def test_it_is_denied_from_the_deadline_on(written: Written, case: Case) -> None:
    reach, one = written.reach(case), who(written, case)
    for at in AFTERWARDS:
        assert not any(reach.may_assume(one, role, at) for role in reach.roles_of_ours)
        for probe in case.probes(allowed=True):
            assert not reach.may(one, probe, at), probe
    for document in temporary_documents(written, case).values():
        assert deadline_of(document) == ENDS


@for_every_case
def test_a_session_opened_before_the_deadline_is_denied_at_it(written: Written, case: Case) -> None:
    reach = written.reach(case)
    for role in roles_of(written, case):
        naming_the_session = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": role.caller(case.name).arn},
                    "Action": "s3:*",
                    "Resource": [BUCKET, f"{BUCKET}/*"],
                }
            ],
        }
        for probe in (*case.probes(allowed=True), Probe("s3:DeleteObject", GET_OBJECT.resource)):
            policy = naming_the_session if probe.resource.startswith(BUCKET) else None
            before, *after = (
                reach.verdict(role, probe, at, session=case.name, resource_policy=policy)
                for at in (LAST, *AFTERWARDS)
            )
            assert before is Verdict.ALLOWED, probe
            assert set(after) == {Verdict.EXPLICIT_DENY}, probe


@later_cases
def test_a_window_that_has_not_begun_allows_nothing(written: Written, case: Case) -> None:
    reach, one = written.reach(case), who(written, case)
    assert case.starts is not None
    for at in (NOW, case.starts - SECOND):
        assert not any(reach.may_assume(one, role, at) for role in reach.roles_of_ours)
        for probe in case.probes(allowed=True):
            assert not reach.may(one, probe, at), probe


@for_every_case
def test_a_role_lets_nobody_else_in(written: Written, case: Case) -> None:
    reach = written.reach(case)
    others = [entity for arn, entity in reach.entities.items() if arn != case.arn]
    others.append(Entity(f"arn:aws:iam::{case.account}:user/stranger", {}))
    other_account = Entity(case.arn.replace(case.account, "999999999999"), {})
    for role in roles_of(written, case):
        for at in (NOW, LAST, ENDS):
            for other in (*others, other_account):
                assert not reach.may_assume(other, role, at, session=case.name), other.arn


@for_every_case
def test_a_user_names_the_session_like_themselves(written: Written, case: Case) -> None:
    reach, one = written.reach(case), who(written, case)
    for role in roles_of(written, case):
        for session in ("admin", f"{case.name}x", case.name.upper()):
            assert reach.may_assume(one, role, LAST, session=session) is case.is_role


@pytest.mark.exhaustive
@for_every_case
def test_standing_access_is_what_it_was(written: Written, case: Case) -> None:
    """Only what could make the grant last is denied while it holds, and never afterwards."""
    reach, one = written.reach(case), who(written, case)
    had = written.before[case.account]
    for probe in (*STANDING, STANDING_INLINE):
        granted = probe == STANDING[0] and case.environment != "none"
        stood = had.may(had[case.arn], probe, NOW)
        for at in AFTERWARDS:
            assert reach.may(one, probe, at) is (stood or granted), probe
        if stood or granted:
            denied = probe.action.startswith("iam:") and _denies(written, case)
            assert reach.may(one, probe, LAST) is not denied, probe


def _denies(written: Written, case: Case) -> bool:
    return any(
        statement["Effect"] == "Deny" and any("iam:" in each for each in statement["Action"])
        for document in temporary_documents(written, case).values()
        for statement in document["Statement"]
    )


def test_no_policy_of_aws_is_attached_to_anybody(written: Written) -> None:
    """But to the roles made for a grant: they end as a whole."""
    attached = {
        (arn, policy)
        for arn, policies in written.attached.items()
        for policy in policies
        if ":aws:policy/" in policy
    }
    assert attached
    assert {arn for arn, _ in attached if f":role{OURS}" not in arn} == set()


@pytest.mark.parametrize("environment", ["none", "five", "ten"])
def test_no_quota_is_exceeded(written: Written, environment: str) -> None:
    """The sandbox refuses what goes beyond; nothing was refused, and this counts once more."""
    attached = [
        policies
        for arn, policies in written.attached.items()
        if any(arn == case.arn for case in CASES if case.environment == environment)
    ]
    assert max(map(len, attached)) <= 10
    assert min(map(len, attached)) >= {"none": 0, "five": 5, "ten": 10}[environment]
