"""A sandbox in this process: accounts with users, roles and the deployer role."""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import ClassVar, Self

from moto.core.base_backend import BackendDict
from moto.core.models import MockAWS
from moto.iam.models import AccessKey, IAMBackend

from iam_access.model import Principal, PrincipalType
from iam_access.policy.arn import PARTITIONS, path_and_name
from iam_access.sandbox.faults import Fault, RecordedCall
from iam_access.sandbox.principals import set_boundary
from iam_access.sandbox.profiles import DEFAULT, Credentials, Profile, profiles
from iam_access.sandbox.quotas import SandboxQuotas
from iam_access.sandbox.strict import StrictLayer
from iam_access.sandbox.template import Template, deploy
from iam_access.sandbox.world import PIPELINE_ACCOUNT, SandboxState, utc_now

PIPELINE_USER = "pipeline"

UNSET = (
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS", "AWS_REGION"),
    *("AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_STS_REGIONAL_ENDPOINTS"),
    *("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_CA_BUNDLE"),
)
"""Environment variables that could lead past a sandbox or disturb it."""

_ALL = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
_LITTLE = _ALL.replace("*", "sts:GetCallerIdentity", 1)
_ROLE_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
_PIPELINE_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}],
    }
)


@dataclass(frozen=True, slots=True)
class SandboxAccount:
    """An account to make: its 12 digits and what it holds from the start.

    `deployer_role` is a name, with the role's path before it if it has one; so is `planner_role`,
    its read-only twin ("": there is none). `label` is what
    profiles call the account; the id if it is empty. `boundary` is the ARN of the permissions
    boundary of all users and roles, "" for none; a customer managed policy is made, and allows
    everything. `policies` are customer managed policies that others made there, of which little is
    known. Users, roles and policies are named with their path, if they have one.
    """

    id: str
    users: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    deployer_role: str = "self-serve-deployer"
    planner_role: str = ""
    partition: str = "aws"
    label: str = ""
    boundary: str = ""
    groups: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()

    def with_policies(self, named: Iterable[str]) -> Self:
        """The account with these policies of others added; of one name, the first is kept."""
        known = {_in_iam(each): each for each in self.policies}
        for each in named:
            known.setdefault(_in_iam(each), each)
        return replace(self, policies=tuple(known.values()))

    def joined(self, principals: Iterable[Principal]) -> Self:
        """The account with these users, roles and groups added, except those of the pipeline.

        IAM ignores the case of names, and paths; the first spelling is kept.
        """
        known = {
            PrincipalType.USER: self.users,
            PrincipalType.ROLE: self.roles,
            PrincipalType.GROUP: self.groups,
        }
        named = {type_: {_in_iam(each): each for each in names} for type_, names in known.items()}
        for principal in principals:
            named[principal.type].setdefault(_in_iam(principal.name), principal.name)
        for own in (self.deployer_role, self.planner_role):
            named[PrincipalType.ROLE].pop(_in_iam(own), None)
        users, roles, groups = (tuple(each.values()) for each in named.values())
        return replace(self, users=users, roles=roles, groups=groups)


def _in_iam(name: str) -> str:
    """A name, perhaps with a path, as IAM compares it."""
    return name.rpartition("/")[2].lower()


class SandboxBase:
    """A sandbox, in this process or over HTTP. There is one at a time in a process.

    accounts: the accounts, with their users, roles and the deployer role made from `template`, a
        CloudFormation file with the parameters DeployerRoleName, DeployerRolePath,
        TrustedPrincipalArn and RoleBoundary. Its read-only twin is made from `planner-role.yaml`
        beside it. The account that the pipeline signs in to (`PIPELINE_ACCOUNT`, user
        `PIPELINE_USER`) is added.
    clock: the time (aware, UTC) for the end of sessions and for conditions.
    quotas: other quotas than AWS's default ones, by account id.
    switches: whether the switches of the template are on, each of which lets files of a folder be
        carried out.
    enforce: whether a call needs permission from the policies of its caller, as in AWS. If not,
        every caller may do everything; trust policies are evaluated even so.

    `faults` and `calls` are for tests and benchmarks, see the module `faults`.
    """

    _active: ClassVar[Lock] = Lock()

    def __init__(
        self,
        accounts: Iterable[SandboxAccount],
        *,
        template: Path,
        clock: Callable[[], datetime] = utc_now,
        quotas: Mapping[str, SandboxQuotas] | None = None,
        switches: bool = False,
        enforce: bool = False,
    ) -> None:
        self.accounts = tuple(accounts)
        self.faults: list[Fault] = []
        self.calls: list[RecordedCall] = []
        self._template = template
        self._switches = switches
        self._world = SandboxState(clock=clock, enforce=enforce)
        for account in self.accounts:
            given = (quotas or {}).get(account.id)
            self._world.add_account(account.id, account.partition, given)
        self._partitions = sorted({account.partition for account in self.accounts} or {"aws"})
        self._world.partitions.setdefault(PIPELINE_ACCOUNT, self._partitions[0])
        self._world.quotas.setdefault(PIPELINE_ACCOUNT, SandboxQuotas())
        self._key: AccessKey | None = None
        self._resources = ExitStack()

    def quotas(self, account_id: str) -> SandboxQuotas:
        """The quotas of an account; changing them takes effect at once."""
        return self._world.quotas[account_id]

    def backend(self, account_id: str) -> IAMBackend:
        """Moto's IAM of an account, for tests that bypass the API."""
        return self._world.iam(account_id)

    @property
    def region(self) -> str:
        """The region to call; it decides the partition, that of the first account in order."""
        return PARTITIONS[self._partitions[0]].region

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that lead boto3 to this sandbox (see `UNSET`, too)."""
        assert self._key is not None, "enter the sandbox first"
        return {
            "AWS_ACCESS_KEY_ID": self._key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._key.secret_access_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def profiles(self) -> tuple[Profile, ...]:
        """The pipeline's own profile and then those of each account; see the module `profiles`.

        Call it once: each call makes new credentials.
        """
        assert self._key is not None, "enter the sandbox first"
        key = Credentials(self._key.access_key_id, self._key.secret_access_key)
        made = [Profile(DEFAULT, PIPELINE_ACCOUNT, "pipeline", self.region, key)]
        for account in self.accounts:
            region = PARTITIONS[account.partition].region
            label = account.label or account.id
            iam = self.backend(account.id)
            made += profiles(self._world, account.id, label, region, iam)
        return tuple(made)

    def _open(self, resources: ExitStack) -> None:
        """Overridden: make the sandbox reachable. `resources` are closed when it is left."""

    def __enter__(self) -> Self:
        if not self._active.acquire(blocking=False):
            raise RuntimeError("another sandbox is open in this process")
        with ExitStack() as resources:
            resources.callback(self._active.release)
            resources.callback(BackendDict.reset)
            BackendDict.reset()
            resources.enter_context(StrictLayer(self._world, self.faults, self.calls))
            self._seed()
            self._open(resources)
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._resources.close()

    def _seed(self) -> None:
        self._seed_pipeline_account()
        template = Template.read(self._template)
        for account in self.accounts:
            iam = self.backend(account.id)
            if account.boundary and account.boundary not in iam.managed_policies:
                path, name = path_and_name(account.boundary)
                iam.create_policy("", path, _ALL, name, [])
            for policy in account.policies:
                path, _, name = f"/{policy}".rpartition("/")
                iam.create_policy("", f"{path}/", _LITTLE, name, [])
            for user in account.users:
                path, _, name = f"/{user}".rpartition("/")
                person = iam.create_user(iam.region_name, name, f"{path}/")
                person.id = _unique_id("AIDA", person.arn)
                set_boundary(person, account.boundary or None)
            for role in account.roles:
                path, _, name = f"/{role}".rpartition("/")
                made = iam.create_role(name, _ROLE_TRUST, f"{path}/", None, "", [], "3600")
                made.permissions_boundary_arn = account.boundary or None
                del iam.roles[made.id]
                made.id = _unique_id("AROA", made.arn)
                iam.roles[made.id] = made
            for group in account.groups:
                iam.create_group(group)
            pipeline = self._world.iam(PIPELINE_ACCOUNT, account.partition).users[PIPELINE_USER]
            parameters = _named("Deployer", account.deployer_role, pipeline.arn)
            if account.boundary:
                parameters["RoleBoundary"] = account.boundary.partition(":policy/")[2]
            if self._switches:
                parameters |= dict.fromkeys(template.switches, "true")
                parameters["CustomerPolicies"] = "*"
            deploy(self._world, account.id, template, parameters)
            if account.planner_role:
                twin = _named("Planner", account.planner_role, pipeline.arn)
                planner = Template.read(self._template.with_name("planner-role.yaml"))
                deploy(self._world, account.id, planner, twin)

    def deploy(self, template: Template, account_id: str, parameters: Mapping[str, str]) -> None:
        """Make the resources of one more template in an account. Raises TemplateError."""
        deploy(self._world, account_id, template, parameters)

    def _seed_pipeline_account(self) -> None:
        """Make the pipeline's user in each partition, with one key for all."""
        for partition in self._partitions:
            iam = self._world.iam(PIPELINE_ACCOUNT, partition)
            user = iam.create_user(iam.region_name, PIPELINE_USER)
            user.put_policy("assume-deployer-roles", _PIPELINE_POLICY)
            if self._key is None:
                self._key = iam.create_access_key(PIPELINE_USER)
            else:
                user.access_keys.append(self._key)
                iam.access_keys[self._key.access_key_id] = self._key


def _named(what: str, role: str, trusted: str) -> dict[str, str]:
    """The parameters for a role of the pipeline."""
    path, _, name = f"/{role}".rpartition("/")
    return {
        f"{what}RoleName": name,
        f"{what}RolePath": f"{path}/",
        "TrustedPrincipalArn": trusted,
    }


class Sandbox(SandboxBase):
    """A sandbox for boto3 in this process, as a context manager.

    While it is open, every AWS call of this process goes to it, and the environment holds the
    credentials of the pipeline's user. Clients must be made while it is open.
    """

    def _open(self, resources: ExitStack) -> None:
        mock = MockAWS({"core": {"mock_credentials": False, "reset_boto3_session": True}})
        mock.start(reset=False)
        resources.callback(mock.stop, remove_data=False)
        resources.enter_context(_environment(self.environment))


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    for name in UNSET:
        os.environ.pop(name, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in (*UNSET, *variables):
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)


def _unique_id(prefix: str, arn: str) -> str:
    """The unique id of a user or role, the same in every sandbox: plans depend on it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    """
    digest = hashlib.sha256(arn.encode()).digest()
    return prefix + base64.b32encode(digest).decode()[:17]
