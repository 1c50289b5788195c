"""`{account_id}` and the like in files: whether those that are written are known."""

import re
from collections.abc import Mapping
from typing import Any

from iam_access.config.configuration import TeamFiles
from iam_access.config.findings import FindingCollector
from iam_access.config.words import did_you_mean, listed
from iam_access.config.yaml.syntax import shown
from iam_access.model import Location
from iam_access.place import Path, SourcePosition

# `${...}` is IAM's own.
_ANY = re.compile(r"(?<!\$)\{([^{}]*)\}")


def samples(draft: TeamFiles) -> dict[str, str]:
    """A value for every placeholder, as long as the team's longest."""
    specs = [item.spec for item in draft.accounts if item.spec is not None]
    return {
        "account_id": specs[0].id if specs else "123456789012",
        "environment": max((item.key for item in draft.accounts), key=len, default="prod"),
        "partition": max((spec.partition for spec in specs), key=len, default="aws"),
        "team": draft.name,
    }


def any_in(value: Any) -> bool:
    """Whether there may be placeholders in a text, or anywhere in a list or mapping."""
    if isinstance(value, str):
        return "{" in value
    if isinstance(value, dict):
        return any("{" in key or any_in(each) for key, each in value.items())
    return any(map(any_in, value))


def check(
    value: Any,
    place: SourcePosition,
    path: Path,
    known: Mapping[str, str],
    report: FindingCollector,
) -> None:
    """Report every placeholder that is not known, in what is at a path below the place."""
    if isinstance(value, str):
        for name in _unknown(value, known):
            _tell(name, place.at(*path).location, known, report)
    elif isinstance(value, dict):
        for key, each in value.items():
            for name in _unknown(key, known):
                _tell(name, place.key(*path, key), known, report)
            check(each, place, (*path, key), known, report)
    else:
        for index, each in enumerate(value):
            check(each, place, (*path, index), known, report)


def _unknown(text: str, known: Mapping[str, str]) -> list[str]:
    return [name for name in _ANY.findall(text) if name not in known]


def _tell(
    name: str, location: Location, known: Mapping[str, str], report: FindingCollector
) -> None:
    report.error(
        "unknown-placeholder",
        location,
        f"nothing is known to fill in for {shown('{' + name + '}')}",
        did_you_mean(name, known)
        or f"there are {listed(['{' + each + '}' for each in known])}; "
        "IAM's own variables begin with '${'",
    )
