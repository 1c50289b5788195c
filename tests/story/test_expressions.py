"""The runner judges conditions and fills in values as GitHub does."""

from typing import Any

import pytest

from tests.story.expressions import holds, interpolate
from tests.story.runner import Event, is_triggered

CONTEXTS: dict[str, Any] = {
    "github": {"ref": "refs/heads/main", "event": {"pull_request": {"head": {"sha": "abc"}}}},
    "vars": {"AWS_PLAN": "true"},
    "needs": {"plan": {"result": "failure"}},
    "steps": {},
}


def functions(*, success: bool) -> dict[str, Any]:
    return {"success": lambda: success, "cancelled": lambda: False, "always": lambda: True}


@pytest.mark.parametrize(
    ("condition", "success", "expected"),
    [
        ("github.ref == 'refs/heads/main'", True, True),
        # A condition without a status function asks for success as well.
        ("github.ref == 'refs/heads/main'", False, False),
        ("${{ !cancelled() }}", False, True),
        ("${{ !cancelled() && needs.plan.result != 'skipped' }}", False, True),
        ("vars.AWS_PLAN == 'TRUE' && github.event.nothing == ''", True, True),
        ("steps.no.outputs.count != '0'", True, True),
        ("!(vars.AWS_PLAN == 'true' || false)", True, False),
    ],
)
def test_conditions(condition: str, success: bool, expected: bool) -> None:
    assert holds(condition, CONTEXTS, functions(success=success)) is expected


def test_values_are_filled_in_and_what_is_not_there_is_empty() -> None:
    text = "a-${{ github.event.pull_request.head.sha || 'x' }}-${{ github.event.no.sha }}"
    assert interpolate(text, CONTEXTS, {}) == "a-abc-"
    with pytest.raises(AssertionError, match="there is no context secrets"):
        interpolate("${{ secrets.KEY }}", CONTEXTS, {})


@pytest.mark.parametrize(
    ("on", "changed", "expected"),
    [
        ({"pull_request": None}, (), True),
        ({"pull_request": {"branches": ["main"]}}, (), True),
        ({"pull_request": {"branches": ["release/*"]}}, (), False),
        ({"pull_request": {"types": ["edited"]}}, (), False),
        ({"pull_request": {"paths": ["aws/**"]}}, ("aws/a/b.yaml",), True),
        ({"pull_request": {"paths": ["aws/**", "!aws/**/*.md"]}}, ("aws/a/b.md",), False),
        ({"push": None}, (), False),
    ],
)
def test_what_starts_a_workflow(on: Any, changed: tuple[str, ...], expected: bool) -> None:
    event = Event("pull_request", {"action": "opened"}, "c", "r", "s", changed=changed)
    assert is_triggered({"on": on}, event) is expected
