"""Carries out the changes about one account, one call after the other."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from iam_access.cloud import hints
from iam_access.cloud.errors import (
    INTERRUPTED,
    Answer,
    Call,
    CallError,
    Clients,
    CloudError,
    Params,
)
from iam_access.cloud.limits import SharedLimits
from iam_access.model import (
    ApiCall,
    CallTarget,
    Change,
    Completion,
    Failure,
    Outcome,
    Phase,
    Read,
    ResourceId,
    Status,
    permission,
)
from iam_access.plan.confirmation import holds, parameters, text_at

# How many tags, or keys of tags, one call takes:
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagUser.html
MERGE_LIMIT = 50


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
    if call.merge is None or call.confirm is not None or call.completion is not None:
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


# IAM is eventually consistent; nothing is waited for longer than this after it was created.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
SETTLE_SECONDS = 60.0
_CONFIRM_SECONDS = 15.0
# How long one call is waited for that AWS carries out later: assignments of IAM Identity Center
# mostly take less than a minute.
COMPLETION_SECONDS = 300.0
_LONGEST_PAUSE = 15.0
_BUSY_RETRIES = 4

_PASSING = hints.BUSY | {hints.STILL_USED}
# A status that could not be read this time.
_UNREAD = hints.THROTTLED | hints.UNANSWERED | hints.BUSY
_BOOKKEEPING = frozenset({Phase.CLAIM, Phase.RELEASE})


_NO_LIMITS = SharedLimits()


@dataclass(slots=True)
class _State:
    """How far a change has come.

    `left` counts its calls that are not made yet, `ahead` those among them that others wait for.
    `absent`: what it is to remove was gone already.
    """

    change: Change
    left: int
    ahead: int
    absent: bool = False
    outcome: Outcome | None = None


class Execution:
    """Carries out the changes about one account; `outcomes` tell how far it came, at any time.

    `account` is the id of that account; `clients` reach it and the other accounts that changes
    need calls in. `limits` are shared with other executions. `sleep` waits some seconds and may
    return early when `stopped` turns true; then no further call is made. `on_outcome` gets the
    outcome of each change when it is settled.
    """

    def __init__(
        self,
        account: str,
        changes: Sequence[Change],
        clients: Clients,
        *,
        limits: SharedLimits = _NO_LIMITS,
        sleep: Callable[[float], object] = time.sleep,
        stopped: Callable[[], bool] = lambda: False,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self._account = account
        self._changes = tuple(changes)
        self._states = [
            _State(
                change,
                left=len(change.calls),
                ahead=sum(call.phase is not Phase.RELEASE for call in change.calls),
            )
            for change in self._changes
        ]
        self._by_id = {state.change.id: state for state in self._states}
        self._clients = clients
        self._open: dict[CallTarget, Call] = {}
        self._limits = limits
        self._sleep = sleep
        self._stopped = stopped
        self._on_outcome = on_outcome
        self._slept = 0.0
        self._created: dict[ResourceId, float] = {}
        self._interrupted = False
        self._lost: dict[str, Failure] = {}
        self._stalled: dict[CallTarget, Failure] = {}

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """One per change, in their order. What is not settled yet counts as interrupted."""
        return tuple(
            state.outcome or Outcome(state.change, Status.SKIPPED, INTERRUPTED)
            for state in self._states
        )

    def run(self) -> tuple[Outcome, ...]:
        """Make all calls by phase, those of a change after those of the changes it needs.

        What waits for others of its phase is made before the next phase begins, which may depend
        on the room it makes. AWS's refusals become outcomes. Anything else propagates,
        KeyboardInterrupt included; `outcomes` is right all the same.
        """
        held: tuple[BatchedCall, ...] = ()
        for _, steps in groupby(steps_of(self._changes), key=lambda step: step.call.phase):
            held = self._passes((*held, *steps))
        while held:
            # Needs that form a circle: the phases alone decide.
            self._make(held[0].parts)
            held = self._passes(held[1:])
        for state in self._states:
            if state.outcome is None:
                self._settle(state, Status.DONE)
        return self.outcomes

    def _passes(self, steps: tuple[BatchedCall, ...]) -> tuple[BatchedCall, ...]:
        """Make what can be made, and what can be made then; gives back what still waits."""
        while (held := self._pass(steps)) != steps:
            steps = held
        return held

    def _pass(self, steps: Iterable[BatchedCall]) -> tuple[BatchedCall, ...]:
        """Make what can be made, in order; gives back what waits for changes not settled yet."""
        held: list[BatchedCall] = []
        waiting: set[int] = set()
        for step in steps:
            ready: list[CallPart] = []
            kept: list[CallPart] = []
            for part in step.parts:
                if not self._alive(part):
                    continue
                if part.change in waiting or self._needs_pending(part.change):
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
            failure = self._ended(part.call) or self._unmet_need(state.change)
            if failure is not None:
                self._settle(state, Status.SKIPPED, failure)
        return state.outcome is None

    def _ended(self, call: ApiCall) -> Failure | None:
        """Why the call is not to be made, if so."""
        self._interrupted = self._interrupted or self._stopped()
        if self._interrupted:
            return INTERRUPTED
        stalled = self._stalled.get(call.target) if call.completion is not None else None
        return self._lost.get(call.account, stalled)

    def _unmet_need(self, change: Change) -> Failure | None:
        for need in sorted(change.waits_for):
            outcome = self._by_id[need].outcome if need in self._by_id else None
            if outcome is not None and outcome.failure is not None:
                return Failure(
                    "NeedNotMet",
                    f"it needs {outcome.change.name} ({need.kind}), which was not carried out: "
                    f"{outcome.failure.message}",
                    "mend that first, then run the same command again",
                )
        return None

    def _needs_pending(self, index: int) -> bool:
        needs = self._states[index].change.waits_for
        states = (self._by_id[need] for need in needs if need in self._by_id)
        return any(state.outcome is None and state.ahead for state in states)

    def _make(self, parts: tuple[CallPart, ...]) -> None:
        """Send one call for all parts and note what that means for their changes."""
        call = BatchedCall(parts).call
        states = [self._states[part.change] for part in parts]
        try:
            with self._outstanding(call):
                absent = self._carry_out(call, self._patience(state.change for state in states))
        except CallError as error:
            failure = self._failure(error, call)
            for state in states:
                self._settle(state, Status.FAILED, failure)
            if call.target not in self._open or failure.code in hints.EXPIRED | hints.UNREACHABLE:
                self._lost[call.account] = replace(
                    failure, message=f"not tried any more: {failure.message}"
                )
            return
        for state in states:
            self._done(state, call, absent=absent)

    def _failure(self, error: CallError, call: ApiCall) -> Failure:
        """Why a call failed; of one in another account than the change is about, with its id."""
        failure = hints.explain(error, call.permission, call.params)
        if call.account == self._account:
            return failure
        return replace(failure, message=f"in account {call.account}: {failure.message}")

    def _done(self, state: _State, call: ApiCall, *, absent: bool) -> None:
        state.left -= 1
        state.ahead -= call.phase is not Phase.RELEASE
        # A change is about its last call; tags only tell who owns what it is about.
        if call.phase not in _BOOKKEEPING:
            state.absent = absent
        if call.operation.startswith("create_"):
            self._created[state.change.id] = self._slept
        if state.left == 0:
            self._settle(state, Status.ALREADY if state.absent else Status.DONE)

    def _settle(self, state: _State, status: Status, failure: Failure | None = None) -> None:
        state.outcome = Outcome(state.change, status, failure)
        self._on_outcome(state.outcome)

    @contextmanager
    def _outstanding(self, call: ApiCall) -> Iterator[None]:
        """Within the limits on calls that AWS has yet to carry out. Raises CallError."""
        if call.completion is None:
            yield
            return
        tries = 0
        while not self._limits.begin(call.target, call.operation):
            self._pause(_backoff(tries))
            tries += 1
        try:
            yield
        finally:
            self._limits.end(call.target, call.operation)

    def _carry_out(self, call: ApiCall, patience: float) -> bool:
        """Make one call; true when what it removes was gone. Raises CallError.

        A call that AWS carries out later, and refuses while the same is under way, is confirmed and
        sent again in turn, until one of them succeeds.
        """
        send = self._client(call.target)
        visible = 0.0 if call.absent_is_done else patience
        until = self._slept + (COMPLETION_SECONDS if call.completion is not None else 0.0)
        tries = 0
        while True:
            try:
                answer = self._send(send, call.operation, call.params, visible)
            except CallError as error:
                if call.absent_is_done and error.code in hints.ABSENT:
                    return True
                if call.confirm is None or error.code not in call.confirm.codes:
                    raise
                if self._holds(call):
                    return call.absent_is_done
                if self._slept >= until:
                    raise
                self._pause(min(_backoff(tries), until - self._slept))
                tries += 1
            else:
                if call.completion is not None:
                    self._complete(call, call.completion, answer)
                return False

    def _complete(self, call: ApiCall, completion: Completion, accepted: Answer) -> None:
        """Wait until AWS has carried out a call that it has accepted. Raises CallError."""
        until = self._slept + COMPLETION_SECONDS
        latest, status = accepted, text_at(accepted, completion.status)
        tries = 0
        while status is None or status in completion.going:
            if self._slept >= until:
                raise self._stall(call)
            self._pause(min(_backoff(tries), until - self._slept))
            tries += 1
            try:
                latest = self._read_status(call, completion.read, accepted, until)
            except CallError as error:
                if error.code in _UNREAD:
                    continue
                raise
            status = text_at(latest, completion.status) or ""
        if status not in completion.done:
            reason = text_at(latest, completion.reason) if completion.reason else None
            raise CallError(
                "NotCarriedOut",
                f"AWS accepted it and then did not carry it out ({status or 'no status'})"
                f"{f': {reason}' if reason else ''}",
                "mend what AWS says, then run the same command again",
            )

    def _read_status(self, call: ApiCall, read: Read, accepted: Answer, patience: float) -> Answer:
        params = parameters(read, accepted)
        if params is None:
            raise CallError(
                "NotCarriedOut",
                f"AWS accepted it without what {permission(read.service, read.operation)} asks for",
                "run the same command again: it finds what was accepted",
            )
        send = self._client(CallTarget(call.account, read.service, read.region))
        return self._send(send, read.operation, params, patience)

    def _stall(self, call: ApiCall) -> CallError:
        """The error of a call that takes AWS too long; no further one is begun that may, too."""
        error = CallError(
            "StillInProgress",
            f"AWS accepted it and had not carried it out after {COMPLETION_SECONDS:.0f} seconds",
            "run the same command again later: it finds what was accepted",
        )
        self._stalled[call.target] = replace(
            error.failure, message="not begun: AWS takes too long for another call like it"
        )
        return error

    def _holds(self, call: ApiCall) -> bool:
        """Whether a call that failed had been carried out before."""
        until = self._slept + _CONFIRM_SECONDS

        def ask(read: Read, params: Params) -> Answer | None:
            send = self._client(CallTarget(call.account, read.service, read.region))
            try:
                return self._send(send, read.operation, params, 0.0 if read.absent else until)
            except CallError as error:
                if error.code in read.absent:
                    return None
                raise

        try:
            return call.confirm is not None and holds(call.confirm, ask)
        except CallError:
            return False

    def _send(self, send: Call, operation: str, params: Params, patience: float) -> Answer:
        """One call, repeated while what it concerns settles or is being changed by others.

        `patience` limits how long the run may have slept in all while something is not visible.
        """
        tries = 0
        while True:
            try:
                return send(operation, params)
            except CallError as error:
                pause = _backoff(tries)
                if _not_visible(error):
                    pause = min(pause, patience - self._slept)
                elif error.code not in _PASSING or tries >= _BUSY_RETRIES:
                    raise
                if pause <= 0:
                    raise
                tries += 1
                self._pause(pause)

    def _pause(self, seconds: float) -> None:
        """Sleep; raises CallError where the run is to end."""
        self._slept += seconds
        self._sleep(seconds)
        if self._stopped():
            raise CallError(INTERRUPTED.code, INTERRUPTED.message, INTERRUPTED.hint)

    def _client(self, target: CallTarget) -> Call:
        """The calls of a service in an account; raises CallError where it cannot be reached."""
        if target not in self._open:
            try:
                self._open[target] = self._clients(target)
            except CloudError as error:
                raise CallError(error.code, error.message, error.hint) from error
        return self._open[target]

    def _patience(self, changes: Iterable[Change]) -> float:
        """Until how much was slept to wait for what these changes rest on and this run made."""
        rests_on = {id_ for change in changes for id_ in (change.id, *change.needs)}
        made = [self._created[id_] for id_ in rests_on if id_ in self._created]
        return max(made) + SETTLE_SECONDS if made else 0.0


def _backoff(tries: int) -> float:
    """Seconds to wait after so many tries."""
    return min(2.0**tries, _LONGEST_PAUSE)


def _not_visible(error: CallError) -> bool:
    """Something this call names is unknown to IAM, or not known everywhere yet."""
    if error.code == "MalformedPolicyDocument":
        return "invalid principal" in error.message.lower()
    return error.code in hints.ABSENT
