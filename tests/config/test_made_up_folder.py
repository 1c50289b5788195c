"""A folder that nothing knows by name: what its entries grant is held to every rule and check."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from iam_access import kinds
from iam_access.config.configuration import Configuration
from iam_access.config.emergency import what_hides_access
from iam_access.config.load import load, load_unchecked
from iam_access.config.to_delete import entries_to_delete
from iam_access.config.written import written_grants
from iam_access.kinds import attachment
from iam_access.kinds.base import (
    AccessEntry,
    EntryKeys,
    Expansion,
    FileEntry,
    Item,
    TeamInAccount,
    text,
    texts,
)
from iam_access.kinds.fields import Instant, PolicyKey, Spec
from iam_access.model import Principal, PrincipalType, Resource
from iam_access.plan.desired import desired_state
from iam_access.sandbox.seed import principals_of
from iam_access.snapshot import Snapshot, SnapshotPart
from tests.config.repository import NOW, VALID, loaded, write
from tests.values import READ_ONLY

ANN = Principal(PrincipalType.USER, "ann")
KEYS = EntryKeys(users=("members",), environments=("where",), grants=("gives",), until=("ends",))


NOTHING = {
    "permanent-access/pay.yaml": "permanent-access: []",
    "temporary-access/pay.yaml": "temporary-access: []",
}


class GroupSpec(Spec):
    """The members of a group, and what it gives them."""

    members: list[str]
    where: list[str]
    gives: list[str]
    ends: Instant | None = None
    ticket: str | None = None


class Groups:
    """A folder with a mapping of groups; without `tells`, it does not say what they give."""

    folder = "groups"
    spec = GroupSpec
    keys: TypeAdapter[str] | None = TypeAdapter(PolicyKey)
    temporary = True

    def __init__(self) -> None:
        self.tells = True

    def access(self, item: Item) -> Iterable[AccessEntry]:
        written: Any = item.spec.model_dump() if item.spec is not None else item[1]
        if not self.tells or not isinstance(written, dict):
            return
        ends = written.get("ends")
        yield AccessEntry(
            item.place,
            texts(written.get("members")),
            (),
            texts(written.get("where")),
            texts(written.get("gives")),
            temporary="ends" in written and ends is not None,
            until=ends if isinstance(ends, datetime) else None,
            ticket=text(written.get("ticket")),
            keys=KEYS,
            valid=item.spec is not None,
        )

    def expand(self, entries: Sequence[FileEntry[GroupSpec]], scope: TeamInAccount) -> Expansion:
        return Expansion(
            tuple(
                Resource(
                    id=attachment.resource_id(scope.user(each.spec.members[0]), READ_ONLY),
                    name=each.key,
                    teams=frozenset({scope.team}),
                    attributes={"arn": READ_ONLY, "attached": True},
                    principal=scope.user(each.spec.members[0]),
                    location=each.place.location,
                )
                for each in entries
            )
        )

    def parts_asked(
        self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        return ()

    def documents(self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount) -> Iterable[str]:
        return ()

    def unproven(self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount) -> Iterable[str]:
        return ()


@pytest.fixture(autouse=True)
def registered() -> Iterator[Groups]:
    groups = Groups()
    with kinds.FOLDERS.extended(groups):
        yield groups


def group(
    members: str = "ann@example.com", where: str = "prod", gives: str = "reader", more: str = ""
) -> Mapping[str, str]:
    entry = f"{{members: [{members}], where: [{where}], gives: [{gives}]{more}}}"
    return {"groups/pay.yaml": f"groups:\n  readers:\n    {entry}\n"}


def codes_and_places(configuration: Configuration) -> set[tuple[str, str]]:
    """The codes of what is found in the groups' file, with the text they point at."""
    lines = (configuration.directory / "groups/pay.yaml").read_text().splitlines()
    places = [(each.code, each.location) for each in configuration.findings]
    return {
        (code, lines[at.line - 1][at.column - 1 :].split(",")[0].rstrip("}]"))
        for code, at in places
        if at is not None and "/groups/" in at.file
    }


@pytest.mark.parametrize(
    ("files", "settings", "expected"),
    [
        (group(), "", set()),
        (group(gives="none.such"), "", {("unknown-grant", "none.such")}),
        (group(where="none"), "", {("unknown-environment", "none")}),
        (group(members=""), "", {("rules-unknown", "{members: [")}),
        (
            group(members="ann@example.com, ann@example.com"),
            "",
            {("duplicate-item", "ann@example.com")},
        ),
        # What is wrong elsewhere in the entry hides nothing.
        (
            group(gives="none.such", more=", wrong: 1"),
            "",
            {("unknown-grant", "none.such"), ("unknown-key", "wrong: 1")},
        ),
        (group(), "forbidden_grants: [{grants: [reader]}]", {("forbidden-grant", "reader")}),
        (group(), "forbidden_actions: [{actions: ['s3:Get*']}]", {("forbidden-action", "reader")}),
        (group(), "only_temporary: [reader]", {("only-temporary", "reader")}),
        (
            group(),
            "protected_principals: {users: [ann]}",
            {("protected-principal", "ann@example.com")},
        ),
        (group(), "domains: [other.org]", {("unknown-domain", "ann@example.com")}),
        (
            group(),
            "grantees: [{grants: ['*'], users: [bob]}]",
            {("not-a-grantee", "ann@example.com")},
        ),
        (
            group("a@e.com, b@e.com, c@e.com"),
            "limits: {grants_per_team: 5}",
            {("too-many-grants", "{members: [a@e.com")},
        ),
        (group(more=", ends: 2026-02-01T00:00:00Z"), "", {("expired", "2026-02-01T00:00:00Z")}),
        (group(more=", ends: 2026-05-01T00:00:00Z"), "", {("too-long", "2026-05-01T00:00:00Z")}),
        (
            group(more=", ends: 2026-03-02T00:00:00Z, ticket: none"),
            "temporary_access: {require_ticket: '[A-Z]+'}",
            {("bad-ticket", "none")},
        ),
        # The same person has the same grant from the temporary-access file.
        (group("bob@example.com", gives="writer"), "", set()),
        (
            group("bob@example.com", gives="writer", more=", ends: 2026-03-05T00:00:00Z"),
            "",
            {("duplicate-entry", "{members: [bob@example.com")},
        ),
    ],
)
def test_rules_and_checks_hold_for_its_entries(
    tmp_path: Path, files: Mapping[str, str], settings: str, expected: set[tuple[str, str]]
) -> None:
    found = loaded(tmp_path, {**files, "settings.yaml": settings})
    assert codes_and_places(found) == expected


def test_its_keys_are_called_what_it_calls_them(tmp_path: Path) -> None:
    files = {"groups/pay.yaml": 'groups: {"a b": {members: [a@e.com], where: [prod], gives: [x]}}'}
    assert "bad-policy-key" in {code for code, _ in codes_and_places(loaded(tmp_path, files))}


def test_an_account_does_not_leave_while_it_grants_something_there(tmp_path: Path) -> None:
    before = loaded(tmp_path / "before", {**NOTHING, **group(where="prod")})
    after = write(tmp_path / "after", {**VALID, **NOTHING})
    (after / "aws-accounts/pay.yaml").write_text('aws-accounts: {nonprod: "111122223333"}')
    (found,) = (e for e in load(after, now=NOW, base=before).findings if e.code == "account-leaves")
    assert "ann: 'reader'" in found.message


def test_who_it_names_is_in_the_sandbox_and_known_to_the_emergency_brake(tmp_path: Path) -> None:
    files = write(tmp_path, {**VALID, **group(more=", ends: 2026-03-02T00:00:00Z")})
    found = load(files, now=NOW)
    account = found.accounts["444455556666"]
    assert ANN in set(principals_of(account, found))
    ids = {account.id: None}
    (entry,) = entries_to_delete(found, lambda whom, *_: whom == ANN, ids, NOW)
    assert entry.hint.startswith("  readers:\n    {members: [ann@example.com]")
    assert all(
        each.temporary for each in written_grants(found, account, Snapshot(account.id, "aws"))
    )
    write(tmp_path, group(more=", wrong: 1"))
    assert [each.code for each in what_hides_access(load_unchecked(files, NOW))] == ["unknown-key"]


def test_what_it_grants_permanently_is_published_and_known(tmp_path: Path) -> None:
    rule = {"settings.yaml": "publish_policies: granted"}
    found = loaded(tmp_path, {**NOTHING, **rule, **group()})
    account = found.accounts["444455556666"]
    snapshot = Snapshot(account.id, "aws")
    desired = desired_state(found, account, snapshot, {}, frozenset(), NOW)
    assert {"pay-reader", "readers"} <= {each.name for each in desired.resources.values()}
    written = written_grants(found, account, snapshot)
    assert {each.grant for each in written if not each.temporary} == {"reader"}


def test_what_no_access_entry_tells_is_not_made(tmp_path: Path, registered: Groups) -> None:
    registered.tells = False
    found = loaded(tmp_path, {**NOTHING, **group()})
    account = found.accounts["444455556666"]
    desired = desired_state(found, account, Snapshot(account.id, "aws"), {}, frozenset(), NOW)
    assert [each.code for each in desired.findings if each.is_error] == ["rules-unknown"]
    assert "readers" not in {each.name for each in desired.resources.values()}
