"""Tags that files ask for: their form, and how those of several places come together.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator

from iam_access.kinds import names
from iam_access.kinds.fields import NAMES, Spec, fill, problem
from iam_access.phrases import listed, shown

#: The most that files may ask for: AWS allows 50 on a resource, and some are the pipeline's own.
MOST: Final = 45
FEWER: Final = "remove some: AWS allows 50 on a resource, and some are the pipeline's own"
_KEY = re.compile(r"[\w .:/=+@-]{1,128}")
_VALUE = re.compile(r"[\w .:/=+@-]{0,256}")
_KEYS: Final = "write up to 128 letters, digits, spaces or _.:/=+-@"
_VALUES: Final = (
    "write up to 256 letters, digits, spaces or _.:/=+-@; "
    f"{listed([f'{{{each}}}' for each in NAMES])} are filled in"
)
# As long as each may be.
_SAMPLES: Final[Mapping[str, str]] = {
    "account_id": "0" * 12,
    "environment": "e" * 64,
    "partition": "aws-us-gov",
    "team": "t" * 64,
}


def _key(value: str) -> str:
    if not _KEY.fullmatch(value):
        raise problem("bad-value", f"{shown(value)} is not the key of a tag", _KEYS)
    if value.lower().startswith(("aws:", names.PREFIX)):
        raise problem(
            "bad-value",
            f"{shown(value)} is a tag that only AWS or the pipeline may set",
            "write a key that begins otherwise",
        )
    return value


def _value(value: str) -> str:
    if not _VALUE.fullmatch(fill(value, _SAMPLES)):
        raise problem("bad-value", f"{shown(value)} is not the value of a tag", _VALUES)
    return value


def _each_once(value: dict[str, str]) -> dict[str, str]:
    """Refuse what AWS refuses of several tags: IAM ignores the case of their keys."""
    first: dict[str, str] = {}
    for key in value:
        other = first.setdefault(key.lower(), key)
        if other != key:
            raise problem(
                "bad-value",
                f"{shown(other)} and {shown(key)} are one tag: IAM ignores the case of keys",
                "remove one of the two",
            )
    if len(value) > MOST:
        raise problem("bad-value", f"there are {len(value)} tags, and {MOST} are allowed", FEWER)
    return value


Tags = Annotated[
    dict[
        Annotated[str, AfterValidator(_key)],
        Annotated[str, AfterValidator(_value)],
    ],
    AfterValidator(_each_once),
]


def of_entry(spec: Spec | None) -> Mapping[str, str]:
    """The tags of its own that an entry asks for; none where its folder knows no tags."""
    found: Mapping[str, str] = getattr(spec, "tags", {})
    return found


def is_of_aws(key: str) -> bool:
    """Whether only AWS sets and removes a tag with this key, such as those of CloudFormation."""
    return key.lower().startswith("aws:")


def merged(*layers: Mapping[str, str]) -> dict[str, str]:
    """The tags of all layers; where keys are equal but for their case, the last one holds."""
    found: dict[str, tuple[str, str]] = {}
    for layer in layers:
        found |= {key.lower(): (key, value) for key, value in layer.items()}
    return dict(found.values())


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as AWS takes them, by key."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
