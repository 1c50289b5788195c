"""The scripts in processes of their own, against an AWS in another one."""

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core.base_backend import BackendDict
from moto.iam.models import IAMBackend
from moto.server import ThreadedMotoServer

from iam_access.sandbox import AwsError, FaultContext, SandboxAccount, SandboxServer, managed
from tests.scripts.support import (
    PROD,
    TEMPLATE,
    TEST,
    command,
    environment,
    run,
    write_files,
)

USERS = ("user-0", "user-1", "user-2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "config", users=len(USERS))


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    accounts = [SandboxAccount(id_, users=USERS) for id_ in (PROD, TEST)]
    with SandboxServer(accounts, template=TEMPLATE, enforce=True) as found:
        yield found


def holders(server: SandboxServer, account_id: str) -> list[str]:
    users = server.backend(account_id).users.values()
    return sorted(user.name for user in users if user.managed_policies)


class TestSandboxServer:
    def test_the_quick_start(self, folder: Path) -> None:
        """Terminal 1 serves, terminal 2 takes its exports and applies, then 1 is stopped."""
        with subprocess.Popen(
            command("sandbox.py", "--port", "0", "--config-dir", str(folder)),
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as serving:
            assert serving.stdout is not None
            assert serving.stderr is not None
            lines: list[str] = []
            for line in serving.stdout:
                lines.append(line)
                if line.startswith("export NO_PROXY="):
                    break
            assert any(
                line.startswith("export AWS_ENDPOINT_URL=http://127.0.0.1:") for line in lines
            )

            script = "".join(lines) + 'exec "$@"\n'
            apply = command("apply.py", "--config-dir", str(folder))
            runs = []
            for arguments in (["--all", "--dry-run"], ["--all"], ["--all", "--output", "json"]):
                done = subprocess.run(
                    ["sh", "-euc", script, "sh", *apply, *arguments],
                    cwd=folder,
                    # What leads elsewhere is undone by what is pasted.
                    env=environment(folder, {"AWS_PROFILE": "mine", "AWS_SESSION_TOKEN": "x"}),
                    capture_output=True,
                    text=True,
                    check=False,
                )
                runs.append(done)
            assert [(done.returncode, done.stderr) for done in runs] == [(0, "")] * 3
            assert json.loads(runs[-1].stdout)["changes"] == []

            # Profiles are in files alone: keys in variables would go before them.
            assert re.search(rf"^#   prod/user-0 +user user-0 in {PROD}$", "".join(lines), re.M)
            assert "AWS_ACCESS_KEY_ID" in next(x for x in lines if x.startswith("unset "))
            credentials = next(x for x in lines if x.startswith("export AWS_SHARED_CREDENTIALS"))
            file = Path(credentials.partition("=")[2].strip())
            assert "[prod-admin]" in file.read_text("utf-8")

            serving.send_signal(signal.SIGTERM)
            assert serving.wait(timeout=60) == 0
            assert serving.stderr.read() == ""
            assert not file.parent.exists()

    def test_a_port_that_is_taken(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            done = run("sandbox.py", "--port", port, "--config-dir", str(folder), cwd=folder)
        assert done.returncode == 2
        assert port in done.stdout + done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.exhaustive
    @pytest.mark.parametrize(
        ("port", "reason"), [("65536", "port must be 0-65535"), ("http", "invalid int value")]
    )
    def test_what_is_no_number_of_a_port_is_refused_with_the_reason(
        self, port: str, reason: str, folder: Path
    ) -> None:
        done = run("sandbox.py", f"--port={port}", "--config-dir", str(folder), cwd=folder)
        output = done.stdout + done.stderr
        assert done.returncode == 2
        assert port in output
        assert reason in output
        assert "Traceback" not in output


def test_an_interrupt_ends_an_apply_in_order(server: SandboxServer, folder: Path) -> None:
    process: list[subprocess.Popen[str]] = []

    def interrupt(call: FaultContext) -> None:
        # Another caller is busy with user-1, so that the apply has to wait; then comes Ctrl-C.
        if call.params.get("UserName") == "user-1":
            process[0].send_signal(signal.SIGINT)
            raise AwsError("ConcurrentModification", "somebody else is at it", 409)

    server.faults.append(interrupt)
    with subprocess.Popen(
        command("apply.py", "--all", "--environment", "prod", "--config-dir", str(folder)),
        cwd=folder,
        env=environment(folder, server.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests run in the background, it may be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    ) as applying:
        process.append(applying)
        out, err = applying.communicate(timeout=120)
    assert applying.returncode == 2
    assert "Traceback" not in out + err
    assert holders(server, PROD) == ["user-0"]
    assert "user user-2" in out
    assert "skipped: Interrupted" in out
    # Nothing is sent any more once it is interrupted.
    attached = [call.params["UserName"] for call in server.calls if "UserName" in call.params]
    assert attached == ["user-0", "user-1"]
    assert "run the same command again" in out

    server.faults.clear()
    again = run(
        "apply.py", "--all", "--config-dir", str(folder), cwd=folder, env=server.environment
    )
    assert again.returncode == 0, again.stdout
    assert holders(server, PROD) == holders(server, TEST) == list(USERS)


def test_two_cleanups_at_once_count_each_removal_once(server: SandboxServer, folder: Path) -> None:
    """Both find everything dead; what one has removed, the other does not claim."""
    ended = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "s3:GetObject",
                    "Resource": "*",
                    "Condition": {"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
                }
            ],
        }
    )
    for account_id in (PROD, TEST):
        for user in server.backend(account_id).users.values():
            for key in ("a", "b", "c"):
                user.put_policy(f"self-serve+payments+{key}+20260101T000000Z", ended)
    processes = [
        subprocess.Popen(
            command("cleanup.py", "--all", "--output", "json", "--config-dir", str(folder)),
            cwd=folder,
            env=environment(folder, server.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    results = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], results
    done = [
        change
        for out, _ in results
        for change in json.loads(out)["changes"]
        if change["outcome"] == "done"
    ]
    assert len(done) == 2 * len(USERS) * 3
    for account_id in (PROD, TEST):
        assert not any(user.policies for user in server.backend(account_id).users.values())


class TestPlainMoto:
    """Not our sandbox, but any endpoint that speaks AWS's language."""

    @pytest.fixture
    def endpoint(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
        # With AWS's policies, but not read anew for each account and each reset.
        monkeypatch.setattr(IAMBackend, "_init_aws_policies", managed.managed_policies)
        moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        moto.start()
        try:
            host, port = moto.get_host_and_port()
            yield {
                "AWS_ENDPOINT_URL": f"http://{host}:{port}",
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_DEFAULT_REGION": "us-east-1",
            }
        finally:
            moto.stop()
            BackendDict.reset()

    def client(self, endpoint: dict[str, str], account_id: str) -> Any:
        session = boto3.Session(
            endpoint["AWS_ACCESS_KEY_ID"],
            endpoint["AWS_SECRET_ACCESS_KEY"],
            region_name=endpoint["AWS_DEFAULT_REGION"],
        )
        url = endpoint["AWS_ENDPOINT_URL"]
        answer = session.client("sts", endpoint_url=url).assume_role(
            RoleArn=f"arn:aws:iam::{account_id}:role/anything", RoleSessionName="test"
        )
        given = answer["Credentials"]
        return session.client(
            "iam",
            endpoint_url=url,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

    @pytest.mark.exhaustive
    def test_apply_twice_and_take_away(self, endpoint: dict[str, str], folder: Path) -> None:
        accounts = {id_: self.client(endpoint, id_) for id_ in (PROD, TEST)}
        for iam in accounts.values():
            for user in USERS:
                iam.create_user(UserName=user)
        policies = folder / "aws-policies" / "payments.yaml"
        with policies.open("a") as file:
            file.write("    managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']\n")

        def apply(*arguments: str) -> Any:
            done = run(
                "apply.py",
                *("--all", "--output", "json", "--config-dir", str(folder), *arguments),
                cwd=folder,
                env=endpoint,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return json.loads(done.stdout)

        first = apply()
        # In each account the policy, and two attachments for each user.
        assert len(first["changes"]) == 2 * (1 + 2 * len(USERS))
        for iam in accounts.values():
            for user in USERS:
                attached = iam.list_attached_user_policies(UserName=user)["AttachedPolicies"]
                assert {each["PolicyName"] for each in attached} == {
                    "payments-read",
                    "ReadOnlyAccess",
                }
        assert apply()["changes"] == []

        (folder / "permanent-access" / "payments.yaml").write_text("permanent-access: []\n")
        apply("--allow-removals")
        for iam in accounts.values():
            for user in USERS:
                assert iam.list_attached_user_policies(UserName=user)["AttachedPolicies"] == []
                assert iam.list_user_tags(UserName=user)["Tags"] == []


def test_an_endpoint_where_nobody_listens(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        # There is no listener at the second attempt, either.
        "AWS_MAX_ATTEMPTS": "1",
    }
    done = run("apply.py", "--all", "--config-dir", str(folder), cwd=folder, env=env)
    assert done.returncode == 2
    assert "EndpointConnectionError" in done.stdout
    assert "AWS_ENDPOINT_URL" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.exhaustive
def test_the_demo_tells_its_story(tmp_path: Path) -> None:
    done = run("demo.py", cwd=tmp_path, env={"TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stderr
    assert "Nothing to do" in done.stdout
    cleaned = done.stdout.partition("cleanup.py --all")[2]
    assert re.search(
        r"^ +- .*self-serve\+payments\+support\.break-glass\+.* \(done\)$", cleaned, re.M
    )
    assert "What next?" in done.stdout
    assert list(tmp_path.iterdir()) == []
