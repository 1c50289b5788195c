"""Remove temporary access that has ended: python aws/scripts/cleanup.py (TEAM ... | --all)."""

from iam_access.commands import cleanup
from iam_access.running import run_script

if __name__ == "__main__":
    run_script(cleanup)
