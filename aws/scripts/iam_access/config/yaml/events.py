"""Build values and marks from the events of the YAML parser, and collect errors.

Values of `yaml.load` have no places, and composing nodes first takes four times as long: 2.4 s for
a file of 844 kB, which this reads in 0.65 s, of which the events alone take 0.52 s.
"""

from collections.abc import Callable, Iterable
from sys import intern
from typing import Any, Final, Protocol

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from iam_access.config.findings import MOST
from iam_access.config.yaml.invisible import invisible_names
from iam_access.config.yaml.syntax import MarkedProblem
from iam_access.phrases import shown
from iam_access.place import Mark
from iam_access.problem import Problem

DEPTH_LIMIT = 32  # files need seven levels at most
ALIAS_LIMIT = 20_000  # nodes that aliases may add to a file

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_ODD_KEYS: Final = _NULLS | {"<<"}
_TEXT_TAG: Final = "tag:yaml.org,2002:str"


class UnreadableError(Exception):
    """The rest of the file cannot be read."""

    def __init__(self, problem: MarkedProblem) -> None:
        self.problem = problem


class Parser(Protocol):
    """The parser of events: PyYAML's, with or without libyaml."""

    def get_event(self) -> Any: ...


class Builder:
    """Builds values and marks from the parser's events, and collects errors.

    It goes on after a duplicate or invalid key, so that one run reports all errors.

    A large repository has millions of values, and the places of few are needed. So an ordinary file
    has marks down to the depth `marked`; below, `deferred` stands for them, and a scalar takes no
    call. `problems` begins with those of the file's characters.
    """

    _get_event: Callable[[], Any]

    def __init__(
        self,
        data: bytes,
        problems: Iterable[MarkedProblem] = (),
        *,
        marked: int,
        deferred: Any = None,
    ) -> None:
        self.problems = list(problems)
        # Characters in the file are reported already; these are written as escapes.
        self._may_hide = b"\\" in data and not self.problems
        anchors_or_tags = b"&" in data or b"!" in data
        self._marked = DEPTH_LIMIT if self._may_hide or anchors_or_tags else marked
        self._deferred = deferred
        # By anchor: value, children of its mark, and number of nodes; None while it is open.
        self._anchors: dict[str, tuple[Any, Any, int] | None] = {}
        self._nodes = 0  # as far as they are counted: in files with anchors
        self._added = 0
        self._depth = 0

    def document(self, parser: Parser) -> tuple[Any, Mark | None]:
        """Read the value and mark of the document; a second one is an error."""
        get_event = self._get_event = parser.get_event
        result: tuple[Any, Mark | None] = (None, None)
        documents = 0
        while type(event := get_event()) is not StreamEndEvent:
            if type(event) is not DocumentStartEvent:
                continue  # where the stream begins, or a document ends
            documents += 1
            if documents > 1:
                raise UnreadableError(problem_at(event, _SECOND_DOCUMENT))
            result = self._value(get_event())
        return result

    def _value(self, event: Any) -> tuple[Any, Mark]:
        """Read the value and mark of what begins with an event."""
        start = event.start_mark
        line, column = start.line + 1, start.column + 1
        kind = type(event)
        if kind is AliasEvent:
            value, children = self._resolve(event)
            return value, (line, column, children)
        if event.tag is not None:
            self._check_tag(event)
        before = self._nodes + self._added
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._nodes += 1
        if kind is ScalarEvent:
            value, children = self._scalar(event), None
        elif self._depth >= self._marked:
            value, children = self._plain(event, self._depth + 1), self._deferred
        else:
            self._enter(event)
            value, children = self._mapping() if kind is MappingStartEvent else self._sequence()
            self._depth -= 1
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, children, self._nodes + self._added - before)
        return value, (line, column, children)

    def _mapping(self) -> tuple[dict[str, Any], dict[str, Any]]:
        values: dict[str, Any] = {}
        marks: dict[str, Any] = {}
        while type(event := self._get_event()) is not MappingEndEvent:
            key = self._key(event, self._value(event)[0], values)
            value, mark = self._value(self._get_event())
            if key is not None:
                start = event.start_mark
                values[key] = value
                marks[key] = (start.line + 1, start.column + 1, mark)
        return values, marks

    def _sequence(self) -> tuple[list[Any], list[Mark]]:
        values: list[Any] = []
        marks: list[Mark] = []
        while type(event := self._get_event()) is not SequenceEndEvent:
            value, mark = self._value(event)
            values.append(value)
            marks.append(mark)
        return values, marks

    def _plain(self, event: Any, depth: int) -> Any:
        """Read the value alone of a list, mapping or alias that begins with an event.

        `depth` is that of the events within it.
        """
        kind = type(event)
        if kind is AliasEvent:
            return self._resolve(event)[0]  # there is no anchor, and this says so
        if depth > DEPTH_LIMIT:
            raise UnreadableError(problem_at(event, _TOO_DEEP))
        return (
            self._plain_mapping(depth + 1)
            if kind is MappingStartEvent
            else self._plain_sequence(depth + 1)
        )

    def _plain_mapping(self, below: int) -> dict[str, Any]:
        get_event = self._get_event
        values: dict[str, Any] = {}
        while type(event := get_event()) is not MappingEndEvent:
            key: Any
            if type(event) is ScalarEvent:
                key = intern(event.value)  # the same few in every entry
                if key in values or key in _ODD_KEYS:
                    key = self._key(event, self._scalar(event), values)
            else:
                key = self._key(event, self._plain(event, below), values)
            event = get_event()
            value: Any
            if type(event) is ScalarEvent:
                value = event.value
                if value in _NULLS and event.implicit[0]:
                    value = None
            else:
                value = self._plain(event, below)
            if key is not None:
                values[key] = value
        return values

    def _plain_sequence(self, below: int) -> list[Any]:
        get_event = self._get_event
        values: list[Any] = []
        while type(event := get_event()) is not SequenceEndEvent:
            value: Any
            if type(event) is ScalarEvent:
                value = event.value
                if value in _NULLS and event.implicit[0]:
                    value = None
            else:
                value = self._plain(event, below)
            values.append(value)
        return values

    def _enter(self, event: Any) -> None:
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise UnreadableError(problem_at(event, _TOO_DEEP))

    def _scalar(self, event: Any) -> str | None:
        value: str = event.value
        if value in _NULLS and event.tag is None and event.implicit[0]:
            return None
        if self._may_hide and (names := invisible_names(value)):
            self._unseen(event, names)
        return value

    def _key(self, event: Any, key: Any, values: dict[str, Any]) -> str | None:
        """Read a key; None after reporting that it cannot be used."""
        if type(key) is not str:
            what = "nothing" if key is None else "a list or mapping"
            hint = "write the key as plain text: 'key: value'"
            if key is None and event.value:
                what = f"{event.value}, which YAML takes for nothing,"
                hint = f'put it in quotes: "{event.value}"'
            problem = Problem("bad-key", f"{what} is in the place of a key", hint)
        elif key == "<<":
            problem = Problem(
                "merge-key",
                "merge keys ('<<') are not supported",
                "write the keys out, or use an alias for a whole value",
            )
        elif key in values:
            problem = Problem(
                "duplicate-key",
                f"the key {shown(key)} is in one mapping twice",
                "merge the two values or remove one; or, where another item of a list begins, put "
                "'- ' before its first key",
            )
        else:
            return key
        self._note(problem_at(event, problem))
        return None

    def _note(self, problem: MarkedProblem) -> None:
        self.problems.append(problem)
        if len(self.problems) >= MOST:
            raise UnreadableError(problem)

    def _check_tag(self, event: Any) -> None:
        if event.tag != _TEXT_TAG or type(event) is not ScalarEvent:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._note(
                problem_at(
                    event,
                    Problem(
                        "tag",
                        f"the tag {shown(tag)} is not supported",
                        "remove it, or put text that begins with ! in quotes: every value is "
                        "read as text",
                    ),
                )
            )

    def _unseen(self, event: Any, names: str) -> None:
        self._note(
            problem_at(
                event,
                Problem(
                    "control-character",
                    f"the text contains characters that cannot be seen: {names}",
                    "remove them; they hide the text's content from reviewers",
                ),
            )
        )

    def _resolve(self, event: Any) -> tuple[Any, Any]:
        """The value of an alias, and the marks within it."""
        if event.anchor not in self._anchors:
            raise UnreadableError(
                problem_at(
                    event,
                    Problem(
                        "unknown-alias",
                        f"the alias {shown('*' + event.anchor)} refers to no anchor before it",
                        "quote the text if it is meant to begin with '*', for example \"*\"",
                    ),
                )
            )
        found = self._anchors[event.anchor]
        if found is None:
            raise UnreadableError(
                problem_at(
                    event,
                    Problem(
                        "recursive-alias",
                        f"the alias {shown('*' + event.anchor)} is within its own anchor",
                        "write the value out",
                    ),
                )
            )
        value, children, size = found
        self._added += size
        if self._added > ALIAS_LIMIT:
            raise UnreadableError(
                problem_at(
                    event,
                    Problem(
                        "alias-bomb",
                        f"aliases expand to more than {ALIAS_LIMIT:,} values",
                        "write the values out, or use fewer aliases",
                    ),
                )
            )
        return value, children


_TOO_DEEP = Problem(
    "too-deep",
    f"lists and mappings are nested more than {DEPTH_LIMIT} deep",
    "look for brackets that are not closed",
)
_SECOND_DOCUMENT = Problem(
    "multiple-documents",
    "a second YAML document begins here",
    "remove the '---' and merge the documents: one file holds one",
)


def problem_at(event: Any, problem: Problem) -> MarkedProblem:
    """A problem at the place where an event begins."""
    start = event.start_mark
    return MarkedProblem(problem, start.line + 1, start.column + 1)
