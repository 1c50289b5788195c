"""The example of each folder in aws/, also of those whose example is commented out.

The deployer role carries out some folders only where a switch of its stack is on, so these have no
entry as they come: `<folder>: {}`, and below it the example, each line after `# `.
"""

import re
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from jsonschema import Draft7Validator

from iam_access import kinds
from iam_access.config import accounts
from iam_access.config.load import load
from iam_access.config.yaml import tree
from tests.config.repository import NOW
from tools import schemas

AWS = Path(__file__).parents[2] / "aws"
FOLDERS = tuple(folder.folder for folder in kinds.FOLDERS)
# What is in aws/ belongs to those who use the project.
pytestmark = pytest.mark.skipif(
    not (AWS / accounts.FOLDER / "payments.yaml").exists(), reason="the example team is gone"
)


def live(folder: str) -> str:
    """The text of a folder's example; of one that is commented out, without the `# `."""
    text = (AWS / folder / "payments.yaml").read_text("utf-8")
    head, empty, example = re.split(
        rf"^({folder}: (?:\{{\}}|\[\])\n)|\Z", text, maxsplit=1, flags=re.M
    )
    assert not empty or all(line[:2] in ("# ", "#") for line in example.splitlines()), folder
    return head + re.sub(r"^# ?", "", example, flags=re.M)


@cache
def findings() -> dict[str, list[str]]:
    """The errors of all examples together, by the file's path below aws/."""
    with TemporaryDirectory() as directory:
        root = Path(directory, "aws")
        shutil.copytree(AWS, root, ignore=shutil.ignore_patterns("scripts", "bootstrap", "schemas"))
        for folder in FOLDERS:
            (root / folder / "payments.yaml").write_text(live(folder), "utf-8")
        found: dict[str, list[str]] = {}
        for each in load(root, now=NOW).findings:
            if not each.is_error:
                continue
            path = Path(each.location.file).relative_to(root) if each.location else Path()
            found.setdefault(str(path), []).append(f"{each.location}: {each.code}: {each.message}")
        return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_example_is_valid_and_has_entries(folder: str) -> None:
    value = tree.parse(live(folder).encode()).value
    assert value[folder]
    schema = schemas.of_folder(next(each for each in kinds.FOLDERS if each.folder == folder))
    assert [each.message for each in Draft7Validator(schema).iter_errors(value)] == []
    assert findings().get(f"{folder}/payments.yaml", []) == []


def test_no_example_makes_another_one_wrong() -> None:
    assert set(findings()) <= {f"{folder}/payments.yaml" for folder in FOLDERS}
