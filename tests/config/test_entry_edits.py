"""Requests as edits of a team's file, and what validation says of the result."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from iam_access.config import entry_edits
from iam_access.config.configuration import Configuration
from iam_access.config.duration_starts import Merging
from iam_access.config.entry_edits import Asked, End, EntryFilter, NotEditableError
from iam_access.config.load import load
from tests.config.repository import NOW, TEMPORARY, loaded, write
from tests.history import History

FILE = "temporary-access/pay.yaml"
IN_TWO_HOURS = NOW + timedelta(hours=2)


def asked(**other: object) -> Asked:
    values = {"environment": "prod", "grant": "reader", "until": End(IN_TWO_HOURS)}
    return Asked(**{**values, "description": "Look", "user": "ann@example.com", **other})  # type: ignore[arg-type]


def errors(configuration: Configuration, change: entry_edits.Edit) -> list[str]:
    after = entry_edits.proposed(configuration, change, NOW)
    return [
        f"{each.location} {each.code}"
        for each in entry_edits.new_errors(configuration, after, change.team)
    ]


def test_asked_for_and_written(tmp_path: Path) -> None:
    configuration = loaded(tmp_path)
    change = entry_edits.ask(configuration, "pay", asked(ticket="T-1"), NOW)
    assert (tmp_path / FILE).read_text() == TEMPORARY
    assert errors(configuration, change) == []
    entry_edits.write(configuration, change)
    assert (tmp_path / FILE).read_text() == (
        f"{TEMPORARY}\n"
        "  - user: ann@example.com\n    environment: prod\n    grant: reader\n"
        "    expires_at: 2026-03-01T14:00:00Z\n    description: Look\n    ticket: T-1\n"
    )


def test_first_request_of_a_team_makes_the_file(tmp_path: Path) -> None:
    loaded(tmp_path)
    (tmp_path / FILE).unlink()
    configuration = loaded(tmp_path, {FILE: ""})
    (tmp_path / FILE).unlink()
    (tmp_path / "temporary-access").rmdir()
    change = entry_edits.ask(configuration, "pay", asked(until=End(date(2026, 3, 2))), NOW)
    assert entry_edits.write(configuration, change).read_text() == (
        "temporary-access:\n  - description: Look\n    expiration_date: 2026-03-02\n"
        "    user: ann@example.com\n    environment: prod\n    grant: reader\n"
    )
    schema = write(tmp_path, {"schemas/temporary-access.schema.json": "{}"})
    again = entry_edits.ask(replace(configuration, directory=schema), "data", asked(), NOW)
    assert again.after.startswith(
        b"# yaml-language-server: $schema=../schemas/temporary-access.schema.json\n"
    )


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"grant": "nothing"}, "unknown-grant"),
        ({"environment": "moon"}, "unknown-environment"),
        ({"until": End(NOW)}, "expired"),
        ({"until": End(NOW + timedelta(days=99))}, "too-long"),
        ({"user": "a b"}, "bad-user"),
        ({"role": "deployer"}, "not-one-principal"),
    ],
)
def test_what_validation_refuses(tmp_path: Path, wrong: dict[str, object], code: str) -> None:
    configuration = loaded(tmp_path)
    change = entry_edits.ask(configuration, "pay", asked(**wrong), NOW)
    (found,) = errors(configuration, change)
    place, said = found.split()
    assert place.startswith(f"{tmp_path}/{FILE}:")
    assert said == code


def test_errors_that_are_there_already_refuse_it_too(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, {"permanent-access/pay.yaml": "permanent-access: x\n"})
    assert errors(configuration, entry_edits.ask(configuration, "pay", asked(), NOW))


def test_renewed_and_ended(tmp_path: Path) -> None:
    configuration = loaded(tmp_path)
    (entry,) = entry_edits.standing(configuration, NOW)
    renewed = entry_edits.renew(configuration, entry, End(NOW + timedelta(days=5)), NOW)
    assert errors(configuration, renewed) == []
    assert renewed.after.decode() == TEMPORARY.replace(
        "expiration_date: 2026-03-04", "expires_at: 2026-03-06T12:00:00Z"
    )
    ended = entry_edits.end(configuration, entry)
    assert errors(configuration, ended) == []
    assert ended.after == b"temporary-access:\n"


def test_only_live_entries_stand(tmp_path: Path) -> None:
    configuration = loaded(tmp_path)
    assert [each.who for each in entry_edits.standing(configuration, NOW)] == ["bob@example.com"]
    assert not list(entry_edits.standing(configuration, datetime(2026, 3, 5, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("choice", "included"),
    [
        (EntryFilter(), True),
        (EntryFilter(user="BOB@example.com"), True),
        (EntryFilter(user="user/bob"), True),
        (EntryFilter(user="ann@example.com"), False),
        (EntryFilter(role="bob"), False),
        (EntryFilter(grant="writer", environment="prod", team="pay"), True),
        (EntryFilter(grant="reader"), False),
        (EntryFilter(team="other"), False),
    ],
)
def test_choice(tmp_path: Path, choice: EntryFilter, included: bool) -> None:
    configuration = loaded(tmp_path)
    (entry,) = entry_edits.standing(configuration, NOW)
    assert choice.includes(entry, configuration.settings.user_names) is included


def test_a_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    configuration = loaded(tmp_path)
    change = entry_edits.ask(configuration, "pay", asked(), NOW)
    (tmp_path / FILE).write_text("# mine\n")
    with pytest.raises(NotEditableError, match="changed meanwhile"):
        entry_edits.write(configuration, change)
    assert (tmp_path / FILE).read_text() == "# mine\n"


def test_a_link_out_of_the_directory_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("temporary-access: []\n")
    configuration = loaded(tmp_path / "aws")
    (tmp_path / "aws" / FILE).unlink()
    (tmp_path / "aws" / FILE).symlink_to(outside)
    with pytest.raises(NotEditableError, match="leads out"):
        entry_edits.ask(configuration, "pay", asked(), NOW)


LASTING = """\
temporary-access:
  - user: bob@example.com
    environment: prod
    grant: writer
    for: 3d  # from its merge on
"""


def test_a_duration_begins_with_its_merge(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.begin(NOW - timedelta(days=9))
    loaded(tmp_path, {FILE: LASTING})
    history.commit(NOW - timedelta(days=1))
    configuration = load(tmp_path, now=NOW, merging=Merging(preview=True))
    assert entry_edits.has_history(configuration)
    (entry,) = entry_edits.standing(configuration, NOW)
    assert entry.access.until == NOW + timedelta(days=2)

    change = entry_edits.ask(configuration, "pay", asked(until=End(timedelta(hours=2))), NOW)
    assert errors(configuration, change) == []
    assert change.after.decode().startswith(LASTING)
    assert "    for: 2h\n    requested_at: 2026-03-01T12:00:00Z\n" in change.after.decode()

    renewed = entry_edits.renew(configuration, entry, End(timedelta(minutes=90)), NOW)
    assert errors(configuration, renewed) == []
    assert renewed.after.decode() == LASTING.replace(
        "for: 3d  # from its merge on\n",
        "for: 90m  # from its merge on\n    requested_at: 2026-03-01T12:00:00Z\n",
    )
    entry_edits.write(configuration, renewed)
    again = load(tmp_path, now=NOW, merging=Merging(preview=True))
    (entry,) = entry_edits.standing(again, NOW)
    assert entry.access.until == NOW + timedelta(minutes=90)
    by_day = entry_edits.renew(again, entry, End(date(2026, 3, 5)), NOW)
    assert errors(again, by_day) == []
    assert by_day.after.decode() == LASTING.replace("for: 3d", "expiration_date: 2026-03-05")
    later = NOW + timedelta(minutes=5)
    longer = entry_edits.renew(again, entry, End(timedelta(days=1)), later)
    assert "for: 1d  # from its merge on\n    requested_at: 2026-03-01T12:05:00Z\n" in (
        longer.after.decode()
    )
    assert not entry_edits.has_history(loaded(tmp_path.parent / "plain"))


@pytest.mark.parametrize(("minutes", "text"), [(90, "90m"), (120, "2h"), (2_880, "2d")])
def test_durations_as_written(minutes: int, text: str) -> None:
    assert entry_edits.as_duration(timedelta(minutes=minutes)) == text
