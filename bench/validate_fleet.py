"""Measure validation of a large repository, on one core.

    python bench/validate_fleet.py [--teams 1000] [--entries 100] [--directory DIR] [--profile]

Writes the files of a made-up organization (four per team; about 21 MB for the defaults), then
measures `validate.py`: load every file and check it. For comparison it measures plain loading with
PyYAML's C loader, values only, on the same machine.
"""

import argparse
import cProfile
import gc
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "aws" / "scripts"))

from iam_access.config.configuration import Configuration
from iam_access.config.load import load

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENVIRONMENTS = ("nonprod", "acceptance", "prod")
SHARING = 4  # teams that share a set of accounts


def write(directory: Path, teams: int, entries: int) -> int:
    """Write the files; returns their size in bytes.

    Of a team's entries a tenth are policies, six tenths permanent and the rest temporary.
    """
    size = 0
    for number in range(teams):
        for folder, text in _team(number, entries):
            path = directory / folder / f"team-{number:04d}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            size += len(text.encode())
    return size


def _team(number: int, entries: int) -> Iterator[tuple[str, str]]:
    policies = max(entries // 10, 1)
    permanent = entries * 6 // 10
    yield "aws-accounts", _accounts(number)
    yield "aws-policies", "aws-policies:\n" + "".join(map(_policy, range(policies)))
    yield (
        "permanent-access",
        "permanent-access:\n" + "".join(_permanent(each, policies) for each in range(permanent)),
    )
    yield (
        "temporary-access",
        "temporary-access:\n"
        + "".join(_temporary(each, policies) for each in range(entries - policies - permanent)),
    )


def _accounts(number: int) -> str:
    first = 100_000_000_000 + number // SHARING * len(ENVIRONMENTS)
    lines = [f'  {name}: "{first + step}"\n' for step, name in enumerate(ENVIRONMENTS)]
    return "aws-accounts:\n" + "".join(lines)


def _policy(number: int) -> str:
    return f"""\
  developers.duty-{number}:
    description: "What developers need for duty {number}"
    managed_policies: ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
    custom_statements:
      - sid: Duty{number}
        effect: Allow
        actions: ["s3:GetObject", "s3:ListBucket", "sqs:SendMessage"]
        resources:
          - "arn:aws:s3:::{{team}}-{{environment}}-{number}"
          - "arn:aws:s3:::{{team}}-{{environment}}-{number}/*"
          - "arn:aws:sqs:*:{{account_id}}:{{team}}-{number}"
"""


def _permanent(number: int, policies: int) -> str:
    return f"""\
  - description: "Developers {number} look after duty {number % policies}, day and night"
    users: [developer-{number}-a@example.com, developer-{number}-b@example.com]
    environments: [nonprod, acceptance]
    grants: [developers.duty-{number % policies}]
"""


def _temporary(number: int, policies: int) -> str:
    return f"""\
  - description: "Find out why duty {number} does not get done in production"
    expiration_date: 2026-11-{23 + number % 6}
    user: developer-{number}-a@example.com
    environment: prod
    grant: developers.duty-{number % policies}
"""


def _plain(directory: Path) -> None:
    gc.disable()
    for path in directory.rglob("*.yaml"):
        yaml.load(path.read_bytes(), yaml.CSafeLoader)  # a safe loader
    gc.enable()


def _timed(work: Callable[[Path], object], directory: Path) -> float:
    """Seconds of processor time, which other programs disturb least."""
    began = time.process_time()
    work(directory)
    return time.process_time() - began


def _alone(work: Callable[[Path], object], directory: Path) -> float:
    """The same in a process of its own, as a command is."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_timed, work, directory).result()


def _load(directory: Path) -> Configuration:
    found = load(directory, now=NOW)
    if found.findings:
        raise SystemExit(f"the generated files should be right: {found.findings[0]}")
    return found


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--teams", type=int, default=1_000)
    parser.add_argument("--entries", type=int, default=100, help="of each team")
    parser.add_argument("--directory", type=Path, help="where to write (default: temporary)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    arguments = parser.parse_args()
    place = nullcontext(arguments.directory) if arguments.directory else _temporary_directory()
    with place as name:
        directory = Path(name)
        size = write(directory, arguments.teams, arguments.entries)
        count = 4 * arguments.teams
        total = arguments.teams * arguments.entries
        print(f"{total:,} entries in {count:,} files, {size / 1e6:.1f} MB; processor seconds:")
        ours, plain = [], []
        for _ in range(arguments.runs):
            ours.append(_alone(_load, directory))
            plain.append(_alone(_plain, directory))
        print(f"  read and checked         {min(ours):6.2f}   (least of {arguments.runs} runs)")
        print(f"  PyYAML C, values only    {min(plain):6.2f}   (without garbage collection)")
        if arguments.profile:
            with cProfile.Profile() as profile:
                _load(directory)
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def _temporary_directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="fleet-")


if __name__ == "__main__":
    main()
