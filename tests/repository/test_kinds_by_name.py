"""No module knows a kind of resource, or a folder, by name: all of that follows from the registry.

A place that compares names forgets the next kind, and what it forgets it does not refuse but lets
pass. So the names, and imports of the modules that have them, stand in `kinds/` alone.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from iam_access.importing import written
from iam_access.kinds import FOLDERS, KINDS
from iam_access.kinds.attachment import PolicyAttachments
from iam_access.kinds.bucket import Buckets
from iam_access.kinds.group import Groups
from iam_access.kinds.key import Keys
from iam_access.kinds.managed_policy import CustomerManagedPolicies
from iam_access.kinds.role import Roles
from iam_access.kinds.temporary_access import TemporaryAccess

SCRIPTS = Path(__file__).parents[2] / "aws" / "scripts"
NAMES = {kind.name for kind in KINDS} | {folder.folder for folder in FOLDERS}
MODULES = {type(each).__module__ for each in (*KINDS, *FOLDERS)}
_NAMED = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, sorted(NAMES)))})(?![\w-])")

_BEFORE_INSTALLING = "runs before anything is installed; tests/repository/test_registry.py holds it"
_CODE = "the code of a finding, which stays as it is"
#: By file and name: why it may.
ALLOWED = {
    **{
        ("changed_teams.py", folder.folder): _BEFORE_INSTALLING
        for folder in (
            *(CustomerManagedPolicies, PolicyAttachments, TemporaryAccess),
            *(Roles, Groups, Keys, Buckets),
        )
    },
    ("iam_access/cli/request/issue_open.py", TemporaryAccess.folder): (
        "runs where nothing is installed; tests/scripts/test_issue.py holds it"
    ),
    ("demo.py", "iam_access.kinds.temporary_access"): "the story is about a temporary grant",
    **{
        ("iam_access/importing/written.py", folder.folder): "what older tools made is its files"
        for folder in FOLDERS
        if folder.folder in (written.POLICIES, written.ROLES, written.BUCKETS, written.KEYS)
    },
    ("iam_access/codes.py", "customer-managed-policy"): _CODE,
    ("iam_access/codes.py", "temporary-role"): _CODE,
    ("iam_access/config/checks/policies.py", "customer-managed-policy"): _CODE,
}


def names_in(file: Path) -> Iterator[tuple[str, int]]:
    """The kinds and folders that a file names, and the modules of them that it imports."""
    text = file.read_text("utf-8")
    if not (_NAMED.search(text) or "iam_access.kinds" in text):
        return  # parsing takes long
    tree = ast.parse(text)
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in texts:
            yield from ((found, node.lineno) for found in _NAMED.findall(node.value))
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = (node.module, *(f"{node.module}.{each.name}" for each in node.names))
            yield from ((each, node.lineno) for each in whole if each in MODULES)
        elif isinstance(node, ast.Import):
            yield from ((each.name, node.lineno) for each in node.names if each.name in MODULES)


FILES = [
    file
    for file in sorted(SCRIPTS.rglob("*.py"))
    if file.parent != SCRIPTS / "iam_access" / "kinds"
]


def test_no_kind_is_known_by_name() -> None:
    found = {
        (str(file.relative_to(SCRIPTS)), name): line
        for file in FILES
        for name, line in names_in(file)
    }
    assert [(*each, line) for each, line in found.items() if each not in ALLOWED] == []
    assert [each for each in ALLOWED if each not in found] == []


def test_a_module_that_names_one_is_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""About policy-attachment."""\n'
        "from iam_access.kinds import inline_policy\n"
        "import iam_access.kinds.managed_policy\n"
        'found = kind == "policy-attachment" or path.startswith("permanent-access/")\n'
    )
    assert list(names_in(module)) == [
        ("iam_access.kinds.inline_policy", 2),
        ("iam_access.kinds.managed_policy", 3),
        ("policy-attachment", 4),
        ("permanent-access", 4),
    ]
