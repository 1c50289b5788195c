"""Prove what principals may do: python aws/scripts/simulate.py test [TEAM ...] [--sandbox]."""

from iam_access.running import run_script
from iam_access.simulate import simulate

if __name__ == "__main__":
    run_script(simulate)
