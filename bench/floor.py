"""The least time that given calls can take, whoever makes them.

Within an account calls are made one after the other, each takes the latency at least, and the
bucket lets no more through than its burst and what flows in. Accounts are side by side.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.throttle import Rates


@dataclass(frozen=True, slots=True)
class AccountCalls:
    """Calls that succeeded in one account, opening the session included in `sessions`."""

    sessions: int = 0
    reads: int = 0
    writes: int = 0

    @property
    def all(self) -> int:
        return self.sessions + self.reads + self.writes


def account_floor(calls: AccountCalls, latency: float, rates: Rates) -> float:
    """Seconds that one account's calls take at least: sessions, then reads, then writes."""
    return (
        calls.sessions * latency
        + _stretch(calls.reads, latency, rates.reads, rates.read_burst)
        + _stretch(calls.writes, latency, rates.writes, rates.write_burst)
    )


def fleet_floor(accounts: Iterable[AccountCalls], latency: float, rates: Rates) -> float:
    """Seconds that a run takes at least, without the start of the process."""
    return max((account_floor(calls, latency, rates) for calls in accounts), default=0.0)


def _stretch(count: int, latency: float, rate: float, burst: float) -> float:
    """The last of `count` calls may start when the bucket holds a token, and has to be answered."""
    if count == 0:
        return 0.0
    return max(count * latency, (count - burst) / rate + latency)
