"""Keys of iam_syncr, as entries of our files."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from iam_access.importing.iam_statements import single
from iam_access.importing.iam_syncr import principals, statements
from iam_access.importing.iam_syncr.scope import KEY, Scope
from iam_access.importing.source import Node, entries
from iam_access.phrases import shown

SECTIONS: Final = ("keys", "encryption_keys")
_KEYS: Final = ("location", "description", "admin_users", "grant", *statements.PERMISSIONS)
_GRANT_KEYS: Final = ("grantee", "retiree", "operations", "constraints", "grant_tokens")
_CONSTRAINTS: Final = {
    "EncryptionContextEquals": "encryption_context_equals",
    "EncryptionContextSubset": "encryption_context_subset",
}


def of_files(documents: Sequence[Node], scope: Scope) -> dict[str, dict[str, Any]]:
    """The keys of all files by alias, as our file has them."""
    found = entries(documents, SECTIONS, "the key", scope.report)
    return {name: _key(node, replace(scope, kind=KEY, name=name)) for name, node in found}


def _key(node: Node, scope: Scope) -> dict[str, Any]:
    report = scope.report
    report.known_keys(node, _KEYS, "a key")
    location = report.required(node, "location", "the key")
    if location is None:
        return {}
    own = replace(scope, region=report.text(location, "location"))
    found: dict[str, Any] = {
        "region": own.region,
        "description": report.optional(node.mapping.get("description"), "description"),
    }
    admins = node.mapping.get("admin_users")
    if admins is not None and admins.value:
        found["admins"] = single(principals.named(admins, "admin_users", own))
        report.fault(
            node.key("admin_users"),
            "gives them kms:* on the ARN of the alias, which matches nothing in a key's policy",
            "they administer the key, and do not use it; `apply.py --explain` shows what they gain",
        )
    found["statements"] = statements.of_all(node, own)
    found["grants"] = [_grant(each, own) for each in node.listed("grant")]
    return {key: value for key, value in found.items() if value}


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
    report.required(node, "grantee", "the grant")
    operations = report.required(node, "operations", "the grant")
    if operations is not None:
        found["operations"] = report.texts(operations, "operations")
    constraints = node.mapping.get("constraints")
    if constraints is not None and constraints.value is not None:
        found |= _constraints(constraints, scope)
    if "grant_tokens" in node.mapping:
        report.fault(
            node.key("grant_tokens"),
            "sends grant tokens, which are of use for minutes after a grant was made",
            f"{shown('grant_tokens')} is left out",
        )
    return found


def _one_principal(node: Node, name: str, scope: Scope) -> Any:
    named = principals.named(node, name, scope)
    if len(named) != 1 or any(isinstance(each, list) for each in named[0].values()):
        scope.report.refuse(
            node.location, f"a grant has one {name}", "write a grant for each of them"
        )
    return single(named)


def _constraints(node: Node, scope: Scope) -> dict[str, Any]:
    if not scope.report.is_mapping(node, "constraints"):
        return {}
    scope.report.known_keys(node, _CONSTRAINTS, "constraints")
    found = {_CONSTRAINTS.get(name, name): each.plain for name, each in node.mapping.items()}
    return {"constraints": found} if found else {}
