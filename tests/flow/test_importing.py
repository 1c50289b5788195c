"""Files of older tools, imported and applied where these tools worked, in the sandbox."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from iam_access.cli import commands
from iam_access.sandbox import SandboxAccount
from tests.flow.fleet import Files, Fleet, Run, opened
from tests.flow.older_tools import allows, document, with_switches

DEVELOPMENT, STAGING = "888888888888", "999999999999"

ACCOUNTS = f"---\ndevelopment: {DEVELOPMENT}\nstaging: {STAGING}\n"
# As the example in the documentation of iam_syncr.
IN_DEVELOPMENT = """\
---
roles:
  "ci-role":
    description: "The role of the CI server"
    make_instance_profile: true
    allow_to_assume_me:
      - { service: ec2 }
    allow_permission:
      - action: "sts:AssumeRole"
        resource:
          - { account: development, iam: role/project-deploy-dev }
          - { account: staging, iam: role/project-deploy-stg }
  "project-deploy-dev":
    description: Deploys the project
    allow_to_assume_me:
      - { account: development, iam: role/ci-role }
    allow_permission:
      - { action: "ec2:*", resource: "*" }
"""
IN_STAGING = """\
---
roles:
  "project-deploy-stg":
    description: Deploys the project
    allow_to_assume_me:
      - { account: development, iam: role/ci-role }
    allow_permission:
      - { action: "ec2:*", resource: "*" }
      - { action: "iam:*", resource: { "iam": "__self__" } }
"""


def trusts(**principal: str) -> str:
    statement = {"Action": "sts:AssumeRole", "Effect": "Allow", "Sid": "", "Principal": principal}
    return document(statement)


def made_by_iam_syncr(iam: Any, role: str, trust: str, *statements: Mapping[str, Any]) -> None:
    """A role as iam_syncr makes it: no description, and one inline policy."""
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)
    name = f"syncr_policy_{role}"
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document(*statements))


def synced(fleet: Fleet) -> None:
    """Make in both accounts what iam_syncr makes of its example."""
    ci, deploys = f"arn:aws:iam::{DEVELOPMENT}:role/ci-role", "role/project-deploy"
    targets = [f"arn:aws:iam::{DEVELOPMENT}:{deploys}-dev", f"arn:aws:iam::{STAGING}:{deploys}-stg"]
    iam = fleet.admin(DEVELOPMENT)
    may_assume = allows("sts:AssumeRole", targets)
    made_by_iam_syncr(iam, "ci-role", trusts(Service="ec2.amazonaws.com"), may_assume)
    iam.create_instance_profile(InstanceProfileName="ci-role")
    iam.add_role_to_instance_profile(InstanceProfileName="ci-role", RoleName="ci-role")
    made_by_iam_syncr(iam, "project-deploy-dev", trusts(AWS=ci), allows("ec2:*", "*"))
    staging = fleet.admin(STAGING)
    made_by_iam_syncr(
        staging,
        "project-deploy-stg",
        trusts(AWS=ci),
        allows("ec2:*", "*"),
        allows("iam:*", targets[1]),
    )


@contextmanager
def moving(tmp_path: Path) -> Iterator[Fleet]:
    """The example of iam_syncr in its folders and in two accounts, and no access files yet."""
    for name, text in (("development", IN_DEVELOPMENT), ("staging", IN_STAGING)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "roles.yaml").write_text(text, "utf-8")
    (tmp_path / "accounts.yaml").write_text(ACCOUNTS, "utf-8")
    files = Files(tmp_path / "aws")
    accounts = [SandboxAccount(each) for each in (DEVELOPMENT, STAGING)]
    with opened(files, *accounts, template=with_switches(tmp_path / "template.yaml")) as fleet:
        synced(fleet)
        yield fleet


def imported(fleet: Fleet, folder: Path, *more: str) -> Run:
    return fleet.run(commands.import_files, "iam-syncr", str(folder), *more)


def moved(fleet: Fleet, folder: Path) -> None:
    """Import both accounts, and let the settings leave the roles without boundaries."""
    fleet.files.write("settings.yaml", 'unbounded_roles: [ci-role, "project-deploy-*"]\n')
    for account in ("development", "staging"):
        run = imported(fleet, folder / account, "--output", "json")
        assert (run.status, set(run.codes)) == (0, {"file-written"}), run.out


def test_the_example_of_iam_syncr_moves_here(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        moved(fleet, tmp_path)
        assert fleet.apply("--all").writes == ()  # nothing is taken over unasked
        first = fleet.apply("--all", "--adopt", "--explain")
        assert (first.status, first.err) == (0, ""), first.out
        assert "No user or role gains or loses anything." in first.out
        role = f"arn:aws:iam::{STAGING}:role/project-deploy-stg"
        state = fleet.dump(STAGING)[role]
        assert "PermissionsBoundary" not in state
        assert set(fleet.inline("role/project-deploy-stg", STAGING)) == {"self-serve"}
        again = fleet.apply("--all", "--adopt", "--output", "json")
        assert (again.status, again.writes, again.codes) == (0, (), [])

        # Drift is found and mended.
        iam = fleet.admin(STAGING)
        iam.update_assume_role_policy(
            RoleName="project-deploy-stg", PolicyDocument=trusts(AWS=f"arn:aws:iam::{STAGING}:root")
        )
        drift = fleet.run(commands.drift, "--mend", "--output", "json")
        assert "drift" in drift.codes
        assert fleet.run(commands.drift, "--output", "json").codes == []

        # What leaves the files is deleted, with the instance profile.
        for account in ("development", "staging"):
            fleet.files.write(f"aws-roles/{account}.yaml", "aws-roles: {}\n")
        gone = fleet.apply("--all", "--allow-removals", "--output", "json")
        assert gone.status == 0, gone.out
        left = {*fleet.dump(DEVELOPMENT), *fleet.dump(STAGING)}
        assert not [each for each in left if ":role/" in each]
        profiles = fleet.admin(DEVELOPMENT).list_instance_profiles()["InstanceProfiles"]
        assert profiles == []


# Each form that the documentation of iam_syncr has of what a role says.
EVERY_FORM = """\
templates:
  deployer:
    description: Deploys
    allow_to_assume_me:
      - { service: ec2 }
      - { iam: role/ci-role, account: development }
    permission:
      - action: [ "s3:ListBucket", "s3:GetObject" ]
        resource: { s3: [ logs, data/in/* ] }
        allow: true
      - { action: "iam:PassRole", resource: { iam: __self__ }, Effect: Deny, Sid: NotItself }
roles:
  deploy/worker:
    use: deployer
    make_instance_profile: true
  deploy/other:
    use: deployer
    permission: []
    allow_permission:
      - { notaction: "iam:*", notresource: { iam: role/project-deploy-dev, account: development } }
    deny_permission:
      - { Action: "s3:*", Resource: "*", Condition: { Bool: { "aws:SecureTransport": false } } }
  people:
    allow_to_assume_me:
      - { federated: { iam: saml-provider/corp } }
      - { iam: user, users: [ ann, bob ] }
      - iam: root
        account: [ development, staging ]
        Condition: { Bool: { "aws:MultiFactorAuthPresent": true } }
remove_roles: [ gone ]
"""


def made_with_every_form(iam: Any) -> None:
    """Make in staging what iam_syncr makes of every form."""
    own, other = f"arn:aws:iam::{STAGING}", f"arn:aws:iam::{DEVELOPMENT}"
    assume = {"Action": "sts:AssumeRole", "Effect": "Allow", "Sid": ""}
    trust = document(
        {**assume, "Principal": {"Service": "ec2.amazonaws.com"}},
        {**assume, "Principal": {"AWS": f"{other}:role/ci-role"}},
    )
    s3 = ["arn:aws:s3:::data/in/*", "arn:aws:s3:::logs", "arn:aws:s3:::logs/*"]
    reads = allows(["s3:GetObject", "s3:ListBucket"], s3)
    passes = {
        **allows("iam:PassRole", f"{own}:role/deploy/worker"),
        "Effect": "Deny",
        "Sid": "NotItself",
    }
    insecure = {"Bool": {"aws:SecureTransport": False}}
    other_statements = (
        {
            "Effect": "Allow",
            "NotAction": "iam:*",
            "NotResource": f"{other}:role/project-deploy-dev",
        },
        {**allows("s3:*", "*"), "Effect": "Deny", "Condition": insecure},
    )
    for name, statements in (("worker", (reads, passes)), ("other", other_statements)):
        iam.create_role(RoleName=name, Path="/deploy/", AssumeRolePolicyDocument=trust)
        policy = {
            "PolicyName": f"syncr_policy_deploy__{name}",
            "PolicyDocument": document(*statements),
        }
        iam.put_role_policy(RoleName=name, **policy)
    iam.create_instance_profile(InstanceProfileName="worker")
    iam.add_role_to_instance_profile(InstanceProfileName="worker", RoleName="worker")
    for name in ("ann", "bob"):
        iam.create_user(UserName=name)
    iam.create_saml_provider(Name="corp", SAMLMetadataDocument="x" * 1_000)
    saml = {**assume, "Action": "sts:AssumeRoleWithSAML"}
    people = document(
        {**saml, "Principal": {"Federated": f"{own}:saml-provider/corp"}},
        {**assume, "Principal": {"AWS": [f"{own}:user/ann", f"{own}:user/bob"]}},
        {
            **assume,
            "Principal": {"AWS": [f"{other}:root", f"{own}:root"]},
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": True}},
        },
    )
    iam.create_role(RoleName="people", AssumeRolePolicyDocument=people)


@pytest.mark.exhaustive
def test_every_form_of_the_documentation_of_iam_syncr_moves_here(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        (tmp_path / "staging" / "more.yaml").write_text(EVERY_FORM, "utf-8")
        made_with_every_form(fleet.admin(STAGING))
        moved(fleet, tmp_path)
        names = '[ci-role, "project-deploy-*", worker, other, people]'
        fleet.files.write("settings.yaml", f"unbounded_roles: {names}\n")
        first = fleet.apply("--all", "--adopt", "--explain")
        assert (first.status, first.err) == (0, ""), first.out
        assert "No user or role gains or loses anything." in first.out, first.out
        assert set(fleet.inline("role/deploy/worker", STAGING)) == {"self-serve"}
        assert fleet.apply("--all", "--adopt").writes == ()
        assert fleet.run(commands.drift, "--output", "json").codes == []
        fleet.admin(STAGING).delete_role_policy(RoleName="other", PolicyName="self-serve")
        assert "drift" in fleet.run(commands.drift, "--mend", "--output", "json").codes
        fleet.files.write("aws-roles/staging.yaml", "aws-roles: {}\n")
        assert fleet.apply("staging", "--allow-removals").status == 0
        assert not [each for each in fleet.dump(STAGING) if ":role/" in each]


def test_a_role_that_is_made_has_a_boundary_whatever_the_settings_leave(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        moved(fleet, tmp_path)
        iam, role = fleet.admin(STAGING), "project-deploy-stg"
        iam.delete_role_policy(RoleName=role, PolicyName=f"syncr_policy_{role}")
        iam.delete_role(RoleName=role)
        assert fleet.apply("staging").status == 0
        made = iam.get_role(RoleName=role)["Role"]
        boundary = made["PermissionsBoundary"]["PermissionsBoundaryArn"]
        assert boundary == f"arn:aws:iam::{STAGING}:policy/self-serve-boundary"


def test_files_that_are_there_are_replaced_only_when_told(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        moved(fleet, tmp_path)
        file = fleet.files.directory / "aws-roles" / "staging.yaml"
        before = file.read_text("utf-8")
        file.write_text("# mine\n" + before, "utf-8")
        run = imported(fleet, tmp_path / "staging", "--output", "json")
        assert (run.status, set(run.codes)) == (1, {"file-exists"})
        assert file.read_text("utf-8").startswith("# mine")
        run = imported(fleet, tmp_path / "staging", "--overwrite", "--output", "json")
        assert (run.status, set(run.codes)) == (0, {"file-exists", "file-written"})
        assert file.read_text("utf-8") == before


def test_what_an_earlier_import_wrote_is_told(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        fleet.files.write("aws-keys/staging.yaml", "aws-keys: {}\n")
        run = imported(fleet, tmp_path / "staging")
        assert (run.status, "aws-keys/staging.yaml is there already" in run.out) == (0, True)
        assert "remove it if it is outdated" in run.out


def test_a_link_to_a_folder_is_the_account_of_its_own_name(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        (tmp_path / "staging").rename(tmp_path / "of-staging")
        (tmp_path / "staging").symlink_to(tmp_path / "of-staging")
        assert imported(fleet, tmp_path / "staging").status == 0
        assert (fleet.files.directory / "aws-roles" / "staging.yaml").exists()


def test_with_an_error_nothing_is_written(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        (tmp_path / "staging" / "more.yaml").write_text("buckets: {b: []}\nrolls: {}\n", "utf-8")
        fleet.files.write("aws-keys/staging.yaml", "aws-keys: {}\n")
        for name in ("old.yml", "old.YAML"):
            (tmp_path / "staging" / name).write_text("roles: {}\n", "utf-8")
        run = imported(fleet, tmp_path / "staging", "--output", "json")
        codes = ["wrong-type", "unknown-key", "older-fault", "older-fault"]
        assert (run.status, run.codes) == (1, codes)
        assert not (fleet.files.directory / "aws-roles").exists()


def test_where_a_file_cannot_be_written_none_is(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        in_the_way = fleet.files.directory / "aws-roles"
        in_the_way.write_text("a file", "utf-8")
        run = imported(fleet, tmp_path / "staging")
        assert (run.status, "aws-roles/staging.yaml" in run.out) == (2, True), run.out
        assert not list(fleet.files.directory.glob("*/*"))


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        outside = tmp_path / "outside.yaml"
        outside.write_text("mine\n", "utf-8")
        link = fleet.files.directory / "aws-roles" / "staging.yaml"
        link.parent.mkdir()
        link.symlink_to(outside)
        assert imported(fleet, tmp_path / "staging").status == 1
        assert imported(fleet, tmp_path / "staging", "--overwrite").status == 0
        assert (outside.read_text("utf-8"), link.is_symlink()) == ("mine\n", False)


def test_the_name_of_a_folder_stays_in_a_comment(tmp_path: Path) -> None:
    odd = tmp_path / "x\naws-roles: {}\n#\x1b[31m\udcff"
    odd.mkdir()
    with moving(odd) as fleet:
        run = imported(fleet, odd / "staging")
        assert (run.status, "\x1b" in run.out) == (0, False), run.out


def test_folders_that_are_no_account_are_refused(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        (tmp_path / "empty").mkdir()
        for folder, said in (
            (tmp_path, "by its folder"),
            (tmp_path / "none", "is not a folder"),
            (tmp_path / "empty", "no *.yaml files"),
        ):
            run = imported(fleet, folder)
            assert (run.status, run.calls) == (2, ())
            assert said in run.out
        run = imported(fleet, tmp_path / "staging", "--team", "Not a team")
        assert run.status == 2
        (tmp_path / "staging" / "accounts.yaml").write_text(ACCOUNTS, "utf-8")
        (tmp_path / "accounts.yaml").unlink()
        within = ("--accounts-location", str(tmp_path / "staging" / "accounts.yaml"))
        assert imported(fleet, tmp_path / "staging", *within).status == 0
        elsewhere = imported(
            fleet, tmp_path / "staging", "--accounts-location", str(tmp_path / "x")
        )
        assert elsewhere.status == 2
