"""Ways to escalate, recognised on what all permissions come to together."""

from collections.abc import Sequence
from typing import Any

import pytest

from iam_access.meaning.escalation_paths import ADMINISTRATOR, PATHS, EscalationPath
from iam_access.model import Principal, PrincipalType
from iam_access.policy.actions import find_action
from iam_access.policy.document import document
from iam_access.snapshot import Snapshot
from tests.simulation.accounts import EMPTY, allow, change, deny, holding, until, with_role
from tests.values import ALICE, BOB, POWER_USER, RUNNER, with_policy, with_state

DEPLOYER = Principal(PrincipalType.ROLE, "deployer")
LAMBDA_PASSING = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
LOCAL = "arn:aws:iam::111122223333:policy/local"


def codes(before: Snapshot, after: Snapshot, principal: Principal = ALICE) -> list[str]:
    return [each.code for each in change(before, after, principal).escalations]


def opened(*statements: dict[str, Any]) -> list[str]:
    return codes(EMPTY, holding(*statements))


TASKS = "arn:aws:ecs:*:*:task/*"


@pytest.mark.parametrize(
    ("actions", "on", "expected"),
    [
        (["ssm:StartSession"], "arn:aws:ec2:*:*:instance/*", ["open-instance"]),
        (["ssm:StartSession"], "arn:aws:ssm:*:*:managed-instance/*", ["open-instance"]),
        (["ssm:StartSession"], TASKS, ["open-container"]),
        (["ssm:StartSession"], "arn:aws:ssm:*:*:document/AWS-StartSSHSession", []),
        (["ssm:ResumeSession"], "arn:aws:ssm:*:*:session/${aws:username}-*", []),
        (["ssm:ResumeSession"], "arn:aws:ssm:*:*:session/${aws:userid}-*", []),
        (["ssm:ResumeSession"], "arn:aws:ssm:*:*:session/*", ["resume-session"]),
        (["ssm:SendCommand"], "arn:aws:ssm:*:*:document/AWS-RunShellScript", []),
        (["ssm:SendCommand"], "arn:aws:ec2:*:*:instance/i-1", ["command-instance"]),
        (
            ["ec2:ModifyInstanceAttribute", "ec2:StartInstances"],
            "arn:aws:ec2:*:*:security-group/*",
            [],
        ),
        (["apprunner:UpdateService"], "arn:aws:apprunner:*:*:vpcconnector/*", []),
    ],
)
def test_what_an_action_leads_into_depends_on_its_resources(
    actions: list[str], on: str, expected: list[str]
) -> None:
    assert opened(allow(*actions, on=on)) == expected


def test_a_condition_that_the_action_never_meets_leads_nowhere() -> None:
    tasks = {"StringEquals": {"ecs:cluster": "arn:aws:ecs:eu-west-1:111122223333:cluster/c"}}
    shell = ("ssm:StartSession", "ecs:ExecuteCommand")
    (found,) = change(EMPTY, holding(allow(*shell, when=tasks))).escalations
    assert (found.code, found.actions) == ("open-container", ("ecs:ExecuteCommand",))
    assert opened(allow("lambda:UpdateFunctionCode", when=LAMBDA_PASSING)) == []
    for may_hold in (
        {"StringEqualsIfExists": {"ecs:cluster": "x"}},
        {"StringNotEquals": {"ecs:cluster": "x"}},
        {"StringEquals": {"aws:ResourceTag/team": "x"}},
        {"Null": {"ecs:cluster": "true"}},
    ):
        assert "open-instance" in opened(allow("ssm:StartSession", when=may_hold))


@pytest.mark.parametrize(
    ("path", "actions"),
    [(path, actions) for path in PATHS for actions in path.alternatives],
    ids=lambda each: each.code if isinstance(each, EscalationPath) else "+".join(each),
)
def test_each_way_needs_all_of_its_permissions(
    path: EscalationPath, actions: Sequence[str]
) -> None:
    assert all(find_action(each) for each in actions)
    assert path.code in opened(allow(*actions))
    for missing in actions:
        others = [each for each in actions if each != missing]
        shorter = any(set(each) <= set(others) for each in path.alternatives)
        assert (path.code in opened(*([allow(*others)] if others else []))) == shorter
        assert path.code not in opened(allow(*actions), deny(missing)) or shorter


def test_every_way_has_a_code_of_its_own_and_a_page() -> None:
    paths = (*PATHS, ADMINISTRATOR)
    assert len({each.code for each in paths}) == len(paths)
    assert all(each.url.startswith("https://") for each in paths)


def test_a_combination_may_come_together_from_what_was_there_and_what_is_new() -> None:
    there = holding(allow("iam:PassRole"))
    then = holding(allow("iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"))
    assert codes(EMPTY, there) == []
    found = change(there, then).escalations
    assert [each.code for each in found] == ["pass-role-to-function"]
    assert found[0].actions == ("iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction")


def test_only_what_is_newly_possible_is_told() -> None:
    there = holding(allow("iam:PutUserPolicy", "iam:AttachUserPolicy"))
    assert (
        codes(there, holding(allow("iam:PutUserPolicy", "iam:AttachUserPolicy", "s3:Get*"))) == []
    )
    assert codes(there, holding(allow("iam:PutUserPolicy"))) == []
    narrow = holding(allow("lambda:UpdateFunctionCode", on="arn:aws:lambda:*:*:function:mine"))
    wider = holding(allow("lambda:UpdateFunctionCode"))
    assert codes(narrow, wider) == ["edit-function"]
    ending = holding(allow("lambda:UpdateFunctionCode", when=until("2026-03-01T15:00:00Z")))
    assert codes(ending, wider) == ["edit-function"]


def test_a_role_may_be_passed_only_to_the_services_that_conditions_name() -> None:
    everything = ("lambda:*", "ec2:*", "iam:GetRole")
    found = opened(allow("iam:PassRole", when=LAMBDA_PASSING), allow(*everything))
    assert "pass-role-to-function" in found
    assert "pass-role-to-instance" not in found
    agents = {"StringEquals": {"iam:PassedToService": "bedrock-agentcore.amazonaws.com"}}
    found = opened(allow("iam:PassRole", when=agents), allow("bedrock-agentcore:*", "events:*"))
    assert "pass-role-to-code-interpreter" in found
    assert "pass-role-to-rule" not in found
    like = {"StringLike": {"iam:PassedToService": "ec2.*"}}
    assert "pass-role-to-instance" in opened(allow("iam:PassRole", when=like), allow(*everything))


def test_permissions_on_the_wrong_kind_of_resource_lead_nowhere() -> None:
    assert opened(allow("iam:CreateAccessKey", on="arn:aws:iam::*:role/*")) == []
    assert opened(allow("iam:CreateAccessKey", on="arn:aws:s3:::x/*")) == []
    assert opened(allow("iam:CreateAccessKey", on="arn:aws:iam::*:user/*")) == ["create-access-key"]


@pytest.mark.parametrize(
    "own", ["arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::111122223333:user/alice"]
)
def test_looking_after_ones_own_keys_is_no_escalation(own: str) -> None:
    assert opened(allow("iam:CreateAccessKey", "iam:UpdateLoginProfile", on=own)) == []
    assert opened(allow("iam:*ServiceSpecificCredential", "iam:*SSHPublicKey", on=own)) == []
    assert opened(allow("iam:PutUserPolicy", on=own)) == ["put-inline-policy"]


def test_whoever_may_do_anything_in_iam_is_told_to_be_just_that() -> None:
    assert opened(allow("*")) == ["administrator"]
    assert opened(allow("iam:*")) == ["administrator"]
    assert "administrator" not in opened(allow("iam:*", on="arn:aws:iam::*:user/x"))


def test_what_they_had_before_makes_nobody_less_of_an_administrator() -> None:
    reader = holding(allow("iam:Get*", "iam:List*", "s3:*"))
    assert codes(reader, holding(allow("iam:Get*", "iam:List*", "s3:*"), allow("*"))) == [
        "administrator"
    ]
    everything = holding(allow("*"))
    assert codes(everything, holding(allow("*"), allow("iam:*"))) == []
    ending = holding(allow("*", when=until("2026-03-01T15:00:00Z")))
    assert codes(ending, everything) == ["administrator"]
    assert codes(everything, ending) == []


def test_conditions_that_may_be_met_and_the_arn_of_all_of_iam_make_an_administrator_too() -> None:
    mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    assert opened(allow("*", when=mfa)) == ["administrator"]
    assert opened(allow("iam:*", on="arn:aws:iam::*:*")) == ["administrator"]
    assert opened(allow("iam:*", on="arn:aws:iam::999999999999:*")) != ["administrator"]
    shut = opened(allow("*"), deny("iam:PassRole"))
    assert "administrator" not in shut
    assert "put-inline-policy" in shut


def test_a_boundary_keeps_ways_shut() -> None:
    boundary = document([allow("s3:Get*")])
    bounded = with_policy(with_state(EMPTY, ALICE, boundary=LOCAL), LOCAL, document=boundary)
    assert codes(bounded, holding(allow("*"), account=bounded)) == []


def trust(*principals: str, when: Any = None) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": list(principals)},
        "Action": "sts:AssumeRole",
    }
    if when:
        statement["Condition"] = when
    return document([statement])


def test_who_may_take_a_role_that_becomes_an_administrator_is_told() -> None:
    names = ("arn:aws:iam::111122223333:user/bob", "111122223333", "arn:aws:iam::9:role/ci", "*")
    account = with_role(EMPTY, DEPLOYER, allow("s3:Get*"), trust=trust(*names))
    strong = with_role(EMPTY, DEPLOYER, allow("*"), trust=trust(*names))
    administrator, taken = change(account, strong, DEPLOYER).escalations
    assert (administrator.code, taken.code) == ("administrator", "assumed-administrator")
    assert taken.explanation.endswith(
        "names: anyone, arn:aws:iam::9:role/ci, those of the account whose own policies allow it, "
        "user/bob"
    )
    shut = with_role(EMPTY, DEPLOYER, allow("*"), trust=document([]))
    assert codes(account, shut, DEPLOYER) == ["administrator"]
    assert codes(strong, strong, DEPLOYER) == []


def roles(before: Snapshot, after: Snapshot, principal: Principal = ALICE) -> list[str]:
    found = change(before, after, principal).escalations
    return [each.explanation for each in found if each.code == "assume-role"]


def test_assuming_a_role_that_may_do_more_is_told() -> None:
    root = "arn:aws:iam::111122223333:root"
    account = with_role(EMPTY, DEPLOYER, allow("s3:Put*"), trust=trust(root))
    (told,) = roles(account, holding(allow("sts:AssumeRole"), account=account))
    assert told.startswith("may assume role deployer, which may do more: ")
    assert "Write" in told

    of_other = "arn:aws:iam::111122223333:role/other"
    assert roles(account, holding(allow("sts:AssumeRole", on=of_other), account=account)) == []
    shut = holding(allow("sts:AssumeRole"), deny("sts:*"), account=account)
    assert roles(account, shut) == []
    as_strong = holding(allow("s3:*"), account=account)
    both = holding(allow("s3:*"), allow("sts:AssumeRole"), account=account)
    assert roles(as_strong, both) == []
    assert roles(both, both) == []


def test_a_role_that_names_somebody_needs_no_permission_of_theirs() -> None:
    account = with_role(EMPTY, DEPLOYER, allow("s3:Put*"), trust=trust())
    named = with_role(
        EMPTY, DEPLOYER, allow("s3:Put*"), trust=trust("arn:aws:iam::111122223333:user/bob")
    )
    assert len(roles(account, named, BOB)) == 1
    assert roles(account, named, ALICE) == []
    assert roles(account, named, RUNNER) == []


def test_a_role_that_reads_more_is_no_escalation_but_one_unread_is() -> None:
    root = trust("111122223333")
    reader = with_role(EMPTY, DEPLOYER, allow("s3:Get*", "s3:List*"), trust=root)
    assert roles(reader, holding(allow("sts:AssumeRole"), account=reader)) == []
    missing = "arn:aws:iam::aws:policy/AdministratorAccess"
    unread = with_role(EMPTY, DEPLOYER, trust=root, attached=(missing,))
    (told,) = roles(unread, holding(allow("sts:AssumeRole"), account=unread))
    assert told.endswith("has policies that were not read")
    many = reader
    for number in range(9):
        role = Principal(PrincipalType.ROLE, f"strong{number}")
        many = with_role(many, role, allow("s3:Put*"), trust=root)
    (told,) = roles(many, holding(allow("sts:AssumeRole"), account=many))
    assert told.startswith(
        "may assume roles strong0, strong1, strong2, strong3, strong4 and 4 more"
    )
    power = with_role(EMPTY, DEPLOYER, trust=root, attached=(POWER_USER,))
    assert len(roles(power, holding(allow("sts:AssumeRole"), account=power))) == 1


def unknown(before: Snapshot, after: Snapshot) -> list[str]:
    found = change(before, after).escalations
    return [each.explanation for each in found if each.code == "assume-unknown-role"]


def test_roles_that_are_not_known_here_are_told_of_too() -> None:
    (told,) = unknown(EMPTY, holding(allow("sts:AssumeRole")))
    assert told.endswith("let them in: any")
    elsewhere = [f"arn:aws:iam::999999999999:role/{number}" for number in range(7)]
    (told,) = unknown(EMPTY, holding(allow("sts:AssumeRole", on=elsewhere)))
    assert elsewhere[0] in told
    assert told.endswith(" and 2 more")
    # Of one that is known, all is shown.
    account = with_role(EMPTY, DEPLOYER, trust=trust())
    known = "arn:aws:iam::111122223333:role/deployer"
    assert unknown(account, holding(allow("sts:AssumeRole", on=known), account=account)) == []
    assert unknown(EMPTY, holding(allow("sts:AssumeRole", on="arn:aws:s3:::x/*"))) == []
    assert unknown(EMPTY, holding(allow("sts:AssumeRole"), deny("sts:*"))) == []
    there = holding(allow("sts:*"))
    assert unknown(there, holding(allow("sts:*", "s3:*"))) == []
