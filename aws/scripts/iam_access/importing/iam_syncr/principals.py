"""Principals of iam_syncr: who may assume a role, and who is named in policies of resources."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from iam_access.importing.iam_statements import (
    carried_over,
    effect_of,
    of_element,
    single,
    with_one_sid,
)
from iam_access.importing.iam_syncr.scope import BUCKET, KEY, ROLE, Scope
from iam_access.importing.source import Node
from iam_access.phrases import shown

FORMS: Final = ("principal", "notprincipal")
ELEMENTS: Final = ("Principal", "NotPrincipal")
_PRINCIPAL_FORMS: Final = ("service", "iam", "account", "users", "federated")
_TRUST_ELEMENTS: Final = ("Sid", "Effect", *ELEMENTS, "Action", "Condition")
_SAML: Final = "saml-provider/"
#: What a principal can do of which AWS took no notice before.
_GAINS: Final = {
    ROLE: "it can now assume the role",
    BUCKET: "the statement now counts for it",
    KEY: "the statement now counts for it",
}


def trust_entries(statement: Node, *, allows: bool, scope: Scope) -> list[dict[str, Any]]:
    """The entries of a role's trust that one statement becomes.

    `allows` is whether it is of `allow_to_assume_me`, and not of `disallow_to_assume_me`.
    """
    report = scope.report
    name = "allow_to_assume_me" if allows else "disallow_to_assume_me"
    if not report.is_mapping(statement, f"a statement of {name}"):
        return []
    report.known_keys(statement, (*_PRINCIPAL_FORMS, *_TRUST_ELEMENTS), name)
    written = statement.mapping
    named = list(_principals(statement, scope))
    trusted = named if allows else []
    kept_out = [] if allows else named
    trusted += of_element(written.get("Principal"), report)
    kept_out += of_element(written.get("NotPrincipal"), report)
    effect = effect_of(statement, report) or "Allow"
    more = carried_over(statement, report)
    denied = {"effect": effect} if effect == "Deny" else {}
    entries = [{**each, **_action(each, statement, scope), **denied, **more} for each in trusted]
    if kept_out and (effect == "Deny" or "conditions" in more):
        report.refuse(
            statement.location,
            "AWS refuses NotPrincipal in a trust policy, and what this statement means with "
            f"{'Effect: Deny' if effect == 'Deny' else 'conditions'} cannot be written otherwise",
            "name whom the role trusts in allow_to_assume_me",
        )
    elif kept_out:
        report.fault(
            statement.location,
            f"writes NotPrincipal for {name}, which lets in everybody else in AWS; AWS refuses it",
            "it is a Deny for these alone; allow_to_assume_me says whom the role trusts",
        )
        entries += [
            {**each, **_action(each, statement, scope), "effect": "Deny"} for each in kept_out
        ]
    if not trusted and not kept_out:
        report.refuse(
            statement.location,
            f"the statement of {name} names no principal",
            "add service, iam or federated",
        )
    return with_one_sid(entries)


def _action(entry: Mapping[str, Any], statement: Node, scope: Scope) -> dict[str, Any]:
    """The actions of a trust entry, where they are not those that it has anyway."""
    written = statement.mapping.get("Action")
    if written is not None:
        return {"actions": scope.report.texts(written, "Action")}
    federated = statement.mapping.get("federated")
    if federated is None:
        return {}
    if "federated" not in entry:
        scope.report.fault(
            statement.location,
            "allows sts:AssumeRoleWithSAML alone in a statement with federated, with which neither "
            "services nor roles and users can assume the role",
            "they are an entry of their own, with sts:AssumeRole: they can now assume the role",
        )
    elif _SAML not in str(entry["federated"]):
        scope.report.fault(
            federated.location,
            "allows sts:AssumeRoleWithSAML for each provider; this one is not a provider of SAML",
            "it is sts:AssumeRoleWithWebIdentity: sessions of the provider can now assume the role",
        )
    return {}


def of_statement(policy: Node, scope: Scope) -> dict[str, Any]:
    """The principals of a statement of a bucket or key; a role's names none."""
    if scope.kind == ROLE:
        return {}
    written = policy.mapping
    some_kept_out = [key for key in ("notprincipal", "NotPrincipal") if key in written]
    for key in some_kept_out:
        scope.report.refuse(
            policy.key(key),
            "all principals but some cannot be named: with Allow it is everybody else in AWS",
            "name them, or deny by the condition aws:PrincipalArn: "
            '{Principal: "*", Effect: Deny, Condition: {ArnNotLike: {aws:PrincipalArn: …}}}',
        )
    found = of_element(written.get("Principal"), scope.report)
    if "principal" in written:
        found += named(written["principal"], "principal", scope)
    if not found and not some_kept_out:
        scope.report.error(
            "missing-key",
            policy.location,
            f"the statement names no principal, and one of a {scope.kind} needs one",
            "add principal: {iam: role/NAME}",
        )
    return {"principals": single(found)}


def named(node: Node, name: str, scope: Scope) -> list[dict[str, Any]]:
    """The principals of a value: short forms, and ARNs as texts."""
    found: list[dict[str, Any]] = []
    for each in node.items:
        if isinstance(each.value, str) and each.value.startswith("arn:"):
            found.append({"iam": each.value})
        elif isinstance(each.value, dict):
            scope.report.known_keys(each, _PRINCIPAL_FORMS, name)
            found += _principals(each, scope)
        else:
            scope.report.wrong_type(each, "a mapping such as {iam: role/NAME}, or an ARN", name)
    return found


def _principals(form: Node, scope: Scope) -> Iterator[dict[str, Any]]:
    """The principals of a mapping with `service`, `iam` and `federated`."""
    service, federated = form.mapping.get("service"), form.mapping.get("federated")
    if service is not None:
        yield {"service": single([_service(each, scope) for each in service.items])}
    if "iam" in form.mapping:
        yield from _iam_principals(form, scope)
    for each in federated.items if federated is not None else ():
        if isinstance(each.value, dict):
            scope.report.known_keys(each, ("iam", "account", "users"), "federated")
            for path, account in scope.iam_names(each):
                yield {"federated": f"arn:{{partition}}:iam::{account}:{path}"}
        else:
            yield from ({"federated": text} for text in scope.report.texts(each, "federated"))


def _service(node: Node, scope: Scope) -> str:
    name = scope.report.text(node, "service")
    if name and "." not in name and name != "ec2":
        scope.report.fault(
            node.location,
            f"completes no service but ec2: AWS refuses {shown(name)}",
            f"it is {name}.amazonaws.com: {_GAINS[scope.kind]}",
        )
    return name


def _iam_principals(form: Node, scope: Scope) -> Iterator[dict[str, Any]]:
    by_account: dict[str, list[str]] = {}
    for path, account in scope.iam_names(form):
        by_account.setdefault(account, []).append(_whole_role(path, form, scope))
    by_paths: dict[tuple[str, ...], list[str]] = {}
    for account, found in by_account.items():
        by_paths.setdefault(tuple(dict.fromkeys(found)), []).append(account)
    for paths, accounts in by_paths.items():
        own = accounts == [scope.account]
        yield {"iam": single(paths), **({} if own else {"account": single(accounts)})}


def _whole_role(path: str, form: Node, scope: Scope) -> str:
    role = path.removeprefix("assumed-role/")
    if role == path or "/" in role:
        return path
    scope.report.fault(
        form.location,
        f"writes {shown(path)} without a session, and AWS refuses it",
        "it is the role, with which each of its sessions is meant",
    )
    return f"role/{role}"
