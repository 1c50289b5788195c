"""What is wrong with statements as files write them, whatever they are part of."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from iam_access.kinds import short_forms
from iam_access.kinds.base import STATEMENT_KEYS
from iam_access.kinds.fields import fill
from iam_access.model import Severity
from iam_access.place import Path
from iam_access.policy import lint
from iam_access.problem import Problem

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


def statement_problems(
    statements: Any, path: Path, in_iam: Callable[[Any], Mapping[str, Any]]
) -> Iterator[Problem]:
    """What IAM refuses about statements as they are written, as far as each can be read.

    `in_iam` gives a statement in IAM's JSON form, with placeholders; it raises ValidationError for
    one that cannot be read, which is reported there.
    """
    for index, written in enumerate(statements if isinstance(statements, list) else ()):
        try:
            statement = in_iam(written)
        except ValidationError:
            continue
        for found in lint.check_statement(with_samples(statement)):
            if found.severity is Severity.ERROR and found.unknown is None:
                element = STATEMENT_KEYS.get(str(found.path[0]), "") if found.path else ""
                yield replace(found, path=(*path, index, element, *found.path[1:]))


def with_samples(value: Any) -> Any:
    """A value with a sample in the place of each placeholder."""
    return short_forms.with_some_account(fill(value, SAMPLES), SAMPLES["account_id"])
