"""Reads the hub from which people switch into roles of other accounts."""

from iam_access.cloud.client import Clients, CloudError
from iam_access.cloud.iam_reader import read_iam
from iam_access.kinds.switch_facts import HubPart, HubState
from iam_access.model import Failure
from iam_access.snapshot import IamPart


def read_hub(clients: Clients, part: HubPart) -> HubState:
    """IAM of the hub, or why it cannot be read: one call per 1,000 entities and one of quotas."""
    try:
        return HubState(read_iam(clients, IamPart(part.account)))
    except CloudError as error:
        return HubState(failure=Failure(error.code, error.message, error.hint))
