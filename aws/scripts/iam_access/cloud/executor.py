"""Carries out the changes about one account, one call after the other."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from iam_access.cloud import hints
from iam_access.cloud.client import INTERRUPTED, Answer, CallError, Clients
from iam_access.cloud.retry import NO_LIMITS, SETTLE_SECONDS, Sender, SharedLimits
from iam_access.model import (
    ApiCall,
    Change,
    Failure,
    Outcome,
    Phase,
    ResourceId,
    Status,
)
from iam_access.plan.confirmation import text_at

# How many tags, or keys of tags, one call takes:
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagUser.html
MERGE_LIMIT = 50


# What no plan has, but a plan file of others may.
IN_A_CIRCLE = Failure(
    "InACircle",
    "it waits for a change that waits for it",
    "make a new plan, which says what cannot be changed at once",
)


@dataclass(frozen=True, slots=True)
class CallPart:
    """One call of one change; `change` is the change's place in the sequence of all."""

    change: int
    call: ApiCall


@dataclass(frozen=True, slots=True)
class BatchedCall:
    """What is sent as one call: parts of several changes that differ only in what is merged."""

    parts: tuple[CallPart, ...]

    @property
    def call(self) -> ApiCall:
        """The one call that makes all parts."""
        return _merged([part.call for part in self.parts])


def steps_of(changes: Sequence[Change]) -> tuple[BatchedCall, ...]:
    """Every call of every change, by phase and then as given; merged where calls allow it."""
    parts = [CallPart(index, call) for index, change in enumerate(changes) for call in change.calls]
    parts.sort(key=lambda part: part.call.phase)
    groups: list[list[CallPart]] = []
    open_groups: dict[str, list[CallPart]] = {}
    previous: CallPart | None = None
    for part in parts:
        # A call never overtakes an earlier one of its own change.
        first = previous is None or (previous.change, previous.call.phase) != (
            part.change,
            part.call.phase,
        )
        previous = part
        key = _merge_key(part.call) if first else None
        group = open_groups.get(key) if key else None
        if group is not None and _fits([*group, part]):
            group.append(part)
            continue
        groups.append([part])
        if key:
            open_groups[key] = groups[-1]
    return tuple(BatchedCall(tuple(group)) for group in groups)


def _merge_key(call: ApiCall) -> str | None:
    """Equal for calls that may be sent as one; None for a call that stays alone."""
    if call.merge is None or call.taken or call.confirm is not None or call.completion is not None:
        return None
    common = {name: value for name, value in call.params.items() if name != call.merge}
    identity = [call.phase, *call.target, call.operation, call.merge, call.absent_is_done, common]
    return json.dumps(identity, sort_keys=True)


def _fits(group: Sequence[CallPart]) -> bool:
    call = _merged([part.call for part in group])
    return call.merge is None or len(call.params[call.merge]) <= MERGE_LIMIT


def _merged(calls: Sequence[ApiCall]) -> ApiCall:
    first = calls[0]
    if len(calls) == 1 or first.merge is None:
        return first
    items: list[Any] = []
    for call in calls:
        items.extend(item for item in call.params[first.merge] if item not in items)
    return replace(first, params={**first.params, first.merge: items})


def _with_taken(call: ApiCall, answers: Mapping[str, Answer]) -> ApiCall:
    """The call with the values that earlier answers have. Raises CallError if one is not there."""
    found = {}
    for each in call.taken:
        value = text_at(answers.get(each.operation, {}), each.path)
        if value is None:
            raise CallError(
                "AnswerLost",
                f"the answer of {each.operation} does not say what {each.parameter} is",
                "run the same command again: it finds what was made",
            )
        found[each.parameter] = value
    return replace(call, params={**call.params, **found}) if found else call


_BOOKKEEPING = frozenset({Phase.CLAIM, Phase.RELEASE})


@dataclass(slots=True)
class _State:
    """How far a change has come.

    `left` counts its calls that are not made yet, `ahead` those of them that other changes wait
    for, and `early` those that changes `between` wait for. `absent`: what it is to remove was gone
    already. `answers` are to its calls, by operation.
    """

    change: Change
    left: int
    ahead: int
    early: int
    absent: bool = False
    outcome: Outcome | None = None
    answers: dict[str, Answer] = field(default_factory=dict)

    def keeps_waiting(self, change: Change) -> bool:
        """Whether this one has to come further before a change that waits for it."""
        left = self.early if change.id in self.change.between else self.ahead
        return self.outcome is None and left > 0


class Execution:
    """Carries out the changes about one account; `outcomes` are right at any time.

    `account` is the id of that account; `clients` reach it and the other accounts that changes
    need calls in. `limits` are shared with other executions. `sleep` waits some seconds and may
    return early when `stopped` turns true; then no further call is made. `on_outcome` gets the
    outcome of each change when it is settled. `rests_on_others` tells that this run has changed
    accounts whose users and roles these changes may name, and that may not be visible yet.
    """

    def __init__(
        self,
        account: str,
        changes: Sequence[Change],
        clients: Clients,
        *,
        limits: SharedLimits = NO_LIMITS,
        sleep: Callable[[float], object] = time.sleep,
        stopped: Callable[[], bool] = lambda: False,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
        rests_on_others: bool = False,
    ) -> None:
        self._account = account
        self._patience_for_others = SETTLE_SECONDS if rests_on_others else 0.0
        self._changes = tuple(changes)
        self._states = [
            _State(
                change,
                left=len(change.calls),
                ahead=sum(call.phase is not Phase.RELEASE for call in change.calls),
                early=sum(call.phase is Phase.RECLAIM for call in change.calls),
            )
            for change in self._changes
        ]
        self._by_id = {state.change.id: state for state in self._states}
        self._sender = Sender(clients, limits=limits, sleep=sleep, stopped=stopped)
        self._stopped = stopped
        self._on_outcome = on_outcome
        self._created: dict[ResourceId, float] = {}
        self._interrupted = False
        self._lost: dict[str, Failure] = {}

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """One per change, in their order. What is not settled yet counts as interrupted."""
        return tuple(
            state.outcome or Outcome(state.change, Status.SKIPPED, INTERRUPTED)
            for state in self._states
        )

    def run(self) -> tuple[Outcome, ...]:
        """Make all calls by phase, those of a change after those of the changes it needs.

        All calls of a phase are made before the next phase begins, which may depend on the room
        that they make. Refusals of AWS become outcomes. Anything else propagates,
        KeyboardInterrupt included.
        """
        held: tuple[BatchedCall, ...] = ()
        for _, steps in groupby(steps_of(self._changes), key=lambda step: step.call.phase):
            held = self._passes((*held, *steps))
        for change in dict.fromkeys(part.change for step in held for part in step.parts):
            self._settle(self._states[change], Status.SKIPPED, IN_A_CIRCLE)
        for state in self._states:
            if state.outcome is None:
                self._settle(state, Status.DONE)
        return self.outcomes

    def _passes(self, steps: tuple[BatchedCall, ...]) -> tuple[BatchedCall, ...]:
        """Make all that can be made, in as many passes as it takes; return what still waits."""
        while (held := self._pass(steps)) != steps:
            steps = held
        return held

    def _pass(self, steps: Iterable[BatchedCall]) -> tuple[BatchedCall, ...]:
        """Make what can be made, in order; return what waits for changes not settled yet."""
        held: list[BatchedCall] = []
        waiting: set[int] = set()
        for step in steps:
            ready: list[CallPart] = []
            kept: list[CallPart] = []
            for part in step.parts:
                if not self._alive(part):
                    continue
                if part.change in waiting or self._needs_pending(part):
                    waiting.add(part.change)
                    kept.append(part)
                else:
                    ready.append(part)
            if kept:
                held.append(BatchedCall(tuple(kept)))
            if ready:
                self._make(tuple(ready))
        return tuple(held)

    def _alive(self, part: CallPart) -> bool:
        """Whether the call is still to be made; settles a change that cannot be carried on."""
        state = self._states[part.change]
        if state.outcome is None:
            failure = self._ended(part.call) or self._unmet_need(part)
            if failure is not None:
                self._settle(state, Status.SKIPPED, failure)
        return state.outcome is None

    def _ended(self, call: ApiCall) -> Failure | None:
        """Why the call is not to be made, if so."""
        self._interrupted = self._interrupted or self._stopped()
        if self._interrupted:
            return INTERRUPTED
        return self._lost.get(call.account) or self._sender.stalled(call)

    def _unmet_need(self, part: CallPart) -> Failure | None:
        for need in sorted(self._changes[part.change].call_waits_for(part.call)):
            outcome = self._by_id[need].outcome if need in self._by_id else None
            if outcome is not None and outcome.failure is not None:
                return Failure(
                    "NeedNotMet",
                    f"it needs {outcome.change.name} ({need.kind}), which was not carried out: "
                    f"{outcome.failure.message}",
                    "fix that first, then run the same command again",
                )
        return None

    def _needs_pending(self, part: CallPart) -> bool:
        change = self._changes[part.change]
        needs = change.call_waits_for(part.call)
        states = (self._by_id[need] for need in needs if need in self._by_id)
        return any(state.keeps_waiting(change) for state in states)

    def _make(self, parts: tuple[CallPart, ...]) -> None:
        """Make one call for all parts, and note what it means for their changes."""
        states = [self._states[part.change] for part in parts]
        call = BatchedCall(parts).call
        try:
            call = _with_taken(call, states[0].answers)
            answer = self._sender.send(call, self._patience(state.change for state in states))
        except CallError as error:
            failure = self._failure(error, call)
            for state in states:
                self._settle(state, Status.FAILED, failure)
            if (
                not self._sender.is_open(call.target)
                or failure.code in hints.EXPIRED | hints.UNREACHABLE
            ):
                self._lost[call.account] = replace(
                    failure, message=f"not tried any more: {failure.message}"
                )
            return
        for state in states:
            if answer is not None:
                state.answers[call.operation] = answer
            self._done(state, call, absent=answer is None)

    def _failure(self, error: CallError, call: ApiCall) -> Failure:
        """Why a call failed; of one in another account than the change is about, with its id."""
        failure = hints.explain(error, call.permission, call.params)
        if call.account == self._account:
            return failure
        return replace(failure, message=f"in account {call.account}: {failure.message}")

    def _done(self, state: _State, call: ApiCall, *, absent: bool) -> None:
        state.left -= 1
        state.ahead -= call.phase is not Phase.RELEASE
        state.early -= call.phase is Phase.RECLAIM
        # The last call counts, other than tags of ownership.
        if call.phase not in _BOOKKEEPING:
            state.absent = absent
        if call.operation.startswith("create_"):
            self._created[state.change.id] = self._sender.slept
        if state.left == 0:
            self._settle(state, Status.ALREADY if state.absent else Status.DONE)

    def _settle(self, state: _State, status: Status, failure: Failure | None = None) -> None:
        state.outcome = Outcome(state.change, status, failure)
        self._on_outcome(state.outcome)

    def _patience(self, changes: Iterable[Change]) -> float:
        """Until how much was slept to wait for what these changes rest on and this run made."""
        rests_on = {id_ for change in changes for id_ in (change.id, *change.needs)}
        made = [self._created[id_] for id_ in rests_on if id_ in self._created]
        return max(made) + SETTLE_SECONDS if made else self._patience_for_others
