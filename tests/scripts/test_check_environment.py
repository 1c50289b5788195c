"""check_environment.py: which GitHub environments any branch can deploy to."""

from collections.abc import Mapping
from typing import Any

import pytest

import check_environment

BRANCHES = {"protected_branches": True, "custom_branch_policies": False}
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}
POLICIES = "environments/aws/deployment-branch-policies?per_page=100"


def findings_of(
    policy: Mapping[str, bool] | None,
    branches: list[Mapping[str, str]] | None = None,
) -> str | None:
    reviewers = [{"type": "required_reviewers", "reviewers": [{"type": "Team"}]}]
    answers: dict[str, Mapping[str, Any]] = {
        "environments/aws": {
            "protection_rules": reviewers,
            "deployment_branch_policy": policy,
        },
        POLICIES: {"branch_policies": branches or []},
    }
    return check_environment.what_is_open("aws", answers.__getitem__)


def test_one_without_a_rule_for_branches_is_open_to_any() -> None:
    assert findings_of(None) == "any branch can deploy to the environment aws"


def test_one_for_protected_branches_is_open_to_any_whose_name_a_rule_matches() -> None:
    assert findings_of(BRANCHES) == "the environment aws takes every protected branch"


@pytest.mark.parametrize(
    ("also", "told"),
    [
        ([], None),
        ([{"name": "*", "type": "branch"}], "branch *"),
        ([{"name": "release/*"}], "branch release/*"),
        ([{"name": "main", "type": "tag"}], "tag main"),
        ([{"name": "x\n::error::y", "type": "branch"}], "branch x%0A%3A%3Aerror%3A%3Ay"),
    ],
)
def test_only_main_may_be_listed(also: list[Mapping[str, str]], told: str | None) -> None:
    why = findings_of(CUSTOM, [{"name": "main", "type": "branch"}, *also])
    assert why == (told and f"the environment aws also takes {told}")
