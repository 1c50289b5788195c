"""Write the files of one large account with access tests, from a seed.

Every team has its own users and roles, policies for them, and tests that no other user or role may
use its resources. A few administrators are exempt.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from bench.account import ACCOUNT, SERVICES, TEAMS

POLICIES_PER_TEAM = 8
_ENVIRONMENT = "prod"
_ADMINISTRATORS = 5
_WITHOUT_MFA = 0.2  # of the tests are about requests without a second factor
# Many may list and read everything, so no test forbids it.
_TESTED = [
    (service, action)
    for service, actions in SERVICES.items()
    for action in actions
    if not action.startswith(("Describe", "List"))
]


def write(directory: Path, principals: int, tests: int, seed: int = 1) -> None:
    """Write files for these numbers of users and roles, and of tests of one action and resource.

    The files are JSON with line breaks, which is valid YAML.
    """
    chance = Random(seed)
    for number in range(TEAMS):
        own = range(number, principals, TEAMS)
        count = len(range(number, tests, TEAMS))
        for folder, content in _team(chance, number, own, count):
            path = directory / folder / f"{_team_name(number)}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _team(
    chance: Random, number: int, principals: range, tests: int
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    policies = {f"job-{each}": _policy(chance, number) for each in range(POLICIES_PER_TEAM)}
    grants = [_grant(chance, number, each, list(policies)) for each in principals]
    if number == 0:
        policies["everything"] = {
            "description": "Administrators",
            "custom_statements": [
                _allow(["*"], "*", {"Bool": {"aws:MultiFactorAuthPresent": "true"}})
            ],
        }
        grants.append(
            {
                "description": "Administrators",
                "users": [f"admin-{each}@example.com" for each in range(_ADMINISTRATORS)],
                "environments": [_ENVIRONMENT],
                "grants": ["everything"],
            }
        )
    yield "aws-accounts", {"aws-accounts": {_ENVIRONMENT: ACCOUNT}}
    yield "aws-policies", {"aws-policies": policies}
    yield "permanent-access", {"permanent-access": grants}
    yield (
        "access-tests",
        {
            "global_exemptions": [".*:user/admin-"],
            "tests": [_test(chance, number) for _ in range(tests)],
        },
    )


def _team_name(number: int) -> str:
    return f"team-{number:02d}"


def _name(team: int, number: int) -> str:
    return f"{_team_name(team)}-{number:04d}"


def _grant(chance: Random, team: int, number: int, policies: list[str]) -> Mapping[str, Any]:
    is_user = number // TEAMS % 5 < 3
    name = _name(team, number)
    who = {"users": [f"{name}@example.com"]} if is_user else {"roles": [name]}
    return {
        "description": "Daily work",
        **who,
        "environments": [_ENVIRONMENT],
        "grants": chance.sample(policies, chance.randint(2, 5)),
    }


def _policy(chance: Random, team: int) -> Mapping[str, Any]:
    statements = [_statement(chance, team) for _ in range(chance.randint(1, 4))]
    if chance.random() < 0.3:
        statements.append(_allow(["ec2:Describe*", "logs:Describe*", "kms:List*"], "*"))
    if chance.random() < 0.2:
        guard = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
        statements.append(_allow(["backup:Delete*", "iam:*"], "*", guard) | {"effect": "Deny"})
    return {"description": "A job of the team", "custom_statements": statements}


def _statement(chance: Random, team: int) -> Mapping[str, Any]:
    service = chance.choice(list(SERVICES))
    names = [f"{service}:{action}" for action in chance.sample(SERVICES[service], 2)]
    actions = [f"{service}:*"] if chance.random() < 0.1 else names
    # Some teams grant more than their own resources, so tests of other teams fail.
    owner = team if chance.random() < 0.97 else chance.randrange(TEAMS)
    resource = f"{_team_name(owner)}-*"
    if chance.random() < 0.1:
        resource = f"{_team_name(owner)}-${{aws:username}}/*"
    conditions = None
    if chance.random() < 0.2:
        conditions = {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    return _allow(actions, _resource(service, resource), conditions)


def _allow(
    actions: list[str], resource: str, conditions: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    statement = {"effect": "Allow", "actions": actions, "resources": [resource]}
    return statement | ({"conditions": conditions} if conditions else {})


def _resource(service: str, name: str) -> str:
    if service == "s3":
        return f"arn:aws:s3:::{name}"
    if service == "iam":
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"
    return f"arn:aws:{service}:eu-central-1:{ACCOUNT}:{name}"


def _test(chance: Random, team: int) -> Mapping[str, Any]:
    service, action = chance.choice(_TESTED)
    name = _team_name(team)
    test = {
        "description": f"Only {name} may",
        "actions": [f"{service}:{action}"],
        "resources": [_resource(service, f"{name}-{chance.randrange(20)}/x")],
        "expected_result": "fail",
        "exemptions": [f".*:(user|role)/{name}-"],
    }
    if chance.random() >= _WITHOUT_MFA:
        return test
    key = {"context_key_name": "aws:MultiFactorAuthPresent", "context_key_values": "false"}
    return test | {"custom_context": [key | {"context_key_type": "boolean"}]}
