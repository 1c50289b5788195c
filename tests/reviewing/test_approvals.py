"""From files before and after, rules and reviews to the status of a pull request."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.duration_starts import Merging
from iam_access.config.load import load
from iam_access.reviewing.approvals import Review, Reviewed, State, Verdict, teams_asked, verdict
from iam_access.reviewing.new_access import new_access
from tests.config.repository import NOW, TEMPORARY, VALID, loaded, write
from tests.history import History

HEAD, OLD = "a" * 40, "b" * 40
RULES = """\
approvals:
  people: {Ann-GH: ann@example.com, bob-gh: [bob@example.com, user/root], sec: sec@example.com}
  required:
    - {grants: ["write*"], environments: [prod], team: security, count: 2}
"""
MORE = (
    TEMPORARY
    + """\
  - user: ann@example.com
    environment: prod
    grant: writer
    expiration_date: 2026-03-03
"""
)
MEMBERS = ("ann-gh", "bob-gh", "sec", "new", "second")
ASK = {"temporary-access/pay.yaml": MORE}


def files(
    tmp_path: Path, changes: Mapping[str, str], rules: str = RULES
) -> tuple[Configuration, Configuration]:
    before = loaded(tmp_path / "before", {"settings.yaml": rules})
    return before, loaded(tmp_path / "after", changes)


def approved(*logins: str, commit: str = HEAD) -> list[Review]:
    return [Review(each, "APPROVED", commit) for each in logins]


def judged(
    tmp_path: Path,
    reviews: list[Review],
    changes: Mapping[str, str] = ASK,
    *,
    rules: str = RULES,
    author: str = "author",
) -> Verdict:
    before, after = files(tmp_path, changes, rules)
    reviewed = Reviewed({author}, HEAD, reviews, {"security": MEMBERS})
    return verdict(new_access(before, after, NOW), before.settings, reviewed)


@pytest.mark.parametrize(
    ("reviews", "state"),
    [
        ([], State.PENDING),
        (approved("sec"), State.PENDING),
        (approved("sec", "SEC"), State.PENDING),
        (approved("sec", "Bob-GH"), State.SUCCESS),
        (approved("sec", "ann-gh"), State.PENDING),  # their own
        (approved("sec", "new"), State.PENDING),  # unknown who that is
        (approved("sec", "stranger"), State.PENDING),
        (approved("sec", "author"), State.PENDING),
        (approved("sec", "bob-gh", commit=OLD), State.PENDING),
        ([*approved("sec", "bob-gh"), Review("sec", "COMMENTED", HEAD)], State.SUCCESS),
        ([*approved("sec", "bob-gh"), Review("sec", "DISMISSED", HEAD)], State.PENDING),
        ([*approved("sec", "bob-gh"), Review("sec", "CHANGES_REQUESTED", OLD)], State.FAILURE),
        ([*approved("sec", "bob-gh"), Review("who", "CHANGES_REQUESTED", OLD)], State.SUCCESS),
        ([Review("sec", "CHANGES_REQUESTED", OLD), *approved("sec", "bob-gh")], State.SUCCESS),
    ],
)
def test_reviews(tmp_path: Path, reviews: list[Review], state: State) -> None:
    found = judged(tmp_path, reviews)
    assert found.state is state
    assert len(found.description) <= 140


def test_an_author_does_not_count_though_in_the_team(tmp_path: Path) -> None:
    assert judged(tmp_path, approved("sec", "bob-gh"), author="BOB-gh").state is State.PENDING


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    (missing,) = judged(tmp_path, approved("sec", "ann-gh", "new")).missing
    assert missing.message == (
        "pay/writer in prod for user ann needs an approval of security (ann-gh would approve "
        "access of their own; new is not in approvals.people, so it may be access of their own)"
    )


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({}, False),
        ({"temporary-access/pay.yaml": "temporary-access: []"}, False),
        ({"temporary-access/pay.yaml": TEMPORARY.replace("-04", "-03")}, False),
        ({"temporary-access/pay.yaml": TEMPORARY.replace("-04", "-05")}, True),
        ({"temporary-access/pay.yaml": TEMPORARY.replace("bob@", "BOB@")}, False),
        ({"temporary-access/pay.yaml": TEMPORARY.replace("writer", "reader")}, False),
        ({"temporary-access/pay.yaml": TEMPORARY.replace("prod", "nonprod")}, False),
        # The grant gets other contents.
        ({"aws-policies/pay.yaml": VALID["aws-policies/pay.yaml"].replace("S3", "EC2")}, True),
        # The account gets another name.
        (
            {
                "aws-accounts/pay.yaml": VALID["aws-accounts/pay.yaml"].replace(" prod", " live"),
                "temporary-access/pay.yaml": MORE.replace("prod", "live"),
            },
            True,
        ),
        # The name stands for another account.
        ({"aws-accounts/pay.yaml": VALID["aws-accounts/pay.yaml"].replace("4444", "9999")}, True),
        # The rules of the pull request are not asked.
        ({**ASK, "settings.yaml": "{}"}, True),
        ({"permanent-access/pay.yaml": VALID["permanent-access/pay.yaml"]}, False),
        (
            {
                "permanent-access/pay.yaml": "permanent-access:\n  - {roles: [ci], "
                "environments: [prod], grants: [writer]}\n"
            },
            True,
        ),
    ],
)
def test_what_has_to_be_approved(tmp_path: Path, changes: dict[str, str], *, asked: bool) -> None:
    assert judged(tmp_path, [], changes).state is (State.PENDING if asked else State.SUCCESS)


def test_a_role_is_no_person(tmp_path: Path) -> None:
    role = {
        "permanent-access/pay.yaml": "permanent-access:\n  - {roles: [ci], "
        "environments: [prod], grants: [writer]}\n"
    }
    assert judged(tmp_path, approved("new", "second"), role).state is State.SUCCESS


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("{team: security}", True),
        ("{team: security, environments: [nonprod]}", False),
        ("{team: security, environments: ['4444*']}", True),
        ("{team: security, managed_policies: [AmazonS3FullAccess]}", True),
        ("{team: security, managed_policies: [ReadOnlyAccess]}", False),
        ("{team: security, grants: [pay/writer]}", True),
        ("{team: security, grants: [web/writer]}", False),
    ],
)
def test_rules(tmp_path: Path, rule: str, *, asked: bool) -> None:
    before, after = files(tmp_path, ASK, f"approvals: {{required: [{rule}]}}")
    access = new_access(before, after, NOW)
    expected = {"security"} if asked else set()
    assert teams_asked(access, before.settings, unclear=False) == expected


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        *(("Admin", True), ("ops/Admin", True), ("dev/Admin", False), ("Reader", False)),
        ('"{environment}-writer"', True),
        ('"arn:{partition}:iam::{account_id}:policy/{environment}-writer"', True),
    ],
)
def test_a_policy_of_others_counts_with_or_without_its_path(
    tmp_path: Path, written: str, *, asked: bool
) -> None:
    policies = VALID["aws-policies/pay.yaml"].replace(
        'managed_policies: ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]',
        f"customer_policies: [{written}]",
    )
    rule = "approvals: {required: [{team: security, managed_policies: [ops/Adm*, prod-writer]}]}"
    before, after = files(tmp_path, {**ASK, "aws-policies/pay.yaml": policies}, rule)
    access = new_access(before, after, NOW)
    expected = {"security"} if asked else set()
    assert teams_asked(access, before.settings, unclear=False) == expected


def test_while_names_are_not_known_every_environment_counts(tmp_path: Path) -> None:
    rule = "approvals: {required: [{team: security, environments: [other]}]}"
    before, after = files(tmp_path, ASK, rule)
    access = new_access(before, after, NOW)
    assert teams_asked(access, before.settings, unclear=True) == {"security"}


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("{required: [{team: acme/security}]}", "bad-value"),
        ("{required: [{team: Security Team}]}", "bad-value"),
        ("{required: [{count: 1}]}", "missing-key"),
        ("{required: [{team: a, count: 0}]}", "bad-number"),
        ("{required: [{team: a, grants: []}]}", "empty-list"),
        ("{people: {'@ann': ann@example.com}}", "bad-value"),
        ("{people: {ann: 'not an address'}}", "bad-user"),
        ("{teams: x}", "unknown-key"),
    ],
)
def test_mistakes_in_the_settings(tmp_path: Path, written: str, code: str) -> None:
    found = loaded(tmp_path, {"settings.yaml": f"approvals: {written}"}).findings
    assert [each.code for each in found if each.is_error] == [code]


def test_patterns_that_match_nothing_are_warned_of(tmp_path: Path) -> None:
    rule = "{team: a, grants: [nothing], environments: [nowhere]}"
    found = loaded(tmp_path, {"settings.yaml": f"approvals: {{required: [{rule}]}}"}).findings
    assert [each.location.column for each in found if each.location is not None] == [43, 68]


def test_a_duration_from_the_merge_on_is_covered_by_nothing_that_ends(tmp_path: Path) -> None:
    until = TEMPORARY.replace("2026-03-04", "2026-03-06")
    lasting = until + "  - {user: bob@example.com, environment: prod, grant: writer, for: 2h}\n"
    before = loaded(tmp_path / "before", {"temporary-access/pay.yaml": until})
    History(tmp_path / "after").begin(NOW)
    files = write(tmp_path / "after", {**VALID, "temporary-access/pay.yaml": lasting})
    after = load(files, now=NOW, merging=Merging(preview=True))
    (found,) = new_access(before, after, NOW)
    assert found.location.line == 6


def test_a_duration_that_never_began_covers_nothing(tmp_path: Path) -> None:
    entry = "  - {user: bob@example.com, environment: prod, grant: writer, for: 2h}\n"
    lasting = {"temporary-access/pay.yaml": TEMPORARY + entry}
    before = loaded(tmp_path / "before", lasting)  # in no git repository
    more = {"temporary-access/pay.yaml": TEMPORARY + entry.replace("2h", "5d")}
    assert [each.location.line for each in new_access(before, loaded(tmp_path, more), NOW)] == [6]


def test_the_end_of_a_grant_that_denies_is_new_access(tmp_path: Path) -> None:
    """A grant that ends gives nothing, unless it denied something."""
    entry = """\
  - {{user: ann@example.com, environment: prod, grant: {}, expiration_date: 2026-03-03}}
"""
    policies = """\
  guard:
    custom_statements: [{effect: Deny, actions: "kms:*", resources: "*"}]
"""
    granted = {
        "aws-policies/pay.yaml": VALID["aws-policies/pay.yaml"] + policies,
        "temporary-access/pay.yaml": TEMPORARY + entry.format("guard") + entry.format("reader"),
    }
    ended = {**granted, "temporary-access/pay.yaml": TEMPORARY}
    before = loaded(tmp_path / "before", granted)
    assert not new_access(before, before, NOW)
    (found,) = new_access(before, loaded(tmp_path / "after", ended), NOW)
    assert (found.grant, found.principal.name) == ("guard", "ann")


def test_whom_a_bucket_lets_in_from_outside_is_new_access(tmp_path: Path) -> None:
    bucket = """\
aws-buckets:
  pay-reports:
    environments: [prod]
    region: eu-west-1
    statements: [{effect: Allow, principals: SOME, actions: ["s3:GetObject"]}]
"""
    service = "{service: cloudtrail}"
    before, after = (
        loaded(tmp_path / name, {"aws-buckets/pay.yaml": bucket.replace("SOME", principals)})
        for name, principals in (
            ("before", service),
            ("after", f"[{service}, {{iam: root, account: nonprod}}]"),
        )
    )
    (found,) = new_access(before, after, NOW)
    assert found.label == "pay/use of bucket pay-reports in prod for account 111122223333"


ON_KEY = """\
aws-keys:
  pay:
    environments: [prod]
    region: eu-west-1
    statements:
      - {effect: Allow, principals: {iam: user/READS}, actions: [kms:Decrypt]}
      - {effect: Allow, principals: {iam: user/WRITES}, actions: [kms:Encrypt]}
      - {effect: Deny, principals: {iam: user/DENIED}, actions: [kms:Encrypt]}
    grants:
      - {grantee: {iam: assumed-role/job, users: [nightly]}, operations: [Decrypt]CONSTRAINTS}
"""


def on_key(folder: Path, **changed: str) -> Configuration:
    limited = ", constraints: {encryption_context_subset: {app: pay}}"
    written = {"READS": "ann", "WRITES": "bob", "DENIED": "zoe", "CONSTRAINTS": limited, **changed}
    text = ON_KEY
    for name, value in written.items():
        text = text.replace(name, value)
    return loaded(folder, {"aws-keys/pay.yaml": text})


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, set()),
        # Each does what the other did.
        ({"READS": "bob", "WRITES": "ann"}, {"ann", "bob"}),
        # Who is in no statement any more is not denied anything, either.
        ({"WRITES": "ann"}, {"ann", "bob"}),
        ({"CONSTRAINTS": ""}, {"nightly"}),
        # What was denied may be allowed by other policies.
        ({"DENIED": "bob"}, {"ann", "bob", "zoe", "nightly"}),
    ],
)
def test_new_access_to_a_resource_is_what_it_newly_says_of_one(
    tmp_path: Path, changed: dict[str, str], expected: set[str]
) -> None:
    before, after = on_key(tmp_path / "before"), on_key(tmp_path / "after", **changed)
    found = new_access(before, after, NOW)
    assert {each.grant for each in found} <= {"use of key pay"}
    assert {each.principal.name.rpartition("/")[2] for each in found} == expected


def test_what_a_role_of_the_files_has_is_new_once_others_may_assume_it(tmp_path: Path) -> None:
    written = {
        "aws-roles/pay.yaml": "aws-roles: {job: {environments: [prod], trust: [{service: ec2}]}}\n",
        "permanent-access/pay.yaml": (
            "permanent-access: [{roles: [job], environments: [prod], grants: [reader]}]\n"
        ),
        "aws-keys/pay.yaml": (
            "aws-keys: {pay: {environments: [prod], region: eu-west-1, admins: {iam: role/job}}}\n"
        ),
    }
    opened = {
        **written,
        "aws-roles/pay.yaml": written["aws-roles/pay.yaml"].replace("2", "s-tasks"),
    }
    before = loaded(tmp_path / "before", written)
    assert new_access(before, before, NOW) == ()
    found = new_access(before, loaded(tmp_path / "after", opened), NOW)
    assert {each.grant for each in found} == {"reader", "use of key pay", "assuming role job"}


def test_what_a_user_of_another_account_may_become_is_new_beside_what_one_here_has(
    tmp_path: Path,
) -> None:
    role = """\
aws-roles:
  helper:
    environments: [prod]
    grants: [writer]
    switch_from: {environment: nonprod, members: {prod: [MEMBERS]}}
"""
    entry = "{users: [bob@example.com], environments: [prod], grants: [writer]}"
    before, after = (
        loaded(
            tmp_path / name,
            {
                "permanent-access/pay.yaml": f"permanent-access: [{entry}]",
                "aws-roles/pay.yaml": role.replace("MEMBERS", members),
            },
        )
        for name, members in (("before", ""), ("after", "bob@example.com"))
    )
    (found,) = new_access(before, after, NOW)
    assert found.label == "pay/writer in prod for user bob"


ROLE = """\
aws-roles:
  ci:
    environments: [prod]
    trust: [{iam: user/ann}]
    grants: [writer]
    custom_statements: [{effect: Allow, actions: [s3:ListBucket], resources: ["*"]}]
"""


@pytest.mark.parametrize(
    ("changed", "labels"),
    [
        (ROLE, set()),
        (ROLE.replace("ann", "bob"), {"writer", "own policies of role ci"}),
        (ROLE.replace("s3:ListBucket", "s3:GetObject"), {"own policies of role ci"}),
        (ROLE.replace("ann}]", "ann}]\n    tags: {a: b}"), set()),
    ],
)
def test_what_a_role_gives_is_new_where_others_may_assume_it(
    tmp_path: Path, changed: str, labels: set[str]
) -> None:
    before = loaded(tmp_path / "before", {"aws-roles/pay.yaml": ROLE})
    after = loaded(tmp_path / "after", {"aws-roles/pay.yaml": changed})
    assert {each.grant for each in new_access(before, after, NOW)} == labels


BARE = "aws-roles:\n  ci:\n    environments: [prod]\n    trust: [{iam: user/ann}]\n"
SWITCHED = BARE + "    switch_from: {environment: nonprod, members: {prod: [ann@example.com]}}\n"


@pytest.mark.parametrize(
    ("earlier", "later", "principals"),
    [
        ("aws-roles: {}\n", BARE, {"role ci"}),
        (BARE, BARE.replace("ann", "bob"), {"role ci"}),
        (BARE, BARE + "    tags: {a: b}\n", set()),
        # Without its last grant it gives less.
        (ROLE, BARE, set()),
        (SWITCHED, SWITCHED.replace("[ann@", "[bob@example.com, ann@"), {"user bob"}),
    ],
)
def test_that_a_role_without_policies_may_be_assumed_is_new_access_of_its_own(
    tmp_path: Path, earlier: str, later: str, principals: set[str]
) -> None:
    """Policies of others, such as that of a bucket, may name the role."""
    before = loaded(tmp_path / "before", {"aws-roles/pay.yaml": earlier})
    after = loaded(tmp_path / "after", {"aws-roles/pay.yaml": later})
    found = new_access(before, after, NOW)
    assert {each.principal.label for each in found} == principals
    assert {each.grant for each in found} <= {"assuming role ci"}
