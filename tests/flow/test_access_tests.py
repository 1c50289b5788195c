"""Assertions run as people run them: files in the account tester's format, against the sandbox."""

import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest

from iam_access.cli.simulate import simulate
from iam_access.cloud.simulator import PAUSES
from iam_access.policy.actions import actions_of
from iam_access.sandbox import PIPELINE_ACCOUNT, PIPELINE_USER, AwsError, FaultContext, throttling
from tests.flow.fleet import (
    PROD,
    TEST,
    Files,
    Fleet,
    Run,
    account,
    document,
    opened,
    permanent,
    policy,
    text,
)

DATA = Path(__file__).parents[1] / "data" / "access-tests"
PRIVILEGES = str(DATA / "privileges.yml")
WORKERS = str(DATA / "workers.yml")
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}

JUDGES = pytest.mark.parametrize("judge", [("--on", "account"), ("--backend", "aws")])


def test(fleet: Fleet, *arguments: str) -> Run:
    return fleet.run(simulate, "test", *arguments)


test.__test__ = False  # type: ignore[attr-defined]


def run_document(fleet: Fleet, *arguments: str) -> dict[str, Any]:
    """The JSON document of a run."""
    return test(fleet, "--output", "json", *arguments).json


def principals_and_actions(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["principal"], each["action"]) for each in found["results"]}


def iam_of(fleet: Fleet) -> Any:
    return fleet.sandbox.backend(PROD)


def put_inline(fleet: Fleet, principal: str, name: str, *statements: dict[str, Any]) -> None:
    """An inline policy, made behind the API."""
    kind, _, who = principal.partition("/")
    iam = iam_of(fleet)
    entity = {
        "user": lambda: iam.users[who],
        "group": lambda: iam.groups[who],
        "role": lambda: next(role for role in iam.roles.values() if role.name == who),
    }[kind]()
    entity.policies[name] = json.dumps(document(*statements))


def allow(*actions: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}


@pytest.fixture
def people(files: Files) -> Any:
    files.team()
    given = account(PROD, ("ann", "owner-eve"), ("orders-worker", "retired-worker"))
    with opened(files, given) as fleet:
        put_inline(fleet, "user/ann", "look", allow("s3:Get*", "s3:List*"))
        put_inline(fleet, "user/owner-eve", "manage", allow("iam:*", Condition=MFA))
        put_inline(
            fleet,
            "role/orders-worker",
            "secrets",
            {
                **allow("secretsmanager:GetSecretValue"),
                "Resource": f"arn:aws:secretsmanager:eu-west-1:{PROD}:secret:orders/*",
            },
        )
        yield fleet


@JUDGES
def test_files_of_the_account_tester_hold_where_they_should(
    people: Fleet, judge: tuple[str, ...]
) -> None:
    run = test(people, "--config-file", PRIVILEGES, *judge)
    assert (run.status, run.err) == (0, "")
    assert run.out.splitlines()[-1] == "17 decisions, all as expected"
    assert test(people, "--config-file", WORKERS, *judge).status == 0


@JUDGES
def test_wildcards_groups_and_exemptions(people: Fleet, judge: tuple[str, ...]) -> None:
    iam = iam_of(people)
    iam.create_group("people")
    iam.add_user_to_group("people", "ann")
    put_inline(people, "group/people", "all", allow("iam:A*", "iam:CreateUser"))
    found = run_document(people, "--config-file", PRIVILEGES, *judge)
    assert found["status"] == 1
    # iam:Attach* is within what iam:A* allows; iam:* and *:* are not.
    assert principals_and_actions(found) == {
        ("user/ann", "iam:Attach*"),
        ("user/ann", "iam:CreateUser"),
    }
    assert found["sources"] == [f"arn:aws:iam::{PROD}:user/ann"]
    assert all("all" in each["statements"][0]["name"] for each in found["results"])


@JUDGES
def test_a_second_factor_is_there_unless_the_test_says_not(
    people: Fleet, judge: tuple[str, ...]
) -> None:
    put_inline(people, "user/owner-eve", "manage", allow("iam:*"))
    found = run_document(people, "--config-file", PRIVILEGES, *judge)
    # Exempt from the first test, named by the second.
    assert principals_and_actions(found) == {
        ("user/owner-eve", "iam:*"),
        ("user/owner-eve", "iam:CreateUser"),
    }
    assert {each["line"] for each in found["results"]} == {17}


@JUDGES
def test_a_boundary_limits(people: Fleet, judge: tuple[str, ...]) -> None:
    iam = iam_of(people)
    limit = iam.create_policy("", "/", text("s3:*"), "limit", [])
    role = next(each for each in iam.roles.values() if each.name == "orders-worker")
    role.permissions_boundary_arn = limit.arn
    found = run_document(people, "--config-file", WORKERS, *judge)
    ((principal, action),) = principals_and_actions(found)
    assert (principal, action) == ("role/orders-worker", "secretsmanager:GetSecretValue")
    assert found["results"][0]["decision"] == "implicitDeny"
    assert found["results"][0]["allowed_by_boundary"] is False


@JUDGES
def test_lists_of_actions_longer_than_a_page(
    people: Fleet, judge: tuple[str, ...], tmp_path: Path
) -> None:
    each = (actions_of(service) for service in ("ec2", "sagemaker", "iam"))
    actions = [str(action) for found in each for action in found.values()][:1_050]
    put_inline(people, "user/ann", "last", allow(actions[-1]))
    resources = [f"arn:aws:s3:::bucket-{number}" for number in range(3)]
    file = tmp_path / "many.yaml"
    file.write_text(
        json.dumps(
            {
                "tests": [
                    {
                        "actions": actions,
                        "resources": resources,
                        "expected_result": "fail",
                        "limit_to": [".*user/ann$"],
                    }
                ]
            }
        )
    )
    found = run_document(people, "--config-file", str(file), *judge)
    assert found["accounts"][0]["decisions"] == 3_150
    assert [each["resource"] for each in found["results"]] == resources
    assert {each["action"] for each in found["results"]} == {actions[-1]}


@JUDGES
def test_a_test_that_matches_nobody_is_a_finding(
    people: Fleet, judge: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "nobody.yaml"
    file.write_text("tests: [{actions: [s3:*], expected_result: fail, limit_to: [user/ann]}]")
    run = test(people, "--config-file", str(file), "--output", "json", *judge)
    assert run.status == 1
    assert run.codes == ["no-principal", "wildcard-action"]
    assert run.json["results"] == []


def test_both_judges_agree_and_a_difference_would_be_told(people: Fleet) -> None:
    found = run_document(people, "--config-file", PRIVILEGES, "--compare", "--verbose")
    assert found["status"] == 0
    assert found["backends"] == ["offline", "aws"]
    assert (found["accounts"][0]["decisions"], found["disagreements"]) == (17, [])

    def lying(call: FaultContext) -> None:
        if call.operation == "SimulatePrincipalPolicy":
            put_inline(people, "user/ann", "meanwhile", allow("sts:AssumeRole"))

    people.sandbox.faults.append(lying)
    run = test(people, "--config-file", PRIVILEGES, "--compare")
    assert run.status == 1
    assert "AWS disagrees:" in run.out
    assert run.out.splitlines()[-1].endswith("; 1 disagreement with AWS")


def test_throttling_is_survived(people: Fleet, slept: list[float]) -> None:
    left = [None] * 12

    def busy(call: FaultContext) -> None:
        if call.operation == "SimulatePrincipalPolicy" and left:
            left.pop()
            raise throttling()

    people.sandbox.faults.append(busy)
    run = test(people, "--config-file", PRIVILEGES, "--backend", "aws")
    assert run.status == 0
    assert run.out.splitlines()[-1] == "17 decisions, all as expected"
    # botocore's own attempts come first; what is left is waited for with more patience.
    assert PAUSES[0] in slept


def test_a_throttle_that_outlasts_all_patience_keeps_what_was_answered(people: Fleet) -> None:
    asked: list[str] = []

    def busy(call: FaultContext) -> None:
        if call.operation == "SimulatePrincipalPolicy":
            asked.append(call.operation)
            if len(asked) > 3:
                raise throttling()

    people.sandbox.faults.append(busy)
    options = ("--config-file", PRIVILEGES, "--backend", "aws")
    run = test(people, *options, "--output", "json", "--verbose")
    assert run.status == 2
    (told,) = run.json["accounts"]
    assert 0 < told["decisions"] < 17
    missing = f"{17 - told['decisions']} of 17 decisions are missing"
    assert missing in told["failure"]["message"]
    for form in ("text", "markdown", "github"):
        asked.clear()
        run = test(people, *options, "--output", form)
        assert run.status == 2
        assert missing in run.out
        assert "not asked to the end" in run.out
        assert "not reached" not in run.out


@pytest.mark.parametrize(
    "place",
    [
        "s3:/b",
        "s3 ://b",
        "s3:b",
        "S3://b",
        " s3://b",
        "s3//b",
        "s3:///b",
        "https://b",
        "arn:aws:s3:::b",
        "",
        "json",
    ],
)
def test_what_is_nearly_a_place_is_an_error(people: Fleet, place: str) -> None:
    run = test(people, "-o", place, "--on", "account")
    assert run.status == 2
    assert run.calls == ()


@pytest.mark.parametrize("how", [["--on", "account"], ["--backend", "aws"], ["--compare"]])
def test_a_sandbox_is_asked_only_with_the_files_applied(people: Fleet, how: list[str]) -> None:
    # No principal would have anything there, so that all that must fail would.
    run = test(people, "--sandbox", *how)
    assert (run.status, run.calls) == (2, ())
    assert "leave out --sandbox" in run.err + run.out


@pytest.mark.parametrize("number", ["0", "-2"])
def test_a_number_of_questions_is_one_or_more(people: Fleet, number: str) -> None:
    assert test(people, "-n", number, "--on", "account").status == 2


def test_a_principal_that_goes_meanwhile_is_a_warning(people: Fleet) -> None:
    def gone(call: FaultContext) -> None:
        if call.operation == "SimulatePrincipalPolicy":
            iam_of(people).users.pop("ann", None)

    people.sandbox.faults.append(gone)
    run = test(people, "--config-file", PRIVILEGES, "--backend", "aws", "--output", "json")
    assert run.status == 0
    assert run.codes == ["bad-account-id", "principal-gone", *["wildcard-action"] * 3]


def test_an_account_that_cannot_be_asked_ends_in_2_and_does_not_stop_others(files: Files) -> None:
    files.team(accounts={"prod": PROD, "test": TEST})
    with opened(files, account(PROD), account(TEST)) as fleet:

        def refused(call: FaultContext) -> None:
            if call.operation == "SimulatePrincipalPolicy" and call.account_id == PROD:
                raise AwsError("AccessDenied", "no")

        fleet.sandbox.faults.append(refused)
        run = test(fleet, "--config-file", PRIVILEGES, "--backend", "aws", "--output", "json")
    assert run.status == 2
    by_id = {each["account"]: each for each in run.json["accounts"]}
    assert by_id[PROD]["failure"]["code"] == "AccessDenied"
    assert by_id[TEST]["failure"] is None


# Teams' own files.

OWN = """\
tests:
  - description: Nobody deletes buckets
    actions: [s3:DeleteBucket]
    expected_result: fail
  - description: Ann lists them
    users: [ann@example.com]
    actions: [s3:ListBucket]
    expected_result: succeed
"""


def test_what_the_files_would_grant_is_judged_before_it_is_granted(fleet: Fleet) -> None:
    fleet.files.write("access-tests/payments.yaml", OWN)
    fleet.files.team(policies={"list": policy()}, permanent=[permanent("list")])
    assert test(fleet).status == 0
    assert test(fleet, "--on", "account").status == 1
    fleet.apply("--all")
    assert test(fleet, "payments", "--on", "account").status == 0
    assert test(fleet, "--backend", "aws").status == 0

    everything = {"effect": "Allow", "actions": ["s3:*"], "resources": ["*"]}
    fleet.files.team(policies={"list": policy(everything)}, permanent=[permanent("list")])
    run = test(fleet, "--output", "github")
    assert run.status == 1
    (command, *_) = run.out.splitlines()
    assert "access-tests/payments.yaml,line=2,col=5,title=access-test" in command
    assert "user ann: s3:DeleteBucket on * must fail, but is allowed by payments-list" in command
    assert re.search(r"statement 1, written at \S*/aws-policies/payments\.yaml:\d+:\d+, ", command)
    assert re.search(r"granted at \S*/permanent-access/payments\.yaml:2:3", command)
    assert run.writes == ()


def test_without_credentials_a_sandbox_of_the_files_does(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.team(policies={"list": policy()}, permanent=[permanent("list")])
    files.write("access-tests/payments.yaml", OWN)
    arguments = ["test", "--sandbox", "--config-dir", str(files.directory)]
    assert simulate(arguments) == 0
    # A principal that only a test names is not made up.
    named = OWN.replace("Ann lists them", "Carol does not").replace("ann@", "carol@")
    named = named.replace("succeed", "fail")
    files.write("access-tests/payments.yaml", named)
    assert simulate(arguments) == 1
    files.write("access-tests/payments.yaml", f"{named}    allow_no_match: true\n")
    assert simulate(arguments) == 0


def test_what_a_service_decides_by_itself_is_told(people: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "sts.yaml"
    file.write_text(
        "tests:\n  - {actions: [sts:GetSessionToken], expected_result: fail}\n"
        "  - {actions: [sts:GetCallerIdentity], expected_result: succeed}\n"
    )
    run = test(people, "--config-file", str(file), "--on", "account")
    assert run.status == 1
    assert "2 principals: user ann, user owner-eve\n" in run.out
    said = "sts:GetSessionToken on * is allowed: users may open sessions of their own"
    assert said in run.out


def test_options_of_the_account_tester(people: Fleet) -> None:
    def principals(*options: str) -> list[str]:
        found = run_document(
            people, "--config-file", PRIVILEGES, "--on", "account", "--dry-run", *options
        )
        return [each["principal"] for each in found["questions"]]

    everybody = ["role/orders-worker", "role/retired-worker", "user/ann", "user/owner-eve"]
    assert principals() == everybody
    assert principals("--include-system-roles") == everybody
    people_only = ["user/ann", "user/owner-eve"]
    for spelling in ("--no-include-system-roles", "--no-system-roles", "-N", "--users-only"):
        assert principals(spelling) == people_only
    assert principals("--roles-only") == everybody[:2]
    assert principals("--number-of-runs", "1") == everybody[:1]
    assert principals("-n", "3") == everybody[:3]


def test_a_dry_run_asks_nobody(people: Fleet) -> None:
    put_inline(people, "user/ann", "all", allow("*"))
    run = test(people, "--config-file", PRIVILEGES, "--backend", "aws", "--dry-run")
    assert run.status == 0
    assert "SimulatePrincipalPolicy" not in run.operations
    assert "nothing was asked" in run.out


def test_results_are_written_to_a_folder(people: Fleet, tmp_path: Path) -> None:
    folder = tmp_path / "some" / "results"
    arguments = ("--config-file", PRIVILEGES, "--on", "account", "--output-location", str(folder))
    run = test(people, *arguments, "--output", "json")
    (file,) = folder.iterdir()
    assert file.name == "results-20260301-120000.json"
    assert json.loads(file.read_text()) == run.json
    assert str(file) in run.err


def test_results_are_written_to_a_file(
    people: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("--config-file", PRIVILEGES, "--on", "account", "--output", "json", "-o")
    for place in (str(tmp_path / "new" / "found.json"), "found.json"):
        run = test(people, *arguments, place)
        assert run.status == 0
        assert json.loads(Path(place).read_text()) == run.json


def test_results_are_written_to_s3(people: Fleet) -> None:
    pipeline = people.sandbox.backend(PIPELINE_ACCOUNT).users[PIPELINE_USER]
    wanted = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::results*"}
    pipeline.put_policy("results", json.dumps({"Version": "2012-10-17", "Statement": wanted}))
    s3 = boto3.client("s3")
    name = "results-20260301-120000.json"
    for place, bucket, key in (
        ("s3://results", "results", name),
        ("s3://results.json", "results.json", name),
        ("s3://results/iam/", "results", f"iam/{name}"),
        ("s3://results/iam/found.json", "results", "iam/found.json"),
        ("s3://results/found.json", "results", "found.json"),
    ):
        s3.create_bucket(Bucket=bucket)
        arguments = ("--config-file", PRIVILEGES, "--on", "account", "-o", place)
        run = test(people, *arguments)
        assert run.status == 0
        assert f"s3://{bucket}/{key}" in run.err
        assert json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())["status"] == 0


def test_a_place_that_cannot_be_written_leaves_the_report_alone(
    people: Fleet, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    arguments = ("--config-file", PRIVILEGES, "--on", "account", "--output", "json", "-o")
    for place in (str(tmp_path / "file" / "below"), "s3://nobodys-bucket"):
        run = test(people, *arguments, place)
        assert run.status == 2
        assert run.json["command"] == "test"
        assert "cannot write" in run.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--on", "plan", "--backend", "aws"),
        ("--on", "plan", "--compare"),
        ("--all", "payments"),
        ("--config-file", "/nowhere/tests.yaml"),
        ("-o", "s3://"),
        ("paiments",),
        ("--environment", "live"),
    ],
)
def test_wrong_use_ends_in_2(fleet: Fleet, arguments: tuple[str, ...]) -> None:
    fleet.files.team()
    run = test(fleet, "--output", "json", *arguments)
    assert run.status == 2
    assert run.json["error"]["hint"]


def test_the_same_question_gets_the_same_bytes(people: Fleet) -> None:
    arguments = ("--config-file", PRIVILEGES, "--on", "account", "--verbose")
    for output in ("json", "text", "markdown", "github"):
        runs = {test(people, *arguments, "--output", output).out for _ in range(2)}
        assert len(runs) == 1


def test_files_with_errors_are_told_by_validation_and_not_run(fleet: Fleet) -> None:
    fleet.files.team()
    fleet.files.write("access-tests/payments.yaml", OWN.replace("fail", "never"))
    assert fleet.validate("--output", "json").codes == ["bad-value"]
    run = test(fleet, "--output", "json")
    assert (run.status, run.codes) == (1, ["bad-value"])
    assert run.json["accounts"] == []


def test_no_tests_at_all_is_said(fleet: Fleet) -> None:
    fleet.files.team()
    run = test(fleet, "--output", "json")
    assert (run.status, run.codes) == (0, ["no-tests"])
