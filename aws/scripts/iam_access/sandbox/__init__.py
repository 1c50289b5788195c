"""An offline AWS that refuses what AWS refuses, for demos, tests and experiments."""

from iam_access.sandbox.faults import (
    AwsError,
    Fault,
    FaultContext,
    LostAnswer,
    RecordedCall,
    throttling,
)
from iam_access.sandbox.profiles import Profile
from iam_access.sandbox.quotas import SandboxQuotas
from iam_access.sandbox.sandbox import PIPELINE_USER, UNSET, Sandbox, SandboxAccount
from iam_access.sandbox.server import SandboxServer, ServerError
from iam_access.sandbox.template import TemplateError
from iam_access.sandbox.world import PIPELINE_ACCOUNT

__all__ = [
    "PIPELINE_ACCOUNT",
    "PIPELINE_USER",
    "UNSET",
    "AwsError",
    "Fault",
    "FaultContext",
    "LostAnswer",
    "Profile",
    "RecordedCall",
    "Sandbox",
    "SandboxAccount",
    "SandboxQuotas",
    "SandboxServer",
    "ServerError",
    "TemplateError",
    "throttling",
]
