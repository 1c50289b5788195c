"""Tags for all that is made: what the files may say, and what the first call carries."""

import re
from pathlib import Path
from typing import Any

import pytest

from iam_access.kinds import temporary_role
from iam_access.kinds.managed_policy import CustomerManagedPolicies
from iam_access.kinds.tags import as_list, merged
from iam_access.kinds.temporary_access import TemporaryAccess
from iam_access.kinds.temporary_role import TemporaryRoles
from iam_access.model import Phase, Principal, PrincipalType
from iam_access.snapshot import Snapshot
from tests.config.repository import ACCOUNTS, loaded, marked
from tests.values import account_with, carried_out, policy, scope, temporary, with_state

STATEMENT = {"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}
READ = policy("read", custom_statements=[STATEMENT])
MANY = ", ".join(f"k{number}: v" for number in range(46))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tags: {cost: ¶'{stage}'}", "not the value of a tag"),
        ("tags: {cost: ¶a;b}", "not the value of a tag"),
        (f"tags: {{cost: ¶'{'x' * 200}{{team}}'}}", "not the value of a tag"),
        ("tags: {¶'a;b': x}", "not the key of a tag"),
        ("tags: {¶'AWS:x': y}", "only AWS or the pipeline"),
        ("tags: {¶'Self-Serve:role': y}", "only AWS or the pipeline"),
        ("tags: ¶{cost: a, Cost: b}", "IAM ignores the case"),
        (f"tags: ¶{{{MANY}}}", "there are 46 tags, and 45 are allowed"),
        ("tags: ¶[a]", "must be a mapping"),
        ("tags: {cost: ¶[a]}", "must be text"),
    ],
)
@pytest.mark.parametrize("name", ["settings.yaml", "aws-accounts/pay.yaml"])
def test_a_tag_that_aws_would_refuse_is_an_error(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    before = "" if name == "settings.yaml" else ACCOUNTS
    content, place = marked(before + text)
    found = loaded(tmp_path, {name: content}).findings
    assert [(message in each.message, str(each.location)) for each in found if each.is_error] == [
        (True, f"{tmp_path / name}:{place}")
    ]


def test_the_team_and_the_settings_have_one_limit(tmp_path: Path) -> None:
    half = ", ".join(f"s{number}: v" for number in range(30))
    files = {
        "settings.yaml": f"tags: {{{half}}}",
        "aws-accounts/pay.yaml": f"{ACCOUNTS}tags: {{{half.replace('s', 't')}}}",
    }
    (found,) = loaded(tmp_path, files).findings
    assert "with those of settings.yaml there are 60 tags" in found.message
    files["aws-accounts/pay.yaml"] = f"{ACCOUNTS}tags: {{{half.replace('s', 'S')}}}"
    bucket = (
        f"aws-buckets: {{a-bucket: {{environments: [prod], region: us-east-1, tags: ¶{{{half}}}}}}}"
    )
    files["aws-buckets/pay.yaml"], _ = marked(bucket)
    assert loaded(tmp_path, files).findings == ()
    files["aws-buckets/pay.yaml"], place = marked(re.sub(r"\bs(\d)", r"b\1", bucket))
    (found,) = loaded(tmp_path, files).findings
    assert "with those of the team and settings.yaml there are 60 tags" in found.message
    assert str(found.location) == f"{tmp_path / 'aws-buckets/pay.yaml'}:{place}"


def test_tags_without_accounts_are_no_accounts_file(tmp_path: Path) -> None:
    found = loaded(tmp_path, {"aws-accounts/pay.yaml": "tags: {cost: a}\n"}).findings
    assert "the key 'aws-accounts' is missing" in {each.message for each in found}


def test_no_tags_may_be_written_as_nothing(tmp_path: Path) -> None:
    files = {"settings.yaml": "tags:\n", "aws-accounts/pay.yaml": f"{ACCOUNTS}tags:\n"}
    assert loaded(tmp_path, files).findings == ()


def test_what_is_nearer_holds_whatever_the_case_of_the_key() -> None:
    assert merged({"Cost": "a", "x": "y"}, {"cost": "b"}) == {"cost": "b", "x": "y"}
    assert as_list({"b": "2", "a": "1"}) == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]


def test_a_policy_is_made_with_its_tags() -> None:
    (wanted,) = CustomerManagedPolicies().expand([READ], scope(READ, tags={"cost": "a"})).resources
    (create,) = CustomerManagedPolicies().calls(None, wanted, account_with())
    assert create.params["Tags"] == [{"Key": "cost", "Value": "a"}]


def role_with(tags: dict[str, str], snapshot: Snapshot) -> tuple[Any, ...]:
    """The calls that give a temporary grant its role in this account, and the account after."""
    kind = TemporaryRoles()
    files = scope(READ, tags=tags, snapshot=snapshot)
    (grant,) = TemporaryAccess().expand([temporary()], files).grants
    state = snapshot.principals.get(ROLE)
    wanted = temporary_role.resource(grant, state)
    before = next(iter(kind.observed(snapshot)), None)
    if before is not None and before.attributes == wanted.attributes:
        return ((), snapshot)
    calls = kind.calls(before, wanted, snapshot)
    return calls, carried_out(snapshot, calls)


ROLE = Principal(PrincipalType.ROLE, "payments+read+alice")


def test_a_role_of_a_grant_is_made_with_tags_and_gets_what_is_new() -> None:
    calls, account = role_with({"cost": "a", "old": "x"}, account_with())
    tags = [{"Key": "cost", "Value": "a"}, {"Key": "old", "Value": "x"}]
    assert [each for each in calls[0].params["Tags"] if each in tags] == tags
    state = account.principals[ROLE]
    account = with_state(account, ROLE, tags={**state.tags, "theirs": "1"})
    (call,), account = role_with({"Cost": "b"}, account)
    assert (call.operation, call.phase) == ("tag_role", Phase.CLAIM)
    assert call.params["Tags"] == [{"Key": "Cost", "Value": "b"}]
