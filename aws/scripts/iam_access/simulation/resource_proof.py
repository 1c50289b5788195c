"""Proof that resources of an account let in whom the files say, judged by all that counts there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from iam_access.kinds import given_access
from iam_access.kinds.base import finding_about
from iam_access.kinds.kind import ResourcePolicy
from iam_access.model import Finding, PrincipalType, Resource, Severity
from iam_access.policy import document as documents
from iam_access.policy.actions import expand
from iam_access.policy.arn import part_of
from iam_access.policy.evaluation.evaluate import Decision
from iam_access.policy.evaluation.known_resources import KnownResource
from iam_access.simulation.account_policies import AccountPolicies, Subject
from iam_access.simulation.probes import Probe, denied_by, probes_of, why_none


@dataclass(slots=True)
class ResourceProof:
    """What is proven of the statements of resources that let a principal in, and what is not.

    A statement counts once for each principal that it names: a user or role of the account, or an
    outsider, as far as its own account lets it. The account's root is none: it leaves the decision
    to policies of users and roles.
    """

    account_policies: AccountPolicies
    now: datetime
    proven: int = 0
    whole: int = 0
    findings: list[Finding] = field(default_factory=list)

    def prove(self, wanted: Iterable[Resource]) -> None:
        """Prove the policies of the resources that the files ask for, where they are there."""
        for resource in wanted:
            for arn, policy in given_access(resource).resource_policies.items():
                known = self.account_policies.resources.own.known(arn)
                if known is not None:
                    self._prove(resource, known, policy)

    def _prove(self, resource: Resource, known: KnownResource, policy: ResourcePolicy) -> None:
        for statement in _statements(policy):
            for subject in self._named(statement):
                self.whole += 1
                failed = self._failure(subject, statement, known)
                if failed is None:
                    self.proven += 1
                else:
                    self.findings.append(self._finding(resource, subject, *failed))

    def _named(self, statement: documents.Statement) -> Iterator[Subject]:
        account_policies = self.account_policies
        by_name = {
            name: principal
            for principal, state in account_policies.snapshot.principals.items()
            if principal.type is not PrincipalType.GROUP
            for name in (state.arn, state.id)
            if name
        }
        element = statement.get("Principal")
        named = element.get("AWS", []) if isinstance(element, Mapping) else []
        for each in dict.fromkeys(map(str, documents.as_list(named))):
            if each in by_name:
                yield account_policies.subject(by_name[each])
        yield from account_policies.outsiders_of(statement)

    def _failure(
        self, subject: Subject, statement: documents.Statement, known: KnownResource
    ) -> tuple[Severity, str] | None:
        """Why it is not proven that a statement lets a principal in; None if it is."""
        written = documents.as_list(statement.get("Resource", "*"))
        where = [known.arn if each == "*" else each for each in written]
        asked = {**_of_service(statement, part_of(known.arn, 2)), "Resource": where}
        decisions: list[tuple[Probe, Decision]] = []
        for probe in probes_of(asked, subject.principal, denied_by([statement])):
            decision = probe.put_to(subject, self.now)
            if decision.allowed:
                return None
            decisions.append((probe, decision))
        if not decisions:
            return Severity.NOTE, why_none(asked)
        probe, decision = decisions[0]
        if decision.missing_context:
            missing = ", ".join(decision.missing_context)
            return Severity.NOTE, f"{probe.action} depends on {missing}"
        reasons = "; ".join(map(str, decision.blocked_by))
        return Severity.ERROR, f"{probe.action} on {probe.resource}: {reasons}"

    def _finding(
        self, resource: Resource, subject: Subject, severity: Severity, why: str
    ) -> Finding:
        snapshot, whom = self.account_policies.snapshot, subject.principal.label
        if severity is Severity.NOTE:
            return finding_about(
                resource,
                snapshot,
                "verify-unproven",
                f"that {resource.name} lets {whom} in could not be proven: {why}",
                "try it by hand, or write an access test that gives the context of the request",
                severity=severity,
            )
        return finding_about(
            resource,
            snapshot,
            "verify-not-allowed",
            f"{resource.name} lets {whom} in, who may not do {why}",
            "look at the policy that denies it: of the resource, or of the user or role",
        )


def _of_service(statement: documents.Statement, service: str) -> documents.Statement:
    """The statement with actions of a service in place of all actions, or of all but some."""
    every = f"{service}:*"
    if "NotAction" not in statement:
        named = map(documents.text_of, documents.as_list(statement.get("Action", [])))
        return {**statement, "Action": [every if each == "*" else each for each in named]}
    excluded = map(documents.text_of, documents.as_list(statement["NotAction"]))
    left = expand(every).difference(*map(expand, excluded))
    kept = {name: each for name, each in statement.items() if name != "NotAction"}
    return {**kept, "Action": sorted(left)}


def _statements(policy: ResourcePolicy) -> Iterator[documents.Statement]:
    """What allows: statements of the policy, and grants."""
    for document in (policy.document, *policy.grants.values()):
        for statement in documents.statements_of(document) if document is not None else ():
            if statement.get("Effect") == "Allow":
                yield statement
