"""One file's bytes as items: what is written, where, and the spec it makes."""

from typing import Any

from pydantic import TypeAdapter

from iam_access.config import shapes
from iam_access.config.accounts import ENVIRONMENT, AccountSpec, written_out
from iam_access.config.findings import FindingCollector
from iam_access.config.words import did_you_mean
from iam_access.config.yaml import tree
from iam_access.config.yaml.syntax import shown
from iam_access.kinds.base import FileEntry, Folder, InvalidEntry, Item
from iam_access.kinds.fields import Spec
from iam_access.model import Location
from iam_access.place import SourcePosition


def parsed(
    data: bytes, file: str, report: FindingCollector, *, values: int = tree.VALUES
) -> tuple[Any, SourcePosition] | None:
    """The file's value and its place, None when there is none.

    Reports what YAML has against it, and that it holds more `values` than it may.
    """
    found = tree.parse(data, values)
    for each in found.problems:
        report.error(each.code, Location(file, each.line, each.column), each.message, each.hint)
    return None if found.mark is None else (found.value, SourcePosition(file, found.mark))


def section(
    data: bytes, file: str, folder: str, *, keyed: bool, values: int, report: FindingCollector
) -> tuple[Any, SourcePosition] | None:
    """The value below the file's one key and its place, None after reporting why there is none.

    No value at all means no entries, and gives an empty one.
    """
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
        shapes.wrong_type(
            "a mapping", value, place, report, name=f"the file (with '{folder}:' at its top)"
        )
        return None
    for key in value:
        if key != folder:
            hint = did_you_mean(key, () if folder in value else (folder,))
            report.error(
                "unknown-key",
                place.key(key),
                f"the key {shown(key)} is not known here",
                hint or f"the one key at the top of this file is '{folder}'",
            )
    if folder not in value:
        if not value:
            report.error("missing-key", place.location, f"the key '{folder}' is missing", "add it")
        return None
    inner = value[folder]
    below = place.at(folder)
    if inner is None:
        return ({} if keyed else []), below
    if not isinstance(inner, dict if keyed else list):
        shapes.wrong_type("a mapping" if keyed else "a list", inner, below, report, name=folder)
        return None
    return inner, below


def items(
    folder: Folder, value: Any, place: SourcePosition, report: FindingCollector
) -> tuple[Item, ...]:
    """Each element of a folder's section, checked against its model."""
    if folder.keys is not None:
        return _keyed_items(folder.keys, folder.spec, value, place, report)
    places = [SourcePosition(place.file, mark) for mark in place.mark[2] or ()]
    specs = shapes.read_all(folder.spec, value, places, report)
    return tuple(map(_item, map(str, range(len(value))), value, places, specs))


def environments(
    value: dict[str, Any], place: SourcePosition, report: FindingCollector
) -> tuple[Item, ...]:
    """The accounts of a team, by environment."""
    written = {key: written_out(each) for key, each in value.items()}
    return _keyed_items(ENVIRONMENT, AccountSpec, written, place, report)


def _keyed_items(
    names: TypeAdapter[str],
    model: type[Spec],
    value: dict[str, Any],
    place: SourcePosition,
    report: FindingCollector,
) -> tuple[Item, ...]:
    places = [place.at(key) for key in value]
    specs = shapes.read_all(model, list(value.values()), places, report)
    return tuple(
        _item(key, written, below, spec if shapes.fits(names, key, place, report) else None)
        for (key, written), below, spec in zip(value.items(), places, specs, strict=True)
    )


def _item(key: str, written: Any, place: SourcePosition, spec: Spec | None) -> Item:
    return FileEntry(key, spec, place) if spec is not None else InvalidEntry(key, written, place)
