"""What `simulate.py access` and `simulate.py search` have in common."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dateutil.parser import isoparse

from iam_access import arguments
from iam_access.errors import UsageError
from iam_access.model import Finding, Principal, Severity
from iam_access.render import progress, render_answers
from iam_access.running import Clock, accounts_of, aws, findings_of, load, manager_of

GROUNDS = ("account", "plan")
EPILOG = "Exit status: 0 someone can, 1 nobody can, 2 it could not finish."

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
        help="this IAM user or e-mail address (may be repeated)",
    )
    who.add_argument(
        "-r", "--role", action="append", metavar="ROLE", help="this IAM role (may be repeated)"
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
        "--at", metavar="TIME", help="at another time, ISO 8601 with a zone (default: now)"
    )
    parser.add_argument(
        "--on",
        choices=GROUNDS,
        help="accounts as they are, or as the files' plan would leave them (default: account; "
        "plan with --sandbox)",
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
    from iam_access.plan.planner import Request  # noqa: PLC0415
    from iam_access.simulation.access import AccessReport, Question  # noqa: PLC0415

    now = clock()
    question = Question(
        actions=tuple(actions),
        resources=tuple(_resource(each) for each in options.resource or ["*"]),
        context=_context(options.context),
        at=_moment(options.at) if options.at else now,
        principals=_principals(options),
    )
    configuration = load(options, now)
    request = Request()
    accounts = accounts_of(options, configuration, request, configuration.accounts)
    on_plan = (options.on or ("plan" if options.sandbox else "account")) == "plan"
    with (
        aws(options, configuration, clock),
        progress(len(accounts), "access", stream=sys.stderr, verbose=options.verbose) as bar,
    ):
        manager = manager_of(configuration, None, now, bar.advance)
        planner = manager.applying(request) if on_plan else None
        found = manager.answer(question, accounts, planner)
    # What the files ask for and do not get is no part of the answers.
    of_files = findings_of(configuration, None) if on_plan else ()
    of_plans = (finding for each in found for finding in each.findings)
    wrong = (finding for finding in (*of_files, *of_plans) if finding.is_error)
    report = AccessReport(question, found, on_plan, tuple(dict.fromkeys((*findings, *wrong))))
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
                    f"{action!r} counts as allowed to those alone who may do all that it matches",
                    "ask for each of these actions: simulate.py search",
                )
            )
    return found


def _resource(text: str) -> str:
    from iam_access.config.access_tests import is_resource  # noqa: PLC0415

    if not is_resource(text):
        raise UsageError(
            f"{text!r} is neither * nor the ARN of a resource",
            "write a whole ARN, such as arn:aws:s3:::bucket/key",
        )
    return text


def _principals(options: argparse.Namespace) -> tuple[Principal, ...] | None:
    from iam_access.kinds import fields  # noqa: PLC0415

    if options.user is not None:
        users = (_fitting(fields.UserAddress, each) for each in options.user)
        return tuple(dict.fromkeys(map(fields.user, users)))
    if options.role is not None:
        roles = (_fitting(fields.RoleName, each) for each in options.role)
        return tuple(dict.fromkeys(map(fields.role, roles)))
    return None


def _fitting(form: Any, text: str) -> str:
    """A name that is as the files would have it; UsageError otherwise."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    try:
        return str(TypeAdapter(form).validate_python(text))
    except ValidationError as error:
        problem = error.errors()[0].get("ctx", {})
        raise UsageError(f"{text!r} {problem.get('is_not')}", str(problem.get("hint"))) from None


def _context(pairs: Sequence[str]) -> Mapping[str, list[str] | str]:
    given: dict[str, list[str]] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or ":" not in key:
            raise UsageError(
                f"{pair!r} is no condition key with a value",
                "write KEY=VALUE, and the whole key: aws:MultiFactorAuthPresent=false",
            )
        given.setdefault(key, []).append(value)
    known = {key.lower() for key in given}
    defaults = {k: v for k, v in _DEFAULT_CONTEXT.items() if k.lower() not in known}
    return {**defaults, **{k: v if len(v) > 1 else v[0] for k, v in given.items()}}


def _moment(text: str) -> datetime:
    try:
        moment = isoparse(text)
        # An offset can lead out of all years.
        in_utc = moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        in_utc = None
    if in_utc is None:
        raise UsageError(
            f"{text!r} is no point in time", "write ISO 8601 with a zone: 2025-12-01T00:00Z"
        )
    return in_utc
