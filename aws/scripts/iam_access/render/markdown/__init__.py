"""Reports as Markdown, for a comment on a pull request or the summary of a job."""

from datetime import tzinfo
from typing import TYPE_CHECKING, TextIO

from iam_access.errors import AccessError
from iam_access.model import Report
from iam_access.render.markdown import report as reports

if TYPE_CHECKING:
    from iam_access.simulation.access_report import AccessReport
    from iam_access.simulation.holdings import HoldingsReport
    from iam_access.simulation.results import TestReport
    from iam_access.simulation.roles import RolesReport


def render_report(report: Report, stream: TextIO, *, verbose: bool, zone: tzinfo | None) -> str:
    """What a run did or would do."""
    return reports.render(report, verbose=verbose)


def render_error(error: AccessError, stream: TextIO) -> str:
    """An error that ended a run before there was a report."""
    return reports.render_error(error)


def render_assertions(report: "TestReport", stream: TextIO, *, verbose: bool) -> str:
    """The results of assertions."""
    from iam_access.render.markdown import assertions  # noqa: PLC0415

    return assertions.render(report, verbose=verbose)


def render_answers(report: "AccessReport", stream: TextIO, *, verbose: bool) -> str:
    """Who can do what."""
    from iam_access.render.markdown import answers  # noqa: PLC0415

    return answers.render(report, verbose=verbose)


def render_holdings(report: "HoldingsReport", stream: TextIO, *, zone: tzinfo | None) -> str:
    """What users and roles hold."""
    from iam_access.render.markdown import holdings  # noqa: PLC0415

    return holdings.render(report)


def render_roles(report: "RolesReport", stream: TextIO) -> str:
    """Which roles there are, and who can switch to them."""
    from iam_access.render.markdown import roles  # noqa: PLC0415

    return roles.render(report)
