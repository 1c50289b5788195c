"""What `simulate.py access` and `simulate.py search` have in common."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from dateutil.parser import isoparse

from iam_access import arguments
from iam_access.errors import UsageError
from iam_access.model import Principal
from iam_access.render import progress, render_answers
from iam_access.running import Clock, accounts_of, aws, load, manager_of

GROUNDS = ("account", "plan")

# The simulations of the account tester assume a second factor, unless told otherwise.
_DEFAULT_CONTEXT: Mapping[str, str] = {"aws:MultiFactorAuthPresent": "true"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who, on what, under which circumstances."""
    who = parser.add_mutually_exclusive_group()
    who.add_argument("-u", "--user", metavar="USER", help="this IAM user or e-mail address")
    who.add_argument("-r", "--role", metavar="ROLE", help="this IAM role")
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


def answer(options: argparse.Namespace, clock: Clock, actions: Sequence[str]) -> int:
    """Ask all accounts and show what they say; the exit status says whether anybody can."""
    from iam_access.plan.planner import Request  # noqa: PLC0415
    from iam_access.simulation.access import AccessReport, Question  # noqa: PLC0415

    now = clock()
    question = Question(
        actions=tuple(actions),
        resources=tuple(options.resource or ["*"]),
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
        report = AccessReport(question, manager.answer(question, accounts, planner), on_plan)
    render_answers(report, options.output, sys.stdout, verbose=options.verbose)
    return report.exit_status


def _principals(options: argparse.Namespace) -> tuple[Principal, ...] | None:
    from iam_access.kinds import fields  # noqa: PLC0415

    if options.user:
        return (fields.user(options.user),)
    return (fields.role(options.role),) if options.role else None


def _context(pairs: Sequence[str]) -> Mapping[str, list[str] | str]:
    given: dict[str, list[str]] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise UsageError(f"{pair!r} is no condition key with a value", "write KEY=VALUE")
        given.setdefault(key, []).append(value)
    known = {key.lower() for key in given}
    defaults = {k: v for k, v in _DEFAULT_CONTEXT.items() if k.lower() not in known}
    return {**defaults, **{k: v if len(v) > 1 else v[0] for k, v in given.items()}}


def _moment(text: str) -> datetime:
    try:
        moment = isoparse(text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(
            f"{text!r} is no point in time", "write ISO 8601 with a zone: 2025-12-01T00:00Z"
        )
    return moment.astimezone(UTC)
