"""One who leaves: all that they hold is told, taken at once, and the lines to delete are named."""

import json
from collections.abc import Callable, Iterator

import pytest

from iam_access.cli import commands
from iam_access.cli.simulate import simulate
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
    temporary,
)

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
PERMANENT = """\
permanent-access:
  - users:
      - ann@example.com
      - bob@example.com
    environments: [prod]
    grants: [adm]
  - users: [ann@example.com, bob@example.com]
    environments: [prod, test]
    grants: [own]
  - users: [ann@example.com]
    roles: [runner]
    environments: [test]
    grants: [adm]
  - users: [ann@example.com]
    environments: [prod]
    grants: [more]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, Callable[[], None]]]:
    """Ann and bob hold grants for good in two accounts, ann one for hours, and one of others.

    With what takes all of it back to that.
    """
    files = Files(tmp_path_factory.mktemp("leaver"))
    with opened(files, account(), account(TEST)) as found:
        write(files)
        assert found.apply("--all").status == 0
        admin = found.admin()
        admin.create_group(GroupName="staff")
        admin.add_user_to_group(GroupName="staff", UserName="ann")
        named = {"Principal": {"AWS": f"arn:aws:iam::{PROD}:user/ann"}}
        trust = document({"Effect": "Allow", "Action": "sts:AssumeRole", **named})
        admin.update_assume_role_policy(RoleName="runner", PolicyDocument=json.dumps(trust))
        found.admin(TEST)
        restores = [found.remember(each) for each in (PROD, TEST)]

        def restore() -> None:
            files.remove_team("data")
            write(files)
            for each in restores:
                each()

        yield found, restore


def write(files: Files) -> None:
    files.team(
        accounts={"prod": PROD, "test": TEST},
        policies={
            "adm": policy(managed=[ADMINISTRATOR]),
            "own": policy(),
            "more": policy(),
            "read": policy(),
        },
        temporary=[temporary("read")],
    )
    files.write("permanent-access/payments.yaml", PERMANENT)


@pytest.fixture
def fleet(made: tuple[Fleet, Callable[[], None]]) -> Fleet:
    found, restore = made
    restore()
    return found


def revoke(fleet: Fleet, *arguments: str) -> Run:
    return fleet.run(commands.revoke, *arguments, "--output", "json")


def hints(run: Run, code: str = "entry-to-delete") -> list[tuple[str, str]]:
    return [
        (each["message"], each["hint"]) for each in run.json["findings"] if each["code"] == code
    ]


def test_one_command_takes_all_of_ours_and_names_the_lines(fleet: Fleet) -> None:
    done = revoke(fleet, "--user", "ann@example.com", "--permanent")
    assert done.status == 0, done.out
    for id_ in (PROD, TEST):
        assert fleet.attached("user/ann", id_) == set()
        assert fleet.inline("user/ann", id_) == {}
        assert fleet.tags("user/ann", id_) == set()
    assert fleet.attached("user/bob") == {"AdministratorAccess", "payments-own"}
    assert "keeps-permanent-access" not in done.codes
    told = dict(hints(done))
    assert len(told) == 5
    by_hint = {hint: message for message, hint in told.items()}
    assert "more than that: delete line 3 only" in by_hint["      - ann@example.com"]
    flow = "  - users: [ann@example.com, bob@example.com]"
    assert "take ann@example.com out of line 7 only" in by_hint[flow]
    whole = "  - users: [ann@example.com]\n    environments: [prod]\n    grants: [more]"
    assert by_hint[whole].endswith("unless this is removed; delete lines 14 to 16")
    (shared,) = (m for h, m in by_hint.items() if "roles: [runner]" in h)
    assert "to runner: divide this entry, lines 10 to 13" in shared
    # However many accounts there are, what stays in one of them is no note that others stand for.
    others, none = sorted(
        (each["severity"], each["message"])
        for each in done.json["findings"]
        if each["code"] == "access-of-others"
    )[::-1]
    assert none[0] == "note"
    assert others[0] == "warning"
    assert "user/ann in prod" in others[1]
    assert "group staff" in others[1]
    assert "role runner, which it may assume" in others[1]


def test_what_is_deleted_does_not_come_back(fleet: Fleet) -> None:
    revoke(fleet, "--user", "ann", "--permanent")
    assert fleet.apply("--all").writes != ()
    text = PERMANENT.replace("      - ann@example.com\n", "").replace("ann@example.com, ", "")
    text = text.replace("users: [ann@example.com]\n    roles", "roles")
    kept = text[: text.index("  - users: [ann@example.com]")]
    fleet.files.write("permanent-access/payments.yaml", kept)
    fleet.files.write("temporary-access/payments.yaml", "temporary-access: []\n")
    revoke(fleet, "--user", "ann", "--permanent")
    fleet.apply("--all", "--allow-removals")
    again = revoke(fleet, "--user", "ann", "--permanent")
    assert set(again.codes) == {"nothing-matches", "access-of-others"}
    assert again.writes == ()
    assert fleet.attached("user/bob") == {"AdministratorAccess", "payments-own"}


def test_a_part_of_it_can_be_taken(fleet: Fleet) -> None:
    done = revoke(fleet, "--user", "ann", "--grant", "own", "--permanent")
    assert done.status == 0
    assert fleet.attached("user/ann") == {"AdministratorAccess", "payments-more"}
    (stays,) = hints(done, "keeps-temporary-access")
    assert "read of user/ann" in stays[0]
    assert "until 2026-03-01 18:00:00 UTC" in stays[0]
    assert "temporary-access/payments.yaml:2:3" in stays[1]
    done = revoke(fleet, "--user", "ann", "--permanent", "--environment", "test", "--dry-run")
    assert {each["account"] for each in done.json["changes"]} == {TEST}
    ((elsewhere, _),) = hints(done, "held-elsewhere")
    assert f"user ann holds in prod ({PROD}) was not looked at" in elsewhere


def test_what_another_team_gives_as_well_is_not_taken_from_it(fleet: Fleet) -> None:
    fleet.files.team(
        "data",
        accounts={"live": PROD},
        policies={"adm": policy(managed=[ADMINISTRATOR])},
        permanent=[permanent("adm", environments=["live"])],
    )
    assert fleet.apply("--all").status == 0
    done = revoke(fleet, "--user", "ann", "--team", "payments", "--permanent")
    assert "AdministratorAccess" in fleet.attached("user/ann")
    (kept,) = hints(done, "keeps-permanent-access")
    assert "other teams give it as well" in kept[1]
    assert revoke(fleet, "--user", "ann", "--permanent").status == 0
    assert fleet.attached("user/ann") == set()


def test_without_the_option_nothing_permanent_goes(fleet: Fleet) -> None:
    before = fleet.attached("user/ann")
    done = revoke(fleet, "--user", "ann")
    assert fleet.attached("user/ann") == before
    assert all("--permanent" in hint for _, hint in hints(done, "keeps-permanent-access"))
    ((message, _),) = hints(done)
    assert "restores read for user/ann in prod" in message


def held(fleet: Fleet, *arguments: str) -> Run:
    return fleet.run(simulate, "access", *arguments)


def test_all_that_is_held_is_listed_with_its_end_and_line(fleet: Fleet) -> None:
    run = held(fleet, "-u", "ann@example.com", "--output", "json")
    assert (run.status, run.writes) == (0, ())
    found = [
        (
            each["environment"],
            ",".join(each["grants"]),
            each["expires"],
            [place["line"] for place in each["entries"]],
        )
        for each in run.json["held"]
        if each["teams"]
    ]
    assert found == [
        ("prod", "read", "2026-03-01T18:00:00Z", [2]),
        ("prod", "adm", None, [2]),
        ("prod", "more", None, [14]),
        ("prod", "own", None, [7]),
        ("test", "adm", None, [10]),
        ("test", "own", None, [7]),
    ]
    others = {each["what"] for each in run.json["held"] if not each["teams"]}
    assert others == {"group staff", "role runner, which it may assume"}


def test_every_output_says_until_when_and_from_which_line(fleet: Fleet) -> None:
    for form in ("text", "markdown", "github"):
        run = held(fleet, "-u", "ann", "--output", form)
        assert run.status == 0
        for text in (
            "read (inline policy)",
            "until 2026-03-01 18:00:00 UTC",
            "adm (policy-attachment AdministratorAccess)",
            "temporary-access/payments.yaml:2:3",
            "permanent-access/payments.yaml:7:5",
            "permanently",
            "group staff",
            "1 temporary, 5 permanent and 2 of others in 2 accounts",
        ):
            assert text in run.out, (form, text)


def test_time_plan_and_names_count(fleet: Fleet) -> None:
    late = held(fleet, "-u", "ann", "--at", "2026-03-02", "--output", "json").json
    assert not any(each["temporary"] for each in late["held"])
    revoke(fleet, "--user", "ann", "--permanent")
    planned = held(fleet, "-u", "ann", "--on", "plan", "--output", "json").json
    assert len(planned["held"]) == 8
    # What was not looked at is named.
    there = held(fleet, "-u", "bob", "--environment", "prod")
    assert there.status == 0
    assert f"not looked at: test ({TEST})" in there.out
    nothing = held(fleet, "-u", "ann", "--environment", "test")
    assert nothing.status == 1
    assert "User ann holds nothing in 1 account, as" in nothing.out
    assert f"not looked at: prod ({PROD})" in nothing.out
    # Neither a misspelt name nor a file that cannot be read says that nothing is held.
    absent = held(fleet, "-u", "bbo")
    assert absent.status == 2
    assert "did you mean bob?" in absent.out
    assert "No account has user bbo" in absent.out
    fleet.files.write("aws-accounts/data.yaml", "[")
    assert held(fleet, "-u", "bob").status == 2


@pytest.mark.parametrize(
    "arguments", [(), ("-u", "ann", "-R", "arn:aws:s3:::x"), ("-u", "ann", "-c", "aws:x=y")]
)
def test_without_an_action_it_is_about_what_a_user_or_role_holds(
    fleet: Fleet, arguments: tuple[str, ...]
) -> None:
    run = held(fleet, *arguments)
    assert (run.status, run.calls) == (2, ())
    assert "-a ACTION" in run.err + run.out
