"""Short forms of ARNs: what files may write in place of an ARN, as text with our placeholders.

    {iam: role/deploy/ci, account: prod}      {s3: bucket}     {s3: bucket/key}
    {kms: alias, region: eu-west-1}           {kms: {key_id: …}, region: eu-west-1}
    {sns: topic, region: eu-west-1}           {sqs: queue, region: eu-west-1, account: prod}

`account` is an environment of the team, a name of an account or its 12 digits; without it, the
account is the one in which the text is filled in. Lists make every combination.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError

from iam_access.kinds.fields import account_placeholder, problem
from iam_access.phrases import described, did_you_mean, listed, shown
from iam_access.place import Path
from iam_access.policy.arn import REGION_NAME
from iam_access.policy.document import as_list
from iam_access.problem import Problem

#: Stands for the thing itself whose file it is in: a role, or a bucket.
SELF: Final = "__self__"
OWN_ACCOUNT: Final = "{account_id}"

_SERVICES: Final = ("iam", "s3", "kms", "sns", "sqs")
_MORE: Final[Mapping[str, tuple[str, ...]]] = {
    "iam": ("account", "users"),
    "s3": (),
    "kms": ("account", "region"),
    "sns": ("account", "region"),
    "sqs": ("account", "region"),
}
_EXAMPLES: Final[Mapping[str, str]] = {
    "iam": "{iam: role/deploy/ci}",
    "s3": "{s3: bucket} or {s3: bucket/key}",
    "kms": "{kms: alias, region: eu-west-1} or {kms: {key_id: …}, region: eu-west-1}",
    "sns": "{sns: topic, region: eu-west-1}",
    "sqs": "{sqs: queue, region: eu-west-1}",
}
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SPACE = re.compile(r"\s")
_ALIAS: Final = "alias/"
_BY_NAME: Final = account_placeholder("")
_ACCOUNT_BY_NAME = re.compile(rf"\{{{_BY_NAME}([^{{}}]*)\}}")
#: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-resource-aliases
_ALIAS_OPERATOR: Final = "ForAnyValue:StringEquals"
_ALIAS_KEY: Final = "kms:ResourceAliases"


class ResourceTexts(NamedTuple):
    """An item of `resources`: its ARNs, or patterns, with placeholders.

    With an `alias` it means the keys that have it: no ARN of an alias matches a request, so the
    ARN is that of all keys, and a condition on the alias has to go with it.
    """

    texts: tuple[str, ...]
    alias: str | None = None


def resource_texts(value: Any) -> ResourceTexts:
    """An item of `resources` as it is written, text or a short form."""
    if isinstance(value, str):
        return ResourceTexts((value,))
    # A mapping without a value is text that begins with a placeholder and has no quotes.
    if not isinstance(value, Mapping) or list(value.values()) == [None]:
        raise PydanticKnownError("string_type")
    service = _service(value)
    if service == "s3":
        return ResourceTexts(tuple(_s3(value)))
    if service == "iam":
        return ResourceTexts(tuple(iam_arns(value)))
    return _regional(service, value)


def _service(form: Mapping[str, Any]) -> str:
    """The one key of a short form that says what it is."""
    found = [key for key in form if key in _SERVICES]
    if len(found) != 1:
        guesses = (did_you_mean(str(key), _SERVICES) for key in form if not found)
        raise _bad(
            f"a resource in a short form has one of the keys {listed(_SERVICES)}, and this has "
            + (listed(map(shown, form)) if form else "none"),
            next(filter(None, guesses), "") or "write an ARN, or a form such as {s3: bucket}",
        )
    (service,) = found
    allowed = (service, *_MORE[service])
    for key in form:
        if key not in allowed:
            raise _bad(
                f"a resource of {service} cannot have the key {shown(key)}",
                did_you_mean(str(key), allowed) or f"write {_EXAMPLES[service]}",
            )
    return service


def _bad(message: str, hint: str) -> PydanticCustomError:
    return problem("bad-short-form", message, hint)


def _values(form: Mapping[str, Any], key: str) -> list[str]:
    """The text or texts of a key; at least one."""
    found = as_list(form[key])
    if not found or not all(isinstance(each, str) and each for each in found):
        wrong = next((each for each in found if not isinstance(each, str) or not each), form[key])
        raise _bad(f"{key} cannot be {described(wrong)}", "write a name, or a list of names")
    for each in found:
        if _SPACE.search(each):
            raise _bad(f"{key} cannot be {shown(each)}", "names have no spaces")
        if each.startswith("arn:"):
            raise _bad(
                f"{key} cannot be {shown(each)}, which is an ARN",
                "write the ARN alone, as text, or the name alone here",
            )
    return found


def account_texts(form: Mapping[str, Any]) -> list[str]:
    """What stands for each account of a short form: digits, or a placeholder."""
    if form.get("account") is None:
        return [OWN_ACCOUNT]
    return [account_text(each) for each in _values(form, "account")]


def account_text(name: str) -> str:
    """What stands for an account by its 12 digits, an environment or its name."""
    if _ACCOUNT_ID.fullmatch(name) or name == OWN_ACCOUNT:
        return name
    if not _NAME.fullmatch(name):
        raise _bad(
            f"account cannot be {shown(name)}",
            "write an environment of the team, the name of an account, or 12 digits in quotes",
        )
    return f"{{{account_placeholder(name)}}}"


def account_name(placeholder: str) -> str | None:
    """The name in a placeholder of `account_placeholder`, without braces; None for any other."""
    return placeholder.removeprefix(_BY_NAME) if placeholder.startswith(_BY_NAME) else None


def account_names_in(text: str) -> list[str]:
    """The names in all placeholders of `account_text` in a text."""
    return [each[1] for each in _ACCOUNT_BY_NAME.finditer(text)]


def with_self(items: Sequence[ResourceTexts] | None, path: str) -> list[ResourceTexts] | None:
    """The resources with the thing of IAM at this path in the place of `__self__`."""
    if items is None:
        return None
    own = f":{SELF}"
    return [
        each._replace(texts=tuple(text.replace(own, f":{path}") for text in each.texts))
        for each in items
    ]


def with_some_account(value: Any, account_id: str) -> Any:
    """All texts of a value with an account in the place of names that have none."""
    if isinstance(value, list):
        return [with_some_account(each, account_id) for each in value]
    if isinstance(value, dict):
        return {key: with_some_account(each, account_id) for key, each in value.items()}
    return _ACCOUNT_BY_NAME.sub(account_id, value) if isinstance(value, str) else value


def _s3(form: Mapping[str, Any]) -> Iterator[str]:
    for each in _values(form, "s3"):
        bucket, slash, key = each.partition("/")
        if not bucket:
            raise _bad(f"s3 cannot be {shown(each)}", "write bucket or bucket/key")
        yield f"arn:{{partition}}:s3:::{each}" if slash and key else _bucket(bucket)
    for each in _values(form, "s3"):
        bucket, slash, key = each.partition("/")
        if not (slash and key):
            yield f"{_bucket(bucket)}/*"


def _bucket(name: str) -> str:
    return f"arn:{{partition}}:s3:::{name}"


def iam_arns(form: Mapping[str, Any]) -> list[str]:
    """The ARNs of IAM or STS that a form with `iam`, and perhaps `account` and `users`, means."""
    paths = _values(form, "iam")
    users = _values(form, "users") if form.get("users") is not None else [""]
    accounts = account_texts(form)
    return [
        iam_text(f"{path}/{user}" if user else path, account)
        for path, account, user in product(paths, accounts, users)
    ]


def iam_text(path: str, account: str) -> str:
    """The ARN of `role/x` and the like, of `assumed-role/x/session`, or of `root`."""
    service = "sts" if path.startswith(("assumed-role/", "federated-user/")) else "iam"
    return f"arn:{{partition}}:{service}::{account}:{path}"


def _regional(service: str, form: Mapping[str, Any]) -> ResourceTexts:
    regions = _regions(service, form)
    if service == "kms":
        names, alias = _keys(form["kms"])
    else:
        names, alias = _values(form, service), None
    texts = (
        f"arn:{{partition}}:{service}:{region}:{account}:{name}"
        for name, region, account in product(names, regions, account_texts(form))
    )
    return ResourceTexts(tuple(texts), alias)


def _keys(written: Any) -> tuple[list[str], str | None]:
    """The last part of ARNs of KMS keys, and the alias that goes with it."""
    if isinstance(written, Mapping):
        if list(written) != ["key_id"]:
            raise _bad("kms has one key, key_id, or is the name of an alias", "write {key_id: …}")
        return [f"key/{each}" for each in _values(written, "key_id")], None
    (alias, *others) = _values({"kms": written}, "kms")
    if others:
        raise _bad("one short form has one alias", "write {kms: …} for each of them")
    if alias == SELF:
        raise _bad(f"{SELF} is no key here", "in a key's own statements, the resource is '*'")
    return ["key/*"], alias if alias.startswith(_ALIAS) else f"{_ALIAS}{alias}"


def _regions(service: str, form: Mapping[str, Any]) -> list[str]:
    if form.get("region") is None:
        raise _bad(
            f"{_shown_form(service, form)} has no region, and ARNs of {service} have one",
            f"add it: {_EXAMPLES[service]}",
        )
    found = _values(form, "region")
    for each in found:
        if not REGION_NAME.fullmatch(each) and each != "*":
            raise _bad(f"region cannot be {shown(each)}", "write a region, such as eu-west-1")
    return found


def _shown_form(service: str, form: Mapping[str, Any]) -> str:
    value = form[service]
    return f"{service} {shown(value)}" if isinstance(value, str) else f"this {service} resource"


def _one_or_many_forms(value: Any) -> Any:
    return [value] if isinstance(value, (str, Mapping)) and value else value


_SCHEMA: Final[dict[str, Any]] = {
    "type": ["string", "number", "boolean", "object"],
    "propertyNames": {"enum": [*_SERVICES, "account", "region", "users"]},
}
ResourceItem = Annotated[ResourceTexts, PlainValidator(resource_texts), WithJsonSchema(_SCHEMA)]
Resources = Annotated[list[ResourceItem], BeforeValidator(_one_or_many_forms)]


def in_iam(items: Sequence[ResourceTexts] | None) -> list[str] | None:
    """The list of `Resource` or `NotResource`.

    The first text of each item has the item's place, and what else items mean comes after.
    """
    if items is None:
        return None
    first = [each.texts[0] for each in items]
    if any(each.alias for each in items):
        first = list(dict.fromkeys(first))
    return [*first, *(text for each in items for text in each.texts[1:])]


def with_aliases(
    items: Sequence[ResourceTexts] | None, conditions: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """The conditions of a statement, with the one that its KMS aliases need."""
    aliases = sorted({each.alias for each in items or () if each.alias})
    if not aliases:
        return conditions
    written = conditions or {}
    block = {**written.get(_ALIAS_OPERATOR, {}), _ALIAS_KEY: aliases}
    return {**written, _ALIAS_OPERATOR: block}


def problems(statements: Any, path: Path, *, selves: Container[str] = ()) -> Iterator[Problem]:
    """What is wrong about short forms between the fields of statements as they are written.

    `selves` are the short forms in which `__self__` can stand for what the statements are of.
    """
    for index, each in enumerate(statements if isinstance(statements, list) else ()):
        if isinstance(each, Mapping):
            yield from _statement_problems(each, (*path, index))
            yield from _selves(each, (*path, index), selves)


#: What is said where `__self__` stands for nothing: a message and a hint by short form.
_NO_SELF: Final[Mapping[str, tuple[str, str]]] = {
    "iam": (
        f"{SELF} is no role here: a policy may be granted to many",
        "write role/NAME, or the statement in the role's own custom_statements",
    ),
    "s3": (
        f"{SELF} is no bucket here",
        "write the name of the bucket; only a bucket's own statements can leave it out",
    ),
}


def _selves(statement: Mapping[str, Any], path: Path, selves: Container[str]) -> Iterator[Problem]:
    for key in ("resources", "not_resources"):
        for index, each in enumerate(as_list(statement.get(key, []))):
            for form, (message, hint) in _NO_SELF.items() if isinstance(each, Mapping) else ():
                if form not in selves and any(map(_is_self, as_list(each.get(form)))):
                    yield Problem("bad-short-form", message, hint, (*path, key, index))


def _is_self(name: Any) -> bool:
    return isinstance(name, str) and name.partition("/")[0] == SELF


def _statement_problems(statement: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    for index, _ in _aliases(statement.get("not_resources")):
        yield Problem(
            "bad-short-form",
            "an alias of KMS cannot be among not_resources: which key has it is a condition",
            "write the id of the key, {kms: {key_id: …}, region: …}",
            (*path, "not_resources", index),
        )
    written = as_list(statement.get("resources", []))
    aliases = list(_aliases(written))
    if not aliases:
        return
    index, first = aliases[0]
    if len(aliases) < len(written) or any(each.texts != first.texts for _, each in aliases):
        yield Problem(
            "bad-short-form",
            "the alias of a KMS key is a condition, which would count for the other resources "
            "of the statement as well",
            "write a statement for the aliases of each region and account, and one for the rest",
            (*path, "resources", index),
        )
    if _names_aliases(statement.get("conditions")):
        yield Problem(
            "bad-short-form",
            f"the alias of a KMS key is a condition on {_ALIAS_KEY}, and the statement has one",
            "write the resource '*', or leave the condition out",
            (*path, "resources", index),
        )


def _aliases(written: Any) -> Iterator[tuple[int, ResourceTexts]]:
    for index, each in enumerate(as_list(written) if written is not None else ()):
        if isinstance(each, Mapping) and isinstance(each.get("kms"), str):
            # What is wrong with the form itself is reported where it is read.
            with suppress(PydanticCustomError):
                yield index, resource_texts(each)


def _names_aliases(conditions: Any) -> bool:
    blocks: Iterable[Any] = conditions.values() if isinstance(conditions, Mapping) else ()
    return any(
        str(key).lower() == _ALIAS_KEY.lower()
        for block in blocks
        if isinstance(block, Mapping)
        for key in block
    )
