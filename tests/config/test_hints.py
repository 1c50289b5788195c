"""Hints for mistakes in the lines of a file, followed to the letter, give a file that is read."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iam_access.config import suites
from iam_access.config.load import load
from iam_access.model import Finding, Severity
from tests.config.repository import NOW, write

FILES = {
    "aws-accounts/pay.yaml": """\
aws-accounts:
  nonprod: "111122223333"
  prod:
    id: "444455556666"
    deployer_role: ops/deployer
""",
    "aws-policies/pay.yaml": """\
aws-policies:
  reader:
    description: Reads things
    custom_statements:
      - sid: One
        effect: Allow
        actions:
          - s3:GetObject
          - s3:ListBucket
        resources:
          - arn:aws:s3:::pay-{environment}-x/*
          - "*"
        conditions:
          Bool:
            aws:MultiFactorAuthPresent: "true"
      - effect: Deny
        actions: [sqs:SendMessage, sqs:GetQueue*]
        resources: ["*"]

  writer:
    managed_policies:
      - arn:aws:iam::aws:policy/AmazonS3FullAccess
""",
    "permanent-access/pay.yaml": """\
permanent-access:
  - description: All of the team can read
    users:
      - ann@example.com
      - bob@example.com
    roles: [deployer]
    environments: [nonprod, prod]
    grants: [reader]

  - users: [cat@example.com]
    environments:
    - nonprod
    grants:
    - writer
""",
    "temporary-access/pay.yaml": """\
temporary-access:
  - description: Settlement is stuck
    user: bob@example.com
    environment: prod
    grant: writer
    expiration_date: 2026-03-04

  - user: ann@example.com
    environment: nonprod
    grant: writer
    starts_at: 2026-03-02T10:00:00Z
    expires_at: 2026-03-04T22:00:00+01:00
    via: inline
    ticket: A-1
""",
    "access-tests/pay.yaml": """\
global_exemptions:
  - ^arn:aws:iam::\\d{12}:role/Org$
tests:
  - description: Nobody can
    actions:
      - iam:CreateAccessKey
      - iam:PutUserPolicy
    expected_result: fail
  - description: Data cannot be deleted
    environments: [prod]
    actions: [dynamodb:Delete*, "backup:Delete*"]
    wildcards: expand
    resources:
      - arn:aws:dynamodb:eu-west-1:{account_id}:table/ledger
    expected_result: fail
""",
    "settings.yaml": """\
deployer_role: self-serve-deployer
domains: [example.com]
temporary_access:
  longest: 6d
  furthest_start: 30d
  forms: [inline, policy, role]
  require_mfa: false
  environments:
    prod: {longest: 5d, require_mfa: false}
  grants:
    "writ*": {longest: 5d}
protected_principals:
  users: [root-admin]
grantees:
  - grants: ["writ*"]
    teams: [pay]
limits:
  values_per_file: 20000
""",
}

Lines = list[str]


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def move(lines: Lines, at: int, column: int, *, along: bool = False) -> None:
    """Begin a line, `along` with what is below it, in a column (from 1)."""
    by = column - 1 - indent_of(lines[at])
    end = at + 1
    while along and end < len(lines) and indent_of(lines[end] or " " * 99) > indent_of(lines[at]):
        end += 1
    for each in range(at, end):
        text = lines[each]
        lines[each] = " " * (indent_of(text) + by) + text.lstrip(" ") if text.strip() else text


def quoted(lines: Lines, at: int) -> None:
    """Put the value of a line in quotes."""
    found = re.fullmatch(r"(\s*(?:- +)?(?:[\w.*\"'-]+: +)?)(.*)", lines[at])
    assert found
    text = found[2].replace("'", "").replace('"', "")
    lines[at] = f"{found[1]}'{text}'"


Change = Callable[[Lines, int, re.Match[str]], None]

#: What a hint says, and what who follows it does to the lines, at the line that it is about.
CHANGES: dict[str, Change] = {
    r"belongs in column (\d+)(?!.*moves along)": lambda s, at, hint: move(s, at, int(hint[1])),
    r"belongs in column \d+ or (\d+)(?!.*moves along)": (
        lambda s, at, hint: move(s, at, int(hint[1]))
    ),
    r"belongs in column (\d+) .*moves along": (
        lambda s, at, hint: move(s, at, int(hint[1]), along=True)
    ),
    r"belongs in column \d+ or (\d+) .*moves along": (
        lambda s, at, hint: move(s, at, int(hint[1]), along=True)
    ),
    r"begin its dash in column (\d+)": lambda s, at, hint: move(s, at, int(hint[1])),
    r"put a ':' after '(.*)'": lambda s, at, hint: put(s, at, hint[1], f"{hint[1]}:"),
    r"put a space after the ':' of '(.*:)'": lambda s, at, hint: put(s, at, hint[1], f"{hint[1]} "),
    r"write ': ' between (.*) and its": lambda s, at, hint: put(s, at, hint[1], f"{hint[1]}: "),
    r"put a space after the dash": lambda s, at, hint: put(s, at, "-", "- "),
    r"write '.*:' without (\[\]|\{\}),": lambda s, at, hint: put(s, at, f" {hint[1]}", ""),
    r"^put '- ' before '.*:', in column (\d+)": lambda s, at, hint: dash(s, at, int(hint[1])),
    r"write '.*:' without the dash": lambda s, at, hint: put(s, at, "- ", "  "),
    r'in quotes, such as "(.+)"': lambda s, at, hint: put(s, at, hint[1], f'"{hint[1]}"'),
    r"in quotes(?!, such)": lambda s, at, hint: quoted(s, at),
    r"end it with (.) in this line": lambda s, at, hint: end(s, at, hint[1]),
    r"close the quote that was opened here": lambda s, at, hint: end(s, at, opened(s[at])),
    r"keep the lines that are right": lambda s, at, hint: resolve(s),
}


def followed(finding: Finding, text: str) -> Iterator[str]:
    """The text after each of the changes that a hint leaves a choice of."""
    assert finding.location is not None
    assert finding.location.line is not None
    for said, change in CHANGES.items():
        if (hint := re.search(said, finding.hint)) is not None:
            lines = text.split("\n")
            change(lines, finding.location.line - 1, hint)
            yield "\n".join(lines)


def put(lines: Lines, at: int, old: str, new: str) -> None:
    lines[at] = lines[at].replace(old, new, 1).replace(":  :", ": ").replace(": :", ": ")


def dash(lines: Lines, at: int, column: int) -> None:
    lines[at] = " " * (column - 1) + "- " + lines[at].lstrip(" ")


def end(lines: Lines, at: int, quote: str) -> None:
    lines[at] += quote


def opened(line: str) -> str:
    return next(each for each in reversed(line) if each in "'\"")


def resolve(lines: Lines) -> None:
    """Keep the first side of each conflict."""
    kept: Lines = []
    keep = True
    for each in lines:
        if each.startswith(("<<<<<<<", "=======", ">>>>>>>")):
            keep = not each.startswith("=======")
        elif keep:
            kept.append(each)
    lines[:] = kept


def wrong(directory: Path, file: str, text: str) -> list[Finding]:
    """Errors of a file, in order of place."""
    configuration = load(write(directory, {**FILES, file: text}), now=NOW)
    found = (*configuration.findings, *suites.of_teams(configuration).findings)
    return [
        each
        for each in found
        if each.severity is Severity.ERROR and each.location and each.location.file.endswith(file)
    ]


#: With these a value is another than before.
OTHER_VALUE = ("colon in text", "half in quotes", "at sign", "open quote", "open double quote")


def mended(directory: Path, file: str, text: str, kind: str, rounds: int = 4) -> bool:
    """Whether hints, followed one after the other, lead to a file without errors."""
    found = wrong(directory, file, text)
    if not found or (kind in OTHER_VALUE and found[0].code != "syntax-error"):
        return True
    if rounds == 0:
        return False
    return any(
        mended(directory, file, each, kind, rounds - 1)
        for each in followed(found[0], text)
        if each != text
    )


def mistakes(text: str) -> Iterator[tuple[str, int, str]]:
    """What may go wrong in each line: the mistake, the line, and the text with it."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        for kind, changed in mistakes_in(line):
            yield kind, at + 1, "\n".join([*lines[:at], changed, *lines[at + 1 :]])


def mistakes_in(line: str) -> Iterator[tuple[str, str]]:
    rest = line.lstrip(" ")
    if not rest:
        return
    indent = indent_of(line)
    for by in (-1, 1):
        if indent + by >= 0:
            yield f"{by:+} column", " " * (indent + by) + rest
    if rest.startswith("- "):
        yield "no dash", line.replace("- ", "  ", 1)
        yield "no space after the dash", line.replace("- ", "-", 1)
    if ": " in line:
        yield "no space after the colon", line.replace(": ", ":", 1)
    yield "no colon", re.sub(r":( |$)", r"\1", line, count=1)
    if re.fullmatch(r".*: [^\s\"\[{].*", line):
        yield "colon in text", re.sub(r": (.*)", r": a: \1", line)
        yield "open quote", re.sub(r": (.*)", r": '\1", line)
        yield "open double quote", re.sub(r": (.*)", r': "\1', line)
        yield "half in quotes", re.sub(r": (.*)", r': "x" \1', line)
        yield "at sign", re.sub(r": (.*)", r": @\1", line)
    if '"*"' in line:
        yield "star", line.replace('"*"', "*")
    if line.endswith(":"):
        yield "below a list", f"{line} []"
        yield "below a mapping", f"{line} {{}}"
    yield "conflict", f"<<<<<<< HEAD\n{line}\n=======\n{line}x\n>>>>>>> other"


def test_the_files_are_right(tmp_path: Path) -> None:
    assert [each for file in FILES for each in wrong(tmp_path, file, FILES[file])] == []


def not_mended(directory: Path, file: str, every: int = 1) -> list[tuple[str, int]]:
    """The mistakes, of which each of so many is tried, that a file keeps after all hints."""
    return [
        (kind, line)
        for kind, line, text in [*mistakes(FILES[file])][::every]
        if (found := wrong(directory, file, text))
        and found[0].code == "syntax-error"
        and not mended(directory, file, text, kind)
    ]


@pytest.mark.parametrize("file", FILES)
def test_following_hints_mends_a_file(tmp_path: Path, file: str) -> None:
    assert not_mended(tmp_path, file, every=19) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("file", FILES)
def test_following_hints_mends_a_file_whatever_is_wrong(tmp_path: Path, file: str) -> None:
    assert not_mended(tmp_path, file) == []


TEMPORARY = "temporary-access/pay.yaml"
DAY = "expiration_date: 2026-03-04"
MOMENT = "expires_at: 2026-03-04T22:00:00+01:00"

#: What is written, and what is written by mistake, in which file.
SLIPS = [
    *(
        (TEMPORARY, DAY, f"expiration_date: {each}")
        for each in (
            "2026-3-4",
            "20260304",
            "2026-03-04T10:00:00Z",
            "2026-03-04+01:00",
            "2026-03-04T18:00",
            "2026-03-04 (Wednesday)",
            "2026-02-30",
            "04.03.2026",
            "tomorrow",
            "YYYY-MM-DD",
        )
    ),
    *(
        (TEMPORARY, MOMENT, f"expires_at: {each}")
        for each in (
            "2026-03-04",
            "2026-3-4",
            "20260304",
            "2026-03-04+01:00",
            "2026-03-04T22:00:00",
            "2026-03-04 22:00",
            "2026-03-04T22:00:00+1",
            "2026-02-30T10:00:00Z",
            "tomorrow",
            "2h",
        )
    ),
    (TEMPORARY, "expiration_date:", "expiry_date:"),
    (TEMPORARY, "expires_at:", "expire_at:"),
    (TEMPORARY, "grant: writer", "grants: writer"),
    (TEMPORARY, "grant: writer", "grant: writr"),
    (TEMPORARY, "environment: prod", "environment: prd"),
    (TEMPORARY, "user: bob", "users: bob"),
    (TEMPORARY, "via: inline", "via: inlined"),
    (TEMPORARY, "bob@example.com", "bob@exmple.com"),
    ("permanent-access/pay.yaml", "environments: [nonprod, prod]", "environment: [nonprod, prod]"),
    ("permanent-access/pay.yaml", "grants: [reader]", "grants: reader"),
    ("permanent-access/pay.yaml", "[nonprod, prod]", "[nonprod, prd]"),
    ("aws-accounts/pay.yaml", '"444455556666"', "4444-5555-6666"),
    ("aws-accounts/pay.yaml", "deployer_role", "deployer-role"),
    ("aws-policies/pay.yaml", "effect: Deny", "effect: deny"),
    ("aws-policies/pay.yaml", "effect: Deny", "Effect: Deny"),
    ("aws-policies/pay.yaml", "s3:ListBucket", "s3:ListBuckt"),
    ("aws-policies/pay.yaml", "s3:GetObject", "s33:GetObject"),
    ("aws-policies/pay.yaml", "Bool:", "Boolean:"),
    ("aws-policies/pay.yaml", "AuthPresent", "AuthPresnt"),
    ("aws-policies/pay.yaml", "custom_statements", "custom_statement"),
    ("access-tests/pay.yaml", "expected_result: fail", "expected_result: failed"),
    ("access-tests/pay.yaml", "wildcards: expand", "wildcards: expanded"),
    ("settings.yaml", "require_mfa: false", "require_mfa: no"),
    ("settings.yaml", "longest: 6d", "longest: 6"),
    ("settings.yaml", "furthest_start", "furthest-start"),
    ("settings.yaml", "values_per_file: 20000", "values_per_file: many"),
]

#: Where in a hint that is stands which is to be written in the place of what is wrong.
REPLACEMENTS = (
    r"did you mean '?([^'?]+?)'?\?",
    r"^(?:else )?write ([^\s:,]+)$",
    r"(?:such as|digits alone:|zone:|counts:) (\"?\d[^\s;,]*)",
    r"\+01:00: (.+)$",
    r"^write (\d\S+)$",
    r"^write (?:one of )?(\w+)(?:,| or| \()",
    r"write minutes, hours or days.*: .*(6d)",
    r"write a whole number from (1)",
    r"write one in '(.*?)'",
    r"a list of one is \[(one)\]",
)


def replaced(finding: Finding, text: str) -> Iterator[str]:
    """The text with what a hint proposes in the place of the word that the finding is about."""
    assert finding.location is not None
    assert finding.location.line is not None
    lines = text.split("\n")
    at, column = finding.location.line - 1, (finding.location.column or 1) - 1
    line = lines[at]
    word = re.match(r"\[[^]]*\]|\"[^\"]*\"|[^,\]}#]*?(?=: |:$|,|\]|\}|$)", line[column:])
    assert word is not None
    for said in REPLACEMENTS:
        if (hint := re.search(said, finding.hint)) is not None:
            new = f"[{word[0]}]" if hint[1] == "one" else hint[1]
            changed = line[:column] + new + line[column + len(word[0]) :]
            yield "\n".join([*lines[:at], changed, *lines[at + 1 :]])


@pytest.mark.parametrize(("file", "right", "slip"), SLIPS)
def test_what_a_hint_proposes_mends_a_slip(
    tmp_path: Path, file: str, right: str, slip: str
) -> None:
    text = FILES[file].replace(right, slip, 1)
    assert text != FILES[file]
    found = wrong(tmp_path, file, text)
    assert found, "it is no mistake"
    mended = [each for one in found for each in replaced(one, text)]
    assert any(wrong(tmp_path, file, each) == [] for each in mended), [found, mended]
