"""The changes of a plan in text."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest

from iam_access.model import (
    Change,
    ChangeType,
    Location,
    Meaning,
    Outcome,
    PermissionDelta,
    Principal,
    PrincipalType,
    Report,
    Request,
    RequestType,
    Resource,
    Status,
)
from iam_access.policy.document import document
from iam_access.render import Output, render
from iam_access.render.markdown import report as markdown
from iam_access.render.text.report import account_lines
from iam_access.render.view import dangers
from iam_access.render.view.changes import account_view
from tests.render import reports

PLACE = Location("aws/permanent-access/payments.yaml", 5, 5)


def shown(*changes: Change, verbose: bool = False, status: Status | None = None) -> list[str]:
    """The lines of an account's changes."""
    outcomes = tuple(Outcome(each, status) for each in changes) if status else ()
    plan = reports.account_report(reports.NONPROD, *changes, outcomes=outcomes)
    stream = io.StringIO()
    report = Report("apply", reports.NOW, accounts=(plan,))
    render(report, Output.TEXT, stream, verbose=verbose, zone=reports.NOW.tzinfo)
    lines = stream.getvalue().splitlines()
    ends = [number for number, each in enumerate(lines) if "emporary access" in each]
    return lines[1 : min([*ends, lines.index("Summary")]) - 1]


def attachment(name: str, reason: str = "payments grants read in prod") -> Change:
    return reports.change(
        ChangeType.CREATE, name, kind="policy-attachment", reason=reason, location=PLACE
    )


def test_an_ordinary_change_takes_two_lines() -> None:
    assert shown(attachment("ReadOnlyAccess")) == [
        "  user alice",
        "    + policy-attachment ReadOnlyAccess",
        "      payments grants read in prod (aws/permanent-access/payments.yaml:5:5)",
    ]


def test_what_neighbours_have_in_common_is_said_once() -> None:
    lines = shown(attachment("one"), attachment("two"), attachment("three", "something else"))
    assert lines[1:] == [
        "    + policy-attachment one",
        "    + policy-attachment two",
        "      payments grants read in prod (aws/permanent-access/payments.yaml:5:5)",
        "    + policy-attachment three",
        "      something else (aws/permanent-access/payments.yaml:5:5)",
    ]


def test_a_reason_stands_above_the_document_it_is_for() -> None:
    lines = shown(
        reports.change(
            ChangeType.CREATE, "one", reason="because", after=reports.document("s3:Get*")
        ),
        reports.change(ChangeType.CREATE, "two", reason="because"),
    )
    assert [lines.index("      because"), lines.count("      because")] == [2, 2]


def test_a_change_that_failed_has_its_own_reason() -> None:
    lines = shown(attachment("one"), attachment("two"), status=Status.FAILED)
    assert sum("payments grants read in prod" in each for each in lines) == 2


def test_teams_are_named_where_there_are_several() -> None:
    shared = reports.change(
        ChangeType.DELETE, "one", teams=("search", "payments"), reason="nobody asks"
    )
    assert shown(shared)[2:] == ["      nobody asks", "      for payments, search"]


def test_each_reason_but_the_first_has_a_line_of_its_own() -> None:
    assert shown(reports.NEW_ROLE)[2:6] == [
        (
            "      payments grants dev.admin in prod, as a role of its own (1 policies to attach, "
            "0 characters of statements)"
        ),
        "        not as an inline policy (9,800 characters, 1,900 of 2,048 free)",
        "        not as policies of its own (2 to attach, 1 of 10 places free)",
        "        (aws/temporary-access/payments.yaml:8:5)",
    ]


def policy(actions: int, action: ChangeType = ChangeType.CREATE) -> Change:
    document = reports.document(*(f"s3:Action{number}" for number in range(actions)))
    return reports.change(action, "policy", before=document, after=document)


def test_a_short_document_is_shown_where_it_is_created() -> None:
    lines = shown(policy(25))
    assert '        +        "s3:Action24",' in lines


def test_a_long_document_is_told_by_its_size_unless_verbose() -> None:
    lines = shown(policy(60))
    assert lines[2:] == ["        document: 71 lines, 915 characters (--verbose shows it)"]
    assert '        +        "s3:Action59",' in shown(policy(60), verbose=True)


def test_what_goes_shows_its_document_only_if_verbose() -> None:
    assert not any("s3:Action" in each for each in shown(policy(2, ChangeType.DELETE)))
    assert any("s3:Action" in each for each in shown(policy(2, ChangeType.DELETE), verbose=True))


def test_short_values_stand_on_one_line_of_a_new_document() -> None:
    lines = shown(policy(2))
    assert '        +      "Action": ["s3:Action0", "s3:Action1"],' in lines


def test_a_further_document_is_shown_by_its_name() -> None:
    def with_trust(resource: Resource | None, user: str) -> Resource:
        assert resource is not None
        return replace(resource, documents={"trust": document([{"Effect": "Allow", "Sid": user}])})

    role = reports.change(
        ChangeType.UPDATE,
        "role",
        attributes_before={"hours": 1},
        attributes_after={"hours": 2},
    )
    before, after = with_trust(role.before, "one"), with_trust(role.after, "two")
    lines = shown(replace(role, before=before, after=after))
    assert "      trust:" in lines
    assert '        -      "Sid": "one",' in lines
    assert '        +      "Sid": "two",' in lines
    assert "      hours: 1 -> 2" in lines


def test_the_policies_of_a_new_role_are_named() -> None:
    lines = shown(reports.NEW_ROLE)
    assert f"      managed: {reports.READ_ONLY}" in lines
    assert not any("others" in each for each in lines)


def test_how_to_use_it_can_be_copied() -> None:
    lines = shown(reports.NEW_ROLE)
    start = lines.index("      How to use it:")
    # With white space before them, lines of a profile would go on with the line above.
    assert lines[start + 1 : start + 2 + len(reports.ROLE_USAGE)] == ["", *reports.ROLE_USAGE]


@pytest.mark.parametrize(("status", "told"), [(Status.DONE, 1), (Status.FAILED, 0)])
def test_nobody_is_told_how_to_use_what_is_not_there(status: Status, told: int) -> None:
    assert shown(reports.NEW_ROLE, status=status).count("      How to use it:") == told


def test_when_it_ends_has_a_line_of_its_own() -> None:
    assert "      ends 2025-11-27 16:00:00 UTC, in 2 hours" in shown(reports.NEW_ROLE)


def test_what_goes_because_it_ended_says_so_once() -> None:
    assert shown(reports.removal_of_ended("old"))[2:] == ["      ended 2025-11-27 13:00:00 UTC"]


def test_what_goes_before_its_end_says_when_that_would_have_been() -> None:
    expires = reports.NOW + timedelta(hours=1)
    gone = reports.change(ChangeType.DELETE, "p", reason="no entry asks for it", expires=expires)
    assert shown(gone)[2:] == [
        "      no entry asks for it",
        "      would end 2025-11-27 15:00:00 UTC, in 1 hour",
    ]


def test_what_is_lost_for_good_stands_out() -> None:
    made = attachment("data").after
    assert made is not None
    gone = replace(attachment("data", "AWS deletes it"), action=ChangeType.DELETE, after=None)
    lost = replace(gone, before=replace(made, loss="AWS deletes it"))
    report = Report("apply", reports.NOW, accounts=(reports.account_report(reports.PROD, lost),))
    account = account_view(report.accounts[0])
    lines = account_lines(account, report, verbose=False, zone=reports.NOW.tzinfo)
    styles = {span.text: span.style for each in lines for span in each.spans}
    assert styles["AWS deletes it"] == "error"
    (danger,) = dangers.first(report)
    assert (danger.what, danger.names) == ("AWS deletes it", ("data",))


def test_what_is_lost_for_good_is_the_first_danger_however_many_there_are() -> None:
    made = attachment("data").after
    assert made is not None
    gone = replace(attachment("data", "AWS deletes it"), action=ChangeType.DELETE, after=None)
    lost = replace(gone, before=replace(made, loss="AWS deletes it"))
    found = tuple(
        Meaning(
            Principal(PrincipalType.OUTSIDER, f"account {number:012}"),
            gains=(PermissionDelta("Read", 1, ("s3:GetObject",), (f"arn:aws:s3:::b{number}",)),),
            gained={"Read": 1},
        )
        for number in range(12)
    )
    accounts = [
        replace(reports.account_report(each, *changes), meanings=found)
        for each, changes in ((reports.PROD, [lost]), (reports.NONPROD, [lost]))
    ]
    asked = (Request(RequestType.NEW_TEAM, "search"),)
    report = Report("apply", reports.NOW, accounts=tuple(accounts), dry_run=True, requests=asked)
    lines = markdown.render(report).split("\n")
    start = lines.index("### What is dangerous")
    assert start < lines.index("### What is asked for")
    both = ", ".join(f"`{each.title}`" for each in (reports.PROD, reports.NONPROD))
    assert lines[start + 2] == f"- ⚠️ **AWS deletes it** in {both}: `data`"
    assert lines[start + 11] == "- and 4 more, below"


def test_what_differs_by_account_alone_is_one_danger() -> None:
    accounts = []
    for each in (reports.PROD, reports.NONPROD):
        arn = f"arn:aws:iam::{each.id}:role/{each.environments['payments']}-deploy"
        gains = (PermissionDelta("Write", 1, ("sts:AssumeRole",), (arn,), ("mfa",)),)
        outsider = Principal(PrincipalType.OUTSIDER, f"identity provider of {each.id}")
        found = (Meaning(outsider, gains=gains, gained={"Write": 1}),)
        accounts.append(replace(reports.account_report(each), meanings=found))
    report = Report("apply", reports.NOW, accounts=tuple(accounts), dry_run=True)
    (_, (danger,), _) = dangers.dangers(report)
    assert danger.what == (
        "from outside the account: may assume "
        "arn:aws:iam::{account_id}:role/{environment}-deploy, when mfa"
    )
    assert danger.names == ("identity provider of {account_id}",)
    assert set(danger.where) == {reports.PROD.title, reports.NONPROD.title}
