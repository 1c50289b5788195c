"""The same sandbox over HTTP on loopback, for other processes.

moto's own server closes the connection after each answer, where AWS keeps it open. This small
server passes requests to the handlers of the in-process sandbox.
"""

import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from moto.core.botocore_stubber import BotocoreStubber
from requests import PreparedRequest

from iam_access.errors import AccessError
from iam_access.sandbox.faults import AwsError
from iam_access.sandbox.profiles import Profile, write
from iam_access.sandbox.quotas import SandboxQuotas
from iam_access.sandbox.sandbox import SandboxAccount, SandboxBase
from iam_access.sandbox.services import is_judged
from iam_access.sandbox.wire import WireAnswer, failure, signed_scope
from iam_access.sandbox.world import utc_now

_HOST = "127.0.0.1"
_POLL_SECONDS = 0.02  # the longest that closing waits


class ServerError(AccessError):
    """The server cannot listen."""

    code = "sandbox-server"


class SandboxServer(SandboxBase):
    """A sandbox served on 127.0.0.1, as a context manager; see SandboxBase for the parameters.

    port: the port to listen on; 0 takes a free one. ServerError if it is taken.
    """

    def __init__(
        self,
        accounts: Iterable[SandboxAccount],
        *,
        template: Path,
        port: int = 0,
        clock: Callable[[], datetime] = utc_now,
        quotas: Mapping[str, SandboxQuotas] | None = None,
        switches: bool = False,
        enforce: bool = False,
    ) -> None:
        super().__init__(
            accounts,
            template=template,
            clock=clock,
            quotas=quotas,
            switches=switches,
            enforce=enforce,
        )
        self._port = port

    @property
    def endpoint_url(self) -> str:
        return f"http://{_HOST}:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment for processes that use this sandbox; this process keeps its own."""
        no_proxy = [os.environ.get("NO_PROXY", ""), _HOST]
        return {
            **super().environment,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "NO_PROXY": ",".join(filter(None, no_proxy)),
        }

    def environment_with(self, profiles: Sequence[Profile], directory: Path) -> dict[str, str]:
        """The same with profiles in files in `directory`, the first of them the default one.

        Environment variables take precedence over profiles, so the keys are in the files only,
        and the region too if the profiles are of several partitions.
        """
        before = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        if len({profile.region for profile in profiles}) > 1:
            before.add("AWS_DEFAULT_REGION")
        kept = {name: value for name, value in self.environment.items() if name not in before}
        return {**kept, **write(directory, profiles)}

    def _open(self, resources: ExitStack) -> None:
        try:
            server = _Server((_HOST, self._port), _Handler)
        except (OSError, OverflowError) as error:
            raise ServerError(
                f"cannot listen on {_HOST}:{self._port}: {error}",
                "Choose another port, or 0 for any free one.",
            ) from error
        self._port = server.server_port
        thread = Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
        thread.start()
        resources.callback(server.hang_up)
        resources.callback(server.server_close)
        resources.callback(thread.join)
        resources.callback(server.shutdown)


class _Server(ThreadingHTTPServer):
    """Keeps its connections, to close them: an open one would be served after the end."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._connections: set[socket.socket] = set()
        self._lock = Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close all connections; the threads that serve them end."""
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # the client closed it first
                    continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, content = _handle(self.command, self.path, dict(self.headers), body)
        data = content if isinstance(content, bytes) else str(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "status", "server", "date"):
                self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    # http.server calls methods of these names.
    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _answer  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Log nothing: requests are in `calls`."""


def _handle(method: str, path: str, headers: dict[str, str], body: bytes) -> WireAnswer:
    """The answer of moto's handler for the service in the request's signature."""
    scope = signed_scope(headers.get("Authorization", ""))
    if scope is None:
        missing = AwsError("MissingAuthenticationToken", "Request is missing Authentication Token")
        return failure("", missing, as_json=False)
    host = f"{scope.service}.{scope.region}.amazonaws.com"
    if not is_judged(host):
        unjudged = AwsError("AccessDenied", f"The sandbox cannot judge requests to {scope.service}")
        return failure(scope.service, unjudged, as_json=False)
    request = PreparedRequest()
    request.prepare(method, f"https://{host}{path}", headers={**headers, "Host": host}, data=body)
    answer = BotocoreStubber().process_prepared_request(request)
    assert answer is not None, "what moto does not have is refused"
    return answer
