"""Ask for temporary access, renew or end it: python aws/scripts/request.py."""

from iam_access.cli.commands import request
from iam_access.cli.runtime import run_script

if __name__ == "__main__":
    run_script(request)
