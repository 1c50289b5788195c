"""What must hold between the files of one team."""

from pathlib import Path

import pytest

from tests.config.repository import ACCOUNTS, finding_lines, loaded, only_finding

USERS = "permanent-access/pay.yaml"
WINDOWS = "temporary-access/pay.yaml"


def permanent(*entries: str) -> dict[str, str]:
    """The entries alone, each on a line of its own, the first on line 2."""
    lines = "".join(f"  - {{{entry}}}\n" for entry in entries)
    return {USERS: f"permanent-access:\n{lines}", WINDOWS: "temporary-access: []\n"}


def temporary(*entries: str) -> dict[str, str]:
    lines = "".join(f"  - {{{entry}}}\n" for entry in entries)
    return {USERS: "permanent-access: []\n", WINDOWS: f"temporary-access:\n{lines}"}


def findings_with(tmp_path: Path, changes: dict[str, str]) -> list[str]:
    """The findings without their folder: `line:column severity code`."""
    return [each.partition("pay.yaml:")[2] for each in finding_lines(loaded(tmp_path, changes))]


def test_a_whole_address_must_be_a_name_that_iam_can_have(tmp_path: Path) -> None:
    users = f"users: [{'a' * 60}@x.com, a@exämple.com, {'a' * 65}@x.com, user/b, c@x.com]"
    entry = f"{users}, environments: [prod], grants: [reader]"
    changes = {**permanent(entry), "settings.yaml": "user_names: whole address"}
    assert findings_with(tmp_path, changes) == [
        *("2:14 error bad-user", "2:82 error bad-user", "2:97 error bad-user")
    ]


def test_who_is_written_in_two_ways_is_one(tmp_path: Path) -> None:
    rest = "environments: [prod], grants: [reader]"
    changes = permanent(f"users: [a@x.com], {rest}", f"users: [user/a], {rest}")
    assert findings_with(tmp_path, changes) == ["3:5 warning overlapping-entries"]


def test_one_account_is_one_environment(tmp_path: Path) -> None:
    text = ACCOUNTS + "  again: {partition: aws, id: 111122223333}\n"
    finding = only_finding(loaded(tmp_path, {"aws-accounts/pay.yaml": text}))
    assert finding.code == "account-twice"
    assert "nonprod" in finding.message
    assert str(finding.location).endswith("pay.yaml:4:31")


def test_a_team_without_accounts_is_worth_a_warning(tmp_path: Path) -> None:
    changes = permanent()
    changes[USERS] = "permanent-access: []\n"
    finding = only_finding(
        loaded(tmp_path, {**changes, "aws-accounts/pay.yaml": "aws-accounts: {}\n"})
    )
    assert (finding.code, finding.severity.value) == ("no-accounts", "warning")


def test_what_is_granted_where_must_exist(tmp_path: Path) -> None:
    entry = "users: [a@x.com], environments: [prod, prd, moon], grants: [raeder, xyz]"
    configuration = loaded(tmp_path, permanent(entry))
    assert [(each.code, each.hint) for each in configuration.findings] == [
        ("unknown-environment", "did you mean 'prod'?"),
        ("unknown-environment", "the team's are nonprod and prod"),
        ("unknown-grant", "did you mean 'reader'?"),
        ("unknown-grant", "the team's are reader and writer"),
    ]
    assert [str(each.location).rpartition("pay.yaml:")[2] for each in configuration.findings] == [
        *("2:45", "2:50", "2:66", "2:74"),
    ]


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        (2020, ["2:65 warning expired"]),
        (2999, ["2:28 error unknown-environment", "2:40 error unknown-grant"]),
    ],
)
def test_what_has_ended_may_name_what_is_gone_since(
    tmp_path: Path, year: int, expected: list[str]
) -> None:
    end = f"expiration_date: {year}-01-01"
    changes = temporary(f"role: r, environment: prd, grant: raeder, {end}")
    assert [each for each in findings_with(tmp_path, changes) if "too-long" not in each] == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("users: [a@x, a@x]", ["2:19 error duplicate-item"]),
        ("users: [a@x, b@x, a@x, a@x]", ["2:24 error duplicate-item", "2:29 error duplicate-item"]),
        ("users: [a@x, a@y]", ["2:19 error same-user"]),
        ("users: [a@x, A@x]", ["2:19 error same-user"]),
        ("users: [a@x, a]", ["2:19 error same-user"]),
        ("roles: [r, r]", ["2:17 error duplicate-item"]),
        ("roles: [r, R]", ["2:17 error same-role"]),
        ("users: [r], roles: [r]", []),
    ],
)
def test_a_list_names_everybody_once(tmp_path: Path, entry: str, expected: list[str]) -> None:
    changes = permanent(f"{entry}, environments: [prod], grants: [reader]")
    assert findings_with(tmp_path, changes) == expected


def test_environments_and_grants_stand_in_a_list_once(tmp_path: Path) -> None:
    entry = "users: [a@x], environments: [prod, prod], grants: [reader, reader]"
    assert findings_with(tmp_path, permanent(entry)) == [
        "2:41 error duplicate-item",
        "2:65 error duplicate-item",
    ]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("a@x.com", "a@x.com", True),
        ("a@x.com", "a@X.com", True),
        ("a@x.com", "a@y.com", False),
        ("a@x.com", "A@x.com", False),
        ("a@x.com", "b@x.com", True),
    ],
)
def test_one_user_has_one_address_in_all_entries(
    tmp_path: Path, one: str, other: str, alike: bool
) -> None:
    changes = permanent(f"users: [{one}], environments: [prod], grants: [reader]")
    changes[WINDOWS] = (
        f"temporary-access:\n  - {{user: {other}, environment: nonprod, grant: reader, "
        "expiration_date: 2026-03-02}\n"
    )
    configuration = loaded(tmp_path, changes)
    if alike:
        assert configuration.findings == ()
    else:
        finding = only_finding(configuration)
        assert finding.code == "same-user"
        assert str(finding.location).endswith("temporary-access/pay.yaml:2:12")
        assert "permanent-access/pay.yaml:2:14" in finding.hint


def test_entries_that_are_alike_are_an_error(tmp_path: Path) -> None:
    changes = permanent(
        "users: [a@x, b@x], environments: [prod, nonprod], grants: [reader]",
        "users: [b@x, a@x], environments: [nonprod, prod], grants: [reader], description: d",
    )
    finding = only_finding(loaded(tmp_path, changes))
    assert finding.code == "duplicate-entry"
    assert "permanent-access/pay.yaml:2:5" in finding.message
    assert str(finding.location).endswith("permanent-access/pay.yaml:3:5")


def test_entries_that_overlap_are_worth_a_warning(tmp_path: Path) -> None:
    changes = permanent(
        "users: [a@x], environments: [prod, nonprod], grants: [reader]",
        "roles: [a], environments: [prod], grants: [reader]",
        "users: [b@x], environments: [prod], grants: [reader]",
        "users: [a@x], environments: [prod], grants: [writer]",
        "users: [b@x, a@x], environments: [nonprod], grants: [writer, reader]",
        "users: [a@x, b@x], environments: [nonprod], grants: [reader, writer]",
    )
    assert findings_with(tmp_path, changes) == [
        "6:5 warning overlapping-entries",
        "7:5 error duplicate-entry",
    ]


def test_temporary_entries_that_end_together_are_an_error(tmp_path: Path) -> None:
    entry = "user: a@x, environment: prod, grant: reader"
    changes = temporary(
        f"{entry}, expiration_date: 2026-03-02",
        f"{entry}, expires_at: 2026-03-03T01:00:00+01:00",
        f"{entry}, expiration_date: 2020-01-01",
        f"{entry}, expiration_date: 2020-01-01",
        "user: a@x, environment: nonprod, grant: reader, expiration_date: 2026-03-02",
    )
    assert findings_with(tmp_path, changes) == [
        "3:5 error duplicate-entry",
        "4:68 warning expired",
        "5:5 error duplicate-entry",
        "5:68 warning expired",
    ]


def test_of_entries_that_end_apart_the_last_to_end_counts(tmp_path: Path) -> None:
    entry = "role: r, environment: prod, grant: reader"
    changes = temporary(
        f"{entry}, expiration_date: 2020-01-01",
        f"{entry}, expiration_date: 2026-03-03",
        f"{entry}, expiration_date: 2026-03-02",
        f"{entry}, expiration_date: 2026-03-04",
    )
    configuration = loaded(tmp_path, changes)
    assert [each.partition("pay.yaml:")[2] for each in finding_lines(configuration)] == [
        "2:66 warning expired",
        "3:5 note superseded",
        "4:5 note superseded",
    ]
    assert "5:5" in configuration.findings[1].message


def test_what_is_held_permanently_needs_no_end(tmp_path: Path) -> None:
    changes = permanent("users: [a@x], roles: [b], environments: [prod], grants: [reader]")
    until = "environment: prod, grant: reader, expiration_date"
    changes[WINDOWS] = (
        "temporary-access:\n"
        f"  - {{user: a@x, {until}: 2026-03-02}}\n"
        f"  - {{user: b@x, {until}: 2026-03-02}}\n"
        f"  - {{user: a@x, {until}: 2020-03-02}}\n"
    )
    assert finding_lines(loaded(tmp_path, changes)) == [
        "temporary-access/pay.yaml:2:5 note held-permanently",
        "temporary-access/pay.yaml:4:68 warning expired",
    ]


class TestLimits:
    """What the entries of a team make together is bounded."""

    ENTRY = "users: [a@x.com, b@x.com], roles: [c], environments: [prod, nonprod], grants: [reader]"

    def test_grants_are_counted_over_all_entries(self, tmp_path: Path) -> None:
        changes = permanent(self.ENTRY, "users: [d@x.com], environments: [prod], grants: [writer]")
        assert finding_lines(loaded(tmp_path, {**changes, "settings.yaml": limits(7)})) == []
        configuration = loaded(tmp_path, {**changes, "settings.yaml": limits(6)})
        finding = only_finding(configuration)
        assert finding.code == "too-many-grants"
        assert finding.location is not None
        assert finding.location.line == 2
        assert "7 grants, 6 of them this one" in finding.message
        assert "settings.yaml:1:" in finding.hint
        assert configuration.invalid == {"pay"}

    def test_other_teams_are_not_concerned(self, tmp_path: Path) -> None:
        number = ", ".join(f"u{number}@x.com" for number in range(3_000))
        entry = f"users: [{number}], environments: [prod, nonprod], grants: [reader, writer]"
        changes = {
            **permanent(entry),
            "aws-accounts/web.yaml": ACCOUNTS,
            "settings.yaml": "grantees: [{grants: ['*'], users: [someone]}]",
        }
        configuration = loaded(tmp_path, changes)
        assert [(each.code, each.team) for each in configuration.findings] == [
            ("too-many-grants", "pay")
        ]
        assert configuration.invalid == {"pay"}


class TestAccountsOfATeam:
    def test_more_than_allowed_are_an_error_and_none_is_looked_into(self, tmp_path: Path) -> None:
        many = "".join(f"  e{number}: '{number:012}'\n" for number in range(1, 4))
        changes = {
            "aws-accounts/web.yaml": f"aws-accounts:\n{many}",
            "settings.yaml": "limits: {accounts_per_team: 2}",
        }
        configuration = loaded(tmp_path, changes)
        finding = only_finding(configuration)
        assert finding.code == "too-many-accounts"
        assert finding.location is not None
        assert (finding.location.file[-22:], finding.location.line) == (
            "/aws-accounts/web.yaml"[-22:],
            4,
        )
        assert "3 accounts, and 2 are allowed" in finding.message
        assert configuration.invalid == {"web"}
        assert configuration.deserted == {}
        assert len(configuration.known_accounts) == 5


def limits(grants: int) -> str:
    return f"limits: {{grants_per_team: {grants}}}"
