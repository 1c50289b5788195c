"""Prove what principals may do: python aws/scripts/simulate.py test [TEAM ...] [--sandbox]."""

import sys

from iam_access.simulate import simulate

if __name__ == "__main__":
    sys.exit(simulate())
