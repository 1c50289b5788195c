"""The registry of finding codes, and the tables of the documentation that show it.

`REGENERATE=1` writes the registry's severities and texts into the tables' rows.
"""

import ast
import os
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from iam_access import codes
from iam_access.codes import CODES, Code, Severity
from iam_access.model import Finding

ROOT = Path(__file__).parents[2]
PAGES = tuple(sorted((ROOT / "docs").glob("*.md")))
PACKAGE = ROOT / "aws" / "scripts" / "iam_access"
HEAD = "| code | severity | meaning |"


def row(code: Code) -> str:
    """A code's row in a table of the documentation."""
    entry = CODES[code]
    meaning = entry.meaning.replace("|", "\\|")
    return f"| `{code}` | {', '.join(entry.severities)} | {meaning} |"


def documented(page: Path) -> list[str]:
    """The rows of the page's tables of findings."""
    rows: list[str] = []
    inside = False
    for line in page.read_text("utf-8").splitlines():
        inside = line == HEAD or (inside and line.startswith("|"))
        if inside and line != HEAD and not line.startswith("|---"):
            rows.append(line)
    return rows


def test_the_type_and_the_registry_have_the_same_codes() -> None:
    assert get_args(Code) == tuple(CODES)
    assert all(entry.severities and entry.meaning for entry in CODES.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_row_of_a_page_says_what_the_registry_says(page: Path) -> None:
    rows = {str(code): row(code) for code in CODES}
    if os.environ.get("REGENERATE"):
        text = page.read_text("utf-8")
        for line in documented(page):
            text = text.replace(line, rows.get(line.split("`")[1], line))
        page.write_text(text, "utf-8")
    known = set(rows.values())
    assert [line for line in documented(page) if line not in known] == []


def test_each_code_is_documented_once() -> None:
    rows = Counter(line.split("`")[1] for page in PAGES for line in documented(page))
    assert rows == Counter(list(CODES))


def test_each_code_is_used() -> None:
    unused = {str(code) for code in CODES}
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8") if path != Path(codes.__file__) else ""
        # Parsing takes long.
        if any(f'"{code}"' in text for code in unused):
            tree = ast.parse(text)
            unused -= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert unused == set()


def test_a_finding_needs_a_code_of_the_registry_with_one_of_its_severities() -> None:
    assert Finding("expired", Severity.NOTE, "it ended").code == "expired"
    with pytest.raises(ValueError, match="not-there"):
        Finding("not-there", Severity.ERROR, "m")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no-teams"):
        Finding("no-teams", Severity.ERROR, "m")
