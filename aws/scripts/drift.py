"""Find drift in AWS: python aws/scripts/drift.py [TEAM ...] [--applied COMMIT] [--mend]."""

from iam_access.cli.commands import drift
from iam_access.cli.runtime import run_script

if __name__ == "__main__":
    run_script(drift)
