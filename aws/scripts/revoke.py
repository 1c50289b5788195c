"""End temporary access at once: python aws/scripts/revoke.py (--user U | --role R | ...)."""

from iam_access.cli.commands import revoke
from iam_access.cli.runtime import run_script

if __name__ == "__main__":
    run_script(revoke)
