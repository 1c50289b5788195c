"""Policy documents as AWS sends them."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from iam_access.cloud.errors import CloudError
from iam_access.snapshot import Document

# What policies are full of. No escape's character is a hexadecimal digit or '%', so that
# replacing one never makes another.
_COMMON = tuple((quote(char, safe=""), char) for char in '"{}[]:,/* \n=$@+')


def parsed(document: Any, what: str) -> Document:
    """A policy document as a mapping, from a mapping, JSON, or percent-encoded JSON.

    IAM percent-encodes documents; where boto3 decodes them, a mapping arrives, and other
    endpoints may send them as they are. `what` names the document in the CloudError raised for one
    that is no JSON object.
    """
    if isinstance(document, Mapping):
        return document
    text = str(document)
    try:
        value = json.loads(text if text.lstrip().startswith("{") else unquoted(text))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise CloudError(
            "UnreadableDocument",
            f"{what} is not a JSON object",
            "look at it in the account: IAM itself does not store such a document",
        )
    return value


def unquoted(text: str) -> str:
    """As `urllib.parse.unquote`, which takes long where every other character is quoted."""
    for escape, char in _COMMON:
        text = text.replace(escape, char)
    return unquote(text) if "%" in text else text
