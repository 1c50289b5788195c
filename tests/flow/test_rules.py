"""Rules that hold whatever becomes of other teams' files."""

from tests.flow.fleet import LIST_BUCKETS, PROD, Fleet, permanent, policy, temporary

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
RULES = """\
temporary_access: {environments: {prod: {longest: 1h, require_mfa: true}}}
forbidden_grants: [{grants: ["*.admin"], environments: [prod]}]
"""


def test_a_name_that_cannot_be_read_lets_nobody_pass(fleet: Fleet) -> None:
    files = fleet.files
    files.write("settings.yaml", RULES)
    files.team("payments", accounts={"prod": PROD})

    def newcomer(*grants: str, ending: str | None = None) -> None:
        files.team(
            "newcomer",
            accounts={"sandbox": PROD},
            policies={"x.admin": policy(managed=[ADMIN]), "x.read": policy(LIST_BUCKETS)},
            permanent=[permanent(each, environments=["sandbox"]) for each in grants],
            temporary=[temporary(ending, environment="sandbox")] if ending else [],
        )

    newcomer("x.read")
    assert fleet.apply("--all").status == 0
    newcomer("x.read", "x.admin", ending="x.read")
    for broken in (f'aws-accounts:\n  prod: "{PROD}\n', f'aws-account: {{prod: "{PROD}"}}', ""):
        files.write("aws-accounts/payments.yaml", broken)
        run = fleet.apply("newcomer", "--output", "json")
        assert (run.status, run.writes) == (1, ())
        assert {each["team"] for each in run.json["findings"] if each["code"] == "rule-unclear"}
        assert fleet.attached("user/ann") == {"newcomer-x.read".replace(".", "-")}
    # What is to go does go, and nothing is in doubt once the name is known.
    newcomer("x.admin")
    assert fleet.apply("newcomer", "--allow-removals").status == 1
    assert fleet.attached("user/ann") == set()
    files.team("payments", accounts={"prod": PROD})
    run = fleet.apply("newcomer", "--output", "json")
    assert "forbidden-grant" in run.codes
    assert fleet.attached("user/ann") == set()
