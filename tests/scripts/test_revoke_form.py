"""The fields of the form of the workflow Revoke, as options."""

import argparse
from collections.abc import Mapping

import pytest

from iam_access.cli.revoke_form import fill
from iam_access.errors import UsageError

HOSTILE = "a'; $(id) `id` \"*\n::error::x"
EMPTY = {
    "REVOKE_WHOSE": "user",
    "REVOKE_NAME": "ann",
    "REVOKE_GRANT": "",
    "REVOKE_TEAM": "",
    "REVOKE_ENVIRONMENTS": "",
    "REVOKE_REASON": "leaves",
    "REVOKE_PERMANENT": "false",
    "REVOKE_DRY_RUN": "false",
}


def options(**given: object) -> argparse.Namespace:
    none = dict.fromkeys(("user", "role", "grant", "team", "reason"))
    switches = {"permanent": False, "dry_run": False, "environment": []}
    return argparse.Namespace(**none | switches | given)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ({"NAME": " ann@example.com "}, {"user": "ann@example.com"}),
        ({"WHOSE": "role", "NAME": "x", "TEAM": "-t"}, {"role": "x", "team": "-t"}),
        ({"WHOSE": "everyone", "NAME": "", "GRANT": "g"}, {"grant": "g"}),
        # What is blank is refused later: it would be wider than meant if it were left out.
        ({"TEAM": "  "}, {"user": "ann", "team": ""}),
        ({"NAME": " "}, {"user": ""}),
        ({"NAME": ""}, {"user": ""}),
        ({"NAME": HOSTILE}, {"user": HOSTILE}),
        ({"ENVIRONMENTS": " prod \n *-x  "}, {"user": "ann", "environment": ["prod", "*-x"]}),
        ({"PERMANENT": "true"}, {"user": "ann", "permanent": True}),
        ({"DRY_RUN": "true"}, {"user": "ann", "dry_run": True}),
    ],
)
def test_what_is_typed_in_is_what_is_meant(
    typed: Mapping[str, str], expected: Mapping[str, object]
) -> None:
    found = options()
    fill(found, EMPTY | {f"REVOKE_{name}": text for name, text in typed.items()})
    assert found == options(reason="leaves", **expected)


@pytest.mark.parametrize(
    ("form", "given", "problem"),
    [
        ({"REVOKE_WHOSE": "everyone", "REVOKE_TEAM": "t"}, {}, "names 'ann'"),
        ({"REVOKE_WHOSE": "group"}, {}, "REVOKE_WHOSE is 'group'"),
        ({"REVOKE_PERMANENT": "yes"}, {}, "REVOKE_PERMANENT is 'yes'"),
        ({"REVOKE_ENVIRONMENTS": " "}, {}, "the environments are blank"),
        ({}, {"team": "t"}, "takes the place of --team"),
        ({}, {"dry_run": True}, "takes the place of --dry-run"),
        ({}, {"environment": ["prod"]}, "takes the place of --environment"),
    ],
)
def test_what_is_not_clear_is_refused(
    form: Mapping[str, str], given: Mapping[str, object], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        fill(options(**given), {**EMPTY, **form})


@pytest.mark.parametrize("name", EMPTY)
def test_a_field_that_is_not_passed_on_is_not_taken_for_an_empty_one(name: str) -> None:
    form = {key: text for key, text in EMPTY.items() if key != name}
    with pytest.raises(UsageError, match=f"misses the variables {name}"):
        fill(options(), form)
