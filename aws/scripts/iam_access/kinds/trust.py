"""Who may assume a role: entries of a file in short forms, each of them one statement.

    - {service: ec2}
    - {iam: role/deployer, account: nonprod}
    - {iam: user, users: [ann, bob], conditions: {Bool: {aws:MultiFactorAuthPresent: "true"}}}
    - {federated: oidc-provider/token.actions.githubusercontent.com, conditions: …}

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator
from pydantic_core import PydanticCustomError

from iam_access.kinds.fields import one_or_many, problem
from iam_access.kinds.principal_forms import ANY, ELEMENTS, PrincipalForm
from iam_access.phrases import did_you_mean, listed, shown
from iam_access.place import Path
from iam_access.policy.lint.conditions import check_condition
from iam_access.policy.shared_providers import missing_claim
from iam_access.problem import Problem

_ASSUME: Final = "sts:AssumeRole"
_WITH_WEB_IDENTITY: Final = "sts:AssumeRoleWithWebIdentity"
_WITH_SAML: Final = "sts:AssumeRoleWithSAML"
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
_ACTIONS: Final = (
    *(_ASSUME, _WITH_WEB_IDENTITY, _WITH_SAML),
    *("sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext"),
)
_NOT: Final = ("notprincipal", "notiam", "notservice", "notfederated", "notaws")


def _bad(message: str, hint: str) -> PydanticCustomError:
    return problem("bad-trust", message, hint)


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


Actions = Annotated[list[Annotated[str, AfterValidator(_action)]], BeforeValidator(one_or_many)]


class TrustSpec(PrincipalForm):
    """One entry of a role's trust: a service, principals of IAM, or an identity provider."""

    WHAT: ClassVar[str] = "a trust entry"
    TAKES_SELF: ClassVar[bool] = True

    sid: str | None = None
    effect: Literal["Allow", "Deny"] = "Allow"
    actions: Actions | None = None
    conditions: dict[str, dict[str, str | list[str]]] | None = None

    @model_validator(mode="before")
    @classmethod
    def _trusts_some(cls, written: Any) -> Any:
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
        paths = one_or_many(written.get("iam", []))
        is_open = isinstance(paths, list) and ANY in paths
        if is_open and not (written.get("conditions") or written.get("effect") == "Deny"):
            raise _bad(
                "'*' without conditions lets in everybody in every account of AWS",
                "name whom the role trusts, or add conditions, such as aws:PrincipalOrgID",
            )
        return written

    @model_validator(mode="after")
    def _says_whose_tokens(self) -> Self:
        claim = missing_claim(self.federated or "", self.conditions)
        if claim is not None and self.effect == "Allow":
            raise _bad(
                f"without a condition on {claim} anyone who uses that provider is let in, which "
                "AWS refuses",
                f"say who is: conditions: {{StringLike: {{'{claim}': …}}}}, and not '*'",
            )
        return self


def statement(entry: TrustSpec, own_arn: str) -> dict[str, Any]:
    """The statement of one entry, with placeholders; `own_arn` is what `__self__` stands for."""
    names = entry.names(own_arn)
    found: dict[str, Any] = {
        "Sid": entry.sid,
        "Effect": entry.effect,
        "Principal": {ELEMENTS[entry.element]: names[0] if len(names) == 1 else names},
        "Action": _action_of(entry),
        "Condition": entry.conditions,
    }
    return {name: value for name, value in found.items() if value}


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
            # Unknown names are checked where the settings and earlier files are known.
            yield from (
                each
                for each in check_condition(conditions, (*below, "conditions"))
                if each.unknown is None
            )


def _is_block(value: Any) -> bool:
    return isinstance(value, Mapping)
