"""What files of buckets may say, and errors at their places."""

from pathlib import Path

import pytest

from iam_access.kinds.bucket_file import name_fault
from tests.config.repository import finding_lines, loaded, marked, only_finding

BUCKETS = """\
aws-buckets:
  pay-{environment}-logs:
    region: eu-west-1
    tags: {app: pay}
    statements:
      - effect: Allow
        principals: [{iam: role/runner}, {service: cloudtrail}]
        actions: ["s3:GetObject"]
        resources: [{s3: __self__/a}]
"""
RESOURCES = "resources: [{s3: __self__/a}]"


def test_names_are_filled_in_and_resources_are_its_own(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, {"aws-buckets/pay.yaml": BUCKETS})
    assert finding_lines(configuration) == []
    (entry,) = configuration.teams["pay"].entries["aws-buckets"]
    assert entry.spec.environments == ["nonprod", "prod"]
    (statement,) = entry.spec.of(entry.key)
    assert statement.iam["Resource"] == ["arn:{partition}:s3:::pay-{environment}-logs/a"]


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("  pay-{environment}-logs", "  ¶pay-{environment}-Logs", "bad-bucket-name", "small"),
        ("  pay-{environment}-logs", "  ¶pay-{enviroment}-logs", "bad-bucket-name", "placeholder"),
        (
            "  pay-{environment}-logs:\n    region",
            "  pay:\n    ¶region",
            "bad-bucket",
            "one account only",
        ),
        ("    region: eu-west-1\n", "", "bad-bucket", "no region"),
        ("region: eu-west-1", "region: ¶eu-wset-1", "bad-region", "'eu-wset-1'"),
        ("region: eu-west-1", "¶regin: eu-west-1", "unknown-key", "'regin'"),
        ("{app: pay}", "{¶'aws:x': y}", "bad-value", "'aws:x'"),
        ("iam: role/runner", "iam: ¶rolle/runner", "bad-principal", "'rolle/runner'"),
        ("[{iam: role/runner}", "[¶{iam: __self__}", "bad-principal", "no user or role"),
        (
            "principals: [{iam: role/runner}, {service: cloudtrail}]",
            "principals: ¶{service: cloudtrial}",
            "unknown-service-principal",
            "'cloudtrial.amazonaws.com'",
        ),
        ('["s3:GetObject"]', '[¶"sqs:SendMessage"]', "bad-bucket", "no action of S3"),
        ('["s3:GetObject"]', '[¶"s3:GetObjekt"]', "unknown-action", "'s3:GetObjekt'"),
        ('["s3:GetObject"]', '[¶"s3:ListBucket"]', "bad-bucket", "acts on none"),
        (
            RESOURCES,
            "conditions: {StringEquals: {s3:prefix: ¶x}}",
            "bad-bucket",
            "of none of the statement's actions",
        ),
        (
            "principals: [{iam: role/runner}, {service: cloudtrail}]",
            "principals: ¶'arn:aws-cn:iam::123456789012:root'",
            "wrong-partition",
            "of the partition aws-cn",
        ),
        (RESOURCES, "resources: [¶{s3: other}]", "bad-bucket", "not in the bucket"),
        (RESOURCES, "resources: ¶[]", "missing-resource", "no resources"),
        (RESOURCES, "resources: [¶'*']", "bad-bucket", "not in the bucket"),
        (RESOURCES, "resources: ¶{s3: other/__self__}", "bad-bucket", "not in the bucket"),
        (RESOURCES, "not_resources: [¶{iam: __self__}]", "bad-short-form", "no role"),
        (RESOURCES, "sid: ¶a b", "bad-sid", "'a b'"),
        (
            RESOURCES,
            "conditions: {¶StringEqual: {'aws:userid': y}}",
            "unknown-condition-operator",
            "",
        ),
        ("{service: cloudtrail}", "{iam: root, account: prd}", "unknown-account-name", "'prd'"),
    ],
)
def test_errors_stand_at_their_place(
    tmp_path: Path, old: str, new: str, code: str, said: str
) -> None:
    assert old in BUCKETS
    text, place = marked(BUCKETS.replace(old, new, 1)) if "¶" in new else ("", "")
    text = text or BUCKETS.replace(old, new, 1)
    found = only_finding(loaded(tmp_path, {"aws-buckets/pay.yaml": text}))
    assert (found.code, said in found.message) == (code, True), found
    if place:
        assert str(found.location) == f"{tmp_path}/aws-buckets/pay.yaml:{place}"


def test_a_policy_has_a_size(tmp_path: Path) -> None:
    many = ", ".join(f'"arn:aws:iam::123456789012:role/{"r" * 50}{n:04}"' for n in range(250))
    text = BUCKETS.replace("[{iam: role/runner}, {service: cloudtrail}]", f"[{many}]")
    found = only_finding(loaded(tmp_path, {"aws-buckets/pay.yaml": text}))
    assert (found.code, "20,480" in found.message) == ("policy-too-large", True)


@pytest.mark.parametrize(
    "name",
    ["ab", "a" * 64, "a_b", "-ab", "ab-", "a..b", "1.2.3.4", "xn--a", "a-s3alias", "a--x-s3"],
)
def test_names_that_s3_refuses(name: str) -> None:
    assert name_fault(name)
    assert name_fault("a.b-c1") is None


def test_rules_judge_what_statements_allow(tmp_path: Path) -> None:
    settings = "forbidden_actions: [{actions: ['s3:Get*'], environments: [prod]}]\n"
    found = only_finding(
        loaded(tmp_path, {"aws-buckets/pay.yaml": BUCKETS, "settings.yaml": settings})
    )
    assert (found.code, found.location and found.location.line) == ("forbidden-action", 3)


def test_whom_a_bucket_lets_in_is_known_to_rules(tmp_path: Path) -> None:
    files = loaded(tmp_path, {"aws-buckets/pay.yaml": BUCKETS})
    (entry,) = (each for each in files.teams["pay"].access if each.resource)
    assert (list(entry.users), list(entry.roles)) == ([], ["runner"])


SAME = "aws-buckets: {pay-prod-logs: {environments: [prod], region: eu-west-1}}\n"


def test_a_name_is_that_of_one_entry_in_all_accounts_together(tmp_path: Path) -> None:
    more = BUCKETS + SAME.partition("{")[2].removesuffix("}\n").replace("pay-", "  pay-", 1)
    found = only_finding(loaded(tmp_path, {"aws-buckets/pay.yaml": more}))
    assert (found.code, "'pay-prod-logs'" in found.message) == ("name-taken", True)
    assert ":10:" in str(found.location)


def test_a_name_is_that_of_one_team(tmp_path: Path) -> None:
    files = {
        "aws-buckets/pay.yaml": BUCKETS,
        "aws-accounts/shop.yaml": 'aws-accounts: {prod: "999999999999"}\n',
        "aws-buckets/shop.yaml": SAME,
    }
    (found,) = loaded(tmp_path, files).findings
    assert (found.code, found.team, "team pay" in found.message) == ("name-taken", "shop", True)
