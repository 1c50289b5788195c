"""Turn an issue of the form into a pull request: python aws/scripts/issue.py read|open."""

import sys

from iam_access.cli.issue import issue

if __name__ == "__main__":
    sys.exit(issue())
