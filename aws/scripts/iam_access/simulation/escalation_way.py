"""What a known way to more access than was meant is."""

from dataclasses import dataclass

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
    """

    code: str
    explanation: str
    url: str
    alternatives: tuple[tuple[str, ...], ...]
    service: str | None = None
    others: bool = False


def passing(code: str, what: str, service: str, url: str, *alternatives: tuple[str, ...]) -> Way:
    """The way of whoever may pass a role to a service and make it do what they choose."""
    return Way(
        code=f"pass-role-to-{code}",
        explanation=f"can pass a role to {what} and so do what that role may do",
        url=url,
        alternatives=tuple((PASSING, *each) for each in alternatives),
        service=service,
    )
