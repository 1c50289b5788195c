"""Print a report, and give the exit status that it means."""

import argparse
import sys

from iam_access.model import Report
from iam_access.render import markdown_beside_text, render


def show(report: Report, options: argparse.Namespace) -> int:
    """Print the report as the options ask for; return its exit status."""
    if options.markdown_file is not None:
        markdown = markdown_beside_text(report, verbose=options.verbose)
        options.markdown_file.write_text(markdown, encoding="utf-8")
    complete = options.verbose or options.markdown_file is not None
    render(report, options.output, sys.stdout, verbose=complete)
    return report.exit_status
