"""Print a report, and give the exit status that it means."""

import argparse
import sys
from io import StringIO

from iam_access.cli import output_files
from iam_access.model import Report
from iam_access.render import Output, markdown_beside_text, render


def show(report: Report, options: argparse.Namespace) -> int:
    """Print the report as the options ask for; return its exit status.

    Raises CannotWriteError for the files, once the report is printed.
    """
    beside = options.markdown_file is not None or options.summary_file is not None
    complete = options.verbose or beside
    render(report, options.output, sys.stdout, verbose=complete)
    markdown = markdown_beside_text(report, verbose=options.verbose) if beside else ""
    if options.text_file is not None:
        text = StringIO()
        render(report, Output.TEXT, text, verbose=True)
        output_files.write(options.text_file, text.getvalue(), "name another --text-file")
    if options.markdown_file is not None:
        output_files.write(options.markdown_file, markdown, "name another --markdown-file")
    if options.summary_file is not None:
        from iam_access.cli import summary  # noqa: PLC0415 - few runs need it

        summary.append(options.summary_file, markdown)
    return report.exit_status
