"""What the pages say of files and folders is what the code has."""

import re
from pathlib import Path

import pytest

from iam_access import kinds
from iam_access.config import access_tests, accounts
from iam_access.config.settings import FILE, Settings
from iam_access.kinds.fields import Spec

ROOT = Path(__file__).parents[2]
SPECS: dict[str, type[Spec]] = {
    accounts.FOLDER: accounts.AccountSpec,
    **{folder.folder: folder.spec for folder in kinds.FOLDERS},
}
FILES_PAGE = (ROOT / "docs" / "files.md").read_text("utf-8")


def section(heading: str) -> str:
    """The text below a heading of docs/files.md; empty if there is none."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", FILES_PAGE, re.M | re.S)
    return found[1] if found else ""


def test_the_readme_names_every_folder() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    table = re.search(r"^\| folder in `aws/` \|.*?\n\n", readme, re.M | re.S)
    assert table is not None
    named = re.findall(r"^\| `([^`]+?)/?` \|", table[0], re.M)
    assert named == [*SPECS, access_tests.FOLDER, FILE]


@pytest.mark.parametrize("folder", SPECS)
def test_each_folder_has_a_section_with_all_its_keys(folder: str) -> None:
    text = section(f"`{folder}/<team>.yaml`")
    fields = SPECS[folder].model_fields.items()
    keys = [field.alias or name for name, field in fields]
    assert [key for key in keys if f"`{key}`" not in text] == []


def test_each_setting_is_told() -> None:
    text = section(f"`{FILE}`")
    assert [key for key in Settings.model_fields if f"`{key}" not in text] == []
