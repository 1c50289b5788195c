"""Apply the access files to AWS: python aws/scripts/apply.py (TEAM ... | --all) [--dry-run]."""

from iam_access.cli.commands import apply
from iam_access.cli.runtime import run_script

if __name__ == "__main__":
    run_script(apply)
