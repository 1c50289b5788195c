"""Users and roles as people name them, and who is meant where an account has none of them."""

from dataclasses import replace

import pytest

from iam_access.cli import principals
from iam_access.errors import UsageError
from iam_access.kinds.fields import PART_BEFORE, UserNames
from iam_access.model import Principal, PrincipalType
from iam_access.simulation.named_principals import NamedPrincipal, find_absent, find_principals
from tests.values import ACCOUNT, ALICE, RUNNER, account_with, with_state

ARN = f"arn:aws:iam::{ACCOUNT.id}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice", NamedPrincipal(ALICE)),
        (
            "alice@example.com",
            NamedPrincipal(ALICE, other=Principal(PrincipalType.USER, "alice@example.com")),
        ),
        ("user/alice", NamedPrincipal(ALICE)),
        ("/alice", NamedPrincipal(ALICE, path="/")),
        ("/team/a/alice", NamedPrincipal(ALICE, path="/team/a/")),
        ("team/alice", NamedPrincipal(ALICE, path="/team/")),
        (f"{ARN}:user/alice", NamedPrincipal(ALICE, ACCOUNT.id, "/")),
        (f"{ARN}:user/team/alice", NamedPrincipal(ALICE, ACCOUNT.id, "/team/")),
        ("arn:aws-cn:iam::111122223333:user/alice", NamedPrincipal(ALICE, ACCOUNT.id, "/")),
    ],
)
def test_a_user_by_name_address_path_and_arn(text: str, expected: NamedPrincipal) -> None:
    assert principals.users([text, text], PART_BEFORE) == (expected,)


@pytest.mark.parametrize("text", ["user/a@x.com", "/team/a@x.com", f"{ARN}:user/a@x.com"])
def test_a_name_that_is_an_address_is_whole_in_a_path_and_an_arn(text: str) -> None:
    (found,) = principals.users([text], PART_BEFORE)
    assert found.principal.name == "a@x.com"
    (found,) = principals.users(["a@x.com"], UserNames(whole=True))
    assert found.principal.name == "a@x.com"


def test_an_address_means_both_users_whom_an_account_has() -> None:
    """What one of them may do is no answer about the other."""
    whole = Principal(PrincipalType.USER, "Alice@example.com")
    asked = principals.users(["alice@example.com"], PART_BEFORE)
    assert [*find_principals(account_with(ALICE), asked)] == [ALICE]
    assert [*find_principals(account_with(ALICE, whole), asked)] == [ALICE, whole]
    assert [
        *find_principals(account_with(ALICE, whole), principals.users(["alice"], PART_BEFORE))
    ] == [ALICE]
    assert [*find_principals(account_with(whole), asked)] == []


def test_a_role_by_path_and_arn() -> None:
    runner = NamedPrincipal(RUNNER, ACCOUNT.id, "/ci/")
    assert principals.roles([f"{ARN}:role/ci/runner"]) == (runner,)
    assert principals.roles(["role/runner"]) == (NamedPrincipal(RUNNER),)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (f"{ARN}:role/runner", "--role"),
        ("role/runner", "--role"),
        ("arn:aws:sts::111122223333:assumed-role/runner/x", "--role"),
        (f"{ARN}:root", "ARN"),
        (f"{ARN}:group/all", "ARN"),
        ("arn:aws:s3:::bucket", "ARN"),
        ("arn:aws:iam:user/ann", "ARN"),
        ("team/", "address"),
        ("", "address"),
    ],
)
def test_what_names_no_user_is_answered_with_what_would(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        principals.users([text], PART_BEFORE)
    assert hint in refused.value.hint


def test_path_and_account_count_where_they_are_named() -> None:
    snapshot = with_state(account_with(), ALICE, path="/team/")
    for whom in (
        NamedPrincipal(ALICE),
        NamedPrincipal(ALICE, ACCOUNT.id, "/team/"),
        NamedPrincipal(Principal(PrincipalType.USER, "ALICE")),
    ):
        assert [*find_principals(snapshot, [whom])] == [ALICE]
        assert [*find_absent(snapshot, [whom])] == []
    for whom in (NamedPrincipal(ALICE, path="/"), NamedPrincipal(ALICE, "999900001111")):
        assert [*find_principals(snapshot, [whom])] == []
    assert [*find_absent(snapshot, [NamedPrincipal(ALICE, "999900001111")])] == []


@pytest.mark.parametrize(
    ("whom", "hint"),
    [
        (
            NamedPrincipal(Principal(PrincipalType.USER, "runner")),
            "there is a role of this name: -r runner",
        ),
        (
            NamedPrincipal(Principal(PrincipalType.ROLE, "ALICE")),
            "there is a user of this name: -u alice",
        ),
        (NamedPrincipal(Principal(PrincipalType.USER, "alicia")), "did you mean alice?"),
        (NamedPrincipal(ALICE, path="/other/"), "its path is /team/: -u /team/alice"),
        (NamedPrincipal(Principal(PrincipalType.USER, "zoe")), ""),
    ],
)
def test_who_may_be_meant_is_told(whom: NamedPrincipal, hint: str) -> None:
    snapshot = with_state(account_with(), ALICE, path="/team/")
    (absent,) = find_absent(snapshot, [whom])
    assert absent.hint == hint
    assert replace(absent, hint="").label == f"{whom.label} here"


def test_a_name_that_is_an_address_is_told_as_one_can_write_it() -> None:
    snapshot = account_with(Principal(PrincipalType.USER, "ann.smith@example.com"))
    (absent,) = find_absent(snapshot, principals.users(["ann.smith@example.com"], PART_BEFORE))
    assert absent.hint == "did you mean user/ann.smith@example.com?"
