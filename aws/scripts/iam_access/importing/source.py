"""The files of an older tool as values that know their places."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from iam_access.codes import Code
from iam_access.config.findings import FindingCollector
from iam_access.config.yaml import tree
from iam_access.kinds.fields import has_placeholder
from iam_access.model import Location
from iam_access.phrases import described, did_you_mean, listed, shown
from iam_access.place import SourcePosition

#: The most values in a file: more than any has that people write.
_VALUES = 200_000
# As YAML 1.1 has it, which the older tools read.
_FLAGS = {
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
}

Value: TypeAlias = "dict[str, Node] | list[Node] | str | None"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of an older tool; `name` is its path as people would type it."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Node:
    """A value in a file, and where it is; `keys` are the places of a mapping's keys."""

    value: Value
    location: Location
    keys: Mapping[str, Location] = field(default_factory=dict)

    @property
    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: each.plain for key, each in self.value.items()}
        return [each.plain for each in self.value] if isinstance(self.value, list) else self.value

    @property
    def items(self) -> list["Node"]:
        """Those of a list; of any other value, itself."""
        return self.value if isinstance(self.value, list) else [self]

    @property
    def mapping(self) -> dict[str, "Node"]:
        """The values of a mapping by key; empty for any other value."""
        return self.value if isinstance(self.value, dict) else {}

    def key(self, name: str) -> Location:
        return self.keys.get(name, self.location)

    def over(self, base: "Node") -> "Node":
        """The mapping with what only `base` has, at every depth; what is no mapping replaces."""
        own, more = self.value, base.value
        if not isinstance(own, dict) or not isinstance(more, dict):
            return self
        both = {name: each.over(more[name]) for name, each in own.items() if name in more}
        return Node({**more, **own, **both}, self.location, {**base.keys, **self.keys})

    def without(self, name: str) -> "Node":
        """The mapping without a key."""
        left = {key: each for key, each in self.mapping.items() if key != name}
        return Node(left, self.location, self.keys)


@dataclass(slots=True)
class Reporter:
    """Collects what is found in the files of an older tool."""

    tool: str
    collected: FindingCollector = field(default_factory=FindingCollector)

    def refuse(self, location: Location, message: str, hint: str) -> None:
        """Something that cannot be converted."""
        self.error("not-converted", location, message, hint)

    def error(self, code: Code, location: Location, message: str, hint: str) -> None:
        self.collected.error(code, location, message, hint)

    def fault(self, location: Location, did: str, does: str) -> None:
        """What the older tool did that is hardly meant, and what is done instead."""
        self.collected.warning("older-fault", location, f"{self.tool} {did}", does)

    def wrong_type(self, node: Node, expected: str, name: str) -> None:
        self.error(
            "wrong-type",
            node.location,
            f"{name} must be {expected}, not {described(node.value)}",
            f"write {expected}",
        )

    def is_mapping(self, node: Node, name: str) -> bool:
        """Whether the value is a mapping; it is reported if not."""
        if isinstance(node.value, dict):
            return True
        self.wrong_type(node, "a mapping", name)
        return False

    def texts(self, node: Node, name: str) -> list[str]:
        """The texts of a list, or of one text; what is none is reported and left out."""
        return list(filter(None, [self.text(each, name) for each in node.items]))

    def text(self, node: Node, name: str) -> str:
        """A text; empty after anything else is reported."""
        if isinstance(node.value, str) and node.value:
            return node.value
        self.wrong_type(node, "a text", name)
        return ""

    def flag(self, node: Node, name: str) -> bool | None:
        """Whether a value is true or false as YAML 1.1 has it; what is neither is reported."""
        found = flag_of(node)
        if found is None:
            self.wrong_type(node, "true or false", name)
        return found

    def known_keys(self, node: Node, known: Iterable[str], name: str) -> None:
        """Report the keys of a mapping that are not known."""
        known = tuple(known)
        for key in node.mapping:
            if key not in known:
                self.error(
                    "unknown-key",
                    node.key(key),
                    f"the key {shown(key)} is not known in {name}",
                    did_you_mean(key, known) or f"the keys are {listed(known)}",
                )


def flag_of(node: Node) -> bool | None:
    """Whether a value is true or false as YAML 1.1 has it; None where it is neither."""
    return _FLAGS.get(node.value.lower()) if isinstance(node.value, str) else None


def parsed(file: SourceFile, report: Reporter) -> Node | None:
    """The content of a file; None if it has none, after errors in it are reported."""
    found = tree.parse(file.data, _VALUES)
    for each in found.problems:
        report.collected.problem(each.problem, Location(file.name, each.line, each.column))
    if found.mark is None or found.value is None:
        if not found.problems:
            report.error("empty-file", Location(file.name, 1, 1), "the file is empty", "remove it")
        return None
    node = _node(found.value, SourcePosition(file.name, found.mark))
    report_placeholders(node, report)
    return node


def report_placeholders(node: Node, report: Reporter) -> None:
    """Refuse texts and keys in which our files fill something in, as the older tools do not."""
    texts = [(node.value, node.location)] if isinstance(node.value, str) else []
    for text, place in (*texts, *((key, node.key(key)) for key in node.mapping)):
        if has_placeholder(text):
            report.refuse(
                place,
                f"{shown(text)} has a name in braces, which is filled in here",
                "write the value itself",
            )
    below = node.value if isinstance(node.value, list) else node.mapping.values()
    for each in below:
        report_placeholders(each, report)


def _node(value: Any, place: SourcePosition) -> Node:
    if isinstance(value, dict):
        return Node(
            {key: _node(each, place.at(key)) for key, each in value.items()},
            place.location,
            {key: place.key(key) for key in value},
        )
    if isinstance(value, list):
        return Node([_node(each, place.at(i)) for i, each in enumerate(value)], place.location)
    return Node(value, place.location)


def entries(nodes: Iterable[Node], section: str, report: Reporter) -> Iterator[tuple[str, Node]]:
    """The entries of a section of several files by name; one that stands twice is reported."""
    seen: dict[str, Location] = {}
    for node in nodes:
        for name, entry in node.mapping.items():
            if name in seen:
                report.refuse(
                    node.key(name),
                    f"{shown(name)} is in {section} twice; first at {seen[name]}",
                    "remove one of the two",
                )
                continue
            seen[name] = node.key(name)
            yield name, entry
