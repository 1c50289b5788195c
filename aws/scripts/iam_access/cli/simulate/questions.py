"""The work that `simulate.py access` and `simulate.py search` share."""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from iam_access.cli import principals
from iam_access.cli.aws import aws, run_with_progress
from iam_access.cli.files import accounts_of, findings_of, load
from iam_access.cli.runtime import Clock
from iam_access.cli.simulate.options import ACCOUNT, PLAN
from iam_access.config.access_tests import ContextKey, is_resource
from iam_access.config.configuration import Configuration
from iam_access.errors import UsageError
from iam_access.model import Account, Finding, Severity
from iam_access.plan.planner import RunOptions
from iam_access.policy.actions import unknown_action
from iam_access.policy.arn import part_of
from iam_access.policy.dates import parse_timestamp
from iam_access.policy.globs import has_wildcard
from iam_access.policy.lint.conditions import unknown_key
from iam_access.render import render_answers
from iam_access.runs import access
from iam_access.runs.planning import applying
from iam_access.simulation.access import AccessQuestion
from iam_access.simulation.access_report import AccessReport
from iam_access.simulation.named_principals import NamedPrincipal
from iam_access.simulation.results import BackendName

# Actions on keys, other than those that change aliases; not patterns.
_USE_OF_KEY = re.compile(r"kms:(?!\w+alias$)\w+")
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")

# aws-iam-tester assumes a second factor by default.
_DEFAULT_CONTEXT: Mapping[str, str] = {"aws:MultiFactorAuthPresent": "true"}


def answer(
    options: argparse.Namespace,
    clock: Clock,
    actions: Sequence[str],
    findings: Sequence[Finding],
) -> int:
    """Ask all accounts and show the answers; return the exit status.

    `findings` are those about the actions.
    """
    now = clock()
    configuration = load(options, now, preview=True)
    question = AccessQuestion(
        actions=tuple(actions),
        resources=tuple(_resource(each, actions) for each in options.resource or ["*"]),
        context=_context(options.context),
        at=moment(options.at) if options.at is not None else now,
        principals=named_principals(options, configuration),
        assumed=_DEFAULT_CONTEXT,
    )
    request = RunOptions()
    by = BackendName(options.backend)
    on_plan = ground(options, by) == PLAN
    # Errors in a team's files do not matter for an account as it is.
    known = configuration.accounts if on_plan else configuration.known_accounts
    accounts = [
        account
        for account in accounts_of(options, configuration, request, known)
        if question.principals is None
        or any(each.may_be_in(account) for each in question.principals)
    ]
    with (
        aws(options, configuration, clock),
        run_with_progress(
            options, configuration, clock, command="access", teams=None, accounts=len(accounts)
        ) as run,
    ):
        planner = applying(configuration, request, run.now) if on_plan else None
        found = access.answer(run, question, accounts, planner, by)
    # The answers lack what the files ask for and a plan does not grant.
    of_files = findings_of(configuration, None) if on_plan else ()
    of_plans = (finding for each in found for finding in each.findings)
    wrong = (finding for finding in (*of_files, *of_plans) if finding.is_error)
    report = AccessReport(
        question,
        found,
        on_plan,
        tuple(dict.fromkeys((*findings, *_unknown_keys(question.context), *wrong))),
        tuple(unread(options, configuration, on_plan=on_plan)),
        by is BackendName.AWS,
        tuple(_left_out(configuration, accounts)),
    )
    render_answers(report, options.output, sys.stdout, verbose=options.verbose)
    return report.exit_status


def _left_out(configuration: Configuration, asked: Sequence[Account]) -> Iterator[Account]:
    """The accounts of the files that are not asked."""
    ids = {each.id for each in asked}
    found = sorted(configuration.known_accounts.items())
    yield from (account for id_, account in found if id_ not in ids)


def check_actions(actions: Sequence[str], *, literal: bool) -> list[Finding]:
    """Findings about the actions of a question; UsageError for a malformed one.

    `literal`: whether a pattern is asked for as it is written.
    """
    found = []
    for action in dict.fromkeys(actions):
        unknown = unknown_action(action)
        if unknown is not None:
            if unknown.code == "bad-action":
                raise UsageError(unknown.message, unknown.hint)
            # AWS adds actions every day, so an unknown one is asked for, too.
            found.append(replace(unknown, severity=Severity.WARNING).at(None))
        elif literal and has_wildcard(action):
            found.append(
                Finding(
                    "wildcard-action",
                    Severity.NOTE,
                    f"{action!r} counts as allowed where one statement allows all that it matches, "
                    "even if something denies some of it; of others a few of its actions are shown",
                    "ask for each of these actions: simulate.py search",
                )
            )
    return found


def ground(options: argparse.Namespace, by: BackendName) -> str:
    """ACCOUNT or PLAN: as accounts are, or as a plan would leave them. Raises UsageError."""
    if options.sandbox and options.on == ACCOUNT:
        raise UsageError(
            "in the accounts of --sandbox no user or role has anything before the files are "
            "applied",
            "leave out --sandbox, or --on account",
        )
    basis = options.on or (PLAN if options.sandbox else ACCOUNT)
    if by is not BackendName.AWS or basis == ACCOUNT:
        return str(basis)
    raise UsageError(
        "AWS knows the accounts as they are, not as a plan would leave them",
        f"leave out {'--on plan' if options.on else '--sandbox'}, or --backend aws",
    )


def unread(
    options: argparse.Namespace, configuration: Configuration, *, on_plan: bool
) -> Iterator[str]:
    """The files that cannot be read and may hide an account, or access in one."""
    if not configuration.settings_valid:
        yield "the settings"
    wanted = set(options.environment)
    for name in sorted(configuration.invalid):
        team = configuration.teams[name]
        counts = on_plan and (not wanted or not wanted.isdisjoint(team.accounts))
        if counts or not team.accounts_are_known:
            yield f"the files of team {name}"


def named_principals(
    options: argparse.Namespace, configuration: Configuration
) -> tuple[NamedPrincipal, ...] | None:
    if options.user is not None:
        return principals.users(options.user, configuration.settings.user_names)
    return None if options.role is None else principals.roles(options.role)


def _resource(text: str, actions: Sequence[str]) -> str:
    """The resource of a question about these actions; UsageError for one that none acts on."""
    if not is_resource(text):
        raise UsageError(
            f"{text!r} is neither * nor the ARN of a resource",
            "write a whole ARN, such as arn:aws:s3:::bucket/key",
        )
    if part_of(text, 2) == "kms" and part_of(text, 5).startswith("alias/"):
        # https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
        used = (each for each in actions if _USE_OF_KEY.fullmatch(each.lower()))
        if (action := next(used, None)) is not None:
            raise UsageError(
                f"KMS judges {action} by the key that {text!r} stands for, not by the alias",
                "give the ARN of the key: arn:aws:kms:REGION:ACCOUNT:key/ID, or a * for its id",
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
                f"{pair!r} is not a condition key with a value",
                "write KEY=VALUE, and the whole key: aws:MultiFactorAuthPresent=false",
            )
        given.setdefault(spelled.setdefault(key.lower(), key), []).append(value)
    for key, values in given.items():
        _check_values(key, values)
    return {key: values if len(values) > 1 else values[0] for key, values in given.items()}


def _check_values(key: str, values: Sequence[str]) -> None:
    """UsageError for values of the wrong type, or several of a key that has one.

    No condition holds with them, so the answer would be of no real request.
    """
    written = {"context_key_name": key, "context_key_values": list(values)}
    for each in ContextKey.contradictions(written):
        raise UsageError(f"-c {key}: {each.message}", each.hint)


def _unknown_keys(context: Mapping[str, object]) -> Iterator[Finding]:
    """Findings about keys that AWS does not have. They are asked with even so, as actions are."""
    for problem in filter(None, map(unknown_key, context)):
        yield replace(problem, severity=Severity.WARNING).at(None)


def moment(text: str) -> datetime:
    try:
        moment = parse_timestamp(f"{text}T00:00Z" if _DAY.fullmatch(text) else text)
        # An offset can lead out of the range of years.
        in_utc = moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        in_utc = None
    if in_utc is None:
        raise UsageError(
            f"{text!r} is not a point in time",
            "write ISO 8601 with a zone, 2025-12-01T00:00Z, or a day, 2025-12-01",
        )
    return in_utc
