"""While permanent access changes, no principal ever holds more than before and after."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_access.config.configuration import Configuration
from iam_access.model import Principal, PrincipalType
from iam_access.snapshot import ManagedDocument, Snapshot
from tests.invariants.strategies import PEOPLE, document_of
from tests.invariants.test_interrupted import applying, bounded, check
from tests.values import (
    ALICE,
    BOB,
    READ_ONLY,
    account_with,
    applied,
    configuration,
    permanent,
    policy,
    team,
)

ALL = {"effect": "Allow", "actions": ["*"], "resources": ["*"]}
QUEUES = {"effect": "Allow", "actions": ["sqs:*"], "resources": ["*"]}
READS = {"effect": "Allow", "actions": ["s3:Get*"], "resources": ["*"]}
NO_PUT = {"effect": "Deny", "actions": ["s3:PutObject"], "resources": ["*"]}
NO_GET = {"effect": "Deny", "actions": ["s3:Get*"], "resources": ["*"]}
NO_IAM = {"effect": "Deny", "actions": ["iam:*"], "resources": ["*"]}

Grants = Mapping[str, tuple[Principal, ...]]


def files(policies: Mapping[str, Any], grants: Grants) -> Configuration:
    """Policies by key (statements, and `aws` for ReadOnlyAccess), and who is granted them."""
    return configuration(
        team(
            policies=[
                policy(
                    key,
                    custom_statements=[each for each in written if each != "aws"],
                    managed_policies=[READ_ONLY] if "aws" in written else [],
                )
                for key, written in policies.items()
            ],
            permanent=[
                permanent(
                    users=[
                        f"{each.name}@example.com"
                        for each in people
                        if each.type is PrincipalType.USER
                    ],
                    roles=[each.name for each in people if each.type is PrincipalType.ROLE],
                    grants=[key],
                )
                for key, people in grants.items()
                if people
            ],
        )
    )


def account() -> Snapshot:
    """AWS's policy allows everything."""
    return account_with(*PEOPLE, managed={READ_ONLY: ManagedDocument("v1", document_of([ALL]))})


BOTH = (ALICE, BOB)
CASES: dict[str, tuple[Configuration, Configuration]] = {
    "a grant that AWS's policy allows and its statements limit": (
        files({"one": ["aws", NO_PUT]}, {"one": BOTH}),
        files({"one": ["aws", NO_PUT]}, {}),
    ),
    "its policy goes with it": (files({"one": ["aws", NO_PUT]}, {"one": BOTH}), files({}, {})),
    "one of its holders loses it": (
        files({"one": ["aws", NO_PUT, QUEUES]}, {"one": BOTH}),
        files({"one": ["aws", NO_PUT, QUEUES]}, {"one": (BOB,)}),
    ),
    "another grant limits what stays": (
        files({"all": [ALL], "less": [NO_PUT, QUEUES]}, {"all": BOTH, "less": BOTH}),
        files({"all": [ALL], "none": [NO_PUT]}, {"all": BOTH, "none": BOTH}),
    ),
    "a key is renamed": (
        files({"old": ["aws", NO_PUT, QUEUES]}, {"old": BOTH}),
        files({"new": ["aws", NO_PUT, QUEUES]}, {"new": BOTH}),
    ),
    "what limits moves from one policy to another": (
        files({"one": [ALL, NO_PUT], "two": [QUEUES]}, {"one": BOTH, "two": BOTH}),
        files({"one": [ALL], "two": [QUEUES, NO_PUT]}, {"one": BOTH, "two": BOTH}),
    ),
    "what limits moves the other way": (
        files({"one": [QUEUES], "two": [ALL, NO_PUT]}, {"one": BOTH, "two": BOTH}),
        files({"one": [QUEUES, NO_PUT], "two": [ALL]}, {"one": BOTH, "two": BOTH}),
    ),
    "a policy no longer limits what goes": (
        files({"one": [QUEUES, NO_PUT], "two": [ALL]}, {"one": BOTH, "two": BOTH}),
        files({"one": [QUEUES], "two": [ALL]}, {"one": BOTH, "two": (BOB,)}),
    ),
    "a policy allows more to who gets a limit": (
        files({"one": [QUEUES], "two": [NO_PUT]}, {"one": BOTH}),
        files({"one": [ALL], "two": [NO_PUT]}, {"one": BOTH, "two": BOTH}),
    ),
    "one policy denies something else when another allows something else": (
        files({"one": [QUEUES, READS], "two": [NO_IAM]}, {"one": BOTH, "two": BOTH}),
        files({"one": [ALL, READS], "two": [NO_PUT]}, {"one": BOTH, "two": BOTH}),
    ),
    "a policy allows more of the same when another denies something else": (
        files({"one": [READS], "two": [NO_GET]}, {"one": BOTH, "two": BOTH}),
        files({"one": [ALL], "two": [NO_PUT]}, {"one": BOTH, "two": BOTH}),
    ),
    "a policy allows more when one of its holders has gone on to another": (
        files({"one": [QUEUES]}, {"one": BOTH}),
        files({"one": [ALL], "two": [QUEUES]}, {"one": (BOB,), "two": (ALICE,)}),
    ),
    "a policy allows more when one of its holders is left with nothing": (
        files({"one": [QUEUES, NO_PUT], "two": [ALL]}, {"one": BOTH, "two": (ALICE,)}),
        files({"one": [ALL], "two": [ALL]}, {"one": (BOB,)}),
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
def test_no_principal_holds_more_in_between(case: str, *, back: bool) -> None:
    before, after = CASES[case][:: -1 if back else 1]
    check(applying(after), applied(before, account()), [ALICE, BOB])


@st.composite
def _changes(draw: st.DrawFn) -> tuple[Configuration, Configuration]:
    """Policies that allow, that deny, and one that does both; who holds them changes."""
    allow = st.sampled_from([ALL, QUEUES, READS, "aws"])
    deny = st.sampled_from([NO_PUT, NO_GET, NO_IAM])
    policies = {
        "open": [draw(allow)],
        "wide": [draw(allow), draw(allow)],
        "less": [draw(deny)],
        "both": [draw(allow), draw(deny)],
    }
    people = st.lists(st.sampled_from([ALICE, BOB]), unique=True).map(tuple)
    before, after = (files(policies, {key: draw(people) for key in policies}) for _ in range(2))
    return before, after


@pytest.mark.exhaustive
@settings(bounded, max_examples=200)
@given(change=_changes())
def test_grants_are_handed_over_in_any_way(change: tuple[Configuration, Configuration]) -> None:
    before, after = change
    check(applying(after), applied(before, account()), [ALICE, BOB])


@st.composite
def _rewritten(draw: st.DrawFn) -> tuple[Configuration, Configuration]:
    """Policies that allow and one that denies, whose documents change while people hold them."""
    allows = st.lists(st.sampled_from([ALL, QUEUES, READS]), min_size=1, max_size=3)
    denies = st.lists(st.sampled_from([NO_PUT, NO_GET, NO_IAM]), min_size=1, max_size=3)
    wholes = ({"one": draw(allows), "two": draw(allows), "less": draw(denies)} for _ in range(2))
    before, after = (files(each, dict.fromkeys(each, BOTH)) for each in wholes)
    return before, after


@pytest.mark.exhaustive
@settings(bounded, max_examples=200)
@given(change=_rewritten())
def test_documents_are_rewritten_in_any_way(change: tuple[Configuration, Configuration]) -> None:
    before, after = change
    check(applying(after), applied(before, account()), [ALICE, BOB], gaps=[ALICE, BOB])
