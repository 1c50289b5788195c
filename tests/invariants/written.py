"""An apply of all cases in a sandbox, and what it leaves in the accounts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iam_access.sandbox import SandboxAccount
from iam_access.snapshot import Document
from tests.flow.fleet import Clock, Files, Fleet, Run, opened
from tests.flow.fleet import permanent as permanent_entry
from tests.invariants.cases import (
    ACCOUNTS,
    ATTACHED,
    INLINE_QUOTA,
    LEFT,
    NOW,
    POLICIES,
    Case,
    Policy,
    all_cases,
)
from tests.invariants.reach import Probe, Reach, document_of_aws, reach_of_account

CASES = tuple(all_cases())
# Standing access: what the permanent grant and what others attached give to all who have any
# attachments. Not even an administrator's temporary grant would allow the last.
PERMANENT = Probe("sqs:ReceiveMessage")
FOREIGN = (Probe("sns:Publish"), Probe("iam:CreateAccessKey"))
STANDING = (PERMANENT, *FOREIGN)
THEIRS = "theirs"
STANDING_INLINE = Probe("kinesis:PutRecord")


@dataclass(frozen=True)
class Written:
    """The accounts as they were read after the apply, and what the run said and did."""

    reaches: Mapping[str, Reach]
    before: Mapping[str, Reach]
    attached: Mapping[str, tuple[str, ...]]
    documents: Mapping[str, Document]
    changes: tuple[Mapping[str, Any], ...]
    apply: Run
    again: Run

    def reach(self, case: Case) -> Reach:
        return self.reaches[case.account]

    def document(self, case: Case) -> Document:
        """The grant as it is asked for, without an end."""
        return self.documents[case.policy.key]

    def reason(self, case: Case) -> str:
        """Why the grant has its form, as the plan said."""
        grants = f"payments grants {case.policy.key} in {case.environment}, "
        (reason,) = {
            change["reason"]
            for change in self.changes
            if change["principal"] == f"{'role' if case.is_role else 'user'}/{case.name}"
            and change["account"] == case.account
            and change["reason"].startswith(grants)
            and " as " in change["reason"]
        }
        return str(reason)


def write_everything(directory: Path) -> Written:
    """Apply every case at once, then once more."""
    files = Files(directory)
    files.team(
        accounts=ACCOUNTS,
        policies={policy.key: policy.written for policy in POLICIES} | {"standing": _standing()},
        permanent=[
            permanent_entry(
                "standing",
                users=[f"{case.name}@example.com" for case in _in(environment, is_role=False)],
                environments=[environment],
                **_roles(environment),
            )
            for environment, number in ATTACHED.items()
            if number
        ],
        temporary=[case.entry for case in CASES],
    )
    clock = Clock()
    clock.now = NOW
    with opened(files, *map(_account, ACCOUNTS), clock=clock) as fleet:
        for environment in ACCOUNTS:
            _fill(fleet, environment)
        before = _read(fleet)
        apply = fleet.apply("--all", "--output", "json")
        return Written(
            reaches=_read(fleet),
            before=before,
            attached={
                arn: tuple(each["PolicyArn"] for each in detail["AttachedManagedPolicies"])
                for account in ACCOUNTS.values()
                for arn, detail in fleet.dump(account).items()
                if "AttachedManagedPolicies" in detail
            },
            documents={policy.key: _document(fleet, policy) for policy in POLICIES},
            changes=tuple(apply.json["changes"]),
            apply=apply,
            again=fleet.apply("--all", "--output", "json"),
        )


def _document(fleet: Fleet, policy: Policy) -> Document:
    if policy.managed:
        return document_of_aws(fleet.admin(ACCOUNTS["none"]), policy.arn)
    elements = {"effect": "Effect", "actions": "Action", "resources": "Resource"}
    statements = [
        {elements[name]: value for name, value in each.items()} for each in policy.statements
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _roles(environment: str) -> dict[str, Any]:
    names = [case.name for case in _in(environment, is_role=True)]
    return {"roles": names} if names else {}


def _in(environment: str, *, is_role: bool) -> list[Case]:
    return [case for case in CASES if case.environment == environment and case.is_role is is_role]


def _account(environment: str) -> SandboxAccount:
    return SandboxAccount(
        ACCOUNTS[environment],
        users=tuple(case.name for case in _in(environment, is_role=False)),
        roles=tuple(case.name for case in _in(environment, is_role=True)),
    )


def _read(fleet: Fleet) -> dict[str, Reach]:
    return {account: reach_of_account(fleet.admin(account)) for account in ACCOUNTS.values()}


def _standing() -> dict[str, Any]:
    statement = {"effect": "Allow", "actions": [PERMANENT.action], "resources": ["*"]}
    return {"custom_statements": [statement]}


def _fill(fleet: Fleet, environment: str) -> None:
    """What others attached and wrote; one place is left for the permanent grant."""
    iam = fleet.admin(ACCOUNTS[environment])
    arns = [
        iam.create_policy(PolicyName=f"others-{number}", PolicyDocument=_allow(probe.action))[
            "Policy"
        ]["Arn"]
        for number in range(ATTACHED[environment] - 1)
        for probe in [FOREIGN[number % len(FOREIGN)]]
    ]
    for case in (each for each in CASES if each.environment == environment):
        kind, parameter = ("role", "RoleName") if case.is_role else ("user", "UserName")
        who = {parameter: case.name}
        for arn in arns:
            getattr(iam, f"attach_{kind}_policy")(**who, PolicyArn=arn)
        if case.full:
            document = _allow(STANDING_INLINE.action, filled_to=INLINE_QUOTA - LEFT)
            getattr(iam, f"put_{kind}_policy")(**who, PolicyName=THEIRS, PolicyDocument=document)


def _allow(action: str, *, filled_to: int = 0) -> str:
    statement = {"Sid": "", "Effect": "Allow", "Action": action, "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    size = len(json.dumps(document, separators=(",", ":")))
    statement["Sid"] = "A" * max(filled_to - size, 1)
    return json.dumps(document, separators=(",", ":"))
