"""Which groups of a hub, and members of these, find room there.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from iam_access.kinds.base import TeamInAccount
from iam_access.model import Principal, PrincipalType
from iam_access.problem import Problem


class SwitchRoom:
    """The room in a hub.

    All that files of any team ask for there counts, in an order of its own, so that all plans come
    to the same result. What is there already needs no room.
    """

    def __init__(self, hub: TeamInAccount) -> None:
        self._account, self._quotas = hub.account, hub.snapshot.quotas
        known = hub.snapshot.principals
        self._groups = {each.name for each in known if each.type is PrincipalType.GROUP}
        self._of_user: dict[Principal, set[str]] = {}
        # Those of the hub's own plan come first.
        for entry in sorted(hub.entries_in(hub.account.id), key=lambda each: bool(each.joins)):
            taken = entry.takes
            if taken is None or taken.type is not PrincipalType.GROUP:
                continue
            if len(self._groups) < self._quotas.groups:
                self._groups.add(taken.name)
            for user in map(hub.user, entry.users):
                state = known.get(user)
                theirs = self._of_user.setdefault(user, set(state.groups if state else ()))
                if len(theirs) < self._quotas.groups_per_user:
                    theirs.add(taken.name)

    def none_for_group(self, group: str) -> Problem | None:
        """That there is no room for a group, if that is so."""
        if group in self._groups:
            return None
        return Problem(
            "group-quota",
            f"no room for group {group}: account {self._account.id} allows "
            f"{self._quotas.groups:,} groups, and has as many, with those that files of all teams "
            "ask for",
            "delete groups that are not needed, or have the quota raised",
        )

    def none_for_member(self, group: str, user: Principal) -> Problem | None:
        """That a user may not be in a group beside all others, if that is so."""
        if group in self._of_user.get(user, ()):
            return None
        return Problem(
            "membership-quota",
            f"no room for {user.label} in group {group}: account {self._account.id} allows "
            f"{self._quotas.groups_per_user:,} groups of each user, and the user is in as many, "
            "with those that files of all teams ask for",
            "take the user out of groups that are not needed; AWS raises this quota for no account",
        )
