"""From a statement that decided something back to the lines of the files that put it there."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from iam_access.config.configuration import Configuration, Team
from iam_access.kinds import names
from iam_access.kinds.access import AccessEntry
from iam_access.kinds.base import FileEntry
from iam_access.kinds.fields import UserNames
from iam_access.kinds.placeholders import fill, values_of
from iam_access.kinds.policy_spec import PolicySpec
from iam_access.kinds.temporary_role import POLICY_NAME
from iam_access.model import Account, Location, Principal, PrincipalType
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy.evaluation.compile import (
    PolicySource,
    SourceType,
    StatementRef,
    compile_policy,
)
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Verdict, decide_for_caller
from iam_access.policy.evaluation.request import Request
from iam_access.simulation.account_policies import inline_id
from iam_access.snapshot import Document

_PART = re.compile(r"(=[0-9a-f]{7})?\+\d+$")

# Whether a policy by itself has a say in what was asked.
Counts: TypeAlias = Callable[[Document], bool]


def has_a_say(document: Document, request: Request) -> bool:
    """Whether a document by itself allows or denies what is asked."""
    layers = ApplicablePolicies(identity=(compile_policy(document, _ALONE),))
    return decide_for_caller(request, layers).kind is not Verdict.IMPLICIT_DENY


_ALONE = PolicySource("statement", SourceType.IDENTITY, "statement")


@dataclass(frozen=True, slots=True)
class Origin:
    """A statement, and where it came from when it is ours.

    `statement` is where the files say what it says, or name the AWS managed policy that does;
    None for what others made and for what no file says, as the end of a grant. `entry` is where
    they grant it to the principal.
    """

    ref: StatementRef
    statement: Location | None = None
    entry: Location | None = None


@dataclass(frozen=True, slots=True)
class _Grant:
    """An entry that gives a principal a policy of the files; `managed` is set for one of AWS's.

    `values` fill in the policy's placeholders.
    """

    entry: AccessEntry
    policy: FileEntry[PolicySpec]
    values: Mapping[str, str]
    managed: str | None = None


class Origins:
    """Where the statements in one account came from."""

    def __init__(self, configuration: Configuration, account: Account) -> None:
        self._grants: dict[tuple[PrincipalType, str, str], _Grant] = {}
        for name, environment in sorted(account.environments.items()):
            if name in configuration.invalid:
                continue  # what its files say is not to be relied on
            team, user_names = configuration.teams[name], configuration.settings.user_names
            for holder, source, grant in _grants(team, environment, account, user_names):
                self._grants.setdefault(_key(holder, source), grant)
        self._found: dict[object, Location | None] = {}

    def deciding(self, principal: Principal, ref: StatementRef, request: Request) -> Origin:
        """Where a statement that decided a request of the principal is written and granted.

        Where it is written is worked out once for all who hold the policy.
        """
        grant = self._grants.get(_key(principal, _PART.sub("", ref.source.id)))
        if grant is None:
            return Origin(ref)
        where = grant.policy.place.location, grant.managed, ref.index, ref.sid, ref.allows
        key = *where, request.action, request.resource
        if key not in self._found:
            self._found[key] = _written(grant, ref, lambda each: has_a_say(each, request))
        return Origin(ref, self._found[key], grant.entry.place.location)

    def of(self, principal: Principal, ref: StatementRef, counts: Counts) -> Origin:
        """Where a statement that `counts` for the principal is written and granted."""
        grant = self._grants.get(_key(principal, _PART.sub("", ref.source.id)))
        if grant is None:
            return Origin(ref)
        return Origin(ref, _written(grant, ref, counts), grant.entry.place.location)


def _key(principal: Principal, source: str) -> tuple[PrincipalType, str, str]:
    """IAM tells no names apart by their case alone; generations of a role are one here."""
    kind, name = principal.in_iam
    return kind, names.first_role_name(name), source.lower()


def _grants(
    team: Team, environment: str, account: Account, user_names: UserNames
) -> Iterator[tuple[Principal, str, _Grant]]:
    """Who holds a policy of which id, and by which entry of the team."""
    values = values_of(account, environment, team.name)
    for entry in team.access_in(environment):
        for key in entry.grants:
            policy = team.policies.get(key)
            if policy is None:
                continue  # gone since the entry ended
            grant = _Grant(entry, policy, values)
            for principal in entry.principals(user_names):
                if entry.until is not None:
                    yield from _temporary(team.name, grant, principal, entry.until, account)
                else:
                    yield (
                        principal,
                        names.policy_arn(account.partition, account.id, team.name, key),
                        grant,
                    )
                    yield from _managed(principal, grant)


def _temporary(
    team: str, grant: _Grant, principal: Principal, until: datetime, account: Account
) -> Iterator[tuple[Principal, str, _Grant]]:
    """A temporary grant in each of the forms it may have been written in."""
    key = grant.policy.key
    yield principal, inline_id(principal, names.inline_name(team, key, until)), grant
    part = names.temporary_policy_name(team, key, None, until, 1)
    path = names.policy_path(team)
    arn = arns.policy_arn(account.id, part, path=path, partition=account.partition)
    yield principal, _PART.sub("", arn), grant
    role_name = names.role_name(team, key, principal, grant.entry.starts)
    role = Principal(PrincipalType.ROLE, role_name)
    yield role, inline_id(role, POLICY_NAME), grant
    yield from _managed(role, grant)


def _managed(holder: Principal, grant: _Grant) -> Iterator[tuple[Principal, str, _Grant]]:
    """The AWS managed policies of the grant, where they are attached as they are."""
    for written in grant.policy.spec.managed_policies:
        arn = fill(written, grant.values)
        yield holder, arn, replace(grant, managed=written)


def _written(grant: _Grant, ref: StatementRef, counts: Counts) -> Location | None:
    """Where the files say what a statement says.

    Its id or place alone do not tell: a grant that was cut has lost its ids and its order, and
    AWS's own statements may stand beside. So it has to be one that counts for what was asked.
    """
    policy = grant.policy
    managed = policy.spec.managed_policies
    if grant.managed is not None:
        index = managed.index(grant.managed)
        return policy.place.at("managed_policies", index).location
    written = fill(policy.spec.statements, grant.values)
    found = [
        index
        for index, statement in enumerate(written)
        if (statement["Effect"] == "Allow") == ref.allows
        and counts(documents.document([statement]))
    ]
    if found:
        named = [n for n in found if ref.sid is not None and written[n].get("Sid") == ref.sid]
        index = next(iter(named), ref.index if ref.index in found else found[0])
        return policy.place.at("custom_statements", index).location
    return policy.place.at("managed_policies").location if managed and ref.allows else None
