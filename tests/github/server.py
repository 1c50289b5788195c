"""GitHub's REST API on the loopback: the part that the project uses, as strict as GitHub's.

A request is judged by method, path, query, headers, the token's permissions, and the body's keys,
types and sizes. What GitHub would refuse is refused with its status. What GitHub lets pass without
effect, such as an unknown key, is refused too and is listed in `GitHubServer.mistakes`: it is
always an error of the caller.

https://docs.github.com/en/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens
"""

import io
import json
import re
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

BODY = 65_536
PAGE, LONGEST_PAGE = 30, 100
BOT = "github-actions[bot]"
_LEVELS = ("none", "read", "write")
_VERSIONS = ("2022-11-28",)

STORAGE = "/storage/"
READ_PULLS = {"pull_requests": "read"}
READ_EITHER = {"issues": "read", "pull_requests": "read"}
WRITE_EITHER = {"issues": "write", "pull_requests": "write"}


class RefusedError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, message: str, *errors: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, **({"errors": list(errors)} if errors else {})}


@dataclass(frozen=True)
class Text:
    """A text in a body. `longest` counts characters."""

    longest: int
    required: bool = False
    values: tuple[str, ...] = ()

    def check(self, resource: str, name: str, value: Any) -> None:
        what = {"resource": resource, "field": name}
        if not isinstance(value, str) or (self.required and not value.strip()):
            raise RefusedError(422, "Validation Failed", {**what, "code": "missing_field"})
        if len(value) > self.longest:
            message = f"{name} is too long (maximum is {self.longest} characters)"
            raise RefusedError(
                422, "Validation Failed", {**what, "code": "unprocessable", "message": message}
            )
        if self.values and value not in self.values:
            raise RefusedError(422, "Validation Failed", {**what, "code": "invalid"})


@dataclass(frozen=True)
class Texts:
    """A list of texts in a body."""

    longest: int
    required: bool = False

    def check(self, resource: str, name: str, value: Any) -> None:
        if not isinstance(value, list):
            raise RefusedError(422, "Validation Failed", {"resource": resource, "field": name})
        for each in value:
            Text(self.longest, required=True).check(resource, name, each)


@dataclass(frozen=True)
class Mapped:
    """A mapping in a body, whose values are texts."""

    keys: Mapping[str, Text]
    required: bool = False

    def check(self, resource: str, name: str, value: Any) -> None:
        if not isinstance(value, dict) or not value.keys() <= self.keys.keys():
            raise RefusedError(422, "Validation Failed", {"resource": resource, "field": name})
        for key, each in self.keys.items():
            if key in value or each.required:
                each.check(resource, f"{name}.{key}", value.get(key))


# A message ignores the case of names, as HTTP does.
Headers = Mapping[str, str] | Message
Field = Text | Texts | Mapped
Handler = Callable[["GitHubServer", "Request"], Any]


@dataclass(frozen=True)
class Request:
    """One request as a route's handler gets it. `login` is whose token it came with."""

    method: str
    path: str
    names: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    login: str


@dataclass(frozen=True)
class Route:
    """One operation. Any one of `permissions` suffices."""

    method: str
    path: re.Pattern[str]
    permissions: Mapping[str, str]
    handler: Handler
    resource: str = ""
    query: frozenset[str] = frozenset()
    fields: Mapping[str, Field] = field(default_factory=dict)
    paged: bool = False
    status: int = 200


ROUTES: list[Route] = []


def route(
    operation: str, permissions: Mapping[str, str], **more: Any
) -> Callable[[Handler], Handler]:
    """Register a handler for `METHOD /path/{name}`."""
    method, _, path = operation.partition(" ")
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, re.compile(pattern), permissions, handler, **more))
        return handler

    return register


@dataclass(frozen=True)
class Token:
    """What a token may do, and as whom."""

    permissions: Mapping[str, str]
    login: str = BOT

    def allows(self, wanted: Mapping[str, str]) -> bool:
        def level(name: str) -> int:
            return _LEVELS.index(self.permissions.get(name, "none"))

        return any(level(name) >= _LEVELS.index(least) for name, least in wanted.items())


class GitHubServer:
    """A repository `OWNER/NAME` of an organisation, and what was asked of it.

    `failures` are statuses with headers that the next requests end with, before anything is done.
    """

    def __init__(self, repository: str = "acme/access") -> None:
        self.repository = repository
        self.tokens: dict[str, Token] = {}
        self.issues: dict[int, dict[str, Any]] = {}
        self.pulls: dict[int, dict[str, Any]] = {}
        self.comments: dict[int, dict[str, Any]] = {}
        self.reviews: dict[int, list[dict[str, Any]]] = {}
        self.commits: dict[int, list[dict[str, Any]]] = {}
        self.files: dict[int, list[str]] = {}
        self.labels: dict[str, dict[str, Any]] = {}
        self.statuses: dict[str, list[dict[str, Any]]] = {}
        self.check_runs: list[dict[str, Any]] = []
        self.teams: dict[str, list[str]] = {}
        self.runs: dict[int, dict[str, Any]] = {}
        self.artifacts: dict[int, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.mistakes: list[str] = []
        self.used: dict[str, set[str]] = {}
        self.failures: list[tuple[int, Mapping[str, str]]] = []
        # A bare repository whose branches are those of the repository, and a setting of GitHub's.
        self.git: Path | None = None
        self.workflows_may_open_pulls = True
        self.url = ""
        self._lock = threading.Lock()
        self._number = 0

    def token(self, login: str = BOT, **permissions: str) -> str:
        """A new token with these permissions and no others (`issues="write"`)."""
        name = f"ghs_{len(self.tokens) + 1}"
        self.tokens[name] = Token(permissions, login)
        return name

    def number(self) -> int:
        self._number += 1
        return self._number

    def add_pull(
        self, author: str = "ann", head: str = "a" * 40, branch: str = "", fork: str = ""
    ) -> int:
        """Open a pull request of a branch, of the repository or of a `fork` (its owner).

        It is an issue as well.
        """
        number = self.number()
        owner, _, name = self.repository.partition("/")
        branch = branch or f"branch-{number}"
        pull = {
            "number": number,
            "state": "open",
            "user": _user(author),
            "head": {
                "sha": head,
                "ref": branch,
                "label": f"{fork or owner}:{branch}",
                "repo": {"full_name": f"{fork or owner}/{name}"},
            },
            "base": {"ref": "main", "repo": {"full_name": self.repository}},
            "labels": [],
        }
        self.pulls[number] = pull
        self.issues[number] = {**pull, "pull_request": {}, "title": "t", "body": ""}
        self.commits[number] = [{"sha": head, "author": _user(author), "committer": _user(author)}]
        self.reviews[number] = []
        return number

    def merge(self, number: int, commit: str, branch: str = "main") -> None:
        """Merge a pull request, which makes this commit."""
        merged = {
            "state": "closed",
            "merged_at": "2026-03-01T12:00:00Z",
            "merge_commit_sha": commit,
            "base": {"ref": branch, "repo": {"full_name": self.repository}},
        }
        self.pulls[number].update(merged)
        self.issues[number]["state"] = "closed"

    def add_run(self, workflow: str, event: str, commit: str, **more: Any) -> int:
        """A run of a workflow that succeeded, the newest one."""
        number = self.number()
        self.runs[number] = {
            "id": number,
            "path": f".github/workflows/{workflow}",
            "event": event,
            "conclusion": "success",
            "head_branch": "main",
            "head_sha": commit,
            "repository": {"id": 1},
            "head_repository": {"id": 1},
            **more,
        }
        return number

    def add_artifact(self, run: int, name: str, files: Mapping[str, str]) -> int:
        """An artifact of a run that holds these files."""
        number = self.number()
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as written:
            for path, text in files.items():
                written.writestr(path, text)
        content = archive.getvalue()
        self.artifacts[number] = {
            "id": number,
            "name": name,
            "expired": False,
            "run": run,
            "content": content,
        }
        return number

    def files_of(self, ref: str, base: str = "main") -> list[str]:
        """The paths that a branch changes, as a pull request of it does."""
        if self.git is None:
            return []
        command = ["git", "-C", str(self.git), "diff", "--name-only", f"{base}...{ref}"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.stdout.splitlines()

    def commits_of(self, ref: str, base: str = "main") -> list[dict[str, Any]]:
        """The commits of a branch that the base has not, as those of a pull request."""
        if self.git is None:
            return []
        found = subprocess.run(
            [
                "git",
                "-C",
                str(self.git),
                "log",
                "--reverse",
                "--format=%H %ae %ce",
                f"{base}..{ref}",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        commits = (line.split() for line in found.stdout.splitlines())
        return [
            {
                "sha": sha,
                "author": _of_address(author),
                "committer": _of_address(committer),
                "commit": {"author": {"email": author}, "committer": {"email": committer}},
            }
            for sha, author, committer in commits
        ]

    def add_issue(self, author: str = "ann", body: str = "") -> int:
        number = self.number()
        self.issues[number] = {
            "number": number,
            "state": "open",
            "title": "t",
            "body": body,
            "user": _user(author),
            "labels": [],
        }
        return number

    def add_comment(self, issue: int, body: str, login: str) -> int:
        number = self.number()
        self.comments[number] = {
            "id": number,
            "issue": issue,
            "body": body,
            "user": _user(login),
        }
        return number

    def add_review(self, pull: int, login: str, state: str, commit: str = "a" * 40) -> None:
        review = {
            "id": self.number(),
            "user": _user(login),
            "state": state,
            "commit_id": commit,
            "submitted_at": "2026-03-01T12:00:00Z",
        }
        self.reviews[pull].append(review)

    def answer(
        self, method: str, target: str, headers: Headers, body: bytes
    ) -> tuple[int, dict[str, str], Any]:
        """The status, headers and value that a request is answered with."""
        with self._lock:
            self.requests.append(f"{method} {target}")
            if target.startswith(STORAGE):
                return self._stored(target, headers)
            if self.failures:
                status, more = self.failures.pop(0)
                return status, dict(more), {"message": "failed on purpose"}
            more = {}
            try:
                return self._answer(method, target, headers, body, more)
            except RefusedError as error:
                return error.status, more, error.body

    def _stored(self, target: str, headers: Headers) -> tuple[int, dict[str, str], Any]:
        """The content of an artifact, which another host has: the token is not for that."""
        if headers.get("Authorization"):
            self.mistakes.append("the token was sent to another host")
        return 200, {}, self.artifacts[int(target.removeprefix(STORAGE))]["content"]

    def _answer(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: bytes,
        more: dict[str, str],
    ) -> tuple[int, dict[str, str], Any]:
        parts = urlsplit(target)
        self._check_headers(headers, has_body=bool(body))
        found = self._route(method, parts.path)
        if found is None:
            self._mistake(404, f"{method} {parts.path} is no operation")
        each, names = found
        name = headers.get("Authorization", "").removeprefix("Bearer ")
        token = self.tokens.get(name)
        if token is None:
            raise RefusedError(401, "Bad credentials")
        # https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
        asked = ";".join(f"{key}={value}" for key, value in each.permissions.items())
        more["X-Accepted-GitHub-Permissions"] = asked
        if not token.allows(each.permissions):
            raise RefusedError(403, "Resource not accessible by integration")
        self.used.setdefault(name, set()).add(asked)
        if names.get("owner", self.repository.split("/")[0]) != self.repository.split("/")[0]:
            raise RefusedError(404, "Not Found")
        if "repo" in names and f"{names['owner']}/{names['repo']}" != self.repository:
            raise RefusedError(404, "Not Found")
        query = self._query(parts.query, each)
        request = Request(method, parts.path, names, query, self._body(body, each), token.login)
        value = each.handler(self, request)
        if each.status == 302:
            more["Location"] = value
        if each.paged:
            value = self._page(value, query, parts.path, more)
        return each.status, more, value

    def _route(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        for each in ROUTES:
            match = each.path.fullmatch(path)
            if match is not None and each.method == method:
                return each, match.groupdict()
        return None

    def _check_headers(self, headers: Headers, *, has_body: bool) -> None:
        if not headers.get("User-Agent"):
            raise RefusedError(403, "Request forbidden by administrative rules.")
        if headers.get("Accept") != "application/vnd.github+json":
            self._mistake(415, f"Accept is {headers.get('Accept')}")
        if headers.get("X-GitHub-Api-Version") not in _VERSIONS:
            self._mistake(400, f"the version is {headers.get('X-GitHub-Api-Version')}")
        if has_body and headers.get("Content-Type") != "application/json":
            self._mistake(415, f"Content-Type is {headers.get('Content-Type')}")

    def _mistake(self, status: int, what: str) -> NoReturn:
        self.mistakes.append(what)
        raise RefusedError(status, what)

    def _query(self, text: str, each: Route) -> dict[str, str]:
        query = {key: values[-1] for key, values in parse_qs(text, keep_blank_values=True).items()}
        known = each.query | ({"page", "per_page"} if each.paged else set())
        if not query.keys() <= known:
            self._mistake(422, f"unknown query {sorted(query.keys() - known)}")
        return query

    def _body(self, body: bytes, each: Route) -> dict[str, Any]:
        try:
            found = json.loads(body) if body else {}
        except ValueError:
            raise RefusedError(400, "Problems parsing JSON") from None
        if not isinstance(found, dict):
            raise RefusedError(400, "Body should be a JSON object")
        if not found.keys() <= each.fields.keys():
            self._mistake(422, f"unknown keys {sorted(found.keys() - each.fields.keys())}")
        for key, kind in each.fields.items():
            if key in found or kind.required:
                kind.check(each.resource, key, found.get(key))
        return found

    def _page(
        self, value: list[Any], query: Mapping[str, str], path: str, more: dict[str, str]
    ) -> list[Any]:
        size = min(int(query.get("per_page", PAGE)), LONGEST_PAGE)
        page = int(query.get("page", 1))
        if len(value) > page * size:
            further = f"{self.url}{path}?per_page={size}&page={page + 1}"
            more["Link"] = f'<{further}>; rel="next", <{further}>; rel="last"'
        return value[(page - 1) * size : page * size]


def _user(login: str) -> dict[str, str]:
    return {"login": login, "type": "Bot" if login.endswith("[bot]") else "User"}


def _of_address(email: str) -> dict[str, str] | None:
    """The account of an address that GitHub gives to one; None for others."""
    found = re.fullmatch(r"\d+\+(\S+)@users\.noreply\.github\.com", email)
    return _user(found[1]) if found else None


def _find(values: Mapping[int, Any], number: str) -> Any:
    found = values.get(int(number)) if number.isdecimal() else None
    if found is None:
        raise RefusedError(404, "Not Found")
    return found


REPOSITORY = "/repos/{owner}/{repo}"
ISSUE = f"{REPOSITORY}/issues/{{number}}"
PULL = f"{REPOSITORY}/pulls/{{number}}"
COMMENT: Mapping[str, Field] = {"body": Text(BODY, required=True)}


@route(f"GET {ISSUE}/comments", READ_EITHER, paged=True, query=frozenset({"since"}))
def _comments(server: GitHubServer, request: Request) -> Any:
    issue = _find(server.issues, request.names["number"])["number"]
    return [each for each in server.comments.values() if each["issue"] == issue]


@route(f"POST {ISSUE}/comments", WRITE_EITHER, resource="IssueComment", fields=COMMENT, status=201)
def _create_comment(server: GitHubServer, request: Request) -> Any:
    issue = _find(server.issues, request.names["number"])["number"]
    return server.comments[server.add_comment(issue, request.body["body"], request.login)]


@route(
    f"PATCH {REPOSITORY}/issues/comments/{{id}}",
    WRITE_EITHER,
    resource="IssueComment",
    fields=COMMENT,
)
def _update_comment(server: GitHubServer, request: Request) -> Any:
    comment = _find(server.comments, request.names["id"])
    comment["body"] = request.body["body"]
    return comment


@route(
    f"GET {REPOSITORY}/pulls", READ_PULLS, paged=True, query=frozenset({"state", "head", "base"})
)
def _pulls(server: GitHubServer, request: Request) -> Any:
    head, state = request.query.get("head"), request.query.get("state", "open")
    base = request.query.get("base")
    return [
        pull
        for pull in reversed(server.pulls.values())
        if state in ("all", pull["state"])
        and head in (None, pull["head"]["label"])
        and base in (None, pull["base"]["ref"])
    ]


_PULL: Mapping[str, Field] = {"title": Text(256, required=True), "body": Text(BODY)}


@route(
    f"POST {REPOSITORY}/pulls",
    {"pull_requests": "write"},
    resource="PullRequest",
    fields={**_PULL, "head": Text(255, required=True), "base": Text(255, required=True)},
    status=201,
)
def _create_pull(server: GitHubServer, request: Request) -> Any:
    if request.login == BOT and not server.workflows_may_open_pulls:
        raise RefusedError(
            403, "GitHub Actions is not permitted to create or approve pull requests."
        )
    ref = request.body["head"]
    commits = server.commits_of(ref)
    if not commits:
        raise RefusedError(
            422,
            "Validation Failed",
            {"resource": "PullRequest", "field": "head", "code": "invalid"},
        )
    if any(
        each["head"].get("ref") == ref and each["state"] == "open" for each in server.pulls.values()
    ):
        raise RefusedError(
            422, "Validation Failed", {"message": f"A pull request already exists for {ref}."}
        )
    number = server.add_pull(request.login, commits[-1]["sha"], branch=ref)
    server.pulls[number] |= {
        "title": request.body["title"],
        "body": request.body.get("body"),
        "html_url": f"https://github.com/{server.repository}/pull/{number}",
        "merged_at": None,
    }
    server.commits[number] = commits
    return server.pulls[number]


@route(
    f"PATCH {PULL}",
    {"pull_requests": "write"},
    resource="PullRequest",
    fields={
        "title": Text(256),
        "body": Text(BODY),
        "state": Text(10, values=("open", "closed")),
        "base": Text(255),
    },
)
def _update_pull(server: GitHubServer, request: Request) -> Any:
    pull = _find(server.pulls, request.names["number"])
    pull.update(request.body)
    return pull


@route(f"GET {PULL}", READ_PULLS)
def _pull(server: GitHubServer, request: Request) -> Any:
    return _find(server.pulls, request.names["number"])


@route(f"GET {PULL}/reviews", READ_PULLS, paged=True)
def _reviews(server: GitHubServer, request: Request) -> Any:
    return server.reviews[_find(server.pulls, request.names["number"])["number"]]


@route(f"GET {PULL}/files", READ_PULLS, paged=True)
def _files(server: GitHubServer, request: Request) -> Any:
    pull = _find(server.pulls, request.names["number"])
    paths = server.files.get(pull["number"]) or server.files_of(pull["head"]["ref"])
    return [{"filename": each, "status": "modified"} for each in paths]


@route(f"GET {PULL}/commits", READ_PULLS, paged=True)
def _commits(server: GitHubServer, request: Request) -> Any:
    pull = _find(server.pulls, request.names["number"])
    return server.commits_of(pull["head"]["ref"]) or server.commits[pull["number"]]


@route(f"GET {REPOSITORY}/commits/{{sha}}/pulls", READ_PULLS, paged=True)
def _pulls_of(server: GitHubServer, request: Request) -> Any:
    sha = request.names["sha"]
    return [
        pull
        for number, pull in server.pulls.items()
        if sha == pull.get("merge_commit_sha")
        or sha in {each["sha"] for each in server.commits[number]}
    ]


@route(f"GET {ISSUE}/labels", READ_EITHER, paged=True)
def _labels(server: GitHubServer, request: Request) -> Any:
    return _find(server.issues, request.names["number"])["labels"]


@route(
    f"POST {ISSUE}/labels",
    WRITE_EITHER,
    resource="Label",
    fields={"labels": Texts(50, required=True)},
)
def _add_labels(server: GitHubServer, request: Request) -> Any:
    labels = _find(server.issues, request.names["number"])["labels"]
    known = {each["name"] for each in labels}
    labels += [{"name": each} for each in request.body["labels"] if each not in known]
    return labels


@route(f"DELETE {ISSUE}/labels/{{name}}", WRITE_EITHER)
def _remove_label(server: GitHubServer, request: Request) -> Any:
    labels = _find(server.issues, request.names["number"])["labels"]
    kept = [each for each in labels if each["name"] != request.names["name"]]
    if len(kept) == len(labels):
        raise RefusedError(404, "Label does not exist")
    labels[:] = kept
    return labels


@route(
    f"POST {REPOSITORY}/statuses/{{sha}}",
    {"statuses": "write"},
    resource="Status",
    status=201,
    fields={
        "state": Text(20, required=True, values=("error", "failure", "pending", "success")),
        "context": Text(255),
        "description": Text(140),
        "target_url": Text(2_000),
    },
)
def _create_status(server: GitHubServer, request: Request) -> Any:
    status = {"context": "default", **request.body, "creator": _user(request.login)}
    server.statuses.setdefault(request.names["sha"], []).insert(0, status)
    return status


@route(f"GET {REPOSITORY}/commits/{{sha}}/statuses", {"statuses": "read"}, paged=True)
def _statuses(server: GitHubServer, request: Request) -> Any:
    return server.statuses.get(request.names["sha"], [])


_CHECK_RUN: Mapping[str, Field] = {
    "name": Text(255, required=True),
    "head_sha": Text(40, required=True),
    "status": Text(20, values=("queued", "in_progress", "completed")),
    "conclusion": Text(
        20, values=("action_required", "cancelled", "failure", "neutral", "success", "skipped")
    ),
    "output": Mapped(
        {
            "title": Text(255, required=True),
            "summary": Text(65_535, required=True),
            "text": Text(65_535),
        }
    ),
}


@route(
    f"POST {REPOSITORY}/check-runs",
    {"checks": "write"},
    resource="CheckRun",
    fields=_CHECK_RUN,
    status=201,
)
def _create_check_run(server: GitHubServer, request: Request) -> Any:
    server.check_runs.append({"id": server.number(), **request.body})
    return server.check_runs[-1]


_ISSUE: Mapping[str, Field] = {"body": Text(BODY), "labels": Texts(50)}
_CHANGED: Mapping[str, Field] = {
    **_ISSUE,
    "title": Text(256, required=False),
    "state": Text(10, values=("open", "closed")),
    "state_reason": Text(20, values=("completed", "not_planned", "reopened", "duplicate")),
}


@route(
    f"GET {REPOSITORY}/issues",
    {"issues": "read"},
    paged=True,
    query=frozenset({"state", "labels", "creator", "sort"}),
)
def _issues(server: GitHubServer, request: Request) -> Any:
    state = request.query.get("state", "open")
    wanted = {each for each in request.query.get("labels", "").split(",") if each}
    creator = request.query.get("creator")
    return [
        issue
        for issue in reversed(server.issues.values())
        if state in ("all", issue["state"])
        and wanted <= {each["name"] for each in issue["labels"]}
        and creator in (None, issue["user"]["login"])
    ]


@route(
    f"POST {REPOSITORY}/issues",
    {"issues": "write"},
    resource="Issue",
    fields={"title": Text(256, required=True), **_ISSUE},
    status=201,
)
def _create_issue(server: GitHubServer, request: Request) -> Any:
    number = server.number()
    server.issues[number] = {
        "number": number,
        "state": "open",
        "body": "",
        **request.body,
        "user": _user(request.login),
        "labels": [{"name": each} for each in request.body.get("labels", ())],
    }
    return server.issues[number]


@route(f"PATCH {ISSUE}", {"issues": "write"}, resource="Issue", fields=_CHANGED)
def _update_issue(server: GitHubServer, request: Request) -> Any:
    issue = _find(server.issues, request.names["number"])
    issue.update(request.body)
    if "labels" in request.body:
        issue["labels"] = [{"name": each} for each in request.body["labels"]]
    return issue


READ_ACTIONS = {"actions": "read"}
_COUNTED = frozenset({"page", "per_page"})


@route(
    f"GET {REPOSITORY}/actions/workflows/{{workflow}}/runs",
    READ_ACTIONS,
    query=_COUNTED | {"branch", "event", "status"},
)
def _runs(server: GitHubServer, request: Request) -> Any:
    """GitHub compares the names of branches alone, so that forks' runs are among them."""
    path = f".github/workflows/{request.names['workflow']}"
    wanted = {
        "head_branch": request.query.get("branch"),
        "event": request.query.get("event"),
        "conclusion": request.query.get("status"),
    }
    found = [
        run
        for run in reversed(server.runs.values())
        if run["path"] == path and all(value in (None, run[name]) for name, value in wanted.items())
    ]
    size = min(int(request.query.get("per_page", PAGE)), LONGEST_PAGE)
    return {"total_count": len(found), "workflow_runs": found[:size]}


@route(f"GET {REPOSITORY}/actions/runs/{{number}}", READ_ACTIONS)
def _run(server: GitHubServer, request: Request) -> Any:
    return _find(server.runs, request.names["number"])


@route(
    f"GET {REPOSITORY}/actions/runs/{{number}}/artifacts",
    READ_ACTIONS,
    query=_COUNTED | {"name"},
)
def _artifacts(server: GitHubServer, request: Request) -> Any:
    run = _find(server.runs, request.names["number"])["id"]
    name = request.query.get("name")
    found = [
        {key: each[key] for key in ("id", "name", "expired")}
        for each in server.artifacts.values()
        if each["run"] == run and name in (None, each["name"])
    ]
    return {"total_count": len(found), "artifacts": found}


@route(f"GET {REPOSITORY}/actions/artifacts/{{number}}/zip", READ_ACTIONS, status=302)
def _archive(server: GitHubServer, request: Request) -> Any:
    artifact = _find(server.artifacts, request.names["number"])
    if artifact["expired"]:
        raise RefusedError(410, "Artifact has expired")
    return f"{server.url}{STORAGE}{artifact['id']}"


@route(f"GET {REPOSITORY}/environments/{{name}}", READ_ACTIONS)
def _environment(server: GitHubServer, request: Request) -> Any:
    """An environment that lets in selected branches."""
    only = {"protected_branches": False, "custom_branch_policies": True}
    return {"name": request.names["name"], "deployment_branch_policy": only}


@route(
    f"GET {REPOSITORY}/environments/{{name}}/deployment-branch-policies",
    READ_ACTIONS,
    query=_COUNTED,
)
def _branch_policies(server: GitHubServer, request: Request) -> Any:
    return {"total_count": 1, "branch_policies": [{"id": 1, "name": "main", "type": "branch"}]}


@route("GET /orgs/{owner}/teams/{team}/members", {"members": "read"}, paged=True)
def _members(server: GitHubServer, request: Request) -> Any:
    members = server.teams.get(request.names["team"])
    if members is None:
        raise RefusedError(404, "Not Found")
    return [_user(login) for login in members]


@contextmanager
def github_server(repository: str = "acme/access") -> Iterator[GitHubServer]:
    """A server that runs until the block is left, which fails if the caller made mistakes."""
    state = GitHubServer(repository)

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, value = state.answer(self.command, self.path, self.headers, body)
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for name, each in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, each)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_any  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield state
        finally:
            http.shutdown()
            thread.join()
    assert state.mistakes == []
