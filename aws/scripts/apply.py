"""Apply the access files to AWS: python aws/scripts/apply.py (TEAM ... | --all) [--dry-run]."""

import sys

from iam_access.commands import apply

if __name__ == "__main__":
    sys.exit(apply())
