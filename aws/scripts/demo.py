"""The whole story in an embedded AWS: python aws/scripts/demo.py, or `make demo`.

Every step runs what the script of that name runs, on the files in demo-files/ plus a new temporary
grant in two sizes. Only the clock is the demo's own, so that a deadline can pass while you watch.
"""

import argparse
import contextlib
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Before anything that an older Python does not have: it is refused there.
from iam_access.cli import commands
from iam_access.cli.runtime import DEPLOYER_TEMPLATE, run_command, run_script, utc_now
from iam_access.cli.simulate import simulate
from iam_access.render import Output

if TYPE_CHECKING:
    import boto3

FILES = Path(__file__).resolve().parent / "demo-files"
HOURS = 2

ENTRIES = """\
{folder}:
  - description: Look into the failed settlement run
    expires_at: {deadline}
    user: developer-one@example.com
    environment: prod
    grant: support.break-glass

  - description: The same, and read anything that may have to do with it
    expires_at: {deadline}
    user: developer-one@example.com
    environment: prod
    grant: support.read-everything
"""
PERSON = "developer-one"
ACCOUNT = "777788889999"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/self-serve/payments/payments+support.read-everything+{PERSON}"


class Clock:
    """The time of the sandbox: the present, until it is moved."""

    def __init__(self) -> None:
        self._moved = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self._moved

    def move(self, by: timedelta) -> None:
        """Move the time forward."""
        self._moved += by


class Demo:
    """Runs the steps; `failed` is set when one does not end as expected."""

    def __init__(self, clock: Clock, person: "boto3.Session") -> None:
        self._clock = clock
        self._person = person
        self._step = 0
        self.failed = False

    def heading(self, *lines: str) -> None:
        """Print the heading of a step."""
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

    def assume(self, *, expected: str = "") -> "boto3.Session | None":
        """Assume the role as the user; None if that is denied."""
        print(f"\n$ aws sts assume-role --role-arn {ROLE} --role-session-name {PERSON}")
        answer = self._ask(
            lambda: self._person.client("sts").assume_role(RoleArn=ROLE, RoleSessionName=PERSON),
            expected,
        )
        if answer is None:
            return None
        print(f"  {answer['AssumedRoleUser']['Arn']}")
        import boto3  # noqa: PLC0415

        keys = answer["Credentials"]
        return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    def list_users(self, session: "boto3.Session | None", *, expected: str) -> None:
        """List the users with the role's session."""
        print("\n$ aws iam list-users --profile payments-support.read-everything-prod")
        if session is None:
            self.failed = True
            return
        answer = self._ask(session.client("iam").list_users, expected)
        if answer is not None:
            print("  " + ", ".join(user["UserName"] for user in answer["Users"]))

    def _ask(self, call: Callable[[], Any], expected: str) -> Any:
        """Make a call; return its answer, or None after printing the error of AWS."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            answer, code = call(), ""
        except ClientError as error:
            code = error.response["Error"]["Code"]
            answer = None
            print(f"  {code}: {error.response['Error']['Message']}")
        self.failed = self.failed or code != expected
        return answer


def main() -> int:
    """Run the demo; return the exit status."""
    parser = argparse.ArgumentParser(
        description="See a team's YAML become access in an embedded AWS, expire and be cleaned up.",
        allow_abbrev=False,
    )
    parser.set_defaults(output=Output.TEXT, markdown_file=None, summary_file=None, sandbox=True)
    clock = Clock()
    return run_command(parser, None, lambda _options, _clock: run_story(clock), clock)


def run_story(clock: Clock) -> int:
    """Run the story with a copy of the demo's files; return the exit status."""
    import boto3  # noqa: PLC0415

    from iam_access.config.load import load  # noqa: PLC0415
    from iam_access.kinds.temporary_access import TemporaryAccess  # noqa: PLC0415
    from iam_access.sandbox import Sandbox  # noqa: PLC0415
    from iam_access.sandbox.seed import sandbox_accounts  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="self-serve-") as folder, contextlib.chdir(folder):
        directory = Path("aws")
        shutil.copytree(FILES, directory)
        deadline = f"{clock() + timedelta(hours=HOURS):%Y-%m-%dT%H:%M:%SZ}"
        request = ENTRIES.format(folder=TemporaryAccess.folder, deadline=deadline)
        configuration = load(directory, now=clock())
        with Sandbox(
            sandbox_accounts(configuration),
            template=DEPLOYER_TEMPLATE,
            clock=clock,
            switches=True,
            enforce=True,
        ) as sandbox:
            key = sandbox.backend(ACCOUNT).create_access_key(PERSON)
            demo = Demo(clock, boto3.Session(key.access_key_id, key.secret_access_key))
            access = directory / TemporaryAccess.folder / "payments.yaml"
            story(demo, access, request, clock)
    return 1 if demo.failed else 0


def story(demo: Demo, access: Path, request: str, clock: Clock) -> None:
    """From five lines of YAML to access in three accounts, and back to nothing."""
    demo.heading(
        "A team's files are checked",
        "Accounts, policies, access and two roles of a made-up team, payments.",
    )
    demo.run(commands.validate)

    demo.heading(
        "The team's standing access is applied to its three accounts",
        "With it the role worker, which EC2 may assume, and its instance profile; and a role",
        "into which a developer switches from nonprod, as a member of a group there. In prod also",
        "a bucket that the workers may read.",
    )
    demo.run(commands.apply, "--all")

    demo.heading("Which roles there are, and who can switch into them")
    demo.run(simulate, "roles")

    demo.heading(
        f"A developer asks for production access for {HOURS} hours, twice",
        f"What ended long ago makes way; {access} now says:",
    )
    print(f"\n{request}", end="")
    access.write_text(request, "utf-8")
    demo.run(commands.validate, "payments")

    demo.heading("Reviewers see what the merge would change, and nothing is written")
    demo.run(commands.apply, "payments", "--dry-run")

    demo.heading("The merge applies it")
    demo.run(commands.apply, "payments")

    demo.heading("Applied again, there is nothing to do")
    demo.run(commands.apply, "payments")

    clock.move(timedelta(hours=HOURS, minutes=-10))
    demo.heading(
        "Ten minutes before the deadline, the developer takes the role",
        "ReadOnlyAccess is too large to be written into a user, so the grant became a role.",
    )
    session = demo.assume()
    demo.list_users(session, expected="")

    clock.move(timedelta(minutes=11))
    demo.heading(
        "A minute after the deadline: nothing has run, and it is over",
        "The session that is still open is denied, and no new one can be had.",
    )
    demo.list_users(session, expected="AccessDenied")
    demo.assume(expected="AccessDenied")

    clock.move(timedelta(hours=8))
    demo.heading(
        "The daily cleanup only takes away what is dead",
        "A role and its Deny go when no session of it can be open any more, an hour after its end.",
    )
    demo.run(commands.cleanup, "--all")

    demo.heading("What next?")
    print(
        f"""
  Ask for something yourself in one of the files in {access.parent}/, then
    .venv/bin/python aws/scripts/validate.py
    .venv/bin/python aws/scripts/apply.py --all --dry-run --sandbox

  Have an AWS of your own to play with, for these scripts and for the aws command line:
    .venv/bin/python aws/scripts/sandbox.py

  Going to real AWS is described in README.md.
"""
    )


if __name__ == "__main__":
    run_script(main)
