"""What ending access means, from the scripts in processes of their own."""

import html
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iam_access.sandbox import SandboxAccount, SandboxServer
from tests.scripts.support import PROD, TEMPLATE, TEST, run, write_files

USER = "user-0"
LONG_AGO = "20250101T000000Z"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everybody may list buckets; one may, besides, read queues until tomorrow."""
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


def explained(
    server: SandboxServer, folder: Path, script: str, *arguments: str, output: str
) -> subprocess.CompletedProcess[str]:
    options = ("--dry-run", "--explain", "--output", output, "--config-dir", str(folder))
    done = run(script, *arguments, *options, cwd=folder, env=server.environment)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done


@pytest.mark.parametrize("output", ["text", "markdown"])
def test_a_revocation_says_who_loses_what(output: str, server: SandboxServer, folder: Path) -> None:
    told = explained(server, folder, "revoke.py", "--user", USER, output=output).stdout
    lines = map(html.unescape, told.splitlines())
    (line,) = [line for line in lines if "loses 1 Read" in line and f"user {USER}" in line]
    assert "loses 1 Read on arn:aws:sqs:*:*:q, until " in line
    assert "s3:ListBucket" not in told


def test_a_revocation_says_so_to_programs(server: SandboxServer, folder: Path) -> None:
    done = explained(server, folder, "revoke.py", "--user", USER, output="json")
    (told,) = json.loads(done.stdout)["meaning"]
    assert (told["principal"], told["account"]) == (f"user/{USER}", PROD)
    assert (told["gained"], told["lost"]) == ({}, {"Read": 1})
    assert told["losses"][0]["actions"] == ["sqs:ReceiveMessage"]


@pytest.mark.parametrize("output", ["text", "markdown"])
def test_a_cleanup_says_that_nobody_loses_anything(
    output: str, server: SandboxServer, folder: Path
) -> None:
    told = explained(server, folder, "cleanup.py", "--all", output=output).stdout
    assert LONG_AGO in told
    assert "Nobody gains or loses anything." in told


def test_a_cleanup_says_so_to_programs(server: SandboxServer, folder: Path) -> None:
    told = json.loads(explained(server, folder, "cleanup.py", "--all", output="json").stdout)
    assert [change["name"] for change in told["changes"]] == [
        f"self-serve+payments+queues+{LONG_AGO}"
    ]
    assert [(each["principal"], each["lost"], each["new_access"]) for each in told["meaning"]] == [
        (f"user/{USER}", {}, False)
    ]
