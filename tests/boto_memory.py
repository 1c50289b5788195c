"""botocore works out the same things for each session and client; here it does so once for all.

A test of a command makes several sessions, and a sandbox is asked thousands of times. Nothing of
this depends on credentials, on the environment or on what was answered.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.hooks
import botocore.session
import botocore.useragent
import pytest
from botocore.hooks import EventAliaser
from botocore.loaders import create_loader


@pytest.fixture(scope="session", autouse=True)
def _botocore_remembers() -> Iterator[None]:
    # The models of the services, as JSON.
    loader = cache(create_loader)
    aliases: dict[str, str] = {}
    make: Any = EventAliaser.__init__

    def made(self: Any, emitter: Any, *changed: Any, **more: Any) -> None:
        make(self, emitter, *changed, **more)
        if self._event_aliases == botocore.hooks.EVENT_ALIASES:
            self._alias_name_cache = aliases

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda *_: loader())
        patch.setattr(EventAliaser, "__init__", made)
        for module, name in (
            (botocore.hooks, "accepts_kwargs"),
            (botocore.useragent, "sanitize_user_agent_string_component"),
        ):
            patch.setattr(module, name, cache(getattr(module, name)))
        yield
