"""Say whether anything but access files changed between two commits.

    python tools/changed_code.py BEFORE AFTER

Writes `code=true` or `code=false` to the file that GITHUB_OUTPUT names, and to standard output. In
doubt, as where git cannot answer, it is true.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

_FOLDERS = "aws-accounts|aws-policies|permanent-access|temporary-access|access-tests"
# The files of teams and the settings: no test depends on them.
_ACCESS_FILE = re.compile(rf"aws/(?:(?:{_FOLDERS})/[^/]+\.yaml|settings\.yaml)")


def main(before: str, after: str) -> int:
    """Write the answer; return the exit status."""
    answer = f"code={str(is_code_changed(before, after)).lower()}"
    print(answer)
    output = os.environ.get("GITHUB_OUTPUT")
    if output:
        with Path(output).open("a", encoding="utf-8") as file:
            file.write(f"{answer}\n")
    return 0


def is_code_changed(before: str, after: str) -> bool:
    """Whether a change between the commits can matter to the tests."""
    command = ["git", "diff", "--name-only", "--no-renames", "-z", before, after, "--"]
    done = subprocess.run(command, capture_output=True, check=False)
    paths = done.stdout.decode(errors="surrogateescape").split("\0")[:-1]
    return done.returncode != 0 or is_code(paths)


def is_code(paths: Iterable[str]) -> bool:
    """Whether one of the paths is no access file."""
    return any(_ACCESS_FILE.fullmatch(path) is None for path in paths)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
