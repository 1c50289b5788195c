"""Prove and ask what users and roles may do: python aws/scripts/simulate.py SUBCOMMAND ..."""

from iam_access.cli.runtime import run_script


def simulate() -> int:
    """The command, imported when it is run: it needs what may not be installed."""
    from iam_access.cli.simulate import simulate as command  # noqa: PLC0415

    return command()


if __name__ == "__main__":
    run_script(simulate)
