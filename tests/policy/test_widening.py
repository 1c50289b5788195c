"""Whether a document may allow more than another one."""

from typing import Any

import pytest

from iam_access.policy.document import document
from iam_access.policy.widening import widens


def statement(effect: str = "Allow", **elements: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "s3:GetObject", "Resource": "*", **elements}


UNTIL = {"DateLessThan": {"aws:CurrentTime": "2026-03-01T12:00:00Z"}}
END = statement(
    "Deny", Action="*", Condition={"DateGreaterThanEquals": {"aws:CurrentTime": "2026"}}
)
LATER = statement(
    "Deny", Action="*", Condition={"DateGreaterThanEquals": {"aws:CurrentTime": "2027"}}
)
BUT = {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([statement()], [statement()], False),
        ([statement()], [statement(Sid="other")], False),
        ([statement()], [], False),
        ([statement()], [statement(Condition=UNTIL)], False),
        ([statement(Condition=UNTIL)], [statement()], True),
        ([statement()], [statement(Action="S3:getobject")], False),
        ([statement()], [statement(Action="s3:Get*")], True),
        ([statement()], [statement(), statement(Action="s3:PutObject")], True),
        ([statement(Action="s3:Get*")], [statement()], False),
        ([statement(Action="*")], [statement()], False),
        ([statement(Action="*")], [BUT], False),
        ([statement(Action="s3:Get?")], [statement(Action="s3:Get*")], True),
        ([statement(Action=["a:B", "a:C"])], [statement(Action="a:C")], False),
        ([statement(Resource="arn:aws:s3:::a")], [statement()], True),
        ([statement()], [statement(), statement("Deny")], False),
        ([statement(Resource="arn:aws:s3:::a*")], [statement(Resource="arn:aws:s3:::a/b")], False),
        (
            [statement(Resource="arn:aws:sqs:*:1:a")],
            [statement(Resource="arn:aws:sqs:eu:2:1:a")],
            True,
        ),
        (
            [statement(Resource="arn:aws:s3:::a?")],
            [statement(Resource="arn:aws:s3:::a${aws:userid}")],
            True,
        ),
        (
            [statement(Resource="arn:aws:s3:::${*}")],
            [statement(Resource="arn:aws:s3:::${a}")],
            True,
        ),
        ([statement(), statement("Deny")], [statement()], True),
        ([statement("Deny", Action="s3:Get*")], [statement("Deny", Action="s3:*")], False),
        ([statement("Deny", Action="s3:*")], [statement("Deny", Action="s3:Get*")], True),
        ([statement("Deny")], [statement("Deny", Action=["s3:GetObject", "s3:PutObject"])], False),
        ([statement("Deny")], [statement("Deny", Condition=UNTIL)], True),
        ([statement("Deny", Condition=UNTIL)], [statement("Deny")], False),
        ([BUT], [{**BUT, "NotAction": ["s3:*", "iam:*"]}], False),
        ([{**BUT, "NotAction": ["s3:*", "iam:*"]}], [BUT], True),
        ([{**BUT, "NotAction": "s3:Get*"}], [BUT], False),
        ([BUT], [{**BUT, "NotAction": "s3:Get*"}], True),
        ([BUT], [statement(Action="*")], True),
        # When something ends is not what it allows.
        ([statement(), END], [statement(), LATER], False),
        ([statement()], [statement(), END], False),
    ],
)
def test_what_says_less_does_not(before: list[Any], after: list[Any], *, expected: bool) -> None:
    assert widens(document(before), document(after)) is expected
