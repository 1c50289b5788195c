"""Temporary access: what the files grant until a deadline, as grants to be written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from iam_access.kinds import aws_policies, fields
from iam_access.kinds.base import Entry, Expansion, Scope
from iam_access.kinds.fields import (
    Contradiction,
    Day,
    Instant,
    RoleName,
    Spec,
    UserAddress,
    problem,
)
from iam_access.kinds.grant import Form, Outliving, TemporaryGrant
from iam_access.model import Finding, Principal, Severity
from iam_access.policy import document as documents
from iam_access.policy.outliving import denial, outliving_actions
from iam_access.snapshot import Document


def _form(value: Any) -> Any:
    try:
        return Form(value)
    except ValueError:
        raise problem(
            "bad-form",
            f"{value!r} is not a way to write a temporary grant",
            f"write one of {', '.join(Form)}, or leave it out: the first that fits is taken",
        ) from None


AskedForm = Annotated[Form, BeforeValidator(_form)]


class TemporaryAccessSpec(Spec):
    """One user or role that holds one grant in one environment until a deadline.

    `starts_at` (UTC; None: from the merge on) and the deadline make the window it holds in.
    `via` asks for a form. `ticket` is where the request was discussed.
    """

    description: str | None = None
    user: UserAddress | None = None
    role: RoleName | None = None
    environment: str
    grant: str
    expiration_date: Day | None = None
    expires_at: Instant | None = None
    starts_at: Instant | None = None
    via: AskedForm | None = None
    ticket: str | None = None

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Contradiction]:
        if (written.get("user") is None) == (written.get("role") is None):
            yield Contradiction(
                "not-one-principal",
                "a temporary grant is for exactly one user or role",
                "write user: name@example.com or role: role-name, and one entry per person",
            )
        if (written.get("expiration_date") is None) == (written.get("expires_at") is None):
            yield Contradiction(
                "not-one-deadline",
                "a temporary grant ends at exactly one moment",
                "write expiration_date: YYYY-MM-DD (that whole day, UTC) "
                "or expires_at: YYYY-MM-DDTHH:MM:SSZ",
            )

    @property
    def deadline(self) -> datetime:
        """The first instant (UTC) at which the grant is dead."""
        if self.expires_at is not None:
            return self.expires_at
        assert self.expiration_date is not None, "validated above"
        return fields.end_of_day(self.expiration_date)

    @property
    def principal(self) -> Principal:
        """The one user or role it is for."""
        if self.user is not None:
            return fields.user(self.user)
        assert self.role is not None, "validated above"
        return fields.role(self.role)


@dataclass(frozen=True, slots=True)
class _Window:
    """When a grant holds: from `starts` (None: already) up to `ends`, that of the `entry`."""

    starts: datetime | None
    ends: datetime
    entry: Entry[TemporaryAccessSpec]


class TemporaryAccess:
    """The files of temporary access."""

    folder = "temporary-access"
    spec = TemporaryAccessSpec
    keyed = False

    def expand(self, entries: Sequence[Entry[TemporaryAccessSpec]], scope: Scope) -> Expansion:
        grants: list[TemporaryGrant] = []
        blocked: list[TemporaryGrant] = []
        findings: list[Finding] = []
        for window in _windows(entries, scope):
            grant, found = _grant(window, scope)
            findings += found
            is_blocked = any(finding.is_error for finding in found)
            (blocked if is_blocked else grants).append(grant)
        return Expansion(grants=tuple(grants), blocked=tuple(blocked), findings=tuple(findings))

    def documents(
        self, entries: Sequence[Entry[TemporaryAccessSpec]], scope: Scope
    ) -> Iterable[str]:
        for window in _windows(entries, scope):
            yield from _managed(window.entry, scope)

    def unproven(
        self, entries: Sequence[Entry[TemporaryAccessSpec]], scope: Scope
    ) -> Iterable[str]:
        managed = scope.snapshot.managed
        return (arn for arn in self.documents(entries, scope) if managed.get(arn) is None)


def _windows(entries: Sequence[Entry[TemporaryAccessSpec]], scope: Scope) -> Iterator[_Window]:
    """The windows that have not ended; those of one principal and grant that meet are one.

    What began with an entry that has ended goes on from there: where a name tells the beginning,
    nothing is renamed under a session that is open just because a day has passed.
    """
    windows: dict[tuple[Principal, str], list[_Window]] = {}
    for entry in entries:
        spec = entry.spec
        if spec.environment == scope.environment:
            window = _Window(spec.starts_at, spec.deadline, entry)
            windows.setdefault((spec.principal, spec.grant), []).append(window)
    for each in windows.values():
        yield from (window for window in _united(each) if window.ends > scope.now)


def _united(windows: list[_Window]) -> Iterator[_Window]:
    """Windows that overlap or touch become one, told where the latest end is written."""

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


def _managed(entry: Entry[TemporaryAccessSpec], scope: Scope) -> list[str]:
    policy = scope.policies[entry.spec.grant].spec
    return list(dict.fromkeys(scope.fill(policy.managed_policies)))


def _grant(window: _Window, scope: Scope) -> tuple[TemporaryGrant, tuple[Finding, ...]]:
    """The window's grant, and what is to be said of it; with an error it is not to be written."""
    entry = window.entry
    arns = _managed(entry, scope)
    copies = {arn: copy for arn in arns if (copy := scope.snapshot.managed.get(arn)) is not None}
    own = _own(entry, scope)
    outliving = outliving_actions([*([own] if own else []), *(c.document for c in copies.values())])
    found = _outliving(entry, scope, outliving)
    denied = outliving and scope.rules.outliving is Outliving.DENY
    principal = entry.spec.principal
    state = scope.snapshot.principals.get(principal)
    grant = TemporaryGrant(
        account=scope.account,
        team=scope.team,
        key=entry.spec.grant,
        environment=scope.environment,
        principal=principal,
        # One that does not exist is found by the guards; nothing is written for it.
        principal_arn=state.arn if state else scope.account.arn_of(principal),
        starts=window.starts,
        ends=window.ends,
        own=own,
        managed=copies,
        denials=(denial(outliving),) if denied else (),
        require_mfa=scope.rules.require_mfa,
        via=entry.spec.via,
        closed=scope.rules.closed,
        boundary=scope.rules.boundary,
        location=entry.place.location,
    )
    absent = (
        aws_policies.unknown(arn, entry.spec.grant, scope) for arn in arns if arn not in copies
    )
    return grant, (*absent, *([found] if found else []))


def _own(entry: Entry[TemporaryAccessSpec], scope: Scope) -> Document | None:
    statements = scope.policies[entry.spec.grant].spec.statements
    return documents.document(scope.fill(statements)) if statements else None


def _outliving(
    entry: Entry[TemporaryAccessSpec], scope: Scope, actions: frozenset[str]
) -> Finding | None:
    """What is to be said of actions with which a grant could outlive its end."""
    rule = scope.rules.outliving
    if not actions or rule is Outliving.DENY:
        return None
    shown = ", ".join(sorted(actions)[:3])
    more = f" and {len(actions) - 3} more" if len(actions) > 3 else ""
    refused = rule is Outliving.REFUSE
    return Finding(
        code="outlives-deadline",
        severity=Severity.ERROR if refused else Severity.WARNING,
        message=f"{entry.spec.grant} allows {shown}{more}: with these, access can be made that "
        "lasts beyond the deadline",
        hint="take the actions out of the policy, or have temporary_access.outliving_actions say "
        "deny: then exactly these are denied while the grant holds "
        f"({scope.rules.outliving_source})",
        location=entry.place.at("grant").location,
        team=scope.team,
        account=scope.account.id,
    )
