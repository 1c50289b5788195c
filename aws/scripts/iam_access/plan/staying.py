"""What revoking leaves: permanent access of ours, and what others gave. Told, never touched."""

from collections.abc import Iterable, Iterator, Mapping

from iam_access.config.entries import PermanentEntries
from iam_access.kinds import attachment, names
from iam_access.model import Account, Finding, Principal, Resource, Severity
from iam_access.plan.diff import Resources
from iam_access.plan.target import Target
from iam_access.snapshot import PrincipalState, Snapshot

KEPT = "keeps-permanent-access"
OTHERS = "access-of-others"
# How many holders of a policy a message names.
_NAMED = 5


def what_stays(
    account: Account,
    snapshot: Snapshot,
    observed: Resources,
    target: Target,
    written: PermanentEntries,
) -> Iterator[Finding]:
    """A warning for each policy that is held permanently, and a note for each principal named.

    `written` are the entries of permanent access in the account.
    """
    attached = [
        each
        for each in observed.values()
        if each.id.kind == attachment.NAME
        and each.attributes["attached"]
        and names.grant_of_ending_policy(each.name) is None
    ]
    where = account.title
    for holders in _by_policy(attached, target, written).values():
        yield _kept(holders, account, where, written)
    ours = {(each.principal, each.attributes["arn"]) for each in attached}
    for principal in map(snapshot.spelled, target.whom):
        state = snapshot.principals.get(principal)
        if state is not None:
            yield _of_others(state, ours, account, where)


def _by_policy(
    attached: Iterable[Resource], target: Target, written: PermanentEntries
) -> Mapping[str, list[Resource]]:
    """The attachments that are meant, by the policy's ARN."""
    found: dict[str, list[Resource]] = {}
    for each in attached:
        entry = written.get(_key(each))
        named = {entry.grant} if entry else set()
        own = {names.policy_name(team, target.grant or "") for team in each.teams}
        if target.whom and not target.names(each.principal):
            continue
        if target.team is not None and target.team not in each.teams:
            continue
        if target.grant is None or target.grant in named or each.name in own:
            found.setdefault(each.attributes["arn"], []).append(each)
    return found


def _key(resource: Resource) -> tuple[object, str]:
    assert resource.principal is not None, "attachments have a principal"
    return resource.principal.in_iam, resource.attributes["arn"]


def _kept(
    holders: list[Resource], account: Account, where: str, written: PermanentEntries
) -> Finding:
    first = holders[0]
    entries = [entry for each in holders if (entry := written.get(_key(each))) is not None]
    granted = f" (granted as {entries[0].grant})" if entries else ""
    whom = _listed([str(each.principal) for each in holders])
    places = _listed(sorted({str(each.location) for each in entries}))
    return Finding(
        code=KEPT,
        severity=Severity.WARNING,
        message=f"permanent access stays: {first.name}{granted} of {whom} in {where}",
        hint=f"this ends temporary access only: change what is written at {places}, and apply"
        if entries
        else "no entry asks for it: the next apply takes it away",
        location=entries[0].location if entries else None,
        team=min(first.teams),
        account=account.id,
    )


def _of_others(
    state: PrincipalState, ours: set[tuple[Principal | None, str]], account: Account, where: str
) -> Finding:
    principal = state.principal
    found = [f"group {each}" for each in state.groups]
    found += [
        f"policy {arn.rpartition('/')[2]}"
        for arn in state.attached
        if (principal, arn) not in ours and names.team_of_policy_arn(arn) is None
    ]
    found += [
        f"inline policy {each}"
        for each in state.inline
        if names.team_and_grant_of_inline(each) is None
    ]
    return Finding(
        code=OTHERS,
        severity=Severity.NOTE,
        message=f"{principal} in {where} keeps what others gave: {_listed(found)}"
        if found
        else f"nobody else gave {principal} in {where} any policy, nor put it into a group",
        hint="what the policies of resources allow, and which roles can be assumed, was not "
        "looked at",
        account=account.id,
    )


def _listed(texts: list[str]) -> str:
    more = len(texts) - _NAMED
    said = ", ".join(texts[:_NAMED])
    return f"{said} and {more:,} more" if more > 0 else said
