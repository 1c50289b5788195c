"""Reports made from plain values."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from iam_access.model import (
    Account,
    AccountReport,
    Action,
    Change,
    Failure,
    Finding,
    Location,
    Outcome,
    Plan,
    Principal,
    PrincipalType,
    Report,
    Resource,
    ResourceId,
    Severity,
    Status,
)

NOW = datetime(2025, 11, 27, 14, 0, tzinfo=UTC)
PROD = Account("123456789012", "aws", "deployer", {"payments": "prod", "search": "live"})
NONPROD = Account("210987654321", "aws", "deployer", {"payments": "nonprod"})
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ALICE = Principal(PrincipalType.USER, "alice")
BATCH = Principal(PrincipalType.ROLE, "batch")


def document(*actions: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": ["*"]}],
    }


def change(
    action: Action,
    name: str,
    *,
    kind: str = "inline-policy",
    principal: Principal | None = ALICE,
    teams: Iterable[str] = ("payments",),
    reason: str = "",
    expires: datetime | None = None,
    location: Location | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    attributes_before: Mapping[str, Any] | None = None,
    attributes_after: Mapping[str, Any] | None = None,
) -> Change:
    owner = str(principal) if principal else "account"
    key = ResourceId(kind, f"{owner} {name}")

    def resource(source: Any, attributes: Mapping[str, Any] | None) -> Resource:
        return Resource(
            id=key,
            name=name,
            teams=frozenset(teams),
            attributes=attributes or {},
            document=source,
            principal=principal,
            expires=expires,
            location=location,
        )

    return Change(
        action=action,
        id=key,
        name=name,
        teams=frozenset(teams),
        reason=reason,
        before=None if action is Action.CREATE else resource(before, attributes_before),
        after=None if action is Action.DELETE else resource(after, attributes_after),
        calls=(),
    )


def planned(
    account: Account,
    *changes: Change,
    findings: tuple[Finding, ...] = (),
    refused: bool = False,
    outcomes: tuple[Outcome, ...] = (),
) -> AccountReport:
    plan = Plan(account, changes, findings, refused=refused, owned=len(changes))
    return AccountReport(account, plan, outcomes)


POLICY = change(
    Action.UPDATE,
    "payments-dev-read-only",
    kind="customer-managed-policy",
    principal=None,
    reason="dev.read-only means something else now",
    location=Location("aws/aws-policies/payments.yaml", 2, 3),
    before=document("s3:GetObject", "s3:ListBucket"),
    after=document("s3:GetObject", "s3:ListAllMyBuckets"),
)
GRANT = change(
    Action.CREATE,
    "self-serve+payments+dev.break-glass+20251130T180000Z",
    reason="temporary access: Debug production database",
    expires=NOW + timedelta(days=3, hours=4),
    location=Location("aws/temporary-access/payments.yaml", 2, 5),
    after=document("rds:*"),
)
ATTACHMENT = change(
    Action.DELETE,
    READ_ONLY,
    kind="policy-attachment",
    principal=BATCH,
    teams=("search", "payments"),
    reason="no file asks for it any more",
)
CHANGES = (ATTACHMENT, GRANT, POLICY)

UNKNOWN_GRANT = Finding(
    "unknown-grant",
    Severity.ERROR,
    "'dev.red-only' is not a policy of team payments",
    "did you mean dev.read-only?",
    Location("aws/permanent-access/payments.yaml", 12, 9),
    team="payments",
)
MISSING_USER = Finding(
    "missing-principal",
    Severity.ERROR,
    "user bob does not exist",
    "create it: aws iam create-user --user-name bob",
    Location("aws/permanent-access/payments.yaml", 14, 12),
    team="payments",
    account=PROD.id,
)
FOREIGN = Finding(
    "foreign-attachment",
    Severity.WARNING,
    f"{READ_ONLY} is attached to user alice by somebody else",
    "apply.py --adopt takes it over",
    account=PROD.id,
)
EXPIRED = Finding(
    "expired",
    Severity.NOTE,
    "the grant of dev.break-glass ended 2025-11-01",
    "remove the entry when you like",
    Location("aws/temporary-access/payments.yaml", 9, 5),
    team="payments",
)
DENIED = Failure(
    "AccessDenied",
    "not authorized to perform: sts:AssumeRole",
    "let the role's trust policy name the caller",
)


def dry_run() -> Report:
    return Report(
        command="apply",
        now=NOW,
        accounts=(planned(PROD, *CHANGES, findings=(FOREIGN,)), planned(NONPROD)),
        findings=(EXPIRED,),
        digest="5f2c" * 16,
        dry_run=True,
    )


def applied() -> Report:
    outcomes = tuple(Outcome(each, Status.DONE) for each in CHANGES)
    return Report(
        command="apply",
        now=NOW,
        accounts=(planned(PROD, *CHANGES, outcomes=outcomes),),
        digest="5f2c" * 16,
    )


def troubled() -> Report:
    """Everything that can go wrong, in one run."""
    outcomes = (
        Outcome(ATTACHMENT, Status.ALREADY),
        Outcome(
            GRANT,
            Status.FAILED,
            Failure("LimitExceeded", "Maximum policy size exceeded", "shorten the grant"),
        ),
        Outcome(POLICY, Status.SKIPPED, Failure("not-tried", "what it needs had failed")),
    )
    unread = Account("333333333333", "aws", "deployer", {"payments": "audit"})
    refused = Finding(
        "too-many-removals",
        Severity.ERROR,
        "the plan removes 12 of 20 things",
        "look at it, then pass --allow-removals",
        account=NONPROD.id,
    )
    return Report(
        command="apply",
        now=NOW,
        accounts=(
            AccountReport(unread, failure=DENIED),
            planned(PROD, *CHANGES, findings=(MISSING_USER, FOREIGN), outcomes=outcomes),
            planned(NONPROD, POLICY, findings=(refused,), refused=True),
        ),
        findings=(UNKNOWN_GRANT, EXPIRED),
        digest="5f2c" * 16,
    )


def validated() -> Report:
    return Report(command="validate", now=NOW, findings=(EXPIRED, UNKNOWN_GRANT))


def nothing() -> Report:
    return Report(command="apply", now=NOW, accounts=(planned(PROD), planned(NONPROD)))


def hostile(text: str) -> Report:
    """A report in which everything that can be text is this text."""
    user = Principal(PrincipalType.USER, text)
    account = Account("123456789012", "aws", text, {text: text})
    place = Location(text, 1, 1)
    changes = tuple(
        change(
            action,
            text,
            kind=kind,
            principal=principal,
            teams=(text,),
            reason=text,
            location=place,
            before=document(text, "s3:GetObject"),
            after=document(text, "s3:PutObject"),
            attributes_before={text: "before"},
            attributes_after={text: text},
        )
        for action in Action
        for kind, principal in (("inline-policy", user), ("customer-managed-policy", None))
    )
    failure = Failure(text, text, text)
    statuses = (Status.FAILED, Status.SKIPPED, Status.DONE)
    outcomes = tuple(
        Outcome(each, statuses[number % 3], None if number % 3 == 2 else failure)
        for number, each in enumerate(changes)
    )
    findings = tuple(
        Finding(text, severity, text, text, where, team=text, account=owner)
        for severity in Severity
        for where in (None, place)
        for owner in (None, text, account.id)
    )
    return Report(
        command="apply",
        now=NOW,
        accounts=(
            planned(account, *changes, outcomes=outcomes, findings=findings),
            AccountReport(Account("210987654321", "aws", text, {text: text}), failure=failure),
        ),
        findings=findings,
        digest="5f2c" * 16,
    )
