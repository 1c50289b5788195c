"""What the deployer role may do is what the pipeline does, no more and no less."""

import json
from collections.abc import Iterator

from iam_access.cli.simulate import simulate
from iam_access.policy.document import as_list, statements_of
from iam_access.sandbox import FaultContext, LostAnswer
from tests.flow.fleet import DEPLOYER, PROD, Files, Fleet
from tests.flow.test_interruption import prepared


def permitted(fleet: Fleet) -> Iterator[str]:
    """The actions that the template allows, one by one."""
    role = fleet.sandbox.backend(PROD).get_role(DEPLOYER)
    for text in role.policies.values():
        for statement in statements_of(json.loads(text)):
            if statement["Effect"] == "Allow":
                yield from as_list(statement["Action"])


def test_the_template_allows_the_calls_that_are_made_and_no_others(files: Files) -> None:
    with prepared(files) as fleet:

        def lose_the_role(call: FaultContext) -> None:
            # Whether it was made is looked up then.
            if call.operation == "CreateRole":
                fleet.sandbox.faults.clear()
                raise LostAnswer

        fleet.sandbox.faults.append(lose_the_role)
        fleet.admin().delete_role_permissions_boundary(RoleName="payments+long+ann")
        applied = fleet.apply("--all", "--allow-removals")
        asked = fleet.run(
            simulate, "access", "-u", "ann", "-a", "s3:ListBucket", "--backend", "aws"
        )
        assert (applied.status, asked.status) == (0, 0)
        calls = (*applied.calls, *asked.calls)
        made = {f"iam:{call.operation}" for call in calls if call.service == "iam"}
        assert set(permitted(fleet)) == made
