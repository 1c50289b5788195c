"""What files of keys may say, and errors at their places."""

from pathlib import Path

import pytest

from iam_access.config.configuration import Configuration
from iam_access.kinds.key_file import KeySpec
from tests.config.repository import finding_lines, loaded, marked, only_finding

KEYS = """\
aws-keys:
  data/app:
    region: eu-west-1
    description: All data
    admins: [{iam: role/admin}]
    statements:
      - {effect: Allow, principals: {iam: user, users: [ann]}, actions: [kms:Decrypt]}
    grants:
      - grantee: {iam: role/app}
        operations: [Decrypt, Encrypt]
        constraints: {encryption_context_equals: {app: pay}}
  old:
    environments: [prod]
    region: us-east-1
    state: absent
"""
AGAIN = (
    "{grantee: {iam: role/app}, operations: [Decrypt, Encrypt], "
    "constraints: {encryption_context_equals: {app: pay}}}"
)


def files(directory: Path, text: str) -> Configuration:
    return loaded(directory, {"aws-keys/pay.yaml": text})


def test_a_key_is_for_all_environments_unless_it_names_some(tmp_path: Path) -> None:
    configuration = files(tmp_path, KEYS)
    assert finding_lines(configuration) == []
    key, other = configuration.teams["pay"].entries["aws-keys"]
    assert isinstance(key.spec, KeySpec)
    assert (key.key, key.spec.environments) == ("data/app", ["nonprod", "prod"])
    assert key.spec.statements[0].iam["Resource"] == ["*"]
    assert (other.spec.environments, other.spec.state) == (["prod"], "absent")


def test_whom_a_key_names_is_known_to_rules(tmp_path: Path) -> None:
    access = files(tmp_path, KEYS).teams["pay"].access
    entry, _ = (each for each in access if each.resource)
    assert (list(entry.users), list(entry.roles)) == (["user/ann"], ["admin", "app"])


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("data/app:", "¶alias/app:", "bad-key-alias", "before the name"),
        ("data/app:", "¶data app:", "bad-key-alias", "'data app'"),
        ("data/app:", "¶aws/s3:", "bad-key-alias", "only AWS"),
        ("region: eu-west-1", "region: ¶eu-west1", "bad-region", "'eu-west1'"),
        ("region: eu-west-1", "region: ¶eu-wset-1", "bad-region", "'eu-wset-1'"),
        ("    region: us-east-1\n", "", "missing-key", "region"),
        ("[{iam: role/admin}]", "¶[{service: logs}]", "bad-principal", "users, roles or accounts"),
        ("{iam: user, users: [ann]}", "¶{iam: user}", "bad-principal", "no user"),
        ("principals: {iam: user, users: [ann]}", "principals: ¶'*'", "bad-principal", "every"),
        (
            "principals: {iam: user, users: [ann]}",
            "conditions: {StringLike: {kms:CallerAccount: '*'}}, principals: ¶'*'",
            "bad-principal",
            "fixed values",
        ),
        (
            "actions: [kms:Decrypt]",
            "actions: [¶s3:GetObject]",
            "bad-key-statement",
            "no action of KMS",
        ),
        (
            "actions: [kms:Decrypt]",
            "actions: [¶kms:Decrpyt]",
            "unknown-action",
            "'kms:Decrpyt'",
        ),
        (
            "actions: [kms:Decrypt]",
            "actions: [kms:Decrypt], resources: ¶['arn:aws:kms:eu-west-1:1:alias/data']",
            "bad-key-statement",
            "matches nothing",
        ),
        (
            "actions: [kms:Decrypt]",
            "actions: [kms:Decrypt], resources: ¶{kms: data, region: eu-west-1}",
            "bad-key-statement",
            "matches nothing",
        ),
        (
            "actions: [kms:Decrypt]",
            "actions: [kms:Decrypt], not_resources: ¶['*']",
            "bad-key-statement",
            "nothing to leave out",
        ),
        (
            "actions: [kms:Decrypt]",
            "actions: [kms:Decrypt], sid: ¶Admins",
            "duplicate-sid",
            "'Admins'",
        ),
        ("[Decrypt, Encrypt]", "[¶Decrpyt]", "bad-key-grant", "'Decrpyt'"),
        ("[Decrypt, Encrypt]", "[¶Sign]", "bad-key-grant", "another type"),
        ("{app: pay}}", f"{{app: pay}}}}\n      - ¶{AGAIN}", "duplicate-item", "twice"),
        ("[Decrypt, Encrypt]", "¶[]", "bad-key-grant", "allows nothing"),
        ("[Decrypt, Encrypt]", "[DescribeKey]", "bad-key-grant", "encryption context"),
        ("grantee: {iam: role/app}", "grantee: ¶'*'", "bad-principal", "a grant is for"),
        ("grantee: {iam: role/app}", "grantee: ¶{iam: [role/a, role/b]}", "bad-principal", "one"),
        (
            "encryption_context_equals: {app: pay}",
            "encryption_context_equals: ¶{}",
            "bad-key-grant",
            "0 pairs",
        ),
        (
            "encryption_context_equals: {app: pay}",
            "encryption_context_equals: {a: b}, encryption_context_subset: {a: b}",
            "bad-key-grant",
            "has 2",
        ),
        ("{iam: role/admin}", "{iam: role/admin, account: prd}", "unknown-account-name", "'prd'"),
        (
            "grantee: {iam: role/app}",
            "grantee: ¶'arn:aws-cn:iam::123456789012:role/app'",
            "wrong-partition",
            "aws-cn",
        ),
        ("state: absent", "state: ¶gone", "bad-value", "'gone'"),
        ("environments: [prod]", "environments: [¶prd]", "unknown-environment", "'prd'"),
        ("description: All data", "¶custom_statements: []", "unknown-key", "'statements'"),
        ("All data", f"¶{'x' * 8_193}", "bad-description", "8,193 characters"),
    ],
)
def test_what_is_wrong_is_reported_at_its_place(
    tmp_path: Path, old: str, new: str, code: str, said: str
) -> None:
    assert old in KEYS
    text, place = marked(KEYS.replace(old, new, 1)) if "¶" in new else (KEYS.replace(old, new), "")
    found = only_finding(files(tmp_path, text))
    assert (found.code, said in f"{found.message} {found.hint}") == (code, True), found
    assert not place or str(found.location).endswith(place), (found.location, place)


def test_an_alias_of_an_account_and_region_is_that_of_one_entry(tmp_path: Path) -> None:
    entry, pay = "aws-keys: {data/app: {environments: [prod], region: %s}}\n", "111122223333"

    def taken(account: str, region: str) -> list[str]:
        files = {
            "aws-accounts/pay.yaml": f'aws-accounts: {{prod: "{pay}"}}\n',
            "aws-keys/pay.yaml": entry % "eu-west-1",
            "aws-accounts/shop.yaml": f'aws-accounts: {{prod: "{account}"}}\n',
            "aws-keys/shop.yaml": entry % region,
        }
        found = loaded(tmp_path / account / region, files).findings
        return [each.message for each in found if each.code == "name-taken"]

    (message,) = taken(pay, "eu-west-1")
    assert "key 'data/app' of account 111122223333 in eu-west-1" in message
    assert (taken("444455556666", "eu-west-1"), taken(pay, "us-east-1")) == ([], [])
    # Long aliases that begin alike are different ones.
    alias = f"data/{'x' * 230}"
    keys = KEYS.replace("  data/app:", f"  {alias}b: {{region: eu-west-1}}\n  {alias}a:")
    assert finding_lines(files(tmp_path / "long", keys)) == []


def test_everybody_may_be_those_of_accounts(tmp_path: Path) -> None:
    callers = "{StringEquals: {kms:CallerAccount: '{account_id}', kms:ViaService: x}}"
    everybody = KEYS.replace("{iam: user, users: [ann]}", f"'*', conditions: {callers}")
    assert finding_lines(files(tmp_path, everybody)) == []
