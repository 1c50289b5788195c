"""Files that are made to cost much are what they say, and cost little."""

import pytest

from bench.hostile import LIMITS, Cost, Limit, measured
from bench.hostile_files import CASES, files_of
from iam_access.config.yaml.tree import SIZE_LIMIT


@pytest.mark.parametrize("name", CASES)
def test_each_file_could_be_one_of_a_team(name: str) -> None:
    files = files_of(name)
    assert set(files) > {"aws-accounts/team.yaml", "aws-policies/team.yaml"}
    assert all(len(text.encode()) <= SIZE_LIMIT for text in files.values())


def test_what_a_run_may_cost() -> None:
    limit = LIMITS["validate"]
    assert Cost(2.0, 300, 1).is_within(limit)
    assert not Cost(2.1, 300, 1).is_within(limit)
    assert not Cost(2.0, 301, 1).is_within(limit)
    assert not Cost(1.0, 100, 2).is_within(limit)
    assert not Cost(1.0, 100, -9).is_within(limit)


@pytest.mark.exhaustive
@pytest.mark.parametrize("limit", LIMITS.values(), ids=list(LIMITS))
@pytest.mark.parametrize("name", CASES)
def test_no_file_costs_much(name: str, limit: Limit) -> None:
    cost = measured(name, limit)
    assert cost.is_within(limit), cost
