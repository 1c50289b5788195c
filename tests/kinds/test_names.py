"""Names are how ownership is read back, so each must come back as it went in."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam_access.kinds import names
from iam_access.model import Principal, PrincipalType

TEAMS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,40}", fullmatch=True)
KEYS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,90}", fullmatch=True)
DEADLINE = datetime(2026, 3, 1, 18, tzinfo=UTC)


@given(team=TEAMS, key=KEYS)
def test_an_inline_policy_tells_its_team_and_fits_the_limit(team: str, key: str) -> None:
    name = names.inline_name(team, key, DEADLINE)

    assert len(name) <= 128
    found = names.team_and_grant_of_inline(name)
    assert found is not None
    assert found[0] == team
    assert found[1] == key or found[1].startswith(key[:20])


def test_a_renewal_has_another_name() -> None:
    later = DEADLINE.replace(second=1)
    assert names.inline_name("a", "b", DEADLINE) != names.inline_name("a", "b", later)


@given(
    team=st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True),
    key=KEYS,
    starts=st.none() | st.just(DEADLINE.replace(hour=9)),
    part=st.integers(1, 20),
)
def test_a_policy_that_ends_tells_its_grant_and_fits_the_limit(
    team: str, key: str, starts: datetime | None, part: int
) -> None:
    name = names.temporary_policy_name(team, key, starts, DEADLINE, part)

    assert len(name) <= names.NAME_LIMIT
    assert names.grant_of_temporary_policy(name) == names.label(key)
    assert names.deadline_in(name) == DEADLINE
    assert (names.first_part(name), names.part_number(name)) == (name, 1)
    permanent = names.policy_name(team, key, part)
    assert names.grant_of_temporary_policy(permanent) is None
    assert names.deadline_in(permanent) is None
    assert names.first_part(permanent) == names.policy_name(team, key)
    assert names.part_number(permanent) == part


def test_policies_are_shared_by_those_with_the_same_window_only() -> None:
    starts = [None, DEADLINE.replace(hour=9), DEADLINE.replace(hour=10)]
    ends = [DEADLINE, DEADLINE.replace(second=1)]
    found = {
        names.temporary_policy_name("team", "read", start, end, 1)
        for start in starts
        for end in ends
    }
    assert len(found) == len(starts) * len(ends)


def test_a_beginning_is_told_to_the_second_and_never_for_another() -> None:
    """As a number, not as a hash of one: two beginnings with one hash of 28 bits are soon found."""
    first = datetime(2026, 1, 1, tzinfo=UTC)
    names_ = {
        names.temporary_policy_name("t", "read", first + timedelta(seconds=second), DEADLINE, 1)
        for second in range(0, 3_000_000, 60)
    }
    assert len(names_) == 50_000
    assert names.temporary_policy_name("t", "read", first, DEADLINE, 1) == (
        "t+read+20260301T180000Z=t85s00+1"
    )


def test_long_keys_that_begin_alike_stay_apart() -> None:
    one, other = (names.inline_name("team", "k" * 120 + end, DEADLINE) for end in "ab")
    assert one != other


@pytest.mark.parametrize(
    "name",
    [
        "payments+read+20260301T180000Z",
        "self-serve+payments+read",
        "self-serve+payments+read+20260301",
        "self-serve-payments-read-20260301T180000Z",
        "x-self-serve+payments+read+20260301T180000Z",
    ],
)
def test_names_that_only_look_like_ours_are_not(name: str) -> None:
    assert names.team_and_grant_of_inline(name) is None


@given(team=TEAMS, key=KEYS)
def test_a_policy_arn_tells_its_team(team: str, key: str) -> None:
    arn = names.team_policy_arn("aws", "111122223333", team, key)
    assert names.team_of_policy_arn(arn) == team


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::aws:policy/self-serve/payments/x",
        "arn:aws:iam::111122223333:policy/x",
        "arn:aws:iam::111122223333:policy/self-serve/x",
        "arn:aws:iam::111122223333:policy/self-serve/payments/deeper/x",
        "arn:aws:iam::111122223333:role/self-serve/payments/x",
        "arn:aws:iam::111122223333:policy/other/self-serve/payments/x",
    ],
)
def test_policies_elsewhere_are_not_ours(arn: str) -> None:
    assert names.team_of_policy_arn(arn) is None


@pytest.mark.parametrize("before", ["", "/other"])
@pytest.mark.parametrize("after", ["", "deeper/"])
def test_only_one_path_is_a_teams(before: str, after: str) -> None:
    team = names.team_of_policy_path(f"{before}/self-serve/payments/{after}")
    assert team == (None if before or after else "payments")


@given(team=TEAMS, path=st.sampled_from(["ReadOnlyAccess", "service-role/AWSLambdaRole"]))
def test_an_owner_tag_tells_team_and_policy(team: str, path: str) -> None:
    arn = f"arn:aws-cn:iam::aws:policy/{path}"
    for generation in (1, 2, 10):
        tag = names.owner_tag(team, arn, generation)
        assert names.owner_of_tag(tag, "aws-cn", "1" * 12) == (team, arn, generation)


@pytest.mark.parametrize(
    "key",
    [
        "self-serve",
        "self-serve:payments",
        "Self-Serve:a:B",
        "team",
        "self-serve:a:1:B",
        "self-serve:a:02:B",
        "self-serve:a:2:B:C",
    ],
)
def test_other_tags_say_nothing_about_ownership(key: str) -> None:
    assert names.owner_of_tag(key, "aws", "1" * 12) is None


INSTANTS = (None, DEADLINE, DEADLINE.replace(hour=9))
PEOPLE = (
    "ann",
    "role=ann",
    "ann+20260301T180000Z",
    "role=ann+20260301T180000Z",
    "ann+g2",
    "role=ann+g2",
    "a" * 60,
)


def test_no_two_people_or_beginnings_have_one_role() -> None:
    made = [
        names.role_name("payments", "read", Principal(type_, person), starts, generation)
        for type_ in (PrincipalType.USER, PrincipalType.ROLE)
        for person in PEOPLE
        for starts in INSTANTS
        for generation in (1, 2, 99)
    ]
    assert len(set(made)) == len(made)
    assert all(len(name) <= 64 for name in made)
    assert made[0] == "payments+read+ann"


@pytest.mark.parametrize(("length", "is_cut"), [(60, False), (61, True)])
def test_a_roles_name_is_whole_as_long_as_every_generation_of_it_fits(
    length: int, *, is_cut: bool
) -> None:
    """IAM allows 64 characters, of which the generation takes up to four."""
    person = "a" * (length - len("payments+read+"))
    principal = Principal(PrincipalType.USER, person)
    first, last = (
        names.role_name("payments", "read", principal, None, generation)
        for generation in (1, names.LAST_GENERATION)
    )
    assert (first != f"payments+read+{person}") is is_cut
    assert last == f"{first}+g99"
    assert len(last) <= names.ENTITY_LIMIT == 64


def test_every_part_of_a_temporary_grant_but_the_first_follows_another() -> None:
    path = "arn:aws:iam::111122223333:policy/self-serve/payments/"
    first, second, third = (
        path + names.temporary_policy_name("payments", "read", None, DEADLINE, part)
        for part in (1, 2, 3)
    )
    assert names.part_before(first) is None
    assert names.part_before(second) == first
    assert names.part_before(third) == second
    assert (
        names.part_before(names.team_policy_arn("aws", "111122223333", "payments", "a-2")) is None
    )


@given(team=TEAMS, key=KEYS, person=st.sampled_from(PEOPLE), starts=st.sampled_from(INSTANTS))
def test_a_roles_name_tells_whom_it_may_be_for(
    team: str, key: str, person: str, starts: datetime | None
) -> None:
    for type_ in (PrincipalType.USER, PrincipalType.ROLE):
        principal = Principal(type_, person)
        for generation in (1, 2):
            name = names.role_name(team, key, principal, starts, generation)
            assert names.may_be_role_of(name, principal)
            assert not names.may_be_role_of(name, Principal(type_, "bob"))
            first = names.role_name(team, key, principal, starts)
            assert name == (first if generation == 1 else f"{first}+g{generation}")


def test_no_user_is_called_like_the_short_name_of_another_role() -> None:
    short = names.role_name("payments", "read", Principal(PrincipalType.USER, "a" * 60), None)
    person = Principal(PrincipalType.USER, short.removeprefix("payments+read+"))
    assert names.role_name("payments", "read", person, None) != short
