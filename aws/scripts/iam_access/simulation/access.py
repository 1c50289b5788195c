"""Who can do what: questions about an account, answered with the statement that decides."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from iam_access.model import Account, Failure, Principal
from iam_access.policy.actions import expand
from iam_access.policy.crowd import Crowd
from iam_access.policy.decision import Decision
from iam_access.policy.matrix import Asker
from iam_access.simulation.origin import Origin, Origins
from iam_access.simulation.world import Context, World


@dataclass(frozen=True, slots=True)
class Question:
    """Whether these principals (None: anybody) may do these actions on these resources.

    `at` (UTC) is the moment asked about, `context` what the request brings along.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: Context
    at: datetime
    principals: tuple[Principal, ...] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One principal, action and resource: the decision, and where what decided it came from."""

    account: Account
    principal: Principal
    arn: str
    action: str
    resource: str
    decision: Decision
    origins: tuple[Origin, ...]

    @property
    def allowed(self) -> bool:
        return self.decision.allowed


def answers(
    question: Question, account: Account, world: World, origins: Origins
) -> Iterator[Answer]:
    """Every combination the question asks about, in order of principals.

    Asked about anybody, only those who can are answered. Principals that the account does not
    have are left out. Raises UnreadPolicyError when the world lacks a document that counts.
    """
    asked = question.principals
    principals = world.principals if asked is None else [p for p in asked if p in world.principals]
    subjects = [world.subject(principal) for principal in principals]
    askers = [subject.asker(question.context, question.at) for subject in subjects]
    pairs = tuple(product(question.actions, question.resources))
    asked_of = _allowed(askers, pairs) if asked is None else [pairs] * len(askers)
    for subject, asker, own in zip(subjects, askers, asked_of, strict=True):
        for action, resource in own:
            decision = asker.decide(action, resource)
            yield Answer(
                account=account,
                principal=subject.principal,
                arn=subject.state.arn,
                action=action,
                resource=resource,
                decision=decision,
                origins=tuple(origins.of(subject.principal, ref) for ref in decision.deciding),
            )


def _allowed(
    askers: Sequence[Asker], pairs: Iterable[tuple[str, str]]
) -> Sequence[Sequence[tuple[str, str]]]:
    """Of actions and resources those that each of them may."""
    found: list[list[tuple[str, str]]] = [[] for _ in askers]
    crowd = Crowd.of(askers)
    for action, resource in pairs:
        for index in crowd.allowed(action, resource):
            found[index].append((action, resource))
    return found


def expanded(patterns: Iterable[str]) -> Sequence[str]:
    """The actions that patterns with wildcards stand for; others, known or not, as they are."""
    found: dict[str, None] = {}
    for pattern in patterns:
        wild = "*" in pattern or "?" in pattern
        for action in sorted(expand(pattern)) if wild else [pattern]:
            found.setdefault(action)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class AccountAnswers:
    """What one account answers; `failure` says why it could not be asked."""

    account: Account
    answers: tuple[Answer, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class AccessReport:
    """All there is to tell about a question. `on_plan`: as a plan would leave the accounts."""

    question: Question
    accounts: tuple[AccountAnswers, ...]
    on_plan: bool

    @property
    def answers(self) -> tuple[Answer, ...]:
        """All accounts' answers, in their order."""
        return tuple(answer for account in self.accounts for answer in account.answers)

    @property
    def exit_status(self) -> int:
        """0 when someone can, 1 when nobody, 2 when an account could not be asked."""
        if any(account.failure for account in self.accounts):
            return 2
        return 0 if any(answer.allowed for answer in self.answers) else 1
