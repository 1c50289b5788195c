"""The changes of a run by account: what is shown of each, and what became of it."""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from iam_access.model import (
    Account,
    AccountReport,
    Change,
    ChangeType,
    EntryReason,
    Failure,
    Finding,
    Location,
    Principal,
    Report,
    Resource,
)
from iam_access.policy import document as documents
from iam_access.policy.document import DocumentError

_SIGNS = {ChangeType.CREATE: "+", ChangeType.UPDATE: "~", ChangeType.DELETE: "-"}
# Lines of a unified diff's header.
_HEADER = 2
_INDENT = "  "
# What is no longer than this is shown on one line, from this depth on.
_SHORT = 76
_ELEMENTS = 3
NO_REASON = EntryReason()
NO_REASONS: Mapping[Location, EntryReason] = {}


@dataclass(frozen=True, slots=True)
class DocumentDiff:
    """One document of a change: a unified diff without file headers.

    What is created or deleted is shown as additions or removals only. `name` is empty for the
    resource's own document; `size` counts characters as quotas do.
    """

    name: str
    lines: tuple[str, ...]
    size: int


class ChangeStatus(StrEnum):
    """What became of a change; `planned` if it was not tried."""

    PLANNED = "planned"
    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"
    SKIPPED = "skipped"
    HELD = "held"  # not to be made, see Plan.held


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A change, what became of it, and what is shown of it."""

    change: Change
    status: ChangeStatus = ChangeStatus.PLANNED
    failure: Failure | None = None
    why: EntryReason = NO_REASON

    @property
    def teams(self) -> tuple[str, ...]:
        return tuple(sorted(self.change.teams))

    @property
    def sign(self) -> str:
        """`+`, `~` or `-`."""
        return _SIGNS[self.change.action]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is made: the first, which may be empty, and details."""
        asked = ": ".join(filter(None, self.why))
        return (*(self.change.reasons or ("",)), *([f"asked for: {asked}"] if asked else []))

    @property
    def went_wrong(self) -> bool:
        return self.status in (ChangeStatus.FAILED, ChangeStatus.SKIPPED)

    @property
    def usage(self) -> tuple[str, ...]:
        """How to make use of what is made; nothing of what is not."""
        after = self.change.after
        is_made = not self.went_wrong and self.status is not ChangeStatus.HELD
        return after.usage if after is not None and is_made else ()

    def end(self, now: datetime) -> tuple[str, datetime] | None:
        """A verb, and the moment (UTC) at which the resource ends by itself.

        None for one that does not, and for one that goes since it has ended: the reason says when.
        """
        expires, goes = self.change.subject.expires, self.change.action is ChangeType.DELETE
        if expires is None or (goes and expires <= now):
            return None
        return "would end" if goes else "ends", expires

    def documents(self, *, verbose: bool) -> tuple[DocumentDiff, ...]:
        """The documents that are shown: none of what goes, unless verbose."""
        hidden = self.change.action is ChangeType.DELETE and not verbose
        return () if hidden else document_diffs(self.change)


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account's part of a run, its changes in the order of the plan.

    `incomplete` tells that errors, of files or of this account, may have kept changes out of it.
    """

    account: Account
    changes: tuple[ChangeView, ...]
    refused: bool
    failure: Failure | None
    owned: int
    incomplete: bool

    @property
    def title(self) -> str:
        return self.account.title

    @property
    def idle(self) -> str:
        """What to say of it if it has no changes."""
        return "no change, with errors" if self.incomplete else "nothing to do"

    @property
    def attempted(self) -> bool:
        """Whether any change was tried."""
        return any(
            step.status not in (ChangeStatus.PLANNED, ChangeStatus.HELD) for step in self.changes
        )

    def count_of(self, action: ChangeType) -> int:
        """How many changes do this, without those that are held back."""
        return sum(
            step.change.action is action and step.status is not ChangeStatus.HELD
            for step in self.changes
        )

    def count_with(self, status: ChangeStatus) -> int:
        """How many changes have this status."""
        return sum(step.status is status for step in self.changes)

    @property
    def done(self) -> int:
        """How many changes are as planned now, by this run or another."""
        return self.count_with(ChangeStatus.DONE) + self.count_with(ChangeStatus.ALREADY)

    @property
    def by_principal(self) -> Iterator[tuple[Principal | None, tuple[ChangeView, ...]]]:
        """Changes by principal; those of the account itself come first."""
        found: dict[Principal | None, list[ChangeView]] = {}
        for step in self.changes:
            found.setdefault(step.change.principal, []).append(step)
        if None in found:
            yield None, tuple(found.pop(None))
        for principal in sorted(key for key in found if key is not None):
            yield principal, tuple(found[principal])


def account_views(report: Report) -> tuple[AccountView, ...]:
    """The accounts of a run by label and id, in whatever order they finished."""
    # An error of a file may be about any account: one of an accounts file hides which.
    incomplete = _has_error(report.findings)
    views = (account_view(each, report.reasons, incomplete=incomplete) for each in report.accounts)
    return tuple(sorted(views, key=lambda view: (view.account.label, view.account.id)))


def _has_error(findings: Iterable[Finding]) -> bool:
    return any(each.is_error for each in findings)


def account_view(
    report: AccountReport,
    reasons: Mapping[Location, EntryReason] = NO_REASONS,
    *,
    incomplete: bool = False,
) -> AccountView:
    """One account's part of a run; `reasons` of entries are by their locations.

    `incomplete` tells that errors of files may have kept changes out of it.
    """

    def why(change: Change) -> EntryReason:
        found = reasons.get(change.location) if change.location is not None else None
        return found or NO_REASON

    outcomes = {(each.change.id, each.change.action): each for each in report.outcomes}
    changes = []
    for change in report.plan.changes if report.plan else ():
        outcome = outcomes.get((change.id, change.action))
        if outcome is None:
            changes.append(ChangeView(change, why=why(change)))
        else:
            status = ChangeStatus(outcome.status.value)
            changes.append(ChangeView(change, status, outcome.failure, why(change)))
    changes += [
        ChangeView(change, ChangeStatus.HELD, why=why(change))
        for change in (report.plan.held if report.plan else ())
    ]
    return AccountView(
        account=report.account,
        changes=tuple(changes),
        refused=report.plan is not None and report.plan.refused,
        failure=report.failure,
        owned=report.plan.owned if report.plan else 0,
        incomplete=incomplete or (report.plan is not None and _has_error(report.plan.findings)),
    )


def environment_of(account: Account, teams: Sequence[str]) -> str:
    """The team's own name for the account, where one team is concerned; else all names of it."""
    own = account.environments.get(teams[0]) if len(teams) == 1 else None
    return account.label if own is None else own


def document_diffs(change: Change) -> tuple[DocumentDiff, ...]:
    """The documents that a change writes, changes or takes away."""
    before, after = _documents(change.before), _documents(change.after)
    diffs = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            lines = _whole("-", old) + _whole("+", new)
        else:
            lines = _diff(old, new)
        if lines:
            diffs.append(
                DocumentDiff(name, lines, documents.policy_size(_pretty(new or old or {})))
            )
    return tuple(diffs)


def _documents(resource: Resource | None) -> dict[str, Mapping[str, Any]]:
    """By name; the resource's own has none."""
    if resource is None:
        return {}
    own = {} if resource.document is None else {"": resource.document}
    return own | dict(resource.documents)


def _whole(sign: str, document: Mapping[str, Any] | None) -> tuple[str, ...]:
    """All of a document in few lines, since it is compared with no other."""
    if document is None:
        return ()
    lines = _layout(json.loads(_pretty(document)), "").split("\n")
    return tuple(f"{sign}{line}" for line in lines)


def _layout(value: Any, indent: str) -> str:
    inner = indent + _INDENT
    flat = _json(value)
    # Statements are never on one line, their elements are.
    if not value or (len(flat) <= _SHORT and len(indent) >= _ELEMENTS * len(_INDENT)):
        return flat
    if isinstance(value, dict):
        items = [f"{inner}{_json(key)}: {_layout(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value, list):
        items = [inner + _layout(item, inner) for item in value]
        return "[\n" + ",\n".join(items) + f"\n{indent}]"
    return flat


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    old, new = _pretty(before).split("\n"), _pretty(after).split("\n")
    return tuple(difflib.unified_diff(old, new, lineterm=""))[_HEADER:]


def _pretty(document: Mapping[str, Any]) -> str:
    try:
        return documents.pretty(document)
    except DocumentError:
        # Not written by this program, and no policy: shown as it is.
        return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True, default=str)


def attribute_facts(change: Change) -> tuple[str, ...]:
    """What a change does to attributes: `hours: 1 -> 2`, its owners included.

    Of what is created only lists are shown, such as the policies that go with it.
    """
    if change.after is None:
        return ()
    after = change.after.attributes
    if change.action is ChangeType.CREATE:
        return tuple(
            f"{name}: {_compact(value)}"
            for name, value in sorted(after.items())
            if isinstance(value, tuple | list) and value
        )
    assert change.before is not None, "an update has a before"
    old = {"owners": change.before.owners, **change.before.attributes}
    new = {"owners": change.after.owners, **after}
    return tuple(
        f"{name}: {_compact(old.get(name))} -> {_compact(new.get(name))}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )


def _item(value: Any) -> str:
    """An item of a list; a pair, such as a tag, as `key=value`, and a mapping as JSON."""
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return "=".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _compact(value: Any) -> str:
    """Strings as they are, lists and sets as words, what is absent as `none`, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, set | frozenset):
        return ", ".join(sorted(map(str, value))) or "none"
    if isinstance(value, tuple | list):
        return ", ".join(map(_item, value)) or "none"
    return "none" if value is None else json.dumps(value, ensure_ascii=False, default=str)
