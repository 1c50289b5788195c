"""Generated files of iam_syncr, imported where there is what that tool makes of them.

What it makes is said here anew, by its documentation, and not by the import.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from iam_access.cli import commands
from iam_access.sandbox import SandboxAccount
from tests.flow.fleet import Files, Fleet, opened
from tests.flow.older_tools import document, with_switches

ACCOUNTS = {"dev": "111122223333", "stg": "444455556666", "hub": "012345678901"}
USERS = ("ann", "bob")
SECTIONS = {"permission": None, "allow_permission": "Allow", "deny_permission": "Deny"}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def arns(form: Mapping[str, Any], account: str, role: str) -> Iterator[str]:
    """The ARNs of a short form with `iam`, in the policies of a role of an account."""
    for name in listed(form.get("account", account)):
        for path in listed(form["iam"]):
            own = path == "__self__"
            arn = f"arn:aws:iam::{ACCOUNTS[account if own else name]}:"
            arn += f"role/{role}" if own else path
            yield from (f"{arn}/{user}" for user in form["users"]) if "users" in form else [arn]


def resources(written: Any, account: str, role: str) -> Iterator[str]:
    for each in listed(written):
        if isinstance(each, str):
            yield each
        elif "iam" in each:
            yield from arns(each, account, role)
        elif "sns" in each:
            for name in listed(each.get("account", account)):
                for topic in listed(each["sns"]):
                    yield f"arn:aws:sns:{each['location']}:{ACCOUNTS[name]}:{topic}"
        elif "kms" in each:
            yield f"arn:aws:kms:{each['location']}:{ACCOUNTS[account]}:key/{each['kms']['key_id']}"
        else:
            for bucket in listed(each["s3"]):
                yield f"arn:aws:s3:::{bucket}"
                yield from () if "/" in bucket else [f"arn:aws:s3:::{bucket}/*"]


def trusting(written: Mapping[str, Any], account: str, role: str) -> dict[str, Any]:
    """A statement of the trust policy that iam_syncr makes."""
    made: dict[str, Any] = {"Effect": "Allow", "Sid": "", "Action": "sts:AssumeRole"}
    principal: dict[str, Any] = {}
    if "service" in written:
        short = {"ec2": "ec2.amazonaws.com"}
        principal["Service"] = [short.get(each, each) for each in listed(written["service"])]
    if "federated" in written:
        principal["Federated"] = list(arns(written["federated"], account, role))
        made["Action"] = "sts:AssumeRoleWithSAML"
    if "iam" in written:
        principal["AWS"] = list(arns(written, account, role))
    upper = {key: value for key, value in written.items() if key[0].isupper()}
    return {**made, "Principal": principal, **upper}


def permitting(
    written: Mapping[str, Any], effect: str | None, account: str, role: str
) -> dict[str, Any]:
    """A statement of the inline policy that iam_syncr makes."""
    made = {key: value for key, value in written.items() if key[0].isupper()}
    if effect is not None or "Effect" not in made:
        made["Effect"] = effect or ("Allow" if written["allow"] else "Deny")
    for key, element in (("action", "Action"), ("notaction", "NotAction")):
        if key in written:
            made[element] = listed(written[key])
    for key, element in (("resource", "Resource"), ("notresource", "NotResource")):
        if key in written:
            made[element] = list(resources(written[key], account, role))
    return made


def make(iam: Any, key: str, written: Mapping[str, Any], account: str) -> None:
    """Make a role as iam_syncr does."""
    path, _, name = key.rpartition("/")
    trust = [trusting(each, account, key) for each in listed(written["allow_to_assume_me"])]
    where = {"Path": f"/{path}/"} if path else {}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(*trust), **where)
    permitted = [
        permitting(each, effect, account, key)
        for section, effect in SECTIONS.items()
        for each in listed(written.get(section, []))
    ]
    if permitted:
        policy = f"syncr_policy_{key.replace('/', '__')}"
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document(*permitted))
    if "make_instance_profile" in written:
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)


class Generator:
    """Roles of an account in all forms that iam_syncr has."""

    def __init__(self, seed: int, count: int) -> None:
        self.random = Random(seed)
        self.names = [f"r{index}" for index in range(count)]

    def roles(self) -> dict[str, dict[str, Any]]:
        return {f"team/{each}" if each[-1] in "05" else each: self.role() for each in self.names}

    def role(self) -> dict[str, Any]:
        trust = [self.trust() for _ in range(self.random.randint(1, 3))]
        found: dict[str, Any] = {"allow_to_assume_me": trust if len(trust) > 1 else trust[0]}
        if self.often():
            found["allow_permission"] = [self.statement() for _ in range(2)]
        if self.often():
            others = {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1"]}}
            denied = {"notaction": self.action(), "resource": self.resource(), "Condition": others}
            found["deny_permission"] = denied
        if self.often():
            all_but = {"action": self.action(), "notresource": {"s3": "secret"}}
            deleted = {"Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::z/*"}
            found["permission"] = [
                {**all_but, "allow": self.often()},
                {"Effect": "Deny", **deleted},
            ]
        if self.often():
            found["make_instance_profile"] = True
        return found

    def often(self) -> bool:
        return self.random.random() < 0.6

    def of_account(self, form: dict[str, Any]) -> dict[str, Any]:
        names = list(ACCOUNTS)
        where = self.random.choice([None, self.random.choice(names), self.random.sample(names, 2)])
        return form if where is None else {**form, "account": where}

    def trust(self) -> dict[str, Any]:
        mfa = {"Bool": {"aws:MultiFactorAuthPresent": True}}
        corp = {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}
        return self.random.choice(
            [
                {"service": "ec2"},
                {"service": ["ec2", "lambda.amazonaws.com"]},
                self.of_account({"iam": "root"}),
                {"iam": "root", "account": "stg", "Condition": mfa},
                {"iam": "user", "users": list(USERS)},
                {"federated": {"iam": "saml-provider/corp"}, "Condition": corp},
            ]
        )

    def statement(self) -> dict[str, Any]:
        return {"action": self.action(), "resource": self.resource()}

    def action(self) -> Any:
        return self.random.choice(
            [["s3:GetObject", "s3:ListBucket"], "sts:AssumeRole", "iam:PassRole", "sns:Publish"]
        )

    def resource(self) -> Any:
        roles = [f"role/{each}" for each in self.random.sample(self.names, 2)]
        key = {"key_id": "1234abcd-12ab-34cd-56ef-1234567890ab"}
        topics = {"sns": ["t", "u"], "location": "eu-west-1", "account": ["dev", "hub"]}
        return self.random.choice(
            [
                "*",
                {"s3": ["x", "y/k/*"]},
                self.of_account({"iam": roles}),
                {"iam": "__self__"},
                topics,
                {"kms": key, "location": "eu-west-1"},
                ["arn:aws:sqs:eu-west-1:111122223333:q", {"s3": "z"}],
            ]
        )


def made_and_imported(fleet: Fleet, folder: Path) -> None:
    """Make the roles in all accounts, write their files, and import these."""
    for seed, (account, id_) in enumerate(ACCOUNTS.items()):
        iam = fleet.admin(id_)
        iam.create_saml_provider(Name="corp", SAMLMetadataDocument="x" * 1_000)
        roles = Generator(seed, 12).roles()
        for key, written in roles.items():
            make(iam, key, written, account)
        (folder / account).mkdir()
        (folder / account / "roles.yaml").write_text(yaml.safe_dump({"roles": roles}), "utf-8")
        run = fleet.run(commands.import_files, "iam-syncr", str(folder / account))
        assert run.status == 0, run.out


@pytest.mark.exhaustive
def test_whatever_iam_syncr_made_of_its_files_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "accounts.yaml").write_text(json.dumps(ACCOUNTS), "utf-8")
    files = Files(tmp_path / "aws")
    files.write("settings.yaml", 'unbounded_roles: ["r*"]\n')
    accounts = [SandboxAccount(each, users=USERS) for each in ACCOUNTS.values()]
    with opened(files, *accounts, template=with_switches(tmp_path / "template.yaml")) as fleet:
        made_and_imported(fleet, tmp_path)
        first = fleet.apply("--all", "--adopt", "--explain")
        assert (first.status, first.err) == (0, ""), first.out
        assert "No user or role gains or loses anything." in first.out, first.out
        assert fleet.apply("--all").writes == ()
        assert fleet.run(commands.drift, "--output", "json").codes == []
