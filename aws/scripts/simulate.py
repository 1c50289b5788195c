"""Ask and assert what users and roles may do: python aws/scripts/simulate.py SUBCOMMAND ..."""

from iam_access.cli.runtime import run_script
from iam_access.cli.simulate import simulate

if __name__ == "__main__":
    run_script(simulate)
