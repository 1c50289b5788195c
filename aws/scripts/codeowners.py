"""Write .github/CODEOWNERS, as the settings name owners: python aws/scripts/codeowners.py."""

from iam_access.cli.commands import codeowners
from iam_access.cli.runtime import run_script

if __name__ == "__main__":
    run_script(codeowners)
