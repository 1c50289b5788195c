"""An account that access is evaluated in, as it is or as a plan would leave it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from iam_access.cloud.sessions import AccountSession
from iam_access.kinds import unread
from iam_access.meaning.switching import roles_by_user, with_planned_switches
from iam_access.model import Account, Failure, Finding, Location, Plan
from iam_access.plan import desired
from iam_access.plan.account_after import after
from iam_access.plan.diff import observed_state, state_after
from iam_access.runs.planning import Planner, reading
from iam_access.runs.run import Run
from iam_access.simulation.origin import Origins
from iam_access.snapshot import Snapshot

#: The code of a finding that a policy is not known.
UNREAD: Final = "unread-policy"


@dataclass(frozen=True, slots=True)
class EvaluatedAccount:
    """An account (`snapshot`) as it is, or as a `plan` would leave it, if there is one.

    `switching` are users of other accounts, by their ARNs, with the ARNs of the roles here that the
    plan lets them become; None without a plan.
    """

    session: AccountSession
    snapshot: Snapshot
    plan: Plan | None = None
    switching: Mapping[str, frozenset[str]] | None = None

    @property
    def account(self) -> Account:
        return self.session.account

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What keeps the plan, or what is evaluated of it, from being whole."""
        found = self.plan.findings if self.plan is not None else ()
        return tuple(each for each in found if each.is_error or each.code == UNREAD)


def evaluated(run: Run, account: Account, planner: Planner | None) -> EvaluatedAccount:
    """Read an account, and plan it if there is a planner. Raises CloudError."""
    session = run.open(account)
    if planner is None:
        as_it_is = run.read(session, reading(run.configuration, run.now))
        return EvaluatedAccount(session, as_it_is)
    before, plan = run.read_and_plan(session, planner)
    snapshot = after(before, plan.changes)
    held = state_after(observed_state(before), plan.changes)
    return EvaluatedAccount(session, snapshot, plan, roles_by_user(snapshot, held.values()))


def with_switches(read: Iterable[EvaluatedAccount]) -> Sequence[EvaluatedAccount]:
    """The accounts, in which users may switch to the roles that plans of these let them become."""
    read = tuple(read)
    planned = {each.account.id: each.switching for each in read if each.switching is not None}
    return [replace(each, snapshot=with_planned_switches(each.snapshot, planned)) for each in read]


def unread_failure(snapshot: Snapshot, actions: Iterable[str] = ("*",)) -> Failure | None:
    """Why what is said of these actions is not whole: a policy of ours that counts is not known."""
    found = next(iter(unread(snapshot, actions)), None)
    if found is None:
        return None
    failure = found.failure
    return replace(failure, message=f"{found.thing} was not looked at: {failure.message}")


def origins(
    run: Run,
    account: Account,
    snapshot: Snapshot,
    elsewhere: Callable[[str], Location | None] = lambda arn: None,
) -> Origins:
    """Where the files ask for what an account has; `elsewhere` is as for `Origins`."""
    files = run.configuration
    return Origins(
        files,
        account,
        snapshot,
        lambda: desired.places(files, account, snapshot, run.now),
        elsewhere,
    )
