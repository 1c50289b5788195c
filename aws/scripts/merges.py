"""Find what an apply is to apply: python aws/scripts/merges.py DIR, for the workflow Apply."""

import os
import sys

from iam_access.cli.merges import merges

# isort: split
# An older Python is refused above.
import changed_teams

if __name__ == "__main__":
    sys.exit(merges(None, os.environ, changed_teams))
