"""Reports made from plain values."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from iam_access.model import (
    Account,
    AccountReport,
    Change,
    ChangeType,
    Escalation,
    Failure,
    Finding,
    Location,
    Meaning,
    Outcome,
    PermissionDelta,
    Plan,
    Principal,
    PrincipalType,
    Report,
    Resource,
    ResourceId,
    Severity,
    Status,
)
from iam_access.plan.temporary import temporary_grants

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
    action: ChangeType,
    name: str,
    *,
    kind: str = "inline-policy",
    principal: Principal | None = ALICE,
    teams: Iterable[str] = ("payments",),
    reason: str | tuple[str, ...] = (),
    expires: datetime | None = None,
    location: Location | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    attributes_before: Mapping[str, Any] | None = None,
    attributes_after: Mapping[str, Any] | None = None,
    grant: str | None = None,
    usage: tuple[str, ...] = (),
) -> Change:
    owner = str(principal) if principal else "account"
    key = ResourceId(kind, f"{owner} {name}")

    def resource(source: Any, attributes: Mapping[str, Any] | None) -> Resource:
        return Resource(
            id=key,
            name=name,
            teams=frozenset(teams),
            attributes=_attributes(kind, attributes),
            document=source,
            principal=principal,
            expires=expires,
            grant=grant,
            usage=usage,
            location=location,
        )

    return Change(
        action=action,
        id=key,
        name=name,
        teams=frozenset(teams),
        reasons=(reason,) if isinstance(reason, str) else reason,
        before=None if action is ChangeType.CREATE else resource(before, attributes_before),
        after=None if action is ChangeType.DELETE else resource(after, attributes_after),
        calls=(),
    )


def account_report(
    account: Account,
    *changes: Change,
    findings: tuple[Finding, ...] = (),
    refused: bool = False,
    outcomes: tuple[Outcome, ...] = (),
    temporary: tuple[Resource, ...] = (),
) -> AccountReport:
    plan = Plan(
        account,
        () if refused else changes,
        findings,
        held=changes if refused else (),
        owned=len(changes),
        temporary=temporary_grants(temporary, () if refused else changes, NOW),
    )
    return AccountReport(account, plan, outcomes)


def _attributes(kind: str, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What resources of a kind always have, and what is given."""
    arn = "arn:aws:iam::aws:policy/p"
    always: Mapping[str, Mapping[str, Any]] = {
        "customer-managed-policy": {"arn": arn},
        "policy-attachment": {"arn": arn, "attached": True},
        "temporary-role": {"arn": arn, "managed": ()},
    }
    return {**always.get(kind, {}), **(given or {})}


def temporary_resource(
    name: str,
    *,
    kind: str = "inline-policy",
    principal: Principal | None = ALICE,
    teams: Iterable[str] = ("payments",),
    grant: str | None = "dev.break-glass",
    expires: datetime | None = None,
    document: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Resource:
    """Temporary access that is alive; by default for three hours more."""
    owner = str(principal) if principal else "account"
    return Resource(
        id=ResourceId(kind, f"{owner} {name}"),
        name=name,
        teams=frozenset(teams),
        attributes=_attributes(kind, attributes),
        document=document,
        principal=principal,
        expires=NOW + timedelta(hours=3) if expires is None else expires,
        grant=grant,
    )


def resource_after(change: Change) -> Resource:
    """The resource as the change leaves it."""
    assert change.after is not None
    return change.after


UPDATED_POLICY = change(
    ChangeType.UPDATE,
    "payments-dev-read-only",
    kind="customer-managed-policy",
    principal=None,
    reason="dev.read-only means something else now",
    location=Location("aws/aws-policies/payments.yaml", 2, 3),
    before=document("s3:GetObject", "s3:ListBucket"),
    after=document("s3:GetObject", "s3:ListAllMyBuckets"),
)
NEW_GRANT = change(
    ChangeType.CREATE,
    "self-serve+payments+dev.break-glass+20251130T180000Z",
    reason=(
        (
            "payments grants dev.break-glass in prod, as an inline policy (150 characters, "
            "2,048 of 2,048 free)"
        ),
        "next would be policies of its own",
    ),
    expires=NOW + timedelta(days=3, hours=4),
    location=Location("aws/temporary-access/payments.yaml", 2, 5),
    after=document("rds:*"),
    grant="dev.break-glass",
)
ROLE_USAGE = (
    "https://signin.aws.amazon.com/switchrole?account=123456789012&displayName=dev.admin",
    "[profile payments-dev.admin-prod]",
    "role_arn = arn:aws:iam::123456789012:role/self-serve/payments/payments+dev.admin+alice",
    "source_profile = default",
    "role_session_name = alice",
)
NEW_ROLE = change(
    ChangeType.CREATE,
    "payments+dev.admin+alice",
    kind="temporary-role",
    reason=(
        (
            "payments grants dev.admin in prod, as a role of its own (1 policies to attach, "
            "0 characters of statements)"
        ),
        "not as an inline policy (9,800 characters, 1,900 of 2,048 free)",
        "not as policies of its own (2 to attach, 1 of 10 places free)",
    ),
    expires=NOW + timedelta(hours=2),
    location=Location("aws/temporary-access/payments.yaml", 8, 5),
    after={
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "End",
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": {"DateGreaterThanEquals": {"aws:CurrentTime": "2025-11-27T16:00:00Z"}},
            }
        ],
    },
    attributes_after={"managed": (READ_ONLY,), "others": ()},
    grant="dev.admin",
    usage=ROLE_USAGE,
)
NEW_ATTACHMENTS = tuple(
    change(
        ChangeType.CREATE,
        name,
        kind="policy-attachment",
        principal=BATCH,
        reason="payments grants jobs.read in prod",
        location=Location("aws/permanent-access/payments.yaml", 5, 5),
    )
    for name in ("payments-jobs-read", "ViewOnlyAccess")
)
REMOVED_ATTACHMENT = change(
    ChangeType.DELETE,
    READ_ONLY,
    kind="policy-attachment",
    principal=BATCH,
    teams=("search", "payments"),
    reason="no file asks for it any more",
)
THREE_CHANGES = (REMOVED_ATTACHMENT, NEW_GRANT, UPDATED_POLICY)

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
UNCONFIRMED_TAG = Finding(
    "unconfirmed-tag",
    Severity.WARNING,
    f"{READ_ONLY} is attached to user alice by somebody else",
    "apply.py --adopt takes it over",
    account=PROD.id,
)
EXPIRED_ENTRY = Finding(
    "expired",
    Severity.NOTE,
    "the grant of dev.break-glass ended 2025-11-01",
    "remove the entry when you like",
    Location("aws/temporary-access/payments.yaml", 9, 5),
    team="payments",
)
ACCESS_DENIED = Failure(
    "AccessDenied",
    "not authorized to perform: sts:AssumeRole",
    "let the role's trust policy name the caller",
)


def dry_run() -> Report:
    return Report(
        command="apply",
        now=NOW,
        accounts=(
            account_report(
                PROD,
                *THREE_CHANGES,
                *NEW_ATTACHMENTS,
                NEW_ROLE,
                findings=(UNCONFIRMED_TAG,),
                temporary=(resource_after(NEW_GRANT), resource_after(NEW_ROLE)),
            ),
            account_report(NONPROD, temporary=(temporary_resource("nightly", principal=BATCH),)),
        ),
        findings=(EXPIRED_ENTRY,),
        digest="5f2c" * 16,
        dry_run=True,
    )


def applied() -> Report:
    outcomes = tuple(Outcome(each, Status.DONE) for each in THREE_CHANGES)
    return Report(
        command="apply",
        now=NOW,
        accounts=(
            account_report(
                PROD, *THREE_CHANGES, outcomes=outcomes, temporary=(resource_after(NEW_GRANT),)
            ),
        ),
        digest="5f2c" * 16,
    )


def troubled() -> Report:
    """Everything that can go wrong, in one run."""
    outcomes = (
        Outcome(REMOVED_ATTACHMENT, Status.ALREADY),
        Outcome(
            NEW_GRANT,
            Status.FAILED,
            Failure("LimitExceeded", "Maximum policy size exceeded", "shorten the grant"),
        ),
        Outcome(UPDATED_POLICY, Status.SKIPPED, Failure("not-tried", "what it needs had failed")),
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
            AccountReport(unread, failure=ACCESS_DENIED),
            account_report(
                PROD,
                *THREE_CHANGES,
                findings=(MISSING_USER, UNCONFIRMED_TAG),
                outcomes=outcomes,
                temporary=(resource_after(NEW_GRANT),),
            ),
            account_report(NONPROD, UPDATED_POLICY, findings=(refused,), refused=True),
        ),
        findings=(UNKNOWN_GRANT, EXPIRED_ENTRY),
        digest="5f2c" * 16,
    )


def removal_of_ended(name: str, principal: Principal = ALICE, *, hours: float = 1) -> Change:
    """The removal of what ended so many hours ago."""
    expires = NOW - timedelta(hours=hours)
    return change(
        ChangeType.DELETE,
        name,
        principal=principal,
        reason=f"ended {expires:%Y-%m-%d %H:%M:%S} UTC",
        expires=expires,
        before=document("rds:*"),
        grant="dev.break-glass",
    )


def cleaned() -> Report:
    """What ended in one account: one removed, one not; something else is alive."""
    gone, stuck = removal_of_ended("yesterday", hours=20), removal_of_ended("today", BATCH)
    outcomes = (
        Outcome(gone, Status.DONE),
        Outcome(
            stuck,
            Status.FAILED,
            Failure("AccessDenied", "not authorized to perform: iam:DeleteRolePolicy", "allow it"),
        ),
    )
    plan = account_report(
        PROD, gone, stuck, outcomes=outcomes, temporary=(temporary_resource("alive"),)
    )
    return Report("cleanup", NOW, accounts=(plan,), digest="5f2c" * 16)


def revoked() -> Report:
    """The emergency brake: one grant gone, and the entry that would bring it back."""
    gone = change(
        ChangeType.DELETE,
        "payments+dev.admin+alice",
        kind="temporary-role",
        reason="no entry of payments asks for it any more",
        expires=NOW + timedelta(hours=2),
        grant="dev.admin",
    )
    entry = Finding(
        "entry-to-delete",
        Severity.WARNING,
        "the next apply restores dev.admin for user/alice in prod unless this entry is removed; "
        "delete lines 8 to 11",
        "  - description: Look into `settlement`\n    user: alice@example.com\n"
        "    environment: prod\n    grant: dev.admin",
        Location("aws/temporary-access/payments.yaml", 8, 5),
        team="payments",
    )
    item = Finding(
        "entry-to-delete",
        Severity.WARNING,
        "the next apply restores dev.read for user/alice in prod unless this is removed; the entry "
        "grants more than that: delete line 4 only",
        "      - alice@example.com",
        Location("aws/permanent-access/payments.yaml", 4, 9),
        team="payments",
        quotes=True,
    )
    plan = account_report(PROD, gone, outcomes=(Outcome(gone, Status.DONE),))
    return Report("revoke", NOW, accounts=(plan,), findings=(entry, item), digest="5f2c" * 16)


def explained() -> Report:
    """A pull request that gives to some, takes from others, and cannot see one account."""
    bucket, mfa = "arn:aws:s3:::reports/*", "aws:MultiFactorAuthPresent Bool true"
    until = NOW + timedelta(days=3, hours=4)
    writes = PermissionDelta("Write", 1, ("s3:PutObject",), (bucket,), common=(f"when {mfa}",))
    reads = PermissionDelta("Read", 24, ("ec2:*",), unless=("on arn:aws:ec2:*:*:instance/secret",))
    lists = PermissionDelta("List", 4, ("s3:*",), ("arn:aws:s3:::a", "arn:aws:s3:::b"), (mfa,))
    function = Escalation(
        "pass-role-to-function",
        "can pass a role to a Lambda function of their own code and so do what that role may do",
        "https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html",
        ("iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"),
    )
    meanings = (
        Meaning(
            ALICE,
            gains=(writes, reads),
            losses=(lists,),
            gained={"Write": 1, "Read": 24},
            lost={"List": 4},
            escalations=(function,),
        ),
        Meaning(
            Principal(PrincipalType.USER, "carol"),
            gains=(replace(reads, until=until, via="payments+dev.admin+carol"),),
            gained={"Read": 24},
            unread=("arn:aws:iam::123456789012:policy/elsewhere",),
        ),
        Meaning(BATCH, losses=(replace(writes, common=()),), lost={"Write": 1}),
        Meaning(Principal(PrincipalType.USER, "bob")),
    )
    plan = account_report(PROD, REMOVED_ATTACHMENT, UPDATED_POLICY)
    unread = Account("333333333333", "aws", "deployer", {"payments": "audit"})
    return Report(
        command="apply",
        now=NOW,
        accounts=(
            replace(plan, meanings=meanings),
            replace(account_report(NONPROD), meanings=()),
            AccountReport(unread, failure=ACCESS_DENIED),
        ),
        digest="5f2c" * 16,
        dry_run=True,
    )


def validated() -> Report:
    return Report(command="validate", now=NOW, findings=(EXPIRED_ENTRY, UNKNOWN_GRANT))


def nothing() -> Report:
    plans = (account_report(PROD), account_report(NONPROD))
    return Report(command="apply", now=NOW, accounts=plans, digest="5f2c" * 16)


def harmless(text: str) -> str:
    """Text without any harm that has the lines and clauses of this one."""
    clauses = (part.split("\n") for part in text.split("; "))
    return "; ".join("\n".join("harmless" for _ in lines) for lines in clauses)


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
            attributes_after={text: text, f"{text}2": (text,)},
            grant=text,
            expires=NOW + timedelta(hours=number + 1),
            usage=(text, "more"),
        )
        for number, action in enumerate(ChangeType)
        for kind, principal in (("inline-policy", user), ("customer-managed-policy", None))
    )
    failure = Failure(text, text, text)
    statuses = (Status.SKIPPED, Status.DONE, Status.FAILED)
    outcomes = tuple(
        Outcome(each, statuses[number % 3], None if number % 3 == 1 else failure)
        for number, each in enumerate(changes)
    )
    findings = tuple(
        Finding("no-principal", severity, text, text, where, team=text, account=owner)
        for severity in Severity
        for where in (None, place)
        for owner in (None, text, account.id)
    )
    return Report(
        command="apply",
        now=NOW,
        accounts=(
            account_report(
                account,
                *changes,
                outcomes=outcomes,
                findings=findings,
                temporary=tuple(each.after for each in changes if each.after is not None),
            ),
            AccountReport(Account("210987654321", "aws", text, {text: text}), failure=failure),
        ),
        findings=findings,
        digest="5f2c" * 16,
    )
