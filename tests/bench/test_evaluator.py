"""The account and the assertions that decisions are measured on."""

import pytest

from bench.account import account, assertions
from bench.evaluator import (
    cache,
    compiled_once,
    explained_matrix,
    measure,
    parsed_anew,
    typical,
)
from iam_access.model import PrincipalType
from iam_access.simulation.account_policies import AccountPolicies


def test_one_seed_gives_one_account_and_another_seed_another() -> None:
    assert account(20) == account(20)
    assert account(20).policies != account(20, seed=2).policies
    assert assertions(50) == assertions(50)
    assert assertions(50) != assertions(50, seed=2)


def test_an_account_has_as_many_principals_as_asked_for() -> None:
    kinds = [principal.type for principal in account(50).principals]
    assert kinds.count(PrincipalType.USER) == 30
    assert kinds.count(PrincipalType.ROLE) == 20


def test_some_assertions_hold_and_some_fail() -> None:
    snapshot, asked = account(30), assertions(20)
    assert len({(each.action, each.resource) for each in asked}) == 20
    assert 0 < cache(snapshot, asked) < 30 * 20


def test_all_ways_to_ask_give_the_same_answers() -> None:
    snapshot, asked = account(30), assertions(40)
    assert cache(snapshot, asked) == explained_matrix(snapshot, asked)
    subject = typical(AccountPolicies(snapshot))
    assert 0 < compiled_once(subject, asked) == parsed_anew(snapshot, subject, asked) < 40


def test_figures_are_printed_with_what_they_compare_to() -> None:
    text = "\n".join(measure(30, 10, runs=1).lines)
    assert "30 principals x 10 assertions" in text
    assert "1,100 to 1,300 decisions/s" in text


def test_an_account_without_a_typical_principal_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="five policies"):
        typical(AccountPolicies(account(0)))
