"""What a plan means for the users and roles of an account, with what has to be read for it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from iam_access.cloud.client import CloudError
from iam_access.cloud.sessions import AccountSession
from iam_access.kinds import given_access, kind_of, policies_there
from iam_access.meaning.meaning import meaning
from iam_access.meaning.principal_policies import affected_principals, managed_documents_needed
from iam_access.meaning.resource_access import ResourceChanges
from iam_access.meaning.switching import with_switchers
from iam_access.model import Account, AccountReport, Change, Finding, Meaning, Resource, Severity
from iam_access.plan.account_after import after
from iam_access.plan.diff import observed_state, state_after
from iam_access.policy.document import DocumentError
from iam_access.policy.evaluation.conditions import PolicySyntaxError
from iam_access.runs.run import Run
from iam_access.snapshot import Snapshot


def explained(
    run: Run, session: AccountSession, before: Snapshot, report: AccountReport
) -> AccountReport:
    """The report with what its plan means, and what the changes that are held back would mean.

    Reads the AWS managed policies of the users and roles that the changes are about, two calls for
    each that is not read yet. Why that cannot be read or understood becomes a finding: it is no
    reason to leave the changes undone, least of all to end access.
    """
    plan = report.plan
    assert plan is not None, "an account that cannot be read raises"

    def between(before: Snapshot, changes: Sequence[Change]) -> tuple[Meaning, ...]:
        observed = observed_state(before)
        held = state_after(observed, changes)
        others = tuple(_taken_over(changes, before))
        taken = {
            arn: policy for each in others for arn, policy in policies_there(each, before).items()
        }
        then = with_switchers(after(before, changes), held.values())
        before = with_switchers(before, (*observed.values(), *others))
        principals = affected_principals(before, then, changes)
        concerned = ResourceChanges.between(before, then, taken).concerned(before, then)
        read_for = concerned.union(principals)
        wanted = managed_documents_needed(before, read_for) | managed_documents_needed(
            then, read_for
        )
        return meaning(
            run.managed_policies.added_to(before, session.call, wanted),
            run.managed_policies.added_to(then, session.call, wanted),
            principals,
            run.now,
            invented=run.invented,
            taken=taken,
        )

    try:
        made = between(before, plan.changes)
        held = between(after(before, plan.changes), plan.held) if plan.held else ()
    except (CloudError, DocumentError, PolicySyntaxError) as error:
        findings = (*plan.findings, _unexplained(report.account, error))
        return replace(report, plan=replace(plan, findings=findings))
    return replace(report, meanings=made, held_meanings=held)


def _taken_over(changes: Sequence[Change], before: Snapshot) -> Iterator[Resource]:
    """What others made and a plan makes ours, as it is: what it gives is no gain."""
    for change in changes:
        made = change.after if change.before is None else None
        if made is None:
            continue
        found = kind_of(made.id).unmanaged(made, before)
        if found is not None and found.adopt is not None and found.adopt.before is not None:
            yield found.adopt.before
        elif given_access(made).switching is not None and kind_of(made.id).is_there(made, before):
            yield made


def _unexplained(account: Account, error: Exception) -> Finding:
    """The finding for a plan whose meaning is not known: it may mean anything."""
    return Finding(
        code="not-explained",
        severity=Severity.ERROR,
        message=f"the effect of the plan could not be computed: {error}",
        hint="what users and roles gain and lose is not known here; the plan itself is not "
        "affected",
        account=account.id,
    )
