"""Print the figures as a table for people and as JSON for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.scenarios import Result

PEERS = (
    "For comparison, a plan without changes of a fleet like the smaller one, as measured for",
    "others: 3,016 calls and 112 s with the leading infrastructure tool, 5,534 calls and 55 s with",
    "the leading IAM GitOps tool. Needed are 20 reads, and one AssumeRole for each account.",
)
_HEAD = (
    *("run", "accounts", "reads", "writes", "throttled"),
    *("wall s", "floor s", "ratio", "cpu s", "slow"),
)


def table(results: Sequence[Result], startup: float) -> str:
    """One line for each run; the floor includes the start of the process."""
    rows = [_HEAD, *(_row(result, startup) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _row(result: Result, startup: float) -> tuple[str, ...]:
    floor = result.floor + startup
    return (
        result.name,
        str(result.accounts),
        f"{result.reads:,}",
        f"{result.writes:,}",
        f"{result.throttled:,}",
        f"{result.wall:.1f}",
        f"{floor:.1f}",
        f"{result.wall / floor:.2f}",
        f"{result.cpu:.1f}",
        f"{result.slow:,}",
    )


def as_json(
    results: Sequence[Result], startup: Mapping[str, float], decisions: Mapping[str, Any]
) -> dict[str, Any]:
    """All measurements as JSON."""
    return {
        "startup": dict(startup),
        "runs": [
            {
                **{name: value for name, value in asdict(result).items() if name != "calls"},
                "reads": result.reads,
                "writes": result.writes,
            }
            for result in results
        ],
        "decisions": dict(decisions),
    }
