"""A layer over moto that refuses what AWS refuses, with AWS's codes.

Between the request and moto's handler it identifies the caller, runs the faults, and checks
parameters and rules; only then moto answers. All changes to moto are undone when it is removed.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from threading import RLock, local
from types import TracebackType
from typing import Any, Self

from moto.core import responses as moto_responses
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.responses import BaseResponse
from moto.core.serialize import url_encode
from moto.core.utils import method_names_from_class
from moto.iam import models as iam_models
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse
from moto.sts import models as sts_models
from moto.utilities import utils as moto_utils

from iam_access.policy.arn import PARTITIONS, partition_of_region
from iam_access.sandbox import (
    buckets,
    managed,
    parameters,
    policies,
    principals,
    reads,
    services,
    sessions,
    simulator,
)
from iam_access.sandbox.authorize import require_permission
from iam_access.sandbox.call import OperationHandler, SandboxCall
from iam_access.sandbox.faults import AwsError, Fault, FaultContext, LostAnswer, RecordedCall
from iam_access.sandbox.wire import WireAnswer, error_code, failure, signed_scope, success
from iam_access.sandbox.world import SandboxState, account_of_key, identify

_OPERATIONS: Mapping[str, Mapping[str, OperationHandler]] = {
    "iam": {
        **policies.OPERATIONS,
        **principals.OPERATIONS,
        **reads.OPERATIONS,
        **simulator.OPERATIONS,
    },
    "sts": sessions.OPERATIONS,
}
_DOCUMENT_MEMBERS = (
    "GetPolicyVersionResponse.PolicyVersion.Document",
    "CreatePolicyVersionResponse.PolicyVersion.Document",
    "ListPolicyVersionsResponse.Versions.PolicyVersion.Document",
    "ListRolesResponse.Roles.Role.AssumeRolePolicyDocument",
)

_ARN_START = f"^arn:({'|'.join(PARTITIONS)})"


@dataclass(slots=True)
class _S3Call:
    """A request to S3 that is being answered.

    `tags` are those that its bucket has once it is carried out, where moto leaves them to us.
    """

    operation: str
    account_id: str
    params: Mapping[str, Any]
    lost: bool = False
    bucket: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


# moto looks them up for each call.
_method_names = cache(method_names_from_class)


class StrictLayer:
    """While it is open, every call to moto in this process, from any thread, passes it.

    `faults` may be changed at any time; `calls` are the calls so far, in the order of their
    answers.
    """

    def __init__(self, world: SandboxState, faults: list[Fault], calls: list[RecordedCall]) -> None:
        self._world = world
        self._faults = faults
        self._calls = calls
        # moto's dictionaries are not thread-safe.
        self._lock = RLock()
        self._in_thread = local()
        self._patches = ExitStack()
        self._judges_buckets = False

    def __enter__(self) -> Self:
        layer = self

        def dispatch(
            response: BaseResponse, request: Any, full_url: str | None = None, headers: Any = None
        ) -> WireAnswer:
            return layer._serve(response, request, full_url, headers)

        def account_id_from(access_key: str) -> str:
            return account_of_key(layer._world, access_key) or ""

        def require_in_s3(
            response: BaseResponse, bucket_name: str | None = None, key_name: str | None = None
        ) -> None:
            layer._require_in_s3(response, bucket_name, key_name)

        process = services.refusing_unknown(BotocoreStubber.process_request)

        def process_request(stubber: BotocoreStubber, request: Any) -> WireAnswer:
            return layer._finish_s3(lambda: process(stubber, request))

        encoded = dict.fromkeys(_DOCUMENT_MEMBERS, url_encode)
        transformers = {**IamResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER, **encoded}
        for target, name, value in (
            (BaseResponse, "_dispatch", dispatch),
            (BotocoreStubber, "process_request", process_request),
            (ActionAuthenticatorMixin, "_authenticate_and_authorize_s3_action", require_in_s3),
            (moto_responses, "method_names_from_class", _method_names),
            (iam_models, "get_account_id_from", account_id_from),
            (iam_models, "mark_account_as_visited", lambda **_: None),
            (IAMBackend, "_init_aws_policies", managed.managed_policies),
            (iam_models, "IAMPolicyDocumentValidator", _Checked),
            (iam_models, "ARN_PARTITION_REGEX", _ARN_START),
            (sts_models, "ARN_PARTITION_REGEX", _ARN_START),
            (IamResponse, "RESPONSE_KEY_PATH_TO_TRANSFORMER", transformers),
        ):
            self._patches.enter_context(_replaced(target, name, value))
        self._patches.enter_context(_all_partitions())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._patches.close()

    def _serve(
        self, response: BaseResponse, request: Any, full_url: str | None, headers: Any
    ) -> WireAnswer:
        with self._lock:
            response.setup_class(request, full_url, headers)
        scope = signed_scope(response.headers.get("Authorization", ""))
        if scope is not None:
            # moto reads the region from the host, which for IAM in some partitions has none.
            response.region = scope.region
            response.partition = partition_of_region(scope.region)
        service = response.service_name or ""
        operation = response._get_action() or ""  # noqa: SLF001 (moto has no public name for it)
        params = _params(response)
        account_id = account_of_key(self._world, response.access_key) or ""
        error: str | None = None
        try:
            context = FaultContext(service, operation, account_id, params, response.region)
            lost = self._run_faults(context)
            with self._lock:
                answer = self._answer(response, service, operation, params)
            error = error_code(answer)
            if lost:
                error = "ServiceFailure"
                raise AwsError(error, "The answer of this call was lost.")
        except AwsError as refusal:
            error = refusal.code
            answer = failure(service, refusal, as_json=_is_json(response))
        self._calls.append(RecordedCall(service, operation, account_id, params, error))
        return answer

    def _run_faults(self, context: FaultContext) -> bool:
        """Run the faults; return whether the answer is to be lost."""
        lost = False
        for fault in list(self._faults):
            try:
                fault(context)
            except LostAnswer:
                lost = True
        return lost

    def _call(
        self, response: BaseResponse, service: str, operation: str, params: Mapping[str, Any]
    ) -> SandboxCall:
        """The call of a request; AwsError if its credentials are unknown."""
        caller = identify(self._world, response.access_key, response.partition)
        return SandboxCall(
            world=self._world,
            service=service,
            operation=operation,
            params=params,
            account_id=caller.account_id,
            partition=response.partition,
            region=response.region,
            caller=caller,
        )

    def _judge_buckets(self) -> None:
        """Have moto leave the policies of buckets to this layer: it ignores whom they name."""
        if self._judges_buckets:
            return
        from moto.iam.access_control import PermissionResult  # noqa: PLC0415 - S3 is loaded by now
        from moto.s3.models import FakeBucket  # noqa: PLC0415

        def neutral(*_: object) -> PermissionResult:
            return PermissionResult.NEUTRAL

        self._patches.enter_context(_replaced(FakeBucket, "get_permission", neutral))
        self._judges_buckets = True

    def _require_in_s3(self, response: BaseResponse, bucket: str | None, key: str | None) -> None:
        """Refuse a request to S3 when moto asks for its permission: then its resource is known.

        Raises AwsError, which `_finish_s3` answers with.
        """
        self._judge_buckets()
        known_as = response.data["Action"]
        request = buckets.BucketRequest(known_as, (known_as,))
        if key is None:
            request = buckets.request_of(response, known_as)
        account_id = account_of_key(self._world, response.access_key) or ""
        params = buckets.params_of(response, bucket)
        current = _S3Call(request.operation, account_id, params, bucket=bucket)
        self._in_thread.s3 = current
        scope = signed_scope(response.headers.get("Authorization", ""))
        region = scope.region if scope is not None else ""
        context = FaultContext("s3", request.operation, account_id, params, region)
        current.lost = self._run_faults(context)
        call = self._call(response, "s3", request.operation, {})
        response.current_account = call.account_id
        if bucket and key is None:
            buckets.check_owner(response, bucket, current.operation, call.account_id)
        for action in request.actions:
            asked = replace(call, operation=action)
            if not services.may_in_s3(asked, response, bucket, key):
                # moto goes on with the next of several objects after this one.
                from moto.s3 import exceptions  # noqa: PLC0415 - it is loaded by now

                if bucket:
                    raise exceptions.BucketAccessDeniedError(bucket)
                raise exceptions.S3AccessDeniedError
        if bucket and key is None:
            buckets.check_request(response, bucket, call.account_id, call.partition)
            current.tags = buckets.take_tags(response, bucket, current.operation)

    def _finish_s3(self, process: Callable[[], WireAnswer]) -> WireAnswer:
        """The answer of moto's handling; a request to S3 also gets what moto leaves to us."""
        self._in_thread.s3 = None
        try:
            answer = process()
        except AwsError as refusal:
            answer = failure("s3", refusal, as_json=False)
        current: _S3Call | None = self._in_thread.s3
        if current is None:
            return answer
        error = error_code(answer)
        if error is None and current.tags and current.bucket:
            buckets.tag(current.bucket, current.account_id, current.tags)
        if current.lost:
            error = "ServiceFailure"
            answer = failure("s3", AwsError(error, "The answer was lost."), as_json=False)
        self._calls.append(
            RecordedCall("s3", current.operation, current.account_id, current.params, error)
        )
        return answer

    def _answer(
        self, response: BaseResponse, service: str, operation: str, params: Mapping[str, Any]
    ) -> WireAnswer:
        sessions.require_signature(operation)
        call = self._call(response, service, operation, params)
        if service == "iam":
            parameters.check_iam(operation, params)
            require_permission(call)
        elif service == "kms":
            _kms().require_permission(call)
        elif service != "sts":
            services.require_service_permission(call)
        known = _kms().OPERATIONS if service == "kms" else _OPERATIONS.get(service, {})
        handle = known.get(operation)
        result = handle(call) if handle is not None else None
        if result is None:
            # The owner of the credentials counts, not headers or the environment.
            response.current_account = call.account_id
            return response.call_action()
        if isinstance(result, Mapping):
            return success(service, operation, result, as_json=_is_json(response))
        status, headers, body = response.serialized(result)
        headers, body = response._enrich_response(headers, body)  # noqa: SLF001
        return status, headers, body


def _kms() -> Any:
    from iam_access.sandbox import kms  # noqa: PLC0415 - most sandboxes never hear of KMS

    return kms


def _is_json(response: BaseResponse) -> bool:
    return "json" in response.headers.get("Content-Type", "")


def _params(response: BaseResponse) -> Mapping[str, Any]:
    """The parameters as boto3 takes them; moto leaves the body to some of its services."""
    params: dict[str, Any] = dict(getattr(response, "params", {}))
    if params or not _is_json(response):
        return params
    try:
        found = json.loads(response.body or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class _Checked:
    """Replaces moto's check of identity policies: this layer checks them before.

    moto's check refuses what AWS has published (``arn:aws:iam::*:root``), and has no partitions.
    """

    def __init__(self, document: str) -> None:
        pass

    def validate(self) -> None:
        pass


@contextmanager
def _all_partitions() -> Iterator[None]:
    """Add the partitions that moto lacks; its modules share these two objects."""
    names, prefixes = list(moto_utils.PARTITION_NAMES), moto_utils.REGION_PREFIX_TO_PARTITION
    before = dict(prefixes)
    lacking = [each for name, each in PARTITIONS.items() if name not in names]
    moto_utils.PARTITION_NAMES.extend(each.name for each in lacking)
    prefixes.update({start: each.name for each in lacking for start in each.regions})
    try:
        yield
    finally:
        moto_utils.PARTITION_NAMES[:] = names
        prefixes.clear()
        prefixes.update(before)


@contextmanager
def _replaced(target: object, name: str, value: object) -> Iterator[None]:
    original = vars(target)[name]
    setattr(target, name, value)
    try:
        yield
    finally:
        setattr(target, name, original)
