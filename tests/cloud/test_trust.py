"""The trust statement that an error message tells people to add."""

import json

import pytest

from iam_access.cloud.hints import trust_statement

PRINCIPALS = {
    "arn:aws:iam::111122223333:user/ops/ann": "arn:aws:iam::111122223333:user/ops/ann",
    "arn:aws:iam::111122223333:root": "arn:aws:iam::111122223333:root",
    "arn:aws:sts::111122223333:assumed-role/ci/run-1": "arn:aws:iam::111122223333:role/ci",
    "arn:aws-cn:sts::111122223333:assumed-role/ci/x@y": "arn:aws-cn:iam::111122223333:role/ci",
    "what AWS never answers": "what AWS never answers",
}


@pytest.mark.parametrize(("caller", "principal"), PRINCIPALS.items())
def test_it_names_who_asked(caller: str, principal: str) -> None:
    assert json.loads(trust_statement(caller)) == {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": principal},
    }


def test_an_identity_center_role_is_compared_because_its_path_varies() -> None:
    caller = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ann"
    assert json.loads(trust_statement(caller)) == {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Condition": {
            "ArnLike": {
                "aws:PrincipalArn": "arn:aws:iam::111122223333:role/aws-reserved/"
                "sso.amazonaws.com/*AWSReservedSSO_Admin_0123456789abcdef"
            }
        },
    }
