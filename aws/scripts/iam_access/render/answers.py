"""Answers to "who can do what": as text, Markdown and annotations."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TextIO

from iam_access.model import Finding, Location, PrincipalType, Severity
from iam_access.policy.evaluation.compile import SourceType
from iam_access.policy.evaluation.evaluate import LayerDecision, PolicyType, Verdict
from iam_access.render import Output, answers_json, paint, view, wording
from iam_access.render.escape import markdown, markdown_code
from iam_access.render.github import annotations, log_line
from iam_access.render.layout import BLANK, Layout, Line, Span, Table, line
from iam_access.render.markdown_room import row
from iam_access.render.text import finding_lines
from iam_access.simulation.access import AccessAnswer, AccessReport, Wanting
from iam_access.simulation.near_misses import Way
from iam_access.simulation.origin import Origin
from iam_access.simulation.results import BackendDecision as Judged

# More actions than these of one kind are told only by their number.
_FOLD_ABOVE = 5

_WORDS = {
    Verdict.ALLOWED: "allowed",
    Verdict.EXPLICIT_DENY: "denied",
    Verdict.IMPLICIT_DENY: "not allowed",
}


def answers_text(report: AccessReport, output: Output, stream: TextIO, *, verbose: bool) -> str:
    """The answers in one of the forms."""
    match output:
        case Output.TEXT:
            return paint.painted(_text(report, verbose=verbose), stream)
        case Output.MARKDOWN:
            return _markdown(report, verbose=verbose)
        case Output.JSON:
            return answers_json.render(report)
        case Output.GITHUB:
            return _github(report, verbose=verbose)


def result(report: AccessReport) -> str:
    """The one line that says it all."""
    failed = [account for account in report.accounts if account.failure]
    begun = sum(1 for account in failed if account.answers)
    where = "as the files would leave the accounts" if report.on_plan else "as the accounts are"
    where += ", judged by AWS" if report.by_aws else ""
    at = f"at {wording.instant(report.question.at)}"
    said = _who_can(report)
    missing = [f"{each} cannot be read" for each in report.unread]
    for number, how in ((len(failed) - begun, "not reached"), (begun, "not asked to the end")):
        missing += [f"{wording.count(number, 'account')} {how}"] if number else []
    if missing:
        unfinished = f"Not finished: {', '.join(missing)}"
        if len(failed) - begun == len(report.accounts):
            return unfinished
        said = f"{unfinished}; elsewhere {said[0].lower()}{said[1:]}"
    unknown = "" if failed else ", ".join(each.label for each in report.unknown)
    if unknown and not report.answers:
        return f"No account has {unknown}, {where}"
    if not report.accounts:
        return "No account was asked: the files name none that is meant"
    return f"{said}, {where}, {at}{f'; no account has {unknown}' if unknown else ''}"


def _who_can(report: AccessReport) -> str:
    """How many can and how many can in part; if none, that those asked about cannot."""
    question = report.question
    able = {(answer.account.id, answer.principal) for answer in report.answers if answer.allowed}
    partly = {(one.account.id, one.principal) for one in report.answers if one.near_misses} - able
    in_part = "on some resources or under conditions"
    if any(way.action for answer in report.answers for way in answer.near_misses):
        in_part = f"as to some of the actions, {in_part}"
    if able:
        return f"{len(able):,} can" + (f", {len(partly):,} more {in_part}" if partly else "")
    if partly:
        return f"{len(partly):,} can {in_part}"
    everything = " on * (-R asks about one resource)" if question.resources == ("*",) else ""
    match question.principals:
        case None:
            return f"Nobody can{everything}"
        case (only,):
            return f"{only.label[0].upper()}{only.label[1:]} cannot{everything}"
    return f"None of those asked about can{everything}"


@dataclass(frozen=True, slots=True)
class _Group:
    """Answers that differ by their actions alone."""

    first: AccessAnswer
    actions: tuple[str, ...]

    def named(self, *, verbose: bool) -> str:
        """The actions, or some of many."""
        return ", ".join(self.actions) if verbose else wording.some(self.actions, _FOLD_ABOVE)


def _groups(answers: Iterable[AccessAnswer]) -> Sequence[_Group]:
    found: dict[object, list[AccessAnswer]] = {}
    for answer in answers:
        key = (answer.account.id, answer.arn, answer.resource, answer.made_for, answer.near_misses)
        why = (answer.decision.kind, answer.origins, answer.although, answer.wanting, answer.aws)
        found.setdefault((key, why, answer.decision.missing_context), []).append(answer)
    return [_Group(each[0], tuple(answer.action for answer in each)) for each in found.values()]


def _text(report: AccessReport, *, verbose: bool) -> Layout:
    lines: list[Line | Table] = []
    for account in report.accounts:
        if account.answers or account.failure or account.absent:
            lines += [BLANK] if lines else []
            lines.append(line(0, Span(account.account.title, "title")))
        lines += (line(2, f"there is no {each.label}") for each in account.absent)
        if account.failure:
            lines.append(line(2, Span("not reached: ", "error"), account.failure.message))
            if account.failure.hint:
                lines.append(line(4, "hint: ", account.failure.hint))
        for group in _groups(account.answers):
            lines += _answer_lines(group, verbose=verbose)
    lines += [BLANK] if lines else []
    found = list(finding_lines(view.in_order(report.findings), (), verbose=verbose))
    lines += [*found, BLANK] if found else []
    lines += (line(0, Span("note: ", "faint"), each) for each in report.caveats)
    lines.append(line(0, Span(result(report), "good" if report.exit_status == 0 else "warning")))
    return lines


def _answer_lines(group: _Group, *, verbose: bool) -> Iterator[Line]:
    answer = group.first
    style = "good" if answer.possible else "warning"
    word = _word(answer)
    actions = group.named(verbose=verbose)
    yield line(2, Span(f"{word}: ", style), f"{answer.arn}  {actions}  {answer.resource}")
    for reason in _reasons(answer):
        yield line(4, reason.text)
        for said, place in _places(reason.origin):
            yield line(6, Span(f"{said} ", "faint"), str(place))
    if verbose:
        for layer in answer.decision.layers:
            yield line(6, Span(str(layer), "faint"))
    if answer.decision.missing_context and (verbose or not answer.allowed):
        missing = ", ".join(answer.decision.missing_context)
        yield line(4, Span("not in the request: ", "faint"), missing)


class _Reason(NamedTuple):
    """Why something is decided as it is, and the statement that this is about."""

    text: str
    origin: Origin | None = None


def _reasons(answer: AccessAnswer) -> Iterator[_Reason]:
    """The most important first."""
    yield from map(_Reason, _around(answer))
    if answer.disputed:
        return
    for origin in answer.origins:
        yield _Reason(f"by {_statement(origin)}", origin)
    if answer.allowed:
        if not answer.origins:
            yield from (_Reason(layer.note) for layer in answer.decision.layers if layer.note)
        return
    for layer in answer.decision.blocked_by:
        if not (layer.denies or answer.near_misses):
            yield _Reason(_wanted(layer, answer))
    for origin in answer.although:
        yield _Reason(f"although allowed by {_statement(origin)}", origin)
    for each in answer.wanting:
        yield _Reason(f"{_statement(each.origin)} would, but {_lacking(each)}", each.origin)


def _around(answer: AccessAnswer) -> Iterator[str]:
    """What no statement tells: whose role it is, how it is allowed in part, what AWS says."""
    if answer.made_for is not None:
        yield f"a role made for {answer.made_for.label}, who may assume it"
    yield from map(_way, answer.near_misses)
    if answer.aws is not None:
        yield from _by_aws(answer, answer.aws)


def _by_aws(answer: AccessAnswer, aws: Judged) -> Iterator[str]:
    """What AWS's simulator says that the evaluator in here does not."""
    if answer.disputed:
        yield from (f"AWS: by {each}" for each in aws.evidence)
        yield f"the evaluator here says otherwise: {_WORDS[answer.decision.kind]}"
    if aws.organization is False:
        yield "service control policies of the organization do not allow it"
    if aws.boundary is False and answer.disputed:
        yield "the permissions boundary does not allow it"


def _word(answer: AccessAnswer) -> str:
    """The decision; of one who can in part, what else is open."""
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


def _lacking(wanting: Wanting) -> str:
    """What keeps a statement from allowing it."""
    parts = []
    if wanting.resources:
        parts.append(f"only on {wording.some(wanting.resources, _FOLD_ABOVE)}")
    parts += [f"{each} does not hold" for each in wanting.conditions]
    return " and ".join(parts)


def _wanted(layer: LayerDecision, answer: AccessAnswer) -> str:
    """Which policies would have to allow it and do not."""
    note = f" ({layer.note})" if layer.note else ""
    match layer.layer:
        case PolicyType.IDENTITY:
            whose = (
                "the user or its groups"
                if answer.principal.type is PrincipalType.USER
                else "the role"
            )
            return f"no policy of {whose} allows it{note}"
        case PolicyType.BOUNDARY:
            return f"the permissions boundary {answer.boundary} does not allow it{note}"
    return f"blocked by {layer}"


def _statement(origin: Origin) -> str:
    """A statement and its policy: an inline one is told with who has it."""
    ref = origin.ref
    sid = f" ({ref.sid})" if ref.sid else ""
    source = ref.source
    holder = source.id.removesuffix(f" {source.name}")
    policy = source.id if holder == source.id else f"inline policy {source.name} of {holder}"
    kind = "permissions boundary " if source.type is SourceType.BOUNDARY else ""
    return f"statement {ref.index + 1}{sid} of {kind}{policy}"


def _places(origin: Origin | None) -> Iterator[tuple[str, Location]]:
    if origin is not None:
        for said, place in (("written at", origin.statement), ("granted at", origin.entry)):
            if place is not None:
                yield said, place


def _because(reason: _Reason) -> str:
    places = ", ".join(f"{said} {place}" for said, place in _places(reason.origin))
    return f"{reason.text} ({places})" if places else reason.text


def _markdown(report: AccessReport, *, verbose: bool) -> str:
    lines = ["## Who can", "", f"**{markdown(result(report))}**", ""]
    if report.answers:
        lines += [row(("Account", "Who", "Action", "Resource", "Decision", "Why"))]
        lines += [row(["---"] * 6)]
        lines += [_row(group, verbose=verbose) for group in _groups(report.answers)]
        lines.append("")
    lines += [
        f"- {markdown(account.account.title)}: there is no {markdown(each.label)}"
        for account in report.accounts
        for each in account.absent
    ]
    lines += [
        f"- {markdown(account.account.title)}: {markdown(account.failure.message)}"
        for account in report.accounts
        if account.failure
    ]
    lines += [
        f"- {each.severity}: {markdown(each.message)} ({markdown(each.hint)})"
        for each in report.findings
    ]
    lines += [f"- note: {markdown(each)}" for each in report.caveats]
    return "\n".join(lines).rstrip() + "\n"


def _row(group: _Group, *, verbose: bool) -> str:
    answer = group.first
    return row(
        (
            markdown(answer.account.title),
            markdown_code(answer.arn),
            markdown_code(group.named(verbose=verbose)),
            markdown_code(answer.resource),
            _word(answer),
            "<br>".join(markdown_code(_because(each)) for each in _reasons(answer)),
        )
    )


def _github(report: AccessReport, *, verbose: bool) -> str:
    troubles = [
        Finding(
            "not-reached",
            Severity.ERROR,
            account.failure.message,
            account.failure.hint,
            account=account.account.id,
        )
        for account in report.accounts
        if account.failure
    ]
    titles = {account.account.id: account.account.title for account in report.accounts}
    lines = annotations((*troubles, *report.findings), titles)
    for group in _groups(report.answers):
        answer, actions = group.first, group.named(verbose=verbose)
        said = f"{_word(answer)}: {answer.arn} {actions} {answer.resource}"
        why = "; ".join(map(_because, _reasons(answer)))
        lines.append(log_line(f"{said}: {why}"))
    lines += [
        log_line(f"{titles[account.account.id]}: there is no {each.label}")
        for account in report.accounts
        for each in account.absent
    ]
    lines += [log_line(f"note: {each}") for each in report.caveats]
    return "\n".join([*lines, log_line(result(report))]) + "\n"
