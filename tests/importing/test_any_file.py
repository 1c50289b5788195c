"""Whatever stands in the files of an older tool, they are converted or refused."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iam_access.importing import iam_syncr, rolemodel
from iam_access.importing.source import SourceFile
from iam_access.importing.written import Imported

ACCOUNTS = SourceFile("accounts.yaml", b'dev: "111122223333"\nstg: "444455556666"\n')
OF_SYNCR = (
    *("allow_to_assume_me", "disallow_to_assume_me", "permission", "allow_permission", "use"),
    *("deny_permission", "make_instance_profile", "description", "service", "iam", "federated"),
    *("account", "users", "action", "notaction", "resource", "notresource", "principal", "allow"),
    *("kms", "s3", "sns", "key_id", "alias", "location", "grant", "grantee", "operations", "tags"),
    *("admin_users", "constraints", "Effect", "Sid", "Action", "Resource", "Principal", "AWS"),
)
OF_TEMPLATES = (
    *("Type", "Properties", "AssumeRolePolicyDocument", "Statement", "Policies", "PolicyDocument"),
    *("Roles", "Ref", "Fn::Join", "Fn::Sub", "Fn::GetAtt", "Tags", "Key", "Value", "Default"),
    *("Effect", "Principal", "AWS", "Action", "Resource", "Condition", "RoleName", "Path"),
    *("ManagedPolicyArns", "MaxSessionDuration", "PermissionsBoundary"),
)
TEXTS = ("dev", "stg", "__self__", "role/x", "root", "true", "", "*", "A", "AWS::IAM::Role", "ec2")
SECTIONS = ("roles", "templates", "buckets", "keys", "remove_roles", "remove_role")


def values(keys: tuple[str, ...]) -> st.SearchStrategy[Any]:
    leaves = st.sampled_from((*TEXTS, *keys)) | st.none() | st.booleans() | st.integers(0, 9)
    return st.recursive(
        leaves,
        lambda each: (
            st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(keys), each, max_size=4)
        ),
        max_leaves=25,
    )


def is_decided(found: Imported) -> bool:
    """Whether there are files, or the errors because of which there are none."""
    return bool(found.files) != any(each.is_error for each in found.findings)


named = st.dictionaries(st.sampled_from(("a", "b", "p/c")), values(OF_SYNCR), max_size=3)
document = st.dictionaries(st.sampled_from(SECTIONS), named | values(OF_SYNCR), max_size=3)
wide = settings(max_examples=1_500, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.exhaustive
@wide
@given(document)
def test_any_file_of_iam_syncr(content: dict[str, Any]) -> None:
    file = SourceFile("a.yaml", json.dumps(content).encode())
    assert is_decided(iam_syncr.imported("dev", ACCOUNTS, [file], "team", "dev"))


@pytest.mark.exhaustive
@wide
@given(
    st.dictionaries(st.sampled_from(("A", "B")), values(OF_TEMPLATES), max_size=2),
    values(OF_TEMPLATES),
    values(("dev", "A", "B")),
)
def test_any_template_and_users_of_rolemodel(
    resources: dict[str, Any], properties: Any, users: Any
) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": properties}
    config = {
        "assumable_roles": "roles.cf",
        "master_account_id": "123456789012",
        "assumable_accounts": [{"name": "dev", "id": "111122223333"}],
    }
    files = rolemodel.RoleModelFiles(
        SourceFile("config.yml", json.dumps(config).encode()),
        SourceFile("roles.cf", json.dumps({"Resources": {"R": role, **resources}}).encode()),
        SourceFile("users.yml", json.dumps(users).encode()),
    )
    assert is_decided(rolemodel.imported(files, "team", "config.yml"))
