"""Accounts whose roles are named elsewhere come first."""

from pathlib import Path

from iam_access.config.load import load
from iam_access.plan.account_order import in_order
from tests.config.repository import NOW, write

ACCOUNTS = """\
aws-accounts:
  prod: "111122223333"
  test: "444455556666"
  dev: "777788889999"
"""


BUCKET = """\
aws-buckets:
  data:
    environments: [test]
    region: eu-west-1
    statements:
      - effect: Allow
        principals: {iam: role/of-dev, account: dev}
        actions: ["s3:GetObject"]
"""


def order(directory: Path, *trust: str, buckets: str = "aws-buckets: {}\n") -> list[list[str]]:
    """The environments in groups, where a role in each trusts what is given for it."""
    names = ("prod", "test", "dev")
    roles = [
        f"  of-{name}: {{environments: [{name}], trust: [{entry}]}}"
        for name, entry in zip(names, trust, strict=True)
    ]
    files = {
        "aws-accounts/pay.yaml": ACCOUNTS,
        "aws-roles/pay.yaml": "\n".join(["aws-roles:", *roles]),
        "aws-buckets/pay.yaml": buckets,
    }
    configuration = load(write(directory, files), now=NOW)
    assert not configuration.invalid
    accounts = tuple(configuration.accounts.values())
    groups = in_order(accounts, configuration)
    return [[name for each in group for name in each.environments.values()] for group in groups]


def test_those_of_trusted_roles_that_files_make_come_first(tmp_path: Path) -> None:
    service = "{service: ec2}"
    assert order(tmp_path / "1", service, service, service) == [["prod", "test", "dev"]]
    in_test, in_dev = "{iam: role/of-test, account: test}", "{iam: role/of-dev, account: dev}"
    assert order(tmp_path / "2", in_test, in_dev, service) == [["dev"], ["test"], ["prod"]]
    session = "{iam: assumed-role/of-dev, users: [ann], account: dev}"
    assert order(tmp_path / "6", session, service, service) == [["test", "dev"], ["prod"]]
    groups = order(tmp_path / "5", service, service, service, buckets=BUCKET)
    assert groups == [["prod", "dev"], ["test"]]
    other = "{iam: role/of-others, account: test}"
    assert order(tmp_path / "3", other, service, service) == [["prod", "test", "dev"]]
    itself = "{iam: role/of-test}"
    assert order(tmp_path / "4", service, itself, service) == [["prod", "test", "dev"]]


def test_in_a_circle_they_go_together(tmp_path: Path) -> None:
    in_test, in_prod = "{iam: role/of-test, account: test}", "{iam: role/of-prod, account: prod}"
    assert order(tmp_path, in_test, in_prod, in_test) == [["prod", "test", "dev"]]
