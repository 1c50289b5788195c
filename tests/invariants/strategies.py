"""Accounts and files made up by hypothesis."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from iam_access.config.configuration import Configuration
from iam_access.kinds.base import FileEntry, PolicySpec
from iam_access.kinds.grant import Form
from iam_access.model import Principal, PrincipalType
from iam_access.policy.document import policy_size
from iam_access.snapshot import Document, ManagedDocument, Quotas, Snapshot
from tests.invariants.reach import Probe
from tests.values import (
    ALICE,
    BOB,
    NOW,
    READ_ONLY,
    RUNNER,
    account_with,
    configuration,
    policy,
    team,
    temporary,
    with_state,
)

AUDIT = "arn:aws:iam::aws:policy/SecurityAudit"
MANAGED = (READ_ONLY, AUDIT)
PEOPLE = (ALICE, BOB, RUNNER)
KEYS = ("one", "two")
HOUR = timedelta(hours=1)
STARTS = (None, NOW + HOUR, NOW + 2 * HOUR)
ENDS = (NOW + 3 * HOUR, NOW + 4 * HOUR)
SECOND = timedelta(seconds=1)
# Around every instant at which anything may change, and long after.
TIMES = tuple(
    sorted(
        {
            NOW,
            *(at + by for at in (*STARTS, *ENDS) if at is not None for by in (-SECOND, 0 * HOUR)),
            NOW + timedelta(days=90),
        }
    )
)
_ACTIONS = (
    *("s3:GetObject", "s3:Get*", "s3:PutObject", "s3:*", "sqs:SendMessage"),
    *("ec2:DescribeInstances", "iam:ListUsers", "iam:CreateUser", "iam:*", "sts:AssumeRole", "*"),
)
_RESOURCES = ("*", "arn:aws:s3:::a/*", "arn:aws:s3:::a/x", "arn:aws:s3:::b")
_PEER = ("203.0.113.7", "198.51.100.7")
PROBES = (
    Probe("s3:GetObject", "arn:aws:s3:::a/x", (("aws:SourceIp", _PEER[0]),)),
    Probe("s3:PutObject", "arn:aws:s3:::b"),
    Probe("sqs:SendMessage"),
    Probe("ec2:DescribeInstances", context=(("aws:SourceIp", _PEER[1]),)),
    Probe("iam:ListUsers"),
    Probe("iam:CreateUser"),
    Probe("sts:AssumeRole", "arn:aws:iam::999999999999:role/elsewhere"),
)
OUTLIVING = frozenset(
    probe for probe in PROBES if probe.action in ("iam:CreateUser", "sts:AssumeRole")
)


def _date(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


_CONDITIONS = st.sampled_from(
    [
        None,
        None,
        None,
        {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        {"DateLessThan": {"aws:CurrentTime": _date(NOW + 2 * HOUR)}},
        {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}},
        {"DateGreaterThan": {"aws:CurrentTime": _date(NOW + HOUR)}},
        {"DateLessThan": {"aws:TokenIssueTime": _date(NOW)}},
    ]
)


@st.composite
def statements(draw: st.DrawFn, *, denies: bool) -> dict[str, Any]:
    """A statement as people write it, some with a long list of resources."""
    effect = draw(st.sampled_from(["Allow", "Allow", "Allow", "Deny"])) if denies else "Allow"
    actions = draw(st.lists(st.sampled_from(_ACTIONS), min_size=1, max_size=3, unique=True))
    resources = draw(st.lists(st.sampled_from(_RESOURCES), min_size=1, max_size=2, unique=True))
    for number in range(draw(st.sampled_from([0, 0, 5, 30]))):
        resources.append(f"arn:aws:s3:::a-bucket-of-the-team-{number:02}/*")
    written: dict[str, Any] = {
        "effect": effect,
        draw(st.sampled_from(["actions", "actions", "not_actions"])): actions,
        draw(st.sampled_from(["resources", "resources", "not_resources"])): resources,
    }
    conditions = draw(_CONDITIONS)
    return {**written, "conditions": conditions} if conditions else written


def _iam(written: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "effect": "Effect",
        "actions": "Action",
        "not_actions": "NotAction",
        "resources": "Resource",
        "not_resources": "NotResource",
        "conditions": "Condition",
    }
    return {names[key]: value for key, value in written.items()}


def document_of(written: list[dict[str, Any]]) -> Document:
    return {"Version": "2012-10-17", "Statement": [_iam(each) for each in written]}


@st.composite
def accounts(draw: st.DrawFn, *, denies: bool) -> Snapshot:
    """An account with small quotas, some of which others have used, and AWS's policies in it."""
    quotas = Quotas(
        attached_per_user=draw(st.integers(0, 4)),
        attached_per_role=4,
        user_inline_size=draw(st.sampled_from([300, 900, 2_048])),
        role_inline_size=draw(st.sampled_from([900, 4_000])),
        policy_size=draw(st.sampled_from([900, 2_000])),
        policies=draw(st.sampled_from([4, 40])),
        roles=draw(st.sampled_from([3, 40])),
    )
    managed = {
        arn: ManagedDocument(
            "v1",
            document_of(draw(st.lists(statements(denies=denies), min_size=1, max_size=3))),
        )
        for arn in MANAGED
    }
    snapshot = account_with(*PEOPLE, quotas=quotas, managed=managed)
    for person in PEOPLE:
        taken = draw(st.integers(0, quotas.attached_to(person)))
        attached = tuple(f"arn:aws:iam::aws:policy/Others{number}" for number in range(taken))
        snapshot = with_state(snapshot, person, attached=attached)
        if draw(st.booleans()):
            theirs = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
            inline = {"Version": "2012-10-17", "Statement": [theirs]}
            if policy_size(inline) <= quotas.inline_size(person):
                snapshot = with_state(snapshot, person, inline={"theirs": inline})
    return snapshot


@dataclass(frozen=True)
class Granted:
    """One entry: to whom, what, and when."""

    person: Principal
    key: str
    starts: datetime | None
    ends: datetime
    via: Form | None

    @property
    def entry(self) -> FileEntry[Any]:
        who = (
            {"role": self.person.name}
            if self.person.type is PrincipalType.ROLE
            else {"user": f"{self.person.name}@example.com"}
        )
        written: dict[str, Any] = {**who, "grant": self.key, "expires_at": _date(self.ends)}
        if self.starts:
            written["starts_at"] = _date(self.starts)
        if self.via:
            written["via"] = self.via.value
        return temporary(**written)

    def holds(self, at: datetime) -> bool:
        return (self.starts or NOW) <= at < self.ends


@dataclass(frozen=True)
class Files:
    """The policies of a team by key, and whom it grants them."""

    policies: Mapping[str, Mapping[str, Any]]
    grants: tuple[Granted, ...]

    @property
    def configuration(self) -> Configuration:
        entries: list[FileEntry[PolicySpec]] = [
            policy(key, **written) for key, written in self.policies.items()
        ]
        return configuration(
            team(policies=entries, temporary=[grant.entry for grant in self.grants])
        )

    def documents(self, key: str, snapshot: Snapshot) -> list[Document]:
        """What a policy says, without any bounds."""
        written = self.policies[key]
        own = written.get("custom_statements")
        copies = [snapshot.managed[arn] for arn in written.get("managed_policies", ())]
        return [*([document_of(own)] if own else []), *(c.document for c in copies if c)]


_GRANTS = st.builds(
    Granted,
    person=st.sampled_from(PEOPLE),
    key=st.sampled_from(KEYS),
    starts=st.sampled_from(STARTS),
    ends=st.sampled_from(ENDS),
    via=st.sampled_from([None, None, None, *Form]),
)


@st.composite
def files(draw: st.DrawFn, *, denies: bool, most: int = 4, apart: bool = False) -> Files:
    """Policies of both kinds, and a few grants of them; `apart` to different people each."""
    policies: dict[str, Mapping[str, Any]] = {}
    for key in KEYS:
        own = draw(st.lists(statements(denies=denies), max_size=3))
        managed = draw(st.lists(st.sampled_from(MANAGED), max_size=2, unique=True))
        if not own and not managed:
            managed = [READ_ONLY]
        written = {"custom_statements": own, "managed_policies": managed}
        policies[key] = {name: value for name, value in written.items() if value}
    grants = st.lists(
        _GRANTS,
        min_size=1,
        max_size=most,
        unique_by=(lambda grant: grant.person) if apart else None,
    )
    return Files(policies, tuple(draw(grants)))


def scenes() -> st.SearchStrategy[tuple[Snapshot, Files]]:
    """Accounts and files in which no grant denies what another of the same person allows.

    Where one does, it counts from when the latter of the two is written.
    """
    return st.tuples(accounts(denies=True), files(denies=True, most=3, apart=True)) | st.tuples(
        accounts(denies=False), files(denies=False, most=3)
    )
