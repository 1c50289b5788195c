"""What holds for the whole organisation: `settings.yaml`. Every key has a default."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from iam_access.config.accounts import DeployerRole
from iam_access.kinds.fields import Spec, problem

FILE = "settings.yaml"

_DURATION = re.compile(r"([0-9]{1,6}) ?([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=3_650)


def _duration(value: Any) -> timedelta:
    """`90m`, `12h` or `6d`."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    duration = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < duration <= _LONGEST:
        raise problem(
            "bad-duration",
            f"{value!r} is not a length of time",
            f"write minutes, hours or days, up to {_LONGEST.days:,}d: 90m, 12h or 6d",
        )
    return duration


def _absent_is_default(value: Any) -> Any:
    """A section whose every key is commented out is there, but empty."""
    return {} if value is None else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class TemporaryAccessRules(Spec):
    """`longest`: how far ahead the deadline of a temporary grant may lie."""

    longest: Duration = timedelta(days=6)


class Settings(Spec):
    """The organisation's rules.

    `deployer_role` is the role assumed in every account that names no other (it may have a path
    before its name). `publish_policies` says whether a team's policies exist in each of its
    accounts, or only where an entry grants them permanently.
    """

    deployer_role: DeployerRole = "self-serve-deployer"
    publish_policies: Literal["everywhere", "granted"] = "everywhere"
    temporary_access: Annotated[TemporaryAccessRules, BeforeValidator(_absent_is_default)] = (
        TemporaryAccessRules()
    )
