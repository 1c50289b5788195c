"""Print a report, and give the exit status that it means."""

import argparse
import sys

from iam_access.cli import output_files
from iam_access.model import Report
from iam_access.render import markdown_beside_text, render


def show(report: Report, options: argparse.Namespace) -> int:
    """Print the report as the options ask for; return its exit status.

    Raises CannotWriteError for the Markdown file, once the report is printed.
    """
    complete = options.verbose or options.markdown_file is not None
    render(report, options.output, sys.stdout, verbose=complete)
    if options.markdown_file is not None:
        markdown = markdown_beside_text(report, verbose=options.verbose)
        output_files.write(options.markdown_file, markdown, "name another --markdown-file")
    return report.exit_status
