"""One run over accounts: opens, reads and plans them for every use case."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from iam_access import phrases
from iam_access.cloud.client import Call, Clients, CloudError
from iam_access.cloud.iam_reader import ManagedPolicyDocuments
from iam_access.cloud.parallel import Interrupted, for_each_account
from iam_access.cloud.reader import SharedParts, read_snapshot
from iam_access.cloud.retry import SharedLimits
from iam_access.cloud.sessions import Accounts, AccountSession
from iam_access.config.configuration import Configuration
from iam_access.kinds import KINDS
from iam_access.kinds.customer_policies import KEY
from iam_access.model import Account, CallTarget, Failure, Finding, Plan, Severity
from iam_access.runs.planning import Planner
from iam_access.snapshot import Snapshot

T = TypeVar("T")


def _limits() -> SharedLimits:
    return SharedLimits(limit for kind in KINDS for limit in kind.limits)


@dataclass(frozen=True, slots=True)
class Run:
    """One run over some accounts with one set of files, at one time (`now`, UTC).

    A session that cannot be opened, and a read or write that fails, becomes the failure of its
    account and stops no other. `watch` is called with each account when its part is finished, from
    any thread. `managed_policies` and `shared_parts` are read once for all accounts, and `limits`
    are counted for all of them. `stop` is set to end the run early. `invented` accounts are made
    from the files and hold nothing else.
    """

    configuration: Configuration
    sessions: Accounts
    now: datetime
    watch: Callable[[Account], None] = lambda account: None
    managed_policies: ManagedPolicyDocuments = field(default_factory=ManagedPolicyDocuments)
    shared_parts: SharedParts = field(default_factory=SharedParts)
    limits: SharedLimits = field(default_factory=_limits)
    stop: threading.Event = field(default_factory=threading.Event)
    invented: bool = False

    def each(
        self,
        accounts: Sequence[Account],
        work: Callable[[Account], T],
        failed: Callable[[Account, Failure], T],
    ) -> tuple[T, ...]:
        """What `work` returns for each account, in their order, or what `failed` makes of it.

        An interrupt leaves out the accounts that are not begun.
        """

        def watched(account: Account) -> T:
            try:
                return work(account)
            finally:
                self.watch(account)

        try:
            results = for_each_account(accounts, watched, stop=self.stop)
        except Interrupted as interrupted:
            results = interrupted.results
        return tuple(
            failed(account, result) if isinstance(result, Failure) else result
            for account, result in zip(accounts, results, strict=True)
        )

    def open(self, account: Account) -> AccountSession:
        """A session of the account's deployer role. Raises CloudError."""
        return self.sessions.open(account)

    def clients(self, session: AccountSession) -> Clients:
        """What reads and changes of the session's account call, there and in other accounts.

        Opens sessions in other accounts on first use, one for all accounts of the run, and only in
        accounts that the files name. Calls wait for the limits that all accounts share. Threads may
        share it.
        """

        def client(target: CallTarget) -> Call:
            call = unlimited(target)
            return self.limits.paced(target, call, sleep=self.stop.wait, stopped=self.stop.is_set)

        def unlimited(target: CallTarget) -> Call:
            if target.account == session.account.id:
                return session.client(target.service, target.region)
            account = self.configuration.known_accounts.get(target.account)
            if account is None:
                raise CloudError(
                    "UnknownAccount",
                    f"no file names account {target.account}",
                    "add the account to a file in aws-accounts/",
                )
            return self.sessions.shared(account).client(target.service, target.region)

        return client

    def read(self, session: AccountSession, planner: Planner) -> Snapshot:
        """The account as it is now, with the parts that the planner names. Raises CloudError."""
        return read_snapshot(
            session.account,
            self.clients(session),
            lambda read: planner.parts(session.account, read),
            self.shared_parts,
        )

    def complete(self, session: AccountSession, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the documents of all AWS managed policies that count in the account.

        Two calls for each that is not read yet. Raises CloudError.
        """
        wanted = snapshot.aws_policies()
        return self.managed_policies.added_to(snapshot, session.call, wanted)

    def read_and_plan(self, session: AccountSession, planner: Planner) -> tuple[Snapshot, Plan]:
        """The account as it is now with all that its plan depends on, and the plan.

        Of an `invented` account, findings of the plan say which policies of others are not known.
        Raises CloudError.
        """
        snapshot, plan = self._read_and_plan(session, planner)
        if not self.invented:
            return snapshot, plan
        unknown = unknown_policies(self.configuration, session.account)
        return snapshot, replace(plan, findings=(*plan.findings, *unknown))

    def _read_and_plan(self, session: AccountSession, planner: Planner) -> tuple[Snapshot, Plan]:
        account, call = session.account, session.call
        snapshot = self.read(session, planner)
        documents = planner.documents(account, snapshot)
        snapshot = self.managed_policies.added_to(snapshot, call, documents)
        unproven = planner.unproven(account, snapshot)
        if not unproven:
            return snapshot, planner.plan(account, snapshot)
        try:
            attachable = self.managed_policies.attachable(call, account.partition)
        except CloudError as error:
            plan = planner.plan(account, snapshot)
            findings = (*plan.findings, _unlisted(account, unproven, error))
            return snapshot, replace(plan, findings=findings)
        snapshot = replace(snapshot, attachable=attachable)
        return snapshot, planner.plan(account, snapshot)


def unknown_policies(configuration: Configuration, account: Account) -> Iterator[Finding]:
    """The findings about granted policies of others, of which an invented account has the names.

    There is one for each policy of a team that an entry grants in the account.
    """
    for name, environment in sorted(account.environments.items()):
        team = configuration.teams.get(name)
        entries = team.access_in(environment) if team is not None else ()
        granted = {key for entry in entries for key in entry.given}
        for key, policy in sorted(team.given.items()) if team is not None else ():
            if key in granted and policy.spec.of_others:
                named = phrases.listed(list(map(phrases.shown, policy.spec.of_others)))
                yield Finding(
                    code="unread-policy",
                    severity=Severity.WARNING,
                    message=f"what {named} of {account.id} ({account.label}) says is not known "
                    f"here, so what {key} gives by it is left out",
                    hint="ask about the account itself, without --sandbox; what a temporary grant "
                    "copies of it here is made up",
                    location=policy.place.at(KEY).location,
                    team=name,
                    account=account.id,
                )


def _unlisted(account: Account, unproven: frozenset[str], error: CloudError) -> Finding:
    """The finding for a plan that attaches AWS managed policies which could not be listed."""
    return Finding(
        code="policies-not-listed",
        severity=Severity.ERROR,
        message=f"the AWS managed policies could not be listed in account {account.id}, so it is "
        f"not known whether AWS has {', '.join(sorted(unproven))}: {error}",
        hint=error.hint,
        account=account.id,
    )
