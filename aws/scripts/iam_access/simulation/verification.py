"""Proof after an apply: the account is what the files say, grants are allowed, and they end.

Evaluated on the account as it was read again. What a grant is to allow is taken from the files and
never from the account, so that a change by others is not mistaken for it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from iam_access.kinds import given_access, kind_of, one_grant
from iam_access.kinds.base import finding_about
from iam_access.model import (
    Change,
    ChangeType,
    Finding,
    Outcome,
    Plan,
    Principal,
    Resource,
    Severity,
    Status,
    Verification,
)
from iam_access.plan.diff import ResourcesById, observed_state, published
from iam_access.policy.document import Statement, statements_of
from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    PolicySource,
    SourceType,
    compile_policy,
)
from iam_access.policy.evaluation.evaluate import (
    ApplicablePolicies,
    Decision,
    PolicyType,
    Verdict,
    decide,
)
from iam_access.policy.evaluation.request import Request
from iam_access.policy.evaluation.service_exceptions import ASSUME_ROLE, is_trust_action
from iam_access.simulation.account_policies import AccountPolicies, Subject
from iam_access.simulation.probes import Probe, denied_by, probes_of, why_none
from iam_access.simulation.resource_proof import ResourceProof
from iam_access.simulation.results import AccountTests
from iam_access.snapshot import Document, Snapshot

_SECOND = timedelta(seconds=1)
_NO_POLICY = "it has no policy that can be evaluated"
#: How many reasons are reported for one grant.
_TOLD = 3
_UNFINISHED = frozenset({Status.FAILED, Status.SKIPPED})


@dataclass(frozen=True, slots=True)
class MadeUp:
    """What an account that is made from the files has, and is not known to be so.

    `policies` are the ARNs of policies of others, of which only the names are known, `grants` the
    teams' policies that name some (team and `names.label`).
    """

    policies: frozenset[str] = frozenset()
    grants: frozenset[tuple[str, str]] = frozenset()

    def has(self, resource: Resource) -> bool:
        """Whether a resource gives what is not known, or has a copy of it."""
        copied = {(team, resource.grant) for team in resource.teams}
        return not (
            self.policies.isdisjoint(given_access(resource).attached)
            and self.grants.isdisjoint(copied)
        )


_NOTHING_MADE_UP = MadeUp()


def verify(
    snapshot: Snapshot,
    plan: Plan,
    outcomes: Iterable[Outcome],
    again: Plan,
    now: datetime,
    made_up: MadeUp = _NOTHING_MADE_UP,
) -> Verification:
    """Return what holds, and what does not, of what the files ask for in the account as it is.

    `snapshot` was read after the run of `plan`, with the documents of all policies that count;
    `again` is the plan made from it. `now` is UTC. What the run itself reported is not repeated.
    What is `made_up` proves nothing.
    """
    undone = {each.change.id for each in outcomes if each.status in _UNFINISHED}
    left = [change for change in again.changes if change.id not in undone]
    findings = [_not_so(change, snapshot) for change in left]
    findings += (each for each in again.findings if each.is_error and each not in plan.findings)
    wanted = {each.id: each for each in plan.wanted}
    proof = _Proof(
        AccountPolicies(snapshot), published(wanted), observed_state(snapshot), now, made_up
    )
    grants = _grants_of(plan.wanted, snapshot)
    for grant in grants:
        if all(_is_there(part, grant.recipient, snapshot) for part in grant.parts):
            proof.prove(grant)
    resources = ResourceProof(proof.account_policies, now)
    # What is new has an ARN by now.
    resources.prove(again.wanted)
    temporary = sum(1 for grant in grants if grant.expires)
    return Verification(
        findings=(
            *findings,
            *proof.findings,
            *resources.findings,
            _counted(proof, len(grants), temporary, resources),
        ),
        grants=len(grants),
        alive=proof.alive,
        temporary=temporary,
        ending=proof.ending,
    )


def violation_findings(tests: AccountTests) -> Iterator[Finding]:
    """Yield the assertions that do not hold, as findings at the tests' places."""
    for result in tests.results:
        if result.ok:
            continue
        test = result.question.test
        can = "can" if result.answer.decision is Verdict.ALLOWED else "cannot"
        yield Finding(
            code="assertion-failed",
            severity=Severity.ERROR,
            message=f"{result.question.state.principal} {can} do {result.action} on "
            f"{result.resource} in account {tests.account.id} ({tests.account.label})"
            f"{result.question.circumstances}",
            hint=test.description or "an access test forbids this",
            location=test.location,
            team=test.team,
            account=tests.account.id,
        )


@dataclass(frozen=True, slots=True)
class _Grant:
    """Everything that gives one principal one grant until one time (UTC; None: no end)."""

    recipient: Principal
    parts: Sequence[Resource]

    @property
    def first(self) -> Resource:
        return self.parts[0]

    @property
    def expires(self) -> datetime | None:
        return self.first.expires

    @property
    def holder(self) -> Principal:
        """The principal with the permissions: the recipient, or a role that it has to assume."""
        given = given_access(self.first)
        return given.holder if given.is_assumed and given.holder else self.recipient

    @property
    def is_assumed(self) -> bool:
        return self.holder != self.recipient


def _grants_of(wanted: Iterable[Resource], snapshot: Snapshot) -> Sequence[_Grant]:
    """The grants that resources write; a resource that alone gives no access is in none.

    What is granted to a group is granted to each of its members.
    """
    parts: defaultdict[tuple[Principal, object], list[Resource]] = defaultdict(list)
    for resource in wanted:
        key = (resource.teams, resource.grant or one_grant(resource), resource.expires)
        for recipient in _grantees(resource):
            for each in snapshot.members(recipient):
                parts[each, key].append(resource)
    return [_Grant(recipient, each) for (recipient, _), each in parts.items()]


def _grantees(resource: Resource) -> tuple[Principal, ...]:
    """Who is to have what a resource gives: its recipients, or a role that is made for none."""
    given = given_access(resource)
    if given.is_assumed and not given.recipients and given.holder is not None:
        return (given.holder,) if given.inline or given.attached else ()
    return given.recipients


def _is_there(resource: Resource, recipient: Principal, snapshot: Snapshot) -> bool:
    """Whether the account has the resource; a missing one is reported separately."""
    return recipient in snapshot.principals and kind_of(resource.id).is_there(resource, snapshot)


def _not_so(change: Change, snapshot: Snapshot) -> Finding:
    state = {
        ChangeType.CREATE: "is not there",
        ChangeType.UPDATE: "differs from the files",
        ChangeType.DELETE: "is still there",
    }[change.action]
    on = f" on {change.principal}" if change.principal else ""
    return finding_about(
        change.subject,
        snapshot,
        "verify-not-so",
        f"{change.id.kind} {change.name}{on} {state}, although the run succeeded",
        "apply again; if this happens again, something else changes the account: "
        "CloudTrail shows what",
    )


@dataclass(slots=True)
class _Proof:
    """What is proven so far, and what is not.

    `wanted` are the policies that the files ask for, by ARN; `observed` is everything in the
    account that is ours.
    """

    account_policies: AccountPolicies
    wanted: Mapping[str, Document]
    observed: ResourcesById
    now: datetime
    made_up: MadeUp
    findings: list[Finding] = field(default_factory=list)
    alive: int = 0
    ending: int = 0

    def prove(self, grant: _Grant) -> None:
        """Prove one grant, by the resources that write it."""
        subject = self.account_policies.subject(grant.holder)
        if any(map(self.made_up.has, grant.parts)):
            self.findings.append(_not_known(grant, self.account_policies.snapshot))
            if grant.expires is not None:
                self._prove_end(grant, grant.expires, subject, ())
            return
        documents = [each for part in grant.parts for each in self._documents(part)]
        alone = replace(
            subject.alone, policies=ApplicablePolicies(identity=tuple(map(_alone, documents)))
        )
        every = [each for document in documents for each in statements_of(document)]
        statements = [each for each in every if each.get("Effect") == "Allow"]
        denied = denied_by(every)
        trials = [self._tried(each, denied, grant, alone) for each in statements]
        tried = [each for each in trials if isinstance(each, _Open)]
        untried = [each for each in trials if isinstance(each, str)] if documents else [_NO_POLICY]
        blocked = [*self._shut(grant), *_blocked(tried, subject)]
        if blocked:
            self.findings.append(_not_allowed(grant, self.account_policies.snapshot, blocked))
        elif tried or (documents and not statements):
            self.alive += 1
        if untried:
            severity = Severity.NOTE if tried else Severity.ERROR
            self.findings.append(
                _unproven(grant, self.account_policies.snapshot, len(statements), untried, severity)
            )
        if grant.expires is not None:
            self._prove_end(grant, grant.expires, subject, tried)

    def _documents(self, part: Resource) -> Iterator[Document]:
        """What the files make the resource allow and deny."""
        given = given_access(part)
        yield from given.inline.values()
        for arn in sorted(given.attached):
            yield self.wanted.get(arn) or self.account_policies.document(arn)

    def _tried(
        self, statement: Statement, denied: Set[str], grant: _Grant, alone: Subject
    ) -> "_Open | str":
        """A request that the grant alone allows by the statement, or why none was found.

        `denied` are actions that the grant denies, perhaps under conditions.
        """
        moments = [self.now, *([grant.expires - _SECOND] if grant.expires else [])]
        probes = list(probes_of(statement, alone.principal, denied))
        decisions: list[Decision] = []
        for probe in probes:
            for at in moments:
                decision = probe.put_to(alone, at)
                if decision.allowed:
                    return _Open(probe, at)
                decisions.append(decision)
        if not probes:
            return why_none(statement)
        tried = ", ".join(dict.fromkeys(probe.action for probe in probes[:3]))
        if all(each.kind is Verdict.EXPLICIT_DENY for each in decisions):
            return f"the grant itself denies {tried}"
        return f"no request was found for {tried} that meets its conditions"

    def _shut(self, grant: _Grant) -> Iterator["_Blocked"]:
        """Yield the failure if the grantee may not assume the role made for it."""
        if not grant.is_assumed:
            return
        moments = [self.now, *([grant.expires - _SECOND] if grant.expires else [])]
        decisions = [self._entered(grant, at) for at in moments]
        if not any(each.allowed for each in decisions):
            arn = self.account_policies.snapshot.principals[grant.holder].arn
            yield _Blocked(str(grant.recipient), ASSUME_ROLE, arn, decisions[-1])

    def _entered(self, grant: _Grant, at: datetime) -> Decision:
        """Decide whether the trust policy and the grantee's policies allow assuming the role."""
        person = self.account_policies.subject(grant.recipient)
        role = self.account_policies.snapshot.principals[grant.holder]
        source = PolicySource("trust", SourceType.TRUST, "trust policy")
        request = Request(
            person.caller,
            ASSUME_ROLE,
            role.arn,
            context={
                "aws:MultiFactorAuthPresent": "true",
                "sts:RoleSessionName": grant.recipient.name,
            },
            now=at,
        )
        trust = compile_policy(role.trust or {}, source)
        return decide(request, replace(person.policies, resource=trust))

    def _prove_end(
        self, grant: _Grant, ends: datetime, subject: Subject, tried: Iterable["_Open"]
    ) -> None:
        """Prove that from the end on, what the account holds of the grant gives no access."""
        ended = all(self._is_over(part, ends) for part in grant.parts)
        if grant.is_assumed:
            # The role exists for its grant only, so all its policies count.
            held = subject.alone
            ended = ended and not self._entered(grant, ends).allowed
        else:
            policies = tuple(self._held(grant.parts))
            held = replace(subject.alone, policies=ApplicablePolicies(identity=policies))
        still = next((one for one in tried if _grants(one.probe.put_to(held, ends))), None)
        if ended and still is None:
            self.ending += 1
            return
        what = still.probe.action if still else "something"
        self.findings.append(_outlives(grant, self.account_policies.snapshot, what))

    def _is_over(self, part: Resource, ends: datetime) -> bool:
        """Whether everything that the account holds of a resource ends by then."""
        found = self.observed.get(part.id)
        return found is not None and found.expires is not None and found.expires <= ends

    def _held(self, parts: Iterable[Resource]) -> Iterator[CompiledPolicy]:
        """The account's own documents of these resources."""
        for found in filter(None, (self.observed.get(part.id) for part in parts)):
            given = given_access(found)
            yield from map(_alone, given.inline.values())
            yield from (
                _alone(self.account_policies.document(arn)) for arn in sorted(given.attached)
            )


@dataclass(frozen=True, slots=True)
class _Open:
    """A request that a grant alone allows at a time (UTC)."""

    probe: Probe
    at: datetime


@dataclass(frozen=True, slots=True)
class _Blocked:
    """A request that a grant allows and its holder may not make."""

    who: str
    action: str
    resource: str
    decision: Decision


def _blocked(tried: Iterable[_Open], subject: Subject) -> Iterator[_Blocked]:
    for one in tried:
        decision = one.probe.put_to(subject, one.at)
        if not (decision.allowed or _is_for_trust(one.probe.action, decision)):
            who, probe = str(subject.principal), one.probe
            yield _Blocked(who, probe.action, probe.resource, decision)


def _is_for_trust(action: str, decision: Decision) -> bool:
    """Whether only the trust policy of a role does not allow it, which is no part of a grant."""
    layers = {each.layer for each in decision.blocked_by if not each.denies}
    return is_trust_action(action.lower()) and layers == {PolicyType.RESOURCE}


def _alone(document: Document) -> CompiledPolicy:
    return compile_policy(document, PolicySource("grant", SourceType.IDENTITY, "grant"))


def _grants(decision: Decision) -> bool:
    """Whether policies allow it; some actions need no permission."""
    return decision.allowed and bool(decision.deciding)


def _not_allowed(grant: _Grant, snapshot: Snapshot, blocked: Sequence[_Blocked]) -> Finding:
    first, more = blocked[0], len(blocked) - 1
    reasons = dict.fromkeys(
        "; ".join(map(str, each.decision.blocked_by)) or "no policy allows it" for each in blocked
    )
    others = f" (and {more:,} more)" if more else ""
    return finding_about(
        grant.first,
        snapshot,
        "verify-not-allowed",
        f"{grant.holder} is granted {_name(grant)}, but {first.who} may not do {first.action} on "
        f"{first.resource}{others}: {' / '.join(list(reasons)[:_TOLD])}",
        "look at the policy that denies it: a boundary, or a Deny elsewhere",
    )


def _unproven(
    grant: _Grant,
    snapshot: Snapshot,
    statements: int,
    untried: Sequence[str],
    severity: Severity,
) -> Finding:
    what = "no part" if severity is Severity.ERROR else "not all"
    counted = f" ({len(untried):,} of {statements:,} Allow statements)" if statements else ""
    reasons = list(dict.fromkeys(untried))
    more = f"; and {len(reasons) - _TOLD} more" if len(reasons) > _TOLD else ""
    return finding_about(
        grant.first,
        snapshot,
        "verify-unproven",
        f"{what} of {_name(grant)} for {grant.recipient} could be proven to be allowed{counted}: "
        f"{'; '.join(reasons[:_TOLD])}{more}",
        "try it by hand, or write an access test that gives the context of the request",
        severity=severity,
    )


def _not_known(grant: _Grant, snapshot: Snapshot) -> Finding:
    return finding_about(
        grant.first,
        snapshot,
        "verify-unproven",
        f"{_name(grant)} for {grant.recipient} could not be proven to be allowed: a policy of "
        "others is in it, of which only the name is known here",
        "verify it in the account itself, without --sandbox",
        severity=Severity.NOTE,
    )


def _outlives(grant: _Grant, snapshot: Snapshot, what: str) -> Finding:
    return finding_about(
        grant.first,
        snapshot,
        "verify-outlives",
        f"{grant.holder} may still do {what} by {_name(grant)} after its end",
        "revoke it: python aws/scripts/revoke.py; and report this as a bug",
    )


def _name(grant: _Grant) -> str:
    return grant.first.grant or grant.first.name


def _counted(proof: _Proof, grants: int, temporary: int, resources: ResourceProof) -> Finding:
    """The number of proven grants, and the limits of the proof."""
    beside = (
        f", {resources.proven:,} of {resources.whole:,} times that a resource lets a principal in"
        if resources.whole
        else ""
    )
    return Finding(
        code="verified",
        severity=Severity.NOTE,
        message=f"{proof.alive:,} of {grants:,} grants proven to be allowed, "
        f"{proof.ending:,} of {temporary:,} temporary ones to end{beside}",
        hint="not looked at: service control policies, and the policies of resources that no file "
        "here describes",
        account=proof.account_policies.snapshot.account_id,
    )
