"""Resources in statements of iam_syncr: ARNs, and short forms for IAM, S3, SNS and KMS."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from iam_access.importing.iam_syncr.scope import BUCKET, KEY, SELF, Scope
from iam_access.importing.source import Node
from iam_access.phrases import listed, shown

FORMS: Final = ("resource", "notresource")
ELEMENTS: Final = ("Resource", "NotResource")
#: The short forms with the keys beside them, in the order in which iam_syncr looks for them.
_SHORT_FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "iam": ("account", "users"),
    "kms": ("account", "location"),
    "sns": ("account", "location"),
    "s3": (),
}
_KEY_FORM: Final = ("alias", "key_id", "location")


@dataclass(frozen=True, slots=True)
class _Alias:
    """A key by its alias; `where` is the region, and the account unless it is the own."""

    name: str
    where: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of a statement: in `groups`, of which each needs a statement of its own.

    `element` is the key of our file that they stand under.
    """

    element: str
    groups: list[list[Any]]

    @property
    def is_everything(self) -> bool:
        return self.element == "resources" and self.groups == [["*"]]


def of_statement(policy: Node, scope: Scope) -> Resources:
    """The resources of a statement, keys by alias in groups of their own."""
    report, written = scope.report, policy.mapping
    negative = [key for key in ("NotResource", "notresource") if key in written]
    positive = [key for key in ("Resource", "resource") if key in written]
    if negative and positive:
        report.refuse(
            policy.location,
            "AWS takes resources or all but some, and this has both",
            "write them as statements of their own",
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
    first = [_unique(plain)] if plain else []
    return Resources("not_resources" if negative else "resources", [*first, *groups.values()])


def _unique(items: list[Any]) -> list[Any]:
    return [each for index, each in enumerate(items) if each not in items[:index]]


def _items(node: Node, key: str, scope: Scope) -> Iterator[Any]:
    """Items of `resources`: texts, our short forms, and keys by alias."""
    if key[0].isupper():
        yield from scope.report.texts(node, key)
        return
    # A list may hold lists, such as those that an alias stands for.
    for each in (item for outer in node.items for item in outer.items):
        if isinstance(each.value, str) and each.value:
            yield each.value
        elif isinstance(each.value, dict):
            yield from _short_form(each, scope)
        else:
            scope.report.wrong_type(each, "a text or a short form", key)


def _short_form(form: Node, scope: Scope) -> Iterator[Any]:
    kind = next((each for each in _SHORT_FORMS if each in form.mapping), None)
    if kind is None:
        scope.report.refuse(
            form.location,
            f"{listed(map(shown, form.mapping))} is no resource that iam_syncr knows"
            if form.mapping
            else "the resource is empty",
            f"it knows {listed(_SHORT_FORMS)}; write an ARN for another",
        )
        return
    scope.report.known_keys(form, (kind, *_SHORT_FORMS[kind]), f"a resource of {kind}")
    if kind == "s3":
        yield from _buckets(form.mapping["s3"], scope)
    elif kind == "iam":
        for path, account in scope.iam_names(form):
            yield {"iam": path, **scope.elsewhere(account)}
    elif kind == "sns":
        where = _region(form, form, scope)
        for text in scope.report.texts(form.mapping["sns"], "sns"):
            for account in scope.account_ids(form):
                yield {"sns": text, **where, **scope.elsewhere(account)}
    else:
        for each in form.mapping["kms"].items:
            yield from _keys(each, form, scope)


def _buckets(node: Node, scope: Scope) -> Iterator[Any]:
    for text in scope.report.texts(node, "s3"):
        bucket, slash, key = text.partition("/")
        if bucket == SELF and scope.kind != BUCKET:
            scope.report.refuse(
                node.location, f"a {scope.kind} has no bucket {SELF}", "name the bucket"
            )
            continue
        if bucket == SELF and slash:
            scope.report.fault(
                node.location,
                f"writes {shown(text)} as it is, and AWS refuses it",
                "it is about the bucket itself",
            )
        if slash and not key:
            name = scope.name if bucket == SELF else bucket
            yield f"arn:{{partition}}:s3:::{name}/"
        else:
            yield {"s3": text}


def _keys(item: Node, form: Node, scope: Scope) -> Iterator[Any]:
    """Keys by their aliases or ids: one item of `kms`, which is a text or a mapping."""
    report = scope.report
    if item.value == SELF:
        yield from _own_key(item, scope)
        return
    report.known_keys(item, _KEY_FORM, "kms")
    where = _region(item, form, scope)
    by_id = "key_id" in item.mapping and "alias" not in item.mapping
    name = item.mapping.get("key_id" if by_id else "alias", item)
    for account in scope.account_ids(form) if (text := report.text(name, "kms")) else ():
        place = {**where, **scope.elsewhere(account)}
        if by_id:
            yield {"kms": {"key_id": text}, **place}
        else:
            report.fault(
                item.location,
                "writes the ARN of the alias, which matches no request: KMS looks at the key's own "
                "ARN",
                "the statement is about the keys that have the alias, and now counts; "
                "`apply.py --explain` shows for whom",
            )
            yield _Alias(text, tuple(place.items()))


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


def _region(item: Node, form: Node, scope: Scope) -> dict[str, str]:
    """The region of a topic or key: its own, that of the short form, or that of the scope."""
    for node in (item, form):
        location = node.mapping.get("location")
        if location is not None:
            return {"region": scope.report.text(location, "location")}
    if scope.region is not None:
        return {"region": scope.region}
    scope.report.refuse(
        form.location,
        "the resource has no location, and iam_syncr writes None in its place, which matches "
        "nothing",
        "add location: eu-west-1, or where it is",
    )
    return {}
