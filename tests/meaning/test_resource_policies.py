"""What changed policies of resources mean: for users and roles, and for who is neither."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam_access.kinds.kind import ResourcePolicy
from iam_access.meaning.meaning import meaning
from iam_access.model import Account, AccountReport, Meaning, Principal, Report
from iam_access.policy.document import document
from iam_access.policy.kms_grants import document_of_grant
from iam_access.render.view import meaning as view
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.snapshot import Snapshot
from tests.resources import BUCKET, KEY, bucket, having, key, known, naming
from tests.simulation.accounts import allow, deny, holding
from tests.values import ACCOUNT, ALICE, BOB, NOW, RUNNER, account_with, with_policy, with_state

OTHER = "444455556666"
ROOT = f"arn:aws:iam::{ACCOUNT.id}:root"
ARN = {who: account_with().principals[who].arn for who in (ALICE, BOB, RUNNER)}
BOUNDARY = f"arn:aws:iam::{ACCOUNT.id}:policy/limit"
Policies = Mapping[str, ResourcePolicy]


@pytest.fixture(autouse=True)
def _known() -> Iterator[None]:
    with known():
        yield


def means(before: Policies, after: Policies, account: Snapshot | None = None) -> dict[str, Meaning]:
    """What a change of policies means, by whom it is for; the account stays as it is."""
    account = account or account_with()
    found = meaning(having(account, before), having(account, after), (), NOW)
    return {str(each.principal): each for each in found}


def said(found: Mapping[str, Meaning]) -> dict[str, str]:
    return {whom: view.summary(each) for whom, each in found.items()}


GET = f"1 Read on {BUCKET}/*"
LENDS: dict[str, Any] = {
    "user/bob": {"AWS": ARN[BOB]},
    "role/runner": {"AWS": ARN[RUNNER]},
    f"account {OTHER}": {"AWS": OTHER},
    "service athena.amazonaws.com": {"Service": "athena.amazonaws.com"},
    "identity provider accounts.google.com": {"Federated": "accounts.google.com"},
}


@pytest.mark.parametrize("whom", LENDS)
def test_who_is_let_in_gains_and_who_is_no_more_loses(whom: str) -> None:
    shut = {BUCKET: bucket()}
    lent = {BUCKET: bucket(naming(LENDS[whom], "s3:GetObject", on=f"{BUCKET}/*"))}
    assert said(means(shut, lent)) == {whom: f"gains {GET}"}
    assert said(means(lent, shut)) == {whom: f"no new access; loses {GET}"}
    assert means(lent, lent) == {}
    # A bucket that is new lends as one that is there.
    assert said(means({}, lent)) == {whom: f"gains {GET}"}


def test_what_is_taken_over_as_it_is_means_nothing() -> None:
    lent = {BUCKET: bucket(naming({"AWS": ARN[BOB]}, "s3:GetObject", on=f"{BUCKET}/*"))}
    taken = having(account_with(), lent)
    assert meaning(account_with(), taken, (), NOW, taken=lent) == ()
    closed = having(account_with(), {BUCKET: bucket()})
    (found,) = meaning(account_with(), closed, (), NOW, taken=lent)
    assert view.summary(found) == f"no new access; loses {GET}"


def test_what_others_grant_is_neither_gained_nor_lost_with_the_key() -> None:
    decrypt = document_of_grant(ARN[BOB], ["Decrypt"])
    ours = key(naming({"AWS": ROOT}, "kms:*"), naming({"AWS": ARN[RUNNER]}, "kms:Encrypt"))
    both = replace(ours, grants_of_others={"ebs": decrypt})
    bare = replace(key(naming({"AWS": ROOT}, "kms:*")), grants_of_others={"ebs": decrypt})
    for before, after in (({KEY: both}, {KEY: bare}), ({KEY: both}, {})):
        assert means(before, after).keys() == {"role/runner"}
    assert means({KEY: ours}, {KEY: both}).keys() == {"user/bob"}


def test_a_policy_of_others_stays_on_a_bucket_that_is_let_go() -> None:
    ours = bucket(naming({"AWS": ARN[BOB]}, "s3:GetObject"))
    assert means({BUCKET: ours}, {}).keys() == {"user/bob"}
    assert not means({BUCKET: replace(ours, is_of_others=True)}, {})


def test_all_actions_are_those_of_the_service() -> None:
    everything = {BUCKET: bucket(naming({"AWS": ARN[ALICE]}, "*"))}
    all_of_s3 = {BUCKET: bucket(naming({"AWS": ARN[ALICE]}, "s3:*"))}
    assert said(means({}, everything)) == said(means({}, all_of_s3))
    assert means(all_of_s3, everything) == {}


def test_who_has_it_otherwise_gains_nothing() -> None:
    account = holding(allow("s3:*"))
    lent = {BUCKET: bucket(naming({"AWS": ARN[ALICE]}, "s3:GetObject"))}
    assert means({BUCKET: bucket()}, lent, account) == {}


def test_everyone_is_all_users_and_roles_and_the_world() -> None:
    public = {BUCKET: bucket(naming("*", "s3:GetObject", on=f"{BUCKET}/*"))}
    assert said(means({BUCKET: bucket()}, public)) == dict.fromkeys(
        ["role/runner", "user/alice", "user/bob", "everyone"], f"gains {GET}"
    )
    org = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    policy = {BUCKET: bucket(naming("*", "s3:GetObject", on=f"{BUCKET}/*", Condition=org))}
    found = said(means({BUCKET: bucket()}, policy))
    assert found["everyone"] == f"gains {GET}, when aws:PrincipalOrgID StringEquals o-1"


def test_a_deny_of_the_bucket_takes_away_and_its_end_gives_back() -> None:
    account = holding(allow("s3:GetObject"))
    shut = {BUCKET: bucket(naming("*", "s3:*", effect="Deny"))}
    open_ = {BUCKET: bucket()}
    assert [*means(open_, shut, account)] == ["user/alice"]
    (lost,) = means(open_, shut, account)["user/alice"].losses
    assert (lost.actions, lost.resources) == (("s3:GetObject",), (BUCKET, f"{BUCKET}/*"))
    assert means(shut, open_, account)["user/alice"].gained == {"Read": 1}
    # No one has lost anything of a bucket that was not there.
    assert means({}, shut, account) == {}


def test_what_a_bucket_denies_under_the_same_conditions_is_no_exception_to_a_gain() -> None:
    tls = {"Bool": {"aws:SecureTransport": "false"}}
    shut = naming("*", "s3:*", effect="Deny", Condition=tls)
    lends = naming({"AWS": ARN[BOB]}, "s3:GetObject", on=f"{BUCKET}/*")
    found = said(means({BUCKET: bucket(shut)}, {BUCKET: bucket(shut, lends)}))
    assert found == {"user/bob": f"gains {GET}"}
    found = said(means({BUCKET: bucket()}, {BUCKET: bucket(shut, lends)}))
    assert found == {"user/bob": f"gains {GET}, not when aws:SecureTransport Bool false"}
    account = holding(allow("s3:GetObject"))
    lost = means({BUCKET: bucket()}, {BUCKET: bucket(shut)}, account)["user/alice"]
    assert lost.lost == {"Read": 1}


def test_a_boundary_limits_what_the_role_is_given_and_not_what_the_user_is() -> None:
    account = with_policy(account_with(), BOUNDARY, document=document([allow("sqs:*")]))
    for who in (BOB, RUNNER):
        account = with_state(account, who, boundary=BOUNDARY)
    both = {"AWS": [ARN[BOB], ARN[RUNNER]]}
    lent = {BUCKET: bucket(naming(both, "s3:GetObject"))}
    assert [*means({BUCKET: bucket()}, lent, account)] == ["user/bob"]


DEFAULT = naming({"AWS": ROOT}, "kms:*")


def test_a_key_decides_how_far_policies_of_users_count() -> None:
    account = holding(allow("kms:Decrypt", "kms:Encrypt"))
    default, shut = {KEY: key(DEFAULT)}, {KEY: key()}
    half = {KEY: key(naming({"AWS": ROOT}, "kms:Decrypt"))}
    assert means(shut, default, account)["user/alice"].gained == {"Write": 2}
    assert means(half, default, account)["user/alice"].gained == {"Write": 1}
    assert means(default, half, account)["user/alice"].lost == {"Write": 1}
    assert means(shut, half, account)["user/alice"].gained == {"Write": 1}
    # A new key that leaves all to the account is what policies of users say anyway.
    assert means({}, default, account) == {}
    assert means({}, half, account)["user/alice"].gained == {"Write": 1}


def test_a_condition_of_delegation_is_told() -> None:
    account = holding(allow("kms:Decrypt"))
    secure = {"Bool": {"aws:SecureTransport": "true"}}
    lent = {KEY: key(naming({"AWS": ROOT}, "kms:*", Condition=secure))}
    found = said(means({KEY: key()}, lent, account))
    assert found == {"user/alice": f"gains 1 Write on {KEY}, when aws:SecureTransport Bool true"}
    assert means(lent, {KEY: key(DEFAULT)}, account)["user/alice"].gained == {"Write": 1}


def test_a_grant_of_a_key_is_gained_with_its_constraints() -> None:
    constraints = {"EncryptionContextSubset": {"stage": "prod"}}
    grant = document_of_grant(ARN[BOB], ["Decrypt"], constraints)
    found = said(means({KEY: key(DEFAULT)}, {KEY: key(DEFAULT, app=grant)}))
    assert found == {
        "user/bob": f"gains 1 Write on {KEY}, when kms:EncryptionContext:stage StringEquals prod"
    }
    denied = holding(deny("kms:*"), principal=BOB)
    assert means({KEY: key(DEFAULT)}, {KEY: key(DEFAULT, app=grant)}, denied) == {}


def danger(found: Meaning) -> view.Danger:
    return view.Danger.of(found)


def test_who_gains_from_outside_comes_first() -> None:
    lent = naming({"AWS": [OTHER, ARN[BOB]], "Service": "athena.amazonaws.com"}, "s3:GetObject")
    found = means({BUCKET: bucket()}, {BUCKET: bucket(lent)})
    ranks = {whom: danger(each).rank for whom, each in found.items()}
    assert ranks == {
        "user/bob": view.SAFE,
        f"account {OTHER}": 0,
        "service athena.amazonaws.com": 0,
    }
    account = Account(ACCOUNT.id, "aws", "deployer", {})
    report = Report("apply", NOW, (AccountReport(account, meanings=tuple(found.values())),))
    (told,) = view.dangers(report)
    assert str(told[1]).startswith("from outside the account: gain 1 Read on")
    assert {each.label for each in told[2]} == {f"account {OTHER}", "service athena.amazonaws.com"}


def trusting(*principals: Any) -> Snapshot:
    statements = [
        {"Effect": "Allow", "Principal": each, "Action": "sts:AssumeRole"} for each in principals
    ]
    role = holding(allow("s3:*"), principal=RUNNER)
    return with_state(role, RUNNER, trust=document(statements))


def test_who_may_newly_assume_a_role_is_told() -> None:
    before, after = (
        trusting(),
        trusting({"AWS": [ARN[BOB], OTHER]}, {"Service": "ec2.amazonaws.com"}),
    )
    found = {str(each.principal): each for each in meaning(before, after, (), NOW)}
    assert [each.code for each in found["user/bob"].escalations] == ["assume-role"]
    outside = found[f"account {OTHER}"]
    assert view.summary(outside) == f"may assume {ARN[RUNNER]}"
    assert danger(outside).rank == 0
    # A role for a service is no danger by itself.
    assert not danger(found["service ec2.amazonaws.com"])
    account = {each.principal for each in meaning(before, trusting({"AWS": ROOT}), (), NOW)}
    assert account == set[Principal]()
    assumes = with_state(
        trusting({"AWS": ROOT}), BOB, inline={"i": document([allow("sts:AssumeRole")])}
    )
    shut = with_state(assumes, RUNNER, trust=document([]))
    (bob,) = meaning(shut, assumes, (), NOW)
    assert bob.principal == BOB
    assert [each.code for each in bob.escalations] == ["assume-role"]


def test_whom_a_trust_policy_names_gains_or_loses_a_role_that_only_reads() -> None:
    def reader(*statements: Any) -> Snapshot:
        role = holding(allow("s3:GetObject"), principal=RUNNER)
        return with_state(role, RUNNER, trust=document(list(statements)))

    named, shut = naming({"AWS": ARN[BOB]}, "sts:AssumeRole"), naming("*", "sts:*", effect="Deny")
    for statement in (named, {**named, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}):
        (gaining,) = meaning(reader(shut), reader(shut, statement), (), NOW)
        (losing,) = meaning(reader(shut, statement), reader(shut), (), NOW)
        assert (gaining.principal, losing.principal) == (BOB, BOB)
        for gained, lost in ((gaining.gains, gaining.losses), (losing.losses, losing.gains)):
            assert ("sts:AssumeRole" in str(gained), lost) == (True, ())


WHO = (ALICE, RUNNER)
_PRINCIPALS = ["*", {"AWS": ROOT}, {"AWS": ARN[ALICE]}, {"AWS": ARN[RUNNER]}, {"AWS": OTHER}]
_WHEN = [{}, {}, {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}]
_ACTIONS = ["s3:GetObject", "s3:*", "kms:Decrypt", "kms:*"]
_THEIRS = st.lists(
    st.builds(
        lambda who, action, effect, when: naming(who, action, effect=effect, **when),
        st.sampled_from(_PRINCIPALS),
        st.sampled_from(_ACTIONS),
        st.sampled_from(["Allow", "Allow", "Deny"]),
        st.sampled_from(_WHEN),
    ),
    max_size=3,
)
_OWN = st.lists(
    st.builds(
        lambda action, effect: allow(action, effect=effect),
        st.sampled_from(_ACTIONS),
        st.sampled_from(["Allow", "Allow", "Deny"]),
    ),
    max_size=2,
)
_STATES = st.tuples(_THEIRS, _THEIRS)
_ASKED = [("s3:GetObject", f"{BUCKET}/x"), ("kms:Decrypt", KEY), ("kms:Encrypt", KEY)]


def may(account: Snapshot, who: Principal) -> set[tuple[str, str]]:
    """What the evaluator allows in one request or another."""
    subject = AccountPolicies(account).subject(who)
    return {
        (action, context)
        for action, on in _ASKED
        for context in ("true", "false")
        if subject.decide(action, on, {"aws:SecureTransport": context}, NOW).allowed
    }


@given(_STATES, _STATES, _OWN, st.sampled_from([None, "s3:*", "kms:*", "*"]))
def test_whatever_the_evaluator_newly_allows_is_told(
    before: Any, then: Any, own: Any, limit: str | None
) -> None:
    account = account_with()
    if limit:
        account = with_policy(account, BOUNDARY, document=document([allow(limit)]))
    for who in WHO:
        boundary = BOUNDARY if limit else None
        account = holding(*own, principal=who, account=account, boundary=boundary)
    sides = [having(account, {BUCKET: bucket(*s3), KEY: key(*kms)}) for s3, kms in (before, then)]
    found = {each.principal: each for each in meaning(sides[0], sides[1], (), NOW)}
    for who in WHO:
        had, has = (may(side, who) for side in sides)
        told = found.get(who)
        for gone, deltas in (
            (has - had, told.gains if told else ()),
            (had - has, told.losses if told else ()),
        ):
            names = {name for each in deltas for name in each.actions}
            for action, _ in gone:
                service, _, _ = action.partition(":")
                assert {action, f"{service}:*"} & names, (who, action, deltas)
