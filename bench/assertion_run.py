"""Measure `simulate.py test` for a whole account, as a process of its own."""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import assertion_files
from bench.scenarios import SCRIPTS, Ran, timed

_UNFINISHED = 2


@dataclass(frozen=True, slots=True)
class PreparedAssertion:
    """The processor and wall seconds of one process, the least of some runs.

    The process reads the files, makes a sandbox of them, reads it, plans, judges the account as
    the plan would leave it, and prints JSON. Of the `decisions`, `violations` are explained.
    """

    principals: int
    tests: int
    decisions: int
    violations: int
    cpu_seconds: float
    wall_seconds: float


def measure(principals: int, tests: int, seed: int = 1, runs: int = 3) -> PreparedAssertion:
    """Run it on made-up files. Raises ValueError if it does not finish."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        assertion_files.write(Path(directory), principals, tests, seed)
        ran = [_run(directory) for _ in range(runs)]
    account = json.loads(ran[0].printed)["accounts"][0]
    return PreparedAssertion(
        principals,
        tests,
        account["decisions"],
        account["violations"],
        min(each.cpu for each in ran),
        min(each.wall for each in ran),
    )


def _run(directory: str) -> Ran:
    script = [sys.executable, str(SCRIPTS / "simulate.py"), "test", "--sandbox"]
    ran = timed([*script, "--config-dir", directory, "--output", "json"], {})
    if ran.status >= _UNFINISHED:
        raise ValueError(f"simulate.py test ended with status {ran.status}: {ran.printed[-1000:]}")
    return ran
