"""Which calls are made as one, and in which order."""

from iam_access.cloud.executor import steps_of
from iam_access.kinds.calls import iam
from iam_access.model import ApiCall, Phase
from tests.cloud.fakes import ACCOUNT, attach, change, create, delete, detach, tag, untag


def sent(*changes: ApiCall) -> list[ApiCall]:
    """The calls that these calls, each of a change of its own, are sent as."""
    steps = steps_of([change(f"c{index}", call) for index, call in enumerate(changes)])
    return [step.call for step in steps]


def test_phases_come_first_then_the_order_of_the_changes() -> None:
    given = [delete("p"), attach("b", "p"), create("q"), attach("a", "p"), detach("c", "p")]
    assert sent(*given) == [given[2], given[1], given[3], given[4], given[0]]


def test_tags_of_one_principal_are_sent_together() -> None:
    assert sent(tag("ann", "x"), tag("bob", "x"), tag("ann", "y", "z")) == [
        tag("ann", "x", "y", "z"),
        tag("bob", "x"),
    ]


def test_an_item_that_two_changes_send_is_sent_once() -> None:
    assert sent(untag("ann", "x", "y"), untag("ann", "y", "z")) == [untag("ann", "x", "y", "z")]


def test_a_call_takes_no_more_items_than_aws_allows() -> None:
    keys = [f"key-{number}" for number in range(60)]

    calls = sent(*(tag("ann", key) for key in keys))

    assert [len(call.params["Tags"]) for call in calls] == [50, 10]
    assert [item["Key"] for call in calls for item in call.params["Tags"]] == keys


def test_calls_that_name_nothing_to_merge_stay_apart() -> None:
    assert sent(attach("ann", "p"), attach("ann", "p")) == [attach("ann", "p")] * 2


def test_a_merge_never_overtakes_an_earlier_call_of_its_change() -> None:
    first = iam(ACCOUNT, "create_user", {"UserName": "ann"}, Phase.CLAIM)
    steps = steps_of([change("a", tag("ann", "x")), change("b", first, tag("ann", "y"))])
    assert [step.call for step in steps] == [tag("ann", "x"), first, tag("ann", "y")]
