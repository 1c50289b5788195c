"""Accounts side by side: none waits for or suffers from another."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from iam_access.cloud.client import CloudError
from iam_access.cloud.parallel import Interrupted, for_each_account
from iam_access.errors import AccessError
from iam_access.model import Account, Failure

ACCOUNTS = [
    Account(f"{number:012}", "aws", "self-serve-deployer", {"payments": "prod"})
    for number in range(1, 6)
]


def test_results_stand_in_the_order_of_the_accounts_however_they_finish() -> None:
    last_done = threading.Event()

    def work(account: Account) -> str:
        if account is ACCOUNTS[-1]:
            last_done.set()
        else:
            last_done.wait(10)
        return account.id

    results = for_each_account(ACCOUNTS, work, stop=threading.Event(), workers=5)

    assert results == tuple(account.id for account in ACCOUNTS)


def test_no_accounts_give_no_results() -> None:
    assert for_each_account([], lambda account: account.id, stop=threading.Event()) == ()


def test_after_an_interrupt_no_further_accounts_are_begun() -> None:
    stop = threading.Event()
    stop.set()
    results = for_each_account(ACCOUNTS, lambda account: account.id, stop=stop)
    assert [each.code for each in results if isinstance(each, Failure)] == ["Interrupted"] * 5


def test_an_error_is_its_own_accounts_failure_and_stops_no_other() -> None:
    def work(account: Account) -> str:
        if account is ACCOUNTS[0]:
            raise CloudError("AccessDenied", "no", "do this")
        if account is ACCOUNTS[1]:
            raise AccessError("bad", "do that")
        return account.id

    results = for_each_account(ACCOUNTS[:3], work, stop=threading.Event())

    assert results == (
        Failure("AccessDenied", "no", "do this"),
        Failure("error", "bad", "do that"),
        ACCOUNTS[2].id,
    )


def test_a_bug_propagates_when_all_others_have_finished() -> None:
    finished: list[str] = []

    def work(account: Account) -> None:
        if account is ACCOUNTS[0]:
            raise ZeroDivisionError
        finished.append(account.id)

    with pytest.raises(ZeroDivisionError):
        for_each_account(ACCOUNTS, work, stop=threading.Event(), workers=1)

    assert finished == [account.id for account in ACCOUNTS[1:]]


def test_no_more_work_side_by_side_than_workers() -> None:
    lock, running, most = threading.Lock(), set[str](), [0]
    both = threading.Barrier(2)

    def work(account: Account) -> None:
        with lock:
            running.add(account.id)
            most.append(len(running))
        both.wait(10)
        with lock:
            running.discard(account.id)

    for_each_account(ACCOUNTS[:4], work, stop=threading.Event(), workers=2)

    assert max(most) == 2


def test_an_interrupt_lets_begun_accounts_end_and_keeps_their_results(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop, begun = threading.Event(), threading.Event()

    def work(account: Account) -> str:
        begun.set()
        assert stop.wait(10)
        return account.id

    def interrupted_once(*args: object, **kwargs: object) -> None:
        begun.wait(10)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr("iam_access.cloud.parallel.wait", interrupted_once)
    with pytest.raises(KeyboardInterrupt) as caught:
        for_each_account(ACCOUNTS[:3], work, stop=stop, workers=1)

    assert isinstance(caught.value, Interrupted)
    first, *others = caught.value.results
    assert first == ACCOUNTS[0].id
    assert [other.code for other in others] == ["Interrupted", "Interrupted"]


def test_an_interrupt_while_work_is_handed_out_tells_of_every_account() -> None:
    class Interrupting(tuple[Account, ...]):
        __slots__ = ()

        def __iter__(self) -> Iterator[Account]:
            yield self[0]
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        for_each_account(
            Interrupting(ACCOUNTS[:3]), lambda account: account.id, stop=threading.Event()
        )
    assert len(caught.value.results) == 3
    assert [each.code for each in caught.value.results[1:]] == ["Interrupted", "Interrupted"]


def test_a_second_interrupt_waits_for_nobody_and_tells_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop, begun, answered = threading.Event(), threading.Event(), threading.Event()

    def work(account: Account) -> str:
        if account is not ACCOUNTS[0]:
            begun.set()
            assert answered.wait(10)
        return account.id

    def interrupted(futures: list[Future[str]], **kwargs: object) -> None:
        assert futures[0].result(10)
        assert begun.wait(10)
        raise KeyboardInterrupt

    monkeypatch.setattr("iam_access.cloud.parallel.wait", interrupted)
    try:
        with pytest.raises(Interrupted) as caught:
            for_each_account(ACCOUNTS[:3], work, stop=stop, workers=1)
        assert stop.is_set()
    finally:
        answered.set()

    first, under_way, not_begun = caught.value.results
    assert first == ACCOUNTS[0].id
    assert "may have been made" in under_way.message
    assert "before this account's turn" in not_begun.message
