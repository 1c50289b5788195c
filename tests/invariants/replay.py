"""Plans carried out by the real executor on IAM as a value, remembered after every call."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from iam_access.cloud.client import CallError
from iam_access.cloud.executor import Execution
from iam_access.kinds import names
from iam_access.kinds.calls import iam
from iam_access.kinds.grant import Form
from iam_access.model import Phase, Plan, Principal, Status
from iam_access.policy.document import canonical
from iam_access.policy.expiry import with_deadline
from iam_access.snapshot import Document, Snapshot
from tests.invariants.reach import Entity, Probe, Reach, reach_of
from tests.values import NOW, RefusedError, carried_out, in_effect, with_policy, with_state


def moments(plan: Plan, snapshot: Snapshot) -> list[Snapshot]:
    """The account before the first call, after each, and so after the last.

    A run that is stopped leaves one of these behind. Fails when IAM would refuse anything.
    """
    passed = [snapshot]

    def call(operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            after = carried_out(passed[-1], [iam(plan.account.id, operation, params, Phase.GRANT)])
        except RefusedError as error:
            raise CallError(str(error.args[0]), str(error.args[1])) from error
        passed.append(after)
        return {}

    outcomes = Execution(plan.account.id, plan.changes, lambda _: call, sleep=lambda _: None).run()
    refused = [outcome for outcome in outcomes if outcome.status is not Status.DONE]
    assert not refused, refused
    return passed


def meaning(snapshot: Snapshot, *, divided: bool = True) -> object:
    """An account for comparison: everything but how often a policy was written.

    What gives no principal anything does not count. Unless it is to tell how they are `divided`, of
    a permanent policy in several parts only that it is there counts: what they give is to be
    compared as `Powers`.
    """
    snapshot = in_effect(snapshot)

    def whole(arn: str) -> str:
        return arn if divided else names.first_part(arn)

    parts = Counter(map(whole, snapshot.policies))
    return (
        {
            principal: (
                tuple(dict.fromkeys(map(whole, state.attached))),
                {name: canonical(document) for name, document in state.inline.items()},
                state.tags,
                state.trust and canonical(state.trust),
            )
            for principal, state in snapshot.principals.items()
        },
        {
            whole(arn): parts[whole(arn)] > 1 or canonical(policy.document)
            for arn, policy in snapshot.policies.items()
        },
    )


class Powers:
    """What people can do at a moment, with the roles that have an open session."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.reach: Reach = reach_of(snapshot)

    def person(self, principal: Principal) -> Entity:
        return self.reach[self.snapshot.principals[principal].arn]

    def roles(self, principal: Principal, times: Iterable[datetime]) -> frozenset[str]:
        """The roles of ours that a principal may assume at some of these times, by ARN."""
        who = self.person(principal)
        return frozenset(
            role.arn
            for role in self.reach.roles_of_ours
            if any(self.reach.may_assume(who, role, at) for at in times)
        )

    def of(
        self, principal: Principal, sessions: Iterable[str], probes: Iterable[Probe], at: datetime
    ) -> frozenset[Probe]:
        """What a principal gets done, by itself or in a session of one of the roles."""
        ways = [self.person(principal)]
        ways += (self.reach[arn] for arn in sessions if arn in self.reach.entities)
        return frozenset(
            probe for probe in probes if any(self.reach.may(way, probe, at) for way in ways)
        )


def without_end(document: Document, *, late: bool = False) -> Document:
    endless = {
        **document,
        "Statement": [
            {name: value for name, value in each.items() if name != "Condition"}
            for each in document["Statement"]
        ],
    }
    return with_deadline(endless, NOW + timedelta(days=300)) if late else endless


def robbed(form: Form, account: Snapshot, *, late: bool = False) -> Snapshot:
    """The account after another hand took the deadline out wherever it could."""
    if form is Form.POLICY:
        for arn, known in account.policies.items():
            if arn.count("+") > 1:
                account = with_policy(account, arn, document=without_end(known.document, late=late))
        return account
    for principal, state in account.principals.items():
        if form is Form.INLINE:
            inline = {name: without_end(each, late=late) for name, each in state.inline.items()}
            account = with_state(account, principal, inline=inline)
        elif names.is_grant_role(state):
            account = with_state(account, principal, inline={})
    return account
