"""The folder of temporary access: entries that grant until a deadline."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from iam_access.kinds import aws_policies, customer_policies, fields, names, temporary_role
from iam_access.kinds.base import (
    SINGLE,
    AccessEntry,
    Expansion,
    FileEntry,
    InvalidEntry,
    Item,
    TeamInAccount,
    Window,
    single_value,
    text,
)
from iam_access.kinds.fields import (
    Day,
    Duration,
    Instant,
    RoleName,
    Spec,
    UserAddress,
    UserNames,
    exactly_one_of,
    problem,
)
from iam_access.kinds.grant import (
    Beginning,
    Form,
    Outliving,
    TemporaryGrant,
    denied_with,
    deny_statements,
    nothing_left,
    withheld,
)
from iam_access.model import Finding, Principal, Severity
from iam_access.phrases import described
from iam_access.place import SourcePosition
from iam_access.policy import document as documents
from iam_access.policy.arn import principal_arn
from iam_access.policy.outliving import denial, describe_actions, gives_nothing, outliving_actions
from iam_access.problem import Problem
from iam_access.snapshot import Document, ManagedDocument, SnapshotPart


def _form(value: Any) -> Any:
    try:
        return Form(value)
    except ValueError:
        raise problem(
            "bad-form",
            f"{described(value)} is not a way to write a temporary grant",
            f"write one of {', '.join(Form)}, or leave it out: the first that fits is taken",
        ) from None


AskedForm = Annotated[Form, BeforeValidator(_form)]


class TemporaryAccessSpec(Spec):
    """One user or role that holds one grant in one environment until a deadline.

    `starts_at` (UTC; None: from the merge on) and the deadline are the window, or it `lasts` for a
    duration that begins with the merge; then `requested_at` (UTC) tells a renewed request from the
    one before. `via` asks for a form, `ticket` names the request.
    """

    model_config = exactly_one_of(("user", "role"), ("expiration_date", "expires_at", "for"))

    description: str | None = None
    user: UserAddress | None = None
    role: RoleName | None = None
    environment: str
    grant: str
    expiration_date: Day | None = None
    expires_at: Instant | None = None
    starts_at: Instant | None = None
    lasts: Duration | None = Field(None, alias="for")
    requested_at: Instant | None = None
    via: AskedForm | None = None
    ticket: str | None = None

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Problem]:
        if (written.get("user") is None) == (written.get("role") is None):
            yield Problem(
                "not-one-principal",
                "a temporary grant has exactly one user or role",
                "write user: name@example.com or role: role-name, and one entry per person"
                if written.get("user") is None
                else "remove user or role, and write another entry for the other",
            )
        ends = [written.get(name) for name in ("expiration_date", "expires_at", "for")]
        if sum(each is not None for each in ends) != 1:
            yield Problem(
                "not-one-deadline",
                "a temporary grant has exactly one end",
                "write expiration_date: YYYY-MM-DD (that whole day, UTC), "
                "expires_at: YYYY-MM-DDTHH:MM:SSZ, or for: 2h (from the merge on)"
                if not any(ends)
                else "keep one of expiration_date, expires_at and for",
            )
        has_duration = ends[-1] is not None
        if has_duration and written.get("starts_at") is not None:
            yield Problem(
                "not-from-the-merge",
                "a duration begins with the merge, so it has no other start",
                "write expires_at instead of for, or remove starts_at",
                path=("starts_at",),
            )
        if not has_duration and written.get("requested_at") is not None:
            yield Problem(
                "not-from-the-merge",
                "requested_at is for entries with a duration (for), and tells them apart",
                "remove it, or write for: 2h instead of the end",
                path=("requested_at",),
            )

    def deadline(self, begins: Beginning | None) -> datetime | None:
        """The first instant (UTC) at which the grant has ended; None where that is not known."""
        if self.lasts is not None:
            return begins.at + self.lasts if begins is not None else None
        if self.expires_at is not None:
            return self.expires_at
        assert self.expiration_date is not None, "validated above"
        return fields.end_of_day(self.expiration_date)

    def principal(self, user_names: UserNames) -> Principal:
        """The one user or role it is for."""
        if self.user is not None:
            return user_names.user(self.user)
        assert self.role is not None, "validated above"
        return fields.role(self.role)


@dataclass(frozen=True, slots=True)
class _Window:
    """A window from `starts` (None: already) to `ends` (UTC), which is written in the `entry`."""

    starts: datetime | None
    ends: datetime
    entry: FileEntry[TemporaryAccessSpec]


class TemporaryAccess:
    """Temporary access, written as grants in a form that fits."""

    folder = "temporary-access"
    spec = TemporaryAccessSpec
    keys = None
    temporary = True

    def access(self, item: Item) -> Iterable[AccessEntry]:
        spec: TemporaryAccessSpec | None = item.spec
        if isinstance(item, FileEntry) and spec is not None:
            return (
                AccessEntry(
                    item.place,
                    single_value(spec.user),
                    single_value(spec.role),
                    (spec.environment,),
                    (spec.grant,),
                    temporary=True,
                    until=spec.deadline(item.begins),
                    day=spec.expiration_date,
                    starts=spec.starts_at,
                    via=spec.via,
                    ticket=spec.ticket,
                    description=spec.description,
                    keys=SINGLE,
                    lasts=spec.lasts,
                    requested=spec.requested_at,
                    begins=item.begins,
                ),
            )
        written = item.written if isinstance(item, InvalidEntry) else None
        return (_as_far_as_read(written, item.place),) if isinstance(written, dict) else ()

    def expand(
        self, entries: Sequence[FileEntry[TemporaryAccessSpec]], scope: TeamInAccount
    ) -> Expansion:
        grants: list[TemporaryGrant] = []
        blocked: list[TemporaryGrant] = []
        findings: dict[object, Finding] = {}
        for window in _windows(entries, scope):
            grant, found = _grant(window, scope)
            for each in found:
                # The same note about several holders is given once.
                is_note = each.severity is Severity.NOTE
                findings.setdefault(each.message if is_note else each, each)
            is_blocked = any(finding.is_error for finding in found) or _is_nothing(grant)
            (blocked if is_blocked else grants).append(grant)
            rival = _rival(window.entry, scope)
            if rival is not None:
                blocked.append(replace(grant, principal=rival))
        return Expansion(
            grants=tuple(grants), blocked=tuple(blocked), findings=tuple(findings.values())
        )

    def parts_asked(
        self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        return ()

    def documents(
        self, entries: Sequence[FileEntry[TemporaryAccessSpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        for window in _windows(entries, scope):
            yield from _managed(window.entry, scope)
            if _may_suspend(window.entry, scope):
                yield from _held(_principal(window.entry.spec, scope), scope)

    def unproven(
        self, entries: Sequence[FileEntry[TemporaryAccessSpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        managed = scope.snapshot.managed
        return (arn for arn in self.documents(entries, scope) if managed.get(arn) is None)


def _as_far_as_read(written: dict[str, Any], place: SourcePosition) -> AccessEntry:
    """What an invalid entry grants, as far as it can be read."""
    window = Window.read(written)
    users, roles, environments, grants = map(
        single_value, map(written.get, ("user", "role", "environment", "grant"))
    )
    return AccessEntry(
        place,
        users,
        roles,
        environments,
        grants,
        temporary=True,
        until=window.until,
        day=window.expiration_date,
        starts=window.starts_at,
        via=text(written.get("via")),
        ticket=text(written.get("ticket")),
        description=text(written.get("description")),
        keys=SINGLE,
        valid=False,
        lasts=window.lasts,
    )


def _windows(
    entries: Sequence[FileEntry[TemporaryAccessSpec]], scope: TeamInAccount
) -> Iterator[_Window]:
    """Yield the windows that have not ended; those of one principal and grant are joined.

    A joined window begins with its first entry, also if that has ended: a name that contains the
    start does not change while sessions are open.
    """
    windows: dict[tuple[Principal, str], list[_Window]] = {}
    for entry in entries:
        spec = entry.spec
        ends = spec.deadline(entry.begins)
        # Without a known end nothing is granted; the team's files are invalid then.
        if spec.environment == scope.environment and ends is not None:
            window = _Window(spec.starts_at, ends, entry)
            windows.setdefault((_principal(spec, scope), spec.grant), []).append(window)
    for each in windows.values():
        yield from (window for window in _united(each) if window.ends > scope.now)


def _united(windows: list[_Window]) -> Iterator[_Window]:
    """Join windows that overlap or touch, at the entry with the latest end."""

    def start(window: _Window) -> float:
        return window.starts.timestamp() if window.starts else float("-inf")

    current, *others = sorted(windows, key=start)
    for window in others:
        if start(window) > current.ends.timestamp():
            yield current
            current = window
        elif window.ends > current.ends:
            current = _Window(current.starts, window.ends, window.entry)
    yield current


def _managed(entry: FileEntry[TemporaryAccessSpec], scope: TeamInAccount) -> list[str]:
    policy = scope.policies[entry.spec.grant].spec
    return list(dict.fromkeys(scope.fill(policy.managed_policies)))


def _copies(
    entry: FileEntry[TemporaryAccessSpec], scope: TeamInAccount
) -> Mapping[str, ManagedDocument]:
    """The managed policies of AWS and of others in a grant, as far as they were read, by ARN."""
    snapshot = scope.snapshot
    read = {arn: snapshot.managed.get(arn) for arn in _managed(entry, scope)}
    for arn in customer_policies.arns_of(scope.policies[entry.spec.grant].spec, scope):
        policy = snapshot.policies[arn]
        read[arn] = ManagedDocument(policy.default_version, policy.document)
    return {arn: copy for arn, copy in read.items() if copy is not None}


def _grant(window: _Window, scope: TeamInAccount) -> tuple[TemporaryGrant, tuple[Finding, ...]]:
    """The grant of a window and its findings; with an error it is not written."""
    entry = window.entry
    arns = _managed(entry, scope)
    copies = _copies(entry, scope)
    own = _own(entry, scope)
    documents = _documents(own, copies)
    denied = withheld(documents, scope.rules.outliving, scope.rules.resources)
    found = tuple(_problems_of(entry, scope, denied, documents))
    principal = _principal(entry.spec, scope)
    state = scope.snapshot.principals.get(principal)
    grant = TemporaryGrant(
        account=scope.account,
        team=scope.team,
        key=entry.spec.grant,
        environment=scope.environment,
        principal=principal,
        # The guards find a principal that does not exist.
        principal_arn=state.arn if state else principal_arn(scope.account, principal),
        starts=window.starts,
        ends=window.ends,
        own=own,
        managed=copies,
        denials=(denial(denied),) if denied else (),
        require_mfa=scope.rules.require_mfa,
        via=entry.spec.via,
        closed=scope.rules.closed,
        boundary=scope.rules.boundary or names.role_boundary(scope.account),
        generation=temporary_role.generation(
            scope.team, entry.spec.grant, principal, window.starts, scope.snapshot, scope.now
        ),
        location=entry.place.location,
        lasts=entry.spec.lasts,
        begins=entry.begins,
        tags=scope.tags,
    )
    absent = (
        aws_policies.unknown_policy(arn, entry.spec.grant, scope)
        for arn in arns
        if arn not in copies
    )
    of_others = customer_policies.findings(scope.policies[entry.spec.grant], scope)
    return grant, (*absent, *of_others, *found, *_doubts(entry, scope))


def _is_nothing(grant: TemporaryGrant) -> bool:
    """Whether all that a grant allows is denied with it."""
    sources = [*_documents(grant.own, grant.managed), documents.document(grant.denials)]
    return bool(grant.denials) and gives_nothing(sources, frozenset())


def _principal(spec: TemporaryAccessSpec, scope: TeamInAccount) -> Principal:
    return scope.snapshot.spelled(spec.principal(scope.user_names))


def _rival(entry: FileEntry[TemporaryAccessSpec], scope: TeamInAccount) -> Principal | None:
    return scope.rival(entry.spec.user) if entry.spec.user is not None else None


def _doubts(entry: FileEntry[TemporaryAccessSpec], scope: TeamInAccount) -> Iterator[Finding]:
    written, rival = entry.spec.user, _rival(entry, scope)
    if written is not None and rival is not None:
        yield scope.doubt(written, rival, entry.place.at("user").location)


def _documents(own: Document | None, copies: Mapping[str, ManagedDocument]) -> list[Document]:
    return [*([own] if own else []), *(copy.document for copy in copies.values())]


def _may_suspend(entry: FileEntry[TemporaryAccessSpec], scope: TeamInAccount) -> bool:
    """Whether the grant denies what its principal's own policies may allow."""
    if entry.spec.via is Form.ROLE:
        return False
    copies = _copies(entry, scope)
    sources = _documents(_own(entry, scope), copies)
    denied = withheld(sources, scope.rules.outliving, scope.rules.resources)
    return bool(denied or deny_statements(sources))


def _held(principal: Principal, scope: TeamInAccount) -> Set[str]:
    """The AWS managed policies that a principal has, also by its groups."""
    return {
        arn
        for state in scope.snapshot.holders(principal)
        for arn in state.attached
        if arn not in scope.snapshot.policies
    }


def _own(entry: FileEntry[TemporaryAccessSpec], scope: TeamInAccount) -> Document | None:
    statements = scope.policies[entry.spec.grant].spec.statements
    return documents.document(scope.fill(statements)) if statements else None


def _problems_of(
    entry: FileEntry[TemporaryAccessSpec],
    scope: TeamInAccount,
    denied: frozenset[str],
    sources: Sequence[Document],
) -> Iterator[Finding]:
    """The findings about actions with which a grant could outlive its end.

    Those about a grant of its own statements alone are in the check of the files.
    """
    key, rules = entry.spec.grant, scope.rules
    outliving = outliving_actions(sources)
    if outliving and rules.outliving is not Outliving.DENY:
        severity = Severity.ERROR if rules.outliving is Outliving.REFUSE else Severity.WARNING
        problem = Problem(
            "outlives-deadline",
            f"{key} allows {describe_actions(outliving)}: with these, access can be made that "
            "lasts beyond the deadline",
            "take the actions out of the policy, or set temporary_access.outliving_actions to "
            f"deny: then exactly these are denied while the grant holds ({rules.outliving_source})",
            severity=severity,
        )
        yield _of(problem, entry, scope)
    if denied and len(sources) > bool(scope.policies[key].spec.custom_statements):
        source = rules.outliving_source if denied & outliving else rules.resources_source
        tell = nothing_left if gives_nothing(sources, denied) else denied_with
        yield _of(tell(key, denied, source), entry, scope)


def _of(problem: Problem, entry: FileEntry[TemporaryAccessSpec], scope: TeamInAccount) -> Finding:
    return problem.at(entry.place.at("grant").location, scope.team, scope.account.id)
