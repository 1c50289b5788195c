"""Serve an AWS of your own on loopback: python aws/scripts/sandbox.py [--port N]."""

import sys

from iam_access.cli.commands import sandbox

if __name__ == "__main__":
    sys.exit(sandbox())
