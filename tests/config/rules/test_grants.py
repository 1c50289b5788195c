"""Rules about grants: by their keys, by what they consist of, and while names are not known."""

from pathlib import Path

import pytest

from tests.config.repository import finding_lines, loaded

UNCLOSED = 'aws-accounts:\n  prod: "777788889999\n'
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
NOTHING = {
    "permanent-access/pay.yaml": "permanent-access: []",
    "temporary-access/pay.yaml": "temporary-access: []",
}
RULES = (
    "temporary_access: {environments: {prod: {longest: 1h}}}\n"
    "forbidden_grants: [{grants: ['*.admin'], environments: [prod]}]\n"
)


def team(name: str, environment: str, *, temporary: bool = True) -> dict[str, str]:
    """A team that calls account 777788889999 so, with an administrator and a reader there."""
    until = "expires_at: 2026-03-03T12:00:00Z"
    entry = f"{{user: ann@x.org, environment: {environment}, grant: x.admin, {until}}}"
    return {
        f"aws-accounts/{name}.yaml": f'aws-accounts: {{{environment}: "777788889999"}}',
        f"aws-policies/{name}.yaml": "aws-policies:\n"
        f"  x.admin: {{managed_policies: ['{ADMIN}']}}\n"
        "  x.read: {managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']}\n",
        f"permanent-access/{name}.yaml": "permanent-access:\n"
        f"  - {{users: [ann@x.org], environments: [{environment}], grants: [x.admin]}}\n"
        f"  - {{users: [bob@x.org], environments: [{environment}], grants: [x.read]}}\n",
        f"temporary-access/{name}.yaml": "temporary-access:\n"
        + (f"  - {entry}\n" if temporary else "  []\n"),
    }


def codes(tmp_path: Path, *changes: dict[str, str]) -> dict[str, list[str]]:
    """The codes of what is found beside notes, by file."""
    merged = {key: value for each in (NOTHING, *changes) for key, value in each.items()}
    result: dict[str, list[str]] = {}
    for each in loaded(tmp_path, merged).findings:
        assert each.location is not None
        if each.severity != "note":
            file = each.location.file.removeprefix(f"{tmp_path}/")
            result.setdefault(file, []).append(each.code)
    return {file: sorted(each) for file, each in result.items()}


class TestNamesThatAreNotKnown:
    @pytest.mark.parametrize(
        "other",
        [
            {"aws-accounts/web.yaml": UNCLOSED},
            {"aws-accounts/web.yaml": ""},
            {"aws-accounts/web.yaml": b"\xff\xfe\xfa"},
            {"aws-accounts/web.yaml": 'aws-accounts: {prod: "77778888999"}'},
            {"aws-accounts/web.yaml": 'aws-accounts: {prod: "111111111111", prod: "777788889999"}'},
            {"aws-accounts/web.yaml": 'aws-account: {prod: "777788889999"}'},
            {"aws-accounts/Web.yaml": 'aws-accounts: {prod: "777788889999"}'},
            {"aws-accounts/web.yml": 'aws-accounts: {prod: "777788889999"}'},
            {"aws-accounts/w b.yaml": 'aws-accounts: {prod: "777788889999"}'},
            # The team is there, and the file with the names is gone.
            {"aws-policies/web.yaml": "aws-policies: {}"},
        ],
    )
    def test_what_a_rule_could_forbid_is_in_doubt(
        self, tmp_path: Path, other: dict[str, str]
    ) -> None:
        found = codes(tmp_path, {"settings.yaml": RULES}, team("new", "sandbox"), other)
        assert found["permanent-access/new.yaml"] == ["rule-unclear"]
        assert found["temporary-access/new.yaml"] == ["rule-unclear"] * 2

    def test_what_no_rule_could_forbid_is_not(self, tmp_path: Path) -> None:
        broken = {"aws-accounts/web.yaml": UNCLOSED}
        for rules in (
            "",
            "forbidden_grants: [{grants: ['*.x']}, {grants: ['*.y'], environments: [prod]}]",
            "temporary_access: {environments: {sandbox: {longest: 5d}}}",
            "only_temporary: ['*.y']",
        ):
            found = codes(tmp_path, {"settings.yaml": rules}, team("new", "sandbox"), broken)
            assert "permanent-access/new.yaml" not in found
            assert "temporary-access/new.yaml" not in found

    def test_a_name_that_is_known_decides(self, tmp_path: Path) -> None:
        both = (team("new", "sandbox"), team("old", "prod", temporary=False))
        broken = {"aws-accounts/web.yaml": UNCLOSED}
        found = codes(tmp_path, {"settings.yaml": RULES}, *both, broken)
        assert found["permanent-access/new.yaml"] == ["forbidden-grant"]
        assert found["temporary-access/new.yaml"] == ["forbidden-grant", "too-long"]

    def test_an_account_that_a_team_names_twice_keeps_both_names(self, tmp_path: Path) -> None:
        twice = {"aws-accounts/web.yaml": "aws-accounts: {prod: '777788889999', x: '777788889999'}"}
        found = codes(tmp_path, {"settings.yaml": RULES}, team("new", "sandbox"), twice)
        assert found["permanent-access/new.yaml"] == ["forbidden-grant"]


class TestNamesOfEnvironments:
    @pytest.mark.parametrize("name", ["PROD", "Prod", "prod"])
    def test_case_does_not_count(self, tmp_path: Path, name: str) -> None:
        found = codes(tmp_path, {"settings.yaml": RULES}, team("new", name))
        assert found["permanent-access/new.yaml"] == ["forbidden-grant"]
        assert found["temporary-access/new.yaml"] == ["forbidden-grant", "too-long"]
        assert "aws-accounts/new.yaml" not in found
        files = {**NOTHING, **team("new", name), "settings.yaml": RULES}
        notes = [each.code for each in loaded(tmp_path, files).findings if each.severity == "note"]
        assert ("similar-environment" in notes) is (name != "prod")

    def test_nor_does_it_for_a_second_factor(self, tmp_path: Path) -> None:
        rules = "temporary_access: {environments: {PR*: {require_mfa: true}}}"
        files = {**NOTHING, **team("new", "prod"), "settings.yaml": rules}
        assert loaded(tmp_path, files).rules.temporary("prod", "new").require_mfa

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("Production", ["similar-environment"]),
            ("prod-eu", ["similar-environment"]),
            ("pro", ["similar-environment"]),
            ("sandbox", []),
            ("myprod", []),
        ],
    )
    def test_a_name_that_begins_alike_is_told(
        self, tmp_path: Path, name: str, expected: list[str]
    ) -> None:
        found = codes(tmp_path, {"settings.yaml": RULES}, team("new", name))
        assert found.get("aws-accounts/new.yaml", []) == expected
        covered = RULES + f"forbidden_actions: [{{actions: 'iam:*', environments: ['{name}']}}]"
        assert "aws-accounts/new.yaml" not in codes(tmp_path, {"settings.yaml": covered})

    def test_an_id_is_a_name(self, tmp_path: Path) -> None:
        rules = "forbidden_grants: [{grants: [x.admin], environments: ['777788889999']}]"
        found = codes(tmp_path, {"settings.yaml": rules}, team("new", "sandbox"))
        assert found["permanent-access/new.yaml"] == ["forbidden-grant"]
        assert "settings.yaml" not in found


WRITES = "{effect: Allow, actions: ['s3:Put*', 'newservice:Make'], resources: ['*']}"
ALL_BUT = "{effect: Allow, not_actions: ['s3:*'], resources: ['*']}"
DENIED = "{effect: Deny, actions: ['s3:PutObject*'], resources: ['*']}"
SOMEWHERE = "{effect: Deny, actions: ['*'], resources: ['arn:aws:s3:::x']}"


class TestContents:
    @pytest.mark.parametrize(
        ("statements", "pattern", "expected"),
        [
            (WRITES, "s3:PutObject", True),
            (WRITES, "S3:putobject", True),
            (WRITES, "s3:*Object", True),
            (WRITES, "*", True),
            (WRITES, "s3:Get*", False),
            (WRITES, "newservice:*", True),
            (WRITES, "newservice:make", True),
            (ALL_BUT, "iam:CreateUser", True),
            (ALL_BUT, "newservice:Make", True),
            (ALL_BUT, "s3:*", False),
            (f"{WRITES}, {DENIED}", "s3:PutObject", False),
            (f"{WRITES}, {DENIED}", "s3:PutBucketPolicy", True),
            (f"{WRITES}, {SOMEWHERE}", "s3:PutObject", True),
            (f"{DENIED}, {SOMEWHERE}", "*", False),
        ],
    )
    def test_what_a_grant_allows_counts_whatever_its_key(
        self, tmp_path: Path, statements: str, pattern: str, *, expected: bool
    ) -> None:
        helper = f"aws-policies: {{helper: {{custom_statements: [{statements}]}}}}"
        files = {
            "aws-policies/pay.yaml": helper,
            "permanent-access/pay.yaml": "permanent-access:\n"
            "  - {roles: [ci], environments: [prod], grants: [helper]}\n",
        }
        for rules, code in (
            (f"forbidden_actions: [{{actions: '{pattern}', environments: [pr*]}}]", "forbidden-a"),
            (f"forbidden_grants: [{{allows: '{pattern}'}}]", "forbidden-g"),
            (f"only_temporary: [{{allows: '{pattern}'}}]", "only-t"),
            (f"grantees: [{{allows: ['{pattern}'], teams: [web]}}]", "not-a-g"),
        ):
            found = codes(tmp_path, {"settings.yaml": rules}, files)
            told = found.get("permanent-access/pay.yaml", [])
            assert [each[: len(code)] for each in told] == [code] * expected

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ("AdministratorAccess", True),
            ("administrator*", True),
            (ADMIN, True),
            ("ReadOnlyAccess", False),
        ],
    )
    def test_the_names_of_managed_policies_do(
        self, tmp_path: Path, pattern: str, *, expected: bool
    ) -> None:
        rules = f"forbidden_grants: [{{managed_policies: '{pattern}', environments: [prod]}}]"
        text = f"aws-policies: {{helper: {{managed_policies: ['{ADMIN}']}}}}"
        entry = "permanent-access:\n  - {roles: [ci], environments: [prod], grants: [helper]}\n"
        files = {"aws-policies/pay.yaml": text, "permanent-access/pay.yaml": entry}
        configuration = loaded(tmp_path, {**NOTHING, **files, "settings.yaml": rules})
        assert (
            finding_lines(configuration)
            == ["permanent-access/pay.yaml:2:50 error forbidden-grant"] * expected
        )

    def test_what_is_denied_with_a_temporary_grant_does_not_count(self, tmp_path: Path) -> None:
        statement = "{effect: Allow, actions: ['iam:*', 's3:*'], resources: ['*']}"
        files = {
            "aws-policies/pay.yaml": f"aws-policies: {{x: {{custom_statements: [{statement}]}}}}",
            "temporary-access/pay.yaml": "temporary-access:\n"
            "  - {role: ci, environment: prod, grant: x, expires_at: 2026-03-03T12:00:00Z}\n",
        }
        rule = "forbidden_actions: [{actions: ['iam:CreateUser']}]\n"
        assert codes(tmp_path, {"settings.yaml": rule}, files) == {}
        warn = f"{rule}temporary_access: {{outliving_actions: warn}}\n"
        assert codes(tmp_path, {"settings.yaml": warn}, files) == {
            "temporary-access/pay.yaml": ["forbidden-action"]
        }
