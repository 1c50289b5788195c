"""Which statement of a resource's policy would keep a role from changing it again."""

from datetime import UTC, datetime
from typing import Any

import pytest

from iam_access.policy.evaluation.conditions import PolicySyntaxError
from iam_access.policy.locking import locking_statement

ROLE = "arn:aws:iam::123456789012:role/ops/deployer"
BUCKET = "arn:aws:s3:::b"
DENY = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [BUCKET, f"{BUCKET}/*"]}
ACTIONS = ("s3:GetBucketPolicy", "s3:PutBucketPolicy")


def locking(**changed: Any) -> int | None:
    document = {"Statement": [{**DENY, "Effect": "Allow"}, {**DENY, **changed}]}
    now = datetime(2026, 3, 1, tzinfo=UTC)
    return locking_statement(document, ROLE, BUCKET, ACTIONS, "123456789012", now)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"Action": "s3:PutBucketPolicy", "Principal": {"AWS": ROLE}},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        {"Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}},
        {"Condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}},
        {"Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/other"}}},
        # Sessions of roles tell that they have no second factor, or do not tell of any.
        {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}},
        {"Condition": {"Null": {"aws:MultiFactorAuthPresent": "true"}}},
        # From a later time on, or for some time later.
        {"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2026-04-01T00:00:00Z"}}},
        {"Condition": {"NumericGreaterThan": {"aws:EpochTime": "1775001600"}}},
        {"Condition": {"DateGreaterThan": {"aws:TokenIssueTime": ["2026-04-01"]}}},
        {
            "Condition": {
                "DateGreaterThan": {"AWS:CurrentTime": "2026-04-01T00:00:00Z"},
                "DateLessThan": {"aws:CurrentTime": "2026-04-01T00:00:05Z"},
            }
        },
    ],
)
def test_what_denies_the_role_locks_it_out(changed: dict[str, Any]) -> None:
    assert locking(**changed) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"Action": "s3:DeleteObject"},
        {"Resource": f"{BUCKET}/*"},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:role/other"}},
        {"Condition": {"ArnNotLike": {"aws:PrincipalArn": ROLE}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}},
        {"Condition": {"DateLessThan": {"aws:CurrentTime": "2026-02-01T00:00:00Z"}}},
    ],
)
def test_what_spares_it_does_not(changed: dict[str, Any]) -> None:
    assert locking(**changed) is None


def test_what_cannot_be_understood_spares_no_role() -> None:
    with pytest.raises(PolicySyntaxError):
        locking(Condition={"StringIsNot": {"aws:SourceVpce": "vpce-1"}})
