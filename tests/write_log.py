"""What holds for every write of every test: temporary access is never an AWS managed policy.

Such an attachment would outlast its deadline until some job took it away. So the pipeline attaches
one to a principal only where a tag of ours, made before, says that it is permanent, and else only
to the roles that it makes for one grant. Every test that works with a sandbox in this process is
watched, whatever it is about; the test whose write it was fails.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from moto.core.responses import BaseResponse

from iam_access.sandbox.strict import StrictLayer
from iam_access.sandbox.wire import WireAnswer, error_code
from iam_access.sandbox.world import SandboxState, identify

_ATTACHING = {"AttachUserPolicy": "UserName", "AttachRolePolicy": "RoleName"}
_OF_AWS = ":iam::aws:policy/"
_OURS = "/self-serve/"
_WHOLE = "self-serve:role"
_TAG = "self-serve:"
_SANDBOX = Path(__file__).parent / "sandbox"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A write of the pipeline that attached an AWS managed policy; `path` is a role's."""

    principal: str
    policy: str
    path: str
    tags: frozenset[str]

    @property
    def is_allowed(self) -> bool:
        """Whether it is of a role made for a grant or by a file, or a tag says it is permanent."""
        if self.path.startswith(_OURS) or _WHOLE in self.tags:
            return True
        name = self.policy.partition(_OF_AWS)[2]
        return any(tag.startswith(_TAG) and tag.endswith(f":{name}") for tag in self.tags)


class WriteLog:
    """The attachments of AWS managed policies since the beginning of a test."""

    def __init__(self) -> None:
        self.seen: list[Attachment] = []

    @property
    def wrong(self) -> list[Attachment]:
        return [each for each in self.seen if not each.is_allowed]

    def note(
        self, world: SandboxState, response: BaseResponse, operation: str, params: Any
    ) -> None:
        """Take down a write that was carried out, if it is one of those."""
        parameter = _ATTACHING.get(operation)
        if parameter is None or _OF_AWS not in params["PolicyArn"]:
            return
        caller = identify(world, response.access_key, response.partition)
        if caller.kind != "session":
            return  # the tests' own, in the place of what others do in an account
        iam = world.iam(caller.account_id, response.partition)
        name = params[parameter]
        if parameter == "UserName":
            tags = iam.tagger.list_tags_for_resource(iam.users[name].arn)["Tags"]
            found = Attachment(f"user/{name}", params["PolicyArn"], "", _keys(tags))
        else:
            role = next(each for each in iam.roles.values() if each.name == name)
            found = Attachment(f"role/{name}", params["PolicyArn"], role.path, _keys(role.tags))
        self.seen.append(found)


def _keys(tags: Iterable[Mapping[str, str]]) -> frozenset[str]:
    return frozenset(tag["Key"] for tag in tags)


_LOG = WriteLog()


@pytest.fixture(scope="session", autouse=True)
def _watched() -> Iterator[None]:
    """Every sandbox of this process tells the log what it carried out."""
    carry_out = StrictLayer._answer

    def answer(
        self: StrictLayer,
        response: BaseResponse,
        service: str,
        operation: str,
        params: Mapping[str, Any],
    ) -> WireAnswer:
        result = carry_out(self, response, service, operation, params)
        if service == "iam" and error_code(result) is None:
            _LOG.note(self._world, response, operation, params)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StrictLayer, "_answer", answer)
        yield


@pytest.fixture(autouse=True)
def write_log(request: pytest.FixtureRequest) -> Iterator[WriteLog]:
    """What the pipeline attaches during a test; the test fails for what it must not."""
    yield _LOG
    # Tests of the sandbox itself have no pipeline: they borrow its session to call what they like.
    wrong = [] if _SANDBOX in request.path.parents else _LOG.wrong
    _LOG.seen.clear()
    assert not wrong, f"AWS managed policies attached for temporary access: {wrong}"
