"""Suites of tests made from plain values."""

from typing import Any

from iam_access.config.access_tests import AccessTests
from iam_access.config.suites import Suite
from iam_access.place import SourcePosition


def suite(*tests: dict[str, Any], team: str | None = "payments", **top: Any) -> Suite:
    """A file's tests; each is on line 10, 20, … and fails on s3:GetObject unless told otherwise."""
    written = [{"actions": ["s3:GetObject"], "expected_result": "fail", **test} for test in tests]
    marks = [(10 * (number + 1), 5, None) for number in range(len(tests))]
    return Suite(
        team,
        AccessTests.model_validate({**top, "tests": written}),
        SourcePosition("aws/access-tests/payments.yaml", (1, 1, {"tests": (1, 1, (1, 1, marks))})),
    )
