"""Answers to "who can do what": as text, Markdown, JSON and annotations."""

from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from iam_access.model import Location
from iam_access.policy.decision import Verdict
from iam_access.render import Output, json, paint, view
from iam_access.render.escape import command_data, markdown, markdown_code, not_a_command, terminal
from iam_access.render.layout import BLANK, Layout, Line, Span, line
from iam_access.render.markdown_room import row
from iam_access.simulation.access import AccessReport, Answer
from iam_access.simulation.origin import Origin

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
            return _markdown(report)
        case Output.JSON:
            return _json(report)
        case Output.GITHUB:
            return _github(report)


def result(report: AccessReport) -> str:
    """The one line that says it all."""
    able = {(answer.account.id, answer.principal) for answer in report.answers if answer.allowed}
    failed = sum(1 for account in report.accounts if account.failure)
    where = "as the files would leave the accounts" if report.on_plan else "as the accounts are"
    at = f"at {report.question.at:%Y-%m-%d %H:%M:%S} UTC"
    said = f"{len(able):,} can" if able else "Nobody can"
    missing = f"; {failed} accounts could not be asked" if failed else ""
    return f"{said}, {where}, {at}{missing}"


def _text(report: AccessReport, *, verbose: bool) -> Layout:
    lines: list[Line] = []
    for account in report.accounts:
        if account.answers or account.failure:
            lines += [BLANK] if lines else []
            lines.append(line(0, Span(view.title(account.account), "title")))
        if account.failure:
            lines.append(line(2, Span("not reached: ", "error"), account.failure.message))
            if account.failure.hint:
                lines.append(line(4, "hint: ", account.failure.hint))
        for answer in account.answers:
            lines += _answer_lines(answer, verbose=verbose)
    if lines:
        lines.append(BLANK)
    lines.append(line(0, Span(result(report), "good" if report.exit_status == 0 else "warning")))
    return lines


def _answer_lines(answer: Answer, *, verbose: bool) -> Iterator[Line]:
    style = "good" if answer.allowed else "warning"
    word = _WORDS[answer.decision.kind]
    yield line(2, Span(f"{word}: ", style), f"{answer.arn}  {answer.action}  {answer.resource}")
    for origin in answer.origins:
        yield line(4, "by ", str(origin.ref), _of(origin))
        for said, place in (("written at ", origin.statement), ("granted at ", origin.entry)):
            if place is not None:
                yield line(6, Span(said, "faint"), str(place))
    if not answer.allowed:
        for layer in answer.decision.blocked_by:
            yield line(4, Span("blocked by ", "faint"), str(layer))
        if not answer.decision.blocked_by and not answer.origins:
            yield line(4, Span("no policy allows it", "faint"))
    if verbose:
        for each in answer.decision.explain():
            yield line(6, Span(f"{each.heading}: ", "faint"), each.text)
    elif answer.decision.missing_context:
        missing = ", ".join(answer.decision.missing_context)
        yield line(4, Span("not in the request: ", "faint"), missing)


def _of(origin: Origin) -> str:
    source = origin.ref.source
    return f" of {source.id}" if source.id != source.name else ""


def _markdown(report: AccessReport) -> str:
    lines = ["## Who can", "", f"**{markdown(result(report))}**", ""]
    if report.answers:
        lines += [row(("Who", "Action", "Resource", "Decision", "Because of"))]
        lines += [row(["---"] * 5)]
        lines += [
            row(
                (
                    markdown_code(answer.arn),
                    markdown_code(answer.action),
                    markdown_code(answer.resource),
                    _WORDS[answer.decision.kind],
                    "<br>".join(markdown_code(_because(each)) for each in answer.origins),
                )
            )
            for answer in report.answers
        ]
    lines += [
        f"- {markdown_code(account.account.id)}: {markdown(account.failure.message)}"
        for account in report.accounts
        if account.failure
    ]
    return "\n".join(lines).rstrip() + "\n"


def _because(origin: Origin) -> str:
    places: Sequence[Location] = [p for p in (origin.statement, origin.entry) if p is not None]
    return " ".join([str(origin.ref), *(f"({place})" for place in places)])


def _json(report: AccessReport) -> str:
    question = report.question
    return json.dump(
        {
            "command": "access",
            "status": report.exit_status,
            "at": json.instant(question.at),
            "on": "plan" if report.on_plan else "account",
            "answers": [_answer_object(answer) for answer in report.answers],
            "failures": [
                {
                    "account": account.account.id,
                    "environment": account.account.label,
                    "code": account.failure.code,
                    "message": account.failure.message,
                    "hint": account.failure.hint,
                }
                for account in report.accounts
                if account.failure
            ],
        }
    )


def _answer_object(answer: Answer) -> dict[str, Any]:
    return {
        "account": answer.account.id,
        "environment": answer.account.label,
        "principal": str(answer.principal),
        "arn": answer.arn,
        "action": answer.action,
        "resource": answer.resource,
        "allowed": answer.allowed,
        "decision": answer.decision.kind.value,
        "statements": [
            {
                "policy": origin.ref.source.id,
                "name": origin.ref.source.name,
                "statement": origin.ref.index,
                "sid": origin.ref.sid,
                "effect": "Allow" if origin.ref.allows else "Deny",
                "written": _place_object(origin.statement),
                "granted": _place_object(origin.entry),
            }
            for origin in answer.origins
        ],
        "blocked_by": [str(layer) for layer in answer.decision.blocked_by],
        "missing_context": list(answer.decision.missing_context),
    }


def _place_object(place: Location | None) -> dict[str, Any] | None:
    if place is None:
        return None
    return {"file": place.file, "line": place.line, "column": place.column}


def _github(report: AccessReport) -> str:
    lines = [
        f"::error title=not reached::{command_data([account.account.id, account.failure.message])}"
        for account in report.accounts
        if account.failure
    ]
    lines += [
        not_a_command(terminal(f"{_WORDS[a.decision.kind]}: {a.arn} {a.action} {a.resource}"))
        for a in report.answers
    ]
    return "\n".join([*lines, not_a_command(terminal(result(report)))]) + "\n"
