"""Why a key cannot be as its entry says, and what is to be said of one in an account."""

from collections.abc import Iterable, Iterator
from typing import Final

from iam_access.kinds import key_calls, key_facts, key_policy, key_resource, markers, names
from iam_access.kinds.base import FileEntry, TeamInAccount, finding_about
from iam_access.kinds.data_kind import wrong_partition
from iam_access.kinds.key_facts import PENDING, KeyState, StrayKeysPart
from iam_access.kinds.key_file import KeySpec
from iam_access.kinds.policy_principals import missing_principal
from iam_access.model import Failure, Finding, Resource, Severity
from iam_access.phrases import listed
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy.evaluation.conditions import PolicySyntaxError
from iam_access.problem import Problem
from iam_access.snapshot import Snapshot

#: What the deployer role does with a key of ours. One is deleted without its statements.
_ADMINISTERED: Final = tuple(
    action.removeprefix("kms:")
    for name, operation in key_calls.OPERATIONS.items()
    if name not in ("create_key", "schedule_key_deletion")
    for action in operation.permissions
)


def fault(wanted: Resource, entry: FileEntry[KeySpec], scope: TeamInAccount) -> Finding | None:
    """Why a key cannot be as its entry says."""
    problem = (
        wrong_partition(entry.spec.region, scope.account)
        or _unread(entry, scope)
        or other_region(entry, scope)
        or missing_principal(
            key_resource.named(wanted, entry, scope), f"key {entry.key} names", scope
        )
        or _too_large(wanted)
        or _lockout(wanted, scope)
    )
    return scope.finding(problem, entry) if problem is not None else None


def same_key(wanted: Resource, others: Iterable[Resource], scope: TeamInAccount) -> Finding | None:
    """That another entry is about the key of this alias, too: a key has one tag of ours."""
    other = next((each.name for each in others if each.arn == wanted.arn), None)
    if other is None:
        return None
    return finding_about(
        wanted,
        scope.snapshot,
        "name-taken",
        f"the aliases {other} and {wanted.name} stand for one key, {wanted.arn}",
        "describe it under one of them; the other alias stays as it is",
    )


def other_region(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Problem | None:
    """A key cannot move: in another region it is another key, which reads nothing of the first."""
    region = entry.spec.region
    wanted = key_facts.arn_of_part(scope.snapshot, key_resource.part_of(entry, scope))
    for mark in markers.marks_like(scope.snapshot, wanted):
        part = key_facts.part_of(mark.arn, scope.snapshot)
        if mark.team != scope.team or part.region == region:
            continue
        key = key_facts.key_of(part, scope.snapshot).key
        # For one that cannot be read, the mark decides.
        is_ours = key is not None and (
            key.failure is not None or names.team_of_key(key.tags, mark.arn) == scope.team
        )
        if is_ours:
            return Problem(
                "other-region",
                f"the key {entry.key} of {scope.team} is in {part.region} and not in {region}, "
                "and a key cannot move: what it encrypts could not be read there",
                f"write region: {part.region}; for a key in {region} write a second entry with "
                "another alias",
                ("region",),
            )
    return None


def _unread(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Problem | None:
    failure = key_facts.failure_of(key_resource.part_of(entry, scope), scope.snapshot)
    if failure is None:
        return None
    message = f"the key {entry.key} in {entry.spec.region} stays as it is: {failure.message}"
    return Problem("key-unreadable", message, failure.hint, ())


def _too_large(wanted: Resource) -> Problem | None:
    size = len(documents.to_json(wanted.document or {}).encode())
    if size <= key_policy.SIZE_LIMIT:
        return None
    return Problem(
        "policy-too-large",
        f"the policy of key {wanted.name} has {size:,} bytes; AWS keeps {key_policy.SIZE_LIMIT:,}",
        "write fewer statements, or grant the use of the key in policies of aws-policies",
        ("statements",),
    )


def _lockout(wanted: Resource, scope: TeamInAccount) -> Problem | None:
    actions = tuple(dict.fromkeys((*(f"kms:{each}" for each in _ADMINISTERED), *key_calls.READS)))
    region, tags = wanted.attributes["region"], dict(wanted.attributes["tags"])
    of_key: dict[str, str | list[str]] = {
        **{f"aws:ResourceTag/{name}": value for name, value in tags.items()},
        "kms:ResourceAliases": [f"alias/{wanted.name}"],
    }
    try:
        found = key_policy.locked_out(
            wanted.document or {}, scope.account, region, actions, of_key, scope.now
        )
    except PolicySyntaxError as error:
        return Problem(
            "policy-lockout",
            f"who could administer key {wanted.name} by its policy cannot be judged: {error}",
            "correct the conditions of its statements",
            ("statements",),
        )
    if found is None:
        return None
    who, action = found
    return Problem(
        "policy-lockout",
        f"with these statements {who} may not do {action} on the key {wanted.name}, so that it "
        "could not be administered any more",
        "leave it out of what is denied: name the actions, or add a condition such as "
        f"{{ArnNotLike: {{aws:PrincipalArn: '{arns.deployer_role_arn(scope.account)}'}}}}",
        ("statements",),
    )


def kept(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Iterator[Finding]:
    """That a key that an entry does not want is about to be deleted, or cannot be deleted."""
    part = key_resource.part_of(entry, scope)
    key = key_facts.key_of(part, scope.snapshot).key
    elsewhere = other_region(entry, scope)
    if elsewhere is not None:
        yield scope.finding(elsewhere, entry)
    if key is None:
        return
    team = names.team_of_key(key.tags, key_facts.arn_of_part(scope.snapshot, part))
    unread = _unread(entry, scope)
    if unread is not None:
        yield scope.finding(unread, entry)
    elif team not in (None, scope.team):
        message = (
            f"the alias {entry.key} in {part.region} stands for {key.arn}, which is of team {team}"
        )
        hint = "have its owner delete it, or remove the entry"
        yield scope.finding(Problem("not-ours", message, hint), entry)
    elif key.state == PENDING:
        when = f" on {key.deleted_on}" if key.deleted_on else ""
        message = f"AWS deletes the key {key.arn} ({entry.key}){when}"
        hint = "state: present keeps it; remove the entry once it is gone"
        note = Problem("key-pending-deletion", message, hint, (), Severity.NOTE)
        yield scope.finding(note, entry)


def stray_keys(wanted: Resource, keys: Iterable[KeyState], snapshot: Snapshot) -> Finding:
    """That several keys may be the one that is wanted."""
    return finding_about(
        wanted,
        snapshot,
        "stray-keys",
        f"{listed([each.arn for each in keys])} have the tag of the key {wanted.name} and no "
        "alias, so it is not clear which is meant",
        f"give the right one the alias: aws kms create-alias --alias-name alias/{wanted.name} "
        "--target-key-id …; schedule the deletion of one that encrypts nothing",
    )


def unsearched(snapshot: Snapshot) -> Iterator[Finding]:
    """The regions in which keys without an alias could not be looked for.

    Not where that is why nothing is known of a key, which is reported of that one.
    """
    asked = [part for part, _ in key_facts.parts_read(snapshot)]
    told = {part.region for part in asked if key_facts.failure_of(part, snapshot) is not None}
    for part, found in snapshot.parts.items():
        if not isinstance(part, StrayKeysPart) or part.region in told:
            continue
        if isinstance(found, Failure):
            yield Finding(
                code="key-unreadable",
                severity=Severity.WARNING,
                message="keys of ours that lost their alias cannot be looked for in "
                f"{part.region}: {found.message}",
                hint=found.hint,
                account=snapshot.account_id,
            )


def left_behind(stray: Resource, snapshot: Snapshot) -> Finding:
    """That there is a key with the tag of one that is another by its alias."""
    return finding_about(
        stray,
        snapshot,
        "stray-keys",
        f"the key {stray.arn} has the tag of the key {stray.name} and not its alias, as two runs "
        "at once, or an alias that was moved by hand, leave it",
        "if it encrypts nothing, have it deleted: aws kms schedule-key-deletion --region "
        f"{stray.attributes['region']} --key-id {stray.arn}; else take off its tag {names.KEY_TAG}",
        severity=Severity.WARNING,
    )
