"""Reads an account: IAM, and each further part when it is asked for.

`READERS` names the reader of each kind of part.
"""

import threading
from collections.abc import Callable, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from iam_access.cloud.bucket_reader import read_bucket, read_emptiness, read_public_block
from iam_access.cloud.client import Clients, CloudError
from iam_access.cloud.iam_reader import read_iam, read_other_entities
from iam_access.cloud.key_reader import read_key, read_stray_keys
from iam_access.cloud.parallel import Once
from iam_access.cloud.role_reader import read_roles
from iam_access.cloud.switch_reader import read_hub
from iam_access.kinds.bucket_facts import BlocksPublicPart, BucketPart, IsEmptyPart
from iam_access.kinds.key_facts import KeyPart, StrayKeysPart
from iam_access.kinds.role_facts import RolesPart
from iam_access.kinds.switch_facts import HubPart
from iam_access.kinds.trusted_elsewhere import OtherEntitiesPart
from iam_access.model import Account
from iam_access.snapshot import IamPart, IamState, Snapshot, SnapshotPart

# How many parts are read at the same time, so that no account is asked too much at once.
_AT_ONCE = 16

# Reads a part with the clients of a run. Raises CloudError.
PartReader = Callable[[Clients, Any], object]


class SharedParts:
    """Parts read in another account than the snapshot's, once for all snapshots that need them.

    Where several threads need a part, one reads it and the others wait.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[SnapshotPart[Any], Once[object]] = {}

    def get(self, part: SnapshotPart[Any], read: Callable[[], object]) -> object:
        """What `read` returns for the part; calls it once, and again after it raised."""
        with self._lock:
            entry = self._parts.setdefault(part, Once())
        entry.fill(read)
        return entry.value


def read_snapshot(
    account: Account,
    clients: Clients,
    needed: Callable[[Snapshot], Set[SnapshotPart[Any]]],
    shared: SharedParts,
) -> Snapshot:
    """The account: IAM, and the parts that are needed.

    `needed` names parts given what is read so far: first of an empty snapshot, whose parts are read
    at the same time as IAM, then until it names no new one. Parts in other accounts are read once
    for all that share them. IAM costs one call per 1,000 entities and one for the quotas. Raises
    CloudError.
    """
    snapshot = Snapshot(account.id, account.partition)
    iam = IamPart(account.id)
    wanted: Set[SnapshotPart[Any]] = {iam, *needed(snapshot)}
    while wanted:
        found = _read_all(wanted, account, clients, shared)
        state = found.pop(iam, None)
        if isinstance(state, IamState):
            snapshot = replace(
                snapshot,
                principals=state.principals,
                policies=state.policies,
                quotas=state.quotas,
            )
        snapshot = replace(snapshot, parts={**snapshot.parts, **found})
        wanted = needed(snapshot) - {iam, *snapshot.parts}
    return snapshot


def _read_all(
    parts: Set[SnapshotPart[Any]], account: Account, clients: Clients, shared: SharedParts
) -> dict[SnapshotPart[Any], object]:
    """What the reader of each part returns; several parts are read in parallel."""

    def read(part: SnapshotPart[Any]) -> object:
        if part.account == account.id:
            return _reader_of(part)(clients, part)
        try:
            return shared.get(part, partial(_reader_of(part), clients, part))
        except CloudError as error:
            message = f"in account {part.account}: {error.message}"
            raise CloudError(error.code, message, error.hint) from error

    ordered = sorted(parts, key=repr)
    if len(ordered) == 1:
        return {part: read(part) for part in ordered}
    with ThreadPoolExecutor(min(len(ordered), _AT_ONCE)) as pool:
        return dict(zip(ordered, pool.map(read, ordered), strict=True))


def _reader_of(part: SnapshotPart[Any]) -> PartReader:
    reader = READERS.get(type(part))
    if reader is None:
        raise LookupError(f"no reader for {part}; register one in iam_access.cloud.reader.READERS")
    return reader


READERS: dict[type[SnapshotPart[Any]], PartReader] = {
    IamPart: read_iam,
    RolesPart: read_roles,
    HubPart: read_hub,
    OtherEntitiesPart: read_other_entities,
    KeyPart: read_key,
    StrayKeysPart: read_stray_keys,
    BucketPart: read_bucket,
    IsEmptyPart: read_emptiness,
    BlocksPublicPart: read_public_block,
}
