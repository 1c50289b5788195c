"""`request.py`: ask for temporary access, renew it, end it, or list what is live."""

import argparse
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from iam_access.cli import files
from iam_access.cli.report import show
from iam_access.cli.request import asking, ends, git, words
from iam_access.cli.request.asking import Choice, Person
from iam_access.cli.runtime import Clock
from iam_access.config import entry_edits
from iam_access.config.configuration import Configuration, Team
from iam_access.config.entry_edits import Asked, Edit, End, Standing
from iam_access.config.files import shown_path
from iam_access.config.rules.rulebook import first_match
from iam_access.errors import UsageError
from iam_access.kinds.fields import is_user
from iam_access.model import Finding, Report
from iam_access.phrases import count, listed, moment, shown

# A label of domains at which no one is reached, such as GitHub's users.noreply.github.com.
_NO_REPLY = "noreply"


@dataclass(frozen=True, slots=True)
class _Run:
    """One run: its options, files, time (UTC) and the person who may be asked."""

    options: argparse.Namespace
    configuration: Configuration
    now: datetime
    person: Person

    @property
    def team(self) -> Team:
        """The team that is named, or asked for."""
        teams = self.configuration.teams
        name = self.options.team
        if name is None:
            name = self.person.choose("--team", "Which team's access?", map(Choice, teams))
        files.teams_named([name], self.configuration)
        return teams[name]

    @property
    def mine(self) -> str | None:
        """The address that git signs this person's commits with, if it can be that of a user."""
        found = git.signed_by(self.options.config_dir)
        domain = found.rpartition("@")[2].lower()
        domains = self.configuration.settings.domains
        if not is_user(found) or _NO_REPLY in domain.split("."):
            return None
        if domains and first_match(domains, [domain], ignore_case=True) is None:
            return None
        return found

    @property
    def whose(self) -> str | None:
        """The user whose entries are meant, where no role is: the one that is named, or oneself."""
        options = self.options
        return options.user or (None if options.role or options.all else self.mine)

    def ending(self, starts: datetime | None) -> End:
        """The end that is named, or asked for, of what starts then (UTC; None: with its merge)."""
        begins = words.begins_at(self.configuration, starts, self.now)
        if self.options.length is not None:
            return ends.lasting(self.options.length, begins)
        if self.options.until is not None:
            return ends.at(self.options.until, self.now, None)
        return self.person.ask(
            "--until",
            "Until when? A length (2h, 3d), a time (18:00), a day or a moment.",
            lambda text: ends.either(text, begins, self.now, None),
        )

    def told(self, until: End) -> str:
        """When access ends that is asked for, as `shown`."""
        if until.length is not None:
            return words.ends_when(until, self.now, None)
        return self.shown(until.moment(self.now))

    def shown(self, when: datetime) -> str:
        """When access ends, in UTC and in the reader's zone."""
        return moment("ends", when, self.now, None)


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Write the entry that is asked for; return the exit status."""
    now = clock().replace(microsecond=0)
    run = _Run(options, files.load(options, now, preview=True), now, Person.at_terminal())
    if options.list:
        return _list(run)
    _check(options)
    entry = _one(run) if options.renew or options.end else None
    team = run.configuration.teams[entry.team] if entry is not None else run.team
    errors = entry_edits.errors_of(run.configuration, team.name)
    # An entry whose end is not known is an error, which another end or none can mend.
    if errors and (entry is None or entry.access.until is not None):
        run.person.tell("Nothing was written: the files have errors already.")
        return show(Report("validate", now, findings=errors), options)
    if entry is None:
        return _ask(run, team)
    return _end(run, entry) if options.end else _renew(run, entry)


def _ask(run: _Run, team: Team) -> int:
    asked = _asked(run, team)
    change = entry_edits.ask(run.configuration, team.name, asked, run.now)
    run.person.tell(*words.what_it_allows(team, asked.grant))
    what, reason = words.asked_for(asked), words.reason_of(asked)
    return _hand_in(run, change, asked.environment, what, asked.until, reason)


def _renew(run: _Run, entry: Standing) -> int:
    until = run.ending(entry.access.starts)
    run.person.tell(run.told(until))
    change = entry_edits.renew(run.configuration, entry, until, run.now)
    before = entry.access.until
    verb = "renew" if before is None or until.moment(run.now) > before else "shorten"
    what = f"{verb} {entry.grant} in {entry.environment} for {entry.who}"
    return _hand_in(run, change, entry.environment, what, until, run.options.reason)


def _end(run: _Run, entry: Standing) -> int:
    change = entry_edits.end(run.configuration, entry)
    what = f"end {entry.grant} in {entry.environment} for {entry.who}"
    return _hand_in(run, change, entry.environment, what, None, run.options.reason)


def _check(options: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go together."""
    for name in ("team", "user", "role", "environment", "grant", "reason", "ticket"):
        if getattr(options, name) is not None and not getattr(options, name).strip():
            raise UsageError(f"--{name} is empty", "give it a value, or leave it out")
    for text in filter(None, (options.reason, options.ticket)):
        words.visible(text)
    if options.all and not options.list:
        raise UsageError("--all is for --list", "leave it out")
    if options.end and (options.length or options.until or options.starts):
        raise UsageError("--end takes no --for, --until or --starts", "to shorten it, use --renew")
    if options.renew and options.starts:
        raise UsageError("--renew keeps when it starts", "leave --starts out")
    if (options.renew or options.end) and options.ticket:
        raise UsageError("--ticket is for new entries", "name it in --reason")
    if options.dry_run and (options.branch or options.commit or options.pull_request):
        raise UsageError("--dry-run writes nothing", "leave out --branch, --commit, --pull-request")


def _asked(run: _Run, team: Team) -> Asked:
    options, person = run.options, run.person
    environment = options.environment or person.choose(
        "--environment", "In which environment?", words.environments(run.configuration, team)
    )
    asking.known("--environment", environment, sorted(team.accounts))
    grant = options.grant or person.choose(
        "--grant", "Which grant?", words.grants(run.configuration, team, environment)
    )
    asking.known("--grant", grant, sorted(team.policies))
    user = options.user if options.role else _user(run)
    starts = ends.moment(options.starts, "--starts") if options.starts else None
    until = run.ending(starts)
    person.tell(run.told(until))
    reason = options.reason or person.ask("--reason", "What is it needed for?", words.visible)
    ticket = options.ticket
    rule = run.configuration.settings.temporary_access.require_ticket
    if ticket is None and rule is not None and person.is_there:
        ticket = person.ask("--ticket", "Which ticket?", words.visible)
    return Asked(environment, grant, until, reason, user, options.role, starts, ticket)


def _user(run: _Run) -> str:
    """The user that is named, or asked for; without an answer that of git's own settings."""
    if run.options.user is not None:
        return words.as_user(run.options.user)
    mine = run.mine
    if mine is not None and not run.person.is_there:
        run.person.tell(f"For {mine}, as git's user.email says.")
        return mine
    return run.person.ask(
        "--user", "For whom? An e-mail address, or user/NAME.", words.as_user, default=mine
    )


def _live(run: _Run) -> list[Standing]:
    options = run.options
    choice = entry_edits.EntryFilter(
        options.team, run.whose, options.role, options.environment, options.grant
    )
    user_names = run.configuration.settings.user_names
    found = entry_edits.standing(run.configuration, run.now)
    return [each for each in found if choice.includes(each, user_names)]


def _one(run: _Run) -> Standing:
    """The one live entry that the options mean, or that is chosen of several."""
    if run.options.team is not None:
        files.teams_named([run.options.team], run.configuration)
    found = {f"{each.access.place.location}": each for each in _live(run)}
    if not found:
        wrong = listed(sorted(run.configuration.invalid))
        why = f"; the files of {wrong} have errors, see validate.py" if wrong else ""
        hint = f"`request.py --list --all` shows which there are{why}"
        raise UsageError(f"no live entry{_of(run)} is meant", hint)
    choices = [Choice(place, _line(run, each)) for place, each in found.items()]
    if len(choices) > 1 and not run.person.is_there:
        raise UsageError(
            f"{len(choices)} live entries are meant: {listed(found)}",
            "name one by --team, --user or --role, --environment and --grant",
        )
    return found[run.person.choose("entry", "Which one?", choices)]


def _of(run: _Run) -> str:
    return f" of {run.whose}" if run.whose is not None else ""


def _line(run: _Run, entry: Standing) -> str:
    begins = ""
    if entry.access.starts is not None and entry.access.starts > run.now:
        begins = f"{moment('starts', entry.access.starts, run.now, None)}; "
    about = ": ".join(filter(None, (entry.access.ticket, entry.access.description)))
    until = entry.access.until
    ends_when = run.shown(until) if until is not None else "it is not known when it ends"
    return (
        f"{entry.team}: {entry.who} has {entry.grant} in {entry.environment}; {begins}"
        f"{ends_when}{f' ({about})' if about else ''}"
    )


def _list(run: _Run) -> int:
    if run.options.team is not None:
        files.teams_named([run.options.team], run.configuration)
    found = _live(run)
    for each in found:
        run.person.tell(f"{each.access.place.location}  {_line(run, each)}")
    if not found:
        run.person.tell(f"There is no live temporary access{_of(run)} by what the files say.")
    if run.whose is not None and run.options.user is None:
        run.person.tell(f"--all lists more than those{_of(run)}, whom git's user.email names.")
    invalid = run.configuration.invalid & {
        run.options.team or each for each in run.configuration.teams
    }
    if invalid:
        names = listed(sorted(invalid))
        run.person.tell(f"The files of {names} have errors, so entries may be missing here.")
    return 1 if invalid else 0


def _hand_in(
    run: _Run, change: Edit, environment: str, what: str, until: End | None, reason: str | None
) -> int:
    """Check a change, show it, and write it; return the exit status."""
    after = entry_edits.proposed(run.configuration, change, run.now)
    errors = entry_edits.new_errors(run.configuration, after, change.team)
    if errors:
        run.person.tell("Nothing was written: validation would refuse it.")
        return show(Report("validate", run.now, findings=errors), run.options)
    run.person.tell(*words.diff(change))
    refused = _explain(run, after, change, environment) if run.options.explain else ()
    if refused:
        run.person.tell("Nothing was written: the apply would refuse it.")
        return show(Report("request", run.now, findings=refused), run.options)
    if run.options.dry_run:
        run.person.tell("Nothing was written.")
        return 0
    if not run.person.agrees("Write it?"):
        run.person.tell("Nothing was written.")
        return 1
    message = words.message(what, until, run.now, reason)
    return _write(run, change, message)


def _explain(
    run: _Run, after: Configuration, change: Edit, environment: str
) -> tuple[Finding, ...]:
    """Tell what a change means; return why the apply would not make it."""
    # It imports what talks to AWS.
    from iam_access.cli.request.meaning import meaning_of  # noqa: PLC0415

    found = meaning_of(run.options, after, change.team, environment, run.now)
    run.person.tell(*found.lines)
    # What the apply holds back of a removal is for the reviewers to decide.
    return found.errors if change.index is not None else ()


def _write(run: _Run, change: Edit, message: git.Message) -> int:
    options = run.options
    uses_git = bool(options.branch or options.commit or options.pull_request)
    branch = options.branch
    root = options.config_dir
    if uses_git:
        root = git.root_of(options.config_dir)
        if options.pull_request:
            git.check_remote(root)
        if branch is None and options.pull_request:
            stamp = f"{run.now:%Y%m%d-%H%M%S}"
            branch = git.branch_name(change.team, message.title, stamp)
        if branch is not None:
            git.check_branch(root, branch)
            git.switch_to_new(root, branch)
    had_changes = uses_git and git.has_changes(root, options.config_dir / change.name)
    path = entry_edits.write(run.configuration, change)
    run.person.tell(f"Wrote {shown_path(path)}.")
    if options.commit or options.pull_request:
        name = git.commit(root, path, message)
        run.person.tell(f"Committed {name} on {git.current_branch(root) or 'no branch'}.")
        if had_changes:
            run.person.tell(
                f"{shown_path(path)} had changes that were not committed: they are in it, too."
            )
    if options.pull_request:
        assert branch is not None, "it was made above"
        others = git.commits_ahead(root) - 1
        if others > 0:
            more = count(others, "other commit")
            run.person.tell(f"The branch has {more}, which the pull request shows too.")
        _open(run, root, branch, message)
    elif not options.commit:
        run.person.tell(
            "Commit it and open a pull request: once that is merged, the apply does it."
        )
    return 0


def _open(run: _Run, root: Path, branch: str, message: git.Message) -> None:
    git.push(root, branch)
    if git.has_gh():
        run.person.tell(f"Opened {git.open_pull_request(root, branch, message)}")
    else:
        run.person.tell(f"Pushed {shown(branch)}; open its pull request in the browser.")
