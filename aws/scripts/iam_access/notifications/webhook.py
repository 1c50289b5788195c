"""Post to a webhook that takes what Slack's incoming webhooks take.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

from iam_access.errors import AccessError
from iam_access.web import is_safe, opener

_TIMEOUT = 15.0
_LONGEST_ANSWER = 200


class WebhookError(AccessError):
    """A message was not taken. The webhook's address, which is a secret, is not in the message."""

    code = "webhook"


def post(address: str, message: Mapping[str, Any]) -> None:
    """Post a message, once. Raises WebhookError."""
    if not is_safe(address):
        raise WebhookError("its address is not one of a webhook", "it begins with https://")
    try:
        request = Request(  # noqa: S310 - the scheme was judged above
            address,
            data=json.dumps(message).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "self-serve-iam"},
        )
        with opener().open(request, timeout=_TIMEOUT) as answer:
            answer.read(_LONGEST_ANSWER)
    except HTTPError as error:
        words = error.read(_LONGEST_ANSWER).decode("utf-8", "replace")
        raise WebhookError(f"the webhook answered {error.code}: {words}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise WebhookError(f"the webhook was not reached ({type(error).__name__})") from None
