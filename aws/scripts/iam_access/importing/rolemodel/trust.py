"""The trust policies of RoleModel's roles: who may switch into them, and who else may."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from iam_access.importing import iam_statements
from iam_access.importing.source import Node, Reporter
from iam_access.importing.written import ROLES
from iam_access.phrases import listed, shown

#: The parameter with the id of the master account.
HUB_ID: Final = "AssumingAccountID"
_MFA: Final = (
    {"Null": {"aws:multifactorauthage": "false"}},
    {"Bool": {"aws:multifactorauthpresent": "true"}},
)


def trust(
    document: Node, logical: str, hub_id: str, report: Reporter
) -> tuple[list[dict[str, Any]], bool]:
    """The trust of a role but for the hub's, and whether the hub's needs a second factor."""
    hub_statements, others = [], []
    for written in iam_statements.statements_of(document, report):
        named = iam_statements.trust(written, report)
        entries = [each for entry in named for each in _hub_apart(entry, hub_id)]
        of_hub = [each for each in entries if _is_hub(each, hub_id)]
        hub_statements += [(each, written.location) for each in of_hub]
        others += [each for each in entries if each not in of_hub]
    if not hub_statements:
        report.refuse(
            document.location,
            f"{logical} does not trust the master account {hub_id}, so its group gives nothing",
            f"trust {{Ref: {HUB_ID}}} with sts:AssumeRole, or take the role out of the template",
        )
    with_mfa = [_needs_mfa(each) for each, _ in hub_statements]
    for (entry, location), needs in zip(hub_statements, with_mfa, strict=True):
        if needs is None:
            report.refuse(
                location,
                f"the master account is trusted under {listed(map(shown, _beside(entry)))}, and "
                "who switches is asked for nothing but a second factor",
                f"leave that out, or write the role into {ROLES}/ by hand",
            )
    return others, all(with_mfa)


def _hub_apart(entry: dict[str, Any], hub_id: str) -> Iterator[dict[str, Any]]:
    """The entry, in two where it names the hub among others."""
    for name in ("account", "iam"):
        values = entry.get(name)
        if not isinstance(values, list):
            continue
        hubs = [each for each in values if _is_hub({**entry, name: each}, hub_id)]
        others = [each for each in values if each not in hubs]
        if hubs and others:
            yield {**entry, name: hubs[0]}
            yield {**entry, name: iam_statements.single(others)}
            return
    yield entry


def _is_hub(entry: Mapping[str, Any], hub_id: str) -> bool:
    named = entry.get("iam")
    by_id = named == "root" and entry.get("account") == hub_id
    return by_id or (isinstance(named, str) and named.endswith(f":iam::{hub_id}:root"))


def _needs_mfa(entry: Mapping[str, Any]) -> bool | None:
    """Whether a trust entry needs a second factor; None if it needs, or gives, something else."""
    if set(entry) - {"iam", "account", "sid", "conditions"}:
        return None
    conditions = entry.get("conditions")
    if not conditions:
        return False
    plain = {
        operator: {key.lower(): _flag(value) for key, value in block.items()}
        for operator, block in conditions.items()
        if isinstance(block, dict)
    }
    return True if plain in _MFA and len(plain) == len(conditions) else None


def _flag(value: Any) -> str:
    """A value of a condition, or the one of a list."""
    only = value[0] if isinstance(value, list) and len(value) == 1 else value
    return str(only).lower()


def _beside(entry: Mapping[str, Any]) -> list[str]:
    return sorted(set(entry) - {"iam", "account", "sid"})
