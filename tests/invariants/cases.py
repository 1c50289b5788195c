"""The grants whose ends are proven: what they allow, to whom they are given, and in which form."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from iam_access.policy.outliving import denial, outliving_actions
from iam_access.snapshot import Document
from tests.invariants.reach import Probe

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STARTS = NOW + timedelta(minutes=30)
ENDS = NOW + timedelta(hours=2)
SECOND = timedelta(seconds=1)

# How many managed policies are attached to each user and role in the account, by environment.
ACCOUNTS = {"none": "111111111111", "five": "222222222222", "ten": "333333333333"}
ATTACHED = {"none": 0, "five": 5, "ten": 10}
# How the reason of a plan begins to tell of each form.
WORDS = {
    "inline": "as an inline policy (",
    "policy": "as policies of its own (",
    "role": "as a role of its own (",
}

INLINE_QUOTA, PART, PLACES = 2_048, 6_144, 10
# What a nearly full inline quota has left; no grant is that small.
LEFT = 90

# What a bound adds to each statement: the conditions, at their longest.
_BOUND = len(
    ',"Condition":{"DateLessThan":{"aws:CurrentTime":"2026-03-01T14:00:00Z"},'
    '"DateGreaterThanEquals":{"aws:CurrentTime":"2026-03-01T14:00:00Z"}}'
)
_SID = len('"Sid":"AdministratorAccessv100",')

BUCKET = "arn:aws:s3:::reports"
OBJECT = f"{BUCKET}/2026/march.csv"
GET_OBJECT = Probe("s3:GetObject", OBJECT)


def _probes(*actions: str) -> tuple[Probe, ...]:
    return tuple(Probe(action) for action in actions)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy of the files with some of what it allows and some of what it does not."""

    key: str
    allowed: tuple[Probe, ...]
    not_allowed: tuple[Probe, ...]
    managed: str = ""
    statements: tuple[Mapping[str, Any], ...] = ()

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::aws:policy/{self.managed}"

    @property
    def written(self) -> dict[str, Any]:
        """The entry of the file."""
        if self.managed:
            return {"managed_policies": [self.arn]}
        return {"custom_statements": list(self.statements)}


READ_ONLY = Policy(
    "read-only",
    (GET_OBJECT, *_probes("ec2:DescribeInstances", "iam:ListUsers")),
    _probes("s3:PutObject", "ec2:RunInstances", "iam:CreateUser", "sts:AssumeRole"),
    "ReadOnlyAccess",
)
SECURITY_AUDIT = Policy(
    "security-audit",
    _probes("ec2:DescribeInstances", "iam:ListUsers", "s3:GetBucketPolicy"),
    _probes("s3:PutObject", "ec2:RunInstances", "iam:CreateUser"),
    "SecurityAudit",
)
VIEW_ONLY = Policy(
    "view-only",
    _probes("ec2:DescribeInstances", "s3:ListAllMyBuckets"),
    (GET_OBJECT, *_probes("s3:PutObject", "ec2:RunInstances", "iam:CreateUser")),
    "job-function/ViewOnlyAccess",
)
POWER_USER = Policy(
    "power-user",
    (GET_OBJECT, *_probes("s3:PutObject", "ec2:RunInstances", "account:ListRegions")),
    _probes("iam:CreateUser", "account:CloseAccount", "sts:AssumeRole"),
    "PowerUserAccess",
)
ADMINISTRATOR = Policy(
    "administrator",
    (GET_OBJECT, *_probes("s3:PutObject", "iam:ListUsers", "account:ListRegions")),
    _probes("iam:CreateAccessKey", "iam:PutUserPolicy", "sts:AssumeRole", "account:CloseAccount"),
    "AdministratorAccess",
)
TWENTY = Policy(
    "twenty",
    (
        Probe("s3:GetObject", "arn:aws:s3:::team-data-07/a"),
        Probe("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:{account}:table/orders-19"),
    ),
    (
        Probe("s3:GetObject", "arn:aws:s3:::team-data-20/a"),
        Probe("s3:PutObject", "arn:aws:s3:::team-data-07/a"),
        Probe("s3:GetObject", "arn:aws:s3:::team-data-05/secret/a"),
    ),
    statements=(
        *(
            {
                "effect": "Allow",
                "actions": ["s3:GetObject", "s3:ListBucket"],
                "resources": [f"arn:aws:s3:::team-data-{n:02}", f"arn:aws:s3:::team-data-{n:02}/*"],
            }
            for n in range(10)
        ),
        *(
            {
                "effect": "Allow",
                "actions": ["dynamodb:GetItem"],
                "resources": [f"arn:aws:dynamodb:*:{{account_id}}:table/orders-{n}"],
            }
            for n in range(11, 20)
        ),
        {"effect": "Deny", "actions": ["s3:*"], "resources": ["arn:aws:s3:::*/secret/*"]},
    ),
)
POLICIES = (READ_ONLY, SECURITY_AUDIT, VIEW_ONLY, POWER_USER, ADMINISTRATOR, TWENTY)


@dataclass(frozen=True, slots=True)
class Case:
    """One grant to one principal of one account."""

    policy: Policy
    environment: str
    full: bool = False
    starts: datetime | None = None
    via: str | None = None
    is_role: bool = False

    @property
    def name(self) -> str:
        """The principal: each has one grant."""
        parts = [
            self.policy.key,
            "full" if self.full else "",
            "later" if self.starts else "",
            self.via or "",
            "runner" if self.is_role else "",
        ]
        return ".".join(part for part in parts if part)

    def __str__(self) -> str:
        return f"{self.name}-{self.environment}"

    @property
    def account(self) -> str:
        return ACCOUNTS[self.environment]

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:{'role' if self.is_role else 'user'}/{self.name}"

    @property
    def entry(self) -> dict[str, Any]:
        """The entry of the file."""
        who = {"role": self.name} if self.is_role else {"user": f"{self.name}@example.com"}
        written = {
            **who,
            "environment": self.environment,
            "grant": self.policy.key,
            "starts_at": self.starts and f"{self.starts:%Y-%m-%dT%H:%M:%SZ}",
            "expires_at": f"{ENDS:%Y-%m-%dT%H:%M:%SZ}",
            "via": self.via,
        }
        return {key: value for key, value in written.items() if value is not None}

    def probes(self, *, allowed: bool) -> tuple[Probe, ...]:
        chosen = self.policy.allowed if allowed else self.policy.not_allowed
        return tuple(
            Probe(probe.action, probe.resource.replace("{account}", self.account))
            for probe in chosen
        )


def all_cases() -> Iterator[Case]:
    """The thirty-six, then windows that begin later, the forms asked for, and roles."""
    for policy in POLICIES:
        for environment in ACCOUNTS:
            yield Case(policy, environment)
            yield Case(policy, environment, full=True)
    for policy in POLICIES:
        yield Case(policy, "none", starts=STARTS)
        yield Case(policy, "five", starts=STARTS)
        yield Case(policy, "none", via="role")
        yield Case(policy, "none", is_role=True)
        yield Case(policy, "ten", is_role=True)
        if policy is not READ_ONLY:
            yield Case(policy, "none", via="policy")
    yield Case(POWER_USER, "none", via="inline")
    yield Case(TWENTY, "ten", via="inline", is_role=True)


def expected_form(case: Case, document: Document) -> str:
    """The form by hand: from the sizes of what there is to write and the room that there is."""
    if case.via:
        return case.via
    least, most = _sizes(document)
    quota = 10_240 if case.is_role else INLINE_QUOTA
    free = LEFT if case.full else quota
    if most <= free:
        return "inline"
    assert least > free, "sizes too close to the quota to tell by hand"
    parts = ceil(least / PART)
    return "policy" if parts <= PLACES - ATTACHED[case.environment] else "role"


def _sizes(document: Document) -> tuple[int, int]:
    """At least and at most so many characters, once it is bounded and cannot be prolonged."""
    statements = list(document["Statement"])
    outliving = outliving_actions([document])
    if outliving:
        statements.append(denial(outliving))
    text = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    return len(text), len(text) + len(statements) * _BOUND + _SID
