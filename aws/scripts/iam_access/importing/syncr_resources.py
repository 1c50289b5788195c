"""Buckets and keys of iam_syncr, as entries of our files."""

from typing import Any, Final

from iam_access.importing import syncr_statements
from iam_access.importing.iam_statements import single
from iam_access.importing.source import Node
from iam_access.importing.syncr_statements import BUCKET, KEY, Scope
from iam_access.phrases import shown

#: The keys of permissions, and what the statements below each do; None where each says it.
PERMISSIONS: Final[dict[str, str | None]] = {
    "permission": None,
    "allow_permission": "Allow",
    "deny_permission": "Deny",
}
_BUCKET_KEYS: Final = ("location", "tags", *PERMISSIONS)
_KEY_KEYS: Final = ("location", "description", "admin_users", "grant", *PERMISSIONS)
_GRANT_KEYS: Final = ("grantee", "retiree", "operations", "constraints", "grant_tokens")
_CONSTRAINTS: Final = {
    "EncryptionContextEquals": "encryption_context_equals",
    "EncryptionContextSubset": "encryption_context_subset",
}
# Of a bucket without one.
_DEFAULT_REGION: Final = "ap-southeast-2"
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
_OLDER_REGIONS: Final = {"EU": "eu-west-1", "": "us-east-1", "US": "us-east-1"}


def permissions(node: Node, scope: Scope) -> list[dict[str, Any]]:
    """The statements of a role, bucket or key."""
    return [
        statement
        for key, default in PERMISSIONS.items()
        for each in items(node.mapping.get(key))
        for statement in syncr_statements.statements(each, default, key, scope)
    ]


def items(node: Node | None) -> list[Node]:
    """Those of a list, or one value; none where there is nothing."""
    return node.items if node is not None and node.value is not None else []


def bucket(node: Node, scope: Scope) -> dict[str, Any]:
    """A bucket as our file has it."""
    assert scope.kind == BUCKET, "the scope is that of the bucket"
    report = scope.report
    report.known_keys(node, _BUCKET_KEYS, "a bucket")
    tags = node.mapping.get("tags")
    found: dict[str, Any] = {"region": _region_of_bucket(node, scope)}
    if tags is not None and tags.value and report.is_mapping(tags, "tags"):
        found["tags"] = tags.plain
    statements = permissions(node, scope)
    if not statements:
        report.fault(
            node.location,
            "leaves the policy of a bucket as it is once its statements are gone",
            "a policy that is there when the bucket is adopted stays until there are statements",
        )
    return {**found, **({"statements": statements} if statements else {})}


def _region_of_bucket(node: Node, scope: Scope) -> str:
    location = node.mapping.get("location")
    if location is None:
        scope.report.fault(
            node.location,
            f"takes {_DEFAULT_REGION} for a bucket without a location",
            f"region: {_DEFAULT_REGION} is written; correct it if the bucket is elsewhere",
        )
        return _DEFAULT_REGION
    region = location.value if isinstance(location.value, str) else ""
    region = _OLDER_REGIONS.get(region, region)
    if region == "us-east-1":
        scope.report.fault(
            location.location,
            "stops at each bucket in us-east-1, whose location is empty for S3",
            "the region is us-east-1",
        )
    return region


def key(node: Node, scope: Scope) -> dict[str, Any]:
    """A key as our file has it."""
    assert scope.kind == KEY, "the scope is that of the key"
    report = scope.report
    report.known_keys(node, _KEY_KEYS, "a key")
    if scope.region is None:
        report.error("missing-key", node.location, "the key has no location", "add its region")
    found: dict[str, Any] = {"region": scope.region}
    description = node.mapping.get("description")
    if description is not None and description.value:
        found["description"] = report.text(description, "description")
    admins = node.mapping.get("admin_users")
    if admins is not None and admins.value:
        found["admins"] = single(syncr_statements.principal(admins, "admin_users", scope))
        report.fault(
            node.key("admin_users"),
            "gives them kms:* on the ARN of the alias, which matches nothing in a key's policy",
            "they administer the key, and do not use it; `apply.py --explain` shows what they gain",
        )
    statements = permissions(node, scope)
    grants = [_grant(each, scope) for each in items(node.mapping.get("grant"))]
    return {
        **found,
        **({"statements": statements} if statements else {}),
        **({"grants": grants} if grants else {}),
    }


def region_of_key(node: Node) -> str | None:
    """The region of a key, None without one."""
    location = node.mapping.get("location")
    text = location.value if location is not None else None
    return text if isinstance(text, str) and text else None


def _grant(node: Node, scope: Scope) -> dict[str, Any]:
    report = scope.report
    if not report.is_mapping(node, "a grant"):
        return {}
    report.known_keys(node, _GRANT_KEYS, "a grant")
    found: dict[str, Any] = {}
    for name in ("grantee", "retiree"):
        if name in node.mapping:
            found[name] = _one_principal(node.mapping[name], name, scope)
    if "retiree" in node.mapping:
        report.fault(
            node.key("retiree"),
            "makes no new grant when the retiree changes, and retires none that leaves the files",
            "grants are compared whole, and retired when they leave",
        )
    for name in ("grantee", "operations"):
        if name not in node.mapping:
            report.error("missing-key", node.location, f"the grant has no {name}", f"add {name}")
    if "operations" in node.mapping:
        found["operations"] = report.texts(node.mapping["operations"], "operations")
    constraints = node.mapping.get("constraints")
    if constraints is not None and constraints.value:
        found["constraints"] = _constraints(constraints, scope)
    if "grant_tokens" in node.mapping:
        report.fault(
            node.key("grant_tokens"),
            "sends grant tokens, which are of use for minutes after a grant was made",
            f"{shown('grant_tokens')} is left out",
        )
    return found


def _one_principal(node: Node, name: str, scope: Scope) -> Any:
    named = syncr_statements.principal(node, name, scope)
    if len(named) != 1 or any(isinstance(each, list) for each in named[0].values()):
        scope.report.refuse(
            node.location, f"a grant has one {name}", "write a grant for each of them"
        )
    return single(named)


def _constraints(node: Node, scope: Scope) -> dict[str, Any]:
    scope.report.known_keys(node, _CONSTRAINTS, "constraints")
    return {_CONSTRAINTS.get(name, name): each.plain for name, each in node.mapping.items()}
