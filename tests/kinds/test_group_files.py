"""What files of groups may say: members, policies, environments, and errors at their places."""

from pathlib import Path

import pytest

from tests.config.repository import finding_lines, loaded, marked, only_finding

GROUPS = """\
aws-groups:
  devs:
    members: [ann@example.com, user/bob]
    grants: [reader]
  audit@all:
    environments: [prod]
    members: []
    managed_policies: ["arn:aws:iam::aws:policy/SecurityAudit"]
    custom_statements:
      - {effect: Allow, actions: ["sqs:ReceiveMessage"], resources: [{sqs: q, region: eu-west-1}]}
"""


def test_a_group_is_for_all_environments_unless_it_names_some(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, {"aws-groups/pay.yaml": GROUPS})
    assert finding_lines(configuration) == []
    devs, audit = configuration.teams["pay"].entries["aws-groups"]
    assert (devs.key, devs.spec.environments) == ("devs", ["nonprod", "prod"])
    assert (audit.key, audit.spec.environments) == ("audit@all", ["prod"])


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("  devs:", "  ¶ops/devs:", "bad-group-key", "'ops/devs'"),
        ("  devs:", f"  ¶{'x' * 129}:", "bad-group-key", "is not the name of a group"),
        ("    members: [ann@example.com, user/bob]\n", "", "missing-key", "members"),
        ("ann@example.com,", "¶ann bob,", "bad-user", "'ann bob'"),
        ("user/bob]", "¶ann@example.com]", "duplicate-item", "'ann@example.com' is listed twice"),
        ("user/bob]", "¶user/ANN]", "same-user", "'user/ANN'"),
        ("[reader]", "[¶raeder]", "unknown-grant", "'raeder'"),
        ("[prod]", "[¶prd]", "unknown-environment", "'prd'"),
        ("[prod]", "¶[]", "grants-nothing", "the list of environments is empty"),
        ("  audit@all:", "  DEVS:", "name-taken", "the group DEVS"),
        ("iam::aws:policy", "iam::111122223333:policy", "customer-managed-policy", "SecurityAudit"),
        ("sqs:ReceiveMessage", "sqs:RecieveMessage", "unknown-action", "sqs:RecieveMessage"),
        ("region: eu-west-1", "account: prod", "bad-short-form", "region"),
        ("region: eu-west-1", "region: eu-west-1, account: prd", "unknown-account-name", "'prd'"),
        ("    grants: [reader]\n", "", "grants-nothing", "the group has no policies"),
        ("    grants:", "    ¶grant: [reader]\n    grants:", "unknown-key", "'grant'"),
    ],
)
def test_what_is_wrong_is_an_error_at_its_place(
    old: str, new: str, code: str, said: str, tmp_path: Path
) -> None:
    text = GROUPS.replace(old, new)
    assert text != GROUPS
    place = None
    if "¶" in text:
        text, place = marked(text)
    found = only_finding(loaded(tmp_path, {"aws-groups/pay.yaml": text}))
    assert (found.code, said in f"{found.message} {found.hint}") == (code, True), found
    assert place is None or str(found.location).endswith(f"aws-groups/pay.yaml:{place}")


PERMANENT = """\
permanent-access:
  - users: [ann@example.com]
    groups: [developers]
    environments: [nonprod]
    grants: [reader]
"""


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("[developers]", "[¶org/developers]", "bad-group"),
        ("[developers]", "[developers, ¶Developers]", "same-group"),
        ("[reader]", "[¶writer]", "not-for-groups"),
        ("users: [ann@example.com]\n    groups: [developers]", "¶groups: []", "nobody"),
    ],
)
def test_what_cannot_be_granted_to_a_group_of_others(
    old: str, new: str, code: str, tmp_path: Path
) -> None:
    assert finding_lines(loaded(tmp_path, {"permanent-access/pay.yaml": PERMANENT})) == []
    text, place = marked(PERMANENT.replace(old, new))
    found = only_finding(loaded(tmp_path, {"permanent-access/pay.yaml": text}))
    assert (found.code, str(found.location)) == (
        code,
        f"{tmp_path}/permanent-access/pay.yaml:{place}",
    )


def test_a_group_that_the_team_describes_is_granted_nothing_else(tmp_path: Path) -> None:
    text = {
        "aws-groups/pay.yaml": GROUPS.replace("  devs:", "  Developers:"),
        "permanent-access/pay.yaml": PERMANENT,
    }
    found = only_finding(loaded(tmp_path, text))
    assert (found.code, "aws-groups/pay.yaml:3:5" in found.message) == ("group-of-a-file", True)


def test_grantees_are_no_groups_whose_members_the_files_do_not_say(tmp_path: Path) -> None:
    rule = "grantees: [{grants: [reader], users: ['ann@*']}]\n"
    text = {"permanent-access/pay.yaml": PERMANENT, "settings.yaml": rule}
    found = only_finding(loaded(tmp_path, text))
    assert (found.code, "'developers'" in found.message) == ("not-a-grantee", True)
