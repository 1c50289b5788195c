"""What differs between the settings before and after a change, key by key."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from iam_access import phrases
from iam_access.config.expressions import Matcher
from iam_access.config.settings import Settings
from iam_access.kinds.fields import Spec, UserNames
from iam_access.model import SettingChange

# What holds for one change only, and is told for itself.
_APART = frozenset({"intended_removals"})
_NONE = "none"


def changes(before: Settings, after: Settings) -> tuple[SettingChange, ...]:
    """The keys whose values differ, defaults included, in the order of the settings.

    Of lists only the items that are not in both are told.
    """
    found = _changes(_fields(before, _APART), _fields(after, _APART), "")
    return tuple(found)


def _changes(
    before: Mapping[str, Any], after: Mapping[str, Any], above: str
) -> Iterator[SettingChange]:
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        path = f"{above}.{key}" if above else key
        if old == new:
            continue
        if _is_mapping(old) or _is_mapping(new):
            yield from _changes(_mapping(old), _mapping(new), path)
        elif isinstance(old, list) or isinstance(new, list):
            gone, added = _texts(old), _texts(new)
            yield SettingChange(
                path,
                tuple((Counter(gone) - Counter(added)).elements()),
                tuple((Counter(added) - Counter(gone)).elements()),
            )
        else:
            yield SettingChange(path, (_text(old),), (_text(new),))


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Spec | dict)


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Spec):
        return _fields(value)
    return value if isinstance(value, dict) else {}


def _fields(spec: Spec, apart: frozenset[str] = frozenset()) -> Mapping[str, Any]:
    return {name: value for name, value in spec if name not in apart}


def _texts(values: Sequence[Any] | None) -> list[str]:
    return [_text(each) for each in values or ()]


def _text(value: Any) -> str:
    """A value about as a file has it."""
    match value:
        case None:
            return _NONE
        case bool():
            return str(value).lower()
        case timedelta():
            return phrases.duration(value)
        case Matcher():
            return value.expression
        case UserNames():
            return _user_names(value)
        case list():
            return f"[{', '.join(_texts(value))}]"
        case Spec():
            stated = {name: each for name, each in value if name in value.model_fields_set}
            return f"{{{', '.join(f'{name}: {_text(each)}' for name, each in stated.items())}}}"
    return str(value)


def _user_names(names: UserNames) -> str:
    way = "whole address" if names.whole else "part before the @"
    return f"{{{way}: [{', '.join(names.domains)}]}}" if names.domains else way
