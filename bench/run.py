"""Measure the pipeline on a generated fleet: python bench/run.py [--accounts N ...] [options].

See bench/README.md for the measurements and how to read them. Exit status: 0 measured, 1 a run
failed or made unneeded calls.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent), str(_HERE.parent / "aws" / "scripts")]

from bench import report, startup  # noqa: E402 (the path comes first)
from bench.fleet import Fleet  # noqa: E402
from bench.scenarios import Bench, Result, surprises  # noqa: E402
from bench.throttle import Rates  # noqa: E402

_PARTS = ("startup", "fleet", "validate", "evaluator", "hostile")


def main() -> int:
    """Measure what the options select, and print each result at once."""
    arguments = _arguments()
    times = startup.measure()
    print("Start of a process (median wall seconds)")
    for name, seconds in times.items():
        print(f"  {name:38} {seconds:.3f}")
    results: list[Result] = []
    decisions: dict[str, Any] = {}
    if "fleet" in arguments.only:
        results = _fleets(arguments, times[startup.BASE])
    if "validate" in arguments.only:
        print("\nValidation of a large repository", flush=True)
        subprocess.run([sys.executable, str(_HERE / "validate_fleet.py")], check=True)
    if "evaluator" in arguments.only:
        print("\nDecisions about access, on one core", flush=True)
        decisions = _evaluator()
    hostile = 0
    if "hostile" in arguments.only:
        print("\nFiles that are made to cost much", flush=True)
        command = [sys.executable, str(_HERE / "hostile.py")]
        hostile = subprocess.run(command, check=False).returncode
    if arguments.json:
        text = json.dumps(report.as_json(results, times, decisions), indent=2)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    wrong = list(surprises(results))
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong or hostile else 0


def _evaluator() -> dict[str, Any]:
    """The evaluator's figures, which a process of its own measures and prints."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        file = Path(directory) / "figures.json"
        subprocess.run(
            [sys.executable, str(_HERE / "evaluator.py"), "--json", str(file)], check=True
        )
        figures: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return figures


def _fleets(arguments: argparse.Namespace, process: float) -> list[Result]:
    rates = Rates(arguments.reads_per_second, arguments.writes_per_second)
    print(
        f"\nFleets: latency {arguments.latency * 1000:.0f} ms; per account "
        f"{rates.reads:g} reads/s and {rates.writes:g} writes/s, bursts of "
        f"{rates.burst_seconds:g} s of that; policies published: {arguments.publish}"
    )
    results: list[Result] = []
    for accounts in arguments.accounts:
        bench = Bench(Fleet(accounts, publish=arguments.publish), arguments.latency, rates)
        for result in bench.run():
            results.append(result)
            print(f"  {result.name}, {accounts} accounts: {result.wall:.1f} s", flush=True)
    print("", report.table(results, process), "", *report.PEERS, sep="\n", flush=True)
    return results


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure the pipeline on a generated fleet.", allow_abbrev=False
    )
    parser.add_argument("--accounts", type=int, nargs="+", default=[10, 50], metavar="N")
    parser.add_argument("--latency", type=float, default=0.06, help="of a request, in seconds")
    parser.add_argument("--reads-per-second", type=float, default=20.0, help="of each account")
    parser.add_argument("--writes-per-second", type=float, default=5.0, help="of each account")
    parser.add_argument("--publish", choices=["everywhere", "granted"], default="everywhere")
    parser.add_argument("--only", choices=_PARTS, nargs="+", default=_PARTS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
