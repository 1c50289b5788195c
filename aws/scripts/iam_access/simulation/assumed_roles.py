"""What the users and roles that a question names can do as roles that they may assume."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from iam_access.meaning.grant_roles import GrantRoles
from iam_access.model import Principal, PrincipalType
from iam_access.policy.arn import account_of, assumed_role, iam_arn, part_of
from iam_access.policy.evaluation.outsiders import let_in
from iam_access.policy.evaluation.request import PrincipalContext
from iam_access.policy.evaluation.service_exceptions import ASSUME_ROLE
from iam_access.simulation import near_misses
from iam_access.simulation.access import AccessAnswer, AskedAccount, Assumption
from iam_access.simulation.account_policies import Subject
from iam_access.simulation.named_principals import find_principals
from iam_access.snapshot import PrincipalState


class _Door(NamedTuple):
    """A role that a trust policy may open, in the account of a place; for `session`s of a role.

    Without `session`, to the principal itself.
    """

    place: AskedAccount
    role: PrincipalState
    session: str | None = None


class _Step(NamedTuple):
    """Whom a principal has become, and how."""

    place: AskedAccount
    subject: Subject
    how: Assumption


@dataclass(frozen=True)
class AssumedRoles:
    """The roles of several accounts that users and roles there may assume.

    The policies of each account have to know the trust policies of the others.
    """

    places: Sequence[AskedAccount]

    def answers(self, place: AskedAccount) -> Iterator[AccessAnswer]:
        """Yield how the named principals of an account can do what is asked as other roles.

        Each answer has how one becomes the role; roles of roles are followed. Those made for
        temporary grants of the principals are left out: they are answered with them.
        """
        snapshot, named = place.account_policies.snapshot, place.question.principals
        for principal in find_principals(snapshot, named or ()):
            yield from self._as_others(place, principal)

    def _as_others(self, place: AskedAccount, principal: Principal) -> Iterator[AccessAnswer]:
        start = place.account_policies.subject(principal)
        made = GrantRoles.of(place.account_policies.snapshot).roles_for(start.state)
        told = {start.state.arn, *(each.role.arn for each in made)}
        seen: set[str] = set()
        ahead = [_Step(place, start, Assumption(start.state.arn))]
        while ahead:
            # A way without conditions is found before one with some, and a short one before others.
            step = min(ahead, key=lambda each: (len(each.how.conditions), len(each.how.through)))
            ahead.remove(step)
            if step.subject.state.arn in seen:
                continue
            seen.add(step.subject.state.arn)
            if step.subject.state.arn not in told:
                yield from self._answers(step)
            ahead += self._beyond(step, is_first=step.subject is start)

    def _answers(self, step: _Step) -> Iterator[AccessAnswer]:
        for answer in step.place.all_of(step.subject):
            if answer.possible:
                yield replace(answer, assumed=step.how)

    def _beyond(self, step: _Step, *, is_first: bool) -> Iterator[_Step]:
        through = () if is_first else (*step.how.through, step.subject.state.arn)
        for door in self._doors(step.subject.state):
            conditions = _conditions(step, door)
            if conditions is not None:
                found = door.place.account_policies.subject(door.role.principal)
                every = tuple(dict.fromkeys((*step.how.conditions, *conditions)))
                yield _Step(door.place, found, Assumption(step.how.arn, through, every))

    def _doors(self, who: PrincipalState) -> Iterator[_Door]:
        """The roles whose trust policies have a name that may mean the principal."""
        account = account_of(who.arn) or ""
        root = iam_arn(account, "root", partition=part_of(who.arn, 1))
        for name in filter(None, (who.arn, who.id, account, root, "*")):
            yield from self._by_name.get(name, ())
        if who.principal.type is PrincipalType.ROLE:
            yield from self._by_session.get((account, who.principal.name.lower()), ())

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[_Door]]:
        found: defaultdict[str, list[_Door]] = defaultdict(list)
        for name, door in self._named():
            found[name].append(door)
        return found

    @cached_property
    def _by_session(self) -> Mapping[tuple[str, str], Sequence[_Door]]:
        """By the account and the name of the role whose sessions are named."""
        found: defaultdict[tuple[str, str], list[_Door]] = defaultdict(list)
        for name, door in self._named():
            session = assumed_role(name)
            if session is not None:
                key = account_of(name) or "", session.role.lower()
                found[key].append(door._replace(session=session.session))
        return found

    def _named(self) -> Iterator[tuple[str, _Door]]:
        for place in self.places:
            for _, state in sorted(place.account_policies.snapshot.principals.items()):
                for name in dict.fromkeys(let_in(state.trust)) if state.trust else ():
                    yield name, _Door(place, state)


def _conditions(step: _Step, door: _Door) -> Sequence[str] | None:
    """The conditions under which one may assume a role; None if one may not."""
    subject, place = step.subject, step.place
    if door.session is not None:
        state = subject.state
        caller = PrincipalContext.role_session(state.arn, door.session, state.id)
        subject = replace(subject, caller=caller)
    evaluator = place.evaluator(subject)
    if evaluator.decide(ASSUME_ROLE, door.role.arn).allowed:
        return ()
    request = evaluator.request((ASSUME_ROLE, door.role.arn, None))
    ways: Iterable[near_misses.Way] = near_misses.ways(
        subject, request, place.account_policies, place.question.context
    )
    return min((each.conditions for each in ways), key=len, default=None)
