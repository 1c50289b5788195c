"""Promise 3: what leaves the YAML leaves AWS."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.config.test_revisions import commit, git
from tests.flow.fleet import (
    LIST_BUCKETS,
    PROD,
    READ_ONLY,
    READ_QUEUES,
    TEST,
    VIEW_ONLY,
    Files,
    Fleet,
    account,
    opened,
    permanent,
    policy,
    temporary,
)

ACCOUNTS = {"prod": PROD, "test": TEST}
POLICIES = {
    "read": policy(LIST_BUCKETS, managed=[READ_ONLY]),
    "queues": policy(READ_QUEUES),
    "view": policy(managed=[VIEW_ONLY]),
}
PERMANENT = [
    permanent("read", environments=["prod", "test"], roles=["runner"], users=["ann@example.com"]),
    permanent("queues", "view", users=["bob@example.com"]),
]
TEMPORARY = [temporary("queues"), temporary("queues", environment="test", role="runner")]
BOTH = (PROD, TEST)


@pytest.fixture
def fleet(files: Files) -> Iterator[Fleet]:
    with opened(files, account(PROD), account(TEST)) as found:
        yield found


def write(files: Files, **changed: Any) -> None:
    """The team's files, with some of them changed."""
    whole: dict[str, Any] = {
        "accounts": ACCOUNTS,
        "policies": POLICIES,
        "permanent": PERMANENT,
        "temporary": TEMPORARY,
    }
    files.team(**{**whole, **changed})


def grant_gone(files: Files) -> None:
    write(files, permanent=[PERMANENT[0], permanent("queues", users=["bob@example.com"])])


def user_gone(files: Files) -> None:
    write(files, permanent=[{**PERMANENT[0], "users": []}, PERMANENT[1]])


def entry_gone(files: Files) -> None:
    write(files, permanent=[PERMANENT[1]])


def temporary_entry_gone(files: Files) -> None:
    write(files, temporary=[])


def policy_gone(files: Files) -> None:
    write(
        files,
        policies={key: POLICIES[key] for key in ("queues", "view")},
        permanent=[PERMANENT[1]],
    )


def statements_gone(files: Files) -> None:
    write(files, policies={**POLICIES, "read": policy(managed=[READ_ONLY])})


def managed_policy_gone(files: Files) -> None:
    write(files, policies={**POLICIES, "read": policy(LIST_BUCKETS)})


def environment_of_an_entry_gone(files: Files) -> None:
    write(files, permanent=[{**PERMANENT[0], "environments": ["prod"]}, PERMANENT[1]])


def everything_of_the_files_gone(files: Files) -> None:
    write(files, policies={}, permanent=[], temporary=[])


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "change",
    [
        grant_gone,
        user_gone,
        entry_gone,
        temporary_entry_gone,
        policy_gone,
        statements_gone,
        managed_policy_gone,
        environment_of_an_entry_gone,
        everything_of_the_files_gone,
    ],
)
def test_the_accounts_are_as_if_it_had_never_been_there(
    files: Files, change: Callable[[Files], None]
) -> None:
    def contents(fleet: Fleet) -> list[Any]:
        return [without_ids_and_dates(fleet.dump(account_id)) for account_id in BOTH]

    with opened(files, account(PROD), account(TEST)) as fleet:
        write(files)
        assert fleet.apply("payments").status == 0
        before = contents(fleet)
        change(files)
        run = fleet.apply("payments", "--allow-removals", "--output", "json")
        assert run.status == 0, run.json["findings"]
        after = contents(fleet)
        again = fleet.apply("payments")
    with opened(files, account(PROD), account(TEST)) as fresh:
        assert fresh.apply("payments").status == 0
        assert contents(fresh) == after
    assert before != after
    assert (again.status, again.writes) == (0, ())


def without_ids_and_dates(dump: dict[str, Any]) -> dict[str, Any]:
    """A dump without what no two sandboxes have in common: ids and dates, and orders."""
    return {arn: _essence(each) for arn, each in dump.items()}


def _essence(value: Any) -> Any:
    if isinstance(value, dict):
        dates = ("CreateDate", "UpdateDate")
        return {k: _essence(v) for k, v in value.items() if k not in dates and not k.endswith("Id")}
    if isinstance(value, list):
        return sorted((_essence(each) for each in value), key=repr)
    return value


def test_a_team_whose_files_are_gone_is_revoked_by_a_run_over_all(fleet: Fleet) -> None:
    before = [fleet.dump(account_id) for account_id in BOTH]
    write(fleet.files)
    fleet.files.team("platform", accounts=ACCOUNTS)
    assert fleet.apply("--all").status == 0
    fleet.files.remove_team("payments")
    preview = fleet.apply("--all", "--allow-removals", "--dry-run", "--output", "json")
    assert {change["action"] for change in preview.json["changes"]} == {"delete"}
    assert preview.writes == ()
    assert fleet.apply("--all", "--allow-removals").status == 0
    assert [fleet.dump(account_id) for account_id in BOTH] == before


def test_an_environment_that_another_team_still_has_is_cleared(fleet: Fleet) -> None:
    before = fleet.dump(TEST)
    write(fleet.files)
    fleet.files.team("platform", accounts=ACCOUNTS)
    assert fleet.apply("--all").status == 0
    write(
        fleet.files,
        accounts={"prod": PROD},
        permanent=[{**PERMANENT[0], "environments": ["prod"]}, PERMANENT[1]],
        temporary=[TEMPORARY[0]],
    )
    in_prod = fleet.dump(PROD)
    assert fleet.apply("--all", "--allow-removals").status == 0
    assert fleet.dump(TEST) == before
    assert fleet.dump(PROD) == in_prod


def test_too_many_removals_are_refused_unless_they_are_allowed(files: Files) -> None:
    users = [f"user-{number}@example.com" for number in range(12)]
    names = [user.partition("@")[0] for user in users]
    with opened(files, account(PROD, users=names), account(TEST, users=names)) as fleet:
        entry = permanent("read", environments=["prod", "test"], users=users)
        files.team(accounts=ACCOUNTS, policies={"read": policy()}, permanent=[entry])
        assert fleet.apply("--all").status == 0
        before = fleet.dump(PROD)
        # In prod no user is left, in test nearly all.
        few = permanent("read", environments=["test"], users=users[1:])
        files.team(accounts=ACCOUNTS, policies={"read": policy()}, permanent=[few])

        told = fleet.apply("--all", "--dry-run", "--explain", "--output", "json").json
        assert {each["account"] for each in told["meaning"]} == {TEST}
        assert {
            (each["account"], each["principal"], *each["lost"])
            for each in told["meaning_if_allowed"]
        } == {(PROD, f"user/{name}", "List") for name in names}
        refused = fleet.apply("--all", "--output", "json")
        assert (refused.status, refused.codes) == (1, ["too-many-removals"])
        assert {call.account_id for call in refused.writes} == {TEST}
        assert fleet.dump(PROD) == before
        assert fleet.attached("user/user-0", TEST) == set()

        other = fleet.apply("payments", "--allow-removals-of", "paiments")
        assert (other.status, other.writes) == (2, ())
        assert "did you mean payments" in other.out
        assert fleet.apply("--all", "--allow-removals-of", "payments").status == 0
        assert fleet.attached("user/user-3", PROD) == set()


def test_removals_that_the_change_calls_intended_are_made_once(
    files: Files, tmp_path: Path
) -> None:
    users = [f"user-{number}@example.com" for number in range(24)]
    names = [user.partition("@")[0] for user in users]

    def write_with(count: int, *reasons: str) -> str:
        """Write the files with so many users; return a copy of those before."""
        before = tmp_path / f"before-{count}"
        shutil.copytree(files.directory, before)
        files.team(policies={"read": policy()}, permanent=[permanent("read", users=users[:count])])
        lines = [f"{{team: payments, reason: {reason}}}" for reason in reasons]
        files.write("settings.yaml", f"intended_removals: [{', '.join(lines)}]\n")
        return str(before)

    with opened(files, account(PROD, users=names)) as fleet:
        write_with(24)
        assert fleet.apply("--all").status == 0
        before = write_with(12, "OPS-1")
        assert fleet.apply("--all").status == 1
        told = fleet.apply("--all", "--dry-run", "--base", before, "--output", "json").json
        assert [each["type"] for each in told["requests"]] == ["removals", "end"]
        assert told["status"] == 0
        assert fleet.apply("--all", "--base", before).status == 0
        before = write_with(1, "OPS-1")
        for options in (["--dry-run"], []):
            refused = fleet.apply("--all", *options, "--base", before)
            assert refused.status == 1
            assert 'intended_removals: [{team: payments, reason: "…"}]' in refused.out


def test_invalid_files_revoke_nothing(fleet: Fleet) -> None:
    write(fleet.files)
    fleet.files.team("platform", accounts=ACCOUNTS, policies={"read": policy()})
    assert fleet.apply("--all").status == 0
    before = {arn: each for arn, each in fleet.dump().items() if "/platform/" not in arn}
    fleet.files.write("permanent-access/payments.yaml", "permanent-access: [")
    fleet.files.team("platform", accounts=ACCOUNTS)

    run = fleet.apply("--all", "--output", "json")
    assert run.status == 1
    assert "team-left-alone" in run.codes
    assert fleet.dump() == before


def test_what_a_team_left_in_an_account_of_an_invalid_team_goes(fleet: Fleet) -> None:
    before = fleet.dump()
    write(fleet.files)
    fleet.files.team("platform", accounts=ACCOUNTS)
    assert fleet.apply("--all").status == 0
    fleet.files.remove_team("payments")
    fleet.files.team("platform", accounts=ACCOUNTS, permanent=[permanent("nothing")])
    done = fleet.apply("--all", "--allow-removals", "--output", "json")
    assert (done.status, set(done.codes)) == (1, {"unknown-grant"})
    assert fleet.dump() == before


# A team that comes, and contradicts the one that is there.
HOSTILE: dict[str, dict[str, Any]] = {
    "another role": {"accounts": {"x": {"id": PROD, "deployer_role": "other"}}},
    "another partition": {"accounts": {"x": {"id": PROD, "partition": "aws-cn"}}},
    "an address of the same user": {
        "policies": {"any": policy()},
        "permanent": [permanent("any", users=["ann@elsewhere.example"])],
    },
    "a name of a policy": {"policies": {"team-read": policy()}},
}


def test_no_team_stops_the_revocations_of_another(files: Files) -> None:
    """By git, since the accounts' own files are compared with nothing when they are applied."""
    both = permanent("read", users=["ann@example.com", "bob@example.com"])
    git(files.directory, "init", "--quiet", "--initial-branch=main")
    files.team("pay-team", policies={"read": policy()}, permanent=[both])
    commit(files.directory)
    with opened(files) as fleet:
        assert fleet.apply("--all").status == 0
        assert fleet.attached("user/bob") == {"pay-team-read"}
        back = fleet.remember()
        for what, hostile in HOSTILE.items():
            # `pay`, whose name sorts before.
            files.team("pay", **hostile)
            commit(files.directory)
            files.team("pay-team", policies={"read": policy()}, permanent=[permanent("read")])
            done = fleet.apply("--all", "--output", "json")
            assert {(each["team"], each["severity"]) for each in done.json["findings"]} == {
                ("pay", "error")
            }, what
            assert (done.status, fleet.attached("user/bob")) == (1, set()), what
            assert fleet.attached("user/ann") == {"pay-team-read"}, what
            back()
            files.team("pay-team", policies={"read": policy()}, permanent=[both])
            files.remove_team("pay")
            commit(files.directory)


def test_somebody_attached_our_policy_elsewhere(fleet: Fleet) -> None:
    """A policy that leaves the files is detached from everything, groups included."""
    iam = fleet.admin()
    iam.create_group(GroupName="friends")
    fleet.files.team(policies={"read": policy()}, permanent=[permanent("read")])
    assert fleet.apply("payments").status == 0
    arn = f"arn:aws:iam::{PROD}:policy/self-serve/payments/payments-read"
    iam.attach_group_policy(GroupName="friends", PolicyArn=arn)
    iam.attach_user_policy(UserName="bob", PolicyArn=arn)
    fleet.files.team()
    assert fleet.apply("payments").status == 0
    assert fleet.policies() == set()
    assert fleet.attached("group/friends") == fleet.attached("user/bob") == set()
