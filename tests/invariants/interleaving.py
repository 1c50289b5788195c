"""Two runs on one account at once: every order of their calls, with each stopped anywhere.

The runs are the real planner and the real executor on a pure model of IAM. A run reads the account
in one step and makes each call in one step. States that are reached in several ways are looked at
once, and the ways are counted.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from iam_access.cloud.client import CallError
from iam_access.cloud.executor import Execution
from iam_access.kinds.calls import iam
from iam_access.model import Change, Outcome, Phase, Status
from iam_access.snapshot import Snapshot
from tests.values import RefusedError, carried_out

# What a run of a command would change in the account as it reads it.
Planning = Callable[[Snapshot], Sequence[Change]]


class _Pause(BaseException):
    """The executor is about to make a call that nothing was answered to yet."""

    def __init__(self, operation: str, params: Mapping[str, Any]) -> None:
        self.operation = operation
        self.params = params


@dataclass(frozen=True)
class Process:
    """A run and how far it has come: what it planned (None: nothing read yet), what it was told."""

    planning: Planning
    changes: tuple[Change, ...] | None = None
    answers: tuple[Any, ...] = ()
    read: str = ""

    @property
    def key(self) -> object:
        return self.read, tuple(repr(each) for each in self.answers)

    def step(self, account: Snapshot) -> "tuple[Process, Snapshot, str] | None":
        """The run one step further, the account after it, and what it did; None at its end."""
        if self.changes is None:
            read = key_of(account)
            planned = Process(self.planning, tuple(self.planning(account)), (), read)
            return planned, account, "reads the account"
        told = iter(self.answers)

        def call(operation: str, params: Mapping[str, Any]) -> Any:
            try:
                answer = next(told)
            except StopIteration:
                raise _Pause(operation, params) from None
            if isinstance(answer, CallError):
                raise answer
            return answer

        try:
            Execution(account.account_id, self.changes, lambda _: call, sleep=lambda _: None).run()
        except _Pause as paused:
            after, answer = carry_out(account, paused.operation, paused.params)
            further = Process(self.planning, self.changes, (*self.answers, answer), self.read)
            refused = f" -> {answer.code}" if isinstance(answer, CallError) else ""
            what = " ".join(str(each)[:90] for each in paused.params.values())
            return further, after, f"{paused.operation} {what}{refused}"
        return None


class Reached(NamedTuple):
    """An account that an interleaving of two runs leads to, and how it came to that."""

    account: Snapshot
    story: tuple[str, ...]


@dataclass
class Exploration:
    """Everything that two runs can lead to; `ways` counts interleavings, those stopped included."""

    ways: int = 0
    complete: int = 0
    accounts: dict[str, Reached] = field(default_factory=dict)


def explore(start: Snapshot, one: Planning, other: Planning) -> Exploration:
    """Let both runs make their steps in every order."""
    found = Exploration()
    layer: dict[object, tuple[int, Snapshot, tuple[Process, Process], tuple[str, ...]]] = {
        "start": (1, start, (Process(one), Process(other)), ())
    }
    while layer:
        following: dict[object, tuple[int, Snapshot, tuple[Process, Process], tuple[str, ...]]] = {}
        for ways, account, runs, story in layer.values():
            found.ways += ways
            found.accounts.setdefault(key_of(account), Reached(account, story))
            finished = True
            for index, run in enumerate(runs):
                stepped = run.step(account)
                if stepped is None:
                    continue
                finished = False
                further, after, did = stepped
                both = (further, runs[1]) if index == 0 else (runs[0], further)
                key = (key_of(after), both[0].key, both[1].key)
                known = following.get(key)
                told = (*story, f"{'AB'[index]}: {did}")
                following[key] = (
                    (known[0] + ways, *known[1:]) if known else (ways, after, both, told)
                )
            found.complete += ways * finished
        layer = following
    return found


def run(planning: Planning, account: Snapshot) -> tuple[Snapshot, tuple[Outcome, ...]]:
    """The account after a run that nothing disturbs, and what became of its changes."""
    passed, outcomes = _run(planning, account)
    return passed[-1], outcomes


def moments_of(planning: Planning, account: Snapshot) -> list[Snapshot]:
    """The account before the first call of a run, and after each."""
    return _run(planning, account)[0]


def _run(planning: Planning, account: Snapshot) -> tuple[list[Snapshot], tuple[Outcome, ...]]:
    passed = [account]

    def call(operation: str, params: Mapping[str, Any]) -> Any:
        after, answer = carry_out(passed[-1], operation, params)
        passed.append(after)
        if isinstance(answer, CallError):
            raise answer
        return answer

    outcomes = Execution(
        account.account_id, tuple(planning(account)), lambda _: call, sleep=lambda _: None
    ).run()
    return passed, outcomes


def undone(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What could not be carried out."""
    for each in outcomes:
        if each.status not in (Status.DONE, Status.ALREADY):
            yield f"{each.change.action} {each.change.id}: {each.failure}"


def carry_out(account: Snapshot, operation: str, params: Mapping[str, Any]) -> tuple[Snapshot, Any]:
    """The account after a call, and its answer or error."""
    if operation.startswith("get_"):
        return account, _read(account, operation, params)
    missing = CallError("NoSuchEntity", f"{operation}: there is no such entity")
    if not operation.startswith("create_") and not _names_one(account, params):
        return account, missing
    try:
        return carried_out(account, [iam(account.account_id, operation, params, Phase.GRANT)]), {}
    except RefusedError as error:
        return account, CallError(str(error.args[0]), f"{operation} was refused")
    except KeyError:
        return account, missing


def _names_one(account: Snapshot, params: Mapping[str, Any]) -> bool:
    """Whether the user or role that a call is about is there, if it is about one."""
    named = [params[key] for key in ("UserName", "RoleName") if key in params]
    return all(any(name == each.name for each in account.principals) for name in named)


def _read(account: Snapshot, operation: str, params: Mapping[str, Any]) -> Any:
    """What the executor asks to confirm a call whose answer it did not get."""
    missing = CallError("NoSuchEntity", f"{operation}: there is no such entity")
    if operation == "get_role":
        state = next(
            (s for p, s in account.principals.items() if p.name == params["RoleName"]), None
        )
        if state is None:
            return missing
        boundary = {"PermissionsBoundary": {"PermissionsBoundaryArn": state.boundary}}
        return {
            "Role": {
                "Path": state.path,
                "AssumeRolePolicyDocument": state.trust,
                **(boundary if state.boundary else {}),
            }
        }
    policy = account.policies.get(params.get("PolicyArn", ""))
    if operation == "get_account_authorization_details":
        return {"RoleDetailList": [{"Arn": state.arn} for state in account.principals.values()]}
    if policy is None:
        return missing
    if operation == "get_policy":
        return {"Policy": {"DefaultVersionId": policy.default_version}}
    return {"PolicyVersion": {"Document": policy.document}}


def key_of(account: Snapshot) -> str:
    """What tells an account from another one."""
    return _key(_Whole(account))


@dataclass(frozen=True, eq=False)
class _Whole:
    account: Snapshot

    def __hash__(self) -> int:
        return id(self.account)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Whole) and other.account is self.account


@lru_cache(maxsize=100_000)
def _key(whole: _Whole) -> str:
    account = whole.account
    return repr(
        (
            [
                (
                    str(principal),
                    state.attached,
                    sorted(state.tags.items()),
                    sorted((name, json.dumps(each)) for name, each in state.inline.items()),
                    json.dumps(state.trust),
                    state.boundary,
                )
                for principal, state in sorted(account.principals.items())
            ],
            sorted(
                (arn, json.dumps(policy.document), policy.versions)
                for arn, policy in account.policies.items()
            ),
        )
    )
