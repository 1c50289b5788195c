"""An IAM that gives prepared answers, and the changes to send to it."""

from collections.abc import Mapping

from iam_access.cloud.client import Answer, Call, CallError, Params
from iam_access.kinds.calls import iam
from iam_access.model import (
    AnswerCheck,
    ApiCall,
    CallTarget,
    Change,
    ChangeType,
    Confirm,
    Phase,
    Read,
    Resource,
    ResourceId,
)

NO_SUCH_ENTITY = CallError("NoSuchEntity", "cannot be found")
ACCOUNT = "111122223333"
BUSY = CallError("ConcurrentModification", "somebody else is at it")

# What one call does: give an answer or raise.
Reply = Answer | BaseException


class FakeIam:
    """Records calls and answers them: with `{}` unless told otherwise.

    `replies` maps an operation, or an operation and the value of one of its parameters, to what
    it does in turn; its last reply stays.
    """

    def __init__(self, replies: Mapping[str | tuple[str, str], list[Reply]] | None = None) -> None:
        self.replies = {key: list(value) for key, value in (replies or {}).items()}
        self.calls: list[tuple[str, Params]] = []
        self.slept: list[float] = []

    def __call__(self, operation: str, params: Params) -> Answer:
        self.calls.append((operation, params))
        reply = self._reply(operation, params)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def client(self, target: CallTarget) -> Call:
        """Itself, whatever the target."""
        return self

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]

    def _reply(self, operation: str, params: Params) -> Reply:
        keys = [(operation, value) for value in params.values() if isinstance(value, str)]
        for key in (*keys, operation):
            if key in self.replies:
                left = self.replies[key]
                return left.pop(0) if len(left) > 1 else left[0]
        return {}


def change(
    name: str,
    *calls: ApiCall,
    needs: tuple[Change, ...] = (),
    action: ChangeType = ChangeType.CREATE,
) -> Change:
    """A change of something called `name` by these calls."""
    resource = Resource(id=ResourceId("thing", name), name=name, teams=frozenset({"payments"}))
    return Change(
        action=action,
        id=resource.id,
        name=name,
        teams=resource.teams,
        reasons=(),
        before=resource if action is ChangeType.DELETE else None,
        after=None if action is ChangeType.DELETE else resource,
        calls=calls,
        needs=frozenset(other.id for other in needs),
    )


def create(name: str, confirm: Confirm | None = None) -> ApiCall:
    return iam(ACCOUNT, "create_policy", {"PolicyName": name}, Phase.PUBLISH, confirm=confirm)


def attach(user: str, policy: str) -> ApiCall:
    params = {"UserName": user, "PolicyArn": policy}
    return iam(ACCOUNT, "attach_user_policy", params, Phase.GRANT)


def detach(user: str, policy: str) -> ApiCall:
    params = {"UserName": user, "PolicyArn": policy}
    return iam(ACCOUNT, "detach_user_policy", params, Phase.REVOKE, absent_is_done=True)


def delete(policy: str) -> ApiCall:
    return iam(ACCOUNT, "delete_policy", {"PolicyArn": policy}, Phase.RETIRE, absent_is_done=True)


def tag(user: str, *keys: str) -> ApiCall:
    tags = [{"Key": key, "Value": ""} for key in keys]
    return iam(ACCOUNT, "tag_user", {"UserName": user, "Tags": tags}, Phase.CLAIM, merge="Tags")


def untag(user: str, *keys: str) -> ApiCall:
    params = {"UserName": user, "TagKeys": list(keys)}
    return iam(ACCOUNT, "untag_user", params, Phase.RELEASE, merge="TagKeys", absent_is_done=True)


def confirmed_by(code: str, *expects: AnswerCheck, absent: str = "") -> Confirm:
    """Believes a call that failed with this code if the policy reads as expected."""
    read = Read(
        "iam",
        "get_policy",
        {"PolicyArn": "p"},
        expects=expects,
        absent=frozenset({absent} - {""}),
    )
    return Confirm(frozenset({code}), (read,))
