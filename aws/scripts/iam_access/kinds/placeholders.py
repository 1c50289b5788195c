"""`{account_id}` and the like in policies and tests: what they stand for, and filling them in."""

import re
from collections.abc import Mapping
from typing import Any

from iam_access.model import Account

NAMES = ("account_id", "environment", "partition", "team")

# `${...}` is IAM's; only a brace that no dollar sign precedes is ours.
_PLACEHOLDER = re.compile(rf"(?<!\$)\{{({'|'.join(NAMES)})\}}")


def values_of(account: Account, environment: str, team: str) -> Mapping[str, str]:
    """What each placeholder stands for in an account that a team calls by the environment."""
    return {
        "account_id": account.id,
        "environment": environment,
        "partition": account.partition,
        "team": team,
    }


def fill(value: Any, values: Mapping[str, str]) -> Any:
    """The value with every placeholder replaced in all of its texts, keys included.

    It is made of dicts, lists and scalars, as what is read from a file is. `values` has one for
    each of `NAMES`. IAM's own `${...}` variables are left alone.
    """
    if isinstance(value, str):
        if "{" not in value:
            return value
        return _PLACEHOLDER.sub(lambda found: values[found[1]], value)
    if isinstance(value, dict):
        return {fill(key, values): fill(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each, values) for each in value]
    return value
