"""What the reviewer reads first: the requests in sentences, and what is dangerous about them."""

import io
import json
import re
from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from iam_access.model import (
    AccountReport,
    Escalation,
    Location,
    Meaning,
    PermissionDelta,
    Plan,
    Principal,
    PrincipalType,
    Report,
    Request,
    RequestType,
    SettingChange,
)
from iam_access.render import Output, render
from iam_access.render.github import report as github
from iam_access.render.json import report as json_report
from iam_access.render.markdown import report as markdown
from iam_access.render.view import requests as views
from tests.render.reports import NONPROD, NOW, PROD

LIMIT = 65_536
ADMINISTRATOR = Escalation("administrator", "may do everything", "https://docs.aws.amazon.com/x")
READS = Meaning(
    principal=Principal(PrincipalType.USER, "nobody"),
    gains=(PermissionDelta("Read", 1, ("s3:GetObject",)),),
    gained={"Read": 1},
)
WRITES = replace(
    READS, gains=(PermissionDelta("Write", 1, ("s3:PutObject",)),), gained={"Write": 1}
)
ESCALATES = replace(
    READS,
    gains=(PermissionDelta("Permissions management", 1, ("iam:AttachUserPolicy",)),),
    gained={"Permissions management": 1},
    escalations=(ADMINISTRATOR,),
)


def user(name: str) -> Principal:
    return Principal(PrincipalType.USER, name)


def request(name: str, number: int = 1, description: str = "Refunds fail") -> Request:
    return Request(
        RequestType.ACCESS,
        "payments",
        principals=(user(name),),
        grants=("support.break-glass",),
        places=(("prod", PROD.id),),
        until=NOW + timedelta(hours=10),
        ticket=f"OPS-{number}",
        description=description,
        number=1,
        location=Location("temporary-access/payments.yaml", number, 3),
    )


def report(requests: tuple[Request, ...], **meanings: Meaning) -> Report:
    found = tuple(replace(each, principal=user(name)) for name, each in meanings.items())
    account = AccountReport(PROD, plan=Plan(PROD, (), ()), meanings=found)
    return Report("apply", NOW, (account,), dry_run=True, requests=requests)


def in_text(made: Report) -> str:
    stream = io.StringIO()
    render(made, Output.TEXT, stream, zone=UTC)
    # The terminal's lines are broken up where they are long.
    return " ".join(stream.getvalue().split())


def many(number: int, *, one: Meaning) -> Report:
    """So many people who may write; the one in the middle has `one` instead."""
    names = [f"person_{each}" for each in range(number)]
    asked = tuple(request(name, each) for each, name in enumerate(names))
    held = dict.fromkeys(names, WRITES)
    return report(asked, **{**held, f"person_{number // 2}": one})


def test_one_request_is_read_before_all_else_with_what_it_leads_to() -> None:
    lines = markdown.render(report((request("ann"),), ann=WRITES)).split("\n")
    sentence, *_ = views.requests(report((request("ann"),)))
    assert sentence.sentence == (
        "ann asks for support.break-glass in prod until 2025-11-28 00:00:00 UTC (10 hours), "
        "OPS-1: Refunds fail"
    )
    assert lines[6:11] == [
        f"### {views.TITLE}",
        "",
        f"- **{sentence.headline}**, OPS-1: Refunds fail (`temporary-access/payments.yaml:1:3`)",
        "  - gains 1 Write on all resources",
        "  - ⚠️ **Write**: s3:PutObject",
    ]


def test_who_becomes_a_role_from_another_account_gains_what_it_may() -> None:
    asks = replace(request("ann"), until=None, becomes="helper")
    here = replace(READS, principal=user("ann"))
    there = replace(WRITES, principal=user("arn:aws:iam::999900001111:user/staff/Ann"))
    account = AccountReport(PROD, plan=Plan(PROD, (), ()), meanings=(here, there))
    made = Report("apply", NOW, (account,), dry_run=True, requests=(asks,))
    (view,) = views.requests(made)
    assert view.leads_to == ("gains 1 Write on all resources",)
    assert view.headline.endswith("permanently, by switching into role helper")
    (other,) = views.requests(replace(made, requests=(request("ann"),)))
    assert other.leads_to == ("gains 1 Read on all resources",)


def test_what_they_can_do_already_is_said() -> None:
    (view,) = views.requests(report((request("ann"),), ann=Meaning(user("ann"))))
    assert view.leads_to == ("nothing that they cannot do already",)


@pytest.mark.parametrize("number", [30, 1_000])
def test_an_escalation_among_many_is_the_first(number: int) -> None:
    text = markdown.render(many(number, one=ESCALATES))
    assert len(text) <= LIMIT
    hidden = f"person_{number // 2}".replace("_", "\\_")
    assert text.index(f"- **{hidden} asks for") < 200
    assert text.index("**administrator**: may do everything") < 500
    assert text.index("**ways to escalate: administrator;") < text.index("**gain Write**")


def test_all_who_may_write_are_named_whatever_the_size() -> None:
    text = markdown.render(many(1_000, one=READS))
    assert len(text) <= LIMIT
    names = text.partition("**gain Write** (999): `")[2].partition("`")[0].split(", ")
    assert {*names} == {f"person_{each}" for each in range(1_000) if each != 500}


def test_many_that_differ_in_who_and_why_alone_are_told_as_one() -> None:
    text = markdown.render(many(1_000, one=READS))
    assert " and 994 more ask for support.break-glass in prod until" in text
    assert "999 requests with reasons of their own" in text
    assert "Who and why" not in text
    some = markdown.render(many(30, one=READS))
    assert all(
        f"OPS-{n}{colon} Refunds" in some or n == 15 for colon in ["&#58;"] for n in range(30)
    )
    assert "reasons of requests: 999" in text
    few = markdown.render(many(4, one=WRITES))
    assert all(f"OPS-{number}: Refunds fail" in few for number in range(4))


def test_what_has_no_room_is_counted() -> None:
    asked = tuple(
        replace(request(f"kim{each}"), grants=(f"grant-{each}",)) for each in range(1_000)
    )
    text = markdown.render(report(asked))
    assert len(text) <= LIMIT
    assert "Left out, for want of room: requests:" in text


def test_new_people_are_named_whatever_the_size() -> None:
    asked = tuple(
        replace(request(f"kim{each}"), newcomers=(user(f"kim{each}"),)) for each in range(1_000)
    )
    text = markdown.render(report(asked))
    assert len(text) <= LIMIT
    names = text.partition("before** (1,000): `")[2].partition("`")[0].split(", ")
    assert {*names} == {f"kim{each}" for each in range(1_000)}


def test_the_same_danger_in_two_accounts_is_told_once() -> None:
    one = report((request("ann"),), ann=WRITES)
    other = replace(one.accounts[0], account=NONPROD)
    text = markdown.render(replace(one, accounts=(*one.accounts, other)))
    (line,) = [each for each in text.split("\n") if "**gain Write**" in each]
    assert PROD.id in line
    assert NONPROD.id in line


def test_description_and_ticket_are_in_every_output() -> None:
    made = report((request("ann", description="Refunds fail"),), ann=WRITES)
    data = json.loads(json_report.render(made))["requests"][0]
    assert (data["ticket"], data["description"]) == ("OPS-1", "Refunds fail")
    for text in (markdown.render(made), in_text(made), github.render(made)):
        assert "OPS-1: Refunds fail" in text


def test_hostile_text_in_a_request_does_nothing() -> None:
    hostile = "::error::x @all <img src=x> \n# head ##[group]y \u202e [a](https://x.y)"
    made = report((request("ann", description=hostile),), ann=WRITES)
    text = markdown.render(made)
    assert "<img" not in text
    assert "\u202e" not in text
    assert "\n# head" not in text
    log = github.render(made)
    assert not any(each.lstrip().startswith("::") for each in log.split("\n"))
    alike = tuple(request(f"kim{n}", n, f"{hostile} {n}") for n in range(8))
    text = markdown.render(report(alike))
    assert "<summary>Who and why</summary>" in text
    assert "<img" not in text
    assert not re.search(r"@all|https:|\[a\]", text.partition("Who and why")[2])
    assert "##[" not in log


def test_the_most_dangerous_comes_first_and_renames_last() -> None:
    renamed = Request(RequestType.POLICY_NAME, "payments", grants=("b",), previous="a")
    asked = (renamed, request("ann"), request("bob"))
    found = views.requests(report(asked, ann=READS, bob=ESCALATES))
    assert [each.sentence.split(" ")[0] for each in found] == ["bob", "ann", "Policy"]


def test_a_long_description_keeps_no_other_request_from_being_shown() -> None:
    asked = (request("ann", description="x" * 100_000), request("bob"))
    text = markdown.render(report(asked, ann=WRITES, bob=WRITES))
    assert len(text) <= LIMIT
    assert "- **bob asks for" in text
    whole = json.loads(json_report.render(report(asked)))["requests"][0]["description"]
    assert len(whole) == 100_000


def test_what_differs_by_the_account_alone_is_told_once() -> None:
    def held(account: str) -> Meaning:
        gains = (PermissionDelta("Write", 1, ("s3:PutObject",), (f"arn:aws:s3:::b-{account}/*",)),)
        return Meaning(user("ann"), gains=gains, gained={"Write": 1})

    both = replace(request("ann"), places=(("nonprod", NONPROD.id), ("prod", PROD.id)))
    accounts = tuple(
        AccountReport(each, plan=Plan(each, (), ()), meanings=(held(each.id),))
        for each in (PROD, NONPROD)
    )
    (view,) = views.requests(Report("apply", NOW, accounts, requests=(both,)))
    assert view.leads_to == ("gains 1 Write on arn:aws:s3:::b-{account_id}/*",)


def test_nothing_is_said_only_of_accounts_that_were_looked_at() -> None:
    (view,) = views.requests(report((request("ann"),), bob=WRITES))
    assert view.leads_to == ("the plan changes nothing for them",)
    both = replace(request("ann"), places=(("nonprod", NONPROD.id), ("prod", PROD.id)))
    (view,) = views.requests(report((both,), ann=WRITES))
    assert view.leads_to[1:] == ("what it means is not known in nonprod",)


def test_who_loses_access_is_told_what_they_lose() -> None:
    ends = replace(request("ann"), type=RequestType.END, until=None)
    lost = Meaning(user("ann"), losses=WRITES.gains, lost={"Write": 1})
    (view,) = views.requests(report((ends,), ann=lost))
    assert view.leads_to == ("loses 1 Write on all resources",)
    assert (view.dangers, view.marks) == ((), ())
    (view,) = views.requests(report((ends,), ann=Meaning(user("ann"))))
    assert view.leads_to == ("loses nothing: they hold the same otherwise",)


def test_what_is_held_back_is_told_as_if_it_were_allowed() -> None:
    ends = replace(request("ann"), type=RequestType.END)
    lost = Meaning(user("ann"), losses=WRITES.gains, lost={"Write": 1})
    made = report((ends,))
    account = replace(made.accounts[0], held_meanings=(lost,))
    (view,) = views.requests(replace(made, accounts=(account,)))
    assert view.leads_to == ("held back; if it were allowed: loses 1 Write on all resources",)


def test_what_the_same_people_ask_for_in_one_place_leads_to_is_told_once() -> None:
    asked = (request("ann"), replace(request("ann", 2), grants=("support.read",)))
    first, second = views.told(report(asked, ann=ESCALATES))
    assert len(first.dangers) == 2
    assert second.dangers == ()
    data = json.loads(json_report.render(report(asked, ann=ESCALATES)))["requests"]
    assert all("administrator: may do everything" in each["dangers"] for each in data)
    assert "told above" in second.leads_to[0]
    text = markdown.render(report(asked, ann=ESCALATES))
    assert text.count("may do everything") == 2  # and once in what it means


def test_the_team_is_told_where_there_are_several() -> None:
    asked = (request("ann"), replace(request("bob"), team="search"))
    assert [each.reason for each in views.requests(report(asked))] == [
        ", team payments, OPS-1: Refunds fail",
        ", team search, OPS-1: Refunds fail",
    ]


def test_dangers_stand_before_many_requests_and_after_few() -> None:
    def order(number: int) -> bool:
        text = markdown.render(many(number, one=ESCALATES))
        return text.index("### What is dangerous") < text.index("### What is asked for")

    assert [order(3), order(5)] == [False, True]


@pytest.mark.parametrize(("sandbox", "words"), [(True, "a sandbox with"), (False, "of AWS as")])
def test_it_says_what_it_was_planned_against(sandbox: bool, words: str) -> None:
    made = replace(report((request("ann"),)), sandbox=sandbox)
    assert f"Planned against {'' if sandbox else 'the accounts '}{words}" in markdown.render(made)
    assert json.loads(json_report.render(made))["sandbox"] is sandbox


def test_a_move_says_nothing_of_its_own_about_what_it_means() -> None:
    moves = Request(RequestType.MOVE, "search", (user("ann"),), previous="payments", number=1)
    (view,) = views.requests(report((moves,), ann=WRITES))
    assert view.leads_to == ()


def test_dangers_of_endless_kinds_and_titles_fit_into_a_comment() -> None:
    made = report((request("ann"),))
    title = replace(PROD, environments={f"team-{n}": f"prod-{n}" for n in range(1_000)})
    found = tuple(
        Meaning(
            user(f"kim{n}"),
            denied=(PermissionDelta("Write", 1, ("s3:PutObject",), (f"arn:aws:s3:::{n}/*",)),),
            denied_counts={"Write": 1},
            is_known=False,
        )
        for n in range(300)
    )
    account = AccountReport(title, plan=Plan(title, (), ()), meanings=found)
    text = markdown.render(replace(made, accounts=(account,)))
    assert len(text) <= LIMIT
    assert "- **ann asks for" in text


def test_rules_that_change_are_dangers_with_what_is_taken_out() -> None:
    rules = (
        SettingChange("temporary_access.longest", ("6 days",), ("60 days",)),
        SettingChange("forbidden_actions", ("{actions: [iam:*]}",), ()),
    )
    renamed = replace(
        request("ann"), type=RequestType.ENVIRONMENT_NAME, previous="live", guarded=("live",)
    )
    people = tuple(request(f"kim{each}", each) for each in range(1_000))
    settings = Request(RequestType.SETTINGS, settings=rules)
    made = report((*people, renamed, settings), **{f"kim{each}": WRITES for each in range(1_000)})
    page = markdown.render(made, budget=4_000)
    for text in (page, in_text(made)):
        plain = text.replace("\\", "").replace("**", "").replace("`", "")
        assert "longest: 6 days becomes 60 days" in plain
        assert "forbidden_actions: {actions: [iam:*]} is taken out" in plain
        assert "rules change: temporary_access.longest, forbidden_actions" in plain
        assert "under the new name: prod of team payments, live before" in plain
    assert json.loads(json_report.render(made))["requests"][0]["settings"][1] == {
        "key": "forbidden_actions",
        "before": ["{actions: [iam:*]}"],
        "after": [],
    }


FREED = replace(ESCALATES, is_known=False, freed=ESCALATES.gains, freed_counts=ESCALATES.gained)


def test_who_loses_what_denied_something_gains() -> None:
    ends = replace(request("ann"), type=RequestType.END, until=None)
    (first, _) = views.requests(report((request("kim", 2), ends), ann=FREED, kim=WRITES))
    assert first.request is ends
    assert "gains 1 Permissions management" in first.leads_to[0]
    assert any(each.what == "administrator" for each in first.dangers)
    # Where something else is given, that may be what gives it.
    found = views.requests(report((ends, request("ann", 2)), ann=FREED))
    assert [each.dangers for each in found if each.request is ends] == [()]


def test_many_ways_to_escalate_leave_room_for_what_is_gained() -> None:
    many = tuple(replace(ADMINISTRATOR, code=f"way-to-escalate-{each:02}") for each in range(30))
    worst = replace(ESCALATES, escalations=(*many, ADMINISTRATOR))
    page = markdown.render(report((request("ann"),), ann=worst))
    (line,) = (
        each
        for each in page.splitlines()
        if each.startswith("- \N{WARNING SIGN}") and "ways to" in each
    )
    assert "ways to escalate: administrator, way-to-escalate-00" in line
    assert "and 25 more; gain Permissions management" in line
