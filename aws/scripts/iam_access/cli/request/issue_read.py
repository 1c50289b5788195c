"""`issue.py read`: work out the pull request that an issue asks for, or what is wrong with it."""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from iam_access.cli import files
from iam_access.cli.job import say
from iam_access.cli.request import asking, ends, git, issue_form, words
from iam_access.cli.request.issue_form import Change, Filed, Outcome
from iam_access.cli.runtime import Clock
from iam_access.config import entry_edits
from iam_access.config.configuration import Configuration, Team
from iam_access.config.entry_edits import Asked, Edit, End, NotEditableError
from iam_access.errors import UsageError
from iam_access.model import Finding
from iam_access.render import escape

_HOW_TO_GO_ON = "Edit the issue (… → *Edit*): it is read again, and this answer is updated."


class _RefusedError(Exception):
    """The issue asks for nothing that could be granted; `lines` of Markdown say why."""

    def __init__(self, *lines: str) -> None:
        super().__init__()
        self.lines = lines


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Write the outcome, also where the request is refused; return 0. Raises AccessError."""
    filed = issue_form.filed(options.event)
    outcome = _outcome(options, filed, clock().replace(microsecond=0))
    if options.outcome is not None:
        outcome.write(options.outcome)
    for line in outcome.answer.splitlines():
        say(line)
    return 0


def _outcome(options: argparse.Namespace, filed: Filed, now: datetime) -> Outcome:
    try:
        _check_who(filed)
        found, problems = issue_form.answers(filed.body)
        if problems:
            raise _RefusedError(*_listed(problems))
        configuration = files.load(options, now, preview=True)
        team, asked = _asked(configuration, found, now)
        return _proposed(options, configuration, team, asked, filed, now)
    except _RefusedError as refused:
        head = "**Nothing was requested.**"
        return Outcome("\n".join((head, "", *refused.lines, "", _HOW_TO_GO_ON)))


def _check_who(filed: Filed) -> None:
    if not filed.trusted:
        raise _RefusedError(
            "Only members of the organisation and collaborators can request access here."
        )
    if filed.sender != filed.login:
        raise _RefusedError(
            f"{escape.markdown_code(filed.sender)} has edited the issue, which only "
            f"{escape.markdown_code(filed.login)} may, who opened it. File an issue of your own."
        )


def _asked(
    configuration: Configuration, found: Mapping[str, str], now: datetime
) -> tuple[Team, Asked]:
    """The team and what is asked for. Raises _RefusedError with all that is wrong at once."""
    try:
        asking.known("Team", found["team"], sorted(configuration.teams))
    except UsageError as error:
        raise _RefusedError(*_listed([_words(error)])) from None
    team = configuration.teams[found["team"]]
    errors = entry_edits.errors_of(configuration, team.name)
    if errors:
        lines = (f"{each.location}: {each.message}; {each.hint}" for each in errors)
        raise _RefusedError("The files of the team have errors already:", "", *_listed(lines))
    begins = words.begins_at(configuration, None, now)
    wrong: list[str] = []
    for check in (
        lambda: asking.known("Environment", found["environment"], sorted(team.accounts)),
        lambda: asking.known("Grant", found["grant"], sorted(team.policies)),
        lambda: words.as_user(found["user"]),
        lambda: _until(found["until"], begins, now),
    ):
        try:
            check()
        except UsageError as error:
            wrong.append(_words(error))
    if wrong:
        raise _RefusedError(*_listed(wrong), "", *_choices(configuration, team, found))
    until = _until(found["until"], begins, now)
    return team, Asked(
        environment=found["environment"],
        grant=found["grant"],
        until=until,
        description=found["reason"],
        user=found["user"],
        ticket=found["ticket"] or None,
    )


def _until(text: str, begins: datetime | None, now: datetime) -> End:
    try:
        return ends.either(text, begins, now, UTC, "Until when")
    except UsageError as error:
        forms = "write 2h, 18:00 (UTC), YYYY-MM-DD or YYYY-MM-DDTHH:MMZ"
        raise UsageError(error.message, forms) from None


def _proposed(
    options: argparse.Namespace,
    configuration: Configuration,
    team: Team,
    asked: Asked,
    filed: Filed,
    now: datetime,
) -> Outcome:
    try:
        change = entry_edits.ask(configuration, team.name, asked, now)
    except NotEditableError as error:
        raise _RefusedError(*_listed([_words(error)])) from None
    after = entry_edits.proposed(configuration, change, now)
    errors = entry_edits.new_errors(configuration, after, team.name)
    if errors:
        raise _RefusedError("Validation refuses it:", "", *_findings(errors))
    # It imports what talks to AWS, and most forms that are wrong are so before.
    from iam_access.cli.request.meaning import meaning_of  # noqa: PLC0415

    meaning = meaning_of(options, after, team.name, asked.environment, now)
    if meaning.errors:
        raise _RefusedError("The apply would refuse it:", "", *_findings(meaning.errors))
    what, reason = words.asked_for(asked), words.reason_of(asked)
    said = words.message(what, asked.until, now, reason)
    ends_when = words.ends_when(asked.until, now, UTC)
    return Outcome(
        "\n".join(
            _page(change, ends_when, [*words.what_it_allows(team, asked.grant), *meaning.lines])
        ),
        Change(
            base=git.head_of(configuration.directory),
            file=change.name,
            text=change.after.decode(),
            title=said.title,
            body="\n\n".join(_body(filed, asked, ends_when, said.body)),
        ),
    )


def _page(change: Edit, ends_when: str, meaning: Sequence[str]) -> Iterator[str]:
    yield f"It {escape.markdown(ends_when)}."
    yield ""
    yield from escape.markdown_block(words.diff(change), "diff")
    yield ""
    yield "What it lets them do:"
    yield ""
    yield from escape.markdown_block(meaning, "text")


def _body(filed: Filed, asked: Asked, ends_when: str, reason: str) -> Iterator[str]:
    login, user = (escape.markdown_code(each) for each in (filed.login, asked.user or ""))
    grant, place = (escape.markdown_code(each) for each in (asked.grant, asked.environment))
    yield f"{login} asks for {grant} in {place} for {user}. It {escape.markdown(ends_when)}."
    yield (
        f"**Who is who:** {login} filed the form, which anyone can fill in for anyone. That "
        f"{user} is {login}, or wants this, is for the reviewers to know."
    )
    yield f"Reason: {reason}"
    yield f"Closes #{filed.number}"


def _choices(configuration: Configuration, team: Team, found: Mapping[str, str]) -> Iterator[str]:
    """What can be answered, where an environment or grant was not."""
    place = found["environment"] if found["environment"] in team.accounts else None
    if place is None:
        yield "Environments:"
        yield from _listed_choices(words.environments(configuration, team))
        yield ""
    if found["grant"] not in team.policies:
        yield "Grants:"
        yield from _listed_choices(words.grants(configuration, team, place))
        yield ""


def _listed_choices(choices: Iterable[asking.Choice]) -> Iterator[str]:
    for each in choices:
        yield f"- {escape.markdown_code(each.value)} {escape.markdown(each.about)}".rstrip()


def _findings(found: Iterable[Finding]) -> list[str]:
    return _listed(f"{each.message}; {each.hint}" for each in found)


def _words(error: UsageError | NotEditableError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message


def _listed(lines: Iterable[str]) -> list[str]:
    return [f"- {escape.markdown(each)}" for each in lines]
