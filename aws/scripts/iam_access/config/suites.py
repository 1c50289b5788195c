"""Read and check the files with assertions: those of the teams, and one by its name."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from iam_access.config import files, read
from iam_access.config.access_tests import (
    FOLDER,
    AccessTest,
    AccessTests,
    ContextKey,
    Expectation,
    accounts_named,
)
from iam_access.config.checks.policies import check_placeholders
from iam_access.config.configuration import Configuration
from iam_access.config.expressions import LONGEST, SlowExpressionError, size_of
from iam_access.config.findings import FindingCollector, TooManyFindingsError
from iam_access.errors import UsageError
from iam_access.kinds.fields import NAMES, PART_BEFORE, UserNames
from iam_access.model import Finding, Location, Severity
from iam_access.phrases import did_you_mean, listed, nearest, shown
from iam_access.place import SourcePosition
from iam_access.policy.actions import unknown_action
from iam_access.policy.condition_keys import find_condition_key, nearest_condition_key
from iam_access.policy.globs import has_wildcard

_TWELVE_DIGITS = re.compile(r"[0-9]{12}")
_NAMES_OF_EXPRESSIONS = ("global_exemptions", "global_limit_to", "exemptions", "limit_to")
_EXPRESSIONS = 50_000  # characters of those of a file
_PLACEHOLDERS = dict.fromkeys(NAMES, "")


@dataclass(frozen=True, slots=True)
class Suite:
    """One file's tests. `team` is None for a file that is not a team's.

    `user_names` maps the addresses in it to IAM users.
    """

    team: str | None
    spec: AccessTests
    place: SourcePosition
    user_names: UserNames = PART_BEFORE

    @property
    def tests(self) -> Iterator[tuple[AccessTest, SourcePosition]]:
        """Each test with its place."""
        for index, test in enumerate(self.spec.tests):
            yield test, self.place.at("tests", index)


@dataclass(frozen=True, slots=True)
class Suites:
    """The files that can be run, in order, and the findings in all files."""

    suites: tuple[Suite, ...] = ()
    findings: tuple[Finding, ...] = ()


def of_teams(configuration: Configuration, teams: frozenset[str] | None = None) -> Suites:
    """Read the files in `access-tests/` of these teams (None: all); a team may have none.

    A file with an error is reported and left out.
    """
    report = FindingCollector()
    directory = configuration.directory
    base = files.shown_path(directory)
    names = files.names_in(directory, base, FOLDER, report) or []
    suites = []
    for source in files.sources(directory, base, FOLDER, names, report):
        if source.data is None:
            continue
        concerned = report.of(source.team)
        team = configuration.teams.get(source.team)
        if team is None:
            near = nearest(source.team, configuration.teams)
            guess = f"did you mean {near}? Then put this into {near}.yaml; else " if near else ""
            concerned.error(
                "missing-accounts",
                Location(source.file, 1, 1),
                f"there is no team {source.team}: it has no other files",
                f"{guess}name the file after a team that has a file in aws-accounts/",
            )
            continue
        there = None
        if team.accounts_are_known:  # otherwise the accounts file has an error
            specs = team.accounts.values()
            there = _There(team.accounts, frozenset(each.id for each in specs))
        suite = _suite(source.data, source.file, source.team, there, concerned)
        if suite is not None:
            suites.append(replace(suite, user_names=configuration.settings.user_names))
    return Suites(
        tuple(each for each in suites if teams is None or each.team in teams),
        tuple(each for each in report.sorted() if teams is None or each.team in (None, *teams)),
    )


def of_file(
    path: Path,
    environments: Collection[str],
    account_ids: Collection[str],
    user_names: UserNames = PART_BEFORE,
) -> Suites:
    """Read one file of any path. It may name these environments, and these accounts by their ids.

    Raises UsageError if there is no such file.
    """
    if not path.exists():
        raise UsageError(f"there is no file {str(path)!r}", "name a file with --config-file")
    report = FindingCollector()
    file = files.shown_path(path)
    data = files.read_file(os.path.abspath(path), "", file, report)  # noqa: PTH100
    there = _There(environments, account_ids)
    suite = _suite(data, file, None, there, report) if data is not None else None
    return Suites((replace(suite, user_names=user_names),) if suite else (), report.sorted())


@dataclass(frozen=True, slots=True)
class _There:
    """The environments, and the ids of the accounts, that the tests of a file may name."""

    environments: Collection[str]
    account_ids: Collection[str]


def _suite(
    data: bytes, file: str, team: str | None, there: _There | None, report: FindingCollector
) -> Suite | None:
    """Read a file's tests; None after reporting an error: it is not clear then what it asserts.

    `there` is None where environments and accounts are not known.
    """
    own = FindingCollector(report.team, counted=frozenset({Severity.ERROR, Severity.WARNING}))
    suite = None
    with suppress(TooManyFindingsError):
        suite = _read(data, file, team, own)
        if suite is not None:
            _check(suite, there, own)
    report.found.update(own.found)
    return None if any(each.is_error for each in own.found) else suite


def _read(data: bytes, file: str, team: str | None, report: FindingCollector) -> Suite | None:
    found = read.parsed(data, file, report)
    if found is None or found[0] is None:
        if not report.found:
            hint = "write 'tests: []' for no tests, or remove the file"
            report.error("empty-file", Location(file, 1, 1), "the file is empty", hint)
        return None
    value, place = _unwrapped(*found)
    if not isinstance(value, dict):
        read.wrong_type("a mapping", value, place, report, name="the file")
        return None
    if _expressions_are_too_long(value, place, report):
        return None
    spec = read.spec_of(AccessTests, _known(AccessTests, value, place, report), place, report)
    return Suite(team, spec, place) if spec is not None else None


def _expressions_are_too_long(
    value: dict[str, Any], place: SourcePosition, report: FindingCollector
) -> bool:
    """Report a file with too many characters of expressions; return whether it has."""
    length = 0
    for each in _expressions(value):
        with suppress(SlowExpressionError):  # reported by the field
            length += min(size_of(each), LONGEST)
    if length > _EXPRESSIONS:
        report.error(
            "slow-expression",
            place.location,
            f"the file's expressions have {length:,} characters with their repetitions written "
            f"out, {_EXPRESSIONS:,} are allowed",
            "write fewer, or put the tests into the files of several teams",
        )
    return length > _EXPRESSIONS


def _expressions(value: dict[str, Any]) -> Iterator[str]:
    tests = value.get("tests")
    for within in (value, *(tests if isinstance(tests, list) else ())):
        if isinstance(within, dict):
            for name in _NAMES_OF_EXPRESSIONS:
                found = within.get(name)
                yield from (e for e in (found if isinstance(found, list) else ()) if type(e) is str)


def _unwrapped(value: Any, place: SourcePosition) -> tuple[Any, SourcePosition]:
    """Unwrap a value below `access-tests:`, as in other folders, and a list of tests alone."""
    if not isinstance(value, dict) or set(value) != {FOLDER}:
        return value, place
    inner, below = value[FOLDER], place.at(FOLDER)
    if not isinstance(inner, list):
        return ({"tests": []} if inner is None else inner), below
    line, column, _ = below.mark
    return {"tests": inner}, SourcePosition(
        place.file, (line, column, {"tests": (line, column, below.mark)})
    )


# The model of the items of a key.
_WITHIN: Mapping[type[BaseModel], Mapping[str, type[BaseModel]]] = {
    AccessTests: {"tests": AccessTest},
    AccessTest: {"custom_context": ContextKey},
}


def _known(
    model: type[BaseModel], value: Any, place: SourcePosition, report: FindingCollector
) -> Any:
    """Remove unknown keys with a warning each: other readers of this format ignore them, too."""
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for key, each in value.items():
        if key not in model.model_fields:
            report.warning(
                "unknown-key",
                place.key(key),
                f"the key {shown(key)} is not known here and does nothing",
                did_you_mean(key, model.model_fields)
                or f"the keys are {listed(model.model_fields)}",
            )
            continue
        within = _WITHIN.get(model, {}).get(key)
        if within is not None and isinstance(each, list):
            below = place.at(key)
            kept[key] = [
                _known(within, item, below.at(index), report) for index, item in enumerate(each)
            ]
        else:
            kept[key] = each
    return kept


def _check(suite: Suite, there: _There | None, report: FindingCollector) -> None:
    """Report what is wrong with the values of well-formed tests."""
    landing = suite.spec.user_landing_account
    if landing is not None and _TWELVE_DIGITS.fullmatch(landing) is None:
        report.warning(
            "bad-account-id",
            suite.place.at("user_landing_account").location,
            f"{shown(landing)} is not an AWS account id, so no user comes from there",
            "write its 12 digits in quotes",
        )
    if not suite.spec.tests:
        report.warning(
            "no-tests",
            suite.place.at("tests").location,
            "the file has no tests, so nothing is asserted",
            "add a test, or remove the file",
        )
    if there is not None:
        limits, limited = suite.spec.global_limit_to, suite.place.at("global_limit_to")
        _check_accounts(accounts_named(limits), limited.location, there, report)
    for test, place in suite.tests:
        if there is not None:
            _check_environments(test, place, there.environments, report)
            _check_accounts(test.accounts, place.at("limit_to").location, there, report)
        check_placeholders(test.resources, place, ("resources",), _PLACEHOLDERS, report)
        _check_actions(test, place, report)
        _check_condition_keys(test, place, report)


def _check_environments(
    test: AccessTest, place: SourcePosition, environments: Collection[str], report: FindingCollector
) -> None:
    for index, name in enumerate(test.environments or ()):
        if name not in environments:
            report.error(
                "unknown-environment",
                place.at("environments", index).location,
                f"there is no environment {shown(name)}",
                did_you_mean(name, environments)
                or f"there are {listed(sorted(environments)) or 'none'}",
            )


def _check_accounts(
    named: frozenset[str] | None, location: Location, there: _There, report: FindingCollector
) -> None:
    if named is not None and named.isdisjoint(there.account_ids):
        report.error(
            "unknown-account",
            location,
            f"there is no account {listed(sorted(named))} here, so nothing is asserted",
            f"the accounts are {listed(sorted(there.account_ids)) or 'none'}; "
            r"an expression for any of them begins with ^arn:aws:iam::\d{12}:",
        )


def _check_condition_keys(
    test: AccessTest, place: SourcePosition, report: FindingCollector
) -> None:
    """Warn of a condition key that no request has: no condition matches it."""
    for index, each in enumerate(test.custom_context):
        name = each.context_key_name
        if find_condition_key(name) is None:
            meant = nearest_condition_key(name)
            report.warning(
                "unknown-condition-key",
                place.at("custom_context", index, "context_key_name").location,
                f"AWS documents no condition key {shown(name)}, so the test may prove nothing",
                f"did you mean {meant!r}?" if meant else "see the condition keys of the service",
            )


def _check_actions(test: AccessTest, place: SourcePosition, report: FindingCollector) -> None:
    for index, action in enumerate(test.actions):
        location = place.at("actions", index).location
        found = unknown_action(action)
        if found is not None:
            # AWS adds actions every day, so the question is asked all the same.
            report.problem(replace(found, severity=Severity.WARNING), location)
        elif _asks_for_all(action, test):
            report.note(
                "wildcard-action",
                location,
                f"{shown(action)} counts as denied unless all that it matches is allowed: "
                "who may do only some of it passes",
                "write 'wildcards: expand' in the test to ask for each of them",
            )


def _asks_for_all(action: str, test: AccessTest) -> bool:
    """Whether a pattern is asked literally where each matching action is probably meant."""
    if test.expected_result is not Expectation.FAIL or test.wildcards != "literal":
        return False
    return action != "*:*" and has_wildcard(action)
