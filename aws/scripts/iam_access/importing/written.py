"""Files of teams as text, from values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from iam_access.kinds import templates
from iam_access.model import Finding

ACCOUNTS: Final = "aws-accounts"
POLICIES: Final = "aws-policies"
ROLES: Final = "aws-roles"
BUCKETS: Final = "aws-buckets"
KEYS: Final = "aws-keys"
#: Characters of a line, beyond which a list is written in lines of its own.
_WIDTH: Final = 100


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file below the folder of the access files; `name` is its path there.

    `advice` is what to do about it before it is applied.
    """

    name: str
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What the files of an older tool become, and what was found in them.

    With an error among the findings, there are no files.
    """

    team: str
    files: tuple[NewFile, ...]
    findings: tuple[Finding, ...]


class _Lines(dict[str, Any]):
    """A mapping with a line for each key, however short it is."""


class _Dumper(yaml.SafeDumper):
    """Writes lists of short values and small mappings in one line, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represented(dumper: _Dumper, value: Any) -> Any:
    is_flow = not _is_deep(value) and len(str(value)) < _WIDTH - 30
    if isinstance(value, dict):
        is_flow = is_flow and not isinstance(value, _Lines)
        return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=is_flow)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=is_flow)


def _is_deep(value: Any, depth: int = 0) -> bool:
    below = value.values() if isinstance(value, dict) else value
    inner = [each for each in below if isinstance(each, (dict, list))]
    return bool(inner) and (depth == 1 or any(_is_deep(each, depth + 1) for each in inner))


def _text(dumper: _Dumper, value: str) -> Any:
    """Digits in quotes, since a reader of another version of YAML may take them for a number."""
    style = '"' if value.isdigit() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(dict, _represented)
_Dumper.add_representer(_Lines, _represented)
_Dumper.add_representer(list, _represented)


def names(team: str) -> list[str]:
    """The names of all files that an import can write for a team."""
    return [_name(folder, team) for folder in (ACCOUNTS, POLICIES, ROLES, BUCKETS, KEYS)]


def _name(folder: str, team: str) -> str:
    return f"{folder}/{team}.yaml"


def team_file(
    folder: str,
    team: str,
    entries: Mapping[str, Any],
    source: str,
    beside: Mapping[str, Any] | None = None,
) -> NewFile:
    """A team's file in a folder, with its entries and what stands beside them.

    `source` is what the entries are from, for the comment at the top.
    """
    head = (
        f"# yaml-language-server: $schema=../schemas/{folder}.schema.json\n"
        f"# Written by import.py from {source}.\n"
    )
    parts = [*(beside or {}).items(), (folder, entries)]
    body = "".join(_section(key, value) for key, value in parts if value or key == folder)
    bases = (beside or {}).get(templates.KEY, {})
    advice = _about_boundaries(entries, bases) if folder == ROLES else ""
    return NewFile(_name(folder, team), head + body, advice)


def _about_boundaries(
    roles: Mapping[str, Mapping[str, Any]], bases: Mapping[str, Mapping[str, Any]]
) -> str:
    """What to say in the settings of roles that have no permissions boundary."""
    names = [
        key.rpartition("/")[2]
        for key, role in roles.items()
        if "state" not in role
        and "permissions_boundary" not in {**bases.get(role.get(templates.USE, ""), {}), **role}
    ]
    if not names:
        return ""
    return (
        "roles without a permissions boundary get one, unless settings.yaml has unbounded_roles: "
        f"{json.dumps(names)}; "
    )


def _section(key: str, entries: Mapping[str, Any]) -> str:
    """A key at the top of a file, with its entries."""
    return yaml.dump(
        _Lines({key: _Lines(entries) if entries else {}}),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH,
        default_flow_style=False,
    )
