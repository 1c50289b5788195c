from typing import Any

import pytest

from iam_access.policy import lint
from iam_access.policy.document import policy_size
from iam_access.problem import Problem


def check_document(*arguments: Any, **named: Any) -> list[Problem]:
    return list(lint.check_document(*arguments, **named))


def check_statement(*arguments: Any) -> list[Problem]:
    return list(lint.check_statement(*arguments))


GOOD: dict[str, Any] = {
    "Sid": "Read1",
    "Effect": "Allow",
    "Action": ["s3:GetObject", "s3:List*"],
    "Resource": "arn:aws:s3:::bucket/${aws:username}/*",
    "Condition": {
        "StringLikeIfExists": {"s3:prefix": ["a/*", "${aws:username}/"]},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["a"]},
        "ForAnyValue:StringNotEqualsIgnoreCase": {"aws:RequestTag/cost center": "x"},
        "DateLessThan": {"aws:CurrentTime": ["2025-12-01T00:00:00Z", 1764547200]},
        "NumericGreaterThanEquals": {"aws:MultiFactorAuthAge": ["-1.5", 10, 2.5]},
        "Bool": {"aws:SecureTransport": True},
        "Null": {"aws:TokenIssueTime": "false"},
        "NotIpAddress": {"aws:SourceIp": ["203.0.113.7/24", "2001:db8::/32", "203.0.113.0"]},
        "ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/x", "*"]},
        "BinaryEquals": {"aws:PrincipalTag/key": "QmluYXJ5"},
    },
}

TAG = "aws:PrincipalTag/x"


def codes(problems: list[Problem]) -> list[str]:
    return [each.code for each in problems]


def with_elements(**elements: Any) -> dict[str, Any]:
    changed = {**GOOD, **elements}
    return {name: value for name, value in changed.items() if value is not ...}


def only_problem(**elements: Any) -> Problem:
    [problem] = check_statement(with_elements(**elements), ("here",))
    assert problem.message
    assert problem.hint
    return problem


def test_nothing_wrong() -> None:
    assert check_statement(GOOD) == []
    assert check_document({"Version": "2012-10-17", "Statement": [GOOD, {**GOOD, "Sid": ""}]}) == []
    assert check_document({"Statement": GOOD}) == []
    opposite = with_elements(
        Action=..., NotAction="iam:*", Resource=..., NotResource=["*"], Condition=..., Sid=...
    )
    assert check_statement(opposite) == []


@pytest.mark.parametrize(
    ("elements", "code", "path"),
    [
        ({"Sid": "has-dash"}, "bad-sid", ("Sid",)),
        ({"Sid": "line\n"}, "bad-sid", ("Sid",)),
        ({"Action": ...}, "missing-action", ("Action",)),
        ({"Action": []}, "missing-action", ("Action",)),
        ({"Action": ""}, "missing-action", ("Action",)),
        ({"Action": ..., "NotAction": []}, "missing-action", ("NotAction",)),
        ({"NotAction": "s3:GetObject"}, "conflicting-actions", ("NotAction",)),
        ({"Action": "s3:GetObjekt"}, "unknown-action", ("Action",)),
        ({"Action": ["s3:GetObject", "S4:*"]}, "unknown-service", ("Action", 1)),
        ({"Action": ["s3:GetObject", ""]}, "bad-action", ("Action", 1)),
        ({"Action": ..., "NotAction": ["s3:X"]}, "unknown-action", ("NotAction", 0)),
        ({"Resource": ...}, "missing-resource", ("Resource",)),
        ({"Resource": []}, "missing-resource", ("Resource",)),
        ({"NotResource": "*"}, "conflicting-resources", ("NotResource",)),
        ({"Resource": ["*", "bucket"]}, "bad-arn", ("Resource", 1)),
        ({"Resource": "arn:aws:s3:::b/${user}"}, "bad-variable", ("Resource",)),
        ({"Resource": "arn:aws:s3:::snow/☃"}, "bad-character", ("Resource",)),
        ({"Resource": ["*", "arn:aws:s3:::a/\x00"]}, "bad-character", ("Resource", 1)),
    ],
)
def test_one_thing_wrong(elements: dict[str, Any], code: str, path: tuple[str | int, ...]) -> None:
    problem = only_problem(**elements)
    assert problem.code == code
    assert problem.path == ("here", *path)


@pytest.mark.parametrize(
    ("elements", "hint"),
    [
        ({"Condition": {"stringequals": {TAG: "a"}}}, "StringEquals"),
        (
            {"Condition": {"StringEqualIfExists": {TAG: "a"}}},
            "StringEqualsIfExists",
        ),
        (
            {"Condition": {"forallvalues:StringLik": {TAG: "a"}}},
            "ForAllValues:StringLike",
        ),
        ({"Condition": {"NullIfExists": {TAG: "true"}}}, "did you mean Null?"),
        ({"Condition": {"Qqqq": {TAG: "true"}}}, "StringEquals"),
    ],
)
def test_hints_name_what_was_meant(elements: dict[str, Any], hint: str) -> None:
    assert hint in only_problem(**elements).hint


@pytest.mark.parametrize(
    "operator",
    [
        "stringEquals",
        "StringEqualsIfexists",
        "ForAllValues:ForAnyValue:StringEquals",
        "ForSomeValues:StringEquals",
        "StringEqualsIfExistsIfExists",
        "NullIfExists",
        "ForAllValues:",
        "IfExists",
        "",
    ],
)
def test_operators_that_aws_does_not_have(operator: str) -> None:
    problem = only_problem(Condition={operator: {TAG: "true"}})
    assert problem.code == "unknown-condition-operator"
    assert problem.path == ("here", "Condition", operator)


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("NumericEquals", "ten"),
        ("NumericEquals", "1e3"),
        ("NumericEqualsIfExists", True),
        ("DateLessThan", "2025-12-01T00:00:00"),
        ("DateLessThan", "2025-12-0*"),
        ("DateLessThan", "${aws:CurrentTime}"),
        ("ForAnyValue:Bool", "yes"),
        ("Null", 1),
        ("IpAddress", "203.0.113.*"),
        ("IpAddress", "203.0.113.0/33"),
        ("IpAddress", "203.0.113.0/255.255.255.0"),
        ("ArnEquals", "my-topic"),
        ("BinaryEquals", "not base64!"),
    ],
)
def test_values_of_the_wrong_form(operator: str, value: Any) -> None:
    problem = only_problem(Condition={operator: {TAG: [value]}})
    assert problem.code == "bad-condition-value"
    assert problem.path == ("here", "Condition", operator, TAG, 0)
    assert operator in problem.message


@pytest.mark.parametrize(
    ("condition", "code", "path"),
    [
        ({"Bool": {"MFA": "true"}}, "bad-condition-key", ("Bool", "MFA")),
        ({"Bool": {"aws:": "true"}}, "bad-condition-key", ("Bool", "aws:")),
        (
            {"Bool": {TAG: "true", TAG.upper(): "true"}},
            "duplicate-condition-key",
            ("Bool", TAG.upper()),
        ),
        (
            {"StringEquals": {TAG: []}},
            "missing-condition-value",
            ("StringEquals", TAG),
        ),
        (
            {"StringEquals": {TAG: "${x"}},
            "bad-variable",
            ("StringEquals", TAG),
        ),
        (
            {"ArnLike": {TAG: "arn:aws:s3:::${x}"}},
            "bad-variable",
            ("ArnLike", TAG),
        ),
        (
            {"StringEquals": {TAG: "ł"}},
            "bad-character",
            ("StringEquals", TAG),
        ),
    ],
)
def test_conditions(condition: Any, code: str, path: tuple[str | int, ...]) -> None:
    problem = only_problem(Condition=condition)
    assert problem.code == code
    assert problem.path == ("here", "Condition", *path)


@pytest.mark.parametrize("text", ["\u00a0", "\u00ad", "\u0085", "\x7f"])
def test_characters_that_cannot_be_seen(text: str) -> None:
    problem = only_problem(Resource=f"arn:aws:s3:::a{text}b/*")
    assert (problem.code, problem.path) == ("bad-character", ("here", "Resource"))
    assert f"U+{ord(text):04X}, which cannot be seen" in problem.message


@pytest.mark.parametrize("text", ["\t\r\n", "ÿ"])
def test_characters_that_iam_takes(text: str) -> None:
    assert check_statement(with_elements(Resource=f"arn:aws:s3:::a/{text}")) == []


def test_messages_show_no_control_characters() -> None:
    problems = check_statement(with_elements(Action="\x1b[31m\n", Resource="\x1b", Sid="\u202e"))
    assert len(problems) > 2
    assert all(each.message.isprintable() and each.hint.isprintable() for each in problems)


def test_everything_is_found_at_once() -> None:
    found = check_statement({"Effect": "Deny", "Action": ["s3:No", "s3:No2"], "Sid": "-"})
    assert codes(found) == [
        "bad-sid",
        "missing-resource",
        "unknown-action",
        "unknown-action",
    ]


def test_ids_are_unique_in_a_document() -> None:
    source = {"Statement": [GOOD, {**GOOD, "Sid": "B"}, GOOD]}
    [problem] = check_document(source, ("doc",))
    assert problem.code == "duplicate-sid"
    assert problem.path == ("doc", "Statement", 2, "Sid")
    assert "statement 1" in problem.message


def test_size_against_a_quota() -> None:
    source = {"Version": "2012-10-17", "Statement": [GOOD]}
    assert check_document(source, quota=policy_size(source)) == []
    [problem] = check_document(source, quota=60)
    assert problem.code == "policy-too-large"
    assert "cannot be cut" in problem.message


@pytest.mark.parametrize(
    ("key", "code", "hint"),
    [
        ("aws:Via", "unknown-condition-key", "aws:"),
        ("aws:MultifactorAuthPresence", "unknown-condition-key", "aws:MultiFactorAuthPresent?"),
        ("ec2:ResourceTags/Team", "unknown-condition-key", "ec2:ResourceTag/"),
        ("s4:prefix", "unknown-condition-key", "s3:prefix?"),
        ("evidently:Owner", "unknown-condition-key", "Reference"),
        ("aws:ResourceTag/cluster/${CLUSTER_NAME}", "bad-condition-key", "stands for"),
        ("aws:PrincipalTag/${aws:username}", "bad-condition-key", "stands for"),
    ],
)
def test_condition_keys_that_aws_does_not_have(key: str, code: str, hint: str) -> None:
    problem = only_problem(Condition={"StringEquals": {key: "a"}})
    assert (problem.code, problem.path[-1]) == (code, key)
    assert hint in problem.hint


@pytest.mark.parametrize(
    "key",
    [
        "aws:resourcetag/kubernetes.io/cluster/a",
        "AWS:RequestTag/x y",
        "aws:PrincipalTag/team",
        "kms:ViaService",
        "token.actions.githubusercontent.com:sub",
        "kms:EncryptionContext:aws:s3:arn",
    ],
)
def test_condition_keys_that_aws_has(key: str) -> None:
    assert check_statement(with_elements(Action="*", Condition={"StringLike": {key: "a"}})) == []
