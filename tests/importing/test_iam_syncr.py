"""Files of iam_syncr as files of a team: what each of its forms becomes, and what is reported."""

from textwrap import dedent, indent
from typing import Any

import pytest
import yaml

from iam_access.importing.iam_syncr import imported
from iam_access.importing.source import SourceFile
from iam_access.importing.written import Imported
from tests.config.repository import marked

OWN, OTHER = "111122223333", "444455556666"
ACCOUNTS = SourceFile("accounts.yaml", f"dev: {OWN}\nstg: {OTHER}\n".encode())
EC2: dict[str, Any] = {"service": "ec2"}
ALLOWED = {"effect": "Allow", "actions": ["s3:GetObject"], "resources": "*"}


def result(*texts: str) -> Imported:
    files = [SourceFile(f"{index}.yaml", text.encode()) for index, text in enumerate(texts)]
    return imported("dev", ACCOUNTS, files, "team", "dev")


def content(found: Imported, folder: str = "aws-roles") -> dict[str, Any]:
    """The content of the team's file in a folder."""
    assert [each.message for each in found.findings if each.is_error] == []
    (text,) = (each.text for each in found.files if each.name == f"{folder}/team.yaml")
    loaded: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
    return loaded


def role(*lines: str) -> dict[str, Any]:
    """The one role r of these lines, with a trust unless they have one."""
    trust = () if any("to_assume_me" in each for each in lines) else (TRUST,)
    roles = content(result(_role(*trust, *lines)))["aws-roles"]
    found: dict[str, Any] = roles["r"]
    return found


TRUST = "allow_to_assume_me: {service: ec2}"


#: What a statement is about.
ANY = 'action: "s3:GetObject", resource: "*"'


def _role(*lines: str) -> str:
    return "roles:\n  r:\n" + indent("\n".join(map(dedent, lines)), "    ") + "\n"


def codes(*texts: str) -> list[str]:
    return [each.code for each in result(*texts).findings]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{service: ec2}", [EC2]),
        (
            "[{service: [ec2, lambda.amazonaws.com]}]",
            [{"service": ["ec2", "lambda.amazonaws.com"]}],
        ),
        ("{iam: role/x}", [{"iam": "role/x"}]),
        ("{iam: root, account: stg}", [{"iam": "root", "account": OTHER}]),
        (f'{{iam: root, account: "{OTHER}"}}', [{"iam": "root", "account": OTHER}]),
        ("{iam: role/x, account: dev}", [{"iam": "role/x"}]),
        ('{iam: role/x, account: ["", stg]}', [{"iam": "role/x", "account": [OWN, OTHER]}]),
        ("{iam: role/x, account: [dev, stg]}", [{"iam": "role/x", "account": [OWN, OTHER]}]),
        ("{iam: [role/x, role/y]}", [{"iam": ["role/x", "role/y"]}]),
        (
            "{iam: assumed-role/Admin, account: stg, users: [ann, bob]}",
            [{"iam": ["assumed-role/Admin/ann", "assumed-role/Admin/bob"], "account": OTHER}],
        ),
        ("{iam: user, users: [ann]}", [{"iam": "user/ann"}]),
        ("{iam: __self__}", [{"iam": "__self__"}]),
        (
            "{federated: arn:aws:iam::111122223333:saml-provider/corp}",
            [{"federated": "arn:aws:iam::111122223333:saml-provider/corp"}],
        ),
        (
            "{federated: {iam: saml-provider/corp, account: stg}}",
            [{"federated": f"arn:{{partition}}:iam::{OTHER}:saml-provider/corp"}],
        ),
        ("{service: ec2, iam: role/x}", [EC2, {"iam": "role/x"}]),
        ("{service: ec2, iam: role/x, users: []}", [EC2, {"iam": "role/x"}]),
        (
            """{iam: root, Sid: A, Action: [sts:AssumeRole, sts:TagSession],
               Condition: {Bool: {"aws:MultiFactorAuthPresent": true}}}""",
            [
                {
                    "iam": "root",
                    "actions": ["sts:AssumeRole", "sts:TagSession"],
                    "sid": "A",
                    "conditions": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
                }
            ],
        ),
        (
            '[{service: ec2}, {Principal: {AWS: "*"}, Effect: Deny}]',
            [EC2, {"iam": "*", "effect": "Deny"}],
        ),
        (
            f"""{{Principal: {{AWS: ["{OTHER}", "arn:aws:iam::{OTHER}:role/x"],
               Service: ec2.amazonaws.com}}}}""",
            [
                {"service": "ec2.amazonaws.com"},
                {"iam": "root", "account": OTHER},
                {"iam": f"arn:aws:iam::{OTHER}:role/x"},
            ],
        ),
    ],
)
def test_a_statement_of_trust(written: str, expected: list[Any]) -> None:
    assert role(f"allow_to_assume_me: {written}")["trust"] == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('"*"', "*"),
        ("[arn:aws:s3:::a, arn:aws:s3:::b/*]", ["arn:aws:s3:::a", "arn:aws:s3:::b/*"]),
        ("{s3: bucket}", [{"s3": "bucket"}]),
        ("{s3: [a/x, b]}", [{"s3": "a/x"}, {"s3": "b"}]),
        ("{s3: a/}", ["arn:{partition}:s3:::a/"]),
        ("{iam: __self__}", [{"iam": "__self__"}]),
        (
            "{iam: role/x, account: [dev, stg]}",
            [{"iam": "role/x"}, {"iam": "role/x", "account": OTHER}],
        ),
        ("{sns: t, location: eu-west-1}", [{"sns": "t", "region": "eu-west-1"}]),
        (
            "{kms: {key_id: 1-2}, location: eu-west-1, account: stg}",
            [{"kms": {"key_id": "1-2"}, "region": "eu-west-1", "account": OTHER}],
        ),
        ("[{s3: a}, {s3: a}]", [{"s3": "a"}]),
        ("[[arn:aws:s3:::a, {s3: b}], {s3: c}]", ["arn:aws:s3:::a", {"s3": "b"}, {"s3": "c"}]),
        ("{iam: role/x, users: []}", [{"iam": "role/x"}]),
    ],
)
def test_resources(written: str, expected: Any) -> None:
    found = role(f"allow_permission: {{action: s3:GetObject, resource: {written}}}")
    assert found["custom_statements"] == [{**ALLOWED, "resources": expected}]


@pytest.mark.parametrize(
    ("line", "effect", "faults"),
    [
        ("permission: {%s, allow: true}", "Allow", 0),
        ("permission: {%s, allow: no}", "Deny", 0),
        ("permission: {%s, Effect: Deny}", "Deny", 0),
        ("permission: {%s, Effect: Deny, allow: true}", "Deny", 1),
        ("permission: {%s, Effect: Deny, allow: false}", "Deny", 0),
        ("allow_permission: {%s}", "Allow", 0),
        ("allow_permission: {%s, Effect: Deny}", "Allow", 1),
        ("allow_permission: {%s, allow: false}", "Allow", 1),
        ("allow_permission: {%s, Effect: Deny, allow: false}", "Allow", 2),
        ("deny_permission: {%s}", "Deny", 0),
        ("deny_permission: {%s, allow: true}", "Deny", 1),
        ("deny_permission: {%s, Effect: Allow}", "Deny", 1),
        ("deny_permission: {%s, Effect: Deny}", "Deny", 0),
    ],
)
def test_every_combination_of_allow_and_effect_is_as_it_is_in_aws(
    line: str, effect: str, faults: int
) -> None:
    text = _role(TRUST, line.replace("%s", 'action: s3:GetObject, resource: "*"'))
    found = result(text)
    (statement,) = content(found)["aws-roles"]["r"]["custom_statements"]
    assert (statement["effect"], [each.code for each in found.findings]) == (
        effect,
        ["older-fault"] * faults,
    )


def test_keys_with_capitals_and_short_ones_stand_together() -> None:
    found = role(
        """\
        permission:
          - {Effect: Deny, Sid: A, Action: [s3:PutObject], action: s3:GetObject,
             Resource: [arn:aws:s3:::a], resource: {s3: b},
             Condition: {"Null": {"aws:MultiFactorAuthAge": true}}}
        allow_permission: {notaction: iam:*, notresource: {s3: c/x}}
        """
    )
    assert found["custom_statements"] == [
        {
            "sid": "A",
            "effect": "Deny",
            "actions": ["s3:PutObject", "s3:GetObject"],
            "resources": ["arn:aws:s3:::a", {"s3": "b"}],
            "conditions": {"Null": {"aws:MultiFactorAuthAge": "true"}},
        },
        {"effect": "Allow", "not_actions": ["iam:*"], "not_resources": [{"s3": "c/x"}]},
    ]


def test_a_key_by_its_alias_is_a_statement_of_its_own() -> None:
    resources = "[{kms: a, location: eu-west-1}, {s3: b}]"
    text = f"allow_permission: {{Sid: A, action: kms:Decrypt, resource: {resources}}}"
    found = result(_role(TRUST, text))
    statement = {"effect": "Allow", "actions": ["kms:Decrypt"]}
    assert content(found)["aws-roles"]["r"]["custom_statements"] == [
        {"sid": "A", **statement, "resources": [{"s3": "b"}]},
        {**statement, "resources": [{"kms": "a", "region": "eu-west-1"}]},
    ]
    assert [each.code for each in found.findings] == ["older-fault"]


def test_templates_are_kept_where_ours_give_the_same() -> None:
    text = """\
    templates:
      base:
        description: All
        allow_to_assume_me: {service: ec2}
        allow_permission: {action: s3:GetObject, resource: "*"}
      unused: {description: Nobody}
    roles:
      same: {use: base}
      described: {use: base, description: Mine, make_instance_profile: true}
      more: {use: base, deny_permission: {action: s3:PutObject, resource: "*"}}
    """
    found = content(result(dedent(text)))
    base = {"description": "All", "trust": [EC2], "custom_statements": [ALLOWED]}
    assert found["templates"] == {"base": base}
    assert found["aws-roles"]["same"] == {"use": "base"}
    assert found["aws-roles"]["described"] == {
        "use": "base",
        "description": "Mine",
        "instance_profile": "true",
    }
    # A template and its role each say what is allowed in a list; ours would keep one of the two.
    denied = {**ALLOWED, "effect": "Deny", "actions": ["s3:PutObject"]}
    assert found["aws-roles"]["more"] == {
        "use": "base",
        "custom_statements": [ALLOWED, denied],
    }


def test_roles_without_a_boundary_are_named_for_the_settings() -> None:
    text = f"roles: {{ci: {{{TRUST}}}, deploy/x: {{{TRUST}}}}}\nremove_roles: [old]"
    advice = {each.name: each.advice for each in result(text).files}
    assert 'unbounded_roles: ["ci", "x"]' in advice["aws-roles/team.yaml"]
    assert advice["aws-accounts/team.yaml"] == ""


def test_templates_and_roles_may_be_in_files_of_their_own() -> None:
    found = result(
        "templates: {base: {allow_to_assume_me: {service: ec2}}}",
        "roles: {a: {use: base}}",
        "remove_roles: [old, team/older]",
    )
    assert content(found)["aws-roles"] == {
        "a": {"use": "base"},
        "old": {"state": "absent"},
        "team/older": {"state": "absent"},
    }
    assert content(found, "aws-accounts") == {"aws-accounts": {"dev": OWN}}


FAULTS = {
    "everybody but some": _role(TRUST, "disallow_to_assume_me: {iam: role/x}"),
    "a service that is not completed": _role("allow_to_assume_me: {service: lambda}"),
    "SAML for a provider of OIDC": _role(
        "allow_to_assume_me: {federated: arn:aws:iam::111122223333:oidc-provider/host}"
    ),
    "SAML for others beside a provider": _role(
        "allow_to_assume_me: {service: ec2, federated: arn:aws:iam::111122223333:saml-provider/x}"
    ),
    "sessions without a name": _role("allow_to_assume_me: {iam: assumed-role/R}"),
    "users as one text": _role("allow_to_assume_me: {iam: user, users: ann}"),
    "self in another account": _role("allow_to_assume_me: {iam: [__self__, role/x], account: stg}"),
    "no trust": _role("description: None"),
    "a template that uses another": "templates: {a: {use: b, allow_to_assume_me: {service: ec2}}}\n"
    "roles: {r: {use: a}}",
    "an empty trust": _role("allow_to_assume_me: []"),
    "the README's spelling": "remove_role: [x]",
    "a section for anchors": f"shared: &r {{{TRUST}}}\nroles: {{r: *r}}",
    "a text that is true in YAML": _role(
        TRUST,
        f"allow_permission: {{{ANY}, Condition: {{StringEquals: {{aws:PrincipalTag/x: on}}}}}}",
    ),
}


@pytest.mark.parametrize("text", FAULTS.values(), ids=FAULTS)
def test_a_fault_of_iam_syncr_is_told_and_its_files_are_converted(text: str) -> None:
    found = result(text)
    assert {each.code for each in found.findings} == {"older-fault"}
    assert all(each.location is not None and each.hint for each in found.findings)
    assert content(found)["aws-roles"]


@pytest.mark.parametrize(
    ("condition", "expected", "faults"),
    [
        ("BoolIfExists: {aws:SecureTransport: no}", "false", 0),
        ("BoolIfExists: {aws:SecureTransport: [On]}", ["true"], 0),
        ("NumericLessThan: {aws:MultiFactorAuthAge: 3_600}", "3600", 0),
        ("StringEquals: {aws:PrincipalTag/x: on}", "true", 1),
        ("StringEquals: {aws:PrincipalTag/x: 'on'}", "on", 0),
        ("StringEquals: {aws:PrincipalTag/x: [1.50, 010, a]}", ["1.5", "8", "a"], 2),
        ("StringEquals: {aws:PrincipalTag/x: 012345678901}", "012345678901", 0),
        ("DateLessThan: {aws:CurrentTime: 2030-01-01}", "2030-01-01", 0),
    ],
)
def test_values_of_conditions_are_as_iam_syncr_reads_them(
    condition: str, expected: Any, faults: int
) -> None:
    found = result(_role(TRUST, f"allow_permission: {{{ANY}, Condition: {{{condition}}}}}"))
    assert [each.code for each in found.findings] == ["older-fault"] * faults
    (statement,) = content(found)["aws-roles"]["r"]["custom_statements"]
    ((value,),) = (block.values() for block in statement["conditions"].values())
    assert value == expected


def test_merge_keys_are_written_out() -> None:
    text = """\
    templates:
      base: &base {description: Base, allow_to_assume_me: {service: ec2}}
      more: &more {description: More, make_instance_profile: true}
    roles:
      one: {<<: *base, description: One}
      two: {<<: [*base, *more]}
      both: {<<: &both {<<: *base, make_instance_profile: true}}
    """
    found = content(result(dedent(text)))["aws-roles"]
    base = {"description": "Base", "trust": [EC2]}
    assert found == {
        "one": {**base, "description": "One"},
        "two": {**base, "instance_profile": "true"},
        "both": {**base, "instance_profile": "true"},
    }


def test_who_is_kept_out_is_denied() -> None:
    found = content(result(FAULTS["everybody but some"]))["aws-roles"]["r"]
    assert found["trust"] == [EC2, {"iam": "role/x", "effect": "Deny"}]


def test_a_role_without_trust_keeps_the_one_that_it_was_made_with() -> None:
    assert content(result(FAULTS["no trust"]))["aws-roles"]["r"]["trust"] == [EC2]


def allowing(rest: str) -> str:
    """A role with one statement of `allow_permission`."""
    return _role(TRUST, f"allow_permission: {rest}")


REFUSED = {
    "unknown section": ("¶rolls: {}", "unknown-key"),
    "unknown key of a role": (_role(TRUST, "¶deny_permissions: []"), "unknown-key"),
    "unknown key of trust": (_role("allow_to_assume_me: {service: ec2, ¶u: x}"), "unknown-key"),
    "unknown element": (allowing('{action: a:B, resource: "*", ¶Other: x}'), "unknown-key"),
    "neither allows nor denies": (
        _role(TRUST, 'permission: ¶{action: a:B, resource: "*"}'),
        "missing-key",
    ),
    "no action": (allowing('¶{resource: "*"}'), "missing-action"),
    "no resource": (allowing("¶{action: a:B}"), "missing-resource"),
    "what would be filled in": (
        allowing("{action: a:B, resource: ¶'arn:aws:s3:::b-{account_id}'}"),
        "not-converted",
    ),
    "a key that would be filled in": ("buckets: {¶'b-{account_id:dev}': {}}", "not-converted"),
    "a list of no resources": (allowing("¶{action: a:B, resource: []}"), "missing-resource"),
    "a list of no buckets": (allowing("¶{action: a:B, resource: {s3: []}}"), "missing-resource"),
    "actions both ways": (
        allowing('¶{action: a:B, notaction: a:C, resource: "*"}'),
        "not-converted",
    ),
    "unknown account": (_role("allow_to_assume_me: {iam: root, account: ¶prd}"), "not-converted"),
    "unknown resource": (allowing("{action: a:B, resource: ¶{sqs: x}}"), "not-converted"),
    "no region": (allowing("{action: a:B, resource: ¶{sns: x}}"), "not-converted"),
    "an unknown key of a key": (
        allowing("{action: a:B, resource: {kms: {key_id: x, ¶account: stg}, location: eu-west-1}}"),
        "unknown-key",
    ),
    "a topic that is no text": (
        allowing("{action: a:B, resource: {sns: ¶{alias: x}, location: eu-west-1}}"),
        "wrong-type",
    ),
    "several regions": (
        allowing("{action: a:B, resource: {sns: x, location: ¶[eu-west-1, us-east-1]}}"),
        "wrong-type",
    ),
    "objects of no bucket": (
        allowing("{action: a:B, resource: {s3: ¶__self__/}}"),
        "not-converted",
    ),
    "a name of a statement that is no text": (
        allowing('{action: a:B, resource: "*", Sid: ¶[a]}'),
        "wrong-type",
    ),
    "a merge of no mapping": (_role("<<: ¶ec2"), "merge-key"),
    "no such bucket": (allowing("{action: a:B, resource: {s3: ¶__self__}}"), "not-converted"),
    "unknown template": ("roles: {r: {use: ¶base}}", "unknown-template"),
    "only kept out": ("roles: {r: ¶{disallow_to_assume_me: {service: ec2}}}", "not-converted"),
    "kept out under conditions": (
        _role(TRUST, "disallow_to_assume_me: ¶{iam: role/x, Condition: {Bool: {a: b}}}"),
        "not-converted",
    ),
    "a role twice": (f"roles: {{a/r: {{{TRUST}}}, b/r: ¶{{{TRUST}}}}}", "not-converted"),
    "made and removed": (f"roles: {{r: {{{TRUST}}}}}\nremove_roles: [¶r]", "not-converted"),
    "allow is no flag": (
        _role(TRUST, 'permission: {action: a:B, resource: "*", allow: ¶maybe}'),
        "wrong-type",
    ),
    "a list of roles": ("roles: ¶[r]", "wrong-type"),
    "a role that is text": ("roles: {r: ¶x}", "wrong-type"),
    "a statement that is text": (_role("allow_to_assume_me: ¶ec2"), "wrong-type"),
    "an anchor twice": ("roles: {r: &a {use: x}, s: &¶a {use: x}}", "syntax-error"),
    "no YAML": ("roles: ¶{", "syntax-error"),
}


@pytest.mark.parametrize(("text", "code"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_converted_is_an_error_at_its_place(text: str, code: str) -> None:
    plain, place = marked(text)
    found = result(plain)
    errors = [each for each in found.findings if each.is_error]
    assert code in [each.code for each in errors]
    assert found.files == ()
    if code != "syntax-error":
        assert f"0.yaml:{place}" in [str(each.location) for each in errors if each.code == code]


def test_all_errors_of_all_files_come_at_once() -> None:
    found = codes("roles: {a: {x: y}, b: {use: c}}", "rolls: {}", "roles: {a: {}}")
    assert sorted(set(found)) == ["not-converted", "older-fault", "unknown-key", "unknown-template"]


def test_ids_that_lost_a_zero_are_errors() -> None:
    accounts = SourceFile("accounts.yaml", b"dev: 111122223333\nstg: 44455556666\n")
    found = imported("dev", accounts, [SourceFile("a.yaml", b"roles: {}")], "team", "dev")
    assert [(each.code, str(each.location)) for each in found.findings] == [
        ("bad-account-id", "accounts.yaml:2:6")
    ]


def bucket(*lines: str) -> dict[str, Any]:
    """The one bucket b of these lines."""
    text = "buckets:\n  b:\n" + indent("\n".join(map(dedent, lines)), "    ") + "\n"
    found: dict[str, Any] = content(result(text), "aws-buckets")["aws-buckets"]["b"]
    return found


def test_a_bucket_with_its_policy() -> None:
    assert bucket(
        "location: eu-west-1",
        "tags: {app: pay}",
        """\
        allow_permission:
          action: s3:GetObject
          resource: {s3: __self__/*}
          principal:
            - {service: cloudtrail.amazonaws.com}
            - {iam: role/x, account: stg}
            - arn:aws:iam::999999999999:root
        deny_permission: {action: "s3:*", resource: {s3: __self__}, Principal: "*"}
        """,
    ) == {
        "region": "eu-west-1",
        "tags": {"app": "pay"},
        "statements": [
            {
                "effect": "Allow",
                "principals": [
                    {"service": "cloudtrail.amazonaws.com"},
                    {"iam": "role/x", "account": OTHER},
                    {"iam": "arn:aws:iam::999999999999:root"},
                ],
                "actions": ["s3:GetObject"],
                "resources": [{"s3": "__self__/*"}],
            },
            {
                "effect": "Deny",
                "principals": {"iam": "*"},
                "actions": ["s3:*"],
                "resources": [{"s3": "__self__"}],
            },
        ],
    }


@pytest.mark.parametrize(
    ("written", "region", "faults"),
    [
        ("{location: eu-west-1}", "eu-west-1", 1),
        ("{location: us-east-1}", "us-east-1", 2),
        ("{location: EU}", "eu-west-1", 1),
        ("{}", "ap-southeast-2", 2),
    ],
)
def test_the_region_of_a_bucket(written: str, region: str, faults: int) -> None:
    text = f"buckets: {{b: {written}}}"
    assert content(result(text), "aws-buckets")["aws-buckets"] == {"b": {"region": region}}
    assert codes(text) == ["older-fault"] * faults


KEY = """\
keys:
  pay/main:
    location: eu-west-1
    description: Encrypts
    admin_users: [{iam: role/admin}, "arn:aws:iam::111122223333:user/ann"]
    allow_permission: {action: kms:Decrypt, resource: {kms: __self__}, principal: {iam: role/x}}
    grant:
      - grantee: {iam: role/worker}
        retiree: {iam: role/admin, account: stg}
        operations: [Decrypt, Encrypt]
        constraints: {EncryptionContextSubset: {app: pay}}
        grant_tokens: [x]
"""


@pytest.mark.parametrize("section", ["keys", "encryption_keys"])
def test_a_key_with_its_administrators_and_grants(section: str) -> None:
    text = KEY.replace("keys:", f"{section}:")
    assert content(result(text), "aws-keys")["aws-keys"] == {
        "pay/main": {
            "region": "eu-west-1",
            "description": "Encrypts",
            "admins": [{"iam": "role/admin"}, {"iam": "arn:aws:iam::111122223333:user/ann"}],
            "statements": [
                {"effect": "Allow", "principals": {"iam": "role/x"}, "actions": ["kms:Decrypt"]}
            ],
            "grants": [
                {
                    "grantee": {"iam": "role/worker"},
                    "retiree": {"iam": "role/admin", "account": OTHER},
                    "operations": ["Decrypt", "Encrypt"],
                    "constraints": {"encryption_context_subset": {"app": "pay"}},
                }
            ],
        }
    }
    assert codes(text) == ["older-fault"] * 4


def on_bucket(statement: str) -> str:
    return f"buckets: {{b: {{location: eu-west-1, allow_permission: {statement}}}}}"


def on_key(rest: str) -> str:
    return f"keys: {{k: {{location: eu-west-1, {rest}}}}}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("buckets: {b: {¶policy: x}}", "unknown-key"),
        (on_bucket("¶{action: s3:GetObject, resource: x}"), "missing-key"),
        (on_bucket("{¶notprincipal: {iam: root}, action: a:B, resource: x}"), "not-converted"),
        (on_bucket("{principal: {iam: ¶__self__}, action: a:B, resource: x}"), "not-converted"),
        (on_bucket("{principal: ¶'*', action: a:B, resource: x}"), "wrong-type"),
        ("buckets: {b: {location: ¶[eu-west-1]}}", "wrong-type"),
        ("keys: {k: ¶{}}", "missing-key"),
        ("keys: {k: {location: ¶[eu-west-1]}}", "wrong-type"),
        (on_key("admin_users: ¶role/x"), "wrong-type"),
        (
            on_key("grant: {operations: Decrypt, grantee: {iam: role/x}, constraints: ¶[a]}"),
            "wrong-type",
        ),
        (
            on_key("allow_permission: ¶{action: a:B, notresource: '*', principal: {iam: root}}"),
            "not-converted",
        ),
        (on_key("grant: ¶{grantee: {iam: role/x}}"), "missing-key"),
        (
            on_key("grant: {operations: Decrypt, grantee: ¶{iam: [role/x, role/y]}}"),
            "not-converted",
        ),
        (
            on_key(
                "permission: ¶{allow: true, action: kms:*, resource: x, principal: {iam: root}}"
            ),
            "not-converted",
        ),
    ],
)
def test_what_cannot_be_converted_of_buckets_and_keys(text: str, code: str) -> None:
    plain, place = marked(text)
    errors = [each for each in result(plain).findings if each.is_error]
    assert (code, f"0.yaml:{place}") in [(each.code, str(each.location)) for each in errors]
