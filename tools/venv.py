"""Make the project's virtual environment, or bring it up to date: `venv.py sandbox|dev`.

Runs with any Python: an old one gets a clear message, so the code must not need a new one. Only the
standard library is used. If the environment is up to date, nothing is done or printed.

The environment has a stamp for each lock that was installed into it: the digest of the lock and the
interpreter of the environment. A changed lock is installed again; with another interpreter the
environment is made again. `dev` holds everything `sandbox` does, so it satisfies it.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
LOCKS = {
    "sandbox": os.path.join("aws", "scripts", "requirements-sandbox.txt"),
    "dev": "requirements-dev.txt",
}
SATISFIED_BY = {"sandbox": ("sandbox", "dev"), "dev": ("dev",)}


def stamp_of(name):
    # type: (str) -> str
    """The stamp of lock `name` of an environment that is up to date."""
    with open(os.path.join(ROOT, LOCKS[name]), "rb") as lock:
        digest = hashlib.sha256(lock.read()).hexdigest()
    return "%s\n%s\n" % (sys.version, digest)


def stamp_path(name):
    # type: (str) -> str
    return os.path.join(VENV, ".installed-" + name)


def is_installed(name):
    # type: (str) -> bool
    """Whether the environment holds exactly the lock `name`."""
    try:
        with open(stamp_path(name)) as stamp:
            return stamp.read() == stamp_of(name)
    except OSError:
        return False


def fits_interpreter():
    # type: () -> bool
    """Whether the environment was made with this interpreter, and has a working one."""
    try:
        with open(os.path.join(VENV, ".made-with")) as made_with:
            return made_with.read() == sys.version and os.path.exists(python())
    except OSError:
        return False


def python():
    # type: () -> str
    return os.path.join(VENV, "bin", "python")


def make():
    # type: () -> None
    """Make an empty environment; replace an existing one."""
    shutil.rmtree(VENV, ignore_errors=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    except subprocess.CalledProcessError:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(
            "Could not make a virtual environment with %s. On Debian and Ubuntu the package "
            "python3-venv may be missing." % sys.executable
        )
    with open(os.path.join(VENV, ".made-with"), "w") as made_with:
        made_with.write(sys.version)


def install(name):
    # type: (str) -> None
    """Install the lock `name`; the stamp is written last, so an interrupted run starts again."""
    sys.stderr.write("Installing %s into .venv ...\n" % LOCKS[name])
    pip = [
        python(),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--no-compile",
    ]
    # The lock is complete, so nothing is resolved: resolvers differ from pip to pip.
    locked = ["--no-deps", "--require-hashes", "-r", LOCKS[name]]
    status = subprocess.run(pip + locked, cwd=ROOT).returncode
    if status:
        sys.exit("Could not install %s (pip ended with status %d)." % (LOCKS[name], status))
    with open(stamp_path(name), "w") as stamp:
        stamp.write(stamp_of(name))


def main(arguments):
    # type: (list[str]) -> None
    if sys.version_info[:2] < OLDEST:
        sys.exit(
            "Python %d.%d or newer is needed; %s is %d.%d. Name another one, for example: "
            "make test PYTHON=python3.12" % (OLDEST + (sys.executable,) + sys.version_info[:2])
        )
    if len(arguments) != 1 or arguments[0] not in LOCKS:
        sys.exit("usage: venv.py %s" % "|".join(sorted(LOCKS)))
    name = arguments[0]
    # Two makes at once must not build one environment together.
    with open(os.path.abspath(__file__)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not fits_interpreter():
            make()
        if not any(is_installed(each) for each in SATISFIED_BY[name]):
            install(name)


if __name__ == "__main__":
    main(sys.argv[1:])
