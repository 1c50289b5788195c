"""Sets of actions as whole numbers, one bit for each: all of AWS's actions at once, quickly."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from iam_access.policy.actions import AccessLevel, actions_of, all_actions, expand, services
from iam_access.policy.bits import places
from iam_access.policy.globs import covering
from iam_access.policy.match import Mode, compile_patterns

#: In the order in which people are told of them.
LEVELS = (
    AccessLevel.PERMISSIONS.value,
    AccessLevel.WRITE.value,
    AccessLevel.TAGGING.value,
    AccessLevel.READ.value,
    AccessLevel.LIST.value,
)
#: The level of what AWS's data does not know.
UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class _Known:
    """Every action that AWS documents has the bit of its place in `names`."""

    names: tuple[str, ...]
    places: Mapping[str, int]
    levels: Mapping[str, int]
    services: Mapping[str, int]


@lru_cache(maxsize=1)
def _known() -> _Known:
    names = tuple(sorted(all_actions()))
    places = {name: place for place, name in enumerate(names)}
    levels = dict.fromkeys(LEVELS, 0)
    owners: dict[str, int] = {}
    for service in services():
        members = {level: bytearray(len(names) // 8 + 1) for level in LEVELS}
        for action in actions_of(service).values():
            place = places[str(action)]
            members[action.access_level.value][place // 8] |= 1 << (place % 8)
        of_level = {level: int.from_bytes(each, "little") for level, each in members.items()}
        owners[service] = 0
        for level, bits in of_level.items():
            levels[level] |= bits
            owners[service] |= bits
    return _Known(names, places, levels, owners)


@lru_cache(maxsize=16384)
def _known_bits(pattern: str) -> int:
    """The known actions that a pattern matches, as the evaluator has it."""
    known = _known()
    if ":" in pattern or pattern == "*":
        return _bits_at(known.places[name] for name in expand(pattern))
    # Without a colon a wildcard has to reach over it, which expand() does not look for.
    found = compile_patterns([pattern.lower()], Mode.TEXT)
    return _bits_at(
        place for name, place in known.places.items() if found.matches(name.lower(), _no_variables)
    )


def _no_variables(_key: str, _written: str) -> str | None:
    return None


def _bits_at(places: Iterable[int]) -> int:
    found = bytearray(len(_known().names) // 8 + 1)
    for place in places:
        found[place // 8] |= 1 << (place % 8)
    return int.from_bytes(found, "little")


@dataclass(frozen=True, slots=True)
class Universe:
    """All actions that documents can speak of.

    `strangers` are patterns, in lower case, that match no action that AWS documents: each counts
    as one more action, so that access to what is not documented (yet) is not overlooked.
    """

    strangers: tuple[str, ...] = ()
    _memo: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, patterns: Iterable[str]) -> "Universe":
        """The universe in which nothing that these patterns say is lost."""
        unknown = {each.lower() for each in patterns if not _known_bits(each)}
        return cls(tuple(sorted(unknown)))

    @property
    def everything(self) -> int:
        return (1 << (len(_known().names) + len(self.strangers))) - 1

    def bits(self, pattern: str) -> int:
        """The actions that a pattern of Action or NotAction matches."""
        found = self._memo.get(pattern)
        if found is None:
            found = _known_bits(pattern)
            covers = covering(pattern.lower()).fullmatch
            for number, stranger in enumerate(self.strangers, len(_known().names)):
                if covers(stranger):
                    found |= 1 << number
            self._memo[pattern] = found
        return found

    def split(self, bits: int) -> tuple[tuple[str, int], ...]:
        """The actions by access level, the weightiest first, without levels that have none."""
        known = _known()
        parts = [(level, bits & known.levels[level]) for level in LEVELS]
        parts.append((UNKNOWN, bits >> len(known.names) << len(known.names)))
        return tuple((level, part) for level, part in parts if part)

    def of_levels(self, levels: Iterable[str]) -> int:
        """All documented actions of some levels."""
        bits = 0
        for level in levels:
            bits |= _known().levels[level]
        return bits

    def names(self, bits: int) -> tuple[str, ...]:
        """The actions in full, sorted."""
        return tuple(self._name(place) for place in places(bits))

    def brief(self, level: str, bits: int) -> tuple[str, ...]:
        """The actions of one level; `s3:*` where they are all that the service has of it.

        `*` alone are all that AWS has of the level.
        """
        if level == UNKNOWN:
            return self.names(bits)
        return _brief(level, bits)

    def rank(self, level: str) -> int:
        """Where a level stands in the order of levels."""
        return LEVELS.index(level) if level in LEVELS else len(LEVELS)

    def _name(self, place: int) -> str:
        names = _known().names
        return names[place] if place < len(names) else self.strangers[place - len(names)]


@lru_cache(maxsize=4096)
def _brief(level: str, bits: int) -> tuple[str, ...]:
    known = _known()
    whole = known.levels[level]
    if bits == whole:
        return ("*",)
    said: list[str] = []
    for service, mask in known.services.items():
        part = bits & mask
        if not part:
            continue
        if part == whole & mask and part.bit_count() > 1:
            said.append(f"{service}:*")
        else:
            said += (known.names[place] for place in places(part))
    return tuple(sorted(said))
