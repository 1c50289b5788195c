"""Who can do what in accounts, each as it is or as a plan would leave it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeAlias

from iam_access.cloud.simulator import AwsBackend
from iam_access.errors import AccessError
from iam_access.model import Account, Failure, Finding, Location, Principal
from iam_access.policy.arn import account_of
from iam_access.runs.evaluated import (
    UNREAD,
    EvaluatedAccount,
    evaluated,
    origins,
    unread_failure,
    with_switches,
)
from iam_access.runs.planning import Planner
from iam_access.runs.run import Run
from iam_access.simulation.access import AccessAnswer, AccessQuestion, AskedAccount, Judge
from iam_access.simulation.access_report import AccountAnswers
from iam_access.simulation.account_policies import AccountPolicies, Subject
from iam_access.simulation.account_resources import AccountResources, KnownResources
from iam_access.simulation.assumed_roles import AssumedRoles
from iam_access.simulation.named_principals import find_absent
from iam_access.simulation.origin import Origins
from iam_access.simulation.questions import Pair
from iam_access.simulation.results import BackendDecision, BackendName


def answer(
    run: Run,
    question: AccessQuestion,
    accounts: Sequence[Account],
    planner: Planner | None,
    by: BackendName,
) -> tuple[AccountAnswers, ...]:
    """Who can do what in each account.

    All accounts are looked at together: policies of resources in one count for the principals of
    another. What named ones can do as roles that they may assume is answered in the account of the
    role, but not with AWS's simulator, which judges what the policies of each principal say.
    """
    judged: dict[str, _Judged] = {}

    def failed(account: Account, failure: Failure) -> AccountAnswers:
        return AccountAnswers(account, failure=failure)

    def read(account: Account) -> EvaluatedAccount | AccountAnswers:
        found = _read(run, account, planner)
        if by is BackendName.AWS:
            judged[account.id] = _judged(run, question, found)
        return found

    return _of_all(run, question, run.each(accounts, read, failed), judged)


# None for a user or role that no longer exists.
_Decisions: TypeAlias = Mapping[Pair, BackendDecision] | None


@dataclass(frozen=True, slots=True)
class _Judged:
    """What AWS's simulator says of an account's principals, up to an error."""

    decisions: Mapping[Principal, _Decisions]
    error: AccessError | None

    def __call__(self, subject: Subject) -> _Decisions:
        """What `Judge` returned or raised."""
        if self.error is not None and subject.principal not in self.decisions:
            raise self.error
        return self.decisions[subject.principal]


def _judged(run: Run, question: AccessQuestion, read: EvaluatedAccount) -> _Judged:
    """Ask AWS about all whom the question is about in an account."""
    (asked,) = _asked(run, question, [read]).values()
    backend = AwsBackend(read.session.call, run.stop.wait)
    judge = Judge(question, backend, asked.account_policies, read.account)
    decisions: dict[Principal, _Decisions] = {}

    def recorded(subject: Subject) -> _Decisions:
        decisions[subject.principal] = found = judge(subject)
        return found

    try:
        for _ in asked.answers(recorded):
            pass
    except AccessError as error:
        return _Judged(decisions, error)
    return _Judged(decisions, None)


def _read(run: Run, account: Account, planner: Planner | None) -> EvaluatedAccount:
    """An account with all documents that count. Raises CloudError."""
    found = evaluated(run, account, planner)
    return replace(found, snapshot=run.complete(found.session, found.snapshot))


def _of_all(
    run: Run,
    question: AccessQuestion,
    found: Sequence[EvaluatedAccount | AccountAnswers],
    judged: Mapping[str, _Judged],
) -> tuple[AccountAnswers, ...]:
    """The answers of the accounts that were read, and what there is of the others.

    `judged` is what AWS says, by account; empty if it was not asked.
    """
    read = {each.account.id: each for each in found if isinstance(each, EvaluatedAccount)}
    asked = _asked(run, question, with_switches(read.values()))
    assumed = AssumedRoles(tuple(asked.values()))
    as_roles: dict[str, list[AccessAnswer]] = {id_: [] for id_ in asked}
    failures: dict[str, Failure | None] = {}
    for id_, each in asked.items() if not judged else ():
        of_account, failures[id_] = _kept(assumed.answers(each))
        for one in of_account:
            as_roles[one.account.id].append(one)
    answered = {
        id_: _answered(
            each,
            read[id_].findings,
            chain(each.answers(judged.get(id_)), as_roles[id_]),
            failures.get(id_),
        )
        for id_, each in asked.items()
    }
    return tuple(
        answered[each.account.id] if isinstance(each, EvaluatedAccount) else each for each in found
    )


def _asked(
    run: Run, question: AccessQuestion, read: Sequence[EvaluatedAccount]
) -> Mapping[str, AskedAccount]:
    """The question to each account, by its id; resources of the others count for it as well."""
    resources = {each.account.id: AccountResources(each.snapshot) for each in read}
    places: dict[str, Origins] = {}

    def elsewhere(arn: str) -> Location | None:
        owners = (id_ for id_, each in resources.items() if arn in each.names)
        owner = account_of(arn) or next(owners, None)
        return places[owner].of_resource(arn) if owner in places else None

    def asked(each: EvaluatedAccount) -> AskedAccount:
        account, snapshot = each.account, each.snapshot
        others = tuple(one for id_, one in resources.items() if id_ != account.id)
        known = KnownResources(resources[account.id], others)
        places[account.id] = origins(run, account, snapshot, elsewhere)
        account_policies = AccountPolicies(snapshot, known)
        return AskedAccount(question, account, account_policies, places[account.id])

    return {each.account.id: asked(each) for each in read}


def _answered(
    asked: AskedAccount,
    findings: tuple[Finding, ...],
    answers: Iterator[AccessAnswer],
    failed: Failure | None = None,
) -> AccountAnswers:
    """All answers of an account; `failed` is why those of its principals as roles are not whole."""
    found, failure = _kept(answers)
    snapshot = asked.account_policies.snapshot
    failure = failure or failed or unread_failure(snapshot, asked.question.actions)
    if not any(each.possible for each in found):
        failure = failure or _unknown(findings)
    absent = tuple(find_absent(snapshot, asked.question.principals or ()))
    return AccountAnswers(asked.account, found, absent, failure, findings, asked.known_resources)


def _kept(
    answers: Iterator[AccessAnswer],
) -> tuple[tuple[AccessAnswer, ...], Failure | None]:
    """All answers up to an error, and the error as a failure."""
    found = []
    try:
        for each in answers:
            found.append(each)  # noqa: PERF402 - answers before an error are kept
    except AccessError as error:
        return tuple(found), error.failure
    return tuple(found), None


def _unknown(findings: Sequence[Finding]) -> Failure | None:
    """Why "no user or role can" is not known; None if it is."""
    found = next((each for each in findings if each.code == UNREAD), None)
    return Failure(found.code, found.message, found.hint) if found else None
