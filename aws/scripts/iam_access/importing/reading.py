"""The files of older tools as nodes: as PyYAML reads them, which both tools use."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import yaml

from iam_access.codes import Code
from iam_access.config.yaml import tree
from iam_access.importing.source import Node, Reporter, SourceFile
from iam_access.kinds.fields import has_placeholder
from iam_access.model import Location
from iam_access.phrases import shown

#: The most values in a file, with those of aliases: more than any has that people write.
VALUES: Final = 200_000
_DEPTH: Final = 64
_YAML: Final = "tag:yaml.org,2002:"
_MERGE: Final = f"{_YAML}merge"
_NULL: Final = f"{_YAML}null"
_READ_OTHERWISE: Final = (f"{_YAML}bool", f"{_YAML}int", f"{_YAML}float")
_LOADER: Final = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

Tagged: TypeAlias = Callable[[str, Node], Node]


def parsed(file: SourceFile, report: Reporter) -> Node | None:
    """The content of a file; None if it has none, after errors in it are reported."""
    found = tree.parse(file.data, VALUES)
    for each in found.problems:
        if each.problem.code != "merge-key":
            report.collected.problem(each.problem, Location(file.name, each.line, each.column))
    if found.mark is None or found.value is None:
        if not found.problems:
            _report_empty(file.name, report)
        return None
    # The composer refuses more than the parser of our files, such as an anchor that stands twice.
    root = composed(file.name, file.data, report, "correct it")
    return built(root, file.name, report) if root is not None else None


def composed(file: str, data: bytes, report: Reporter, hint: str) -> Any:
    """The root of a document as the composer of YAML gives it; None after errors are reported."""
    try:
        root = yaml.compose(data.decode("utf-8-sig"), Loader=_LOADER)
    except UnicodeDecodeError:
        report.error("not-utf8", Location(file, 1, 1), "the file is not UTF-8", "save it so")
        return None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        said = getattr(error, "problem", None) or error
        report.error("syntax-error", Location(file, line, column), f"no valid YAML: {said}", hint)
        return None
    if root is None:
        _report_empty(file, report)
    return root


def _report_empty(file: str, report: Reporter) -> None:
    report.error(
        "empty-file",
        Location(file, 1, 1),
        "the file is empty",
        "remove it, or write what is missing",
    )


def built(root: Any, file: str, report: Reporter, tagged: Tagged | None = None) -> Node:
    """The values of a document, with aliases and merge keys written out.

    `tagged` is for templates, of which nothing is reported yet: what a value becomes by its tag.
    """
    node = _Builder(file, report, tagged).node(root, 0)
    _report_placeholders(node, report)
    return node


@dataclass(slots=True)
class _Builder:
    file: str
    report: Reporter
    tagged: Tagged | None
    count: int = 0
    # Constructs what PyYAML has in the place of a text without quotes.
    reader: yaml.SafeLoader = field(default_factory=lambda: yaml.SafeLoader(""))

    def node(self, node: Any, depth: int) -> Node:
        location = self._location(node)
        self.count += 1
        if depth > _DEPTH or self.count > VALUES:
            if self.count <= VALUES + 1:
                self.report.error(
                    "too-deep", location, "the file is nested too deep, or too large", "flatten it"
                )
            return Node(None, location)
        found = self._plain(node, location, depth)
        return found if self.tagged is None else self.tagged(node.tag, found)

    def _location(self, node: Any) -> Location:
        return Location(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _plain(self, node: Any, location: Location, depth: int) -> Node:
        if isinstance(node, yaml.MappingNode):
            pairs = list(self._pairs(node, depth) if self.tagged is None else self._keys(node))
            values = {key.value: self.node(value, depth + 1) for key, value in pairs}
            return Node(values, location, {key.value: self._location(key) for key, _ in pairs})
        if isinstance(node, yaml.SequenceNode):
            return Node([self.node(each, depth + 1) for each in node.value], location)
        if node.tag == _NULL:
            return Node(None, location)
        return Node(node.value, location, read=self._read(node))

    def _pairs(self, node: Any, depth: int) -> Iterator[tuple[Any, Any]]:
        """The keys and values of a mapping: those merged into it, and after them its own."""
        for key, value in node.value:
            if key.tag == _MERGE and depth <= _DEPTH:
                for each in self._merged(value):
                    yield from self._pairs(each, depth + 1)
        for key, value in node.value:
            if key.tag != _MERGE and isinstance(key, yaml.ScalarNode):
                yield key, value

    def _keys(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """The keys and values of a mapping in a template, where no key is merged."""
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag in (_MERGE, _NULL):
                self._wrong_key(key, "bad-key", "what is here is no key", "write a text")
            elif key.value in seen:
                what = f"the key {shown(key.value)} stands twice"
                self._wrong_key(key, "duplicate-key", what, "remove one")
            else:
                seen.add(key.value)
                yield key, value

    def _wrong_key(self, key: Any, code: Code, message: str, hint: str) -> None:
        self.report.error(code, self._location(key), message, hint)

    def _merged(self, value: Any) -> list[Any]:
        """The mappings that a merge key names: of two with the same key, the first counts."""
        named = value.value if isinstance(value, yaml.SequenceNode) else [value]
        mappings = [each for each in named if isinstance(each, yaml.MappingNode)]
        if len(mappings) != len(named):
            self.report.error(
                "merge-key",
                self._location(value),
                "the merge key ('<<') names something that is not a mapping",
                "name a mapping by its alias, or a list of them",
            )
        return mappings[::-1]

    def _read(self, node: Any) -> str | None:
        """What a text without quotes is for YAML 1.1, as JSON; None where that is the text."""
        if node.tag not in _READ_OTHERWISE:
            return None
        try:
            value = self.reader.construct_object(node)
        except (ValueError, OverflowError):
            return None
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return text if text != node.value else None


def _report_placeholders(node: Node, report: Reporter) -> None:
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
        _report_placeholders(each, report)
