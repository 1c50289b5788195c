"""The JSON Schemas of the files: fresh, wired in, and no stricter than validation."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from iam_access.codes import Severity
from iam_access.config import suites
from iam_access.config.load import load
from iam_access.config.yaml import tree
from tests.config.repository import VALID, write
from tests.flow.made_up_kind import MadeUpGroups
from tools import schemas

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHIPPED = sorted(
    path
    for folder in (ROOT / "aws", ROOT / "aws" / "scripts" / "demo-files")
    for path in [*folder.glob("*/payments.yaml"), *folder.glob("settings.yaml")]
)
SETTINGS = """\
deployer_role: ops/deployer
user_names: {whole address: [example.com]}
domains: [example.com, "*.example.com"]
publish_policies: granted
accounts:
  - {accounts: 444455556666, teams: [payments]}
temporary_access:
  longest: 6d
  shortest: 15m
  furthest_start: 30d
  forms: [inline, policy]
  outliving_actions: deny
  resource_policies: allow
  require_mfa: false
  require_ticket: "[A-Z]+-[0-9]+"
  require_description: 10
  environments: {prod: {longest: 8h, shortest: 15m, require_mfa: true}}
  grants: {"*.break-glass": {longest: 4h}}
only_temporary: ["*.break-glass", {managed_policies: [AdministratorAccess]}]
protected_principals: {users: [root-admin], roles: [Admin]}
forbidden_grants:
  - {grants: ["*.admin"], managed_policies: [AdministratorAccess], environments: [prod]}
forbidden_actions:
  - {actions: ["iam:CreateUser"], environments: [prod]}
grantees:
  - {grants: ["*.break-glass"], teams: [payments], users: [ann@example.com], roles: [ci-*]}
  - {allows: ["kms:ScheduleKeyDeletion"]}
approvals:
  people: {octocat: ann@example.com, "12": [bob, ann]}
  required: [{team: 12, count: 2, grants: "*.break-glass", environments: prod}]
permissions_boundary: arn:{partition}:iam::{account_id}:policy/ops/boundary
known_names: ["evidently:*"]
limits: {values_per_file: 20000, accounts_per_team: 250, grants_per_team: 10000}
planner_role: ops/planner
closed_accounts: [444455556666]
policies_of_others: keep
account_names: {hub: 444455556666}
owners:
  guards: "@a/b"
  others: [x@y.z, "@me"]
  teams: {"p*": "@q"}
  folders: {aws-policies: "@s"}
  paths: {/docs/: "@w"}
expected_access: [{groups: [dev], policies: [P], assumes: [r-*], environments: prod}]
intended_removals: [{team: pay, reason: "OPS-12: gone"}]
on_plan_change: apply
without_reviewed_plan: stop
notifications: {events: [failed, drift], break_glass: ["*.x"]}
"""
TESTS = """\
user_landing_account: "999988887777"
global_exemptions: [.*role/ops]
tests:
  - description: Keys
    environments: [prod]
    actions: ["iam:*"]
    resources: ["*"]
    expected_result: fail
    allow_no_match: true
    wildcards: expand
    custom_context:
      - {context_key_name: "aws:MultiFactorAuthPresent", context_key_type: boolean,
         context_key_values: false}
"""
FILES = {
    **VALID,
    "aws-accounts/pay.yaml": """\
aws-accounts:
  nonprod: 111122223333
  prod: {id: "044455556666", deployer_role: ops/deployer, partition: aws}
""",
    "temporary-access/pay.yaml": """\
temporary-access:
  - {user: bob@example.com, environment: prod, grant: writer, expiration_date: 2026-03-04}
  - description: 12
    role: deployer
    environment: nonprod
    grant: reader
    starts_at: 2026-03-02T10:00:00+01:00
    expires_at: 2026-03-03 10:00Z
    via: inline
    ticket: 1234
  - {user: user/bob, environment: prod, grant: reader, for: 90 m, requested_at: 20260301T10Z}
  - {user: user/bob, environment: prod, grant: writer, starts_at: 2026-W10-1T10:00+01,
     expires_at: 2026-03-02T12:00:00.5+01:00:30}
""",
    "settings.yaml": SETTINGS,
    "access-tests/pay.yaml": TESTS,
}


class Yaml12(yaml.SafeLoader):
    """Values as editors read them: those of the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}


for tag, pattern, first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)
Yaml12.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))


@cache
def validator(name: str) -> Draft7Validator:
    return Draft7Validator(json.loads(schemas.schemas()[f"{name}.schema.json"]))


def schema_of(file: str) -> Draft7Validator:
    path = Path(file)
    return validator("settings" if path.name == "settings.yaml" else path.parent.name)


def refused(file: str, value: Any) -> list[str]:
    return [f"{each.json_path}: {each.message}" for each in schema_of(file).iter_errors(value)]


def read(text: str) -> list[Any]:
    """A file's value as an editor reads it, and as validation does."""
    return [yaml.load(text, Yaml12), tree.parse(text.encode()).value]


def test_the_schemas_are_fresh_and_well_formed() -> None:
    written = {path.name: path.read_text("utf-8") for path in schemas.FOLDER.iterdir()}
    assert written == schemas.schemas(), "write them anew with `make schemas`"
    for text in written.values():
        Draft7Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_shipped_file_fits_its_schema(path: Path) -> None:
    for value in read(path.read_text("utf-8")):
        assert refused(str(path), value) == []


def test_editors_find_the_schema_of_each_file() -> None:
    for path in SHIPPED:
        line = path.read_text("utf-8").partition("\n")[0]
        name = line.removeprefix("# yaml-language-server: $schema=")
        if "scripts" in path.parts or name == line:
            continue  # the files in aws/ belong to those who use the project
        assert (path.parent / name).resolve().parent == schemas.FOLDER, line
        assert (path.parent / name).is_file()
    wired = json.loads((ROOT / ".vscode" / "settings.json").read_text())["yaml.schemas"]
    assert {Path(each).name for each in wired} == set(schemas.schemas())
    for schema, files in wired.items():
        name = Path(schema).name.removesuffix(".schema.json")
        assert files in (f"/aws/{name}/*.yaml", f"/aws/{name}.yaml")


def keys(value: Any) -> Iterator[tuple[str, Any]]:
    """The keys that a schema knows at any depth, each with its schema."""
    if isinstance(value, list):
        for each in value:
            yield from keys(each)
    elif isinstance(value, dict):
        properties = value.get("properties", {})
        yield from properties.items()
        yield from keys([*properties.values()])
        yield from keys(
            [value[name] for name in ("items", "anyOf", "definitions") if name in value]
        )
        yield from keys(value.get("additionalProperties"))
        yield from keys([*value.get("definitions", {}).values()])


def test_every_key_has_the_words_of_the_documentation() -> None:
    for name, text in schemas.schemas().items():
        known = [*keys(json.loads(text))]
        folder = name.removesuffix(".schema.json")
        assert [key for key, each in known if key != folder and not each.get("description")] == []
    entry = validator("temporary-access").schema["properties"]["temporary-access"]["items"]
    assert entry["properties"]["ticket"]["description"] == "where it was asked for"


@pytest.mark.parametrize("file", FILES)
def test_a_valid_file_fits(tmp_path: Path, file: str) -> None:
    assert accepted(tmp_path, file, FILES[file])
    for value in read(FILES[file]):
        assert refused(file, value) == []


ENTRY = "temporary-access: [{environment: p, grant: g, "
BAD = {
    "aws-accounts/pay.yaml": ["aws-accounts: {p: 12345x}", "aws-account: {}", "aws-accounts: []"],
    "aws-policies/pay.yaml": [
        "aws-policies: {p: {custom_statement: []}}",
        "aws-policies: {p: {custom_statements: [{effect: allow}]}}",
    ],
    "permanent-access/pay.yaml": [
        "permanent-access: [{users: [a b], environments: [], grants: []}]"
    ],
    "temporary-access/pay.yaml": [
        "temporary-access: {user: ann}",
        "temporary-access: [{user: ann, environment: p, grant: g}]",
        "temporary-access: [{environment: p, grant: g, expiration_date: 2026-03-04}]",
        ENTRY + "user: a, role: b, expires_at: 2026-03-04 10:00Z}]",
        ENTRY + "user: a, expires_at: 2026-03-04}]",
        ENTRY + "user: a, expires_at: 2026-03-04T10:00}]",
        ENTRY + "user: a, expiration_date: 2026-3-4}]",
        ENTRY + "user: a, via: x, expiration_date: 2026-3-4}]",
    ],
    "settings.yaml": [
        "temporary_access: {longest: 6}",
        "deployer: x",
        "approvals: {people: {'@octocat': ann}}",
        "approvals: {required: [{team: org/ops}]}",
        "limits: {values_per_file: 0}",
    ],
    "access-tests/pay.yaml": ["tests: [{actions: [a:b]}]", "tests: [{expected_result: may}]"],
}


@pytest.mark.parametrize(("file", "text"), [(file, text) for file in BAD for text in BAD[file]])
def test_a_file_that_is_wrong_by_itself_does_not_fit(file: str, text: str) -> None:
    for value in read(text):
        assert refused(file, value) != []


REPLACEMENTS: tuple[Any, ...] = (
    None,
    "x",
    "12",
    "true",
    [],
    ["x"],
    {},
    "2026-03-04",
    "2026-03-04T10:00:00Z",
    "1h",
)


def changed(value: Any) -> Iterator[Any]:
    """The value with each one within it replaced or removed in turn."""
    for path in places(value):
        for each in (*REPLACEMENTS, ...):
            other = deepcopy(value)
            within = other
            for step in path[:-1]:
                within = within[step]
            if each is ...:
                del within[path[-1]]
            else:
                within[path[-1]] = each
            yield other


def places(value: Any) -> Iterator[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    for step, each in steps:
        yield (step,)
        if isinstance(each, (dict, list)):
            yield from ((step, *below) for below in places(each))


#: Codes of what a schema knows: an error of any other is not about one file by itself.
SHAPE = {
    *("unknown-key", "missing-key", "wrong-type", "bad-value", "bad-account-id", "bad-date"),
    *("bad-environment-name", "bad-policy-key", "bad-role", "bad-user", "bad-instant"),
    *("bad-duration", "bad-form", "bad-number", "bad-pattern", "bad-boundary", "empty-list"),
    *("not-one-principal", "not-one-deadline", "bad-action", "bad-resource", "bad-expression"),
    *("bad-description", "empty-file", "no-actions", "bad-condition-key", "slow-expression"),
    *("nobody", "grants-nothing", "empty-policy", "hollow-rule", "duplicate-condition-key"),
}


def accepted(directory: Path, file: str, text: str) -> bool:
    """Whether validation has no error about the shape of a file."""
    configuration = load(write(directory, {**FILES, file: text}), now=NOW)
    findings = (*configuration.findings, *suites.of_teams(configuration).findings)
    there = [each for each in findings if each.location and each.location.file.endswith(file)]
    return not any(each.severity is Severity.ERROR and each.code in SHAPE for each in there)


@pytest.mark.exhaustive
@pytest.mark.parametrize("file", FILES)
def test_what_validation_accepts_fits(tmp_path: Path, file: str) -> None:
    for value in changed(tree.parse(FILES[file].encode()).value):
        if refused(file, value):
            text = json.dumps(value)
            assert not accepted(tmp_path, file, text), (refused(file, value), text)


def test_a_folder_needs_its_words_in_the_documentation() -> None:
    with pytest.raises(schemas.UndescribedError, match="no table has a row for"):
        schemas.of_folder(MadeUpGroups())
