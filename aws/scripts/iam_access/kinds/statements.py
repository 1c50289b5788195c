"""Placeholders in statements as files write them, whatever these are part of."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from iam_access.kinds import short_forms
from iam_access.kinds.fields import fill

#: A value of each placeholder, for what is checked before it is filled in.
SAMPLES: Final = {
    "account_id": "123456789012",
    "environment": "prod",
    "partition": "aws",
    "team": "team",
}


def account_names(value: Any) -> Iterator[str]:
    """The names of accounts in placeholders of all texts of a value."""
    if isinstance(value, str):
        yield from short_forms.account_names_in(value)
    elif isinstance(value, Mapping):
        yield from account_names(list(value.values()))
    elif isinstance(value, list):
        for each in value:
            yield from account_names(each)


def with_samples(value: Any) -> Any:
    """A value with a sample in the place of each placeholder."""
    return short_forms.with_some_account(fill(value, SAMPLES), SAMPLES["account_id"])
