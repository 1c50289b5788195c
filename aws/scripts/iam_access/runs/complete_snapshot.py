"""Accounts with every policy that counts in them: what it takes to judge who may do what."""

from dataclasses import replace

from iam_access.cloud.errors import Call
from iam_access.cloud.managed import ManagedPolicyDocuments
from iam_access.cloud.reader import read_snapshot
from iam_access.model import Account
from iam_access.simulation.account_policies import documents_needed
from iam_access.snapshot import Snapshot


def completed(call: Call, snapshot: Snapshot, cache: ManagedPolicyDocuments) -> Snapshot:
    """The snapshot with the documents of all AWS managed policies that count in the account.

    Asks as `ManagedPolicyDocuments.read` does; raises CloudError.
    """
    wanted = documents_needed(snapshot) - snapshot.managed.keys()
    return replace(snapshot, managed={**snapshot.managed, **cache.read(call, wanted)})


def read_complete(call: Call, account: Account, cache: ManagedPolicyDocuments) -> Snapshot:
    """The account as it is now, completed; asks as `read_snapshot` and `completed` do."""
    return completed(call, read_snapshot(call, account, (), cache), cache)
