"""Which roles files describe in accounts, and who can switch to them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from iam_access.kinds import given_access, is_temporary, kind_of
from iam_access.kinds.kind import GivenAccess
from iam_access.kinds.switch_facts import may_lead_to, seen, unread_hubs
from iam_access.kinds.switch_file import lets_in
from iam_access.model import Account, Principal, PrincipalType, Resource
from iam_access.plan.account_after import after
from iam_access.plan.diff import observed_state, state_after
from iam_access.policy.arn import account_of, switch_page
from iam_access.runs.planning import Planner, reading
from iam_access.runs.run import Run
from iam_access.simulation.roles import ListedRole, RolesInAccount
from iam_access.snapshot import Snapshot


def list_roles(
    run: Run, accounts: Sequence[Account], planner: Planner | None
) -> tuple[RolesInAccount, ...]:
    """The roles in each account, as it is or as the plan would leave it."""

    def work(account: Account) -> RolesInAccount:
        session = run.open(account)
        looked = planner or reading(run.configuration, run.now)
        snapshot, plan = run.read_and_plan(session, looked)
        changed = {each.id for each in plan.changes}
        held = [
            each
            for each in state_after(observed_state(snapshot), plan.changes).values()
            # What others made of a group may lead to the role no more.
            if given_access(each).switching is None
            or changed & {each.id, *each.needs}
            or kind_of(each.id).is_there(each, snapshot)
        ]
        found = _roles(held, after(snapshot, plan.changes))
        wrong = tuple(each for each in plan.findings if each.is_error)
        return RolesInAccount(account, tuple(found), findings=wrong, unread=unread_hubs(snapshot))

    return run.each(
        accounts, work, lambda account, failure: RolesInAccount(account, failure=failure)
    )


def _roles(held: Iterable[Resource], snapshot: Snapshot) -> Iterator[ListedRole]:
    """The roles among what is ours, by ARN, without those made for temporary grants."""
    users: dict[Principal, set[str]] = defaultdict(set)
    made: dict[Principal, Resource] = {}
    for resource in held:
        given = given_access(resource)
        if given.switching is not None:
            users[given.switching.role].update(given.switching.users)
        if _is_role(resource, given) and given.holder is not None:
            made[given.holder] = resource
    for found in seen(snapshot):
        # Of a role in the hub itself, the members are users of the same account.
        role = snapshot.principals.get(found.role)
        if found.is_here and role is not None and may_lead_to(found.group.state, role.arn):
            members = (snapshot.principals[each].arn for each in found.group.members)
            users[found.role].update(members)
    known = {principal: snapshot.principals.get(principal) for principal in made}
    states = (state for state in known.values() if state is not None)
    for state in sorted(states, key=lambda each: each.arn):
        teams = tuple(sorted(made[state.principal].teams))
        page = switch_page(state.arn, state.principal.name)
        let_in = (
            each
            for each in users[state.principal]
            if state.trust is not None and lets_in(state.trust, account_of(each) or "")
        )
        yield ListedRole(state.arn, teams, page, tuple(sorted(let_in)))


def _is_role(resource: Resource, given: GivenAccess) -> bool:
    """Whether a resource is a role, and not for a temporary grant."""
    is_role = given.holder is not None and given.holder.type is PrincipalType.ROLE
    return is_role and given.makes_holder and not is_temporary(resource)
