"""Speed, by counting calls: what a plan and an apply ask of AWS, whatever the number of grants."""

from collections import Counter

import pytest

from iam_access.sandbox import AwsError, FaultContext
from tests.flow.fleet import (
    LIST_BUCKETS,
    LIVE,
    POWER_USER,
    PROD,
    READ_ONLY,
    READ_QUEUES,
    TEST,
    VIEW_ONLY,
    Files,
    Run,
    account,
    opened,
    permanent,
    policy,
    refusing,
    temporary,
    text,
)

READING = ["AssumeRole", "GetAccountAuthorizationDetails", "GetAccountSummary"]
ACCOUNTS = {"prod": PROD, "test": TEST, "live": LIVE}
SMALL = "arn:aws:iam::aws:policy/AmazonSNSReadOnlyAccess"


def writes(run: Run) -> Counter[str]:
    return Counter(call.operation for call in run.writes)


@pytest.mark.parametrize("grants", [1, 25])
def test_a_plan_costs_three_calls_whatever_the_number_of_grants(files: Files, grants: int) -> None:
    keys = [f"grant-{number}" for number in range(grants)]
    users = [f"user-{number}" for number in range(grants)]
    files.team(
        policies={key: policy() for key in keys},
        permanent=[
            permanent(key, users=[f"{user}@example.com"])
            for key, user in zip(keys, users, strict=True)
        ],
        temporary=[
            temporary(key, user=f"{user}@example.com")
            for key, user in zip(keys, users[::-1], strict=True)
        ],
    )
    with opened(files, account(users=users)) as fleet:
        plan = fleet.apply("--all", "--dry-run")
        assert plan.status == 0
        assert plan.operations == READING
        assert fleet.apply("--all").status == 0
        assert fleet.apply("--all").operations == READING
        assert fleet.cleanup("--all").operations == READING


@pytest.mark.parametrize(("users", "pages"), [(995, 1), (996, 2)])
def test_an_account_is_read_in_the_largest_pages(files: Files, users: int, pages: int) -> None:
    files.team(policies={"read": policy()}, permanent=[permanent("read", users=["last@x.org"])])
    with opened(files, account(users=[*(f"u{n}" for n in range(users)), "last"])) as fleet:
        # The deployer role, its boundary, runner and the user last are entities as well.
        assert fleet.apply("--all").status == 0
        again = fleet.apply("--all", "--dry-run")
        assert Counter(again.operations) == {
            "AssumeRole": 1,
            "GetAccountAuthorizationDetails": pages,
            "GetAccountSummary": 1,
        }
        assert fleet.attached("user/last") == {"payments-read"}


def test_an_apply_adds_one_call_for_each_change(files: Files) -> None:
    files.team(
        policies={
            "read": policy(LIST_BUCKETS, managed=[READ_ONLY, POWER_USER]),
            "queues": policy(READ_QUEUES),
        },
        permanent=[permanent("read", roles=["runner"], users=["ann@example.com"])],
        temporary=[temporary("queues"), temporary("queues", user="bob@example.com")],
    )
    with opened(files) as fleet:
        run = fleet.apply("--all", "--output", "json")
        assert run.status == 0
        assert writes(run) == {
            "CreatePolicy": 2,
            # Two attachments of AWS managed policies each, but one call for both tags.
            "TagUser": 1,
            "TagRole": 1,
            "AttachUserPolicy": 3,
            "AttachRolePolicy": 3,
            "PutUserPolicy": 2,
        }
        # What can be attached is listed in two pages.
        assert len(run.calls) == len(READING) + 2 + len(run.json["changes"]) + 2

        files.team(
            policies={
                "read": policy(READ_QUEUES, managed=[READ_ONLY, POWER_USER]),
                "queues": policy(READ_QUEUES),
            },
            permanent=[permanent("read", users=["ann@example.com"])],
        )
        less = fleet.apply("--all", "--allow-removals")
        assert less.status == 0
        assert writes(less) == {
            "CreatePolicyVersion": 1,
            "DetachRolePolicy": 3,
            "UntagRole": 1,
            "DeleteUserPolicy": 2,
        }


def test_an_update_takes_two_calls_where_a_version_has_to_go_first(files: Files) -> None:
    files.team(policies={"read": policy()})
    with opened(files) as fleet:
        assert fleet.apply("--all").status == 0
        arn = f"arn:aws:iam::{PROD}:policy/self-serve/payments/payments-read"
        for number in range(3):
            fleet.admin().create_policy_version(
                PolicyArn=arn, PolicyDocument=text(f"s3:Get{number}"), SetAsDefault=True
            )
        assert writes(fleet.apply("--all")) == {"CreatePolicyVersion": 1}
        files.team(policies={"read": policy(READ_QUEUES)})
        run = fleet.apply("--all")
        assert run.status == 0
        assert [call.operation for call in run.writes] == [
            "DeletePolicyVersion",
            "CreatePolicyVersion",
        ]
        # The oldest goes, and never the one in force.
        assert run.writes[0].params["VersionId"] == "v1"
        versions = fleet.dump()[arn]["PolicyVersionList"]
        assert {each["VersionId"] for each in versions} == {"v2", "v3", "v4", "v5", "v6"}
        assert next(v for v in versions if v["IsDefaultVersion"])["VersionId"] == "v6"


def test_the_quota_of_the_account_counts_not_the_usual_one(files: Files) -> None:
    files.team(policies={"read": policy()})
    with opened(files) as fleet:
        fleet.sandbox.quotas(PROD).versions_per_policy = 2
        assert fleet.apply("--all").status == 0
        for statement in (READ_QUEUES, LIST_BUCKETS, READ_QUEUES):
            files.team(policies={"read": policy(statement)})
            assert fleet.apply("--all").status == 0
        arn = f"arn:aws:iam::{PROD}:policy/self-serve/payments/payments-read"
        assert len(fleet.dump()[arn]["PolicyVersionList"]) == 2


def test_documents_of_aws_are_read_once_for_all_accounts_and_only_if_needed(files: Files) -> None:
    both = policy(managed=[SMALL, VIEW_ONLY])
    files.team(
        accounts=ACCOUNTS,
        policies={"both": both, "one": policy(LIST_BUCKETS, managed=[SMALL])},
        permanent=[permanent("both", environments=list(ACCOUNTS), users=["bob@example.com"])],
    )
    with opened(files, *map(account, ACCOUNTS.values())) as fleet:
        plain = fleet.apply("--all")
        assert plain.status == 0
        assert not {"GetPolicy", "GetPolicyVersion"} & set(plain.operations)

        files.team(
            accounts=ACCOUNTS,
            policies={"both": both, "one": policy(LIST_BUCKETS, managed=[SMALL])},
            permanent=[permanent("both", environments=list(ACCOUNTS), users=["bob@example.com"])],
            temporary=[
                temporary("one", environment=name, user=f"{user}@example.com")
                for name in ACCOUNTS
                for user in ("ann", "bob")
            ],
        )
        run = fleet.apply("--all")
        assert run.status == 0
        read = [call for call in run.calls if call.operation in ("GetPolicy", "GetPolicyVersion")]
        assert [(call.operation, call.params["PolicyArn"]) for call in read] == [
            ("GetPolicy", SMALL),
            ("GetPolicyVersion", SMALL),
        ]
        assert writes(run) == {"PutUserPolicy": 2 * len(ACCOUNTS)}

        # Once they are over, what they were made from is not needed any more.
        fleet.clock.move(days=1)
        assert "GetPolicy" not in fleet.apply("--all", "--dry-run").operations


@pytest.mark.exhaustive
def test_what_can_be_attached_is_listed_once_for_all_accounts_and_only_if_needed(
    files: Files,
) -> None:
    files.team(accounts=ACCOUNTS, policies={"small": policy(managed=[SMALL]), "own": policy()})
    with opened(files, *map(account, ACCOUNTS.values())) as fleet:

        def granting(*grants: str, user: str = "ann@example.com") -> list[str]:
            files.team(
                accounts=ACCOUNTS,
                policies={"small": policy(managed=[SMALL]), "own": policy()},
                permanent=[permanent(*grants, environments=list(ACCOUNTS), users=[user])],
            )
            run = fleet.apply("--all")
            assert run.status == 0, run.out
            return [each for each in run.operations if each == "ListPolicies"]

        assert granting("own") == []
        # Two pages of up to 1,000.
        assert granting("own", "small") == ["ListPolicies"] * 2
        assert granting("own", "small") == []
        assert granting("small") == []
        # A run for others does not ask about what it does not attach.
        files.team("platform", policies={"own": policy()})
        files.team(policies={"small": policy(managed=[SMALL])}, permanent=[permanent("small")])
        assert "ListPolicies" not in fleet.apply("platform", "--dry-run").operations


def test_a_policy_that_aws_does_not_have_is_found_while_planning_and_holds_up_nothing_else(
    files: Files,
) -> None:
    files.team(
        accounts={"prod": PROD, "test": TEST},
        policies={
            "wrong": policy(managed=[VIEW_ONLY.replace("job-function/", ""), SMALL]),
            "right": policy(),
        },
        permanent=[
            permanent(
                "wrong", "right", roles=["runner"], users=["ann@example.com", "bob@example.com"]
            )
        ],
    )
    with opened(files, account(), account(TEST)) as fleet:
        dry = fleet.apply("--all", "--dry-run", "--output", "json")
        assert (dry.status, dry.codes) == (1, ["unknown-managed-policy"])
        [finding] = dry.json["findings"]
        assert VIEW_ONLY in finding["hint"]
        assert (finding["file"].endswith("aws-policies/payments.yaml"), finding["line"]) == (
            True,
            4,
        )
        run = fleet.apply("--all", "--output", "json")
        assert (run.status, run.json["digest"]) == (1, dry.json["digest"])
        assert fleet.attached("user/ann") == {"payments-right", "AmazonSNSReadOnlyAccess"}


@pytest.mark.exhaustive
def test_a_policy_that_aws_withdrew_stays_where_it_is_attached(files: Files) -> None:
    files.team(policies={"small": policy(managed=[SMALL])}, permanent=[permanent("small")])
    with opened(files) as fleet:
        assert fleet.apply("--all").status == 0
        withdrawn = fleet.sandbox.backend(PROD).managed_policies.pop(SMALL)
        assert fleet.apply("--all").operations == READING
        files.team(
            policies={"small": policy(managed=[SMALL])},
            permanent=[permanent("small", users=["ann@example.com", "bob@example.com"])],
        )
        more = fleet.apply("--all", "--output", "json")
        assert (more.status, more.codes, more.writes) == (1, ["unknown-managed-policy"], ())
        assert withdrawn.arn in fleet.sandbox.backend(PROD).users["ann"].managed_policies


def test_what_cannot_be_listed_is_told_where_it_is_needed_and_stops_nothing(files: Files) -> None:
    files.team(
        accounts={"prod": PROD, "test": TEST},
        policies={"small": policy(managed=[SMALL]), "own": policy()},
        permanent=[permanent("small"), permanent("own", environments=["test"])],
    )
    with opened(files, account(), account(TEST)) as fleet:
        fleet.sandbox.faults.append(
            refusing("AccessDenied", lambda c: c.operation == "ListPolicies")
        )
        run = fleet.apply("--all", "--output", "json")
        assert (run.status, run.codes) == (1, ["policies-not-listed"])
        [finding] = run.json["findings"]
        assert (SMALL in finding["message"], finding["account"]) == (True, PROD)
        assert "iam:ListPolicies" in finding["hint"]
        assert fleet.attached("user/ann") == {"AmazonSNSReadOnlyAccess"}
        assert fleet.attached("user/ann", TEST) == {"payments-own"}


def test_only_the_accounts_asked_for_are_read(files: Files) -> None:
    files.team(accounts=ACCOUNTS, policies={"read": policy()})
    files.team("platform", accounts={"tools": TEST}, policies={"read": policy()})
    with opened(files, *map(account, ACCOUNTS.values())) as fleet:
        for arguments, expected in (
            (["platform"], {TEST}),
            (["--all", "--environment", "prod"], {PROD}),
            (["payments", "--environment", "prod", "--environment", "live"], {PROD, LIVE}),
            (["payments"], set(ACCOUNTS.values())),
        ):
            run = fleet.apply(*arguments, "--dry-run")
            assert run.status == 0, arguments
            assert {call.account_id for call in run.calls if call.service == "iam"} == expected


def test_publishing_only_what_is_granted_takes_fewer_calls(files: Files) -> None:
    files.team(
        policies={"read": policy(), "queues": policy(READ_QUEUES)}, permanent=[permanent("read")]
    )
    files.write("settings.yaml", "publish_policies: granted\n")
    with opened(files) as fleet:
        assert writes(fleet.apply("--all")) == {"CreatePolicy": 1, "AttachUserPolicy": 1}
        assert fleet.policies() == {"payments-read"}


def test_what_was_just_made_may_be_invisible_for_a_while(files: Files, slept: list[float]) -> None:
    files.team(policies={"read": policy()}, permanent=[permanent("read")])
    refusals = 2

    def fault(call: FaultContext) -> None:
        nonlocal refusals
        if call.operation == "AttachUserPolicy" and refusals:
            refusals -= 1
            raise AwsError("NoSuchEntity", "Policy payments-read does not exist.")

    with opened(files) as fleet:
        fleet.sandbox.faults.append(fault)
        run = fleet.apply("--all")
        assert run.status == 0, run.out
        assert fleet.attached("user/ann") == {"payments-read"}
    assert writes(run) == {"CreatePolicy": 1, "AttachUserPolicy": 3}
    assert 0 < sum(slept) < 60


def test_what_stays_invisible_is_a_failure_after_a_minute(files: Files, slept: list[float]) -> None:
    files.team(policies={"read": policy()}, permanent=[permanent("read")])

    def fault(call: FaultContext) -> None:
        if call.operation == "AttachUserPolicy":
            raise AwsError("NoSuchEntity", "Policy payments-read does not exist.")

    with opened(files) as fleet:
        fleet.sandbox.faults.append(fault)
        assert fleet.apply("--all").status == 2
        assert 30 <= sum(slept) <= 120


def test_a_principal_that_is_gone_is_not_waited_for(files: Files, slept: list[float]) -> None:
    """Only what this run made may be invisible for a while."""
    files.team(policies={"read": policy(managed=[READ_ONLY])}, permanent=[permanent("read")])

    def fault(call: FaultContext) -> None:
        if call.operation in ("TagUser", "AttachUserPolicy"):
            raise AwsError("NoSuchEntity", "The user with name ann cannot be found.")

    with opened(files) as fleet:
        fleet.sandbox.faults.append(fault)
        assert fleet.apply("--all").status == 2
        assert slept == []


def test_what_was_just_detached_may_still_seem_to_be_in_use(
    files: Files, slept: list[float]
) -> None:
    files.team(policies={"read": policy()}, permanent=[permanent("read")])
    refusals = 2

    def fault(call: FaultContext) -> None:
        nonlocal refusals
        if call.operation == "DeletePolicy" and refusals:
            refusals -= 1
            raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.")

    with opened(files) as fleet:
        assert fleet.apply("--all").status == 0
        files.team()
        fleet.sandbox.faults.append(fault)
        run = fleet.apply("--all")
        assert run.status == 0, run.out
        assert fleet.policies() == set()
    assert writes(run) == {"DetachUserPolicy": 1, "DeletePolicy": 3}
    assert 0 < sum(slept) < 60


def test_what_people_hold_is_read_only_where_a_grant_may_suspend_it(files: Files) -> None:
    """Two calls for each AWS managed policy of who holds a grant that something is denied with."""
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    keys = {"effect": "Allow", "actions": ["iam:*AccessKey*"], "resources": ["*"]}
    files.team(policies={"keys": policy(keys)}, temporary=[temporary("keys")])
    with opened(files) as fleet:
        fleet.admin().attach_user_policy(UserName="bob", PolicyArn=READ_ONLY)
        fleet.admin().attach_user_policy(UserName="ann", PolicyArn=admin)
        run = fleet.apply("--all", "--dry-run", "--output", "json")
    assert sorted(run.operations) == sorted([*READING, "GetPolicy", "GetPolicyVersion"])
    assert (run.status, sorted(run.codes)) == (0, ["denied-with-it", "suspends-access"])
    assert "AdministratorAccess" in run.out


def test_a_rule_for_contents_reads_each_managed_policy_once(files: Files) -> None:
    files.team(
        accounts={"prod": PROD, "test": TEST},
        policies={"read": policy(managed=[READ_ONLY]), "small": policy(LIST_BUCKETS)},
        permanent=[
            permanent("read", "small", environments=["prod", "test"]),
            permanent("read", roles=["runner"]),
        ],
    )
    with opened(files, account(), account(TEST)) as fleet:
        assert fleet.apply("--all").status == 0
        plain = Counter(fleet.apply("--all").operations)
        files.write("settings.yaml", "forbidden_actions: [{actions: 'iam:CreateUser'}]\n")
        more = fleet.apply("--all")
        assert more.status == 0
        assert Counter(more.operations) - plain == {"GetPolicy": 1, "GetPolicyVersion": 1}
        files.write("settings.yaml", "forbidden_actions: [{actions: 'iam:ListUsers'}]\n")
        assert fleet.apply("--all").status == 1
