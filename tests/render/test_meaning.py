"""What a plan means, in all outputs."""

import io
import json
import re
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from markdown_it import MarkdownIt

from iam_access.model import (
    AccountReport,
    ChangeType,
    Escalation,
    Meaning,
    PermissionDelta,
    Plan,
    Principal,
    PrincipalType,
    Report,
)
from iam_access.render import Output, render
from tests.render import reports
from tests.render.streams import HOSTILE
from tests.render.workflow_commands import commands

BUCKET = "arn:aws:s3:::reports/*"
PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"
WAY = Escalation("pass-role-to-function", "can pass a role", PAGE, ("iam:PassRole", "lambda:X"))
ON_BUCKET = PermissionDelta("Write", 1, ("s3:PutObject",), (BUCKET,))
BOB = Meaning(Principal(PrincipalType.USER, "bob"))
ALICE = Meaning(reports.ALICE, (ON_BUCKET,), gained={"Write": 1})


def report(*meanings: Meaning) -> Report:
    plan = Plan(reports.PROD, (), ())
    asked = AccountReport(reports.PROD, plan, meanings=meanings)
    return Report("apply", reports.NOW, accounts=(asked,), dry_run=True)


def shown(*meanings: Meaning, output: Output = Output.TEXT, verbose: bool = False) -> str:
    return written(report(*meanings), output, verbose=verbose)


def written(told: Report, output: Output, *, verbose: bool = False) -> str:
    stream = io.StringIO()
    render(told, output, stream, verbose=verbose, zone=UTC)
    return stream.getvalue()


def lines(*meanings: Meaning, verbose: bool = False) -> list[str]:
    text = shown(*meanings, verbose=verbose)
    part = text.partition("What it means\n")[2].partition("\n\n")[0]
    return [line.strip() for line in part.splitlines()]


@pytest.mark.parametrize("output", [Output.TEXT, Output.MARKDOWN])
def test_nothing_is_shown_of_a_meaning_that_was_not_asked(output: Output) -> None:
    assert "What it means" not in written(reports.dry_run(), output)
    assert "What it means" not in written(reports.nothing(), output)


@pytest.mark.parametrize("output", [Output.TEXT, Output.MARKDOWN])
@pytest.mark.parametrize("meanings", [(), (BOB,)])
def test_a_plan_that_means_nothing_says_so(meanings: tuple[Meaning, ...], output: Output) -> None:
    assert "No user or role gains or loses anything." in shown(*meanings, output=output)


@pytest.mark.parametrize("output", [Output.TEXT, Output.MARKDOWN, Output.JSON])
def test_what_is_held_back_is_told_apart(output: Output) -> None:
    loses = replace(ALICE, gains=(), gained={}, losses=(ON_BUCKET,), lost={"Write": 1})
    (asked,) = report().accounts
    held = reports.change(
        ChangeType.DELETE, "payments-admin", before=reports.document("s3:PutObject")
    )
    asked = replace(asked, plan=Plan(reports.PROD, (), (), held=(held,)), held_meanings=(loses,))
    told = written(replace(report(), accounts=(asked,)), output)
    if output is Output.JSON:
        found = json.loads(told)
        assert found["meaning"] == []
        (one,) = found["meaning_if_allowed"]
        assert (one["principal"], one["lost"]) == ("user/alice", {"Write": 1})
        return
    assert "By what is not held back no user or role gains or loses anything." in told
    rest = told.partition("What is held back would mean, if it were allowed")[2]
    assert "user alice" in rest
    assert "loses 1 Write on " in rest


def test_each_principal_has_one_line() -> None:
    assert lines(ALICE, BOB) == [
        "live/prod (123456789012)",
        f"user alice: gains 1 Write on {BUCKET}",
        "no new access: user bob",
    ]
    carl = replace(BOB, losses=(replace(ON_BUCKET, resources=("*",)),), lost={"Write": 1})
    assert "user bob: no new access; loses 1 Write on all resources" in lines(carl)


def test_what_narrows_a_gain_is_in_the_line() -> None:
    until = reports.NOW + timedelta(hours=4)
    limited = replace(ON_BUCKET, conditions=("mfa Bool true",), until=until, via="payments+x+alice")
    meaning = replace(ALICE, gains=(limited,))
    assert lines(meaning)[1] == (
        f"user alice: gains 1 Write on {BUCKET}, when mfa Bool true, until "
        "2025-11-27 18:00:00 UTC, by assuming role payments+x+alice"
    )
    # The same action in two manners: it counts once, and neither manner is that of all of it.
    everywhere = replace(ON_BUCKET, resources=("*",), unless=("a", "b"))
    both = lines(replace(ALICE, gains=(limited, everywhere)))[1]
    assert f"gains 1 Write on all resources, some only on {BUCKET}" in both
    assert "some with conditions" in both
    assert "some with an end" in both
    many = replace(ON_BUCKET, resources=tuple(f"arn:{number}" for number in range(9)))
    assert lines(replace(ALICE, gains=(many,)))[1].endswith("on arn:0, arn:1, arn:2 and 6 more")


def test_what_is_on_one_bucket_does_not_look_like_what_is_on_all() -> None:
    tags = PermissionDelta("Tagging", 2, ("s3:PutA", "s3:PutB"), (BUCKET,))
    reads = PermissionDelta("Read", 300, ("ec2:*",))
    mine = PermissionDelta("Read", 2, ("s3:GetObject", "s3:GetX"), (BUCKET,))
    counts = {"Write": 1, "Tagging": 2, "Read": 302}
    mixed = replace(ALICE, gains=(ON_BUCKET, tags, reads, mine), gained=counts)
    assert lines(mixed)[1] == (
        f"user alice: gains 1 Write, 2 Tagging, 2 Read on {BUCKET}; gains 300 Read on all resources"
    )


def test_what_is_the_same_before_and_after_is_told() -> None:
    before = replace(ON_BUCKET, common=("on arn:aws:s3:::reports/a/*", "when mfa Bool true"))
    assert lines(replace(ALICE, gains=(before,)))[1].endswith(
        f"on {BUCKET}, so far only on arn:aws:s3:::reports/a/* or when mfa Bool true"
    )
    lost = replace(ALICE, gains=(), gained={}, losses=(before,), lost={"Write": 1})
    assert ", still on arn:aws:s3:::reports/a/* or" in lines(lost)[1]
    assert "still on arn:aws:s3:::reports/a/* or when mfa Bool true" in lines(lost, verbose=True)
    # Of a part alone it is a detail, and so it is where it takes many words.
    other = replace(ON_BUCKET, level="Read")
    some = replace(ALICE, gains=(before, other), gained={"Write": 1, "Read": 1})
    assert "so far" not in lines(some)[1]
    many = replace(ON_BUCKET, common=tuple(f"on arn:{number}" for number in range(40)))
    told = replace(ALICE, gains=(many,))
    assert "so far" not in lines(told)[1]
    assert lines(told, verbose=True)[-1].startswith("so far only on arn:0 or on arn:1 or ")
    assert lines(told, verbose=True)[-1].endswith(" or on arn:9 or 30 more")
    denied = replace(ON_BUCKET, unless=tuple(f"on arn:{number}" for number in range(40)))
    details = lines(replace(ALICE, gains=(denied,)), verbose=True)
    assert details[-1] == "not when something else holds: 30 more"
    assert details[-2] == "not when on arn:9"


def test_no_way_to_escalate_is_left_out() -> None:
    ways = tuple(replace(WAY, code=f"way-{number}") for number in range(30))
    meaning = replace(ALICE, escalations=ways)
    for output in (Output.TEXT, Output.MARKDOWN, Output.JSON):
        told = shown(meaning, output=output)
        assert all(f"way-{number}" in told for number in range(30))


@pytest.mark.parametrize("output", [Output.TEXT, Output.MARKDOWN])
def test_an_account_that_is_not_known_does_not_look_as_if_nothing_were_lost_there(
    output: Output,
) -> None:
    unread = AccountReport(reports.NONPROD, failure=reports.ACCESS_DENIED)
    for meanings, words in (
        ((BOB,), "Elsewhere no user or role gains or loses anything."),
        ((ALICE,), "user alice"),
    ):
        told = report(*meanings)
        text = written(replace(told, accounts=(*told.accounts, unread)), output)
        assert "What it means is not known in" in text
        assert reports.NONPROD.id in text.partition("What it means is")[2].partition("\n")[0]
        assert words in text
        assert "No user or role gains" not in text


def test_details_and_pages_are_folded_away() -> None:
    meaning = replace(ALICE, escalations=(WAY,), unread=("arn:aws:iam::aws:policy/X",))
    (_, line) = lines(meaning)
    assert "ways to escalate: pass-role-to-function" in line
    assert "was not read" in line
    details = "\n".join(lines(meaning, verbose=True))
    for text in ("1 Write: s3:PutObject", f"on {BUCKET}", WAY.explanation, PAGE, "lambda:X"):
        assert text in details
    folded = shown(meaning, output=Output.MARKDOWN)
    assert re.search(r"<details>\n<summary><code>user alice in live/prod", folded)
    assert f"[page]({PAGE})" in folded


def test_programs_get_all_of_it() -> None:
    meaning = replace(ALICE, escalations=(WAY,), losses=(ON_BUCKET,), lost={"Write": 1})
    told = json.loads(shown(BOB, meaning, output=Output.JSON))["meaning"]
    assert [(each["principal"], each["new_access"]) for each in told] == [
        ("user/bob", False),
        ("user/alice", True),
    ]
    found: dict[str, Any] = told[1]
    assert found["account"] == reports.PROD.id
    assert found["gained"] == found["lost"] == {"Write": 1}
    assert found["gains"] == [
        {
            "level": "Write",
            "count": 1,
            "actions": ["s3:PutObject"],
            "resources": [BUCKET],
            "conditions": [],
            "unless": [],
            "common": [],
            "starts": None,
            "until": None,
            "via": None,
        }
    ]
    assert found["escalations"][0]["url"] == PAGE
    assert json.loads(written(reports.nothing(), Output.JSON))["meaning"] is None


def test_a_comment_has_room_for_what_fits_and_says_what_does_not() -> None:
    people = [
        replace(
            ALICE,
            principal=Principal(PrincipalType.USER, f"user{number}"),
            gains=(replace(ON_BUCKET, resources=(f"arn:aws:s3:::{number}/*",)),),
        )
        for number in range(2_000)
    ]
    text = shown(*people, output=Output.MARKDOWN)
    assert len(text) <= 65_000
    assert re.search(r"Left out.*principals: [0-9,]+", text)


def test_those_for_whom_it_means_the_same_are_together() -> None:
    reading = replace(
        ALICE, gains=(replace(ON_BUCKET, level="Read"),), losses=(), gained={"Read": 1}
    )
    people = [
        replace(reading, principal=Principal(PrincipalType.USER, f"user{number}"))
        for number in range(500)
    ]
    other = replace(ALICE, principal=reports.BATCH, escalations=(WAY,))
    (_, first, line) = lines(*people, other)
    assert first.startswith("role batch: ")
    assert line.startswith("user user0, user user1, ")
    assert f"user user9 and 490 more: gains 1 Read on {BUCKET}" in line
    assert "user user499: gains" in lines(*people, verbose=True)[1]
    text = shown(*people, other, output=Output.MARKDOWN)
    assert len(text) < 10_000
    assert text.count("<details>") == 2
    assert "<code>user user0, user user1, user user2 and 497 more in live/prod" in text
    assert "`user user199` and 300 more" in text
    told = json.loads(shown(*people, other, output=Output.JSON))["meaning"]
    assert len({each["principal"] for each in told}) == 501


def hostile(text: str) -> Meaning:
    difference = PermissionDelta(text, 1, (text,), (text,), (text,), (text,), via=text)
    return Meaning(
        principal=Principal(PrincipalType.USER, text),
        gains=(difference,),
        losses=(difference,),
        gained={text: 1},
        lost={text: 1},
        escalations=(Escalation(text, text, text, (text,)),),
        unread=(text,),
    )


@pytest.mark.parametrize("output", Output)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str, output: Output) -> None:
    told = shown(hostile(text), output=output, verbose=True)
    assert not commands(told)
    assert not set(told) & {chr(code) for code in (*range(9), *range(11, 32), 127)}
    if output is Output.MARKDOWN:
        tokens = MarkdownIt("commonmark").parse(told)
        inline = [each.type for token in tokens for each in token.children or ()]
        assert not {"link_open", "image"} & set(inline)


def test_what_may_be_taken_of_what_is_not_known_stands_first() -> None:
    denied = PermissionDelta("Permissions management", 40, ("iam:*",))
    glass = Meaning(
        Principal(PrincipalType.ROLE, "breakglass"),
        is_known=False,
        denied=(denied,),
        denied_counts={"Permissions management": 40},
    )
    freed = Meaning(
        Principal(PrincipalType.ROLE, "freed"),
        is_known=False,
        freed=(ON_BUCKET,),
        freed_counts={"Write": 1},
    )
    climber = replace(ALICE, escalations=(replace(WAY, code="administrator"),))
    other = replace(BOB, gains=(ON_BUCKET,), gained={"Write": 1}, escalations=(WAY,))
    everyone = (BOB, other, climber, freed, glass)
    found = [each for each in lines(*everyone) if ":" in each]
    assert [each.partition(":")[0] for each in found] == [
        *("role breakglass", "role freed", "user alice", "user bob", "no new access")
    ]
    assert found[0].endswith(
        "existing access not known here, of which the plan denies 40 Permissions management on all "
        "resources; no new access"
    )
    assert found[1].endswith(f"of which the plan no longer denies 1 Write on {BUCKET}")
    comment = shown(*everyone, output=Output.MARKDOWN)
    first = comment.partition("### What is dangerous")[2].partition("|")[0].strip().splitlines()
    assert "of which the plan denies 40 Permissions management" in first[0]
    assert "`role breakglass`" in first[0]
    assert "`role freed`" in first[1]
    told = json.loads(shown(glass, output=Output.JSON))["meaning"][0]
    assert (told["known"], told["losses"]) == (False, [])
    assert told["denied"][0]["actions"] == ["iam:*"]


def test_who_gains_most_is_told_before_others_and_so_is_their_account() -> None:
    some = replace(BOB, gains=(ON_BUCKET,), gained={"Write": 1})
    more = replace(ALICE, gains=(replace(ON_BUCKET, count=7),), gained={"Write": 7})
    assert [each.partition(":")[0] for each in lines(some, more)[1:]] == ["user alice", "user bob"]
    reading = replace(BOB, gains=(replace(ON_BUCKET, level="Read"),), gained={"Read": 1})
    harmless = replace(reports.PROD, id="000000000000", environments={"live": "a"})
    accounts = [
        AccountReport(account, Plan(account, (), ()), meanings=(each,))
        for account, each in ((harmless, reading), (reports.PROD, more))
    ]
    told = written(Report("apply", reports.NOW, tuple(accounts), dry_run=True), Output.TEXT)
    assert told.index("user alice") < told.index("user bob")


def test_details_of_one_leave_room_for_others() -> None:
    wide = tuple(
        replace(ON_BUCKET, resources=tuple(f"arn:{'x' * 400}:{a}:{b}" for b in range(10)))
        for a in range(20)
    )
    comment = shown(
        replace(ALICE, gains=wide, gained={"Write": 1}, escalations=(WAY,)),
        replace(BOB, gains=(ON_BUCKET,), gained={"Write": 1}),
        output=Output.MARKDOWN,
    )
    assert comment.count("<summary>") == 2
    assert "- and more" in comment
    assert comment.index(WAY.explanation) < comment.index("gains 1 Write: s3:PutObject")
    assert len(comment) < 20_000
