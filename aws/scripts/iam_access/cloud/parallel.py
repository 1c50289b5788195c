"""Work on many accounts in parallel."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ALL_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from iam_access.errors import AccessError
from iam_access.model import Account, Failure

T = TypeVar("T")

# Accounts mostly wait for AWS, which throttles each by itself. More workers gain nothing: the
# process then has no time left to make their calls.
DEFAULT_WORKERS = 64


@dataclass(slots=True)
class Once(Generic[T]):
    """What is read once: by one thread while the others wait, and again after a failure."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    known: bool = False
    value: T | None = None

    def fill(self, read: Callable[[], T], *, wait: bool = True) -> None:
        """Read it unless it is known, or another thread is reading it and `wait` is false."""
        if self.known or not self.lock.acquire(blocking=wait):
            return
        try:
            if not self.known:
                self.value = read()
                self.known = True
        finally:
            self.lock.release()


class Interrupted(KeyboardInterrupt, Generic[T]):
    """The work was interrupted; `results` are those of `for_each_account` as far as it came."""

    def __init__(self, results: "tuple[T | Failure, ...]") -> None:
        super().__init__()
        self.results = results


_NOT_BEGUN = Failure(
    "Interrupted",
    "the run was stopped before this account's turn",
    "run the same command again",
)
_NOT_AWAITED = Failure(
    "Interrupted",
    "the run was stopped while it was at work here, so some of the changes may have been made",
    "run the same command again: it finishes what was begun",
)


def for_each_account(
    accounts: Sequence[Account],
    work: Callable[[Account], T],
    *,
    stop: threading.Event,
    workers: int = DEFAULT_WORKERS,
) -> "tuple[T | Failure, ...]":
    """What `work` returns for each account, in the order of the accounts.

    An AccessError becomes the account's Failure and stops no other account. Any other exception is
    a bug and propagates once all accounts have finished. A KeyboardInterrupt sets `stop`, leaves
    out the accounts that are not begun, waits for the others, and raises Interrupted. A second one
    ends the waiting: an account that has not finished gets a Failure, and makes no call after its
    current one. Where `stop` is set already, no account is begun.
    """
    if stop.is_set():
        return tuple(_NOT_BEGUN for _ in accounts)
    pool = ThreadPoolExecutor(max_workers=max(1, min(workers, len(accounts))))
    futures: list[Future[T]] = []
    try:
        futures.extend(pool.submit(work, account) for account in accounts)
        wait(futures, return_when=ALL_COMPLETED)
    except KeyboardInterrupt:
        stop.set()
        for future in futures:
            future.cancel()
        pool.shutdown(wait=False)
        with suppress(KeyboardInterrupt):
            wait(futures, return_when=ALL_COMPLETED)
        left_out = [_NOT_BEGUN] * (len(accounts) - len(futures))
        raise Interrupted((*map(_result, futures), *left_out)) from None
    pool.shutdown()
    return tuple(map(_result, futures))


def _result(future: Future[T]) -> T | Failure:
    if not future.done():
        return _NOT_AWAITED
    try:
        return future.result()
    except CancelledError:
        return _NOT_BEGUN
    except AccessError as error:
        return error.failure
