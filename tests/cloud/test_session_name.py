"""The names of role sessions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam_access.cloud.sessions import session_name

COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
ALLOWED = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "self-serve+payments"),
        ({"GITHUB_SHA": COMMIT}, "self-serve+payments@1a2b3c4d5e6f"),
        (
            {"GITHUB_SHA": COMMIT, "GITHUB_REF": "refs/heads/main"},
            "self-serve+payments@1a2b3c4d5e6f",
        ),
        ({"GITHUB_SHA": COMMIT, "GITHUB_REF": "refs/pull/42/merge"}, "self-serve+payments@pr-42"),
        ({"GITHUB_SHA": "main; echo"}, "self-serve+payments"),
        ({"GITHUB_SHA": "", "GITHUB_REF": ""}, "self-serve+payments"),
    ],
)
def test_it_tells_the_team_and_what_is_applied(environ: dict[str, str], name: str) -> None:
    assert session_name(["payments"], environ) == name


def test_several_teams_stand_in_order_once_each() -> None:
    assert session_name(["web", "api", "web"], {}) == "self-serve+api+web"


def test_no_team_leaves_the_program() -> None:
    assert session_name([], {}) == "self-serve"


def test_teams_that_find_no_room_are_counted() -> None:
    teams = [f"team-number-{number}" for number in range(10)]
    name = session_name(teams, {"GITHUB_SHA": COMMIT})
    assert name == "self-serve+team-number-0+team-number-1+8-more@1a2b3c4d5e6f"


def test_one_team_that_finds_no_room_is_cut() -> None:
    name = session_name(["x" * 80, "y"], {"GITHUB_SHA": COMMIT})
    assert name == f"self-serve+{'x' * 33}+1-more@1a2b3c4d5e6f"


@given(
    teams=st.lists(st.text(min_size=1, max_size=80), max_size=6),
    commit=st.sampled_from(["", COMMIT]),
    ref=st.sampled_from(["", "refs/pull/123456789/merge", f"refs/pull/{'9' * 80}/merge"]),
)
def test_it_is_always_a_name_that_sts_takes(teams: list[str], commit: str, ref: str) -> None:
    name = session_name(teams, {"GITHUB_SHA": commit, "GITHUB_REF": ref})
    assert ALLOWED.fullmatch(name)
