"""`issue.py`: turn a filled-in issue form into a pull request, in two steps.

`read` works it out and may write nothing; `open` may write to the repository, and needs the
standard library alone.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from iam_access.cli import arguments
from iam_access.cli.job import UNFINISHED, say, told
from iam_access.cli.request import issue_open
from iam_access.cli.runtime import Clock, in_module, run_command, utc_now
from iam_access.errors import AccessError
from iam_access.render import Output


def issue(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """Run the command line; return the exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.step == "read":
        return run_command(parser, argv, in_module("iam_access.cli.request.issue_read"), clock)
    try:
        return issue_open.run(options, os.environ)
    except AccessError as error:
        say(f"issue.py: {told(error)}")
        return UNFINISHED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Turn an issue of the form for access into a pull request.",
        epilog=arguments.EPILOG,
        allow_abbrev=False,
    )
    steps = parser.add_subparsers(dest="step", required=True)
    read = steps.add_parser(
        "read", help="work out the pull request, or what is wrong; writes nothing to GitHub"
    )
    read.add_argument("--outcome", type=Path, metavar="FILE", help="write it into this file")
    opening = steps.add_parser(
        "open",
        help="push the branch, open the pull request and answer on the issue; GITHUB_TOKEN needs "
        "`contents`, `issues` and `pull-requests: write`",
    )
    opening.add_argument(
        "--outcome", type=Path, metavar="FILE", required=True, help="what `read` has written"
    )
    for each in (read, opening):
        arguments.add_config_dir(each)
        event = os.environ.get("GITHUB_EVENT_PATH")
        each.add_argument(
            "--event",
            type=Path,
            metavar="FILE",
            default=event and Path(event),
            required=not event,
            help="the event of the issue (default: GITHUB_EVENT_PATH)",
        )
    parser.set_defaults(**arguments.NOT_ASKED, output=Output.TEXT, sandbox=True, verbose=False)
    return parser
