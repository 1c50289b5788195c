"""The rule of when a duration begins, on histories that are made up."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from iam_access.config.beginnings import Branch, DurationRequest, Read, Step, Version

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
FILE, OTHER = "aws/temporary-access/pay.yaml", "aws/temporary-access/shop.yaml"
ASKED, LATER = BEGIN - timedelta(days=1), BEGIN + timedelta(days=1)
ANN = DurationRequest(FILE, "ann", "prod", "read")
BROKEN = frozenset({DurationRequest("", "", "", "")})

Files = Mapping[str, Iterable[DurationRequest]]


def branch(*states: Files, apart: timedelta = timedelta(hours=1)) -> Branch:
    """A branch of an empty commit 0 and one for each state of the files, an hour apart."""
    contents: dict[str, frozenset[DurationRequest]] = {}
    steps: list[Step] = []
    before: dict[str, frozenset[DurationRequest]] = {}
    for number, state in enumerate(({}, *states)):
        after = {path: frozenset(requests) for path, requests in state.items()}
        for requests in after.values():
            contents[repr(sorted(requests, key=repr))] = requests
        versions = tuple(
            Version(path, _name(before.get(path)), _name(after.get(path)))
            for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)
        )
        at = BEGIN + number * apart
        steps.append(Step(str(number), at, is_oldest=number == 0, versions=versions))
        before = after

    def read(_: str, content: str) -> Read:
        found = contents[content]
        return Read(found - BROKEN, lambda: not found & BROKEN)

    return Branch(steps, read)


def _name(requests: frozenset[DurationRequest] | None) -> str | None:
    return None if requests is None else repr(sorted(requests, key=repr))


def began(request: DurationRequest, *states: Files) -> str | None:
    """The number of the commit with which a request in the last state (or a later one) began."""
    last = frozenset[DurationRequest]().union(*(states[-1].values() if states else ()))
    step = branch(*states).began([request], last | {request})
    return step.commit if step else None


def with_(*requests: DurationRequest) -> Files:
    return {FILE: requests}


def test_it_begins_with_the_commit_that_brings_it() -> None:
    assert began(ANN, with_(), with_(ANN), with_(ANN)) == "2"
    assert began(ANN, {}, with_(ANN)) == "2"
    assert began(ANN, with_()) is None


def test_no_coming_and_going_begins_it_anew() -> None:
    assert began(ANN, with_(ANN), with_(), with_(ANN)) == "1"
    assert began(ANN, with_(ANN), {}, {}, with_(ANN)) == "1"
    assert began(ANN, with_(ANN), with_()) == "1"


@pytest.mark.parametrize(
    "change",
    [{"path": OTHER}, {"holder": "eva"}, {"environment": "live"}, {"grant": "support"}],
)
def test_a_new_name_in_the_place_of_an_old_one_begins_nothing(change: dict[str, str]) -> None:
    new = ANN._replace(**change)  # type: ignore[arg-type]
    assert began(new, with_(ANN), {new.path: [new]}) == "1"
    # Not even if it was gone before, or if the change is not committed yet.
    assert began(new, with_(ANN), with_(), with_(ANN), {new.path: [new]}) == "1"
    later = branch(with_(ANN)).began([new], {new})
    assert later is not None
    assert later.commit == "1"
    # Beside the old one it is another request, and so it is after it.
    beside: Files = {FILE: [ANN, new]} if new.path == FILE else {FILE: [ANN], OTHER: [new]}
    assert began(new, with_(ANN), beside) == "2"
    assert began(new, with_(ANN), with_(), {new.path: [new]}) == "3"


def test_two_new_names_are_another_request() -> None:
    new = ANN._replace(environment="live", grant="support")
    assert began(new, with_(ANN), with_(new)) == "2"


def test_names_in_a_row_keep_the_first_beginning() -> None:
    second = ANN._replace(grant="support")
    third = second._replace(environment="live")
    assert began(third, with_(ANN), with_(second), with_(), with_(second), with_(third)) == "1"


def test_of_several_that_go_the_oldest_counts() -> None:
    first, second = ANN._replace(grant="a"), ANN._replace(grant="b")
    assert began(ANN, with_(second), with_(first, second), with_(ANN)) == "1"


def test_only_another_time_of_asking_begins_anew() -> None:
    asked, later = ANN._replace(requested=ASKED), ANN._replace(requested=LATER)
    assert began(asked, with_(ANN), with_(asked)) == "2"
    assert began(later, with_(asked), with_(later)) == "2"
    assert began(asked, with_(asked), with_(later), with_(asked)) == "1"
    # Without the time, it is what it was.
    assert began(ANN, with_(asked), with_(ANN)) == "1"
    renamed = later._replace(grant="support")
    assert began(renamed, with_(asked), with_(renamed)) == "2"
    assert began(asked._replace(grant="support"), with_(asked), with_(renamed)) is None
    assert began(asked._replace(grant="b"), with_(asked), with_(asked._replace(grant="b"))) == "1"


def test_a_file_that_cannot_be_read_hides_no_beginning() -> None:
    broken: Files = {FILE: BROKEN}
    renamed = ANN._replace(grant="support")
    assert began(ANN, with_(ANN), broken, with_(ANN)) == "1"
    assert began(renamed, with_(ANN), broken, with_(renamed)) == "1"
    assert began(renamed, with_(ANN), broken, broken, with_(renamed)) == "1"
    assert began(renamed, broken, with_(renamed)) == "2"


def test_an_entry_that_cannot_be_read_hides_no_beginning() -> None:
    other, renamed = ANN._replace(holder="eva"), ANN._replace(grant="support")
    broken: Files = {FILE: [*BROKEN, other]}
    assert began(renamed, with_(ANN, other), broken, with_(renamed, other)) == "1"
    assert began(renamed, with_(ANN, other), broken) == "1"
    assert began(other, with_(ANN, renamed), {FILE: [*BROKEN, renamed]}, with_(other)) == "1"
    assert began(renamed, with_(ANN, other), broken, with_(other), with_(renamed)) == "4"


def test_what_the_oldest_commit_has_comes_before_all_dates() -> None:
    steps = [
        Step("new", BEGIN - timedelta(days=9), False, (Version(FILE, None, "b"),)),
        Step("last", BEGIN, False, (Version(FILE, "b", "c"),)),
    ]
    old, mine = ANN._replace(grant="a"), ANN._replace(grant="b")
    contents = {"a": {old}, "b": {old, mine}, "c": {ANN}}
    oldest = Step("root", BEGIN, True, (Version(FILE, None, "a"),))
    found = Branch(
        [oldest, *steps], lambda _, content: Read(frozenset(contents[content]), lambda: True)
    )
    step = found.began([ANN], {ANN})
    assert step is not None
    assert step.commit == "root"


def test_an_entry_with_several_requests_has_the_oldest_beginning() -> None:
    other = ANN._replace(grant="support")
    step = branch(with_(ANN), with_(ANN, other)).began([other, ANN], {ANN, other})
    assert step is not None
    assert step.commit == "1"


@pytest.mark.parametrize(("seconds", "commit"), [(5, "1"), (6, "3")])
def test_commits_that_were_made_at_once_are_one_change(seconds: int, commit: str) -> None:
    new = ANN._replace(grant="support")
    states: list[Files] = [with_(ANN), with_(), with_(new)]
    step = branch(*states, apart=timedelta(seconds=seconds)).began([new], {new})
    assert step is not None
    assert step.commit == commit


@pytest.mark.parametrize(("seconds", "commit"), [(5, "1"), (6, "2")])
def test_so_are_a_copy_and_the_removal_of_what_it_was_copied_from(
    seconds: int, commit: str
) -> None:
    new = ANN._replace(grant="support")
    states: list[Files] = [with_(ANN), with_(ANN, new), with_(new)]
    step = branch(*states, apart=timedelta(seconds=seconds)).began([new], {new})
    assert step is not None
    assert step.commit == commit


def test_one_that_took_the_place_of_another_may_go_with_it() -> None:
    last, middle = ANN._replace(grant="a"), ANN._replace(grant="b")
    for both in (with_(ANN, middle), with_(middle, ANN)):
        assert began(last, with_(ANN), with_(middle), both, with_(last)) == "1"


def test_a_long_row_of_names_is_followed_to_its_beginning() -> None:
    names = [ANN._replace(grant=str(number)) for number in range(1_200)]
    assert began(names[-1], *map(with_, names)) == "1"
