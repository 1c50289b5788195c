"""Select the tests of an account, and their principals, from the files."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from iam_access.codes import Code
from iam_access.config.access_tests import AccessTest, Expectation, accounts_named
from iam_access.config.expressions import matcher
from iam_access.config.suites import Suite
from iam_access.kinds.fields import fill, role, values_of
from iam_access.meaning.grant_roles import GrantRoles
from iam_access.model import Account, Finding, Location, Principal, PrincipalType, Severity
from iam_access.phrases import did_you_mean
from iam_access.policy.actions import expand
from iam_access.policy.arn import deployer_role_arn, part_of
from iam_access.policy.evaluation.batch import set_bits
from iam_access.simulation.proving import mismatches
from iam_access.simulation.questions import (
    ContextValue,
    PreparedAssertion,
    RequestContextTemplate,
    TestRef,
)
from iam_access.simulation.results import AccountTests
from iam_access.snapshot import Document, PrincipalState, Snapshot

# https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html
_LINKED = "/aws-service-role/"


def is_service_linked(state: PrincipalState) -> bool:
    """Whether a role belongs to an AWS service, which alone can use and change it."""
    return state.path.startswith(_LINKED)


def is_for_people(state: PrincipalState, accounts: frozenset[str]) -> bool:
    """Whether principals of these accounts, or people signed in through SAML, may assume a role.

    Judged by the principals that the trust policy names, whatever its conditions.
    """
    for principal in _allowed(state.trust or {}):
        if principal == "*":
            return True
        if not isinstance(principal, dict):
            continue
        named = _listed(principal.get("AWS"))
        if any(name == "*" or _account(name) in accounts for name in named):
            return True
        if any(":saml-provider/" in name for name in _listed(principal.get("Federated"))):
            return True
    return False


def _allowed(trust: Document) -> Iterator[Any]:
    statements = trust.get("Statement", ())
    for statement in [statements] if isinstance(statements, dict) else statements:
        if statement.get("Effect") == "Allow" and "Principal" in statement:
            yield statement["Principal"]


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _account(name: str) -> str:
    """The account of a principal: the account id alone is equivalent to its root's ARN."""
    return part_of(name, 4) or name


_NO_PRINCIPAL: Final = "no-principal"
_MISSING: Final = "missing-principal"
# The default context, the same as that of aws-iam-tester.
_DEFAULT_CONTEXT = (
    ContextValue("aws:MultiFactorAuthPresent", "boolean", ("true",)),
    ContextValue("redshift:DbUser", "string", ("admin",)),
)


@dataclass(frozen=True, slots=True)
class PrincipalFilter:
    """The principals to test: users, roles or both, and whether roles that no person can assume."""

    users: bool = True
    roles: bool = True
    system_roles: bool = True


@dataclass(frozen=True, slots=True)
class SelectedTests:
    """The assertions of an account, and problems of the tests there."""

    assertions: tuple[PreparedAssertion, ...] = ()
    findings: tuple[Finding, ...] = ()


def select_tests(
    suites: Iterable[Suite],
    account: Account,
    snapshot: Snapshot,
    choice: PrincipalFilter,
    now: datetime,
) -> SelectedTests:
    """Return the assertions of an account as of `now` (UTC), in the order of the tests.

    A test for the account that matches no principal is an error, unless the filter excludes those
    that it matches.
    """
    assertions: list[PreparedAssertion] = []
    findings: list[Finding] = []
    index = _PrincipalIndex(account, snapshot, choice)
    settings: dict[tuple[ContextValue, ...], RequestContextTemplate] = {
        (): RequestContextTemplate(_DEFAULT_CONTEXT, now, False)
    }
    for suite in suites:
        candidates, chosen = index.candidates(suite), index.chosen(suite)
        for test, place in suite.tests:
            environment = _environment(suite, test, account)
            if environment is None or not _may_match(suite, test, account):
                continue
            ref = TestRef(place.location, test.description, suite.team)
            about, problems = _principals(suite, test, ref, candidates, index, account)
            findings += problems
            states = index.states(about & chosen)
            if not states:
                if about:
                    findings.append(_left_out(ref, account))
                elif not problems:
                    findings.append(_nobody(test, ref, account))
                continue
            findings += mismatches(test, ref)
            values = values_of(account, environment, suite.team or "", {})
            own = _own_context(test)
            assertions.append(
                PreparedAssertion(
                    test=ref,
                    states=states,
                    actions=_actions(test),
                    resources=tuple(dict.fromkeys(fill(test.resources, values))) or ("*",),
                    template=settings.get(own)
                    or settings.setdefault(own, RequestContextTemplate(own, now)),
                    expected=test.expected_result,
                )
            )
    return SelectedTests(tuple(assertions), tuple(findings))


class _PrincipalIndex:
    """The users and roles of an account that can be tested; sets of them are bits.

    Without groups, roles of services and the deployer role: it cannot ask about itself, and what it
    may do is reviewed with its template.
    """

    def __init__(self, account: Account, snapshot: Snapshot, choice: PrincipalFilter) -> None:
        self._account = account
        self._choice = choice
        self._made = GrantRoles.of(snapshot)
        self._states = [
            state for _, state in sorted(snapshot.principals.items()) if self._counts(state)
        ]
        # Many tests share expressions and sets.
        self._matching: dict[str, int] = {}
        self._tuples: dict[int, tuple[PrincipalState, ...]] = {}

    def _counts(self, state: PrincipalState) -> bool:
        if state.principal.type is PrincipalType.USER:
            return True
        if state.principal.type is not PrincipalType.ROLE or is_service_linked(state):
            return False
        return state.arn != deployer_role_arn(self._account)

    def candidates(self, suite: Suite) -> int:
        """Return all principals that the tests of a file can be about."""
        if suite.spec.global_limit_to:
            return self.matching(suite.spec.global_limit_to)
        return (1 << len(self._states)) - 1

    def chosen(self, suite: Suite) -> int:
        """Return the principals of a file's tests that the filter selects."""
        choice = self._choice
        near = frozenset({self._account.id, suite.spec.user_landing_account or self._account.id})

        def counts(state: PrincipalState) -> bool:
            if state.principal.type is PrincipalType.USER:
                return choice.users
            return choice.roles and (choice.system_roles or is_for_people(state, near))

        return self.where(counts)

    def names(self, type_: PrincipalType) -> Sequence[str]:
        """Return the names of all users, or of all roles, that can be tested."""
        return [each.principal.name for each in self._states if each.principal.type is type_]

    def where(self, wanted: Callable[[PrincipalState], bool]) -> int:
        return sum(1 << place for place, each in enumerate(self._states) if wanted(each))

    def made_for(self, bits: int) -> int:
        """Return the roles that were made for temporary grants of these principals."""
        states = self.states(bits)
        roles = {entry.role.principal for each in states for entry in self._made.roles_for(each)}
        return self.where(lambda each: each.principal in roles) if roles else 0

    def matching(self, expressions: Iterable[str]) -> int:
        """Return the principals whose ARN one of the expressions matches from its beginning."""
        found = 0
        for each in expressions:
            bits = self._matching.get(each)
            found |= self._match(each) if bits is None else bits
        return found

    def _match(self, expression: str) -> int:
        matches = matcher(expression).begins
        bits = self._matching[expression] = self.where(lambda each: matches(each.arn))
        return bits

    def states(self, bits: int) -> tuple[PrincipalState, ...]:
        """Return the principals of a set, in order."""
        found = self._tuples.get(bits)
        if found is None:
            found = self._tuples[bits] = tuple([self._states[place] for place in set_bits(bits)])
        return found


def _principals(
    suite: Suite,
    test: AccessTest,
    ref: TestRef,
    candidates: int,
    index: _PrincipalIndex,
    account: Account,
) -> tuple[int, list[Finding]]:
    """The principals of a test. Naming or limiting overrides all exemptions.

    What must fail must also fail in roles made for temporary grants of the named principals.
    """
    if test.users or test.roles or test.limit_to:
        wanted = {
            each.in_iam: each
            for each in (*map(suite.user_names.user, test.users), *map(role, test.roles))
        }
        named = index.where(lambda state: state.principal.in_iam in wanted) if wanted else 0
        found = candidates & (named | index.matching(test.limit_to))
        there = {state.principal.in_iam for state in index.states(found)}
        if test.expected_result is Expectation.FAIL:
            found |= index.made_for(found)
        return found, [
            _missing(each, index.names(each.type), test, ref, account)
            for key, each in wanted.items()
            if key not in there
        ]
    exempt = index.matching((*suite.spec.global_exemptions, *test.exemptions))
    return candidates & ~exempt, []


def _environment(suite: Suite, test: AccessTest, account: Account) -> str | None:
    """The account's name in the test's team; None if the test is not for the account."""
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


def _may_match(suite: Suite, test: AccessTest, account: Account) -> bool:
    """Whether no expression excludes the account by the account ids that it names."""
    limits = (test.accounts, accounts_named(suite.spec.global_limit_to))
    return all(named is None or account.id in named for named in limits)


def _actions(test: AccessTest) -> tuple[str, ...]:
    if test.wildcards == "literal":
        return tuple(dict.fromkeys(test.actions))
    # Unknown actions, and patterns without a match, are evaluated as they are.
    each = (sorted(expand(action)) or [action] for action in test.actions)
    return tuple(dict.fromkeys(action for actions in each for action in actions))


def _own_context(test: AccessTest) -> tuple[ContextValue, ...]:
    return tuple(
        ContextValue(each.context_key_name, each.context_key_type, each.values)
        for each in test.custom_context
    )


def _nobody(test: AccessTest, ref: TestRef, account: Account) -> Finding:
    if test.allow_no_match:
        message = f"the test matches no user or role in account {account.id}, which it allows"
        return _finding(_NO_PRINCIPAL, Severity.NOTE, ref, account, message, "nothing to do")
    return _finding(
        _NO_PRINCIPAL,
        Severity.ERROR,
        ref,
        account,
        f"the test matches no user or role in account {account.id}, so it proves nothing there",
        "fix its expressions (they are matched from the beginning of ARNs), limit it with "
        "'environments' to accounts that have some, or write 'allow_no_match: true'",
    )


def _missing(
    principal: Principal, names: Sequence[str], test: AccessTest, ref: TestRef, account: Account
) -> Finding:
    message = f"there is no {principal.label} among those tested in account {account.id}"
    if test.allow_no_match:
        message += ", as there need not be"
        return _finding(_MISSING, Severity.NOTE, ref, account, message, "nothing to do")
    meant = did_you_mean(principal.name, names)
    return _finding(
        _MISSING,
        Severity.ERROR,
        ref,
        account,
        message,
        (f"{meant} " if meant else "")
        + "fix the name, or limit the test with 'environments'; global_limit_to counts for names, "
        "too. With --sandbox there are only users and roles that the other files name: for one "
        "without grants, write 'allow_no_match: true'",
    )


def matched_nowhere(tests: Sequence[AccountTests]) -> Iterator[Finding]:
    """Yield tests that match no principal in any evaluated account."""
    asked = {each.test.location for one in tests for each in one.assertions}
    reported: set[Location] = set()
    for found in (each for one in tests for each in one.findings):
        if found.code not in (_NO_PRINCIPAL, _MISSING) or found.severity is not Severity.NOTE:
            continue
        if found.location is not None and found.location not in asked | reported:
            reported.add(found.location)
            yield Finding(
                _NO_PRINCIPAL,
                Severity.WARNING,
                "the test matches no user or role in any account, so it proves nothing",
                "fix its names and expressions, or remove the test",
                found.location,
                found.team,
            )


def _left_out(ref: TestRef, account: Account) -> Finding:
    return _finding(
        "left-out",
        Severity.NOTE,
        ref,
        account,
        f"all users and roles of the test in account {account.id} are left out by an option, so "
        "it was "
        "not asked",
        "leave out --users-only, --roles-only or --no-system-roles to ask it",
    )


def _finding(
    code: Code, severity: Severity, ref: TestRef, account: Account, message: str, hint: str
) -> Finding:
    return Finding(code, severity, message, hint, ref.location, ref.team, account.id)
