"""What ending access means, in every form, told by way of a server.

Each script says it once in a process of its own; the other forms come from the same commands in
this process, which need not start.
"""

import html
import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iam_access.cli import commands
from iam_access.sandbox import SandboxAccount, SandboxServer
from tests.scripts.support import PROD, TEMPLATE, TEST, run, write_files

USER = "user-0"
LONG_AGO = "20250101T000000Z"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All users may list buckets; one may also read queues until tomorrow."""
    config = write_files(tmp_path_factory.mktemp("explaining") / "config")
    policies = config / "aws-policies" / "payments.yaml"
    policies.write_text(
        policies.read_text("utf-8") + "  queues:\n    custom_statements:\n"
        "      - effect: Allow\n        actions: [sqs:ReceiveMessage]\n"
        "        resources: ['arn:aws:sqs:*:*:q']\n",
        "utf-8",
    )
    (config / "temporary-access").mkdir()
    end = datetime.now(UTC) + timedelta(days=1)
    (config / "temporary-access" / "payments.yaml").write_text(
        f"temporary-access:\n  - {{description: x, expires_at: '{end:%Y-%m-%dT%H:%M:%SZ}', "
        f"user: {USER}@example.com, environment: prod, grant: queues}}\n",
        "utf-8",
    )
    return config


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[SandboxServer]:
    accounts = [SandboxAccount(id_, users=(USER,)) for id_ in (PROD, TEST)]
    with SandboxServer(accounts, template=TEMPLATE, enforce=True) as found:
        arguments = ("--all", "--config-dir", str(folder))
        done = run("apply.py", *arguments, cwd=folder, env=found.environment)
        assert done.returncode == 0, done.stdout
        dead = {
            "Effect": "Allow",
            "Action": "sqs:*",
            "Resource": "*",
            "Condition": {"DateLessThan": {"aws:CurrentTime": "2025-01-01T00:00:00Z"}},
        }
        user = found.backend(PROD).users[USER]
        user.put_policy(
            f"self-serve+payments+queues+{LONG_AGO}",
            json.dumps({"Version": "2012-10-17", "Statement": [dead]}),
        )
        yield found


@pytest.fixture
def explained(
    server: SandboxServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Runs a command over the server's accounts; gives what it tells on standard output."""

    def told(name: str, *arguments: str, output: str) -> str:
        options = ("--dry-run", "--explain", "--output", output, "--config-dir", str(folder))
        if output == "text":
            done = run(f"{name}.py", *arguments, *options, cwd=folder, env=server.environment)
            assert (done.returncode, done.stderr) == (0, ""), done.stdout
            return done.stdout
        for variable, value in server.environment.items():
            monkeypatch.setenv(variable, value)
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = getattr(commands, name)([*arguments, *options])
        assert (status, err.getvalue()) == (0, ""), out.getvalue()
        return out.getvalue()

    return told


@pytest.mark.exhaustive
@pytest.mark.parametrize("output", ["text", "markdown"])
def test_a_revocation_says_who_loses_what(output: str, explained: Callable[..., str]) -> None:
    told = explained("revoke", "--user", USER, output=output)
    lines = map(html.unescape, told.splitlines())
    (line,) = [line for line in lines if "loses 1 Read" in line and f"user {USER}" in line]
    assert "loses 1 Read on arn:aws:sqs:*:*:q, until " in line
    assert "s3:ListBucket" not in told


def test_a_revocation_says_so_to_programs(explained: Callable[..., str]) -> None:
    (told,) = json.loads(explained("revoke", "--user", USER, output="json"))["meaning"]
    assert (told["principal"], told["account"]) == (f"user/{USER}", PROD)
    assert (told["gained"], told["lost"]) == ({}, {"Read": 1})
    assert told["losses"][0]["actions"] == ["sqs:ReceiveMessage"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("output", ["text", "markdown"])
def test_a_cleanup_says_that_nobody_loses_anything(
    output: str, explained: Callable[..., str]
) -> None:
    told = explained("cleanup", "--all", output=output)
    assert LONG_AGO in told
    assert "No user or role gains or loses anything." in told


def test_a_cleanup_says_so_to_programs(explained: Callable[..., str]) -> None:
    told = json.loads(explained("cleanup", "--all", output="json"))
    assert [change["name"] for change in told["changes"]] == [
        f"self-serve+payments+queues+{LONG_AGO}"
    ]
    assert [(each["principal"], each["lost"], each["new_access"]) for each in told["meaning"]] == [
        (f"user/{USER}", {}, False)
    ]
