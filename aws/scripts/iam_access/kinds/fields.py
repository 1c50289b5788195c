"""Field types that the YAML models share. Every scalar of a file arrives as the text written."""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Protocol

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError, core_schema

from iam_access.codes import Code
from iam_access.model import Principal, PrincipalType
from iam_access.phrases import described
from iam_access.place import Path
from iam_access.policy.arn import is_managed_policy
from iam_access.policy.dates import InstantError, parse_timestamp
from iam_access.policy.globs import shell
from iam_access.problem import Problem

# IAM user, role and policy names: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_DESCRIPTION_LIMIT = 1_000
_ENTITY_NAME = r"^[A-Za-z0-9_+=,.@-]{1,64}$"
# The prefix of an IAM user's name that is written exactly; no name and no address has a slash.
_EXACTLY = "user/"
# One address, of two in one text, the second would be lost; or a name.
_USER = (
    r"^([A-Za-z0-9_+=,.-]{1,64}(@[^@,;\s]*)?"
    rf"|{_EXACTLY}[A-Za-z0-9_+=,.@-]{{1,64}})$"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# A day as people write it, and what may follow.
_DAY_BEFORE = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})-([0-9]{1,2})|([0-9]{2})([0-9]{2}))(?![0-9])")
_SHORT_ZONE = re.compile(r"(?<=[0-9])([+-])([0-9])(?=$|:)")
_ZONE = re.compile(r"[Zz]|[+-][0-9]{2}(:?[0-9]{2})?")
_NO_DAY = "no day of the calendar"
_AN_INSTANT = (
    "write ISO 8601 with a zone, such as YYYY-MM-DDTHH:MM:SSZ, or an offset such as +01:00 in "
    "place of the Z"
)
# The next day must still be a date, and 9999 has a last one.
_LAST_YEAR = 9998
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
_REFUSED_IN_DESCRIPTION = re.compile("[^\t\n\r\x20-\x7e\xa1-\xff]")
_ONE_DAY = timedelta(days=1)
_DURATION = re.compile(r"([0-9]{1,6}) ?([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=3_650)
_FLAGS = {"true": True, "false": False}
_POLICY_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_POLICY_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")
_KEYS = "use letters, digits, '_', '.' and '-', beginning with a letter, digit or '_'"


# The key of the Problem in the context of a validation error.
PROBLEM = "problem"


class Spec(BaseModel):
    """Base of what a file may say: unknown keys are errors, values are never guessed at."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Problem]:
        """What is wrong between fields, judged on what was written.

        Apart from the field types, so that one run tells both: pydantic skips validators of a
        whole model as soon as one field is wrong. A spec whose `written` has any of these is
        not to be used.
        """
        return iter(())

    def problems_under(self, key: str) -> Iterator[Problem]:
        """What is wrong about a valid entry by its key, once it names its environments."""
        return iter(())

    def named_accounts(self) -> Iterator[tuple[str, Path]]:
        """The names of accounts in the entry, with the paths where they stand.

        Not those in statements of policies, whose placeholders are checked by themselves.
        """
        return iter(())

    def named_environments(self) -> Iterator[tuple[str, Path]]:
        """The names of environments of the team in the entry, with the paths where they stand.

        Not those for which `Folder.access` tells what the entry grants there.
        """
        return iter(())


def problem(code: Code, message: str, hint: str) -> PydanticCustomError:
    """A validation error that carries our stable code and a hint."""
    return PydanticCustomError(
        "spec", "{text}", {"text": message, PROBLEM: Problem(code, message, hint)}
    )


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A text's form, where there are so many texts that none may cost a call of a function.

    `regex` is one of pydantic's: `$` is the very end. The error's message is the text as written
    and what it `is_not`.
    """

    regex: str
    code: Code
    is_not: str
    hint: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        fitting = core_schema.custom_error_schema(
            core_schema.str_schema(pattern=self.regex),
            custom_error_type="pattern",
            custom_error_message="{is_not}",
            custom_error_context={
                "is_not": self.is_not,
                PROBLEM: Problem(self.code, self.is_not, self.hint),
            },
        )
        return core_schema.chain_schema([handler(source), fitting])


@dataclass(frozen=True, slots=True)
class UserNames:
    """Which IAM user is meant by what the files say: an e-mail address, or `user/` and a name.

    A user is named by the part before the `@` of their address or, if `whole`, by all of it.
    With `domains` (patterns, in which case does not count) that holds for addresses there, and the
    other way for all others.
    """

    whole: bool = False
    domains: tuple[str, ...] = ()

    @property
    def is_default(self) -> bool:
        return not self.whole and not self.domains

    def name(self, written: str) -> str:
        """The name of the IAM user."""
        if is_exact(written):
            return written[len(_EXACTLY) :]
        before, _, domain = written.partition("@")
        return written if before != written and self.is_whole(domain) else before

    def user(self, written: str) -> Principal:
        """The IAM user."""
        return Principal(PrincipalType.USER, self.name(written))

    def other(self, written: str) -> Principal | None:
        """The user that would be meant the other way; None where a name can have one meaning."""
        before, at, _ = written.partition("@")
        if not at or is_exact(written):
            return None
        return Principal(PrincipalType.USER, written if self.name(written) == before else before)

    def is_whole(self, domain: str) -> bool:
        """Whether users with an address in this domain are named like all of it."""
        if self.is_default:
            return False
        listed = any(shell(each, ignore_case=True).match(domain) for each in self.domains)
        return self.whole if listed or not self.domains else not self.whole


#: How it is where the settings say nothing.
PART_BEFORE = UserNames()


def exactly(name: str) -> str:
    """How a user of this name is written so that no other can be meant."""
    return f"{_EXACTLY}{name}"


def is_exact(written: str) -> bool:
    """Whether a user is written by the name itself, and not by an address."""
    return written.startswith(_EXACTLY)


def is_user(written: str) -> bool:
    """Whether a user can be written like this, whatever name that gives."""
    return re.fullmatch(_USER, written) is not None


def is_user_name(name: str) -> bool:
    """Whether IAM could have a user of this name."""
    return re.fullmatch(_ENTITY_NAME, name) is not None


def role(name: str) -> Principal:
    """The IAM role of a name."""
    return Principal(PrincipalType.ROLE, name)


def group(name: str) -> Principal:
    """The IAM group of a name."""
    return Principal(PrincipalType.GROUP, name)


def written_as(
    pattern: str, hint: str, *, numbers: bool = False, flags: bool = False, **more: Any
) -> WithJsonSchema:
    """How a value is written, for editors: a text that YAML may take for another type.

    `hint` is what an editor says of a text of another form. `numbers` and `flags` say that a whole
    number, or true and false, fit as well. The pattern is one of ECMA 262 and of Python, matches a
    text in full, and refuses none that is accepted here.
    """
    types = ["string", *(["integer"] if numbers else []), *(["boolean"] if flags else [])]
    return WithJsonSchema(
        {
            "type": types if len(types) > 1 else "string",
            "pattern": f"^(?:{pattern})$",
            "patternErrorMessage": hint,
            **more,
        }
    )


def exactly_one_of(*groups: tuple[str, ...]) -> ConfigDict:
    """The configuration of a model of whose keys exactly one of each group has a value.

    It is for editors: what is read is judged by `contradictions`.
    """

    def has_value(key: str) -> dict[str, Any]:
        return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}

    return ConfigDict(
        json_schema_extra={"allOf": [{"oneOf": [*map(has_value, group)]} for group in groups]}
    )


def _boundary(value: str) -> str:
    filled = value.replace("{account_id}", "123456789012").replace("{partition}", "aws")
    an_arn = is_managed_policy(filled) and "{" not in filled
    if not an_arn and _POLICY_NAME.fullmatch(value) is None:
        raise problem(
            "bad-boundary",
            f"{value!r} names no policy",
            "write the name of a policy that is in every account, or an ARN such as "
            "arn:{partition}:iam::{account_id}:policy/ops/boundary",
        )
    return value


def _policy_key(value: str) -> str:
    if _POLICY_KEY.fullmatch(value) is None:
        raise problem(
            "bad-policy-key",
            f"{value!r} cannot name a policy",
            _KEYS,
        )
    return value


def _description(value: str) -> str:
    refused = _REFUSED_IN_DESCRIPTION.search(value)
    if refused is not None:
        raise problem(
            "bad-description",
            f"the description contains U+{ord(refused[0]):04X}, which IAM refuses",
            "use characters from U+0020 to U+00FF (Latin-1): no typographic dashes or quotes",
        )
    if len(value) > _DESCRIPTION_LIMIT:
        raise problem(
            "bad-description",
            f"the description has {len(value):,} characters; IAM keeps {_DESCRIPTION_LIMIT:,}",
            "shorten it, or put the rest into a YAML comment",
        )
    return value


@lru_cache(maxsize=4_096)
def _calendar_day(text: str) -> date:
    """The day of a text. Cached, since thousands of entries name the same few days."""
    if _DAY.fullmatch(text) is None:
        raise ValueError
    return date.fromisoformat(text)


def _day(value: Any) -> date:
    """A calendar day as `YYYY-MM-DD`. Hints have no day but the one written."""
    try:
        day = _calendar_day(value)
    except (TypeError, ValueError):
        raise _no_day(value) from None
    if day.year > _LAST_YEAR:
        raise problem(
            "bad-date",
            f"{described(value)} is out of range",
            "write the last day of the access; for access without an end use permanent-access/",
        )
    return day


def _no_day(value: Any) -> PydanticCustomError:
    begin, rest = _day_and_rest(value)
    if begin and not rest:
        is_day = _is_day(begin)
        return problem(
            "bad-date",
            f"{described(value)} is {'no date as it is written here' if is_day else _NO_DAY}",
            f"write {begin}" if is_day else "write a day that there is, such as YYYY-MM-DD",
        )
    if begin and _is_day(begin):
        is_zone = _ZONE.fullmatch(rest) is not None
        what = "a day with a zone" if is_zone else "more than a day"
        moment = _moment(f"{begin}T18:00:00{rest}" if is_zone else value)
        return problem(
            "bad-date",
            f"{described(value)} is {what}, and a day is expected here",
            f"write the day alone, all of which (UTC) counts: {begin}"
            f"{f'; or, for a moment, expires_at: {moment}' if moment else ''}",
        )
    return problem(
        "bad-date",
        f"{described(value)} is not a date",
        f"{_unfilled(value)}write a day, such as YYYY-MM-DD",
    )


def _is_day(text: str) -> bool:
    try:
        _calendar_day(text)
    except ValueError:
        return False
    return True


def _moment(text: str) -> str:
    """How a point in time is written that was meant by a text; empty if that is not clear."""
    zoned = _SHORT_ZONE.sub(r"\g<1>0\g<2>", text.strip())
    try:
        return zoned if parse_timestamp(zoned).tzinfo is not None else f"{zoned}Z"
    except InstantError:
        return ""


def _day_and_rest(value: Any) -> tuple[str, str]:
    """The day at the beginning of a text, and what follows; two empty texts without one."""
    found = _DAY_BEFORE.match(value) if isinstance(value, str) else None
    if found is None:
        return "", ""
    month, day = found[2] or found[4], found[3] or found[5]
    return f"{found[1]}-{month:0>2}-{day:0>2}", value[found.end() :].strip()


def _unfilled(value: Any) -> str:
    """What to do about an example that was copied as it is."""
    return "put a day in the place of the letters: " if "YYYY-MM-DD" in str(value) else ""


def _instant(value: Any) -> datetime:
    """An instant as ISO 8601 with a zone; kept in UTC, whole seconds (rounded down)."""
    try:
        instant = parse_timestamp(value)
    except (TypeError, InstantError):
        raise _no_instant(value) from None
    if instant.tzinfo is None:
        raise _no_instant(value, zone=False)
    try:
        return instant.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise problem(
            "bad-instant",
            f"{described(value)} is out of range",
            "write a year from 1970 to 9998",
        ) from None


def _no_instant(value: Any, *, zone: bool = True) -> PydanticCustomError:
    """The error about a value that is no point in time; without `zone` it lacks that alone."""
    begin, rest = _day_and_rest(value)
    if begin and not _is_day(begin):
        return problem("bad-instant", f"{described(value)} is {_NO_DAY}", _AN_INSTANT)
    if begin and not rest:
        return problem(
            "bad-instant",
            f"{described(value)} is a day, and a point in time is expected here",
            f"add the time and its zone: {begin}T18:00:00Z; for access until the end of a day "
            f"write expiration_date: {begin}",
        )
    if begin and _ZONE.fullmatch(rest):
        return problem(
            "bad-instant",
            f"{described(value)} has a time zone and no time",
            f"write the time before the zone: {begin}T18:00:00{rest}",
        )
    if not zone:
        return problem(
            "bad-instant",
            f"{described(value)} has no time zone",
            f"add Z for UTC, or an offset such as +01:00: {str(value).strip()}Z",
        )
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return problem(
            "bad-instant",
            f"{described(value)} is a length of time, and a point in time is expected here",
            f"for access that lasts so long from the merge on, write for: {value}; else "
            f"{_AN_INSTANT}",
        )
    moment = _moment(value) if isinstance(value, str) else ""
    return problem(
        "bad-instant",
        f"{described(value)} is not a point in time",
        f"write {moment}" if moment else f"{_unfilled(value)}{_AN_INSTANT}",
    )


def _duration(value: Any) -> timedelta:
    """Parse `90m`, `12h` or `6d`."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    duration = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < duration <= _LONGEST:
        day, rest = _day_and_rest(value)
        if day:
            key = "expires_at" if rest else "expiration_date"
            raise problem(
                "bad-duration",
                f"{described(value)} is not a length of time",
                "write minutes, hours or days, such as 2h; or, for the end of an entry, "
                f"{key}: {value}",
            )
        raise problem(
            "bad-duration",
            f"{described(value)} is not a length of time",
            f"write minutes, hours or days, up to {_LONGEST.days:,}d: 90m, 12h or 6d",
        )
    return duration


@lru_cache(maxsize=4_096)
def end_of_day(day: date) -> datetime:
    """The first instant (UTC) after the day: `DateLessThan` holds for the whole day before it."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + _ONE_DAY


def _flag(value: Any) -> bool:
    flag = _FLAGS.get(value) if isinstance(value, str) else None
    if flag is None:
        raise problem(
            "bad-value", f"{described(value)} is neither true nor false", "write true or false"
        )
    return flag


def one_or_many(value: Any) -> Any:
    """A string as a list of one. IAM takes either, so the files may have either."""
    return [value] if isinstance(value, str) else value


UserAddress = Annotated[
    str,
    _Pattern(
        _USER,
        "bad-user",
        "gives no IAM user name",
        "write one e-mail address, whose part before the @ has 1 to 64 letters, digits or _+=,.- "
        f"as the user's name; or {_EXACTLY} and the exact name, which may have an @, too",
    ),
]
RoleName = Annotated[
    str,
    _Pattern(
        _ENTITY_NAME,
        "bad-role",
        "is not an IAM role name",
        "write the role's name, not its ARN or path: 1 to 64 letters, digits or _+=,.@-",
    ),
]
GroupName = Annotated[
    str,
    _Pattern(
        r"^[A-Za-z0-9_+=,.@-]{1,128}$",
        "bad-group",
        "is not an IAM group name",
        "write the group's name, not its ARN or path: 1 to 128 letters, digits or _+=,.@-",
    ),
]
BoundaryName = Annotated[str, AfterValidator(_boundary)]
PolicyKey = Annotated[str, AfterValidator(_policy_key), written_as(_POLICY_KEY.pattern, _KEYS)]
PolicyDescription = Annotated[str, AfterValidator(_description)]
Day = Annotated[date, BeforeValidator(_day), written_as(_DAY.pattern, "write a day as YYYY-MM-DD")]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    written_as(
        "[0-9]{4}-?([0-9]{2}-?[0-9]{2}|W[0-9]{2}-?[1-7]).[0-9]{2}.*([Zz]|[+-][0-9]{2}[0-9:.]*)",
        "write a day, a time and a zone: YYYY-MM-DDTHH:MM:SSZ, or +01:00 in place of the Z",
    ),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    written_as(_DURATION.pattern, "write minutes, hours or days: 90m, 12h or 6d"),
]
Flag = Annotated[
    bool, BeforeValidator(_flag), written_as("true|false", "write true or false", flags=True)
]
Texts = Annotated[list[str], BeforeValidator(one_or_many)]


NAMES = ("account_id", "environment", "partition", "team")

# `${...}` is IAM's; only a brace that no dollar sign precedes is ours.
_PLACEHOLDER = re.compile(rf"(?<!\$)\{{({'|'.join(NAMES)}|account_id:[^{{}}]+)\}}")
_ANY = re.compile(r"(?<!\$)\{([^{}]*)\}")


def account_placeholder(name: str) -> str:
    """The placeholder, without braces, for the id of an account by its name."""
    return f"account_id:{name}"


class InPartition(Protocol):
    """An account, as a file names it or as all teams' files together do."""

    @property
    def id(self) -> str: ...
    @property
    def partition(self) -> str: ...


def values_of(
    account: InPartition, environment: str, team: str, account_ids: Mapping[str, str]
) -> Mapping[str, str]:
    """The value of each placeholder in an account that a team calls by the environment.

    `account_ids` are the ids of accounts by name; `{account_id:NAME}` stands for one.
    """
    return {
        **{account_placeholder(name): number for name, number in account_ids.items()},
        "account_id": account.id,
        "environment": environment,
        "partition": account.partition,
        "team": team,
    }


def fill(value: Any, values: Mapping[str, str]) -> Any:
    """The value with every placeholder replaced in all of its texts, keys included.

    It is made of dicts, lists and scalars, as what is read from a file is. `values` has one for
    each of `NAMES`. IAM's own `${...}` variables are left alone, and so is what has no value.
    """
    if isinstance(value, str):
        if "{" not in value:
            return value
        return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), value)
    if isinstance(value, dict):
        return {fill(key, values): fill(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each, values) for each in value]
    return value


def has_placeholder(text: str) -> bool:
    """Whether `fill` would replace something in a text, if there is a value for it."""
    return _PLACEHOLDER.search(text) is not None


def may_have_any(value: Any) -> bool:
    """Whether a text, or anything in a list or mapping, has a brace."""
    if isinstance(value, str):
        return "{" in value
    if isinstance(value, dict):
        return any("{" in key or may_have_any(each) for key, each in value.items())
    return any(map(may_have_any, value))


def unknown_in(
    value: Any, known: Container[str], path: Path = ()
) -> Iterator[tuple[str, Path, bool]]:
    """Every placeholder that is not known: its name, its path, and whether it is in a key."""
    if isinstance(value, str):
        yield from ((name, path, False) for name in _ANY.findall(value) if name not in known)
    elif isinstance(value, dict):
        for key, each in value.items():
            below = (*path, key)
            yield from ((name, below, True) for name in _ANY.findall(key) if name not in known)
            yield from unknown_in(each, known, below)
    else:
        for index, each in enumerate(value):
            yield from unknown_in(each, known, (*path, index))
