"""Promise 4: an apply may be stopped, throttled or misheard anywhere, and the next one finishes.

One small account has a change of every kind: created, updated, renewed, handed over, removed,
of policies, attachments, inline policies, policies that end and roles that end.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from iam_access.kinds import names
from iam_access.sandbox import AwsError, FaultContext, LostAnswer, throttling
from tests.flow.fleet import (
    LIST_BUCKETS,
    POWER_USER,
    PROD,
    READ_QUEUES,
    VIEW_ONLY,
    Files,
    Fleet,
    account,
    is_write,
    opened,
    permanent,
    policy,
    temporary,
    text,
)
from tests.flow.holdings import Holding, beyond, holdings, lacking

READ_TOPICS = {"effect": "Allow", "actions": ["sns:ListTopics"], "resources": ["*"]}
READ_TABLES = {"effect": "Allow", "actions": ["dynamodb:GetItem"], "resources": ["*"]}
NO_LISTS = {"effect": "Deny", "actions": ["sqs:List*", "s3:List*"], "resources": ["*"]}
READ_NAMES = "arn:aws:iam::aws:policy/AmazonRoute53ReadOnlyAccess"
SEE_TOPICS = "arn:aws:iam::aws:policy/AmazonSNSReadOnlyAccess"
LONG = policy(READ_TABLES, managed=[READ_NAMES])
CHANGED = policy(READ_TABLES, managed=[SEE_TOPICS])

ENDS, LATER, SOON = "2026-03-01T18:00:00Z", "2026-03-02T18:00:00Z", "2026-03-01T13:00:00Z"
USERS = ("ann", "bob", "cid", "dot")


def before(files: Files) -> None:
    """The files that are applied to begin with."""
    files.team(
        policies={
            "kept": policy(LIST_BUCKETS),
            "changing": policy(LIST_BUCKETS),
            "full": policy(LIST_BUCKETS),
            # What it denies limits what AWS's policy allows, to the last.
            "leaving": policy(READ_QUEUES, NO_LISTS, managed=[VIEW_ONLY]),
            "power": policy(managed=[POWER_USER]),
            "short": policy(READ_QUEUES),
            "long": LONG,
        },
        permanent=[
            permanent("kept", "changing", roles=["runner"], users=["ann@example.com"]),
            permanent("leaving", "full", users=["bob@example.com"], roles=["runner"]),
            permanent("power", users=["cid@example.com", "dot@example.com"]),
        ],
        temporary=[
            temporary("short"),
            temporary("short", role="runner"),
            temporary("short", user="bob@example.com"),
            temporary("short", user="cid@example.com", expires_at=SOON),
            temporary("short", user="dot@example.com", via="policy"),
            temporary("short", role="worker", via="policy"),
            temporary("long", user="ann@example.com", via="role"),
            temporary("long", user="bob@example.com", via="role"),
            temporary("long", user="cid@example.com", via="role", expires_at=SOON),
        ],
    )
    files.team(
        "platform",
        policies={"power": policy(managed=[POWER_USER])},
        permanent=[
            permanent("power", users=["cid@example.com", "ann@example.com"]),
        ],
    )


def after(files: Files) -> None:
    """The files whose apply is interrupted."""
    files.team(
        policies={
            "kept": policy(LIST_BUCKETS),
            "changing": policy(LIST_BUCKETS, READ_TOPICS),
            "full": policy(READ_TOPICS),
            "coming": policy(READ_TABLES, managed=[READ_NAMES, VIEW_ONLY]),
            "power": policy(managed=[POWER_USER]),
            "short": policy(READ_QUEUES),
            "long": CHANGED,
        },
        permanent=[
            permanent("kept", "changing", roles=["runner"], users=["bob@example.com"]),
            permanent("full", roles=["runner"]),
            permanent("coming", users=["ann@example.com"]),
            permanent("power", users=["dot@example.com"]),
        ],
        temporary=[
            temporary("short", expires_at=LATER),
            temporary("short", role="runner"),
            temporary("short", user="dot@example.com", via="policy", expires_at=LATER),
            temporary("long", user="ann@example.com", via="role", expires_at=LATER),
            temporary("long", user="dot@example.com", via="role"),
            temporary("short", user="cid@example.com", via="policy"),
        ],
    )
    files.team(
        "platform",
        policies={"power": policy(managed=[POWER_USER])},
        permanent=[
            permanent("power", users=["cid@example.com"], roles=["worker"]),
        ],
    )


def drift(fleet: Fleet) -> None:
    """What others did to our things meanwhile."""
    iam = fleet.admin()
    arn = f"arn:aws:iam::{PROD}:policy/self-serve/payments/payments-{{}}"
    for number in range(4):
        iam.create_policy_version(
            PolicyArn=arn.format("full"), PolicyDocument=text(f"s3:Get{number}"), SetAsDefault=True
        )
    iam.create_policy_version(PolicyArn=arn.format("leaving"), PolicyDocument=text())
    iam.create_group(GroupName="friends")
    iam.attach_group_policy(GroupName="friends", PolicyArn=arn.format("leaving"))
    iam.detach_user_policy(UserName="dot", PolicyArn=POWER_USER)
    # Another hand took the deadline out of a temporary grant.
    name = next(each for each in fleet.inline("role/runner") if "+short+" in each)
    iam.put_role_policy(RoleName="runner", PolicyName=name, PolicyDocument=text("sqs:*"))
    fleet.clock.move(hours=2)


@contextmanager
def prepared(files: Files) -> Iterator[Fleet]:
    """An account in the state of `before`, with the files of `after`."""
    before(files)
    with opened(files, account(users=USERS, roles=("runner", "worker"))) as fleet:
        run = fleet.apply("--all")
        assert run.status == 0, run.out
        drift(fleet)
        after(files)
        yield fleet


def result(fleet: Fleet, *, versions: bool = True) -> dict[str, Any]:
    """What the account consists of, ids and dates left out (and if told so, old versions).

    So is what a cleanup takes away: roles that let no one in, and tags without their attachment.
    """
    found = json.loads(json.dumps(fleet.dump(), default=str, sort_keys=True))
    return {
        arn: _plain({**each, "Tags": _owners(each)}, versions)
        for arn, each in found.items()
        if not (":role/self-serve/" in arn and _is_closed(each))
    }


def _is_closed(role: dict[str, Any]) -> bool:
    effects = {each["Effect"] for each in role["AssumeRolePolicyDocument"]["Statement"]}
    return effects == {"Deny"} and not role["AttachedManagedPolicies"]


def _owners(entity: dict[str, Any]) -> list[str]:
    """The teams that own an attachment by a tag of any generation, and all other tags."""
    attached = {each["PolicyName"] for each in entity.get("AttachedManagedPolicies", ())}
    owners = set()
    for tag in entity.get("Tags", ()):
        owner = names.owner_of_tag(tag["Key"], "aws", PROD)
        if owner is None:
            owners.add(f"{tag['Key']}={tag['Value']}")
        elif tag["Value"].startswith("held:") and owner.arn.rpartition("/")[2] in attached:
            owners.add(f"{owner.team} owns {owner.arn}")
    return sorted(owners)


def _plain(value: Any, versions: bool) -> Any:
    if isinstance(value, dict):
        return {
            key: _plain(item, versions)
            for key, item in value.items()
            if key not in {"CreateDate", "UpdateDate", "UserId", "RoleId", "GroupId", "PolicyId"}
            and (versions or key not in {"VersionId", "DefaultVersionId"})
        }
    if isinstance(value, list):
        kept = [each for each in value if versions or not _is_old_version(each)]
        return sorted((_plain(each, versions) for each in kept), key=repr)
    return value


def _is_old_version(value: Any) -> bool:
    return isinstance(value, dict) and value.get("IsDefaultVersion") is False


class Watch:
    """Looks at every moment of an apply: before each call, and after the last."""

    def __init__(self, fleet: Fleet, final: frozenset[Holding]) -> None:
        self._fleet = fleet
        self._before = self._held
        self._final = final
        self.problems: list[object] = []

    def __call__(self, call: FaultContext) -> None:
        self.look(call.operation)

    def look(self, what: str) -> None:
        now = self._held
        for wrong in (
            beyond(now, self._before, self._final),
            lacking(now, self._before, self._final),
        ):
            if wrong:
                self.problems.append((what, wrong))

    @property
    def _held(self) -> frozenset[Holding]:
        return holdings(self._fleet.sandbox, PROD)


class Reference:
    """How an apply goes that nothing disturbs, and what it leads to."""

    def __init__(self, files: Files) -> None:
        with prepared(files) as fleet:
            self.run = fleet.apply("--all", "--allow-removals", "--output", "json")
            self.result = result(fleet)
            self.essence = result(fleet, versions=False)
            self.held = holdings(fleet.sandbox, PROD)
            self.again = fleet.apply("--all")
        self.writes = self.run.writes


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return Reference(Files(tmp_path_factory.mktemp("reference") / "aws"))


def ending_after(writes: int) -> Callable[[FaultContext], None]:
    """A fault: the session ends after that many writes, for good."""
    made = 0

    def fault(call: FaultContext) -> None:
        nonlocal made
        if call.service == "sts":
            return
        if made >= writes and is_write(call):
            raise AwsError("ExpiredToken", "The security token included in the request is expired")
        made += is_write(call)

    return fault


def once_for_each(error: Callable[[], Exception]) -> Callable[[FaultContext], None]:
    """A fault that every write meets the first time it is tried."""
    met: set[str] = set()

    def fault(call: FaultContext) -> None:
        key = json.dumps([call.operation, dict(call.params)], sort_keys=True)
        if is_write(call) and key not in met:
            met.add(key)
            raise error()

    return fault


def assert_finished(fleet: Fleet, reference: Reference, *, versions: bool = True) -> None:
    expected = reference.result if versions else reference.essence
    assert result(fleet, versions=versions) == expected
    again = fleet.apply("--all")
    assert (again.status, again.writes) == (0, ())


def test_the_fleet_has_a_change_of_every_kind(reference: Reference) -> None:
    assert reference.run.status == 0, reference.run.out
    changes = reference.run.json["changes"]
    assert {(change["kind"], change["action"]) for change in changes} >= {
        (kind, action)
        for kind in (
            "customer-managed-policy",
            "policy-attachment",
            "inline-policy",
            "temporary-role",
        )
        for action in ("create", "update", "delete")
    }
    assert (reference.again.status, reference.again.writes) == (0, ())


@pytest.mark.exhaustive
@pytest.mark.parametrize("half", [0, 1])
def test_an_apply_killed_before_any_write_is_finished_by_the_next(
    files: Files, reference: Reference, half: int
) -> None:
    with prepared(files) as fleet:
        # The account as each write in turn finds it, and a killed apply would leave it.
        moments: list[Callable[[], None]] = []

        def remember(call: FaultContext) -> None:
            if is_write(call):
                moments.append(fleet.remember())

        watch = Watch(fleet, reference.held)
        fleet.sandbox.faults[:] = [watch, remember]
        assert fleet.apply("--all", "--allow-removals").status == 0
        assert len(moments) == len(reference.writes)
        for number, restore in list(enumerate(moments))[half::2]:
            restore()
            fleet.sandbox.faults[:] = [watch]
            finishing = fleet.apply("--all", "--allow-removals")
            assert finishing.status == 0, (number, finishing.out)
            watch.look("the end")
            fleet.sandbox.faults.clear()
            assert watch.problems == [], number
            # Of this, `reference.again` shows that an apply makes no write any more.
            assert result(fleet) == reference.result, number


@pytest.mark.exhaustive
def test_an_apply_whose_session_ends_tells_so_and_is_finished_by_the_next(
    files: Files, reference: Reference
) -> None:
    with prepared(files) as fleet:
        restore = fleet.remember()
        for writes in range(0, len(reference.writes), 9):
            restore()
            fleet.sandbox.faults[:] = [ending_after(writes)]
            stopped = fleet.apply("--all", "--allow-removals")
            assert stopped.status == 2, writes
            assert len([call for call in stopped.writes if call.error is None]) == writes
            # Once the session is over nothing more is sent.
            assert len(stopped.writes) == writes + 1
            fleet.sandbox.faults.clear()
            assert fleet.apply("--all", "--allow-removals").status == 0
            assert result(fleet) == reference.result


@pytest.mark.exhaustive
def test_an_apply_may_be_stopped_again_and_again(files: Files, reference: Reference) -> None:
    with prepared(files) as fleet:
        watch = Watch(fleet, reference.held)
        for _ in reference.writes:
            fleet.sandbox.faults[:] = [watch, ending_after(11)]
            if fleet.apply("--all", "--allow-removals").status == 0:
                break
        else:
            pytest.fail("it never came to an end")
        fleet.sandbox.faults.clear()
        assert watch.problems == []
        assert_finished(fleet, reference)


@pytest.mark.exhaustive
def test_every_write_may_be_throttled(
    files: Files, reference: Reference, slept: list[float]
) -> None:
    with prepared(files) as fleet:
        watch = Watch(fleet, reference.held)
        fleet.sandbox.faults[:] = [watch, once_for_each(throttling)]
        run = fleet.apply("--all", "--allow-removals")
        fleet.sandbox.faults.clear()
        assert run.status == 0, run.out
        assert [call.error for call in run.writes].count("Throttling") == len(reference.writes)
        assert slept
        assert watch.problems == []
        assert_finished(fleet, reference)


@pytest.mark.exhaustive
def test_the_answer_to_every_write_may_be_lost(files: Files, reference: Reference) -> None:
    with prepared(files) as fleet:
        watch = Watch(fleet, reference.held)
        fleet.sandbox.faults[:] = [watch, once_for_each(LostAnswer)]
        run = fleet.apply("--all", "--allow-removals")
        fleet.sandbox.faults.clear()
        assert run.status == 0, run.out
        assert [call.error for call in run.writes].count("ServiceFailure") == len(reference.writes)
        assert watch.problems == []
        # A version may have been made twice.
        assert_finished(fleet, reference, versions=False)


def test_no_write_is_made_twice(reference: Reference) -> None:
    made = [json.dumps([c.operation, dict(c.params)], sort_keys=True) for c in reference.writes]
    assert len(made) == len(set(made))


def test_a_dry_run_writes_nothing_and_tells_the_digest_of_what_is_applied(
    files: Files, reference: Reference
) -> None:
    with prepared(files) as fleet:
        before_all = fleet.dump()
        dry = fleet.apply("--all", "--allow-removals", "--dry-run", "--output", "json")
        assert (dry.status, dry.writes) == (0, ())
        assert fleet.dump() == before_all
    assert dry.json["digest"] == reference.run.json["digest"]
    told = [(c["kind"], c["action"], c["name"]) for c in dry.json["changes"]]
    assert told == [(c["kind"], c["action"], c["name"]) for c in reference.run.json["changes"]]
