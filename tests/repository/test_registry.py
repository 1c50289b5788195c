"""What the repository says of its folders by hand, against the registry of folders."""

import re
from pathlib import Path

import pytest

from iam_access import kinds
from iam_access.config import access_tests, accounts
from iam_access.config.settings import FILE as SETTINGS

ROOT = Path(__file__).parents[2]
FOLDERS = (accounts.FOLDER, *(folder.folder for folder in kinds.FOLDERS))


def rows(page: str, first_column: str) -> list[str]:
    """The first column of a table in a page, without backticks."""
    lines = (ROOT / page).read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append(line.split("|")[1].strip().strip("`"))
    return found


def test_the_readme_lists_what_a_team_writes() -> None:
    listed = rows("README.md", "folder in `aws/`")
    assert listed == [f"{each}/" for each in (*FOLDERS, access_tests.FOLDER)] + [SETTINGS]


def test_the_reference_has_a_section_for_each_folder() -> None:
    pages = "\n".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    headings = re.findall(r"^## `([a-z-]+)/<team>\.yaml`", pages, re.M)
    assert sorted(headings) == sorted(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_demo_has_a_file_in_each_folder(folder: str) -> None:
    assert list((ROOT / "aws/scripts/demo-files" / folder).glob("*.yaml"))


def test_every_file_of_a_team_starts_an_apply_and_what_guards_them_has_an_owner() -> None:
    workflow = (ROOT / ".github/workflows/apply.yaml").read_text()
    assert re.search(r'^    paths: \["aws/\*\*"\]$', workflow, re.M)
    owners = (ROOT / ".github/CODEOWNERS").read_text()
    owned = re.findall(r"^/aws/([^/\s]+)", owners, re.M)
    assert {accounts.FOLDER, SETTINGS, "scripts", "bootstrap"} <= set(owned)
