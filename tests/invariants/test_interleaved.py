"""Promise 4 with two runs at once: whatever they do to each other, the next apply sees and fixes.

Every pair of commands on small accounts, in every order of their calls, each stopped anywhere. At
no moment can a role of ours be used without its end, or is an AWS managed policy that we attached
without the tag that says so. From everything that can be left behind, one apply leads to what the
files ask for, and cleanups to an account as if nothing had ever disturbed the run.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations_with_replacement

import pytest

from iam_access.config.configuration import Configuration, Team
from iam_access.kinds import names, temporary_role
from iam_access.kinds.grant import Form
from iam_access.kinds.ownership import claims_on
from iam_access.kinds.temporary_role import CLOSED_TRUST
from iam_access.plan.planner import RunOptions, plan_cleanup
from iam_access.plan.revocation import Target, plan_revocation
from iam_access.policy.document import canonical, same_meaning
from iam_access.snapshot import Snapshot
from tests.invariants.interleaving import Planning, explore, moments_of, run, undone
from tests.invariants.replay import robbed
from tests.values import (
    ACCOUNT,
    BOB,
    NOW,
    POWER_USER,
    READ_ONLY,
    account_with,
    apply_plan,
    configuration,
    permanent,
    policy,
    team,
    temporary,
    with_state,
)

FORCED = RunOptions()
TWO_HOURS = timedelta(hours=2)
FAR, FARTHER = "2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"


def applying(files: Configuration, now: datetime = NOW) -> Planning:
    return lambda account: apply_plan(files, account, FORCED, now).changes


def cleaning(files: Configuration, now: datetime = NOW) -> Planning:
    return lambda account: (
        plan_cleanup(files.accounts[ACCOUNT.id], account, RunOptions(), now, files).changes
    )


def revoking(files: Configuration) -> Planning:
    target = Target(team="payments")
    return lambda account: plan_revocation(files.accounts[ACCOUNT.id], account, target, NOW).changes


@dataclass(frozen=True)
class Scene:
    """An account in which `before` was applied, `ago`; two commits, of which `new` is the last.

    With `left`, an apply of `old` was stopped after that many calls. With `dated`, a cleanup two
    hours ago saw what is there. Grants of the form `drift` were robbed of their deadline since.
    """

    before: Configuration
    old: Configuration
    new: Configuration
    ago: timedelta = timedelta()
    left: int = 0
    dated: bool = False
    drift: Form | None = None

    @property
    def start(self) -> Snapshot:
        others = with_state(account_with(), BOB, attached=(POWER_USER,))
        account = run(applying(self.before, NOW - self.ago), others)[0]
        account = moments_of(applying(self.old, NOW - self.ago), account)[self.left]
        if self.dated:
            account = run(cleaning(self.new, NOW - TWO_HOURS), account)[0]
        return robbed(self.drift, account) if self.drift else account

    def command(self, name: str) -> Planning:
        return {
            "apply-old": applying(self.old),
            "apply-new": applying(self.new),
            "cleanup": cleaning(self.new),
            "revoke": revoking(self.new),
        }[name]


BOTH = policy(
    "read",
    managed_policies=[POWER_USER],
    custom_statements=[{"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}],
)
OTHER = policy("read", managed_policies=[READ_ONLY, POWER_USER])
POWER = policy("read", managed_policies=[POWER_USER])


def team_granting(*permanent_: object, policy_: object = POWER) -> Configuration:
    return configuration(team(policies=[policy_], permanent=permanent_))  # type: ignore[arg-type, list-item]


def ending(*entries: object, policy_: object = POWER) -> Configuration:
    return configuration(team(policies=[policy_], temporary=entries))  # type: ignore[arg-type, list-item]


def teams(*names_: str) -> Configuration:
    """Teams that give alice the same AWS managed policy."""
    both: list[Team] = [
        team(
            name,
            policies=[POWER],
            permanent=[permanent()] if name in names_ else [],
        )
        for name in ("payments", "platform")
    ]
    return configuration(*both)


NOTHING = ending()
ROLE = ending(temporary(via="role", expires_at=FAR))
ROLE_LATER = ending(temporary(via="role", expires_at=FARTHER), policy_=BOTH)
SOON = ending(temporary(via="role", expires_at="2026-03-01T11:00:00Z"))
SHARED = ending(
    temporary(via="policy", expires_at=FAR), temporary(via="policy", expires_at=FAR, role="runner")
)
SHARED_LATER = ending(
    temporary(via="policy", expires_at=FARTHER),
    temporary(via="policy", expires_at=FAR, role="runner"),
)
INLINE = ending(temporary(via="inline", expires_at=FAR), policy_=BOTH)
LATER_WINDOW = temporary(via="role", starts_at="2026-09-02T00:00:00Z", expires_at=FARTHER)
WINDOWS = ending(temporary(via="role", expires_at=FAR), LATER_WINDOW)
BESIDE = configuration(
    team(
        policies=[POWER],
        permanent=[permanent()],
        temporary=[temporary(via="role", expires_at=FAR)],
    )
)

SCENES = {
    "attachment-goes": Scene(
        team_granting(permanent()), team_granting(permanent()), team_granting()
    ),
    "attachment-comes": Scene(team_granting(), team_granting(), team_granting(permanent())),
    "attachment-was-tried": Scene(team_granting(), team_granting(permanent()), team_granting()),
    "attachments-change": Scene(
        team_granting(permanent(), policy_=BOTH),
        team_granting(permanent(), policy_=BOTH),
        team_granting(permanent(), policy_=OTHER),
    ),
    "owner-leaves": Scene(teams("payments", "platform"), teams("payments"), teams("platform")),
    "owner-comes": Scene(teams("payments"), teams("payments", "platform"), teams("platform")),
    "all-owners-leave": Scene(teams("payments", "platform"), teams("payments"), teams()),
    "role-comes": Scene(NOTHING, NOTHING, ROLE),
    "role-was-tried": Scene(NOTHING, ROLE, NOTHING),
    "role-goes": Scene(ROLE, ROLE, NOTHING),
    "role-is-renewed": Scene(ROLE, ROLE, ROLE_LATER),
    "role-was-renewed": Scene(ROLE, ROLE_LATER, NOTHING),
    "role-is-dead": Scene(SOON, SOON, ROLE_LATER, timedelta(hours=2)),
    "role-is-dead-and-not-wanted": Scene(SOON, ROLE, NOTHING, timedelta(hours=2)),
    "tag-was-left": Scene(
        team_granting(permanent()), team_granting(), team_granting(permanent()), left=1
    ),
    "dated-tag-was-left": Scene(
        team_granting(permanent()), team_granting(), team_granting(permanent()), left=1, dated=True
    ),
    "dated-tag-goes": Scene(
        team_granting(permanent()), team_granting(), team_granting(), left=1, dated=True
    ),
    "role-was-begun": Scene(NOTHING, ROLE, ROLE_LATER, left=1),
    "role-was-half-made": Scene(NOTHING, ROLE, NOTHING, left=2),
    "role-was-half-ended": Scene(ROLE, NOTHING, ROLE_LATER, left=1),
    "role-is-silenced": Scene(ROLE, NOTHING, ROLE_LATER, left=3),
    "dated-role-is-back": Scene(ROLE, NOTHING, ROLE_LATER, left=3, dated=True),
    "dated-role-goes": Scene(ROLE, NOTHING, NOTHING, left=3, dated=True),
    "shared-policy-goes": Scene(SHARED, SHARED, NOTHING),
    "shared-policy-comes": Scene(NOTHING, SHARED, SHARED_LATER),
    "shared-policy-is-renewed": Scene(SHARED, SHARED, SHARED_LATER),
    "inline-goes": Scene(INLINE, INLINE, NOTHING),
    "inline-was-robbed": Scene(INLINE, INLINE, INLINE, drift=Form.INLINE),
    "role-was-robbed": Scene(ROLE, ROLE, ROLE_LATER, drift=Form.ROLE),
    "robbed-role-goes": Scene(ROLE, ROLE, NOTHING, drift=Form.ROLE),
    "shared-policy-was-robbed": Scene(SHARED, SHARED, SHARED, drift=Form.POLICY),
    "robbed-policy-goes": Scene(SHARED, SHARED, NOTHING, drift=Form.POLICY),
    "form-changes": Scene(INLINE, ROLE, SHARED),
    "form-changes-back": Scene(SHARED, ROLE, INLINE),
    "form-becomes-a-role": Scene(ROLE, INLINE, ROLE_LATER),
    "window-of-its-own": Scene(ROLE, WINDOWS, NOTHING),
    "permanent-becomes-temporary": Scene(team_granting(permanent()), ROLE, BESIDE),
    "owner-changes": Scene(teams("payments"), teams("platform"), teams("payments")),
    "other-owner-comes": Scene(teams(), teams("payments"), teams("platform")),
    "owner-was-half-changed": Scene(
        teams("payments"), teams("platform"), teams("payments"), left=1
    ),
    "shared-policy-was-begun": Scene(NOTHING, SHARED, SHARED_LATER, left=2),
    "shared-policy-was-half-removed": Scene(SHARED, NOTHING, SHARED_LATER, left=2),
    "dead-role-was-robbed": Scene(SOON, SOON, ROLE_LATER, timedelta(hours=2), drift=Form.ROLE),
    "attachment-goes-and-changes": Scene(
        team_granting(permanent(), policy_=OTHER),
        team_granting(permanent(), policy_=BOTH),
        team_granting(policy_=OTHER),
    ),
}
COMMANDS = ("apply-old", "apply-new", "cleanup", "revoke")
PAIRS = list(combinations_with_replacement(COMMANDS, 2))
# A few that take no time; the first three go wrong without what this is about.
SELECTED = [
    ("attachment-goes", ("apply-old", "apply-new")),
    ("owner-leaves", ("apply-old", "apply-new")),
    ("role-goes", ("apply-old", "apply-new")),
    ("role-was-tried", ("apply-old", "revoke")),
]


def wrong_now(account: Snapshot, start: Snapshot) -> Iterator[str]:
    """What must not be at any moment."""
    for principal, state in account.principals.items():
        if names.is_grant_role(state):
            closed = state.trust is not None and same_meaning(state.trust, CLOSED_TRUST)
            ends = names_end(state.inline.get("self-serve"))
            if not ends and (not closed or state.attached or state.inline):
                yield f"{principal} can be used without an end"
            continue
        claims = claims_on(state, account)
        for arn in state.attached:
            aws = names.team_of_policy_arn(arn) is None
            others = arn in start.principals[principal].attached and principal == BOB
            if aws and not others and not (arn in claims and claims[arn].confirmed):
                yield f"{arn} on {principal} is without a tag"


def names_end(document: object) -> bool:
    """Whether an inline policy denies everything, at once or from some moment on."""
    statements = document.get("Statement", []) if isinstance(document, dict) else []
    return any(
        each["Effect"] == "Deny"
        and each["Action"] == each["Resource"] == "*"
        and list(each.get("Condition", {"DateGreaterThanEquals": 1})) == ["DateGreaterThanEquals"]
        for each in statements
    )


def what_is_held(account: Snapshot, *, everything: bool) -> object:
    """What is held in an account; with `everything`, also what allows nothing."""
    holders = {}
    for principal, state in account.principals.items():
        end = temporary_role.end_of(state) if names.is_grant_role(state) else None
        if end is not None and end <= NOW and not everything:
            continue
        name = re.sub(r"\+g\d+$", "", str(principal))
        inline = {each: canonical(document) for each, document in state.inline.items()}
        claims = claims_on(state, account)
        owned = {arn: each.owners for arn, each in claims.items() if arn in state.attached}
        left = claims.keys() - set(state.attached) if everything else set()
        assert name not in holders, f"{name} is there twice"
        trust = state.trust and canonical(state.trust)
        holders[name] = (state.attached, inline, trust, owned, left)
    return holders, {arn: canonical(each.document) for arn, each in account.policies.items()}


def settle(scene: Scene, account: Snapshot) -> Iterator[tuple[str, Snapshot]]:
    """The account after the next apply, then after it was cleaned for some days."""
    account, outcomes = run(applying(scene.new), account)
    problems = list(undone(outcomes))
    assert not problems, problems
    yield "applied", account
    assert [change.name for change in applying(scene.new)(account)] == [], "a second apply writes"
    for days in (1, 2, 3):
        now = NOW + timedelta(days=days)
        account, outcomes = run(cleaning(scene.new, now), account)
        assert not list(undone(outcomes))
        account, outcomes = run(applying(scene.new, now), account)
        assert not list(undone(outcomes))
    yield "cleaned", account


def check(scene: Scene, pair: tuple[str, str]) -> tuple[int, int, int]:
    """Interleavings of two commands, complete ones and accounts that they lead to."""
    start = scene.start
    expected = dict(settle(scene, start))
    drift = set(wrong_now(start, start))
    found = explore(start, *map(scene.command, pair))
    for reached in found.accounts.values():
        problems = [each for each in wrong_now(reached.account, start) if each not in drift]
        assert not problems, "\n".join((*problems, *reached.story))
        try:
            for moment, account in settle(scene, reached.account):
                whole = moment == "cleaned"
                assert what_is_held(account, everything=whole) == what_is_held(
                    expected[moment], everything=whole
                ), moment
                assert not list(wrong_now(account, start))
        except AssertionError as error:
            raise AssertionError("\n".join((str(error)[:3000], *reached.story))) from error
    return found.ways, found.complete, len(found.accounts)


@pytest.mark.parametrize(("name", "pair"), SELECTED)
def test_two_runs_at_once(name: str, pair: tuple[str, str]) -> None:
    ways, complete, accounts = check(SCENES[name], pair)
    assert ways > complete > 1
    assert accounts > 2


@pytest.mark.exhaustive
@pytest.mark.parametrize("pair", PAIRS, ids="-and-".join)
@pytest.mark.parametrize("name", SCENES)
def test_any_two_runs_at_once(name: str, pair: tuple[str, str]) -> None:
    check(SCENES[name], pair)
