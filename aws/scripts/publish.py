"""Tell on GitHub what an apply did: python aws/scripts/publish.py DIR, for the workflow Apply."""

import os
import sys

from iam_access.cli.publish import publish

if __name__ == "__main__":
    sys.exit(publish(None, os.environ))
