"""Put a page on a pull request: python aws/scripts/comment.py --page FILE --pull-request N."""

import os
import sys

from iam_access.cli.comment import comment

if __name__ == "__main__":
    sys.exit(comment(None, os.environ))
