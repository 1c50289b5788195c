"""Reports as lines to read: coloured and wrapped on a terminal, plain elsewhere."""

from datetime import tzinfo
from typing import TYPE_CHECKING, TextIO

from iam_access.errors import AccessError
from iam_access.model import Report
from iam_access.render.text import report as reports
from iam_access.render.text.layout import written

if TYPE_CHECKING:
    from iam_access.simulation.access_report import AccessReport
    from iam_access.simulation.holdings import HoldingsReport
    from iam_access.simulation.results import TestReport
    from iam_access.simulation.roles import RolesReport


def render_report(report: Report, stream: TextIO, *, verbose: bool, zone: tzinfo | None) -> str:
    """What a run did or would do."""
    layout = reports.report_lines(report, verbose=verbose, zone=zone)
    return written(layout, stream)


def render_error(error: AccessError, stream: TextIO) -> str:
    """An error that ended a run before there was a report."""
    return written(reports.error_lines(error), stream)


def render_assertions(report: "TestReport", stream: TextIO, *, verbose: bool) -> str:
    """The results of assertions."""
    from iam_access.render.text import assertions  # noqa: PLC0415

    return written(assertions.report_lines(report, verbose=verbose), stream)


def render_answers(report: "AccessReport", stream: TextIO, *, verbose: bool) -> str:
    """Who can do what."""
    from iam_access.render.text import answers  # noqa: PLC0415

    return written(answers.report_lines(report, verbose=verbose), stream)


def render_holdings(report: "HoldingsReport", stream: TextIO, *, zone: tzinfo | None) -> str:
    """What users and roles hold."""
    from iam_access.render.text import holdings  # noqa: PLC0415

    return written(holdings.report_lines(report, zone=zone), stream)


def render_roles(report: "RolesReport", stream: TextIO) -> str:
    """Which roles there are, and who can switch to them."""
    from iam_access.render.text import roles  # noqa: PLC0415

    return written(roles.report_lines(report), stream)
