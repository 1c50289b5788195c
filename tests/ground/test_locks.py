"""The locked requirements: complete, consistent, and installable anywhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "aws" / "scripts" / "requirements.txt"
SANDBOX = ROOT / "aws" / "scripts" / "requirements-sandbox.txt"
DEV = ROOT / "requirements-dev.txt"
LOCKS = [RUNTIME, SANDBOX, DEV]


def pins(lock: Path) -> dict[str, str]:
    """Package name → version and marker, as locked."""
    lines = re.findall(
        r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^\\\n]+)", lock.read_text(), re.MULTILINE
    )
    return {name: pin.strip() for name, pin in lines}


def wanted(source: Path) -> set[str]:
    """The packages that an `.in` file asks for itself."""
    lines = (line.partition("#")[0].strip() for line in source.read_text().splitlines())
    return {
        re.split(r"[\[<>=!~; ]", line)[0].lower()
        for line in lines
        if line and not line.startswith("-")
    }


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_everything_asked_for_is_locked(lock: Path) -> None:
    assert wanted(lock.with_suffix(".in")) - pins(lock).keys() == set()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_has_hashes(lock: Path) -> None:
    requirements = re.split(r"\n(?=[a-z0-9])", lock.read_text())
    bare = [each for each in requirements if "==" in each and "--hash=sha256:" not in each]
    assert bare == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_index_and_no_path(lock: Path) -> None:
    assert re.findall(r"://|--(?:extra-)?index|--find-links|\s[/~]\S*", lock.read_text()) == []


@pytest.mark.parametrize(("smaller", "larger"), [(RUNTIME, SANDBOX), (SANDBOX, DEV)])
def test_tests_run_on_the_versions_that_run_against_aws(smaller: Path, larger: Path) -> None:
    assert pins(smaller).items() <= pins(larger).items()


def test_the_runtime_is_free_of_test_tools() -> None:
    assert pins(RUNTIME).keys() & {"moto", "flask", "pytest", "mypy", "ruff", "uv"} == set()
