"""The real scripts as subprocesses, and files for them to work on."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

SCRIPTS = Path(__file__).parents[2] / "aws" / "scripts"
TEMPLATE = SCRIPTS.parent / "bootstrap" / "deployer-role.yaml"
PROD, TEST = "111122223333", "444455556666"

# No proxy, no locale, no colour, no credentials: only what a program needs to be found.
ENVIRONMENT = {name: os.environ[name] for name in ("PATH",) if name in os.environ}


def command(script: str, *arguments: str) -> list[str]:
    return [sys.executable, str(SCRIPTS / script), *arguments]


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**ENVIRONMENT, "HOME": str(home), **(more or {})}


def run(
    script: str, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end; `cwd` is its home as well."""
    return subprocess.run(
        command(script, *arguments),
        cwd=cwd,
        env=environment(cwd, env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def write_files(directory: Path, *, users: int = 1) -> Path:
    """A small valid repository: a policy that all users hold in both of its accounts."""
    statement = {"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}
    entry = {
        "description": "Everybody reads",
        "users": [f"user-{number}@example.com" for number in range(users)],
        "environments": ["prod", "test"],
        "grants": ["read"],
    }
    for folder, content in (
        ("aws-accounts", {"prod": PROD, "test": TEST}),
        ("aws-policies", {"read": {"custom_statements": [statement]}}),
        ("permanent-access", [entry]),
    ):
        file = directory / folder / "payments.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump({folder: content}), "utf-8")
    return directory
