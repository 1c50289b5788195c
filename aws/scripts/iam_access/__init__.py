"""Self-serve AWS access: from YAML in a repository to IAM, and back to nothing at the deadline."""

import sys

# Every script imports this package first, so an older Python says this and not `invalid syntax`.
# Nothing in this file may need a new one.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.stderr.write(
        "Python 3.11 or newer is needed; {} is {}.{}.\n"
        "`make demo` and `make test` make .venv with one: run the script with .venv/bin/python, or "
        "name another one, for example python3.12.\n".format(sys.executable, *sys.version_info[:2])
    )
    sys.exit(2)
