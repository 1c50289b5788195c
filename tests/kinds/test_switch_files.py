"""What files may say of switching into roles: the members, the hub, and errors at their places."""

from pathlib import Path

import pytest

from iam_access.kinds.role_file import RoleSpec
from iam_access.model import Principal, PrincipalType, RequestType
from iam_access.plan.requests import requests
from tests.config.repository import NOW, finding_lines, loaded, marked, only_finding

ROLES = """\
templates:
  switched: {switch_from: {environment: hub}}
aws-roles:
  admin:
    use: switched
    grants: [reader]
    switch_from:
      mfa: true
      members:
        prod: [ann@example.com, bob@example.com]
        nonprod: [ann@example.com]
  auditor:
    environments: [prod]
    grants: [reader]
    switch_from: {environment: hub, group: audit, members: {prod: [ann@example.com]}}
"""
ACCOUNTS = """\
aws-accounts:
  prod: "111122223333"
  nonprod: "444455556666"
  hub: "777788889999"
"""


def test_it_is_for_all_environments_but_the_hub(tmp_path: Path) -> None:
    files = {"aws-accounts/pay.yaml": ACCOUNTS, "aws-roles/pay.yaml": ROLES}
    configuration = loaded(tmp_path, files)
    assert finding_lines(configuration) == []
    admin, auditor = (each.spec for each in configuration.teams["pay"].entries["aws-roles"])
    assert isinstance(admin, RoleSpec)
    assert admin.environments == ["prod", "nonprod"]
    assert admin.switch is not None
    assert admin.switch.group_in("prod", "admin") == "prod.admin"
    assert auditor.switch.group_in("prod", "auditor") == "prod.audit"
    # Who becomes the role counts as one who gets its grants.
    given = [
        (list(each.users), list(each.environments), list(each.grants), each.becomes)
        for each in configuration.teams["pay"].access
        if each.users
    ]
    assert (["ann@example.com"], ["nonprod"], ["reader"], "admin") in given
    assert (["ann@example.com"], ["hub"], [], None) in given


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("{environment: hub}", "{environment: ¶hbu}", "unknown-environment", "'hbu'"),
        ("{environment: hub}", '{environment: ¶"777788889999"}', "unknown-environment", "7777"),
        ("        nonprod: [", "        nonprd: ¶[", "unknown-environment", "'nonprd'"),
        ("        nonprod: [", "        hub: ¶[", "unknown-environment", "not in 'hub'"),
        ("members: {prod: ", "members: {nonprod: ¶", "unknown-environment", "not in 'nonprod'"),
        ("nonprod: [ann@", "nonprod: [¶ann x@", "bad-user", "'ann x@example.com'"),
        ("bob@example.com", "¶ann@example.com", "duplicate-item", "twice"),
        ("bob@example.com", "¶ann@other.org", "same-user", "are one IAM user"),
        ("group: audit", "group: ¶a/b", "bad-group", "'a/b'"),
        ("mfa: true", "mfa: ¶maybe", "bad-value", "'maybe'"),
        ("      members:\n", "      ¶member:\n", "unknown-key", "'member'"),
        ("{environment: hub, group", "¶{group", "missing-key", "'environment'"),
        (
            "    environments: [prod]\n",
            "    environments: [prod]\n    trust: [{service: ec2, sid: ¶SelfServeSwitch}]\n",
            "duplicate-sid",
            "switch_from makes",
        ),
    ],
)
def test_errors_are_at_their_places(
    tmp_path: Path, old: str, new: str, code: str, said: str
) -> None:
    text, place = marked(ROLES.replace(old, new, 1))
    files = {"aws-accounts/pay.yaml": ACCOUNTS, "aws-roles/pay.yaml": text}
    found = only_finding(loaded(tmp_path, files))
    assert (found.code, said in found.message) == (code, True), found
    assert str(found.location).endswith(f"pay.yaml:{place}"), found


def test_a_role_that_can_be_in_no_environment_is_an_error(tmp_path: Path) -> None:
    """The hub is the only one, and people switch from there."""
    files = {
        "aws-accounts/pay.yaml": 'aws-accounts: {hub: "777788889999"}\n',
        "aws-roles/pay.yaml": "aws-roles:\n  admin: {switch_from: {environment: hub}}\n",
    }
    lines = finding_lines(loaded(tmp_path, files))
    assert "aws-roles/pay.yaml:2:10 error grants-nothing" in lines


def test_a_new_member_asks_for_what_the_role_gives(tmp_path: Path) -> None:
    text = ROLES.replace(
        "  auditor:", "  auditor:\n    managed_policies: ['arn:aws:iam::aws:policy/x']"
    )
    states = [
        text,
        text.replace("group: audit, members: {prod: [", "members: {prod: [cid@ex.org, "),
    ]
    before, after = (
        loaded(
            tmp_path / str(index), {"aws-accounts/pay.yaml": ACCOUNTS, "aws-roles/pay.yaml": each}
        )
        for index, each in enumerate(states)
    )
    (asked,) = requests(before, after, NOW)
    assert (asked.type, asked.principals, asked.places) == (
        RequestType.ACCESS,
        (Principal(PrincipalType.USER, "cid"),),
        (("prod", "111122223333"),),
    )
    assert asked.grants == ("own policies of role auditor", "reader")
    (ended,) = requests(after, before, NOW)
    assert (ended.type, ended.principals) == (RequestType.END, asked.principals)


@pytest.mark.parametrize(
    ("folder", "other"),
    [
        ("aws-roles/pay.yaml", ROLES + "  x: {use: switched, grants: [reader], switch_from: *}\n"),
        ("aws-groups/pay.yaml", "aws-groups: {nonprod.ADMIN: *}\n"),
        ("aws-roles/ops.yaml", "aws-roles: {admin: {switch_from: {environment: hub}}}\n"),
    ],
)
def test_no_two_things_make_one_group_in_the_hub(tmp_path: Path, folder: str, other: str) -> None:
    given = {
        "aws-groups/pay.yaml": "{environments: [hub], members: [], grants: [reader]}",
        "aws-roles/pay.yaml": "{group: Admin}",
    }
    text = other.replace("*", given.get(folder, ""))
    files = {
        "aws-accounts/pay.yaml": ACCOUNTS,
        "aws-roles/pay.yaml": ROLES,
        "aws-accounts/ops.yaml": 'aws-accounts: {prod: "222233334444", hub: "777788889999"}\n',
        folder: text,
    }
    found = loaded(tmp_path, files).findings
    findings = [each for each in found if each.code == "name-taken"]
    assert findings, found
    assert all("in switch_from" in each.hint for each in findings)
    assert any("group" in each.message and "admin" in each.message.lower() for each in findings)
