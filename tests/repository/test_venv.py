"""tools/venv.py: the environment that every make target brings up to date first."""

import base64
import hashlib
import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "venv.py"
LOCKS = ("aws/scripts/requirements-sandbox.txt", "requirements-dev.txt")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose environment stands already and has a pip that only claims to install."""
    for name in LOCKS:
        lock = tmp_path / name
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text("# nothing\n")
    (tmp_path / "tools").mkdir()
    shutil.copy(SCRIPT, tmp_path / "tools" / "venv.py")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nexit "${PIP_STATUS:-0}"\n')
    python.chmod(0o755)
    (tmp_path / ".venv" / ".made-with").write_text(sys.version)
    return tmp_path


def run(root: Path, name: str, *, pip_status: int = 0) -> tuple[int, str]:
    """Run the script; return its exit status and what it said."""
    done = subprocess.run(
        [sys.executable, root / "tools" / "venv.py", name],
        env={"PIP_STATUS": str(pip_status)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


NOTHING = (0, "")
INSTALLED = (0, "Installing requirements-dev.txt into .venv ...\n")


def test_a_lock_is_installed_once(root: Path) -> None:
    assert run(root, "dev") == INSTALLED
    assert run(root, "dev") == NOTHING


def test_a_lock_that_changed_is_installed_again(root: Path) -> None:
    run(root, "dev")
    (root / "requirements-dev.txt").write_text("# something else\n")
    assert run(root, "dev") == INSTALLED
    assert run(root, "dev") == NOTHING


def test_an_installation_that_failed_is_told_and_tried_again(root: Path) -> None:
    status, message = run(root, "dev", pip_status=1)
    assert status == 1
    assert "Could not install requirements-dev.txt" in message
    assert run(root, "dev") == INSTALLED


def test_what_the_tests_need_includes_what_the_demo_needs(root: Path) -> None:
    assert "Installing aws/scripts/requirements-sandbox.txt" in run(root, "sandbox")[1]
    assert run(root, "sandbox") == NOTHING
    assert run(root, "dev") == INSTALLED
    (root / ".venv" / ".installed-sandbox").unlink()
    assert run(root, "sandbox") == NOTHING


def test_an_environment_of_another_or_a_removed_interpreter_does_not_fit(root: Path) -> None:
    fits = runpy.run_path(str(root / "tools" / "venv.py"))["fits_interpreter"]
    assert fits()
    (root / ".venv" / ".made-with").write_text("another Python")
    assert not fits()
    (root / ".venv" / ".made-with").write_text(sys.version)
    assert fits()
    (root / ".venv" / "bin" / "python").unlink()
    assert not fits()


def test_an_old_python_is_told_so_and_nothing_is_installed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 12))
    monkeypatch.setattr(sys, "argv", ["venv.py", "dev"])
    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer is needed; .* is 3\.10\."):
        runpy.run_path(str(root / "tools" / "venv.py"), run_name="__main__")
    assert not (root / ".venv" / ".installed-dev").exists()


def wheel(index: Path, name: str, version: str, *more: str) -> str:
    """Write an empty package with these lines of metadata; return its line in a lock."""
    folder = f"{name}-{version}.dist-info"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    content = {
        f"{name}.py": "",
        f"{folder}/METADATA": head + "".join(f"{line}\n" for line in more),
        f"{folder}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
        record += f"{path},sha256={digest.rstrip('=')},{len(text)}\n"
    file = index / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in {**content, f"{folder}/RECORD": record}.items():
            archive.writestr(path, text)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


@pytest.mark.exhaustive
def test_a_lock_is_installed_by_the_interpreters_own_pip_while_newer_releases_exist(
    root: Path,
) -> None:
    shutil.rmtree(root / ".venv")
    index = root / "index"
    index.mkdir()
    extra = ("Provides-Extra: more", "Requires-Dist: part; extra == 'more'")
    lock = [
        wheel(index, "part", "1"),
        wheel(index, "thing", "1", *extra),
        wheel(index, "wanting", "1", "Requires-Dist: thing[more]>=1"),
    ]
    for name in ("part", "thing", "wanting"):
        wheel(index, name, "2", *(extra if name == "thing" else ()))
    (root / "requirements-dev.txt").write_text("".join(lock))
    done = subprocess.run(
        [sys.executable, root / "tools" / "venv.py", "dev"],
        env={
            "PATH": os.environ["PATH"],
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(index),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = subprocess.run(
        [root / ".venv" / "bin" / "python", "-m", "pip", "freeze"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["part==1", "thing==1", "wanting==1"]
