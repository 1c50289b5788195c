"""IAM users whose name is an e-mail address, from the files to what they can do."""

from collections.abc import Iterator

import pytest

from iam_access.cli import commands
from iam_access.cli.simulate import simulate
from tests.flow.fleet import PROD, Files, Fleet, account, opened, permanent, policy, temporary

ADDRESS = "ann.smith@example.com"
EXACT = f"user/{ADDRESS}"
ACTION = "s3:ListBucket"


@pytest.fixture
def fleet(files: Files) -> Iterator[Fleet]:
    with opened(files, account(users=("Ann.Smith@example.com", "bob"))) as found:
        yield found


def entries(files: Files, written: str, via: str | None = None, **settings: str) -> None:
    form = {"via": via} if via else {}
    files.team(
        policies={"read": policy(), "more": policy()},
        permanent=[permanent("read", users=[written])],
        temporary=[temporary("more", user=written, **form)],
    )
    files.write("settings.yaml", "".join(f"{key}: {value}\n" for key, value in settings.items()))
    files.write(
        "access-tests/payments.yaml",
        f"tests:\n- {{users: [{written}], actions: ['{ACTION}'], expected_result: fail}}\n",
    )


@pytest.mark.parametrize(
    ("written", "way", "via"),
    [
        (EXACT, "part before the @", "inline"),
        (ADDRESS, "whole address", "policy"),
        (ADDRESS, "{whole address: example.com}", "role"),
    ],
)
def test_everything_works_with_them(fleet: Fleet, written: str, way: str, via: str) -> None:
    entries(fleet.files, written, via, user_names=way)
    run = fleet.apply("--all", "--verify", "--output", "json")
    # The access test, which says that they cannot, is the one thing that does not hold.
    assert (run.status, set(run.codes)) == (1, {"assertion-failed", "verified"}), run.out
    assert "payments-read" in fleet.attached("user/Ann.Smith@example.com")
    assert fleet.apply("--all").writes == ()
    asked = ("-u", written, "-a", ACTION, "--output", "json")
    run = fleet.run(simulate, "access", *asked)
    assert run.status == 0
    allowed = {each["principal"] for each in run.json["answers"] if each["allowed"]}
    assert "user/Ann.Smith@example.com" in allowed
    run = fleet.run(commands.revoke, "--user", written, "--output", "json")
    assert run.status == 0
    assert {each["action"] for each in run.json["changes"]} == {"delete"}
    assert "entry-to-delete" in run.codes
    assert fleet.inline("user/Ann.Smith@example.com") == {}


def test_one_who_is_not_named_like_that_gets_nothing_and_is_told_how(fleet: Fleet) -> None:
    entries(fleet.files, ADDRESS)
    run = fleet.apply("--all", "--output", "json")
    assert run.status == 1
    assert set(run.codes) == {"missing-principal"}
    assert all("user/Ann.Smith@example.com" in each["hint"] for each in run.json["findings"])


@pytest.mark.parametrize("held_by", ["ann.smith", ADDRESS])
@pytest.mark.parametrize("via", ["inline", "policy"])
def test_where_both_are_there_nobody_gets_it_and_who_has_it_keeps_it(
    files: Files, held_by: str, via: str
) -> None:
    entries(files, f"user/{held_by}", via)
    with opened(files, account(users=("ann.smith", ADDRESS))) as fleet:
        assert fleet.apply("--all").status == 0
        held = fleet.dump(PROD)
        entries(files, ADDRESS, via)
        run = fleet.apply("--all", "--output", "json")
        assert (run.status, set(run.codes), run.writes) == (1, {"ambiguous-user"}, ())
        assert fleet.dump(PROD) == held
        # The brake ends what either holds.
        run = fleet.run(commands.revoke, "--user", ADDRESS, "--output", "json")
        assert (run.status, fleet.inline(f"user/{held_by}")) == (0, {})
        (kept,) = (f for f in run.json["findings"] if f["code"] == "keeps-permanent-access")
        assert "permanent-access/payments.yaml" in kept["hint"]
        assert fleet.attached(f"user/{held_by}") == {"payments-read"}


def test_whoever_is_protected_is_protected_by_either_name(fleet: Fleet) -> None:
    entries(fleet.files, EXACT, protected_principals=f"{{users: [{ADDRESS}]}}")
    assert "protected-principal" in fleet.apply("--all", "--output", "json").codes


def test_grantees_are_those_of_the_rule(fleet: Fleet) -> None:
    rule = "[{grants: [read, more], users: ['user/*@example.com']}]"
    entries(fleet.files, EXACT, grantees=rule)
    assert fleet.validate("--output", "json").codes == []
    entries(fleet.files, "user/bob", grantees=rule)
    assert set(fleet.validate("--output", "json").codes) == {"not-a-grantee"}


BOTH = ("ann", "ann@example.com")


@pytest.mark.parametrize("written", ["ann@example.com", "user/ann"])
def test_an_address_of_two_users_brings_nothing_back(files: Files, written: str) -> None:
    files.team(policies={"read": policy()}, temporary=[temporary("read", user="user/ann")])
    with opened(files, account(users=BOTH)) as fleet:
        assert fleet.apply("--all").status == 0
        files.team(policies={"read": policy()}, temporary=[temporary("read", user=written)])
        done = fleet.run(commands.revoke, "--user", "user/ann", "--output", "json")
        assert (done.status, fleet.inline("user/ann")) == (0, {})
        (found,) = (f for f in done.json["findings"] if f["code"] == "entry-to-delete")
        message, hint = found["message"], found["hint"]
        assert hint.startswith("- environment: prod")
        assert ("restores nothing" in message) is (written != "user/ann")
        assert ("write user/ and that name" in message) is (written != "user/ann")
        assert bool(fleet.apply("--all").writes) is (written == "user/ann")
