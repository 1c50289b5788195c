"""Limits of AWS that all accounts of a run share, whatever account a call is about."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

from iam_access.cloud.client import INTERRUPTED, Answer, Call, CallError, Params
from iam_access.kinds.kind import SharedLimit
from iam_access.model import CallTarget


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
