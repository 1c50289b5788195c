"""The files that iam_syncr has of one account, as the files of a team with that account.

Its folder holds YAML files with `roles`, `remove_roles`, `templates`, `buckets` and `keys`; the
sections of all of them are taken together. `accounts.yaml` beside the folder has the ids of all
accounts by name; the folder's name is that of its account.
"""

from collections.abc import Sequence
from typing import Final

from iam_access.importing import written
from iam_access.importing.accounts import account_ids
from iam_access.importing.iam_syncr import buckets, keys, roles
from iam_access.importing.iam_syncr.scope import ROLE, Scope
from iam_access.importing.reading import parsed
from iam_access.importing.source import Node, Reporter, SourceFile
from iam_access.importing.written import Imported, NewFile, team_file
from iam_access.kinds import templates
from iam_access.model import Location
from iam_access.phrases import did_you_mean, listed, shown

TOOL: Final = "iam_syncr"
_SECTIONS: Final = (
    *(roles.TEMPLATES, roles.ROLES, *roles.REMOVED),
    *(*buckets.SECTIONS, *keys.SECTIONS),
)


def imported(
    account: str,
    accounts: SourceFile,
    files: Sequence[SourceFile],
    team: str,
    source: str,
) -> Imported:
    """The files of a team with one account, and what was found in those of the account's folder.

    `source` is the folder as people would type it.
    """
    report = Reporter(TOOL)
    ids = account_ids(accounts, report)
    if account not in ids and ids:
        report.refuse(
            Location(accounts.name, 1, 1),
            f"the account {shown(account)}, the name of the folder, is not in the file",
            did_you_mean(account, ids) or "name the folder of one account, or add the account",
        )
    documents = _documents(files, report)
    scope = Scope(ROLE, "", ids.get(account, ""), ids, report)
    found = roles.of_files(documents, scope)
    resources = {
        written.BUCKETS: buckets.of_files(documents, scope),
        written.KEYS: keys.of_files(documents, scope),
    }
    findings = report.collected.sorted()
    made: list[NewFile] = []
    if not any(each.is_error for each in findings):
        made.append(team_file(written.ACCOUNTS, team, {account: ids[account]}, source))
        if found.entries:
            beside = {templates.KEY: found.templates}
            made.append(team_file(written.ROLES, team, found.entries, source, beside))
        made += [team_file(key, team, each, source) for key, each in resources.items() if each]
    return Imported(team, tuple(made), findings)


def _documents(files: Sequence[SourceFile], report: Reporter) -> list[Node]:
    found = []
    for file in files:
        document = parsed(file, report)
        if document is None or not report.is_mapping(document, "the file"):
            continue
        for key in document.mapping:
            if key not in _SECTIONS:
                _report_section(document, key, report)
        found.append(document)
    return found


def _report_section(document: Node, key: str, report: Reporter) -> None:
    """Report a section that is not known: spelled otherwise, or a place for anchors of YAML."""
    guess = did_you_mean(key, _SECTIONS)
    message = f"has no section {shown(key)}, and passes over it without a word"
    if guess:
        report.error("unknown-key", document.key(key), f"{TOOL} {message}", guess)
    else:
        report.fault(
            document.key(key),
            message,
            f"it is left out; what aliases take from it is written. The sections are "
            f"{listed(_SECTIONS)}",
        )
