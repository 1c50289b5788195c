"""The registry of kinds: what is not registered, or leaves something unsaid, is an error."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from iam_access.kinds import (
    FOLDERS,
    KINDS,
    is_temporary,
    kind_named,
    kind_of,
    kinds_by_form,
    registered,
)
from iam_access.kinds.grant import Form
from iam_access.kinds.inline_policy import InlinePolicies
from iam_access.kinds.kind import GivenAccess, Kind, Lifetime
from iam_access.kinds.names import PIPELINE_TAG
from iam_access.kinds.operations import Operations, iam_operations
from iam_access.kinds.temporary_access import TemporaryAccess
from iam_access.model import (
    LONG_AGO,
    ApiCall,
    Change,
    Outcome,
    Plan,
    Principal,
    Resource,
    ResourceId,
    Status,
)
from iam_access.plan import plan_file
from iam_access.plan.account_after import after
from iam_access.plan.adoption import Adoption
from iam_access.plan.diff import diff, observed_state, removals, with_dependencies
from iam_access.plan.guards import GuardContext, guard
from iam_access.plan.plan_file import AccountPlan, PlanFile, PlannedRun
from iam_access.simulation.verification import verify
from iam_access.snapshot import Snapshot
from tests.values import (
    ACCOUNT,
    ALICE,
    BOB,
    NOW,
    account_with,
    apply_plan,
    configuration,
    policy,
    team,
    temporary,
    with_state,
)


class MadeUp(InlinePolicies):
    name = "made-up"


class Elsewhere(TemporaryAccess):
    folder = "made-up"


def test_a_kind_that_leaves_something_unsaid_cannot_be_made() -> None:
    class Unsaid(Kind):
        name = "unsaid"

    with pytest.raises(TypeError, match=r"abstract.*gives.*quotas"):
        Unsaid()  # type: ignore[abstract]


def test_a_kind_is_known_as_long_as_it_is_registered() -> None:
    kind, folder = MadeUp(), Elsewhere()
    with registered(kind, folder):
        assert kind_of(ResourceId("made-up", "x")) is kind
        assert kind in KINDS
        assert folder in FOLDERS
        with pytest.raises(ValueError, match="kind made-up"), registered(MadeUp()):
            pass
    assert folder not in FOLDERS
    with pytest.raises(LookupError, match="made-up"):
        kind_named("made-up")


def test_a_folder_is_there_once() -> None:
    with (
        pytest.raises(ValueError, match="temporary-access"),
        registered(MadeUp(), TemporaryAccess()),
    ):
        pass
    assert all(kind.name != "made-up" for kind in KINDS)


def test_every_form_has_the_kind_that_writes_it() -> None:
    assert list(kinds_by_form()) == list(Form)


def test_every_kind_explains_the_calls_that_it_makes() -> None:
    files = configuration(team(policies=[policy("read")], temporary=[temporary()]))
    account = account_with()
    plan = apply_plan(files, account)
    assert after(account, plan.changes) != account

    class Unexplained(MadeUp):
        operations: Operations = iam_operations("delete_user_policy")

    changes = [replace(each, id=ResourceId("made-up", each.id.key)) for each in plan.changes]
    with registered(Unexplained()), pytest.raises(LookupError, match="kind made-up makes"):
        with_dependencies(changes, {}, account, NOW)


HUB = "444455556666"


class InHub(MadeUp):
    """Changes something about an account by a call in another one."""

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        return tuple(replace(call, account=HUB) for call in super().calls(before, after, snapshot))


def test_a_change_about_one_account_may_make_its_calls_in_another_one() -> None:
    files = configuration(team(policies=[policy("read")], temporary=[temporary()]))
    account = account_with()
    (grant,) = (
        replace(each.after, id=ResourceId("made-up", each.id.key))
        for each in apply_plan(files, account).changes
        if each.after is not None and each.id.kind == "inline-policy"
    )
    with registered(InHub()):
        wanted = {grant.id: grant}
        adoption = Adoption((grant,), ACCOUNT, account, NOW, asked=False)
        (change,) = diff(wanted, {}, account, adoption, NOW).changes
        (gone,) = with_dependencies(removals([grant], account, NOW), wanted, account, NOW)
        # The plan shows it to the reviewer; this account stays as it is.
        for each in (change, gone):
            assert each.reasons[-1] == f"by calls in account {HUB}"
            assert [call.account for call in each.calls] == [HUB]
            assert after(account, [each]) == account
        written = PlanFile(NOW, PlannedRun(teams=None), (AccountPlan(ACCOUNT, (change,)),))
        assert plan_file.read(plan_file.write(written)) == written


class GivesNothing(MadeUp):
    """Changes a user and gives nothing that can be evaluated."""

    recipients: tuple[Principal, ...] = ()

    def observed(self, snapshot: Snapshot) -> Iterator[Resource]:
        yield from ()

    def gives(self, resource: Resource) -> GivenAccess:
        return GivenAccess(recipients=self.recipients)


def made_up_change() -> Change:
    files = configuration(team(policies=[policy("read")], temporary=[temporary()]))
    (change,) = (
        each
        for each in apply_plan(files, account_with()).changes
        if each.id.kind == "inline-policy"
    )
    id_ = ResourceId("made-up", change.id.key)
    return replace(change, id=id_, after=replace(change.subject, id=id_))


@pytest.mark.parametrize(
    ("state", "code"),
    [({"tags": {PIPELINE_TAG: "true"}}, "deployer-role"), (None, "missing-principal")],
)
def test_a_user_that_calls_change_is_looked_at_whatever_the_kind_says_it_gives(
    state: dict[str, Any] | None, code: str
) -> None:
    account = account_with(BOB) if state is None else with_state(account_with(), ALICE, **state)
    with registered(GivesNothing()):
        guarded = guard([made_up_change()], GuardContext(ACCOUNT, account))
    assert guarded.changes == ()
    assert [each.code for each in guarded.findings] == [code]


def test_what_gives_no_policy_is_not_proven() -> None:
    class GivesSomething(GivesNothing):
        recipients = (ALICE,)

    change = made_up_change()
    with registered(GivesSomething()):
        plan = Plan(ACCOUNT, (change,), (), wanted=(change.subject,))
        again = replace(plan, changes=())
        account = after(account_with(), plan.changes)
        found = verify(account, plan, [Outcome(change, Status.DONE)], again, NOW)
    assert (found.grants, found.alive) == (1, 0)
    assert "verify-unproven" in {each.code for each in found.findings if each.is_error}


@pytest.mark.parametrize(("ends", "is_so"), [(NOW, True), (LONG_AGO, False), (None, False)])
def test_what_has_an_end_is_temporary_without_a_lifetime(
    ends: datetime | None, is_so: bool
) -> None:
    class Timeless(MadeUp):
        def lifetime(self, resource: Resource) -> Lifetime | None:
            return None

    subject = made_up_change().subject
    with registered(Timeless()):
        assert is_temporary(replace(subject, expires=ends)) is is_so


def test_a_kind_finds_only_its_own() -> None:
    borrowed = replace(made_up_change().subject, id=ResourceId("inline-policy", "x"))

    class Borrower(MadeUp):
        def observed(self, snapshot: Snapshot) -> Iterator[Resource]:
            yield borrowed

    with registered(Borrower()), pytest.raises(LookupError, match="kind made-up yields"):
        observed_state(account_with())
