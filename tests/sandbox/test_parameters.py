"""Names, paths, tags and numbers in requests."""

from typing import Any

import pytest

from tests.sandbox.support import Refused, policy, trust

EC2 = trust({"Service": "ec2.amazonaws.com"})


def create(iam: Any, kind: str, name: str, **more: Any) -> None:
    documents = {
        "policy": {"PolicyDocument": policy()},
        "role": {"AssumeRolePolicyDocument": EC2},
    }
    operation = getattr(iam, f"create_{kind}")
    operation(**{f"{kind.capitalize()}Name": name}, **documents.get(kind, {}), **more)


@pytest.mark.parametrize("kind", ["user", "group", "role", "policy"])
@pytest.mark.parametrize("bad", ["a b", "a/b", "a:b", "\u00fcnal", "a\n"])
def test_characters_of_names(iam: Any, kind: str, bad: str, refused: Refused) -> None:
    with refused("ValidationError", f"The specified value for {kind}Name is invalid."):
        create(iam, kind, bad)


@pytest.mark.parametrize(
    ("kind", "longest"), [("user", 64), ("role", 64), ("group", 128), ("policy", 128)]
)
def test_lengths_of_names(iam: Any, kind: str, longest: int, refused: Refused) -> None:
    create(iam, kind, "x" * longest)
    with refused("ValidationError", f"less than or equal to {longest}"):
        create(iam, kind, "y" * (longest + 1))
    with refused("ValidationError", f"at '{kind}Name'"):
        create(iam, kind, "")


def test_names_of_inline_policies(iam: Any, user: str, refused: Refused) -> None:
    with refused("ValidationError", "policyName"):
        iam.put_user_policy(UserName=user, PolicyName="a b", PolicyDocument=policy())
    iam.put_user_policy(UserName=user, PolicyName="Az09_+=,.@-", PolicyDocument=policy())


@pytest.mark.parametrize("kind", ["user", "group", "role", "policy"])
@pytest.mark.parametrize("bad", ["team", "/team", "team/", "/a b/"])
def test_paths(iam: Any, kind: str, name: str, bad: str, refused: Refused) -> None:
    with refused("ValidationError", "The specified value for path is invalid."):
        create(iam, kind, name, Path=bad)


def test_lengths_of_paths(iam: Any, name: str, refused: Refused) -> None:
    create(iam, "policy", name, Path=f"/{'x' * 510}/")
    with refused("ValidationError", "less than or equal to 512"):
        create(iam, "policy", f"{name}-2", Path=f"/{'x' * 511}/")


@pytest.mark.parametrize("kind", ["role", "policy"])
def test_lengths_of_descriptions(iam: Any, kind: str, name: str, refused: Refused) -> None:
    with refused("ValidationError", "at 'description'"):
        create(iam, kind, name, Description="x" * 1001)
    create(iam, kind, name, Description="x" * 1000)


def test_characters_of_descriptions(iam: Any, name: str, refused: Refused) -> None:
    with refused("ValidationError", "regular expression pattern"):
        create(iam, "role", name, Description="5 €")
    create(iam, "role", name, Description="\tschön\r\n")


BAD_TAGS = {
    "comma": ([{"Key": "a,b", "Value": "v"}], "ValidationError", "regular expression"),
    "star": ([{"Key": "a", "Value": "*"}], "ValidationError", "regular expression"),
    "long-key": ([{"Key": "k" * 129, "Value": "v"}], "ValidationError", "128"),
    "long-value": ([{"Key": "k", "Value": "v" * 257}], "ValidationError", "256"),
    "no-key": ([{"Key": "", "Value": "v"}], "ValidationError", "key"),
    "twice": (
        [{"Key": "k", "Value": "v"}, {"Key": "K", "Value": "v"}],
        "InvalidInput",
        "Duplicate tag keys",
    ),
    "of-aws": ([{"Key": "aws:k", "Value": "v"}], "InvalidInput", "System tags"),
    "too-many": ([{"Key": f"k{n}", "Value": "v"} for n in range(51)], "ValidationError", "50"),
}


@pytest.mark.parametrize(("tags", "code", "message"), BAD_TAGS.values(), ids=BAD_TAGS.keys())
def test_tags_that_iam_refuses(
    iam: Any, tags: list[dict[str, str]], code: str, message: str, refused: Refused
) -> None:
    with refused(code, message):
        iam.tag_user(UserName="ann", Tags=tags)
    with refused(code, message):
        create(iam, "role", "never-made", Tags=tags)


def test_tags_that_iam_takes(iam: Any, user: str) -> None:
    tags = [{"Key": "self-serve:team:job-function/ViewOnly+=.@_-", "Value": "\u00fc " + "v" * 254}]
    iam.tag_user(UserName=user, Tags=tags)
    assert iam.list_user_tags(UserName=user)["Tags"] == tags


@pytest.mark.parametrize("seconds", [3599, 43201])
def test_longest_session_of_a_role(iam: Any, name: str, seconds: int, refused: Refused) -> None:
    with refused("ValidationError", "at 'maxSessionDuration'"):
        create(iam, "role", name, MaxSessionDuration=seconds)
    with refused("ValidationError", "at 'maxSessionDuration'"):
        iam.update_role(RoleName="ci", MaxSessionDuration=seconds)


@pytest.mark.parametrize("arn", ["ReadOnlyAccess", "arn:aws:iam::aws", ""])
def test_arns(iam: Any, arn: str, refused: Refused) -> None:
    with refused("ValidationError", "is not valid"):
        iam.attach_user_policy(UserName="ann", PolicyArn=arn)


@pytest.mark.parametrize("size", [0, 1001])
def test_page_sizes(iam: Any, size: int, refused: Refused) -> None:
    with refused("ValidationError", "at 'maxItems'"):
        iam.get_account_authorization_details(MaxItems=size)
