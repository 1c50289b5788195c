"""One module per kind of AWS resource, and all of them in the order they are expanded."""

from iam_access.kinds.attachment import PolicyAttachments
from iam_access.kinds.base import Kind
from iam_access.kinds.inline_policy import InlinePolicies
from iam_access.kinds.managed_policy import CustomerManagedPolicies

KINDS: tuple[Kind, ...] = (
    CustomerManagedPolicies(),
    PolicyAttachments(),
    InlinePolicies(),
)

__all__ = ["KINDS", "Kind"]
