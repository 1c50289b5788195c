"""What docs/security.md says of each job of the workflows is what the workflows say.

`REGENERATE=1` writes the rows anew.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
HEAD = "| job | begins with | environment | token may write | secrets |\n|---|---|---|---|---|\n"
TRIGGERS = {
    "issues": "an issue",
    "pull_request": "a pull request",
    "pull_request_review": "a review",
    "pull_request_target": "a pull request, with main's code",
    "push": "a push to main",
    "schedule": "the clock",
    "workflow_dispatch": "a person",
    "workflow_run": "another workflow, with main's code",
}


def rows() -> Iterator[str]:
    """A row for each job."""
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yaml")):
        workflow = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)
        begins = "; ".join(TRIGGERS[trigger] for trigger in workflow["on"])
        for job in workflow["jobs"].values():
            name = re.sub(r" ?\$\{\{.*?\}\}", "", job["name"])
            cells = (
                f"{workflow['name']}: {name}",
                begins,
                _environment(job),
                _written(job["permissions"]),
                _secrets(job),
            )
            yield f"| {' | '.join(cells)} |\n"


def _environment(job: dict[str, Any]) -> str:
    environment = job.get("environment")
    return f"`{environment}`" if environment else ""


def _written(permissions: dict[str, str]) -> str:
    found = sorted(key for key, value in permissions.items() if value == "write")
    return ", ".join("sign in to AWS" if key == "id-token" else key for key in found)


def _secrets(job: dict[str, Any]) -> str:
    found = sorted(set(re.findall(r"secrets\.(\w+)", str(job))))
    return ", ".join(f"`{name}`" for name in found)


def test_the_table_of_jobs_is_what_the_workflows_say() -> None:
    text = PAGE.read_text("utf-8")
    before, head, rest = text.partition(HEAD)
    assert head
    table = re.match(r"(?:\|.*\n)*", rest)
    assert table is not None
    if os.environ.get("REGENERATE"):
        after = rest[table.end() :]
        PAGE.write_text(before + head + "".join(rows()) + after, "utf-8")
    else:
        assert table[0] == "".join(rows()), "write it anew with REGENERATE=1"
