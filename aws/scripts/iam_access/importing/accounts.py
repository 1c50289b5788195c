"""Accounts in the files of older tools."""

from iam_access.importing.reading import parsed
from iam_access.importing.source import Reporter, SourceFile
from iam_access.phrases import shown


def account_ids(file: SourceFile, report: Reporter) -> dict[str, str]:
    """The ids of accounts by name, as a file has them at its top or below `accounts`."""
    found = parsed(file, report)
    if found is None or not report.is_mapping(found, "the file of the accounts"):
        return {}
    inner = found.mapping.get("accounts", found)
    by_name = (inner if inner.mapping else found).mapping.items()
    ids = ((name, report.account_id(each, f"the id of {shown(name)}")) for name, each in by_name)
    return {name: each for name, each in ids if each}
