"""A repository of files, a sandbox, and the commands run on both in this process."""

import copy
import io
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import yaml
from moto.iam.models import AWSManagedPolicy

from iam_access.cli import commands
from iam_access.sandbox import AwsError, FaultContext, RecordedCall, Sandbox, SandboxAccount

TEMPLATE = Path(__file__).parents[2] / "aws" / "bootstrap" / "deployer-role.yaml"
DEPLOYER = "self-serve-deployer"
ADMIN = "test-admin"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROD, TEST, LIVE = "111122223333", "444455556666", "777788889999"

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
POWER_USER = "arn:aws:iam::aws:policy/PowerUserAccess"
VIEW_ONLY = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"

LIST_BUCKETS: dict[str, Any] = {"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}
READ_QUEUES: dict[str, Any] = {
    "effect": "Allow",
    "actions": ["sqs:ReceiveMessage"],
    "resources": ["*"],
}


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Run:
    """How a command ended, what it printed, and the calls that it made."""

    status: int
    out: str
    err: str
    calls: tuple[RecordedCall, ...]

    @property
    def writes(self) -> tuple[RecordedCall, ...]:
        return tuple(call for call in self.calls if is_write(call))

    @property
    def operations(self) -> list[str]:
        return [call.operation for call in self.calls]

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def codes(self) -> list[str]:
        """Of the findings; for a run with --output json."""
        return [finding["code"] for finding in self.json["findings"]]


class Files:
    """The folder that `--config-dir` names."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def team(
        self,
        name: str = "payments",
        *,
        accounts: Mapping[str, Any] | None = None,
        policies: Mapping[str, Any] | None = None,
        permanent: Sequence[Any] = (),
        temporary: Sequence[Any] = (),
    ) -> None:
        """Write (over) a team's four files; without accounts it has the environment prod."""
        for folder, content in (
            ("aws-accounts", accounts if accounts is not None else {"prod": PROD}),
            ("aws-policies", policies or {}),
            ("permanent-access", list(permanent)),
            ("temporary-access", list(temporary)),
        ):
            self.write(f"{folder}/{name}.yaml", yaml.safe_dump({folder: content}, sort_keys=False))

    def write(self, path: str, text: str) -> None:
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def remove_team(self, name: str) -> None:
        for file in self.directory.glob(f"*/{name}.yaml"):
            file.unlink()


def policy(*statements: Mapping[str, Any], managed: Sequence[str] = ()) -> dict[str, Any]:
    """A policy of a team's file; of one statement when nothing is given."""
    if not statements and not managed:
        statements = (LIST_BUCKETS,)
    parts = {"managed_policies": list(managed), "custom_statements": list(statements)}
    return {key: value for key, value in parts.items() if value}


def permanent(*grants: str, **entry: Any) -> dict[str, Any]:
    """An entry of permanent access, for the user ann in prod unless told otherwise."""
    if "roles" not in entry:
        entry.setdefault("users", ["ann@example.com"])
    return {"environments": ["prod"], "grants": list(grants), **entry}


def temporary(grant: str, **entry: Any) -> dict[str, Any]:
    """An entry of temporary access, for the user ann in prod until 18:00 unless told otherwise."""
    if "role" not in entry:
        entry.setdefault("user", "ann@example.com")
    if not entry.keys() & {"expiration_date", "for"}:
        entry.setdefault("expires_at", "2026-03-01T18:00:00Z")
    return {"environment": "prod", "grant": grant, **entry}


def account(
    id_: str = PROD, users: Iterable[str] = ("ann", "bob"), roles: Iterable[str] = ("runner",)
) -> SandboxAccount:
    return SandboxAccount(id_, users=tuple(users), roles=tuple(roles))


class Fleet:
    """A sandbox with the files that are applied to it."""

    def __init__(self, files: Files, sandbox: Sandbox, clock: Clock) -> None:
        self.files = files
        self.sandbox = sandbox
        self.clock = clock
        self._admins: dict[str, Any] = {}

    def apply(self, *arguments: str) -> Run:
        return self.run(commands.apply, *arguments)

    def cleanup(self, *arguments: str) -> Run:
        return self.run(commands.cleanup, *arguments)

    def validate(self, *arguments: str) -> Run:
        return self.run(commands.validate, *arguments)

    def run(self, command: Callable[..., int], *arguments: str) -> Run:
        """Run a command as its script does, on the files of this fleet."""
        before = len(self.sandbox.calls)
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = command(
                [*arguments, "--config-dir", str(self.files.directory)], clock=self.clock
            )
        calls = tuple(self.sandbox.calls[before:])
        return Run(status, out.getvalue(), err.getvalue(), calls)

    def admin(self, account_id: str = PROD) -> Any:
        """boto3's IAM client with all permissions in an account."""
        if account_id not in self._admins:
            self._admins[account_id] = self._make_admin(account_id)
        return self._admins[account_id]

    def _make_admin(self, account_id: str) -> Any:
        # Made behind the API, and not part of what `dump` shows.
        iam = self.sandbox.backend(account_id)
        user = iam.create_user(iam.region_name, ADMIN)
        user.put_policy("everything", text("*"))
        key = iam.create_access_key(ADMIN)
        return boto3.client(
            "iam",
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
        )

    def remember(self, account_id: str = PROD) -> Callable[[], None]:
        """What takes an account back to what it is now, in no time."""
        iam = self.sandbox.backend(account_id)
        aws = {id(p): p for p in iam.managed_policies.values() if isinstance(p, AWSManagedPolicy)}
        live: list[dict[str, Any]] = [
            iam.users,
            iam.roles,
            iam.groups,
            iam.managed_policies,
            iam.instance_profiles,
            iam.tagger.tags,
        ]

        def copied(state: list[dict[str, Any]]) -> list[dict[str, Any]]:
            # In one go, for they refer to each other. AWS's own policies never change.
            return copy.deepcopy(state, dict(aws))

        saved = copied([dict(each) for each in live])

        def restore() -> None:
            for current, content in zip(live, copied(saved), strict=True):
                current.clear()
                current.update(content)

        return restore

    def dump(self, account_id: str = PROD) -> dict[str, Any]:
        """Everything in an account, by the ARN of what it is, but for what aws/bootstrap/ makes."""
        found: dict[str, Any] = {}
        pages = self.admin(account_id).get_paginator("get_account_authorization_details")
        wanted = ["User", "Group", "Role", "LocalManagedPolicy"]
        for page in pages.paginate(Filter=wanted, PaginationConfig={"PageSize": 1_000}):
            for member in ("UserDetailList", "GroupDetailList", "RoleDetailList"):
                found |= {each["Arn"]: each for each in page[member]}
            found |= {each["Arn"]: each for each in page["Policies"]}
        for hidden in (f"user/{ADMIN}", f"role/{DEPLOYER}", "policy/self-serve-boundary"):
            found.pop(f"arn:aws:iam::{account_id}:{hidden}", None)
        return found

    def attached(self, principal: str, account_id: str = PROD) -> set[str]:
        """Names of the managed policies on `user/NAME` or `role/NAME`."""
        state = self.dump(account_id)[f"arn:aws:iam::{account_id}:{principal}"]
        return {each["PolicyName"] for each in state["AttachedManagedPolicies"]}

    def inline(self, principal: str, account_id: str = PROD) -> dict[str, Any]:
        """The inline policies of `user/NAME` or `role/NAME`: documents by name."""
        state = self.dump(account_id)[f"arn:aws:iam::{account_id}:{principal}"]
        listed = state.get("UserPolicyList") or state.get("RolePolicyList") or []
        return {each["PolicyName"]: each["PolicyDocument"] for each in listed}

    def tags(self, principal: str, account_id: str = PROD) -> set[str]:
        state = self.dump(account_id)[f"arn:aws:iam::{account_id}:{principal}"]
        return {tag["Key"] for tag in state.get("Tags", ())}

    def policies(self, account_id: str = PROD) -> set[str]:
        """The names of all customer managed policies."""
        return {
            arn.rpartition("/")[2]
            for arn in self.dump(account_id)
            if arn.startswith(f"arn:aws:iam::{account_id}:policy/")
        }


class Beginning:
    """A fleet that many tests begin with: what one of them does is undone for the next."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._files = fleet.files.directory
        self._now = fleet.clock.now
        accounts = [each.id for each in fleet.sandbox.accounts]
        for each in accounts:
            fleet.admin(each)  # which stays
        self._restore = [fleet.remember(each) for each in accounts]

    def again(self, files: Files) -> Fleet:
        """The fleet as it was, with a copy of its files in this folder."""
        for undo in self._restore:
            undo()
        self._fleet.sandbox.faults.clear()
        self._fleet.clock.now = self._now
        shutil.copytree(self._files, files.directory, dirs_exist_ok=True)
        self._fleet.files = files
        return self._fleet


def is_write(call: RecordedCall | FaultContext) -> bool:
    """Whether a call changes something in an account."""
    reads = ("Get", "List", "Describe", "Head")
    return call.service != "sts" and not call.operation.startswith(reads)


def document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def text(*actions: str) -> str:
    """An identity policy that allows these actions on everything."""
    allow = {"Effect": "Allow", "Action": list(actions) or ["s3:GetObject"], "Resource": "*"}
    return json.dumps(document(allow))


@contextmanager
def opened(
    files: Files,
    *accounts: SandboxAccount,
    clock: Clock | None = None,
    template: Path = TEMPLATE,
    switches: bool = False,
) -> Any:
    """A fleet for as long as the context lasts; permissions of callers count.

    `switches` is whether all those of the deployer role's template are on.
    """
    given = clock or Clock()
    with Sandbox(
        accounts or (account(),),
        template=template,
        clock=given,
        switches=switches,
        enforce=True,
    ) as sandbox:
        yield Fleet(files, sandbox, given)


def refusing(code: str, where: Callable[[FaultContext], bool]) -> Callable[[FaultContext], None]:
    """A fault that answers these calls with an error."""

    def fault(call: FaultContext) -> None:
        if where(call):
            raise AwsError(code, f"the sandbox was told to say {code}")

    return fault
