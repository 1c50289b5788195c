"""Add, change and remove one entry in the list of a file, and leave every other byte as it is.

Comments, order, quotes, indentation and line ends stay. Each edit is proved before it is returned:
the new text is parsed again, and must have the old value but for that entry.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import events
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

from iam_access.config.yaml import tree
from iam_access.config.yaml.events import DEPTH_LIMIT

_BOM = b"\xef\xbb\xbf"
# An entry's first line up to its value: indentation, dash, gap. An anchor may follow the gap.
_DASH = re.compile(r"( *)-([ \t]+)")
# The end of a document, which is one wherever it stands at the beginning of a line.
_END_MARKER = re.compile(r"^\.\.\.(?=\s|$)", re.MULTILINE)
# What follows an item in brackets that has a line of its own.
_REST_OF_LINE = re.compile(r",?[ \t]*(#[^\n]*)?\r?\n")
# Plain text in a file is read as text here, and as one of these by most other readers.
_TEXT_TAGS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp")
_RESOLVER: Any = Resolver()


class CannotEditError(ValueError):
    """The file cannot be edited without changing more of it than one entry."""


@dataclass(slots=True)
class _Node:
    """A value in the text, from the offset `start` up to `end`, which counts no space after it.

    `children` are the items of a list, or the keys and values of a mapping in turn.
    """

    start: int
    end: int
    event: Any
    children: list["_Node"] = field(default_factory=list)

    @property
    def is_flow(self) -> bool:
        return bool(getattr(self.event, "flow_style", False))

    @property
    def is_list(self) -> bool:
        return isinstance(self.event, events.SequenceStartEvent)

    @property
    def pairs(self) -> Iterator[tuple["_Node", "_Node"]]:
        """The keys and values of a mapping; nothing for another value."""
        if isinstance(self.event, events.MappingStartEvent):
            yield from zip(self.children[::2], self.children[1::2], strict=True)


@dataclass(frozen=True, slots=True)
class _Text:
    """A file's text without its byte order mark, with its value and the nodes of its key and list.

    `entries` is None where the file or the key has no value.
    """

    mark: bytes
    text: str
    value: dict[str, Any]
    key: _Node | None
    entries: _Node | None

    @property
    def newline(self) -> str:
        first = self.text.find("\n")
        return "\r\n" if first > 0 and self.text[first - 1] == "\r" else "\n"

    def line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """The offset after the line's end, or of the end of the text."""
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found + 1

    def replaced(self, start: int, end: int, new: str) -> str:
        return self.text[:start] + new + self.text[end:]

    @property
    def items(self) -> list[_Node]:
        return self.entries.children if self.entries is not None else []


def added(data: bytes, key: str, entry: Mapping[str, str]) -> bytes:
    """Return the file with one more entry at the end of the list below `key`.

    It is written like the last entry there: in lines or in braces, with the keys in its order and
    others after those. Raises CannotEditError.
    """
    text = _read(data, key)
    if text.items:
        entry = _in_order_of(text.items[-1], entry)
    if text.entries is None or not (text.entries.is_flow or text.entries.children):
        new = _into_nothing(text, key, entry)
    elif text.entries.is_flow and not text.entries.children and _is_blank(text, text.entries):
        new = _opened(text, entry)
    elif text.entries.is_flow:
        new = _into_brackets(text, entry)
    else:
        new = _after_last(text, entry)
    return _proved(text, new, key, [*_entries(text, key), dict(entry)])


def changed(data: bytes, key: str, index: int, old: str, new: str, value: str) -> bytes:
    """Return the file with another value of an entry, its key `old` renamed to `new`.

    Raises CannotEditError, also if the value is one that others share by an alias.
    """
    text = _read(data, key)
    name, written = _pair(_item(text, index), old)
    quote = getattr(written.event, "style", None)
    said = _scalar(value, quote if quote in ("'", '"') else None)
    if written.start == name.end or text.text[written.start - 1] == ":":
        said = f" {said}"
    result = text.replaced(written.start, written.end, said)
    if old != new:
        result = result[: name.start] + new + result[name.end :]
    entries = _entries(text, key)
    entries[index] = {
        new if each == old else each: value if each == old else kept
        for each, kept in entries[index].items()
    }
    return _proved(text, result, key, entries)


def with_key(data: bytes, key: str, index: int, beside: str, new: str, value: str) -> bytes:
    """Return the file with one more key of an entry, behind its key `beside`.

    Raises CannotEditError.
    """
    text = _read(data, key)
    item = _item(text, index)
    name, written = _pair(item, beside)
    pair = f"{new}: {_scalar(value)}"
    if item.is_flow:
        result = text.replaced(written.end, written.end, f", {pair}")
    else:
        end = text.line_end(written.end)
        lead = "" if text.text[:end].endswith("\n") else text.newline
        indent = " " * (name.start - text.line_start(name.start))
        result = text.replaced(end, end, f"{lead}{indent}{pair}{text.newline}")
    entries = _entries(text, key)
    entries[index] = {**entries[index], new: value}
    return _proved(text, result, key, entries)


def without(data: bytes, key: str, index: int, name: str) -> bytes:
    """Return the file without a key of an entry that has others. Raises CannotEditError."""
    text = _read(data, key)
    item = _item(text, index)
    pairs = list(item.pairs)
    place = pairs.index(_pair(item, name))
    start, end = pairs[place][0].start, pairs[place][1].end
    following = pairs[place + 1][0].start if place + 1 < len(pairs) else None
    if item.is_flow and following is None:
        start = pairs[place - 1][1].end
    elif place == 0 and following is not None and "#" in text.text[end:following]:
        pass  # its comment stays behind the dash
    elif (item.is_flow or place == 0) and following is not None:
        end = following
    else:
        start, end = text.line_start(start), text.line_end(end)
    entries = _entries(text, key)
    entries[index] = {each: kept for each, kept in entries[index].items() if each != name}
    return _proved(text, text.replaced(start, end, ""), key, entries)


def removed(data: bytes, key: str, index: int) -> bytes:
    """Return the file without an entry; comments around it stay. Raises CannotEditError."""
    text = _read(data, key)
    item = _item(text, index)
    assert text.entries is not None, "it has an item"
    start, end = (
        _cut_of_flow(text, item, index) if text.entries.is_flow else _cut_of_lines(text, item)
    )
    entries = _entries(text, key)
    del entries[index]
    return _proved(text, text.replaced(start, end, ""), key, entries)


def length(data: bytes, key: str) -> int:
    """How many entries a file has that could be edited."""
    return len(_entries(_read(data, key), key))


def _read(data: bytes, key: str) -> _Text:
    found = tree.parse(data)
    if found.problems or (found.value is not None and not isinstance(found.value, dict)):
        reason = found.problems[0].problem.message if found.problems else f"it has no {key!r}"
        raise CannotEditError(f"the file is not valid already: {reason}")
    mark = _BOM if data.startswith(_BOM) else b""
    text = data.removeprefix(_BOM).decode()
    value = found.value or {}
    if value and list(value) != [key]:
        raise CannotEditError(f"the file is not valid already: it has more than {key!r}")
    if not isinstance(value.get(key), list | None):
        raise CannotEditError(f"the file is not valid already: {key!r} is no list")
    name, below = next(_root(text).pairs) if value else (None, None)
    if below is not None and below.is_list:
        return _Text(mark, text, value, name, below)
    # `~` and `null` are taken out with the edit.
    return _Text(mark, text, value, below, None)


def _root(text: str) -> _Node:
    """The nodes of a text that can be parsed."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    top = _Node(0, 0, None)
    open_nodes = [top]
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, events.NodeEvent):
            start, end = _offsets(event)
            node = _Node(start, start + len(text[start:end].rstrip()), event)
            open_nodes[-1].children.append(node)
            if isinstance(event, events.CollectionStartEvent):
                open_nodes.append(node)
                if len(open_nodes) > DEPTH_LIMIT + 1:
                    raise CannotEditError("the file is nested too deep")
        elif isinstance(event, events.CollectionEndEvent):
            node = open_nodes.pop()
            below = node.children[-1].end if node.children else node.end
            node.end = _offsets(event)[1] if node.is_flow else below
    return top.children[0]


def _offsets(event: Any) -> tuple[int, int]:
    return event.start_mark.index, event.end_mark.index


def _item(text: _Text, index: int) -> _Node:
    if not 0 <= index < len(text.items):
        raise CannotEditError(f"the file has no entry {index + 1}")
    return text.items[index]


def _pair(item: _Node, key: str) -> tuple[_Node, _Node]:
    """A key of an entry, and its value."""
    found = next(
        (each for each in item.pairs if getattr(each[0].event, "value", None) == key), None
    )
    if found is None:
        raise CannotEditError(f"the entry has no {key!r} of its own")
    return found


def _entries(text: _Text, key: str) -> list[Any]:
    return list(text.value.get(key) or ())


def _proved(before: _Text, new: str, key: str, entries: Sequence[Any]) -> bytes:
    """Return the text as bytes, if its value is these entries and nothing is wrong with it."""
    data = before.mark + new.encode()
    after = tree.parse(data)
    if after.problems:
        raise CannotEditError(f"then {after.problems[0].problem.message}")
    if not isinstance(after.value, dict) or list(after.value) != [key]:
        raise CannotEditError("the text around the list is too unusual")
    if (after.value[key] or []) != entries:
        raise CannotEditError("other entries share its values, or have a text that would change")
    return data


def _in_order_of(last: _Node, entry: Mapping[str, str]) -> Mapping[str, str]:
    names = [getattr(name.event, "value", "") for name, _ in last.pairs]
    # The end of an entry is in the same place, whichever way it is written.
    known = [each for name in names for each in _PLACES.get(name, (name,)) if each in entry]
    return {each: entry[each] for each in dict.fromkeys((*known, *entry))}


_ENDS = ("expiration_date", "expires_at", "for", "requested_at")
_WHO = ("user", "role")
_PLACES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_ENDS, _ENDS),
    **dict.fromkeys(_WHO, _WHO),
}


def _scalar(value: str, quote: str | None = None) -> str:
    """A text as YAML, in quotes where it is not plain text for every reader, also in braces."""
    if quote == "'":
        return "'" + value.replace("'", "''") + "'"
    tag = _RESOLVER.resolve(ScalarNode, value, (True, False))
    if quote is None and tag in _TEXT_TAGS and _is_plain(value):
        return value
    return json.dumps(value, ensure_ascii=not value.isprintable())


def _is_plain(value: str) -> bool:
    found = tree.parse(f"[{{key: {value}}}]".encode(errors="replace"))
    return not found.problems and found.value == [{"key": value}]


def _in_lines(entry: Mapping[str, str], indent: str, gap: str, newline: str) -> str:
    below = f"{newline}{indent} {' ' * len(gap)}"
    return f"{indent}-{gap}" + below.join(f"{key}: {_scalar(each)}" for key, each in entry.items())


def _in_braces(entry: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {_scalar(each)}" for key, each in entry.items()) + "}"


def _into_nothing(text: _Text, key: str, entry: Mapping[str, str]) -> str:
    """Append the first entry to a file without any, and the key if that is missing."""
    ended = _END_MARKER.search(text.text)
    stop = ended.start() if ended is not None else len(text.text)
    written, rest = text.text[:stop], text.text[stop:]
    null = getattr(text.key.event, "value", "") if text.key is not None else ""
    if text.key is not None and null:
        kept = written[: text.key.end - len(null)].rstrip(" ")
        written = kept + written[text.key.end :]
    if written and not written.endswith("\n"):
        written += text.newline
    if text.key is None:
        written += f"{key}:{text.newline}"
    return written + _in_lines(entry, "  ", " ", text.newline) + text.newline + rest


def _is_blank(text: _Text, node: _Node) -> bool:
    return not text.text[node.start : node.end].strip("[] \t\r\n")


def _opened(text: _Text, entry: Mapping[str, str]) -> str:
    """Write the first entry below an empty `[]`, which is taken out; a comment after it stays."""
    assert text.entries is not None
    start, end = text.entries.start, text.entries.end
    line = text.line_end(end)
    before = text.text[:start].rstrip(" \t")
    after = text.text[end:line]
    after = after if after.strip() else after.lstrip(" \t")
    ended = after if after.endswith("\n") else after + text.newline
    new = _in_lines(entry, "  ", " ", text.newline) + text.newline
    return before + ended + new + text.text[line:]


def _into_brackets(text: _Text, entry: Mapping[str, str]) -> str:
    """Append an entry within brackets, on a line of its own if the last one is."""
    assert text.entries is not None
    close = text.entries.end - 1
    new = _in_braces(entry)
    if not text.items:
        return text.replaced(close, close, new)
    last = text.items[-1]
    rest = text.text[last.end : close]
    comma = rest.lstrip().startswith(",")
    after = last.end + (rest.index(",") + 1 if comma else 0)
    begin = text.line_start(last.start)
    if text.text[begin : last.start].strip():
        return text.replaced(after, after, f"{'' if comma else ','} {new}")
    indent = text.text[begin : last.start]
    more = "," if comma else ""
    line = text.line_end(after)
    if line > close:
        parts = f"{'' if comma else ','}{text.newline}{indent}{new}{more}"
        return text.replaced(after, after, parts)
    result = text.replaced(line, line, f"{indent}{new}{more}{text.newline}")
    return result if comma else result[: last.end] + "," + result[last.end :]


def _after_last(text: _Text, entry: Mapping[str, str]) -> str:
    """Append an entry below the last one and the comments that belong to it."""
    last = text.items[-1]
    indent, gap = _dash(text, last)
    position = text.line_end(last.end)
    while (line := text.text[position : text.line_end(position)]).lstrip(" ").startswith("#"):
        if not line.startswith(indent):
            break
        position += len(line)
    new = (
        f"{indent}-{gap}{_in_braces(entry)}"
        if last.is_flow
        else _in_lines(entry, indent, gap, text.newline)
    )
    lead = text.newline if _are_apart(text) else ""
    if position and text.text[position - 1] != "\n":
        lead = text.newline + lead
    return text.replaced(position, position, f"{lead}{new}{text.newline}")


def _are_apart(text: _Text) -> bool:
    """Whether blank lines are between entries; with one entry, whether it has several lines."""
    if len(text.items) == 1:
        (only,) = text.items
        return "\n" in text.text[only.start : only.end]
    before, last = text.items[-2:]
    lines = text.text[before.end : last.start].split("\n")[1:]
    return any(not line.strip() for line in lines)


def _dash(text: _Text, item: _Node) -> tuple[str, str]:
    """The indentation of an entry's dash, and the space after it."""
    line = text.text[text.line_start(item.start) : item.start]
    found = _DASH.fullmatch(line)
    if found is not None:
        return found[1], found[2].replace("\t", " ")
    # The value begins below its dash, or behind an anchor.
    for line in reversed(text.text[: item.start + 1].split("\n")):
        found = re.match(r"( *)-(?=\s|$)", line)
        if found is not None:
            return found[1], " "
    raise CannotEditError("the dash of the last entry was not found")


def _cut_of_lines(text: _Text, item: _Node) -> tuple[int, int]:
    begin = text.line_start(item.start)
    while not re.match(r" *-(?=\s|$)", text.text[begin : text.line_end(begin)]):
        if begin == 0:
            raise CannotEditError("the dash of the entry was not found")
        begin = text.line_start(begin - 1)
    end = text.line_end(item.end)
    before = text.text[text.line_start(begin - 1) : begin] if begin else ""
    following = text.text[end : text.line_end(end)]
    # Of the blank lines around it, one stays.
    if not before.strip() and (not following.strip() or end == len(text.text)):
        if following:
            end = text.line_end(end)
        elif before:
            begin -= len(before)
    return begin, end


def _cut_of_flow(text: _Text, item: _Node, index: int) -> tuple[int, int]:
    line = text.line_start(item.start)
    rest = _REST_OF_LINE.match(text.text, item.end)
    has_line = rest is not None and not text.text[line : item.start].strip()
    is_last = index + 1 == len(text.items)
    if is_last and index:
        before = text.items[index - 1].end
        if "#" not in text.text[before : item.start]:
            return before, item.end
    if has_line and rest is not None and len(text.items) > 1:
        return line, rest.end()
    if is_last:
        behind = text.text[item.end :]
        comma = behind.index(",") + 1 if behind.lstrip().startswith(",") else 0
        return item.start, item.end + comma
    return item.start, text.items[index + 1].start
