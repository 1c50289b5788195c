"""Answers to "who can do what": grouped, with the reasons, in the words that all outputs share."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from iam_access import phrases
from iam_access.model import Location, PrincipalType
from iam_access.policy.evaluation.compile import SourceType
from iam_access.policy.evaluation.evaluate import LayerDecision, PolicyType, Verdict
from iam_access.simulation.access import AccessAnswer, Assumption, NearMiss
from iam_access.simulation.access_report import AccessReport
from iam_access.simulation.near_misses import Way
from iam_access.simulation.origin import Origin
from iam_access.simulation.results import BackendDecision as Judged

# How many actions of one kind are named; the others are counted.
_FOLD_ABOVE = 5
# How many roles the result names.
_ROLES = 3
_WORDS = {
    Verdict.ALLOWED: "allowed",
    Verdict.EXPLICIT_DENY: "denied",
    Verdict.IMPLICIT_DENY: "not allowed",
}
# What stands before the ARN of a policy, or of what has it.
_POLICIES = {
    SourceType.BOUNDARY: "permissions boundary ",
    SourceType.RESOURCE: "the resource-based policy of ",
    SourceType.TRUST: "the trust policy of ",
}


def result(report: AccessReport) -> str:
    """The line that says how many can."""
    failed = [account for account in report.accounts if account.failure]
    begun = sum(1 for account in failed if account.answers)
    where = "as the files would leave the accounts" if report.on_plan else "as the accounts are"
    where += ", judged by AWS" if report.by_aws else ""
    at = f"at {phrases.instant(report.question.at)}"
    words = _who_can(report)
    missing = [f"{each} cannot be read" for each in report.unread]
    for number, how in ((len(failed) - begun, "not reached"), (begun, "not asked to the end")):
        missing += [f"{phrases.count(number, 'account')} {how}"] if number else []
    if missing:
        unfinished = f"Not finished: {', '.join(missing)}"
        if len(failed) - begun == len(report.accounts):
            return unfinished
        words = f"{unfinished}; elsewhere {words[0].lower()}{words[1:]}"
    unknown = "" if failed else ", ".join(each.label for each in report.unknown)
    if unknown and not report.answers:
        return f"No account has {unknown}, {where}"
    if not report.accounts:
        return "No account was asked: the files name none that is meant"
    return f"{words}, {where}, {at}{f'; no account has {unknown}' if unknown else ''}"


def _who_can(report: AccessReport) -> str:
    """How many can, and how many can in part; if none, that those asked about cannot.

    It names the roles as which they can, unless they can themselves.
    """
    own = [answer for answer in report.answers if answer.is_as_asked]
    able = {(answer.account.id, answer.principal) for answer in own if answer.allowed}
    partly = {(one.account.id, one.principal) for one in own if one.near_misses} - able
    in_part = "on some resources or under conditions"
    if any(way.action for answer in own for way in answer.near_misses):
        in_part = f"as to some of the actions, {in_part}"
    if able:
        return f"{len(able):,} can" + (f", {len(partly):,} more {in_part}" if partly else "")
    roles = dict.fromkeys(one.arn for one in report.answers if not one.is_as_asked)
    as_roles = f", but can as {phrases.some(list(roles), _ROLES)}" if roles else ""
    if partly:
        return f"{len(partly):,} can {in_part}{as_roles}"
    return f"{_none_can(report)}{as_roles}"


def _none_can(report: AccessReport) -> str:
    question = report.question
    everything = " on * (-R asks about one resource)" if question.resources == ("*",) else ""
    match question.principals:
        case None:
            return f"No user or role can do this{everything}"
        case (only,):
            return f"{only.label[0].upper()}{only.label[1:]} cannot{everything}"
    return f"None of those asked about can{everything}"


@dataclass(frozen=True, slots=True)
class AnswerGroup:
    """Answers that differ by their actions alone."""

    first: AccessAnswer
    actions: tuple[str, ...]

    def named(self, *, verbose: bool) -> str:
        """The actions, or some of many."""
        return ", ".join(self.actions) if verbose else phrases.some(self.actions, _FOLD_ABOVE)


def groups(answers: Iterable[AccessAnswer]) -> Sequence[AnswerGroup]:
    """The answers in their order; those that differ in the action only are one."""
    found: dict[object, list[AccessAnswer]] = {}
    for answer in answers:
        becoming = answer.made_for, answer.assumed
        key = (answer.account.id, answer.arn, answer.resource, becoming, answer.near_misses)
        why = (
            answer.decision.kind,
            answer.origins,
            answer.ineffective_allows,
            answer.near_allows,
            answer.aws,
        )
        found.setdefault((key, why, answer.decision.missing_context), []).append(answer)
    return [
        AnswerGroup(each[0], tuple(answer.action for answer in each)) for each in found.values()
    ]


class Reason(NamedTuple):
    """Why something is decided as it is, and the statement that this is about."""

    text: str
    origin: Origin | None = None


def reasons_of(answer: AccessAnswer) -> Iterator[Reason]:
    """The most important first."""
    yield from map(Reason, _around(answer))
    if answer.disputed:
        return
    for origin in answer.origins:
        yield Reason(f"by {_statement(origin)}", origin)
    if answer.allowed:
        if not answer.origins:
            yield from (Reason(layer.note) for layer in answer.decision.layers if layer.note)
        return
    for layer in answer.decision.blocked_by:
        if not (layer.denies or answer.near_misses):
            yield Reason(_wanted(layer, answer))
    for origin in answer.ineffective_allows:
        yield Reason(f"although allowed by {_statement(origin)}", origin)
    for each in answer.near_allows:
        yield Reason(f"{_statement(each.origin)} would, but {_lacking(each)}", each.origin)


def _around(answer: AccessAnswer) -> Iterator[str]:
    """What is in no statement: whose role it is, how it is allowed in part, what AWS decides."""
    if answer.made_for is not None:
        yield f"a role made for {answer.made_for.label}, who may assume it"
    if answer.assumed is not None:
        yield _assumed(answer.assumed)
    yield from map(_way, answer.near_misses)
    if answer.aws is not None:
        yield from _by_aws(answer, answer.aws)


def _assumed(how: Assumption) -> str:
    through = f" by way of {phrases.listed(how.through)}" if how.through else ""
    if_ = f" if {' and '.join(how.conditions)}" if how.conditions else ""
    return f"a role that {how.arn} may assume{through}{if_}"


def _by_aws(answer: AccessAnswer, aws: Judged) -> Iterator[str]:
    """What AWS's simulator decides and the evaluator here does not."""
    if answer.disputed:
        yield from (f"AWS: by {each}" for each in aws.evidence)
        yield f"the evaluator here decides otherwise: {_WORDS[answer.decision.kind]}"
    if aws.organization is False:
        yield "service control policies of the organization do not allow it"
    if aws.boundary is False and answer.disputed:
        yield "the permissions boundary does not allow it"


def decision_of(answer: AccessAnswer) -> str:
    """The decision; for a principal that can in part, what it depends on."""
    if not answer.near_misses:
        return _WORDS[answer.kind]
    if any(way.action for way in answer.near_misses):
        return "allowed as to some actions"
    if any(not way.conditions for way in answer.near_misses):
        return "allowed on some resources"
    is_all = any(way.resource == answer.resource for way in answer.near_misses)
    return "allowed under conditions" if is_all else "allowed on some resources under conditions"


def _way(way: Way) -> str:
    about = f"{way.action} on" if way.action else "on"
    return f"{about} {way.resource}" + (
        f" if {' and '.join(way.conditions)}" if way.conditions else ""
    )


def _lacking(near_miss: NearMiss) -> str:
    """What keeps a statement from allowing it."""
    parts = []
    if near_miss.resources:
        parts.append(f"only on {phrases.some(near_miss.resources, _FOLD_ABOVE)}")
    parts += [f"{each} does not hold" for each in near_miss.conditions]
    return " and ".join(parts)


def _wanted(layer: LayerDecision, answer: AccessAnswer) -> str:
    """The policies that would have to allow it and do not."""
    note = f" ({layer.note})" if layer.note else ""
    match layer.layer:
        case PolicyType.IDENTITY:
            apart = any(each.layer is PolicyType.RESOURCE for each in answer.decision.blocked_by)
            is_said = answer.by_resource and not apart
            nor = ", nor does the policy of the resource" if is_said else ""
            if answer.principal.type is PrincipalType.OUTSIDER:
                return f"no policy of {answer.whom} allows it{nor}{note}"
            is_user = answer.principal.type is PrincipalType.USER
            whose = "the user or its groups" if is_user else "the role"
            return f"no policy of {whose} allows it{nor}{note}"
        case PolicyType.BOUNDARY:
            return f"the permissions boundary {answer.boundary} does not allow it{note}"
        case PolicyType.RESOURCE:
            return f"the policy of the resource does not allow it{note}"
    return f"blocked by {layer}"


def _statement(origin: Origin) -> str:
    """A statement and its policy; of an inline policy, also the principal that has it."""
    ref = origin.ref
    sid = f" ({ref.sid})" if ref.sid else ""
    source = ref.source
    policy = source.id
    if source.holder:
        what = "inline policy " if source.type is SourceType.IDENTITY else ""
        policy = f"{what}{source.name} of {source.holder}"
    kind = _POLICIES.get(source.type, "") if not source.holder else ""
    return f"statement {ref.index + 1}{sid} of {kind}{policy}"


def places(origin: Origin | None) -> Iterator[tuple[str, Location]]:
    """Where the files write a statement and where they grant it, each with a word for that."""
    if origin is not None:
        for how, place in (("written at", origin.statement), ("granted at", origin.entry)):
            if place is not None:
                yield how, place


def because(reason: Reason) -> str:
    """A reason and its places in one line."""
    where = ", ".join(f"{how} {place}" for how, place in places(reason.origin))
    return f"{reason.text} ({where})" if where else reason.text
