"""A made-up account for measuring decisions, and assertions about it, from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from iam_access.model import Principal, PrincipalType
from iam_access.snapshot import Document, PolicyState, PrincipalState, Snapshot

ACCOUNT = "111122223333"
POLICIES = 300
TEAMS = 40
MFA = {"aws:MultiFactorAuthPresent": "true"}
SERVICES = {
    "s3": ("GetObject", "PutObject", "ListBucket", "DeleteObject", "GetBucketPolicy"),
    "dynamodb": ("GetItem", "PutItem", "Query", "DeleteTable", "DescribeTable"),
    "sqs": ("SendMessage", "ReceiveMessage", "DeleteQueue", "GetQueueAttributes"),
    "lambda": ("InvokeFunction", "UpdateFunctionCode", "GetFunction", "DeleteFunction"),
    "ec2": ("DescribeInstances", "TerminateInstances", "StartInstances", "CreateTags"),
    "logs": ("GetLogEvents", "PutLogEvents", "DeleteLogGroup", "DescribeLogGroups"),
    "secretsmanager": ("GetSecretValue", "PutSecretValue", "DeleteSecret"),
    "iam": ("PassRole", "CreateUser", "ListUsers", "AttachRolePolicy"),
    "backup": ("DeleteRecoveryPoint", "StartBackupJob", "DescribeBackupJob"),
    "kms": ("ListKeys", "ListAliases", "DescribeKey"),
}


@dataclass(frozen=True, slots=True)
class Assertion:
    """One action on one resource, and whether it should be allowed."""

    action: str
    resource: str
    expected: bool


def account(principals: int, seed: int = 1) -> Snapshot:
    """An account in which users and roles hold combinations of a few hundred policies.

    Three fifths are users. Each user and role is in a team, users by a group with policies of the
    team; each also holds up to four random policies, every tenth an inline policy, and every
    fourth a permissions boundary. All are tagged with their team.
    """
    chance = Random(seed)
    policies = {
        state.arn: state
        for number in range(POLICIES)
        for state in [_policy(f"policy-{number:03d}", _document(chance, number))]
    }
    arns = list(policies)
    boundary = _policy("boundary", _boundary())
    policies[boundary.arn] = boundary
    states: dict[Principal, PrincipalState] = {}
    for team in range(TEAMS):
        group = Principal(PrincipalType.GROUP, f"team-{team}")
        states[group] = PrincipalState(
            group, _arn(f"group/{group.name}"), attached=tuple(chance.sample(arns, 3))
        )
    for number in range(principals):
        state = _principal(chance, number, arns, boundary.arn)
        states[state.principal] = state
    return Snapshot(ACCOUNT, principals=states, policies=policies)


def assertions(count: int, seed: int = 1) -> tuple[Assertion, ...]:
    """Distinct pairs of actions and resources, each with the expected decision."""
    chance = Random(seed)
    found: dict[tuple[str, str], Assertion] = {}
    while len(found) < count:
        service = chance.choice(list(SERVICES))
        action = f"{service}:{chance.choice(SERVICES[service])}"
        resource = _resource(service, f"team-{chance.randrange(TEAMS)}-{chance.randrange(8)}/x")
        found[action, resource] = Assertion(action, resource, chance.random() < 0.5)
    return tuple(found.values())


def _arn(rest: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:{rest}"


def _policy(name: str, document: Document) -> PolicyState:
    return PolicyState(_arn(f"policy/{name}"), name, "/", document)


def _resource(service: str, name: str) -> str:
    if service == "s3":
        return f"arn:aws:s3:::{name}"
    return f"arn:aws:{service}:eu-central-1:{ACCOUNT}:{name}"


def _principal(chance: Random, number: int, arns: Sequence[str], boundary: str) -> PrincipalState:
    is_user = number % 5 < 3
    kind = PrincipalType.USER if is_user else PrincipalType.ROLE
    team = number % TEAMS
    name = f"{kind}-{number:04d}"
    return PrincipalState(
        Principal(kind, name),
        _arn(f"{kind}/{name}"),
        id=f"{'AIDA' if is_user else 'AROA'}{number:017d}",
        tags={"team": f"team-{team}"},
        attached=tuple(chance.sample(arns, chance.randint(1, 4) if is_user else 3)),
        inline={"own": _inline(team, number)} if number % 10 == 0 else {},
        groups=(f"team-{team}",) if is_user else (),
        boundary=boundary if number % 4 == 0 else None,
    )


def _document(chance: Random, number: int) -> Document:
    """A managed policy: some read a service, a few administer it, most are for one team."""
    statements = [_statement(chance) for _ in range(chance.randint(1, 4))]
    if number % 10 == 0:
        statements.append(_allow(["*:Describe*", "*:List*", "s3:Get*"], "*"))
    if number % 30 == 0:
        statements.append(_allow(["*"], "*", {"Bool": MFA}))
    if number % 6 == 0:
        own = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
        statements.append(_allow(["ec2:*", "lambda:*"], "*", own))
    if number % 15 == 0:
        guard = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
        statements.append(_allow(["backup:Delete*", "iam:*"], "*", guard) | {"Effect": "Deny"})
    return {"Version": "2012-10-17", "Statement": statements}


def _statement(chance: Random) -> dict[str, Any]:
    service = chance.choice(list(SERVICES))
    team = chance.randrange(TEAMS)
    actions = [f"{service}:{action}" for action in chance.sample(SERVICES[service], 2)]
    if chance.random() < 0.3:
        actions = [f"{service}:*"]
    name = "${aws:username}/*" if chance.random() < 0.1 else f"team-{team}-*"
    condition: dict[str, Any] | None = None
    if chance.random() < 0.2:
        condition = {"DateLessThan": {"aws:CurrentTime": "2026-12-01T00:00:00Z"}}
    return _allow(actions, _resource(service, name), condition)


def _allow(
    actions: Sequence[str], resource: str, condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


def _inline(team: int, number: int) -> Document:
    statement = _allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::team-{team}-{number % 8}/*")
    return {"Version": "2012-10-17", "Statement": [statement]}


def _boundary() -> Document:
    own = {"StringNotEquals": {"aws:PrincipalTag/team": "team-0"}}
    deny = _allow(["iam:*", "backup:Delete*"], "*", own) | {"Effect": "Deny"}
    return {"Version": "2012-10-17", "Statement": [_allow(["*"], "*"), deny]}
