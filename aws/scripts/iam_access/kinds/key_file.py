"""What a file says of a KMS key: its model, and what is wrong about one."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from iam_access.kinds import resource_policy, short_forms
from iam_access.kinds.base import EverywhereSpec
from iam_access.kinds.fields import NAMES, Spec, fill, problem, written_as
from iam_access.kinds.principal_forms import (
    ANY,
    PrincipalForm,
    Principals,
    bad_principal,
    element_of,
)
from iam_access.kinds.principal_forms import form as principal_form
from iam_access.kinds.regions import Region
from iam_access.kinds.resource_policy import RESOURCE_STATEMENTS, ResourceStatementSpec
from iam_access.kinds.short_forms import Resources, ResourceTexts
from iam_access.kinds.statements import account_names
from iam_access.kinds.tags import Tags
from iam_access.phrases import did_you_mean, listed, shown
from iam_access.place import Path
from iam_access.policy import document as documents
from iam_access.policy.document import as_list
from iam_access.policy.public import public_statement
from iam_access.problem import Problem

#: The ids of the statements that a key policy of ours begins with.
ROOT_SID: Final = "RootAdministers"
ADMINS_SID: Final = "Admins"

# https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
_ALIAS = re.compile(r"[A-Za-z0-9/_-]{1,250}")
_ALIASES: Final = "write the alias without alias/: letters, digits, /, _ and -"
# https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html
_DESCRIPTION_LIMIT: Final = 8_192
#: What a grant on a symmetric key can allow.
#: https://docs.aws.amazon.com/kms/latest/developerguide/grants.html#terms-grant-operations
_WITH_CONTEXT: Final = (
    *("Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
    *("ReEncryptFrom", "ReEncryptTo"),
    *("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"),
)
OPERATIONS: Final = (*_WITH_CONTEXT, "CreateGrant", "DescribeKey", "RetireGrant")
_OTHER_KEYS: Final = (
    *("Sign", "Verify", "GetPublicKey", "GenerateMac", "VerifyMac", "DeriveSharedSecret"),
)
# https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html
_CONTEXT_PAIRS: Final = 8
# Fixed values of this are as good as naming accounts.
_OF_CALLERS: Final = frozenset({"kms:calleraccount"})
_ANY_ACCOUNT: Final = "000000000000"
_CONTEXT_SIZE: Final = 384


def _alias(value: str) -> str:
    if value.startswith("alias/"):
        raise problem("bad-key-alias", f"{shown(value)} has alias/ before the name", _ALIASES)
    if not _ALIAS.fullmatch(value):
        raise problem("bad-key-alias", f"{shown(value)} cannot be the alias of a key", _ALIASES)
    if value.startswith("aws/"):
        raise problem(
            "bad-key-alias",
            f"{shown(value)} is an alias that only AWS gives",
            "write a name that does not begin with aws/",
        )
    return value


KeyAlias = Annotated[str, AfterValidator(_alias), written_as(_ALIAS.pattern, _ALIASES)]


def _description(value: str) -> str:
    if len(value) > _DESCRIPTION_LIMIT:
        raise problem(
            "bad-description",
            f"the description has {len(value):,} characters; KMS keeps {_DESCRIPTION_LIMIT:,}",
            "shorten it, or put the rest into a YAML comment",
        )
    return value


def _operation(value: str) -> str:
    if value in OPERATIONS:
        return value
    name = value.removeprefix("kms:")
    if name in _OTHER_KEYS:
        raise problem(
            "bad-key-grant",
            f"{shown(value)} is an operation of keys of another type; these keys encrypt",
            f"write some of {listed(OPERATIONS)}",
        )
    raise problem(
        "bad-key-grant",
        f"{shown(value)} is no operation of a grant",
        did_you_mean(name, OPERATIONS) or f"write some of {listed(OPERATIONS)}",
    )


def _operations(value: list[str]) -> list[str]:
    if not value:
        raise problem(
            "bad-key-grant", "a grant without operations allows nothing", "name some, or remove it"
        )
    return sorted(set(value))


def _one_principal(value: PrincipalForm) -> PrincipalForm:
    """A principal of IAM that a grant can name: one, and not everybody or a service."""
    named = value.names()
    if value.iam is None or ANY in named:
        raise bad_principal(
            "a grant is for a user, a role, a session or an account", "write {iam: role/NAME}"
        )
    if len(named) != 1:
        raise bad_principal("a grant is for one principal", "write a grant for each of them")
    return value


def _admins(value: list[PrincipalForm]) -> list[PrincipalForm]:
    if any(each.iam is None or ANY in each.names() for each in value):
        raise bad_principal(
            "administrators of a key are users, roles or accounts", "write {iam: role/NAME}"
        )
    return value


def _context(value: dict[str, str]) -> dict[str, str]:
    size = sum(len(key) + len(each) for key, each in value.items())
    if not value or len(value) > _CONTEXT_PAIRS or size > _CONTEXT_SIZE:
        raise problem(
            "bad-key-grant",
            f"an encryption context of {len(value)} pairs and {size} characters is no constraint",
            f"write 1 to {_CONTEXT_PAIRS} pairs of {_CONTEXT_SIZE} characters in all",
        )
    return value


def _all_keys(items: list[ResourceTexts]) -> list[ResourceTexts]:
    if [each.texts for each in items] != [("*",)]:
        raise problem(
            "bad-key-statement",
            "the resource of a key's statement is '*', the key itself: an alias or another ARN "
            "matches nothing there",
            "leave resources out; for the use of other keys write a policy in aws-policies",
        )
    return items


def _no_resources(_: list[ResourceTexts]) -> list[ResourceTexts]:
    raise problem(
        "bad-key-statement",
        "a key's statement is about the key itself, so there is nothing to leave out",
        "remove not_resources",
    )


Principal = Annotated[
    PrincipalForm, BeforeValidator(principal_form), AfterValidator(_one_principal)
]
EncryptionContext = Annotated[dict[str, str], AfterValidator(_context)]


class KeyStatementSpec(ResourceStatementSpec):
    """One statement of a key policy; its resource is the key."""

    resources: Annotated[Resources, AfterValidator(_all_keys)] | None = Field(
        default_factory=lambda: [short_forms.resource_texts("*")]
    )
    not_resources: Annotated[Resources, AfterValidator(_no_resources)] | None = None


class ConstraintsSpec(Spec):
    """What the encryption context of a request must be, or must contain."""

    encryption_context_equals: EncryptionContext | None = None
    encryption_context_subset: EncryptionContext | None = None

    @property
    def in_kms(self) -> dict[str, dict[str, str]]:
        """The constraints as KMS has them."""
        found = {
            "EncryptionContextEquals": self.encryption_context_equals,
            "EncryptionContextSubset": self.encryption_context_subset,
        }
        return {name: dict(value) for name, value in found.items() if value is not None}


class GrantSpec(Spec):
    """A grant: which operations one principal may do with the key, and who may retire it."""

    grantee: Principal
    retiree: Principal | None = None
    operations: Annotated[
        list[Annotated[str, AfterValidator(_operation)]], AfterValidator(_operations)
    ]
    constraints: ConstraintsSpec | None = None


class KeySpec(EverywhereSpec):
    """A key, in all environments of the team unless it names some."""

    state: Literal["present", "absent"] = "present"
    region: Region
    description: Annotated[str, AfterValidator(_description)] | None = None
    admins: Annotated[Principals, AfterValidator(_admins)] = Field(default_factory=list)
    statements: list[KeyStatementSpec] = Field(default_factory=list)
    grants: list[GrantSpec] = Field(default_factory=list)
    tags: Tags = Field(default_factory=dict)

    @property
    def principals(self) -> list[PrincipalForm]:
        """All whom the key's policy and grants name."""
        named = (form for each in self.statements for form in each.principals)
        return [*self.admins, *named, *self._of_grants]

    @property
    def let_in(self) -> list[PrincipalForm]:
        """Those of them who may do something."""
        allowing = (each for each in self.statements if each.effect == "Allow")
        named = (form for each in allowing for form in each.principals)
        return [*self.admins, *named, *self._of_grants]

    @property
    def named(self) -> list[tuple[Mapping[str, Any], Path]]:
        """Whom the policy and the grants name, for `DescribedResource.named`."""
        others = [(element_of([form]), path) for form, path in self._outside_statements()]
        return [*others, *resource_policy.named(self.statements)]

    @property
    def _of_grants(self) -> list[PrincipalForm]:
        return [form for each in self.grants for form in (each.grantee, each.retiree) if form]

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Problem]:
        statements = written.get(RESOURCE_STATEMENTS)
        yield from _policy_problems(statements)
        yield from _grant_problems(written.get("grants"))

    def named_accounts(self) -> Iterator[tuple[str, Path]]:
        for form, path in self._outside_statements():
            for name in account_names(form.names()):
                yield name, path
        yield from resource_policy.named_accounts(self.statements)

    def _outside_statements(self) -> Iterator[tuple[PrincipalForm, Path]]:
        for index, form in enumerate(self.admins):
            yield form, ("admins", index)
        for index, grant in enumerate(self.grants):
            for key, each in (("grantee", grant.grantee), ("retiree", grant.retiree)):
                if each is not None:
                    yield each, ("grants", index, key)


def _policy_problems(statements: Any) -> Iterator[Problem]:
    """What is wrong between statements, and in one that could be read."""
    seen = {ROOT_SID, ADMINS_SID}
    for index, written in enumerate(statements if isinstance(statements, list) else ()):
        if not isinstance(written, Mapping):
            continue
        path: Path = (RESOURCE_STATEMENTS, index)
        sid = written.get("sid")
        if isinstance(sid, str) and sid in seen:
            yield Problem(
                "duplicate-sid",
                f"{shown(sid)} is the id of two statements of the key policy",
                f"give it another, or none; {ROOT_SID} and {ADMINS_SID} are the pipeline's",
                (*path, "sid"),
            )
        seen.add(str(sid))
        yield from _action_problems(written, path)
        if _lets_in_everybody(written):
            yield Problem(
                "bad-principal",
                "'*' lets everybody in every account of AWS use the key, unless a condition says "
                "whom by fixed values",
                "name whom it is for, or add such a condition: kms:CallerAccount, or "
                "aws:PrincipalOrgID",
                (*path, "principals"),
            )


def _action_problems(written: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    for key in ("actions", "not_actions"):
        for position, action in enumerate(as_list(written.get(key, []))):
            if isinstance(action, str) and action != "*" and not action.lower().startswith("kms:"):
                yield Problem(
                    "bad-key-statement",
                    f"{shown(action)} is no action of KMS, and a key policy is about these alone",
                    "write kms:Decrypt, say; other services have policies of their own",
                    (*path, key, position),
                )


def _lets_in_everybody(written: Mapping[str, Any]) -> bool:
    try:
        statement = KeyStatementSpec.model_validate(written)
    except ValidationError:
        return False
    filled = fill(documents.document([statement.iam]), dict.fromkeys(NAMES, _ANY_ACCOUNT))
    return public_statement(filled, _OF_CALLERS) is not None


def _grant_problems(grants: Any) -> Iterator[Problem]:
    known: list[GrantSpec] = []
    for index, written in enumerate(grants if isinstance(grants, list) else ()):
        try:
            grant = GrantSpec.model_validate(written)
        except ValidationError:
            continue
        path: Path = ("grants", index)
        if grant in known:
            yield Problem("duplicate-item", "the grant is there twice", "remove one", path)
        known.append(grant)
        constraints = grant.constraints.in_kms if grant.constraints else None
        if constraints is not None and len(constraints) != 1:
            yield Problem(
                "bad-key-grant",
                f"a grant has one constraint, and this has {len(constraints)}",
                "write encryption_context_equals or encryption_context_subset",
                (*path, "constraints"),
            )
        if constraints and not set(grant.operations) & {*_WITH_CONTEXT, "CreateGrant"}:
            yield Problem(
                "bad-key-grant",
                "no operation of the grant has an encryption context that a constraint could limit",
                "remove the constraint, or name an operation such as Decrypt",
                (*path, "constraints"),
            )
