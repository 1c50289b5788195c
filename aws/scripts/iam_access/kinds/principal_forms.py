"""Principals in short forms: whom a statement of a trust policy or of a resource's policy means.

    {service: ec2}
    {iam: role/deployer, account: nonprod}
    {iam: user, users: [ann, bob]}
    {federated: oidc-provider/token.actions.githubusercontent.com}

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from iam_access.kinds import short_forms
from iam_access.kinds.fields import Spec, Texts, exactly, one_or_many, problem
from iam_access.kinds.short_forms import SELF, account_text
from iam_access.phrases import did_you_mean, listed, shown
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy.shared_providers import is_cognito

ANY: Final = "*"
#: What a short form names: AWS's elements of `Principal` by our key.
ELEMENTS: Final[Mapping[str, str]] = {
    "service": "Service",
    "iam": "AWS",
    "federated": "Federated",
}
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
_SERVICE_SUFFIXES: Final = (
    *(".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".internal", ".aws.internal"),
    *(".amazonaws.eu", ".c2s.ic.gov", ".sc2s.sgov.gov"),
)
_NAME = r"[A-Za-z0-9_+=,.@-]{1,64}"
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
_SESSION_NAME = r"[A-Za-z0-9_+=,.@-]{2,64}"
_PATH = r"([!-.0-~]+/)*"
_PRINCIPAL = re.compile(
    rf"root|user|user/{_PATH}{_NAME}|role/{_PATH}{_NAME}|assumed-role/{_NAME}(/{_SESSION_NAME})?"
)
_ENTITY = re.compile(rf"root|user/{_PATH}{_NAME}|role/{_PATH}{_NAME}")
_SESSION = re.compile(rf"assumed-role/{_NAME}/{_SESSION_NAME}")
_ACCOUNT = re.compile(r"[0-9]{12}|\{account_id\}")
_PROVIDER = re.compile(r"(saml-provider|oidc-provider)/\S+")
# Providers that AWS knows by domain.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-federated-web-identity
_DOMAINS: Final = (
    *("accounts.google.com", "cognito-identity.amazonaws.com"),
    *("graph.facebook.com", "www.amazon.com"),
)
_HOW_TO: Final = (
    "write {iam: role/NAME}, {iam: root, account: prod}, {service: ec2} or {federated: …}, "
    "or the ARN of a user or role"
)


def bad_principal(message: str, hint: str) -> PydanticCustomError:
    """The error about a principal that is not written right, or that AWS would refuse."""
    return problem("bad-principal", message, hint)


def _service(text: str) -> str:
    """A service principal by its name; short names are completed."""
    if not _SERVICE.fullmatch(text):
        raise bad_principal(
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
    if any(each in text for each in "*?"):
        raise bad_principal(
            f"{shown(text)} has a wildcard, and AWS takes none in the name of a principal",
            "write iam: root and the condition {ArnLike: {aws:PrincipalArn: …}}",
        )
    if text.startswith("arn:"):
        return _principal_arn(text)
    if text.startswith("group"):
        raise bad_principal(
            f"{shown(text)} is a group, which is no principal for AWS",
            "name the users: {iam: user, users: [ann, bob]}",
        )
    if not _PRINCIPAL.fullmatch(text):
        kinds = ("role/", "user/", "assumed-role/", "root")
        raise bad_principal(
            f"{shown(text)} names no user, role or account",
            did_you_mean(text, kinds)
            or "write role/NAME, user/NAME, assumed-role/ROLE/SESSION, or root for an account",
        )
    return text


def _principal_arn(text: str) -> str:
    if _is_arn(text, "iam", _ENTITY) or _is_arn(text, "sts", _SESSION):
        return text
    raise bad_principal(
        f"{shown(text)} is not the ARN of a user, role, session or account",
        "write iam: role/NAME with account: the environment or id",
    )


def _is_arn(text: str, service: str, resource: re.Pattern[str]) -> bool:
    """Whether a text is such an ARN in an account; partition and account may be placeholders."""
    found = arns.find_arn(text)
    if found is None or found.service != service or found.region:
        return False
    known = found.partition in arns.PARTITIONS or found.partition == "{partition}"
    is_in_account = _ACCOUNT.fullmatch(found.account) is not None
    return known and is_in_account and resource.fullmatch(found.resource) is not None


def _federated(value: Any) -> str:
    """The ARN of an identity provider, with placeholders, or a domain that AWS knows."""
    if isinstance(value, Mapping):
        return _federated_form(value)
    if not isinstance(value, str):
        raise bad_principal("federated is neither text nor a mapping", _HOW_TO_FEDERATE)
    if value in _DOMAINS or is_cognito(value):
        return value
    if _PROVIDER.fullmatch(value):
        return short_forms.iam_text(value, short_forms.OWN_ACCOUNT)
    if _is_arn(value, "iam", _PROVIDER):
        return value
    hint = did_you_mean(value, _DOMAINS) or _HOW_TO_FEDERATE
    raise bad_principal(f"{shown(value)} is no identity provider", hint)


_HOW_TO_FEDERATE: Final = (
    "write the ARN of the provider, or saml-provider/NAME or oidc-provider/HOST, "
    "also as {iam: …, account: …}"
)


def _federated_form(value: Mapping[str, Any]) -> str:
    if not set(value) <= {"iam", "account"} or "iam" not in value:
        raise bad_principal("federated has the keys iam and account", _HOW_TO_FEDERATE)
    text, *others = short_forms.iam_arns(value)
    if others:
        raise bad_principal(
            f"federated is one provider, and this is {len(others) + 1}", "write an entry for each"
        )
    if not _PROVIDER.fullmatch(str(value["iam"])):
        raise bad_principal(f"{shown(value['iam'])} is no identity provider", _HOW_TO_FEDERATE)
    return text


Services = Annotated[list[Annotated[str, AfterValidator(_service)]], BeforeValidator(one_or_many)]
IamPrincipals = Annotated[
    list[Annotated[str, AfterValidator(_principal)]], BeforeValidator(one_or_many)
]
AccountNames = Annotated[
    list[Annotated[str, AfterValidator(account_text)]], BeforeValidator(one_or_many)
]
Provider = Annotated[
    str,
    BeforeValidator(_federated),
    WithJsonSchema({"type": ["string", "object"]}),
]


class PrincipalForm(Spec):
    """One short form: services, principals of IAM, or an identity provider.

    `WHAT` is what a message calls it, `TAKES_SELF` whether `__self__` is a principal there.
    """

    WHAT: ClassVar[str] = "a principal"
    TAKES_SELF: ClassVar[bool] = False

    service: Services | None = None
    iam: IamPrincipals | None = None
    account: AccountNames | None = None
    users: Texts | None = None
    federated: Provider | None = None

    @model_validator(mode="before")
    @classmethod
    def _names_one(cls, written: Any) -> Any:
        if not isinstance(written, Mapping):
            return written
        named = [key for key in ELEMENTS if key in written]
        # Without a known key, an unknown one may be a misspelling, which is reported by itself.
        if len(named) > 1 or (not named and not written.keys() - cls.model_fields.keys()):
            raise bad_principal(
                f"{cls.WHAT} names one of {listed(ELEMENTS)}, and this has "
                + (listed(named) if named else "none"),
                "write an entry for each" if named else _HOW_TO,
            )
        if named and written[named[0]] in ([], {}):
            raise bad_principal(f"{named[0]} of {cls.WHAT} names no principal", _HOW_TO)
        _check_iam(written, named)
        if not cls.TAKES_SELF and SELF in documents.as_list(written.get("iam")):
            raise bad_principal(
                f"{SELF} is no user or role here", "name the role or user: {iam: role/NAME}"
            )
        return written

    @property
    def element(self) -> str:
        """Which of our keys names the principals."""
        return next(key for key in ELEMENTS if getattr(self, key) is not None)

    def names(self, own_arn: str = "") -> list[str]:
        """The principals, sorted, with placeholders; `own_arn` is what `__self__` stands for."""
        if self.service is not None:
            return sorted(set(self.service))
        if self.federated is not None:
            return [self.federated]
        accounts = self.account or [short_forms.OWN_ACCOUNT]
        return sorted(
            {name for path in self.iam or () for name in self._complete(path, accounts, own_arn)}
        )

    def _complete(self, path: str, accounts: Sequence[str], own_arn: str) -> Iterator[str]:
        if path == SELF:
            yield own_arn
        elif path == ANY or path.startswith("arn:"):
            yield path
        else:
            for account in accounts:
                # A role or root beside these is whole.
                users = self.users if self.users and _takes_users(path) else [""]
                for user in users:
                    yield short_forms.iam_text(f"{path}/{user}" if user else path, account)


def _takes_users(path: str) -> bool:
    """Whether names complete this path."""
    return path.startswith(("user", "assumed-role/"))


def _check_iam(written: Mapping[str, Any], named: Sequence[str]) -> None:
    """Refuse what is wrong between `iam`, `account` and `users`."""
    for key in ("account", "users"):
        if key in written and named and named != ["iam"]:
            raise bad_principal(
                f"{key} says more of iam, which this entry does not have", "leave it out"
            )
    paths = one_or_many(written.get("iam", []))
    texts = [each for each in paths if isinstance(each, str)] if isinstance(paths, list) else []
    if written.get("users") and texts and not any(map(_takes_users, texts)):
        raise bad_principal(
            f"users say nothing more of {shown(texts[0])}, which would let in all that it names",
            "write iam: user, or leave users out",
        )
    _check_users(texts, written.get("users"))
    for each in texts:
        whole = each in (ANY, SELF) or each.startswith("arn:")
        if whole and (written.get("account") or written.get("users")):
            raise bad_principal(
                f"{shown(each)} is complete, so neither account nor users can say more of it",
                "leave them out",
            )
        if each == "user" and not written.get("users"):
            raise bad_principal(
                "user without a name is no user", "write user/NAME, or add users: [NAME]"
            )
        if re.fullmatch(r"assumed-role/[^/]*", each) and not written.get("users"):
            raise bad_principal(
                f"{shown(each)} names no session, and AWS knows sessions by name",
                f"write role/{each.partition('/')[2]} for every session, or add users: [SESSION]",
            )


def _check_users(paths: Sequence[str], users: Any) -> None:
    """Refuse names that do not complete a path to that of a principal."""
    for path in filter(_takes_users, paths):
        for user in one_or_many(users) if isinstance(users, (str, list)) else ():
            if isinstance(user, str) and not (user and _PRINCIPAL.fullmatch(f"{path}/{user}")):
                raise bad_principal(
                    f"{shown(user)} cannot complete {shown(path)} to the name of a principal",
                    "write one name for each user or session, without wildcards; that of a session "
                    "has two characters or more",
                )


def form(value: Any) -> Any:
    """A principal as it is written; `*` and the text of an ARN are ones of IAM."""
    if not isinstance(value, str):
        return value
    if value == ANY or value.startswith("arn:"):
        return {"iam": value}
    raise bad_principal(f"{shown(value)} is no principal in a short form", _HOW_TO)


def _forms(value: Any) -> Any:
    if value == []:
        raise bad_principal("principals names no principal", _HOW_TO)
    return [value] if isinstance(value, (str, Mapping)) and value else value


#: `principals` of a statement: one short form, or a list of them.
Principals = Annotated[
    list[Annotated[PrincipalForm, BeforeValidator(form)]], BeforeValidator(_forms)
]


def element_of(forms: Sequence[PrincipalForm]) -> dict[str, Any]:
    """The `Principal` of a statement that is about all of these, with placeholders."""
    found: dict[str, set[str]] = {}
    for form in forms:
        found.setdefault(ELEMENTS[form.element], set()).update(form.names())
    return {name: _scalar(sorted(texts)) for name, texts in sorted(found.items())}


def _scalar(texts: list[str]) -> str | list[str]:
    return texts[0] if len(texts) == 1 else texts


class OwnEntities(NamedTuple):
    """The users, as entries name them exactly, and roles of the account itself, by name."""

    users: list[str]
    roles: list[str]

    @classmethod
    def of(cls, forms: Iterable[PrincipalForm]) -> Self:
        start = short_forms.iam_text("", short_forms.OWN_ACCOUNT)
        named = {text.removeprefix(start) for form in forms for text in form.names()}
        last = {each: each.rpartition("/")[2] for each in sorted(named)}
        users = [exactly(name) for each, name in last.items() if each.startswith("user/")]
        roles = [name for each, name in last.items() if each.startswith("role/")]
        return cls(users, roles)


def in_partition(document: dict[str, Any], partition: str) -> dict[str, Any]:
    """The document with the one service that has a name of its own in China.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services
    """
    if partition != "aws-cn":
        return document
    text = documents.to_json(document)
    return documents.parse_document(text.replace('"ec2.amazonaws.com"', '"ec2.amazonaws.com.cn"'))
