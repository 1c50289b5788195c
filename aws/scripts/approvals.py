"""Judge a pull request's reviews: python aws/scripts/approvals.py --base COMMIT ..."""

from iam_access.cli.commands import approvals
from iam_access.cli.runtime import run_script

if __name__ == "__main__":
    run_script(approvals)
