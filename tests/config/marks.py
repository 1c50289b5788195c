"""Where the values of a file stand, for tests that compare."""

from collections.abc import Iterable, Iterator
from typing import Any

from iam_access.config.yaml.tree import Tree
from iam_access.model import Location
from iam_access.place import Path, SourcePosition


def where(location: Location) -> tuple[int, int]:
    return location.line, location.column


def places(tree: Tree) -> dict[Path, tuple[int, int]]:
    """Line and column of every value of a file, by its path."""
    if tree.mark is None:
        return {}
    return dict(_places(SourcePosition("file", tree.mark), tree.value, ()))


def keys(tree: Tree) -> dict[Path, tuple[int, int]]:
    """Line and column of every key of a file, by the path of its value."""
    if tree.mark is None:
        return {}
    top = SourcePosition("file", tree.mark)
    return {
        path: where(top.key(*path)) for path in places(tree) if path and isinstance(path[-1], str)
    }


def _places(
    place: SourcePosition, value: Any, path: Path
) -> Iterator[tuple[Path, tuple[int, int]]]:
    yield path, where(place.location)
    steps: Iterable[str | int] = ()
    if isinstance(value, dict):
        steps = value
    elif isinstance(value, list):
        steps = range(len(value))
    for step in steps:
        yield from _places(place.at(step), value[step], (*path, step))
