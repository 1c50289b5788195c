"""The lines of files that an apply would grant again by, or that let one in by name."""

from pathlib import Path

import pytest

from iam_access.config.to_delete import entries_to_delete
from iam_access.model import Principal, PrincipalType
from iam_access.plan.revocation import Target
from tests.config.repository import loaded
from tests.values import NOW

ROLES = """\
aws-roles:
  first:
    # A comment of the first.
    trust:
      - {iam: user/dora, account: hub}
      - iam: user
        users: [eve, eve-lyn]
    grants: [read]

  # A comment of the second.
  second: {trust: [{service: ec2}], grants: [read]}

templates:
  none: {}
"""
KEYS = """\
aws-keys:
  data:
    region: eu-west-1
    admins:
      - {iam: role/first}
    grants:
      - grantee: {iam: user/eve}
        operations: [Decrypt]
    statements:
      # Without these two, those could do more.
      - effect: Deny
        principals:
          - iam: user/eve
        actions: ["kms:Encrypt"]
      - {effect: Deny, principals: {iam: user/gus}, actions: ["kms:Encrypt"]}
"""
FILES = {
    "aws-accounts/payments.yaml": 'aws-accounts: {prod: "111122223333", hub: "999900001111"}\n',
    "aws-policies/payments.yaml": "aws-policies:\n  read:\n    custom_statements:\n"
    '      - {effect: Allow, actions: ["s3:ListBucket"], resources: ["*"]}\n',
    "aws-roles/payments.yaml": ROLES,
    "aws-keys/payments.yaml": KEYS,
}


@pytest.mark.parametrize(
    ("principal", "hints"),
    [
        ("user/eve", ["      - grantee: {iam: user/eve}", "        users: [eve, eve-lyn]"]),
        ("user/dora", ["      - {iam: user/dora, account: hub}"]),
        ("role/second", ["  second: {trust: [{service: ec2}], grants: [read]}"]),
        ("role/first", ["\n".join(ROLES.splitlines()[1:8]), "      - {iam: role/first}"]),
        ("user/service", []),
        ("user/gus", []),
    ],
)
def test_exactly_the_lines_are_told_that_name_one_or_are_the_entry(
    tmp_path: Path, principal: str, hints: list[str]
) -> None:
    type_, _, name = principal.partition("/")
    target = Target(principal=Principal(PrincipalType(type_), name), permanent=True)
    files = loaded(tmp_path, FILES)
    assert not [each.message for each in files.findings if each.is_error]
    read = dict.fromkeys(("111122223333", "999900001111"))
    found = entries_to_delete(
        files, target.matches, read, NOW, permanent=True, is_named=target.is_named
    )
    assert sorted(each.hint for each in found) == sorted(hints)
