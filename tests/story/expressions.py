"""Expressions of GitHub Actions, as far as the workflows use them.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<op>&&|\|\||==|!=|!|\(|\)|,)"
    r"|(?P<name>[A-Za-z_][\w-]*(?:\.[\w-]+)*))"
)
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_CONSTANTS = {"true": True, "false": False, "null": None}

Functions = Mapping[str, Callable[..., Any]]


def interpolate(text: str, contexts: Mapping[str, Any], functions: Functions) -> str:
    """A text with its expressions replaced by their values."""
    return _EXPRESSION.sub(lambda found: shown(value(found[1], contexts, functions)), text)


def holds(condition: str, contexts: Mapping[str, Any], functions: Functions) -> bool:
    """Whether an `if` holds; one without a status function asks for success as well."""
    inner = _EXPRESSION.fullmatch(condition.strip())
    text = inner[1] if inner else condition
    if not re.search(r"\b(?:always|cancelled|failure|success)\(\)", text):
        text = f"success() && ({text})"
    return truth(value(text, contexts, functions))


def value(text: str, contexts: Mapping[str, Any], functions: Functions) -> Any:
    """The value of an expression; what an event does not have is empty."""
    parser = _Parser(_tokens(text), contexts, functions)
    found = parser.either()
    assert parser.at_end(), f"{text!r} goes on"
    return found


def truth(found: Any) -> bool:
    return found not in (None, False, "", 0)


def shown(found: Any) -> str:
    return (
        {None: "", True: "true", False: "false"}.get(found, str(found))
        if not isinstance(found, dict | list)
        else "Object"
    )


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, place = [], 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        assert found is not None, f"not known: {text[place:]!r}"
        assert found.lastgroup is not None
        tokens.append((found.lastgroup, found[found.lastgroup]))
        place = found.end()
    return tokens


class _Parser:
    def __init__(
        self,
        tokens: Sequence[tuple[str, str]],
        contexts: Mapping[str, Any],
        functions: Functions,
    ) -> None:
        self._tokens = tokens
        self._place = 0
        self._contexts = contexts
        self._functions = functions

    def at_end(self) -> bool:
        return self._place == len(self._tokens)

    def either(self) -> Any:
        left = self._both()
        while self._take("||"):
            right = self._both()
            left = left if truth(left) else right
        return left

    def _both(self) -> Any:
        left = self._equal()
        while self._take("&&"):
            right = self._equal()
            left = right if truth(left) else left
        return left

    def _equal(self) -> Any:
        left = self._one()
        while True:
            if self._take("=="):
                left = _same(left, self._one())
            elif self._take("!="):
                left = not _same(left, self._one())
            else:
                return left

    def _one(self) -> Any:
        if self._take("!"):
            return not truth(self._one())
        if self._take("("):
            found = self.either()
            assert self._take(")")
            return found
        kind, text = self._tokens[self._place]
        self._place += 1
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return int(text)
        assert kind == "name", text
        if self._take("("):
            given = []
            while not self._take(")"):
                given.append(self.either())
                self._take(",")
            return self._functions[text](*given)
        return _CONSTANTS[text] if text in _CONSTANTS else self._context(text)

    def _context(self, name: str) -> Any:
        first, *rest = name.split(".")
        assert first in self._contexts, f"there is no context {first}"
        found: Any = self._contexts[first]
        for key in rest:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def _take(self, text: str) -> bool:
        if not self.at_end() and self._tokens[self._place] == ("op", text):
            self._place += 1
            return True
        return False


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    return bool((left or "") == (right or ""))
