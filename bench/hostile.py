"""Measure small files that are made to cost much: python bench/hostile.py [--only NAME ...].

Each case of hostile_files.py is validated, and planned in the sandbox, by processes of their own.
Exit status: 0 all stay within the limits, 1 one does not.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_ROOT)]

from bench.hostile_files import CASES, files_of  # noqa: E402 (the path comes first)


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit of one run of a script: processor seconds, and peak memory in MB."""

    script: tuple[str, ...]
    seconds: float
    megabytes: int


LIMITS: Mapping[str, Limit] = {
    "validate": Limit(("validate.py",), 2, 300),
    "plan": Limit(("apply.py", "--all", "--dry-run", "--sandbox"), 10, 500),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a run, and its exit status (negative: the signal that ended it)."""

    seconds: float
    megabytes: int
    status: int

    def is_within(self, limit: Limit) -> bool:
        """Whether the cost is within the limit, and the run ended normally."""
        fits = self.seconds <= limit.seconds and self.megabytes <= limit.megabytes
        return fits and self.status in (0, 1)


def main() -> int:
    """Measure the selected cases, and print each result at once."""
    arguments = _arguments()
    wrong = False
    print(f"{'':42}" + "".join(f"{name:>20}" for name in LIMITS))
    for name in arguments.only or CASES:
        print(f"{name:42}", end="", flush=True)
        for limit in LIMITS.values():
            cost = measured(name, limit)
            within = cost.is_within(limit)
            wrong = wrong or not within
            mark = " " if within else "!"
            print(f"{cost.seconds:9.1f} s {cost.megabytes:5} MB {mark}", end="", flush=True)
        print(flush=True)
    return 1 if wrong else 0


def measured(name: str, limit: Limit) -> Cost:
    """The cost of a script for the files of a case; it is ended at twice the limit."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        for file, text in files_of(name).items():
            path = Path(directory, file)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        script, *options = limit.script
        command = [sys.executable, str(_ROOT / "aws" / "scripts" / script), *options]
        most = str(int(2 * limit.seconds))
        starting = [sys.executable, "-I", "-S", str(_ROOT / "bench" / "child.py"), most]
        told = subprocess.run(
            [*starting, *command, "--config-dir", directory],
            stdout=subprocess.PIPE,
            check=True,
        )
    seconds, kibibytes, status = json.loads(told.stdout)
    return Cost(seconds, kibibytes // 1_024, status)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(CASES), metavar="NAME")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
