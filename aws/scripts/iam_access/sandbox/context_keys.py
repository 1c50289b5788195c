"""The condition keys that a policy refers to, in its conditions and as policy variables."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

# Up to a comma, after which comes a default. ${*}, ${?} and ${$} stand for themselves.
_VARIABLE = re.compile(r"\$\{\s*([^{},\s]+:[^{},]*?)\s*(?:,[^}]*)?\}")
_WITH_VARIABLES = "2012-10-17"


def context_keys(texts: Iterable[str]) -> tuple[str, ...]:
    """The keys of several policies in order, each once, in its first spelling."""
    found: dict[str, str] = {}
    for text in texts:
        for key in _keys(text):
            found.setdefault(key.lower(), key)
    return tuple(found.values())


@lru_cache(maxsize=1024)
def _keys(text: str) -> tuple[str, ...]:
    content = json.loads(text)
    statements = content["Statement"]
    known = content.get("Version") == _WITH_VARIABLES
    listed = statements if isinstance(statements, list) else [statements]
    return tuple(key for statement in listed for key in _of_statement(statement, known))


def _of_statement(statement: Mapping[str, Any], variables: bool) -> Iterator[str]:
    conditions = statement.get("Condition", {})
    for block in conditions.values():
        yield from block
    if not variables:
        return
    values = (value for block in conditions.values() for value in block.values())
    for value in (statement.get("Resource"), statement.get("NotResource"), *values):
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield from _VARIABLE.findall(text)
