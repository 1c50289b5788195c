"""One module per kind of AWS resource, and per folder of files that ask for them."""

from iam_access.kinds.attachment import PolicyAttachments
from iam_access.kinds.base import Folder, Kind
from iam_access.kinds.inline_policy import InlinePolicies
from iam_access.kinds.managed_policy import CustomerManagedPolicies
from iam_access.kinds.temporary_access import TemporaryAccess
from iam_access.kinds.temporary_role import TemporaryRoles

KINDS: tuple[Kind, ...] = (
    CustomerManagedPolicies(),
    PolicyAttachments(),
    InlinePolicies(),
    TemporaryRoles(),
)

FOLDERS: tuple[Folder, ...] = (
    CustomerManagedPolicies(),
    PolicyAttachments(),
    TemporaryAccess(),
)

__all__ = ["FOLDERS", "KINDS", "Folder", "Kind"]
