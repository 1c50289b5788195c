"""Parts of an account beside its IAM: read when a file or something owned asks, and not else."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from iam_access.cli import commands
from iam_access.cloud.client import Clients
from iam_access.cloud.hints import ask
from iam_access.cloud.reader import READERS, SharedParts
from iam_access.cloud.sessions import Accounts
from iam_access.config.load import load
from iam_access.kinds import registered
from iam_access.kinds.base import AccessEntry, Expansion, FileEntry, Item, TeamInAccount
from iam_access.kinds.fields import Spec
from iam_access.kinds.kind import SharedLimit
from iam_access.kinds.managed_policy import CustomerManagedPolicies
from iam_access.model import CallTarget, Finding, Principal, PrincipalType, Resource, Severity
from iam_access.plan.planner import RunOptions
from iam_access.runs.apply import preview
from iam_access.runs.planning import applying
from iam_access.runs.run import Run
from iam_access.sandbox import FaultContext
from iam_access.snapshot import PartNotReadError, Snapshot, SnapshotPart
from tests.flow.fleet import DEPLOYER, LIVE, PROD, TEST, Files, Fleet, account, opened, text
from tests.flow.test_calls import READING

REGION = "eu-central-1"
TAG = "made-up-queues"


@dataclass(frozen=True, slots=True)
class Queues(SnapshotPart[tuple[str, ...]]):
    """The queues of one region of an account, by URL."""

    region: str


def read_queues(clients: Clients, part: Queues) -> tuple[str, ...]:
    call = clients(CallTarget(part.account, "sqs", part.region))
    return tuple(ask(call, "sqs", "list_queues", {}).get("QueueUrls", ()))


class QueuesSpec(Spec):
    """A region whose queues are wanted; of the account itself unless `account` names another."""

    region: str
    account: str | None = None


class QueueFolder:
    """Entries that tell the queues of a region in a finding."""

    folder = "queues"
    spec = QueuesSpec
    keys = None
    temporary = False

    def access(self, item: Item) -> Iterable[AccessEntry]:
        return ()

    def expand(self, entries: Sequence[FileEntry[QueuesSpec]], scope: TeamInAccount) -> Expansion:
        return Expansion(
            findings=tuple(
                Finding("left-out", Severity.NOTE, f"{part}: {scope.snapshot.part(part)}", "")
                for part in self.parts_asked(entries, scope)
            )
        )

    def parts_asked(
        self, entries: Sequence[FileEntry[QueuesSpec]], scope: TeamInAccount
    ) -> list[Queues]:
        return [
            Queues(entry.spec.account or scope.account.id, entry.spec.region) for entry in entries
        ]

    def documents(self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount) -> Iterable[str]:
        return ()

    def unproven(self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount) -> Iterable[str]:
        return ()


class QueueKind(CustomerManagedPolicies):
    """A kind that may own queues where a tag of the deployer role says so."""

    name = "queue"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        role = snapshot.principals.get(Principal(PrincipalType.ROLE, DEPLOYER))
        if role is not None and TAG in role.tags:
            yield Queues(snapshot.account_id, role.tags[TAG])

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        for part in self.parts_owned(snapshot):
            snapshot.part(part)
        return ()


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(READERS, Queues, read_queues)
    with registered(QueueKind(), QueueFolder()):
        yield


@contextmanager
def fleet_of(files: Files, *ids: str) -> Iterator[Fleet]:
    """A fleet whose deployer roles may list queues."""
    with opened(files, *map(account, ids)) as fleet:
        for id_ in ids:
            fleet.sandbox.backend(id_).put_role_policy(DEPLOYER, "queues", text("sqs:ListQueues"))
        yield fleet


def asking(files: Files, *entries: dict[str, str]) -> None:
    listed = ", ".join(
        "{" + ", ".join(f'{key}: "{value}"' for key, value in entry.items()) + "}"
        for entry in entries
    )
    files.write("queues/payments.yaml", f"queues: [{listed}]\n")


def test_what_nothing_asks_for_costs_no_call(queues: None, files: Files) -> None:
    files.team()
    with fleet_of(files, PROD) as fleet:
        for run in (fleet.apply("--all"), fleet.cleanup("--all")):
            assert (run.status, run.operations) == (0, READING)
        # What a team with an invalid file asks for is not known.
        asking(files, {"region": REGION})
        files.write("permanent-access/payments.yaml", "permanent-access: [oops]")
        assert fleet.cleanup("--all").operations == READING


def test_what_a_file_asks_for_costs_its_own_calls_once(queues: None, files: Files) -> None:
    files.team()
    asking(files, {"region": REGION}, {"region": "us-west-2"}, {"region": REGION})
    with fleet_of(files, PROD) as fleet:
        run = fleet.apply("--all", "--output", "json")
        assert run.codes == ["left-out"] * 2
        assert Counter(run.operations) - Counter(READING) == {"ListQueues": 2}
        assert run.operations.count("AssumeRole") == 1
        # An apply that verifies reads all of it again.
        again = fleet.apply("--all", "--verify")
        assert again.operations.count("ListQueues") == 4


def test_it_is_read_while_iam_is_read(queues: None, files: Files) -> None:
    files.team()
    asking(files, {"region": REGION})
    both = threading.Barrier(2)

    def together(call: FaultContext) -> None:
        if call.operation in ("GetAccountAuthorizationDetails", "ListQueues"):
            both.wait(timeout=60)

    with fleet_of(files, PROD) as fleet:
        fleet.sandbox.faults.append(together)
        assert fleet.apply("--all").status == 0


def test_what_may_be_owned_is_read_when_no_file_asks_any_more(queues: None, files: Files) -> None:
    files.team()
    with fleet_of(files, PROD) as fleet:
        fleet.admin().tag_role(RoleName=DEPLOYER, Tags=[{"Key": TAG, "Value": REGION}])
        for run in (
            fleet.apply("--all"),
            fleet.cleanup("--all"),
            fleet.run(commands.revoke, "--team", "payments"),
        ):
            assert run.operations == [*READING, "ListQueues"]
        # The same part is read once, for all that ask for it.
        asking(files, {"region": REGION})
        assert fleet.apply("--all").operations.count("ListQueues") == 1


def test_what_is_read_in_another_account_is_read_once_for_all(queues: None, files: Files) -> None:
    files.team(accounts={"prod": PROD, "test": TEST})
    files.team("hub", accounts={"hub": LIVE})
    asking(files, {"region": REGION, "account": LIVE})
    with fleet_of(files, PROD, TEST, LIVE) as fleet:
        run = fleet.apply("payments", "--output", "json")
        assert run.status == 0
        listed = [call.account_id for call in run.calls if call.operation == "ListQueues"]
        assert listed == [LIVE]
        assert Counter(run.operations) == {
            "AssumeRole": 3,
            "GetAccountAuthorizationDetails": 2,
            "GetAccountSummary": 2,
            "ListQueues": 1,
        }
        assert {call.account_id for call in run.calls if call.service == "iam"} == {PROD, TEST}
        # An account is verified by what is there afterwards.
        verified = fleet.apply("payments", "--verify")
        assert verified.operations.count("ListQueues") == 3
        assert verified.operations.count("AssumeRole") == 3


def test_a_part_that_cannot_be_read_fails_the_accounts_that_need_it(
    queues: None, files: Files
) -> None:
    files.team()
    files.team("platform", accounts={"tools": TEST})
    asking(files, {"region": REGION, "account": LIVE})
    with fleet_of(files, PROD, TEST) as fleet:
        run = fleet.apply("--all", "--output", "json")
        assert run.status == 2
        (failed,) = (each for each in run.json["accounts"] if each["failure"])
        assert failed["account"] == PROD
        assert LIVE in failed["failure"]["message"]
        assert {call.account_id for call in run.calls if call.service == "iam"} == {PROD, TEST}


def test_what_was_not_read_is_an_error_and_never_empty() -> None:
    with pytest.raises(PartNotReadError, match=REGION):
        Snapshot(PROD).part(Queues(PROD, REGION))
    assert Snapshot(PROD, parts={Queues(PROD, REGION): ("q",)}).part(Queues(PROD, REGION)) == ("q",)


class Recorded(threading.Event):
    """An event that is never set: waiting for it takes no time."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return False


def test_reads_keep_to_the_limits_that_a_kind_knows_of_for_all_accounts_together(
    monkeypatch: pytest.MonkeyPatch, files: Files
) -> None:
    class SlowQueues(QueueKind):
        limits = (SharedLimit("sqs", per_second=0.001),)

    files.team(accounts={"prod": PROD, "test": TEST})
    files.team("hub", accounts={"hub": LIVE})
    monkeypatch.setitem(READERS, Queues, read_queues)
    asking(files, {"region": REGION, "account": LIVE})
    with registered(SlowQueues(), QueueFolder()), fleet_of(files, PROD, TEST, LIVE) as fleet:
        configuration = load(files.directory, now=fleet.clock())
        stop = Recorded()
        run = Run(configuration, Accounts("test", workers=2), fleet.clock(), stop=stop)
        for shared in (run, replace(run, shared_parts=SharedParts())):
            planner = applying(configuration, RunOptions(), run.now)
            reports = preview(shared, planner, [configuration.accounts[PROD]])
            assert [report.failure for report in reports] == [None]
    assert len(stop.waits) == 1
    assert 900 < stop.waits[0] <= 1_000
