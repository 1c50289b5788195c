"""Flow tests do not wait."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore.retries.bucket import TokenBucket

from iam_access.cloud.executor import Execution
from iam_access.cloud.simulator import AwsBackend
from iam_access.runs import access, access_tests, apply
from tests.flow.fleet import Files, Fleet, opened


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been slept; no test waits."""
    seconds: list[float] = []

    def executing(*arguments: Any, **options: Any) -> Execution:
        return Execution(*arguments, **{**options, "sleep": seconds.append})

    def asking(call: Any, _: Any) -> AwsBackend:
        return AwsBackend(call, seconds.append)

    monkeypatch.setattr(apply, "Execution", executing)
    for module in (access, access_tests):
        monkeypatch.setattr(module, "AwsBackend", asking)
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=seconds.append))
    monkeypatch.setattr(TokenBucket, "acquire", lambda *_, **__: True)
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
