"""The files as the emergency brake takes them: what it finds in earlier commits, and what not."""

from pathlib import Path

import pytest

from iam_access.config.emergency import load_for_revoking
from iam_access.config.load import load_unchecked
from iam_access.config.to_delete import entries_to_delete
from tests.config.repository import NOW, VALID, write
from tests.config.test_precedence import imported
from tests.config.test_revisions import git

PAY, BROKEN = VALID["aws-accounts/pay.yaml"], "aws-accounts: [\n"


def accounts_and_findings(root: Path) -> tuple[list[str], list[str]]:
    """The ids of the accounts, and the findings as `code team`."""
    git(root, "checkout", "--quiet", "--force", "main")
    configuration, findings = load_for_revoking(root, NOW)
    return sorted(configuration.known_accounts), [f"{each.code} {each.team}" for each in findings]


def test_without_any_account_today_all_teams_of_the_last_commit_with_one_count(
    tmp_path: Path,
) -> None:
    before = {"aws-accounts/gone.yaml": 'aws-accounts: {x: "999988887777"}\n'}
    last = {"aws-accounts/pay.yaml": PAY, "aws-accounts/web.yaml": BROKEN}
    imported(tmp_path, [before, last, {"README.md": ""}])
    told = ["earlier-accounts pay", "accounts-unknown web"]
    assert accounts_and_findings(tmp_path) == (["111122223333", "444455556666"], told)


def test_nothing_is_looked_up_where_all_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    configuration, findings = load_for_revoking(write(tmp_path, VALID), NOW)
    assert (len(configuration.known_accounts), findings) == (2, ())
    # Without git, it does with what there is.
    write(tmp_path, {"aws-accounts/web.yaml": BROKEN, "settings.yaml": "["})
    configuration, findings = load_for_revoking(tmp_path, NOW)
    assert len(configuration.known_accounts) == 2
    assert [each.code for each in findings] == ["earlier-settings", "accounts-unknown"]


def test_settings_under_a_wrong_name_beside_the_right_ones(tmp_path: Path) -> None:
    settings = {"settings.yaml": "deployer_role: ops\n", "settings.yml": "deployer_role: x\n"}
    imported(tmp_path, [{**VALID, **settings}])
    assert accounts_and_findings(tmp_path)[1] == ["earlier-settings None"]
    configuration, _ = load_for_revoking(tmp_path, NOW)
    assert {each.deployer_role for each in configuration.known_accounts.values()} == {"ops"}


def test_the_lines_to_delete_end_before_the_next_entry_valid_or_not(tmp_path: Path) -> None:
    entries = (
        "temporary-access:\n"
        "  - user: bob@example.com\n"
        "    environment: prod\n"
        "    grant: writer\n"
        "    expiration_date: 2026-03-04\n"
        "\n"
        "  - {user: ann@example.com, environment: prod, grant: writer, expires_at: soon}\n"
    )
    configuration = load_unchecked(
        write(tmp_path, {**VALID, "temporary-access/pay.yaml": entries}), NOW
    )
    accounts = dict.fromkeys(configuration.known_accounts)
    (found,) = entries_to_delete(configuration, lambda *_: True, accounts, NOW)
    assert found.hint.splitlines()[-1] == "    expiration_date: 2026-03-04"


def test_what_a_key_gives_is_said_to_stay_and_the_key_is_not_to_be_deleted(tmp_path: Path) -> None:
    key = (
        "aws-keys:\n  data: {environments: [prod], region: eu-west-1, admins: [{iam: role/ops}]}\n"
    )
    accounts_of = {"aws-accounts/pay.yaml": PAY, "aws-keys/pay.yaml": key}
    configuration = load_unchecked(write(tmp_path, accounts_of), NOW)
    accounts = dict.fromkeys(configuration.known_accounts)
    (found,) = entries_to_delete(configuration, lambda *_: True, accounts, NOW, permanent=True)
    assert "this does not revoke" in found.message
    assert "take ops out of line 2" in found.message
