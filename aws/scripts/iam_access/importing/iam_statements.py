"""Elements of IAM's own statements, in the keys of our files.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from iam_access.importing.source import ACCOUNT_ID, Node, Reporter
from iam_access.phrases import shown

# The versions of the language, of which the older one, which is the default, has no variables.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
_VERSION: Final = "2012-10-17"
_OLDER_VERSION: Final = "2008-10-17"
# What the ARN of an entity of IAM has before its kind and name where it is in the own account.
_OF_OWN_ACCOUNT: Final = re.compile(r"arn:[^:]*:iam::\{account_id\}:")
_OF_FLAGS_AND_NUMBERS: Final = re.compile(
    r"(?:For(?:Any|All)Values:)?(?:Bool|Null|Numeric\w+)(?:IfExists)?", re.IGNORECASE
)


def of_element(node: Node | None, report: Reporter) -> list[dict[str, Any]]:
    """The principals of an element Principal or NotPrincipal, as IAM writes it."""
    if node is None:
        return []
    if node.value == "*":
        return [{"iam": "*"}]
    if not report.is_mapping(node, "Principal"):
        return []
    report.known_keys(node, ("AWS", "Service", "Federated"), "Principal")
    found: list[dict[str, Any]] = []
    written = node.mapping
    if "Service" in written:
        found.append({"service": single(report.texts(written["Service"], "Service"))})
    if "AWS" in written:
        found += _aws(report.texts(written["AWS"], "AWS"))
    if "Federated" in written:
        texts = report.texts(written["Federated"], "Federated")
        found += [{"federated": _OF_OWN_ACCOUNT.sub("", each)} for each in texts]
    return found


def _aws(texts: list[str]) -> Iterator[dict[str, Any]]:
    accounts = [each for each in texts if ACCOUNT_ID.fullmatch(each)]
    arns = [each for each in texts if each not in accounts]
    if accounts:
        yield {"iam": "root", "account": single(accounts)}
    if arns:
        yield {"iam": single(arns)}


def effect_of(statement: Node, report: Reporter) -> str | None:
    written = statement.mapping.get("Effect")
    if written is None:
        return None
    if written.value not in ("Allow", "Deny"):
        report.error(
            "bad-value",
            written.location,
            f"Effect cannot be {shown(written.plain)}",
            "write Allow or Deny",
        )
        return "Deny"
    return str(written.value)


def carried_over(statement: Node, report: Reporter) -> dict[str, Any]:
    """The name and the conditions of a statement, as the older tool reads them."""
    found: dict[str, Any] = {}
    condition = statement.mapping.get("Condition")
    sid = report.optional(statement.mapping.get("Sid"), "Sid")
    if sid:
        found["sid"] = sid
    if condition is not None and report.is_mapping(condition, "Condition"):
        found["conditions"] = condition.plain
        for operator, block in condition.mapping.items():
            if _OF_FLAGS_AND_NUMBERS.fullmatch(operator) is None:
                _report_read_otherwise(block.mapping.values(), report)
    return found


def _report_read_otherwise(values: Iterable[Node], report: Reporter) -> None:
    for each in (item for value in values for item in value.items if item.read is not None):
        report.fault(
            each.location,
            f"reads {shown(each.value)} without quotes as {each.read}",
            f"{each.read} is written, as AWS has it; put {shown(each.value)} in quotes if it is "
            "meant",
        )


def with_one_sid(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The statements that one becomes: a name stands once in a policy."""
    without = ({key: value for key, value in each.items() if key != "sid"} for each in entries[1:])
    return [*entries[:1], *without]


def single(texts: Any) -> Any:
    """A list of one as the text alone."""
    found = list(texts)
    return found[0] if len(found) == 1 else found


def statement(written: Node, report: Reporter) -> dict[str, Any]:
    """A statement of a policy of a user, role or group, as our file has it."""
    if not report.is_mapping(written, "a statement"):
        return {}
    elements = written.mapping
    report.known_keys(written, (*_ELEMENTS, "Sid", "Effect", "Condition"), "a statement")
    effect = effect_of(written, report)
    report.required(written, "Effect", "the statement")
    carried = carried_over(written, report)
    return {
        **({"sid": carried["sid"]} if "sid" in carried else {}),
        "effect": effect or "Deny",
        **{
            ours: single(report.texts(elements[element], element))
            for element, ours in _ELEMENTS.items()
            if element in elements
        },
        **({"conditions": carried["conditions"]} if "conditions" in carried else {}),
    }


_ELEMENTS: Final = {
    "Action": "actions",
    "NotAction": "not_actions",
    "Resource": "resources",
    "NotResource": "not_resources",
}
_TRUST: Final = ("Sid", "Effect", "Principal", "Action", "Condition")


def trust(written: Node, report: Reporter) -> list[dict[str, Any]]:
    """The entries of a role's trust that a statement of its trust policy becomes."""
    if not report.is_mapping(written, "a statement of a trust policy"):
        return []
    report.known_keys(written, _TRUST, "a statement of a trust policy")
    effect = effect_of(written, report)
    report.required(written, "Effect", "the statement")
    denied = {"effect": "Deny"} if effect == "Deny" else {}
    action = written.mapping.get("Action")
    actions = report.texts(action, "Action") if action is not None else []
    more = {**denied, **carried_over(written, report)}
    found = of_element(written.mapping.get("Principal"), report)
    if not found:
        report.error(
            "missing-key", written.location, "the statement names no Principal", "add Principal"
        )
    entries = [
        {**each, **({} if actions == _usual(each) else {"actions": single(actions)}), **more}
        for each in found
    ]
    return with_one_sid(entries)


def _usual(entry: dict[str, Any]) -> list[str]:
    """The actions that a trust entry has if it names none."""
    if "federated" not in entry:
        return ["sts:AssumeRole"]
    is_saml = "saml-provider/" in entry["federated"]
    return [f"sts:AssumeRoleWith{'SAML' if is_saml else 'WebIdentity'}"]


def statements_of(document: Node, report: Reporter) -> list[Node]:
    """The statements of a policy document."""
    if not report.is_mapping(document, "a policy document"):
        return []
    report.known_keys(document, ("Version", "Id", "Statement"), "a policy document")
    statements = document.mapping["Statement"].items if "Statement" in document.mapping else []
    version = document.mapping.get("Version")
    if version is not None and version.value not in (_VERSION, _OLDER_VERSION):
        report.error(
            "bad-value",
            version.location,
            f"Version cannot be {shown(version.plain)}",
            f"write {_VERSION}",
        )
    elif version is None or version.value == _OLDER_VERSION:
        for each in statements:
            _report_variables(each, report)
    return statements


def _report_variables(node: Node, report: Reporter) -> None:
    """Report what the older version of the language takes as it is written."""
    if isinstance(node.value, str) and "${" in node.value:
        report.refuse(
            node.location,
            f"{shown(node.value)} is no variable in a policy without Version: {_VERSION}, and "
            "would be one here",
            f"give the policy Version: {_VERSION} if a variable is meant, or take the text out",
        )
    for each in (*node.mapping.values(), *(node.items if isinstance(node.value, list) else ())):
        _report_variables(each, report)
