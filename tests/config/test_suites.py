"""Files with assertions: what is accepted, and what is found about the rest."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iam_access.config import suites
from iam_access.config.access_tests import Expectation
from iam_access.config.load import load
from iam_access.config.suites import Suites
from iam_access.errors import UsageError
from iam_access.model import Finding
from tests.config.repository import NOW, loaded, marked
from tests.config.test_fuzz import PIECES

DATA = Path(__file__).parents[1] / "data" / "access-tests"
ENVIRONMENTS = ("nonprod", "prod")
ACCOUNTS = ("111122223333", "444455556666")

TEST = """\
tests:
  - actions: [s3:GetObject]
    expected_result: fail
"""


def read(tmp_path: Path, text: str) -> Suites:
    file = tmp_path / "tests.yaml"
    file.write_text(text)
    return suites.of_file(file, ENVIRONMENTS, ACCOUNTS)


def finding_places(findings: Iterable[Finding]) -> list[str]:
    return [
        f"{each.location.line}:{each.location.column} {each.severity} {each.code}"
        for each in findings
        if each.location
    ]


def test_files_of_the_account_tester_are_accepted_as_they_are() -> None:
    found = suites.of_file(DATA / "privileges.yml", ENVIRONMENTS, ACCOUNTS)
    (suite,) = found.suites
    assert not any(finding.is_error for finding in found.findings)
    assert suite.spec.user_landing_account == "0999888777"
    assert len(suite.spec.global_exemptions) == 3
    first, second = suite.spec.tests
    assert first.actions[:2] == ["*:*", "iam:*"]
    assert first.expected_result is Expectation.FAIL
    assert second.custom_context[0].values == ("false",)
    assert second.limit_to == ["^arn:aws:iam::(\\d*):user/(.*)(OWNER|owner)(.*)$"]


def test_what_that_tester_ignores_is_told_and_ignored() -> None:
    found = suites.of_file(DATA / "workers.yml", ENVIRONMENTS, ACCOUNTS)
    assert finding_places(found.findings) == [
        "16:9 warning unknown-service",
        "19:7 warning unknown-key",
    ]
    assert found.findings[1].hint == "did you mean 'exemptions'?"
    (suite,) = found.suites
    assert [each.resources for each in suite.spec.tests][1] == []
    assert suite.spec.tests[0].expected_result is Expectation.SUCCEED


@pytest.mark.parametrize(
    "text",
    [
        "access-tests:\n  tests:\n    - {actions: [s3:GetObject], expected_result: fail}\n",
        "access-tests:\n  - {actions: s3:GetObject, expected_result: fail}\n",
    ],
)
def test_the_name_of_the_folder_may_stand_at_the_top(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text)
    assert found.findings == ()
    ((test, place),) = found.suites[0].tests
    assert test.actions == ["s3:GetObject"]
    assert place.location.line == text.count("\n")


def context(key: str, values: str, kind: str = "string") -> str:
    """A test whose requests have this key."""
    return (
        f"{TEST}    custom_context:\n      - context_key_name: {key}\n"
        f"        context_key_type: {kind}\n        context_key_values: {values}\n"
    )


@pytest.mark.parametrize(
    ("key", "kind", "values"),
    [
        ("aws:CurrentTime", "date", "¶tomorrow"),
        ("aws:CurrentTime", "string", "¶next week"),
        ("aws:EpochTime", "numeric", "¶soon"),
        ("aws:MultiFactorAuthAge", "numeric", "¶5m"),
        ("aws:MultiFactorAuthAge", "string", "¶an hour"),
        ("aws:MultiFactorAuthPresent", "string", "¶yes"),
        ("aws:SourceIp", "ip", "¶10.0.0"),
        ("aws:SourceIp", "string", "¶10.0.0.0/8"),
        ("aws:SourceIp", "ip", "¶[10.0.0.1, 10.0.0.2]"),
        ("aws:PrincipalArn", "string", "¶ann"),
        ("iam:PermissionsBoundary", "stringList", "[¶limit]"),
        ("service:Blob", "binary", "¶'???'"),
        ("service:Numbers", "numericList", "[1, ¶two]"),
        ("aws:username", "string", "¶null"),
        ("aws:TagKeys", "stringList", "[a, ¶null]"),
    ],
)
def test_values_that_no_condition_can_meet_are_errors(
    tmp_path: Path, key: str, kind: str, values: str
) -> None:
    plain, place = marked(context(key, values, kind))
    found = read(tmp_path, plain)
    assert [each for each in finding_places(found.findings) if "warning" not in each] == [
        f"{place} error {'wrong-type' if 'null' in values else 'bad-value'}"
    ]
    assert all(each.hint for each in found.findings)


@pytest.mark.parametrize(
    ("key", "kind", "values"),
    [
        ("aws:CurrentTime", "date", "2026-12-01"),
        ("aws:EpochTime", "numeric", "1772000000"),
        ("aws:MultiFactorAuthPresent", "boolean", "yes"),
        ("AWS:multifactorauthpresent", "string", "'False'"),
        ("aws:SourceIp", "ip", "2001:db8::1"),
        ("aws:TagKeys", "string", "[a, b]"),
        ("service:Blob", "binary", "aGVsbG8="),
        ("aws:PrincipalArn", "string", "arn:aws:iam::111122223333:user/ann"),
        ("aws:RequestTag/team", "string", "payments"),
        ("redshift:DbUser", "string", "admin"),
    ],
)
def test_values_of_the_keys_type_are_accepted(
    tmp_path: Path, key: str, kind: str, values: str
) -> None:
    found = read(tmp_path, context(key, values, kind))
    assert not [each for each in found.findings if each.is_error]


def test_a_key_given_twice_is_an_error_whatever_its_case(tmp_path: Path) -> None:
    more = "      - {¶context_key_name: AWS:sourceip, context_key_values: 10.0.0.1}\n"
    plain, place = marked(context("aws:SourceIp", "10.0.0.1") + more)
    found = read(tmp_path, plain)
    line = place.partition(":")[0]
    ((where, severity, code),) = [each.split() for each in finding_places(found.findings)]
    assert (where.partition(":")[0], severity, code) == (line, "error", "duplicate-condition-key")


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("¶aws:MultiFactorAuthPresen", "did you mean 'aws:MultiFactorAuthPresent'?"),
        ("¶aws:PrincipleTag/team", "did you mean 'aws:PrincipalTag/team'?"),
        ("¶s3:prefx", "did you mean 's3:prefix'?"),
        ("¶zz9:qqq", "see the condition keys of the service"),
    ],
)
def test_a_condition_key_that_aws_does_not_know_is_told(
    tmp_path: Path, key: str, hint: str
) -> None:
    plain, place = marked(context(key, "x"))
    found = read(tmp_path, plain)
    assert finding_places(found.findings) == [f"{place} warning unknown-condition-key"]
    assert found.findings[0].hint == hint


def test_a_test_may_be_about_nobody_in_some_accounts(tmp_path: Path) -> None:
    found = read(tmp_path, TEST + "    allow_no_match: true\n")
    assert found.findings == ()
    assert found.suites[0].spec.tests[0].allow_no_match
    assert (
        not read(tmp_path, TEST + "    allow_no_match: no\n").suites[0].spec.tests[0].allow_no_match
    )
    plain, place = marked(TEST + "    allow_no_match: ¶some\n")
    assert finding_places(read(tmp_path, plain).findings) == [f"{place} error bad-value"]
    plain, place = marked(TEST + "    allow_no_match: ¶[true]\n")
    assert finding_places(read(tmp_path, plain).findings) == [f"{place} error bad-value"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (TEST.replace("[s3", "[¶s3get").replace(":Get", "Get"), "bad-action"),
        (TEST.replace("[s3:GetObject]", "¶[]"), "no-actions"),
        (TEST.replace("fail", "¶never"), "bad-value"),
        (TEST + "    ¶actions: [s3:PutObject]\n", "duplicate-key"),
        (TEST + '    exemptions: [¶"(("]\n', "bad-expression"),
        (TEST + '    limit_to: ¶["^arn:aws:iam::999988887777:user/ann$"]\n', "unknown-account"),
        ('global_limit_to: ¶["arn:aws:iam::999988887777:.*"]\n' + TEST, "unknown-account"),
        (TEST + '    limit_to: [¶"*a"]\n', "bad-expression"),
        (TEST + '    limit_to: [¶"a{99999999999999}"]\n', "bad-expression"),
        (TEST + '    limit_to: [¶"(?!x)(a+)+$"]\n', "slow-expression"),
        (TEST + f'    limit_to: [¶"{"(" * 600}{")" * 600}"]\n', "slow-expression"),
        ('global_exemptions: [¶"["]\n' + TEST, "bad-expression"),
        (TEST + "    resources: [¶bucket]\n", "bad-resource"),
        (TEST + '    resources: [¶"arn:aws:s3:::{acount_id}"]\n', "unknown-placeholder"),
        (TEST + "    environments: [prod, ¶prd]\n", "unknown-environment"),
        (TEST + "    users: [¶a/b]\n", "bad-user"),
        (TEST + "    roles: [¶path/role]\n", "bad-role"),
        (TEST.replace("    expected_result: fail\n", "").replace("- a", "- ¶a"), "missing-key"),
        (TEST + "    custom_context: [{context_key_name: ¶mfa, context_key_values: x}]\n",
         "bad-condition-key"),
        (TEST + "    custom_context:\n      - context_key_name: aws:SecureTransport\n"
         "        context_key_type: boolean\n        context_key_values: ¶maybe\n", "bad-value"),
        (TEST + "    custom_context:\n      - context_key_name: aws:SecureTransport\n"
         "        context_key_type: ¶bool\n        context_key_values: true\n", "bad-value"),
        ("¶- actions: [s3:GetObject]\n", "wrong-type"),
    ],
)  # fmt: skip
def test_errors_have_a_place_and_leave_the_file_out(tmp_path: Path, text: str, code: str) -> None:
    plain, place = marked(text)
    found = read(tmp_path, plain)
    assert found.suites == ()
    assert finding_places(found.findings) == [f"{place} error {code}"]
    assert found.findings[0].hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TEST.replace("[s3:GetObject]", "[¶s3:GetObjekt]"), "warning unknown-action"),
        (TEST.replace("[s3:GetObject]", "[¶s3:Delete*]"), "note wildcard-action"),
        ("user_landing_account: ¶1234\n" + TEST, "warning bad-account-id"),
        ("tests: ¶[]\n", "warning no-tests"),
    ],
)
def test_what_does_no_harm_is_told_and_run(tmp_path: Path, text: str, expected: str) -> None:
    plain, place = marked(text)
    found = read(tmp_path, plain)
    assert len(found.suites) == 1
    assert finding_places(found.findings) == [f"{place} {expected}"]


@pytest.mark.parametrize(
    "limits",
    [
        ["arn:aws:iam::111122223333:user/ann"],
        ["^arn:aws:iam::999988887777:user/ann$", "^arn:aws:iam::444455556666:user/ann$"],
        ["^arn:aws:iam::999988887777:user/ann$", "^arn:aws:iam::[0-9]{12}:user/ann$"],
        ["^arn:aws:iam::999988887777:user/ann$|.*user/bob$"],
    ],
)
def test_accounts_in_expressions_are_those_of_the_files(tmp_path: Path, limits: list[str]) -> None:
    assert read(tmp_path, f"{TEST}    limit_to: {limits}\n").findings == ()


def test_a_wildcard_that_is_expanded_needs_no_note(tmp_path: Path) -> None:
    text = TEST.replace("GetObject", "Delete*") + "    wildcards: expand\n"
    assert read(tmp_path, text).findings == ()


def test_a_team_is_known_by_its_other_files(tmp_path: Path) -> None:
    configuration = loaded(
        tmp_path,
        {
            "access-tests/pay.yaml": TEST + "    environments: [prod]\n",
            "access-tests/web.yaml": TEST,
        },
    )
    found = suites.of_teams(configuration)
    assert [suite.team for suite in found.suites] == ["pay"]
    assert [(each.code, each.team) for each in found.findings] == [("missing-accounts", "web")]
    assert suites.of_teams(configuration, frozenset({"pay"})).findings == ()


def test_a_file_that_is_not_there_is_a_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        suites.of_file(tmp_path / "none.yaml", ENVIRONMENTS, ACCOUNTS)


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    assert finding_places(read(tmp_path, "---\n").findings) == ["1:1 error empty-file"]


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(DATA.glob("*.yml"))), st.data())
def test_a_valid_file_can_be_changed_anywhere(file: Path, data: st.DataObject) -> None:
    text = file.read_text()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 25, len(text))))
        piece = data.draw(st.sampled_from(["", *PIECES, text[end : end + 20]]))
        text = text[:start] + piece + text[end:]
    with tempfile.TemporaryDirectory() as directory:
        changed = Path(directory, "changed.yaml")
        changed.write_bytes(text.encode("utf-8", "ignore"))
        found = suites.of_file(changed, ENVIRONMENTS, ACCOUNTS)
    assert bool(found.suites) != any(finding.is_error for finding in found.findings)
    for finding in found.findings:
        assert finding.hint
        assert finding.location is not None


@pytest.mark.parametrize(
    "accounts", ["aws-accounts: {prod: '1'}\n", "aws-accounts: [\n", "", "aws-accounts: []\n", None]
)
def test_accounts_that_are_wrong_are_told_once(tmp_path: Path, accounts: str | None) -> None:
    text = TEST + "    environments: [nowhere]\n"
    configuration = loaded(tmp_path, {"access-tests/pay.yaml": text})
    assert finding_places(suites.of_teams(configuration).findings) == [
        "4:20 error unknown-environment"
    ]
    if accounts is None:
        (tmp_path / "aws-accounts" / "pay.yaml").unlink()
        configuration = load(tmp_path, now=NOW)
    else:
        configuration = loaded(tmp_path, {"aws-accounts/pay.yaml": accounts})
    assert configuration.invalid
    assert suites.of_teams(configuration).findings == ()


def test_expressions_of_a_file_are_bounded_together(tmp_path: Path) -> None:
    for number, codes in ((62, []), (63, ["2:1 error slow-expression"])):
        expressions = "\n".join(f"      - '{each}.{{800}}'" for each in range(number))
        text = f"# {number}\n{TEST}    exemptions:\n{expressions}\n"
        assert finding_places(read(tmp_path, text).findings) == codes
