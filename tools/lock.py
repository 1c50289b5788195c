"""Write the locked requirements from the `*.in` files: `make lock`.

Each lock is constrained to the versions of the one below it, so that the sandbox and the tests run
with exactly what runs against AWS. Options are passed to `uv pip compile` (for example
`--upgrade`).
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Lowest first: each is constrained by all before it.
LOCKS = (
    ("aws/scripts/requirements.in", "aws/scripts/requirements.txt"),
    ("aws/scripts/requirements-sandbox.in", "aws/scripts/requirements-sandbox.txt"),
    ("requirements-dev.in", "requirements-dev.txt"),
)

COMPILE = (
    *("-m", "uv", "pip", "compile", "--quiet"),
    *("--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-annotate"),
    # pip before 23.3 refuses `name[extra]` where the lock only has `name` (pypa/pip#12345).
    "--no-strip-extras",
    *("--custom-compile-command", "make lock"),
)


def main(options: list[str]) -> int:
    """Compile every lock in order; return the first exit status that is not 0."""
    below: list[str] = []
    for source, lock in LOCKS:
        command = [sys.executable, *COMPILE, *below, *options, source, "--output-file", lock]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        if status:
            return status
        below += ["--constraint", lock]
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
