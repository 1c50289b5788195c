"""From when temporary access holds, read from its documents."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from iam_access.model import Resource
from iam_access.policy import document as documents
from iam_access.policy.dates import InstantError, parse_instant
from iam_access.policy.document import Document, DocumentError, Statement
from iam_access.policy.expiry import CURRENT_TIME

_OPERATORS = frozenset({"DateGreaterThan", "DateGreaterThanEquals"})


def start_of(resources: Iterable[Resource]) -> datetime | None:
    """The moment (UTC) before which these resources together give nothing; None without any.

    Of a role, the trust policy counts as well: nobody can take it earlier.
    """
    starts = (_start_of(document) for each in resources for document in _documents(each))
    return max((start for start in starts if start is not None), default=None)


def _documents(resource: Resource) -> Iterator[Document]:
    if resource.document is not None:
        yield resource.document
    trust = resource.attributes.get("trust")
    if isinstance(trust, str):
        try:
            yield documents.parse(trust)
        except DocumentError:
            return


def _start_of(source: Document) -> datetime | None:
    """When the first Allow statement begins; None where one holds already."""
    try:
        allows = [each for each in documents.statements_of(source) if each.get("Effect") == "Allow"]
        starts = [_bound(each) for each in allows]
    except DocumentError:
        return None
    known = [start for start in starts if start is not None]
    return min(known) if known and len(known) == len(starts) else None


def _bound(statement: Statement) -> datetime | None:
    bounds = [
        bound
        for operator, block in documents.conditions_of(statement).items()
        if operator.removesuffix("IfExists") in _OPERATORS
        for bound in _moments(block)
    ]
    return max(bounds, default=None)


def _moments(block: Mapping[str, Any]) -> Iterator[datetime]:
    for key, values in block.items():
        if key.lower() == CURRENT_TIME.lower():
            try:
                yield min(parse_instant(value) for value in documents.listed(values))
            except InstantError:
                continue
