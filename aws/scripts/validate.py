"""Check the access files: python aws/scripts/validate.py [TEAM ...]."""

from iam_access.commands import validate
from iam_access.running import run_script

if __name__ == "__main__":
    run_script(validate)
