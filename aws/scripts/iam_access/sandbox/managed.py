"""AWS's managed policies, parsed once per process and shared by all accounts."""

import json
from functools import cache

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend, ManagedPolicy

_NO_ACCOUNT = "000000000000"


@cache
def _originals() -> tuple[AWSManagedPolicy, ...]:
    data = json.loads(aws_managed_policies_data)
    return tuple(
        AWSManagedPolicy.from_data(name, _NO_ACCOUNT, "aws", entry) for name, entry in data.items()
    )


def managed_policies(backend: IAMBackend) -> list[ManagedPolicy]:
    """The policies for one account.

    Documents and versions never change and are shared; each account counts its attachments.
    """
    policies: list[ManagedPolicy] = []
    for original in _originals():
        # Without moto's own __new__, which keeps a list of all models of the process.
        policy = object.__new__(type(original))
        policy.__dict__.update(original.__dict__)
        policy.account_id, policy.partition = backend.account_id, backend.partition
        policies.append(policy)
    return policies
