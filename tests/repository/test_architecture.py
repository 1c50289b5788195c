"""What docs/architecture.md names is there, and one grant passes it in the order of the page."""

import ast
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

import iam_access
from tests.flow.fleet import Files, opened, policy, temporary

PACKAGE = Path(iam_access.__file__).parent
PAGE = (PACKAGE.parents[2] / "docs" / "architecture.md").read_text("utf-8")
WALK = PAGE.partition("## The way of one grant")[2].partition("\n## ")[0]
_NAME = re.compile(r"`([a-z_/]+\.py)`|`([A-Za-z_.]+)\(\)`")


def stops(text: str) -> Iterator[tuple[str, str]]:
    """Each function that a text names, with the file named last before it."""
    file = ""
    for path, function in _NAME.findall(text):
        file = path or file
        if function:
            yield file, function


def functions(file: str) -> set[str]:
    """The qualified names of a module's functions and methods."""
    found = set()
    for node in ast.parse((PACKAGE / file).read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            methods = (each for each in node.body if isinstance(each, ast.FunctionDef))
            found |= {f"{node.name}.{each.name}" for each in methods}
    return found


def test_every_file_and_function_is_there() -> None:
    paths = {path for path, _ in _NAME.findall(PAGE) if path}
    below_checks = {f"config/checks/{path}" for path in paths if "/" not in path}
    assert [path for path in paths if "/" in path and not (PACKAGE / path).is_file()] == []
    assert [
        path
        for path in below_checks
        if not (PACKAGE / path).is_file() and not (PACKAGE / Path(path).name).is_file()
    ] == []
    assert [stop for stop in stops(PAGE) if stop[1] not in functions(stop[0])] == []
    packages = re.findall(r"`([a-z_]+(?:/[a-z_]+)*)/?`", PAGE.partition("## What each")[2])
    listed = [each for each in packages if (PACKAGE / each).is_dir()]
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()} <= {
        *listed
    }


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """The functions that an apply of one temporary grant calls, each where it is called first."""
    files = Files(tmp_path_factory.mktemp("walk") / "aws")
    files.team(policies={"support.read": policy()}, temporary=[temporary("support.read")])
    seen: dict[tuple[str, str], None] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(f"{PACKAGE}/"):
            path = name.removeprefix(f"{PACKAGE}/")
            seen.setdefault((path, frame.f_code.co_qualname))

    with opened(files) as fleet:
        before = sys.getprofile()
        threading.setprofile(note)
        sys.setprofile(note)
        try:
            run = fleet.apply("--all")
        finally:
            sys.setprofile(before)
            threading.setprofile(None)
    assert run.status == 0, run.out
    return list(seen)


def test_one_grant_passes_every_stop_in_the_order_of_the_page(
    passed: list[tuple[str, str]],
) -> None:
    named = list(stops(WALK))
    assert len(named) > 25
    assert [stop for stop in named if stop not in passed] == []
    places = [passed.index(stop) for stop in named]
    late = [named[n] for n in range(1, len(named)) if places[n] < places[n - 1]]
    assert late == []
