"""Who may assume a role: entries of a file in short forms, each of them one statement.

    - {service: ec2}
    - {iam: role/deployer, account: nonprod}
    - {iam: user, users: [ann, bob], conditions: {Bool: {aws:MultiFactorAuthPresent: "true"}}}
    - {federated: oidc-provider/token.actions.githubusercontent.com, conditions: …}

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from iam_access.kinds import short_forms
from iam_access.kinds.fields import Spec, Texts, one_or_many, problem
from iam_access.kinds.short_forms import SELF, account_text
from iam_access.phrases import did_you_mean, listed, shown
from iam_access.place import Path
from iam_access.policy import arn as arns
from iam_access.policy.lint.conditions import check_condition
from iam_access.problem import Problem

ANY: Final = "*"
#: What a trust entry names: AWS's elements of `Principal` by our key.
ELEMENTS: Final[Mapping[str, str]] = {
    "service": "Service",
    "iam": "AWS",
    "federated": "Federated",
}
_ASSUME: Final = "sts:AssumeRole"
_WITH_WEB_IDENTITY: Final = "sts:AssumeRoleWithWebIdentity"
_WITH_SAML: Final = "sts:AssumeRoleWithSAML"
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
_ACTIONS: Final = (
    *(_ASSUME, _WITH_WEB_IDENTITY, _WITH_SAML),
    *("sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext"),
)
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
_SERVICE_SUFFIXES: Final = (
    *(".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".internal", ".aws.internal"),
    *(".amazonaws.eu", ".c2s.ic.gov", ".sc2s.sgov.gov"),
)
_NAME = r"[A-Za-z0-9_+=,.@-]{1,64}"
_PATH = r"([!-.0-~]+/)*"
_PRINCIPAL = re.compile(
    rf"root|user|user/{_PATH}{_NAME}|role/{_PATH}{_NAME}|assumed-role/{_NAME}(/{_NAME})?"
)
_PROVIDER = re.compile(r"(saml-provider|oidc-provider)/\S+")
# Providers that AWS knows by domain.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-federated-web-identity
_DOMAINS: Final = (
    *("accounts.google.com", "cognito-identity.amazonaws.com"),
    *("graph.facebook.com", "www.amazon.com"),
)
_NOT: Final = ("notprincipal", "notiam", "notservice", "notfederated", "notaws")


def _bad(message: str, hint: str) -> PydanticCustomError:
    return problem("bad-trust", message, hint)


def _service(text: str) -> str:
    """A service principal by its name; short names are completed."""
    if not _SERVICE.fullmatch(text):
        raise _bad(
            f"{shown(text)} is not the name of a service",
            "write its short name, such as ec2 or lambda, or the whole of ec2.amazonaws.com",
        )
    if "." not in text or not text.endswith(_SERVICE_SUFFIXES):
        return f"{text}.amazonaws.com"
    return text


def _principal(text: str) -> str:
    """What `iam` may name, checked and otherwise as it is written."""
    if text in (ANY, SELF):
        return text
    if text.startswith("arn:"):
        return _principal_arn(text)
    if any(each in text for each in "*?"):
        raise _bad(
            f"{shown(text)} has a wildcard, and AWS takes none in the name of a principal",
            "write iam: root and the condition {ArnLike: {aws:PrincipalArn: …}}",
        )
    if text.startswith("group"):
        raise _bad(
            f"{shown(text)} is a group, which is no principal for AWS",
            "name the users: {iam: user, users: [ann, bob]}",
        )
    if not _PRINCIPAL.fullmatch(text):
        kinds = ("role/", "user/", "assumed-role/", "root")
        raise _bad(
            f"{shown(text)} names no user, role or account",
            did_you_mean(text, kinds)
            or "write role/NAME, user/NAME, assumed-role/ROLE/SESSION, or root for an account",
        )
    return text


def _principal_arn(text: str) -> str:
    found = arns.find_arn(text)
    is_session = arns.assumed_role(text) is not None
    known = found is not None and found.service == "iam" and not found.region
    resource = found.resource if found is not None and known else ""
    if is_session or (resource != "user" and _PRINCIPAL.fullmatch(resource)):
        return text
    raise _bad(
        f"{shown(text)} is not the ARN of a user, role, session or account",
        "write iam: role/NAME with account: the environment or id",
    )


def _federated(value: Any) -> str:
    """The ARN of an identity provider, with placeholders, or a domain that AWS knows."""
    if isinstance(value, Mapping):
        return _federated_form(value)
    if not isinstance(value, str):
        raise _bad("federated is neither text nor a mapping", _HOW_TO_FEDERATE)
    if value in _DOMAINS:
        return value
    if _PROVIDER.fullmatch(value):
        return short_forms.iam_text(value, short_forms.OWN_ACCOUNT)
    if arns.iam_kind(value) in ("saml-provider", "oidc-provider"):
        return value
    hint = did_you_mean(value, _DOMAINS) or _HOW_TO_FEDERATE
    raise _bad(f"{shown(value)} is no identity provider", hint)


_HOW_TO_FEDERATE: Final = (
    "write the ARN of the provider, or saml-provider/NAME or oidc-provider/HOST, "
    "also as {iam: …, account: …}"
)


def _federated_form(value: Mapping[str, Any]) -> str:
    if not set(value) <= {"iam", "account"} or "iam" not in value:
        raise _bad("federated has the keys iam and account", _HOW_TO_FEDERATE)
    text, *others = short_forms.iam_arns(value)
    if others or not _PROVIDER.fullmatch(str(value["iam"])):
        raise _bad(f"{shown(value['iam'])} is no identity provider", _HOW_TO_FEDERATE)
    return text


def _action(text: str) -> str:
    known = {each.lower(): each for each in _ACTIONS}
    if text.lower() in known:
        return known[text.lower()]
    if text in ("sts:*", "*"):
        raise _bad(
            f"{shown(text)} is more than a trust policy is about", f"write {listed(_ACTIONS, 'or')}"
        )
    raise _bad(
        f"{shown(text)} is no action of a trust policy",
        did_you_mean(text, _ACTIONS) or f"write {listed(_ACTIONS, 'or')}",
    )


Services = Annotated[list[Annotated[str, AfterValidator(_service)]], BeforeValidator(one_or_many)]
Principals = Annotated[
    list[Annotated[str, AfterValidator(_principal)]], BeforeValidator(one_or_many)
]
Actions = Annotated[list[Annotated[str, AfterValidator(_action)]], BeforeValidator(one_or_many)]
AccountNames = Annotated[
    list[Annotated[str, AfterValidator(account_text)]], BeforeValidator(one_or_many)
]
Provider = Annotated[
    str,
    BeforeValidator(_federated),
    WithJsonSchema({"type": ["string", "object"]}),
]


class TrustSpec(Spec):
    """One entry of a role's trust: a service, principals of IAM, or an identity provider."""

    sid: str | None = None
    effect: Literal["Allow", "Deny"] = "Allow"
    service: Services | None = None
    iam: Principals | None = None
    account: AccountNames | None = None
    users: Texts | None = None
    federated: Provider | None = None
    actions: Actions | None = None
    conditions: dict[str, dict[str, str | list[str]]] | None = None

    @model_validator(mode="before")
    @classmethod
    def _names_one(cls, written: Any) -> Any:
        if not isinstance(written, Mapping):
            return written
        for key in written:
            if str(key).lower().replace("_", "") in _NOT:
                raise _bad(
                    f"{key} would trust everybody but some, which AWS refuses in a trust policy",
                    "let in whom you mean, and keep out the others by an entry of its own: "
                    "{effect: Deny, iam: '*', conditions: "
                    "{ArnLike: {aws:PrincipalArn: 'arn:aws:iam::*:role/x'}}}",
                )
        named = [key for key in ELEMENTS if key in written]
        # Without a known key, an unknown one may be a misspelling, which is reported by itself.
        if len(named) > 1 or (not named and not written.keys() - cls.model_fields.keys()):
            raise _bad(
                f"a trust entry names one of {listed(ELEMENTS)}, and this has "
                + (listed(named) if named else "none"),
                "write an entry for each" if named else "name whom the role trusts",
            )
        _check_iam(written, named)
        return written

    @property
    def element(self) -> str:
        """Which of our keys names the principals."""
        return next(key for key in ELEMENTS if getattr(self, key) is not None)


def _check_iam(written: Mapping[str, Any], named: Sequence[str]) -> None:
    """Refuse what is wrong between `iam`, `account` and `users`."""
    for key in ("account", "users"):
        if key in written and named and named != ["iam"]:
            raise _bad(f"{key} says more of iam, which this entry does not have", "leave it out")
    paths = one_or_many(written.get("iam", []))
    for each in paths if isinstance(paths, list) else ():
        if not isinstance(each, str):
            continue
        whole = each in (ANY, SELF) or each.startswith("arn:")
        if whole and (written.get("account") or written.get("users")):
            raise _bad(
                f"{shown(each)} is complete, so neither account nor users can say more of it",
                "leave them out",
            )
        if each == "user" and not written.get("users"):
            raise _bad("user without a name is no user", "write user/NAME, or add users: [NAME]")
        if re.fullmatch(r"assumed-role/[^/]*", each) and not written.get("users"):
            raise _bad(
                f"{shown(each)} names no session, and AWS trusts sessions by name",
                f"write role/{each.partition('/')[2]} for every session, or add users: [SESSION]",
            )
    if ANY in (paths if isinstance(paths, list) else ()) and not (
        written.get("conditions") or written.get("effect") == "Deny"
    ):
        raise _bad(
            "'*' without conditions lets in everybody in every account of AWS",
            "name whom the role trusts, or add conditions, such as aws:PrincipalOrgID",
        )


def statement(entry: TrustSpec, own_arn: str) -> dict[str, Any]:
    """The statement of one entry, with placeholders; `own_arn` is what `__self__` stands for."""
    names = _names(entry, own_arn)
    found: dict[str, Any] = {
        "Sid": entry.sid,
        "Effect": entry.effect,
        "Principal": {ELEMENTS[entry.element]: names[0] if len(names) == 1 else names},
        "Action": _action_of(entry),
        "Condition": entry.conditions,
    }
    return {name: value for name, value in found.items() if value}


def _names(entry: TrustSpec, own_arn: str) -> list[str]:
    if entry.service is not None:
        return sorted(set(entry.service))
    if entry.federated is not None:
        return [entry.federated]
    accounts = entry.account or [short_forms.OWN_ACCOUNT]
    found: dict[str, None] = {}
    for path in entry.iam or ():
        for name in _complete(path, entry, accounts, own_arn):
            found.setdefault(name)
    return sorted(found)


def _complete(path: str, entry: TrustSpec, accounts: Sequence[str], own_arn: str) -> Iterator[str]:
    if path == SELF:
        yield own_arn
    elif path == ANY or path.startswith("arn:"):
        yield path
    else:
        for account in accounts:
            # Only these are completed by names: a role or root beside them is whole.
            takes_users = path == "user" or path.startswith(("user", "assumed-role/"))
            users = entry.users if entry.users and takes_users else [""]
            for user in users:
                yield short_forms.iam_text(f"{path}/{user}" if user else path, account)


def _action_of(entry: TrustSpec) -> str | list[str]:
    if entry.actions:
        return entry.actions[0] if len(entry.actions) == 1 else entry.actions
    if entry.federated is None:
        return _ASSUME
    is_saml = ":saml-provider/" in entry.federated
    return _WITH_SAML if is_saml else _WITH_WEB_IDENTITY


def problems(entries: Any, path: Path) -> Iterator[Problem]:
    """What is wrong between entries as they are written, and in their conditions."""
    sids: dict[str, int] = {}
    for index, each in enumerate(entries if isinstance(entries, list) else ()):
        if not isinstance(each, Mapping):
            continue
        below = (*path, index)
        sid = each.get("sid")
        if isinstance(sid, str):
            if not re.fullmatch(r"[A-Za-z0-9]+", sid):
                yield Problem(
                    "bad-sid",
                    f"the statement id {shown(sid)} has characters that IAM refuses",
                    "use letters and digits",
                    (*below, "sid"),
                )
            elif sid in sids:
                yield Problem(
                    "duplicate-sid",
                    f"{shown(sid)} is the id of two statements",
                    "give each its own, or none",
                    (*below, "sid"),
                )
            sids.setdefault(sid, index)
        conditions = each.get("conditions")
        if isinstance(conditions, Mapping) and all(map(_is_block, conditions.values())):
            yield from check_condition(conditions, (*below, "conditions"))


def _is_block(value: Any) -> bool:
    return isinstance(value, Mapping)
