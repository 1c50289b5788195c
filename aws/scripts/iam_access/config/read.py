"""The bytes of a file as entries: what is written, its place, and the spec that it makes."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice, pairwise
from types import UnionType
from typing import Any, Final, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from iam_access.config.accounts import ENVIRONMENT, TAGS, AccountSpec, TeamTags, written_out
from iam_access.config.findings import MOST, FindingCollector
from iam_access.config.yaml import mistakes, tree
from iam_access.kinds import templates
from iam_access.kinds.base import FileEntry, Folder, InvalidEntry, Item
from iam_access.kinds.fields import PROBLEM, Spec
from iam_access.model import Location
from iam_access.phrases import between_several, described, did_you_mean, listed, shown
from iam_access.place import Path, SourcePosition
from iam_access.problem import Problem

S = TypeVar("S", bound=Spec)

_HALF: Final = 150  # of the longest message
_TEXT: Final = "text"
_LIST: Final = "a list"
_MAPPING: Final = "a mapping"
_EXPECTED: Final = {
    "string_type": _TEXT,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
}
_HOW_TO: Final = {
    _TEXT: "write a single value, in quotes if it contains ': ' or ' #'",
    _LIST: "write [one, two], or one '- item' per line; a list of one is [one]",
    _MAPPING: "write 'key: value' lines, indented below it, with a space after each ':'",
    f"{_TEXT} or {_LIST}": "write a single value or a list of them",
}


def parsed(
    data: bytes, file: str, report: FindingCollector, *, values: int = tree.VALUES
) -> tuple[Any, SourcePosition] | None:
    """Parse a file; return its value and place, None if there is none.

    Reports syntax errors, and a file of more than `values` texts, lists and mappings.
    """
    found = tree.parse(data, values)
    for each in found.problems:
        report.problem(each.problem, Location(file, each.line, each.column))
    return None if found.mark is None else (found.value, SourcePosition(file, found.mark))


class Section(NamedTuple):
    """The value below the key of a file, and what stands beside that key, None if nothing does.

    `top` is the place of the whole file.
    """

    value: Any
    place: SourcePosition
    beside: Any
    top: SourcePosition


def section(
    data: bytes,
    file: str,
    folder: str,
    *,
    keyed: bool,
    values: int,
    report: FindingCollector,
    beside: str | None = None,
) -> Section | None:
    """Return the section below the file's key; None after reporting an error.

    A key without a value has no entries: the value is empty. The key `beside` may stand beside it.
    """
    _report_cut_off(data, file, report)
    before = len(report.found)
    found = parsed(data, file, report, values=values)
    if found is None or found[0] is None:
        if len(report.found) == before:
            report.error(
                "empty-file",
                Location(file, 1, 1),
                "the file is empty",
                f"write '{folder}: {'{}' if keyed else '[]'}' for no entries, or remove the file",
            )
        return None
    value, place = found
    if not isinstance(value, dict):
        report.error(
            "wrong-type",
            place.location,
            f"the file (with '{folder}:' at its top) must be a mapping, not {what_is(value)}",
            f"write '{folder}:' on a line of its own, and the entries below it",
        )
        return None
    for key in value:
        if key not in (folder, beside):
            hint = did_you_mean(key, () if folder in value else (folder,))
            inside = f"; indent '{key}' if it belongs below it" if folder in value else ""
            report.error(
                "unknown-key",
                place.key(key),
                f"the key {shown(key)} is not known here",
                hint or f"the one key at the top of this file is '{folder}'{inside}",
            )
    if folder not in value:
        if value.keys() <= {beside}:
            report.error("missing-key", place.location, f"the key '{folder}' is missing", "add it")
        return None
    inner = value[folder]
    below = place.at(folder)
    other = value.get(beside), place
    if inner is None:
        return Section({} if keyed else [], below, *other)
    if not isinstance(inner, dict if keyed else list):
        wrong_type("a mapping" if keyed else "a list", inner, below, report, name=folder)
        return None
    return Section(inner, below, *other)


def completed(found: Section, report: FindingCollector) -> Section:
    """Complete the entries of a section by the templates beside it."""
    written, at = found.beside, found.top.at(templates.KEY)
    if written is not None and not isinstance(written, dict):
        wrong_type("a mapping", written, at, report, name=templates.KEY)
        written = None
    expander = templates.Expander(written or {}, at if written else None)
    value, place = expander.entries(found.value, found.place)
    for problem, location in expander.found:
        report.problem(problem, location)
    return found._replace(value=value, place=place)


def tags_of(found: Section, report: FindingCollector) -> Mapping[str, str]:
    """The tags beside a section; none after reporting what is wrong with them."""
    spec = spec_of(TeamTags, {TAGS: found.beside}, found.top, report)
    return spec.tags or {} if spec is not None else {}


def _report_cut_off(data: bytes, file: str, report: FindingCollector) -> None:
    if b" #" not in data and b"\t#" not in data:
        return
    for line, column, rest in islice(mistakes.cut_off(data), MOST):
        report.warning(
            "cut-off-text",
            Location(file, line, column),
            f"the text ends before {shown(rest)}, which is a comment for YAML",
            "put the whole text in quotes; or a space after the # of a comment",
        )


def items(
    folder: Folder, value: Any, place: SourcePosition, report: FindingCollector
) -> tuple[Item, ...]:
    """Read the elements of a section as entries of the folder, valid or not."""
    if folder.keys is not None:
        return _keyed_items(folder.keys, folder.spec, value, place, report)
    places = [SourcePosition(place.file, mark) for mark in place.mark[2] or ()]
    specs = specs_of(folder.spec, value, places, report)
    return tuple(map(_item, map(str, range(len(value))), value, places, specs))


def account_items(
    value: dict[str, Any], place: SourcePosition, report: FindingCollector
) -> tuple[Item, ...]:
    """Read the section of a team's accounts, by environment."""
    written = {key: written_out(each) for key, each in value.items()}
    return _keyed_items(ENVIRONMENT, AccountSpec, written, place, report)


def _keyed_items(
    names: TypeAdapter[str],
    model: type[Spec],
    value: dict[str, Any],
    place: SourcePosition,
    report: FindingCollector,
) -> tuple[Item, ...]:
    misplaced = {
        key
        for key, each in value.items()
        if key in model.model_fields and not _is_valid(model, each)
    }
    for key in misplaced:
        report.error(
            "unknown-key",
            place.key(key),
            f"the key {shown(key)} is in the place of an entry's name",
            "indent it below the name of its entry",
        )
    right = {key: each for key, each in value.items() if key not in misplaced}
    places = [place.at(key) for key in right]
    specs = specs_of(model, list(right.values()), places, report)
    found = {
        key: _item(key, written, below, spec if fits(names, key, place, report) else None)
        for (key, written), below, spec in zip(right.items(), places, specs, strict=True)
    }
    return tuple(
        found.get(key) or InvalidEntry(key, written, place.at(key))
        for key, written in value.items()
    )


def _item(key: str, written: Any, place: SourcePosition, spec: Spec | None) -> Item:
    return FileEntry(key, spec, place) if spec is not None else InvalidEntry(key, written, place)


def spec_of(
    model: type[S], value: Any, place: SourcePosition, report: FindingCollector
) -> S | None:
    """Validate a value; return it as the model, or None after reporting all that is wrong."""
    wrong = isinstance(value, dict) and _contradicts(model, value, place, report)
    try:
        result = model.model_validate(value)
    except ValidationError as error:
        _explain(model, value, error, place, report)
        return None
    return None if wrong else result


def specs_of(
    model: type[S], values: list[Any], places: Sequence[SourcePosition], report: FindingCollector
) -> list[S | None]:
    """Validate many values at once, which is faster where nothing is wrong."""
    try:
        results = _list_of(model).validate_python(values)
    except ValidationError:
        halves = _second_halves(model, values)
        for number in halves:
            report.error(
                "missing-key",
                places[number].location,
                "this entry and the one before it are halves of one",
                "write its first line without the '-'",
            )
        divided = halves | {number - 1 for number in halves}
        return [
            None if number in divided else spec_of(model, value, places[number], report)
            for number, value in enumerate(values)
        ]
    contradictions = model.contradictions
    for number, value in enumerate(values):
        for each in contradictions(value):
            _contradict(each, places[number], report)
            results[number] = None
    return results


def _second_halves(model: type[Spec], values: Sequence[Any]) -> frozenset[int]:
    """The positions of values that are right only together with the one before."""
    return frozenset(
        number
        for number, (first, second) in enumerate(pairwise(values), 1)
        if isinstance(first, dict)
        and isinstance(second, dict)
        and first.keys().isdisjoint(second)
        and _is_valid(model, first | second)
        and not _is_valid(model, first)
        and not _is_valid(model, second)
    )


def _is_valid(model: type[Spec], value: Any) -> bool:
    try:
        model.model_validate(value)
    except ValidationError:
        return False
    return next(iter(model.contradictions(value)), None) is None


@cache
def _list_of(model: type[S]) -> TypeAdapter[list[S | None]]:
    return TypeAdapter(list[model])  # type: ignore[valid-type]


def _contradicts(
    model: type[Spec], written: Mapping[str, Any], place: SourcePosition, report: FindingCollector
) -> bool:
    wrong = False
    for each in model.contradictions(written):
        _contradict(each, place, report)
        wrong = True
    return wrong


def _contradict(found: Problem, place: SourcePosition, report: FindingCollector) -> None:
    report.problem(found, place.at(*found.path).location)


def fits(
    names: TypeAdapter[str], key: str, place: SourcePosition, report: FindingCollector
) -> bool:
    """Validate a key of the mapping at `place`; report it and return False if it is wrong."""
    try:
        names.validate_python(key)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            report.problem(_with_short_message(each["ctx"][PROBLEM]), place.key(key))
        return False
    return True


def what_is(value: Any) -> str:
    """Describe a value by its type and, if it is text, its content."""
    return f"{_TEXT} {shown(value)}" if isinstance(value, str) else described(value)


def _with_short_message(problem: Problem) -> Problem:
    """Cut the middle of a message that quotes a long value; its end describes the error."""
    text = problem.message
    if len(text) <= 2 * _HALF:
        return problem
    return replace(problem, message=f"{text[:_HALF]}…{text[-_HALF:]}")


def wrong_type(
    expected: str,
    value: Any,
    place: SourcePosition,
    report: FindingCollector,
    name: str = "",
    *,
    item: bool = False,
) -> None:
    """Report a value of another type than `expected`, which may be an item of a list."""
    report.error(
        "wrong-type",
        place.location,
        f"{name or 'this'} must be {expected}, not {what_is(value)}",
        _how_to(expected, value, place, item=item),
    )


def _how_to(expected: str, value: Any, place: SourcePosition, *, item: bool) -> str:
    if value is None:
        return f"{_HOW_TO[expected]}, or remove {'its dash' if item else 'the key'}"
    if isinstance(value, dict) and list(value.values()) == [None]:
        return _quoting(next(iter(value)), place)
    if isinstance(value, list) and expected == _MAPPING:
        return f"{_HOW_TO[_MAPPING]} and without a dash before them"
    if isinstance(value, str) and expected == _LIST and value.startswith("-"):
        return f"put a space after the dash: '- {value[1:].lstrip()}'"
    if isinstance(value, dict) and expected == _LIST:
        return f"{_HOW_TO[_LIST]}; one of several keys has '- ' before the first of them"
    if isinstance(value, list) and expected == _TEXT:
        several = "; several need an entry for each" if len(value) > 1 else ""
        return f"write a single value, without a dash or brackets{several}"
    return _HOW_TO[expected]


def _quoting(key: str, place: SourcePosition) -> str:
    """What to do about text that YAML takes for a mapping with this key and nothing as its value.

    A mapping in braces begins with the brace, and any other with its key.
    """
    if place.key(key) == place.location:
        return f'put text that ends with : in quotes: "{key}:"'
    return f'put text that begins with {{ in quotes: "{{{key}}}"'


def _explain(
    model: type[BaseModel] | None,
    value: Any,
    error: ValidationError,
    place: SourcePosition,
    report: FindingCollector,
) -> None:
    alternatives: dict[Path, list[str]] = {}
    for each in error.errors(include_url=False, include_context=True):
        path = _written_path(value, each["loc"], missing=each["type"] == "missing")
        if each["type"] in _EXPECTED:
            alternatives.setdefault(path, []).append(_EXPECTED[each["type"]])
        else:
            _explain_one(model, value, each, path, place, report)
    for path, expected in alternatives.items():
        if any(len(other) > len(path) and other[: len(path)] == path for other in alternatives):
            continue  # one alternative fits so far; the error is below it
        wrong_type(
            " or ".join(dict.fromkeys(expected)),
            _value_at(value, path),
            place.at(*path),
            report,
            name=_name(path),
            item=isinstance(path[-1] if path else None, int),
        )


def _explain_one(
    model: type[BaseModel] | None,
    value: Any,
    error: ErrorDetails,
    path: Path,
    place: SourcePosition,
    report: FindingCollector,
) -> None:
    kind = error["type"]
    context = error.get("ctx", {})
    if kind == "spec":
        # pydantic's name of the place of a key, which is no step to a value
        is_key = error["loc"][-1:] == ("[key]",)
        location = place.key(*path) if is_key else place.at(*path).location
        report.problem(_with_short_message(context[PROBLEM]), location)
    elif kind == "pattern":
        found = context[PROBLEM]
        hint = f"{between_several(error['input'])}{found.hint}"
        found = replace(found, message=f"{error['input']!r} {found.message}", hint=hint)
        report.problem(_with_short_message(found), place.at(*path).location)
    elif kind == "extra_forbidden":
        known = _fields(model, path[:-1])
        report.error(
            "unknown-key",
            place.key(*path),
            f"the key {shown(path[-1])} is not known here",
            _misplaced(model, value, path, known) or f"the keys are {listed(known)}",
        )
    elif kind == "missing":
        report.error(
            "missing-key",
            place.at(*path[:-1]).location,
            f"the key {shown(path[-1])} is missing",
            f"add '{path[-1]}:' with a value{_perhaps_split(value, path[:-1])}",
        )
    elif kind == "literal_error":
        written = _value_at(value, path)
        choices = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        report.error(
            "bad-value",
            place.at(*path).location,
            f"{_name(path)} cannot be {described(written)}",
            did_you_mean(str(written), choices) or f"write {listed(choices, 'or')}",
        )
    else:
        report.error(
            "bad-value",
            place.at(*path).location,
            f"{_name(path)} cannot be {described(_value_at(value, path))}",
            "see docs/files.md for what may stand here",
        )


def _misplaced(model: type[BaseModel] | None, value: Any, path: Path, known: Iterable[str]) -> str:
    """What to do about a key that is none of the `known`; empty if it is not like any.

    It may be a key of another mapping. It may belong below the key before it if that has no value.
    """
    key = path[-1]
    beside = _value_at(value, path[:-1])
    before = list(beside)[: list(beside).index(key)]
    above = next(
        (each for each in reversed(before) if key in _fields(model, (*path[:-1], each))), None
    )
    if above is not None:
        return f"it is a key of '{above}': indent it below that, or put it into its brackets"
    for depth in range(len(path) - 2, -1, -1):
        if key in _fields(model, path[:depth]):
            where = f"in one column with '{path[depth]}'"
            return f"it belongs {where}"
    guess = did_you_mean(str(key), known)
    if before and beside[before[-1]] is None:
        below = f"indent it if it belongs below '{before[-1]}', which has no value"
        return f"{guess} Or {below}" if guess else below
    return guess


def _perhaps_split(value: Any, path: Path) -> str:
    """What else may be wrong with a mapping that lacks keys: a dash that divides an item."""
    here = _value_at(value, path)
    before: Any = None
    if path and isinstance(path[-1], int) and path[-1] > 0:
        before = _value_at(value, (*path[:-1], path[-1] - 1))
    is_half = isinstance(before, dict) and before.keys().isdisjoint(here)
    if len(here) != 1 and not is_half:
        return ""
    return "; if the line belongs to the item before it, write it without the '-'"


def _written_path(value: Any, location: Iterable[str | int], *, missing: bool) -> Path:
    """Turn pydantic's location into a path in the file, without names of a union's members."""
    steps = tuple(location)
    path: list[str | int] = []
    for position, step in enumerate(steps):
        if step in _steps_from(value):
            value = value[step]
        elif not (missing and position == len(steps) - 1):
            continue
        path.append(step)
    return tuple(path)


def _steps_from(value: Any) -> Container[Any]:
    if isinstance(value, dict):
        return value
    return range(len(value)) if isinstance(value, list) else ()


def _value_at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _name(path: Path) -> str:
    """Name the value at a path as a message does: by its key, or as an item of its list."""
    keys = [step for step in path if isinstance(step, str)]
    if not keys:
        return "the entry"
    return f"an item of {keys[-1]}" if isinstance(path[-1], int) else keys[-1]


def _fields(model: type[BaseModel] | None, path: Path) -> tuple[str, ...]:
    """Return the keys that a model allows at a path."""
    for step in path:
        if model is not None and isinstance(step, str) and step in model.model_fields:
            model = next(_models_in(model.model_fields[step].annotation), None)
    if model is None:
        return ()
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (list, dict, Union, UnionType, Mapping):
        for each in get_args(annotation):
            yield from _models_in(each)
