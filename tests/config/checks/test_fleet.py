"""What must hold between teams that share an account, and need not between others."""

from pathlib import Path

from iam_access.policy.arn import deployer_role_arn
from tests.config.repository import ACCOUNTS, finding_lines, loaded

ELSEWHERE = 'aws-accounts:\n  prod: "999988887777"\n'
POLICY = "{managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']}"


def entry(user: str) -> str:
    return f"permanent-access:\n  - {{users: [{user}], environments: [prod], grants: [any]}}\n"


def policies(*keys: str) -> str:
    return "aws-policies:\n" + "".join(f"  {key}: {POLICY}\n" for key in keys)


def test_what_an_account_is_must_be_agreed_on(tmp_path: Path) -> None:
    changes = {
        "aws-accounts/web.yaml": "aws-accounts:\n  live: {id: 444455556666, partition: aws-cn}\n"
        "  test: {id: 111122223333, deployer_role: other}\n",
        "aws-accounts/far.yaml": ELSEWHERE,
    }
    configuration = loaded(tmp_path, changes)
    assert finding_lines(configuration) == [
        "aws-accounts/web.yaml:2:39 error conflicting-account",
        "aws-accounts/web.yaml:3:43 error conflicting-account",
    ]
    assert [each.team for each in configuration.findings] == ["web", "web"]
    assert configuration.invalid == {"web"}
    assert sorted(configuration.accounts) == ["111122223333", "444455556666", "999988887777"]
    for account in configuration.known_accounts.values():
        assert deployer_role_arn(account).endswith(":role/self-serve-deployer")
        assert account.partition == "aws"


def test_the_default_role_may_be_written_out(tmp_path: Path) -> None:
    text = "aws-accounts:\n  live: {id: 444455556666, deployer_role: self-serve-deployer}\n"
    assert loaded(tmp_path, {"aws-accounts/web.yaml": text}).findings == ()
    other = loaded(
        tmp_path, {"aws-accounts/web.yaml": text, "settings.yaml": "deployer_role: other\n"}
    )
    assert {each.code for each in other.findings} == {"conflicting-account"}


def test_names_of_policies_collide_in_a_shared_account(tmp_path: Path) -> None:
    changes = {
        "aws-accounts/a.yaml": ACCOUNTS,
        "aws-policies/a.yaml": policies("b.c"),
        "aws-accounts/a-b.yaml": ACCOUNTS,
        "aws-policies/a-b.yaml": policies("x", "C"),
    }
    configuration = loaded(tmp_path, changes)
    assert finding_lines(configuration) == [
        "aws-policies/a.yaml:2:8 error policy-name-collision",
    ]
    assert configuration.invalid == {"a"}
    apart = loaded(tmp_path, {**changes, "aws-accounts/a.yaml": ELSEWHERE})
    assert apart.findings == ()


def test_a_user_is_one_person_in_a_shared_account(tmp_path: Path) -> None:
    changes = {
        "aws-accounts/a.yaml": ACCOUNTS,
        "aws-policies/a.yaml": policies("any"),
        "permanent-access/a.yaml": entry("ben@x.com, zoe@x.com"),
        "aws-accounts/b.yaml": ACCOUNTS,
        "aws-policies/b.yaml": policies("any"),
        "permanent-access/b.yaml": entry("zoe@x.com, BEN@x.com"),
    }
    configuration = loaded(tmp_path, changes)
    assert finding_lines(configuration) == [
        "permanent-access/b.yaml:2:25 error same-user",
    ]
    assert configuration.invalid == {"b"}
    apart = loaded(tmp_path, {**changes, "aws-accounts/a.yaml": ELSEWHERE})
    assert apart.findings == ()


def test_a_team_that_is_wrong_still_warns_others(tmp_path: Path) -> None:
    changes = {
        "aws-accounts/a.yaml": ACCOUNTS,
        "aws-policies/a.yaml": policies("any"),
        "permanent-access/a.yaml": entry("ann@other.com"),
        "temporary-access/a.yaml": "temporary-access: [\n",
    }
    configuration = loaded(tmp_path, changes)
    assert {(each.team, each.code) for each in configuration.findings} == {
        *(("pay", "same-user"), ("a", "syntax-error")),
    }
