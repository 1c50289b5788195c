"""`import.py`: write files of teams from the files of an older tool."""

import argparse
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from iam_access.cli.files import findings_of
from iam_access.cli.output_files import write_together
from iam_access.cli.report import show
from iam_access.cli.runtime import Clock, Command
from iam_access.config import load as loader
from iam_access.config.files import shown_path
from iam_access.errors import UsageError
from iam_access.importing import iam_syncr, rolemodel, written
from iam_access.importing.source import SourceFile
from iam_access.importing.written import Imported, NewFile
from iam_access.model import Finding, Location, Report, Severity
from iam_access.render.escape import terminal

_TEAM: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_ACCOUNTS: Final = "accounts.yaml"
#: How the names of files end that iam_syncr reads.
_READ: Final = ".yaml"


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Convert, write and check the files; return the exit status."""
    return _TOOLS[options.tool](options, clock)


def from_iam_syncr(options: argparse.Namespace, clock: Clock) -> int:
    """`import.py iam-syncr`: the folder of one account."""
    folder: Path = options.folder
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", "name the folder of one account")
    beside = options.accounts_location or folder.resolve().parent / _ACCOUNTS
    if options.accounts_location is None and (folder / _ACCOUNTS).exists():
        raise UsageError(
            f"{folder} holds {_ACCOUNTS}, so it is not the folder of one account",
            f"import one account after the other, by its folder: {folder / 'NAME'}",
        )
    accounts = _source(beside)
    # iam_syncr takes the name of a link, and the accounts beside what it leads to.
    account = (folder if folder.is_symlink() else folder.resolve()).name
    files, others = _yaml_files(folder, beside)
    if not files and not others:
        raise UsageError(f"{folder} has no *.yaml files", "name the folder of one account")
    result = iam_syncr.imported(
        account, accounts, files, _team(options.team, account), _one_line(folder)
    )
    return _finish(options, clock, result, tuple(map(_not_read, others)))


def from_rolemodel(options: argparse.Namespace, clock: Clock) -> int:
    """`import.py rolemodel`: a configuration, with the template that it names."""
    path: Path = options.configuration
    config = _source(path)
    named = rolemodel.template_of(config)
    beside = path.parent / _ACCOUNTS
    accounts = options.accounts_location or (beside if beside.exists() else None)
    files = rolemodel.RoleModelFiles(
        config,
        _source(path.parent / named) if named is not None else None,
        _source(options.users) if options.users is not None else None,
        _source(accounts) if accounts is not None else None,
        _source(options.roles) if options.roles is not None else None,
        dict(options.parameter),
    )
    team = _team(options.team, rolemodel.TOOL)
    return _finish(options, clock, rolemodel.imported(files, team, _one_line(path)), ())


def _one_line(path: Path) -> str:
    """A path for the comment in a file."""
    return terminal(shown_path(path))


def _not_read(path: Path) -> Finding:
    return Finding(
        "older-fault",
        Severity.WARNING,
        "iam_syncr reads no file but those that end in .yaml",
        "it is not read here either; rename it to .yaml if it is meant",
        Location(shown_path(path), 1, 1),
    )


def _team(name: str | None, account: str) -> str:
    """The name of the team: as it is given, or made from that of the account."""
    team = name or re.sub(r"[^a-z0-9-]+", "-", account.lower()).strip("-")
    if _TEAM.fullmatch(team) is None:
        raise UsageError(
            f"{team!r} is not the name of a team",
            "name it with --team: up to 64 small letters, digits and -",
        )
    return team


def _yaml_files(folder: Path, accounts: Path) -> tuple[list[SourceFile], list[Path]]:
    """The files that iam_syncr reads below a folder, and those that it passes over."""
    paths = sorted(
        Path(root) / name
        for root, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith((_READ, ".yml"))
    )
    others = [each for each in paths if not _is_same(each, accounts)]
    files = [_source(each) for each in others if each.name.endswith(_READ)]
    return files, [each for each in others if not each.name.endswith(_READ)]


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # reported when it is read
        return False


def _source(path: Path) -> SourceFile:
    try:
        return SourceFile(shown_path(path), path.read_bytes())
    except (OSError, ValueError) as error:
        # A path with a NUL is a ValueError.
        raise UsageError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}",
            "for the ids of accounts, name the file with --accounts-location"
            if path.name == _ACCOUNTS
            else "make it a file that can be read",
        ) from None


def _finish(
    options: argparse.Namespace, clock: Clock, result: Imported, more: Sequence[Finding]
) -> int:
    """Write the files and check them, unless something could not be converted."""
    now = clock()
    findings = [*more, *result.findings]
    there = list(_in_the_way(options, result))
    if any(each.is_error for each in (*findings, *there)):
        return show(Report("import", now, findings=(*findings, *there)), options)
    files = {options.config_dir / each.name: each for each in result.files}
    texts = {path: each.text for path, each in files.items()}
    write_together(texts, "name another folder with --config-dir")
    findings += [_written(path, each, result.team) for path, each in files.items()]
    # What an older tool wrote stands already: names that AWS has retired are no errors.
    checked = loader.load(options.config_dir, now=now, standing=True)
    wrong = findings_of(checked, frozenset({result.team}))
    return show(Report("import", now, findings=(*there, *findings, *wrong)), options)


def _in_the_way(options: argparse.Namespace, result: Imported) -> Iterator[Finding]:
    """The files that are there already: errors, or notes of what becomes of them."""
    made = {each.name for each in result.files}
    for name in written.names(result.team) if made else ():
        path = options.config_dir / name
        if not os.path.lexists(path):
            continue
        severity, hint = Severity.NOTE, "nothing is imported into it; remove it if it is outdated"
        if name in made and options.overwrite:
            hint = "it was replaced; git has what it held"
        elif name in made:
            severity = Severity.ERROR
            hint = "name another --team or --config-dir, or --overwrite it"
        yield Finding(
            "file-exists",
            severity,
            f"{shown_path(path)} is there already",
            hint,
            Location(shown_path(path), 1, 1),
            result.team,
        )


def _written(path: Path, file: NewFile, team: str) -> Finding:
    return Finding(
        "file-written",
        Severity.NOTE,
        f"{shown_path(path)} is written",
        f"{file.advice}see what it would do: apply.py {team} --adopt --dry-run --explain",
        Location(shown_path(path), 1, 1),
        team,
    )


_TOOLS: Final[Mapping[str, Command]] = {"iam-syncr": from_iam_syncr, "rolemodel": from_rolemodel}
