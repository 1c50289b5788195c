"""Requests over HTTPS with the standard library alone, which no other host gets to read."""

from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, build_opener

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _NoRedirect(HTTPRedirectHandler):
    """Follow no redirect: it would take a token or a message along to another host."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


def opener() -> OpenerDirector:
    """Return what sends requests, and raises HTTPError for a redirect."""
    return build_opener(_NoRedirect)


def is_safe(address: str) -> bool:
    """Whether what is sent to an address goes by HTTPS, or to this machine alone."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    )
