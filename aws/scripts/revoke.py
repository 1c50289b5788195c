"""End temporary access at once: python aws/scripts/revoke.py (--user U | --role R | ...)."""

import sys

from iam_access.commands import revoke

if __name__ == "__main__":
    sys.exit(revoke())
