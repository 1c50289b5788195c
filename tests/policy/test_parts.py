"""Parts of a policy that is in use: what stays where it is, and what the parts decide together."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from iam_access.policy.document import document, policy_size, same_meaning, statements_of
from iam_access.policy.packing import SplitError, split
from iam_access.policy.parts import Rewriting, keeping_denials, narrowest, resplit
from iam_access.snapshot import Document
from tests.policy.test_packing_split import POOL, verdicts

LIMIT = 1_000


def buckets(
    first: int, last: int, effect: str = "Allow", also: Sequence[str] = (), **more: Any
) -> dict[str, Any]:
    names = [f"arn:aws:s3:::a-bucket-with-a-name-{number:03}" for number in range(first, last)]
    return {"Effect": effect, "Action": ["s3:GetObject"], "Resource": [*names, *also], **more}


def effects(part: Document) -> set[str]:
    return {each["Effect"] for each in statements_of(part)}


def test_what_fits_is_left_as_it_is_written() -> None:
    source = document([{**buckets(0, 3), "Sid": "Mine"}])
    assert resplit(source, {1: source, 2: source}, LIMIT) == {1: source}


def test_a_policy_that_is_new_has_the_parts_of_a_split() -> None:
    source = document([buckets(0, 60)])
    assert [*resplit(source, {}, LIMIT).values()] == [*split(source, LIMIT)]


@pytest.mark.parametrize(
    ("statements", "changed"),
    [
        ([buckets(0, 60), buckets(70, 72, "Deny")], set()),
        ([buckets(1, 60)], {1}),
        ([buckets(0, 61)], {3}),
        (
            [buckets(0, 60), buckets(70, 71, Condition={"Bool": {"aws:SecureTransport": "true"}})],
            {3},
        ),
    ],
)
def test_what_does_not_change_stays_where_it_is(
    statements: list[dict[str, Any]], changed: set[int]
) -> None:
    present = resplit(document([buckets(0, 60)]), {}, LIMIT)
    present = {**present, 3: document([*statements_of(present[3]), buckets(70, 72, "Deny")])}
    if changed:
        present = resplit(document([buckets(0, 60)]), present, LIMIT)
    parts = resplit(document(statements), present, LIMIT)
    assert {number for number in parts if parts[number] != present[number]} == changed


def test_what_no_longer_fits_moves_to_another_part() -> None:
    present = resplit(document([buckets(0, 60)]), {}, LIMIT)
    grown = document([{**buckets(0, 60), "Action": ["s3:GetObject", "s3:PutObject"]}])
    parts = resplit(grown, present, LIMIT)
    assert all(policy_size(each) <= LIMIT for each in parts.values())
    assert len(parts) == len(split(grown, LIMIT))


def test_a_part_that_is_not_needed_is_emptied_into_the_others() -> None:
    present = resplit(document([buckets(0, 66)]), {}, LIMIT)
    fewer = document([buckets(0, 10), buckets(22, 40), buckets(50, 66)])
    parts = resplit(fewer, present, LIMIT)
    assert len(present) == 3
    assert len(parts) == 2
    assert parts.keys() < present.keys()


def test_a_part_that_another_hand_wrote_is_written_back() -> None:
    source = document([buckets(0, 60), buckets(70, 72, "Deny")])
    present = resplit(source, {}, LIMIT)
    for number in present:
        foreign = {**present, number: document([buckets(0, 1, Action=["sqs:*"])])}
        parts = resplit(source, foreign, LIMIT)
        assert parts.keys() == present.keys()
        changed = {each for each in parts if not same_meaning(parts[each], present[each])}
        assert len(changed) < len(present)
        assert number != max(present) or not changed


def test_a_part_that_loses_something_does_not_become_another_one() -> None:
    """The others would wait for it, and it for them."""
    more = ["s3:GetObject", "s3:PutObject"]
    most = [*more, "s3:GetObjectAcl"]
    present: Any = {
        1: document([buckets(26, 34, "Deny", Action=most), buckets(19, 22, Action=more)]),
        2: document([buckets(5, 19, Action=more)]),
        3: document([buckets(7, 16)]),
    }
    source = document(
        [
            buckets(26, 34, "Deny", Action=most),
            buckets(5, 22, Action=more),
            buckets(12, 26, Action=most),
            buckets(5, 12, Action=[*most, "s3:List*"]),
        ]
    )
    parts = resplit(source, present, 826)
    assert 2 in parts
    assert 3 not in parts


def test_what_a_stopped_run_wrote_stays_in_its_new_part() -> None:
    """Not each of the principals may have got that part, which gives what the old one loses."""
    more = ["s3:GetObject", "s3:PutObject"]
    present: Any = {
        1: document([buckets(0, 3, "Deny"), buckets(10, 22, Action=[*more, "s3:List*"])]),
        2: document([buckets(18, 30, Action=more), buckets(0, 2, "Deny")]),
    }
    source = document([buckets(10, 30, Action=more), buckets(0, 2, "Deny")])
    parts = resplit(source, present, LIMIT)
    assert parts.keys() == present.keys()
    assert same_meaning(parts[2], present[2])


def test_what_a_stopped_run_left_twice_stays_in_one_part() -> None:
    source = document([buckets(0, 60)])
    present = resplit(source, {}, LIMIT)
    last = max(present)
    twice = {**present, last + 1: present[last]}
    assert resplit(source, twice, LIMIT) == present


def test_what_no_principal_holds_is_divided_as_if_it_were_new() -> None:
    source, other = document([buckets(0, 60)]), document([buckets(20, 90)])
    present = resplit(other, resplit(source, {}, LIMIT), LIMIT)
    assert [*present.values()] != [*split(other, LIMIT)]
    # Of a run that stopped when it had made one part, say.
    idle = frozenset(present)
    assert [*resplit(source, present, LIMIT, idle).values()] == [*split(source, LIMIT)]
    # What is a split already stays, or the last one who loses it would cause writes.
    assert resplit(other, present, LIMIT, idle) == present
    assert resplit(source, present, LIMIT, idle - {1}) == resplit(source, {1: present[1]}, LIMIT)


MORE, LESS = ["s3:GetObject", "s3:PutObject"], ["s3:GetObject", "s3:List*"]


@pytest.mark.parametrize(
    ("statements", "parts"),
    [
        # Of two that share a bucket; when the other is cut there, they could be joined.
        (
            [buckets(9, 10, Action=MORE), buckets(0, 20, Action=LESS)],
            [
                [buckets(9, 10, Action=MORE), buckets(9, 10, Action=LESS)],
                [buckets(0, 9, Action=LESS), buckets(10, 20, Action=LESS)],
            ],
        ),
        # Resources that differ in case alone, in whatever order.
        (
            [buckets(0, 30, also=["arn:x:b"]), buckets(0, 0, also=["arn:x:B"])],
            [[buckets(0, 15, also=["arn:x:B"])], [buckets(15, 30, also=["arn:x:b"])]],
        ),
        (
            [buckets(0, 30, Condition={"Bool": {"aws:SecureTransport": "true"}})],
            [
                [buckets(0, 15, Condition={"Bool": {"aws:SecureTransport": ["true"]}})],
                [buckets(15, 30, Condition={"Bool": {"aws:SecureTransport": "true"}})],
            ],
        ),
    ],
)
def test_what_is_a_split_already_stays(
    statements: list[dict[str, Any]], parts: list[list[dict[str, Any]]]
) -> None:
    present = dict(enumerate(map(document, parts), 1))
    assert resplit(document(statements), present, LIMIT) == present
    assert resplit(document(statements[:1]), {**present, 9: present[1]}, LIMIT) != present


def test_a_part_that_denies_less_gets_nothing_unless_its_old_denials_fit_beside_it() -> None:
    present = {1: document([buckets(0, 20, "Deny")]), 2: document([buckets(0, 22)])}
    source = document([buckets(10, 60)])
    parts = resplit(source, present, LIMIT)
    assert verdicts(tuple(parts.values())) == verdicts((source,))
    assert 1 not in parts
    # What fits into one policy is the part that loses no denials.
    assert resplit(document([buckets(12, 24)]), present, LIMIT).keys() == {2}
    short = {**present, 1: document([buckets(0, 2, "Deny")])}
    assert resplit(document([buckets(12, 24)]), short, LIMIT).keys() == {1}


def test_old_denials_are_kept_beside_all_that_is_new() -> None:
    first, rest = buckets(0, 4, "Deny"), buckets(0, 3)
    assert keeping_denials(document([first, rest]), document([rest])) is None
    assert keeping_denials(document([first]), document([buckets(0, 5, "Deny")])) is None
    kept = keeping_denials(document([first]), document([buckets(1, 4, "Deny"), rest]))
    assert kept == document([rest, first])


def test_the_narrowest_allows_what_both_allow_and_denies_what_either_denies() -> None:
    more = ["s3:GetObject", "s3:PutObject"]
    one = document([buckets(0, 4), buckets(8, 9, "Deny")])
    other = document([buckets(2, 6, Action=more), buckets(7, 8, "Deny")])
    both = document(
        [
            buckets(8, 9, "Deny"),
            buckets(7, 8, "Deny"),
            {**buckets(2, 4), "Action": ["s3:getobject"]},
        ]
    )
    assert narrowest(one, other) == both
    assert narrowest(one, one) == document([buckets(8, 9, "Deny"), buckets(0, 4)])
    assert narrowest(document([buckets(0, 2)]), document([buckets(4, 6)])) is None
    elsewhere = buckets(0, 9, Condition={"Bool": {"aws:SecureTransport": "true"}})
    assert narrowest(document([buckets(0, 4)]), document([elsewhere])) is None


def test_no_parts_wait_for_each_other() -> None:
    """Each would have to get something of the other before that loses it."""
    more = ["s3:GetObject", "s3:GetObjectAcl"]
    present: Any = {
        1: document([buckets(7, 22)]),
        2: document([buckets(4, 8, Action=more), buckets(22, 26)]),
    }
    source = document([buckets(5, 17, Action=more), buckets(18, 28)])
    parts = resplit(source, present, LIMIT)
    assert verdicts(tuple(parts.values())) == verdicts((source,))
    one, other = (Rewriting.of(present[n], parts.get(n)) for n in present)
    assert not (one.gets_from(other) and other.gets_from(one))


def test_no_part_gets_a_denial_while_another_gets_what_it_allows() -> None:
    """That one would be written after it, for the denial, and before it, for what moves."""
    more = ["s3:GetObject", "s3:PutObject"]
    most = [*more, "s3:GetObjectAcl"]
    present: Any = {
        1: document([buckets(14, 26, "Deny"), buckets(4, 18, Action=more)]),
        2: document([buckets(1, 9, Action=[*most, "s3:List*"]), buckets(14, 19, Action=most)]),
    }
    source = document(
        [
            *(buckets(14, 26, "Deny"), buckets(4, 18, Action=more)),
            buckets(1, 9, Action=[*most, "s3:List*"]),
            *(buckets(21, 35, "Deny", Action=most), buckets(6, 8, Action=most)),
        ]
    )
    parts = resplit(source, present, 1_500)
    one, other = (Rewriting.of(present[n], parts.get(n)) for n in present)
    assert verdicts(tuple(parts.values())) == verdicts((source,))
    assert not (one.gets("Deny") and other.gets_from(one))
    assert not (other.gets("Deny") and one.gets_from(other))


def test_what_stays_in_a_part_has_not_moved() -> None:
    more = ["s3:GetObject", "s3:PutObject"]
    loser = Rewriting.of(document([buckets(0, 9, Action=more)]), document([buckets(5, 9)]))
    assert not Rewriting.of(None, document([buckets(5, 9)])).gets_from(loser)
    assert Rewriting.of(None, document([buckets(4, 9)])).gets_from(loser)
    assert Rewriting.of(None, document([buckets(5, 9, Action=more)])).gets_from(loser)


def test_any_parts_decide_together_as_the_whole() -> None:
    """Whatever is added, removed and changed; and what is written is written once."""
    random = Random(7)
    again = 0
    for _ in range(12):
        limit = random.randint(300, 900)
        statements = random.choices(POOL, k=5)
        present: Any = {}
        for _ in range(3):
            source = document(statements)
            try:
                parts = resplit(source, present, limit)
            except SplitError:
                break
            assert all(policy_size(each) <= limit for each in parts.values())
            assert verdicts(tuple(parts.values())) == verdicts((source,))
            mixed = [each for each in parts.values() if len(effects(each)) > 1]
            assert len(mixed) <= 1 or len(parts) == 1
            again += resplit(source, parts, limit) != parts
            present = parts
            place = random.randrange(len(statements))
            statements = [*statements[:place], random.choice(POOL), *statements[place + 1 :]]
            statements += random.choices(POOL, k=random.randint(0, 1))
    assert again == 0
