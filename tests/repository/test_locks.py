"""The locked requirements: complete, consistent, and installable anywhere."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "aws" / "scripts" / "requirements.txt"
SANDBOX = ROOT / "aws" / "scripts" / "requirements-sandbox.txt"
DEV = ROOT / "requirements-dev.txt"
LOCKS = [RUNTIME, SANDBOX, DEV]


PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
PLATFORMS = [
    {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
    {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64"},
]
TEXTS = [
    "*.md",
    "docs/*.md",
    "bench/*.md",
    "aws/*/*.md",
    ".github/**/*.y*ml",
    "aws/scripts/**/*.py",
]


def pins(lock: Path) -> dict[str, str]:
    """Package name → version and marker, as locked."""
    lines = re.findall(
        r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^\\\n]+)", lock.read_text(), re.MULTILINE
    )
    return {name: pin.strip() for name, pin in lines}


def asked_for(source: Path) -> Iterator[Requirement]:
    """The requirements of an `.in` file and of those that it includes."""
    for text in source.read_text().splitlines():
        line = text.partition("#")[0].strip()
        if line.startswith("-r "):
            included = line.removeprefix("-r ")
            yield from asked_for(ROOT / included if "/" in included else source.parent / included)
        elif line:
            yield Requirement(line)


@cache
def declared(name: str) -> tuple[Requirement, ...]:
    """What the metadata of a package require; nothing of one that is for another platform only."""
    try:
        return tuple(map(Requirement, metadata.requires(name) or []))
    except metadata.PackageNotFoundError:
        return ()


def required(requirement: Requirement, environment: dict[str, str]) -> Iterator[Requirement]:
    """What a package itself requires there, with the extras it is wanted with."""
    for needed in declared(requirement.name):
        extras = ["", *requirement.extras]
        given = [{**environment, "extra": extra} for extra in extras]
        if needed.marker is None or any(map(needed.marker.evaluate, given)):
            yield needed


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_is_complete_on_every_python_and_platform_extras_included(lock: Path) -> None:
    # It is installed without resolving anything.
    locked = {name: Requirement(f"{name}=={pin}") for name, pin in pins(lock).items()}
    lacking = set()
    for python in PYTHONS:
        for platform in PLATFORMS:
            version = {"python_version": python, "python_full_version": f"{python}.0"}
            environment = {**platform, **version}
            todo, seen = list(asked_for(lock.with_suffix(".in"))), set()
            while todo:
                wants = todo.pop()
                key = (canonicalize_name(wants.name), frozenset(wants.extras))
                if key in seen:
                    continue
                seen.add(key)
                pin = locked.get(key[0])
                if pin is None or (pin.marker and not pin.marker.evaluate(environment)):
                    lacking.add((python, platform["sys_platform"], str(wants)))
                    continue
                (version_pin,) = pin.specifier
                if not wants.specifier.contains(version_pin.version, prereleases=True):
                    lacking.add((python, platform["sys_platform"], f"{wants}, locked {pin}"))
                todo += required(wants, environment)
    assert lacking == set()


@pytest.mark.parametrize("pattern", TEXTS)
def test_every_command_that_installs_a_lock_resolves_nothing(pattern: str) -> None:
    bare = [
        (str(file), number)
        for file in ROOT.glob(pattern)
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if "pip install" in line and "--no-deps --require-hashes " not in line
    ]
    assert bare == []


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
