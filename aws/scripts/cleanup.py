"""Remove temporary access that has ended: python aws/scripts/cleanup.py (TEAM ... | --all)."""

from iam_access.cli.commands import cleanup
from iam_access.cli.runtime import run_script

if __name__ == "__main__":
    run_script(cleanup)
