"""Requests to GitHub's REST API.

The standard library's `urllib` is enough: a dozen small requests of JSON for each run, so that the
job that holds the token installs nothing. https://docs.github.com/en/rest/using-the-rest-api
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, NoReturn, Self
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import OpenerDirector, Request

from iam_access.errors import AccessError
from iam_access.web import is_safe, opener

DEFAULT_API = "https://api.github.com"
# https://docs.github.com/en/rest/about-the-rest-api/api-versions
_VERSION = "2022-11-28"
_PAGE = 100
_PAGES = 100
_TIMEOUT = 30.0
_LARGEST_ANSWER = 20_000_000
_TRIES = 3
_LONGEST_WAIT = 60
_HINTS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the token is not valid, or not any more",
    HTTPStatus.NOT_FOUND: "it does not exist, or the token may not see it",
}
_FOUND = frozenset({HTTPStatus.FOUND, HTTPStatus.TEMPORARY_REDIRECT})
_BUSY = frozenset({500, 502, 503, 504})
_REPOSITORY = re.compile(r"[A-Za-z0-9-]{1,39}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_TOKEN = re.compile(r"[!-~]+")


class GitHubError(AccessError):
    """GitHub did not do what was asked. `status` is that of the answer, 0 without an answer."""

    code = "github"

    def __init__(self, message: str, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint)
        self.status = status


class NotPermittedError(GitHubError):
    """The token lacks a permission, as that of a pull request from a fork does."""

    code = "github-permission"


class TooLargeError(GitHubError):
    """What GitHub has is larger than the caller takes."""


@dataclass(frozen=True)
class GitHub:
    """The API of one repository, `owner/name`, with a token.

    Raises GitHubError if one of them cannot be right, and NotPermittedError where the token may
    not. `wait` sleeps for seconds.
    """

    repository: str
    token: str = field(repr=False)
    api: str = DEFAULT_API
    wait: Callable[[float], None] = time.sleep
    _opener: OpenerDirector = field(default_factory=opener, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if _REPOSITORY.fullmatch(self.repository) is None:
            raise GitHubError(
                f"{self.repository!r} is not a repository of GitHub", "write owner/name"
            )
        if _TOKEN.fullmatch(self.token) is None:
            raise GitHubError(
                "there is no token for GitHub's API", "set GITHUB_TOKEN: ${{ github.token }}"
            )
        if not is_safe(self.api):
            raise GitHubError(
                f"{self.api!r} is not an address for GitHub's API", f"use https: {DEFAULT_API}"
            )

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """The repository, the API and the token in the variables of a job of GitHub Actions."""
        return cls(
            environment.get("GITHUB_REPOSITORY", ""),
            environment.get("GITHUB_TOKEN", ""),
            environment.get("GITHUB_API_URL") or DEFAULT_API,
        )

    @property
    def owner(self) -> str:
        """The organisation, or user, that has the repository."""
        return self.repository.partition("/")[0]

    def get(self, *path: str | int, **query: str) -> Any:
        """Read the value at a path below the repository."""
        asked = f"?{urlencode(query)}" if query else ""
        return self._send("GET", f"{self._in_repository(path)}{asked}")[0]

    def download(self, *path: str | int, most: int) -> bytes:
        """Read the file, of at most so many bytes, to which a path below the repository redirects.

        The host that has it does not get the token. Raises TooLargeError for a larger file.
        https://docs.github.com/en/rest/actions/artifacts#download-an-artifact
        """
        where = self._in_repository(path)
        address = self._redirection(where)
        try:
            with self._opener.open(Request(address), timeout=_TIMEOUT) as answer:  # noqa: S310
                content: bytes = answer.read(most + 1)
        except (OSError, HTTPException) as error:
            code = getattr(error, "code", 0)
            raise GitHubError(
                f"the file of {where} could not be read: {code or type(error).__name__}",
                "run the job again",
                code,
            ) from None
        if len(content) > most:
            raise TooLargeError(f"the file of {where} has more than {most:,} bytes")
        return content

    def _redirection(self, path: str) -> str:
        try:
            with self._opener.open(self._request("GET", path), timeout=_TIMEOUT):
                raise GitHubError(f"GitHub answered {path} without a redirection")
        except HTTPError as error:
            if error.code not in _FOUND:
                _raise(error, "GET", path)
            address = error.headers.get("Location") or ""
        except (OSError, HTTPException) as error:
            raise GitHubError(
                f"GitHub could not be reached for GET {path}: {error}", "run the job again"
            ) from None
        if not is_safe(address):
            raise GitHubError(f"GitHub redirected {path} to what is no https address")
        return address

    def pages(self, *path: str | int, **query: str) -> Iterator[Any]:
        """Read all elements of the list at a path below the repository."""
        return self._pages(self._in_repository(path), query)

    def members(self, team: str) -> Iterator[Any]:
        """Read the members of a team of the owner, those of its child teams included."""
        return self._pages(f"/orgs/{_segments((self.owner, 'teams', team, 'members'))}", {})

    def post(self, *path: str | int, body: Mapping[str, Any]) -> Any:
        """Create what is below a path of the repository; never sent twice."""
        return self._send("POST", self._in_repository(path), body)[0]

    def patch(self, *path: str | int, body: Mapping[str, Any]) -> Any:
        """Change the value at a path below the repository."""
        return self._send("PATCH", self._in_repository(path), body)[0]

    def _in_repository(self, path: tuple[str | int, ...]) -> str:
        return f"/repos/{_segments((*self.repository.split('/'), *path))}"

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        for number in range(1, _PAGES + 1):
            asked = urlencode({**query, "per_page": _PAGE, "page": number})
            value, is_last = self._send("GET", f"{path}?{asked}")
            if not isinstance(value, list):
                raise GitHubError(f"GitHub answered {path} without a list")
            yield from value
            if is_last:
                return
        raise GitHubError(f"{path} has more than {_PAGES * _PAGE:,} elements")

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> tuple[Any, bool]:
        """The value that is answered, and whether no page follows."""
        request = self._request(method, path, body)
        for left in reversed(range(_TRIES)):
            try:
                return self._open(request)
            except HTTPError as error:
                seconds = _pause(error, method)
                if not left or seconds is None:
                    _raise(error, method, path)
            except (OSError, HTTPException) as error:
                if not left or method == "POST":
                    raise GitHubError(
                        f"GitHub could not be reached for {method} {path}: {error}",
                        "run the job again",
                    ) from None
                seconds = 1.0
            self.wait(seconds)
        raise AssertionError("the last try returns or raises")

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Request:
        return Request(  # noqa: S310 - the scheme was judged above
            self.api.rstrip("/") + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "User-Agent": "self-serve-iam",
                "X-GitHub-Api-Version": _VERSION,
                **({} if body is None else {"Content-Type": "application/json"}),
            },
        )

    def _open(self, request: Request) -> tuple[Any, bool]:
        with self._opener.open(request, timeout=_TIMEOUT) as answer:
            content = answer.read(_LARGEST_ANSWER + 1)
            further = 'rel="next"' in (answer.headers.get("Link") or "")
        if len(content) > _LARGEST_ANSWER:
            raise GitHubError(f"GitHub's answer has more than {_LARGEST_ANSWER:,} bytes")
        try:
            return (json.loads(content) if content else None), not further
        except ValueError:
            raise GitHubError("GitHub's answer is not JSON", "check GITHUB_API_URL") from None


def _segments(path: tuple[str | int, ...]) -> str:
    return "/".join(quote(str(each), safe="") for each in path)


def _pause(error: HTTPError, method: str) -> float | None:
    """The seconds after which a request may be sent again; None if it may not.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    if _is_limited(error):
        after = error.headers.get("Retry-After") or "1"
        return min(int(after), _LONGEST_WAIT) if after.isdecimal() else _LONGEST_WAIT
    # A request to create something may have been carried out.
    return 1.0 if error.code in _BUSY and method != "POST" else None


def _is_limited(error: HTTPError) -> bool:
    if error.code == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    spent = error.headers.get("X-RateLimit-Remaining") == "0"
    return error.code == HTTPStatus.FORBIDDEN and (spent or "Retry-After" in error.headers)


def _raise(error: HTTPError, method: str, path: str) -> NoReturn:
    message = f"GitHub refused {method} {path} with {error.code}: {_words(error)}"
    if error.code == HTTPStatus.FORBIDDEN and not _is_limited(error):
        wanted = error.headers.get("X-Accepted-GitHub-Permissions")
        hint = f"the job's token needs one of: {wanted.replace(';', ', ')}" if wanted else ""
        raise NotPermittedError(message, hint, error.code) from None
    hint = _HINTS.get(error.code, "")
    raise GitHubError(message, hint, error.code) from None


def _words(error: HTTPError) -> str:
    """What GitHub says of a refusal."""
    try:
        answer = json.loads(error.read(100_000))
        details = [str(each.get("message") or each) for each in answer.get("errors") or ()]
        return "; ".join([str(answer["message"]), *details])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, HTTPException):
        return error.reason or "no reason"
