"""What an answer must hold so that a call whose answer was lost counts as carried out."""

from collections.abc import Mapping
from typing import Any

import pytest

from iam_access.model import AnswerCheck, Confirm, Match, Read
from iam_access.plan.confirmation import holds

DOCUMENT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}],
}


def confirmed(answer: Mapping[str, Any], match: Match, *values: Any, path: str = "a.b") -> bool:
    expected = AnswerCheck(tuple(path.split(".")), match, values)
    read = Read("iam", "get_thing", {}, expects=(expected,))
    return holds(Confirm(frozenset(), (read,)), lambda read, params: answer)


@pytest.mark.parametrize(
    ("match", "value", "found", "does_hold"),
    [
        (Match.EQUALS, "x", "x", True),
        (Match.EQUALS, "x", "y", False),
        (Match.EQUALS, "x", None, False),
        (Match.MEANS, DOCUMENT, {**DOCUMENT, "Statement": DOCUMENT["Statement"][0]}, True),
        (Match.MEANS, DOCUMENT, {**DOCUMENT, "Statement": []}, False),
        (Match.MEANS, DOCUMENT, {"Statement": 7}, False),
        (Match.MEANS, DOCUMENT, "text", False),
        (Match.CONTAINS, "x", ["w", "x"], True),
        (Match.CONTAINS, "x", ["w"], False),
        (Match.CONTAINS, "x", "x", False),
        (Match.LACKS, "x", ["w"], True),
        (Match.LACKS, "x", [], True),
        (Match.LACKS, "x", ["w", "x"], False),
        (Match.LACKS, "x", "x", False),
        (Match.ABSENT, None, "x", False),
    ],
)
def test_each_way_to_compare(match: Match, value: Any, found: Any, *, does_hold: bool) -> None:
    assert confirmed({"a": {"b": found}}, match, value) is does_hold


@pytest.mark.parametrize("match", list(Match))
def test_of_what_is_not_there_only_its_absence_is_proven(match: Match) -> None:
    assert confirmed({"a": {}}, match, "x") is (match is Match.ABSENT)


def test_a_step_into_a_list_is_taken_into_each_element() -> None:
    answer = {"a": [{"b": {"c": 1}}, {"b": {"c": 2}}]}
    assert confirmed(answer, Match.CONTAINS, 2, path="a.b.c")
    assert confirmed(answer, Match.LACKS, 3, path="a.b.c")


def test_lists_count_with_all_their_pages() -> None:
    asked = []

    def ask(read: Read, params: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append(params)
        return {"items": [2]} if "token" in params else {"items": [1], "next": "t"}

    for value, is_there in ((1, True), (2, True), (3, False)):
        for match in (Match.CONTAINS, Match.LACKS):
            expected = AnswerCheck(("items",), match, (value,))
            read = Read("s3", "list", {"q": 1}, expects=(expected,), pages=("token", "next"))
            found = holds(Confirm(frozenset(), (read,)), ask)
            assert found is (is_there is (match is Match.CONTAINS)), (value, match)
    assert asked[:2] == [{"q": 1}, {"q": 1, "token": "t"}]


def test_a_read_takes_parameters_from_the_answer_before() -> None:
    first = Read("iam", "get_policy", {"PolicyArn": "p"})
    second = Read(
        "iam",
        "get_policy_version",
        {"PolicyArn": "p"},
        takes=(("VersionId", ("Policy", "Default")),),
        expects=(AnswerCheck(("Version",), Match.EQUALS, ("v2",)),),
    )

    def ask(read: Read, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"Policy": policy} if read is first else {"Version": params["VersionId"]}

    confirm = Confirm(frozenset(), (first, second))
    policy = {"Default": "v2"}
    assert holds(confirm, ask)
    policy = {"Default": "v1"}
    assert not holds(confirm, ask)
    policy = {}
    assert not holds(confirm, ask)
