"""Remove temporary access that has ended: python aws/scripts/cleanup.py (TEAM ... | --all)."""

import sys

from iam_access.commands import cleanup

if __name__ == "__main__":
    sys.exit(cleanup())
