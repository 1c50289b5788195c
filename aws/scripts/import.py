"""Write access files from those of an older tool: python aws/scripts/import.py TOOL …."""

from iam_access.cli.commands import import_files
from iam_access.cli.runtime import run_script

if __name__ == "__main__":
    run_script(import_files)
