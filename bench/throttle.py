"""The throttling of a made-up AWS: a bucket of reads and one of writes for each account.

AWS does not publish IAM's rates. The buckets, one pair for each account, and that a refused request
takes no token are assumptions.
"""

from collections.abc import Callable
from dataclasses import dataclass

READ_PREFIXES = ("Get", "List", "Simulate", "Generate")


def is_read(operation: str) -> bool:
    """Whether an IAM operation, as AWS spells it, only reads."""
    return operation.startswith(READ_PREFIXES)


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests per second that an account is allowed; each bucket holds `burst_seconds` of it."""

    reads: float = 20.0
    writes: float = 5.0
    burst_seconds: float = 2.0

    @property
    def write_burst(self) -> float:
        return self.writes * self.burst_seconds

    @property
    def read_burst(self) -> float:
        return self.reads * self.burst_seconds


class TokenBucket:
    """`rate` tokens per second flow in, up to `capacity`; it starts full. `clock` is in seconds."""

    def __init__(self, rate: float, capacity: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._capacity = capacity
        self._clock = clock
        self._tokens = capacity
        self._at = clock()

    def take(self) -> bool:
        """Take a token if there is one."""
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Throttle:
    """Decides which requests of an account are throttled."""

    def __init__(self, rates: Rates, clock: Callable[[], float]) -> None:
        self._reads = TokenBucket(rates.reads, rates.read_burst, clock)
        self._writes = TokenBucket(rates.writes, rates.write_burst, clock)

    def allows(self, operation: str) -> bool:
        """Whether this request passes; if so, take a token for it."""
        return (self._reads if is_read(operation) else self._writes).take()
