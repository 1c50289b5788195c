"""What the JSON documents of all commands are made of."""

import json
from datetime import UTC, datetime
from typing import Any

from iam_access.model import Failure, Location, Notice


def dump(document: dict[str, Any]) -> str:
    """ASCII, so that no console's encoding and no invisible character matters.

    `##[` begins a command in a GitHub log at any place, so it is escaped as well; it can
    only stand in a string. A lone surrogate is not Unicode and would not survive a reader.
    """
    text = json.dumps(_whole(document), indent=2, ensure_ascii=True)
    return text.replace("##[", "#\\u0023[") + "\n"


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value


def utc_text(moment: datetime | None) -> str | None:
    """A moment in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else None


def place_object(location: Location | None) -> dict[str, Any]:
    """The members that give the place of something."""
    if location is None:
        return {"file": None, "line": None, "column": None}
    return {"file": location.file, "line": location.line, "column": location.column}


def failure_object(failure: Failure | None) -> dict[str, str] | None:
    """Why something could not be finished."""
    if failure is None:
        return None
    return {"code": failure.code, "message": failure.message, "hint": failure.hint}


def finding_object(finding: Notice) -> dict[str, Any]:
    """A finding with its place."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "hint": finding.hint,
        **place_object(finding.location),
        "team": finding.team,
        "account": finding.account,
    }
