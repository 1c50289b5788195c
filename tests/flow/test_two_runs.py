"""Two commands at once on one sandbox, their calls in a given order, each as a user runs it."""

import io
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from iam_access.cli import commands
from iam_access.sandbox import FaultContext
from tests.flow.fleet import (
    POWER_USER,
    PROD,
    Files,
    Fleet,
    is_write,
    opened,
    permanent,
    policy,
    temporary,
)

Command = Callable[[], int]


class Turns:
    """Lets two runs make their steps in an order such as "ABBA".

    A step is the reading of an account, or a write. It is over when its run comes to the next one,
    or ends.
    """

    def __init__(self, order: str) -> None:
        self._order = list(order)
        self._condition = threading.Condition()
        self._names: dict[int, str] = {}
        self._busy: str | None = None
        self._over: set[str] = set()

    def __call__(self, call: FaultContext) -> None:
        if call.operation == "AssumeRole":
            with self._condition:
                # The first to come is A, whose thread is started first.
                self._names.setdefault(threading.get_ident(), "AB"[len(self._names)])
                self._condition.notify_all()
        elif is_write(call) or call.operation == "GetAccountAuthorizationDetails":
            self._wait(self._names[threading.get_ident()])

    def _wait(self, run: str) -> None:
        with self._condition:
            if self._busy == run:
                self._busy = None
            self._condition.notify_all()
            assert self._condition.wait_for(lambda: self._is_next(run), timeout=60)
            self._busy = run
            if run in self._order:
                self._order.remove(run)

    def _is_next(self, run: str) -> bool:
        waiting = [each for each in self._order if each not in self._over]
        return self._busy is None and len(self._names) == 2 and waiting[:1] in ([], [run])

    def begun(self, count: int) -> None:
        """Wait until so many runs have come to their first call."""
        with self._condition:
            assert self._condition.wait_for(lambda: len(self._names) == count, timeout=60)

    def ended(self, run: str) -> None:
        with self._condition:
            self._over.add(run)
            if self._busy == run:
                self._busy = None
            self._condition.notify_all()


def run_in_order(fleet: Fleet, order: str, one: Command, other: Command) -> list[int]:
    """Run both commands with their calls in this order; their exit statuses."""
    turns = Turns(order)
    fleet.sandbox.faults[:] = [turns]
    statuses: dict[str, int] = {}

    def run(name: str, command: Command) -> None:
        try:
            statuses[name] = command()
        finally:
            turns.ended(name)

    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        threads = []
        for count, (name, command) in enumerate((("A", one), ("B", other)), 1):
            threads.append(threading.Thread(target=run, args=(name, command)))
            threads[-1].start()
            turns.begun(count)
        for thread in threads:
            thread.join(timeout=120)
    fleet.sandbox.faults.clear()
    return [statuses["A"], statuses["B"]]


def orders(steps: int, others: int) -> Iterator[str]:
    """Every order of so many steps of A and of B."""
    for places in combinations(range(steps + others), steps):
        yield "".join("A" if each in places else "B" for each in range(steps + others))


def role_files(files: Files, *, granted: bool) -> None:
    files.team(
        policies={"long": policy(managed=[POWER_USER])},
        temporary=[temporary("long", via="role")] if granted else [],
    )


def power_files(files: Files, *, granted: bool) -> None:
    files.team(
        policies={"power": policy(managed=[POWER_USER])},
        permanent=[permanent("power")] if granted else [],
    )


@contextmanager
def commits(
    tmp_path: Path, write: Callable[..., None]
) -> Iterator[tuple[Fleet, Callable[..., Command]]]:
    """A fleet with the files of the last commit, which grant nothing, and how to run a command.

    The commit before grants something.
    """
    old, new = Files(tmp_path / "old"), Files(tmp_path / "new")
    write(old, granted=True)
    write(new, granted=False)
    with opened(new) as fleet:

        def command(commit: str, run: Any, *arguments: str) -> Command:
            directory = str((old if commit == "old" else new).directory)
            return lambda: run([*arguments, "--config-dir", directory], clock=fleet.clock)

        yield fleet, command


def without_owner_or_end(fleet: Fleet) -> list[str]:
    """What nothing tells to be ours, or has no end."""
    found = []
    for arn, each in fleet.dump().items():
        attached = each.get("AttachedManagedPolicies", ())
        tags = [tag["Value"] for tag in each.get("Tags", ())]
        if ":role/self-serve/" in arn:
            closed = each["AssumeRolePolicyDocument"]["Statement"][0]["Effect"] == "Deny"
            denies = "Deny" in str(each["RolePolicyList"])
            if not denies and (attached or not closed):
                found.append(f"{arn} has no end")
        elif attached and not any(value.startswith(("held:", "released:")) for value in tags):
            found.append(f"{arn} holds {attached} and nothing tells that it is ours")
    return found


def settled(fleet: Fleet) -> None:
    """One apply and some cleanups later nothing is left of what the files do not grant."""
    assert without_owner_or_end(fleet) == []
    assert fleet.apply("--all").status == 0
    again = fleet.apply("--all")
    assert (again.status, again.writes) == (0, ())
    for _ in range(3):
        assert fleet.cleanup("--all").status == 0
        fleet.clock.move(hours=1)
    fleet.clock.move(hours=-3)
    assert not fleet.dump()[f"arn:aws:iam::{PROD}:user/ann"]["AttachedManagedPolicies"]
    assert not any(":role/self-serve/" in arn for arn in fleet.dump())
    assert not any(key.startswith("self-serve") for key in fleet.tags("user/ann"))


def try_applies(tmp_path: Path, some: Iterable[str]) -> None:
    with commits(tmp_path, power_files) as (fleet, command):
        assert command("old", commands.apply, "--all")() == 0
        fleet.admin()  # is part of what is remembered
        restore = fleet.remember()
        for order in some:
            restore()
            one = command("old", commands.apply, "--all")
            other = command("new", commands.apply, "--all")
            assert run_in_order(fleet, order, one, other) == [0, 0], order
            settled(fleet)


def try_revoking(tmp_path: Path, some: Iterable[str]) -> None:
    with commits(tmp_path, role_files) as (fleet, command):
        fleet.admin()  # is part of what is remembered
        restore = fleet.remember()
        for order in some:
            restore()
            one = command("old", commands.apply, "--all")
            other = command("new", commands.revoke, "--team", "payments")
            status, _ = run_in_order(fleet, order, one, other)
            assert status == 0, order
            settled(fleet)


@pytest.mark.exhaustive
def test_an_apply_that_attaches_between_detaching_and_untagging(tmp_path: Path) -> None:
    """B reads and detaches, A reads and attaches, and then B takes its tag off."""
    try_applies(tmp_path, ["BBAAAB"])


def test_a_revocation_amid_the_making_of_a_role(tmp_path: Path) -> None:
    try_revoking(tmp_path, ["AAABBABAB"])


@pytest.mark.exhaustive
def test_two_applies_in_every_order(tmp_path: Path) -> None:
    try_applies(tmp_path, orders(3, 3))  # 20


@pytest.mark.exhaustive
def test_a_revocation_in_every_order(tmp_path: Path) -> None:
    try_revoking(tmp_path, orders(5, 4))  # 126
