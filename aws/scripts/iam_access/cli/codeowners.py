"""`codeowners.py`: write the CODEOWNERS file."""

import argparse

from iam_access.cli.files import load
from iam_access.cli.runtime import Clock
from iam_access.config import code_owners
from iam_access.config.files import shown_path
from iam_access.errors import UsageError
from iam_access.render import escape


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Write the file, and tell where; return the exit status."""
    configuration = load(options, clock(), preview=True)
    root = code_owners.repository_of(configuration.directory)
    if root is None:
        raise UsageError(
            f"{configuration.directory} is in no git repository",
            "run this in the repository whose code owners are meant",
        )
    if not configuration.settings_valid:
        raise UsageError("the settings are not valid", "see validate.py")
    made = code_owners.made_of(configuration, root)
    if made is None:
        raise UsageError(
            "the settings name no owners",
            'write who guards the pipeline: owners: {guards: "@your-org/platform-team"}',
        )
    problem = code_owners.problem(configuration, root)
    if problem is not None:
        raise UsageError(problem.message, problem.hint)
    path = root / code_owners.FILE
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(made, "utf-8", newline="\n")
    except OSError as error:
        raise UsageError(
            f"{shown_path(path)} cannot be written: {error.strerror}",
            "look at the permissions, and at what is there already",
        ) from None
    print(escape.terminal(f"wrote {shown_path(path)}"))
    return 0
