"""The made-up throttle, and the floor that follows from it."""

import pytest

from bench.floor import AccountCalls, account_floor, fleet_floor
from bench.throttle import Rates, Throttle, TokenBucket, is_read


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _taken(bucket: TokenBucket, tries: int) -> int:
    return sum(bucket.take() for _ in range(tries))


def test_a_bucket_gives_its_burst_and_then_what_flows_in() -> None:
    clock = Clock()
    bucket = TokenBucket(5, 10, clock)
    assert _taken(bucket, 50) == 10
    clock.now = 1.0
    assert _taken(bucket, 50) == 5
    clock.now = 1.1
    assert not bucket.take()
    clock.now = 1.25
    assert bucket.take()


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    clock = Clock()
    bucket = TokenBucket(5, 10, clock)
    clock.now = 1_000.0
    assert _taken(bucket, 50) == 10


def test_reads_and_writes_are_throttled_apart() -> None:
    throttle = Throttle(Rates(reads=2, writes=1, burst_seconds=1), Clock())
    assert throttle.allows("CreatePolicy")
    assert not throttle.allows("AttachUserPolicy")
    assert throttle.allows("GetPolicy")
    assert throttle.allows("ListUsers")
    assert not throttle.allows("GetAccountSummary")


@pytest.mark.parametrize(
    ("operation", "read"),
    [("GetAccountAuthorizationDetails", True), ("TagUser", False), ("PutUserPolicy", False)],
)
def test_reads_are_told_by_their_names(operation: str, read: bool) -> None:
    assert is_read(operation) is read


@pytest.mark.parametrize(
    ("calls", "seconds"),
    [
        (AccountCalls(), 0.0),
        (AccountCalls(sessions=1, reads=2), 0.3),
        # Within the burst, the latency alone counts; beyond it, the rate.
        (AccountCalls(writes=10), 1.0),
        (AccountCalls(writes=30), 4.1),
        (AccountCalls(sessions=1, reads=2, writes=30), 4.4),
    ],
)
def test_the_floor_of_an_account(calls: AccountCalls, seconds: float) -> None:
    assert account_floor(calls, 0.1, Rates()) == pytest.approx(seconds)


def test_the_floor_is_what_the_bucket_lets_through() -> None:
    """A caller that asks as soon as a token is there is done at the floor, and none is earlier."""
    clock, rates, latency = Clock(), Rates(writes=5, burst_seconds=2), 0.05
    throttle = Throttle(rates, clock)
    done = 0
    while done < 40:
        if throttle.allows("CreatePolicy"):
            done += 1
            clock.now += latency
        else:
            clock.now += 0.001
    floor = account_floor(AccountCalls(writes=40), latency, rates)
    assert floor <= clock.now + 1e-6
    assert clock.now == pytest.approx(floor, abs=0.1)


def test_accounts_are_side_by_side() -> None:
    calls = (AccountCalls(writes=10), AccountCalls(writes=30))
    assert fleet_floor(calls, 0.1, Rates()) == account_floor(calls[1], 0.1, Rates())
    assert fleet_floor((), 0.1, Rates()) == 0.0
