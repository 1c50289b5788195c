"""What older tools made in an account, and a deployer role that may do all there is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.flow.fleet import TEMPLATE


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allows(action: Any, resource: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def with_switches(path: Path) -> Path:
    """The deployer's template with all switches on."""
    text = TEMPLATE.read_text("utf-8")
    off, on = 'Type: String\n    Default: "false"', 'Type: String\n    Default: "true"'
    assert off in text
    path.write_text(text.replace(off, on), "utf-8")
    return path
