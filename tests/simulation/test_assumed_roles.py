"""What users and roles can do as roles that they may assume, and across accounts."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from iam_access.model import Account, Principal, PrincipalType
from iam_access.policy.document import document
from iam_access.render.view.answers import reasons_of, result
from iam_access.simulation.access import AccessAnswer, AccessQuestion, AskedAccount, Assumption
from iam_access.simulation.access_report import AccessReport, AccountAnswers
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.account_resources import AccountResources, KnownResources
from iam_access.simulation.assumed_roles import AssumedRoles
from iam_access.simulation.named_principals import NamedPrincipal
from iam_access.simulation.origin import Origins
from iam_access.snapshot import PrincipalState, Snapshot
from tests.resources import BUCKET, OBJECT, bucket, having, known, naming
from tests.simulation.accounts import allow, deny
from tests.values import ACCOUNT, ALICE, NOW, configuration, team

HUB = Account("999900001111", "aws", "self-serve-deployer", {"payments": "hub"})
ADMIN, AUDIT = (Principal(PrincipalType.ROLE, each) for each in ("admin", "audit"))
USER = f"arn:aws:iam::{HUB.id}:user/alice"
ROOT = f"arn:aws:iam::{HUB.id}:root"
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
LISTING = allow("s3:ListBucket")
TO_ADMIN = allow("sts:AssumeRole", on=f"arn:aws:iam::{ACCOUNT.id}:role/admin")


@pytest.fixture(autouse=True)
def _known() -> Iterator[None]:
    with known():
        yield


def arn(account: Account, principal: Principal) -> str:
    return f"arn:aws:iam::{account.id}:{principal}"


def state(account: Account, principal: Principal, *own: Any, **more: Any) -> PrincipalState:
    inline = {"own": document(own)} if own else {}
    return PrincipalState(principal, arn(account, principal), inline=inline, **more)


def trust(who: str, action: str = "sts:AssumeRole", **more: Any) -> dict[str, Any]:
    return document([{"Effect": "Allow", "Principal": {"AWS": who}, "Action": action, **more}])


def ask(
    in_hub: Iterable[PrincipalState],
    in_account: Iterable[PrincipalState],
    *whom: Principal,
    action: str = "s3:ListBucket",
    resource: str = "*",
    policies: Any = None,
    **context: Any,
) -> list[AccessAnswer]:
    """The answers in all accounts; ACCOUNT has the resources with `policies`."""
    read: dict[str, Snapshot] = {}
    for account, states in ((HUB, in_hub), (ACCOUNT, in_account)):
        principals = {each.principal: each for each in states}
        read[account.id] = Snapshot(account.id, principals=principals)
    read[ACCOUNT.id] = having(read[ACCOUNT.id], policies or {})
    named = tuple(map(NamedPrincipal, whom)) or None
    assumed = {"aws:MultiFactorAuthPresent": "true"}
    question = AccessQuestion((action,), (resource,), context, NOW, named, assumed)
    resources = {id_: AccountResources(each) for id_, each in read.items()}
    asked = [
        AskedAccount(
            question,
            account,
            AccountPolicies(
                read[account.id],
                KnownResources(
                    resources[account.id],
                    tuple(each for id_, each in resources.items() if id_ != account.id),
                ),
            ),
            Origins(configuration(team()), account, read[account.id]),
        )
        for account in (HUB, ACCOUNT)
    ]
    roles = AssumedRoles(asked)
    return [*(one for each in asked for one in (*each.answers(), *roles.answers(each)))]


def becoming(
    *own: Any, trusted: Any, listing: Any = (LISTING,), **context: Any
) -> list[Assumption]:
    """How alice of the hub, who has these statements, becomes the role admin of ACCOUNT."""
    admin = state(ACCOUNT, ADMIN, *listing, trust=trusted)
    found = ask([state(HUB, ALICE, *own)], [admin], ALICE, **context)
    itself, *roles = found
    assert not itself.possible
    assert {each.arn for each in roles} <= {arn(ACCOUNT, ADMIN)}
    return [each.assumed for each in roles if each.assumed is not None]


@pytest.mark.parametrize(
    ("own", "trusted", "context", "how"),
    [
        ([TO_ADMIN], trust(ROOT, Condition=MFA), {}, [()]),
        ([TO_ADMIN], trust(ROOT, Condition=MFA), {"aws:MultiFactorAuthPresent": "false"}, []),
        # Between accounts both sides are needed.
        ([], trust(USER), {}, []),
        ([TO_ADMIN], trust(f"arn:aws:iam::{ACCOUNT.id}:root"), {}, []),
        ([TO_ADMIN, deny("sts:*")], trust(USER), {}, []),
        (
            [TO_ADMIN],
            trust(HUB.id, Condition={"StringEquals": {"sts:ExternalId": "x"}}),
            {},
            [("sts:ExternalId StringEquals x",)],
        ),
        ([TO_ADMIN], trust("*", Condition={"StringEquals": {"aws:PrincipalArn": USER}}), {}, [()]),
        ([TO_ADMIN], trust("*", Condition={"ArnLike": {"aws:PrincipalArn": "*:user/b"}}), {}, []),
    ],
)
def test_a_role_of_another_account_is_named_if_both_sides_let_one_become_it(
    own: Any, trusted: Any, context: Any, how: Any
) -> None:
    found = becoming(*own, trusted=trusted, **context)
    assert found == [Assumption(USER, conditions=each) for each in how]
    assert becoming(*own, trusted=trusted, listing=(), **context) == []


def test_roles_of_roles_are_followed_also_by_the_name_of_a_session() -> None:
    session = f"arn:aws:sts::{HUB.id}:assumed-role/audit/night"
    first = state(HUB, AUDIT, TO_ADMIN, trust=trust(USER))
    second = state(ACCOUNT, ADMIN, LISTING, trust=trust(session))
    found = ask([state(HUB, ALICE), first], [second], ALICE)
    (_, last) = found
    assert last.assumed == Assumption(USER, (first.arn,))
    report = AccessReport(
        AccessQuestion(("s3:ListBucket",), ("*",), {}, NOW, (NamedPrincipal(ALICE),)),
        (AccountAnswers(HUB, (found[0],)), AccountAnswers(ACCOUNT, (last,))),
        on_plan=False,
    )
    assert report.exit_status == 0
    assert "User alice cannot on *" in result(report)
    assert f"but can as {second.arn}" in result(report)
    told = [reason.text for reason in reasons_of(last)]
    assert f"a role that {USER} may assume by way of {first.arn}" in told


def test_a_bucket_of_another_account_has_to_let_one_in_and_ones_own_account_too() -> None:
    def able(*own: Any, named: str, whom: tuple[Principal, ...] = (ALICE,)) -> list[str]:
        policies = {BUCKET: bucket(naming({"AWS": named}, "s3:GetObject"))}
        users = [state(HUB, ALICE, *own)]
        found = ask(users, [], *whom, action="s3:GetObject", resource=OBJECT, policies=policies)
        return [each.whom for each in found if each.possible]

    assert able(allow("s3:*"), named=USER) == [USER]
    assert able(allow("s3:*"), named=ROOT) == [USER]
    assert able(allow("s3:*"), named=ACCOUNT.id) == []
    assert able(named=USER) == []
    # Who can is answered with the user, and not with the account as far as its policies allow.
    assert able(allow("s3:*"), named=ROOT, whom=()) == [USER]
    assert able(named=ROOT, whom=()) == []
    assert able(named="arn:aws:iam::444455556666:root", whom=()) == ["account 444455556666"]


def test_what_was_not_looked_at_about_roles_is_said() -> None:
    admin = state(ACCOUNT, ADMIN, LISTING, trust=trust(ROOT))
    alice, *_ = ask([state(HUB, ALICE)], [admin], ALICE)
    (role,) = ask([state(HUB, ALICE)], [admin])
    question = AccessQuestion(("s3:ListBucket",), ("*",), {}, NOW, (NamedPrincipal(ALICE),))

    def said(one: AccessAnswer, **report: Any) -> str:
        asked = replace(question, principals=None) if one is role else question
        accounts = (AccountAnswers(HUB, (one,)),)
        return " ".join(AccessReport(asked, accounts, on_plan=False, **report).caveats)

    assert f"roles in prod ({ACCOUNT.id}) that they may assume" in said(alice, left_out=(ACCOUNT,))
    assert "leave out --backend aws" in said(alice, by_aws=True)
    assert "who may assume the roles named here was not looked at" in said(role)
