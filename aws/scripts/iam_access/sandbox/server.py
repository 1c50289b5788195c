"""The same sandbox over HTTP on loopback, for other processes."""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from threading import Thread

from iam_access.errors import AccessError
from iam_access.sandbox.quotas import Quotas
from iam_access.sandbox.sandbox import SandboxAccount, SandboxBase
from iam_access.sandbox.world import utc_now

_HOST = "127.0.0.1"


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
        quotas: Mapping[str, Quotas] | None = None,
    ) -> None:
        super().__init__(accounts, template=template, clock=clock, quotas=quotas)
        self._port = port

    @property
    def endpoint_url(self) -> str:
        return f"http://{_HOST}:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """For the processes that are to use this sandbox; this process's own is left alone."""
        no_proxy = [os.environ.get("NO_PROXY", ""), _HOST]
        return {
            **super().environment,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "NO_PROXY": ",".join(filter(None, no_proxy)),
        }

    def _open(self, resources: ExitStack) -> None:
        # Flask is needed by no one else, so a sandbox without a server does not wait for it.
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server

        class Handler(MotoRequestHandler):
            # Connections are kept open, and small answers are not held back by the kernel.
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """Requests are in `calls`; a line for each would only drown what matters."""

        try:
            server = make_server(
                _HOST,
                self._port,
                DomainDispatcherApplication(create_backend_app),
                threaded=True,
                request_handler=Handler,
            )
        except (OSError, SystemExit) as error:
            raise ServerError(
                f"cannot listen on {_HOST}:{self._port}: {error}",
                "Choose another port, or 0 for any free one.",
            ) from error
        self._port = server.port
        poll_seconds = 0.02  # How long closing waits at most.
        thread = Thread(target=server.serve_forever, args=(poll_seconds,), daemon=True)
        thread.start()
        resources.callback(server.server_close)
        resources.callback(thread.join)
        resources.callback(server.shutdown)
