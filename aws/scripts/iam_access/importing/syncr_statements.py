"""Statements of iam_syncr: who may assume a role, and what a policy allows or denies.

Keys in small letters are its short forms; keys that begin with a capital letter stand in the
statement as they are, as IAM has them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from iam_access.importing.iam_statements import (
    ACCOUNT_ID,
    carried_over,
    effect_of,
    of_element,
    single,
    with_one_sid,
)
from iam_access.importing.source import Node, Reporter, flag_of
from iam_access.phrases import did_you_mean, listed, shown

SELF: Final = "__self__"
ROLE: Final = "role"
BUCKET: Final = "bucket"
KEY: Final = "key"

_TRUST_FORMS: Final = ("service", "iam", "account", "users", "federated")
_TRUST_ELEMENTS: Final = ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "Condition")
_FORMS: Final = ("allow", "action", "notaction", "resource", "notresource")
_ELEMENTS: Final = (
    *("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"),
)
_PRINCIPAL_FORMS: Final = ("principal", "notprincipal")
_PRINCIPAL_ELEMENTS: Final = ("Principal", "NotPrincipal")
#: The kinds of resources in short forms, in the order in which iam_syncr looks for them.
_RESOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "iam": ("account", "users"),
    "kms": ("account", "location"),
    "sns": ("account", "location"),
    "s3": (),
}
# Operators whose values are true or false.
_OF_FLAGS: Final = re.compile(
    r"(?:For(?:Any|All)Values:)?(?:Bool|Null)(?:IfExists)?", re.IGNORECASE
)
_SAML: Final = "saml-provider/"
_WRITE_BOTH: Final = "write them as statements of their own"


@dataclass(frozen=True, slots=True)
class Scope:
    """What statements are of: `kind` is a role, bucket or key, `name` its name.

    `accounts` are the ids of all accounts by name, `account` is the id of that in which it is.
    `region` is that of a key.
    """

    kind: str
    name: str
    account: str
    accounts: Mapping[str, str]
    report: Reporter
    region: str | None = None

    def account_ids(self, form: Node) -> list[str]:
        """The ids of the accounts that a short form names; those that are unknown are reported."""
        named = form.mapping.get("account")
        if named is None or named.value in ("", None):
            return [self.account]
        found = []
        for each in named.items:
            name = str(each.value)
            if name in self.accounts:
                found.append(self.accounts[name])
            elif ACCOUNT_ID.fullmatch(name) and name in self.accounts.values():
                found.append(name)
            else:
                self.report.refuse(
                    each.location,
                    f"there is no account {shown(each.plain)}",
                    did_you_mean(name, self.accounts) or f"there are {listed(self.accounts)}",
                )
        return found


def trust_entries(statement: Node, *, allows: bool, scope: Scope) -> list[dict[str, Any]]:
    """The entries of a role's trust that one statement becomes.

    `allows` is whether it is of `allow_to_assume_me`, and not of `disallow_to_assume_me`.
    """
    report = scope.report
    name = "allow_to_assume_me" if allows else "disallow_to_assume_me"
    if not report.is_mapping(statement, f"a statement of {name}"):
        return []
    report.known_keys(statement, (*_TRUST_FORMS, *_TRUST_ELEMENTS), name)
    written = statement.mapping
    named = list(_principals(statement, scope))
    trusted = named if allows else []
    kept_out = [] if allows else named
    trusted += of_element(written.get("Principal"), scope.report)
    kept_out += of_element(written.get("NotPrincipal"), scope.report)
    effect = effect_of(statement, scope.report) or "Allow"
    more = _carried_over(statement, scope.report)
    entries = [
        {**each, **_action(each, statement, scope), **_denied(effect), **more} for each in trusted
    ]
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


def _carried_over(statement: Node, report: Reporter) -> dict[str, Any]:
    """The name and the conditions of a statement, with true and false as iam_syncr reads them."""
    condition = statement.mapping.get("Condition")
    found = carried_over(statement, report)
    for operator, block in condition.mapping.items() if condition is not None else ():
        is_flag = _OF_FLAGS.fullmatch(operator) is not None
        for key, value in block.mapping.items():
            read = [_read(each, report, is_flag=is_flag) for each in value.items]
            found["conditions"][operator][key] = (
                read if isinstance(value.value, list) else single(read)
            )
    return found


def _read(node: Node, report: Reporter, *, is_flag: bool) -> Any:
    """A value of a condition; of yes, no, on and off, what they mean in YAML 1.1."""
    flag = flag_of(node)
    text = str(flag).lower()
    if flag is None or node.value == text:
        return node.plain
    if is_flag:
        return text
    report.fault(
        node.location,
        f"reads {shown(node.value)} without quotes as {text}, and AWS has that in the condition",
        f"the text {shown(node.value)} is written; make it {text} if it had no quotes",
    )
    return node.plain


def _denied(effect: str) -> dict[str, str]:
    return {"effect": effect} if effect == "Deny" else {}


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
            for path, account in _iam_names(each, scope):
                yield {"federated": _arn(path, account)}
        else:
            yield from ({"federated": text} for text in scope.report.texts(each, "federated"))


def _service(node: Node, scope: Scope) -> str:
    name = scope.report.text(node, "service")
    if name and "." not in name and name != "ec2":
        scope.report.fault(
            node.location,
            f"completes no service but ec2: AWS refuses {shown(name)}",
            f"it is {name}.amazonaws.com, which can now assume the role",
        )
    return name


def _iam_principals(form: Node, scope: Scope) -> Iterator[dict[str, Any]]:
    by_account: dict[str, list[str]] = {}
    for path, account in _iam_names(form, scope):
        by_account.setdefault(account, []).append(_whole_role(path, form, scope))
    by_paths: dict[tuple[str, ...], list[str]] = {}
    for account, found in by_account.items():
        by_paths.setdefault(tuple(dict.fromkeys(found)), []).append(account)
    for paths, accounts in by_paths.items():
        own = accounts == [scope.account]
        yield {
            "iam": single(paths),
            **({} if own else {"account": single(accounts)}),
        }


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


def _iam_names(form: Node, scope: Scope) -> Iterator[tuple[str, str]]:
    """What `iam`, `account` and `users` mean together: paths such as `role/x`, and accounts."""
    written, users = form.mapping.get("iam"), form.mapping.get("users")
    if written is None:
        scope.report.error(
            "missing-key", form.location, "the form has no iam", "add iam: role/NAME"
        )
        return
    paths = scope.report.texts(written, "iam")
    accounts = scope.account_ids(form)
    ends = [""] if users is None else [f"/{each}" for each in _users(users, scope)]
    if SELF in paths and scope.kind != ROLE:
        scope.report.refuse(
            written.location, f"a {scope.kind} has no role {SELF}", "name the role: role/NAME"
        )
    if SELF in paths and accounts != [scope.account]:
        scope.report.fault(
            written.location,
            f"takes {SELF}, and what comes after it, to be in the folder's own account",
            f"{SELF} is in its own account, and the others are in those that account names",
        )
    for account in accounts:
        for path in paths:
            for end in ends:
                if path != SELF:
                    yield f"{path}{end}", account
                elif account == accounts[0]:
                    yield (f"role/{scope.name}{end}" if end else SELF), scope.account


def _users(node: Node, scope: Scope) -> list[str]:
    if isinstance(node.value, str):
        scope.report.fault(
            node.location,
            "takes users: NAME for a list of its letters",
            f"it is the one name {shown(node.value)}",
        )
    return scope.report.texts(node, "users")


@dataclass(frozen=True, slots=True)
class _Alias:
    """A key by its alias; `where` is the region, and the account unless it is the own."""

    name: str
    where: tuple[tuple[str, str], ...]


def statements(
    policy: Node, default: str | None, section: str, scope: Scope
) -> list[dict[str, Any]]:
    """The statements that one of iam_syncr's becomes; `section` is the key that it stands under.

    `default` is what the section says: Allow, Deny, or None where each statement says it.
    """
    report = scope.report
    if not report.is_mapping(policy, f"a statement of {section}"):
        return []
    extra = (*_PRINCIPAL_FORMS, *_PRINCIPAL_ELEMENTS) if scope.kind != ROLE else ()
    report.known_keys(policy, (*_FORMS, *_ELEMENTS, *extra), section)
    effect = _effect_of(policy, default, section, scope)
    actions = _actions(policy, scope)
    plain, aliases, element = _resources(policy, scope)
    more = {**_principals_of(policy, scope), **actions}
    carried = _carried_over(policy, scope.report)
    head = {"sid": carried["sid"]} if "sid" in carried else {}
    tail = {"conditions": carried["conditions"]} if "conditions" in carried else {}
    groups = [plain] if plain else []
    groups += aliases
    if scope.kind == KEY:
        return (
            [{**head, "effect": effect, **more, **tail}]
            if _is_own_key(groups, policy, scope)
            else []
        )
    made = [
        {
            **head,
            "effect": effect,
            **more,
            element: single(each) if each == ["*"] else each,
            **tail,
        }
        for each in groups
    ]
    return with_one_sid(made)


def _is_own_key(groups: list[list[Any]], policy: Node, scope: Scope) -> bool:
    """Whether a statement of a key's policy is about the key itself, as any is that counts."""
    if groups in ([["*"]], []):
        return bool(groups)
    scope.report.refuse(
        policy.location,
        "the policy of a key is about the key itself, and this statement names something else",
        "write resource: '*', or the statement in the policies of those who use the other",
    )
    return False


def _effect_of(policy: Node, default: str | None, section: str, scope: Scope) -> str:
    report = scope.report
    written, allow = effect_of(policy, scope.report), policy.mapping.get("allow")
    flag = report.flag(allow, "allow") if allow is not None else None
    said = None if flag is None else ("Allow" if flag else "Deny")
    effect = default or written or said
    if effect is None:
        if allow is None:
            report.error(
                "missing-key",
                policy.location,
                f"the statement of {section} says neither that it allows nor that it denies",
                "add allow: true or allow: false",
            )
        return "Deny"
    for name, other in (("Effect", written), ("allow", said)):
        if other is not None and other != effect:
            why = f"a statement of {section} is {effect}" if default else "Effect decides"
            report.fault(
                policy.mapping[name].location,
                f"does not heed this {name}, whatever its documentation says: {why}",
                f"the statement is {effect}, as it is in AWS; write what is meant",
            )
    return effect


def _actions(policy: Node, scope: Scope) -> dict[str, Any]:
    found = {}
    for ours, keys in (
        ("actions", ("Action", "action")),
        ("not_actions", ("NotAction", "notaction")),
    ):
        texts = [
            text
            for key in keys
            if key in policy.mapping
            for text in scope.report.texts(policy.mapping[key], key)
        ]
        if texts:
            found[ours] = list(dict.fromkeys(texts))
    if len(found) == 2:
        scope.report.refuse(
            policy.location, "AWS takes actions or all but some, and this has both", _WRITE_BOTH
        )
    if not found:
        scope.report.error(
            "missing-action", policy.location, "the statement has no actions", "add action"
        )
    return found


def _resources(policy: Node, scope: Scope) -> tuple[list[Any], list[list[Any]], str]:
    """The resources of a statement, the keys by alias in groups for statements, and our key."""
    report, written = scope.report, policy.mapping
    negative = [key for key in ("NotResource", "notresource") if key in written]
    positive = [key for key in ("Resource", "resource") if key in written]
    if negative and positive:
        report.refuse(
            policy.location, "AWS takes resources or all but some, and this has both", _WRITE_BOTH
        )
    items = [item for key in positive or negative for item in _items(written[key], key, scope)]
    if not items:
        report.error(
            "missing-resource", policy.location, "the statement has no resources", "add resource"
        )
    plain = [each for each in items if not isinstance(each, _Alias)]
    aliases = [each for each in items if isinstance(each, _Alias)]
    if aliases and negative:
        report.refuse(
            policy.location,
            "notresource cannot keep out an alias of KMS: the ARN of an alias matches no request",
            "name the key by its id: {kms: {key_id: …}}",
        )
    groups: dict[tuple[tuple[str, str], ...], list[Any]] = {}
    for each in aliases:
        groups.setdefault(each.where, []).append({"kms": each.name, **dict(each.where)})
    return _unique(plain), list(groups.values()), "not_resources" if negative else "resources"


def _unique(items: list[Any]) -> list[Any]:
    return [each for index, each in enumerate(items) if each not in items[:index]]


def _items(node: Node, key: str, scope: Scope) -> Iterator[Any]:
    """Items of `resources`: texts, our short forms, and keys by alias."""
    verbatim = key[0].isupper()
    for each in node.items:
        if isinstance(each.value, str) and each.value:
            yield each.value
        elif isinstance(each.value, dict) and not verbatim:
            yield from _short_form(each, scope)
        else:
            scope.report.wrong_type(each, "a text" if verbatim else "a text or a short form", key)


def _short_form(form: Node, scope: Scope) -> Iterator[Any]:
    kind = next((each for each in _RESOURCES if each in form.mapping), None)
    if kind is None:
        scope.report.refuse(
            form.location,
            f"{listed(map(shown, form.mapping))} is no resource that iam_syncr knows"
            if form.mapping
            else "the resource is empty",
            f"it knows {listed(_RESOURCES)}; write an ARN for another",
        )
        return
    scope.report.known_keys(form, (kind, *_RESOURCES[kind]), f"a resource of {kind}")
    if kind == "s3":
        yield from _buckets(form.mapping["s3"], scope)
    elif kind == "iam":
        for path, account in _iam_names(form, scope):
            yield {"iam": path, **_elsewhere(account, scope)}
    else:
        yield from _regional(kind, form, scope)


def _elsewhere(account: str, scope: Scope) -> dict[str, str]:
    return {} if account == scope.account else {"account": account}


def _buckets(node: Node, scope: Scope) -> Iterator[Any]:
    for text in scope.report.texts(node, "s3"):
        bucket, slash, key = text.partition("/")
        if text == SELF and scope.kind != BUCKET:
            scope.report.refuse(
                node.location, f"a {scope.kind} has no bucket {SELF}", "name the bucket"
            )
        elif slash and not key:
            name = scope.name if bucket == SELF else bucket
            yield f"arn:{{partition}}:s3:::{name}/"
        else:
            yield {"s3": text}


def _regional(kind: str, form: Node, scope: Scope) -> Iterator[Any]:
    """Topics and keys: what has a region."""
    accounts = scope.account_ids(form)
    for each in form.mapping[kind].items:
        if each.value == SELF and kind == "kms":
            yield from _own_key(each, scope)
            continue
        region = _region(each, form, scope)
        where = {"region": region} if region else {}
        name = each.mapping.get("alias") or each.mapping.get("key_id") or each
        for text in scope.report.texts(name, kind):
            for account in accounts:
                place = {**where, **_elsewhere(account, scope)}
                if kind == "kms" and "key_id" in each.mapping and "alias" not in each.mapping:
                    yield {"kms": {"key_id": text}, **place}
                elif kind == "kms":
                    _report_alias(each, scope)
                    yield _Alias(text, tuple(place.items()))
                else:
                    yield {kind: text, **place}


def _own_key(node: Node, scope: Scope) -> Iterator[str]:
    if scope.kind == KEY:
        scope.report.fault(
            node.location,
            f"writes the ARN of the alias for {SELF}, which matches nothing in a key's policy",
            "the statement is about the key, and now counts; `apply.py --explain` shows for whom",
        )
        yield "*"
    else:
        scope.report.refuse(node.location, f"a {scope.kind} has no key {SELF}", "name the key")


def _report_alias(node: Node, scope: Scope) -> None:
    scope.report.fault(
        node.location,
        "writes the ARN of the alias, which matches no request: KMS looks at the key's own ARN",
        "the statement is about the keys that have the alias, and now counts; `apply.py --explain` "
        "shows for whom",
    )


def _region(item: Node, form: Node, scope: Scope) -> str | None:
    for node in (item, form):
        location = node.mapping.get("location")
        if location is not None:
            return next(iter(scope.report.texts(location, "location")), None)
    if scope.region is None:
        scope.report.refuse(
            form.location,
            "the resource has no location, and iam_syncr writes None in its place, which matches "
            "nothing",
            "add location: eu-west-1, or where it is",
        )
    return scope.region


def _principals_of(policy: Node, scope: Scope) -> dict[str, Any]:
    """The principals of a statement of a bucket or key."""
    if scope.kind == ROLE:
        return {}
    written = policy.mapping
    for key in ("notprincipal", "NotPrincipal"):
        if key in written:
            scope.report.refuse(
                policy.key(key),
                "all principals but some cannot be named: with Allow it is everybody else in AWS",
                "name them, or deny by the condition aws:PrincipalArn: "
                '{Principal: "*", Effect: Deny, Condition: {ArnNotLike: {aws:PrincipalArn: …}}}',
            )
    found = of_element(written.get("Principal"), scope.report)
    for form in written["principal"].items if "principal" in written else ():
        found += _principal_form(form, scope)
    if not found and not {"notprincipal", "NotPrincipal"} & written.keys():
        scope.report.error(
            "missing-key",
            policy.location,
            f"the statement names no principal, and one of a {scope.kind} needs one",
            "add principal: {iam: role/NAME}",
        )
    return {"principals": single(found)}


def _principal_form(form: Node, scope: Scope) -> Iterator[dict[str, Any]]:
    if scope.report.is_mapping(form, "principal"):
        scope.report.known_keys(form, _TRUST_FORMS, "principal")
        yield from _principals(form, scope)


def principal(node: Node, name: str, scope: Scope) -> list[dict[str, Any]]:
    """Principals as administrators and grants of keys name them: ARNs and forms with `iam`."""
    found: list[dict[str, Any]] = []
    for each in node.items:
        if isinstance(each.value, dict):
            found += _principal_form(each, scope)
        else:
            found += [{"iam": text} for text in scope.report.texts(each, name)]
    return found


def _arn(path: str, account: str) -> str:
    return f"arn:{{partition}}:iam::{account}:{path}"
