"""Makes one call: within shared limits, retried, confirmed where its answer was lost, waited for.

Before any of this, botocore has retried throttled calls and lost connections: see `sessions`.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from iam_access.cloud import hints
from iam_access.cloud.client import (
    INTERRUPTED,
    Answer,
    Call,
    CallError,
    Clients,
    CloudError,
    Params,
)
from iam_access.kinds.kind import SharedLimit
from iam_access.model import ApiCall, CallTarget, Completion, Failure, Read, permission
from iam_access.plan.confirmation import holds, parameters, text_at


class SharedLimits:
    """Counts what is in use of the limits, for all threads of a run. `clock` returns seconds."""

    def __init__(
        self, limits: Iterable[SharedLimit] = (), *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = tuple(dict.fromkeys(limits))
        self._clock = clock
        self._lock = threading.Lock()
        self._next: dict[tuple[SharedLimit, CallTarget], float] = {}
        self._outstanding: Counter[tuple[SharedLimit, CallTarget]] = Counter()

    def paced(
        self,
        target: CallTarget,
        call: Call,
        *,
        sleep: Callable[[float], object],
        stopped: Callable[[], bool],
    ) -> Call:
        """The calls of a target, each begun when its limits allow; `call` itself without limits.

        A call that would have to wait is not made once `stopped`.
        """
        if not any(limit.service == target.service and limit.per_second for limit in self._limits):
            return call

        def paced(operation: str, params: Params) -> Answer:
            pause = self._reserve(target, operation)
            if pause > 0:
                sleep(pause)
                if stopped():
                    raise CallError(INTERRUPTED.code, INTERRUPTED.message, INTERRUPTED.hint)
            return call(operation, params)

        return paced

    def begin(self, target: CallTarget, operation: str) -> bool:
        """Count a call as outstanding; False, and not counted, where a limit is reached."""
        keys = [(limit, target) for limit in self._of(target, operation) if limit.outstanding]
        with self._lock:
            if any(self._outstanding[key] >= (key[0].outstanding or 0) for key in keys):
                return False
            self._outstanding.update(keys)
            return True

    def end(self, target: CallTarget, operation: str) -> None:
        """Count a call for which `begin` returned True as outstanding no longer."""
        keys = [(limit, target) for limit in self._of(target, operation) if limit.outstanding]
        with self._lock:
            self._outstanding.subtract(keys)

    def _reserve(self, target: CallTarget, operation: str) -> float:
        """The seconds to wait before a call, whose turn is reserved."""
        pause = 0.0
        with self._lock:
            now = self._clock()
            for limit in self._of(target, operation):
                if limit.per_second:
                    at = max(now, self._next.get((limit, target), now))
                    self._next[limit, target] = at + 1 / limit.per_second
                    pause = max(pause, at - now)
        return pause

    def _of(self, target: CallTarget, operation: str) -> list[SharedLimit]:
        return [
            limit
            for limit in self._limits
            if limit.service == target.service
            and (not limit.operations or operation in limit.operations)
        ]


NO_LIMITS = SharedLimits()


# IAM is eventually consistent; nothing is waited for longer than this after it was created.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
SETTLE_SECONDS = 60.0
_CONFIRM_SECONDS = 15.0
# How long AWS may take for one call that it carries out later. An assignment of IAM Identity
# Center mostly takes less than a minute.
COMPLETION_SECONDS = 300.0
_LONGEST_PAUSE = 15.0
_BUSY_RETRIES = 4

_PASSING = hints.BUSY | {hints.STILL_USED}
# A status that could not be read this time.
_UNREAD = hints.THROTTLED | hints.UNANSWERED | hints.BUSY


class Sender:
    """Makes the calls of one `Execution`, from which the arguments are.

    `slept` is how many seconds it has slept, in all.
    """

    def __init__(
        self,
        clients: Clients,
        *,
        limits: SharedLimits = NO_LIMITS,
        sleep: Callable[[float], object] = time.sleep,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.slept = 0.0
        self._clients = clients
        self._open: dict[CallTarget, Call] = {}
        self._limits = limits
        self._sleep = sleep
        self._stopped = stopped
        self._failures: dict[CallTarget, Failure] = {}

    def send(self, call: ApiCall, patience: float) -> Answer | None:
        """Make one call; the answer, or None when what it removes was gone. Raises CallError.

        `patience` bounds `slept` while something that the call names is not visible yet.
        """
        with self._outstanding(call):
            return self._carry_out(call, patience)

    def is_open(self, target: CallTarget) -> bool:
        """Whether the target has been reached."""
        return target in self._open

    def stalled(self, call: ApiCall) -> Failure | None:
        """Why a call that AWS carries out later is not to be begun, if so."""
        return self._failures.get(call.target) if call.completion is not None else None

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

    def _carry_out(self, call: ApiCall, patience: float) -> Answer | None:
        """As `send`.

        A call that AWS carries out later, and refuses while the same is under way, is confirmed and
        sent again in turn, until one of them succeeds.
        """
        send = self._client(call.target)
        visible = 0.0 if call.absent_is_done else patience
        is_new = bool(call.taken)
        until = self.slept + (COMPLETION_SECONDS if call.completion is not None else 0.0)
        tries = 0
        while True:
            try:
                answer = self._repeat(send, call.operation, call.params, visible, is_new=is_new)
            except CallError as error:
                if call.absent_is_done and error.code in hints.ABSENT:
                    return None
                if call.confirm is None or error.code not in call.confirm.codes:
                    raise
                if self._holds(call):
                    return None if call.absent_is_done else {}
                if self.slept >= until:
                    raise
                self._pause(min(_backoff(tries), until - self.slept))
                tries += 1
            else:
                if call.confirm is not None and call.confirm.always:
                    self._prove(call)
                if call.completion is not None:
                    self._complete(call, call.completion, answer)
                return answer

    def _prove(self, call: ApiCall) -> None:
        """Raise CallError for a call that AWS answers well, and that made nothing."""
        until, tries = self.slept + _CONFIRM_SECONDS, 0
        while not self._holds(call):
            if self.slept >= until:
                raise CallError(
                    "NotCarriedOut",
                    "AWS answered as if it had made it, and what is there is something else, which "
                    "may have been made meanwhile",
                    "nothing more is done to it: run the same command again, which says what it is",
                )
            self._pause(_backoff(tries))
            tries += 1

    def _complete(self, call: ApiCall, completion: Completion, accepted: Answer) -> None:
        """Wait until AWS has carried out a call that it has accepted. Raises CallError."""
        until = self.slept + COMPLETION_SECONDS
        latest, status = accepted, text_at(accepted, completion.status)
        tries = 0
        while status is None or status in completion.going:
            if self.slept >= until:
                raise self._stall(call)
            self._pause(min(_backoff(tries), until - self.slept))
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
                "fix what AWS says, then run the same command again",
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
        return self._repeat(send, read.operation, params, patience)

    def _stall(self, call: ApiCall) -> CallError:
        """The error of a call that takes AWS too long; no further one like it is begun."""
        error = CallError(
            "StillInProgress",
            f"AWS accepted it and had not carried it out after {COMPLETION_SECONDS:.0f} seconds",
            "run the same command again later: it finds what was accepted",
        )
        self._failures[call.target] = replace(
            error.failure, message="not begun: AWS takes too long for another call like it"
        )
        return error

    def _holds(self, call: ApiCall) -> bool:
        """Whether a call that failed has been carried out all the same."""
        until = self.slept + _CONFIRM_SECONDS

        def ask(read: Read, params: Params) -> Answer | None:
            send = self._client(CallTarget(call.account, read.service, read.region))
            try:
                return self._repeat(send, read.operation, params, 0.0 if read.absent else until)
            except CallError as error:
                if error.code in read.absent:
                    return None
                raise

        try:
            return call.confirm is not None and holds(call.confirm, ask, call.params)
        except CallError:
            return False

    def _repeat(
        self, send: Call, operation: str, params: Params, patience: float, *, is_new: bool = False
    ) -> Answer:
        """One call, repeated while what it names is not visible yet or is being changed.

        `patience` bounds `slept` while it is not visible. Of something that `is_new`, that its tags
        are not known everywhere yet may be the reason of a denial.
        """
        tries = 0
        while True:
            try:
                return send(operation, params)
            except CallError as error:
                pause = _backoff(tries)
                if _not_visible(error) or (is_new and error.code in hints.DENIED):
                    pause = min(pause, patience - self.slept)
                elif error.code not in _PASSING or tries >= _BUSY_RETRIES:
                    raise
                if pause <= 0:
                    raise
                tries += 1
                self._pause(pause)

    def _pause(self, seconds: float) -> None:
        """Sleep; raises CallError where the run is to end."""
        self.slept += seconds
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


def _backoff(tries: int) -> float:
    """Seconds to wait after so many tries."""
    return min(2.0**tries, _LONGEST_PAUSE)


def _not_visible(error: CallError) -> bool:
    """Whether something that the call names is unknown to AWS, or not known everywhere yet."""
    if error.code in hints.MALFORMED:
        return "invalid principal" in error.message.lower()
    return error.code in hints.ABSENT
