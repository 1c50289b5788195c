"""Every condition operator against a table, and what is refused as no condition."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from iam_access.policy.dates import parse_seconds
from iam_access.policy.evaluation.conditions import PolicySyntaxError, compile_conditions
from iam_access.policy.evaluation.request import PrincipalContext, Request, RequestContext

TABLE = Path(__file__).parents[2] / "data" / "evaluator" / "conditions.yaml"
USER = PrincipalContext.user("arn:aws:iam::123456789012:user/dev/alice", "AIDAEXAMPLE")


def _cases() -> list[Any]:
    groups = yaml.load(TABLE.read_bytes(), yaml.CSafeLoader)
    return [
        pytest.param(*case, id=f"{case[0]} {case[2]} on {case[3]}")
        for group in groups
        for case in group["cases"]
    ]


def _context(principal: PrincipalContext = USER, **more: Any) -> RequestContext:
    return RequestContext(Request(principal, "s3:GetObject", "arn:aws:s3:::b/k", **more))


def _holds(block: object, context: RequestContext, variables: bool = True) -> bool:
    return all(one.holds(context) for one in compile_conditions(block, variables=variables))


@pytest.mark.parametrize(("operator", "key", "policy", "given", "expected"), _cases())
def test_operator(operator: str, key: str, policy: Any, given: Any, expected: bool) -> None:
    # A caller without keys of its own, so that an absent key is absent.
    context = {} if given is None else {key.swapcase(): given}
    request = _context(PrincipalContext.saml("provider"), context=context)
    assert _holds({operator: {key: policy}}, request) is expected


def test_all_operators_and_all_keys_must_hold() -> None:
    block = {"StringEquals": {"a:b": "1", "a:c": "2"}, "NumericLessThan": {"a:n": 5}}
    given = {"a:b": "1", "a:c": "2", "a:n": "4"}
    assert _holds(block, _context(context=given))
    for key in given:
        assert not _holds(block, _context(context=given | {key: "9"}))


@pytest.mark.parametrize(
    ("operator", "value", "given", "expected"),
    [
        ("StringEquals", "${aws:username}", "alice", True),
        ("StringEquals", "${AWS:UserName}-x", "alice-x", True),
        ("StringEqualsIgnoreCase", "${aws:username}", "ALICE", True),
        ("StringEqualsIgnoreCase", "${a:upper}", "mixed", True),
        ("StringLike", "home/${aws:username}/*", "home/alice/x", True),
        ("StringLike", "home/${aws:username}/*", "home/bob/x", False),
        ("StringLike", "${aws:PrincipalTag/t}", "anything", False),
        ("StringNotLike", "${aws:PrincipalTag/t}", "anything", True),
        ("StringNotEquals", "${aws:PrincipalTag/t}", "anything", True),
        ("StringEquals", "${aws:PrincipalTag/t, 'team'}", "team", True),
        ("StringLike", "a${*}b", "a*b", True),
        ("StringLike", "a${*}b", "axb", False),
        ("StringLike", "a${?}b", "axb", False),
        ("StringEquals", "${$}{aws:username}", "${aws:username}", True),
        ("StringLike", "${a:star}", "anything", False),
        ("StringLike", "${a:star}", "*", True),
        ("StringEquals", "${a:many}", "x", False),
        ("StringEquals", "${a:one}", "x", True),
        ("ArnLike", "arn:aws:iam::*:user/dev/${aws:username}", USER.arn, True),
        ("StringEquals", "${aws:PrincipalTag/Cost Center}", "7", True),
        ("StringEquals", "${ aws:username , 'x'}", "alice", True),
        # A default stands after a comma and one space.
        ("StringEquals", "${a:none,'x'}", "x", False),
        ("StringEquals", "${a:none,  'x'}", "x", False),
        ("StringEquals", "${a:none, 'x' }", "x", False),
        ("StringEquals", "${aws:username}${aws:username}", "alicealice", True),
        ("StringEquals", "$${aws:username}", "$alice", True),
        ("StringLike", "${a:none, '*'}", "anything", False),
        ("StringLike", "${a:none, '*'}", "*", True),
        # Empty text is no value.
        ("StringEquals", "${a:empty}", "", False),
        ("StringNotEquals", "${a:empty}", "", True),
        ("StringLike", "a${a:empty}*", "ab", False),
        ("StringEquals", "${a:empty, 'x'}", "", False),
        ("StringEquals", "${a:empty, 'x'}", "x", True),
        ("StringNotEquals", "${a:many}", "x", True),
        ("StringEqualsIfExists", "${a:none}", "x", False),
        ("ArnLike", "${a:arn}", "arn:aws:s3:::b*", True),
        ("ArnLike", "${a:arn}", "arn:aws:s3:::bc", False),
        ("ArnLike", "${a:arn}*", "arn:aws:s3:::b*c", True),
        ("ArnNotLike", "arn:aws:s3:::${a:none}", "arn:aws:s3:::b", True),
        ("IpAddress", "${a:ip}", "10.0.0.1", False),
        ("NotIpAddress", "${a:ip}", "10.0.0.1", False),
        ("ArnLike", "${a:part}", "arn:aws:s3:::b", False),
        ("ArnNotLike", "${a:part}", "arn:aws:s3:::b", True),
        ("ArnLike", "${a:part}:b", "arn:aws:s3:::b", True),
        ("StringEquals", "${a:none, ''}", "", True),
        ("Bool", "${a:flag}", "true", True),
        ("NumericEquals", "${a:number}", "1", False),
        ("DateLessThan", "${aws:CurrentTime}", "2000-01-01T00:00:00Z", False),
    ],
)
def test_variables(operator: str, value: str, given: str, expected: bool) -> None:
    context = {
        "a:value": given,
        "a:star": "*",
        "a:many": ["x", "y"],
        "a:one": ["x"],
        "a:flag": "true",
        "a:upper": "MIXED",
        "aws:PrincipalTag/cost center": "7",
        "a:number": "1",
        "a:empty": "",
        "a:arn": "arn:aws:s3:::b*",
        "a:ip": "10.0.0.1",
        "a:part": "arn:aws:s3::",
    }
    request = _context(context=context, now=datetime(2025, 1, 1, tzinfo=UTC))
    assert _holds({operator: {"a:value": value}}, request) is expected


def test_variables_are_plain_text_in_the_older_version() -> None:
    request = _context(context={"a:value": "${aws:username}"})
    assert _holds({"StringEquals": {"a:value": "${aws:username}"}}, request, variables=False)
    assert not _holds({"StringEquals": {"a:value": "${aws:username}"}}, request)


def test_a_dollar_sign_does_not_hide_a_wildcard_in_the_older_version() -> None:
    request = _context(context={"a:value": "${anything}"})
    assert _holds({"StringLike": {"a:value": "${*}"}}, request, variables=False)
    assert not _holds({"StringLike": {"a:value": "${*}"}}, request)


@pytest.mark.parametrize(
    ("given", "block"),
    [
        (True, {"Bool": {"a:b": "true"}}),
        (False, {"StringEquals": {"a:b": "false"}}),
        (10, {"NumericEquals": {"a:b": "10"}}),
        (1.5, {"NumericEquals": {"a:b": "1.5"}}),
        ([1, True, "x"], {"ForAllValues:StringEquals": {"a:b": ["1", "true", "x"]}}),
        (None, {"Null": {"a:b": "true"}}),
        ([None], {"Null": {"a:b": "true"}}),
    ],
)
def test_other_values_of_json_count_as_text(given: Any, block: object) -> None:
    assert _holds(block, _context(context={"a:b": given}))


@pytest.mark.parametrize("given", [{"a": "b"}, [["a"]], [{}], object()])
def test_no_value_of_a_key(given: Any) -> None:
    with pytest.raises(ValueError, match="no value of a condition key"):
        _holds({"StringEquals": {"a:b": "x"}}, _context(context={"a:b": given}))


def test_missing_keys_are_noted_as_the_policy_spells_them() -> None:
    request = _context(context={"a:b": "1"})
    block = {
        "StringEquals": {"a:b": "${aws:PrincipalTag/Team}"},
        "Null": {"AWS:TokenIssueTime": "true"},
    }
    for condition in compile_conditions(block, variables=True):
        condition.holds(request)
    assert list(request.missing.values()) == ["aws:PrincipalTag/Team", "AWS:TokenIssueTime"]


@pytest.mark.parametrize(
    ("key", "caller", "expected"),
    [
        ("aws:PrincipalArn", USER, USER.arn),
        ("aws:PrincipalAccount", USER, "123456789012"),
        ("aws:PrincipalType", USER, "User"),
        ("aws:username", USER, "alice"),
        ("aws:userid", USER, "AIDAEXAMPLE"),
        ("aws:PrincipalIsAWSService", USER, "false"),
        ("aws:PrincipalArn", "session", "arn:aws:iam::123456789012:role/p/r"),
        ("aws:PrincipalType", "session", "AssumedRole"),
        ("aws:userid", "session", "AROAEXAMPLE:s"),
        ("aws:username", "session", None),
        ("aws:PrincipalArn", "root", "arn:aws:iam::123456789012:root"),
        ("aws:PrincipalType", "root", "Account"),
        ("aws:userid", "root", "123456789012"),
        ("aws:PrincipalArn", "federated", "arn:aws:sts::123456789012:federated-user/f"),
        ("aws:PrincipalType", "federated", "FederatedUser"),
        ("aws:userid", "federated", "123456789012:f"),
        ("aws:PrincipalIsAWSService", "service", "true"),
        ("aws:PrincipalServiceName", "service", "ec2.amazonaws.com"),
        ("aws:PrincipalArn", "service", None),
        ("aws:userid", "anonymous", "anonymous"),
        ("aws:PrincipalType", "anonymous", "Anonymous"),
        ("aws:ResourceAccount", USER, "123456789012"),
        ("aws:TokenIssueTime", USER, None),
    ],
)
def test_derived_keys(key: str, caller: PrincipalContext | str, expected: str | None) -> None:
    callers = {
        "session": PrincipalContext.role_session(
            "arn:aws:iam::123456789012:role/p/r", "s", "AROAEXAMPLE"
        ),
        "root": PrincipalContext.root("123456789012"),
        "federated": PrincipalContext.federated_user(USER.arn, "f"),
        "service": PrincipalContext.service("ec2.amazonaws.com"),
        "anonymous": PrincipalContext.anonymous(),
    }
    principal = callers[caller] if isinstance(caller, str) else caller
    context = _context(principal)
    assert context.single(key.lower(), key) == expected
    assert _context(principal, context={key: "given"}).single(key.lower(), key) == "given"


def test_the_two_keys_for_the_time_follow_from_each_other() -> None:
    now = datetime(2025, 11, 30, 12, 0, 0, 500_000, tzinfo=UTC)
    assert _context(now=now).single("aws:epochtime", "") == "1764504000"
    assert _context(now=now).single("aws:currenttime", "") == "2025-11-30T12:00:00.500000Z"
    given = _context(now=now, context={"aws:currenttime": "2025-11-30T00:00:00Z"})
    assert given.single("aws:epochtime", "") == "1764460800"
    given = _context(now=now, context={"AWS:EpochTime": "1764460800"})
    assert parse_seconds(given.single("aws:currenttime", "") or "") == Decimal(1764460800)


@pytest.mark.parametrize(
    "block",
    [
        [],
        "x",
        {"StringEquals": "x"},
        {"StringEquals": {"k": None}},
        {"StringEquals": {"k": {"a": "b"}}},
        {"StringEquals": {"k": [["a"]]}},
        {"StringIs": {"k": "v"}},
        {"NullIfExists": {"k": "true"}},
        {"ForSomeValues:StringEquals": {"k": "v"}},
        {"NumericNotLessThan": {"k": "1"}},
        {"StringEqualsIfExist": {"k": "v"}},
        {"StringEqualsIfExistsIfExists": {"k": "v"}},
        {"ForAnyValues:StringEquals": {"k": "v"}},
        {"ForAllValues:ForAnyValue:StringEquals": {"k": "v"}},
        {"BinaryNotEquals": {"k": "QQ=="}},
        {"NotBool": {"k": "true"}},
        {"IfExists": {"k": "v"}},
        {"": {"k": "v"}},
    ],
)
def test_no_condition(block: object) -> None:
    with pytest.raises(PolicySyntaxError) as caught:
        compile_conditions(block, variables=True)
    assert caught.value.message
    assert caught.value.hint
    assert isinstance(caught.value, ValueError)
