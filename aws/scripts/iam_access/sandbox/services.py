"""Calls to other services than IAM and STS: the action and resources of a request.

The actions are those of AWS's Service Authorization Reference. A request is evaluated if its
parameters determine the resource. Of resource-based policies those of buckets are evaluated.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import unescape

from moto.backend_index import backend_url_patterns
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.responses import BaseResponse

from iam_access.policy.actions import Action, find_action, resource_types
from iam_access.policy.arn import Arn
from iam_access.policy.evaluation.request import Context
from iam_access.sandbox.authorize import ResourceSide, may, tag_context
from iam_access.sandbox.buckets import tags_in
from iam_access.sandbox.call import SandboxCall
from iam_access.sandbox.faults import AwsError
from iam_access.sandbox.wire import WireAnswer, failure, signed_scope

# Operations of S3 that need the permission of another one (Service Authorization Reference, and
# API_HeadBucket.html).
_S3_ACTIONS = {"HeadBucket": "ListBucket"}
# Those whose tags are of the request (Service Authorization Reference).
_WITH_TAGS = ("CreateBucket", "TagResource")
_FORM = "application/x-www-form-urlencoded"
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_ADVICE = "ask `aws iam simulate-principal-policy` as the account's administrator"
_DELETED = re.compile(r"<Key>([^<]*)</Key>")


def require_service_permission(call: SandboxCall) -> None:
    """Refuse (AccessDenied) a call to a service that the caller's policies do not allow.

    What cannot be evaluated is refused, except to the root user.
    """
    if call.caller.kind == "root" or not call.world.enforce:
        return
    name = f"{call.service}:{call.operation}"
    action = find_action(name)
    resources = list(_resources(action, call)) if action else []
    if action is None or not resources:
        raise AwsError(
            "AccessDenied",
            f"The sandbox cannot determine the resource of {name}: {_ADVICE}",
        )
    for resource in resources:
        if not may(call, str(action), resource):
            raise AwsError(
                "AccessDenied",
                f"User: {call.caller.arn} is not authorized to perform: {action} "
                f"on resource: {resource}",
            )


def may_in_s3(
    call: SandboxCall, response: BaseResponse, bucket: str | None, key: str | None
) -> bool:
    """Whether a request to S3 is allowed, on a bucket or an object in it.

    Copying an object also reads the source, and several are deleted only if each may be (Amazon S3
    User Guide, using-with-s3-policy-actions.html).
    """
    if call.caller.kind == "root" or not call.world.enforce:
        return True
    action = f"s3:{_S3_ACTIONS.get(call.operation, call.operation)}"
    names = [f"{bucket}/{key}" if key else bucket or ""]
    if action == "s3:DeleteObject" and key is None:
        names = [f"{bucket}/{unescape(each)}" for each in _DELETED.findall(_body(response))]
    source = unquote(response.headers.get("x-amz-copy-source", "")).lstrip("/").partition("?")[0]
    asked = [(action, name) for name in names] + ([("s3:GetObject", source)] if source else [])
    prefix = response.querystring.get("prefix")
    context: Context = {"s3:prefix": prefix[0]} if prefix else {}
    if call.operation in _WITH_TAGS:
        context = {**context, **tag_context(dict(tags_in(response)))}
    start = str(Arn(call.partition, "s3", "", "", ""))
    return bool(asked) and all(
        may(call, action, f"{start}{name}" if name else "*", context, _owner_of(name))
        for action, name in asked
    )


def _owner_of(name: str) -> ResourceSide | None:
    """Whose the bucket is that a name begins with, and its policy; None if there is none."""
    from moto.s3.models import s3_backends  # noqa: PLC0415 - it is loaded by now

    bucket = name.partition("/")[0]
    found = s3_backends.bucket_accounts.get(bucket)
    if found is None:
        return None
    partition, account_id = found
    policy = s3_backends[account_id][partition].buckets[bucket].policy
    return ResourceSide(account_id, policy.decode() if policy else None)


def _body(response: BaseResponse) -> str:
    body = response.body
    return body.decode(errors="replace") if isinstance(body, bytes) else str(body)


def refusing_unknown(process: Callable[..., WireAnswer | None]) -> Callable[..., WireAnswer]:
    """Moto's handling of a request, with a refusal of a service that it does not have.

    Such a request would otherwise get an answer that no client understands, or leave the machine.
    """

    def answer(stubber: BotocoreStubber, request: Any) -> WireAnswer:
        found = process(stubber, request)
        if found is not None and found[0::2] != (404, "Not yet implemented"):
            return found
        scope = signed_scope(str(request.headers.get("Authorization", "")))
        service = scope.service if scope else str(request.url)
        unknown = AwsError("InvalidAction", f"The sandbox does not have the service {service}")
        # Of what moto lacks, only the query protocol answers in XML; its requests are forms.
        as_json = _FORM not in str(request.headers.get("Content-Type"))
        return failure(service, unknown, as_json=as_json)

    return answer


@cache
def is_judged(host: str) -> bool:
    """Whether every request to a host is evaluated.

    Some of moto's services answer by themselves. moto does not answer for unknown hosts.
    """
    backends = [name for name, pattern in backend_url_patterns if pattern.match(f"https://{host}/")]
    return all(name == "s3" or _asks(name) for name in backends)


def _asks(backend: str) -> bool:
    handlers = import_module(f"moto.{backend}.urls").url_paths.values()
    return all(
        getattr(handler, "__func__", None) is BaseResponse.dispatch.__func__  # type: ignore[attr-defined]
        for handler in handlers
    )


def _resources(action: Action, call: SandboxCall) -> Iterator[str]:
    """The ARNs of a request's resources, "*" for an action without resources."""
    if not action.resource_types:
        yield "*"
        return
    known = resource_types(action.service)
    required = action.required_resource_types or action.resource_types
    for name in sorted(required):
        if name in known and (arn := _filled(known[name].arn, call)):
            yield arn


def _filled(pattern: str, call: SandboxCall) -> str | None:
    """A resource's ARN from the request's parameters; None if they do not determine it."""
    shape = re.compile(_VARIABLE.sub("[^:]*", re.sub(r"\$(?!\{)", r"\\$", pattern)))
    texts = {key.lower(): value for key, value in call.params.items() if isinstance(value, str)}
    for value in texts.values():
        if value.startswith("arn:") and shape.fullmatch(value):
            return value
    given = {
        "partition": call.partition,
        "region": call.region,
        "account": call.account_id,
        **_names(texts),
    }
    variables = [name.lower() for name in _VARIABLE.findall(pattern)]
    if not all(given.get(name) for name in variables):
        return None
    return _VARIABLE.sub(lambda found: given[found[1].lower()], pattern)


def _names(texts: Mapping[str, str]) -> dict[str, Any]:
    """Parameters under their names in ARNs: a queue's URL ends in its name."""
    url = texts.get("queueurl")
    return {**texts, **({"queuename": url.rpartition("/")[2]} if url else {})}
