"""Whether a document may allow more than another one."""

from typing import Any

import pytest

from iam_access.policy.document import document
from iam_access.policy.widening import widens


def one(effect: str = "Allow", **elements: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "s3:GetObject", "Resource": "*", **elements}


UNTIL = {"DateLessThan": {"aws:CurrentTime": "2026-03-01T12:00:00Z"}}
END = one("Deny", Action="*", Condition={"DateGreaterThanEquals": {"aws:CurrentTime": "2026"}})
LATER = one("Deny", Action="*", Condition={"DateGreaterThanEquals": {"aws:CurrentTime": "2027"}})
BUT = {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([one()], [one()], False),
        ([one()], [one(Sid="other")], False),
        ([one()], [], False),
        ([one()], [one(Condition=UNTIL)], False),
        ([one(Condition=UNTIL)], [one()], True),
        ([one()], [one(Action="S3:getobject")], False),
        ([one()], [one(Action="s3:Get*")], True),
        ([one()], [one(), one(Action="s3:PutObject")], True),
        ([one(Action="s3:Get*")], [one()], False),
        ([one(Action="*")], [one()], False),
        ([one(Action="*")], [BUT], False),
        ([one(Action="s3:Get?")], [one(Action="s3:Get*")], True),
        ([one(Action=["a:B", "a:C"])], [one(Action="a:C")], False),
        ([one(Resource="arn:aws:s3:::a")], [one()], True),
        ([one()], [one(), one("Deny")], False),
        ([one(Resource="arn:aws:s3:::a*")], [one(Resource="arn:aws:s3:::a/b")], False),
        ([one(Resource="arn:aws:sqs:*:1:a")], [one(Resource="arn:aws:sqs:eu:2:1:a")], True),
        ([one(Resource="arn:aws:s3:::a?")], [one(Resource="arn:aws:s3:::a${aws:userid}")], True),
        ([one(Resource="arn:aws:s3:::${*}")], [one(Resource="arn:aws:s3:::${a}")], True),
        ([one(), one("Deny")], [one()], True),
        ([one("Deny", Action="s3:Get*")], [one("Deny", Action="s3:*")], False),
        ([one("Deny", Action="s3:*")], [one("Deny", Action="s3:Get*")], True),
        ([one("Deny")], [one("Deny", Action=["s3:GetObject", "s3:PutObject"])], False),
        ([one("Deny")], [one("Deny", Condition=UNTIL)], True),
        ([one("Deny", Condition=UNTIL)], [one("Deny")], False),
        ([BUT], [{**BUT, "NotAction": ["s3:*", "iam:*"]}], False),
        ([{**BUT, "NotAction": ["s3:*", "iam:*"]}], [BUT], True),
        ([{**BUT, "NotAction": "s3:Get*"}], [BUT], False),
        ([BUT], [{**BUT, "NotAction": "s3:Get*"}], True),
        ([BUT], [one(Action="*")], True),
        # When something ends is not what it allows.
        ([one(), END], [one(), LATER], False),
        ([one()], [one(), END], False),
    ],
)
def test_what_says_less_does_not(before: list[Any], after: list[Any], *, expected: bool) -> None:
    assert widens(document(before), document(after)) is expected
