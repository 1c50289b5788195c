"""Keep one issue for each account with drift: python aws/scripts/drift_issues.py FILE."""

import os
import sys

from iam_access.cli.drift_issues import drift_issues

if __name__ == "__main__":
    sys.exit(drift_issues(None, os.environ))
