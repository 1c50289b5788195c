"""Check the access files: python aws/scripts/validate.py [TEAM ...]."""

import sys

from iam_access.commands import validate

if __name__ == "__main__":
    sys.exit(validate())
