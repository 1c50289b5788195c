"""What holds for every test: nothing of the machine it runs on leaks in, and nothing goes out."""

import gc
import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import is_hypothesis_test, settings

settings.register_profile("project", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("project")

pytest_plugins = ["tests.boto_memory", "tests.write_log"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that search for a counterexample; `make test` has half of their examples.

    Searches are not random, so these are the first half of what `make exhaustive` has.
    """
    is_short = "not exhaustive" in config.option.markexpr
    functions: dict[Any, None] = {}
    for item in items:
        if isinstance(item, pytest.Function) and is_hypothesis_test(item.function):
            item.add_marker("search")
            functions[item.function] = None
    for function in functions if is_short else ():
        # Hypothesis has no public way to change the number that a test's own settings say.
        known: settings = function._hypothesis_internal_use_settings
        half = settings(known, max_examples=known.max_examples // 2)
        function._hypothesis_internal_use_settings = half


# Garbage is not looked for while tests are imported and collected, for all of that stays; and less
# often than by default from then on. It saves a seventh of the time of all tests.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on there is garbage; what was imported is none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


_PREFIXES = ("AWS_", "BOTO", "GITHUB_", "MOTO_", "RUNNER_")
_NAMES = frozenset(
    {
        *("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", "PYTHONIOENCODING"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
    }
)


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No credentials, no settings of a workflow, and a home without any files in it.

    Once for all tests, so that a sandbox that several share can keep its own variables.
    """
    home: Path = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(_PREFIXES) or name.upper() in _NAMES:
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Connections and look-ups beyond the loopback fail at once."""
    connect, connect_ex, getaddrinfo = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def guarded(function: Any) -> Any:
        def call(self: socket.socket, address: Any) -> Any:
            if self.family != socket.AF_UNIX:
                _require_loopback(address[0])
            return function(self, address)

        return call

    def look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        _require_loopback(host)
        return getaddrinfo(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(connect))
        patch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
        patch.setattr(socket, "getaddrinfo", look_up)
        yield


def _require_loopback(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    try:
        local = ipaddress.ip_address(name).is_loopback
    except ValueError:
        local = False
    if not local:
        raise OSError(f"tests do not reach out, but this one wants {name}")
