"""Policies are checked before AWS sees them, each finding at the value at fault."""

from pathlib import Path

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.load import load
from iam_access.kinds import names
from iam_access.model import Severity
from tests.config.repository import (
    ACCOUNTS,
    NOW,
    VALID,
    finding_lines,
    loaded,
    marked,
    only_finding,
    write,
)

START = """\
aws-policies:
  writer: {managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']}
  reader:
"""


def policy(*statements: str) -> str:
    lines = "".join(f"      - {{{each}}}\n" for each in statements)
    return f"{START}    custom_statements:\n{lines}"


def managed(*arns: str) -> str:
    return f"{START}    managed_policies: [{', '.join(arns)}]\n"


ON_ALL = 'resources: "*"'
FILLED = "'arn:{partition}:s3:::{team}-{environment}-{account_id}/${aws:username}/*'"
READ = f"effect: Allow, actions: [s3:GetObject, s3:ListBucket], {ON_ALL}"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (f"effect: Allow, actions: [s3:GetObject, ¶s3:GetObjec], {ON_ALL}", "unknown-action"),
        (f"effect: Allow, actions: ¶s3:GetObjec, {ON_ALL}", "unknown-action"),
        (f"effect: Deny, not_actions: [¶nothing:*], {ON_ALL}", "unknown-service"),
        (f"effect: Allow, actions: [¶'s3:Git*'], {ON_ALL}", "unknown-action"),
        (f"effect: Allow, actions: [¶'{{team}}:Get*'], {ON_ALL}", None),
        ("effect: Allow, actions: ['s3:*'], resources: [¶bucket]", "bad-arn"),
        ("effect: Allow, actions: ['s3:*'], not_resources: ['*', ¶'s3:::x']", "bad-arn"),
        (f"effect: Allow, actions: ¶[], {ON_ALL}", "missing-action"),
        (f"effect: Allow, actions: '*', not_actions: ¶'*', {ON_ALL}", "conflicting-actions"),
        (f"sid: ¶with space, {READ}", "bad-sid"),
        (f"{READ}, conditions: {{¶StringEqual: {{'aws:RequestedRegion': x}}}}", None),
        (f"{READ}, conditions: {{Bool: {{'aws:SecureTransport': ¶maybe}}}}", None),
        ("effect: Allow, actions: ['s3:*'], resources: [¶'arn:aws:s3:::\u2713']", None),
        ("effect: Allow, actions: ['s3:*'], resources: [¶'arn:aws:s3:::{teem}']", None),
        ("effect: Allow, actions: ['s3:*'], resources: [¶'arn:aws:s3:::{}']", None),
        (f"{READ}, conditions: {{StringLike: {{'s3:prefix': [a, ¶'{{Team}}/']}}}}", None),
        (f"{READ}, conditions: {{StringLike: {{¶'aws:PrincipalTag/{{x}}': a}}}}", None),
    ],
)
def test_what_aws_would_refuse(tmp_path: Path, statement: str, code: str | None) -> None:
    clean, place = marked(policy(statement))
    finding = only_finding(loaded(tmp_path, {"aws-policies/pay.yaml": clean}))
    assert str(finding.location).endswith(f"aws-policies/pay.yaml:{place}")
    assert code in (None, finding.code)
    assert finding.is_error
    assert finding.team == "pay"


def test_what_a_statement_lacks_is_told_where_it_begins(tmp_path: Path) -> None:
    text = policy(f"effect: Allow, {ON_ALL}", "effect: Allow, actions: '*'")
    assert finding_lines(loaded(tmp_path, {"aws-policies/pay.yaml": text})) == [
        "aws-policies/pay.yaml:5:9 error missing-action",
        "aws-policies/pay.yaml:6:9 error missing-resource",
    ]


@pytest.mark.parametrize(
    "statement",
    [
        READ,
        f"sid: Read1, {READ}",
        f"effect: Deny, not_actions: ['iam:*', 's3:Get*'], {ON_ALL}",
        "effect: Allow, actions: '*', not_resources: 'arn:aws:s3:::*'",
        f"effect: Allow, actions: ['s3:*'], resources: [{FILLED}]",
        f"{READ}, conditions: {{Bool: {{'aws:SecureTransport': true}}}}",
        f"{READ}, conditions: {{StringLike: {{'s3:prefix': ['{{team}}/', '${{aws:username}}']}}}}",
        f"{READ}, conditions: {{StringEquals: {{'aws:ResourceTag/{{team}}': x}}}}",
        f"{READ}, conditions: {{NumericLessThan: {{'s3:max-keys': 10}}}}",
        f"{READ}, conditions: {{DateLessThan: {{'aws:CurrentTime': 2030-01-01T00:00:00Z}}}}",
    ],
)
def test_what_aws_would_take(tmp_path: Path, statement: str) -> None:
    assert loaded(tmp_path, {"aws-policies/pay.yaml": policy(statement)}).findings == ()


def test_statements_are_carried_through_exactly(tmp_path: Path) -> None:
    statement = (
        "sid: A, effect: Deny, not_actions: ['s3:Get*'], not_resources: ['arn:aws:s3:::b'], "
        "conditions: {Bool: {'aws:SecureTransport': false}, StringLike: {'s3:prefix': [a, b]}}"
    )
    configuration = loaded(tmp_path, {"aws-policies/pay.yaml": policy(statement)})
    (spec,) = configuration.teams["pay"].policies["reader"].spec.custom_statements
    assert spec.iam == {
        "Sid": "A",
        "Effect": "Deny",
        "NotAction": ["s3:Get*"],
        "NotResource": ["arn:aws:s3:::b"],
        "Condition": {
            "Bool": {"aws:SecureTransport": "false"},
            "StringLike": {"s3:prefix": ["a", "b"]},
        },
    }


def test_statement_ids_differ_even_beside_a_wrong_statement(tmp_path: Path) -> None:
    text = policy(f"sid: A, {READ}", "effect: [x]", f"sid: B, {READ}", f"sid: A, {READ}")
    assert finding_lines(loaded(tmp_path, {"aws-policies/pay.yaml": text})) == [
        "aws-policies/pay.yaml:6:18 error bad-value",
        "aws-policies/pay.yaml:8:15 error duplicate-sid",
    ]


def test_a_statement_that_is_wrong_hides_no_other(tmp_path: Path) -> None:
    text = policy("effect: Alow, actions: x", f"effect: Allow, actions: [s3:Nothing], {ON_ALL}")
    assert [
        each.split()[-1]
        for each in finding_lines(loaded(tmp_path, {"aws-policies/pay.yaml": text}))
    ] == [
        *("bad-value", "unknown-action"),
    ]


@pytest.mark.parametrize(
    "slip", ["effect: Alow", "effect: Deny, more: 1", "effect: Deny, sid: [x]", "sid: A"]
)
def test_a_slip_in_a_statement_hides_nothing_else_in_it(tmp_path: Path, slip: str) -> None:
    text = policy(f"{slip}, actions: [s3:Nothing], resources: [bucket]")
    codes = [each.code for each in loaded(tmp_path, {"aws-policies/pay.yaml": text}).findings]
    assert len(codes) == 3
    assert codes[1:] == ["unknown-action", "bad-arn"]


@pytest.mark.parametrize(
    "statement",
    ["effect: Allow, actions: {}, resources: [x]", "effect: Allow, Action: x, resources: [x]"],
)
def test_what_is_written_wrongly_is_not_told_as_missing_too(tmp_path: Path, statement: str) -> None:
    configuration = loaded(tmp_path, {"aws-policies/pay.yaml": policy(statement)})
    assert not {each.code for each in configuration.findings} & {"missing-action", "bad-arn"}


def test_a_policy_has_room_for_25_times_6144_characters(tmp_path: Path) -> None:
    def text(length: int) -> str:
        resources = ", ".join(f"'arn:aws:s3:::{'x' * 50}{each:04}'" for each in range(length))
        return policy(f"effect: Allow, actions: [s3:ListBucket], resources: [{resources}]")

    assert loaded(tmp_path, {"aws-policies/pay.yaml": text(1_600)}).findings == ()
    finding = only_finding(loaded(tmp_path, {"aws-policies/pay.yaml": text(2_300)}))
    assert finding.code == "policy-too-large"
    assert "the policy 'reader' has" in finding.message
    assert "6,144 are allowed in one policy, and 25 policies" in finding.message
    assert str(finding.location).endswith("pay.yaml:4:5")


def test_a_statement_that_cannot_be_cut_has_to_fit(tmp_path: Path) -> None:
    resources = ", ".join(f"'arn:aws:s3:::{'x' * 50}{each:04}'" for each in range(90))
    text = policy(f"effect: Deny, actions: [s3:ListBucket], not_resources: [{resources}]")
    finding = only_finding(loaded(tmp_path, {"aws-policies/pay.yaml": text}))
    assert finding.code == "policy-too-large"
    assert "cannot be cut" in finding.message


@pytest.mark.parametrize(("resources", "codes"), [(80, []), (90, ["policy-name-too-long"])])
def test_the_name_of_every_part_has_to_fit(
    tmp_path: Path, resources: int, codes: list[str]
) -> None:
    listed = ", ".join(f"'arn:aws:s3:::{'x' * 50}{each:04}'" for each in range(resources))
    statement = policy(f"effect: Allow, actions: [s3:ListBucket], resources: [{listed}]")
    text = statement.replace("reader:", f"{'k' * 124}:")
    empty = {f"{each}/pay.yaml": f"{each}:" for each in ("permanent-access", "temporary-access")}
    configuration = loaded(tmp_path, {"aws-policies/pay.yaml": text, **empty})
    assert [each.code for each in configuration.findings] == codes


def test_the_size_is_that_of_the_longest_environment(tmp_path: Path) -> None:
    resources = ", ".join(f"'arn:aws:s3:::{{environment}}{each}'" for each in range(60))
    statement = f"effect: Deny, actions: [s3:ListBucket], not_resources: [{resources}]"
    text = policy(statement)
    assert loaded(tmp_path, {"aws-policies/pay.yaml": text}).findings == ()
    accounts = f"{ACCOUNTS}  {'e' * 64}: 000000000000\n"
    changes = {"aws-policies/pay.yaml": text.replace("{environment}", "{environment}" * 2)}
    finding = only_finding(loaded(tmp_path, {**changes, "aws-accounts/pay.yaml": accounts}))
    assert finding.code == "policy-too-large"


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", None),
        ("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", None),
        ("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", None),
        ("'arn:{partition}:iam::aws:policy/ReadOnlyAccess'", None),
        ("arn:aws:iam::111122223333:policy/mine", "customer-managed-policy"),
        ("'arn:aws:iam::{account_id}:policy/mine'", "bad-managed-policy"),
        ("arn:aws:iam::aws:policy/aws-service-role/SomeServiceRolePolicy", "policy-not-attachable"),
        ("'arn:{partition}:iam::aws:policy/aws-service-role/Some'", "policy-not-attachable"),
        ("arn:aws:iam::aws:policy/service-role/AWSLambdaRole", None),
        ("ReadOnlyAccess", "bad-managed-policy"),
        ("arn:aws:iam::aws:role/x", "bad-managed-policy"),
        ("arn:aws:s3:::bucket", "bad-managed-policy"),
        ("'arn:aws:iam::aws:policy/{team}'", "bad-managed-policy"),
        ("arn:aws:iam::aws:policy/", "bad-managed-policy"),
        ("arn:aws-cn:iam::aws:policy/ReadOnlyAccess", "wrong-partition"),
        (f"arn:aws:iam::aws:policy/{'x' * 120}", "tag-too-long"),
    ],
)
def test_managed_policies_are_those_of_aws(tmp_path: Path, arn: str, code: str | None) -> None:
    text = managed("arn:aws:iam::aws:policy/IAMReadOnlyAccess", arn)
    configuration = loaded(tmp_path, {"aws-policies/pay.yaml": text})
    expected = [f"aws-policies/pay.yaml:4:67 error {code}"] if code else []
    assert finding_lines(configuration) == expected


@pytest.mark.parametrize("element", ["resources", "not_resources"])
@pytest.mark.parametrize(
    ("partition", "wrong"),
    [
        *(("aws-us-gov", False), ("'{partition}'", False), ("'*'", False), ("aws-us*", False)),
        *(("aws", True), ("aws-cn", True), ("aws-iso*", True)),
    ],
)
def test_resources_are_of_the_partition_of_the_account(
    tmp_path: Path, element: str, partition: str, wrong: bool
) -> None:
    resource = f"'arn:{partition.strip(chr(39))}:s3:::bucket/*'"
    changes = {
        "aws-accounts/pay.yaml": "aws-accounts:\n"
        "  prod: {id: '111122223333', partition: aws-us-gov}\n",
        "aws-policies/pay.yaml": policy(
            f"effect: Allow, actions: [s3:GetObject], {element}: [{resource}]"
        ).replace("'arn:aws:iam", "'arn:{partition}:iam"),
        "permanent-access/pay.yaml": "permanent-access:\n"
        "  - {roles: [r], environments: [prod], grants: [reader]}\n",
    }
    configuration = loaded(tmp_path, changes)
    assert [each.code for each in configuration.findings if each.is_error] == (
        ["wrong-partition"] if wrong else []
    )
    assert all("write {partition}" in each.hint for each in configuration.findings)


def test_a_policy_that_grants_nothing_is_named(tmp_path: Path) -> None:
    text = START.replace("reader:", "reader: {}")
    finding = only_finding(loaded(tmp_path, {"aws-policies/pay.yaml": text}))
    assert finding.message == "the policy 'reader' grants nothing"


def test_a_placeholder_without_quotes(tmp_path: Path) -> None:
    text = policy("effect: Allow, actions: ['s3:*'], resources: {account_id}")
    finding = only_finding(loaded(tmp_path, {"aws-policies/pay.yaml": text}))
    assert finding.code == "wrong-type"
    assert '"{account_id}"' in finding.hint


def test_no_policy_has_hundreds_of_managed_policies(tmp_path: Path) -> None:
    for number, codes in ((100, []), (101, ["too-many-managed-policies"] * 2)):
        arns = ", ".join(f"arn:aws:iam::aws:policy/Some{each}" for each in range(number))
        policy = f"{{managed_policies: [{arns}]}}"
        text = f"aws-policies:\n  reader: {policy}\n  writer: {policy}\n"
        configuration = loaded(tmp_path, {"aws-policies/pay.yaml": text})
        assert [each.code for each in configuration.findings] == codes


def test_a_managed_policy_is_named_once(tmp_path: Path) -> None:
    text = managed(*["arn:aws:iam::aws:policy/ReadOnlyAccess"] * 2)
    assert only_finding(loaded(tmp_path, {"aws-policies/pay.yaml": text})).code == "duplicate-item"


@pytest.mark.parametrize(("environment", "wrong"), [("nonprod", False), ("china", True)])
def test_the_partition_is_that_of_the_accounts_it_is_granted_in(
    tmp_path: Path, environment: str, wrong: bool
) -> None:
    changes = {
        "aws-accounts/pay.yaml": f"{ACCOUNTS}  china: {{id: 000000000000, partition: aws-cn}}\n",
        "aws-policies/pay.yaml": managed("arn:aws:iam::aws:policy/ReadOnlyAccess"),
        "permanent-access/pay.yaml": "permanent-access:\n"
        f"  - {{roles: [r], environments: [{environment}], grants: [reader]}}\n",
    }
    codes = [each.code for each in loaded(tmp_path, changes).findings]
    assert codes == (["wrong-partition"] if wrong else [])


def test_names_of_policies_differ_in_more_than_dots_and_case(tmp_path: Path) -> None:
    one = "{managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']}"
    keys = ("reader", "writer", "a.b", "a-b", "A.B", "a_b")
    text = "aws-policies:\n" + "".join(f"  {key}: {one}\n" for key in keys)
    assert finding_lines(loaded(tmp_path, {"aws-policies/pay.yaml": text})) == [
        "aws-policies/pay.yaml:5:8 error policy-name-collision",
        "aws-policies/pay.yaml:6:8 error policy-name-collision",
    ]


@pytest.mark.parametrize(("length", "fits"), [(124, True), (125, False)])
def test_names_of_policies_have_128_characters(tmp_path: Path, length: int, fits: bool) -> None:
    one = "{managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']}"
    text = f"aws-policies:\n  reader: {one}\n  writer: {one}\n  {'k' * length}: {one}\n"
    codes = [each.code for each in loaded(tmp_path, {"aws-policies/pay.yaml": text}).findings]
    assert codes == ([] if fits else ["policy-name-too-long"])


RETIRED = policy(
    "effect: Allow, actions: ['evidently:Get*'], resources: '*', "
    "conditions: {StringEquals: {'s3:noSuchKey': x}}"
)
NAMES = ["unknown-service", "unknown-condition-key"]


def weights(configuration: Configuration) -> list[tuple[str, Severity]]:
    return [(each.code, each.severity) for each in configuration.findings]


def test_names_that_aws_has_retired_stop_no_team_that_had_them(tmp_path: Path) -> None:
    base = load(write(tmp_path / "base", {**VALID, "aws-policies/pay.yaml": RETIRED}), now=NOW)
    assert weights(base) == [(code, Severity.ERROR) for code in NAMES]
    base = load(tmp_path / "base", now=NOW, standing=True)
    assert weights(base) == [(code, Severity.WARNING) for code in NAMES]
    assert base.invalid == frozenset()
    again = load(tmp_path / "base", now=NOW, base=base)
    assert weights(again) == [(code, Severity.WARNING) for code in NAMES]


def test_names_that_a_change_brings_are_errors(tmp_path: Path) -> None:
    base = load(write(tmp_path / "base", VALID), now=NOW)
    assert base.findings == ()
    files = write(tmp_path / "new", {**VALID, "aws-policies/pay.yaml": RETIRED})
    configuration = load(files, now=NOW, base=base)
    assert weights(configuration) == [(code, Severity.ERROR) for code in NAMES]
    other = RETIRED.replace("evidently:Get*", "evidently:List*").replace("noSuchKey", "nosuchkey")
    base = load(files, now=NOW, standing=True)
    changed = write(tmp_path / "more", {**VALID, "aws-policies/pay.yaml": other})
    found = weights(load(changed, now=NOW, base=base))
    assert found == [(NAMES[0], Severity.ERROR), (NAMES[1], Severity.WARNING)]


def test_names_that_the_settings_tell_to_be_right(tmp_path: Path) -> None:
    files = {
        "aws-policies/pay.yaml": RETIRED,
        "settings.yaml": "known_names: ['Evidently:*', s3:NoSuchKey]\n",
    }
    assert loaded(tmp_path, files).findings == ()


def test_two_keys_of_which_temporary_grants_would_have_one_name_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only long keys are cut, with a hash: two of one hash are once in a million million."""
    monkeypatch.setattr(names, "label", lambda key: key[:4])
    one = "{managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']}"
    text = f"aws-policies:\n  reader: {one}\n  writer: {one}\n  written: {one}\n"
    finding = only_finding(loaded(tmp_path, {"aws-policies/pay.yaml": text}))
    assert finding.code == "policy-name-collision"
    assert "'written' and 'writer' would both be called writ" in finding.message
