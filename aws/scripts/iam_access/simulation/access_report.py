"""The answers to a question about access in all accounts, with what was not looked at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from iam_access import phrases
from iam_access.model import Account, Failure, Finding, PrincipalType
from iam_access.policy.evaluation.service_exceptions import is_trust_action
from iam_access.simulation.access import AccessAnswer, AccessQuestion
from iam_access.simulation.named_principals import AbsentPrincipal, NamedPrincipal

# How many accounts a note names.
_NAMED: Final = 5
NOT_BY_AWS = "the deployer role may not ask AWS about itself, so the evaluator in here judged it"
HERE_FOR_RESOURCES = (
    "AWS's policy simulator judges no policies of resources for roles, so the evaluator in here "
    "judged where one counts"
)
_NO_ROLES_BY_AWS = (
    "what those asked about can as roles that they may assume was not looked at: leave out "
    "--backend aws for that"
)
_WHO_ASSUMES = (
    "who may assume the roles named here was not looked at: access -a sts:AssumeRole -R ARN asks "
    "about one of them"
)


def unseen(*, by_aws: bool, all_known: bool) -> str:
    """Return the limits of an answer about everyone: what was not looked at; "" for nothing.

    `all_known` is whether the policies of all resources asked about were looked at.
    """
    scps = "" if by_aws else "service control policies"
    if all_known:
        return f"{scps} were not looked at" if scps else ""
    others = (
        "policies of buckets, keys and other resources that no file here describes, or that others "
        "made,"
    )
    return (
        f"{others}{' and ' if scps else ''}{scps} were not looked at: a policy of a resource may "
        "by itself allow users and roles whose own policies do not"
    )


@dataclass(frozen=True, slots=True)
class AccountAnswers:
    """The answers of one account; `failure` is why it was not, or not completely, asked.

    `absent` are named principals that it lacks. `findings` are errors of the plan.
    `known_resources` are those asked about whose policies were looked at.
    """

    account: Account
    answers: tuple[AccessAnswer, ...] = ()
    absent: tuple[AbsentPrincipal, ...] = ()
    failure: Failure | None = None
    findings: tuple[Finding, ...] = ()
    known_resources: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AccessReport:
    """The result of a question. `on_plan`: for the accounts as a plan would leave them.

    `findings` are problems of the question, and what keeps the plan from being complete. `unread`
    are the invalid parts of the files: accounts or access may be missing. `by_aws`: decided by
    AWS's policy simulator. `left_out` are accounts of the files that were not asked.
    """

    question: AccessQuestion
    accounts: tuple[AccountAnswers, ...]
    on_plan: bool
    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()
    by_aws: bool = False
    left_out: tuple[Account, ...] = ()

    @property
    def answers(self) -> tuple[AccessAnswer, ...]:
        """The answers of all accounts, in their order."""
        return tuple(answer for account in self.accounts for answer in account.answers)

    @property
    def unknown(self) -> tuple[NamedPrincipal, ...]:
        """Named principals that no account has."""
        asked = self.question.principals or ()
        return tuple(
            each for each in asked if not any(self._has(one, each) for one in self.accounts)
        )

    @staticmethod
    def _has(account: AccountAnswers, whom: NamedPrincipal) -> bool:
        is_there = whom not in {each.whom for each in account.absent}
        return account.failure is None and whom.may_be_in(account.account) and is_there

    @property
    def caveats(self) -> tuple[str, ...]:
        """What else would have to be evaluated, if it may change the answer."""
        needed = dict.fromkeys(answer.needed for answer in self.answers if answer.needed)
        everyone = self.question.principals is None
        asked = everyone or self.answers
        none_can = asked and not any(answer.possible for answer in self.answers)
        here = [each for each in self.answers if self.by_aws and each.aws is None]
        limits = unseen(by_aws=self.by_aws, all_known=self._all_known)
        return (
            *needed,
            *([NOT_BY_AWS] if any(not each.by_resource for each in here) else []),
            *([HERE_FOR_RESOURCES] if any(each.by_resource for each in here) else []),
            *([limits] if limits and (none_can or everyone) else []),
            *self._roles_unseen(),
        )

    def _roles_unseen(self) -> Iterator[str]:
        """As which roles one may act, or who as the roles that can, if that was not looked at."""
        if self.question.principals is None:
            roles = any(answer.principal.type is PrincipalType.ROLE for answer in self.answers)
            if roles and not all(map(is_trust_action, map(str.lower, self.question.actions))):
                yield _WHO_ASSUMES
        elif any(not answer.possible for answer in self.answers):
            if self.by_aws:
                yield _NO_ROLES_BY_AWS
            elif self.left_out:
                where = phrases.some([each.title for each in self.left_out], _NAMED)
                yield f"roles in {where} that they may assume were not looked at"

    @property
    def _all_known(self) -> bool:
        """Whether the policies of all resources that were asked about were looked at."""
        asked = self.question.resources
        return all(set(asked) <= each.known_resources for each in self.accounts)

    @property
    def exit_status(self) -> int:
        """0 if a principal can, 1 if none can, 2 if something was not evaluated.

        Access on some of the resources or under conditions counts. Everything is evaluated only if
        there are accounts, each of them is answered, every file that counts is read, and each name
        exists in an account: a misspelled name proves nothing.
        """
        failed = not self.accounts or any(account.failure for account in self.accounts)
        if self.unknown or self.unread or failed:
            return 2
        return 0 if any(answer.possible for answer in self.answers) else 1
