"""How each temporary grant is written: the first form that fits, and why.

The forms, in the order of preference, are an inline policy, customer managed policies that end
by themselves, and a role. A grant that is there already keeps its form, so that plans are stable.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime

from iam_access.kinds import given_access, kind_of, kinds_by_form
from iam_access.kinds.base import Expansion
from iam_access.kinds.grant import Form, TemporaryGrant
from iam_access.kinds.kind import Attempt
from iam_access.kinds.names import label
from iam_access.kinds.quotas import QuotaUsage, Use
from iam_access.model import Finding, Principal, Resource, ResourceId, Severity
from iam_access.plan.diff import ResourcesById, are_apart, is_dead, published, renewal_key
from iam_access.plan.suspension import Standing
from iam_access.policy.document import denies
from iam_access.snapshot import Document, Snapshot


def write_grants(
    grants: Iterable[TemporaryGrant],
    wanted: ResourcesById,
    observed: ResourcesById,
    reclaimed: Set[ResourceId],
    snapshot: Snapshot,
    now: datetime,
) -> Expansion:
    """The resources that write these grants beside all that is wanted and observed.

    What is `reclaimed` goes before anything is written, as does what is followed by a grant that
    begins after its end, unless it denies something; what else is dead still takes its room. A
    grant that fits in no allowed form becomes an error with the sizes.
    """
    grants = tuple(grants)
    alive = {id_ for id_, resource in observed.items() if not is_dead(resource, now)}
    reclaimed = reclaimed | _followed(grants, observed, alive)
    usage = QuotaUsage(snapshot, _uses(filter(None, map(observed.get, reclaimed)), snapshot))
    usage.add(_uses(wanted.values(), snapshot))
    standing = Standing.of(wanted, observed, snapshot)
    resources: list[Resource] = []
    forms: dict[Form, list[TemporaryGrant]] = {form: [] for form in Form}
    blocked: list[TemporaryGrant] = []
    findings: list[Finding] = []
    # Those that are there come first: what they use is theirs already.
    for grant in sorted(grants, key=lambda grant: (not _is_there(grant, alive), *_order(grant))):
        attempts = _attempts(grant, usage, alive)
        taken = next((each for each in attempts if each.fits), None)
        if taken is None:
            blocked.append(grant)
            findings.append(_fits_nowhere(grant, attempts))
            continue
        written = taken.write()
        usage.add(_uses(written, snapshot))
        resources += _explained(written, _reasons(grant, taken, attempts))
        forms[taken.form].append(grant)
    with_roles = standing.with_roles(forms[Form.ROLE])
    suspending = map(with_roles.suspended_by, (*forms[Form.INLINE], *forms[Form.POLICY]))
    findings += (finding for finding in suspending if finding is not None)
    return Expansion(tuple(resources), blocked=tuple(blocked), findings=tuple(findings))


def _uses(resources: Iterable[Resource], snapshot: Snapshot) -> Iterator[Use]:
    for resource in resources:
        yield from kind_of(resource.id).uses(resource, snapshot)


def _order(grant: TemporaryGrant) -> tuple[datetime, str, str, Principal]:
    return (grant.ends, grant.team, grant.key, grant.principal)


def _followed(
    grants: Iterable[TemporaryGrant],
    observed: ResourcesById,
    alive: Set[ResourceId],
) -> Set[ResourceId]:
    """What goes and is followed by grants that begin after its end, so never beside it.

    Not what denies something: it stays until something else denies the same.
    """
    following: dict[tuple[object, ...], list[datetime | None]] = {}
    for grant in grants:
        key = (grant.principal, frozenset({grant.team}), label(grant.key))
        starts = None if _is_there(grant, alive) else grant.starts
        following.setdefault(key, []).append(starts)

    def makes_room(resource: Resource) -> bool:
        followers = following.get(renewal_key(resource), [])
        return bool(followers) and all(are_apart(resource, each) for each in followers)

    theirs = {id_ for id_ in alive if makes_room(observed[id_])}
    policies = published(observed)
    denying = {renewal_key(observed[id_]) for id_ in theirs if _denies(observed[id_], policies)}
    return {id_ for id_ in theirs if renewal_key(observed[id_]) not in denying}


def _denies(resource: Resource, policies: Mapping[str, Document]) -> bool:
    """Whether the resource, or a policy that it attaches, denies anything."""
    given = given_access(resource)
    documents = [*given.inline.values(), *given.published.values()]
    documents += (policies[arn] for arn in given.attached if arn in policies)
    return any(map(denies, documents))


def _is_there(grant: TemporaryGrant, alive: Set[ResourceId]) -> bool:
    return any(kind.id_for(grant) in alive for kind in kinds_by_form().values())


def _attempts(grant: TemporaryGrant, usage: QuotaUsage, alive: Set[ResourceId]) -> list[Attempt]:
    """The grant in every form that it may take; the one it has comes first."""
    kinds = kinds_by_form()
    asked = [grant.via] if grant.via else list(Form)
    attempts = [kinds[form].attempt(grant, usage) for form in asked if form not in grant.closed]
    return sorted(attempts, key=lambda each: not _stands(each, alive))


def _stands(attempt: Attempt, alive: Set[ResourceId]) -> bool:
    return bool(attempt.ids) and attempt.ids <= alive


def _explained(resources: tuple[Resource, ...], reasons: tuple[str, ...]) -> Iterable[Resource]:
    """The resources, the first that is the principal's with all the reasons."""
    lead = next(each for each in resources if each.principal is not None)
    return (replace(each, reasons=reasons) if each is lead else each for each in resources)


def _words(form: Form) -> str:
    return kinds_by_form()[form].form_in_words


def _reasons(grant: TemporaryGrant, taken: Attempt, attempts: Sequence[Attempt]) -> tuple[str, ...]:
    """Why this form: what it takes, what stood against the better ones, what would be next."""
    better = [each for each in attempts if each.form.rank < taken.form.rank]
    parts = [f"{grant.reason}, as {_words(taken.form)} ({taken.detail})"]
    parts += (f"not as {_words(each.form)} ({each.detail})" for each in better if not each.fits)
    if any(each.fits for each in better):
        parts.append("kept as it is")
    following = next(
        (each for each in attempts if each.fits and each.form.rank > taken.form.rank), None
    )
    if following is not None:
        parts.append(f"next would be {_words(following.form)}")
    return tuple(parts)


def _fits_nowhere(grant: TemporaryGrant, attempts: Sequence[Attempt]) -> Finding:
    """That a grant fits in no form: the sizes, and the rule against each form that is closed."""
    where = f"to {grant.principal} in account {grant.account.id} ({grant.environment})"
    tried = [f"as {_words(each.form)}: {each.detail}" for each in attempts]
    tried += [f"as {_words(form)}: not allowed ({rule})" for form, rule in grant.closed.items()]
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
