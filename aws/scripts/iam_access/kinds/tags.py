"""Tags as files write them."""

import re
from typing import Annotated

from pydantic import AfterValidator

from iam_access.kinds import names
from iam_access.kinds.fields import problem
from iam_access.phrases import shown

# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
_TAG_KEY = re.compile(r"[\w .:/=+@-]{1,128}")
_TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}")


def _tag_key(value: str) -> str:
    if not _TAG_KEY.fullmatch(value):
        raise problem(
            "bad-value",
            f"{shown(value)} is not the key of a tag",
            "write up to 128 letters, digits, spaces or _.:/=+-@",
        )
    if value.lower().startswith(("aws:", names.PREFIX)):
        raise problem(
            "bad-value",
            f"{shown(value)} is a tag that only AWS or the pipeline may set",
            "write a key that begins otherwise",
        )
    return value


def _tag_value(value: str) -> str:
    if not _TAG_VALUE.fullmatch(value):
        raise problem(
            "bad-value",
            f"{shown(value)} is not the value of a tag",
            "write up to 256 letters, digits, spaces or _.:/=+-@",
        )
    return value


Tags = dict[
    Annotated[str, AfterValidator(_tag_key)],
    Annotated[str, AfterValidator(_tag_value)],
]
