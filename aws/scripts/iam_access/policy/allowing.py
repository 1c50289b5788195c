"""Which actions documents allow on any resource, as far as the documents alone decide it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import chain, islice
from operator import or_

from iam_access.policy.actions import all_actions, expand
from iam_access.policy.document import Statement, as_list, conditions_of, statements_of, text_of
from iam_access.policy.evaluation.batch import set_bits
from iam_access.policy.globs import example, has_wildcard, matching
from iam_access.snapshot import Document


def allowed_actions(documents: Iterable[Document], patterns: Sequence[str]) -> "AllowedActions":
    """Return the actions that match one of the patterns and that the documents allow.

    Resources and conditions of an Allow are assumed to match; a Deny counts only if it is
    unconditional and for all resources. Names that are not in AWS's data count as written in the
    documents or the patterns. Raises DocumentError for an invalid policy.
    """
    statements = [each for source in documents for each in statements_of(source)]
    written = [text for each in statements for text in _texts(each)]
    wanted = AllowedActions(_known(patterns), _unlisted(written, patterns))
    allowed = denied = _NONE
    for each in statements:
        if each.get("Effect") == "Allow":
            allowed |= wanted.covered(each)
        elif _is_of_everything(each):
            denied |= wanted.covered(each)
    return allowed - denied


@dataclass(frozen=True, slots=True)
class AllowedActions:
    """A set of actions: one bit for each known action, and the names of unknown ones.

    Bits, since a pattern such as `*` has thousands of known actions.
    """

    known: int = 0
    others: frozenset[str] = frozenset()

    def __or__(self, more: "AllowedActions") -> "AllowedActions":
        return AllowedActions(self.known | more.known, self.others | more.others)

    def __sub__(self, less: "AllowedActions") -> "AllowedActions":
        return AllowedActions(self.known & ~less.known, self.others - less.others)

    def covered(self, source: Statement) -> "AllowedActions":
        """The subset that the Action or NotAction of a statement covers."""
        texts = _texts(source)
        found = AllowedActions(self.known & _known(texts), _matched(self.others, texts))
        return self - found if "NotAction" in source else found

    @property
    def count(self) -> int:
        """The number of actions."""
        return self.known.bit_count() + len(self.others)

    def first(self, count: int) -> list[str]:
        """The first `count` actions by full name, known ones before unknown ones."""
        names = (_names()[place] for place in set_bits(self.known))
        return list(islice(chain(names, sorted(self.others)), count))


_NONE = AllowedActions()


def named(actions: Iterable[str]) -> AllowedActions:
    """Return those of the actions, given by full name, that AWS's data contains."""
    bits = _bits()
    return AllowedActions(reduce(or_, (bits.get(each, 0) for each in actions), 0))


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    return tuple(sorted(all_actions()))


@lru_cache(maxsize=1)
def _bits() -> Mapping[str, int]:
    return {name: 1 << place for place, name in enumerate(_names())}


@lru_cache(maxsize=8192)
def _bits_of(pattern: str) -> int:
    found = expand(pattern)
    if len(found) == len(_names()):
        return (1 << len(found)) - 1
    bits = _bits()
    return reduce(or_, (bits[each] for each in found), 0)


def _known(patterns: Iterable[str]) -> int:
    return reduce(or_, map(_bits_of, patterns), 0)


def _texts(source: Statement) -> list[str]:
    elements = (source.get("Action"), source.get("NotAction"))
    return [text_of(each) for values in elements if values is not None for each in as_list(values)]


def _unlisted(written: Iterable[str], patterns: Sequence[str]) -> frozenset[str]:
    """Actions that are not in AWS's data: literal names, and one sample for each pattern."""
    unknown = {each for each in written if not has_wildcard(each) and not expand(each)}
    samples = {example(each) for each in patterns if not expand(each)}
    return _matched(unknown, patterns) | samples


def _matched(actions: Iterable[str], patterns: Iterable[str]) -> frozenset[str]:
    tests = [matching(each.lower()).fullmatch for each in patterns]
    return frozenset(each for each in actions if any(test(each.lower()) for test in tests))


def _is_of_everything(source: Statement) -> bool:
    return "*" in as_list(source.get("Resource", [])) and not any(conditions_of(source).values())
