"""What a known way to more access than was meant is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PASSING = "iam:PassRole"

IAM_API = "https://docs.aws.amazon.com/IAM/latest/APIReference/API_"
#: The first collection of such ways, which most others go back to.
RHINO = "https://rhinosecuritylabs.com/aws/aws-privilege-escalation-methods-mitigation/"
#: A catalogue with a page for each way.
CATALOGUE = "https://pathfinding.cloud/paths/"


@dataclass(frozen=True, slots=True)
class Way:
    """One way: alternatives, each of which is actions that somebody must be allowed.

    The decisive one is first. `url` is a page that describes the way, or how the thing that it
    makes use of works. `service` is whom a role is passed to, None where nobody passes any.
    `others` holds where it leads somewhere only if it works on other users than oneself.
    `targets` names, for actions that also act on what leads nowhere, the resource types that do:
    one of them must be within reach.
    """

    code: str
    explanation: str
    url: str
    alternatives: tuple[tuple[str, ...], ...]
    service: str | None = None
    others: bool = False
    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)


def passing(
    code: str,
    what: str,
    service: str,
    url: str,
    *alternatives: tuple[str, ...],
    targets: Mapping[str, tuple[str, ...]] | None = None,
) -> Way:
    """The way of whoever may pass a role to a service and make it do what they choose."""
    return Way(
        code=f"pass-role-to-{code}",
        explanation=f"can pass a role to {what} and so do what that role may do",
        url=url,
        alternatives=tuple((PASSING, *each) for each in alternatives),
        service=service,
        targets=targets or {},
    )
