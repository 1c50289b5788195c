"""A plan as a file: what a dry run planned, so that an apply can carry out exactly that.

A plan file is untrusted: it never becomes a call. An apply makes its own plan from the access
files and the accounts and compares, see `plan.reviewed`. What is read here has this version's
shape, names only kinds and operations that there are, and is as it was written.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from iam_access.errors import AccessError
from iam_access.kinds import KINDS
from iam_access.model import Account, AccountReport, Change, Failure, Finding, Plan
from iam_access.phrases import shown
from iam_access.plan.digest import digest
from iam_access.plan.encoding import EncodingError, decode, encode

FORMAT = "self-serve-plan"
FORMAT_VERSION = 1
#: More than the plan of a thousand accounts that are empty before.
LARGEST_FILE = 1 << 30

_PLAN_AGAIN = "make a new plan with --dry-run --plan-file FILE, and have it reviewed"


class PlanFileError(AccessError):
    """A plan file that cannot be used."""

    code = "plan-file"

    def __init__(self, message: str, hint: str = _PLAN_AGAIN) -> None:
        super().__init__(message, hint)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """The options of the run that was planned: see `RunOptions`; `environments` is () for all."""

    teams: frozenset[str] | None
    environments: frozenset[str] = frozenset()
    adopt: bool = False
    allow_removals_of: frozenset[str] | None = frozenset()
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """What was planned in one account, or why it could not be planned."""

    account: Account
    changes: tuple[Change, ...] = ()
    held: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What a dry run planned. `made` is its time (UTC)."""

    made: datetime
    run: PlannedRun
    accounts: tuple[AccountPlan, ...] = field(default=())

    @property
    def digest(self) -> str:
        """The digest of the plans, as the dry run has shown it."""
        return digest(Plan(each.account, each.changes, ()) for each in self.accounts)


def plan_file(made: datetime, run: PlannedRun, reports: Iterable[AccountReport]) -> PlanFile:
    """What the reports of a dry run planned."""
    return PlanFile(made, run, tuple(map(account_plan, reports)))


def account_plan(report: AccountReport) -> AccountPlan:
    """What the report of an account's dry run planned."""
    plan = report.plan
    if plan is None:
        return AccountPlan(report.account, failure=report.failure)
    return AccountPlan(report.account, plan.changes, plan.held, plan.findings)


def write(plan: PlanFile) -> str:
    """The text of a plan file; the same for the same plan."""
    body = encode(PlanFile, plan)
    head = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "digest": plan.digest,
        "checksum": checksum(body),
    }
    return json.dumps({**head, "plan": body}, indent=1) + "\n"


def read(text: str) -> PlanFile:
    """The plan of a plan file. Raises PlanFileError for one that is not as it was written."""
    try:
        return _read(_parsed(text))
    except RecursionError as error:
        raise PlanFileError("it is nested too deeply") from error


def _read(document: dict[str, Any]) -> PlanFile:
    if document.get("format") != FORMAT:
        raise PlanFileError("it is not a plan file", "write one with --dry-run --plan-file FILE")
    version = document.get("version")
    if type(version) is not int or version != FORMAT_VERSION:
        raise PlanFileError(
            f"it is of version {shown(version)}, and this program reads {FORMAT_VERSION}"
        )
    if document.keys() != {"format", "version", "digest", "checksum", "plan"}:
        raise PlanFileError("it has other parts than a plan file has")
    if document["checksum"] != checksum(document["plan"]):
        raise PlanFileError("it has been changed since it was written: its checksum is another one")
    try:
        plan: PlanFile = decode(PlanFile, document["plan"], "plan")
    except EncodingError as error:
        raise PlanFileError(error.message) from error
    for problem in _problems(plan):
        raise PlanFileError(problem)
    if document["digest"] != plan.digest:
        raise PlanFileError("its digest is not that of its calls")
    return plan


def checksum(body: Any) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant)
    except PlanFileError:
        raise
    except ValueError as error:
        raise PlanFileError(f"it is not whole: {error}") from error
    if not isinstance(document, dict):
        raise PlanFileError("it is not a plan file", "write one with --dry-run --plan-file FILE")
    return document


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise PlanFileError("a member of an object occurs twice")
    return found


def _no_constant(name: str) -> Any:
    raise PlanFileError(f"{name} is not a value of JSON")


def _problems(plan: PlanFile) -> Iterator[str]:
    """What no dry run of this version writes."""
    seen: set[str] = set()
    kinds = {kind.name: kind for kind in KINDS}
    for each in plan.accounts:
        if each.account.id in seen:
            yield f"account {shown(each.account.id)} occurs twice"
        seen.add(each.account.id)
        ids = [change.id for change in each.changes]
        if len(set(ids)) != len(ids):
            yield f"a resource of account {shown(each.account.id)} is changed twice"
        for change in (*each.changes, *each.held):
            kind = kinds.get(change.id.kind)
            if kind is None:
                yield f"{shown(change.id.kind)} is not a kind of resource"
                return
            if change.before is None and change.after is None:
                yield f"{shown(change.name)} has neither a before nor an after"
            if not all(map(_is_json, _json_parts(change))):
                yield f"{shown(change.name)} has parameters or policies that are no JSON"
            for call in change.calls:
                if (call.service, call.operation) not in kind.operations:
                    asked = f"{call.service} {call.operation}"
                    yield f"no {kind.name} is changed by the call {shown(asked)}"


def _json_parts(change: Change) -> Iterator[Any]:
    """What goes to AWS as JSON, or came from there."""
    for call in change.calls:
        yield call.params
    for resource in filter(None, (change.before, change.after)):
        yield resource.document
        yield resource.documents


def _is_json(value: Any) -> bool:
    """Whether it is JSON, and holds no value that is written by the name of its type."""
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
