"""Find the commit that was applied last: python aws/scripts/last_applied.py --output-file FILE."""

import os
import sys

import changed_teams
from iam_access.cli.last_applied import last_applied

if __name__ == "__main__":
    sys.exit(last_applied(None, os.environ, changed_teams))
