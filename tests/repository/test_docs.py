"""What the pages say of files and folders is what the code has."""

import re
import textwrap
from pathlib import Path

import pytest
import yaml

from iam_access import kinds
from iam_access.config import access_tests, accounts
from iam_access.config.settings import FILE, Settings
from iam_access.kinds.fields import Spec
from tests.config.repository import NOW, loaded

ROOT = Path(__file__).parents[2]
SPECS: dict[str, type[Spec]] = {
    accounts.FOLDER: accounts.AccountSpec,
    **{folder.folder: folder.spec for folder in kinds.FOLDERS},
}
FILES_PAGE = (ROOT / "docs" / "files.md").read_text("utf-8")


def section(heading: str) -> str:
    """The text below a heading of a page in docs/; empty if there is none."""
    pattern = re.compile(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", re.M | re.S)
    pages = (page.read_text("utf-8") for page in sorted((ROOT / "docs").glob("*.md")))
    return next((found[1] for found in map(pattern.search, pages) if found), "")


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
    assert f"`{folder}/<team>.yaml`" in FILES_PAGE


def test_each_setting_is_told() -> None:
    text = section(f"`{FILE}`")
    assert [key for key in Settings.model_fields if f"`{key}" not in text] == []


PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "aws").rglob("*.md")),
]


def anchors(page: Path) -> set[str]:
    """What a link can name after `#`: an id, or what GitHub makes of a heading."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", each).lower() for each in headings)
    named = set(re.findall(r'<a id="([^"]+)">', text))
    return named | {re.sub(r"[^\w\- ]", "", each).replace(" ", "-") for each in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.M | re.S)
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text))
    for link in links:
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert pages - set(re.findall(r"\]\(docs/([\w.-]+)", readme)) == set()


def test_every_script_and_workflow_is_told() -> None:
    pages = [(ROOT / name).read_text("utf-8") for name in ("README.md", "docs/operating.md")]
    scripts = {path.name for path in (ROOT / "aws" / "scripts").glob("*.py")} - {"demo.py"}
    assert scripts - set(re.findall(r"^\| `(\w+\.py)", "".join(pages), re.M)) == set()
    workflows = (ROOT / ".github" / "workflows").glob("*.yaml")
    names = {re.findall(r"^name: (\w+)$", path.read_text("utf-8"), re.M)[0] for path in workflows}
    rows = re.findall(r"^\| ([A-Z][\w, ]+) \|", pages[1], re.M)
    assert names - {name for row in rows for name in row.split(", ")} == set()


# What examples of pages lean on: environments, and policies of whatever they grant.
ACCOUNTS = {name: f"{number:012}" for number, name in enumerate(("hub", "nonprod", "prod", "test"))}
STATEMENT = {"effect": "Allow", "actions": ["s3:GetObject"], "resources": ["*"]}


def examples() -> dict[str, str]:
    """The blocks of YAML in all pages, by page and line."""
    return {
        f"{page.relative_to(ROOT)}:{text[: block.start()].count(chr(10)) + 1}": block[1]
        for page in PAGES
        for text in [page.read_text("utf-8")]
        for block in re.finditer(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    }


@pytest.mark.parametrize("place", examples())
def test_the_examples_of_pages_are_valid(place: str, tmp_path: Path) -> None:
    text = textwrap.dedent(examples()[place]).replace("YYYY-MM-DD", f"{NOW:%Y-%m-%d}")
    content = yaml.safe_load(text)
    if isinstance(content, list):
        text = "temporary-access:\n" + textwrap.indent(text, "  ")
        content = {"temporary-access": content}
    key = "access-tests" if "tests" in content else next(iter(content.keys() - {"templates"}))
    file = FILE if key in Settings.model_fields else f"{key}/pay.yaml"
    granted = re.findall(r"grants?: \[?([\w.-]+)", text)
    files = {
        "aws-accounts/pay.yaml": yaml.safe_dump({"aws-accounts": ACCOUNTS}),
        "aws-policies/pay.yaml": yaml.safe_dump(
            {"aws-policies": {each: {"custom_statements": [STATEMENT]} for each in granted}}
        ),
        "permanent-access/pay.yaml": "permanent-access: []\n",
        "temporary-access/pay.yaml": "temporary-access: []\n",
        file: text,
    }
    found = loaded(tmp_path, files)
    errors = [f"{each.code}: {each.message}" for each in found.findings if each.is_error]
    # A duration begins with a commit, and there is none here.
    assert [each for each in errors if not each.startswith("start-unknown")] == []
    assert found.settings_valid
