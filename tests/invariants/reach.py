"""Who can do what in an account, judged from the documents that are there and nothing else."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from iam_access.model import Principal, PrincipalType
from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    PolicySource,
    SourceType,
    compile_policy,
)
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Verdict, decide
from iam_access.policy.evaluation.request import PrincipalContext, Request
from iam_access.snapshot import Document, PrincipalState, Snapshot

Context = Mapping[str, str | Sequence[str]]

OURS = "/self-serve/"
MFA: Context = {"aws:MultiFactorAuthPresent": "true"}


@dataclass(frozen=True, slots=True, order=True)
class Probe:
    """Something a principal may try to do."""

    action: str
    resource: str = "*"
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Entity:
    """A user or role: its ARN, all documents that are its own by where they are from, its trust."""

    arn: str
    documents: Mapping[str, Document]
    trust: Document | None = None

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def is_user(self) -> bool:
        return ":user/" in self.arn

    @property
    def is_ours(self) -> bool:
        return f":role{OURS}" in self.arn

    def caller(self, session: str = "some-session") -> PrincipalContext:
        if self.is_user:
            return PrincipalContext.user(self.arn)
        return PrincipalContext.role_session(self.arn, session)


class Reach:
    """The users and roles of an account."""

    def __init__(self, entities: Mapping[str, Entity]) -> None:
        self.entities = entities
        self._layers: dict[tuple[str, str], ApplicablePolicies] = {}

    def __getitem__(self, arn: str) -> Entity:
        return self.entities[arn]

    @property
    def roles_of_ours(self) -> list[Entity]:
        return [entity for entity in self.entities.values() if entity.is_ours]

    def verdict(
        self,
        who: Entity,
        probe: Probe,
        at: datetime,
        *,
        session: str = "some-session",
        resource_policy: Document | None = None,
    ) -> Verdict:
        """What AWS would say to who does this by their own policies."""
        request = Request(
            who.caller(session), probe.action, probe.resource, context=dict(probe.context), now=at
        )
        return decide(request, self._around(who, resource_policy, SourceType.RESOURCE)).kind

    def may(self, who: Entity, probe: Probe, at: datetime) -> bool:
        return self.verdict(who, probe, at) is Verdict.ALLOWED

    def may_assume(
        self,
        who: Entity,
        role: Entity,
        at: datetime,
        *,
        session: str | None = None,
        context: Context | None = None,
    ) -> bool:
        """Whether who may take the role; a user names the session like themselves."""
        name = session or (who.name if who.is_user else "some-session")
        request = Request(
            who.caller(),
            "sts:AssumeRole",
            role.arn,
            context={"sts:RoleSessionName": name, **(context or {})},
            now=at,
        )
        return decide(request, self._around(who, role.trust, SourceType.TRUST)).allowed

    def can(self, who: Entity, probe: Probe, at: datetime) -> bool:
        """Whether they get it done: themselves, or with a role of ours taken just now."""
        return self.may(who, probe, at) or any(
            self.may_assume(who, role, at) and self.may(role, probe, at)
            for role in self.roles_of_ours
        )

    def _around(
        self, who: Entity, resource: Document | None, kind: SourceType
    ) -> ApplicablePolicies:
        text = json.dumps(resource, sort_keys=True) if resource else ""
        found = self._layers.get((who.arn, text))
        if found is None:
            found = self._layers[who.arn, text] = ApplicablePolicies(
                identity=tuple(
                    compiled(document, SourceType.IDENTITY) for document in who.documents.values()
                ),
                resource=compiled(resource, kind) if resource else None,
            )
        return found


def compiled(document: Document, kind: SourceType) -> CompiledPolicy:
    """A document ready to be asked, once for all that are alike."""
    return _compiled(json.dumps(document), kind)


@lru_cache(maxsize=8192)
def _compiled(text: str, kind: SourceType) -> CompiledPolicy:
    return compile_policy(text, PolicySource(str(hash(text)), kind, "a policy"))


def allows(documents: Sequence[Document], who: Entity, probe: Probe, at: datetime) -> bool:
    """Whether a principal with these documents, and nothing else, might do this."""
    only = Entity(who.arn, {str(number): each for number, each in enumerate(documents)})
    return Reach({who.arn: only}).may(only, probe, at)


def reach_of(snapshot: Snapshot) -> Reach:
    """What a value of an account comes to."""
    entities = (
        Entity(state.arn, dict(_documents(state, snapshot)), state.trust)
        for principal, state in snapshot.principals.items()
        if principal.type is not PrincipalType.GROUP
    )
    return Reach({entity.arn: entity for entity in entities})


def entity_of(reach: Reach, snapshot: Snapshot, principal: Principal) -> Entity:
    return reach[snapshot.principals[principal].arn]


def _documents(state: PrincipalState, snapshot: Snapshot) -> Iterator[tuple[str, Document]]:
    yield from state.inline.items()
    for arn in state.attached:
        if arn in snapshot.policies:
            yield arn, snapshot.policies[arn].document
        elif (copy := snapshot.managed.get(arn)) is not None:
            yield arn, copy.document


def reach_of_account(iam: Any) -> Reach:
    """What boto3's IAM client finds in an account, documents of AWS managed policies included."""
    entities: dict[str, Entity] = {}
    local: dict[str, Document] = {}
    known: dict[str, Document] = {}
    pages = list(
        iam.get_paginator("get_account_authorization_details").paginate(
            Filter=["User", "Role", "LocalManagedPolicy"], PaginationConfig={"PageSize": 1_000}
        )
    )
    for page in pages:
        for policy in page["Policies"]:
            local[policy["Arn"]] = next(
                each["Document"] for each in policy["PolicyVersionList"] if each["IsDefaultVersion"]
            )
    for page in pages:
        for detail in (*page["UserDetailList"], *page["RoleDetailList"]):
            listed = [*detail.get("UserPolicyList", ()), *detail.get("RolePolicyList", ())]
            documents = {each["PolicyName"]: each["PolicyDocument"] for each in listed}
            for each in detail["AttachedManagedPolicies"]:
                arn = each["PolicyArn"]
                if arn not in local and arn not in known:
                    known[arn] = document_of_aws(iam, arn)
                documents[arn] = local.get(arn) or known[arn]
            trust = detail.get("AssumeRolePolicyDocument")
            entities[detail["Arn"]] = Entity(detail["Arn"], documents, trust)
    return Reach(entities)


def document_of_aws(iam: Any, arn: str) -> Document:
    """An AWS managed policy's default version."""
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    answer = iam.get_policy_version(PolicyArn=arn, VersionId=version)
    document: Document = answer["PolicyVersion"]["Document"]
    return document
