"""The whole story in an embedded AWS: python aws/scripts/demo.py, or `make demo`.

Every step runs what the script of that name runs, on the files of this repository plus one new
temporary grant. Only the clock is the demo's own, so that a deadline can pass while you watch.
"""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from iam_access import commands
from iam_access.arguments import AWS_FOLDER
from iam_access.config.load import load
from iam_access.sandbox import Sandbox
from iam_access.sandbox.seed import accounts_of

FOLDERS = ("aws-accounts", "aws-policies", "permanent-access", "temporary-access")
HOURS = 2

ENTRY = """\
temporary-access:
  - description: Look into the failed settlement run
    expires_at: {deadline}
    user: developer-one@example.com
    environment: prod
    grant: support.break-glass
"""


class Clock:
    """The sandbox's time: today's, until it is moved."""

    def __init__(self) -> None:
        self._moved = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._moved

    def move(self, by: timedelta) -> None:
        """Let time pass."""
        self._moved += by


class Demo:
    """Tells the story; `failed` once a step did not end as the story has it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._step = 0
        self.failed = False

    def tell(self, *lines: str) -> None:
        """The next step's heading."""
        self._step += 1
        print(f"\n{'=' * 78}\n{self._step}. {lines[0]}")
        for line in lines[1:]:
            print(f"   {line}")
        print("=" * 78)

    def run(self, command: Callable[..., int], *arguments: str, expected: int = 0) -> None:
        """Run a script's command and show it as it would be typed."""
        print(f"\n$ python aws/scripts/{command.__name__}.py {' '.join(arguments)}\n", flush=True)
        status = command([*arguments, "--config-dir", "aws"], clock=self._clock)
        print(f"\n(exit status {status})", flush=True)
        self.failed = self.failed or status != expected


def main() -> int:
    """Tell the whole story; 0 when everything went as told."""
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="self-serve-") as folder, contextlib.chdir(folder):
        directory = Path("aws")
        for name in FOLDERS:
            shutil.copytree(AWS_FOLDER / name, directory / name)
        shutil.copy(AWS_FOLDER / "settings.yaml", directory)
        request = ENTRY.format(deadline=f"{clock() + timedelta(hours=HOURS):%Y-%m-%dT%H:%M:%SZ}")
        configuration = load(directory, now=clock())
        with Sandbox(
            accounts_of(configuration),
            template=commands.DEPLOYER_TEMPLATE,
            clock=clock,
            enforce=True,
        ):
            demo = Demo(clock)
            story(demo, directory / "temporary-access" / "payments.yaml", request, clock)
    return 1 if demo.failed else 0


def story(demo: Demo, access: Path, request: str, clock: Clock) -> None:
    """From five lines of YAML to access in three accounts, and back to nothing."""
    demo.tell(
        "A team's files are checked",
        "Accounts, policies and access of the team payments, as they stand in aws/.",
    )
    demo.run(commands.validate)

    demo.tell("The team's standing access is applied to its three accounts")
    demo.run(commands.apply, "--all")

    demo.tell(
        f"A developer asks for production access for {HOURS} hours",
        "The examples that ended long ago make way; aws/temporary-access/payments.yaml now says:",
    )
    print(f"\n{request}", end="")
    access.write_text(request, "utf-8")
    demo.run(commands.validate, "payments")

    demo.tell("Reviewers see what the merge would change, and nothing is written")
    demo.run(commands.apply, "payments", "--dry-run")

    demo.tell("The merge applies it")
    demo.run(commands.apply, "payments")

    demo.tell("Applied again, there is nothing to do")
    demo.run(commands.apply, "payments")

    clock.move(timedelta(hours=HOURS, minutes=1))
    demo.tell(
        f"{HOURS} hours and a minute later",
        "IAM has been denying the grant since its deadline, without anything having run.",
        "The daily cleanup only takes away what is dead:",
    )
    demo.run(commands.cleanup, "--all")

    demo.tell("What next?")
    print(
        """
  Edit aws/temporary-access/payments.yaml and ask for something yourself, then
    .venv/bin/python aws/scripts/validate.py
    .venv/bin/python aws/scripts/apply.py payments --dry-run --sandbox

  Have an AWS of your own to play with, for these scripts and for the aws command line:
    .venv/bin/python aws/scripts/sandbox.py

  Going to real AWS is described in README.md.
"""
    )


if __name__ == "__main__":
    sys.exit(main())
