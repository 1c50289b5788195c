"""The repository as others have it: with their own files and rules in aws/."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from iam_access import kinds
from iam_access.config import access_tests, accounts

ROOT = Path(__file__).parents[2]
FOLDERS = (accounts.FOLDER, *(folder.folder for folder in kinds.FOLDERS), access_tests.FOLDER)
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "node_modules", "__pycache__", ".*_cache")
FILES = {
    "settings.yaml": """\
deployer_role: ops/access-deployer
publish_policies: granted
temporary_access:
  longest: 45m
  forms: [role]
  require_mfa: true
  require_ticket: "OPS-[0-9]+"
  require_description: 20
only_temporary: ["*.break-glass", "support.*"]
forbidden_grants: [{grants: ["developers.*", "*.deploy"]}]
protected_principals: {users: ["developer-*"]}
permissions_boundary: boundary
""",
    "aws-accounts/logistics.yaml": 'aws-accounts: {live: "210987654321"}\n',
    "aws-policies/logistics.yaml": """\
aws-policies:
  freight:
    custom_statements:
      - {effect: Allow, actions: [s3:ListAllMyBuckets], resources: ["*"]}
""",
    "permanent-access/logistics.yaml": """\
permanent-access:
  - description: The freight desk counts buckets
    roles: [freight-desk]
    environments: [live]
    grants: [freight]
""",
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("others") / "repository"
    shutil.copytree(ROOT, root, ignore=LEFT_OUT)
    for folder in FOLDERS:
        shutil.rmtree(root / "aws" / folder, ignore_errors=True)
    for name, text in FILES.items():
        file = root / "aws" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    git = ("git", "-c", "user.name=Others", "-c", "user.email=others@example.com")
    for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "-m", "Ours")):
        subprocess.run([*git, *command], cwd=root, check=True)
    return root


def run(repository: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=repository,
        env={"PATH": os.environ["PATH"], "HOME": str(repository.parent)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.exhaustive
def test_the_demo_tells_its_own_story(repository: Path) -> None:
    done = run(repository, "aws/scripts/demo.py")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "logistics" not in done.stdout


@pytest.mark.exhaustive
def test_the_tests_pass(repository: Path) -> None:
    # Those that read the repository's own files, or run scripts that could.
    reading = ("tests/config", "tests/repository", "tests/scripts")
    done = run(repository, "-m", "pytest", "-q", "-x", "-m", "not exhaustive", *reading)
    assert done.returncode == 0, done.stdout
