"""Whether what an account answers proves that a call whose answer was lost had been carried out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from iam_access.model import AnswerCheck, Confirm, Match, Read
from iam_access.policy.document import DocumentError, same_meaning

ReadAnswer = Mapping[str, Any]

_NOTHING = object()


def holds(
    confirm: Confirm,
    ask: Callable[[Read, Mapping[str, Any]], ReadAnswer | None],
    call: Mapping[str, Any] = MappingProxyType({}),
) -> bool:
    """Whether every read finds what it expects of the call with these parameters.

    `ask` makes one read with the parameters it is given. It returns the answer, or None where one
    of the read's `absent` codes came back: then the read has found what it was made for.
    """
    taken: ReadAnswer = {}
    for read in confirm.reads:
        params = parameters(read, taken)
        if params is None:
            return False
        pages: list[ReadAnswer] = []
        while True:
            answer = ask(read, params)
            if answer is None:
                return True
            pages.append(answer)
            marker = answer.get(read.pages[1]) if read.pages else None
            if not marker or read.pages is None:
                break
            params = {**params, read.pages[0]: marker}
        if not all(_meets(expected, pages, call) for expected in read.expects):
            return False
        taken = pages[-1]
    return True


def parameters(read: Read, answer: ReadAnswer) -> dict[str, Any] | None:
    """The parameters of a read with what it takes from an answer; None if that is not there."""
    params = {**read.params, **{name: value_at(answer, path) for name, path in read.takes}}
    return None if _NOTHING in params.values() else params


def text_at(answer: ReadAnswer, path: Sequence[str]) -> str | None:
    """The text at a path of keys; None where there is none."""
    found = value_at(answer, path)
    return found if isinstance(found, str) else None


def value_at(answer: Any, path: Sequence[str]) -> Any:
    """The value at a path of keys; a step into a list is taken into each of its elements."""
    for position, key in enumerate(path):
        if isinstance(answer, list):
            found = [value_at(each, path[position:]) for each in answer]
            return [each for each in found if each is not _NOTHING]
        if not isinstance(answer, Mapping) or key not in answer:
            return _NOTHING
        answer = answer[key]
    return answer


def _meets(expected: AnswerCheck, pages: Sequence[ReadAnswer], call: Mapping[str, Any]) -> bool:
    found = [value_at(page, expected.path) for page in pages]
    match expected.match:
        case Match.EQUALS:
            return all(each in expected.values for each in found)
        case Match.MEANS:
            return all(_means(each, expected.values) for each in found)
        case Match.CONTAINS:
            return any(each in expected.values for each in _elements(found))
        case Match.LACKS:
            is_list = all(isinstance(each, list) for each in found)
            return is_list and not any(each in expected.values for each in _elements(found))
        case Match.ABSENT:
            return all(each is _NOTHING for each in found)
        case Match.PARAMETER:
            return all(each in map(call.get, expected.values) for each in found)


def _elements(found: Sequence[Any]) -> Iterator[Any]:
    for each in found:
        yield from each if isinstance(each, list) else ()


def _means(found: Any, documents: Sequence[Any]) -> bool:
    if not isinstance(found, Mapping):
        return False
    try:
        return any(same_meaning(found, each) for each in documents)
    except DocumentError:
        return False
