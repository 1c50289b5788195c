"""The rules of the organisation: what they forbid, and where findings point."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.settings import Settings, TemporaryAccessSettings
from iam_access.kinds.grant import Form, Outliving
from tests.config.repository import NOW, POLICIES, finding_lines, loaded, marked, only_finding

START = "temporary-access:\n  - environment: prod\n    grant: writer\n"
UNTIL = "    user: bob@example.com\n    expires_at: 2026-03-01T18:00:00Z\n"
OVER = UNTIL.replace("03-01T18", "02-01T18")


ROOT = Path(__file__).resolve().parents[3]
# As aws/settings.yaml comes: every rule with its default, or commented out. That one is the users'.
SHIPPED = (ROOT / "tests" / "data" / "config" / "settings.yaml").read_text()
COMMENTED_OUT = re.compile(r"""^( *)# ((?:  )*(?:- )?[\w{"'*.-]+:(?: .*)?)$""", re.MULTILINE)


def ruled(
    tmp_path: Path, rules: str, changes: dict[str, str] | None = None, now: datetime = NOW
) -> Configuration:
    return loaded(tmp_path, {"settings.yaml": rules, **(changes or {})}, now)


def temporary(tmp_path: Path, rules: str, entry: str, now: datetime = NOW) -> Configuration:
    return ruled(tmp_path, rules, {"temporary-access/pay.yaml": START + entry}, now)


def check_error(tmp_path: Path, rules: str, folder: str, text: str, code: str, *words: str) -> None:
    """That the one finding is at the ¶ of the text and tells of the rule at the ¶ of the rules."""
    settings, rule = marked(rules)
    text, place = marked(text)
    configuration = ruled(tmp_path, settings, {f"{folder}/pay.yaml": text})
    finding = only_finding(configuration)
    assert finding_lines(configuration) == [f"{folder}/pay.yaml:{place} error {code}"]
    assert finding.team == "pay"
    assert f" at {tmp_path}/settings.yaml:{rule})" in finding.hint
    for word in words:
        assert word in finding.message + finding.hint


class TestLongest:
    @pytest.mark.parametrize(
        ("rules", "words"),
        [
            ("temporary_access: {longest: ¶5h}", ["may last 5 hours", "2026-03-01T17:00:00Z"]),
            (
                "temporary_access: {environments: {prod: {longest: ¶5h}}}",
                ["'prod'", "temporary_access.environments.prod.longest"],
            ),
            ("temporary_access:\n  grants:\n    wri*: {longest: ¶299m}", ["'writer'", "299 min"]),
            ("temporary_access: {grants: {pay/writer: {longest: ¶5h}}}", []),
            ("temporary_access: {environments: {'pr?d': {longest: ¶5h}}}", []),
            # The strictest wins, wherever it stands.
            (
                "temporary_access: {longest: 4d, grants: {'*': {longest: ¶5h}, w*: {longest: 9h}}}",
                ["5 hours"],
            ),
            (
                "temporary_access: {grants: {w*: {longest: ¶5h}}, environments: {prod: {}}}",
                ["5 hours"],
            ),
            (
                "temporary_access: {longest: ¶5h, environments: {prod: {longest: 9d}}}",
                ["5 hours"],
            ),
        ],
    )
    def test_the_strictest_rule_is_told(self, tmp_path: Path, rules: str, words: list[str]) -> None:
        text = START + UNTIL.replace(": 2026", ": ¶2026")
        check_error(tmp_path, rules, "temporary-access", text, "too-long", *words)

    @pytest.mark.parametrize(
        "rules",
        [
            "longest: 6h",
            "{longest: 1d, environments: {nonprod: {longest: 1h}}}",
            "{grants: {reader: {longest: 1h}, Writer*: {longest: 1h}, web/*: {longest: 1h}}}",
            "{environments: {prod: }, grants: {writer: {longest: }}}",
            "{environments: , grants: }",
        ],
    )
    def test_what_other_rules_are_for_is_left_alone(self, tmp_path: Path, rules: str) -> None:
        rules = (
            f"temporary_access: {rules}" if rules[0] == "{" else f"temporary_access: {{{rules}}}"
        )
        found = temporary(tmp_path, rules, UNTIL).findings
        assert [each.code for each in found if each.is_error] == []

    def test_a_default_is_told_as_one(self, tmp_path: Path) -> None:
        late = UNTIL.replace("03-01", "04-01")
        for rules in ("publish_policies: granted", "temporary_access: {shortest: 1m}"):
            assert (
                f"(the rule is the default of temporary_access.longest; {tmp_path}/settings.yaml "
                "can change it)" in only_finding(temporary(tmp_path, rules, late)).hint
            )

    def test_without_a_file_the_rule_is_named(self, tmp_path: Path) -> None:
        text = START + UNTIL.replace("03-01", "04-01")
        finding = only_finding(loaded(tmp_path, {"temporary-access/pay.yaml": text}))
        assert "temporary_access.longest in settings.yaml" in finding.hint


class TestWindows:
    @pytest.mark.parametrize(
        ("window", "expected"),
        [
            # From the start, not from now.
            ("starts_at: 2026-03-05T12:00:00Z|expires_at: 2026-03-07T12:00:00Z", []),
            ("starts_at: 2026-03-05T12:00:00Z|expires_at: 2026-03-07T12:00:01Z", ["too-long"]),
            ("starts_at: 2026-02-20T12:00:00Z|expires_at: 2026-03-01T13:00:00Z", ["too-long"]),
            ("starts_at: 2026-03-05T23:00:00Z|expiration_date: 2026-03-07", []),
            ("starts_at: 2026-03-05T23:00:00Z|expiration_date: 2026-03-08", ["too-long"]),
            # How far ahead it may lie.
            ("starts_at: 2026-03-11T12:00:00Z|expires_at: 2026-03-12T12:00:00Z", []),
            (
                "starts_at: 2026-03-11T12:00:01Z|expires_at: 2026-03-12T12:00:00Z",
                ["starts-too-late"],
            ),
            # A window with nothing in it.
            (
                "starts_at: 2026-03-02T12:00:00Z|expires_at: 2026-03-02T12:00:00Z",
                ["window-empty"],
            ),
            ("starts_at: 2026-03-03T00:00:00Z|expiration_date: 2026-03-02", ["window-empty"]),
            ("starts_at: 2026-03-02T23:59:59Z|expiration_date: 2026-03-02", []),
            # Over, whatever else is wrong with it.
            ("starts_at: 2026-02-03T00:00:00Z|expires_at: 2026-02-02T00:00:00Z", ["expired"]),
            ("starts_at: 2025-02-03T00:00:00Z|expires_at: 2026-02-02T00:00:00Z", ["expired"]),
            # Without a start that can be read, the length is not known.
            ("starts_at: noon|expires_at: 2027-02-02T00:00:00Z", ["bad-instant"]),
        ],
    )
    def test_a_window_is_measured_from_its_start(
        self, tmp_path: Path, window: str, expected: list[str]
    ) -> None:
        entry = "    user: bob@example.com\n    " + window.replace("|", "\n    ") + "\n"
        rules = "temporary_access: {longest: 2d, furthest_start: 10d}"
        assert [each.code for each in temporary(tmp_path, rules, entry).findings] == expected

    def test_thirty_days_ahead_by_default(self, tmp_path: Path) -> None:
        for second, expected in ((0, []), (1, ["starts-too-late"])):
            entry = (
                f"    user: bob@example.com\n    starts_at: 2026-03-31T12:00:0{second}Z\n"
                "    expires_at: 2026-04-01T12:00:00Z\n"
            )
            codes = [each.code for each in temporary(tmp_path, "", entry).findings]
            assert codes == expected

    def test_places_and_hints(self, tmp_path: Path) -> None:
        text = f"{START}{UNTIL}    starts_at: ¶2026-03-01T17:00:00Z\n"
        check_error(
            tmp_path,
            "temporary_access: {furthest_start: ¶4h}",
            "temporary-access",
            text,
            "starts-too-late",
            "4 hours from now",
            "write 2026-03-01T16:00:00Z or earlier",
        )
        text, place = marked(text.replace("17:00", "19:00"))
        configuration = ruled(tmp_path, "", {"temporary-access/pay.yaml": text})
        assert finding_lines(configuration) == [
            f"temporary-access/pay.yaml:{place} error window-empty"
        ]
        assert "2026-03-01 18:00 UTC" in only_finding(configuration).message

    def test_windows_that_begin_apart_are_no_duplicates(self, tmp_path: Path) -> None:
        now, later = UNTIL, UNTIL + "    starts_at: 2026-03-01T15:00:00Z\n"
        next_day = later.replace("03-01", "03-02")
        for entries, expected in (
            ((now, next_day), []),
            ((next_day, now), []),
            ((now, later), ["superseded"]),
            ((later, now), ["superseded"]),
            ((later, later), ["duplicate-entry"]),
        ):
            text = "temporary-access:" + "".join(START.partition(":")[2] + each for each in entries)
            configuration = ruled(tmp_path, "", {"temporary-access/pay.yaml": text})
            assert [each.code for each in configuration.findings] == expected


class TestShortest:
    def test_a_grant_of_minutes_is_fine_by_default(self, tmp_path: Path) -> None:
        assert temporary(tmp_path, "", UNTIL.replace("18:00:00", "12:00:01")).findings == ()

    @pytest.mark.parametrize(
        "rules",
        [
            "temporary_access: {shortest: ¶2h}",
            "temporary_access: {shortest: 1m, grants: {writer: {shortest: ¶2h}}}",
            "temporary_access: {shortest: 1m, environments: {prod: {shortest: ¶2h}}}",
        ],
    )
    def test_the_strictest_rule_is_told(self, tmp_path: Path, rules: str) -> None:
        text = START + UNTIL.replace(": 2026", ": ¶2026") + "    starts_at: 2026-03-01T17:00:00Z\n"
        check_error(
            tmp_path,
            rules,
            "temporary-access",
            text,
            "too-short",
            "2 hours at least",
            "expires_at: 2026-03-01T19:00:00Z",
        )

    def test_one_that_is_nearly_over_does_not_break_the_build(self, tmp_path: Path) -> None:
        rules = "temporary_access: {shortest: 2h}"
        assert temporary(tmp_path, rules, UNTIL).findings == ()
        configuration = temporary(tmp_path, rules, UNTIL, NOW + timedelta(hours=5))
        assert [each.split()[1:] for each in finding_lines(configuration)] == [
            ["warning", "too-short"]
        ]
        assert "60 minutes" in only_finding(configuration).message


class TestWhatIsWritten:
    @pytest.mark.parametrize(
        ("ticket", "code"),
        [
            ("", "missing-ticket"),
            ("    ticket: ¶PAY-12x\n", "bad-ticket"),
            ("    ticket: ¶xPAY-12\n", "bad-ticket"),
        ],
    )
    def test_a_ticket_must_match_in_full(self, tmp_path: Path, ticket: str, code: str) -> None:
        text = START + UNTIL + ticket
        text = text if ticket else text.replace("environment", "¶environment")
        rules = 'temporary_access: {require_ticket: ¶"[A-Z]+-[0-9]+"}'
        check_error(tmp_path, rules, "temporary-access", text, code, "[A-Z]+-[0-9]+")

    def test_a_ticket_that_matches(self, tmp_path: Path) -> None:
        rules = 'temporary_access: {require_ticket: "[A-Z]+-[0-9]+"}'
        assert temporary(tmp_path, rules, UNTIL + "    ticket: PAY-12\n").findings == ()
        assert [each.code for each in temporary(tmp_path, rules, OVER).findings] == ["expired"]

    def test_a_description_has_to_say_something(self, tmp_path: Path) -> None:
        rules = "temporary_access: {require_description: ¶10}"
        text = START + UNTIL
        short = text + "    description: ¶'   night    '\n"
        check_error(tmp_path, rules, "temporary-access", short, "short-description", "5 of 10")
        none = text.replace("environment", "¶environment")
        check_error(tmp_path, rules, "temporary-access", none, "short-description", "0 of 10")
        settings = rules.replace("¶", "")
        assert temporary(tmp_path, settings, UNTIL + "    description: 0123456789\n").findings == ()
        assert [each.code for each in temporary(tmp_path, settings, OVER).findings] == ["expired"]

    def test_a_form_that_is_not_allowed(self, tmp_path: Path) -> None:
        rules = "temporary_access:\n  forms: ¶[inline, policy]\n"
        text = f"{START}{UNTIL}    via: ¶role\n"
        check_error(
            tmp_path, rules, "temporary-access", text, "form-not-allowed", "inline or policy"
        )
        settings = rules.replace("¶", "")
        assert temporary(tmp_path, settings, UNTIL + "    via: policy\n").findings == ()
        over = temporary(tmp_path, settings, OVER + "    via: role\n")
        assert [each.code for each in over.findings] == ["expired"]

    def test_a_boundary_closes_no_form(self, tmp_path: Path) -> None:
        settings = "permissions_boundary: edge"
        assert temporary(tmp_path, settings, UNTIL + "    via: role\n").findings == ()
        assert ruled(tmp_path, settings).rules.temporary("prod").closed == {}

    def test_actions_with_which_a_grant_could_outlive_its_end(self, tmp_path: Path) -> None:
        policies = POLICIES.replace("s3:GetObject", "iam:CreateAccessKey").replace("reader", "keys")
        text, place = marked(f"{START}{UNTIL}".replace("writer", "¶keys"))
        files = {
            "aws-policies/pay.yaml": policies,
            "temporary-access/pay.yaml": text,
            "permanent-access/pay.yaml": (
                "permanent-access:\n"
                "  - {users: [a@example.com], environments: [prod], grants: [keys]}\n"
            ),
        }
        for rule, expected in (("warn", []), ("refuse", ["outlives-deadline"])):
            configuration = ruled(
                tmp_path, f"temporary_access: {{outliving_actions: {rule}}}", files
            )
            assert [each.code for each in configuration.findings] == expected
            if expected:
                assert str(only_finding(configuration).location).endswith(f"pay.yaml:{place}")
                assert "iam:CreateAccessKey" in only_finding(configuration).message
                assert "settings.yaml:1:39)" in only_finding(configuration).hint

    def test_what_opens_a_resource_for_good(self, tmp_path: Path) -> None:
        files = {
            "aws-policies/pay.yaml": POLICIES.replace("s3:GetObject", "s3:PutBucketPolicy"),
            "temporary-access/pay.yaml": f"{START}{UNTIL}".replace("writer", "reader"),
        }
        assert ruled(tmp_path, "", files).findings == ()
        rule = "temporary_access: {resource_policies: deny}"
        found = only_finding(ruled(tmp_path, rule, files))
        assert found.code == "gives-nothing"
        assert "settings.yaml:1:39)" in found.hint

    @pytest.mark.parametrize(
        ("actions", "code"),
        [
            ('"sts:AssumeRole"', "gives-nothing"),
            ('"iam:CreateAccessKey", "iam:UpdateAccessKey"', "gives-nothing"),
            ('"iam:CreateAccessKey", "iam:ListAccessKeys"', "denied-with-it"),
        ],
    )
    def test_what_is_denied_with_a_grant(self, tmp_path: Path, actions: str, code: str) -> None:
        policies = POLICIES.replace('"s3:GetObject"', actions).replace("reader", "keys")
        text, place = marked(f"{START}{UNTIL}".replace("writer", "¶keys"))
        entry = text.partition("\n")[2].replace("bob@", "ann@")
        files = {
            "aws-policies/pay.yaml": policies,
            "temporary-access/pay.yaml": text + entry,
            "permanent-access/pay.yaml": "permanent-access: []",
        }
        found = ruled(tmp_path, "", files).findings
        errors = code == "gives-nothing"
        assert [each.code for each in found] == [code] * (2 if errors else 1)
        assert found[0].is_error is errors
        assert str(found[0].location).endswith(f"pay.yaml:{place}")
        assert "iam:ListAccessKeys" not in found[0].message


class TestWho:
    @pytest.mark.parametrize(
        ("pattern", "user"),
        [
            ("bob", "¶bob@example.com"),
            ("b*", "¶bob@example.com"),
            ("bob@corp.example", "¶bob@example.com"),
            ("BOB", "¶bob"),
        ],
    )
    def test_protected_users_are_never_named(self, tmp_path: Path, pattern: str, user: str) -> None:
        rules = f"protected_principals: {{users: [carl, ¶'{pattern}']}}"
        text = START + UNTIL.replace("bob@example.com", user)
        check_error(tmp_path, rules, "temporary-access", text, "protected-principal", "user")
        text = (
            "permanent-access:\n"
            f"  - {{users: [a@b.c, {user}], environments: [prod], grants: [reader]}}\n"
        )
        files = {"temporary-access/pay.yaml": "temporary-access: []"}
        settings, _ = marked(rules)
        text, place = marked(text)
        configuration = ruled(tmp_path, settings, {"permanent-access/pay.yaml": text, **files})
        assert finding_lines(configuration) == [
            f"permanent-access/pay.yaml:{place} error protected-principal"
        ]

    def test_protected_roles_are_never_named(self, tmp_path: Path) -> None:
        rules = "protected_principals:\n  users: [deployer]\n  roles:\n    - ¶deploy*\n"
        text = (
            "permanent-access:\n"
            "  - {roles: [ops, ¶deployer], environments: [prod], grants: [reader]}\n"
        )
        check_error(tmp_path, rules, "permanent-access", text, "protected-principal", "role")

    def test_entries_that_are_over_may_name_anybody(self, tmp_path: Path) -> None:
        rules = (
            "protected_principals: {users: [bob]}\n"
            "forbidden_grants: [{grants: [writer]}]\n"
            "grantees: [{grants: [writer], users: []}]\n"
        )
        over = temporary(tmp_path, rules, OVER)
        assert [each.code for each in over.findings] == ["expired"]
        alive = temporary(tmp_path, rules, UNTIL)
        assert {each.code for each in alive.findings} == {
            *("protected-principal", "forbidden-grant", "not-a-grantee")
        }

    @pytest.mark.parametrize("pattern", ["reader", "read*", "pay/reader", "*/reader"])
    def test_what_may_only_be_granted_for_a_time(self, tmp_path: Path, pattern: str) -> None:
        text = (
            "permanent-access:\n"
            "  - {roles: [ops], environments: [prod], grants: [writer, ¶reader]}\n"
        )
        rules = f"only_temporary:\n  - ¶'{pattern}'\n"
        check_error(tmp_path, rules, "permanent-access", text, "only-temporary", "'reader'")
        entry = {"permanent-access/pay.yaml": "permanent-access: []"}
        assert ruled(tmp_path, rules.replace("¶", ""), entry).findings == ()

    def test_what_may_never_be_granted_somewhere(self, tmp_path: Path) -> None:
        text = (
            "permanent-access:\n"
            "  - {roles: [ops], environments: [nonprod, prod], grants: [writer, ¶reader]}\n"
        )
        rules = "forbidden_grants:\n  - ¶grants: [reader, read*]\n    environments: [prod*]\n"
        check_error(tmp_path, rules, "permanent-access", text, "forbidden-grant", "in 'prod'")
        everywhere = rules.partition("    env")[0]
        check_error(
            tmp_path, everywhere, "permanent-access", text, "forbidden-grant", "'nonprod' or 'prod'"
        )
        text = START.replace("writer", "¶reader") + UNTIL
        (tmp_path / "permanent-access/pay.yaml").unlink()
        files = {"permanent-access/pay.yaml": "permanent-access: []"}
        configuration = ruled(
            tmp_path,
            rules.replace("¶", ""),
            {"temporary-access/pay.yaml": text.replace("¶", ""), **files},
        )
        assert [each.code for each in configuration.findings] == ["forbidden-grant"]
        elsewhere = text.replace("¶", "").replace("prod", "nonprod")
        assert (
            ruled(
                tmp_path,
                rules.replace("¶", ""),
                {"temporary-access/pay.yaml": elsewhere, **files},
            ).findings
            == ()
        )

    @pytest.mark.parametrize(
        ("rule", "expected"),
        [
            ("", []),
            ("teams: [pay]", []),
            ("teams: ['p*', web]", []),
            ("teams: [web]", ["grant"]),
            ("teams: []", ["grant"]),
            ("teams: ", ["grant"]),
            ("users: ['*@example.com']", []),
            ("users: ['*@EXAMPLE.com']", []),
            ("users: [bob]", []),
            ("users: ['bob@corp.example']", ["user"]),
            ("users: ['*@example.com', x], teams: [web]", ["grant"]),
            # A list means only what it lists.
            ("roles: ['*']", ["user"]),
            ("users: []", ["user"]),
            ("users: ", ["user"]),
        ],
    )
    def test_who_may_be_granted_what(self, tmp_path: Path, rule: str, expected: list[str]) -> None:
        rules = f"grantees:\n  - {{grants: [writer], {rule}}}\n"
        rules += "domains: [Example.com]\n"
        configuration = temporary(tmp_path, rules, UNTIL)
        errors = [each for each in configuration.findings if each.is_error]
        lines = {"grant": 3, "user": 4}
        assert [each.code for each in errors] == ["not-a-grantee"] * len(expected)
        assert [each.location and each.location.line for each in errors] == [
            lines[each] for each in expected
        ]
        assert all("settings.yaml:2:5)" in each.hint for each in errors)

    def test_every_rule_that_matches_must_hold(self, tmp_path: Path) -> None:
        both = "{grants: ['*'], users: ['*@example.com']}"
        for second, expected in (("[bob]", 0), ("[ann]", 1)):
            rules = f"grantees: [{both}, {{grants: [pay/writer], users: {second}}}]\n"
            rules += "domains: example.com"
            assert (
                len(
                    ruled(
                        tmp_path,
                        rules,
                        {
                            "temporary-access/pay.yaml": START + UNTIL,
                            "permanent-access/pay.yaml": "permanent-access: []",
                        },
                    ).findings
                )
                == expected
            )

    @pytest.mark.parametrize(
        "rules",
        [
            "{domains: [a.b], grantees: [{grants: [reader], users: ['*@a.b', 'user/*@c.d']}]}",
            "{domains: ['*.b'], grantees: [{grants: [reader], users: ['*@*.b', ann@c.d]}]}",
            "{user_names: whole address, grantees: [{grants: [reader], users: ['*@a.b']}]}",
            "{user_names: {whole address: a.b}, grantees: [{grants: [reader], users: ['*@a.b']}]}",
        ],
    )
    def test_a_domain_keeps_out_whom_it_can_tell(self, tmp_path: Path, rules: str) -> None:
        assert ruled(tmp_path, rules).settings_valid

    @pytest.mark.parametrize(
        ("user", "expected"),
        [
            ("bob@example.com", []),
            ("bob@EXAMPLE.com", []),
            ("bob@it.example.org", []),
            ("bob", []),
            ("user/bob@other.org", []),
            ("bob@other.org", ["unknown-domain"]),
            ("bob@example.com.org", ["unknown-domain"]),
            ("bob@", ["unknown-domain"]),
        ],
    )
    def test_an_address_is_of_a_domain_that_counts(
        self, tmp_path: Path, user: str, expected: list[str]
    ) -> None:
        entry = UNTIL.replace("bob@example.com", user)
        found = temporary(tmp_path, "domains: [example.com, '*.example.org']", entry).findings
        assert [each.code for each in found if each.is_error] == expected

    def test_roles_are_listed_apart_from_users(self, tmp_path: Path) -> None:
        text = (
            "permanent-access:\n  - {users: [ann@example.com], roles: [ci, ¶deployer], "
            "environments: [nonprod], grants: [reader]}\n"
        )
        rules = "grantees:\n  - ¶{grants: [reader], users: [ann], roles: ['c*']}\n"
        check_error(tmp_path, rules, "permanent-access", text, "not-a-grantee", "roles like 'c*'")


class TestSettings:
    def test_all_are_read_and_reach_the_plan(self, tmp_path: Path) -> None:
        rules = ruled(
            tmp_path,
            "temporary_access:\n"
            "  forms: [role, inline]\n"
            "  outliving_actions: warn\n"
            "  resource_policies: deny\n"
            "  environments: {'prod*': {require_mfa: true}, nonprod: {require_mfa: false}}\n",
        ).rules
        prod, nonprod = rules.temporary("prod"), rules.temporary("nonprod")
        assert (prod.require_mfa, nonprod.require_mfa) == (True, False)
        assert list(prod.closed) == [Form.POLICY]
        assert f"{tmp_path}/settings.yaml:2:10" in prod.closed[Form.POLICY]
        assert prod.outliving is Outliving.WARN
        assert f"{tmp_path}/settings.yaml:3:22" in prod.outliving_source

    def test_one_environment_cannot_do_without_what_all_must_have(self, tmp_path: Path) -> None:
        rules = "temporary_access: {require_mfa: true, environments: {prod: {require_mfa: false}}}"
        assert ruled(tmp_path, rules).rules.temporary("prod").require_mfa

    def test_nothing_is_asked_by_default(self, tmp_path: Path) -> None:
        rules = loaded(tmp_path).rules
        written = rules.temporary("prod")
        assert not written.require_mfa
        assert written.closed == {}
        assert written.outliving is Outliving.DENY
        assert rules.boundary is None

    def test_the_file_that_comes_with_it_says_the_defaults(self, tmp_path: Path) -> None:
        configuration = ruled(tmp_path, SHIPPED)
        assert configuration.findings == ()
        assert configuration.settings == Settings()

    def test_every_rule_that_is_off_there_can_be_turned_on(self, tmp_path: Path) -> None:
        text = COMMENTED_OUT.sub(r"\1\2", SHIPPED)
        configuration = ruled(tmp_path, text)
        assert configuration.settings_valid
        rules, defaults = configuration.settings, Settings()
        for known, default, model in (
            (rules, defaults, Settings),
            (rules.temporary_access, defaults.temporary_access, TemporaryAccessSettings),
        ):
            on = {name for name in model.model_fields if f"{name}:" in SHIPPED}
            assert on == model.model_fields.keys()
            documented = (ROOT / "docs" / "files.md").read_text("utf-8")
            assert [name for name in on if f"`{name}`" not in documented] == []
            off = {name for name in on if re.search(rf"^ *# {name}:", SHIPPED, re.MULTILINE)}
            assert all(getattr(known, name) != getattr(default, name) for name in off)

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("temporary_access: {shortest: ¶soon}", "bad-duration"),
            ("temporary_access: ¶{shortest: 7d}", "bad-duration"),
            ("temporary_access: {grants: {x*: ¶{shortest: 2h, longest: 1h}}}", "bad-duration"),
            ("temporary_access: {environments: {prod: {¶longst: 2h}}}", "unknown-key"),
            ("temporary_access: {environments: {prod: {longest: ¶2}}}", "bad-duration"),
            ("temporary_access: {grants: {x*: {¶require_mfa: true}}}", "unknown-key"),
            ("temporary_access: {forms: ¶[]}", "empty-list"),
            ("temporary_access: {forms: [inline, ¶rol]}", "bad-value"),
            ("temporary_access: {outliving_actions: ¶allow}", "bad-value"),
            ("temporary_access: {require_mfa: ¶yes}", "bad-value"),
            ("temporary_access: {require_mfa: ¶}", "bad-value"),
            ("temporary_access: {require_mfa: ¶[true]}", "bad-value"),
            ('temporary_access: {require_ticket: ¶"[A-Z"}', "bad-pattern"),
            ('temporary_access: {require_ticket: ¶"a{99999999999}"}', "bad-pattern"),
            ('temporary_access: {require_ticket: ¶"[[a]"}', "bad-pattern"),
            ("temporary_access: {require_ticket: ¶[x]}", "bad-pattern"),
            ("temporary_access: {require_ticket: ¶'(?!x).*-.*-.*-'}", "bad-pattern"),
            ("temporary_access: {require_description: ¶-1}", "bad-number"),
            ("temporary_access: {require_description: ¶long}", "bad-number"),
            ("only_temporary: [x*, ¶'']", "bad-pattern"),
            ("only_temporary: ¶{a: b}", "wrong-type"),
            ("known_names: [s3:*, ¶'*']", "bad-pattern"),
            ("closed_accounts: ['111122223333', ¶'12']", "bad-account-id"),
            ("expected_access: [¶{users: [ann]}]", "missing-key"),
            ("expected_access: [{groups: ¶[]}]", "empty-list"),
            ("known_names: [¶'s*:Get*']", "bad-pattern"),
            ("known_names: [¶evidently]", "bad-pattern"),
            ("protected_principals: {users: [¶'*@corp.example']}", "bad-pattern"),
            ("protected_principals: {¶user: [a]}", "unknown-key"),
            ("user_names: ¶address", "bad-value"),
            ("user_names: ¶[whole address]", "bad-value"),
            ("user_names: ¶{whole address: []}", "bad-value"),
            ("user_names: ¶{whole address: [a.b], part before the @: [c.d]}", "bad-value"),
            ("user_names: ¶{whole address: ['@a.b']}", "bad-pattern"),
            (
                "{user_names: {whole address: x.y}, protected_principals: {users: [x@y, ¶'*@y']}}",
                "bad-pattern",
            ),
            ("protected_principals: ¶[a]", "wrong-type"),
            ("forbidden_grants: [¶{environments: [prod]}]", "missing-key"),
            ("forbidden_grants: [{grants: ¶[]}]", "empty-list"),
            ("forbidden_grants: ¶reader", "wrong-type"),
            ("grantees: [¶{teams: [pay]}]", "missing-key"),
            ("only_temporary: [x*, ¶{grants: }]", "missing-key"),
            ("only_temporary: [{allows: [¶iam]}]", "bad-action"),
            ("forbidden_actions: [¶{environments: [prod]}]", "missing-key"),
            ("forbidden_actions: [{actions: [iam:Get*, ¶'iam:*:x']}]", "bad-action"),
            ("forbidden_actions: [{actions: ¶[]}]", "empty-list"),
            ("permissions_boundary: ¶a b", "bad-boundary"),
            ("domains: [a.b, ¶'@c.d']", "bad-pattern"),
            ("grantees: [{grants: [reader], users: [bob, ¶'*@a.b']}]", "hollow-rule"),
            ("grantees: [{grants: [reader], users: [¶'*']}]".replace("*", "x*@a.b"), "hollow-rule"),
            (
                "{domains: [a.b, c.d], grantees: [{grants: [reader], users: [¶'*@a.b']}]}",
                "hollow-rule",
            ),
            ("permissions_boundary: ¶arn:aws:iam::{account_id}:role/x", "bad-boundary"),
            ("permissions_boundary: ¶arn:aws:iam::{account}:policy/x", "bad-boundary"),
            ("permissions_boundary: ¶arn:aws:iam::{account_id}:policy/{team}/x", "bad-boundary"),
        ],
    )
    def test_what_cannot_be_meant(self, tmp_path: Path, text: str, code: str) -> None:
        text, place = marked(text)
        configuration = ruled(tmp_path, text)
        assert finding_lines(configuration) == [f"settings.yaml:{place} error {code}"]
        assert only_finding(configuration).hint
        assert not configuration.settings_valid

    @pytest.mark.parametrize(
        "text",
        [
            "only_temporary: \nprotected_principals: \nforbidden_grants: \ngrantees: \n",
            "permissions_boundary: \n",
            "protected_principals: {users: , roles: }",
            "temporary_access: {forms: role, environments: , grants: }",
            "only_temporary: 'write*'",
            "permissions_boundary: arn:{partition}:iam::{account_id}:policy/ops/edge",
            "permissions_boundary: arn:aws:iam::aws:policy/PowerUserAccess",
            "user_names: ",
            "user_names: {part before the @: example.com}",
            "user_names: whole address\nprotected_principals: {users: ['*@corp.example']}",
            "protected_principals: {users: ['user/*@example.com']}",
        ],
    )
    def test_keys_whose_content_is_commented_out_say_nothing(
        self, tmp_path: Path, text: str
    ) -> None:
        assert ruled(tmp_path, text).findings == ()

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("temporary_access: {environments: {¶prd: {longest: 1h}}}", "'prod'"),
            ("temporary_access: {grants: {¶writr: {longest: 1h}}}", "'writer'"),
            ("only_temporary: [reader, ¶raeder]", "'reader'"),
            ("forbidden_grants: [{grants: [¶pay/reade], environments: [prod]}]", "'pay/reader'"),
            ("forbidden_grants: [{grants: [writer], environments: [¶qa]}]", "correct the name"),
            ("grantees: [{grants: ['r*'], teams: [¶pya]}]", "'pay'"),
            ("grantees: [{grants: [¶'x*']}]", "correct the name"),
            ("only_temporary: [{managed_policies: [x]}, {grants: [¶'x*']}]", "correct the name"),
            ("forbidden_grants: [{allows: ['s3:*', ¶'s3:Gte*'], environments: [prod]}]", "correct"),
            ("forbidden_actions: [{actions: ['iam:*'], environments: [¶'q*']}]", "correct"),
            ("grantees: [{allows: ['iam:*'], teams: [¶'w*']}]", "correct"),
            ("closed_accounts: ['999988887777', ¶'111122223333']", "take it out of aws-accounts/"),
            ("expected_access: [{groups: [x], environments: [¶q*]}]", "correct"),
        ],
    )
    def test_a_rule_for_what_is_not_there_is_a_warning(
        self, tmp_path: Path, text: str, hint: str
    ) -> None:
        text, place = marked(text)
        entry = {
            "permanent-access/pay.yaml": "permanent-access: []",
        }
        configuration = ruled(tmp_path, text, entry)
        assert finding_lines(configuration) == [
            f"settings.yaml:{place} warning rule-without-effect"
        ]
        assert hint in only_finding(configuration).hint
        assert configuration.settings_valid

    def test_nobody_can_tell_what_is_in_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        rules = "only_temporary: [x]\ntemporary_access: {environments: {y: {longest: 1h}}}\n"
        broken = {"aws-policies/pay.yaml": "[", "aws-accounts/pay.yaml": "["}
        codes = {each.code for each in ruled(tmp_path, rules, broken).findings}
        assert "rule-without-effect" not in codes


def test_old_entries_never_break_the_build(tmp_path: Path) -> None:
    """What was right when it was written is no error at any time after."""
    rules = (
        "temporary_access: {longest: 8h, shortest: 1h, furthest_start: 2d, require_ticket: P-1}\n"
    )
    entry = UNTIL + "    ticket: P-1\n    starts_at: 2026-03-01T13:00:00Z\n"
    moments = [datetime(2026, 3, 1, hour, 59, tzinfo=UTC) for hour in range(24)]
    for now in [*moments, NOW + timedelta(days=400)]:
        assert not any(each.is_error for each in temporary(tmp_path, rules, entry, now).findings)


def test_a_rule_for_an_environment_holds_whatever_a_team_calls_the_account(tmp_path: Path) -> None:
    rules = loaded(
        tmp_path,
        {
            "settings.yaml": "temporary_access: {environments: {prod: {require_mfa: true}}}",
            "aws-accounts/owners.yaml": 'aws-accounts: {prod: "111122223333"}',
            "aws-accounts/others.yaml": 'aws-accounts: {live: "111122223333"}',
        },
    ).rules
    assert rules.temporary("live", "others").require_mfa
    assert not rules.temporary("live", "strangers").require_mfa
    assert "111122223333" in rules.names_of_account("others", "live")
