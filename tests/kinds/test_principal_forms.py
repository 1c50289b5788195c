"""Principals of statements in short forms become AWS's `Principal`."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from iam_access.kinds.fields import PROBLEM
from iam_access.kinds.principal_forms import Principals, element_of, in_partition

FORMS: TypeAdapter[Any] = TypeAdapter(Principals)
IAM = "arn:{partition}:iam::{account_id}:"
ROLE = "arn:aws:iam::111122223333:role/x"


@pytest.mark.parametrize(
    ("written", "element"),
    [
        ("*", {"AWS": "*"}),
        (ROLE, {"AWS": ROLE}),
        (f"{IAM}role/a/b", {"AWS": f"{IAM}role/a/b"}),
        (
            "arn:aws-cn:sts::111122223333:assumed-role/x/y@z",
            {"AWS": "arn:aws-cn:sts::111122223333:assumed-role/x/y@z"},
        ),
        ({"service": "logging.s3"}, {"Service": "logging.s3.amazonaws.com"}),
        (
            [{"iam": "role/b"}, {"iam": "user", "users": ["ann", "bob"]}, {"iam": "role/b"}],
            {"AWS": [f"{IAM}role/b", f"{IAM}user/ann", f"{IAM}user/bob"]},
        ),
        (
            [{"service": ["ec2", "lambda"]}, {"iam": "root", "account": "prod"}, ROLE],
            {
                "AWS": [ROLE, "arn:{partition}:iam::{account_id:prod}:root"],
                "Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"],
            },
        ),
        ({"federated": "saml-provider/adfs"}, {"Federated": f"{IAM}saml-provider/adfs"}),
        ({"federated": f"{IAM}oidc-provider/a/b"}, {"Federated": f"{IAM}oidc-provider/a/b"}),
    ],
)
def test_forms_are_one_element(written: Any, element: dict[str, Any]) -> None:
    assert element_of(FORMS.validate_python(written)) == element


@pytest.mark.parametrize(
    ("written", "said", "hint"),
    [
        ("ec2", "'ec2'", "{service: ec2}"),
        ("123456789012", "'123456789012'", "iam: root"),
        ({}, "has none", "role/NAME"),
        ({"service": "ec2", "iam": "root"}, "service and iam", "an entry for each"),
        ({"iam": "__self__"}, "no user or role here", "role/NAME"),
        ({"iam": ["root", "__self__"]}, "no user or role here", "role/NAME"),
        ({"service": []}, "names no principal", "role/NAME"),
        ({"iam": []}, "names no principal", "role/NAME"),
        ({"iam": "role/*"}, "wildcard", "ArnLike"),
        ("arn:aws:sts::111122223333:assumed-role/x/*", "wildcard", "ArnLike"),
        ("arn:aws:iam::111122223333:assumed-role/x/y", "not the ARN", "role/NAME"),
        ("arn:aws:iam::1111:role/x", "not the ARN", "role/NAME"),
        ("arn:awz:iam::111122223333:role/x", "not the ARN", "role/NAME"),
        ({"federated": "arn:awz:iam::111122223333:saml-provider/x"}, "no identity", "ARN"),
        ({"iam": "assumed-role/x", "users": ["*"]}, "'*' cannot complete", "without wildcards"),
        ({"iam": "assumed-role/x", "users": ["a"]}, "'a' cannot complete", "two characters"),
        ({"iam": "user", "users": ["ann", ""]}, "'' cannot complete", "one name"),
        ({"iam": "user", "users": ["a b"]}, "'a b' cannot complete", "one name"),
        ({"iam": "*", "account": "prod"}, "complete", "leave them out"),
    ],
)
def test_what_names_no_principal_is_an_error(written: Any, said: str, hint: str) -> None:
    with pytest.raises(ValidationError) as raised:
        FORMS.validate_python([written])
    (error,) = raised.value.errors()
    found = error["ctx"][PROBLEM]
    assert found.code == "bad-principal"
    assert (said in found.message, hint in found.hint) == (True, True), found


def test_china_has_a_name_of_its_own_for_ec2() -> None:
    document = {"Principal": {"Service": ["ec2.amazonaws.com", "s3.amazonaws.com"]}}
    assert in_partition(document, "aws-cn") == {
        "Principal": {"Service": ["ec2.amazonaws.com.cn", "s3.amazonaws.com"]}
    }
    assert in_partition(document, "aws") == document


def test_a_list_without_principals_is_an_error() -> None:
    with pytest.raises(ValidationError, match="names no principal"):
        FORMS.validate_python([])
