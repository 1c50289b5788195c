"""How each temporary grant is written: the first form that fits, and why.

The forms, in the order of preference, are an inline policy, customer managed policies that end
by themselves, and a role. A grant that is there already keeps its form, so that plans are stable.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from iam_access.kinds import attachment, inline_policy, managed_policy, temporary_role
from iam_access.kinds.base import Expansion
from iam_access.kinds.grant import Form, TemporaryGrant
from iam_access.kinds.names import label
from iam_access.model import Finding, Principal, Resource, ResourceId, Severity
from iam_access.plan.diff import Resources, is_dead, renewal_key
from iam_access.plan.quota_usage import QuotaUsage
from iam_access.plan.suspension import Standing
from iam_access.policy.document import parse, render, size, statements_of
from iam_access.policy.packing import SplitError, split
from iam_access.snapshot import Document, Snapshot


@dataclass(frozen=True, slots=True)
class Attempt:
    """A grant in one form. `says` tells what it takes; it `fits` or it does not.

    `made_of` are the ids of what `write` gives, which is asked only of the form that is taken.
    """

    form: Form
    made_of: frozenset[ResourceId]
    write: Callable[[], tuple[Resource, ...]]
    fits: bool
    says: str


def write_grants(
    grants: Iterable[TemporaryGrant],
    wanted: Resources,
    observed: Resources,
    reclaimed: Set[ResourceId],
    snapshot: Snapshot,
    now: datetime,
) -> Expansion:
    """The resources that write these grants beside all that is wanted and observed.

    What is `reclaimed` goes before anything is written, as does what is followed by a grant that
    holds later only, unless it denies something; what else is dead still takes its room. A grant
    that fits in no allowed form becomes an error with the sizes.
    """
    grants = tuple(grants)
    alive = {id_ for id_, resource in observed.items() if not is_dead(resource, now)}
    gone = reclaimed | _followed(grants, observed, alive, now)
    ledger = QuotaUsage.of(snapshot, gone, wanted.values())
    standing = Standing.of(wanted, observed, snapshot)
    resources: list[Resource] = []
    forms: dict[Form, list[TemporaryGrant]] = {form: [] for form in Form}
    blocked: list[TemporaryGrant] = []
    findings: list[Finding] = []
    # Those that are there come first: what they use is theirs already.
    for grant in sorted(grants, key=lambda grant: (not _is_there(grant, alive), *_order(grant))):
        attempts = _attempts(grant, ledger, alive)
        taken = next((attempt for attempt in attempts if attempt.fits), None)
        if taken is None:
            blocked.append(grant)
            findings.append(_fits_nowhere(grant, attempts))
            continue
        written = taken.write()
        for resource in written:
            ledger.add(resource)
        resources += _explained(written, _reason(grant, taken, attempts))
        forms[taken.form].append(grant)
    with_roles = standing.with_roles(forms[Form.ROLE])
    suspending = map(with_roles.suspended_by, (*forms[Form.INLINE], *forms[Form.POLICY]))
    findings += (finding for finding in suspending if finding is not None)
    return Expansion(tuple(resources), blocked=tuple(blocked), findings=tuple(findings))


def _order(grant: TemporaryGrant) -> tuple[datetime, str, str, Principal]:
    return (grant.ends, grant.team, grant.key, grant.principal)


def _followed(
    grants: Iterable[TemporaryGrant],
    observed: Resources,
    alive: Set[ResourceId],
    now: datetime,
) -> Set[ResourceId]:
    """What goes and is followed by grants that hold later only, so never beside it.

    Not what denies something: it stays until that is denied anew.
    """
    later: set[tuple[object, ...]] = set()
    kept: set[tuple[object, ...]] = set()
    for grant in grants:
        key = (grant.principal, frozenset({grant.team}), label(grant.key))
        is_later = grant.starts is not None and grant.starts > now
        (later if is_later and not _is_there(grant, alive) else kept).add(key)
    following = later - kept
    theirs = {id_ for id_ in alive if renewal_key(observed[id_]) in following}
    denying = {renewal_key(observed[id_]) for id_ in theirs if _denies(observed[id_], observed)}
    return {id_ for id_ in theirs if renewal_key(observed[id_]) not in denying}


def _denies(resource: Resource, observed: Resources) -> bool:
    """Whether the resource, or the policy that it attaches, denies anything."""
    document = resource.document
    if resource.id.kind == attachment.NAME:
        policy = observed.get(managed_policy.resource_id(resource.attributes["arn"]))
        document = policy.document if policy else None
    statements = statements_of(document) if document else ()
    return any(each.get("Effect") == "Deny" for each in statements)


def _is_there(grant: TemporaryGrant, alive: Set[ResourceId]) -> bool:
    first_part = managed_policy.part_of_grant(grant, 1, {})
    return bool(
        {
            inline_policy.resource_id(grant.principal, inline_policy.name_of(grant)),
            attachment.attachment_for_grant(grant, first_part).id,
            temporary_role.resource_id(grant),
        }
        & alive
    )


def _attempts(grant: TemporaryGrant, ledger: QuotaUsage, alive: Set[ResourceId]) -> list[Attempt]:
    """The grant in every form that it may take; the one it has comes first."""
    asked = [grant.via] if grant.via else list(Form)
    attempts = [_FORMS[form](grant, ledger) for form in asked if form not in grant.closed]
    return sorted(attempts, key=lambda attempt: not _stands(attempt, alive))


def _stands(attempt: Attempt, alive: Set[ResourceId]) -> bool:
    return bool(attempt.made_of) and attempt.made_of <= alive


def _inline(grant: TemporaryGrant, ledger: QuotaUsage) -> Attempt:
    resource = inline_policy.resource(grant)
    needed = size(resource.document or {})
    quota = ledger.quotas.inline_size(grant.principal)
    free = max(quota - ledger.inline_used(grant.principal, besides=resource.name), 0)
    says = f"{needed:,} characters, {free:,} of {quota:,} free"
    return _attempt(Form.INLINE, (resource,), fits=needed <= free, says=says)


def _policies(grant: TemporaryGrant, ledger: QuotaUsage) -> Attempt:
    try:
        parts = _parts(render(grant.document), ledger.quotas.policy_size, grant.copied_from)
    except SplitError as error:
        return _attempt(Form.POLICY, (), fits=False, says=str(error))
    policies = [
        managed_policy.part_of_grant(grant, number, part) for number, part in enumerate(parts, 1)
    ]
    attachments = [attachment.attachment_for_grant(grant, policy) for policy in policies]
    arns = {policy.attributes["arn"] for policy in policies}
    held = ledger.attached.get(grant.principal, set())
    quota = ledger.quotas.attached_to(grant.principal)
    places = max(quota - len(held), 0)
    room = max(ledger.quotas.policies - len(ledger.policies), 0)
    says = f"{len(parts)} to attach, {places} of {quota} places free"
    if len(arns - ledger.policies) > room:
        says += f", and the account has room for {room} more policies"
    fits = len(arns - held) <= places and len(arns - ledger.policies) <= room
    return _attempt(Form.POLICY, (*policies, *attachments), fits=fits, says=says)


def _attempt(form: Form, resources: tuple[Resource, ...], *, fits: bool, says: str) -> Attempt:
    made_of = frozenset(resource.id for resource in resources)
    return Attempt(form, made_of, lambda: resources, fits, says)


@lru_cache(maxsize=128)
def _parts(text: str, limit: int, copied_from: str) -> tuple[Document, ...]:
    """The document in parts; the first one's first statement id says what it was copied from.

    Cached, since many principals hold the same grant, and a large one takes a while to cut.
    """
    whole = parse(text)
    if not copied_from or size(text) <= limit:
        return split(whole, limit)
    first, *others = split(whole, limit - len(f',"Sid":"{copied_from}"'))
    lead, *rest = statements_of(first)
    return ({**first, "Statement": [{**lead, "Sid": copied_from}, *rest]}, *others)


def _role(grant: TemporaryGrant, ledger: QuotaUsage) -> Attempt:
    id_, quotas = temporary_role.resource_id(grant), ledger.quotas
    needed = size(temporary_role.permissions(grant))
    sizes = [
        ("managed policies", len(grant.managed), quotas.attached_per_role),
        ("characters of statements", needed, quotas.role_inline_size),
        ("characters of trust", size(temporary_role.trust_policy(grant)), quotas.trust_size),
        ("roles in the account", len(ledger.roles | {id_.key}), quotas.roles),
    ]
    over = [
        f"{needed:,} {what}, {limit:,} allowed" for what, needed, limit in sizes if needed > limit
    ]
    says = "; ".join(over) or ", ".join(
        f"{needed:,} of {most:,} {what}" for what, needed, most in sizes[:2]
    )
    return Attempt(
        Form.ROLE, frozenset({id_}), lambda: (temporary_role.resource(grant),), not over, says
    )


def _explained(resources: tuple[Resource, ...], reason: str) -> Iterable[Resource]:
    """The resources, the first that is the principal's with the whole reason."""
    lead = next(each for each in resources if each.principal is not None)
    return (replace(each, reason=reason) if each is lead else each for each in resources)


_FORMS: dict[Form, Callable[[TemporaryGrant, QuotaUsage], Attempt]] = {
    Form.INLINE: _inline,
    Form.POLICY: _policies,
    Form.ROLE: _role,
}
_WORDS = {
    Form.INLINE: "an inline policy",
    Form.POLICY: "policies of its own",
    Form.ROLE: "a role of its own",
}


def _reason(grant: TemporaryGrant, taken: Attempt, attempts: Sequence[Attempt]) -> str:
    """Why this form: what it takes, what stood against the better ones, what would be next."""
    better = [each for each in attempts if each.form.rank < taken.form.rank]
    parts = [f"as {_WORDS[taken.form]} ({taken.says})"]
    parts += (f"not as {_WORDS[each.form]} ({each.says})" for each in better if not each.fits)
    if any(each.fits for each in better):
        parts.append("kept as it is")
    following = next(
        (each for each in attempts if each.fits and each.form.rank > taken.form.rank), None
    )
    if following is not None:
        parts.append(f"next would be {_WORDS[following.form]}")
    return f"{grant.reason}, {'; '.join(parts)}"


def _fits_nowhere(grant: TemporaryGrant, attempts: Sequence[Attempt]) -> Finding:
    """That a grant fits in no form: the sizes, and the rule against each form that is closed."""
    where = f"to {grant.principal} in account {grant.account.id} ({grant.environment})"
    tried = [f"as {_WORDS[each.form]}: {each.says}" for each in attempts]
    tried += [f"as {_WORDS[form]}: not allowed ({rule})" for form, rule in grant.closed.items()]
    open_ = [form for form in Form if form not in grant.closed]
    if attempts:
        way_out = "ask for another form with via:" if grant.via else "allow another form"
        hint = "grant less, or let other temporary access of theirs end first"
        if len(attempts) < len(Form):
            hint += f", or {way_out}"
    elif open_:
        hint = f"write via: {' or '.join(open_)}, or leave it out: the first that fits is taken"
    else:
        hint = "the rules leave no way to write a temporary grant; change them first"
    return Finding(
        code="does-not-fit",
        severity=Severity.ERROR,
        message=f"the temporary grant of {grant.key} {where} does not fit. {'; '.join(tried)}",
        hint=hint,
        location=grant.location,
        team=grant.team,
        account=grant.account.id,
    )
