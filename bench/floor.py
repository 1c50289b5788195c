"""The least time that given calls can take.

Calls of one account are sequential, each takes at least the latency, and the bucket passes no more
than its burst and its rate. Accounts run in parallel.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.throttle import Rates


@dataclass(frozen=True, slots=True)
class AccountCalls:
    """Calls that succeeded in one account; `sessions` includes opening the session."""

    sessions: int = 0
    reads: int = 0
    writes: int = 0

    @property
    def all(self) -> int:
        return self.sessions + self.reads + self.writes


def account_floor(calls: AccountCalls, latency: float, rates: Rates) -> float:
    """The least seconds of one account's calls: sessions, then reads, then writes."""
    return (
        calls.sessions * latency
        + _stretch(calls.reads, latency, rates.reads, rates.read_burst)
        + _stretch(calls.writes, latency, rates.writes, rates.write_burst)
    )


def fleet_floor(accounts: Iterable[AccountCalls], latency: float, rates: Rates) -> float:
    """The least seconds of a run, without the start of the process."""
    return max((account_floor(calls, latency, rates) for calls in accounts), default=0.0)


def _stretch(count: int, latency: float, rate: float, burst: float) -> float:
    """The least seconds of `count` calls: the last starts when the bucket has a token."""
    if count == 0:
        return 0.0
    return max(count * latency, (count - burst) / rate + latency)
