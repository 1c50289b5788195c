"""Where a value is in a file, and the positions of everything in it."""

from typing import Any, NamedTuple

from iam_access.model import Location

# (line, column, children). `children` maps each key of a mapping to (key line, key column, mark of
# the value), lists the marks of a sequence, or is None for a scalar. It can also be a function
# that returns them, given the line and column: a large repository has a million, and few are used.
# A NamedTuple or dataclass takes ten times as long to make.
Mark = tuple[int, int, Any]
Path = tuple[str | int, ...]


class SourcePosition(NamedTuple):
    """A value in a file. Lines and columns count from 1."""

    file: str
    mark: Mark

    @property
    def location(self) -> Location:
        return Location(self.file, self.mark[0], self.mark[1])

    def at(self, *path: str | int) -> "SourcePosition":
        """The position of the value at a path, or of the nearest value above it in the file."""
        mark = self.mark
        for step in path:
            children = _children(mark)
            if isinstance(children, dict) and step in children:
                mark = children[step][2]
            elif isinstance(children, list) and isinstance(step, int) and step < len(children):
                mark = children[step]
            else:
                break
        return SourcePosition(self.file, mark)

    def holds(self, key: str) -> bool:
        """Whether the value is a mapping that has the key."""
        children = _children(self.mark)
        return isinstance(children, dict) and key in children

    def over(self, base: "SourcePosition") -> "SourcePosition":
        """The position of a mapping that has from `base`, at every depth, what this one lacks.

        Both are in one file.
        """
        return SourcePosition(self.file, _over(self.mark, base.mark))

    def with_child(self, key: str, child: "SourcePosition") -> "SourcePosition":
        """The position of this mapping with another value below a key that it has."""
        line, column, _ = self.mark
        children = dict(_children(self.mark) or ())
        at, beside, _ = children[key]
        return SourcePosition(
            self.file, (line, column, {**children, key: (at, beside, child.mark)})
        )

    def also_at(self, other: str, key: str) -> "SourcePosition":
        """The position of this mapping with the value of a key, if it has it, below another too."""
        line, column, _ = self.mark
        children = dict(_children(self.mark) or ())
        if key not in children:
            return self
        return SourcePosition(self.file, (line, column, {**children, other: children[key]}))

    def key(self, *path: str | int) -> Location:
        """The location of a mapping's key (the last step of the path); without it, as `at`."""
        *above, last = path
        parent = self.at(*above)
        children = _children(parent.mark)
        if isinstance(children, dict) and last in children:
            line, column, _ = children[last]
            return Location(self.file, line, column)
        return parent.location


def _over(mark: Mark, base: Mark) -> Mark:
    line, column, _ = mark
    own, more = _children(mark), _children(base)
    if not isinstance(own, dict) or not isinstance(more, dict):
        return mark
    children = dict(more)
    for key, (at, beside, value) in own.items():
        children[key] = (at, beside, _over(value, more[key][2]) if key in more else value)
    return line, column, children


def _children(mark: Mark) -> Any:
    line, column, children = mark
    return children(line, column) if callable(children) else children
