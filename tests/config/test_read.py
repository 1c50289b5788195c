"""What does not fit a model is reported in words, at the value at fault."""

from pathlib import Path

import pytest

from iam_access.model import Severity
from tests.config.repository import ACCOUNTS, finding_lines, loaded, marked, only_finding

ENTRY = "{users: [ann@example.com], environments: [prod], grants: [reader]}"
GRANT = "{user: ann@example.com, environment: prod, grant: reader, expiration_date: 2026-03-02}"
STATEMENT = '{effect: Allow, actions: ["s3:GetObject"], resources: ["*"]}'


def check(tmp_path: Path, file: str, text: str, code: str, said: str, hint: str) -> None:
    """One finding, where the text is marked."""
    clean, place = marked(text)
    finding = only_finding(loaded(tmp_path, {file: clean}))
    assert (finding.code, finding.severity) == (code, Severity.ERROR)
    assert str(finding.location) == f"{tmp_path}/{file}:{place}"
    assert said in finding.message
    assert hint in finding.hint


def changed(text: str, old: str, new: str) -> str:
    """The text with one piece replaced, marked at its beginning unless the new piece is."""
    assert old in text
    replaced = text.replace(old, new, 1)
    return replaced if "¶" in replaced else f"¶{replaced}"


@pytest.mark.parametrize(
    ("old", "new", "code", "said", "hint"),
    [
        ("users:", "¶usrs: [], users:", "unknown-key", "'usrs'", "'users'"),
        ("users:", "¶zzz: 1, users:", "unknown-key", "'zzz'", "environments"),
        (", environments: [prod]", "", "missing-key", "'environments'", "environments:"),
        ("[prod]", "¶prod", "wrong-type", "a list, not text 'prod'", "[one, two]"),
        ("[prod]", "¶~", "wrong-type", "not nothing", "remove the key"),
        ("[prod]", "[¶[prod]]", "wrong-type", "an item of environments", "single value"),
        ("[prod]", "[¶~]", "wrong-type", "not nothing", "single value"),
        ("[prod]", "[prod, ¶{a: b}]", "wrong-type", "not a mapping", "single value"),
        ("[prod]", "¶[]", "grants-nothing", "environments is empty", "remove the entry"),
        ("[reader]", "¶[]", "grants-nothing", "grants is empty", "remove the entry"),
        ("[ann@example.com]", "[]", "nobody", "no user, role or group", "users:"),
        ("users: [ann@example.com], ", "", "nobody", "no user, role or group", "roles:"),
        ("ann@example.com", "¶'@example.com'", "bad-user", "'@example.com'", "before the @"),
        ("ann@example.com", "¶a b@example.com", "bad-user", "'a b@example.com'", "before"),
        ("ann@example.com", "¶ann@example.com bob@example.com", "bad-user", "'ann@e", "one e-mail"),
        ("ann@example.com", "¶ann@example.com; bob", "bad-user", "; bob'", "one e-mail"),
        ("ann@example.com", "¶é@example.com", "bad-user", "@example.com'", "before the @"),
        ("ann@example.com", "¶" + "x" * 65, "bad-user", "xxx", "1 to 64"),
        ("users: [ann@example.com]", "roles: [¶a/b]", "bad-role", "'a/b'", "not its ARN"),
        ("users:", "description: ¶[], users:", "wrong-type", "description", "single value"),
        (ENTRY, "text", "wrong-type", "the entry must be a mapping", "key: value"),
        (ENTRY, "~", "wrong-type", "not nothing", "key: value"),
    ],
)
def test_permanent_entries(
    tmp_path: Path, old: str, new: str, code: str, said: str, hint: str
) -> None:
    text = f"permanent-access:\n  - {changed(ENTRY, old, new)}\n"
    check(tmp_path, "permanent-access/pay.yaml", text, code, said, hint)


DAY = "expiration_date: 2026-03-02"


@pytest.mark.parametrize(
    ("old", "new", "code", "said", "hint"),
    [
        ("user:", "role: deployer, user:", "not-one-principal", "exactly one", "remove user or"),
        ("user: ann@example.com, ", "", "not-one-principal", "exactly one", "role: "),
        ("ann@example.com", "~", "not-one-principal", "exactly one", "role: "),
        ("ann@example.com", "¶[ann@example.com]", "wrong-type", "not a list", "single value"),
        (f", {DAY}", "", "not-one-deadline", "exactly one", "expires_at"),
        ("2026-03-02", "~", "not-one-deadline", "exactly one", "expires_at"),
        (
            *("grant:", "expires_at: 2026-03-02T00:00:00Z, grant:"),
            *("not-one-deadline", "exactly one", "keep one of expiration_date"),
        ),
        ("2026-03-02", "¶2026-02-30", "bad-date", "'2026-02-30'", "such as 2026-03-02"),
        ("2026-03-02", "¶02.03.2026", "bad-date", "'02.03.2026'", "such as 2026-03-02"),
        ("2026-03-02", "¶2026-3-2", "bad-date", "'2026-3-2'", "write 2026-03-02"),
        ("2026-03-02", "¶YYYY-MM-DD", "bad-date", "'YYYY-MM-DD'", "put a day in the place"),
        ("2026-03-02", "¶20260302", "bad-date", "'20260302'", "write 2026-03-02"),
        ("2026-03-02", "¶2026-W10-1", "bad-date", "'2026-W10-1'", "such as 2026-03-02"),
        ("2026-03-02", "¶9999-12-31", "bad-date", "'9999-12-31'", "permanent"),
        ("2026-03-02", "¶tomorrow", "bad-date", "'tomorrow'", "such as 2026-03-02"),
        ("2026-03-02", "¶[2026-03-02]", "bad-date", "a list is not", "such as 2026-03-02"),
        (DAY, "expires_at: ¶2026-03-02T10:00:00", "bad-instant", "no time zone", "Z for UTC"),
        (DAY, "expires_at: ¶soon", "bad-instant", "'soon'", "such as 2026-03-02T12:00:00Z"),
        (
            *(DAY, "expires_at: ¶0001-01-01T00:00:00+14:00"),
            *("bad-instant", "out of range", "year"),
        ),
    ],
)
def test_temporary_entries(
    tmp_path: Path, old: str, new: str, code: str, said: str, hint: str
) -> None:
    text = f"temporary-access:\n  - {changed(GRANT, old, new)}\n"
    check(tmp_path, "temporary-access/pay.yaml", text, code, said, hint)


@pytest.mark.parametrize(
    ("account", "code", "said", "hint"),
    [
        ("¶12345678901", "bad-account-id", "'12345678901'", "this has 11"),
        ("¶0123456789012", "bad-account-id", "'0123456789012'", "this has 13"),
        ("¶1234-5678-9012", "bad-account-id", "1234-5678-9012", '"123456789012"'),
        ("¶1234_5678_9012", "bad-account-id", "1234_5678_9012", '"123456789012"'),
        ("¶1.23456789012e11", "bad-account-id", "1.23456789012e11", "12 digits"),
        ("¶0o17", "bad-account-id", "0o17", "12 digits"),
        ("¶" + "\u0661" * 12, "bad-account-id", "is not an AWS account id", "12 digits"),
        ("¶~", "wrong-type", "not nothing", "key: value"),
        ("¶['123456789012']", "wrong-type", "a mapping, not a list", "key: value"),
        ("¶{}", "missing-key", "'id'", "id:"),
        ("{id: ¶~}", "wrong-type", "id must be text", "single value"),
        ("{id: '444455556666', ¶rol: x}", "unknown-key", "'rol'", ""),
        ("{id: '444455556666', deployer_role: ¶/x}", "bad-role", "'/x'", "ops/deployer"),
        ("{id: '444455556666', partition: ¶aws-us}", "bad-value", "'aws-us'", "aws-us-gov"),
    ],
)
def test_accounts(tmp_path: Path, account: str, code: str, said: str, hint: str) -> None:
    text = f'aws-accounts:\n  prod: {account}\n  nonprod: "111122223333"\n'
    check(tmp_path, "aws-accounts/pay.yaml", text, code, said, hint)


@pytest.mark.parametrize(
    "written", ["012345670123", "'012345670123'", '"012345670123"', "000000000000"]
)
def test_account_ids_are_taken_as_written(tmp_path: Path, written: str) -> None:
    text = f"aws-accounts:\n  nonprod: {written}\n  prod: {{id: 999999999999}}\n"
    configuration = loaded(tmp_path, {"aws-accounts/pay.yaml": text})
    assert configuration.findings == ()
    assert sorted(configuration.accounts) == [written.strip("'\""), "999999999999"]


@pytest.mark.parametrize("name", ["*", "a/b", "a b", "\u00e9", "x" * 65, ""])
def test_environments_have_plain_names(tmp_path: Path, name: str) -> None:
    text = f'{ACCOUNTS}  ¶"{name}": 123456789012\n'
    hint = "letters, digits"
    check(tmp_path, "aws-accounts/pay.yaml", text, "bad-environment-name", "cannot name", hint)


@pytest.mark.parametrize(
    ("old", "new", "code", "said", "hint"),
    [
        ("Allow", "¶allow", "bad-value", "'allow'", "'Allow'"),
        ("Allow", "¶Permit", "bad-value", "'Permit'", "Allow or Deny"),
        ('["s3:GetObject"]', "¶{a: b}", "wrong-type", "not a mapping", "[one, two]"),
        ("effect:", "¶principal: x, effect:", "unknown-key", "'principal'", "sid"),
        ("effect:", "conditions: ¶x, effect:", "wrong-type", "a mapping", "key: value"),
        (
            *("effect:", "conditions: {StringEquals: ¶x}, effect:"),
            *("wrong-type", "a mapping", "key: value"),
        ),
        (
            *("effect:", "conditions: {Bool: {'aws:SecureTransport': [x, ¶[y]]}}, effect:"),
            *("wrong-type", "an item of aws:SecureTransport", "single value"),
        ),
        (
            *("effect:", "conditions: {Bool: {'aws:SecureTransport': ¶{a: b}}}, effect:"),
            *("wrong-type", "text or a list", "a list of them"),
        ),
    ],
)
def test_statements(tmp_path: Path, old: str, new: str, code: str, said: str, hint: str) -> None:
    text = (
        f"aws-policies:\n  reader: {{custom_statements: [{changed(STATEMENT, old, new)}]}}\n"
        "  writer: {managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']}\n"
    )
    check(tmp_path, "aws-policies/pay.yaml", text, code, said, hint)


@pytest.mark.parametrize(
    ("policy", "column", "code"),
    [
        ("{}", 11, "empty-policy"),
        ("{description: x}", 11, "empty-policy"),
        ("{managed_policies: [], custom_statements: []}", 11, "empty-policy"),
        ("~", 11, "wrong-type"),
        ("[]", 11, "wrong-type"),
    ],
)
def test_policies(tmp_path: Path, policy: str, column: int, code: str) -> None:
    text = (
        f"aws-policies:\n  reader: {policy}\n"
        "  writer: {managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']}\n"
    )
    configuration = loaded(tmp_path, {"aws-policies/pay.yaml": text})
    assert finding_lines(configuration) == [f"aws-policies/pay.yaml:2:{column} error {code}"]


@pytest.mark.parametrize("description", ["x" * 1_001, "dash \u2014 dash", "tick \u2713"])
def test_descriptions_of_policies_are_what_iam_takes(tmp_path: Path, description: str) -> None:
    text = f"""\
aws-policies:
  reader:
    description: {description}
    managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']
  writer: {{managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']}}
"""
    configuration = loaded(tmp_path, {"aws-policies/pay.yaml": text})
    assert finding_lines(configuration) == ["aws-policies/pay.yaml:3:18 error bad-description"]
    short = text.replace(description, "x" * 999 + "\u00fc")
    assert loaded(tmp_path, {"aws-policies/pay.yaml": short}).findings == ()


def test_descriptions_of_entries_are_free(tmp_path: Path) -> None:
    entry = ENTRY.replace("users", "description: \u65e5\u672c \u2713, users")
    changes = {"permanent-access/pay.yaml": f"permanent-access:\n  - {entry}\n"}
    assert loaded(tmp_path, changes).findings == ()


def test_one_error_hides_no_other(tmp_path: Path) -> None:
    text = """\
permanent-access:
  - users: [ann@example.com, ' ', [x]]
    roles: [a/b]
    environments: [nowhere, {}]
    grants: [reder]
    more: 1
  - text
  - users: []
"""
    assert finding_lines(loaded(tmp_path, {"permanent-access/pay.yaml": text})) == [
        "permanent-access/pay.yaml:2:30 error bad-user",
        "permanent-access/pay.yaml:2:35 error wrong-type",
        "permanent-access/pay.yaml:3:13 error bad-role",
        "permanent-access/pay.yaml:4:20 error unknown-environment",
        "permanent-access/pay.yaml:4:29 error wrong-type",
        "permanent-access/pay.yaml:5:14 error unknown-grant",
        "permanent-access/pay.yaml:6:5 error unknown-key",
        "permanent-access/pay.yaml:7:5 error wrong-type",
        "permanent-access/pay.yaml:8:5 error missing-key",
        "permanent-access/pay.yaml:8:5 error missing-key",
        "permanent-access/pay.yaml:8:5 error nobody",
    ]


def test_a_value_met_twice_through_an_alias_is_told_once(tmp_path: Path) -> None:
    text = "permanent-access:\n  - &a {users: [' '], environments: [prod], grants: [reader]}\n"
    configuration = loaded(tmp_path, {"permanent-access/pay.yaml": f"{text}  - *a\n"})
    assert [each.code for each in configuration.findings].count("bad-user") == 1


def test_a_long_value_is_cut_in_the_message(tmp_path: Path) -> None:
    text = f"permanent-access:\n  - {ENTRY.replace('reader', 'x' * 10_000)}\n"
    assert len(only_finding(loaded(tmp_path, {"permanent-access/pay.yaml": text})).message) < 300


LONG = "x" * 10_000


@pytest.mark.parametrize(
    ("file", "text", "code", "end"),
    [
        ("permanent-access/pay.yaml", f"permanent-access: [{ENTRY}]", "bad-user", "IAM user name"),
        ("temporary-access/pay.yaml", f"temporary-access: [{GRANT}]", "bad-date", "not a date"),
        (
            "aws-policies/pay.yaml",
            f"aws-policies: {{'{LONG[:900]} ': {{custom_statements: [{STATEMENT}]}}}}",
            "bad-policy-key",
            "name a policy",
        ),
    ],
)
def test_a_value_of_any_length_leaves_the_message_short(
    tmp_path: Path, file: str, text: str, code: str, end: str
) -> None:
    old = {"bad-user": "ann@example.com", "bad-date": "2026-03-02"}.get(code, "\0")
    configuration = loaded(tmp_path, {file: text.replace(old, LONG)})
    (finding,) = (each for each in configuration.findings if each.code == code)
    assert finding.message.endswith(end)
    assert len(finding.message) < 400
