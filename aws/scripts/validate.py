"""Check the access files: python aws/scripts/validate.py [TEAM ...]."""

from iam_access.cli.commands import validate
from iam_access.cli.runtime import run_script

if __name__ == "__main__":
    run_script(validate)
