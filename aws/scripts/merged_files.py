"""Write the files as a merge of a pull request leaves them: merged_files.py DIR, in a workflow."""

import os
import sys

from iam_access.cli.merged_files import merged_files

if __name__ == "__main__":
    sys.exit(merged_files(None, os.environ))
