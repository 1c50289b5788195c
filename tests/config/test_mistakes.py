"""Mistakes that people make in the files: where each is reported, and how the hint fixes it."""

from pathlib import Path

import pytest

from iam_access.cli.files import teams_named
from iam_access.config import suites
from iam_access.config.load import load
from iam_access.errors import UsageError
from tests.config.repository import ACCOUNTS, NOW, PERMANENT, POLICIES, TEMPORARY, loaded, marked

ENTRY = TEMPORARY.partition("\n")[2]
TEMPORARY_FILE = "temporary-access/pay.yaml"
PERMANENT_FILE = "permanent-access/pay.yaml"
POLICIES_FILE = "aws-policies/pay.yaml"
STAR = "          - "


def deadline(text: str) -> str:
    return TEMPORARY.replace("expiration_date: 2026-03-04", text)


def resources(text: str) -> str:
    return POLICIES.replace('["*"]', text)


MISTAKES = {
    "no dash": (
        TEMPORARY_FILE,
        TEMPORARY.replace("  - user", "    ¶user"),
        "wrong-type",
        "has '- ' before the first of them",
    ),
    "no second dash": (
        TEMPORARY_FILE,
        TEMPORARY + "    ¶user: ann@example.com\n",
        "duplicate-key",
        "put '- ' before its first key",
    ),
    "no space after the dash": (
        TEMPORARY_FILE,
        TEMPORARY.replace("  - user", "¶  -user"),
        "syntax-error",
        "put a space after the dash: '- user:'",
    ),
    "a dash too many": (
        TEMPORARY_FILE,
        TEMPORARY + "  - ¶description: Release\n",
        "missing-key",
        "write it without the '-'",
    ),
    "a list of users": (
        TEMPORARY_FILE,
        TEMPORARY.replace("bob@example.com", "¶[bob@example.com, ann@example.com]"),
        "wrong-type",
        "several need an entry for each",
    ),
    "a key one column left": (
        TEMPORARY_FILE,
        TEMPORARY.replace("    environment", "   ¶environment"),
        "syntax-error",
        "in column 4, and belongs in column 5",
    ),
    "a key one column right": (
        TEMPORARY_FILE,
        TEMPORARY.replace("    expiration_date:", "     expiration_date¶:"),
        "syntax-error",
        "in column 6, and belongs in column 5",
    ),
    "a dash one column left": (
        TEMPORARY_FILE,
        TEMPORARY + ENTRY.replace("  - ", " ¶- "),
        "syntax-error",
        "the dash of this line is in column 2, and belongs in column 3",
    ),
    "a dash one column right": (
        TEMPORARY_FILE,
        TEMPORARY + ENTRY.replace("  - ", "   ¶- "),
        "syntax-error",
        "the dash of this line is in column 4, and belongs in column 3",
    ),
    "an item one column left": (
        PERMANENT_FILE,
        PERMANENT.replace(
            "[ann@example.com]", "\n      - ann@example.com\n     ¶- bob@example.com"
        ),
        "syntax-error",
        "the dash of this line is in column 6, and belongs in column 7",
    ),
    "a key after a list one column right": (
        PERMANENT_FILE,
        PERMANENT.replace("[ann@example.com]\n    roles", "\n      - ann@example.com\n     ¶roles"),
        "syntax-error",
        "the key of this line is in column 6, and belongs in column 5",
    ),
    "a policy between two columns": (
        POLICIES_FILE,
        POLICIES.replace("  writer", "   ¶writer"),
        "syntax-error",
        "in column 4, and belongs in column 3 or 5",
    ),
    "a tab": (
        TEMPORARY_FILE,
        TEMPORARY.replace("    environment", "¶\tenvironment"),
        "syntax-error",
        "indent with spaces",
    ),
    "a conflict": (
        TEMPORARY_FILE,
        f"temporary-access:\n¶<<<<<<< HEAD\n{ENTRY}=======\n{ENTRY}>>>>>>> main\n",
        "syntax-error",
        "keep the lines that are right",
    ),
    "a marker that was left": (
        TEMPORARY_FILE,
        f"{TEMPORARY}¶>>>>>>> main\n",
        "syntax-error",
        "keep the lines that are right",
    ),
    "entries below []": (
        TEMPORARY_FILE,
        f"¶temporary-access: []\n{ENTRY}",
        "syntax-error",
        "write 'temporary-access:' without []",
    ),
    "policies below {}": (
        POLICIES_FILE,
        POLICIES.replace("aws-policies:", "¶aws-policies: {}"),
        "syntax-error",
        "write 'aws-policies:' without {}",
    ),
    "an unquoted placeholder": (
        POLICIES_FILE,
        resources("¶{account_id}"),
        "wrong-type",
        'in quotes: "{account_id}"',
    ),
    "a text with an unquoted placeholder": (
        POLICIES_FILE,
        resources(f"\n{STAR}{{account_id}}¶-x"),
        "syntax-error",
        "put text with { or } in quotes",
    ),
    "an unquoted star": (
        POLICIES_FILE,
        resources(f"\n{STAR}*¶"),
        "syntax-error",
        'in quotes, such as "*"',
    ),
    "a number sign in a description": (
        TEMPORARY_FILE,
        TEMPORARY.replace("- user", "- description: repair for ¶#12\n    user"),
        "cut-off-text",
        "put the whole text in quotes",
    ),
    "a number sign before a ticket": (
        TEMPORARY_FILE,
        TEMPORARY.replace("- user", "- ticket: ¶#12\n    user"),
        "cut-off-text",
        "put the whole text in quotes",
    ),
    "a number sign within brackets": (
        TEMPORARY_FILE,
        "temporary-access:\n  - {user: bob@example.com, description: for #12, grant: writer}\n¶",
        "syntax-error",
        "put text that contains ' #' in quotes",
    ),
    "a date for a moment": (
        TEMPORARY_FILE,
        deadline("expires_at: ¶2026-03-04"),
        "bad-instant",
        "2026-03-04T18:00:00Z; for access until the end of a day write expiration_date: 2026-03-04",
    ),
    "a moment for a date": (
        TEMPORARY_FILE,
        deadline("expiration_date: ¶2026-03-04T10:00:00Z"),
        "bad-date",
        "counts: 2026-03-04; or, for a moment, expires_at: 2026-03-04T10:00:00Z",
    ),
    "no zone": (
        TEMPORARY_FILE,
        deadline("expires_at: ¶2026-03-04T10:00"),
        "bad-instant",
        "+01:00: 2026-03-04T10:00Z",
    ),
    "a zone and no time": (
        TEMPORARY_FILE,
        deadline("expires_at: ¶2026-03-04+01:00"),
        "bad-instant",
        "2026-03-04T18:00:00+01:00",
    ),
    "a day in digits for a moment": (
        TEMPORARY_FILE,
        deadline("expires_at: ¶20260304"),
        "bad-instant",
        "add the time and its zone: 2026-03-04T18:00:00Z",
    ),
    "a zone of one digit": (
        TEMPORARY_FILE,
        deadline("expires_at: ¶2026-03-04T18:00:00+1"),
        "bad-instant",
        "write 2026-03-04T18:00:00+01",
    ),
    "a moment without a zone for a date": (
        TEMPORARY_FILE,
        deadline("expiration_date: ¶2026-03-04T18:00"),
        "bad-date",
        "counts: 2026-03-04; or, for a moment, expires_at: 2026-03-04T18:00Z",
    ),
    "a date with words": (
        TEMPORARY_FILE,
        deadline("expiration_date: ¶2026-03-04 (Friday)"),
        "bad-date",
        "counts: 2026-03-04",
    ),
    "a number sign in the second line of a description": (
        TEMPORARY_FILE,
        TEMPORARY.replace("- user", "- description: repair\n      what ¶#12 broke\n    user"),
        "cut-off-text",
        "put the whole text in quotes",
    ),
    "a space that is none": (
        TEMPORARY_FILE,
        TEMPORARY.replace("    environment", "¶\xa0\xa0\xa0 environment"),
        "syntax-error",
        "write a space of the keyboard",
    ),
    "a dash that is none": (
        TEMPORARY_FILE,
        TEMPORARY + ENTRY.replace("  - ", "  ¶\u2013 "),
        "syntax-error",
        "write a dash of the keyboard",
    ),
    "a value that is missing": (
        TEMPORARY_FILE,
        "temporary-access:\n  - {user: bob@example.com, ticket¶:}\n",
        "syntax-error",
        "write a value after the ':'",
    ),
    "a text that ends with a colon": (
        POLICIES_FILE,
        resources(f"\n{STAR}¶arn:aws:s3:"),
        "wrong-type",
        'in quotes: "arn:aws:s3:"',
    ),
    "an owner without quotes": (
        "settings.yaml",
        "owners:\n  guards: ¶@org/platform\n",
        "syntax-error",
        'put text that begins with @ in quotes, such as "@org/platform"',
    ),
    "a quote that is open up to a backslash": (
        POLICIES_FILE,
        resources('\n          - ¶"*\n          - arn:aws:s3:::a\\d'),
        "syntax-error",
        'end it with " in this line',
    ),
    "an exclamation mark": (
        TEMPORARY_FILE,
        TEMPORARY.replace("bob@example.com", "¶!bob"),
        "tag",
        "put text that begins with ! in quotes",
    ),
    "a key that is not indented": (
        "settings.yaml",
        "temporary_access:\n¶longest: 5d\n",
        "unknown-key",
        "it is a key of 'temporary_access': indent it below that",
    ),
    "a key that is indented too far": (
        "settings.yaml",
        "temporary_access:\n  longest: 5d\n  ¶domains: [example.com]\n",
        "unknown-key",
        "it belongs in one column with 'temporary_access'",
    ),
    "a key of a value that is not indented": (
        "settings.yaml",
        "temporary_access:\n  environments:\n  ¶prod: {longest: 5d}\n",
        "unknown-key",
        "indent it if it belongs below 'environments', which has no value",
    ),
    "a key at the top that is not indented": (
        "aws-accounts/pay.yaml",
        ACCOUNTS.replace("  prod", "¶prod"),
        "unknown-key",
        "indent 'prod' if it belongs below it",
    ),
    "dashes in the place of keys": (
        "aws-accounts/pay.yaml",
        ACCOUNTS.replace("  nonprod", "  ¶- nonprod").replace("  prod", "  - prod"),
        "wrong-type",
        "without a dash before them",
    ),
    "an item in braces beside its column": (
        TEMPORARY_FILE,
        "temporary-access:\n  - {user: bob@example.com}\n ¶- {user: ann@example.com}\n",
        "syntax-error",
        "the dash of this line is in column 2, and belongs in column 3",
    ),
    "a dash within an entry": (
        TEMPORARY_FILE,
        TEMPORARY.replace("    grant", "  - ¶grant"),
        "missing-key",
        "write its first line without the '-'",
    ),
    "a dash within a statement": (
        POLICIES_FILE,
        POLICIES.replace("        actions", "      - ¶actions"),
        "missing-key",
        "; if the line belongs to the item before it, write it without the '-'",
    ),
    "a key in the place of a name": (
        POLICIES_FILE,
        POLICIES.replace("    managed_policies", "  ¶managed_policies"),
        "unknown-key",
        "indent it below the name of its entry",
    ),
    "a key of an account in the place of a name": (
        "aws-accounts/pay.yaml",
        f"{ACCOUNTS}  ¶deployer_role: ops/deployer\n",
        "unknown-key",
        "indent it below the name of its entry",
    ),
    "a key that is not indented at all": (
        TEMPORARY_FILE,
        TEMPORARY.replace("    environment", "¶environment"),
        "syntax-error",
        "in column 1, and belongs in column 5 like those of the lines after it",
    ),
    "something before the first key": (
        TEMPORARY_FILE,
        f"    via: inline\n¶{TEMPORARY}",
        "syntax-error",
        "remove what stands before the first",
    ),
    "ARNs without dashes": (
        POLICIES_FILE,
        resources("\n          ¶arn:{partition}:s3:::x\n          arn:{partition}:s3:::y"),
        "bad-arn",
        "put a comma between several, or a line for each that begins with '- '",
    ),
    "a date condition that is none": (
        POLICIES_FILE,
        resources('["*"]\n        conditions: {DateLessThan: {"aws:CurrentTime": ¶tomorrow}}'),
        "bad-condition-value",
        "a date such as 2026-03-02T12:00:00Z, or seconds",
    ),
    "grants without a comma": (
        PERMANENT_FILE,
        PERMANENT.replace("[reader]", "[¶reader writer]"),
        "unknown-grant",
        "put a comma between several",
    ),
    "actions without a second dash": (
        POLICIES_FILE,
        POLICIES.replace('["s3:GetObject"]', f"\n{STAR}¶s3:GetObject\n            s3:PutObject"),
        "bad-action",
        "put a comma between several, or a line for each that begins with '- '",
    ),
    "users in one text": (
        PERMANENT_FILE,
        PERMANENT.replace("[ann@", "[¶bob@example.com ann@"),
        "bad-user",
        "put a comma between several",
    ),
    "a day that there is not": (
        TEMPORARY_FILE,
        deadline("expiration_date: ¶2026-02-30"),
        "bad-date",
        "write a day that there is",
    ),
    "an end in the place of a duration": (
        TEMPORARY_FILE,
        deadline("for: ¶2026-03-03"),
        "bad-duration",
        "for the end of an entry, expiration_date: 2026-03-03",
    ),
    "a moment in the place of a duration": (
        TEMPORARY_FILE,
        deadline("for: ¶2026-03-03T10:00Z"),
        "bad-duration",
        "for the end of an entry, expires_at: 2026-03-03T10:00Z",
    ),
    "a duration in the place of an end": (
        TEMPORARY_FILE,
        deadline("expires_at: ¶2h"),
        "bad-instant",
        "from the merge on, write for: 2h",
    ),
    "entries without the key at the top": (
        TEMPORARY_FILE,
        f"¶{ENTRY.lstrip()}".replace("\n  ", "\n"),
        "wrong-type",
        "write 'temporary-access:' on a line of its own, and the entries below it",
    ),
    "a file of a team that nearly exists": (
        "permanent-access/pays.yaml",
        f"¶{PERMANENT}",
        "missing-accounts",
        "did you mean pay? Then put this into pay.yaml",
    ),
}


@pytest.mark.parametrize(("file", "text", "code", "hint"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_reported_where_it_is_with_what_fixes_it(
    tmp_path: Path, file: str, text: str, code: str, hint: str
) -> None:
    written, place = marked(text)
    findings = loaded(tmp_path, {file: written}).findings
    there = [each for each in findings if str(each.location).endswith(f"{file}:{place}")]
    assert code in {each.code for each in there}, [*findings]
    assert any(hint in each.hint for each in there if each.code == code), there


@pytest.mark.parametrize(
    "line",
    [
        "description: 'repair for #12'",
        "description: repair # for the release",
        "description: repair#12",
        "ticket: A-1",
    ],
)
def test_a_text_that_is_read_to_its_end_is_not_reported(tmp_path: Path, line: str) -> None:
    text = TEMPORARY.replace("- user", f"- {line}\n    user")
    found = loaded(tmp_path, {TEMPORARY_FILE: text}).findings
    assert "cut-off-text" not in {each.code for each in found}


@pytest.mark.parametrize("text", [ACCOUNTS.replace('"111', '"1\n  x: "'), "a: b: c\n", "a: [\n"])
def test_another_error_of_syntax_keeps_a_hint(tmp_path: Path, text: str) -> None:
    found = loaded(tmp_path, {"aws-accounts/pay.yaml": text}).findings
    assert [each.hint for each in found if each.code == "syntax-error"] != [""]


@pytest.mark.parametrize(
    ("name", "is_path"),
    [
        ("temporary-access/pay.yaml", True),
        ("pay.yml", True),
        (r"aws\pay.yaml", True),
        ("aws/pay/", True),
        ("pays", False),
    ],
)
def test_a_path_in_the_place_of_a_team_names_the_team(
    tmp_path: Path, name: str, is_path: bool
) -> None:
    with pytest.raises(UsageError) as caught:
        teams_named([name], loaded(tmp_path))
    assert caught.value.hint.startswith("did you mean pay?")
    assert ("this is a path" in str(caught.value)) is is_path


@pytest.mark.parametrize("end", ["expiration_date: 2026-02-03", "expires_at: 2026-02-03T10:00:00Z"])
def test_the_end_that_is_proposed_for_an_entry_that_is_over_is_allowed(
    tmp_path: Path, end: str
) -> None:
    files = {"settings.yaml": "temporary_access: {longest: 4h}\n"}
    (over,) = loaded(tmp_path, {**files, TEMPORARY_FILE: deadline(end)}).findings
    assert over.code == "expired"
    proposed = "expires_at: 2026-03-01T16:00:00Z"
    assert over.hint.endswith(f"such as {proposed}")
    assert loaded(tmp_path, {TEMPORARY_FILE: deadline(proposed)}).findings == ()


@pytest.mark.parametrize("given", ["aws/temporary-access", ".", "aws/schemas"])
def test_a_directory_beside_the_files_names_theirs(tmp_path: Path, given: str) -> None:
    loaded(tmp_path / "aws")
    (tmp_path / "aws/schemas").mkdir()
    (found,) = load(tmp_path / given, now=NOW).findings
    assert (found.code, found.hint) == ("no-teams", f"did you mean --config-dir {tmp_path}/aws?")


def test_access_tests_of_a_team_that_nearly_exists_name_the_team(tmp_path: Path) -> None:
    found = loaded(tmp_path, {"access-tests/pays.yaml": "tests: []\n"})
    (finding,) = suites.of_teams(found).findings
    assert finding.hint.startswith("did you mean pay? Then put this into pay.yaml; else ")
