"""Placeholders such as `{account_id}` in policies and access tests."""

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from iam_access.model import Account
from iam_access.place import Path

NAMES = ("account_id", "environment", "partition", "team")

# `${...}` is IAM's; only a brace that no dollar sign precedes is ours.
_PLACEHOLDER = re.compile(rf"(?<!\$)\{{({'|'.join(NAMES)})\}}")
_ANY = re.compile(r"(?<!\$)\{([^{}]*)\}")


def values_of(account: Account, environment: str, team: str) -> Mapping[str, str]:
    """The value of each placeholder in an account that a team calls by the environment."""
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


def may_have_any(value: Any) -> bool:
    """Whether a text, or anything in a list or mapping, has a brace."""
    if isinstance(value, str):
        return "{" in value
    if isinstance(value, dict):
        return any("{" in key or may_have_any(each) for key, each in value.items())
    return any(map(may_have_any, value))


def unknown_in(
    value: Any, known: Container[str], path: Path = ()
) -> Iterator[tuple[str, Path, bool]]:
    """Every placeholder that is not known: its name, its path, and whether it is in a key."""
    if isinstance(value, str):
        yield from ((name, path, False) for name in _ANY.findall(value) if name not in known)
    elif isinstance(value, dict):
        for key, each in value.items():
            below = (*path, key)
            yield from ((name, below, True) for name in _ANY.findall(key) if name not in known)
            yield from unknown_in(each, known, below)
    else:
        for index, each in enumerate(value):
            yield from unknown_in(each, known, (*path, index))
