"""From which entries a user or role holds something."""

from iam_access import kinds
from iam_access.config.written import WrittenGrant
from iam_access.model import Location, Resource, ResourceId
from iam_access.plan.holdings import PermanentEntries, held_of_ours
from tests.flow import made_up_kind
from tests.values import ALICE, BOB, NOW


def written(grant: str, line: int, *, who: object = ALICE, team: str = "payments") -> WrittenGrant:
    place = Location("x.yaml", line, 1)
    return WrittenGrant(who, team, grant, (f"arn:{grant}",), False, None, place)  # type: ignore[arg-type]


WRITTEN = (
    written("read", 1),
    written("write", 2),
    written("read", 3, who=BOB),
    written("read", 4, team="data"),
)


def group(*policies: str, grant: str | None = None) -> Resource:
    return Resource(
        id=ResourceId(made_up_kind.NAME, "payments+oncall"),
        name="payments+oncall",
        teams=frozenset({"payments"}),
        attributes={"members": (ALICE,), "policies": policies},
        grant=grant,
    )


def test_what_attaches_no_policy_is_asked_for_by_what_its_team_grants() -> None:
    kind = made_up_kind.MadeUpGroups()
    with kinds.registered(kind, kind):
        entries = PermanentEntries.of(WRITTEN)

        def lines(resource: Resource) -> list[int]:
            return [each.location.line for each in entries.asking_for(resource, (ALICE,))]

        assert lines(group("arn:write")) == [2]
        assert lines(group("arn:read")) == [1, 4]
        assert lines(group("arn:gone")) == []
        assert lines(group(grant="write")) == [2]
        assert lines(group()) == [1, 2]
        resource = group()
        (held,) = held_of_ours(ALICE, {resource.id: resource}, WRITTEN, NOW)
        assert (held.grants, len(held.entries)) == (("read", "write"), 2)


def test_a_membership_is_asked_for_by_the_entry_that_describes_its_group() -> None:
    kind = made_up_kind.MadeUpGroups()
    resource = group()
    with kinds.registered(kind, kind):
        holder = kinds.given_access(resource).holder
        own = written("own policies", 5)._replace(arns=(), makes=holder)
        found = PermanentEntries.of((*WRITTEN, own)).asking_for(resource, (ALICE,))
    assert [each.grant for each in found] == ["own policies"]
