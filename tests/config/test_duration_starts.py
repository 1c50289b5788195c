"""When durations of entries begin, by repositories of git."""

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.duration_starts import Merging
from iam_access.config.load import load, load_base
from iam_access.kinds.base import AccessEntry
from iam_access.kinds.grant import Beginning
from iam_access.model import Finding
from tests.config.repository import NOW, VALID, write
from tests.history import History

ENTRY = "  - {user: bob@example.com, environment: prod, grant: writer, for: 2h}\n"
HOUR = timedelta(hours=1)


class Repository(History):
    """A repository with valid files, and entries of temporary access."""

    @property
    def files(self) -> Path:
        return self.root / self.folder

    folder = "aws"

    def begin(self, at: datetime = NOW - 900 * HOUR) -> None:
        super().begin(at)
        self.entries()
        write(self.files, {path: text for path, text in VALID.items() if "temporary" not in path})
        self.commit(NOW - 800 * HOUR)

    def entries(self, *entries: str, team: str = "pay") -> None:
        body = "".join(entries) or "  []\n"
        write(self.files, {f"temporary-access/{team}.yaml": f"temporary-access:\n{body}"})

    def brings(self, *entries: str, at: datetime) -> str:
        """Commit these entries, and return the commit."""
        self.entries(*entries)
        return self.commit(at)

    def load(
        self, now: datetime = NOW, base: str | None = None, *, preview: bool = True
    ) -> Configuration:
        before = load_base(base, self.files, now=now) if base else None
        return load(self.files, now=now, base=before, merging=Merging(preview))


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("begun") / "repository"
    Repository(root).begin()
    return root


@pytest.fixture
def repository(begun: Path, tmp_path: Path) -> Repository:
    return Repository(shutil.copytree(begun, tmp_path / "repository"))


def entry(configuration: Configuration, team: str = "pay") -> AccessEntry:
    (found,) = (each for each in configuration.teams[team].access if each.temporary)
    return found


def found(configuration: Configuration, *codes: str) -> list[Finding]:
    return [each for each in configuration.findings if each.code in codes]


def codes(configuration: Configuration) -> Sequence[str]:
    return [each.code for each in configuration.findings]


def test_it_begins_with_its_commit_and_ends_after_its_duration(repository: Repository) -> None:
    commit = repository.brings(ENTRY, at=NOW - HOUR)
    for now in (NOW, NOW + timedelta(seconds=3_599)):
        configuration = repository.load(now, preview=False)
        assert codes(configuration) == []
        access = entry(configuration)
        assert access.begins == Beginning(NOW - HOUR, commit)
        assert access.until == NOW + HOUR
    over = repository.load(NOW + HOUR)
    (finding,) = found(over, "expired")
    assert (finding.severity, str(finding.location).rpartition("/")[2]) == (
        "warning",
        "pay.yaml:2:68",
    )
    assert commit in finding.message
    assert "requested_at: 2026-03-01T13:00:00Z" in finding.hint
    assert over.invalid == frozenset()


def test_a_merge_counts_from_itself_and_not_from_the_branch(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.brings(ENTRY, at=NOW - 90 * HOUR)
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--message=x", "feature", at=NOW - HOUR)
    begins = entry(repository.load()).begins
    assert begins is not None
    assert begins.at == NOW - HOUR


def test_before_the_merge_nothing_has_begun(repository: Repository) -> None:
    later = NOW + timedelta(minutes=3, microseconds=7)
    repository.entries(ENTRY)
    previewed = repository.load(later)
    assert entry(previewed).begins == Beginning(NOW + timedelta(minutes=3), None)
    (note,) = found(previewed, "begins-with-merge")
    assert note.severity == "note"
    assert (
        "2 hours from the merge on; merged now, it would end at 2026-03-01 14:03:00" in note.message
    )
    applied = repository.load(preview=False)
    (error,) = found(applied, "start-unknown")
    assert "no commit" in error.message
    assert applied.invalid == {"pay"}
    # Of a pull request it is the target branch that counts.
    repository.commit(NOW - 90 * HOUR)
    assert entry(repository.load(base="HEAD^1")).begins == Beginning(NOW, None)
    assert codes(repository.load(base="HEAD^1")) == ["begins-with-merge"]
    assert codes(repository.load(base="HEAD")) == ["expired"]


def test_a_used_one_that_comes_again_is_an_error_where_it_does(repository: Repository) -> None:
    repository.brings(ENTRY, at=NOW - 90 * HOUR)
    repository.brings(at=NOW - 80 * HOUR)
    repository.entries(ENTRY)
    (error,) = found(repository.load(base="HEAD"), "expired")
    assert error.severity == "error"
    repository.commit(NOW - HOUR)
    (error,) = found(repository.load(base="HEAD^1"), "expired")
    assert error.severity == "error"
    (note,) = found(repository.load(base="HEAD"), "expired")
    assert note.severity == "note"
    again = ENTRY.replace("for:", f"requested_at: '{NOW - HOUR:%Y-%m-%dT%H:%M:%SZ}', for:")
    repository.entries(again)
    assert codes(repository.load(base="HEAD")) == ["begins-with-merge"]
    repository.commit(NOW)
    begins = entry(repository.load()).begins
    assert begins is not None
    assert begins.at == NOW


@pytest.mark.parametrize(
    "text",
    [
        "  - {for: 2h, grant: writer, environment: prod, user: bob@example.com, ticket: A-1}\n",
        (
            "\n  # x\n  - description: y\n    user: user/bob\n    environment: prod\n"
            '    grant: "writer"\n    "for": 120m\n'
        ),
        '  - {user: BOB@example.com, environment: prod, grant: writer, "\\x66or": 2h}\n',
        "  - {user: bob@example.com, environment: prod, grant: writer, for: 100m}\n",
        "  - {user: bob@example.com, environment: prod, grant: reader, for: 2h}\n",
    ],
)
def test_neither_form_nor_name_nor_duration_begins_it_anew(
    repository: Repository, text: str
) -> None:
    repository.brings(ENTRY, at=NOW - HOUR)
    repository.brings(text, at=NOW - HOUR / 2)
    begins = entry(repository.load()).begins
    assert begins is not None
    assert begins.at == NOW - HOUR


def test_files_and_folders_may_be_renamed(repository: Repository) -> None:
    repository.brings(ENTRY, at=NOW - HOUR)
    for folder in ("aws-accounts", "aws-policies", "permanent-access", "temporary-access"):
        repository.git("mv", f"aws/{folder}/pay.yaml", f"aws/{folder}/shop.yaml")
    repository.commit(NOW - HOUR / 2)
    repository.git("mv", "aws", "infra")
    repository.folder = "infra"
    repository.commit(NOW)
    begins = entry(repository.load(), "shop").begins
    assert begins is not None
    assert begins.at == NOW - HOUR


def test_the_whole_history_is_needed(repository: Repository, tmp_path: Path) -> None:
    repository.brings(ENTRY, at=NOW - HOUR)
    write(repository.root, {"README.md": "y"})
    repository.commit(NOW - HOUR / 2)
    url = f"file://{repository.root}"
    repository.git("clone", "--quiet", "--depth=1", url, str(tmp_path / "shallow"))
    configuration = load(tmp_path / "shallow" / "aws", now=NOW)
    (error,) = found(configuration, "start-unknown")
    assert "fetch-depth: 0" in error.hint
    assert configuration.invalid == {"pay"}
    # It may be of before the one commit that is there, and so it is over by now.
    assert codes(load(tmp_path / "shallow" / "aws", now=NOW + 2 * HOUR)) == ["expired"]
    # What began in the commits that are there may have begun before them, too.
    repository.git("clone", "--quiet", "--depth=3", url, str(tmp_path / "deep"))
    assert codes(load(tmp_path / "deep" / "aws", now=NOW)) == ["start-unknown"]
    History(tmp_path / "deep").git("fetch", "--quiet", "--unshallow")
    assert codes(load(tmp_path / "deep" / "aws", now=NOW)) == []


def test_nothing_is_known_of_what_the_first_commit_has(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "--orphan", "squashed")
    repository.brings(ENTRY, at=NOW - HOUR)
    (error,) = found(repository.load(), "start-unknown")
    assert "begins with commit" in error.message
    assert "requested_at: 2026-03-01T12:00:00Z" in error.hint
    assert codes(repository.load(NOW + HOUR)) == ["expired"]


def test_no_date_ahead_stretches_a_duration(repository: Repository) -> None:
    repository.brings(ENTRY, at=NOW + timedelta(seconds=1))
    (error,) = found(repository.load(), "start-unknown")
    assert "dated ahead" in error.message
    assert codes(repository.load(NOW + timedelta(seconds=1))) == []


def test_without_git_nothing_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write(tmp_path, {**VALID, "temporary-access/pay.yaml": f"temporary-access:\n{ENTRY}"})
    (error,) = found(load(files, now=NOW), "start-unknown")
    assert "not a git repository" in error.message
    monkeypatch.setenv("PATH", "")
    (error,) = found(load(files, now=NOW), "start-unknown")
    assert "git is not installed" in error.message
    write(files, VALID)
    assert codes(load(files, now=NOW)) == []


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ("for: 7d", "too-long"),
        ("for: 2 weeks", "bad-duration"),
        ("lasts: 2h", "unknown-key"),
        ("for: 0h", "bad-duration"),
        ("for: 2h, expires_at: 2026-03-01T18:00:00Z", "not-one-deadline"),
        ("for: 2h, starts_at: 2026-03-01T18:00:00Z", "not-from-the-merge"),
        ("for: 2h, requested_at: 2026-03-01T12:00:01Z", "bad-request-time"),
        ("for: 2h, requested_at: 2026-03-01", "bad-instant"),
        ("requested_at: 2026-03-01T11:00:00Z, expiration_date: 2026-03-02", "not-from-the-merge"),
    ],
)
def test_what_an_entry_may_say(repository: Repository, keys: str, code: str) -> None:
    repository.entries(ENTRY.replace("for: 2h", keys))
    assert code in codes(repository.load())


def test_the_shortest_is_judged_by_the_duration(repository: Repository) -> None:
    write(repository.files, {"settings.yaml": "temporary_access: {shortest: 3h}\n"})
    repository.brings(ENTRY, at=NOW)
    (finding,) = found(repository.load(NOW + HOUR), "too-short")
    assert finding.severity == "error"
    write(repository.files, {"settings.yaml": "temporary_access: {shortest: 2h, longest: 2h}\n"})
    assert codes(repository.load(NOW + HOUR)) == []


def test_a_renewal_by_a_second_entry_follows_without_a_gap(repository: Repository) -> None:
    repository.brings(ENTRY, at=NOW - HOUR)
    again = ENTRY.replace("for:", "requested_at: '2026-03-01T11:30:00Z', for:")
    repository.brings(ENTRY, again, at=NOW)
    configuration = repository.load()
    assert [each.until for each in configuration.teams["pay"].access if each.temporary] == [
        NOW + HOUR,
        NOW + 2 * HOUR,
    ]
    assert configuration.invalid == frozenset()


def test_a_date_that_is_made_up_and_settings_of_git_do_no_harm(repository: Repository) -> None:
    for name in ("diff.relative", "log.showSignature", "log.follow", "diff.renames"):
        repository.git("config", name, "true")
    repository.git("config", "log.showRoot", "false")
    repository.brings(ENTRY, at=NOW - HOUR)
    assert codes(repository.load()) == []
    tree = repository.git("write-tree")
    parent = repository.git("rev-parse", "HEAD^1")
    made_up = f"tree {tree}\nparent {parent}\nauthor x <x> 1 +0000\n"
    made_up += "committer x <x> 99999999999999 +0000\n\nx\n"
    commit = repository.git("hash-object", "-t", "commit", "-w", "--stdin", asked=made_up)
    repository.git("reset", "--quiet", "--hard", commit)
    (error,) = found(repository.load(), "start-unknown")
    assert "dated ahead" in error.message


@pytest.mark.parametrize(
    ("key", "value"), [("log.diffMerges", "off"), ("diff.orderFile", "/none"), ("", "")]
)
def test_nothing_that_a_clone_alone_has_changes_a_beginning(
    repository: Repository, key: str, value: str
) -> None:
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.brings(ENTRY, at=NOW - HOUR)
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--message=x", "feature", at=NOW - HOUR)
    repository.brings(ENTRY, "  # x\n", at=NOW)
    if key:
        repository.git("config", key, value)
    else:
        repository.git("replace", "--graft", "HEAD", "HEAD~2")
    begins = entry(repository.load(preview=False)).begins
    assert begins is not None
    assert begins.at == NOW - HOUR


def test_other_things_of_a_name_like_that_of_a_file_are_left_out(repository: Repository) -> None:
    strange = "".join(map(chr, (10, 58, 233)))
    write(repository.files, {"temporary-access/x.yaml/y.yaml": ENTRY})
    write(repository.root, {f"temporary-access/{strange}.yaml": f"temporary-access:\n{ENTRY}"})
    (repository.files / "temporary-access" / "link.yaml").symlink_to("pay.yaml")
    head = repository.git("rev-parse", "HEAD")
    module = f"160000,{head},temporary-access/module.yaml"
    repository.git("update-index", "--add", "--cacheinfo", module)
    repository.commit(NOW - 9 * HOUR)
    shutil.rmtree(repository.files / "temporary-access" / "x.yaml")
    repository.brings(ENTRY, at=NOW - HOUR)
    assert not found(repository.load(), "start-unknown", "expired")


def test_what_takes_the_place_of_a_used_one_is_told_so(repository: Repository) -> None:
    repository.brings(ENTRY, at=NOW - 90 * HOUR)
    repository.entries(ENTRY.replace("writer", "reader"))
    (error,) = found(repository.load(base="HEAD"), "expired")
    assert "the one whose place this entry takes" in error.message
    assert error.severity == "error"


def test_the_files_may_be_at_the_top_of_the_repository(repository: Repository) -> None:
    for name in ("aws-accounts", "aws-policies", "permanent-access", "temporary-access"):
        repository.git("mv", f"aws/{name}", name)
    repository.folder = "."
    repository.commit(NOW - 99 * HOUR)
    repository.brings(ENTRY, at=NOW - HOUR)
    begins = entry(repository.load(preview=False)).begins
    assert begins is not None
    assert begins.at == NOW - HOUR


IN_FLOW = "[{user: bob@example.com, environment: prod, grant: writer, for: 2h}]"


@pytest.mark.parametrize(
    "text",
    [
        f"# x\n\ntemporary-access:\n# y\n{ENTRY}",
        f"temporary-access:\n{ENTRY.replace('  - ', '- ')}",
        f"temporary-access:\r\n{ENTRY}".replace("2h}\n", "2h}\r\n"),
        f"temporary-access: {IN_FLOW}\n",
        f'{{"temporary-access": {IN_FLOW}}}\n',
        f"temporary-access:\n  - &one {IN_FLOW[1:-1]}\n",
        (
            "temporary-access:\n  - ? for\n    : 2h\n    user: bob@example.com\n"
            "    environment: &e prod\n    grant: writer\n"
        ),
        f'temporary-access:\n  - {{description: "a\n  - b", {IN_FLOW[2:-1]}\n',
        f"temporary-access:\n  - description: |\n      - x\n    {IN_FLOW[2:-2]}\n".replace(
            ", ", "\n    "
        ),
    ],
)
def test_an_entry_is_seen_however_it_was_written(repository: Repository, text: str) -> None:
    write(repository.files, {"temporary-access/pay.yaml": text})
    assert repository.load().teams["pay"].access[-1].lasts == 2 * HOUR
    repository.commit(NOW - HOUR)
    more = "  - {user: eva@example.com, environment: prod, grant: reader, expires_at: 2026-03-02}\n"
    repository.brings(more, ENTRY, at=NOW)
    assert repository.load().teams["pay"].access[-1].until == NOW + HOUR
