"""Policies too large for one in AWS: written as several, and changed without a gap."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from iam_access.sandbox import FaultContext, LostAnswer
from tests.flow.fleet import (
    PROD,
    READ_QUEUES,
    TEMPLATE,
    Files,
    Fleet,
    account,
    is_write,
    opened,
    permanent,
    policy,
)
from tests.flow.test_interruption import ending_after, once_for_each

PATH = f"arn:aws:iam::{PROD}:policy/self-serve/payments/"
ACTIONS = [f"s3:Get{name}" for name in ("Object", "ObjectAcl", "ObjectTagging", "ObjectVersion")]


def buckets(first: int, last: int, effect: str = "Allow", actions: int = 1) -> dict[str, Any]:
    """A statement about buckets of these numbers; some 55 characters each."""
    names = [f"arn:aws:s3:::{'bucket-' * 5}{number:05}/*" for number in range(first, last)]
    return {"effect": effect, "actions": ACTIONS[:actions], "resources": names}


#: One policy in its states; each is reached from the one before.
STATES: Mapping[str, list[dict[str, Any]]] = {
    "small": [buckets(0, 60)],
    "two parts": [buckets(0, 150)],
    "with a denial": [buckets(0, 150), buckets(100, 120, "Deny")],
    "more actions": [buckets(0, 150, actions=4), buckets(100, 120, "Deny"), READ_QUEUES],
    "three parts": [buckets(0, 265, actions=4), buckets(100, 130, "Deny")],
    "what the first part has is gone": [buckets(90, 265), buckets(100, 120, "Deny")],
    "other statements": [
        buckets(200, 300, actions=2),
        buckets(250, 400),
        buckets(100, 120, "Deny"),
    ],
    "small again": [buckets(250, 290)],
}

#: The same, where denials go and parts change places.
DENIALS: Mapping[str, list[dict[str, Any]]] = {
    "two parts with the same actions": [
        buckets(40, 80, actions=4),
        buckets(180, 240),
        buckets(70, 130),
    ],
    "each would get something of the other": [
        buckets(160, 260),
        buckets(70, 110, actions=4),
        buckets(70, 170, actions=2),
        buckets(170, 250, "Deny", 2),
    ],
    "mostly denials": [
        buckets(80, 200, "Deny", 4),
        buckets(170, 210, actions=4),
        buckets(80, 140, actions=4),
        buckets(160, 170),
    ],
    "other denials, while another part allows less": [
        buckets(20, 60, actions=4),
        buckets(0, 20, "Deny"),
        buckets(120, 220, "Deny", 2),
        buckets(60, 140),
    ],
    "more is allowed than denied": [
        buckets(110, 150),
        buckets(90, 110, "Deny"),
        buckets(170, 290, actions=2),
        buckets(10, 70, actions=4),
    ],
    "a denial of the whole": [
        buckets(40, 80, actions=4),
        buckets(20, 100, "Deny"),
        buckets(80, 120),
    ],
    "all is denied but a little": [buckets(0, 100, "Deny"), buckets(0, 110)],
    "one is enough, without room for the old denials": [buckets(60, 115)],
}


def write(files: Files, state: str) -> None:
    files.team(
        policies={"read": policy(*{**STATES, **DENIALS}[state])},
        permanent=[permanent("read", users=["ann@example.com"], roles=["runner"])],
    )


def given(fleet: Fleet, holder: str) -> frozenset[tuple[str, str]]:
    """The actions on resources that a user or role may do, as the policies write them."""
    allowed: set[tuple[str, str]] = set()
    denied: set[tuple[str, str]] = set()
    for each in entity(fleet, holder).managed_policies.values():
        (version,) = (v for v in each.versions if v.version_id == each.default_version_id)
        allows, denies = written(version.document)
        allowed |= allows
        denied |= denies
    return frozenset(allowed - denied)


@lru_cache(maxsize=64)
def written(document: str) -> tuple[frozenset[tuple[str, str]], ...]:
    """The actions on resources that a document allows, and those that it denies."""
    statements = json.loads(document)["Statement"]
    pairs = {
        effect: frozenset(
            (action, resource)
            for each in statements
            if each["Effect"] == effect
            for action in listed(each["Action"])
            for resource in listed(each["Resource"])
        )
        for effect in ("Allow", "Deny")
    }
    return pairs["Allow"], pairs["Deny"]


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else value


@contextmanager
def watched(fleet: Fleet, holders: Iterable[str], after: Mapping[str, Any]) -> Iterator[None]:
    """That at no call anybody has less than both before and after, or more than the two."""
    before = {holder: given(fleet, holder) for holder in holders}
    wrong: list[tuple[str, int, int, Any]] = []

    def check(call: FaultContext) -> None:
        for holder, had in before.items() if is_write(call) else ():
            now, has = given(fleet, holder), after[holder]
            if not had & has <= now <= had | has:
                wrong.append((holder, len((had & has) - now), len(now - had - has), call))

    fleet.sandbox.faults.append(check)
    yield
    fleet.sandbox.faults.remove(check)
    assert wrong == []


def meant(state: str) -> frozenset[tuple[str, str]]:
    """What the state gives, as it is written."""
    statements = {**STATES, **DENIALS}[state]
    pairs = {
        effect: {
            (action, resource)
            for each in statements
            for action in each["actions"]
            for resource in each["resources"]
            if each["effect"] == effect
        }
        for effect in ("Allow", "Deny")
    }
    return frozenset(pairs["Allow"] - pairs["Deny"])


def parts(fleet: Fleet) -> set[str]:
    """The names of the policies that the pipeline has made."""
    arns = fleet.sandbox.backend(PROD).managed_policies
    return {arn.removeprefix(PATH) for arn in arns if arn.startswith(PATH)}


def attached(fleet: Fleet, holder: str) -> set[str]:
    """The names of the managed policies of a user or role."""
    return {policy.name for policy in entity(fleet, holder).managed_policies.values()}


def entity(fleet: Fleet, name: str) -> Any:
    iam = fleet.sandbox.backend(PROD)
    entities: list[Any] = [*iam.users.values(), *iam.roles.values()]
    (found,) = (each for each in entities if each.name == name)
    return found


def change_to(fleet: Fleet, state: str) -> None:
    """Apply a state, and see that its holders have neither less nor more in between and then."""
    write(fleet.files, state)
    after = dict.fromkeys(("ann", "runner"), meant(state))
    with watched(fleet, after, after):
        run = fleet.apply("--all", "--output", "json")
    assert run.status == 0, run.out
    assert {holder: given(fleet, holder) for holder in after} == after


def test_nobody_has_less_or_more_while_it_changes(tmp_path: Path) -> None:
    counts = {}
    with opened(Files(tmp_path / "aws")) as fleet:
        for state in STATES:
            change_to(fleet, state)
            assert attached(fleet, "ann") == attached(fleet, "runner") == parts(fleet)
            assert fleet.apply("--all").writes == ()
            counts[state] = len(parts(fleet))
        assert list(counts.values()) == [1, 2, 2, 2, 3, 2, 3, 1]
        fleet.files.team()
        assert fleet.apply("--all", "--allow-removals").status == 0
        assert parts(fleet) == set()


@pytest.mark.exhaustive
def test_nobody_has_less_or_more_while_denials_and_parts_change(tmp_path: Path) -> None:
    with opened(Files(tmp_path / "aws")) as fleet:
        for state in DENIALS:
            change_to(fleet, state)
            assert fleet.apply("--all").writes == ()
        assert parts(fleet) == {"payments-read"}


def test_a_change_of_one_statement_is_one_call(tmp_path: Path) -> None:
    with opened(Files(tmp_path / "aws")) as fleet:
        write(fleet.files, "three parts")
        # What one part allows another one denies, and that is what the grant says.
        made = fleet.apply("--all", "--verify")
        assert made.status == 0, made.out
        operations = [each.operation for each in made.writes]
        assert operations == [
            *["CreatePolicy"] * 3,
            *["AttachUserPolicy"] * 3,
            *["AttachRolePolicy"] * 3,
        ]
        wide, denial = STATES["three parts"]
        changed = {**wide, "resources": wide["resources"][1:]}
        fleet.files.team(
            policies={"read": policy(denial, changed)},
            permanent=[permanent("read", users=["ann@example.com"], roles=["runner"])],
        )
        run = fleet.apply("--all")
        assert [each.operation for each in run.writes] == ["CreatePolicyVersion"]
        read = [each.operation for each in run.calls if not is_write(each)]
        assert sorted(read) == [
            *("AssumeRole", "GetAccountAuthorizationDetails", "GetAccountSummary")
        ]


def test_explain_tells_nothing_where_only_the_split_changes(tmp_path: Path) -> None:
    with opened(Files(tmp_path / "aws")) as fleet:
        write(fleet.files, "two parts")
        assert fleet.apply("--all").status == 0
        # Another hand moves a statement from one part to the other, and makes the rest fit less.
        iam = fleet.admin()
        documents = {
            name: iam.get_policy_version(PolicyArn=PATH + name, VersionId="v1")["PolicyVersion"]
            for name in ("payments-read", "payments-read+2")
        }
        one, two = (each["Document"]["Statement"][0] for each in documents.values())
        longer, shorter = sorted((one, two), key=lambda each: len(each["Resource"]))[::-1]
        shorter["Resource"].append(longer["Resource"].pop())
        for name, version in documents.items():
            iam.create_policy_version(
                PolicyArn=PATH + name,
                PolicyDocument=json.dumps(version["Document"]),
                SetAsDefault=True,
            )
        assert fleet.apply("--all", "--dry-run").writes == ()
        wide = STATES["two parts"][0]
        half = len(wide["resources"]) // 2
        halves = [wide["resources"][:half], wide["resources"][half:]]
        fleet.files.team(
            policies={"read": policy(*({**wide, "resources": each} for each in halves))},
            permanent=[permanent("read", users=["ann@example.com"], roles=["runner"])],
        )
        run = fleet.apply("--all", "--explain")
        assert (run.status, run.writes) == (0, ())


EXHAUSTIVE = pytest.mark.exhaustive


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("three parts", "small", None),
        ("two parts", "more actions", LostAnswer),
        pytest.param("small", "three parts", None, marks=EXHAUSTIVE),
        pytest.param("small", "three parts", LostAnswer, marks=EXHAUSTIVE),
        pytest.param("three parts", "what the first part has is gone", None, marks=EXHAUSTIVE),
        pytest.param(
            "three parts", "what the first part has is gone", LostAnswer, marks=EXHAUSTIVE
        ),
        pytest.param("three parts", "other statements", None, marks=EXHAUSTIVE),
        pytest.param("three parts", "other statements", LostAnswer, marks=EXHAUSTIVE),
        pytest.param("three parts", "small", LostAnswer, marks=EXHAUSTIVE),
        pytest.param("two parts", "more actions", None, marks=EXHAUSTIVE),
    ],
)
def test_stopped_after_any_write_the_next_run_finishes(
    tmp_path: Path, before: str, after: str, fault: Callable[..., Any] | None
) -> None:
    with opened(Files(tmp_path / "aws")) as fleet:
        write(fleet.files, before)
        assert fleet.apply("--all").status == 0
        write(fleet.files, after)
        wanted = dict.fromkeys(("ann", "runner"), meant(after))
        with watched(fleet, wanted, wanted):
            if fault is not None:
                fleet.sandbox.faults.append(once_for_each(fault))
                assert fleet.apply("--all").status == 0
                del fleet.sandbox.faults[1:]
            for _ in range(25 if fault is None else 0):
                fleet.sandbox.faults.append(ending_after(1))
                run = fleet.apply("--all")
                del fleet.sandbox.faults[1:]
                if run.status == 0:
                    break
            assert fleet.apply("--all").writes == ()
        assert {holder: given(fleet, holder) for holder in wanted} == wanted


def test_a_principal_without_room_keeps_what_it_has(tmp_path: Path) -> None:
    with opened(Files(tmp_path / "aws"), account(users=("ann", "bob"))) as fleet:
        iam = fleet.admin()
        for number in range(9):
            name = f"other-{number}"
            document = json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "sns:ListTopics", "Resource": "*"}],
                }
            )
            made = iam.create_policy(PolicyName=name, PolicyDocument=document)
            iam.attach_user_policy(UserName="ann", PolicyArn=made["Policy"]["Arn"])
        both = [permanent("read", users=["ann@example.com", "bob@example.com"])]
        fleet.files.team(policies={"read": policy(*STATES["small"])}, permanent=both)
        assert fleet.apply("--all").status == 0
        had = given(fleet, "ann")
        fleet.files.team(policies={"read": policy(*STATES["two parts"])}, permanent=both)
        run = fleet.apply("--all", "--output", "json")
        assert (run.status, run.codes) == (1, ["attachment-quota"])
        assert had <= given(fleet, "ann")
        assert given(fleet, "bob") == meant("two parts")


def test_a_role_of_a_file_has_the_parts_and_what_denies_first(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    switch = 'ManageRoles:\n    Type: String\n    Default: "false"'
    template.write_text(
        TEMPLATE.read_text("utf-8").replace(switch, switch.replace("false", "true")), "utf-8"
    )
    with opened(Files(tmp_path / "aws"), template=template) as fleet:
        fleet.files.write(
            "aws-roles/payments.yaml", "aws-roles: {app: {trust: [{service: ec2}], grants: [read]}}"
        )
        for state in ("three parts", "what the first part has is gone", "small again"):
            fleet.files.team(policies={"read": policy(*STATES[state])})
            wanted = {"app": meant(state)}
            if state == "three parts":
                assert fleet.apply("--all").status == 0
            else:
                with watched(fleet, wanted, wanted):
                    run = fleet.apply("--all")
                    assert run.status == 0, run.out
            assert given(fleet, "app") == wanted["app"]
            assert attached(fleet, "app") == parts(fleet)
            assert fleet.apply("--all").writes == ()
