"""Tests that expect a failure on many resources, and get it though some of these can be reached.

Like AWS's simulator, a test asks for a pattern of resources as it stands, so that principals pass
who may do the action on a part of them.
"""

from collections.abc import Iterable, Iterator, Mapping

from iam_access.config.access_tests import Expectation
from iam_access.model import Account, Finding, Principal, Severity
from iam_access.policy.decision import Verdict
from iam_access.policy.globs import has_wildcard
from iam_access.simulation import partly
from iam_access.simulation.offline import as_mapping
from iam_access.simulation.questions import Inquiry, Pair
from iam_access.simulation.world import Subject, World
from iam_access.snapshot import PrincipalState


def only_on_some(account: Account, inquiries: Iterable[Inquiry], world: World) -> Iterator[Finding]:
    """One finding for each test that principals pass who may do it on some of its resources.

    Under further conditions is not told here. Raises UnreadPolicyError when the world lacks a
    document that counts.
    """
    able: dict[str, Mapping[Principal, Subject]] = {}
    for inquiry in inquiries:
        if inquiry.expected is not Expectation.FAIL:
            continue
        found: dict[str, str] = {}
        for pair in inquiry.pairs:
            if has_wildcard(pair[1]):
                action = pair[0].lower()
                if action not in able:
                    able[action] = _covering(world, action)
                found = {**dict(_reaching(inquiry, pair, able[action], world)), **found}
        if found:
            yield _finding(account, inquiry, found)


def _covering(world: World, action: str) -> Mapping[Principal, Subject]:
    """Those of whom some policy allows the action, given in lower case, on anything at all."""
    subjects = map(world.subject, world.principals)
    return {each.principal: each for each in subjects if partly.covers_action(each, action)}


def _reaching(
    inquiry: Inquiry, pair: Pair, able: Mapping[Principal, Subject], world: World
) -> Iterator[tuple[str, str]]:
    """The ARNs of those who pass and may do it on a part, each with what they may."""
    for state in inquiry.states:
        subject = able.get(state.principal)
        resource = "" if subject is None else _reached(subject, state, inquiry, pair, world)
        if resource:
            yield state.arn, f"{pair[0]} on {resource}"


def _reached(
    subject: Subject, state: PrincipalState, inquiry: Inquiry, pair: Pair, world: World
) -> str:
    """A part of the resources on which a subject surely may; "" if there is none."""
    given = as_mapping(inquiry.setting.context(state))
    asker = subject.matrix.asker(subject.caller, subject.layers, given)
    if asker.decide(*pair).kind is not Verdict.IMPLICIT_DENY:
        return ""
    ways = partly.ways(subject, asker.request((*pair, None)), world, inquiry.setting.given)
    return next((way.resource for way in ways if not way.conditions), "")


def _finding(account: Account, inquiry: Inquiry, found: Mapping[str, str]) -> Finding:
    arn, example = next(iter(found.items()))
    return Finding(
        "some-resources",
        Severity.WARNING,
        f"{len(found):,} of {len(inquiry.states):,} principals pass only because all the resources "
        f"are asked for at once; {arn} may do {example}",
        "name in 'resources' what must not be reached: a pattern counts as denied to those who may "
        "not reach all that it matches",
        inquiry.test.location,
        inquiry.test.team,
        account.id,
    )
