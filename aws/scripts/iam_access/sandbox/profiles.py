"""Credentials for experiments by hand: of an administrator, and of users and roles by name.

The name is looked up at each call: credentials of a deleted user or role are refused, and work
again when it is created again.
"""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from moto.iam.models import IAMBackend

from iam_access.sandbox.world import KeyOwner, SandboxState

DEFAULT = "default"
_CONFIG = "config"
_CREDENTIALS = "credentials"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key; `session_token` is empty for one of a user."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """Credentials under the name of a profile. `owner` is for people: "user ann".

    `account` is the account's 12 digits, `region` one of the account's partition.
    """

    name: str
    account: str
    owner: str
    region: str
    credentials: Credentials


def lend(world: SandboxState, owner: KeyOwner) -> Credentials:
    """New credentials of this owner."""
    prefix = "AKIA" if owner.issued is None else "ASIA"
    key = f"{prefix}{secrets.token_hex(8).upper()}"
    world.key_owners[key] = owner
    token = "" if owner.issued is None else secrets.token_urlsafe(96)
    return Credentials(key, secrets.token_urlsafe(30), token)


def profiles(
    world: SandboxState, account_id: str, label: str, region: str, iam: IAMBackend
) -> Iterator[Profile]:
    """Profiles of an account's administrator and of each user and role in it.

    The administrator is the root user, which may do everything and is in no answer. They are
    called `<label>-admin`, `<label>/<user>` and `<label>/role/<role>`. The session of a role does
    not expire, as if its service renewed it.
    """
    root = KeyOwner("root", account_id, iam.partition)
    yield Profile(f"{label}-admin", account_id, "administrator", region, lend(world, root))
    for name in sorted(iam.users):
        key = iam.create_access_key(name)
        world.lent_keys.add(key.access_key_id)
        credentials = Credentials(key.access_key_id, key.secret_access_key)
        yield Profile(f"{label}/{name}", account_id, f"user {name}", region, credentials)
    for name in sorted(role.name for role in iam.roles.values()):
        role = KeyOwner("role", account_id, iam.partition, name, issued=world.clock())
        credentials = lend(world, role)
        yield Profile(f"{label}/role/{name}", account_id, f"role {name}", region, credentials)


def write(directory: Path, profiles: Iterable[Profile]) -> dict[str, str]:
    """Write AWS's config and credentials files; return the variables that point to them.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html
    """
    config, credentials = [], []
    for profile in profiles:
        prefix = "" if profile.name == DEFAULT else "profile "
        key = profile.credentials
        config.append(f"[{prefix}{profile.name}]\nregion = {profile.region}\n")
        credentials.append(
            f"[{profile.name}]\n"
            f"aws_access_key_id = {key.access_key_id}\n"
            f"aws_secret_access_key = {key.secret_access_key}\n"
            + (f"aws_session_token = {key.session_token}\n" if key.session_token else "")
        )
    (directory / _CONFIG).write_text("\n".join(config), "utf-8")
    secret = directory / _CREDENTIALS
    secret.touch(mode=0o600)
    secret.write_text("\n".join(credentials), "utf-8")
    return {
        "AWS_CONFIG_FILE": str((directory / _CONFIG).absolute()),
        "AWS_SHARED_CREDENTIALS_FILE": str(secret.absolute()),
    }
