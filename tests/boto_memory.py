"""botocore works out the same things for each session and client; here it does so once for all.

A test of a command makes several sessions, and a sandbox is asked thousands of times. Nothing of
this depends on credentials, on the environment or on what was answered.

The list of all AWS managed policies is written and read once for each state that it has.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.hooks
import botocore.httpsession
import botocore.parsers
import botocore.session
import botocore.useragent
import moto.core.models
import pytest
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser
from botocore.loaders import create_loader

from iam_access.sandbox import strict
from iam_access.sandbox.wire import WireAnswer, success

_LISTS = 32
"""How many states of lists of policies are remembered, of about a megabyte each."""


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

    # The methods of a client, which handlers of events may add to.
    creator: Any = ClientCreator
    create_methods = creator._create_methods
    methods: dict[str, dict[str, Any]] = {}

    def methods_of(self: Any, model: Any) -> dict[str, Any]:
        if model.service_name not in methods:
            methods[model.service_name] = create_methods(self, model)
        return dict(methods[model.service_name])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda *_: loader())
        patch.setattr(EventAliaser, "__init__", made)
        patch.setattr(creator, "_create_methods", methods_of)
        for module, name in (
            (botocore.hooks, "accepts_kwargs"),
            (botocore.httpsession, "create_urllib3_context"),
            (botocore.parsers, "DEFAULT_TIMESTAMP_PARSER"),
            (botocore.useragent, "sanitize_user_agent_string_component"),
        ):
            patch.setattr(module, name, cache(getattr(module, name)))
        yield


@pytest.fixture(scope="session", autouse=True)
def _moto_answers_boto_alone() -> Iterator[None]:
    """Moto also answers `requests`, by a thousand patterns for each sandbox; none is asked so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moto.core.models, "RESPONSES_METHODS", [])
        yield


@pytest.fixture(scope="session", autouse=True)
def _lists_of_policies_are_remembered() -> Iterator[None]:
    write = success
    parser: Any = botocore.parsers.QueryParser
    parse = parser._parse_body_as_xml
    written: dict[object, WireAnswer] = {}
    parsed: dict[bytes, dict[str, Any]] = {}

    def remembered(
        service: str, operation: str, result: Mapping[str, Any], *, as_json: bool = False
    ) -> WireAnswer:
        if operation != "ListPolicies" or as_json:
            return write(service, operation, result, as_json=as_json)
        listed = tuple(tuple(policy.items()) for policy in result["Policies"])
        key = (listed, result["IsTruncated"], result.get("Marker"))
        if key not in written:
            _make_room(written)
            written[key] = write(service, operation, result)
        status, headers, body = written[key]
        return status, dict(headers), body

    def parse_body(
        self: Any, response: Mapping[str, Any], shape: Any, inject_metadata: bool = True
    ) -> dict[str, Any]:
        if shape is None or shape.name != "ListPoliciesResponse":
            found: dict[str, Any] = parse(self, response, shape, inject_metadata)
            return found
        body = response["body"]
        if body not in parsed:
            _make_room(parsed)
            parsed[body] = parse(self, response, shape, inject_metadata)
        return {**parsed[body], "ResponseMetadata": {**parsed[body]["ResponseMetadata"]}}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strict, "success", remembered)
        patch.setattr(parser, "_parse_body_as_xml", parse_body)
        yield


def _make_room(memory: dict[Any, Any]) -> None:
    if len(memory) >= _LISTS:
        memory.clear()
