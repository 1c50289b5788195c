"""Which IAM user is meant by what the files say, and which of an account's users that is."""

from typing import Any

import pytest

from iam_access.kinds import FOLDERS
from iam_access.kinds.base import FileEntry
from iam_access.kinds.fields import UserNames, is_user_name
from iam_access.model import Principal, PrincipalType
from tests.values import account_with, permanent, policy, scope, temporary

DEFAULT, WHOLE = UserNames(), UserNames(whole=True)
ANN = "ann@example.com"


@pytest.mark.parametrize(
    ("names", "written", "name", "other"),
    [
        (DEFAULT, ANN, "ann", ANN),
        (WHOLE, ANN, ANN, "ann"),
        (DEFAULT, "ann", "ann", None),
        (WHOLE, "ann", "ann", None),
        (DEFAULT, f"user/{ANN}", ANN, None),
        (WHOLE, "user/ann", "ann", None),
        (UserNames(True, ("example.com",)), "ann@EXAMPLE.com", "ann@EXAMPLE.com", "ann"),
        (UserNames(True, ("example.com",)), "ann@other.com", "ann", "ann@other.com"),
        (UserNames(False, ("*.example.com",)), "ann@a.example.com", "ann", "ann@a.example.com"),
        (UserNames(False, ("*.example.com",)), ANN, ANN, "ann"),
    ],
)
def test_how_addresses_map(names: UserNames, written: str, name: str, other: str | None) -> None:
    assert names.name(written) == name
    found = names.other(written)
    assert (found.name if found else None) == other


def test_what_can_be_a_name() -> None:
    assert is_user_name("ann.o+x@example.com")
    assert not any(map(is_user_name, ("", "a" * 65, "ann@exämple.com", "a/b", "a\n")))


def user(name: str) -> Principal:
    return Principal(PrincipalType.USER, name)


def granted(written: str, *there: str, names: UserNames = DEFAULT) -> tuple[set[str], set[str]]:
    """Whom permanent and temporary entries for the address grant to, and the codes of findings."""
    where = scope(policy("read"), snapshot=account_with(*map(user, there)), user_names=names)
    entries: dict[str, list[FileEntry[Any]]] = {
        "permanent-access": [permanent(users=[written])],
        "temporary-access": [temporary(user=written)],
    }
    found = [
        folder.expand(entries[folder.folder], where)
        for folder in FOLDERS
        if folder.folder in entries
    ]
    whom = [each.principal for one in found for each in one.resources]
    whom += [each.principal for one in found for each in one.grants]
    return {each.name for each in whom if each}, {
        finding.code for one in found for finding in one.findings
    }


@pytest.mark.parametrize(
    ("written", "there", "expected"),
    [
        (ANN, ("ann",), "ann"),
        (ANN, ("Ann", "bob"), "Ann"),
        (ANN, (ANN,), "ann"),  # who is not there, which the guards say
        ("user/ann@example.com", ("ann", ANN), ANN),
        ("user/ANN", ("ann", ANN), "ann"),
        ("user/ann@example.com", ("Ann@Example.com",), "Ann@Example.com"),
    ],
)
def test_who_is_meant_in_an_account(written: str, there: tuple[str, ...], expected: str) -> None:
    assert granted(written, *there) == ({expected}, set())


@pytest.mark.parametrize("names", [DEFAULT, WHOLE])
@pytest.mark.parametrize("there", [("ann", ANN), ("Ann", "ann@Example.com")])
def test_two_who_may_be_meant_are_an_error_and_no_guess(
    names: UserNames, there: tuple[str, ...]
) -> None:
    assert granted(ANN, *there, names=names) == (set(), {"ambiguous-user"})
    assert granted("ann", *there, names=names) == (
        {each for each in there if "@" not in each},
        set(),
    )
