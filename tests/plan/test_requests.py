"""What a change of the files asks for: entries compared with the earlier ones."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iam_access.config.duration_starts import Merging
from iam_access.config.load import load
from iam_access.model import Request, RequestType
from iam_access.plan.requests import requests
from iam_access.render.view.requests import sentence
from tests.config.repository import NOW, PERMANENT, POLICIES, TEMPORARY, VALID, write
from tests.history import History

BREAK_GLASS = """\
temporary-access:
  - user: ann@example.com
    environment: prod
    grant: writer
    expires_at: 2026-03-01T22:00:00Z
    ticket: OPS-1
    description: Refunds fail
"""


def asked(
    folder: Path, changes: Mapping[str, str | None], before: Mapping[str, str | None] | None = None
) -> tuple[Request, ...]:
    """What the valid repository, with these files, asks for beyond itself."""
    sides = []
    for name, files in (("old", before or {}), ("new", changes)):
        content = {path: text for path, text in {**VALID, **files}.items() if text is not None}
        sides.append(load(write(folder / name, content), now=NOW, merging=Merging(preview=True)))
    assert not sides[1].invalid
    return requests(sides[0], sides[1], NOW)


def sentences(found: tuple[Request, ...]) -> list[str]:
    return [sentence(each, NOW) for each in found]


def test_an_entry_asks_for_a_grant_until_a_moment_for_a_reason(tmp_path: Path) -> None:
    both = TEMPORARY + BREAK_GLASS.split("\n", 1)[1]
    found = asked(tmp_path, {"temporary-access/pay.yaml": both})
    assert sentences(found) == [
        "ann asks for writer in prod until 2026-03-01 22:00:00 UTC (10 hours), OPS-1: Refunds fail"
    ]
    assert found[0].newcomers == ()
    assert found[0].location is not None
    assert found[0].location.line == 6


def test_a_duration_from_the_merge_on_is_said_as_that(tmp_path: Path) -> None:
    until_two = BREAK_GLASS.replace("T22:", "T14:")
    lasting = until_two.replace("expires_at: 2026-03-01T14:00:00Z", "for: 2h").replace("ann", "eva")
    both = until_two + lasting.split("\n", 1)[1]
    History(tmp_path / "new").begin(NOW)
    found = asked(tmp_path, {"temporary-access/pay.yaml": both})
    assert sentences(found)[1] == (
        "eva asks for writer in prod for 2 hours from the merge on (merged now, until 2026-03-01 "
        "14:00:00 UTC), OPS-1: Refunds fail"
    )


def test_what_stayed_or_only_moved_asks_for_nothing(tmp_path: Path) -> None:
    moved = "# note\n\n" + PERMANENT.replace("ann@example.com", "user/ann")
    assert asked(tmp_path, {"permanent-access/pay.yaml": moved}) == ()


def test_without_earlier_files_nothing_is_said(tmp_path: Path) -> None:
    assert requests(None, load(write(tmp_path, VALID), now=NOW), NOW) == ()


def test_a_later_end_is_a_renewal_and_an_earlier_one_another_window(tmp_path: Path) -> None:
    later = TEMPORARY.replace("2026-03-04", "2026-03-05")
    (found,) = asked(tmp_path / "a", {"temporary-access/pay.yaml": later})
    assert found.type is RequestType.RENEWAL
    assert found.previous_until == datetime(2026, 3, 5, tzinfo=UTC)
    sooner = TEMPORARY.replace("2026-03-04", "2026-03-02")
    (found,) = asked(tmp_path / "b", {"temporary-access/pay.yaml": sooner})
    assert found.type is RequestType.WINDOW


def test_what_is_over_is_neither_ended_nor_renewed(tmp_path: Path) -> None:
    over = TEMPORARY.replace("2026-03-04", "2026-02-20")
    (found,) = asked(tmp_path, {}, {"temporary-access/pay.yaml": over})
    assert found.type is RequestType.ACCESS
    assert [each.name for each in found.newcomers] == ["bob"]
    assert (
        asked(
            tmp_path / "b", {"temporary-access/pay.yaml": None}, {"temporary-access/pay.yaml": over}
        )
        == ()
    )


def test_a_renamed_policy_is_renamed_and_loses_nobody_anything(tmp_path: Path) -> None:
    renamed = {
        "aws-policies/pay.yaml": POLICIES.replace("reader:", "viewer:"),
        "permanent-access/pay.yaml": PERMANENT.replace("[reader]", "[viewer]"),
    }
    assert sentences(asked(tmp_path, renamed)) == [
        "Policy reader of team pay is renamed viewer; its content stays, and 2 grants of it"
    ]


def test_another_content_of_a_policy_concerns_its_holders(tmp_path: Path) -> None:
    wider = POLICIES.replace("s3:GetObject", "s3:*")
    (found,) = asked(tmp_path, {"aws-policies/pay.yaml": wider})
    assert found.type is RequestType.POLICY
    assert {each.name for each in found.principals} == {"ann", "deployer"}


def other_team(name: str) -> dict[str, str]:
    return {path.replace("pay", name): text for path, text in VALID.items()}


def test_a_renamed_team_is_renamed(tmp_path: Path) -> None:
    gone: dict[str, str | None] = dict.fromkeys(VALID)
    found = asked(tmp_path, {**gone, **other_team("billing")})
    assert [(each.type, each.previous, each.team) for each in found] == [
        (RequestType.TEAM_NAME, "pay", "billing")
    ]


def test_a_team_that_leaves_is_told_once(tmp_path: Path) -> None:
    second = {
        path: text.replace("ann@", "kim@")
        .replace("111122223333", "777788889999")
        .replace("444455556666", "777788880000")
        for path, text in other_team("ship").items()
    }
    gone: dict[str, str | None] = dict.fromkeys(second)
    found = asked(tmp_path, gone, second)
    assert [each.type for each in found] == [RequestType.TEAM_LEAVES, RequestType.ACCOUNT_LEAVES]
    assert found[0].number == 3


def test_a_person_who_moves_is_told_as_one_who_moves(tmp_path: Path) -> None:
    ship = {path: text for path, text in other_team("ship").items() if "access" not in path}
    held = {"permanent-access/ship.yaml": PERMANENT.replace("ann@", "kim@")}
    moved = PERMANENT.replace("[ann@example.com]", "[ann@example.com, kim@example.com]")
    found = asked(
        tmp_path,
        {
            **ship,
            "permanent-access/ship.yaml": PERMANENT.replace("users: [ann@example.com]\n    ", ""),
            "permanent-access/pay.yaml": moved,
        },
        {**ship, **held},
    )
    assert sentences(found) == [
        "kim moves from team ship to team pay; all that they had there goes: 1 grant",
        "kim asks for reader in nonprod permanently",
    ]


def test_a_new_account_says_what_to_do_there_first(tmp_path: Path) -> None:
    more = VALID["aws-accounts/pay.yaml"] + '  stage: "777788889999"\n'
    (text,) = sentences(asked(tmp_path, {"aws-accounts/pay.yaml": more}))
    assert (
        text == "Account new in the files: stage (777788889999); deploy the bootstrap there first"
    )


def test_a_renamed_environment_is_renamed(tmp_path: Path) -> None:
    files = {path: text.replace("nonprod", "dev") for path, text in VALID.items()}
    (text,) = sentences(asked(tmp_path, files))
    assert text.startswith("Environment nonprod of team pay is renamed dev, account ")


def test_identical_entries_are_told_once_with_their_accounts(tmp_path: Path) -> None:
    one = BREAK_GLASS.split("\n", 1)[1]
    people = [one, one.replace("environment: prod", "environment: nonprod")]
    people += [each.replace("ann@", "kim@") for each in people]
    (text,) = sentences(asked(tmp_path, {"temporary-access/pay.yaml": TEMPORARY + "".join(people)}))
    assert text.startswith("ann, kim ask for writer in nonprod, prod until")


def test_new_people_and_guarded_environments_are_marked(tmp_path: Path) -> None:
    settings = "temporary_access: {environments: {prod: {require_mfa: true}}}\n"
    both = TEMPORARY + BREAK_GLASS.split("\n", 1)[1].replace("ann@", "kim@")
    files = {"temporary-access/pay.yaml": both, "settings.yaml": settings}
    (found,) = asked(tmp_path, files, {"settings.yaml": settings})
    assert [each.name for each in found.newcomers] == ["kim"]
    assert found.guarded == ("prod",)


def test_other_settings_are_said(tmp_path: Path) -> None:
    (found,) = asked(tmp_path, {"settings.yaml": "temporary_access: {longest: 5d}\n"}, {})
    assert found.type is RequestType.SETTINGS
    assert found.settings == (("temporary_access.longest", ("6 days",), ("5 days",)),)


def test_what_is_taken_out_of_the_rules_is_said_item_by_item(tmp_path: Path) -> None:
    before = """\
approvals: {required: [{team: security, environments: prod}], people: {ann-gh: ann@example.com}}
forbidden_actions: [{actions: "iam:*"}, {actions: ["kms:*"], environments: [prod]}]
protected_principals: {users: [root, ceo@example.com]}
temporary_access: {require_ticket: "[A-Z]+", environments: {prod: {longest: 2h}}}
user_names: {whole address: [example.org]}
"""
    after = """\
forbidden_actions: [{actions: ["kms:*"], environments: [prod]}]
protected_principals: {users: [ceo@example.com], roles: audit}
"""
    (found,) = asked(tmp_path, {"settings.yaml": after}, {"settings.yaml": before})
    assert {each.key: each[1:] for each in found.settings} == {
        "user_names": (("{whole address: [example.org]}",), ("part before the @",)),
        "temporary_access.require_ticket": (("[A-Z]+",), ("none",)),
        "temporary_access.environments.prod.longest": (("2 hours",), ("none",)),
        "temporary_access.environments.prod.require_mfa": (("false",), ("none",)),
        "protected_principals.users": (("root",), ()),
        "protected_principals.roles": ((), ("audit",)),
        "forbidden_actions": (("{actions: [iam:*]}",), ()),
        "approvals.people.ann-gh": (("ann@example.com",), ()),
        "approvals.required": (("{team: security, environments: [prod]}",), ()),
    }


@pytest.mark.parametrize("rule", ["prod", "pro?", "*"])
def test_rules_that_an_environment_loses_with_its_name_are_said(tmp_path: Path, rule: str) -> None:
    settings = f"forbidden_actions: [{{actions: 'kms:*', environments: '{rule}'}}]\n"
    renamed = {
        name: VALID[name].replace("prod", "live")
        for name in (
            "aws-accounts/pay.yaml",
            "permanent-access/pay.yaml",
            "temporary-access/pay.yaml",
        )
    }
    found = asked(tmp_path, {**renamed, "settings.yaml": settings}, {"settings.yaml": settings})
    (name,) = (each for each in found if each.places[0][0] == "live")
    assert name.type is RequestType.ENVIRONMENT_NAME
    assert name.guarded == (() if rule == "*" else ("prod",))


def test_an_environment_is_guarded_by_the_rules_that_go_with_the_change(tmp_path: Path) -> None:
    settings = "temporary_access: {environments: {prod: {require_mfa: true}}}\n"
    more = TEMPORARY + BREAK_GLASS.split("\n", 1)[1]
    found = asked(tmp_path, {"temporary-access/pay.yaml": more}, {"settings.yaml": settings})
    assert [each.guarded for each in found] == [(), ("prod",)]


def test_a_team_with_errors_is_told_as_such_and_nothing_else_of_it(tmp_path: Path) -> None:
    before = load(write(tmp_path / "old", VALID), now=NOW)
    wrong = {
        **VALID,
        "aws-policies/pay.yaml": POLICIES.replace("reader:", "viewer:"),
        "permanent-access/pay.yaml": PERMANENT.replace("[reader]", "[nothing]"),
    }
    after = load(write(tmp_path / "new", wrong), now=NOW)
    assert after.invalid == {"pay"}
    assert [each.type for each in requests(before, after, NOW)] == [RequestType.INVALID_FILES]


def test_accounts_that_exchange_their_names_are_said(tmp_path: Path) -> None:
    accounts = VALID["aws-accounts/pay.yaml"]
    swapped = accounts.replace("nonprod", "x").replace("prod", "nonprod").replace("x", "prod")
    found = asked(tmp_path, {"aws-accounts/pay.yaml": swapped})
    names = [each for each in sentences(found) if each.startswith("Environment")]
    assert [each.split(", account")[0] for each in names] == [
        "Environment prod of team pay is renamed nonprod",
        "Environment nonprod of team pay is renamed prod",
    ]


def test_accounts_that_are_reached_by_another_role_are_said(tmp_path: Path) -> None:
    accounts = """\
aws-accounts:
  nonprod: {id: "111122223333", deployer_role: ops/other}
  prod: {id: "444455556666", deployer_role: ops/other}
"""
    usual = accounts.replace(", deployer_role: ops/other", "")
    before = {"aws-accounts/pay.yaml": usual}
    (found,) = asked(tmp_path / "one", {"aws-accounts/pay.yaml": accounts}, before)
    (text,) = sentences((found,))
    assert text.startswith("Accounts reached in another way: nonprod (1")
    assert found.settings == (("deployer_role", ("self-serve-deployer",), ("ops/other",)),)
    settings = {"settings.yaml": "deployer_role: ops/all\n"}
    (found,) = asked(tmp_path / "all", {**before, **settings}, before)
    assert found.type is RequestType.SETTINGS


ANN = "arn:aws:iam::444455556666:user/ann"
ROLE = """\
aws-roles:
  deploy/ci:
    environments: [prod]
    description: Deploys
    trust:
      - {service: ec2}
      - {iam: user/ann, conditions: {Bool: {aws:MultiFactorAuthPresent: "true"}}}
    grants: [reader]
    tags: {app: pay}
"""


def test_who_may_switch_into_a_role_is_told_apart_from_users_of_its_account(
    tmp_path: Path,
) -> None:
    """User ann of nonprod, who may become the role, is another one than ann of prod."""
    role = """\
aws-roles:
  helper:
    environments: [prod]
    grants: [reader]
    custom_statements: [{effect: Allow, actions: [s3:ListBucket], resources: ["*"]}]
    switch_from: {environment: nonprod, members: {prod: [ann@example.com]}}
"""
    entry = "{users: [ann@example.com], environments: [prod], grants: [reader]}"
    before: dict[str, str | None] = {"permanent-access/pay.yaml": f"permanent-access: [{entry}]"}
    new = asked(tmp_path / "a", {**before, "aws-roles/pay.yaml": role}, before)
    assert sentences(new) == [
        "role helper in prod may be assumed by account 111122223333, under conditions",
        "role helper asks for own policies of role helper, reader in prod permanently",
        (
            "ann asks for own policies of role helper, reader in prod permanently, "
            "by switching into role helper"
        ),
    ]
    other = role.replace("ListBucket", "GetObject")
    both = ({**before, "aws-roles/pay.yaml": each} for each in (other, role))
    (changed,) = asked(tmp_path / "b", *both)
    assert sentence(changed, NOW) == (
        "Changed for role helper, ann in prod: own policies of role helper of team pay"
    )


def test_whom_a_bucket_or_key_lets_in_from_outside_asks_for_its_use(tmp_path: Path) -> None:
    bucket = """\
aws-buckets:
  pay-{environment}-reports:
    environments: [prod]
    region: eu-west-1
    statements:
      - {effect: Allow, principals: {iam: role/deployer}, actions: ["s3:GetObject"]}
"""
    key = """\
aws-keys:
  data:
    environments: [prod]
    region: eu-west-1
    admins: [{iam: role/admin, account: nonprod}]
"""
    before: dict[str, str | None] = {"aws-buckets/pay.yaml": bucket}
    opened = bucket.replace(
        "{iam: role/deployer}", "[{iam: role/deployer}, {iam: root, account: nonprod}]"
    )
    after: dict[str, str | None] = {"aws-buckets/pay.yaml": opened, "aws-keys/pay.yaml": key}
    found = asked(tmp_path, after, before)
    assert sorted(sentences(found)) == [
        "account 111122223333 asks for use of bucket pay-{environment}-reports in prod permanently",
        "arn:aws:iam::111122223333:role/admin asks for use of key data in prod permanently",
    ]
    assert all(each.newcomers == each.principals for each in found)


def test_who_may_assume_a_role_is_told_where_it_is_new_or_others_may(tmp_path: Path) -> None:
    new = asked(tmp_path / "a", {"aws-roles/pay.yaml": ROLE})
    assert sentences(new) == [
        f"role ci in prod may be assumed by ec2.amazonaws.com, {ANN}, under conditions: Deploys",
        "role ci asks for reader in prod permanently: Deploys",
    ]
    before = {"aws-roles/pay.yaml": ROLE}
    other = ROLE.replace("user/ann", "user/bob")
    (found,) = asked(tmp_path / "b", {"aws-roles/pay.yaml": other}, before)
    assert (found.type, found.trusted[1][-8:]) == (RequestType.TRUST, "user/bob")
    assert found.location is not None
    assert found.location.line == 6
    same = ROLE.replace("pay}", "other}")
    assert asked(tmp_path / "c", {"aws-roles/pay.yaml": same}, before) == ()
    more = ROLE.replace("[prod]", "[prod, nonprod]")
    trust, *_ = asked(tmp_path / "d", {"aws-roles/pay.yaml": more}, before)
    assert trust.places == (("nonprod", "111122223333"),)
