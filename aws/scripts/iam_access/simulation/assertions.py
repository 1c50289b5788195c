"""From tests in files to questions, and from a back end's answers to results."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from iam_access.config.access_tests import AccessTest
from iam_access.config.placeholders import fill
from iam_access.config.suites import Suite
from iam_access.kinds.fields import role, user
from iam_access.model import Account, Finding, Location, Principal, PrincipalType, Severity
from iam_access.policy.actions import expand
from iam_access.policy.request import account_of
from iam_access.simulation.humans import is_for_people, is_service_linked
from iam_access.simulation.results import (
    AccountTests,
    Backend,
    ContextValue,
    Disagreement,
    Question,
    TestRef,
    TestResult,
)
from iam_access.snapshot import PrincipalState, Snapshot

_MFA = ContextValue("aws:MultiFactorAuthPresent", "boolean", ("true",))


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is tested: users, roles or both, and whether roles that no person can assume count."""

    users: bool = True
    roles: bool = True
    system_roles: bool = True


@dataclass(frozen=True, slots=True)
class Chosen:
    """The questions that tests come to in an account, and what is wrong with the tests there."""

    questions: tuple[Question, ...] = ()
    findings: tuple[Finding, ...] = ()


def choose(
    suites: Iterable[Suite], account: Account, snapshot: Snapshot, choice: Choice, now: datetime
) -> Chosen:
    """What the tests ask in an account as of `now` (UTC): by test, then by principal.

    The time and what the principal is, its tags included, count in every request. A test that
    is meant for the account and matches nobody in it is a finding.
    """
    questions: list[Question] = []
    findings: list[Finding] = []
    # Most tests leave the context as it is, and so it is made once for each principal.
    usual: dict[Principal, tuple[ContextValue, ...]] = {}
    for suite in suites:
        candidates = _candidates(suite, account, snapshot, choice)
        for test, place in suite.tests:
            environment = _environment(suite, test, account)
            if environment is None:
                continue
            ref = TestRef(place.location, test.description, suite.team)
            found, problems = _principals(suite, test, ref, candidates, account)
            findings += problems
            values = _values(account, environment, suite.team)
            actions = _actions(test)
            resources = tuple(dict.fromkeys(fill(test.resources, values))) or ("*",)
            questions += (
                Question(
                    test=ref,
                    state=state,
                    actions=actions,
                    resources=resources,
                    context=_context(test, state, now)
                    if test.custom_context
                    else usual.get(state.principal)
                    or usual.setdefault(state.principal, _context(test, state, now)),
                    expected=test.expected_result,
                )
                for state in found
            )
            if not found and not problems:
                findings.append(_nobody(ref, account))
    return Chosen(tuple(questions), tuple(findings))


def named_in(suites: Iterable[Suite], account: Account) -> frozenset[Principal]:
    """The users and roles that tests for an account name, whether they are there or not."""
    return frozenset(
        principal
        for suite in suites
        for test, _ in suite.tests
        if _environment(suite, test, account) is not None
        for principal in (*map(user, test.users), *map(role, test.roles))
    )


def ask(account: Account, questions: Sequence[Question], backend: Backend) -> AccountTests:
    """Put the questions to a back end. A principal that is gone by now is a warning."""
    results: list[TestResult] = []
    gone: dict[str, Finding] = {}
    for question in questions:
        answers = backend.ask(question)
        if answers is None:
            gone.setdefault(question.state.arn, _gone(question, account))
            continue
        results += (
            TestResult(question, action, resource, answers[action, resource])
            for action, resource in question.pairs
        )
    return AccountTests(account, tuple(questions), tuple(results), tuple(gone.values()))


def disagreements(offline: AccountTests, aws: AccountTests) -> tuple[Disagreement, ...]:
    """Where AWS decides otherwise than the offline evaluator, in order of the questions."""
    said = {_key(result): result.answer for result in aws.results}
    return tuple(
        Disagreement(result, other)
        for result in offline.results
        if (other := said.get(_key(result))) is not None
        and other.decision is not result.answer.decision
    )


def _key(result: TestResult) -> tuple[Location, str, str, str]:
    return result.question.test.location, result.arn, result.action, result.resource


def _candidates(
    suite: Suite, account: Account, snapshot: Snapshot, choice: Choice
) -> list[PrincipalState]:
    """Everybody whom tests of a file can be about.

    Never groups, nor roles of services, nor the deployer role: it may ask nobody about itself,
    and what it may do is reviewed with its template.
    """
    spec = suite.spec
    near = frozenset({account.id, *([spec.user_landing_account or account.id])})
    limits = [re.compile(each) for each in spec.global_limit_to]

    def counts(state: PrincipalState) -> bool:
        if state.principal.type is PrincipalType.USER:
            return choice.users
        if state.principal.type is not PrincipalType.ROLE or is_service_linked(state):
            return False
        if state.arn == account.deployer_role_arn:
            return False
        return choice.roles and (choice.system_roles or is_for_people(state, near))

    return [
        state
        for _, state in sorted(snapshot.principals.items())
        if counts(state) and (not limits or _matches(limits, state))
    ]


def _principals(
    suite: Suite,
    test: AccessTest,
    ref: TestRef,
    candidates: Sequence[PrincipalState],
    account: Account,
) -> tuple[list[PrincipalState], list[Finding]]:
    """Whom a test is about. Naming or limiting overrides all exemptions."""
    if test.users or test.roles or test.limit_to:
        limits = [re.compile(each) for each in test.limit_to]
        wanted = {_folded(each): each for each in (*map(user, test.users), *map(role, test.roles))}
        found = [
            state
            for state in candidates
            if _folded(state.principal) in wanted or _matches(limits, state)
        ]
        there = {_folded(state.principal) for state in found}
        return found, [
            _missing(each, ref, account) for key, each in wanted.items() if key not in there
        ]
    exempt = [re.compile(each) for each in (*suite.spec.global_exemptions, *test.exemptions)]
    return [state for state in candidates if not _matches(exempt, state)], []


def _matches(expressions: Iterable[re.Pattern[str]], state: PrincipalState) -> bool:
    return any(each.match(state.arn) for each in expressions)


def _folded(principal: Principal) -> tuple[PrincipalType, str]:
    """Users and roles as IAM tells them apart, whatever the case of their names."""
    return principal.type, principal.name.lower()


def _environment(suite: Suite, test: AccessTest, account: Account) -> str | None:
    """What the account is called by the test's team; None if the test is not for it."""
    names = (
        set(account.environments.values())
        if suite.team is None
        else {account.environments[suite.team]}
        if suite.team in account.environments
        else set()
    )
    if test.environments:
        names &= set(test.environments)
    elif suite.team is None:
        return account.label
    return min(names, default=None)


def _values(account: Account, environment: str, team: str | None) -> Mapping[str, str]:
    return {
        "account_id": account.id,
        "environment": environment,
        "partition": account.partition,
        "team": team or "",
    }


def _actions(test: AccessTest) -> tuple[str, ...]:
    if test.wildcards == "literal":
        return tuple(dict.fromkeys(test.actions))
    # What is not known, or matches nothing that is, is asked as it stands.
    each = (sorted(expand(action)) or [action] for action in test.actions)
    return tuple(dict.fromkeys(action for actions in each for action in actions))


def _context(test: AccessTest, state: PrincipalState, now: datetime) -> tuple[ContextValue, ...]:
    own = [
        ContextValue(each.context_key_name, each.context_key_type, each.values)
        for each in test.custom_context
    ] or [_MFA]
    known = {each.key.lower() for each in own}
    return (*own, *(each for each in _of_request(state, now) if each.key.lower() not in known))


def _of_request(state: PrincipalState, now: datetime) -> Iterator[ContextValue]:
    """What every request of the principal would have; a simulator is told nothing else.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    is_user = state.principal.type is PrincipalType.USER
    yield ContextValue("aws:CurrentTime", "date", (f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",))
    yield ContextValue("aws:PrincipalArn", "string", (state.arn,))
    yield ContextValue("aws:PrincipalAccount", "string", (account_of(state.arn) or "",))
    yield ContextValue("aws:PrincipalType", "string", ("User" if is_user else "AssumedRole",))
    if is_user:
        yield ContextValue("aws:username", "string", (state.principal.name,))
        if state.id:
            yield ContextValue("aws:userid", "string", (state.id,))
    for key, value in sorted(state.tags.items()):
        yield ContextValue(f"aws:PrincipalTag/{key}", "string", (value,))


def _nobody(ref: TestRef, account: Account) -> Finding:
    return _finding(
        "no-principal",
        Severity.ERROR,
        ref,
        account,
        f"the test matches nobody in account {account.id}, so it proves nothing there",
        "mend its expressions (they are matched from the beginning of ARNs), or limit it with "
        "'environments' to where there is somebody",
    )


def _missing(principal: Principal, ref: TestRef, account: Account) -> Finding:
    return _finding(
        "missing-principal",
        Severity.ERROR,
        ref,
        account,
        f"there is no {principal.type} {principal.name} among those tested in account {account.id}",
        "mend the name, or limit the test with 'environments'; global_limit_to and the options "
        "that leave out users or roles count for names, too",
    )


def _gone(question: Question, account: Account) -> Finding:
    return _finding(
        "principal-gone",
        Severity.WARNING,
        question.test,
        account,
        f"{question.state.arn} was deleted while the tests ran",
        "nothing to do; run the tests again if it should be there",
    )


def _finding(
    code: str, severity: Severity, ref: TestRef, account: Account, message: str, hint: str
) -> Finding:
    return Finding(code, severity, message, hint, ref.location, ref.team, account.id)
