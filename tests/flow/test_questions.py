"""Who can do what, asked from the command line of accounts as they are and as a plan has them."""

import pytest

from iam_access.cli.simulate import simulate
from iam_access.sandbox import FaultContext, throttling
from tests.flow.fleet import PROD, READ_ONLY, Fleet, Run, permanent, policy, temporary


def simulated(fleet: Fleet, *arguments: str) -> Run:
    return fleet.run(simulate, *arguments)


@pytest.fixture
def listing(fleet: Fleet) -> Fleet:
    """Ann may list buckets for good, bob until six; nothing is applied yet."""
    fleet.files.team(
        policies={"list": policy()},
        permanent=[permanent("list")],
        temporary=[temporary("list", user="bob@example.com")],
    )
    return fleet


def test_the_plan_knows_what_the_account_does_not_yet(listing: Fleet) -> None:
    question = ("access", "-a", "s3:ListBucket", "--output", "json")
    assert simulated(listing, *question).json["answers"] == []

    planned = simulated(listing, *question, "--on", "plan")
    assert {each["principal"] for each in planned.json["answers"]} == {"user/ann", "user/bob"}
    assert planned.status == 0
    assert planned.writes == ()


def test_somebody_and_nobody_have_different_exit_statuses(listing: Fleet) -> None:
    for form in ("text", "markdown", "json", "github"):
        assert simulated(listing, "access", "-a", "s3:ListBucket", "--output", form).status == 1
    listing.apply("--all")
    for form in ("text", "markdown", "json", "github"):
        assert simulated(listing, "access", "-a", "s3:ListBucket", "--output", form).status == 0


def test_one_command_leads_from_a_permission_to_its_line(listing: Fleet) -> None:
    listing.apply("--all")
    run = simulated(
        listing, "access", "-u", "ann@example.com", "-a", "s3:ListBucket", "--output", "json"
    )
    (answer,) = run.json["answers"]
    (statement,) = answer["statements"]
    assert statement["written"]["file"].endswith("aws-policies/payments.yaml")
    assert statement["granted"]["file"].endswith("permanent-access/payments.yaml")
    assert statement["written"]["line"] > 1
    text = simulated(listing, "access", "-u", "ann", "-a", "s3:ListBucket").out
    assert "granted at" in text
    assert "payments.yaml:2:" in text


def test_several_may_be_asked_about(listing: Fleet) -> None:
    listing.apply("--all")
    question = ("access", "-u", "ann", "-u", "bob", "-u", "ann@example.com", "-a", "s3:ListBucket")
    found = simulated(listing, *question, "--output", "json").json["answers"]
    assert [each["principal"] for each in found] == ["user/ann", "user/bob"]
    # One of them is not there.
    run = simulated(listing, *question, "-u", "carl")
    assert run.status == 2
    assert run.out.endswith("UTC; no account has user carl\n")
    assert "2 can" in run.out


def test_every_action_that_is_named_is_asked_about(listing: Fleet) -> None:
    question = ("access", "-a", "s3:ListBucket", "-a", "sqs:ListQueues", "--on", "plan")
    run = simulated(listing, *question, "--output", "json")
    assert {each["action"] for each in run.json["answers"]} == {"s3:ListBucket"}
    assert simulated(listing, *question, "-u", "ann", "--output", "json").status == 0


def test_users_may_be_named_by_path_and_arn(listing: Fleet) -> None:
    question = ("access", "-a", "s3:ListBucket", "--on", "plan")
    for name in ("/ann", "user/ann", "ann@example.com", f"arn:aws:iam::{PROD}:user/ann"):
        assert simulated(listing, *question, "-u", name).status == 0
    for name in (
        "/team/ann",
        "arn:aws:iam::999900001111:user/ann",
        f"arn:aws:iam::{PROD}:user/a/ann",
    ):
        assert simulated(listing, *question, "-u", name).status == 2
    for form in ("text", "markdown", "json", "github"):
        run = simulated(listing, *question, "-u", "runner", "--output", form)
        assert run.status == 2
        assert "there is a role of this name: -r runner" in run.out


def test_one_who_cannot_is_not_said_to_be_everybody(listing: Fleet) -> None:
    run = simulated(listing, "access", "-u", "bob", "-a", "s3:PutObject", "--on", "plan")
    assert run.status == 1
    assert "User bob cannot on *" in run.out
    assert "no user or role" not in run.out.lower()


def test_who_can_on_some_resources_is_told_in_every_form(fleet: Fleet) -> None:
    prefix = "arn:aws:s3:::bucket/logs/*"
    put = {"effect": "Allow", "actions": ["s3:PutObject"], "resources": [prefix]}
    fleet.files.team(policies={"put": policy(put)}, permanent=[permanent("put")])
    question = ("access", "-a", "s3:PutObject", "--on", "plan")
    for form in ("text", "markdown", "github"):
        run = simulated(fleet, *question, "--output", form)
        assert run.status == 0
        assert "allowed on some resources" in run.out
        assert f"on {prefix}" in run.out
        assert "1 can on some resources or under conditions" in run.out
    (answer,) = simulated(fleet, *question, "--output", "json").json["answers"]
    assert (answer["principal"], answer["allowed"]) == ("user/ann", False)
    (way,) = answer["partly"]
    assert way == {"action": "s3:PutObject", "resource": prefix, "conditions": []}
    named = simulated(fleet, *question, "-u", "ann", "-u", "bob")
    assert named.status == 0
    assert simulated(fleet, *question, "-R", "arn:aws:s3:::bucket/other").status == 1


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("action", "resource", "caveat"),
    [
        ("kms:Decrypt", f"arn:aws:kms:eu-west-1:{PROD}:key/abc", "policy of the KMS key"),
        ("kms:Decrypt", "*", "policy of the KMS key"),
        ("sts:AssumeRole", f"arn:aws:iam::{PROD}:role/local", "trust policy"),
        ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:444455556666:orders", "account 444455556666"),
    ],
)
def test_what_a_resource_has_to_allow_as_well_is_no_false_nobody(
    fleet: Fleet, action: str, resource: str, caveat: str
) -> None:
    allow = {"effect": "Allow", "actions": [action], "resources": [resource]}
    fleet.files.team(policies={"use": policy(allow)}, permanent=[permanent("use")])
    question = ("access", "-a", action, "-R", resource, "--on", "plan", "--output")
    for form in ("text", "markdown", "json", "github"):
        run = simulated(fleet, *question, form)
        assert run.status == 0
        assert caveat in run.out.replace("\\", "")
    other = simulated(fleet, *question, "text", "-u", "bob").out
    assert "were not looked at" in other
    assert "User bob cannot" in other


@pytest.mark.parametrize(("at", "status"), [("2026-03-01", 0), ("2026-03-02", 1)])
def test_a_day_is_its_beginning(listing: Fleet, at: str, status: int) -> None:
    listing.apply("--all")
    question = ("access", "-u", "bob", "-a", "s3:ListBucket", "--at", at)
    assert simulated(listing, *question).status == status


def test_options_of_the_account_tester_are_understood(
    listing: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    run = simulated(listing, "access", "-a", "s3:ListBucket", "-j", "-d")
    assert run.json["command"] == "access"
    for arguments in (["--version"], ["test", "--version"], ["search", "--version"]):
        with pytest.raises(SystemExit) as ended:
            simulate(arguments)
        assert ended.value.code == 0
        assert "git describe" in capsys.readouterr().out


@pytest.mark.parametrize(("at", "status"), [("17:59:59", 0), ("18:00:00", 1)])
def test_it_tells_whether_access_will_have_ended(listing: Fleet, at: str, status: int) -> None:
    listing.apply("--all")
    moment = f"2026-03-01T{at}Z"
    run = simulated(listing, "access", "-u", "bob", "-a", "s3:ListBucket", "--at", moment)
    assert run.status == status


def test_policies_that_aws_manages_are_read(fleet: Fleet) -> None:
    fleet.admin().attach_role_policy(RoleName="runner", PolicyArn=READ_ONLY)
    fleet.files.team()
    run = simulated(fleet, "access", "-r", "runner", "-a", "ec2:DescribeInstances")
    assert run.status == 0
    assert "ReadOnlyAccess" in run.out


def test_mfa_is_present_unless_said_otherwise(fleet: Fleet) -> None:
    mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    fleet.files.team(
        policies={
            "list": policy(
                {
                    "effect": "Allow",
                    "actions": ["s3:ListBucket"],
                    "resources": ["*"],
                    "conditions": mfa,
                }
            )
        },
        permanent=[permanent("list")],
    )
    question = ("access", "-u", "ann", "-a", "s3:ListBucket", "--on", "plan")
    assert simulated(fleet, *question).status == 0
    assert simulated(fleet, *question, "-c", "aws:multifactorauthpresent=false").status == 1


def test_aws_may_be_asked_instead(listing: Fleet) -> None:
    listing.apply("--all")
    question = ("access", "-a", "s3:ListBucket", "--backend", "aws")
    run = simulated(listing, *question, "--output", "json")
    assert run.status == 0
    assert run.json["backend"] == "aws"
    assert {each["principal"] for each in run.json["answers"]} == {"user/ann", "user/bob"}
    assert {each["aws"]["decision"] for each in run.json["answers"]} == {"allowed"}
    assert "granted at" in simulated(listing, *question).out
    assert simulated(listing, *question, "-u", "bob", "--at", "2026-03-02").status == 1
    assert simulated(listing, "search", "-a", "sqs:List*", "--backend", "aws").status == 1
    # What a plan would make, AWS cannot know.
    assert simulated(listing, *question, "--on", "plan").status == 2
    assert simulated(listing, *question, "--sandbox").status == 2


def test_a_throttle_that_outlasts_all_patience_keeps_what_was_answered(
    listing: Fleet, slept: list[float]
) -> None:
    listing.apply("--all")
    asked: list[str] = []

    def busy(call: FaultContext) -> None:
        if call.operation == "SimulatePrincipalPolicy":
            asked.append(call.operation)
            if len(asked) > 2:
                raise throttling()

    listing.sandbox.faults.append(busy)
    question = ("access", "-a", "s3:ListBucket", "--backend", "aws")
    run = simulated(listing, *question, "--output", "json")
    assert run.status == 2
    assert [each["principal"] for each in run.json["answers"]] == ["user/ann"]
    (failure,) = run.json["failures"]
    assert "users and roles were not asked" in failure["message"]
    for form in ("text", "markdown", "github"):
        asked.clear()
        run = simulated(listing, *question, "--output", form)
        assert "user/ann" in run.out
        assert "users and roles were not asked" in run.out
        assert "not asked to the end" in run.out
    assert slept


def test_search_takes_patterns(listing: Fleet) -> None:
    listing.apply("--all")
    run = simulated(listing, "search", "-a", "s3:List*", "-a", "sqs:*", "--output", "json")
    assert {each["action"] for each in run.json["answers"]} == {"s3:ListBucket"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("access", "-a", "s3:ListBucket", "--at", "tomorrow"),
        ("access", "-a", "s3:ListBucket", "--at", "2026-03-01T18:00"),
        ("access", "-a", "s3:ListBucket", "--at", "0001-01-01T00:00+14:00"),
        ("access", "-a", "s3:ListBucket", "--at", "9999-12-31T23:59:59-14:00"),
        ("access", "-a", "s3:ListBucket", "-c", "novalue"),
        ("search", "-a", "nosuchservice:*"),
        ("access", "-a", "s3:ListBucket", "--environment", "prdo"),
        ("access", "-a", "s3:ListBucket", "-c", "MultiFactorAuthPresent=false"),
        ("access", "-a", "s3:ListBucket", "-R", "bucket"),
        ("access", "-a", "s3:ListBucket", "-R", ""),
        ("access", "-a", "kms:Decrypt", "-R", f"arn:aws:kms:eu-west-1:{PROD}:alias/data"),
        ("access", "-a", "ListBucket"),
        ("access", "-a", ""),
        ("access", "-a", "s3:ListBucket", "-u", ""),
        ("access", "-a", "s3:ListBucket", "-u", "a b"),
        ("access", "-a", "s3:ListBucket", "-r", "path/role"),
        ("search", "-a", "ListBucket"),
    ],
)
def test_what_cannot_be_meant_is_an_error(listing: Fleet, arguments: tuple[str, ...]) -> None:
    assert simulated(listing, *arguments).status == 2


def test_an_account_that_cannot_be_asked_is_a_failure(listing: Fleet) -> None:
    listing.files.team(accounts={"prod": PROD, "gone": "999900001111"}, policies={})
    run = simulated(listing, "access", "-a", "s3:ListBucket", "--output", "json")
    assert run.status == 2
    (failure,) = run.json["failures"]
    assert failure["account"] == "999900001111"
    told = simulated(listing, "access", "-a", "s3:ListBucket").out.splitlines()[-1]
    assert told.startswith(
        "Not finished: 1 account not reached; elsewhere no user or role can do this on *"
    )
    listing.files.team(accounts={"gone": "999900001111"}, policies={})
    told = simulated(listing, "access", "-a", "s3:ListBucket").out.splitlines()[-1]
    assert told == "Not finished: 1 account not reached"


@pytest.mark.parametrize("form", ["text", "markdown", "json", "github"])
def test_a_name_that_no_account_has_is_no_answer(listing: Fleet, form: str) -> None:
    listing.apply("--all")
    run = simulated(listing, "access", "-u", "anne", "-a", "s3:ListBucket", "--output", form)
    assert run.status == 2
    assert "anne" in run.out


def test_what_keeps_the_plan_from_being_whole_is_told(listing: Fleet) -> None:
    listing.files.team(
        policies={"list": policy()},
        permanent=[permanent("list", users=["missing@example.com"])],
    )
    question = ("access", "-a", "s3:ListBucket", "--output", "json")
    assert simulated(listing, *question, "--on", "plan").codes == ["missing-principal"]
    assert simulated(listing, *question).codes == []

    listing.files.team(policies={"list": policy()}, permanent=[permanent("lust")])
    run = simulated(listing, *question, "--on", "plan")
    assert run.status == 2
    assert run.codes == ["unknown-grant"]
    assert run.json["unread"] == ["the files of team payments"]
    assert simulated(listing, *question, "--on", "plan", "--environment", "dev").status == 2
    # The account is as it is, whatever the files say.
    assert simulated(listing, *question).json["unread"] == []
    assert simulated(listing, *question).status == 1
    listing.files.write("aws-accounts/payments.yaml", "aws-accounts: [")
    assert simulated(listing, *question).status == 2


def test_actions_that_aws_may_not_have_are_asked_for_and_told(listing: Fleet) -> None:
    for form in ("text", "markdown", "json", "github"):
        run = simulated(listing, "access", "-a", "s3:ListBuckets2", "--output", form)
        assert run.status == 1
        assert "ListBuckets2" in run.out
    run = simulated(listing, "search", "-a", "s3:Lust*", "-a", "s3:ListBucket", "--output", "json")
    assert run.codes == ["unknown-action"]
    assert simulated(listing, "access", "-a", "s3:*", "--output", "json").codes == [
        "wildcard-action"
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        ["aws:SourceIp=10.0.0.300"],
        ["aws:SourceIp="],
        ["aws:MultiFactorAuthPresent=yes"],
        ["aws:SourceIp=10.0.0.1", "aws:sourceip=10.0.0.2"],
    ],
)
def test_values_that_no_request_has_are_refused(listing: Fleet, wrong: list[str]) -> None:
    given = [option for each in wrong for option in ("-c", each)]
    assert simulated(listing, "access", "-a", "s3:ListBucket", "--on", "plan", *given).status == 2


def test_a_sandbox_is_asked_only_with_the_files_applied(listing: Fleet) -> None:
    run = simulated(listing, "access", "-a", "s3:ListBucket", "--sandbox", "--on", "account")
    assert (run.status, run.calls) == (2, ())


def test_condition_keys_that_aws_does_not_have_are_told(listing: Fleet) -> None:
    question = ("access", "-a", "s3:ListBucket", "--on", "plan", "-c", "aws:SourceIpp=10.0.0.1")
    for form in ("text", "markdown", "json", "github"):
        run = simulated(listing, *question, "--output", form)
        assert (run.status, "did you mean aws:SourceIp?" in run.out) == (0, True)
    run = simulated(listing, *question[:-1], "aws:PrincipalTag/${aws:username}=x")
    assert (run.status, "warning: 'aws:PrincipalTag/${aws:username}' is a" in run.out) == (0, True)


def test_a_pattern_of_which_someone_may_do_a_part_is_no_nobody(listing: Fleet) -> None:
    question = ("access", "-a", "s3:List*", "--on", "plan")
    for form in ("text", "markdown", "json", "github"):
        run = simulated(listing, *question, "--output", form)
        assert (run.status, "s3:ListBucket" in run.out) == (0, True)
        assert "o user or role can" not in run.out
    assert simulated(listing, *question, "-u", "ann").status == 0
    assert simulated(listing, "access", "-a", "s3:Put*", "--on", "plan").status == 1


def test_the_reason_is_told_in_every_form(listing: Fleet) -> None:
    listing.apply("--all")
    late = ("-u", "bob", "-a", "s3:ListBucket", "--at", "2026-03-02T00:00Z")
    for form in ("text", "markdown", "github"):
        run = simulated(listing, "access", *late, "--output", form)
        assert "2026-03-01T18:00:00Z does not hold" in run.out
        assert "temporary-access/payments.yaml:2:" in run.out
    (answer,) = simulated(listing, "access", *late, "--output", "json").json["answers"]
    (unmet,) = answer["unmet"]
    assert unmet["conditions"] == ["aws:CurrentTime DateLessThan 2026-03-01T18:00:00Z"]
    assert unmet["granted"]["line"] == 2


def test_many_actions_for_one_reason_are_one_line(fleet: Fleet) -> None:
    fleet.admin().attach_user_policy(UserName="ann", PolicyArn=READ_ONLY)
    fleet.files.team()
    question = ("search", "-u", "ann", "-a", "ec2:Describe*")
    short = simulated(fleet, *question).out
    assert len(short.splitlines()) < 10
    assert " more  *" in short
    assert "ec2:DescribeVpcs" in simulated(fleet, *question, "--verbose").out
    listed = simulated(fleet, *question, "--output", "json").json["answers"]
    assert "ec2:DescribeVpcs" in {each["action"] for each in listed}


def test_what_has_ended_may_name_a_policy_that_is_gone_since(listing: Fleet) -> None:
    ended = temporary("gone", user="bob@example.com", expires_at="2026-02-01T00:00:00Z")
    listing.files.team(
        policies={"list": policy()}, permanent=[permanent("list")], temporary=[ended]
    )
    run = simulated(listing, "access", "-u", "ann", "-a", "s3:ListBucket", "--on", "plan")
    assert run.status == 0
    assert "payments.yaml" in run.out
