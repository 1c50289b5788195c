"""Earlier files: where `--base` finds them, and what is new compared with them."""

import os
import subprocess
from pathlib import Path

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.earlier import Earlier, earlier
from iam_access.config.load import load, load_base
from iam_access.errors import UsageError
from tests.config.repository import NOW, VALID, write

WITHOUT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
OVER = (
    "temporary-access:\n"
    "  - {user: bob@example.com, environment: prod, grant: writer, expiration_date: 2026-02-01}\n"
)


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com", *arguments]
    done = subprocess.run(
        command,
        cwd=repository,
        env=os.environ | WITHOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(repository: Path) -> str:
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "--message=change")
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Commits: one without files, then the valid ones (tag `v1`), then one that breaks them."""
    root = tmp_path_factory.mktemp("repository")
    git(root, "init", "--quiet", "--initial-branch=main")
    write(root, {"README.md": "x"})
    commit(root)
    write(root / "aws", VALID)
    (root / "aws" / "aws-policies" / "out.yaml").symlink_to("/etc/hostname")
    (root / "aws" / "aws-accounts" / "twin.yaml").symlink_to("pay.yaml")
    commit(root)
    git(root, "tag", "--annotate", "--message=x", "v1")
    write(root / "aws", {"aws-policies/pay.yaml": "aws-policies: ["})
    (root / "aws" / "aws-policies" / "out.yaml").unlink()
    commit(root)
    return root


@pytest.fixture
def base(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(repository)
    return repository / "aws"


def refused(source: str, config_dir: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load_base(source, config_dir, now=NOW)
    return f"{caught.value.message}; {caught.value.hint}"


class TestCommits:
    @pytest.mark.parametrize("name", ["v1", "HEAD^1", "main~1", "refs/tags/v1", "HEAD@{0}^"])
    def test_whatever_git_takes_for_a_commit(self, base: Path, name: str) -> None:
        found = load_base(name, base, now=NOW)
        assert set(found.teams) == {"out", "pay", "twin"}
        assert found.teams["pay"].policies.keys() == {"reader", "writer"}
        assert "pay" not in found.invalid

    def test_its_files_are_named_by_it(self, base: Path) -> None:
        found = load_base("main", base, now=NOW)
        (error,) = [each for each in found.findings if each.team == "pay" and each.is_error]
        assert str(error.location).startswith("main:aws/aws-policies/pay.yaml:")

    def test_links_are_judged_as_in_a_folder(self, base: Path) -> None:
        found = load_base("v1", base, now=NOW)
        # One leads out of the folder, the other to a file in it.
        (error,) = [each for each in found.findings if each.code == "unreadable-file"]
        assert str(error.location) == "v1:aws/aws-policies/out.yaml:1:1"
        assert "leads out" in error.message
        assert found.teams["twin"].accounts.keys() == {"nonprod", "prod"}

    def test_the_folder_is_looked_for_where_it_is_in_its_repository(
        self, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        # As git sets it for its hooks.
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
        assert "pay" in load_base("v1", base, now=NOW).teams

    def test_before_there_was_a_folder_there_were_no_files(self, base: Path) -> None:
        found = load_base("main~2", base, now=NOW)
        assert found.teams == {}
        assert found.settings_valid
        assert not any(each.is_error for each in found.findings)

    def test_the_files_may_be_at_the_root(self, tmp_path: Path) -> None:
        root = write(tmp_path / "repository", VALID)
        git(root, "init", "--quiet", "--initial-branch=main")
        write(root, {"aws-policies/pay.yaml": "aws-policies: ["})
        commit(root)
        found = load_base("main", root, now=NOW)
        assert str(found.findings[0].location).startswith("main:aws-policies/pay.yaml:")

    @pytest.mark.parametrize("name", ["nowhere", "-x", "--upload-pack=x", "", "HEAD:aws", "$(id)"])
    def test_what_is_none_is_wrong_usage(self, base: Path, name: str) -> None:
        told = refused(name, base)
        assert repr(name) in told
        assert "origin/main" in told

    def test_outside_a_repository_there_is_none(self, tmp_path: Path) -> None:
        told = refused("main", write(tmp_path / "aws", VALID))
        assert "not a git repository" in told

    def test_without_git_there_is_none(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        assert "git, which is needed for commits, is not installed" in refused("v1", base)


class TestFolders:
    def test_the_files_of_a_folder(self, base: Path, tmp_path: Path) -> None:
        folder = write(tmp_path / "earlier", VALID)
        found = load_base(str(folder), base, now=NOW)
        assert found.teams.keys() == {"pay"}

    @pytest.mark.parametrize("source", [".", "./aws/..", "aws/aws-policies"])
    def test_one_without_our_folders_is_not_taken_for_empty(self, base: Path, source: str) -> None:
        told = refused(source, base)
        assert "without aws-accounts/" in told
        assert ("the root of a repository" in told) == (source != "aws/aws-policies")
        assert ("did you mean" in told) == (source != "aws/aws-policies")

    def test_nor_is_an_empty_one(self, base: Path, tmp_path: Path) -> None:
        assert "a commit: at one where there were no files yet" in refused(str(tmp_path), base)

    def test_one_that_is_called_as_a_commit_is_not_guessed(self, base: Path) -> None:
        write(base.parent / "v1", VALID)
        assert "write --base ./v1 for the folder" in refused("v1", base)
        assert load_base("./v1", base, now=NOW).teams.keys() == {"pay"}
        assert load_base("refs/tags/v1", base, now=NOW).teams.keys() == {"pay", "out", "twin"}


class TestWhatIsNew:
    def since(self, tmp_path: Path, before: str, now: str) -> Configuration:
        folder = write(tmp_path / "before", {**VALID, "temporary-access/pay.yaml": before})
        earlier_files = load(folder, now=NOW)
        folder = write(tmp_path / "now", {**VALID, "temporary-access/pay.yaml": now})
        return load(folder, now=NOW, base=earlier_files)

    def test_an_entry_that_was_over_before_stays_a_note(self, tmp_path: Path) -> None:
        moved = OVER.replace("bob@example.com", "Bob@example.org, ticket: X")
        for now in (OVER, moved):
            (told,) = self.since(tmp_path, OVER, now).findings
            assert (told.code, told.severity) == ("expired", "note")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("2026-02-01", "2026-02-02"),
            ("writer", "reader"),
            ("prod", "nonprod"),
            ("user: bob@example.com", "role: bob"),
        ],
    )
    def test_a_new_one_that_is_over_is_an_error(self, tmp_path: Path, old: str, new: str) -> None:
        configuration = self.since(tmp_path, OVER, OVER.replace(old, new))
        (told,) = configuration.findings
        assert (told.code, told.severity) == ("expired", "error")
        assert "this new entry grants nothing" in told.message
        assert "expiration_date: 2026-03-02" in told.hint
        assert configuration.invalid == {"pay"}

    def test_nobody_can_tell_what_is_new_in_files_that_were_invalid(self, tmp_path: Path) -> None:
        (told,) = self.since(tmp_path, "temporary-access: [", OVER).findings
        assert (told.code, told.severity) == ("expired", "warning")

    def test_everything_of_a_team_that_had_no_files_is_new(self, tmp_path: Path) -> None:
        found = earlier(load(tmp_path, now=NOW), "pay")
        assert found == Earlier()

    def test_names_that_statements_had(self, tmp_path: Path) -> None:
        policies = (
            "aws-policies:\n  p:\n    managed_policies: ['arn:aws:iam::aws:policy/A']\n"
            "    custom_statements:\n"
            "      - {effect: Deny, not_actions: 's3:GetObject', resources: '*',\n"
            "         conditions: {Bool: {'aws:SecureTransport': 'false'}}}\n"
            "      - {effect: Allow, actions: 's3:*', resources: '*'}\n"
        )
        files = {**VALID, "aws-policies/pay.yaml": policies}
        del files["permanent-access/pay.yaml"], files["temporary-access/pay.yaml"]
        found = earlier(load(write(tmp_path, files), now=NOW), "pay")
        assert found is not None
        assert found.named_action("S3:getobject")
        assert found.named_action("s3:*")
        assert not found.named_action("s3:PutObject")
        assert found.named_condition_key("AWS:securetransport")
        assert not found.named_condition_key("aws:SourceIp")


class TestGrantsThatGiveNothing:
    """An error where they are new; what stands is applied without them."""

    ENTRY = (
        "temporary-access:\n"
        "  - {role: ci, environment: prod, grant: jump, expires_at: 2026-03-04T12:00:00Z}\n"
    )

    def files(self, *actions: str, entry: str = ENTRY) -> dict[str, str]:
        statement = f"{{effect: Allow, actions: [{', '.join(actions)}], resources: ['*']}}"
        policies = f"aws-policies: {{jump: {{custom_statements: [{statement}]}}}}"
        return {
            **VALID,
            "aws-policies/pay.yaml": policies,
            "permanent-access/pay.yaml": "permanent-access: []",
            "temporary-access/pay.yaml": entry,
        }

    def told(self, tmp_path: Path, before: dict[str, str], now: dict[str, str]) -> list[str]:
        base = load(write(tmp_path / "before", before), now=NOW, standing=True)
        found = load(write(tmp_path / "now", now), now=NOW, base=base)
        return [f"{each.severity} {each.code}" for each in found.findings]

    def test_one_that_stood_before_is_a_warning(self, tmp_path: Path) -> None:
        nothing = self.files("sts:AssumeRole")
        assert self.told(tmp_path, nothing, nothing) == ["warning gives-nothing"]
        standing = load(tmp_path / "now", now=NOW, standing=True)
        assert [str(each.severity) for each in standing.findings] == ["warning"]
        assert not standing.invalid

    def test_a_new_one_is_an_error(self, tmp_path: Path) -> None:
        nothing = self.files("sts:AssumeRole")
        renewed = self.files("sts:AssumeRole", entry=self.ENTRY.replace("-04T", "-05T"))
        for number, (before, now) in enumerate(
            [
                (self.files("sts:AssumeRole", entry="temporary-access: []"), nothing),
                (nothing, renewed),
                (self.files("sts:AssumeRole", "s3:GetObject"), nothing),
            ]
        ):
            found = self.told(tmp_path / str(number), before, now)
            assert "error gives-nothing" in found
        alone = load(tmp_path / "0" / "now", now=NOW)
        assert [str(each.severity) for each in alone.findings] == ["error"]


class TestAccountsThatLeave:
    """The apply empties an account that no file names any more."""

    def since(self, tmp_path: Path, changes: dict[str, str], *gone: str) -> Configuration:
        before = load(write(tmp_path / "before", VALID), now=NOW)
        kept = {name: text for name, text in VALID.items() if name not in gone}
        return load(write(tmp_path / "now", {**kept, **changes}), now=NOW, base=before)

    def told(self, configuration: Configuration) -> list[str]:
        return [each.message for each in configuration.findings if each.code == "account-leaves"]

    def test_a_team_that_leaves_with_its_accounts(self, tmp_path: Path) -> None:
        found = self.since(tmp_path, {"README.md": ""}, *VALID)
        nonprod, prod = self.told(found)
        assert "account 111122223333 any more, 'nonprod' of team pay" in nonprod
        assert nonprod.endswith("role deployer: 'reader'; user ann: 'reader'")
        assert "account 444455556666" in prod
        assert prod.endswith("user bob: 'writer'")
        assert not any(each.is_error for each in found.findings if each.code == "account-leaves")

    def test_a_team_that_leaves_accounts_that_others_have(self, tmp_path: Path) -> None:
        theirs = {"aws-accounts/web.yaml": VALID["aws-accounts/pay.yaml"]}
        assert self.told(self.since(tmp_path, theirs, *VALID)) == []

    def test_an_account_that_becomes_another(self, tmp_path: Path) -> None:
        text = VALID["aws-accounts/pay.yaml"].replace("111122223333", "999988887777")
        found = self.since(tmp_path, {"aws-accounts/pay.yaml": text})
        (message,) = self.told(found)
        assert "111122223333" in message
        (finding,) = found.findings
        assert finding.location is not None
        assert finding.location.file.endswith("now/aws-accounts/pay.yaml")
        assert "keep the deployer role there" in finding.hint

    def test_one_that_was_emptied_before(self, tmp_path: Path) -> None:
        empty = {"permanent-access/pay.yaml": "permanent-access: []\n"}
        before = load(write(tmp_path / "before", {**VALID, **empty}), now=NOW)
        text = 'aws-accounts:\n  prod: "444455556666"\n'
        files = {**VALID, **empty, "aws-accounts/pay.yaml": text}
        now = load(write(tmp_path / "now", files), now=NOW, base=before)
        assert self.told(now) == []

    def test_none_is_said_to_leave_while_some_file_cannot_be_read(self, tmp_path: Path) -> None:
        found = self.since(tmp_path, {"aws-accounts/pay.yaml": "aws-accounts: ["})
        assert self.told(found) == []
        assert found.invalid == {"pay"}
