import pytest

from iam_access.policy.globs import escape_variables, malformed_variable, mask_variables


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain $ and {braces}",
        "${aws:username}",
        "a${aws:PrincipalTag/cost center}b${*}${?}${$}",
        "${aws:userid, 'anonymous user'}",
        "${aws:userid, ''}",
        "${oidc.eks.eu-west-1.amazonaws.com/id/ABC:sub}",
        "${aws:PrincipalTag/eks:cluster}",
        "$${aws:username}",
        "${$}{aws:username}",
    ],
)
def test_proper_variables(text: str) -> None:
    assert malformed_variable(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x${", "${"),
        ("${}", "${}"),
        ("${username}/*", "${username}"),
        ("${aws:username", "${aws:username"),
        ("${ aws:username }", "${ aws:username }"),
        ("${aws:username,'x'}", "${aws:username,'x'}"),
        ("${aws:username, x}", "${aws:username, x}"),
        ("${aws:username, 'x}", "${aws:username, 'x}"),
        ("${*}${**}", "${**}"),
        ("${aws:${*}}", "${aws:${*}"),
    ],
)
def test_malformed_variables(text: str, found: str) -> None:
    assert malformed_variable(text) == found


def test_mask_hides_the_colons() -> None:
    assert mask_variables("a:${aws:b}:${*}", "X") == "a:X:X"


def test_escaped_text_has_no_variable_but_the_dollar_sign() -> None:
    escaped = escape_variables("${aws:username}${*}$$x")
    assert escaped == "${$}{aws:username}${$}{*}$$x"
    assert mask_variables(escaped, "$") == "${aws:username}${*}$$x"
