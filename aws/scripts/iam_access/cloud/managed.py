"""AWS managed policies, read once per run whatever the number of accounts."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from iam_access.cloud.documents import parsed
from iam_access.cloud.errors import Call, CallError, CloudError
from iam_access.cloud.hints import ABSENT, ask, explain
from iam_access.cloud.parallel import Once
from iam_access.model import permission
from iam_access.snapshot import ManagedDocument, Snapshot

PAGE_SIZE = 1_000

# What IAM answers for an ARN that is none, or that it does not know.
_NO_SUCH_POLICY = ABSENT | {"InvalidInput", "ValidationError", "ParamValidationError"}


class ManagedPolicyDocuments:
    """AWS managed policies: their documents by ARN, and the list of all, for the accounts of a run.

    They are the same in every account of a partition, and the partition is part of the ARN.
    Of several threads that want one of them, one reads and the others wait for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._documents: dict[str, Once[ManagedDocument | None]] = {}
        self._attachable: dict[str, Once[frozenset[str]]] = {}

    def read(self, call: Call, arns: Iterable[str]) -> Mapping[str, ManagedDocument | None]:
        """The default version of each policy, None for one that does not exist.

        Asks the account that `call` reaches for what no account was asked for yet: two calls
        per policy. Raises CloudError; the next account that needs the policy then asks again.
        """
        with self._lock:
            entries = {arn: self._documents.setdefault(arn, Once()) for arn in sorted(arns)}
        # First what no other thread is reading just now, so that accounts share the work.
        for wait in (False, True):
            for arn, entry in entries.items():
                entry.fill(partial(_read, call, arn), wait=wait)
        return {arn: entry.value for arn, entry in entries.items()}

    def added_to(self, snapshot: Snapshot, call: Call, arns: Iterable[str]) -> Snapshot:
        """The snapshot with the documents of these policies as well; asks as `read` does."""
        more = frozenset(arns) - snapshot.managed.keys()
        if not more:
            return snapshot
        return replace(snapshot, managed={**snapshot.managed, **self.read(call, more)})

    def attachable(self, call: Call, partition: str) -> frozenset[str]:
        """ARNs of the policies that can be attached in the partition that `call` reaches.

        One call per 1,000 policies, once for all accounts of the partition. Raises CloudError; the
        next account then asks again.
        """
        with self._lock:
            listed = self._attachable.setdefault(partition, Once())
        listed.fill(partial(_list, call))
        return listed.value or frozenset()


def _list(call: Call) -> frozenset[str]:
    """See https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicies.html."""
    found: list[str] = []
    params: Mapping[str, Any] = {"Scope": "AWS", "MaxItems": PAGE_SIZE}
    while True:
        page = ask(call, "iam", "list_policies", params)
        found += [each["Arn"] for each in page.get("Policies", ()) if each["IsAttachable"]]
        if not page.get("IsTruncated"):
            return frozenset(found)
        params = {**params, "Marker": page["Marker"]}


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
        failure = explain(error, permission("iam", operation), params)
        raise CloudError(failure.code, failure.message, failure.hint) from error
    document = answer["PolicyVersion"]["Document"]
    return ManagedDocument(version, parsed(document, f"version {version} of {arn}"))
