"""The runs that are measured: the real scripts, each as a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import fleet as fleets
from bench.cloud import Cloud, Expired
from bench.fleet import Fleet
from bench.floor import AccountCalls, fleet_floor
from bench.front import Tally
from bench.throttle import Rates, is_read
from iam_access.kinds.names import inline_name

SCRIPTS = Path(__file__).resolve().parents[1] / "aws" / "scripts"

THROTTLING = "Throttling"
_SESSION = "AssumeRole"
_COMPLAINT = 1_000
_FORGOTTEN_SINCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Result:
    """The measurements of one run. Times are in seconds.

    `calls` are those that succeeded, by account; `throttled` and `failed` count answers, retried
    ones included. `floor` is what the calls take at least, without the start of a process.
    `slow` answers took the sandbox longer than the latency. `complaint` is the end of the output
    of a failed run.
    """

    name: str
    accounts: int
    status: int
    wall: float
    cpu: float
    calls: tuple[AccountCalls, ...]
    throttled: int
    failed: int
    slow: int
    floor: float
    complaint: str = ""

    @property
    def reads(self) -> int:
        return sum(calls.reads + calls.sessions for calls in self.calls)

    @property
    def writes(self) -> int:
        return sum(calls.writes for calls in self.calls)


@dataclass(frozen=True, slots=True)
class Bench:
    """A fleet and its made-up AWS."""

    fleet: Fleet
    latency: float
    rates: Rates

    def run(self) -> Iterator[Result]:
        """First apply, second apply, plan, cleanup: yield each result at once."""
        fleet = self.fleet
        users = [user for team in range(fleet.teams) for user in fleet.users_of(team)]
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as directory,
            Cloud(fleet.account_ids, users, latency=self.latency, rates=self.rates) as cloud,
        ):
            config = ("--all", "--config-dir", directory)
            fleets.write(fleet, Path(directory), datetime.now(UTC))
            yield self._measure(cloud, "first apply", "apply.py", *config)
            yield self._measure(cloud, "second apply", "apply.py", *config)
            yield self._measure(cloud, "plan", "apply.py", *config, "--dry-run")
            cloud.seed(forgotten(fleet, datetime.now(UTC)))
            yield self._measure(cloud, "cleanup", "cleanup.py", *config)

    def _measure(self, cloud: Cloud, name: str, script: str, *arguments: str) -> Result:
        cloud.tally()
        ran = timed(
            [sys.executable, str(SCRIPTS / script), *arguments, "--output", "json"],
            cloud.environment,
        )
        tally = cloud.tally()
        calls = by_account(tally, self.fleet.account_ids)
        errors = Counter[str]()
        for (_, _, error), count in tally.calls.items():
            errors[error] += count
        return Result(
            name=name,
            accounts=self.fleet.accounts,
            status=ran.status,
            wall=ran.wall,
            cpu=ran.cpu,
            calls=calls,
            throttled=errors[THROTTLING],
            failed=errors.total() - errors[""] - errors[THROTTLING],
            slow=tally.slow,
            floor=fleet_floor(calls, self.latency, self.rates),
            complaint=ran.printed[-_COMPLAINT:] if ran.status else "",
        )


@dataclass(frozen=True, slots=True)
class Ran:
    """A process that has ended: its status, wall and processor seconds, and its output."""

    status: int
    wall: float
    cpu: float
    printed: str


def timed(command: Sequence[str], environment: dict[str, str]) -> Ran:
    """Run a command to its end."""
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            env={**clean_environment(), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read().decode(errors="replace")
    return Ran(process.returncode, wall, usage.ru_utime + usage.ru_stime, printed)


def clean_environment() -> dict[str, str]:
    """The environment of this process without variables that lead to another AWS."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def by_account(tally: Tally, accounts: Sequence[str]) -> tuple[AccountCalls, ...]:
    """The calls that succeeded, by account in their order."""
    counts = Counter[tuple[str, str]]()
    for (account, operation, error), count in tally.calls.items():
        if not error:
            counts[account, _sort(operation)] += count
    return tuple(
        AccountCalls(
            sessions=counts[account, "sessions"],
            reads=counts[account, "reads"],
            writes=counts[account, "writes"],
        )
        for account in accounts
    )


def _sort(operation: str) -> str:
    if operation == _SESSION:
        return "sessions"
    return "reads" if is_read(operation) else "writes"


def forgotten(fleet: Fleet, now: datetime) -> Iterator[Expired]:
    """Grants that ended a day ago and were not reclaimed: of every fifth user, in each account."""
    deadline = now - _FORGOTTEN_SINCE
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"],
                "Resource": ["*"],
                "Condition": {
                    "DateLessThan": {"aws:CurrentTime": f"{deadline:%Y-%m-%dT%H:%M:%SZ}"}
                },
            }
        ],
    }
    for account in fleet.account_ids:
        for number, team in enumerate(fleet.team_names):
            for user in fleet.users_of(number)[::5]:
                name = inline_name(team, "area-1.job-1", deadline)
                yield Expired(account, user, name, json.dumps(document))


# Pages of AWS's own policies that a run lists once for all accounts before it attaches new ones.
_LISTED = {"first apply": 2}


def surprises(results: Sequence[Result]) -> Iterator[str]:
    """Failures and unneeded calls, which no machine may have."""
    for result in results:
        what = f"{result.name} of {result.accounts} accounts"
        if result.status:
            yield f"{what} ended with status {result.status}: ...{result.complaint}"
        if result.failed:
            yield f"{what}: {result.failed} calls failed"
        needed = 2 * len(result.calls) + _LISTED.get(result.name, 0)
        if any(calls.sessions != 1 or calls.reads < 2 for calls in result.calls):
            yield f"{what}: an account took other calls than one AssumeRole and two reads"
        elif (reads := sum(calls.reads for calls in result.calls)) != needed:
            yield f"{what} made {reads} reads, and {needed} are needed"
        if result.writes and result.name in ("second apply", "plan"):
            yield f"{what} made {result.writes} writes"
