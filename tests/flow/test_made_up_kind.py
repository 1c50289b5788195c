"""A fifth kind, made up here, and its folder: nothing knows kinds or folders by name.

It is registered for each of these tests and goes through every command. What has to be told apart
from it by name, or forgets it, fails here; and no rule of the organisation passes its entries by.
"""

import importlib.util
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from iam_access import kinds
from iam_access.cli import commands
from iam_access.cli.simulate import simulate
from iam_access.config.load import load
from iam_access.config.settings import Settings, TemporaryAccessSettings
from iam_access.render import Output
from iam_access.reviewing.new_access import new_access
from iam_access.runs import verification
from iam_access.sandbox import FaultContext
from iam_access.sandbox.seed import sandbox_accounts
from tests.flow.fleet import (
    NOW,
    PROD,
    READ_QUEUES,
    TEMPLATE,
    VIEW_ONLY,
    Files,
    Fleet,
    opened,
    policy,
    text,
)
from tests.flow.holdings import beyond, holdings, lacking
from tests.flow.made_up_kind import FOLDER, NAME, MadeUpGroups
from tests.flow.test_interruption import ending_after, result

READ_TABLES = {"effect": "Allow", "actions": ["dynamodb:GetItem"], "resources": ["*"]}
OPENS = {"effect": "Allow", "actions": ["s3:PutBucketPolicy", "s3:GetObject"], "resources": ["*"]}
MINTS = {"effect": "Allow", "actions": ["iam:CreateAccessKey", "s3:GetObject"], "resources": ["*"]}
READERS = {
    "members": ["ann@example.com", "bob@example.com"],
    "environments": ["prod"],
    "grants": ["read", "view"],
}
ON_CALL = {
    "members": ["ann@example.com"],
    "environments": ["prod"],
    "grants": ["queues"],
    "expires_at": "2026-03-01T18:00:00Z",
}
PERMANENT, TEMPORARY = "payments+readers", "payments+oncall+20260301T180000Z"
FILE = f"{FOLDER}/payments.yaml"
OUTPUTS = [str(each) for each in Output]


@pytest.fixture(scope="module", autouse=True)
def _registered() -> Iterator[None]:
    kind = MadeUpGroups()
    with kinds.registered(kind, kind):
        yield


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_SETTLING", (0.0,))


class Moments(NamedTuple):
    """One account for all tests, and what takes it back to before and after a first apply."""

    fleet: Fleet
    empty: Callable[[], None]
    applied: Callable[[], None]


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moments]:
    """Its deployer role may also do what the kind declares."""
    directory = tmp_path_factory.mktemp("made-up")
    files = Files(directory / "aws")
    write_groups(files)
    with opened(files, template=template_for(directory)) as fleet:
        fleet.admin()
        empty = fleet.remember()
        run = fleet.apply("--all")
        assert run.status == 0, run.out
        yield Moments(fleet, empty, fleet.remember())


@pytest.fixture
def fleet(moments: Moments) -> Fleet:
    """The files have two groups, and nothing is applied."""
    found = moments.fleet
    moments.empty()
    found.sandbox.faults.clear()
    found.clock.now = NOW
    shutil.rmtree(found.files.directory)
    write_groups(found.files)
    return found


@pytest.fixture
def applied(fleet: Fleet, moments: Moments) -> Fleet:
    """Both groups are in the account."""
    moments.applied()
    return fleet


def write_groups(files: Files, **groups: Mapping[str, Any]) -> None:
    files.team(
        policies={
            "read": policy(READ_TABLES),
            "view": policy(managed=[VIEW_ONLY]),
            "queues": policy(READ_QUEUES),
            "mints": policy(MINTS),
            "opens": policy(OPENS),
        }
    )
    files.write(
        FILE,
        yaml.safe_dump(
            {FOLDER: groups or {"readers": READERS, "oncall": ON_CALL}}, sort_keys=False
        ),
    )


def template_for(directory: Path) -> Path:
    """The deployer role of aws/bootstrap/, with the permissions that the kind declares."""
    needed = {each for op in MadeUpGroups.operations.values() for each in op.permissions}
    statement = {"Effect": "Allow", "Action": sorted(needed), "Resource": "*"}
    head, mark, tail = TEMPLATE.read_text("utf-8").partition("              - Sid: ReadAccount\n")
    assert mark
    changed = directory / "deployer-role.yaml"
    changed.write_text(f"{head}              - {json.dumps(statement)}\n{mark}{tail}", "utf-8")
    return changed


def members_of(fleet: Fleet, group: str) -> set[str]:
    groups = fleet.sandbox.backend(PROD).groups
    return {user.name for user in groups[group].users} if group in groups else set()


def test_its_files_are_checked(fleet: Fleet) -> None:
    run = fleet.validate("--output", "json")
    assert (run.status, run.codes) == (0, []), run.out
    wrong = {**ON_CALL, "grants": ["no.such", "queues"], "environments": ["nowhere"]}
    write_groups(fleet.files, oncall={**wrong, "expires_at": "tomorrow", "more": "x"})
    run = fleet.validate("--output", "json")
    assert run.status == 1
    found = {(each["code"], each["file"].rpartition("/")[2]) for each in run.json["findings"]}
    codes = {"bad-instant", "grants-nothing", "unknown-grant", "unknown-environment", "unknown-key"}
    assert {(code, "payments.yaml") for code in codes} <= found
    for output in OUTPUTS:
        assert FILE in fleet.validate("--output", output).out


def test_what_is_told_twice_or_has_ended_is_found(fleet: Fleet) -> None:
    write_groups(
        fleet.files, a=READERS, b=READERS, c={**ON_CALL, "expires_at": "2026-02-01T18:00:00Z"}
    )
    run = fleet.validate("--output", "json")
    assert {"duplicate-entry", "expired"} <= set(run.codes)


def test_it_is_planned_applied_from_the_plan_and_then_left_alone(
    fleet: Fleet, tmp_path: Path
) -> None:
    file = str(tmp_path / "plan.json")
    plan = fleet.apply("--all", "--dry-run", "--plan-file", file, "--output", "json")
    assert plan.writes == ()
    planned = {(each["kind"], each["action"], each["name"]) for each in plan.json["changes"]}
    assert {(NAME, "create", PERMANENT), (NAME, "create", TEMPORARY)} <= planned
    run = fleet.apply("--from-plan", file, "--output", "json")
    assert (run.status, run.json["digest"]) == (0, plan.json["digest"])
    assert members_of(fleet, PERMANENT) == {"ann", "bob"}
    assert members_of(fleet, TEMPORARY) == {"ann"}
    again = fleet.apply("--all", "--output", "json")
    assert (again.status, again.writes, again.json["changes"]) == (0, (), [])


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("command", ["apply", "cleanup", "revoke"])
def test_every_output_shows_it(applied: Fleet, command: str, output: str) -> None:
    arguments: tuple[str, ...] = ("--all",)
    if command == "apply":
        other = {**ON_CALL, "members": ["bob@example.com"]}
        write_groups(applied.files, readers=READERS, other=other)
    elif command == "cleanup":
        applied.clock.move(days=1)
    else:
        arguments = ("--user", "ann")
    options = ("--dry-run", "--verbose", "--explain", "--output", output)
    run = applied.run(getattr(commands, command), *arguments, *options)
    assert run.status == 0, run.out
    if output != "github":
        assert TEMPORARY in run.out


def test_a_merge_that_changes_a_file_of_any_folder_applies() -> None:
    script = Path(commands.__file__).parents[2] / "changed_teams.py"
    spec = importlib.util.spec_from_file_location("changed_teams", script)
    assert spec is not None
    assert spec.loader is not None
    changed_teams = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(changed_teams)
    for folder in kinds.FOLDERS:
        for status in "AM":
            found = changed_teams.teams_of([(status, f"{folder.folder}/payments.yaml")])
            assert found in (["payments"], ["--all"]), folder.folder
        assert changed_teams.teams_of([("D", f"{folder.folder}/payments.yaml")]) == ["--all"]


def change(fleet: Fleet) -> None:
    """Files that change the permanent group, renew the one that ends and drop nothing."""
    write_groups(
        fleet.files,
        readers={**READERS, "members": ["bob@example.com"], "grants": ["view", "queues"]},
        oncall={**ON_CALL, "expires_at": "2026-03-02T18:00:00Z"},
    )


@pytest.mark.parametrize(
    "step", [4, pytest.param(1, marks=pytest.mark.exhaustive)], ids=["some", "each"]
)
def test_stopped_after_any_write_the_next_run_finishes(applied: Fleet, step: int) -> None:
    """And at no moment does anyone hold more, or less, than before and after together."""
    assert result(applied)
    before, back = holdings(applied.sandbox, PROD), applied.remember()
    change(applied)
    whole = applied.apply("--all")
    assert whole.status == 0, whole.out
    end, after = result(applied), holdings(applied.sandbox, PROD)
    assert members_of(applied, PERMANENT) == {"bob"}
    for writes in range(1, len(whole.writes), step):
        back()
        applied.sandbox.faults.append(ending_after(writes))
        assert applied.apply("--all").status == 2
        applied.sandbox.faults.clear()
        held = holdings(applied.sandbox, PROD)
        assert (beyond(held, before, after), lacking(held, before, after)) == ([], [])
        assert applied.apply("--all").status == 0
        assert result(applied) == end


def test_what_each_member_has_for_a_time_is_told(fleet: Fleet) -> None:
    write_groups(fleet.files, oncall={**ON_CALL, "members": READERS["members"]})
    for expected in ("new", "unchanged"):
        run = fleet.apply("--all", "--output", "json")
        told = [(each["principal"], each["state"]) for each in run.json["timeline"]]
        assert told == [("user/ann", expected), ("user/bob", expected)]


def test_what_leaves_the_files_leaves_the_account(applied: Fleet) -> None:
    applied.files.write(FILE, f"{FOLDER}: {{}}\n")
    run = applied.apply("--all")
    assert run.status == 0, run.out
    assert applied.sandbox.backend(PROD).groups == {}
    applied.files.remove_team("payments")


def test_a_departed_team_is_revoked_and_an_invalid_one_left_alone(applied: Fleet) -> None:
    applied.files.write("aws-policies/payments.yaml", "aws-policies: 1\n")
    assert applied.apply("--all").writes == ()
    assert members_of(applied, PERMANENT) == {"ann", "bob"}
    applied.files.remove_team("payments")
    applied.files.team("other")
    assert applied.apply("--all").status == 0
    assert applied.sandbox.backend(PROD).groups == {}


def test_taking_much_away_is_held_back(fleet: Fleet) -> None:
    """What each member holds counts as one grant."""
    for number in range(12):
        fleet.admin().create_user(UserName=f"user{number}")
    many = {**READERS, "members": [f"user{number}@example.com" for number in range(12)]}
    write_groups(fleet.files, readers=many)
    assert fleet.apply("--all").status == 0
    for left in ([], ["user0@example.com"]):
        groups = {"readers": {**many, "members": left}} if left else {}
        fleet.files.write(FILE, yaml.safe_dump({FOLDER: groups}))
        run = fleet.apply("--all", "--output", "json")
        assert (run.status, run.codes, run.writes) == (1, ["too-many-removals"], ())


def test_what_it_means_is_told_for_each_member(fleet: Fleet) -> None:
    run = fleet.apply("--all", "--dry-run", "--explain", "--output", "json")
    assert run.status == 0, run.out
    gained = {each["principal"]: json.dumps(each) for each in run.json["meaning"]}
    assert set(gained) == {"user/ann", "user/bob"}
    assert all("dynamodb:GetItem" in each for each in gained.values())
    assert "sqs:ReceiveMessage" in gained["user/ann"]
    assert "sqs:ReceiveMessage" not in gained["user/bob"]
    assert fleet.apply("--all").status == 0
    fleet.files.write(FILE, f"{FOLDER}: {{}}\n")
    gone = fleet.apply("--all", "--dry-run", "--explain", "--output", "json")
    assert {each["principal"] for each in gone.json["meaning"]} == {"user/ann", "user/bob"}


def test_each_member_is_proven_to_have_it_and_its_end(fleet: Fleet) -> None:
    run = fleet.apply("--all", "--verify", "--output", "json")
    assert run.status == 0, run.out
    (counts,) = run.json["verified"]
    assert counts == {"account": PROD, "grants": 3, "alive": 3, "temporary": 1, "ending": 1}


def test_what_another_hand_makes_of_it_is_found_by_the_proof(fleet: Fleet) -> None:
    reads = 0

    def widen(call: FaultContext) -> None:
        nonlocal reads
        reads += call.operation == "GetAccountAuthorizationDetails"
        if reads == 2:
            for group in fleet.sandbox.backend(PROD).groups.values():
                group.policies.update(dict.fromkeys(group.policies, text("sqs:*")))

    fleet.sandbox.faults.append(widen)
    run = fleet.apply("--all", "--verify", "--output", "json")
    assert run.status == 1
    assert {"verify-not-so", "verify-outlives"} <= set(run.codes)


def test_what_others_change_of_it_is_drift_and_is_mended(applied: Fleet) -> None:
    iam = applied.admin()
    iam.remove_user_from_group(GroupName=PERMANENT, UserName="ann")
    iam.add_user_to_group(GroupName=TEMPORARY, UserName="bob")
    run = applied.run(commands.drift, "--mend", "--output", "json")
    assert (run.status, run.codes) == (1, ["drift", "drift"]), run.out
    assert members_of(applied, PERMANENT) == {"ann", "bob"}
    assert members_of(applied, TEMPORARY) == {"ann"}
    again = applied.run(commands.drift, "--output", "json")
    assert (again.status, again.codes, again.writes) == (0, [], ())


def test_it_ends_by_itself_and_cleanup_takes_it_away(applied: Fleet) -> None:
    question = ("access", "-u", "ann", "-a", "sqs:ReceiveMessage")
    assert applied.run(simulate, *question).status == 0
    applied.clock.move(hours=7)
    assert applied.run(simulate, *question).status == 1
    run = applied.cleanup("--all", "--output", "json")
    assert [each["name"] for each in run.json["changes"]] == [TEMPORARY]
    assert set(applied.sandbox.backend(PROD).groups) == {PERMANENT}
    assert applied.cleanup("--all").writes == ()


def test_without_its_end_it_is_noticed_and_put_right(applied: Fleet) -> None:
    group = applied.sandbox.backend(PROD).groups[TEMPORARY]
    group.policies.update(dict.fromkeys(group.policies, text("sqs:ReceiveMessage")))
    run = applied.cleanup("--all", "--output", "json")
    assert run.codes == ["no-deadline"]
    assert all("2026-03-01T18:00:00Z" in each for each in group.policies.values())


@pytest.mark.parametrize(
    "whose", [("--user", "ann"), ("--grant", "queues"), ("--team", "payments")], ids=str
)
def test_it_is_revoked_and_what_is_permanent_is_named(
    applied: Fleet, whose: tuple[str, str]
) -> None:
    run = applied.run(commands.revoke, *whose, "--output", "json")
    assert run.status == 0, run.out
    assert [each["name"] for each in run.json["changes"]] == [TEMPORARY]
    assert "entry-to-delete" in run.codes
    assert ("keeps-permanent-access" in run.codes) is (whose[0] != "--grant")
    assert set(applied.sandbox.backend(PROD).groups) == {PERMANENT}


def test_whose_access_ends_with_it_is_named(fleet: Fleet) -> None:
    write_groups(fleet.files, oncall={**ON_CALL, "members": READERS["members"]})
    assert fleet.apply("--all").status == 0
    run = fleet.run(commands.revoke, "--user", "ann", "--output", "json")
    assert run.status == 0, run.out
    (also,) = (each for each in run.json["findings"] if each["code"] == "ends-for-others")
    assert also["message"].endswith("ends for user/bob as well")
    assert fleet.run(commands.revoke, "--team", "payments", "--output", "json").codes
    write_groups(fleet.files, oncall={**ON_CALL, "members": ["bob@example.com"]})
    assert fleet.apply("--all").status == 0
    assert members_of(fleet, TEMPORARY) == {"bob"}


@pytest.mark.parametrize("on", ["account", "plan"])
def test_who_can_do_what_leads_to_the_line_that_grants_it(applied: Fleet, on: str) -> None:
    for action, line in (("dynamodb:GetItem", 3), ("sqs:ReceiveMessage", 12)):
        question = ("access", "-u", "ann", "-a", action, "--on", on, "--output", "json")
        (answer,) = applied.run(simulate, *question).json["answers"]
        (statement,) = answer["statements"]
        assert statement["written"]["file"].endswith("aws-policies/payments.yaml")
        assert statement["granted"]["file"].endswith(FILE), action
        assert statement["granted"]["line"] == line
    for output in OUTPUTS:
        question = ("search", "-u", "ann", "-a", "sqs:*", "--on", on, "--output", output)
        found = applied.run(simulate, *question)
        assert found.status == 0, found.out


def test_a_plan_in_a_file_is_carried_out_as_it_was_read(fleet: Fleet, tmp_path: Path) -> None:
    file = str(tmp_path / "plan.json")
    planned = fleet.apply("--all", "--dry-run", "--plan-file", file)
    assert planned.status == 0, planned.out
    run = fleet.apply("--from-plan", file)
    assert run.status == 0, run.out
    assert members_of(fleet, PERMANENT) == {"ann", "bob"}


def test_access_tests_judge_it(applied: Fleet) -> None:
    test = {"users": ["bob"], "actions": ["dynamodb:GetItem"], "resources": ["*"]}
    for expected, status in (("succeed", 0), ("fail", 1)):
        tests = {"tests": [{**test, "expected_result": expected}]}
        applied.files.write("access-tests/payments.yaml", yaml.safe_dump(tests))
        for output in OUTPUTS:
            run = applied.run(simulate, "test", "--all", "--output", output)
            assert run.status == status, run.out


def test_a_sandbox_of_the_files_holds_its_members(fleet: Fleet) -> None:
    """The files alone say that there are any."""
    found = load(fleet.files.directory, now=fleet.clock())
    (seeded,) = sandbox_accounts(found)
    assert set(seeded.users) == {"ann", "bob"}


def test_its_quota_and_what_others_made_stand_in_the_way(fleet: Fleet) -> None:
    fleet.admin().create_group(GroupName=PERMANENT)
    run = fleet.apply("--all", "--output", "json")
    assert (run.status, run.codes) == (1, ["not-ours"])
    assert members_of(fleet, TEMPORARY) == {"ann"}
    for number in range(3):
        fleet.admin().create_group(GroupName=f"others-{number}")
    write_groups(fleet.files, oncall=ON_CALL, more=READERS)
    run = fleet.apply("--all", "--output", "json")
    assert (run.status, run.codes) == (1, ["policy-quota"])


class Case(NamedTuple):
    """A rule, a group that it does not allow (or allows otherwise), and the code of the finding.

    `planned` codes come from a plan, where the account is known; a validation finds the others.
    """

    settings: Mapping[str, Any]
    group: Mapping[str, Any]
    code: str = ""
    planned: bool = False


def temporary_access(**rules: Any) -> dict[str, Any]:
    return {"temporary_access": rules}


SOON = {**ON_CALL, "expires_at": "2026-03-01T12:30:00Z"}
READ = {"grants": ["read"]}
#: A rule that is in neither this table nor NOT_ABOUT_ENTRIES fails: write down its case.
RULES: Mapping[str, Case] = {
    "user_names": Case({"user_names": "whole address"}, READERS, "missing-principal", planned=True),
    "domains": Case({"domains": ["example.org"]}, READERS, "unknown-domain"),
    "publish_policies": Case({"publish_policies": "granted"}, READERS),
    "only_temporary": Case({"only_temporary": ["read"]}, READERS, "only-temporary"),
    "protected_principals": Case(
        {"protected_principals": {"users": ["bob"]}}, READERS, "protected-principal"
    ),
    "forbidden_grants": Case({"forbidden_grants": [READ]}, READERS, "forbidden-grant"),
    "forbidden_actions": Case(
        {"forbidden_actions": [{"actions": ["dynamodb:Get*"]}]}, READERS, "forbidden-action"
    ),
    "grantees": Case({"grantees": [{**READ, "users": ["ann"]}]}, READERS, "not-a-grantee"),
    "permissions_boundary": Case(
        {"permissions_boundary": "limit"}, READERS, "missing-boundary", planned=True
    ),
    "limits": Case({"limits": {"grants_per_team": "3"}}, READERS, "too-many-grants"),
    "temporary_access.longest": Case(temporary_access(longest="5h"), ON_CALL, "too-long"),
    "temporary_access.shortest": Case(temporary_access(shortest="1h"), SOON, "too-short"),
    "temporary_access.furthest_start": Case(
        temporary_access(furthest_start="1h"),
        {**ON_CALL, "starts_at": "2026-03-01T14:00:00Z"},
        "starts-too-late",
    ),
    "temporary_access.forms": Case(
        temporary_access(forms=["role"]), ON_CALL, "form-not-allowed", planned=True
    ),
    "temporary_access.outliving_actions": Case(
        temporary_access(outliving_actions="refuse"),
        {**ON_CALL, "grants": ["mints"]},
        "outlives-deadline",
    ),
    "temporary_access.resource_policies": Case(
        temporary_access(resource_policies="deny"),
        {**ON_CALL, "grants": ["opens"]},
        "denied-with-it",
    ),
    "temporary_access.require_mfa": Case(temporary_access(require_mfa="true"), ON_CALL),
    "temporary_access.require_ticket": Case(
        temporary_access(require_ticket="[A-Z]+-[0-9]+"), ON_CALL, "missing-ticket"
    ),
    "temporary_access.require_description": Case(
        temporary_access(require_description="9"), ON_CALL, "short-description"
    ),
    "temporary_access.environments": Case(
        temporary_access(environments={"prod": {"longest": "5h"}}), ON_CALL, "too-long"
    ),
    "temporary_access.grants": Case(
        temporary_access(grants={"queues": {"longest": "5h"}}), ON_CALL, "too-long"
    ),
}
NOT_ABOUT_ENTRIES = {
    "deployer_role": "who applies, not what is granted",
    "planner_role": "who plans, not what is granted",
    "accounts": "which team may name an account; its entries do not matter",
    "closed_accounts": "accounts that no file names",
    "account_names": "accounts that files may name, not what is granted",
    "policies_of_others": "what others put on roles and groups of files",
    "unbounded_roles": "which roles of files have no boundary, not what is granted",
    "expected_access": "what others give",
    "tags": "what is made carries them, whatever it grants",
    "known_names": "names that policies may use",
    "owners": "who approves changes to which files, whatever is granted: see test_code_owners.py",
    "approvals": "judged by the reviews: see test_its_new_members_have_to_be_approved",
    "on_plan_change": "what an apply does if it is not what was reviewed",
    "without_reviewed_plan": "what an apply does if nothing was reviewed",
    "notifications": "who hears of a run, not what is granted",
    "intended_removals": "which teams may take away much, whatever it is",
    "temporary_access": "each of its rules has a case of its own",
}


def test_its_new_members_have_to_be_approved(fleet: Fleet, tmp_path: Path) -> None:
    write_groups(fleet.files, oncall=ON_CALL)
    earlier = shutil.copytree(fleet.files.directory, tmp_path / "earlier")
    before = load(fleet.files.directory, now=fleet.clock())
    write_groups(fleet.files, oncall=ON_CALL, more={**READERS, **READ})
    access = new_access(before, load(fleet.files.directory, now=fleet.clock()), fleet.clock())
    told = fleet.validate("--base", str(earlier), "--output", "json").json["requests"]
    assert [each["sentence"] for each in told] == ["ann, bob ask for read in prod permanently"]
    assert {(each.grant, each.principal.label) for each in access} == {
        ("read", f"user {name}") for name in ("ann", "bob")
    }


def test_each_rule_of_the_organisation_has_a_case() -> None:
    rules = {*Settings.model_fields}
    rules |= {f"temporary_access.{each}" for each in TemporaryAccessSettings.model_fields}
    assert rules == {*RULES, *NOT_ABOUT_ENTRIES}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_holds_for_it_too(fleet: Fleet, rule: str) -> None:
    case = RULES[rule]
    write_groups(fleet.files, group=case.group)
    fleet.files.write("settings.yaml", yaml.safe_dump(dict(case.settings)))
    checked = fleet.validate("--output", "json")
    planned = fleet.apply("--all", "--dry-run", "--output", "json")
    if case.code:
        run = planned if case.planned else checked
        found = [each for each in run.json["findings"] if each["code"] == case.code]
        assert found, run.out
        assert {each["file"].rpartition(f"/{FOLDER}/")[2] for each in found} == {"payments.yaml"}
        if any(each["severity"] == "error" for each in found):
            assert NAME not in {each["kind"] for each in planned.json["changes"]}
    else:
        assert (checked.status, planned.status) == (0, 0), planned.out


def test_a_policy_that_only_it_grants_is_published(fleet: Fleet) -> None:
    fleet.files.write("settings.yaml", "publish_policies: granted\n")
    assert fleet.apply("--all").status == 0
    assert fleet.policies() == {"payments-read"}


def test_a_second_factor_is_required_of_its_members(fleet: Fleet) -> None:
    fleet.files.write("settings.yaml", yaml.safe_dump(temporary_access(require_mfa="true")))
    assert fleet.apply("--all").status == 0
    (written,) = fleet.sandbox.backend(PROD).groups[TEMPORARY].policies.values()
    assert "aws:MultiFactorAuthPresent" in written


def test_a_protected_member_is_left_as_it_is(applied: Fleet) -> None:
    """Neither taken out of a group, nor out of one that has ended or goes."""
    applied.files.write("settings.yaml", "protected_principals: {users: [ann]}\n")
    kept = {**READERS, "members": ["bob@example.com"], "environments": ["prod"]}
    for groups in ({"readers": kept}, {}):
        applied.files.write(FILE, yaml.safe_dump({FOLDER: groups}))
        run = applied.apply("--all", "--output", "json")
        assert (run.status, set(run.codes)) == (0, {"protected-principal"}), run.out
        assert members_of(applied, PERMANENT) == {"ann", "bob"}
        assert members_of(applied, TEMPORARY) == {"ann"}
    applied.clock.move(days=1)
    assert applied.cleanup("--all", "--output", "json").codes == ["protected-principal"]
    assert members_of(applied, TEMPORARY) == {"ann"}


def test_who_is_in_it_must_carry_the_boundary_for_whatever_it_gains(fleet: Fleet) -> None:
    """Also by a policy that changes, for those who are in the group already."""
    assert fleet.apply("--all").status == 0
    fleet.files.write("settings.yaml", "permissions_boundary: limit\n")
    assert fleet.apply("--all", "--output", "json").json["findings"] == []
    write_groups(fleet.files, readers={**READERS, "grants": ["read", "view", "queues"]})
    run = fleet.apply("--all", "--output", "json")
    assert (run.status, set(run.codes)) == (1, {"missing-boundary"})
    assert "update" not in {each["action"] for each in run.json["changes"]}


def test_what_a_member_holds_is_listed_and_all_of_it_can_be_taken(applied: Fleet) -> None:
    run = applied.run(simulate, "access", "-u", "ann", "--output", "json")
    held = {
        (each["what"], each["temporary"], *each["grants"]): [
            place["line"] for place in each["entries"]
        ]
        for each in run.json["held"]
    }
    assert {temporary for _, temporary, *_ in held} == {True, False}, held
    assert all(held.values()), held
    run = applied.run(commands.revoke, "--user", "ann", "--permanent", "--output", "json")
    assert run.status == 0, run.out
    assert {each["name"] for each in run.json["changes"]} == {PERMANENT, TEMPORARY}
    assert run.codes.count("entry-to-delete") == 2
    assert "ends-for-others" in run.codes
    assert set(applied.sandbox.backend(PROD).groups) == set()
