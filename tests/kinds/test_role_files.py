"""What files of roles may say: templates, environments, and errors at their places."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from iam_access.config.configuration import Configuration
from iam_access.kinds.role_file import RoleKey, RoleSpec
from tests.config.repository import finding_lines, loaded, marked, only_finding, write

READ = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ROLES = """\
templates:
  base:
    trust: [{service: ec2}]
    tags: {app: pay, part: all}
  worker:
    use: base
    max_session: 2h
    tags: {part: worker}
aws-roles:
  deploy/ci:
    use: worker
    grants: [reader]
    tags: {own: x}
  admin:
    environments: [prod]
    trust: [{iam: root, account: nonprod}]
"""


def files(directory: Path, text: str) -> Configuration:
    return loaded(directory, {"aws-roles/pay.yaml": text})


def test_an_entry_takes_from_templates_what_it_does_not_say(tmp_path: Path) -> None:
    configuration = files(tmp_path, ROLES)
    assert finding_lines(configuration) == []
    role, other = configuration.teams["pay"].entries["aws-roles"]
    assert isinstance(role.spec, RoleSpec)
    assert role.spec.tags == {"app": "pay", "part": "worker", "own": "x"}
    assert [each.service for each in role.spec.trust] == [["ec2.amazonaws.com"]]
    assert (str(role.spec.max_session), role.spec.use) == ("2:00:00", None)
    assert (role.key, role.spec.environments) == ("deploy/ci", ["nonprod", "prod"])
    assert other.spec.environments == ["prod"]


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("use: worker", "use: ¶wroker", "unknown-template", "'wroker'"),
        ("use: base", "use: ¶bse", "unknown-template", "'bse'"),
        ("use: base", "use: ¶worker", "unknown-template", "uses itself"),
        ("max_session: 2h", "max_session: ¶2", "bad-duration", "'2'"),
        ("max_session: 2h", "max_session: ¶13h", "bad-duration", "13 hours"),
        ("service: ec2", "service: ¶EC2", "bad-principal", "'EC2'"),
        ("service: ec2", "service: ¶lamda", "unknown-service-principal", "'lamda.amazonaws.com'"),
        ("service: ec2", "service: ¶ec2.amazonaws.com.cn", "wrong-partition", "aws-cn"),
        (
            "service: ec2",
            "iam: ¶'arn:aws-us-gov:iam::123456789012:root'",
            "wrong-partition",
            "aws-us-gov",
        ),
        (
            "service: ec2",
            "federated: ¶'arn:aws-cn:iam::123456789012:saml-provider/x'",
            "wrong-partition",
            "aws-cn",
        ),
        (
            "service: ec2",
            "service: ec2, conditions: {StringEquals: {¶aws:SourceAcount: '1'}}",
            "unknown-condition-key",
            "'aws:SourceAcount'",
        ),
        (
            "service: ec2",
            "service: ec2, conditions: {StringEquals: {aws:SourceAccount: ¶'{acount_id}'}}",
            "unknown-placeholder",
            "'{acount_id}'",
        ),
        ("service: ec2", "service: ec2, sid: ¶a b", "bad-sid", "'a b'"),
        (
            "service: ec2",
            "service: ec2, sid: A}, {service: lambda, sid: ¶A",
            "duplicate-sid",
            "'A'",
        ),
        ("{app: pay", "{¶'aws:x': pay", "bad-value", "'aws:x'"),
        ("[reader]", "[¶raeder]", "unknown-grant", "'raeder'"),
        ("[prod]", "[¶prd]", "unknown-environment", "'prd'"),
        ("[prod]", "¶[]", "grants-nothing", "environments is empty"),
        ("account: nonprod}", "account: nonprd}", "unknown-account-name", "'nonprd'"),
        ("    trust: [{iam: root, account: nonprod}]\n", "", "no-trust", "no trust"),
        ("  deploy/ci:", "  ¶deploy//a b:", "bad-role-key", "'deploy//a b'"),
        ("  deploy/ci:", "  ¶self-serve/x/ci:", "bad-role-key", "kept for others"),
        ("grants: [reader]", "¶grant: [reader]", "unknown-key", "'grant'"),
        ("grants: [reader]", "permissions_boundary: ¶'a b'", "bad-boundary", "'a b'"),
        ("  admin:\n    environments: [prod]\n    ", "  CI:\n    ¶", "name-taken", "nonprod"),
        ("templates:", "¶tempaltes:", "unknown-key", "'tempaltes'"),
        (
            "grants: [reader]",
            "custom_statements: [{effect: Allow, actions: ['s3:*'], resources: [¶bucket]}]",
            "bad-arn",
            "'bucket'",
        ),
        ("grants: [reader]", "managed_policies: [¶ReadOnly]", "bad-managed-policy", "'ReadOnly'"),
        (
            "grants: [reader]",
            "managed_policies: [¶'arn:aws:iam::111122223333:policy/x']",
            "customer-managed-policy",
            "policy/x",
        ),
        ("grants: [reader]", f"managed_policies: [{READ}, ¶{READ}]", "duplicate-item", "twice"),
        (
            "grants: [reader]",
            "custom_statements: [{effect: Allow, actions: [¶'s3:GetObjekt'], resources: ['*']}]",
            "unknown-action",
            "'s3:GetObjekt'",
        ),
        (
            "grants: [reader]",
            (
                "custom_statements: [{effect: Allow, actions: [¶'s3:GetObjekt'], "
                "resources: ['*']}, {effect: Allow, actions: [s3:GetObject], "
                "resources: [{iam: __self__}]}]\n"
                "    max_session: 90h"
            ),
            "unknown-action",
            "'s3:GetObjekt'",
        ),
        (
            "grants: [reader]",
            (
                "custom_statements: [{effect: Allow, actions: ['s3:*'], "
                "resources: [¶'arn:aws:s3:::{stage}']}]"
            ),
            "unknown-placeholder",
            "'{stage}'",
        ),
        (
            "grants: [reader]",
            (
                "custom_statements: [{effect: Allow, actions: ['iam:*'], "
                "resources: [¶{iam: role/x, account: prd}]}]"
            ),
            "unknown-account-name",
            "'prd'",
        ),
    ],
)
def test_errors_stand_where_they_are_written(
    tmp_path: Path, old: str, new: str, code: str, said: str
) -> None:
    assert old in ROLES
    text, place = (
        marked(ROLES.replace(old, new, 1)) if "¶" in new else (ROLES.replace(old, new), "")
    )
    configuration = files(tmp_path, text)
    found = next(each for each in configuration.findings if each.code == code)
    assert said in found.message
    assert not place or str(found.location) == f"{tmp_path}/aws-roles/pay.yaml:{place}"
    if old not in ("templates:", "use: worker") and "90h" not in new:
        assert [each.code for each in configuration.findings] == [code]


def test_rules_about_grants_hold_for_what_a_role_says_itself(tmp_path: Path) -> None:
    text = ROLES.replace("grants: [reader]", f"managed_policies: [{READ}]")
    rule = "forbidden_grants: [{managed_policies: [ReadOnlyAccess], environments: [prod]}]\n"
    write(tmp_path, {"settings.yaml": rule})
    found = only_finding(files(tmp_path, text))
    assert found.code == "forbidden-grant"
    assert "what this entry says itself, which holds ReadOnlyAccess, may not" in found.message


OIDC = """\
aws-roles:
  ci:
    trust:
      - federated: oidc-provider/gitlab.example.com
        conditions: {StringEquals: {gitlab.example.com:sub: "x", gitlab.example.com:aud: y}}
      - federated: oidc-provider/token.actions.githubusercontent.com
        conditions:
          StringEquals: {token.actions.githubusercontent.com:aud: sts.amazonaws.com}
          StringLike: {token.actions.githubusercontent.com:sub: "repo:a/b:*"}
      - federated: cognito-identity.cn-north-1.amazonaws.com.cn
        conditions: {StringEquals: {cognito-identity.cn-north-1.amazonaws.com.cn:aud: x}}
      - {service: [batchoperations.s3, states.eu-west-1.amazonaws.com, ecs-tasks]}
      - {iam: role/x, account: [hub, prod], conditions: {StringEquals: {sts:ExternalId: x}}}
"""


def test_claims_services_and_accounts_that_there_are_can_be_trusted(tmp_path: Path) -> None:
    write(tmp_path, {"settings.yaml": "account_names: {hub: 999900001111, prod: 999900001111}\n"})
    configuration = files(tmp_path, OIDC)
    assert finding_lines(configuration) == []
    ids = configuration.teams["pay"].account_ids
    assert (ids["hub"], ids["prod"]) == ("999900001111", "444455556666")


def test_names_that_the_settings_know_are_right(tmp_path: Path) -> None:
    text = OIDC.replace("ecs-tasks", "brandnew").replace("sts:ExternalId", "brandnew:Key")
    known = 'known_names: [brandnew.amazonaws.com, "brandnew:*"]\n'
    names = "account_names: {hub: 999900001111}\n"
    write(tmp_path, {"settings.yaml": names})
    assert [each.code for each in files(tmp_path, text).findings] == [
        "unknown-service-principal",
        "unknown-condition-key",
    ]
    write(tmp_path, {"settings.yaml": names + known})
    assert finding_lines(files(tmp_path, text)) == []


def test_a_trust_policy_that_no_account_allows_is_too_large(tmp_path: Path) -> None:
    many = ", ".join(f"role/{number:0>60}" for number in range(60))
    found = only_finding(files(tmp_path, f"aws-roles: {{ci: {{trust: [{{iam: [{many}]}}]}}}}\n"))
    assert found.code == "policy-too-large"


OTHER = {
    "aws-accounts/ops.yaml": 'aws-accounts: {live: "444455556666"}\n',
    "aws-roles/ops.yaml": "aws-roles: {ops/CI: {trust: [{service: ec2}]}}\n",
}


def test_two_teams_cannot_make_one_name_in_an_account(tmp_path: Path) -> None:
    found = only_finding(loaded(tmp_path, {"aws-roles/pay.yaml": ROLES, **OTHER}))
    assert (found.code, found.team) == ("name-taken", "pay")
    assert "for team ops in account 444455556666" in found.message
    elsewhere = ROLES.replace("use: worker", "use: worker\n    environments: [nonprod]")
    apart = loaded(tmp_path / "apart", {"aws-roles/pay.yaml": elsewhere, **OTHER})
    assert finding_lines(apart) == []


def test_a_role_carries_the_boundary_of_the_settings(tmp_path: Path) -> None:
    write(tmp_path, {"settings.yaml": "permissions_boundary: limits\n"})
    text, place = marked(ROLES.replace("[reader]", "[reader]\n    permissions_boundary: ¶others"))
    found = only_finding(files(tmp_path, text))
    assert found.code == "missing-boundary"
    assert str(found.location).endswith(f":{place}")
    own = "arn:{partition}:iam::{account_id}:policy/ops/limits"
    same = ROLES.replace("[reader]", f"[reader]\n    permissions_boundary: '{own}'")
    assert finding_lines(files(tmp_path, same)) == []


def test_trust_for_all_but_some_is_an_error_that_offers_a_deny(tmp_path: Path) -> None:
    text = "aws-roles: {ci: {trust: [{not_iam: role/x}]}}\n"
    found = only_finding(files(tmp_path, text))
    assert found.code == "bad-trust"
    assert "aws:PrincipalArn" in found.hint


def test_the_environments_of_a_role_that_is_absent_are_checked(tmp_path: Path) -> None:
    text = "aws-roles: {ci: {state: absent, environments: [prd]}}\n"
    assert only_finding(files(tmp_path, text)).code == "unknown-environment"


def test_a_role_that_is_absent_needs_nothing_else(tmp_path: Path) -> None:
    assert finding_lines(files(tmp_path, "aws-roles: {ci: {state: absent}}\n")) == []


def test_a_path_is_as_long_as_iam_takes_it() -> None:
    keys = TypeAdapter(RoleKey)
    longest = "x" * 510
    assert keys.validate_python(f"{longest}/ci")
    with pytest.raises(ValidationError):
        keys.validate_python(f"{longest}x/ci")


@pytest.mark.parametrize("account", ["china", '"999988887777"'])
def test_no_account_of_another_partition_is_trusted(tmp_path: Path, account: str) -> None:
    accounts = "{prod: '444455556666', china: {id: '999988887777', partition: aws-cn}}"
    trusting = f"trust: [{{iam: role/x, account: {account}}}]"
    ci, there = (f"{{environments: [{each}], {trusting}}}" for each in ("prod", "china"))
    roles = f"{{ci: {ci}, there: {there}}}"
    found = only_finding(
        loaded(
            tmp_path,
            {
                "aws-accounts/far.yaml": f"aws-accounts: {accounts}\n",
                "aws-roles/far.yaml": f"aws-roles: {roles}\n",
            },
        )
    )
    assert (found.code, "of the partition aws-cn" in found.message) == ("wrong-partition", True)
