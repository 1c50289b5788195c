"""What the files still name is an error in the plan that deletes it."""

import pytest

from iam_access.kinds import calls
from iam_access.model import Change, ChangeType, Phase, Resource, ResourceId
from iam_access.plan.still_named import still_named
from iam_access.policy import document as documents
from tests import values
from tests.values import ACCOUNT, RUNNER


@pytest.mark.parametrize(("named", "codes"), [("runner", ["missing-principal"]), ("other", [])])
def test_the_policy_of_a_bucket_names_a_role_that_goes(named: str, codes: list[str]) -> None:
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT.id}:role/{named}"}
    allow = {"Effect": "Allow", "Principal": principal, "Action": "s3:*", "Resource": "*"}
    bucket = Resource(
        id=ResourceId("s3-bucket", "payments logs"),
        name="logs",
        teams=frozenset({"payments"}),
        attributes={"stage": "policy", "arn": "arn:aws:s3:::logs"},
        document=documents.document([allow]),
    )
    call = calls.iam(ACCOUNT.id, "delete_role", {"RoleName": RUNNER.name}, Phase.RETIRE)
    role = ResourceId("iam-role", "payments runner")
    gone = Change(ChangeType.DELETE, role, "runner", frozenset(), (), None, None, (call,))
    found = still_named([bucket], [gone], values.account_with())
    assert [each.code for each in found] == codes
