"""Buckets of files: the calls, in an order that is safe to stop after."""

from dataclasses import replace
from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.settings import Settings
from iam_access.kinds import bucket_facts, given_access, markers, names
from iam_access.kinds.base import FileEntry
from iam_access.kinds.bucket import Buckets
from iam_access.kinds.bucket_facts import (
    BlocksPublicPart,
    BucketPart,
    BucketState,
    Claim,
    IsEmptyPart,
    Stage,
)
from iam_access.kinds.bucket_file import BucketSpec
from iam_access.model import Change, Failure, Plan
from iam_access.plan.diff import observed_state
from iam_access.plan.planner import RunOptions
from iam_access.policy import document as documents
from iam_access.snapshot import Snapshot
from tests import values
from tests.kinds.test_role import PART as ROLES
from tests.kinds.test_role import account as with_roles
from tests.kinds.test_role import role
from tests.values import ACCOUNT

LOGS, REGION = "pay-prod-logs", "eu-west-1"
PART = BucketPart(ACCOUNT.id, LOGS, REGION)
ARN = f"arn:aws:s3:::{LOGS}"
ADOPT = RunOptions(adopt=True)
READ = {"effect": "Allow", "principals": {"iam": "role/runner"}, "actions": ["s3:GetObject"]}
DENIED = Failure("AccessDenied", "it is in another account", "choose another name")
ALL = {**READ, "principals": "*"}
UNJUDGED = {"IpAddressLike": {"aws:SourceIp": "10.*"}}
THEIRS = documents.document(
    [documents.statement("Deny", principal="*", actions=["s3:*"], resources=[ARN])]
)


def bucket(key: str = "pay-{environment}-logs", **written: Any) -> FileEntry[BucketSpec]:
    """A bucket in prod, unless told otherwise."""
    region = {} if written.get("state") == "absent" else {"region": REGION}
    spec = {"environments": ["prod"], **region, **written}
    return FileEntry(key, BucketSpec.model_validate(spec), values.place(7))


def files(*buckets: FileEntry[BucketSpec], **others: Any) -> Configuration:
    team = values.team(policies=[])
    return values.configuration(
        replace(team, entries={**team.entries, "aws-buckets": buckets, **others})
    )


def account(state: BucketState | None = None, **parts: bool | Failure) -> Snapshot:
    """An account with this bucket, or none of the name."""
    known: dict[Any, Any] = {
        PART: state or BucketState(),
        IsEmptyPart(ACCOUNT.id, LOGS, REGION): parts.get("empty", True),
        BlocksPublicPart(ACCOUNT.id, LOGS, REGION): parts.get("blocked", True),
    }
    return replace(values.account_with(), parts=known)


def plan(
    configuration: Configuration, snapshot: Snapshot, request: RunOptions = values.EVERYTHING
) -> Plan:
    return values.apply_plan(configuration, snapshot, request)


def changes(configuration: Configuration, snapshot: Snapshot) -> tuple[Change, ...]:
    return plan(configuration, snapshot).changes


def operations(
    configuration: Configuration, snapshot: Snapshot, request: RunOptions = values.EVERYTHING
) -> list[str]:
    found = plan(configuration, snapshot, request).changes
    return [call.operation for call in values.in_order(found)]


def codes(configuration: Configuration, snapshot: Snapshot) -> list[str]:
    found = plan(configuration, snapshot)
    assert not found.changes
    return [each.code for each in found.findings]


def made(*buckets: FileEntry[BucketSpec]) -> Snapshot:
    return values.applied(files(*buckets), account())


def state(snapshot: Snapshot) -> BucketState:
    return bucket_facts.bucket(snapshot, LOGS)


def owned(stage: Stage, team: str = "payments") -> dict[str, str]:
    return {names.BUCKET_TAG: bucket_facts.tag_value(Claim(team, stage), LOGS, ACCOUNT.id)}


WHOLE = bucket(statements=[READ], tags={"app": "pay"})


def test_it_is_made_closed_and_its_policy_is_written_last() -> None:
    assert operations(files(WHOLE), account()) == [
        "create_policy",
        "create_bucket",
        "put_public_access_block",
        "put_bucket_encryption",
        "put_bucket_tagging",
        "put_bucket_policy",
    ]
    found = state(made(WHOLE))
    assert (found.region, found.tags) == (REGION, {"app": "pay", **owned(Stage.WITH_POLICY)})
    assert found.policy is not None
    assert found.policy["Statement"][0]["Resource"] == [ARN, f"{ARN}/*"]
    assert changes(files(WHOLE), made(WHOLE)) == ()


def test_tags_and_ownership_are_part_of_the_call_that_makes_it() -> None:
    (change,) = changes(files(WHOLE), account())
    (call,) = (each for each in change.calls if each.operation == "create_bucket")
    assert call.region == REGION
    assert call.params["ObjectOwnership"] == "BucketOwnerEnforced"
    configuration = call.params["CreateBucketConfiguration"]
    tags = {each["Key"]: each["Value"] for each in configuration["Tags"]}
    assert tags == {"app": "pay", **owned(Stage.NEW)}
    assert configuration["LocationConstraint"] == REGION


def test_the_oldest_region_is_no_constraint() -> None:
    (change,) = changes(files(bucket(region="us-east-1")), account())
    (call,) = (each for each in change.calls if each.operation == "create_bucket")
    assert "LocationConstraint" not in call.params["CreateBucketConfiguration"]
    # There a bucket that the account has already is answered as a new one.
    assert call.confirm is not None
    assert call.confirm.always


def test_every_call_about_it_names_the_account_that_has_it() -> None:
    calls = values.in_order(changes(files(WHOLE), account()))
    about = [each for each in calls if each.service == "s3" and each.operation != "create_bucket"]
    assert {each.params["ExpectedBucketOwner"] for each in about} == {ACCOUNT.id}


STEPS = [
    ((), (WHOLE,)),
    ((WHOLE,), (bucket(tags={"app": "x"}),)),
    ((bucket(),), (WHOLE,)),
    ((WHOLE,), ()),
    ((bucket(),), ()),
]


@pytest.mark.parametrize(("before", "after"), STEPS)
def test_stopped_after_any_call_the_next_run_finishes(before: Any, after: Any) -> None:
    first = made(*before)
    whole = values.applied(files(*after), first)
    calls = values.in_order(changes(files(*after), first))
    for count in range(len(calls) + 1):
        half = values.carried_out(first, calls[:count])
        assert values.applied(files(*after), half) == whole, count


def test_a_bucket_that_was_only_made_is_closed_and_encrypted_by_the_next_run() -> None:
    _, create, *rest = values.in_order(changes(files(WHOLE), account()))
    half = values.carried_out(made(), [create])
    assert operations(files(WHOLE), half) == ["create_policy", *(each.operation for each in rest)]


def test_it_goes_with_its_data_where_it_is() -> None:
    (change,) = changes(files(), made(WHOLE))
    assert [each.operation for each in change.calls] == [
        "delete_bucket_policy",
        "put_bucket_tagging",
        "delete_policy",
    ]
    assert any("stays, with its data" in each for each in change.reasons)
    gone = values.applied(files(), made(WHOLE))
    assert state(gone) == BucketState(REGION, {"app": "pay"})
    assert gone.policies == account().policies
    assert changes(files(), gone) == ()


def test_without_tags_of_others_none_is_left() -> None:
    assert state(values.applied(files(), made(bucket()))).tags == {}


def test_it_is_found_by_its_mark_alone() -> None:
    kind = Buckets()
    assert list(kind.parts_owned(account())) == []
    assert list(kind.parts_owned(replace(made(WHOLE), parts={}))) == [PART]
    (mark,) = markers.marks(made(WHOLE), "s3")
    assert (mark.team, mark.arn, mark.region) == ("payments", ARN, REGION)


def test_a_copied_tag_makes_nothing_ours() -> None:
    other = bucket_facts.tag_value(Claim("payments", Stage.MADE), "other", ACCOUNT.id)
    copied = account(BucketState(REGION, {names.BUCKET_TAG: other}))
    assert codes(files(WHOLE), copied) == ["not-ours"]
    elsewhere = bucket_facts.tag_value(Claim("payments", Stage.MADE), LOGS, "999999999999")
    assert not observed_state(account(BucketState(REGION, {names.BUCKET_TAG: elsewhere})))


def test_one_of_others_is_refused_or_taken_over() -> None:
    theirs = account(BucketState(REGION, {"their": "tag"}, THEIRS))
    (finding,) = plan(files(WHOLE), theirs).findings
    assert (finding.code, "--adopt" in finding.hint) == ("not-ours", True)
    assert operations(files(WHOLE), theirs, ADOPT) == [
        "create_policy",
        "put_bucket_tagging",
        "put_bucket_policy",
    ]
    taken = values.applied(files(WHOLE), theirs, ADOPT)
    assert state(taken) == state(made(WHOLE))
    assert changes(files(WHOLE), taken) == ()


def test_taken_over_without_statements_the_policy_of_others_stays() -> None:
    theirs = account(BucketState(REGION, {}, THEIRS))
    taken = values.applied(files(bucket()), theirs, ADOPT)
    assert state(taken) == BucketState(REGION, owned(Stage.MADE), THEIRS)
    assert changes(files(bucket()), taken) == ()
    assert state(values.applied(files(), taken)) == BucketState(REGION, {}, THEIRS)
    # What a policy of others gives counts all the same.
    (found,) = observed_state(taken).values()
    assert given_access(found).resource_policies[ARN].document == THEIRS


def test_a_policy_of_others_on_ours_becomes_ours_as_it_is_and_not_otherwise() -> None:
    taken = account(BucketState(REGION, owned(Stage.MADE), THEIRS))
    marked = values.applied(files(bucket()), taken)
    assert codes(files(WHOLE), marked) == ["not-ours"]
    same = {"effect": "Deny", "principals": "*", "actions": ["s3:*"]}
    exempt = {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/self-serve-deployer"}}
    written = bucket(statements=[{**same, "conditions": exempt}])
    document = state(made(written)).policy
    copied = replace(taken, parts={**taken.parts, PART: BucketState(REGION, {}, document)})
    assert state(values.applied(files(written), copied, ADOPT)).policy == document


def test_tags_of_aws_itself_are_written_back_as_they_are() -> None:
    system = {"aws:cloudformation:stack-name": "x"}
    theirs = account(BucketState(REGION, {**system, "their": "tag"}))
    taken = values.applied(files(bucket()), theirs, ADOPT)
    assert state(taken).tags == {**system, **owned(Stage.MADE)}
    assert changes(files(bucket()), taken) == ()
    assert state(values.applied(files(), taken)).tags == system


def test_drift_is_put_right() -> None:
    first = made(WHOLE)
    changed = replace(state(first), tags={**state(first).tags, "new": "tag"}, policy=THEIRS)
    drifted = replace(first, parts={**first.parts, PART: changed})
    assert operations(files(WHOLE), drifted) == ["put_bucket_tagging", "put_bucket_policy"]
    assert values.applied(files(WHOLE), drifted) == first


def test_absent_deletes_an_empty_bucket_whoever_made_it() -> None:
    gone = bucket(state="absent")
    for before in (account(BucketState(REGION, {"x": "y"}, THEIRS)), made(WHOLE)):
        (change,) = changes(files(gone), before)
        assert change.subject.loss
        after = values.applied(files(gone), before)
        assert not state(after).exists
        assert after.policies == account().policies
        assert changes(files(gone), after) == ()
    full = account(BucketState(REGION), empty=False)
    assert codes(files(gone), full) == ["bucket-not-empty"]
    other = account(BucketState(REGION, owned(Stage.MADE, "platform")))
    assert "delete_bucket" not in operations(files(gone), other)


@pytest.mark.parametrize(
    ("written", "before", "code"),
    [
        ({}, BucketState("us-east-1", owned(Stage.MADE)), "other-region"),
        ({"region": "cn-north-1"}, None, "bad-region"),
        ({}, BucketState(failure=DENIED), "bucket-unreadable"),
        ({"statements": [{**READ, "principals": {"iam": "role/x"}}]}, None, "missing-principal"),
        ({"statements": [ALL]}, None, "public-policy"),
        ({"statements": [ALL]}, BucketState(REGION, owned(Stage.MADE)), "public-policy"),
        ({"statements": [{**ALL, "effect": "Deny", "actions": ["s3:*"]}]}, None, "policy-lockout"),
        ({"statements": [{**READ, "conditions": UNJUDGED}]}, None, "policy-lockout"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_it_as_it_is(
    written: dict[str, Any], before: BucketState | None, code: str
) -> None:
    snapshot = account(before)
    if before is not None and before.exists:
        region = before.region or ""
        snapshot = values.applied(files(bucket(region=region)), snapshot)
    assert codes(files(bucket(**written)), snapshot) == [code]


def test_what_may_not_be_asked_of_it_is_told_and_changes_nothing() -> None:
    gone = files(bucket(state="absent"))
    assert codes(gone, account(BucketState(REGION), empty=DENIED)) == ["bucket-unreadable"]
    theirs = account(BucketState(REGION, owned(Stage.MADE)), blocked=DENIED)
    opened = files(bucket(statements=[ALL]))
    assert codes(opened, values.applied(files(bucket()), theirs)) == ["bucket-unreadable"]


def test_a_region_of_another_partition_is_not_asked() -> None:
    wrong = bucket(region="us-gov-west-1")
    (part,) = Buckets().parts_asked([wrong], values.scope())
    assert isinstance(part, BucketPart)
    assert part.home == "us-east-1"


def test_everybody_may_be_let_in_where_nothing_blocks_it() -> None:
    before = account(BucketState(REGION, {}), blocked=False)
    found = values.applied(files(bucket(statements=[ALL])), before, ADOPT)
    assert state(found).policy is not None


def test_it_may_name_a_role_that_is_made_before() -> None:
    named = bucket(statements=[{**READ, "principals": {"iam": "role/deploy/ci"}}])
    both = files(named, **{"aws-roles": (role(),)})
    snapshot = replace(account(), parts={**account().parts, **with_roles().parts})
    assert ROLES in snapshot.parts
    found = plan(both, snapshot)
    (change,) = (each for each in found.changes if each.id.kind == "s3-bucket")
    assert {each.kind for each in change.needs} == {"iam-role"}


def test_a_mark_without_its_bucket_goes_or_gets_one() -> None:
    first = made(WHOLE)
    lost = replace(first, parts={**first.parts, PART: BucketState()})
    assert operations(files(), lost) == ["delete_policy"]
    again = operations(files(WHOLE), lost)
    assert (again[0], "create_policy" in again) == ("create_bucket", False)
    untagged = replace(first, parts={**first.parts, PART: BucketState(REGION)})
    assert operations(files(), untagged) == ["delete_policy"]


@pytest.mark.parametrize(
    ("team", "region", "code"),
    [("ops", REGION, "not-ours"), ("payments", "us-east-1", "other-region")],
)
def test_absent_deletes_no_bucket_of_another_team_or_region(
    team: str, region: str, code: str
) -> None:
    tag = bucket_facts.tag_value(Claim(team, Stage.MADE), LOGS, ACCOUNT.id)
    there = account(BucketState(REGION, {names.BUCKET_TAG: tag}))
    elsewhere = BucketPart(ACCOUNT.id, LOGS, region)
    there = replace(there, parts={**there.parts, elsewhere: there.parts[PART]})
    asked = RunOptions(frozenset({"payments"}))
    found = plan(files(bucket(state="absent", region=region)), there, asked)
    assert ([each.code for each in found.findings], found.changes) == ([code], ())


def test_the_mark_of_a_takeover_that_was_interrupted_stays() -> None:
    first = made(WHOLE)
    untagged = replace(first, parts={**first.parts, PART: BucketState(REGION)})
    assert (codes(files(WHOLE), untagged), changes(files(WHOLE), untagged)) == (["not-ours"], ())
    taken = values.applied(files(WHOLE), untagged, RunOptions(adopt=True))
    assert (taken.policies, changes(files(WHOLE), taken)) == (first.policies, ())


def test_what_may_not_be_read_is_told_and_left_alone() -> None:
    first = made(WHOLE)
    closed = replace(first, parts={**first.parts, PART: BucketState(failure=DENIED)})
    found = plan(files(), closed)
    assert ([each.code for each in found.findings], found.changes) == (["bucket-unreadable"], ())
    (mark,) = markers.marks(first, "s3")
    assert mark.policy in found.findings[0].hint


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"protected_principals": {"roles": ["runner"]}}, "protected-principal"),
        ({"permissions_boundary": "limit"}, "missing-boundary"),
    ],
)
def test_rules_about_principals_hold_for_whom_it_lets_in(
    settings: dict[str, Any], code: str
) -> None:
    rules = Settings.model_validate(settings)
    assert codes(replace(files(WHOLE), settings=rules), account()) == [code]
    # Whom it lets in already it may go on to let in.
    kept = bucket(statements=[READ], tags={"app": "other"})
    (change,) = changes(replace(files(kept), settings=rules), made(WHOLE))
    assert [call.operation for call in change.calls] == ["put_bucket_tagging"]
    more = bucket(statements=[READ, {**READ, "actions": ["s3:PutObject"]}])
    if code == "missing-boundary":
        assert codes(replace(files(more), settings=rules), made(WHOLE)) == [code]


def test_a_policy_that_no_rule_was_asked_about_is_not_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Buckets, "access", lambda *_: ())
    assert codes(files(WHOLE), account()) == ["rules-unknown"]
