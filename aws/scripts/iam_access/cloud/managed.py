"""Documents of AWS managed policies, read once per run whatever the number of accounts."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from iam_access.cloud.documents import parsed
from iam_access.cloud.errors import Call, CallError, CloudError
from iam_access.cloud.hints import ABSENT, explain
from iam_access.snapshot import ManagedDocument

# What IAM answers for an ARN that is none, or that it does not know.
_NO_SUCH_POLICY = frozenset({ABSENT, "InvalidInput", "ValidationError", "ParamValidationError"})


@dataclass(slots=True)
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    known: bool = False
    document: ManagedDocument | None = None


class ManagedPolicyDocuments:
    """AWS managed policies by ARN, shared by the accounts of a run.

    They are the same in every account of a partition, and the partition is part of the ARN.
    Of several threads that want one policy, one reads and the others wait for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def read(self, call: Call, arns: Iterable[str]) -> Mapping[str, ManagedDocument | None]:
        """The default version of each policy, None for one that does not exist.

        Asks the account that `call` reaches for what no account was asked for yet: two calls
        per policy. Raises CloudError; the policy is then asked for again by whoever is next.
        """
        with self._lock:
            entries = {arn: self._entries.setdefault(arn, _Entry()) for arn in sorted(arns)}
        # First what nobody else is reading just now, so that accounts share the work.
        for wait in (False, True):
            for arn, entry in entries.items():
                _fill(entry, call, arn, wait=wait)
        return {arn: entry.document for arn, entry in entries.items()}


def _fill(entry: _Entry, call: Call, arn: str, *, wait: bool) -> None:
    """Read the policy unless it is known, or another thread is at it and we do not `wait`."""
    if entry.known or not entry.lock.acquire(blocking=wait):
        return
    try:
        if not entry.known:
            entry.document = _read(call, arn)
            entry.known = True
    finally:
        entry.lock.release()


def _read(call: Call, arn: str) -> ManagedDocument | None:
    params = {"PolicyArn": arn}
    operation = "get_policy"
    try:
        version = str(call(operation, params)["Policy"]["DefaultVersionId"])
        params = {"PolicyArn": arn, "VersionId": version}
        operation = "get_policy_version"
        answer = call(operation, params)
    except CallError as error:
        if error.code in _NO_SUCH_POLICY:
            return None
        failure = explain(error, operation, params)
        raise CloudError(failure.code, failure.message, failure.hint) from error
    document = answer["PolicyVersion"]["Document"]
    return ManagedDocument(version, parsed(document, f"version {version} of {arn}"))
