"""The trust policy of a role of a file, as it is to be in an account."""

from typing import Any

from iam_access.kinds import short_forms, trust
from iam_access.kinds.base import FileEntry, TeamInAccount
from iam_access.kinds.principal_forms import in_partition
from iam_access.kinds.role_file import RoleSpec
from iam_access.policy import document as documents


def trust_statements(entry: FileEntry[RoleSpec]) -> tuple[dict[str, Any], ...]:
    """The statements of a role's trust policy, with placeholders."""
    own = short_forms.iam_text(f"role/{entry.key}", short_forms.OWN_ACCOUNT)
    switching = [entry.spec.switch.trust] if entry.spec.switch is not None else []
    return (*(trust.statement(each, own) for each in entry.spec.trust), *switching)


def trust_document(entry: FileEntry[RoleSpec], scope: TeamInAccount) -> dict[str, Any]:
    """The trust policy of a role, its statements in the order of the file."""
    filled: dict[str, Any] = scope.fill(documents.document(trust_statements(entry)))
    return in_partition(filled, scope.account.partition)
