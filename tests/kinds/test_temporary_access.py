"""What the files of temporary access come to: grants, before a form is chosen for them."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from iam_access.kinds.grant import Form, Outliving, ResourcePolicies, TemporaryAccessRules
from iam_access.kinds.temporary_access import TemporaryAccess, TemporaryAccessSpec
from iam_access.model import Principal, PrincipalType
from iam_access.policy import expiry
from iam_access.snapshot import ManagedDocument
from tests.values import (
    ALICE,
    NOW,
    POWER_USER,
    account_with,
    policy,
    scope,
    temporary,
    with_state,
)

FOLDER = TemporaryAccess()
DEADLINE = datetime(2026, 3, 1, 18, tzinfo=UTC)
KEYS = policy(
    "read",
    custom_statements=[
        {
            "effect": "Allow",
            "actions": ["iam:CreateAccessKey", "iam:ListAccessKeys"],
            "resources": ["*"],
        }
    ],
)


@pytest.mark.parametrize(
    ("written", "deadline"),
    [
        ({"expiration_date": "2026-03-01"}, datetime(2026, 3, 2, tzinfo=UTC)),
        ({"expiration_date": "2024-02-29"}, datetime(2024, 3, 1, tzinfo=UTC)),
        ({"expires_at": "2026-03-01T18:00:00+01:00"}, datetime(2026, 3, 1, 17, tzinfo=UTC)),
        ({"expires_at": "2026-03-01T18:00:00.9Z"}, DEADLINE),
    ],
)
def test_the_deadline_is_the_first_dead_instant(
    written: dict[str, str], deadline: datetime
) -> None:
    spec = TemporaryAccessSpec.model_validate(
        {"user": "a@example.com", "environment": "prod", "grant": "read", **written}
    )
    assert spec.deadline(None) == deadline


def test_a_form_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="inlin"):
        temporary(via="inlin")
    assert temporary(via="role").spec.via is Form.ROLE


def test_every_statement_of_the_grant_ends_at_the_deadline() -> None:
    both = policy(
        "read",
        managed_policies=[POWER_USER],
        custom_statements=[
            {"sid": "One", "effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]},
            {"effect": "Deny", "actions": ["s3:DeleteBucket"], "resources": ["*"]},
        ],
    )

    (grant,) = FOLDER.expand([temporary()], scope(both)).grants

    document = grant.document
    assert expiry.deadline_of(document) == DEADLINE
    assert all("DateLessThan" in each["Condition"] for each in document["Statement"])
    assert [each.get("Sid") for each in document["Statement"]][:3] == [
        "One",
        None,
        "PowerUserAccessv1",
    ]


def test_the_whole_window_is_in_every_statement() -> None:
    entry = temporary(starts_at="2026-03-01T14:00:00Z")
    (grant,) = FOLDER.expand([entry], scope(policy("read"))).grants
    (statement,) = grant.document["Statement"]
    assert statement["Condition"] == {
        "DateGreaterThanEquals": {"aws:CurrentTime": "2026-03-01T14:00:00Z"},
        "DateLessThan": {"aws:CurrentTime": "2026-03-01T18:00:00Z"},
    }


def test_what_has_ended_asks_for_nothing() -> None:
    entry = temporary(expires_at=NOW.isoformat())
    assert FOLDER.expand([entry], scope(policy("read"))).grants == ()
    later = scope(policy("read"), now=NOW - timedelta(seconds=1))
    assert len(FOLDER.expand([entry], later).grants) == 1


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([(None, 18), (None, 20)], [(None, 20)]),
        ([(None, 20), (None, 18)], [(None, 20)]),
        ([(14, 16), (16, 18)], [(14, 18)]),
        ([(14, 18), (15, 16)], [(14, 18)]),
        ([(14, 15), (16, 17)], [(14, 15), (16, 17)]),
        ([(None, 15), (14, 17)], [(None, 17)]),
        # It is noon: what has ended still tells when the rest began, if they meet.
        ([(10, 11), (11, 14)], [(10, 14)]),
        ([(None, 11), (10, 14)], [(None, 14)]),
        ([(None, 10), (11, 14)], [(11, 14)]),
        ([(None, 10), (10, 11)], []),
    ],
)
def test_windows_that_meet_are_one(
    windows: list[tuple[int | None, int]], expected: list[tuple[int | None, int]]
) -> None:
    entries = [
        temporary(
            expires_at=f"2026-03-01T{end}:00:00Z",
            starts_at=f"2026-03-01T{start}:00:00Z" if start else None,
        )
        for start, end in windows
    ]
    grants = FOLDER.expand(entries, scope(policy("read"))).grants
    assert [(g.starts and g.starts.hour, g.ends.hour) for g in grants] == expected


def test_documents_of_managed_policies_are_asked_for_while_an_entry_lives() -> None:
    power = scope(policy("read", managed_policies=[POWER_USER]))
    assert list(FOLDER.documents([temporary()], power)) == [POWER_USER]
    assert list(FOLDER.documents([temporary(expiration_date="2025-01-01")], power)) == []


def test_a_managed_policy_that_does_not_exist_is_told_where_it_is_written() -> None:
    absent = "arn:aws:iam::aws:policy/NoSuchAccess"
    grant = policy("read", line=7, managed_policies=[absent])

    expansion = FOLDER.expand([temporary()], scope(grant))

    assert expansion.grants == ()
    assert [each.principal for each in expansion.blocked] == [ALICE]
    (finding,) = expansion.findings
    assert finding.code == "unknown-managed-policy"
    assert finding.location is not None
    assert finding.location.line == 7


def test_access_that_could_outlive_its_end_is_denied_exactly_that_by_default() -> None:
    (grant,) = FOLDER.expand([temporary()], scope(KEYS)).grants
    (denial,) = grant.denials
    assert denial["Effect"] == "Deny"
    assert grant.document["Statement"][-1]["Effect"] == "Deny"


def test_what_a_managed_policy_allows_can_outlive_the_grant_too() -> None:
    writes = {"Effect": "Allow", "Action": ["iam:CreateUser", "s3:*"], "Resource": "*"}
    copy = ManagedDocument("v1", {"Version": "2012-10-17", "Statement": [writes]})
    account = account_with(managed={POWER_USER: copy})
    power = scope(policy("read", managed_policies=[POWER_USER]), snapshot=account)
    (grant,) = FOLDER.expand([temporary()], power).grants
    (denial,) = grant.denials
    assert denial["Action"] == ["iam:CreateUser"]


def test_what_a_managed_policy_loses_is_noted_once_for_all() -> None:
    writes = {"Effect": "Allow", "Action": ["iam:CreateUser", "s3:*"], "Resource": "*"}
    copy = ManagedDocument("v1", {"Version": "2012-10-17", "Statement": [writes]})
    account = account_with(managed={POWER_USER: copy})
    power = scope(policy("read", managed_policies=[POWER_USER]), snapshot=account)
    expansion = FOLDER.expand([temporary(), temporary(user="bob@example.com")], power)
    (finding,) = expansion.findings
    assert (finding.code, finding.severity.value) == ("denied-with-it", "note")
    assert "iam:CreateUser" in finding.message
    assert "s3" not in finding.message
    assert len(expansion.grants) == 2


def test_what_opens_resources_for_good_is_denied_where_the_settings_say_so() -> None:
    writes = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    copy = ManagedDocument("v1", {"Version": "2012-10-17", "Statement": [writes]})
    account = account_with(managed={POWER_USER: copy})
    power = policy("read", managed_policies=[POWER_USER])
    assert FOLDER.expand([temporary()], scope(power, snapshot=account)).grants[0].denials == ()
    for outliving in Outliving:
        rules = TemporaryAccessRules(outliving=outliving, resources=ResourcePolicies.DENY)
        expansion = FOLDER.expand([temporary()], scope(power, snapshot=account, rules=rules))
        (denial,) = expansion.grants[0].denials
        assert "s3:PutBucketPolicy" in denial["Action"]
        (finding,) = expansion.findings
        assert (finding.code, finding.severity.value) == ("denied-with-it", "note")
        assert "temporary_access.resource_policies" in finding.hint


def test_a_managed_policy_that_is_denied_whole_is_not_written() -> None:
    jump = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    copy = ManagedDocument("v1", {"Version": "2012-10-17", "Statement": [jump]})
    account = account_with(managed={POWER_USER: copy})
    power = scope(policy("read", managed_policies=[POWER_USER]), snapshot=account)
    expansion = FOLDER.expand([temporary()], power)
    assert expansion.grants == ()
    assert [each.principal for each in expansion.blocked] == [ALICE]
    assert [finding.code for finding in expansion.findings] == ["gives-nothing"]


def test_of_own_statements_that_are_denied_whole_the_files_tell() -> None:
    jump = {"effect": "Allow", "actions": ["sts:AssumeRole"], "resources": ["*"]}
    expansion = FOLDER.expand([temporary()], scope(policy("read", custom_statements=[jump])))
    assert (expansion.grants, expansion.findings) == ((), ())
    assert [each.principal for each in expansion.blocked] == [ALICE]
    opens = {"effect": "Allow", "actions": ["s3:PutBucketPolicy"], "resources": ["*"]}
    rules = TemporaryAccessRules(resources=ResourcePolicies.DENY)
    here = scope(policy("read", custom_statements=[opens]), rules=rules)
    assert FOLDER.expand([temporary()], here).grants == ()


@pytest.mark.parametrize(("form", "asked"), [("inline", True), ("policy", True), ("role", False)])
def test_what_people_hold_is_asked_for_where_it_may_be_suspended(form: str, *, asked: bool) -> None:
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    team = Principal(PrincipalType.GROUP, "team")
    account = account_with(ALICE, team)
    account = with_state(account, ALICE, groups=("team",))
    account = with_state(account, team, attached=(admin,))
    for granted, expected in ((KEYS, asked), (policy("read"), False)):
        here = scope(granted, snapshot=account)
        assert (admin in set(FOLDER.documents([temporary(via=form)], here))) is expected


@pytest.mark.parametrize(
    ("rule", "written", "severity"),
    [(Outliving.REFUSE, 0, "error"), (Outliving.WARN, 1, "warning")],
)
def test_settings_may_refuse_or_only_warn_of_it(
    rule: Outliving, written: int, severity: str
) -> None:
    expansion = FOLDER.expand(
        [temporary()], scope(KEYS, rules=TemporaryAccessRules(outliving=rule))
    )
    assert len(expansion.grants) == written
    assert all(grant.denials == () for grant in expansion.grants)
    (finding,) = expansion.findings
    assert (finding.code, finding.severity.value) == ("outlives-deadline", severity)
    assert "iam:CreateAccessKey" in finding.message


def test_the_copy_of_a_managed_policy_says_what_it_was_made_from() -> None:
    account = account_with(
        managed={
            POWER_USER: ManagedDocument(
                "v9",
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Sid": "Theirs", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
                    ],
                },
            )
        }
    )
    both = scope(policy("read", managed_policies=[POWER_USER]), snapshot=account)
    (grant,) = FOLDER.expand([temporary()], both).grants
    assert grant.document["Statement"][0]["Sid"] == "PowerUserAccessv9"
