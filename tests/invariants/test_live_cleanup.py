"""Cleanup has nothing to do with the end: it reclaims what is dead, and only that."""

from datetime import timedelta
from pathlib import Path

from tests.invariants.cases import ENDS, SECOND
from tests.invariants.live import granted, holdings


def test_cleanup_only_reclaims_what_is_dead(tmp_path: Path) -> None:
    with granted(tmp_path) as (fleet, before):
        fleet.clock.now = ENDS - SECOND
        assert fleet.cleanup("--all").writes == ()
        fleet.clock.now = ENDS
        assert fleet.cleanup("--all").status == 0
        # Of a role, sessions may be open for an hour; its Deny stays with it.
        fleet.clock.now = ENDS + timedelta(hours=1)
        assert fleet.cleanup("--all").status == 0
        assert holdings(fleet) == before
