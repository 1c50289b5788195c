"""Where the settings require MFA, no form of temporary access works without it, or past its end."""

import pytest

from tests.flow.fleet import PROD, Clock, Files, account, opened, temporary
from tests.invariants.cases import ENDS, NOW, POWER_USER, SECOND, TWENTY, Policy
from tests.invariants.reach import MFA, Context, Entity, Probe, Reach, reach_of_account

FORMS = ("inline", "policy", "role")
GRANTS = {"inline": POWER_USER, "policy": TWENTY, "role": POWER_USER}
WITHOUT: tuple[Context, ...] = ({}, {"aws:MultiFactorAuthPresent": "false"})
SETTINGS = """
temporary_access:
  environments:
    prod: {require_mfa: true}
"""


@pytest.fixture(scope="module")
def reach(tmp_path_factory: pytest.TempPathFactory) -> Reach:
    """An account with a user for every form, after the apply."""
    files = Files(tmp_path_factory.mktemp("mfa") / "aws")
    files.write("settings.yaml", SETTINGS)
    files.team(
        policies={each.key: each.written for each in GRANTS.values()},
        temporary=[
            temporary(
                grant.key,
                user=f"{form}@example.com",
                via=form,
                expires_at=f"{ENDS:%Y-%m-%dT%H:%M:%SZ}",
            )
            for form, grant in GRANTS.items()
        ],
    )
    with opened(files, account(users=FORMS), clock=Clock()) as fleet:
        assert fleet.apply("--all").status == 0
        return reach_of_account(fleet.admin())


def _with(probe: Probe, context: Context) -> Probe:
    resource = probe.resource.replace("{account}", PROD)
    return Probe(probe.action, resource, tuple((key, str(each)) for key, each in context.items()))


def _user(reach: Reach, form: str) -> Entity:
    return reach[f"arn:aws:iam::{PROD}:user/{form}"]


@pytest.mark.parametrize("form", ["inline", "policy"])
def test_the_users_own_policies_ask_for_it(reach: Reach, form: str) -> None:
    user, grant = _user(reach, form), GRANTS[form]
    for probe in grant.allowed:
        for at in (NOW, ENDS - SECOND):
            assert reach.may(user, _with(probe, MFA), at)
            assert not any(reach.may(user, _with(probe, each), at) for each in WITHOUT)
        assert not reach.may(user, _with(probe, MFA), ENDS)
    _nothing_else(reach, user, grant)


def test_a_role_cannot_be_taken_without_it(reach: Reach) -> None:
    user, (role,) = _user(reach, "role"), reach.roles_of_ours
    for at in (NOW, ENDS - SECOND):
        assert reach.may_assume(user, role, at, context=MFA)
        assert not any(reach.may_assume(user, role, at, context=each) for each in WITHOUT)
    assert not reach.may_assume(user, role, ENDS, context=MFA)
    _nothing_else(reach, role, GRANTS["role"])


def _nothing_else(reach: Reach, who: Entity, grant: Policy) -> None:
    assert not any(reach.may(who, _with(probe, MFA), NOW) for probe in grant.not_allowed)
