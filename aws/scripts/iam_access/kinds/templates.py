"""Templates beside the entries of a file: what an entry takes that it does not say itself.

    templates:
      worker: {trust: [{service: ec2}], tags: {app: pay}}
    aws-roles:
      queue: {use: worker, grants: [queue], tags: {part: queue}}

Mappings are merged at every depth; lists and single values of the entry replace those of the
template. A template may use another one. What an entry takes keeps its place in the template.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from iam_access.model import Location
from iam_access.phrases import described, did_you_mean, listed, shown
from iam_access.place import SourcePosition
from iam_access.problem import Problem

KEY: Final = "templates"
USE: Final = "use"


@dataclass(slots=True)
class Expander:
    """Completes entries by the `templates` of their file, and collects what is wrong with them.

    `place` is that of the templates; None if the file has none.
    """

    templates: Mapping[str, Any]
    place: SourcePosition | None
    found: dict[tuple[Problem, Location], None] = field(default_factory=dict)

    def entries(
        self, written: Mapping[str, Any], place: SourcePosition
    ) -> tuple[dict[str, Any], SourcePosition]:
        """The entries as their templates complete them, and their place."""
        value: dict[str, Any] = {}
        for key, each in written.items():
            value[key], below = self._completed(each, place.at(key), ())
            place = place.with_child(key, below)
        return value, place

    def _completed(
        self, written: Any, place: SourcePosition, used: tuple[str, ...]
    ) -> tuple[Any, SourcePosition]:
        name = written.get(USE) if isinstance(written, dict) else None
        if not isinstance(name, str):
            return written, place  # what is not text is reported as any other value is
        problem = self._wrong(name, used)
        if problem is not None:
            self.found[problem, place.at(USE).location] = None
            return written, place
        assert self.place is not None, "a template that is known has a place"
        base, base_place = self._completed(self.templates[name], self.place.at(name), (*used, name))
        own = {key: value for key, value in written.items() if key != USE}
        # An entry whose template uses an unknown one keeps `use`: it is not complete.
        return merged(own, base), place.over(base_place)

    def _wrong(self, name: str, used: tuple[str, ...]) -> Problem | None:
        if name in used:
            return Problem(
                "unknown-template",
                f"the template {shown(name)} uses itself"
                + (
                    f", by way of {listed(used[used.index(name) + 1 :])}"
                    if used[-1] != name
                    else ""
                ),
                "remove one of the use: lines",
            )
        if name not in self.templates:
            known = self.templates
            return Problem(
                "unknown-template",
                f"the file has no template {shown(name)}",
                did_you_mean(name, known)
                or (f"it has {listed(known)}" if known else f"write it below {KEY}: in this file"),
            )
        if not isinstance(self.templates[name], dict):
            return Problem(
                "unknown-template",
                f"the template {shown(name)} must be a mapping, not "
                f"{described(self.templates[name])}",
                "write 'key: value' lines, indented below it",
            )
        return None


def merged(written: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """What is written, completed by what the base has."""
    result = dict(base)
    for key, value in written.items():
        below = base.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            result[key] = merged(value, below)
        else:
            result[key] = value
    return result
