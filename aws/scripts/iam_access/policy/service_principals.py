"""Service principals, by which policies name services of AWS: `ec2.amazonaws.com`.

Most are called as the prefix of their actions, and some have a part or a region before or after
it: `batchoperations.s3.amazonaws.com`, `states.eu-west-1.amazonaws.com`. AWS publishes no list.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services
"""

import re
from functools import lru_cache
from typing import Final

from iam_access.phrases import nearest
from iam_access.policy.actions import services
from iam_access.policy.arn import REGION_NAME
from iam_access.problem import Problem

# The names of services that have no actions of their own, or whose actions have another prefix.
_FURTHER: Final = frozenset(
    {
        *("airflow-env", "application-insights", "automation", "aws-artifact-account-sync"),
        *("billingreports", "cassandra-streams", "cloudwatch-crossaccount", "codecatalyst-runner"),
        *("codestar", "cognito-identity-us-gov", "config-conforms", "config-multiaccountsetup"),
        *("costalerts", "datazonecontrol", "deeplens", "diode", "dms-data-migrations"),
        *("dnssec-route53", "ec", "ec2-images", "ec2fastlaunch", "ec2fleet"),
        *("ec2scheduled", "ec2sqlha", "ecs-compute", "ecs-tasks", "edgelambda", "eks-connector"),
        *("eks-fargate", "eks-fargate-pods", "eks-nodegroup", "iotevents", "iotroborunner"),
        *("iotthingsgraph", "lexv2", "macie", "managedservices", "marketplace", "migrationhub"),
        *("mobilehub", "opensearchservice", "osis-pipelines", "partnercentral-selling", "pinpoint"),
        *("purchaseorders", "rds-preview", "s2svpn", "securityhubv2"),
        *("servicecatalog-appregistry", "spot", "spotfleet", "transitgateway", "tts", "vmie"),
        "vpc-flow-logs",
    }
)
_SUFFIX = re.compile(r"\.amazonaws\.com(\.cn)?")


def is_known(principal: str) -> bool:
    """Whether AWS may have a service principal of this name.

    That is so if the first or the last part before `amazonaws.com`, but for a region, is the name
    of a service. Names in other domains, such as `amazon.com`, are not judged.
    """
    parts = _parts(principal)
    return parts is None or any(each in _names() for each in (parts[0], parts[-1]))


@lru_cache(maxsize=1024)
def unknown_principal(principal: str) -> Problem | None:
    """The problem of a service principal that AWS does not have, with the one that was meant."""
    if is_known(principal):
        return None
    parts = _parts(principal) or [principal]
    found = nearest(parts[-1], _names(), likeness=0.75)
    meant = f"did you mean {found}.amazonaws.com? " if found else ""
    return Problem(
        "unknown-service-principal",
        f"AWS has no service {principal!r}, so it refuses a policy that names it",
        f"{meant}The page of each service says how its principal is called; known_names in "
        "settings.yaml lists names that are right",
        unknown=principal,
    )


def _parts(principal: str) -> list[str] | None:
    """The parts of a name before the domain and without a region; None for another domain."""
    end = _SUFFIX.search(principal)
    if end is None or end.end() != len(principal):
        return None
    parts = principal[: end.start()].split(".")
    return [each for each in parts if not REGION_NAME.fullmatch(each)] or parts


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return services() | _FURTHER
