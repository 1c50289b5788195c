"""How fast access is decided, on one core.

    python bench/evaluator.py [--principals N] [--assertions N] [--seed N] [--runs N] [--profile]

Measures decisions about one typical principal, and a whole account's matrix: every user and role
against every assertion. The account is made up, the same one for the same seed.
"""

import argparse
import cProfile
import json
import pstats
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "aws" / "scripts"))

from iam_access.model import Principal, PrincipalType
from iam_access.policy.compile import CompiledPolicy, PolicySource, compile_policy
from iam_access.policy.crowd import Crowd
from iam_access.policy.evaluate import Layers, decide
from iam_access.policy.matrix import Asker
from iam_access.policy.request import Request
from iam_access.simulation.world import Subject, World
from iam_access.snapshot import Document, PolicyState, PrincipalState, Snapshot

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ACCOUNT = "111122223333"
POLICIES = 300
TEAMS = 40
MFA = {"aws:MultiFactorAuthPresent": "true"}
# Decisions per second of the fastest public evaluator on similar cases, as measured for it: it
# parses every policy anew for each decision.
PEER = (1_100, 1_300)
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
    """One action on one resource, and whether it is to be allowed."""

    action: str
    resource: str
    expected: bool


def account(principals: int, seed: int = 1) -> Snapshot:
    """An account in which users and roles hold combinations of a few hundred policies.

    Three fifths are users. Everybody is in a team, users by a group that holds policies of the
    team; besides, they hold up to four policies of their own choice, every tenth an inline
    policy, and every fourth a permissions boundary. All are tagged with their team.
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
    """Distinct pairs of actions and resources, for all of which is said what is expected."""
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
    """A managed policy: some read a service, a few administer it, most are about their team."""
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


def typical(world: World) -> Subject:
    """A user with five policies, three of them by a group; no boundary, and no administrator."""
    for principal in world.principals:
        subject = world.subject(principal)
        policies = subject.layers.identity
        if len(policies) == 5 and subject.layers.boundary is None and not _administers(policies):
            return subject
    raise ValueError("no usual principal has five policies")


def _administers(policies: Sequence[CompiledPolicy]) -> bool:
    return any(one.actions.any_text for policy in policies for one in policy.statements)


def compiled_once(subject: Subject, asked: Sequence[Assertion]) -> int:
    """How many of these a principal may; each request is judged by itself."""
    return sum(decide(request, subject.layers).allowed for request in _requests(subject, asked))


def parsed_anew(snapshot: Snapshot, subject: Subject, asked: Sequence[Assertion]) -> int:
    """The same, with all its policies read from JSON and compiled again for each request."""
    identity = subject.layers.identity
    texts = [json.dumps(snapshot.policies[each.source.id].document) for each in identity]
    count = 0
    for request in _requests(subject, asked):
        policies = (compile_policy(*each) for each in _pairs(texts, identity))
        count += decide(request, Layers(identity=tuple(policies))).allowed
    return count


def _pairs(
    texts: Sequence[str], policies: Sequence[CompiledPolicy]
) -> Iterator[tuple[str, PolicySource]]:
    for text, policy in zip(texts, policies, strict=True):
        yield text, policy.source


def _requests(subject: Subject, asked: Sequence[Assertion]) -> Iterator[Request]:
    context = {**MFA, **{f"aws:PrincipalTag/{key}": v for key, v in subject.state.tags.items()}}
    for one in asked:
        yield Request(subject.caller, one.action, one.resource, context=context, now=NOW)


def matrix(snapshot: Snapshot, asked: Sequence[Assertion]) -> int:
    """How many principals fail the assertions, from policies that were not compiled yet."""
    askers = _askers(snapshot)
    crowd = Crowd.of(askers)
    failures = 0
    for one in asked:
        allowed = len(crowd.allowed(one.action, one.resource))
        failures += len(askers) - allowed if one.expected else allowed
    return failures


def explained_matrix(snapshot: Snapshot, asked: Sequence[Assertion]) -> int:
    """The same, with the whole decision for everybody: statements, layers, missing keys."""
    askers = _askers(snapshot)
    return sum(
        each.decide(one.action, one.resource).allowed != one.expected
        for one in asked
        for each in askers
    )


def _askers(snapshot: Snapshot) -> Sequence[Asker]:
    world = World(snapshot)
    return [world.subject(principal).asker(MFA, NOW) for principal in world.principals]


@dataclass(frozen=True, slots=True)
class Figures:
    """Decisions per second, and processor seconds of whole matrices; the best of some runs."""

    principals: int
    assertions: int
    compiled_per_second: float
    anew_per_second: float
    matrix_seconds: float
    explained_seconds: float

    @property
    def lines(self) -> Iterator[str]:
        """The figures for people."""
        size = f"{self.principals:,} principals x {self.assertions:,} assertions"
        yield f"{self.compiled_per_second:10,.0f} decisions/s  one typical principal, compiled once"
        yield f"{self.anew_per_second:10,.0f} decisions/s  the same, parsed anew each time"
        yield f"{PEER[0]:,} to {PEER[1]:,}".rjust(14) + " decisions/s  best public evaluator, anew"
        yield f"{self.matrix_seconds:10.2f} s            {size}: who passes"
        yield f"{self.explained_seconds:10.2f} s            the same, every decision explained"


def measure(principals: int, count: int, seed: int = 1, runs: int = 3) -> Figures:
    """Measure everything on one made-up account. Raises ValueError if the answers differ."""
    snapshot, asked = account(principals, seed), assertions(count, seed)
    subject = typical(World(snapshot))
    once, granted = _best(lambda: compiled_once(subject, asked), runs)
    anew, granted_anew = _best(lambda: parsed_anew(snapshot, subject, asked), runs)
    fast, failures = _best(lambda: matrix(snapshot, asked), runs)
    explained, failures_explained = _best(lambda: explained_matrix(snapshot, asked), 1)
    if (granted, failures) != (granted_anew, failures_explained):
        raise ValueError("the same questions were answered in different ways")
    return Figures(principals, count, count / once, count / anew, fast, explained)


def _best(work: Callable[[], int], runs: int) -> tuple[float, int]:
    """The least processor seconds of some runs: other programs on the machine count for less."""
    timed = [_timed(work) for _ in range(runs)]
    return min(timed)


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--principals", type=int, default=1_000)
    parser.add_argument("--assertions", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="say where a matrix takes its time")
    arguments = parser.parse_args()
    found = measure(arguments.principals, arguments.assertions, arguments.seed, arguments.runs)
    print(*found.lines, sep="\n")
    if arguments.profile:
        snapshot = account(arguments.principals, arguments.seed)
        with cProfile.Profile() as profile:
            matrix(snapshot, assertions(arguments.assertions, arguments.seed))
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
