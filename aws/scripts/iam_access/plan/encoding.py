"""Dataclasses as JSON values and back, by their type hints. What no rule names is an error.

A field that has its default is left out. Sets are written as sorted lists. Where a hint is `Any`, a
value that JSON does not have is written as an object of one member that names its type, such as
`{"$tuple": [...]}`, so that it comes back as what it was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from iam_access.errors import AccessError
from iam_access.model import Principal, PrincipalType, ResourceId
from iam_access.phrases import shown

# The types that a value of the hint `Any` may have beside those of JSON. A mapping that looks like
# one of them is written as `{"$mapping": ...}`.
_TAGGED: Mapping[str, Any] = {
    "$tuple": tuple[Any, ...],
    "$set": frozenset[Any],
    "$time": datetime,
    "$mapping": Mapping[str, Any],
    **{f"${each.__name__}": each for each in (Principal, PrincipalType, ResourceId)},
}
_FEW = 12


class EncodingError(AccessError):
    """A JSON value that is not what a field holds. `path` leads to it: `changes[2].name`."""

    code = "encoding"

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or 'the whole'}: {message}")


def encode(hint: Any, value: Any) -> Any:
    """The JSON value of a value of this type. Raises TypeError for what cannot be written."""
    if hint is Any:
        return _encode_any(value)
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return None if value is None else encode(_optional(hint), value)
    if origin is Literal:
        return value
    if origin is not None:
        return _encode_generic(origin, get_args(hint), value)
    if is_dataclass(hint) and isinstance(hint, type):
        written = ((name, each, getattr(value, name)) for name, each in _fields(hint).items())
        return {name: encode(type_, at) for name, (type_, default), at in written if at != default}
    if issubclass(hint, Enum):
        return value.value
    return value.isoformat() if hint is datetime else value


def _encode_generic(origin: Any, hints: tuple[Any, ...], value: Any) -> Any:
    if origin is frozenset:
        return sorted((encode(hints[0], each) for each in value), key=repr)
    if origin is tuple:
        types = _types(hints, len(value))
        return [encode(type_, each) for type_, each in zip(types, value, strict=True)]
    if origin is not Mapping:
        raise TypeError(f"{origin} cannot be written")
    return {key: encode(hints[1], each) for key, each in value.items()}


def _encode_any(value: Any) -> Any:
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, list):
        return [_encode_any(each) for each in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"a mapping with keys that are no text: {list(value)!r}")
        written = encode(Mapping[str, Any], value)
        return {"$mapping": written} if _tag(value) else written
    for tag, hint in _TAGGED.items():
        if type(value) is (get_origin(hint) or hint):
            return {tag: encode(hint, value)}
    raise TypeError(f"a value of type {type(value).__name__} cannot be written")


def _tag(value: Mapping[str, Any]) -> str | None:
    """The name of the type that an object of one member stands for."""
    return next((tag for tag in value if len(value) == 1 and tag in _TAGGED), None)


def _optional(hint: Any) -> Any:
    """The type of which a hint allows a value or None."""
    (inner,) = (each for each in get_args(hint) if each is not NoneType)
    return inner


def _types(hints: tuple[Any, ...], count: int) -> Sequence[Any]:
    """The types of the elements of a tuple of this many."""
    return [hints[0]] * count if hints[-1] is Ellipsis else hints


def decode(hint: Any, value: Any, path: str = "") -> Any:
    """The value of this type that a JSON value stands for. Raises EncodingError."""
    if hint is Any:
        return _decode_any(value, path)
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return None if value is None else decode(_optional(hint), value, path)
    if origin is Literal:
        return _decode_one_of(get_args(hint), value, path)
    if origin is not None:
        return _GENERIC[origin](get_args(hint), value, path)
    if is_dataclass(hint) and isinstance(hint, type):
        return _decode_fields(hint, value, path)
    if issubclass(hint, Enum):
        return _decode_enum(hint, value, path)
    if hint is datetime:
        return _decode_time(value, path)
    # True is an int to Python.
    if type(value) is not hint:
        raise EncodingError(path, f"{shown(value)} where {_PLAIN[hint]} is expected")
    return value


_PLAIN = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _decode_fields(hint: type, value: Any, path: str) -> Any:
    members = _members(value, path)
    known = _fields(hint)
    for name in members:
        if name not in known:
            raise EncodingError(path, f"{shown(name)} is not a field of {hint.__name__}")
    for name, (_, default) in known.items():
        if name not in members and default is MISSING:
            raise EncodingError(path, f"the field {name} is missing")
    found = {name: decode(known[name][0], each, f"{path}.{name}") for name, each in members.items()}
    try:
        return hint(**found)
    except ValueError as error:
        raise EncodingError(path, str(error)) from error


@cache
def _fields(hint: type) -> Mapping[str, tuple[Any, Any]]:
    """Name to type hint and default of the fields of a dataclass."""
    hints = get_type_hints(hint)
    return {field.name: (hints[field.name], _default(field)) for field in fields(hint)}


def _default(field: "Field[Any]") -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _decode_enum(hint: type[Enum], value: Any, path: str) -> Enum:
    return hint(_decode_one_of([each.value for each in hint], value, path))


def _decode_one_of(values: Sequence[Any], value: Any, path: str) -> Any:
    # 1 equals True to Python.
    if any(type(value) is type(each) and value == each for each in values):
        return value
    known = ", ".join(map(str, values[:_FEW])) + (" …" if len(values) > _FEW else "")
    raise EncodingError(path, f"{shown(value)} is none of {known}")


def _decode_time(value: Any, path: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise EncodingError(path, f"{shown(value)} where a time is expected") from None
    if found.tzinfo is None:
        raise EncodingError(path, f"{shown(value)} has no time zone")
    return found


def _decode_set(hints: tuple[Any, ...], value: Any, path: str) -> frozenset[Any]:
    items = _items(value, path)
    try:
        found = frozenset(decode(hints[0], each, path) for each in items)
    except TypeError as error:  # of `Any`: something that has no hash
        raise EncodingError(path, str(error)) from error
    if len(found) != len(items):
        raise EncodingError(path, "one value occurs twice")
    return found


def _decode_tuple(hints: tuple[Any, ...], value: Any, path: str) -> tuple[Any, ...]:
    items = _items(value, path)
    if hints[-1] is not Ellipsis and len(items) != len(hints):
        raise EncodingError(path, f"{len(items)} values where {len(hints)} are expected")
    types = _types(hints, len(items))
    return tuple(
        decode(type_, each, f"{path}[{index}]")
        for index, (type_, each) in enumerate(zip(types, items, strict=True))
    )


def _decode_mapping(hints: tuple[Any, ...], value: Any, path: str) -> dict[str, Any]:
    members = _members(value, path)
    return {key: decode(hints[1], each, f"{path}.{key}") for key, each in members.items()}


def _decode_any(value: Any, path: str) -> Any:
    if isinstance(value, list):
        return [_decode_any(each, path) for each in value]
    if not isinstance(value, dict):
        return value
    tag = _tag(value)
    if tag is not None:
        return decode(_TAGGED[tag], value[tag], path)
    return {key: _decode_any(each, path) for key, each in value.items()}


_GENERIC: Mapping[Any, Callable[[tuple[Any, ...], Any, str], Any]] = {
    frozenset: _decode_set,
    tuple: _decode_tuple,
    Mapping: _decode_mapping,
}


def _members(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise EncodingError(path, f"{shown(value)} where an object is expected")
    return value


def _items(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise EncodingError(path, f"{shown(value)} where a list is expected")
    return value
