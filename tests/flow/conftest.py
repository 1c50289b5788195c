"""Flow tests neither wait nor read the same AWS models again and again."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import botocore.session
import pytest
from botocore.loaders import Loader, create_loader
from botocore.retries.bucket import TokenBucket

from iam_access import manager
from iam_access.cloud.executor import Execution
from tests.flow.fleet import Files, Fleet, opened


@cache
def _loader() -> Loader:
    return create_loader()


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been slept; nobody waits for anything."""
    seconds: list[float] = []

    def executing(*arguments: Any, **options: Any) -> Execution:
        return Execution(*arguments, **{**options, "sleep": seconds.append})

    monkeypatch.setattr(manager, "Execution", executing)
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=seconds.append))
    monkeypatch.setattr(TokenBucket, "acquire", lambda *_, **__: True)
    monkeypatch.setattr(botocore.session, "create_loader", lambda *_: _loader())
    return seconds


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "aws")


@pytest.fixture
def fleet(files: Files) -> Iterator[Fleet]:
    """One account: the users ann and bob, the role runner."""
    with opened(files) as found:
        yield found


Open = Callable[..., Any]
