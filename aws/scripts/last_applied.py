"""Find the commit that was applied last: python aws/scripts/last_applied.py --output-file FILE."""

import os
import sys

from iam_access.cli.last_applied import last_applied

# isort: split
# An older Python is refused above.
import changed_teams

if __name__ == "__main__":
    sys.exit(last_applied(None, os.environ, changed_teams))
