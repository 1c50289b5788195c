"""The registry of kinds: what is not registered, or leaves something unsaid, is an error."""

from dataclasses import replace

import pytest

from iam_access.kinds import FOLDERS, KINDS, kind_named, kind_of, kinds_by_form, registered
from iam_access.kinds.grant import Form
from iam_access.kinds.inline_policy import InlinePolicies
from iam_access.kinds.kind import Kind
from iam_access.kinds.operations import Operations, iam_operations
from iam_access.kinds.temporary_access import TemporaryAccess
from iam_access.model import ApiCall, Resource, ResourceId
from iam_access.plan import plan_file
from iam_access.plan.account_after import after
from iam_access.plan.adoption import Adoption
from iam_access.plan.diff import diff, removals, with_dependencies
from iam_access.plan.plan_file import AccountPlan, PlanFile, PlannedRun
from iam_access.snapshot import Snapshot
from tests.values import (
    ACCOUNT,
    NOW,
    account_with,
    apply_plan,
    configuration,
    policy,
    team,
    temporary,
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
