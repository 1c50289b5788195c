"""Files for tests of the configuration: a small valid repository, and what is found in one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from iam_access.config.configuration import Configuration
from iam_access.config.load import load
from iam_access.model import Finding

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

ACCOUNTS = """\
aws-accounts:
  nonprod: "111122223333"
  prod: "444455556666"
"""
POLICIES = """\
aws-policies:
  reader:
    custom_statements:
      - effect: Allow
        actions: ["s3:GetObject"]
        resources: ["*"]
  writer:
    managed_policies: ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]
"""
PERMANENT = """\
permanent-access:
  - users: [ann@example.com]
    roles: [deployer]
    environments: [nonprod]
    grants: [reader]
"""
TEMPORARY = """\
temporary-access:
  - user: bob@example.com
    environment: prod
    grant: writer
    expiration_date: 2026-03-04
"""
VALID: Mapping[str, str] = {
    "aws-accounts/pay.yaml": ACCOUNTS,
    "aws-policies/pay.yaml": POLICIES,
    "permanent-access/pay.yaml": PERMANENT,
    "temporary-access/pay.yaml": TEMPORARY,
}


def write(directory: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write the files below a directory, and return it."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory


def marked(text: str) -> tuple[str, str]:
    """A text without the one `¶` in it, and where that was, as `line:column`."""
    before, found, after = text.partition("¶")
    assert found
    return before + after, f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def loaded(
    directory: Path, changes: Mapping[str, str | bytes] | None = None, now: datetime = NOW
) -> Configuration:
    """The valid repository, with some files other than they are in it."""
    return load(write(directory, {**VALID, **(changes or {})}), now=now)


def finding_lines(configuration: Configuration) -> list[str]:
    """The findings as `folder/file:line:column severity code`."""
    directory = f"{configuration.directory}/"
    return [
        f"{str(each.location).removeprefix(directory)} {each.severity} {each.code}"
        for each in configuration.findings
    ]


def only_finding(configuration: Configuration) -> Finding:
    """The only finding there may be."""
    (finding,) = configuration.findings
    return finding
