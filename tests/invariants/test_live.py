"""Sessions that were opened while access held end with it: seen from the person's side."""

from collections.abc import Iterator

import pytest

from tests.flow.fleet import Fleet
from tests.invariants.cases import ENDS, NOW, SECOND, STARTS
from tests.invariants.live import FORMS, as_user, assume, granted, refusal


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with granted(tmp_path_factory.mktemp("live")) as (found, _):
        yield found


@pytest.mark.parametrize("form", FORMS)
def test_an_open_session_ends_at_the_deadline(fleet: Fleet, form: str) -> None:
    fleet.clock.now = ENDS - SECOND
    iam = assume(fleet, form, role_of=form) if form == "role" else as_user(fleet, form)
    assert refusal(iam.list_users) is None
    fleet.clock.now = ENDS
    assert refusal(iam.list_users) == "AccessDenied"


@pytest.mark.parametrize("form", FORMS)
def test_a_window_opens_by_itself(fleet: Fleet, form: str) -> None:
    user = f"{form}.later"

    def attempt() -> None:
        iam = assume(fleet, user, role_of=user) if form == "role" else as_user(fleet, user)
        iam.list_users()

    fleet.clock.now = STARTS - SECOND
    assert refusal(attempt) == "AccessDenied"
    fleet.clock.now = STARTS
    assert refusal(attempt) is None


def test_the_role_is_for_one_person_under_their_own_name(fleet: Fleet) -> None:
    fleet.clock.now = NOW
    for user, session in (("stranger", "stranger"), ("stranger", "role"), ("role", "stranger")):
        found = refusal(
            lambda user=user, session=session: assume(fleet, user, role_of="role", session=session)
        )
        assert found == "AccessDenied"
    fleet.clock.now = ENDS
    assert refusal(lambda: assume(fleet, "role", role_of="role")) == "AccessDenied"
