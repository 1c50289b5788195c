"""What a GitHub Actions runner would take for commands in a step's output."""

import re
from dataclasses import dataclass

_PERCENT = (("%0D", "\r"), ("%0A", "\n"))
_PROPERTY = (*_PERCENT, ("%3A", ":"), ("%2C", ","))


@dataclass(frozen=True)
class Command:
    name: str
    properties: dict[str, str]
    data: str


def commands(output: str) -> list[Command]:
    """The commands in an output, of both syntaxes, on whatever a terminal calls a line."""
    return [found for line in re.split(r"[\r\n]", output) for found in _commands(line)]


def _commands(line: str) -> list[Command]:
    body = line.lstrip()
    if body.startswith("::") and "::" in body[2:]:
        head, _, data = body[2:].partition("::")
        name, _, properties = head.partition(" ")
        pairs = (pair.partition("=") for pair in properties.split(",") if pair)
        values = {key: _unescaped(value, _PROPERTY) for key, _, value in pairs}
        return [Command(name, values, _unescaped(data, _PERCENT))]
    old = re.search(r"##\[(.*?)\](.*)", line)
    return [Command(old[1], {}, old[2])] if old else []


def _unescaped(text: str, mapping: tuple[tuple[str, str], ...]) -> str:
    for written, meant in mapping:
        text = text.replace(written, meant)
    return text.replace("%25", "%")
