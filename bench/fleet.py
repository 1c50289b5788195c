"""Write the access files of a made-up organization, from a seed."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

# Services, with the actions and the resource of a policy.
_TOPICS = (
    ("s3", ("GetObject", "PutObject", "GetObjectVersion"), "arn:aws:s3:::{name}/*"),
    ("s3", ("ListBucket", "GetBucketLocation"), "arn:aws:s3:::{name}"),
    (
        "dynamodb",
        ("GetItem", "Query", "PutItem", "DescribeTable"),
        "arn:aws:dynamodb:*:{{account_id}}:table/{name}",
    ),
    (
        "sqs",
        ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
        "arn:aws:sqs:*:{{account_id}}:{name}",
    ),
    ("sns", ("Publish", "GetTopicAttributes"), "arn:aws:sns:*:{{account_id}}:{name}"),
    (
        "logs",
        ("FilterLogEvents", "GetLogEvents"),
        "arn:aws:logs:*:{{account_id}}:log-group:/{name}:*",
    ),
    (
        "lambda",
        ("InvokeFunction", "GetFunction"),
        "arn:aws:lambda:*:{{account_id}}:function:{name}",
    ),
    (
        "secretsmanager",
        ("GetSecretValue", "DescribeSecret"),
        "arn:aws:secretsmanager:*:{{account_id}}:secret:{name}-*",
    ),
)
_AWS_MANAGED = "arn:aws:iam::aws:policy/ReadOnlyAccess"
_TEMPORARY_FOR = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The size of the organization. Every team uses every account.

    In each account every user of a team has one of the team's own policies attached, one user in
    `lead_every` an AWS managed policy besides, and one in `temporary_every` a temporary grant.
    `publish` is the setting `publish_policies`.
    """

    accounts: int
    teams: int = 5
    policies_per_team: int = 20
    users: int = 100
    lead_every: int = 5
    temporary_every: int = 10
    publish: str = "everywhere"
    seed: int = 1

    @property
    def account_ids(self) -> tuple[str, ...]:
        return tuple(f"{100_000_000_001 + 1_000_003 * n}" for n in range(self.accounts))

    @property
    def environments(self) -> tuple[str, ...]:
        return tuple(f"env-{n + 1:02}" for n in range(self.accounts))

    @property
    def team_names(self) -> tuple[str, ...]:
        return tuple(f"team-{n + 1:02}" for n in range(self.teams))

    def users_of(self, team: int) -> tuple[str, ...]:
        """The names of the users that belong to a team, counted from 0."""
        return tuple(f"user-{n + 1:04}" for n in range(team, self.users, self.teams))


def write(fleet: Fleet, directory: Path, now: datetime) -> None:
    """Write the files; deadlines of temporary grants are relative to `now` (UTC).

    The files are JSON with line breaks, which is valid YAML.
    """
    for folder, team, content in _files(fleet, now):
        path = directory / folder / f"{team}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({folder: content}, indent=2) + "\n", encoding="utf-8")
    (directory / "settings.yaml").write_text(
        f"publish_policies: {fleet.publish}\n", encoding="utf-8"
    )


def _files(fleet: Fleet, now: datetime) -> Iterator[tuple[str, str, Any]]:
    chance = random.Random(fleet.seed)
    accounts = dict(zip(fleet.environments, fleet.account_ids, strict=True))
    for number, team in enumerate(fleet.team_names):
        keys = [f"area-{n // 4 + 1}.job-{n % 4 + 1}" for n in range(fleet.policies_per_team)]
        policies: dict[str, Any] = {key: _policy(team, key, chance) for key in keys}
        policies["look-around"] = {
            "description": "See what there is",
            "managed_policies": [_AWS_MANAGED],
        }
        # No user gets a temporary grant of what the user holds permanently.
        daily, rare = keys[: -len(keys) // 5], keys[-len(keys) // 5 :]
        yield "aws-accounts", team, accounts
        yield "aws-policies", team, policies
        yield "permanent-access", team, list(_permanent(fleet, number, daily, chance))
        yield "temporary-access", team, list(_temporary(fleet, number, rare, chance, now))


def _policy(team: str, key: str, chance: random.Random) -> Mapping[str, Any]:
    topics = chance.sample(_TOPICS, chance.randint(2, 4))
    return {
        "description": f"What {key} of {team} takes",
        "custom_statements": [
            {
                "effect": "Allow",
                "actions": [f"{service}:{action}" for action in actions],
                "resources": [resource.format(name=f"{team}-{key.replace('.', '-')}")],
            }
            for service, actions, resource in topics
        ],
    }


def _permanent(
    fleet: Fleet, team: int, keys: list[str], chance: random.Random
) -> Iterator[Mapping[str, Any]]:
    everywhere = list(fleet.environments)
    users = [_address(user) for user in fleet.users_of(team)]
    for first in range(0, len(users), 4):
        yield {
            "description": "Daily work",
            "users": users[first : first + 4],
            "environments": everywhere,
            "grants": [chance.choice(keys)],
        }
    yield {
        "description": "Leads see everything",
        "users": users[:: fleet.lead_every],
        "environments": everywhere,
        "grants": ["look-around"],
    }


def _temporary(
    fleet: Fleet, team: int, keys: list[str], chance: random.Random, now: datetime
) -> Iterator[Mapping[str, Any]]:
    deadline = (now + _TEMPORARY_FOR).replace(microsecond=0)
    for environment in fleet.environments:
        for user in fleet.users_of(team)[:: fleet.temporary_every]:
            yield {
                "description": "An incident",
                "user": _address(user),
                "environment": environment,
                "grant": chance.choice(keys),
                "expires_at": deadline.isoformat(),
            }


def _address(user: str) -> str:
    return f"{user}@example.com"
