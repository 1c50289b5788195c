"""The files of an older tool as values that know their places."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final, TypeAlias

from iam_access.codes import Code
from iam_access.config.findings import FindingCollector
from iam_access.model import Location
from iam_access.phrases import described, did_you_mean, listed, shown

ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")
_FLAGS: Final = {"true": True, "false": False}

Value: TypeAlias = "dict[str, Node] | list[Node] | str | None"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of an older tool; `name` is its path as people would type it."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Node:
    """A value in a file, and where it is; `keys` are the places of a mapping's keys.

    A text is as it is written. `read` is what it is for the older tool, as JSON, where that is
    something else: true for `yes` without quotes, 8 for `010`.
    """

    value: Value
    location: Location
    keys: Mapping[str, Location] = field(default_factory=dict)
    read: str | None = None

    @property
    def plain(self) -> Any:
        """The value without places, as the older tool reads it."""
        if isinstance(self.value, dict):
            return {key: each.plain for key, each in self.value.items()}
        if isinstance(self.value, list):
            return [each.plain for each in self.value]
        return self.value if self.read is None else self.read

    @property
    def items(self) -> list["Node"]:
        """Those of a list; of any other value, itself."""
        return self.value if isinstance(self.value, list) else [self]

    @property
    def mapping(self) -> dict[str, "Node"]:
        """The values of a mapping by key; empty for any other value."""
        return self.value if isinstance(self.value, dict) else {}

    def listed(self, name: str) -> list["Node"]:
        """What a mapping has below a key, as a list; nothing where it has no value there."""
        found = self.mapping.get(name)
        return found.items if found is not None and found.value is not None else []

    def key(self, name: str) -> Location:
        """The place of a key; that of the mapping if it does not have it."""
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

    def optional(self, node: Node | None, name: str) -> str:
        """A text that may be empty or missing; empty after anything else is reported."""
        return "" if node is None or node.value in (None, "") else self.text(node, name)

    def required(self, node: Node, key: str, what: str) -> Node | None:
        """What a mapping has below a key; that it has not is reported."""
        found = node.mapping.get(key)
        if found is None or found.value is None:
            self.error("missing-key", node.location, f"{what} has no {key}", f"add {key}")
            return None
        return found

    def flag(self, node: Node, name: str) -> bool | None:
        """Whether a value is true or false; what is neither is reported."""
        found = _FLAGS.get(str(node.plain).lower())
        if found is None:
            self.wrong_type(node, "true or false", name)
        return found

    def account_id(self, node: Node, name: str) -> str:
        """The id of an account as it is written; empty after anything else is reported."""
        if isinstance(node.value, str) and ACCOUNT_ID.fullmatch(node.value):
            return node.value
        self.error(
            "bad-account-id",
            node.location,
            f"{name} is not 12 digits",
            "write all 12, zeros in front included, in quotes",
        )
        return ""

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


def entries(
    documents: Iterable[Node], sections: Sequence[str], what: str, report: Reporter
) -> Iterator[tuple[str, Node]]:
    """The mappings by name in sections of several files; `what` they are is for messages.

    One that stands twice is reported, and so is what is no mapping.
    """
    seen: dict[str, Location] = {}
    for document, section in product(documents, sections):
        node = document.mapping.get(section)
        if node is None or node.value is None or not report.is_mapping(node, section):
            continue
        for name, entry in node.mapping.items():
            if name in seen:
                report.refuse(
                    node.key(name),
                    f"{shown(name)} is in {section} twice; first at {seen[name]}",
                    "remove one of the two",
                )
            elif report.is_mapping(entry, f"{what} {shown(name)}"):
                yield name, entry
            seen.setdefault(name, node.key(name))
