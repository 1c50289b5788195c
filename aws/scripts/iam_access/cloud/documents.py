"""Policy documents as AWS sends them."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from iam_access.cloud.errors import CloudError
from iam_access.snapshot import Document


def parsed(document: Any, what: str) -> Document:
    """A policy document as a mapping, from a mapping, JSON, or percent-encoded JSON.

    IAM percent-encodes documents and boto3 decodes them, but other endpoints and clients may
    not. `what` names the document in the CloudError raised for one that is no JSON object.
    """
    if isinstance(document, Mapping):
        return document
    text = str(document)
    try:
        value = json.loads(text if text.lstrip().startswith("{") else unquote(text))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise CloudError(
            "UnreadableDocument",
            f"{what} is not a JSON object",
            "look at it in the account: IAM itself does not store such a document",
        )
    return value
