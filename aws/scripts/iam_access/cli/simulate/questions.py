"""What `simulate.py access` and `simulate.py search` have in common."""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dateutil.parser import isoparse

from iam_access.cli import arguments
from iam_access.cli.runtime import Clock, accounts_of, aws, findings_of, load, manager_of
from iam_access.errors import UsageError
from iam_access.model import Finding, Severity
from iam_access.render import progress, render_answers

if TYPE_CHECKING:
    from iam_access.config.load import Configuration
    from iam_access.simulation.results import BackendName
    from iam_access.simulation.whom import Whom

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
GROUNDS = ("account", "plan")
BACKENDS = ("offline", "aws")
EPILOG = (
    "Exit status: 0 someone can, be it on some of the resources or under conditions; 1 nobody "
    "can; 2 something could not be looked at."
)

# The simulations of the account tester assume a second factor, unless told otherwise.
_DEFAULT_CONTEXT: Mapping[str, str] = {"aws:MultiFactorAuthPresent": "true"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who, on what, under which circumstances."""
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "-u",
        "--user",
        action="append",
        metavar="USER",
        help="this IAM user: name, e-mail address, path or ARN (may be repeated)",
    )
    who.add_argument(
        "-r",
        "--role",
        action="append",
        metavar="ROLE",
        help="this IAM role: name, path or ARN (may be repeated)",
    )
    parser.add_argument(
        "-R",
        "--resource",
        action="append",
        metavar="ARN",
        help="on this resource (may be repeated; default: *)",
    )
    parser.add_argument(
        "-c",
        "--context",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a condition key of the request (may be repeated; values of one key add up). "
        "Default: aws:MultiFactorAuthPresent=true",
    )
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="at another time, ISO 8601 with a zone, or at the beginning of a day (UTC)",
    )
    parser.add_argument(
        "--on",
        choices=GROUNDS,
        help="accounts as they are, or as the files' plan would leave them (default: account; "
        "plan with --sandbox)",
    )
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=BACKENDS[0],
        help="who judges: the evaluator in here, or AWS's policy simulator, which knows service "
        "control policies (default: offline)",
    )
    arguments.add_environment(parser)


def answer(
    options: argparse.Namespace,
    clock: Clock,
    actions: Sequence[str],
    findings: Sequence[Finding],
) -> int:
    """Ask all accounts and show what they say; the exit status says whether anybody can.

    `findings` are what is odd about the actions.
    """
    from iam_access.plan.planner import RunOptions  # noqa: PLC0415
    from iam_access.simulation.access import AccessQuestion, AccessReport  # noqa: PLC0415
    from iam_access.simulation.results import BackendName  # noqa: PLC0415

    now = clock()
    configuration = load(options, now)
    question = AccessQuestion(
        actions=tuple(actions),
        resources=tuple(_resource(each) for each in options.resource or ["*"]),
        context=_context(options.context),
        at=_moment(options.at) if options.at is not None else now,
        principals=_principals(options, configuration),
        assumed=_DEFAULT_CONTEXT,
    )
    request = RunOptions()
    by = BackendName(options.backend)
    on_plan = _ground(options, by) == "plan"
    # An account is as it is, whatever is wrong with a team's files.
    known = configuration.accounts if on_plan else configuration.known_accounts
    accounts = [
        account
        for account in accounts_of(options, configuration, request, known)
        if question.principals is None
        or any(each.may_be_in(account) for each in question.principals)
    ]
    with (
        aws(options, configuration, clock),
        progress(len(accounts), "access", stream=sys.stderr, verbose=options.verbose) as bar,
    ):
        manager = manager_of(configuration, None, now, bar.advance)
        planner = manager.applying(request) if on_plan else None
        found = manager.answer(question, accounts, planner, by)
    # What the files ask for and do not get is no part of the answers.
    of_files = findings_of(configuration, None) if on_plan else ()
    of_plans = (finding for each in found for finding in each.findings)
    wrong = (finding for finding in (*of_files, *of_plans) if finding.is_error)
    report = AccessReport(
        question,
        found,
        on_plan,
        tuple(dict.fromkeys((*findings, *_unknown_keys(question.context), *wrong))),
        tuple(_unread(options, configuration, on_plan=on_plan)),
        by is BackendName.AWS,
    )
    render_answers(report, options.output, sys.stdout, verbose=options.verbose)
    return report.exit_status


def oddities(actions: Sequence[str], *, literal: bool) -> list[Finding]:
    """What is odd about actions as they were written; UsageError for what cannot be one.

    `literal` tells that a pattern is asked for as it stands.
    """
    from iam_access.config.words import as_fragment  # noqa: PLC0415
    from iam_access.policy.actions import unknown_action  # noqa: PLC0415

    found = []
    for action in dict.fromkeys(actions):
        unknown = unknown_action(action)
        if unknown is not None:
            if unknown.code == "bad-action":
                raise UsageError(as_fragment(unknown.message), as_fragment(unknown.hint))
            # AWS adds actions every day, so it is asked all the same.
            message, hint = as_fragment(unknown.message), as_fragment(unknown.hint)
            found.append(Finding(unknown.code, Severity.WARNING, message, hint))
        elif literal and ("*" in action or "?" in action):
            found.append(
                Finding(
                    "wildcard-action",
                    Severity.NOTE,
                    f"{action!r} counts as allowed where one statement allows all that it matches, "
                    "whatever else denies some of it; of others a few of its actions are told",
                    "ask for each of these actions: simulate.py search",
                )
            )
    return found


def _ground(options: argparse.Namespace, by: "BackendName") -> str:
    """Whether accounts are asked as they are or as a plan would leave them; UsageError."""
    if options.sandbox and options.on == "account":
        raise UsageError(
            "in the accounts of --sandbox nobody has anything before the files are applied",
            "leave out --sandbox, or --on account",
        )
    ground = options.on or ("plan" if options.sandbox else "account")
    if by != "aws" or ground == "account":
        return str(ground)
    raise UsageError(
        "AWS knows the accounts as they are, not as a plan would leave them",
        f"leave out {'--on plan' if options.on else '--sandbox'}, or --backend aws",
    )


def _unread(
    options: argparse.Namespace, configuration: "Configuration", *, on_plan: bool
) -> Iterator[str]:
    """What of the files cannot be read and may hide an account, or access in one."""
    if not configuration.settings_valid:
        yield "the settings"
    wanted = set(options.environment)
    for name in sorted(configuration.invalid):
        team = configuration.teams[name]
        counts = on_plan and (not wanted or not wanted.isdisjoint(team.environments))
        if counts or not team.accounts_are_known:
            yield f"the files of team {name}"


def _principals(
    options: argparse.Namespace, configuration: "Configuration"
) -> "tuple[Whom, ...] | None":
    from iam_access.cli import principals  # noqa: PLC0415

    if options.user is not None:
        return principals.users(options.user, configuration.settings.user_names)
    return None if options.role is None else principals.roles(options.role)


def _resource(text: str) -> str:
    from iam_access.config.access_tests import is_resource  # noqa: PLC0415

    if not is_resource(text):
        raise UsageError(
            f"{text!r} is neither * nor the ARN of a resource",
            "write a whole ARN, such as arn:aws:s3:::bucket/key",
        )
    return text


def _context(pairs: Sequence[str]) -> Mapping[str, list[str] | str]:
    """Condition keys with their values; UsageError for values that the keys never have.

    IAM ignores the case of keys, so that two spellings are one key.
    """
    given: dict[str, list[str]] = {}
    spelled: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or ":" not in key:
            raise UsageError(
                f"{pair!r} is no condition key with a value",
                "write KEY=VALUE, and the whole key: aws:MultiFactorAuthPresent=false",
            )
        given.setdefault(spelled.setdefault(key.lower(), key), []).append(value)
    for key, values in given.items():
        _check_values(key, values)
    return {key: values if len(values) > 1 else values[0] for key, values in given.items()}


def _check_values(key: str, values: Sequence[str]) -> None:
    """UsageError for values of the wrong type, or several of a key that has one.

    No condition holds with them, so the answer would be that of no request there is.
    """
    from iam_access.config.access_tests import ContextKey  # noqa: PLC0415

    written = {"context_key_name": key, "context_key_values": list(values)}
    for each in ContextKey.contradictions(written):
        raise UsageError(f"-c {key}: {each.message}", each.hint)


def _unknown_keys(context: Mapping[str, object]) -> Iterator[Finding]:
    """Keys that AWS does not have: they are asked with all the same, as actions are."""
    from iam_access.config.words import as_fragment  # noqa: PLC0415
    from iam_access.policy.lint.conditions import unknown_key  # noqa: PLC0415

    for problem in filter(None, map(unknown_key, context)):
        message, hint = as_fragment(problem.message), as_fragment(problem.hint)
        yield Finding(problem.code, Severity.WARNING, message, hint)


def _moment(text: str) -> datetime:
    try:
        moment = isoparse(f"{text}T00:00Z" if _DAY.fullmatch(text) else text)
        # An offset can lead out of all years.
        in_utc = moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        in_utc = None
    if in_utc is None:
        raise UsageError(
            f"{text!r} is no point in time",
            "write ISO 8601 with a zone, 2025-12-01T00:00Z, or a day, 2025-12-01",
        )
    return in_utc
